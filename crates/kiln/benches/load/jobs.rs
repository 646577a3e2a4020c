//! What is loaded.

use std::path::PathBuf;

use kiln::{Linker, Target, TargetAddr};
use kiln_corpus::{Compiler, LUA_HIDDEN, Library, SQLITE, Template, ZLIB, ZSTD};

pub(crate) const NAMES: [&str; 7] =
    ["sqlite3", "lua", "zstd", "zlib", "generated-1000", "generated-10000", "generated-50000"];

/// Objects, and a call that shows that they were loaded right.
pub(crate) struct Job {
    pub(crate) name: String,
    /// The objects' files; of 50,000 objects there are none.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) objects: Vec<Vec<u8>>,
    /// A function that takes two integers and returns one, which may be an `int`.
    pub(crate) symbol: String,
    pub(crate) arguments: [u64; 2],
    answer: u64,
}

impl Job {
    pub(crate) fn named(name: &str) -> Job {
        match name.strip_prefix("generated-") {
            Some(count) => generated(name, count.parse().unwrap()),
            None => library(name),
        }
    }

    pub(crate) fn check(&self, answer: u64) {
        let wide = self.answer >> 32 != 0;
        let answer = if wide { answer } else { answer & 0xffff_ffff };
        assert_eq!(answer, self.answer, "{}: {}{:?}", self.name, self.symbol, self.arguments);
    }

    /// The same, for those who read files.
    pub(crate) fn without_objects(self) -> Job {
        Job { objects: Vec::new(), ..self }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.objects.iter().map(Vec::len).sum()
    }

    pub(crate) fn described(&self, image: usize) -> String {
        format!("{} objects, {} bytes in the files, {image} in memory", self.objects.len(), self.bytes())
    }
}

fn library(name: &str) -> Job {
    let (library, symbol, arguments, answer): (&Library, &str, [u64; 2], u64) = match name {
        "sqlite3" => (&SQLITE, "sqlite3_libversion_number", [0, 0], 3_049_001),
        // lua_absindex(NULL, 5): an index from the bottom of the stack is absolute as it is.
        "lua" => (&LUA_HIDDEN, "lua_absindex", [0, 5], 5),
        // 1000 + 1000 / 256 + (128 KiB - 1000) / 2048
        "zstd" => (&ZSTD, "ZSTD_compressBound", [1000, 0], 1066),
        // 1000 + 1000 / 2^12 + 1000 / 2^14 + 1000 / 2^25 + 13
        "zlib" => (&ZLIB, "compressBound", [1000, 0], 1013),
        _ => panic!("there is no job {name}"),
    };
    let path = Compiler::BENCH.merged(library).unwrap();
    let objects = vec![std::fs::read(&path).unwrap()];
    Job { name: name.to_owned(), paths: vec![path], objects, symbol: symbol.to_owned(), arguments, answer }
}

fn generated(name: &str, count: usize) -> Job {
    let template = Template::new(&Compiler::BENCH).unwrap();
    let objects: Vec<Vec<u8>> = (0..count).map(|number| template.object(number, count)).collect();
    let paths = if count > 10_000 { Vec::new() } else { files(name, &objects) };
    let symbol = Template::function(0, 7);
    let answer = kiln_corpus::answer(7, count, count);
    Job { name: name.to_owned(), paths, objects, symbol, arguments: [count as u64, 0], answer }
}

/// Writes the objects to files, unless that was done before.
fn files(name: &str, objects: &[Vec<u8>]) -> Vec<PathBuf> {
    let folder = kiln_corpus::folder().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let mut paths = Vec::with_capacity(objects.len());
    for (number, object) in objects.iter().enumerate() {
        let path = folder.join(format!("{number}.o"));
        if std::fs::read(&path).ok().as_ref() != Some(object) {
            std::fs::write(&path, object).unwrap();
        }
        paths.push(path);
    }
    paths
}

pub(crate) fn linker<'a>(job: &'a Job) -> Linker<'a> {
    let mut linker = Linker::new(Target::host());
    for object in &job.objects {
        linker.add_object(&job.name, &object[..]).unwrap();
    }
    linker
}

/// How many bytes the objects have in memory, as the floor copies them.
pub(crate) fn image_size(job: &Job) -> usize {
    let mut linker = linker(job);
    // Whatever is outside does not matter for the size, so long as it is there and within reach.
    let base = TargetAddr(0x1_0000_0000);
    loop {
        match linker.plan(base) {
            Ok(plan) => return plan.image().len(),
            Err(error) => {
                let names: Vec<String> = undefined(&error.to_string());
                assert!(!names.is_empty(), "{error}");
                for name in names {
                    linker.define_address(&name, base);
                }
            }
        }
    }
}

/// The names in an error about undefined symbols.
fn undefined(message: &str) -> Vec<String> {
    let lines = message.lines().filter(|line| line.contains("`, wanted by"));
    lines.filter_map(|line| line.split('`').nth(1)).map(str::to_owned).collect()
}

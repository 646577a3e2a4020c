//! Real programs, run by the command: C libraries from the sources that crates bundle, and programs of ours in C++ and
//! Rust, by several compilers, optimised and not, position-independent and as the compiler likes it.
//!
//! `KILN_PROGRAMS=all` takes every combination, which compiles for minutes the first time; `KILN_PROGRAMS=most`, as `.ci/run` has it,
//! leaves out those that are optimised and as the compiler likes it, since they are between the two beside them (position-independent,
//! and fixed to the program); without it each program is run as three that differ in everything. What is compiled is kept under
//! `target/corpus`.
//!
//! For arm64, under qemu, in the environment of `../shared/cross/setup`, where `.ci/arm64` takes the three:
//!
//! ```sh
//! KILN_PROGRAMS=all cargo test -p kiln-cli --test programs --target aarch64-unknown-linux-gnu
//! ```
//!
//! On 2026-11-24 that passed with commit 0ced83c on Debian 12 x86-64 (gcc 12.2, clang 14.0, qemu 7.2): zlib, Lua, zstd, SQLite's shell and
//! the C++ program in all twelve combinations, the Rust program in its two; it took 11 minutes of processor time.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod expected;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use kiln::Target;
use kiln_corpus::{Compiler, LUA, Library, SQLITE, SQLITE_SHELL, ZLIB, ZSTD};

/// A compiler with options.
struct Flavour {
    name: String,
    c: Vec<String>,
    cpp: Vec<String>,
    options: Vec<&'static str>,
}

/// What programs are compiled by: the first is `gcc -O2 -fPIC`, the last one is not position-independent.
fn flavours() -> Vec<Flavour> {
    let some = [("gcc", "-O2", "-fPIC"), ("clang", "-O0", ""), ("gcc", "-O2", "-fno-pic")];
    let gnu = Target::host().gnu_prefix().unwrap();
    let how_many = std::env::var("KILN_PROGRAMS").unwrap_or_default();
    assert!(["", "most", "all"].contains(&&*how_many), "KILN_PROGRAMS is neither `most` nor `all`");
    let mut flavours = Vec::new();
    for compiler in ["gcc", "clang"] {
        for level in ["-O2", "-O0"] {
            for position in ["-fPIC", "", "-fno-pic"] {
                let is_in = match &*how_many {
                    "all" => true,
                    "most" => (level, position) != ("-O2", ""),
                    _ => some.contains(&(compiler, level, position)),
                };
                if !is_in {
                    continue;
                }
                let words = |names: [&str; 2]| match compiler {
                    "gcc" => vec![format!("{gnu}-{}", names[0])],
                    _ => vec![names[1].to_owned(), format!("--target={gnu}")],
                };
                flavours.push(Flavour {
                    name: format!("{gnu}-{compiler}{level}{position}"),
                    c: words(["gcc", "clang"]),
                    cpp: words(["g++", "clang++"]),
                    options: match position {
                        "" => vec![level],
                        "-fno-pic" => vec![level, "-fno-pic", "-fno-pie"],
                        _ => vec![level, position],
                    },
                });
            }
        }
    }
    flavours
}

impl Flavour {
    fn compile<T>(&self, words: &[String], with: impl FnOnce(Compiler<'_>) -> T) -> T {
        let options: Vec<&str> = words[1..].iter().map(|word| &**word).chain(self.options.iter().copied()).collect();
        with(Compiler { folder: &self.name, program: &words[0], options: &options })
    }

    fn library(&self, library: &Library) -> Vec<PathBuf> {
        self.compile(&self.c, |compiler| compiler.objects(library)).unwrap()
    }

    /// A file of this folder, by itself or with a library's headers.
    fn source(&self, name: &str, headers: &[PathBuf]) -> PathBuf {
        let (stem, extension) = name.split_once('.').unwrap();
        let text = std::fs::read_to_string(folder().join(name)).unwrap();
        let words = if extension == "c" { &self.c } else { &self.cpp };
        let object = format!("{stem}-{extension}");
        self.compile(words, |compiler| compiler.object(&object, extension, &text, headers)).unwrap()
    }
}

/// Tests each flavour, as many at a time as there are cores: some compile one large file.
fn each(test: impl Fn(&Flavour) + Sync) {
    let (flavours, next) = (flavours(), AtomicUsize::new(0));
    let worker = || {
        while let Some(flavour) = flavours.get(next.fetch_add(1, Ordering::Relaxed)) {
            test(flavour);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, |cores| cores.get()) {
            scope.spawn(worker);
        }
    });
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
}

/// Runs the objects with the command, and compares all that they print and their exit status.
#[track_caller]
fn run(flavour: &Flavour, objects: &[PathBuf], library: Option<&str>, words: &[&str], status: i32, stdout: &str) {
    let kiln = env!("CARGO_BIN_EXE_kiln");
    let triple = Target::host().to_string().to_uppercase().replace('-', "_");
    let runner = std::env::var(format!("CARGO_TARGET_{triple}_RUNNER")).unwrap_or_default();
    let mut all = runner.split_whitespace().chain([kiln, "run"]);
    let mut command = Command::new(all.next().unwrap());
    command.args(all).args(objects);
    if let Some(library) = library {
        command.args(["--lib", library]);
    }
    command.arg("--").args(words);
    let output = command.output().unwrap();
    let said = (output.status.code(), String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        said == (Some(status), stdout.into(), "".into()),
        "{}: {command:?}: {}\n--- stdout\n{}--- stderr\n{}---",
        flavour.name,
        output.status,
        said.1,
        said.2
    );
}

#[test]
fn zlib() {
    each(|flavour| {
        let objects =
            [vec![flavour.source("zlib.c", &ZLIB.header_folders().unwrap())], flavour.library(&ZLIB)].concat();
        let file = std::env::temp_dir().join(format!("kiln-test-zlib-{}-{}.gz", std::process::id(), flavour.name));
        run(flavour, &objects, None, &[file.to_str().unwrap()], 0, expected::ZLIB);
        std::fs::remove_file(file).unwrap();
    });
}

#[test]
fn lua() {
    each(|flavour| {
        let objects = [vec![flavour.source("lua.c", &LUA.header_folders().unwrap())], flavour.library(&LUA)].concat();
        let script = folder().join("script.lua");
        run(flavour, &objects, Some("libm.so.6"), &[script.to_str().unwrap(), "word"], 3, expected::LUA);
    });
}

#[test]
fn zstd() {
    each(|flavour| {
        let objects =
            [vec![flavour.source("zstd.c", &ZSTD.header_folders().unwrap())], flavour.library(&ZSTD)].concat();
        run(flavour, &objects, None, &[], 0, expected::ZSTD);
    });
}

#[test]
fn sqlite_shell() {
    each(|flavour| {
        let objects = [flavour.library(&SQLITE_SHELL), flavour.library(&SQLITE)].concat();
        // The shell takes any number of commands.
        let script = "\
create table t(a integer primary key, b text);
insert into t(b) values ('one'), ('two'), ('three');
create index i on t(b);
.mode box
select a, b, length(b) as n from t order by b;
.mode list
with recursive fib(n, a, b) as (select 1, 0, 1 union all select n + 1, b, a + b from fib where n < 40) select max(a) from fib;
select json_group_array(b order by a desc) from t;
select group_concat(b, '+') over (order by a rows between 1 preceding and current row) from t;
create virtual table f using fts5(x);
insert into f values ('the quick brown fox'), ('a lazy dog');
select x from f where f match 'quick OR cat';
select printf('%.3f', avg(a)), total(a), typeof(b), length(randomblob(8)) from t;
begin; delete from t; rollback; select count(*) from t;
select sqlite_version();
";
        let expected = "\
┌───┬───────┬───┐
│ a │   b   │ n │
├───┼───────┼───┤
│ 1 │ one   │ 3 │
│ 3 │ three │ 5 │
│ 2 │ two   │ 3 │
└───┴───────┴───┘
63245986
[\"three\",\"two\",\"one\"]
one
one+two
two+three
the quick brown fox
2.000|6.0|text|8
3
3.49.1
";
        let words: Vec<&str> = [":memory:"].into_iter().chain(script.lines()).collect();
        run(flavour, &objects, Some("libm.so.6"), &words, 0, expected);
        run(flavour, &objects, Some("libm.so.6"), &[":memory:", "select 6 * 7, 'text'"], 0, "42|text\n");
    });
}

#[test]
fn cpp() {
    each(|flavour| {
        let objects = ["program.cpp", "other.cpp"].map(|name| flavour.source(name, &[folder()]));
        let expected = "\
+first static
+second static
main with 1: word
+level 8
+level 4
+level 0
-level 0
-level 4
-level 8
N12_GLOBAL__N_17ProblemE: at the bottom, 7
nested in outer
caught from the other file
out of std::sort: 1
9 both
made once
10 41
one of a template's variable
brown=5 fox=3 quick=5 the=3 
+thread-local
+thread-local
thread: 42
+level 0
-level 0
caught in the thread
-thread-local of a thread
main: 41, a problem of a thread
-thread-local of main
-second static
-first static
";
        run(flavour, &objects, Some("libstdc++.so.6"), &["word"], 4, expected);
    });
}

#[test]
fn rust() {
    let gnu = Target::host().gnu_prefix().unwrap();
    for (level, model) in [("0", "pic"), ("3", "static")] {
        let folder = kiln_corpus::folder().join(format!("{gnu}-rust-{level}"));
        std::fs::create_dir_all(&folder).unwrap();
        let archive = folder.join(format!("libprogram-{}.a", std::process::id()));
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        rustc.args(["--edition", "2024", "--crate-type", "staticlib", "-C", &format!("opt-level={level}")]);
        rustc.args(["-C", &format!("relocation-model={model}")]);
        rustc.args(["--target", &Target::host().to_string(), "-o"]).arg(&archive).arg("program.rs");
        // The message of a panic names the file as it was given.
        assert!(rustc.current_dir(self::folder()).status().unwrap().success());
        let flavour = &flavours()[0];
        let expected = "\
panic: panicked at program.rs:37:9:
at the bottom
-guard
caught Some(\"at the bottom\")
panic: panicked at program.rs:57:21:
in thread 3
1 failed: {0: 1307674368000, 1: 20922789888000, 2: 355687428096000, 3: 6402373705728000}
the threads' variables: 10
invalid digit found in string
";
        run(flavour, &[flavour.source("rust.c", &[]), archive.clone()], None, &[], 6, expected);
        std::fs::remove_file(archive).unwrap();
    }
}

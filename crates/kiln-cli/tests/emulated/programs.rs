//! Real programs as Mach-O objects, from the sources that crates bundle, with the headers of `tools/darwin-run/host`: they
//! print what they print on Linux (`tests/programs`).

use std::path::{Path, PathBuf};

use kiln_corpus::{Compiler, LUA_MACOS, Library, ZLIB, ZSTD};

use crate::{Dir, expected};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").canonicalize().unwrap()
}

/// The objects of a library and of the program for it, compiled at this level.
fn objects(library: &Library, source: &str, level: &str) -> Vec<String> {
    let cc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/darwin-run/host/cc");
    let into = format!("apple{level}");
    let compiler = Compiler { folder: &into, program: cc.to_str().unwrap(), options: &[level] };
    let text = std::fs::read_to_string(folder().join(source)).unwrap();
    let name = source.replace('.', "-");
    let own = compiler.object(&name, "c", &text, &library.header_folders().unwrap()).unwrap();
    let all = std::iter::once(own).chain(compiler.objects(library).unwrap());
    all.map(|object| object.into_os_string().into_string().unwrap()).collect()
}

#[track_caller]
fn run(objects: &[String], words: &[&str], status: i32, stdout: &str) {
    let args: Vec<&str> = objects.iter().map(|object| &**object).chain(["--"]).chain(words.iter().copied()).collect();
    Dir::new().gives(&args, status, stdout, "");
}

#[test]
fn zlib() {
    for level in ["-O2", "-O0"] {
        let dir = Dir::new();
        let file = dir.0.join("file.gz");
        run(&objects(&ZLIB, "zlib.c", level), &[file.to_str().unwrap()], 0, expected::ZLIB);
    }
}

/// Closures, coroutines, strings, and errors by `longjmp`.
#[test]
fn lua() {
    let script = folder().join("script.lua");
    for level in ["-O2", "-O0"] {
        run(&objects(&LUA_MACOS, "lua.c", level), &[script.to_str().unwrap(), "word"], 3, expected::LUA);
    }
}

#[test]
fn zstd() {
    run(&objects(&ZSTD, "zstd.c", "-O2"), &[], 0, expected::ZSTD);
}

//! Programs that make code at run time, rightly and wrongly, under each signing: what becomes of them.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kiln_codesign::{Entitlements, Signing};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The linker that comes with Rust.
fn linker() -> PathBuf {
    let output = Command::new("rustc").args(["--print", "target-libdir"]).output().unwrap();
    let libraries = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    libraries.with_file_name("bin").join("rust-lld")
}

/// Compiles and links `tests/sequences.c` for macOS. Gives its bytes, signed by the linker.
fn program() -> Vec<u8> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sequences.c");
    let unique = format!("{:?}", std::thread::current().id());
    let (object, program) = (folder().join(format!("{unique}.o")), folder().join(unique));
    done(Command::new("clang").args(["-target", "arm64-apple-macos11", "-O1", "-c", "-o"]).arg(&object).arg(source));
    let platform = ["-platform_version", "macos", "11.0", "11.0"];
    done(
        Command::new(linker())
            .args(["-flavor", "darwin", "-arch", "arm64", "-undefined", "dynamic_lookup", "-o"])
            .arg(&program)
            .args(platform)
            .arg(object),
    );
    std::fs::read(program).unwrap()
}

fn run(file: &Path, how: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kiln-darwin-run")).arg(file).arg(how).output().unwrap()
}

/// What macOS says of a process that is signed so: the sequences with their status, and with a word of what is said.
const PLAIN: &[(&str, i32, &str)] = &[
    ("right", 42, ""),
    ("thread", 42, ""),
    ("seal", 42, ""),
    ("callback", 42, ""),
    ("unlisted", 42, ""),
    ("both", 13, ""),
    ("mprotect", 13, ""),
    ("no-toggle", 84, "`main`+"),
    ("leaked", 84, "MAP_JIT memory"),
    ("not-back", 85, "while its thread sees that memory as writable"),
    ("no-flush", 86, "sys_icache_invalidate"),
    ("swapped", 86, "sys_icache_invalidate"),
    ("seal-unflushed", 86, "sys_icache_invalidate"),
];
const HARDENED: &[(&str, i32, &str)] = &[("right", 22, ""), ("both", 13, ""), ("seal", 87, "Code Signature Invalid")];
const HARDENED_JIT: &[(&str, i32, &str)] = &[
    ("right", 42, ""),
    ("callback", 42, ""),
    ("no-toggle", 84, "MAP_JIT memory"),
    ("swapped", 86, "sys_icache_invalidate"),
    ("seal", 87, "Code Signature Invalid"),
];
const HARDENED_UNSIGNED: &[(&str, i32, &str)] = &[("seal", 42, ""), ("both", 13, ""), ("right", 22, "")];
const ALLOWLIST: &[(&str, i32, &str)] =
    &[("callback", 42, ""), ("unlisted", 89, "is in no list"), ("right", 88, "jit-write-allowlist")];

#[test]
fn sequences_end_as_their_signing_has_it() {
    let linked = program();
    let signed = |hardened: bool, names: &[&str]| {
        let mut entitlements = Entitlements::new();
        for name in names {
            entitlements.set(&format!("com.apple.security.cs.{name}"));
        }
        Signing::ad_hoc("sequences").hardened(hardened).entitlements(entitlements).sign(&linked).unwrap()
    };
    let variants = [
        ("linker-signed", linked.clone(), PLAIN),
        ("not-hardened", signed(false, &["allow-jit"]), PLAIN),
        ("hardened", signed(true, &[]), HARDENED),
        ("hardened-jit", signed(true, &["allow-jit"]), HARDENED_JIT),
        ("hardened-unsigned", signed(true, &["allow-unsigned-executable-memory"]), HARDENED_UNSIGNED),
        ("allowlist", signed(true, &["allow-jit", "jit-write-allowlist"]), ALLOWLIST),
    ];
    for (name, bytes, expected) in variants {
        let file = folder().join(name);
        std::fs::write(&file, bytes).unwrap();
        for (how, status, words) in expected {
            let output = run(&file, how);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(*status), "{name}, {how}: {said}");
            assert!(said.contains(words) && said.is_empty() == words.is_empty(), "{name}, {how}: {said}");
        }
    }
}

#[test]
fn what_is_not_signed_as_it_is_does_not_run() {
    let mut changed = program();
    let text = changed.windows(9).position(|bytes| bytes == b"no-toggle").unwrap();
    changed[text] ^= 0x20;
    let file = folder().join("changed");
    std::fs::write(&file, changed).unwrap();
    let output = run(&file, "right");
    assert_eq!(output.status.code(), Some(80));
    assert!(String::from_utf8_lossy(&output.stderr).contains("its signature does not match it"));
}

//! Programs that make code at run time, rightly and wrongly, under each signing: what becomes of them.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod build;

use std::path::Path;
use std::process::{Command, Output};

use build::folder;
use kiln_codesign::{Entitlements, Signing};

/// The bytes of `sequences.c` as a program, signed by the linker.
fn program() -> Vec<u8> {
    std::fs::read(build::program("sequences.c")).unwrap()
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
    // A handler sees what its thread sees.
    ("handler", 85, "while its thread sees that memory as writable"),
    ("fork", 42, ""),
    ("no-flush", 86, "sys_icache_invalidate"),
    ("swapped", 86, "sys_icache_invalidate"),
    ("seal-unflushed", 86, "sys_icache_invalidate"),
    ("unknown", 81, "darwin-run: `an_unknown_function` was called by `main`+"),
];
const HARDENED: &[(&str, i32, &str)] = &[("right", 22, ""), ("both", 13, ""), ("seal", 87, "Code Signature Invalid")];
const HARDENED_JIT: &[(&str, i32, &str)] = &[
    ("right", 42, ""),
    ("callback", 42, ""),
    ("no-toggle", 84, "MAP_JIT memory"),
    ("swapped", 86, "sys_icache_invalidate"),
    ("seal", 87, "Code Signature Invalid"),
];
const HARDENED_UNSIGNED: &[(&str, i32, &str)] = &[("seal", 42, ""), ("both", 13, ""), ("right", 42, "")];
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

/// What stands on the descriptor of `--report-fd`, with the status that `$?` has, when the program comes by a descriptor
/// too, and what the emulator says on standard error.
fn reported(file: &Path, how: &str) -> (String, String, String) {
    let said = file.with_extension(format!("{how}.report"));
    let script = r#""$1" --program-fd 7 --report-fd 8 some/name "$3" 7<"$2" 8>"$4"; echo $?"#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_kiln-darwin-run")]).args([file, Path::new(how), &said]);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    let stderr = text(output.stderr).lines().filter(|line| line.contains("darwin-run")).collect();
    (text(std::fs::read(said).unwrap()), text(output.stdout), stderr)
}

#[test]
fn the_report_tells_the_programs_ends_from_the_emulators() {
    let file = folder().join("reporting");
    std::fs::write(&file, program()).unwrap();
    for (how, report, status) in [
        ("right", "", "42"),
        ("84", "", "84"),
        ("unknown", "verdict 81 `an_unknown_function` was called by `main`+", "81"),
        ("no-toggle", "verdict 84 `main`+", "84"),
        ("null", "signal 11 `main`+", "139"),
        ("abort", "signal 6 `abort`, called by `main`+", "134"),
    ] {
        let (said, ended, stderr) = reported(&file, how);
        assert!(said.starts_with(report) && said.is_empty() == report.is_empty(), "{how}: {said}");
        assert_eq!((ended.as_str(), stderr.as_str()), (status, ""), "{how}");
    }
    std::fs::write(&file, "no program").unwrap();
    let (said, ended, _) = reported(&file, "right");
    assert!(said.starts_with("verdict 80 some/name: ") && ended == "80", "{said} {ended}");
}

#[test]
fn what_is_modelled_is_listed() {
    let output = Command::new(env!("CARGO_BIN_EXE_kiln-darwin-run")).arg("--imports").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("kiln-darwin-run 0.1.0, interface 1"));
    let symbols: Vec<&str> = lines.collect();
    assert!(symbols.is_sorted() && symbols.len() > 300);
    for symbol in ["_printf", "___stdoutp", "__tlv_bootstrap"] {
        assert!(symbols.contains(&symbol), "{symbol}");
    }
}

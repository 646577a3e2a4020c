//! What loaders get wrong about ordinary objects, as Mach-O (README.md): loaded by the command. `emulated/main.rs` runs the same
//! programs from another system.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg_attr(not(target_os = "macos"), allow(dead_code))] // Elsewhere only the table is looked at.

mod row;

use std::collections::BTreeSet;
use std::fs;

/// The table names every file, and no other.
#[test]
fn the_table_names_the_files() {
    let table = fs::read_to_string(row::folder().join("README.md")).unwrap();
    let code = table.split('`').skip(1).step_by(2);
    let named: BTreeSet<&str> = code.filter(|word| word.contains('.') && !word.ends_with(".rs")).collect();
    let there = row::rows();
    assert_eq!(named, there.iter().map(|row| row.name.as_str()).collect());
}

#[cfg(all(target_os = "macos", target_arch = "aarch64"))]
#[test]
fn each_does_what_it_is_to_do() {
    for row in row::rows() {
        let dir = std::env::temp_dir().join(format!("kiln-test-rows-{}-{}", std::process::id(), row.name));
        fs::create_dir(&dir).unwrap();
        let objects = row.compile(&dir);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kiln"));
        let output = command.arg("run").args(objects).arg("--").current_dir(&dir).output().unwrap();
        fs::remove_dir_all(&dir).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found = (output.status.code(), text(&output.stdout), text(&output.stderr));
        assert_eq!(found, (Some(row.status), row.stdout, String::new()), "{}", row.name);
    }
}

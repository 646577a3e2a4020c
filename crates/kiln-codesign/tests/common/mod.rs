//! The fixtures: Mach-O files, and what `rcodesign` made of them. `cargo xtask codesign-fixtures` writes them. The command's
//! tests use this file too.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kiln-codesign/tests/fixtures").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The property list of this name.
pub(crate) fn plist(name: &str) -> String {
    text(&format!("{name}.plist"))
}

/// The bytes of a fixture: after a line with the command that made it, an offset and the bytes there on each line, with
/// zeros between; the length at the end.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let text = text(&format!("{name}.hex"));
    let number = |digits: &str| usize::from_str_radix(digits, 16).unwrap();
    let mut bytes = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (offset, data) = line.split_once(' ').unwrap_or((line, ""));
        bytes.resize(number(offset), 0);
        bytes.extend((0..data.len() / 2).map(|at| number(&data[at * 2..at * 2 + 2]) as u8));
    }
    bytes
}

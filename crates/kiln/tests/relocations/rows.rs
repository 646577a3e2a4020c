//! The rows of the tables in `src/fixup`, read from the source: a row that is added without a fixture is found.

use std::collections::BTreeMap;

use kiln::{Arch, Format, Target};

/// The names of the rows for `target`, each with how many rows there are of it.
pub(crate) fn names(target: Target) -> BTreeMap<String, usize> {
    let source = match target.arch() {
        Arch::X86_64 => include_str!("../../src/fixup/x86_64.rs"),
        Arch::Aarch64 => include_str!("../../src/fixup/aarch64.rs"),
    };
    let table = match target.format() {
        Format::Elf => "static ELF: [",
        Format::MachO => "static MACHO: [",
        Format::Coff => "static COFF: [",
    };
    let lines = source.lines().skip_while(|line| !line.starts_with(table)).take_while(|line| *line != "];");
    let mut names = BTreeMap::new();
    for line in lines {
        let name = line.split_once("row(\"").and_then(|(_, rest)| rest.split_once('"'));
        if let Some((name, _)) = name {
            *names.entry(name.to_owned()).or_insert(0) += 1;
        }
    }
    names
}

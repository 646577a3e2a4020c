//! That every relocation type of the documents is either a row or refused by name; and the list of them.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use super::{Lookup, lookup, macho_part, macho_type};
use crate::target::{Arch, Format};

/// The numbers that the documents give: of ELF and COFF raw, of Mach-O those of `r_type`.
const DOCUMENTED: [(Arch, Format, &[RangeInclusive<u32>]); 6] = [
    // System V ABI, AMD64 supplement, table 4.9; binutils, include/elf/x86-64.h (250, 251).
    (Arch::X86_64, Format::Elf, &[0..=51, 250..=251]),
    // AAELF64, sections 5.7.3 to 5.7.12; PAuthABI (580).
    (Arch::Aarch64, Format::Elf, &[0..=0, 256..=280, 282..=293, 299..=315, 512..=573, 580..=580, 1024..=1032]),
    // <mach-o/x86_64/reloc.h>, <mach-o/arm64/reloc.h>
    (Arch::X86_64, Format::MachO, &[0..=9]),
    (Arch::Aarch64, Format::MachO, &[0..=10]),
    // PE Format, "Type Indicators"
    (Arch::X86_64, Format::Coff, &[0..=16]),
    (Arch::Aarch64, Format::Coff, &[0..=17]),
];

/// What Kiln makes of a number, in all forms that Mach-O has of it.
fn said(arch: Arch, format: Format, number: u32) -> Vec<String> {
    let raws: Vec<u32> = match format {
        Format::MachO if macho_part(arch, number as u8).is_some() => return vec!["part of the next".to_owned()],
        Format::MachO => {
            let forms = (0..4).flat_map(|length| [false, true].map(|pcrel| macho_type(number as u8, length, pcrel)));
            forms.collect()
        }
        _ => vec![number],
    };
    let mut said: Vec<String> = (raws.into_iter())
        .filter_map(|raw| match lookup(arch, format, raw) {
            Lookup::Kind(kind) => Some(format!("{}: supported", kind.name)),
            Lookup::Refused(refused) => Some(format!("{}: refused: {}", refused.name, refused.why)),
            Lookup::Unknown => None,
        })
        .collect();
    said.dedup();
    said
}

/// `KILN_BLESS=1 cargo test -p kiln --lib relocation_types` writes the list: read it then.
#[test]
fn all_relocation_types_of_the_documents_are_known() {
    let mut list = "# Relocation types\n\nEvery type that the ABI documents number, and what Kiln does with it. What is supported has a \
                    fixture here;\n`src/fixup/tests.rs` writes this list.\n"
        .to_owned();
    let mut unknown = Vec::new();
    for (arch, format, numbers) in DOCUMENTED {
        write!(list, "\n## {format} {arch}\n\n| number | type | |\n|---|---|---|\n").unwrap();
        for number in numbers.iter().cloned().flatten() {
            let said = said(arch, format, number);
            if said.is_empty() {
                unknown.push(format!("{format} {arch} {number}"));
            }
            for said in said {
                let (name, said) = said.split_once(": ").unwrap_or(("", &said));
                writeln!(list, "| {number} | {name} | {said} |").unwrap();
            }
        }
    }
    assert!(unknown.is_empty(), "neither supported nor refused by name: {}", unknown.join(", "));
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/relocations/TYPES.md");
    if std::env::var_os("KILN_BLESS").is_some() {
        std::fs::write(&path, &list).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), list, "{}", path.display());
}

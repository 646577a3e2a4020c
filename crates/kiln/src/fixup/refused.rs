//! Relocation types of the ABI documents that Kiln refuses: what linkers make, and what no compiler emits.

use object::{elf, pe};

use crate::target::{Arch, Format};

/// A kind of relocation that Kiln knows and refuses.
pub(crate) struct Refused {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
    pub(crate) help: &'static str,
}

/// What is refused by a raw relocation type of [`lookup`](super::lookup).
pub(super) fn find(arch: Arch, format: Format, raw: u32) -> Option<&'static Refused> {
    let table: &[(u32, Refused)] = match (arch, format) {
        (Arch::X86_64, Format::Elf) => &X86_64_ELF,
        (Arch::X86_64, Format::Coff) => &X86_64_COFF,
        (Arch::Aarch64, Format::Elf) => &AARCH64_ELF,
        (Arch::Aarch64, Format::Coff) => &AARCH64_COFF,
        (_, Format::MachO) => &[],
    };
    table.iter().find(|(number, _)| *number == raw).map(|(_, refused)| refused)
}

/// A kind that only stands in linked files.
const fn made_by_linkers(name: &'static str) -> Refused {
    let why = "is what linkers make, and no compiler";
    Refused { name, why, help: "give the object file that the compiler made" }
}

#[rustfmt::skip]
static X86_64_ELF: [(u32, Refused); 11] = [
    (elf::R_X86_64_COPY.0,       made_by_linkers("R_X86_64_COPY")),
    (elf::R_X86_64_GLOB_DAT.0,   made_by_linkers("R_X86_64_GLOB_DAT")),
    (elf::R_X86_64_JUMP_SLOT.0,  made_by_linkers("R_X86_64_JUMP_SLOT")),
    (elf::R_X86_64_RELATIVE.0,   made_by_linkers("R_X86_64_RELATIVE")),
    (elf::R_X86_64_TLSDESC.0,    made_by_linkers("R_X86_64_TLSDESC")),
    (elf::R_X86_64_IRELATIVE.0,  made_by_linkers("R_X86_64_IRELATIVE")),
    (elf::R_X86_64_RELATIVE64.0, made_by_linkers("R_X86_64_RELATIVE64")),
    (39,  Refused { name: "R_X86_64_PC32_BND",     why: "is for MPX, which processors have no more", help: "compile without -mmpx" }),
    (40,  Refused { name: "R_X86_64_PLT32_BND",    why: "is for MPX, which processors have no more", help: "compile without -mmpx" }),
    (250, Refused { name: "R_X86_64_GNU_VTINHERIT", why: "asks for unused virtual functions to be left out", help: "compile without -fvtable-gc" }),
    (251, Refused { name: "R_X86_64_GNU_VTENTRY",   why: "asks for unused virtual functions to be left out", help: "compile without -fvtable-gc" }),
];

#[rustfmt::skip]
static X86_64_COFF: [(u32, Refused); 5] = [
    (pe::IMAGE_REL_AMD64_SECREL7.0 as u32, Refused { name: "IMAGE_REL_AMD64_SECREL7", why: "is a distance in seven bits, which no compiler asks for", help: "use SECREL" }),
    (pe::IMAGE_REL_AMD64_TOKEN.0 as u32,   Refused { name: "IMAGE_REL_AMD64_TOKEN",   why: "is for the Common Language Runtime", help: "compile to native code" }),
    (pe::IMAGE_REL_AMD64_SREL32.0 as u32,  Refused { name: "IMAGE_REL_AMD64_SREL32",  why: "depends on spans that the format does not define", help: "compile anew" }),
    (pe::IMAGE_REL_AMD64_PAIR.0 as u32,    Refused { name: "IMAGE_REL_AMD64_PAIR",    why: "depends on spans that the format does not define", help: "compile anew" }),
    (pe::IMAGE_REL_AMD64_SSPAN32.0 as u32, Refused { name: "IMAGE_REL_AMD64_SSPAN32", why: "depends on spans that the format does not define", help: "compile anew" }),
];

#[rustfmt::skip]
static AARCH64_ELF: [(u32, Refused); 7] = [
    (580, Refused { name: "R_AARCH64_AUTH_ABS64", why: "is a pointer that the loader signs", help: "compile without -fptrauth" }),
    (1024, made_by_linkers("R_AARCH64_COPY")),
    (1025, made_by_linkers("R_AARCH64_GLOB_DAT")),
    (1026, made_by_linkers("R_AARCH64_JUMP_SLOT")),
    (1027, made_by_linkers("R_AARCH64_RELATIVE")),
    (1031, made_by_linkers("R_AARCH64_TLSDESC")),
    (1032, made_by_linkers("R_AARCH64_IRELATIVE")),
];

#[rustfmt::skip]
static AARCH64_COFF: [(u32, Refused); 1] =
    [(pe::IMAGE_REL_ARM64_TOKEN.0 as u32, Refused { name: "IMAGE_REL_ARM64_TOKEN", why: "is for the Common Language Runtime", help: "compile to native code" })];

//! The relocations of an object, as the file has them: what Kiln's readers are compared with.

use kiln::{Arch, Format, Target};
use object::LittleEndian as LE;
use object::read::elf::{FileHeader, SectionHeader};
use object::read::macho::{MachHeader, Section, Segment};
use object::{elf, macho, pe};

/// One record of a relocation table.
pub(crate) struct Raw {
    /// The section that it changes.
    pub(crate) section: String,
    pub(crate) offset: u64,
    /// The type; of Mach-O, type, length and PC-relative in one number.
    pub(crate) key: u32,
    /// Where in the file the type stands.
    at: usize,
}

impl Raw {
    /// Whether it only adds to the record behind it.
    pub(crate) fn is_part(&self, target: Target) -> bool {
        let r_type = (self.key >> 3) as u8;
        target.format() == Format::MachO
            && match target.arch() {
                Arch::X86_64 => r_type == macho::X86_64_RELOC_SUBTRACTOR.0,
                Arch::Aarch64 => r_type == macho::ARM64_RELOC_SUBTRACTOR.0 || r_type == macho::ARM64_RELOC_ADDEND.0,
            }
    }

    /// Writes another type: `r_type` of ELF and COFF; of Mach-O, the byte that holds type, extern, length and pcrel, or,
    /// with the number in front of it, the whole second word.
    pub(crate) fn set(&self, format: Format, object: &mut [u8], value: u32) {
        let (at, len) = match format {
            Format::Elf => (self.at, 4),
            Format::MachO if value < 0x100 => (self.at + 3, 1),
            Format::MachO => (self.at, 4),
            Format::Coff => (self.at, 2),
        };
        object[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
    }
}

pub(crate) fn relocations(format: Format, object: &[u8]) -> Vec<Raw> {
    match format {
        Format::Elf => of_elf(object),
        Format::MachO => of_macho(object),
        Format::Coff => of_coff(object),
    }
}

fn of_elf(object: &[u8]) -> Vec<Raw> {
    let header = elf::FileHeader64::<LE>::parse(object).unwrap();
    let table = header.sections(LE, object).unwrap();
    let mut found = Vec::new();
    for section in table.iter() {
        let Some((relocations, _)) = section.rela(LE, object).unwrap() else { continue };
        let changed = table.section(object::SectionIndex(section.sh_info.get(LE) as usize)).unwrap();
        let name = table.section_name(LE, changed).unwrap();
        let start = section.sh_offset.get(LE) as usize;
        for (index, relocation) in relocations.iter().enumerate() {
            let at = start + index * size_of_val(relocation) + 8;
            found.push(raw(name, relocation.r_offset.get(LE), relocation.r_type(LE, false).0, at));
        }
    }
    found
}

fn of_macho(object: &[u8]) -> Vec<Raw> {
    let header = macho::MachHeader64::<LE>::parse(object, 0).unwrap();
    let mut commands = header.load_commands(LE, object, 0).unwrap();
    let mut found = Vec::new();
    while let Some(command) = commands.next().unwrap() {
        let Some((segment, data)) = command.segment_64().unwrap() else { continue };
        for section in segment.sections(LE, data).unwrap() {
            let start = section.reloff.get(LE) as usize;
            for (index, relocation) in section.relocations(LE, object).unwrap().iter().enumerate() {
                let info = relocation.info(LE);
                let key = u32::from(info.r_type.0) << 3 | u32::from(info.r_length) << 1 | u32::from(info.r_pcrel);
                found.push(raw(section.name(), u64::from(info.r_address), key, start + index * 8 + 4));
            }
        }
    }
    found
}

fn of_coff(object: &[u8]) -> Vec<Raw> {
    use object::read::coff::CoffHeader;
    let mut offset = 0;
    let header = pe::ImageFileHeader::parse(object, &mut offset).unwrap();
    let sections = header.sections(object, offset).unwrap();
    let symbols = header.symbols(object).unwrap();
    let mut found = Vec::new();
    for section in sections.iter() {
        let name = section.name(symbols.strings()).unwrap();
        let start = section.pointer_to_relocations.get(LE) as usize;
        for (index, relocation) in section.coff_relocations(object).unwrap().iter().enumerate() {
            let at = start + index * size_of_val(relocation) + 8;
            found.push(raw(
                name,
                u64::from(relocation.virtual_address.get(LE)),
                u32::from(relocation.typ.get(LE).0),
                at,
            ));
        }
    }
    found
}

fn raw(section: &[u8], offset: u64, key: u32, at: usize) -> Raw {
    Raw { section: String::from_utf8_lossy(section).into_owned(), offset, key, at }
}

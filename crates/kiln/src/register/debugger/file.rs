//! The file that a debugger is given: an ELF file, whatever the inputs were, with the symbols, the debug information and the
//! call frame information of the image, all for the addresses at which it stands. What the image itself holds is in memory,
//! so its sections have addresses and no contents, as in files of debug information that are apart from their program.
//!
//! Source: *System V ABI*, chapter 4.

use std::ops::Range;

use super::super::bytes::Bytes;
use super::super::profiler::Named;
use crate::error::{Error, Result};
use crate::fixup::{self, DebugInfo};
use crate::graph::{Binding, LinkGraph, Permission, Resolved, Role, SectionId, SymbolId};
use crate::layout::Addresses;

/// The files for an image whose written constants are `constants`: one for each set of debug information.
///
/// # Errors
///
/// There is too much for one file.
pub(crate) fn debug_files(
    graph: &LinkGraph<'_>,
    resolved: &Resolved,
    addresses: &Addresses,
    constants: &[u8],
    sets: &[DebugInfo],
) -> Result<Vec<Vec<u8>>> {
    let apart: Vec<u32> = sets.iter().filter_map(|set| set.input).collect();
    let image = Image { graph, resolved, addresses, constants };
    sets.iter().map(|set| image.file(set, &apart)).collect()
}

struct Image<'g> {
    graph: &'g LinkGraph<'g>,
    resolved: &'g Resolved,
    addresses: &'g Addresses,
    constants: &'g [u8],
}

struct Section<'s> {
    name: &'s str,
    kind: u32,
    flags: u64,
    address: u64,
    size: u64,
    /// What stands in the file.
    contents: &'s [u8],
    link: u32,
    info: u32,
    align: u64,
    entry: u64,
}

const PROGBITS: u32 = 1;
const SYMTAB: u32 = 2;
const STRTAB: u32 = 3;
const NOBITS: u32 = 8;
const WRITE: u64 = 1;
const ALLOC: u64 = 2;
const EXECINSTR: u64 = 4;
const HEADER: usize = 64;
const SECTION_HEADER: u64 = 64;
const SYMBOL: u64 = 24;

impl<'s> Section<'s> {
    fn of_image(permission: Permission, range: &Range<u64>) -> Section<'s> {
        let (name, flags) = match permission {
            Permission::Text => (".text", ALLOC | EXECINSTR),
            Permission::Const => (".rodata", ALLOC),
            Permission::Data => (".data", ALLOC | WRITE),
        };
        let (address, size) = (range.start, range.end - range.start);
        Section { flags, address, size, ..Section::with(name, NOBITS, &[]) }
    }

    fn with(name: &'s str, kind: u32, contents: &'s [u8]) -> Section<'s> {
        let size = contents.len() as u64;
        Section { name, kind, flags: 0, address: 0, size, contents, link: 0, info: 0, align: 1, entry: 0 }
    }
}

impl Image<'_> {
    /// The file with `info`, of all inputs but those that are `apart`, or of the one that it says.
    fn file(&self, info: &DebugInfo, apart: &[u32]) -> Result<Vec<u8>> {
        let is_here = |input: u32| match info.input {
            Some(one) => one == input,
            None => !apart.contains(&input),
        };
        let mut parts = if apart.is_empty() { self.segments() } else { self.sections(&is_here) };
        let (unwind, unwind_address) = self.addresses.unwind();
        let unwind = if info.input.is_none() { unwind } else { 0..0 };
        let frames = self.constants.get(unwind.start as usize..unwind.end as usize).unwrap_or(&[]);
        if !frames.is_empty() {
            without(&mut parts, &(unwind_address..unwind_address + frames.len() as u64));
        }
        let mut sections = vec![Section::with("", 0, &[])];
        sections.extend(parts.iter().map(|(permission, range)| Section::of_image(*permission, range)));
        if !frames.is_empty() {
            sections.push(Section {
                flags: ALLOC,
                address: unwind_address,
                align: 8,
                ..Section::with(".eh_frame", PROGBITS, frames)
            });
        }
        sections.extend(info.sections.iter().map(|(name, bytes)| Section::with(name, PROGBITS, bytes)));
        let (symbols, locals, names) = self.symbols(&is_here, &parts);
        let strings = sections.len() as u32 + 1;
        sections.push(Section {
            link: strings,
            info: locals,
            align: 8,
            entry: SYMBOL,
            ..Section::with(".symtab", SYMTAB, &symbols)
        });
        sections.push(Section::with(".strtab", STRTAB, &names));
        if sections.len() > MAX_SECTIONS {
            return Err(Error::unsupported("a debugger cannot be given a file of so many sections"));
        }
        Ok(write(fixup::loader_types(self.graph.arch).machine, sections))
    }

    /// The image as it is protected.
    fn segments(&self) -> Vec<(Permission, Range<u64>)> {
        let ranges = Permission::ALL.into_iter().zip(self.addresses.segments());
        ranges.filter(|(_, range)| !range.is_empty()).collect()
    }

    /// The sections of some inputs, each for itself.
    fn sections(&self, is_here: &dyn Fn(u32) -> bool) -> Vec<(Permission, Range<u64>)> {
        let sections = self.resolved.order.iter().map(|id| (*id, self.graph.section(*id)));
        let is_here = |(_, section): &(SectionId, &crate::graph::Section)| {
            is_here(section.input) && section.size > 0 && section.role != Role::Unwind
        };
        let placed = sections.filter(is_here).map(|(id, section)| {
            let start = self.addresses.section(self.graph, id);
            (section.permission, start..start + section.size)
        });
        let mut placed: Vec<_> = placed.collect();
        placed.sort_by_key(|(_, range)| range.start);
        placed
    }

    /// The symbols of some inputs, how many of them are local, and their names.
    fn symbols(&self, is_here: &dyn Fn(u32) -> bool, parts: &[(Permission, Range<u64>)]) -> (Vec<u8>, u32, Vec<u8>) {
        let mut table = Bytes(Vec::new());
        table.symbol(0, 0, 0, 0, 0);
        let mut names = vec![0];
        let mut locals = 1;
        let mut order: Vec<(u64, u32, Permission)> = Vec::with_capacity(parts.len());
        order.extend((1..).zip(parts).map(|(index, (permission, range))| (range.start, index, *permission)));
        order.sort_unstable_by_key(|(start, ..)| *start);
        for local in [true, false] {
            for (index, symbol) in (0u32..).zip(&self.graph.symbols) {
                let is_local = symbol.binding == Binding::Local;
                if is_local != local || !is_here(symbol.input) || !self.graph.defines(&self.resolved.live, symbol) {
                    continue;
                }
                let address = self.addresses.symbol(SymbolId(index));
                let behind = order.partition_point(|(start, ..)| *start <= address);
                let Some((_, section, permission)) = order[..behind].last() else { continue };
                let binding = match symbol.binding {
                    Binding::Local => 0,
                    Binding::Weak => 2,
                    Binding::Global | Binding::Unique => 1,
                };
                // A function, or an object.
                let kind = if *permission == Permission::Text { 2 } else { 1 };
                // Names lie in the inputs, so all of them together are less than 4 GiB for each.
                let name = u32::try_from(names.len()).unwrap_or(0);
                table.symbol(name, binding << 4 | kind, *section as u16, address, symbol.size);
                names.extend_from_slice(self.graph.symbol_key(symbol).bytes);
                names.push(0);
                locals += u32::from(local);
            }
        }
        (table.0, locals, names)
    }
}

/// The most sections of one file that need no more than 16 bits to count, with some that the file has for itself.
const MAX_SECTIONS: usize = 0xff00 - 8;

/// The files for functions that stand for themselves, given in the order of their addresses.
pub(crate) fn files_of_code(machine: u16, functions: &[Named]) -> Vec<Vec<u8>> {
    // Between functions that do not touch there may be others, which are nobody's here.
    let mut parts: Vec<(Range<u64>, Range<usize>)> = Vec::new();
    for (index, Named { address, size, .. }) in functions.iter().enumerate() {
        let range = *address as u64..(*address + *size) as u64;
        match parts.last_mut() {
            Some((part, members)) if range.start < part.end.next_multiple_of(TOUCHING) + 1 => {
                (part.end, members.end) = (part.end.max(range.end), index + 1);
            }
            _ => parts.push((range, index..index + 1)),
        }
    }
    let files = parts.chunks(MAX_SECTIONS).map(|parts| {
        let mut sections = vec![Section::with("", 0, &[])];
        sections.extend(parts.iter().map(|(range, _)| Section::of_image(Permission::Text, range)));
        let mut table = Bytes(Vec::new());
        table.symbol(0, 0, 0, 0, 0);
        let mut names = vec![0];
        for (section, (_, members)) in (1..).zip(parts) {
            for Named { name, address, size } in functions.get(members.clone()).unwrap_or_default() {
                // A global function.
                table.symbol(names.len() as u32, 1 << 4 | 2, section, *address as u64, *size as u64);
                names.extend(name.bytes().filter(|byte| *byte != 0));
                names.push(0);
            }
        }
        let strings = sections.len() as u32 + 1;
        let symbols = Section::with(".symtab", SYMTAB, &table.0);
        sections.push(Section { link: strings, info: 1, align: 8, entry: SYMBOL, ..symbols });
        sections.push(Section::with(".strtab", STRTAB, &names));
        write(machine, sections)
    });
    files.collect()
}

/// Functions touch if nothing fits between them: the heap hands out multiples of so many bytes.
const TOUCHING: u64 = 16;

/// Takes a range out of the one that it lies in.
fn without(parts: &mut Vec<(Permission, Range<u64>)>, hole: &Range<u64>) {
    let Some(at) = parts.iter().position(|(_, range)| range.start <= hole.start && hole.end <= range.end) else {
        return;
    };
    let (permission, range) = parts.remove(at);
    let around = [range.start..hole.start, hole.end..range.end];
    for part in around.into_iter().filter(|part| !part.is_empty()) {
        parts.push((permission, part));
    }
}

fn write(machine: u16, sections: Vec<Section<'_>>) -> Vec<u8> {
    let mut names = Vec::new();
    let mut name = |section: &str| {
        let at = names.len() as u32;
        names.extend_from_slice(section.as_bytes());
        names.push(0);
        at
    };
    let mut headers: Vec<u32> = sections.iter().map(|section| name(section.name)).collect();
    headers.push(name(".shstrtab"));
    let mut sections: Vec<Section<'_>> = sections.into_iter().collect();
    sections.push(Section::with(".shstrtab", STRTAB, &names));

    let size: usize = sections.iter().map(|section| section.contents.len() + 8).sum();
    let mut bytes = Bytes(Vec::with_capacity(HEADER + size + sections.len() * SECTION_HEADER as usize));
    bytes.0.resize(HEADER, 0);
    let mut offsets = Vec::with_capacity(sections.len());
    for section in &sections {
        bytes.pad((bytes.0.len() as u64).next_multiple_of(section.align));
        offsets.push(bytes.0.len() as u64);
        bytes.put(section.contents);
    }
    bytes.pad((bytes.0.len() as u64).next_multiple_of(8));
    let table = bytes.0.len() as u64;
    for ((section, name), offset) in sections.iter().zip(&headers).zip(&offsets) {
        bytes.u32(*name);
        bytes.u32(section.kind);
        bytes.u64s(&[section.flags, section.address, *offset, section.size]);
        bytes.u32(section.link);
        bytes.u32(section.info);
        bytes.u64s(&[section.align, section.entry]);
    }

    // \x7fELF, 64 bits, little-endian, version 1. A shared library: debuggers place the sections of object files anew.
    let mut header = Bytes(vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    header.put(&3u16.to_le_bytes());
    header.put(&machine.to_le_bytes());
    header.u32(1);
    header.u64s(&[0, 0, table]);
    header.u32(0);
    let count = sections.len() as u16;
    for number in [HEADER as u16, 0, 0, SECTION_HEADER as u16, count, count - 1] {
        header.put(&number.to_le_bytes());
    }
    bytes.0[..HEADER].copy_from_slice(&header.0);
    bytes.0
}

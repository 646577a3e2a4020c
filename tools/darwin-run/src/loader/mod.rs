//! Loads the program: its segments at a slide, its pointers, its symbols.

mod binary;
mod chained;
mod opcodes;
mod symbols;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::rc::Rc;

use crate::memory::{Kind, Memory, PAGE, READ, WRITE};
pub(crate) use binary::Binary;
use symbols::Symbols;

/// How far above its preferred address the program is loaded: other than 0, as on a Mac, so that what is not relocated shows.
const SLIDE: u64 = 0x400_0000;

/// What a pointer of the program is bound to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Import {
    pub(crate) name: String,
    pub(crate) weak: bool,
}

/// A pointer to be set.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fixup {
    /// To an address of the file, which the slide is added to; the high bits are kept.
    Rebase { at: u64, target: u64 },
    /// To an import, by number, and so many bytes on.
    Bind { at: u64, import: usize, addend: i64 },
}

/// The pointers of a program.
#[derive(Default, Debug)]
struct Fixups {
    imports: Vec<Import>,
    list: Vec<Fixup>,
}

impl Fixups {
    fn bind(&mut self, at: u64, name: &str, weak: bool, addend: i64, known: &mut HashMap<String, usize>) {
        let import = *known.entry(name.to_owned()).or_insert_with(|| {
            self.imports.push(Import { name: name.to_owned(), weak });
            self.imports.len() - 1
        });
        self.list.push(Fixup::Bind { at, import, addend });
    }
}

/// A program in memory.
pub(crate) struct Image {
    /// Where its header lies.
    pub(crate) header: u64,
    pub(crate) slide: u64,
    /// The address above it.
    pub(crate) end: u64,
    /// The address of `main`.
    pub(crate) entry: u64,
    pub(crate) initializers: Vec<u64>,
    /// Of thread-local variables: where the initial data lies, how long it is, and how long all of them are.
    pub(crate) thread_locals: Option<(u64, u64, u64)>,
    bytes: Rc<Vec<u8>>,
    binary: Binary,
    symbols: OnceCell<Symbols>,
}

impl Image {
    /// Loads a program, and binds its imports to what `resolve` says.
    pub(crate) fn load(
        memory: &Memory,
        (file, in_file): (&File, u64),
        bytes: Rc<Vec<u8>>,
        binary: Binary,
        mut resolve: impl FnMut(&Import) -> Result<u64, String>,
    ) -> Result<Image, String> {
        let slide = SLIDE;
        let mut end = 0;
        for segment in binary.segments.iter().filter(|segment| segment.protection != 0 || segment.file_size > 0) {
            let start = segment.address + slide;
            let len = segment.size.next_multiple_of(PAGE);
            if !start.is_multiple_of(PAGE) || !memory.is_free(start, len) {
                return Err(format!("segment {} cannot lie at {start:#x}", segment.name));
            }
            memory.map(start, len, READ | WRITE, Kind::Signed).map_err(|error| format!("{}: {error}", segment.name))?;
            let part = bytes
                .get(segment.file_offset as usize..(segment.file_offset + segment.file_size) as usize)
                .ok_or_else(|| format!("segment {} lies beyond the end of the file", segment.name))?;
            // Whole pages are the file's own, which costs nothing until they are touched.
            const HOST_PAGE: u64 = 0x1000;
            let mapped =
                if (in_file + segment.file_offset) % HOST_PAGE == 0 { segment.file_size & !(HOST_PAGE - 1) } else { 0 };
            if mapped > 0 {
                memory
                    .lay_file(start, mapped, file.as_raw_fd(), (in_file + segment.file_offset) as i64)
                    .map_err(|error| format!("{}: {error}", segment.name))?;
            }
            memory
                .poke(start + mapped, &part[mapped as usize..])
                .map_err(|fault| format!("{}: {fault:?}", segment.name))?;
            end = end.max(start + len);
        }

        let mut fixups = Fixups::default();
        if let Some(range) = binary.chained {
            chained::read(&bytes, range, &binary, &mut fixups)?;
        }
        if let Some(opcodes) = &binary.opcodes {
            opcodes::read(&bytes, opcodes, &binary, &mut fixups)?;
        }
        let mut addresses = Vec::new();
        for import in &fixups.imports {
            addresses.push(resolve(import)?);
        }
        for fixup in &fixups.list {
            let (at, value) = match *fixup {
                Fixup::Rebase { at, target } => (at, target.wrapping_add(slide)),
                Fixup::Bind { at, import, addend } => {
                    let address = *addresses.get(import).ok_or("a pointer names an import that there is not")?;
                    (at, if address == 0 { 0 } else { address.wrapping_add_signed(addend) })
                }
            };
            memory
                .poke(at.wrapping_add(slide), &value.to_le_bytes())
                .map_err(|_| format!("a pointer at {at:#x} lies outside of every segment"))?;
        }

        let mut image = Image {
            header: binary.base + slide,
            slide,
            end,
            entry: binary.entry + slide,
            initializers: Vec::new(),
            thread_locals: None,
            bytes,
            binary,
            symbols: OnceCell::new(),
        };
        image.initializers = image.find_initializers(memory)?;
        image.thread_locals = image.find_thread_locals();
        Ok(image)
    }

    /// Gives segments the protection that the file says.
    pub(crate) fn protect(&self, memory: &Memory) {
        for segment in self.binary.segments.iter().filter(|segment| segment.size > 0) {
            memory.protect(segment.address + self.slide, segment.size.next_multiple_of(PAGE), segment.protection);
        }
    }

    /// The address and size of a section.
    pub(crate) fn section(&self, segment: &str, name: &str) -> Option<(u64, u64)> {
        let section = self.binary.sections.iter().find(|section| section.segment == segment && section.name == name)?;
        Some((section.address + self.slide, section.size))
    }

    fn find_initializers(&self, memory: &Memory) -> Result<Vec<u64>, String> {
        let mut found = Vec::new();
        for section in &self.binary.sections {
            let start = section.address + self.slide;
            let read = |at| memory.u64(at).map_err(|fault| format!("initializers: {fault:?}"));
            match section.kind {
                binary::MOD_INIT_FUNC_POINTERS => {
                    for index in 0..section.size / 8 {
                        found.push(read(start + 8 * index)?);
                    }
                }
                binary::INIT_FUNC_OFFSETS => {
                    for index in 0..section.size / 4 {
                        found.push(self.header + (read(start + 4 * index)? & 0xffff_ffff));
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn find_thread_locals(&self) -> Option<(u64, u64, u64)> {
        let of = |kind| self.binary.sections.iter().filter(move |section| section.kind == kind);
        let data = of(binary::THREAD_LOCAL_REGULAR).map(|section| (section.address, section.size, section.size));
        let zeros = of(binary::THREAD_LOCAL_ZEROFILL).map(|section| (section.address, 0, section.size));
        let mut parts: Vec<(u64, u64, u64)> = data.chain(zeros).collect();
        parts.sort_unstable();
        let (first, ..) = *parts.first()?;
        let end = parts.iter().map(|(start, _, size)| start + size).max()?;
        let data_end = parts.iter().filter(|(_, data, _)| *data > 0).map(|(start, data, _)| start + data).max();
        Some((first + self.slide, data_end.unwrap_or(first) - first, end - first))
    }

    /// The descriptors of thread-local variables: addresses of three pointers each.
    pub(crate) fn thread_local_descriptors(&self) -> impl Iterator<Item = u64> {
        let of = self.binary.sections.iter().filter(|section| section.kind == binary::THREAD_LOCAL_VARIABLES);
        of.flat_map(|section| (0..section.size / 24).map(|index| section.address + self.slide + 24 * index))
    }

    pub(crate) fn contains(&self, address: u64) -> bool {
        let unslid = address.wrapping_sub(self.slide);
        self.binary.segments.iter().any(|segment| {
            (segment.address..segment.address + segment.size).contains(&unslid) && segment.protection != 0
        })
    }

    /// The address that a name is exported with, by symbol.
    pub(crate) fn export(&self, symbol: &str) -> Option<u64> {
        let trie = self.bytes.get(self.binary.exports.clone()?)?;
        let offset = symbols::export(trie, symbol.as_bytes())?;
        Some(self.header + offset)
    }

    /// The name of the function that an address lies in, as C has it, and how far behind its start.
    pub(crate) fn symbol_at(&self, address: u64) -> Option<(&str, u64)> {
        if !self.contains(address) {
            return None;
        }
        let symbols = self.symbols.get_or_init(|| Symbols::read(&self.bytes, &self.binary));
        symbols.at(address - self.slide)
    }
}

//! The bytes of a shared library that has thread-local storage and words for the loader to fill, and nothing else: no
//! code, and nothing that runs.
//!
//! Source: *System V ABI*, chapters 4 and 5; U. Drepper, *ELF Handling For Thread-Local Storage*.

use crate::register::bytes::Bytes;

/// The name of the words.
pub(in crate::register) const WORDS: &std::ffi::CStr = c"kiln_words";

pub(super) struct Library<'l> {
    /// What others need it by.
    pub(super) name: &'l str,
    /// The names of libraries that define what is imported.
    pub(super) needed: &'l [String],
    pub(super) machine: u16,
    pub(super) template: &'l [u8],
    /// Of the storage, in bytes.
    pub(super) size: u64,
    pub(super) align: u64,
    /// Whether the storage must be at a fixed distance from the thread pointer.
    pub(super) fixed: bool,
    /// Thread-local variables that others define.
    pub(super) imports: &'l [String],
    /// Thread-local variables that others may use, with their places in the storage.
    pub(super) exports: &'l [(String, u64)],
    pub(super) words: Vec<u64>,
    pub(super) relocations: Vec<(usize, Relocation)>,
}

/// What the loader puts into a word (and into the next, for descriptors).
pub(super) struct Relocation {
    pub(super) kind: u32,
    /// `None`: the library's own storage.
    pub(super) import: Option<u32>,
    pub(super) addend: i64,
}

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
/// The largest page of any system that runs this.
const PAGE: u64 = 0x1_0000;
/// The words and the storage's own number are symbols too.
const FIRST_IMPORT: u32 = 2;

impl Library<'_> {
    pub(super) fn word(&mut self, relocation: Relocation) {
        self.relocations.push((self.words.len(), relocation));
        self.words.push(0);
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut names = vec![0];
        let mut name = |text: &[u8]| {
            let at = names.len() as u32;
            names.extend_from_slice(text);
            names.push(0);
            at
        };
        let words_name = name(WORDS.to_bytes());
        let own_name = name(self.name.as_bytes());
        let needed: Vec<u32> = self.needed.iter().map(|needed| name(needed.as_bytes())).collect();
        let imports: Vec<u32> = self.imports.iter().map(|import| name(import.as_bytes())).collect();
        let exports: Vec<(u32, u64)> =
            self.exports.iter().map(|(text, place)| (name(text.as_bytes()), *place)).collect();
        let symbols = FIRST_IMPORT as usize + imports.len() + exports.len();

        // Offsets in the file, which are addresses too.
        let mut end = HEADER + 4 * PROGRAM_HEADER;
        let mut room = |size: usize, align: usize| {
            let start = end.next_multiple_of(align);
            end = start + size;
            start as u64
        };
        let symbols_at = room(24 * symbols, 8);
        let hash_at = room(4 * (3 + symbols), 8);
        let relocations_at = room(24 * self.relocations.len(), 8);
        let dynamic_size = 16 * (11 + needed.len());
        let dynamic_at = room(dynamic_size, 8);
        let words_at = room(8 * self.words.len().max(1), 16);
        let names_at = room(names.len(), 1);
        let template_at = room(self.template.len(), self.align as usize);
        let mut bytes = Bytes(Vec::with_capacity(end));

        // \x7fELF, 64 bits, little-endian, version 1; a shared library.
        bytes.put(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.put(&3u16.to_le_bytes());
        bytes.put(&self.machine.to_le_bytes());
        bytes.u32(1);
        bytes.u64s(&[0, HEADER as u64, 0]);
        bytes.u32(0);
        for number in [HEADER, PROGRAM_HEADER, 4, 0, 0, 0] {
            bytes.put(&(number as u16).to_le_bytes());
        }
        const READ: u32 = 4;
        const WRITE: u32 = 2;
        let [none, load, dynamic, tls, stack] = [0, 1, 2, 7, 0x6474_e551];
        bytes.program_header(load, READ | WRITE, 0, end as u64, end as u64, PAGE);
        bytes.program_header(dynamic, READ | WRITE, dynamic_at, dynamic_size as u64, dynamic_size as u64, 8);
        // Without it the loader would make every stack executable.
        bytes.program_header(stack, READ | WRITE, 0, 0, 0, 16);
        let kind = if self.size > 0 { tls } else { none };
        bytes.program_header(kind, READ, template_at, self.template.len() as u64, self.size, self.align);

        bytes.pad(symbols_at);
        bytes.u64s(&[0, 0, 0]);
        // A global object (1 << 4 | 1) of some section.
        bytes.symbol(words_name, 0x11, 1, words_at, 8 * self.words.len() as u64);
        for import in &imports {
            // A global thread-local variable (1 << 4 | 6) of no section.
            bytes.symbol(*import, 0x16, 0, 0, 0);
        }
        for (export, place) in &exports {
            bytes.symbol(*export, 0x16, 1, *place, 0);
        }
        // One chain of all symbols.
        bytes.pad(hash_at);
        bytes.u32(1);
        bytes.u32(symbols as u32);
        bytes.u32(1);
        for index in 0..symbols as u32 {
            bytes.u32(if index == 0 || index as usize + 1 == symbols { 0 } else { index + 1 });
        }
        bytes.pad(relocations_at);
        for (word, relocation) in &self.relocations {
            let symbol = relocation.import.map_or(0, |import| FIRST_IMPORT + import);
            let info = u64::from(symbol) << 32 | u64::from(relocation.kind);
            bytes.u64s(&[words_at + 8 * *word as u64, info, relocation.addend as u64]);
        }
        bytes.pad(dynamic_at);
        for needed in &needed {
            // DT_NEEDED
            bytes.u64s(&[1, u64::from(*needed)]);
        }
        // DT_SONAME, HASH, STRTAB, SYMTAB, STRSZ, SYMENT, RELA, RELASZ, RELAENT, FLAGS (DF_STATIC_TLS), NULL
        for (tag, value) in [
            (14, u64::from(own_name)),
            (4, hash_at),
            (5, names_at),
            (6, symbols_at),
            (10, names.len() as u64),
            (11, 24),
            (7, relocations_at),
            (8, 24 * self.relocations.len() as u64),
            (9, 24),
            (30, if self.fixed { 0x10 } else { 0 }),
            (0, 0),
        ] {
            bytes.u64s(&[tag, value]);
        }
        bytes.pad(words_at);
        bytes.u64s(&self.words);
        bytes.pad(names_at);
        bytes.put(&names);
        bytes.pad(template_at);
        bytes.put(self.template);
        bytes.pad(end as u64);
        bytes.0
    }
}

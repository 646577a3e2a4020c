//! An arm64 executable for macOS as a file (xnu: `EXTERNAL_HEADERS/mach-o/loader.h`, `nlist.h`): load commands, segments, and
//! what dyld and debuggers read behind them.

use std::ops::Range;

use super::opcodes::{self, Pointer};

pub(super) const PAGE: u64 = 0x4000;
/// Where Apple's linker puts programs; below it nothing is mapped.
pub(super) const HEADER: u64 = 0x1_0000_0000;

/// A part of the program: a segment of the file.
pub(super) struct Segment<'i> {
    pub(super) name: &'static str,
    pub(super) addresses: Range<u64>,
    pub(super) bytes: &'i [u8],
    /// Set when the program is made.
    pub(super) offset: u64,
    pub(super) protection: u32,
    /// That dyld takes the right to write away, when the pointers are set.
    pub(super) is_constant: bool,
    pub(super) sections: Vec<Section>,
}

pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) addresses: Range<u64>,
    pub(super) kind: u32,
}

/// What dyld copies for each thread.
pub(super) const THREAD_LOCAL_REGULAR: u32 = 0x11;

pub(super) const READ: u32 = 1;
pub(super) const WRITE: u32 = 2;
pub(super) const EXECUTE: u32 = 4;

/// What dyld is to set.
pub(super) struct Pointers<'n> {
    pub(super) own: Vec<Pointer>,
    pub(super) outside: Vec<(Pointer, &'n str, i64)>,
}

pub(super) fn page_above(address: u64) -> u64 {
    address.next_multiple_of(PAGE)
}

/// The file that comes out.
pub(super) struct File<'i> {
    segments: Vec<Segment<'i>>,
    commands: Vec<u8>,
    count: u32,
}

/// What stands behind the segments, by offset in the file.
struct LinkEdit {
    bytes: Vec<u8>,
    start: u64,
}

impl LinkEdit {
    /// Adds a table, and gives its offset in the file and its size.
    fn add(&mut self, table: &[u8]) -> [u32; 2] {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = self.start + self.bytes.len() as u64;
        self.bytes.extend_from_slice(table);
        [if table.is_empty() { 0 } else { at as u32 }, table.len() as u32]
    }
}

impl<'i> File<'i> {
    pub(super) fn new(mut segments: Vec<Segment<'i>>) -> File<'i> {
        let mut offset = 0;
        for segment in &mut segments {
            segment.offset = offset;
            offset += page_above(segment.bytes.len() as u64);
        }
        File { segments, commands: Vec::new(), count: 0 }
    }

    /// Adds a load command, of 32-bit words.
    fn command(&mut self, kind: u32, words: &[u32]) {
        self.command_with(kind, words, b"");
    }

    /// Adds a load command with text at its end.
    fn command_with(&mut self, kind: u32, words: &[u32], text: &[u8]) {
        let size = (8 + 4 * words.len() + text.len()).next_multiple_of(8);
        let end = self.commands.len() + size;
        for word in [kind, size as u32].iter().chain(words) {
            self.commands.extend(word.to_le_bytes());
        }
        self.commands.extend(text);
        self.commands.resize(end, 0);
        self.count += 1;
    }

    fn segment(&mut self, segment: &Segment<'_>) {
        const SEGMENT_64: u32 = 0x19;
        const READ_ONLY: u32 = 0x10;
        let size = page_above(segment.addresses.end) - segment.addresses.start;
        let in_file = match segment.name {
            // Whole pages, which code signing covers.
            "__LINKEDIT" => segment.bytes.len() as u64,
            _ => page_above(segment.bytes.len() as u64),
        };
        let mut body = name16(segment.name).to_vec();
        for value in [segment.addresses.start, size, segment.offset, in_file] {
            body.extend(value.to_le_bytes());
        }
        let flags = if segment.is_constant { READ_ONLY } else { 0 };
        for value in [segment.protection, segment.protection, segment.sections.len() as u32, flags] {
            body.extend(value.to_le_bytes());
        }
        for section in &segment.sections {
            body.extend(name16(section.name));
            body.extend(name16(segment.name));
            for value in [section.addresses.start, section.addresses.end - section.addresses.start] {
                body.extend(value.to_le_bytes());
            }
            let offset = segment.offset + (section.addresses.start - segment.addresses.start);
            for value in [offset as u32, 3, 0, 0, section.kind, 0, 0, 0] {
                body.extend(value.to_le_bytes());
            }
        }
        self.command_with(SEGMENT_64, &[], &body);
    }

    pub(super) fn finish(mut self, plan: &kiln::Plan, pointers: &Pointers<'_>, entry: u64) -> Vec<u8> {
        let segments = std::mem::take(&mut self.segments);
        let last = segments.last().map_or(HEADER, |segment| page_above(segment.addresses.end));
        let start = segments.last().map_or(0, |segment| segment.offset + page_above(segment.bytes.len() as u64));
        let mut edit = LinkEdit { bytes: Vec::new(), start };
        let [rebase, bind] = [opcodes::rebases(&pointers.own), opcodes::binds(&pointers.outside)];
        let [rebase, bind] = [edit.add(&rebase), edit.add(&bind)];
        let text = segments[0].addresses.clone();
        let symbols = Symbols::of(plan, &text, pointers);
        let [table, names] = [edit.add(&symbols.table), edit.add(&symbols.names)];
        let none = |name, addresses| Segment {
            name,
            addresses,
            bytes: &[],
            offset: 0,
            protection: 0,
            is_constant: false,
            sections: Vec::new(),
        };
        self.segment(&none("__PAGEZERO", 0..HEADER));
        for segment in &segments {
            self.segment(segment);
        }
        let link_edit = Segment {
            bytes: &edit.bytes,
            offset: start,
            protection: READ,
            ..none("__LINKEDIT", last..last + edit.bytes.len().max(1) as u64)
        };
        self.segment(&link_edit);
        const REQUIRED: u32 = 0x8000_0000;
        self.command(0x22 | REQUIRED, &[rebase[0], rebase[1], bind[0], bind[1], 0, 0, 0, 0, 0, 0]);
        self.command(0x2, &[table[0], symbols.counts.iter().sum(), names[0], names[1]]);
        let [local, exported, undefined] = symbols.counts;
        let mut dynamic = vec![0, local, local, exported, local + exported, undefined];
        dynamic.resize(18, 0);
        self.command(0xb, &dynamic);
        self.command_with(0xe, &[12], b"/usr/lib/dyld\0");
        // macOS 11.0, the first for Apple Silicon.
        self.command(0x32, &[1, 0xb_0000, 0xb_0000, 0]);
        self.command(0x28 | REQUIRED, &[entry as u32, 0, 0, 0]);
        self.command_with(0xc, &[24, 2, 0x1_0000, 0x1_0000], b"/usr/lib/libSystem.B.dylib\0");
        // MH_NOUNDEFS, MH_DYLDLINK, MH_TWOLEVEL, MH_PIE
        const FLAGS: u32 = 0x1 | 0x4 | 0x80 | 0x20_0000;
        let mut file = Vec::new();
        for word in [0xfeed_facf, 0x0100_000c, 0, 2, self.count, self.commands.len() as u32, FLAGS, 0] {
            file.extend(u32::to_le_bytes(word));
        }
        file.extend(&self.commands);
        for segment in &segments {
            // The first one begins with the header, which is there already.
            file.extend(segment.bytes.get(file.len() - segment.offset as usize..).unwrap_or_default());
            file.resize(page_above(file.len() as u64) as usize, 0);
        }
        file.extend(&edit.bytes);
        file
    }
}

fn name16(name: &str) -> [u8; 16] {
    let mut field = [0; 16];
    for (to, byte) in field.iter_mut().zip(name.bytes()) {
        *to = byte;
    }
    field
}

/// The symbols of the text, for whoever says where something happened, and those that are outside.
struct Symbols {
    table: Vec<u8>,
    names: Vec<u8>,
    /// Local, exported, undefined.
    counts: [u32; 3],
}

impl Symbols {
    fn of(plan: &kiln::Plan, text: &Range<u64>, pointers: &Pointers<'_>) -> Symbols {
        let mut symbols = Symbols { table: Vec::new(), names: vec![0], counts: [0; 3] };
        for exported in [false, true] {
            let of_text = plan.symbols().iter().filter(|symbol| text.contains(&symbol.address.0));
            for symbol in of_text.filter(|symbol| symbol.exported == exported && !symbol.name.is_empty()) {
                const OF_A_SECTION: u8 = 0xe;
                let kind = OF_A_SECTION | u8::from(exported);
                symbols.add(&format!("_{}", symbol.name), kind, 1, 0, symbol.address.0);
                symbols.counts[usize::from(exported)] += 1;
            }
        }
        let mut outside: Vec<&str> = pointers.outside.iter().map(|(_, name, _)| *name).collect();
        outside.sort_unstable();
        outside.dedup();
        for name in outside {
            const FIRST_LIBRARY: u16 = 1 << 8;
            symbols.add(name, 1, 0, FIRST_LIBRARY, 0);
            symbols.counts[2] += 1;
        }
        symbols
    }

    fn add(&mut self, name: &str, kind: u8, section: u8, description: u16, value: u64) {
        self.table.extend((self.names.len() as u32).to_le_bytes());
        self.table.extend([kind, section]);
        self.table.extend(description.to_le_bytes());
        self.table.extend(value.to_le_bytes());
        self.names.extend(name.as_bytes());
        self.names.push(0);
    }
}

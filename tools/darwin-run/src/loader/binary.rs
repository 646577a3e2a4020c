//! What the load commands of an arm64 executable say.

use std::ops::Range;

use object::endian::LittleEndian;
use object::macho::{self, MachHeader64, SegmentCommand64};
use object::read::macho::{LoadCommandVariant, MachHeader, Section, Segment};

use crate::memory::WRITE;

type Result<T> = std::result::Result<T, String>;

const SECTION_TYPE: u32 = 0xff;
/// `SG_READ_ONLY`: dyld takes the right to write away when the pointers are set.
const READ_ONLY: u32 = 0x10;
pub(crate) const MOD_INIT_FUNC_POINTERS: u32 = 9;
pub(crate) const THREAD_LOCAL_REGULAR: u32 = 0x11;
pub(crate) const THREAD_LOCAL_ZEROFILL: u32 = 0x12;
pub(crate) const THREAD_LOCAL_VARIABLES: u32 = 0x13;
pub(crate) const INIT_FUNC_OFFSETS: u32 = 0x16;

#[derive(Debug)]
pub(crate) struct SegmentOf {
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) size: u64,
    pub(crate) file_offset: u64,
    pub(crate) file_size: u64,
    /// When the program runs.
    pub(crate) protection: u8,
}

#[derive(Debug)]
pub(crate) struct SectionOf {
    pub(crate) segment: String,
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) size: u64,
    pub(crate) kind: u32,
}

/// The opcodes of `LC_DYLD_INFO`: rebase, bind, weak bind, lazy bind, by place in the file.
pub(crate) type Opcodes = [Range<usize>; 4];

/// Offsets are those of the file, addresses those that the file prefers.
#[derive(Debug)]
pub(crate) struct Binary {
    /// The address of the header.
    pub(crate) base: u64,
    pub(crate) segments: Vec<SegmentOf>,
    pub(crate) sections: Vec<SectionOf>,
    pub(crate) entry: u64,
    pub(crate) stack_size: u64,
    pub(crate) opcodes: Option<Opcodes>,
    pub(crate) chained: Option<(usize, usize)>,
    pub(crate) exports: Option<Range<usize>>,
    /// Symbols: where, how many; their names: where, how long.
    pub(crate) symbols: Option<[usize; 4]>,
    pub(crate) libraries: Vec<String>,
}

impl Binary {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Binary> {
        let wrong = |error: object::Error| format!("not an arm64 Mach-O file: {error}");
        let header = MachHeader64::<LittleEndian>::parse(bytes, 0).map_err(wrong)?;
        let endian = LittleEndian;
        if header.cputype(endian) != macho::CPU_TYPE_ARM64 {
            return Err("not an arm64 Mach-O file: it is for another architecture".into());
        }
        if header.filetype(endian) != macho::MH_EXECUTE {
            return Err("a Mach-O file that is no executable".into());
        }
        let mut binary = Binary {
            base: 0,
            segments: Vec::new(),
            sections: Vec::new(),
            entry: 0,
            stack_size: 0,
            opcodes: None,
            chained: None,
            exports: None,
            symbols: None,
            libraries: Vec::new(),
        };
        let mut entry_offset = None;
        let mut commands = header.load_commands(endian, bytes, 0).map_err(wrong)?;
        while let Some(command) = commands.next().map_err(wrong)? {
            match command.variant().map_err(wrong)? {
                LoadCommandVariant::Segment64(segment, sections) => binary.segment(segment, sections)?,
                LoadCommandVariant::EntryPoint(entry) => {
                    entry_offset = Some(entry.entryoff.get(endian));
                    binary.stack_size = entry.stacksize.get(endian);
                }
                LoadCommandVariant::DyldInfo(info) => {
                    let range = |offset: object::U32<LittleEndian>, len: object::U32<LittleEndian>| {
                        let start = offset.get(endian) as usize;
                        start..start + len.get(endian) as usize
                    };
                    binary.opcodes = Some([
                        range(info.rebase_off, info.rebase_size),
                        range(info.bind_off, info.bind_size),
                        range(info.weak_bind_off, info.weak_bind_size),
                        range(info.lazy_bind_off, info.lazy_bind_size),
                    ]);
                    binary.exports = Some(range(info.export_off, info.export_size));
                }
                LoadCommandVariant::LinkeditData(data) => {
                    let (start, len) = (data.dataoff.get(endian) as usize, data.datasize.get(endian) as usize);
                    match command.cmd() {
                        macho::LC_DYLD_CHAINED_FIXUPS => binary.chained = Some((start, len)),
                        macho::LC_DYLD_EXPORTS_TRIE => binary.exports = Some(start..start + len),
                        _ => {}
                    }
                }
                LoadCommandVariant::Symtab(table) => {
                    let number = |value: object::U32<LittleEndian>| value.get(endian) as usize;
                    binary.symbols =
                        Some([number(table.symoff), number(table.nsyms), number(table.stroff), number(table.strsize)]);
                }
                LoadCommandVariant::Dylib(dylib) => {
                    let name = command.string(endian, dylib.dylib.name).map_err(wrong)?;
                    binary.libraries.push(String::from_utf8_lossy(name).into_owned());
                }
                _ => {}
            }
        }
        let text = binary.segments.iter().find(|segment| segment.file_offset == 0 && segment.file_size > 0);
        binary.base = text.ok_or("an executable whose header is not loaded")?.address;
        binary.entry = binary.base + entry_offset.ok_or("an executable without LC_MAIN: too old, or static")?;
        Ok(binary)
    }

    fn segment(&mut self, segment: &SegmentCommand64<LittleEndian>, data: &[u8]) -> Result<()> {
        let endian = LittleEndian;
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let protection = segment.initprot.get(endian).0 as u8 & 7;
        let is_constant = segment.flags.get(endian).0 & READ_ONLY != 0;
        self.segments.push(SegmentOf {
            name: text(segment.name()),
            address: segment.vmaddr.get(endian),
            size: segment.vmsize.get(endian),
            file_offset: segment.fileoff.get(endian),
            file_size: segment.filesize.get(endian),
            protection: if is_constant { protection & !WRITE } else { protection },
        });
        for section in segment.sections(endian, data).map_err(|error| error.to_string())? {
            self.sections.push(SectionOf {
                segment: text(section.segment_name()),
                name: text(section.name()),
                address: section.addr.get(endian),
                size: section.size.get(endian),
                kind: section.flags.get(endian).0 & SECTION_TYPE,
            });
        }
        Ok(())
    }
}

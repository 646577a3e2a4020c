//! Debug information (DWARF) of one file: which source line an address is from.

use std::path::Path;

use std::sync::Arc;

use gimli::LittleEndian;
use kiln::{Contents, Section};

/// The bytes of a section, shared.
pub(crate) type Reader = gimli::EndianArcSlice<LittleEndian>;

/// What a file says of its source.
pub(crate) struct Debug {
    context: addr2line::Context<Reader>,
    pub(crate) dwarf: Arc<gimli::Dwarf<Reader>>,
}

/// A line of a source file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A function that an address is in, by its own code or inlined.
#[derive(Clone, Debug)]
pub(crate) struct Within {
    pub(crate) function: Option<String>,
    pub(crate) place: Option<Place>,
}

impl Debug {
    /// Reads what there is; `address` gives the sections of the file, by their index in [`Contents::sections`], the
    /// addresses that are spoken of. `None`: there is none, or it cannot be read.
    pub(crate) fn of(contents: &Contents<'_>, address: &dyn Fn(usize) -> u64) -> Option<Debug> {
        let load = |id: gimli::SectionId| -> Result<Reader, gimli::Error> {
            let section = contents.sections().iter().position(|section| is(section, id.name()));
            let bytes = section.map(|section| relocated(contents, section, address)).unwrap_or_default();
            Ok(Reader::new(Arc::from(bytes), LittleEndian))
        };
        let dwarf = Arc::new(gimli::Dwarf::load(load).ok()?);
        let mut units = dwarf.units();
        units.next().ok().flatten()?;
        let context = addr2line::Context::from_arc_dwarf(Arc::clone(&dwarf)).ok()?;
        Some(Debug { context, dwarf })
    }

    /// The line that the instruction at `address` is from.
    pub(crate) fn place(&self, address: u64) -> Option<Place> {
        let location = self.context.find_location(address).ok()??;
        place(&location)
    }

    /// The functions that the instruction at `address` is in: what was inlined last comes first.
    pub(crate) fn within(&self, address: u64) -> Vec<Within> {
        let Ok(mut frames) = self.context.find_frames(address).skip_all_loads() else { return Vec::new() };
        let mut within = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let function = frame.function.and_then(|name| name.raw_name().ok().map(|name| name.into_owned()));
            within.push(Within { function, place: frame.location.and_then(|location| place(&location)) });
        }
        within
    }
}

fn place(location: &addr2line::Location<'_>) -> Option<Place> {
    let file = Path::new(location.file?);
    // Compilers write the whole path; the user named a file of this folder.
    let here = std::env::current_dir().ok();
    let file = here.and_then(|here| file.strip_prefix(here).ok()).unwrap_or(file);
    let file = file.strip_prefix(".").unwrap_or(file);
    Some(Place { file: file.display().to_string(), line: location.line.filter(|line| *line > 0)? })
}

/// Whether a section is the one that ELF calls `name`. Mach-O's names begin otherwise, and end after 16 bytes.
fn is(section: &Section<'_>, name: &str) -> bool {
    if section.segment.is_none() {
        return section.name == name;
    }
    let name = format!("__{}", name.trim_start_matches('.'));
    section.name == name[..name.len().min(16)]
}

/// The bytes of a section with its relocations applied.
pub(crate) fn relocated(contents: &Contents<'_>, section: usize, address: &dyn Fn(usize) -> u64) -> Vec<u8> {
    let mut bytes = contents.uncompressed(section).unwrap_or_default().into_owned();
    for relocation in contents.relocations(section) {
        let Some((home, offset)) = relocation.defined else { continue };
        let mut value = address(home).wrapping_add(offset).wrapping_add_signed(relocation.addend);
        if relocation.relative {
            value = value.wrapping_sub(address(section).wrapping_add(relocation.offset));
        }
        let field = usize::try_from(relocation.offset).ok();
        let field = field.and_then(|start| bytes.get_mut(start..start.checked_add(relocation.width.min(8))?));
        for (to, from) in field.into_iter().flatten().zip(value.to_le_bytes()) {
            *to = from;
        }
    }
    bytes
}

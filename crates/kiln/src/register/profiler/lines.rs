//! The source lines of an image, from its relocated debug information (DWARF 5, section 6.2).

use super::Lines;
use crate::fixup::DebugInfo;

/// Where lines begin, in the order of the addresses. What cannot be read is left out.
#[cfg(feature = "debug-info")]
pub(crate) fn lines(infos: &[DebugInfo]) -> Lines {
    let mut lines = Lines::new();
    for info in infos {
        // What is damaged ends what is said of it.
        let _ = read(info, &mut lines);
    }
    lines.sort_by_key(|(address, ..)| *address);
    lines.dedup_by_key(|(address, ..)| *address);
    lines
}

/// Without the means to read them, there are none.
#[cfg(not(feature = "debug-info"))]
pub(crate) fn lines(_infos: &[DebugInfo]) -> Lines {
    Lines::new()
}

#[cfg(feature = "debug-info")]
fn read(info: &DebugInfo, lines: &mut Lines) -> gimli::Result<()> {
    use std::collections::{HashMap, HashSet};
    use std::sync::Arc;

    let section = |id: gimli::SectionId| {
        let found = info.sections.iter().find(|(name, _)| name == id.name());
        Ok::<_, gimli::Error>(gimli::EndianSlice::new(found.map_or(&[][..], |(_, bytes)| bytes), gimli::LittleEndian))
    };
    let dwarf = gimli::Dwarf::load(section)?;
    // Units may share a program.
    let mut seen = HashSet::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        let unit = dwarf.unit(header)?;
        let Some(program) = unit.line_program.clone() else { continue };
        if !seen.insert(program.header().offset().0) {
            continue;
        }
        let mut files: HashMap<u64, Arc<str>> = HashMap::new();
        let folder = unit.comp_dir.map(|folder| folder.to_string_lossy().into_owned());
        let mut rows = program.rows();
        while let Some((header, row)) = rows.next_row()? {
            let Some(line) = row.line().filter(|_| !row.end_sequence()) else { continue };
            let file = match files.get(&row.file_index()) {
                Some(file) => Arc::clone(file),
                None => {
                    let Some(entry) = row.file(header) else { continue };
                    let text = |value| dwarf.attr_string(&unit, value).map(|text| text.to_string_lossy().into_owned());
                    let mut path = std::path::PathBuf::from(folder.as_deref().unwrap_or_default());
                    if let Some(directory) = entry.directory(header) {
                        path.push(text(directory)?);
                    }
                    path.push(text(entry.path_name())?);
                    let file: Arc<str> = path.to_string_lossy().into();
                    files.insert(row.file_index(), Arc::clone(&file));
                    file
                }
            };
            lines.push((row.address(), file, u32::try_from(line.get()).unwrap_or(u32::MAX)));
        }
    }
    Ok(())
}

//! Chained fixups (dyld: include/mach-o/fixup-chains.h): pointers that are linked with each other through their own bits.

use super::binary::Binary;
use super::{Fixup, Fixups, Import};

type Result<T> = std::result::Result<T, String>;

/// Little-endian numbers at offsets of a part of the file.
struct Part<'a>(&'a [u8]);

impl Part<'_> {
    fn number(&self, at: usize, len: usize) -> Result<u64> {
        let bytes = at.checked_add(len).and_then(|end| self.0.get(at..end));
        let bytes = bytes.ok_or("chained fixups are cut off")?;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn text(&self, at: usize) -> Result<String> {
        let rest = self.0.get(at..).ok_or("chained fixups are cut off")?;
        let len = rest.iter().position(|&byte| byte == 0).ok_or("a name of the chained fixups is cut off")?;
        Ok(String::from_utf8_lossy(&rest[..len]).into_owned())
    }
}

const DYLD_CHAINED_PTR_64: u64 = 2;
const DYLD_CHAINED_PTR_64_OFFSET: u64 = 6;
/// In `page_start`: no pointer in this page.
const NONE: u64 = 0xffff;

pub(super) fn read(bytes: &[u8], (start, len): (usize, usize), binary: &Binary, fixups: &mut Fixups) -> Result<()> {
    let part = Part(bytes.get(start..start + len).ok_or("chained fixups lie beyond the end of the file")?);
    let [version, starts, imports, symbols, count, format, compressed] =
        [0, 4, 8, 12, 16, 20, 24].map(|at| part.number(at, 4));
    if version? != 0 || compressed? != 0 {
        return Err("chained fixups of an unknown version".into());
    }
    let (starts, imports, symbols) = (starts? as usize, imports? as usize, symbols? as usize);
    let mut addends = Vec::new();
    for index in 0..count? as usize {
        let (name, weak, addend) = match format {
            Ok(1) => {
                let word = part.number(imports + 4 * index, 4)?;
                (word >> 9, word >> 8 & 1, 0)
            }
            Ok(2) => {
                let word = part.number(imports + 8 * index, 4)?;
                (word >> 9, word >> 8 & 1, part.number(imports + 8 * index + 4, 4)? as i32 as i64)
            }
            Ok(3) => {
                let word = part.number(imports + 16 * index, 8)?;
                (word >> 32, word >> 16 & 1, part.number(imports + 16 * index + 8, 8)? as i64)
            }
            _ => return Err("chained imports of an unknown format".into()),
        };
        fixups.imports.push(Import { name: part.text(symbols + name as usize)?, weak: weak == 1 });
        addends.push(addend);
    }
    for segment in 0..part.number(starts, 4)? as usize {
        let offset = part.number(starts + 4 + 4 * segment, 4)? as usize;
        if offset != 0 {
            pages(&part, starts + offset, bytes, binary, &addends, fixups)?;
        }
    }
    Ok(())
}

fn pages(
    part: &Part<'_>,
    at: usize,
    bytes: &[u8],
    binary: &Binary,
    addends: &[i64],
    fixups: &mut Fixups,
) -> Result<()> {
    let page_size = part.number(at + 4, 2)?;
    let format = part.number(at + 6, 2)?;
    let segment_offset = part.number(at + 8, 8)?;
    if format != DYLD_CHAINED_PTR_64 && format != DYLD_CHAINED_PTR_64_OFFSET {
        return Err(format!("chained pointers of format {format}, which is not arm64's"));
    }
    let address = binary.base + segment_offset;
    let segment = binary.segments.iter().find(|segment| segment.address == address);
    let segment = segment.ok_or("chained fixups of no segment")?;
    for page in 0..part.number(at + 20, 2)? {
        let first = part.number(at + 22 + 2 * page as usize, 2)?;
        if first == NONE {
            continue;
        }
        let mut offset = page * page_size + first;
        loop {
            let in_file = Part(bytes).number((segment.file_offset + offset) as usize, 8);
            let pointer = in_file.map_err(|_| "a chained pointer lies beyond the end of the file")?;
            let at = address + offset;
            if pointer >> 63 == 1 {
                let import = (pointer & 0xff_ffff) as usize;
                let addend = (pointer >> 24 & 0xff) as i64 + addends.get(import).copied().unwrap_or(0);
                fixups.list.push(Fixup::Bind { at, import, addend });
            } else {
                let target = (pointer & 0xf_ffff_ffff) + if format == DYLD_CHAINED_PTR_64 { 0 } else { binary.base };
                fixups.list.push(Fixup::Rebase { at, target: target | (pointer >> 36 & 0xff) << 56 });
            }
            match pointer >> 51 & 0xfff {
                0 => break,
                next => offset += 4 * next,
            }
        }
    }
    Ok(())
}

//! The opcodes of `LC_DYLD_INFO` (xnu: EXTERNAL_HEADERS/mach-o/loader.h): small programs that say which pointers to set.

use std::collections::HashMap;

use super::binary::{Binary, Opcodes};
use super::{Fixup, Fixups};

type Result<T> = std::result::Result<T, String>;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or("the opcodes for dyld are cut off")?;
        self.at += 1;
        Ok(byte)
    }

    fn uleb(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number in the opcodes for dyld is too long".into())
    }

    fn sleb(&mut self) -> Result<i64> {
        let mut value = 0i64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let unused = 64 - (shift + 7).min(64);
                return Ok(if byte & 0x40 != 0 { value << unused >> unused } else { value });
            }
        }
        Err("a number in the opcodes for dyld is too long".into())
    }

    fn text(&mut self) -> Result<String> {
        let start = self.at;
        while self.byte()? != 0 {}
        Ok(String::from_utf8_lossy(&self.bytes[start..self.at - 1]).into_owned())
    }
}

pub(super) fn read(bytes: &[u8], opcodes: &Opcodes, binary: &Binary, fixups: &mut Fixups) -> Result<()> {
    let reader = |range: &std::ops::Range<usize>| {
        let bytes = bytes.get(range.clone()).ok_or("the opcodes for dyld lie beyond the end of the file")?;
        Ok::<_, String>(Reader { bytes, at: 0 })
    };
    let [rebase, bind, weak, lazy] = opcodes;
    rebases(reader(rebase)?, bytes, binary, fixups)?;
    let mut known = HashMap::new();
    for (range, lazy) in [(bind, false), (weak, false), (lazy, true)] {
        binds(reader(range)?, lazy, binary, fixups, &mut known)?;
    }
    Ok(())
}

fn segment(binary: &Binary, number: u8) -> Result<u64> {
    let segment = binary.segments.get(usize::from(number));
    Ok(segment.ok_or("the opcodes for dyld name a segment that there is not")?.address)
}

fn rebases(mut reader: Reader<'_>, bytes: &[u8], binary: &Binary, fixups: &mut Fixups) -> Result<()> {
    let mut at = 0u64;
    while reader.at < reader.bytes.len() {
        let byte = reader.byte()?;
        let small = u64::from(byte & 0xf);
        // How many pointers, and how many bytes from one's end to the next one.
        let (count, skip) = match byte & 0xf0 {
            0x00 => break,
            0x10 => continue,
            0x20 => {
                at = segment(binary, byte & 0xf)?.wrapping_add(reader.uleb()?);
                continue;
            }
            0x30 => {
                at = at.wrapping_add(reader.uleb()?);
                continue;
            }
            0x40 => {
                at = at.wrapping_add(8 * small);
                continue;
            }
            0x50 => (small, 0),
            0x60 => (reader.uleb()?, 0),
            0x70 => (1, reader.uleb()?),
            0x80 => (reader.uleb()?, reader.uleb()?),
            _ => return Err(format!("opcode {byte:#x} for dyld, which is not known")),
        };
        for _ in 0..count {
            let target = in_file(bytes, binary, at).ok_or_else(|| format!("a pointer at {at:#x} is in no segment"))?;
            fixups.list.push(Fixup::Rebase { at, target });
            at = at.wrapping_add(8 + skip);
        }
    }
    Ok(())
}

/// The pointer that the file has at an address.
fn in_file(bytes: &[u8], binary: &Binary, address: u64) -> Option<u64> {
    let holds = |start: u64, len: u64| address >= start && address - start < len;
    let segment = binary.segments.iter().find(|segment| holds(segment.address, segment.file_size))?;
    let at = usize::try_from(address - segment.address + segment.file_offset).ok()?;
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn binds(
    mut reader: Reader<'_>,
    lazy: bool,
    binary: &Binary,
    fixups: &mut Fixups,
    known: &mut HashMap<String, usize>,
) -> Result<()> {
    let (mut at, mut name, mut weak, mut addend) = (0u64, String::new(), false, 0);
    while reader.at < reader.bytes.len() {
        let byte = reader.byte()?;
        let (count, skip) = match byte & 0xf0 {
            // Each lazy one ends so.
            0x00 if lazy => continue,
            0x00 => break,
            // Which library is not asked: there is one.
            0x10 | 0x30 | 0x50 => continue,
            0x20 => {
                reader.uleb()?;
                continue;
            }
            0x40 => {
                name = reader.text()?;
                weak = byte & 1 != 0;
                continue;
            }
            0x60 => {
                addend = reader.sleb()?;
                continue;
            }
            0x70 => {
                at = segment(binary, byte & 0xf)?.wrapping_add(reader.uleb()?);
                continue;
            }
            0x80 => {
                at = at.wrapping_add(reader.uleb()?);
                continue;
            }
            0x90 => (1, 0),
            0xa0 => (1, reader.uleb()?),
            0xb0 => (1, 8 * u64::from(byte & 0xf)),
            0xc0 => (reader.uleb()?, reader.uleb()?),
            _ => return Err(format!("opcode {byte:#x} for dyld, which is not known")),
        };
        for _ in 0..count {
            fixups.bind(at, &name, weak, addend, known);
            at = at.wrapping_add(8 + skip);
        }
    }
    Ok(())
}

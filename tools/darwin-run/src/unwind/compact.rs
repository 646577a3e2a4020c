//! `__TEXT,__unwind_info` (LLVM: libunwind/include/mach-o/compact_unwind_encoding.h).

use super::{Frame, How, dwarf};
use crate::machine::{Machine, Stop};

const REGULAR: u32 = 2;
const COMPRESSED: u32 = 3;
const HAS_DATA: u32 = 0x4000_0000;
const MODE: u32 = 0x0f00_0000;
const DWARF: u32 = 0x0300_0000;

pub(super) fn find(m: &Machine, pc: u64) -> Result<Option<Frame>, Stop> {
    let Some((info, _)) = m.image.section("__TEXT", "__unwind_info") else { return Ok(None) };
    let header = m.image.header;
    let word = |at: u64| m.memory.u32(info + at).map(u64::from);
    let half = |at: u64| m.memory.u16(info + at).map(u64::from);
    let offset = pc - header;
    let (common, common_count) = (word(4)?, word(8)?);
    let personalities = word(12)?;
    let (index, index_count) = (word(20)?, word(24)?);

    // The last entry of the index ends the one before.
    let first_level = |number: u64| index + 12 * number;
    let number = last(index_count.saturating_sub(1), |number| Ok(word(first_level(number))? <= offset))?;
    let Some(number) = number else { return Ok(None) };
    let base = word(first_level(number))?;
    let page = word(first_level(number) + 4)?;
    if page == 0 {
        return Ok(None);
    }
    let (start, encoding) = match word(page)? as u32 {
        REGULAR => {
            let entries = page + half(page + 4)?;
            let at = |number: u64| entries + 8 * number;
            match last(half(page + 6)?, |number| Ok(word(at(number))? <= offset))? {
                Some(number) => (word(at(number))?, word(at(number) + 4)? as u32),
                None => return Ok(None),
            }
        }
        COMPRESSED => {
            let entries = page + half(page + 4)?;
            let start = |number: u64| Ok::<_, Stop>(base + (word(entries + 4 * number)? & 0xff_ffff));
            let Some(number) = last(half(page + 6)?, |number| Ok(start(number)? <= offset))? else {
                return Ok(None);
            };
            let which = word(entries + 4 * number)? >> 24;
            let encoding = if which < common_count {
                word(common + 4 * which)?
            } else {
                word(page + half(page + 8)? + 4 * (which - common_count))?
            };
            (start(number)?, encoding as u32)
        }
        _ => return Ok(None),
    };
    if encoding & MODE == DWARF {
        let section = m.image.section("__TEXT", "__eh_frame").unwrap_or_default();
        return Ok(dwarf::frame(m, section.0 + u64::from(encoding & 0xff_ffff), section, pc));
    }
    if encoding == 0 {
        return Ok(None);
    }
    let mut frame = Frame { start: header + start, how: How::Compact(encoding), ..Frame::default() };
    let which = u64::from(encoding >> 28 & 3);
    if which != 0 {
        let pointer = header + word(personalities + 4 * (which - 1))?;
        frame.personality = m.memory.u64(pointer)?;
    }
    if encoding & HAS_DATA != 0 {
        let (first, end) = (word(first_level(number) + 8)?, word(first_level(number + 1) + 8)?);
        let at = |number: u64| first + 8 * number;
        if let Some(number) = last((end - first) / 8, |number| Ok(word(at(number))? <= start))?
            && word(at(number))? == start
        {
            frame.data = header + word(at(number) + 4)?;
        }
    }
    Ok(Some(frame))
}

/// The last of so many entries, which are in order, for which something holds.
fn last(count: u64, holds: impl Fn(u64) -> Result<bool, Stop>) -> Result<Option<u64>, Stop> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low.checked_sub(1))
}

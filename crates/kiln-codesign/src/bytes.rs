//! Numbers in bytes. Code signatures and universal headers are big-endian, the Mach-O files themselves little-endian.

use std::ops::Range;

use crate::error::{Error, Result};

/// The bytes of a range that may lie outside.
pub(crate) fn part(bytes: &[u8], range: Range<usize>) -> Result<&[u8]> {
    let start = range.start;
    bytes.get(range).ok_or_else(|| Error::new("the data is cut off").at(start))
}

/// `len` bytes at an offset, both of which the file says.
pub(crate) fn span(bytes: &[u8], offset: u64, len: u64) -> Result<&[u8]> {
    let end = offset.checked_add(len);
    let range = usize::try_from(offset).ok().zip(end.and_then(|end| usize::try_from(end).ok()));
    let found = range.and_then(|(start, end)| bytes.get(start..end));
    found.ok_or_else(|| Error::new(format!("{len} bytes at {offset:#x} reach beyond the end of the file")))
}

fn array<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N]> {
    let found = bytes.get(offset..).and_then(|rest| rest.first_chunk::<N>());
    found.copied().ok_or_else(|| Error::new("the data is cut off").at(offset))
}

pub(crate) fn be32(bytes: &[u8], offset: usize) -> Result<u32> {
    Ok(u32::from_be_bytes(array(bytes, offset)?))
}

pub(crate) fn be64(bytes: &[u8], offset: usize) -> Result<u64> {
    Ok(u64::from_be_bytes(array(bytes, offset)?))
}

pub(crate) fn le32(bytes: &[u8], offset: usize) -> Result<u32> {
    Ok(u32::from_le_bytes(array(bytes, offset)?))
}

pub(crate) fn le64(bytes: &[u8], offset: usize) -> Result<u64> {
    Ok(u64::from_le_bytes(array(bytes, offset)?))
}

/// A name in 16 bytes, which ends at the first NUL if there is one.
pub(crate) fn name16(bytes: &[u8], offset: usize) -> Result<String> {
    let name: [u8; 16] = array(bytes, offset)?;
    Ok(String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned())
}

/// A NUL-terminated string at an offset.
pub(crate) fn c_string(bytes: &[u8], offset: usize) -> Result<&str> {
    let rest = bytes.get(offset..).unwrap_or_default();
    let len = rest.iter().position(|byte| *byte == 0);
    let text = len.and_then(|len| std::str::from_utf8(&rest[..len]).ok());
    text.ok_or_else(|| Error::new("there is no text that ends in NUL").at(offset))
}

/// The next multiple of `align`, a power of two.
pub(crate) fn round_up(value: u64, align: u64) -> Result<u64> {
    let rounded = value.checked_add(align - 1).map(|value| value & !(align - 1));
    rounded.ok_or_else(|| Error::new(format!("{value:#x} is beyond every file")))
}

//! The call frame information of an image, which unwinders believe without a look: whether it can be believed.
//!
//! Source: *Linux Standard Base Core*, section 10.6 (`.eh_frame`), and the DWARF standard, section 6.4, which it changes.

use std::ops::Range;

use super::{Check, Field, Kind, Value, Via};

/// Where records end: what stands behind is a word of zeros, or nothing.
///
/// # Errors
///
/// The offset of a record that is none, and why.
pub(crate) fn records_end(table: &[u8]) -> Result<usize, (usize, String)> {
    let mut at = 0;
    while let Some(record) = Record::at(table, at)? {
        at = record.end;
    }
    match table.get(at..).unwrap_or_default().iter().position(|byte| *byte != 0) {
        Some(behind) => Err((at + behind, "stands behind the end that a word of zeros makes".to_owned())),
        None => Ok(at),
    }
}

/// What call frame information is about.
pub(crate) struct Checked {
    /// The address of each frame description in use.
    pub(crate) descriptions: Vec<u64>,
}

/// Checks the records of a table that stands at `address`, fixed up, of an image with these segments: that they are of
/// known kinds, and that the code that they describe, and what they refer to, lies in the image. A description of no code
/// is made one that unwinders skip: they would take it for that of the function which begins there.
///
/// # Errors
///
/// The offset of a record that cannot be believed, and why.
pub(crate) fn check(table: &mut [u8], address: u64, segments: &[Range<u64>; 3]) -> Result<Checked, (usize, String)> {
    let mut empty = Vec::new();
    let checked = check_all(table, address, segments, &mut empty)?;
    for start in empty {
        table[start].fill(0);
    }
    Ok(checked)
}

/// As [`check`], which notes where the descriptions of no code say where that begins.
fn check_all(
    table: &[u8],
    address: u64,
    segments: &[Range<u64>; 3],
    empty: &mut Vec<Range<usize>>,
) -> Result<Checked, (usize, String)> {
    let mut commons = Commons::default();
    let mut descriptions = Vec::new();
    let mut at = 0;
    while let Some(record) = Record::at(table, at)? {
        let wrong = |message: &str| (at, message.to_owned());
        let mut reader = Reader { bytes: &table[..record.end], at: record.body, address };
        match record.common {
            None => {
                let common = Common::read(&mut reader).ok_or_else(|| wrong("is of an unknown kind"))??;
                if common.personality.as_ref().is_some_and(|(_, pointer)| pointer.value == 0) {
                    return Err(wrong("has no personality function where it says that there is one"));
                }
                commons.add(at, common);
            }
            Some(common) => {
                let Some(common) = commons.at(common) else {
                    return Err(wrong("belongs to a record that is not there"));
                };
                match describe(&mut reader, common, segments).ok_or_else(|| wrong("is cut off"))?? {
                    Described::Code => descriptions.push(address + at as u64),
                    Described::Skipped => {}
                    Described::Nothing(start) => empty.push(start),
                }
            }
        }
        at = record.end;
    }
    Ok(Checked { descriptions })
}

/// A record: a common information entry, or a frame description entry that refers to one.
struct Record {
    /// Behind length and kind.
    body: usize,
    end: usize,
    /// The offset of the common entry that a description belongs to.
    common: Option<usize>,
}

impl Record {
    /// `None`: the end of the table.
    #[inline(always)]
    fn at(table: &[u8], at: usize) -> Result<Option<Record>, (usize, String)> {
        #[cold]
        fn wrong_at(at: usize, message: &str) -> Wrong {
            (at, message.to_owned())
        }
        let wrong = |message: &str| Err(wrong_at(at, message));
        let word = |at: usize| {
            let bytes = table.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*bytes))
        };
        if at == table.len() {
            return Ok(None);
        }
        let Some(length) = word(at) else { return wrong("is cut off") };
        match length {
            0 => return Ok(None),
            u32::MAX => return wrong("has a 64-bit length, which unwinders do not read"),
            _ => {}
        }
        let end = (at + 4).checked_add(length as usize).filter(|end| *end <= table.len());
        let (Some(end), Some(back)) = (end.filter(|end| *end >= at + 8), word(at + 4)) else {
            return wrong("is longer than what is there, or too short");
        };
        // What is counted is the distance from the field back to the common entry.
        let common = match back {
            0 => None,
            back => match (at + 4).checked_sub(back as usize) {
                Some(common) => Some(common),
                None => return wrong("belongs to a record before the first"),
            },
        };
        Ok(Some(Record { body: at + 8, end, common }))
    }
}

/// What a common information entry says of the descriptions that belong to it.
struct Common {
    /// How pointers to code are written.
    code: u8,
    /// How pointers to the language's own data are written, if there are any.
    data: Option<u8>,
    augmented: bool,
    /// Where the pointer to the personality function stands, and the pointer.
    personality: Option<(usize, Pointer)>,
}

/// The common information entries of a table so far, each with its offset.
#[derive(Default)]
struct Commons {
    list: Vec<(usize, Common)>,
    /// The one that was asked for last: mostly it is asked for again.
    last: usize,
}

impl Commons {
    fn add(&mut self, at: usize, common: Common) {
        self.list.push((at, common));
    }

    #[inline]
    fn at(&mut self, offset: usize) -> Option<&Common> {
        if self.list.get(self.last).is_none_or(|(at, _)| *at != offset) {
            self.last = self.list.binary_search_by_key(&offset, |(at, _)| *at).ok()?;
        }
        self.list.get(self.last).map(|(_, common)| common)
    }
}

type Wrong = (usize, String);

/// A pointer in the records of a file, which a relocation may change.
pub(crate) struct FramePointer {
    /// Where it stands in the table.
    pub(crate) offset: usize,
    /// The address in the file that it means if no relocation changes it. `None`: it means nothing then.
    pub(crate) target: Option<u64>,
    /// A distance from its own place of so many bytes, as a relocation.
    pub(crate) kind: Option<&'static Kind>,
    /// Whether it says where the code begins that a record describes.
    pub(crate) is_code: bool,
}

/// A pointer of 8 bytes that counts from its own place.
pub(crate) static DISTANCE: Kind = distance(Via::Symbol, 8);
/// The same, to where the address is found.
pub(crate) static SLOT_DISTANCE: Kind = distance(Via::Got, 8);
static SHORT_DISTANCE: Kind = distance(Via::Symbol, 4);

const fn distance(via: Via, bytes: u8) -> Kind {
    let (value, field, check) = (Value::Relative, Field::Bytes(bytes), Check::Signed(8 * bytes));
    Kind::new("a distance in call frame information", via, value, field, check)
}

/// The pointers in the records of a file's table, whose section has this address in the file.
///
/// # Errors
///
/// The offset of a record that cannot be read, and why.
pub(crate) fn pointers(table: &[u8], address: u64) -> Result<Vec<FramePointer>, (usize, String)> {
    let mut commons = Commons::default();
    let mut pointers = Vec::new();
    let mut at = 0;
    while let Some(record) = Record::at(table, at)? {
        let wrong = |message: &str| (at, message.to_owned());
        let mut reader = Reader { bytes: &table[..record.end], at: record.body, address };
        match record.common {
            None => {
                let common = Common::read(&mut reader).ok_or_else(|| wrong("is of an unknown kind"))??;
                if let Some((offset, _)) = &common.personality {
                    pointers.push(FramePointer { offset: *offset, target: None, kind: None, is_code: false });
                }
                commons.add(at, common);
            }
            Some(common) => {
                let Some(common) = commons.at(common) else {
                    return Err(wrong("belongs to a record that is not there"));
                };
                let mut read = |encoding: u8, is_code: bool| {
                    let offset = reader.at;
                    let pointer = reader.pointer(encoding)??;
                    let relative = encoding & !FORMAT == FROM_PLACE;
                    let kind = [&DISTANCE, &SHORT_DISTANCE].into_iter().find(|kind| kind.width() == reader.at - offset);
                    pointers.push(FramePointer {
                        offset,
                        target: (relative && pointer.raw != 0).then_some(pointer.value),
                        kind,
                        is_code,
                    });
                    if is_code {
                        reader.pointer(encoding & FORMAT)??;
                    }
                    if is_code && common.augmented {
                        reader.leb()?;
                    }
                    Some(())
                };
                let code = read(common.code, true);
                let data = common.data.map_or(Some(()), |encoding| read(encoding, false));
                code.and(data).ok_or_else(|| wrong("is cut off, or has a pointer of an unknown kind"))?;
            }
        }
        at = record.end;
    }
    Ok(pointers)
}

impl Common {
    /// `None`: it ends too soon.
    fn read(reader: &mut Reader<'_>) -> Option<Result<Common, Wrong>> {
        let at = reader.at - 8;
        let wrong = |message: String| Some(Err((at, message)));
        let version = reader.byte()?;
        if version != 1 && version != 3 {
            return wrong(format!("has version {version}, which is not known"));
        }
        let start = reader.at;
        while reader.byte()? != 0 {}
        let augmentation = &reader.bytes[start..reader.at - 1];
        reader.leb()?;
        reader.leb()?;
        if version == 1 {
            reader.byte()?.into()
        } else {
            reader.leb()?
        };
        let mut common = Common { code: ABSOLUTE, data: None, augmented: false, personality: None };
        let Some((b'z', rest)) = augmentation.split_first() else {
            return match augmentation {
                [] => Some(Ok(common)),
                other => {
                    wrong(format!("has the augmentation {:?}, which is not known", String::from_utf8_lossy(other)))
                }
            };
        };
        common.augmented = true;
        reader.leb()?;
        for letter in rest {
            match letter {
                b'R' => common.code = reader.byte()?,
                b'L' => common.data = Some(reader.byte()?).filter(|encoding| *encoding != OMITTED),
                b'P' => {
                    let encoding = reader.byte()?;
                    let at = reader.at;
                    match reader.pointer(encoding)? {
                        Some(pointer) => common.personality = Some((at, pointer)),
                        None => return wrong(format!("has a pointer of the unknown kind {encoding:#x}")),
                    }
                }
                // A signal's frame; arm64's second signing key, and its memory tags.
                b'S' | b'B' | b'G' => {}
                other => {
                    return wrong(format!("has the augmentation letter {:?}, which is not known", char::from(*other)));
                }
            }
        }
        Some(Ok(common))
    }
}

/// What a frame description is of.
enum Described {
    Code,
    /// Of code that is not in the image (that of another copy of a group): unwinders skip it.
    Skipped,
    /// Of no bytes, as of the part of a function that a compiler had set apart and then emptied; where the start stands.
    Nothing(Range<usize>),
}

fn describe(reader: &mut Reader<'_>, common: &Common, segments: &[Range<u64>; 3]) -> Option<Result<Described, Wrong>> {
    let at = reader.at - 8;
    let wrong = |message: String| Some(Err((at, message)));
    let unknown = |encoding: u8| wrong(format!("has a pointer of the unknown kind {encoding:#x}"));
    let start_at = reader.at;
    let Some(start) = reader.pointer(common.code)? else { return unknown(common.code) };
    let start_field = start_at..reader.at;
    let Some(length) = reader.pointer(common.code & FORMAT)? else { return unknown(common.code) };
    if start.raw == 0 {
        return Some(Ok(Described::Skipped));
    }
    if length.value == 0 {
        return Some(Ok(Described::Nothing(start_field)));
    }
    let end = start.value.checked_add(length.value);
    let [text, ..] = segments;
    if end.is_none_or(|end| start.value < text.start || end > text.end) {
        return wrong(format!("describes {:#x} bytes of code at {:#x}, outside the text", length.value, start.value));
    }
    if common.augmented {
        reader.leb()?;
    }
    if let Some(encoding) = common.data {
        let Some(data) = reader.pointer(encoding)? else { return unknown(encoding) };
        if data.raw != 0 && !segments.iter().any(|segment| segment.contains(&data.value)) {
            return wrong(format!("refers to the language's data at {:#x}, outside the image", data.value));
        }
    }
    Some(Ok(Described::Code))
}

/// A pointer as it is written, and what it means.
struct Pointer {
    raw: u64,
    value: u64,
}

const ABSOLUTE: u8 = 0;
const OMITTED: u8 = 0xff;
/// The bits of a pointer's kind that say how it is written, and that it counts from its own place.
const FORMAT: u8 = 0x0f;
const SIGNED_32: u8 = 0x0b;
const FROM_PLACE: u8 = 0x10;
pub(super) const INDIRECT: u8 = 0x80;

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    address: u64,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// A LEB128 number, of which the low 64 bits count.
    fn leb(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                break;
            }
        }
        Some(value)
    }

    /// A pointer of this kind; of an indirect one, where it is found. `Some(None)`: the kind is not known.
    #[inline]
    fn pointer(&mut self, kind: u8) -> Option<Option<Pointer>> {
        // What compilers write.
        if kind & FORMAT == SIGNED_32 && matches!(kind & !FORMAT, 0 | FROM_PLACE) {
            let place = self.address.wrapping_add(self.at as u64);
            let raw = i32::from_le_bytes(*self.bytes.get(self.at..)?.first_chunk()?) as u64;
            self.at += 4;
            let value = if kind & FROM_PLACE != 0 && raw != 0 { place.wrapping_add(raw) } else { raw };
            return Some(Some(Pointer { raw, value }));
        }
        self.any_pointer(kind)
    }

    fn any_pointer(&mut self, kind: u8) -> Option<Option<Pointer>> {
        let place = self.address.wrapping_add(self.at as u64);
        let (size, signed) = match kind & FORMAT {
            0x2 => (2, false),
            0x3 => (4, false),
            0x0 | 0x4 => (8, false),
            0xa => (2, true),
            SIGNED_32 => (4, true),
            0xc => (8, true),
            _ => return Some(None),
        };
        let from_place = match kind & !FORMAT & !INDIRECT {
            0 => false,
            FROM_PLACE => true,
            _ => return Some(None),
        };
        let bytes = self.bytes.get(self.at..)?.get(..size)?;
        self.at += size;
        let mut word = [0; 8];
        word[..size].copy_from_slice(bytes);
        let unused = 64 - 8 * size as u32;
        let raw = u64::from_le_bytes(word);
        let raw = if signed { ((raw << unused) as i64 >> unused) as u64 } else { raw };
        let value = if from_place && raw != 0 { place.wrapping_add(raw) } else { raw };
        Some(Some(Pointer { raw, value }))
    }
}

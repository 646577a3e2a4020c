//! Entitlements in DER, as Apple's CoreEntitlements has them:
//!
//! ```text
//! [APPLICATION 16] { INTEGER 1, dictionary }
//! dictionary = [16] { SEQUENCE { UTF8String name, value }… }   names sorted
//! value      = BOOLEAN | INTEGER | UTF8String | SEQUENCE { value… } | dictionary
//! ```

use std::collections::BTreeMap;

use crate::entitlements::Value;
use crate::error::{Error, Result};

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const UTF8_STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;
const APPLICATION_16: u8 = 0x70;
const CONTEXT_16: u8 = 0xb0;

/// How deep values may lie in each other.
pub(crate) const DEPTH: usize = 32;

pub(crate) fn write(entitlements: &BTreeMap<String, Value>) -> Vec<u8> {
    element(APPLICATION_16, &[element(INTEGER, &[1]), dictionary(entitlements)].concat())
}

fn dictionary(values: &BTreeMap<String, Value>) -> Vec<u8> {
    let entry =
        |(name, of): (&String, &Value)| element(SEQUENCE, &[element(UTF8_STRING, name.as_bytes()), value(of)].concat());
    element(CONTEXT_16, &values.iter().flat_map(entry).collect::<Vec<u8>>())
}

fn value(of: &Value) -> Vec<u8> {
    match of {
        Value::Bool(set) => element(BOOLEAN, &[if *set { 0xff } else { 0 }]),
        Value::Integer(number) => element(INTEGER, shortest(&number.to_be_bytes())),
        Value::String(text) => element(UTF8_STRING, text.as_bytes()),
        Value::Array(values) => element(SEQUENCE, &values.iter().flat_map(value).collect::<Vec<u8>>()),
        Value::Dictionary(values) => dictionary(values),
    }
}

/// An integer's bytes without those in front that say nothing.
fn shortest(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        let repeats = rest.first().is_some_and(|next| *first == if next & 0x80 == 0 { 0 } else { 0xff });
        if !repeats {
            break;
        }
        bytes = rest;
    }
    bytes
}

fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(contents.len()) {
        Ok(len) if len < 0x80 => out.push(len),
        _ => {
            let len = contents.len().to_be_bytes();
            let len = &len[len.iter().position(|byte| *byte != 0).unwrap_or(0)..];
            out.push(0x80 | len.len() as u8);
            out.extend(len);
        }
    }
    out.extend(contents);
    out
}

pub(crate) fn read(der: &[u8]) -> Result<BTreeMap<String, Value>> {
    let mut whole = Reader { bytes: der, at: 0 };
    let mut inside = whole.expect(APPLICATION_16)?;
    whole.end()?;
    let version = inside.expect(INTEGER)?;
    if version.bytes != [1] {
        return Err(Error::new("the version is not 1").at(version.at));
    }
    let values = inside.expect(CONTEXT_16)?;
    inside.end()?;
    read_dictionary(values, DEPTH)
}

fn read_dictionary(mut from: Reader<'_>, depth: usize) -> Result<BTreeMap<String, Value>> {
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    while !from.bytes.is_empty() {
        let at = from.at;
        let mut entry = from.expect(SEQUENCE)?;
        let name = text(&entry.expect(UTF8_STRING)?)?;
        if values.last_key_value().is_some_and(|(last, _)| *last >= name) {
            return Err(Error::new(format!("the name `{name}` is not in its place")).at(at));
        }
        let value = read_value(&mut entry, depth)?;
        entry.end()?;
        values.insert(name, value);
    }
    Ok(values)
}

fn read_value(from: &mut Reader<'_>, depth: usize) -> Result<Value> {
    let at = from.at;
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Error::new("values lie too deep in each other").at(at));
    };
    let (tag, mut contents) = from.element()?;
    Ok(match (tag, contents.bytes) {
        (BOOLEAN, [0]) => Value::Bool(false),
        (BOOLEAN, [0xff]) => Value::Bool(true),
        (INTEGER, bytes) if !bytes.is_empty() && bytes.len() <= 8 && shortest(bytes).len() == bytes.len() => {
            let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
            Value::Integer(bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte)))
        }
        (UTF8_STRING, _) => Value::String(text(&contents)?),
        (SEQUENCE, _) => {
            let mut values = Vec::new();
            while !contents.bytes.is_empty() {
                values.push(read_value(&mut contents, depth)?);
            }
            Value::Array(values)
        }
        (CONTEXT_16, _) => Value::Dictionary(read_dictionary(contents, depth)?),
        _ => return Err(Error::new(format!("a value of kind {tag:#04x}, which entitlements do not have")).at(at)),
    })
}

fn text(from: &Reader<'_>) -> Result<String> {
    let text = std::str::from_utf8(from.bytes).map_err(|_| Error::new("text that is not UTF-8").at(from.at))?;
    Ok(text.to_owned())
}

/// What is left of some bytes, and where they stand in the whole.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next element: its tag, and its contents.
    fn element(&mut self) -> Result<(u8, Reader<'a>)> {
        let short = || Error::new("the data is cut off").at(self.at);
        let [tag, first, rest @ ..] = self.bytes else { return Err(short()) };
        let (len, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            let (len, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or_else(short)?;
            let number = len.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            // DER: a definite length, in the fewest bytes.
            if len.len() > 4 || len.first().is_none_or(|byte| *byte == 0) || number < 0x80 {
                return Err(Error::new("a length that is not in its shortest form").at(self.at + 1));
            }
            (number as usize, rest)
        };
        let (contents, rest) = rest.split_at_checked(len).ok_or_else(short)?;
        let end = self.at + (self.bytes.len() - rest.len());
        self.at = end;
        self.bytes = rest;
        Ok((*tag, Reader { bytes: contents, at: end - len }))
    }

    fn expect(&mut self, tag: u8) -> Result<Reader<'a>> {
        let at = self.at;
        match self.element()? {
            (found, contents) if found == tag => Ok(contents),
            (found, _) => Err(Error::new(format!("an element of kind {found:#04x} instead of {tag:#04x}")).at(at)),
        }
    }

    fn end(&self) -> Result<()> {
        if self.bytes.is_empty() { Ok(()) } else { Err(Error::new("something follows the end").at(self.at)) }
    }
}

#[cfg(test)]
mod tests;

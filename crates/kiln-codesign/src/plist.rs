//! Property lists in XML, as far as entitlements need them (Apple, PropertyList-1.0.dtd).

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::der::DEPTH;
use crate::entitlements::Value;
use crate::error::{Error, Result};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
";

pub(crate) fn write(values: &BTreeMap<String, Value>) -> String {
    let mut out = HEAD.to_owned();
    write_dictionary(&mut out, values, 0);
    out + "</plist>"
}

fn write_dictionary(out: &mut String, values: &BTreeMap<String, Value>, depth: usize) {
    let indent = "\t".repeat(depth);
    if values.is_empty() {
        *out += &format!("{indent}<dict/>\n");
        return;
    }
    *out += &format!("{indent}<dict>\n");
    for (name, value) in values {
        *out += &format!("{indent}\t<key>{}</key>\n", escaped(name));
        write_value(out, value, depth + 1);
    }
    *out += &format!("{indent}</dict>\n");
}

fn write_value(out: &mut String, value: &Value, depth: usize) {
    let indent = "\t".repeat(depth);
    // Writing to a string does not fail.
    let _ = match value {
        Value::Bool(set) => writeln!(out, "{indent}<{set}/>"),
        Value::Integer(number) => writeln!(out, "{indent}<integer>{number}</integer>"),
        Value::String(text) => writeln!(out, "{indent}<string>{}</string>", escaped(text)),
        Value::Array(values) if values.is_empty() => writeln!(out, "{indent}<array/>"),
        Value::Array(values) => {
            *out += &format!("{indent}<array>\n");
            values.iter().for_each(|value| write_value(out, value, depth + 1));
            writeln!(out, "{indent}</array>")
        }
        Value::Dictionary(values) => {
            write_dictionary(out, values, depth);
            Ok(())
        }
    };
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(crate) fn read(xml: &[u8]) -> Result<BTreeMap<String, Value>> {
    if xml.starts_with(b"bplist") {
        return Err(Error::new("this is a binary property list").next("convert it: plutil -convert xml1 FILE"));
    }
    let text = std::str::from_utf8(xml).map_err(|error| {
        let line = xml[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::new(format!("line {line}: the text is not UTF-8"))
    })?;
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let mut open = reader.tag("a property list")?;
    let in_plist = open.name == "plist" && !open.empty;
    if in_plist {
        open = reader.tag("a dictionary")?;
    }
    let Value::Dictionary(values) = reader.value(&open, None, DEPTH)? else {
        return Err(Error::new(format!("line {}: entitlements are a <dict>, and this is <{}>", open.line, open.name)));
    };
    if in_plist {
        reader.close("plist")?;
    }
    reader.space()?;
    if reader.rest.is_empty() { Ok(values) } else { Err(reader.error("something follows the end")) }
}

/// A tag as it stands: `<name …>`, `<name …/>` or `</name>`.
struct Tag<'a> {
    name: &'a str,
    closes: bool,
    empty: bool,
    line: usize,
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, message: impl std::fmt::Display) -> Error {
        Error::new(format!("line {}: {message}", self.line))
    }

    /// Goes on behind the next `end`, and returns what stands before it.
    fn until(&mut self, end: &str, what: &str) -> Result<&'a str> {
        let Some((before, after)) = self.rest.split_once(end) else {
            return Err(self.error(format!("{what} does not end")));
        };
        self.line += before.matches('\n').count();
        self.rest = after;
        Ok(before)
    }

    /// Skips white space, comments, the declarations of XML and of the document type.
    fn space(&mut self) -> Result<()> {
        loop {
            let trimmed = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            self.line += self.rest[..self.rest.len() - trimmed.len()].matches('\n').count();
            self.rest = trimmed;
            if trimmed.starts_with("<!--") {
                self.until("-->", "a comment")?;
            } else if trimmed.starts_with("<?") {
                self.until("?>", "a declaration")?;
            } else if trimmed.starts_with("<!DOCTYPE") {
                if self.until(">", "the document type")?.contains('[') {
                    return Err(self.error("a document type that declares something of its own"));
                }
            } else {
                return Ok(());
            }
        }
    }

    /// The next tag, where `what` is expected.
    fn tag(&mut self, what: &str) -> Result<Tag<'a>> {
        self.space()?;
        let Some(rest) = self.rest.strip_prefix('<') else {
            let found = if self.rest.is_empty() { "the end" } else { "text" };
            return Err(self.error(format!("{found} where {what} is expected")));
        };
        self.rest = rest;
        let line = self.line;
        let inside = self.until(">", "a tag")?;
        let (inside, closes) = inside.strip_prefix('/').map_or((inside, false), |inside| (inside, true));
        let (inside, empty) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let name = inside.split([' ', '\t', '\r', '\n']).next().unwrap_or_default();
        Ok(Tag { name, closes, empty, line })
    }

    fn close(&mut self, name: &str) -> Result<()> {
        let what = format!("</{name}>");
        let tag = self.tag(&what)?;
        if tag.closes && tag.name == name {
            return Ok(());
        }
        Err(Error::new(format!("line {}: <{}> where {what} is expected", tag.line, tag.name)))
    }

    /// The value that begins with this tag, which belongs to the entitlement `of`.
    fn value(&mut self, open: &Tag<'a>, of: Option<&str>, depth: usize) -> Result<Value> {
        let at = |message: String| {
            let of = of.map(|name| format!("`{name}`: ")).unwrap_or_default();
            Error::new(format!("line {}: {of}{message}", open.line))
        };
        let Some(depth) = depth.checked_sub(1) else {
            return Err(at("values lie too deep in each other".to_owned()));
        };
        if open.closes {
            return Err(at(format!("</{}> where a value is expected", open.name)));
        }
        Ok(match open.name {
            "true" | "false" => {
                if !open.empty {
                    self.close(open.name)?;
                }
                Value::Bool(open.name == "true")
            }
            "string" => Value::String(self.text(open)?),
            "integer" => {
                let text = self.text(open)?;
                let number = text.trim().parse();
                Value::Integer(number.map_err(|_| at(format!("`{text}` is no integer of 64 bits")))?)
            }
            "array" => {
                let mut values = Vec::new();
                while let Some(tag) = self.next_inside(open)? {
                    values.push(self.value(&tag, of, depth)?);
                }
                Value::Array(values)
            }
            "dict" => {
                let mut values = BTreeMap::new();
                while let Some(tag) = self.next_inside(open)? {
                    if tag.name != "key" || tag.closes {
                        return Err(Error::new(format!("line {}: <{}> where a <key> is expected", tag.line, tag.name)));
                    }
                    let name = self.text(&tag)?;
                    let tag = self.tag("a value")?;
                    let value = self.value(&tag, Some(&name), depth)?;
                    if values.insert(name.clone(), value).is_some() {
                        return Err(Error::new(format!("line {}: `{name}` has two values", tag.line)));
                    }
                }
                Value::Dictionary(values)
            }
            name @ ("real" | "date" | "data") => return Err(at(format!("<{name}> is no value for an entitlement"))),
            name => return Err(at(format!("<{name}> is no value of a property list"))),
        })
    }

    /// The next tag in an element, or its end.
    fn next_inside(&mut self, open: &Tag<'a>) -> Result<Option<Tag<'a>>> {
        if open.empty {
            return Ok(None);
        }
        let tag = self.tag(&format!("</{}>", open.name))?;
        Ok(if tag.closes && tag.name == open.name { None } else { Some(tag) })
    }

    /// The text in an element that has nothing else.
    fn text(&mut self, open: &Tag<'a>) -> Result<String> {
        if open.empty {
            return Ok(String::new());
        }
        let line = self.line;
        let raw = self.until("<", "text")?;
        let close = self.until(">", "a tag")?;
        if close.strip_prefix('/').map(str::trim_end) != Some(open.name) {
            return Err(Error::new(format!("line {}: <{close}> inside of <{}>", self.line, open.name)));
        }
        unescaped(raw).map_err(|entity| Error::new(format!("line {line}: `&{entity};` is not known")))
    }
}

/// Text with its entities replaced; else the first one that has no meaning.
fn unescaped(raw: &str) -> Result<String, String> {
    let mut parts = raw.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').ok_or_else(|| part.chars().take(8).collect::<String>())?;
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let character = match entity {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => match (entity.strip_prefix("#x"), entity.strip_prefix('#')) {
                (Some(hex), _) => number(hex, 16),
                (None, Some(decimal)) => number(decimal, 10),
                (None, None) => None,
            },
        };
        out.push(character.ok_or_else(|| entity.to_owned())?);
        out += rest;
    }
    Ok(out)
}

#[cfg(test)]
mod tests;

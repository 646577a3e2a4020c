//! What the head of a fixture says.
//!
//! The head is the comment lines (`#` for x86-64, `//` for arm64) before the first other line. The first one says what
//! the fixture shows. Those that begin with one of these words say the rest; others are remarks.
//!
//! | line | means |
//! |---|---|
//! | `target: TRIPLE` | what it is assembled and linked for |
//! | `base: 0x10000` | where the image stands |
//! | `define: NAME = 0x1234` | a symbol outside the inputs, by C's name |
//! | `covers: R_X86_64_PC32` | the row of `src/fixup` that it is the fixture of; it holds no other kind of relocation |
//! | `retype: .text+0x3 = 5` | assemblers have no words for this relocation type, so it is written over another one; see `Raw::set` (`#2 .text+0x3`: in the second input; `__text+0x3 part`: of a Mach-O pair, the first) |
//! | `expect PLACE: 12 34 // why` | the bytes there; a place is a symbol, `symbol+1` or an address. At least one, unless there is: |
//! | `expect-error: TEXT` | the error's whole `Display` |
//! | `expect-entries: 1 0` | how many stubs and GOT slots the image holds |
//!
//! A line `# input` further down begins another input; its name has `#2` at the end.

use kiln::Target;

pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) target: Target,
    pub(crate) base: u64,
    pub(crate) defines: Vec<(String, u64)>,
    pub(crate) covers: Option<String>,
    pub(crate) retypes: Vec<Retype>,
    pub(crate) entries: Option<(usize, usize)>,
    pub(crate) outcome: Outcome,
    /// The text of each input; in the first one, the head too.
    pub(crate) inputs: Vec<String>,
}

pub(crate) enum Outcome {
    Bytes(Vec<Expected>),
    Error(String),
}

pub(crate) struct Expected {
    pub(crate) place: Place,
    pub(crate) shown: String,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) enum Place {
    At(u64),
    Symbol(String, u64),
}

pub(crate) struct Retype {
    pub(crate) input: usize,
    pub(crate) section: String,
    pub(crate) offset: u64,
    pub(crate) part: bool,
    pub(crate) value: u32,
}

impl Fixture {
    pub(crate) fn parse(name: &str, text: &str) -> Result<Fixture, String> {
        let mut target = None;
        let mut base = None;
        let (mut defines, mut retypes, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        let (mut covers, mut entries, mut error) = (None, None, None);
        let head = text.lines().map_while(comment);
        if text.lines().next().and_then(comment).and_then(directive).is_some() {
            return Err("the first line does not say what the fixture shows".to_owned());
        }
        for (word, rest) in head.filter_map(directive) {
            let bad = || format!("`{word}` and then `{rest}` means nothing");
            match word {
                "target" => target = Some(rest.parse().map_err(|error: kiln::Error| error.to_string())?),
                "base" => base = Some(number(rest).filter(|base| base % 0x1000 == 0).ok_or_else(bad)?),
                "define" => {
                    let (name, value) = rest.split_once(" = ").ok_or_else(bad)?;
                    defines.push((name.to_owned(), number(value).ok_or_else(bad)?));
                }
                "covers" => covers = Some(rest.to_owned()),
                "retype" => retypes.push(retype(rest).ok_or_else(bad)?),
                "expect-error" => error = Some(rest.to_owned()),
                "expect-entries" => {
                    let (stubs, slots) = rest.split_once(' ').ok_or_else(bad)?;
                    entries = Some((stubs.parse().map_err(|_| bad())?, slots.parse().map_err(|_| bad())?));
                }
                _ => match word.strip_prefix("expect ") {
                    Some(place) => expected.push(expectation(place, rest).ok_or_else(bad)?),
                    None => return Err(format!("`{word}:` is no word of fixtures")),
                },
            }
        }
        let outcome = match (error, expected.is_empty()) {
            (Some(error), true) => Outcome::Error(error),
            (None, false) => Outcome::Bytes(expected),
            (Some(_), false) => return Err("it expects an error and bytes".to_owned()),
            (None, true) => return Err("it expects nothing".to_owned()),
        };
        Ok(Fixture {
            name: name.to_owned(),
            target: target.ok_or("it has no target")?,
            base: base.ok_or("it has no base")?,
            defines,
            covers,
            retypes,
            entries,
            outcome,
            inputs: inputs(text),
        })
    }
}

fn comment(line: &str) -> Option<&str> {
    line.strip_prefix("//").or_else(|| line.strip_prefix('#')).map(str::trim)
}

/// A line `word: rest`, `expect place: rest` or `expect-…: rest`.
fn directive(line: &str) -> Option<(&str, &str)> {
    let (word, rest) = line.split_once(':')?;
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    // A misspelt `expect` must not pass for a remark.
    let is_expect = word.starts_with("exp") && word.split(' ').count() == 2;
    (is_word || is_expect).then(|| (word, rest.trim()))
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn place(text: &str) -> Option<Place> {
    if let Some(address) = number(text) {
        return Some(Place::At(address));
    }
    let (name, offset) = text.split_once('+').unwrap_or((text, "0"));
    (!name.is_empty()).then_some(())?;
    Some(Place::Symbol(name.to_owned(), number(offset)?))
}

fn expectation(at: &str, rest: &str) -> Option<Expected> {
    let bytes = rest.split_once("//").map_or(rest, |(bytes, _)| bytes).split_whitespace();
    let bytes: Option<Vec<u8>> =
        bytes.map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2)).collect();
    let bytes = bytes.filter(|bytes| !bytes.is_empty())?;
    Some(Expected { place: place(at)?, shown: at.to_owned(), bytes })
}

fn retype(rest: &str) -> Option<Retype> {
    let (input, rest) = match rest.strip_prefix('#') {
        Some(rest) => {
            let (input, rest) = rest.split_once(' ')?;
            (input.parse::<usize>().ok()?.checked_sub(1)?, rest)
        }
        None => (0, rest),
    };
    let (place, value) = rest.split_once(" = ")?;
    let (place, part) = place.strip_suffix(" part").map_or((place, false), |place| (place, true));
    let (section, offset) = place.split_once('+')?;
    let value = value.split_whitespace().next()?;
    let (offset, value) = (number(offset)?, u32::try_from(number(value)?).ok()?);
    Some(Retype { input, section: section.to_owned(), offset, part, value })
}

fn inputs(text: &str) -> Vec<String> {
    let mut inputs = vec![String::new()];
    for line in text.lines() {
        if comment(line) == Some("input") {
            inputs.push(String::new());
        } else if let Some(input) = inputs.last_mut() {
            *input += line;
            input.push('\n');
        }
    }
    inputs
}

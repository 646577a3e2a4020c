//! `kiln disasm`

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use kiln::{Arch, Contents, FileRelocation, Kind, Section, Target};

use crate::debug::{Debug, Place};
use crate::decode::{self, Line};
use crate::inputs::{self, Input};
use crate::{Failure, args, flat};

const NAME: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
const SOURCE: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Cyan)));
const QUIET: Style = Style::new().dimmed();

/// How many bytes of an instruction stand on one line.
const BYTES: usize = 8;

pub(crate) fn disasm(args: args::Disasm) -> Result<ExitCode, Failure> {
    let target = args.target.unwrap_or_else(Target::host);
    let input = inputs::read(&args.file, target, true)?;
    let mut text = String::new();
    if input.kind == Kind::Flat {
        flat_code(&args, &input, target, &mut text)?;
    } else {
        let contents = Contents::read(&input.name, &input.bytes, target.arch())?;
        if let Some(base) = args.base {
            return Err(Failure::new(format!(
                "{}: only flat code has no addresses, and {base} was asked for",
                input.name
            ))
            .next("link it first: kiln flat FILE --base ADDRESS"));
        }
        Listing::new(&args, &contents).write(&args, &input, &mut text)?;
    }
    let mut stdout = anstream::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        // Whoever reads it has seen enough: `kiln disasm … | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => {
            written.map(|()| ExitCode::SUCCESS).map_err(|error| Failure::new(format!("standard output: {error}")))
        }
    }
}

fn flat_code(args: &args::Disasm, input: &Input, target: Target, text: &mut String) -> Result<(), Failure> {
    if let Some(what) = args.name.as_ref().or(args.section.as_ref()) {
        return Err(Failure::new(format!("{}: flat code has no names, and `{what}` was asked for", input.name)));
    }
    let base = args.base.unwrap_or_default().0;
    let _ = writeln!(text, "{}: flat code, {}", input.name, target.arch());
    let lines = decode::named_lines(target.arch(), &input.bytes, base, args.syntax, &|_, _| None);
    let width = digits(base.wrapping_add(input.bytes.len() as u64));
    for line in lines {
        row(text, base.wrapping_add(line.offset as u64), width, &line, "");
    }
    Ok(())
}

/// How many hexadecimal digits addresses up to `end` take.
fn digits(end: u64) -> usize {
    format!("{end:x}").len()
}

/// One line of a listing.
fn row(text: &mut String, address: u64, width: usize, line: &Line<'_>, comment: &str) {
    let mut chunks = line.bytes.chunks(BYTES);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x} ")).collect::<String>();
    let first = hex(chunks.next().unwrap_or_default());
    let _ = write!(text, "{QUIET}  {address:>0width$x}:  {first:<25}{QUIET:#}{}", line.text, width = width.max(4));
    if !comment.is_empty() {
        let _ = write!(text, "  {QUIET}# {comment}{QUIET:#}");
    }
    text.push('\n');
    for more in chunks {
        let _ = writeln!(text, "{QUIET}  {:width$}   {}{QUIET:#}", "", hex(more).trim_end(), width = width.max(4));
    }
}

/// A file with what is needed to list it.
struct Listing<'c, 'a> {
    arch: Arch,
    contents: &'c Contents<'a>,
    /// Of each section: offsets and names, by offset, without those that only map code and data.
    labels: Vec<Vec<(u64, &'c str)>>,
    /// Of each section: where code (`true`) and data begin, as arm64's mapping symbols say (AAELF64, section 5.5.4).
    mapping: Vec<Vec<(u64, bool)>>,
    debug: Option<Debug>,
    sources: HashMap<String, Vec<String>>,
}

/// In an object file many sections have the address 0. Where lines are looked up, each has a place of its own.
const APART: u64 = 1 << 40;

impl<'c, 'a> Listing<'c, 'a> {
    fn new(args: &args::Disasm, contents: &'c Contents<'a>) -> Listing<'c, 'a> {
        let mut labels = vec![Vec::new(); contents.sections().len()];
        let mut mapping = vec![Vec::new(); contents.sections().len()];
        for symbol in contents.symbols() {
            match symbol.name.split('.').next() {
                Some("$x") => mapping[symbol.section].push((symbol.offset, true)),
                Some("$d") => mapping[symbol.section].push((symbol.offset, false)),
                _ if symbol.name.starts_with(".L") || symbol.name.starts_with("ltmp") => {}
                // COFF's symbols of the sections themselves.
                _ if symbol.name == contents.sections()[symbol.section].name => {}
                _ => labels[symbol.section].push((symbol.offset, &*symbol.name)),
            }
        }
        labels.iter_mut().for_each(|labels| labels.sort_unstable());
        mapping.iter_mut().for_each(|mapping| mapping.sort_unstable());
        let debug = (!args.no_source).then(|| Debug::of(contents, &|section| apart(contents, section))).flatten();
        Listing { arch: contents.target().arch(), contents, labels, mapping, debug, sources: HashMap::new() }
    }

    fn write(&mut self, args: &args::Disasm, input: &Input, text: &mut String) -> Result<(), Failure> {
        let _ = writeln!(text, "{}: {}, {}", input.name, input.kind, self.arch);
        if let Some(name) = &args.name {
            let (section, range) = flat::symbol_range(&args.file, self.contents, name)?;
            let index = self.contents.sections().iter().position(|one| std::ptr::eq(one, section)).unwrap_or_default();
            self.part(args, index, range, text);
            return Ok(());
        }
        let asked = |section: &Section<'_>| match &args.section {
            Some(name) => section.is(name),
            None => section.executable && section.size > 0,
        };
        let wanted: Vec<usize> =
            (0..).zip(self.contents.sections()).filter(|(_, one)| asked(one)).map(|(at, _)| at).collect();
        if wanted.is_empty() {
            let listed = self.contents.sections().iter().filter(|section| section.size > 0);
            let names: Vec<&str> = listed.map(|section| &*section.name).collect();
            let failure = Failure::new(match &args.section {
                Some(name) => format!("{}: there is no section {name}", input.name),
                None => format!("{}: there is no executable section with contents", input.name),
            });
            return Err(if names.is_empty() {
                failure
            } else {
                failure.next(format!("name one with --section: {}", names.join(", ")))
            });
        }
        for section in wanted {
            let size = self.contents.sections()[section].data.len() as u64;
            self.part(args, section, 0..size, text);
        }
        Ok(())
    }

    /// Lists the bytes `range` of a section.
    fn part(&mut self, args: &args::Disasm, index: usize, range: Range<u64>, text: &mut String) {
        let section = &self.contents.sections()[index];
        let name =
            section.segment.as_ref().map_or(section.name.clone(), |segment| format!("{segment},{}", section.name));
        let _ = writeln!(text, "\n{QUIET}section {name}{QUIET:#}");
        let relocations = self.contents.relocations(index);
        let width = digits(section.address.wrapping_add(section.size));
        let mut shown: Option<Place> = None;
        for (piece, is_code) in self.pieces(index, &range) {
            for (_, label) in equal(&self.labels[index], piece.start, |label| label.0) {
                let _ = writeln!(text, "{NAME}{label}:{NAME:#}");
            }
            let bytes = usize::try_from(piece.start).ok().zip(usize::try_from(piece.end).ok());
            let Some(bytes) = bytes.and_then(|(start, end)| section.data.get(start..end)) else { continue };
            let address = section.address.wrapping_add(piece.start);
            let within = |offset: usize| piece.start + offset as u64;
            let lines = if is_code {
                let named = |field: usize, from: usize| {
                    let field = within(field);
                    let found = equal(&relocations, field, |relocation| relocation.offset).first()?;
                    Some(self.resolved(found, within(from)))
                };
                decode::named_lines(self.arch, bytes, address, args.syntax, &named)
            } else {
                data(bytes)
            };
            for line in lines {
                let start = within(line.offset);
                if is_code
                    && let Some(place) = self.place(index, start)
                    && shown.as_ref() != Some(&place)
                {
                    let source = self.source_line(&place);
                    let _ = writeln!(
                        text,
                        "{SOURCE}{place}{SOURCE:#}{}",
                        source.map_or(String::new(), |line| format!(": {line}"))
                    );
                    shown = Some(place);
                }
                let first = relocations.partition_point(|relocation| relocation.offset < start);
                let end = start + line.bytes.len() as u64;
                let inside = relocations[first..].iter().take_while(|relocation| relocation.offset < end);
                let comments: Vec<String> = inside.map(raw).collect();
                let target = line.target.filter(|_| comments.is_empty());
                let label = target.and_then(|target| self.label_at(index, target.wrapping_sub(section.address)));
                let line =
                    Line { text: label.map_or(line.text.clone(), |label| format!("{} <{label}>", line.text)), ..line };
                row(text, section.address.wrapping_add(start), width, &line, &comments.join("; "));
            }
        }
    }

    /// The parts of a range that begin with a label or where code becomes data or the other way round, none empty.
    fn pieces(&self, index: usize, range: &Range<u64>) -> Vec<(Range<u64>, bool)> {
        let executable = self.contents.sections()[index].executable;
        let mapping = &self.mapping[index];
        let mut bounds: Vec<u64> = self.labels[index].iter().map(|(offset, _)| *offset).collect();
        bounds.extend(mapping.iter().map(|(offset, _)| *offset));
        bounds.retain(|bound| range.contains(bound));
        bounds.extend([range.start, range.end]);
        bounds.sort_unstable();
        bounds.dedup();
        let is_code = |at: u64| match mapping.partition_point(|(offset, _)| *offset <= at) {
            0 => executable,
            before => executable && mapping[before - 1].1,
        };
        bounds.windows(2).map(|pair| (pair[0]..pair[1], is_code(pair[0]))).collect()
    }

    /// The name of what a relocation's field stands for, where distances count from the offset `from`.
    fn resolved(&self, relocation: &FileRelocation, from: u64) -> String {
        let mut addend = relocation.addend;
        if relocation.relative {
            addend = addend.wrapping_add((from.wrapping_sub(relocation.offset)) as i64);
        }
        let symbolic =
            relocation.defined.filter(|(section, _)| relocation.symbol == self.contents.sections()[*section].name);
        if let Some((section, offset)) = symbolic
            && let Some(name) = self.label_at(section, offset.wrapping_add_signed(addend))
        {
            return name;
        }
        plus(&relocation.symbol, addend)
    }

    /// The last label at or before an offset of a section, and how far behind it the offset is.
    fn label_at(&self, section: usize, offset: u64) -> Option<String> {
        let labels = &self.labels[section];
        if offset > self.contents.sections()[section].size {
            return None;
        }
        let before = labels.partition_point(|(start, _)| *start <= offset);
        let (start, _) = labels.get(before.checked_sub(1)?)?;
        // Of several names for one place, the first.
        let (_, name) = equal(labels, *start, |label| label.0).first()?;
        Some(plus(name, (offset - start) as i64))
    }

    fn place(&self, section: usize, offset: u64) -> Option<Place> {
        self.debug.as_ref()?.place(apart(self.contents, section).wrapping_add(offset))
    }

    /// The text of a line, if its file can be read.
    fn source_line(&mut self, place: &Place) -> Option<String> {
        let lines = self.sources.entry(place.file.clone()).or_insert_with(|| {
            let text = std::fs::read(&place.file).unwrap_or_default();
            String::from_utf8_lossy(&text).lines().map(|line| line.trim().replace('\t', " ")).collect()
        });
        lines.get(usize::try_from(place.line).ok()?.checked_sub(1)?).filter(|line| !line.is_empty()).cloned()
    }
}

/// Those of the values, which are sorted by `key`, whose key is `wanted`.
fn equal<T>(values: &[T], wanted: u64, key: impl Fn(&T) -> u64) -> &[T] {
    let start = values.partition_point(|value| key(value) < wanted);
    let count = values[start..].partition_point(|value| key(value) == wanted);
    &values[start..start + count]
}

fn apart(contents: &Contents<'_>, section: usize) -> u64 {
    let found = &contents.sections()[section];
    if contents.is_linked() {
        found.address
    } else if found.executable {
        (section as u64 + 1) * APART
    } else {
        0
    }
}

/// A relocation as the file has it.
fn raw(relocation: &FileRelocation) -> String {
    format!("{} {}", relocation.kind, plus(&relocation.symbol, relocation.addend))
}

fn plus(name: &str, addend: i64) -> String {
    match addend {
        0 => name.to_owned(),
        1.. => format!("{name}+{addend:#x}"),
        _ => format!("{name}-{:#x}", addend.unsigned_abs()),
    }
}

/// Bytes that are no code, eight to a line.
fn data(bytes: &[u8]) -> Vec<Line<'_>> {
    let row = |(row, bytes): (usize, &'_ [u8])| {
        let text: String = bytes
            .iter()
            .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
            .collect();
        (row * BYTES, format!("|{text}|"))
    };
    let texts = bytes.chunks(BYTES).enumerate().map(row);
    texts.zip(bytes.chunks(BYTES)).map(|((offset, text), bytes)| Line { offset, bytes, text, target: None }).collect()
}

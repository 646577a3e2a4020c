//! `kiln flat`

use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use kiln::{Arch, Contents, Error, Kind, Linker, Permission, Plan, PlannedSection, Section, Target, TargetAddr};

use crate::asm::write;
use crate::emit::{self, Format, Image};
use crate::inputs::{self, Input};
use crate::{Failure, args};

/// What was cut.
struct Cut {
    arch: Arch,
    base: u64,
    bytes: Vec<u8>,
    /// The offset at which it is entered.
    entry: Option<u64>,
    /// The parts that hold instructions.
    code: Vec<Range<usize>>,
    symbols: Vec<(u64, String)>,
}

pub(crate) fn flat(args: args::Flat) -> Result<ExitCode, Failure> {
    let name = args.file.display().to_string();
    let target = args.target.unwrap_or_else(Target::host);
    let Input { kind, bytes, .. } = inputs::read(&args.file, target, false)?;
    let cut = if kind == Kind::Flat {
        flat_code(&args, bytes, target)?
    } else {
        let contents = Contents::read(&name, &bytes, target.arch()).map_err(|error| unread(error, kind))?;
        let arch = contents.target().arch();
        if let Some(asked) = args.target.filter(|asked| asked.arch() != arch) {
            return Err(Failure::new(format!("{name}: the code is for {arch}, and {asked} was asked for")));
        }
        if contents.is_linked() { linked(&args, &contents)? } else { object(&args, &contents, &name, &bytes)? }
    };
    if cut.bytes.is_empty() {
        return Err(Failure::new(format!("{name}: there is nothing to cut: no code and no data")));
    }
    if args.entry {
        let Some(entry) = cut.entry else {
            return Err(Failure::new(format!("{name}: there is no symbol `_start` or `main` in the cut"))
                .next("take a named function with --symbol NAME"));
        };
        print(format!("{entry:#x}\n").as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    put(&args, &cut)
}

/// Why a file could not be read, with the way out that this command has.
fn unread(error: Error, kind: Kind) -> Failure {
    let no_slice = kind == Kind::Universal && error.is_unsupported();
    let mut failure = Failure::from(error);
    if no_slice && failure.next.is_none() {
        failure.next = Some("take the slice of another architecture with --target".to_owned());
    }
    failure
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::new(format!("standard output: {error}")))
}

fn put(args: &args::Flat, cut: &Cut) -> Result<ExitCode, Failure> {
    let stem = args.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let image = Image {
        name: args.symbol.as_deref().unwrap_or(&stem),
        arch: cut.arch,
        base: cut.base,
        bytes: &cut.bytes,
        entry: cut.entry,
        code: cut.code.clone(),
        symbols: cut.symbols.clone(),
    };
    let output = emit::emit(args.emit, &image);
    match &args.output {
        Some(path) => write(path, &output)?,
        None => {
            if args.emit == Format::Bin && std::io::stdout().is_terminal() {
                return Err(Failure::new("machine code is not for a terminal")
                    .next("give -o OUT, redirect standard output, or say --emit hex"));
            }
            print(&output)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn flat_code(args: &args::Flat, bytes: Vec<u8>, target: Target) -> Result<Cut, Failure> {
    if let Some(what) = args.section.as_ref().or(args.symbol.as_ref()) {
        return Err(Failure::new(format!(
            "{}: flat code has no names, and `{what}` was asked for",
            args.file.display()
        )));
    }
    if let Some((symbol, _)) = args.define.first() {
        return Err(Failure::new(format!(
            "{}: flat code is linked already: nothing wants `{symbol}`",
            args.file.display()
        )));
    }
    let code = std::iter::once(0..bytes.len()).collect();
    let base = args.base.unwrap_or_default().0;
    Ok(Cut { arch: target.arch(), base, bytes, entry: Some(0), code, symbols: Vec::new() })
}

/// Bytes of a linked file, as they are.
fn linked(args: &args::Flat, contents: &Contents<'_>) -> Result<Cut, Failure> {
    let name = args.file.display();
    if let Some(base) = args.base {
        return Err(Failure::new(format!("{name}: a linked file has its addresses already, and {base} was asked for"))
            .next("link the object files that it was made from"));
    }
    if let Some((symbol, _)) = args.define.first() {
        return Err(Failure::new(format!(
            "{name}: a linked file has its symbols already, and `{symbol}` was to be defined"
        ))
        .next("link the object files that it was made from"));
    }
    let (section, range) = match &args.symbol {
        None => {
            let section = section(args, contents)?;
            (section, 0..section.size)
        }
        Some(symbol) => symbol_range(&args.file, contents, symbol)?,
    };
    if section.data.is_empty() {
        return Err(Failure::new(format!("{name}: {}: the section has no contents in the file", section.name)));
    }
    let bytes = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    let Some(bytes) = bytes.and_then(|(start, end)| section.data.get(start..end)) else {
        return Err(Failure::new(format!("{name}: {}: the file holds a part of the section only", section.name)));
    };
    let base = section.address.wrapping_add(range.start);
    let inside = |address: u64| address.checked_sub(base).filter(|offset| *offset < bytes.len() as u64);
    let symbols: Vec<(u64, String)> = (contents.symbols().iter())
        .filter_map(|symbol| {
            let home = contents.sections().get(symbol.section)?;
            Some((inside(home.address.wrapping_add(symbol.offset))?, symbol.name.clone()))
        })
        .collect();
    let arch = contents.target().arch();
    let in_page = base % 0x1000;
    if arch == Arch::Aarch64 && section.executable && in_page != 0 && counts_pages(bytes) {
        tracing::warn!("{name}: the code holds `adrp`, so that it works only at addresses that end in {in_page:#05x}");
    }
    let entry = contents.entry().and_then(inside).or_else(|| entry_by_name(&symbols));
    Ok(Cut {
        arch,
        base,
        bytes: bytes.to_vec(),
        entry,
        code: if section.executable { std::iter::once(0..bytes.len()).collect() } else { Vec::new() },
        symbols,
    })
}

/// Whether arm64 code finds something by the page that it stands in.
fn counts_pages(code: &[u8]) -> bool {
    code.chunks_exact(4).any(|word| word[3] & 0x9f == 0x90)
}

/// The section that was asked for, or the text.
fn section<'c, 'a>(args: &args::Flat, contents: &'c Contents<'a>) -> Result<&'c Section<'a>, Failure> {
    let found = match &args.section {
        None => contents.text(),
        Some(name) => contents.sections().iter().find(|section| section.is(name)),
    };
    found.ok_or_else(|| {
        // Of an object file only these take part in the linking.
        let listed = |section: &&Section<'_>| section.size > 0 && (section.loaded || contents.is_linked());
        let names: Vec<&str> = contents.sections().iter().filter(listed).map(|section| &*section.name).collect();
        let failure = Failure::new(match &args.section {
            Some(name) => format!("{}: there is no section {name}", args.file.display()),
            None => format!("{}: there is no text section, or there are several executable ones", args.file.display()),
        });
        if names.is_empty() { failure } else { failure.next(format!("name one with --section: {}", names.join(", "))) }
    })
}

/// Where a symbol of the file lies. Mach-O's names may be asked for as C writes them.
pub(crate) fn symbol_range<'c, 'a>(
    file: &Path,
    contents: &'c Contents<'a>,
    name: &str,
) -> Result<(&'c Section<'a>, Range<u64>), Failure> {
    let macho = contents.target().format() == kiln::Format::MachO;
    let is = |symbol: &&kiln::Symbol| symbol.name == name || macho && symbol.name.strip_prefix('_') == Some(name);
    let Some(symbol) = contents.symbols().iter().find(is) else {
        let names: Vec<&str> = contents.symbols().iter().map(|symbol| &*symbol.name).take(12).collect();
        let failure = Failure::new(format!("{}: there is no symbol `{name}`", file.display()));
        return Err(if names.is_empty() { failure } else { failure.next(format!("it has {}", names.join(", "))) });
    };
    let section = &contents.sections()[symbol.section];
    let end = if symbol.size > 0 {
        symbol.offset.saturating_add(symbol.size)
    } else {
        // The format, or the assembler, does not say: as far as the next symbol.
        (contents.symbols().iter())
            .filter(|other| other.section == symbol.section && other.offset > symbol.offset)
            .map(|other| other.offset)
            .min()
            .unwrap_or(section.size)
    };
    if symbol.offset > end || end > section.size {
        return Err(Failure::new(format!("{}: {}: `{name}` reaches beyond its section", file.display(), section.name)));
    }
    Ok((section, symbol.offset..end))
}

/// Bytes of an object file, linked.
fn object(args: &args::Flat, contents: &Contents<'_>, name: &str, bytes: &[u8]) -> Result<Cut, Failure> {
    let mut linker = Linker::new(contents.target());
    linker.add_object(name, bytes)?;
    for (symbol, address) in &args.define {
        linker.define_address(symbol, *address);
    }
    let part = match (&args.symbol, &args.section) {
        (Some(symbol), _) => {
            let (section, range) = symbol_range(&args.file, contents, symbol)?;
            Some((section, Some(range), format!("`{symbol}`")))
        }
        (None, Some(_)) => {
            let section = section(args, contents)?;
            Some((section, None, format!("the section {}", section.name)))
        }
        (None, None) => contents.text().map(|text| (text, None, String::new())),
    };
    // Of a part that was asked for by name, what it needs is left to whoever asked.
    let by_name = part.as_ref().is_some_and(|(.., what)| !what.is_empty());
    if let Some(need) = linker.needs_loading().first().filter(|_| !by_name) {
        return Err(Failure::new(format!("{need}, and nothing does that for flat code"))
            .next("cut one function or section with --symbol or --section, or load the file with `kiln run`"));
    }
    if let Some((section, range, what)) = part {
        let outside = linker.keep_only(&qualified(section), range).map_err(|error| at(error, name))?;
        // Of the text, which nobody asked for by name, the whole image is as good.
        if !outside.is_empty() && !what.is_empty() {
            return Err(Failure::new(format!(
                "{name}: {what} cannot be cut out alone: it refers to {}",
                outside.join(", ")
            ))
            .next("leave --section and --symbol out: then the whole image is linked"));
        }
    }
    if let Some(need) = linker.needs_loading().first() {
        return Err(Failure::new(format!("{need}, and nothing does that for flat code")));
    }
    let base = args.base.unwrap_or_default();
    let plan = linker.plan(base).map_err(|error| whole_image(error, name))?;
    if plan.absolute() > 0 && args.base.is_none() && !args.entry {
        tracing::warn!("{name}: what is cut works at address {base} only; choose the address with --base");
    }
    Ok(cut(contents, &plan))
}

/// A section by a name that is its own: Mach-O's with the segment.
fn qualified(section: &Section<'_>) -> String {
    match &section.segment {
        Some(segment) => format!("{segment},{}", section.name),
        None => section.name.clone(),
    }
}

/// An error of the linker's about a section, which knows of no single file.
fn at(error: Error, name: &str) -> Failure {
    let mut failure = Failure::from(error);
    failure.message = format!("{name}: {}", failure.message);
    failure
}

/// What undefined symbols mean for a whole image.
fn whole_image(error: Error, name: &str) -> Failure {
    let undefined = error.is_undefined();
    let failure = Failure::from(error);
    if undefined {
        return failure.next(format!("give their addresses: kiln flat {name} --define NAME=ADDRESS"));
    }
    failure
}

/// The whole of a plan's image.
fn cut(contents: &Contents<'_>, plan: &Plan) -> Cut {
    let offset = |address: TargetAddr| address.0.wrapping_sub(plan.base().0);
    let code = |section: &PlannedSection| {
        let start = offset(section.address) as usize;
        start..start + section.size as usize
    };
    let in_image = |offset: &u64| *offset < plan.image().len() as u64;
    let mut symbols: Vec<(u64, String)> = (plan.symbols().iter())
        .map(|symbol| (offset(symbol.address), symbol.name.clone()))
        .filter(|(offset, _)| in_image(offset))
        .collect();
    symbols.sort();
    Cut {
        arch: contents.target().arch(),
        base: plan.base().0,
        bytes: plan.image().to_vec(),
        entry: entry_by_name(&symbols),
        code: plan.sections().iter().filter(|section| section.permission == Permission::Text).map(code).collect(),
        symbols,
    }
}

/// The offset of the entry: `_start` as ELF or Mach-O writes it, else `main`.
fn entry_by_name(symbols: &[(u64, String)]) -> Option<u64> {
    let wanted = ["_start", "start", "main", "_main"];
    wanted.iter().find_map(|name| symbols.iter().find(|(_, symbol)| symbol == name)).map(|(offset, _)| *offset)
}

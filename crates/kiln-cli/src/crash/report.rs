//! The report of a crash, for people and as JSON.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use kiln::{Contents, Module, Target};
use serde_json::{Value, json};

use super::backtrace::{self, Tables};
use super::context::{Facts, NAMES};
use super::meaning::{self, plus, what_is_at};
use super::{Called, TIMEOUT, images, name};
use crate::debug::{self, Debug, Place};
use crate::inputs::Input;
use crate::{decode, memory};

/// How many instructions are shown before and behind the one that was stopped.
const AROUND: usize = 3;
/// How far back instructions are looked for where no symbol says where they begin, in bytes.
const BACK: u64 = 32;

/// Everything that is said.
struct Report {
    file: String,
    /// `stopped by SIGSEGV`
    headline: String,
    signal: String,
    what: String,
    address: Option<(u64, Option<String>)>,
    pc: u64,
    /// Where the instruction that was stopped begins: before `pc`, if that is behind it.
    at: u64,
    within: Option<String>,
    /// Section, offset and input, or what else is there.
    place: Option<String>,
    source: Option<(Place, Option<String>)>,
    code: Vec<Code>,
    backtrace: Vec<(u64, String, Option<Place>)>,
    registers: Vec<(&'static str, u64)>,
}

/// One instruction.
struct Code {
    address: u64,
    bytes: Vec<u8>,
    text: String,
    relocation: Option<String>,
}

/// Writes the report to standard error, or as JSON where that was asked for.
pub(super) fn write(facts: &Facts, called: &Called) {
    let report = Report::of(facts, called);
    match called.options.json {
        Some(descriptor) => write_to(descriptor, format!("{}\n", report.json()).as_bytes()),
        None => {
            let text = report.text();
            let mut stderr = anstream::stderr().lock();
            // Where nothing can be said, the exit status still says it.
            let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
        }
    }
}

fn write_to(descriptor: std::os::fd::RawFd, bytes: &[u8]) {
    if descriptor == libc::STDOUT_FILENO {
        let _ = std::io::stdout().write_all(bytes).and_then(|()| std::io::stdout().flush());
    } else {
        let _ = std::io::stderr().write_all(bytes);
    }
}

/// An input with its debug information, at the addresses where it was loaded.
struct Source {
    debug: Option<Debug>,
    tables: Option<Tables>,
}

/// The debug information and the unwind tables of the inputs.
fn sources(called: &Called, module: &Module) -> Vec<Source> {
    let mut starts: HashMap<(&str, &str, usize), u64> = HashMap::new();
    let mut base = u64::MAX;
    for section in module.sections() {
        starts.insert((section.input, section.section, section.ordinal), section.start as u64);
        base = base.min(section.start as u64);
    }
    let mut sources = Vec::new();
    // Of an archive, the members that are loaded.
    let loaded: HashSet<&str> = starts.keys().map(|(input, ..)| *input).collect();
    for (name, bytes) in called.inputs.iter().flat_map(Input::objects) {
        if !loaded.contains(&*name) {
            continue;
        }
        let Ok(contents) = Contents::read(&name, &bytes, Target::host().arch()) else { continue };
        let mut ordinals: HashMap<&str, usize> = HashMap::new();
        let addresses: Vec<u64> = (contents.sections().iter())
            .map(|section| {
                let ordinal = ordinals.entry(&section.name).or_default();
                *ordinal += 1;
                starts.get(&(&*name, &*section.name, *ordinal - 1)).copied().unwrap_or(0)
            })
            .collect();
        let frames = contents.sections().iter().position(|one| [".eh_frame", "__eh_frame"].contains(&&*one.name));
        let tables = frames.map(|frames| {
            // The tables count from themselves, in 32 bits: near the code.
            let address = |section: usize| if section == frames { base } else { addresses[section] };
            Tables { bytes: debug::relocated(&contents, frames, &address), address: base }
        });
        sources.push(Source { debug: Debug::of(&contents, &|section| addresses[section]), tables });
    }
    sources
}

impl Report {
    fn of(facts: &Facts, called: &Called) -> Report {
        let module = called.module.get();
        let regions = images::regions();
        let meaning = meaning::of(facts, module, &regions);
        let sources = module.map(|module| sources(called, module)).unwrap_or_default();
        let pc = facts.registers.pc;
        let explained = module.and_then(|module| module.explain(pc as usize as *const ()));
        let within = explained.as_ref().and_then(|explained| explained.symbol).map(|(name, at)| plus(name, at as u64));
        let place = match &explained {
            Some(explained) => match (&explained.place, explained.made) {
                (Some(place), _) => Some(meaning::in_input(place)),
                (None, made) => made.map(str::to_owned),
            },
            None => what_is_at(pc, module, &regions),
        };
        let signal = name(facts.signal);
        let headline = match called.options.limit.filter(|_| facts.signal == TIMEOUT) {
            Some(limit) => format!("not back after {} s", limit.as_secs_f64()),
            None => format!("stopped by {signal}: {}", meaning.what),
        };
        // x86-64 stands behind a trap instruction.
        let behind = facts.signal == libc::SIGTRAP && cfg!(target_arch = "x86_64");
        let at = if behind { pc.wrapping_sub(1) } else { pc };
        let source = find_place(&sources, at).map(|place| {
            let text = source_line(&place);
            (place, text)
        });
        let tables: Vec<Tables> = Vec::new();
        let (debugs, tables) = sources.into_iter().fold((Vec::new(), tables), |(mut debugs, mut tables), source| {
            debugs.extend(source.debug);
            tables.extend(source.tables);
            (debugs, tables)
        });
        let frames = backtrace::frames(&facts.registers, module, &tables);
        let mut backtrace = Vec::new();
        for (number, frame) in frames.into_iter().enumerate() {
            let looked_up = if number == 0 { at } else { frame.at };
            if images::is_command(frame.at) {
                backtrace.push((frame.pc, "kiln".to_owned(), None));
                break;
            }
            let inlined: Vec<_> =
                debugs.iter().map(|debug| debug.within(looked_up)).find(|found| found.len() > 1).unwrap_or_default();
            for inner in inlined.iter().take(inlined.len().saturating_sub(1)) {
                let name = inner.function.clone().unwrap_or_default();
                backtrace.push((frame.pc, format!("`{name}`, inlined"), inner.place.clone()));
            }
            let place = match inlined.last() {
                Some(outer) => outer.place.clone(),
                None => debugs.iter().find_map(|debug| debug.place(looked_up)),
            };
            let symbol = module.and_then(|module| module.symbol_at(frame.pc as usize as *const ()));
            let what = match symbol {
                Some((symbol, offset)) => plus(symbol, offset as u64),
                None => what_is_at(frame.pc, module, &regions).unwrap_or_default(),
            };
            backtrace.push((frame.pc, what, place));
        }
        Report {
            file: called.file().to_owned(),
            headline,
            signal,
            what: meaning.what,
            address: meaning.address.map(|address| (address, what_is_at(address, module, &regions))),
            pc,
            at,
            within,
            place,
            source,
            code: code(module, at),
            backtrace,
            registers: registers(facts),
        }
    }

    fn text(&self) -> String {
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let bold = Style::new().bold();
        let quiet = Style::new().dimmed();
        let mut text = format!("kiln: {red}error{red:#}: {}: {}", self.file, self.headline);
        if let Some((address, _)) = &self.address {
            let _ = write!(text, ", at address {address:#x}");
        }
        match &self.within {
            Some(within) => {
                let _ = writeln!(text, ", in {within} (pc {:#x})", self.pc);
            }
            None => {
                let _ = writeln!(text, ", outside the loaded code (pc {:#x})", self.pc);
            }
        }
        let mut line = |what: &str, said: &str| {
            let _ = writeln!(text, "  {bold}{what:<9}{bold:#} {said}");
        };
        if let Some((place, source)) = &self.source {
            line("line", &source.as_ref().map_or(place.to_string(), |source| format!("{place}: {source}")));
        }
        if let Some(place) = &self.place {
            line("place", place);
        }
        if let Some((_, Some(what))) = &self.address {
            line("address", what);
        }
        if !self.code.is_empty() {
            let _ = writeln!(text, "  {bold}code{bold:#}");
            let width = self.code.iter().map(|code| code.bytes.len() * 3).max().unwrap_or(0);
            for code in &self.code {
                let mark = if code.address == self.at { "=>" } else { "  " };
                let bytes: String = code.bytes.iter().map(|byte| format!("{byte:02x} ")).collect();
                let style = if code.address == self.at { bold } else { Style::new() };
                let _ = write!(
                    text,
                    "  {mark} {quiet}{:#x}  {bytes:<width$}{quiet:#} {style}{}{style:#}",
                    code.address, code.text
                );
                let _ = match &code.relocation {
                    Some(relocation) => writeln!(text, "  {quiet}# {relocation}{quiet:#}"),
                    None => writeln!(text),
                };
            }
        }
        let _ = writeln!(text, "  {bold}backtrace{bold:#}");
        for (number, (pc, what, place)) in self.backtrace.iter().enumerate() {
            let place = place.as_ref().map_or(String::new(), |place| format!(" at {place}"));
            let _ = writeln!(text, "    #{number:<2} {quiet}{pc:#x}{quiet:#} {what}{place}");
        }
        let _ = writeln!(text, "  {bold}registers{bold:#}");
        for row in self.registers.chunks(4) {
            let row: Vec<String> = row.iter().map(|(name, value)| format!("{name:<6} {value:016x}")).collect();
            let _ = writeln!(text, "    {}", row.join("  "));
        }
        text
    }

    fn json(&self) -> Value {
        let hex = |value: u64| format!("{value:#x}");
        let place =
            |place: &Option<Place>| place.as_ref().map(|place| json!({ "file": place.file, "line": place.line }));
        let code: Vec<Value> = (self.code.iter())
            .map(|code| {
                let bytes: String = code.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                json!({ "address": hex(code.address), "bytes": bytes, "text": code.text, "relocation": code.relocation })
            })
            .collect();
        let backtrace: Vec<Value> = (self.backtrace.iter())
            .map(|(pc, what, source)| json!({ "pc": hex(*pc), "what": what, "source": place(source) }))
            .collect();
        let registers: serde_json::Map<String, Value> =
            self.registers.iter().map(|(name, value)| ((*name).to_owned(), json!(hex(*value)))).collect();
        json!({
            "error": format!("{}: {}", self.file, self.headline),
            "signal": self.signal,
            "meaning": self.what,
            "address": self.address.as_ref().map(|(address, what)| json!({ "value": hex(*address), "what": what })),
            "pc": hex(self.pc),
            "symbol": self.within,
            "place": self.place,
            "source": place(&self.source.as_ref().map(|(place, _)| place.clone())),
            "code": code,
            "backtrace": backtrace,
            "registers": registers,
        })
    }
}

fn find_place(sources: &[Source], address: u64) -> Option<Place> {
    sources.iter().filter_map(|source| source.debug.as_ref()).find_map(|debug| debug.place(address))
}

/// The text of a line, if its file can be read.
fn source_line(place: &Place) -> Option<String> {
    let text = std::fs::read(&place.file).ok()?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().nth(usize::try_from(place.line).ok()?.checked_sub(1)?)?.trim();
    (!line.is_empty()).then(|| line.replace('\t', " "))
}

/// The instructions around the one at `pc`, if that is in the module.
fn code(module: Option<&Module>, pc: u64) -> Vec<Code> {
    let Some(module) = module else { return Vec::new() };
    let explain = |address: u64| module.explain(address as usize as *const ());
    let Some(explained) = explain(pc) else { return Vec::new() };
    // Decoding must begin where an instruction does: at the symbol, unless that is far away.
    let start = match explained.symbol {
        Some((_, offset)) if offset <= 1 << 16 => pc - offset as u64,
        _ if cfg!(target_arch = "aarch64") => pc - BACK.min(pc),
        _ => pc,
    };
    let mut bytes = memory::read(start, (pc - start) as usize + 16 * (AROUND + 1));
    // Not beyond the section: there may be anything.
    if let Some(place) = explained.place {
        let same = |address: u64| {
            explain(address).and_then(|other| other.place).is_some_and(|other| other.start == place.start)
        };
        while bytes.len() > (pc - start) as usize + 1 && !same(start + bytes.len() as u64 - 1) {
            bytes.pop();
        }
    }
    let mut lines = decode::lines(Target::host().arch(), &bytes, start);
    // Nor beyond the symbol.
    let symbol = |address: u64| module.symbol_at(address as usize as *const ()).map(|(name, _)| name);
    lines.retain(|line| symbol(start + line.offset as u64) == symbol(pc));
    let current = lines.iter().position(|line| start + line.offset as u64 >= pc).unwrap_or(lines.len());
    let shown = lines.into_iter().skip(current.saturating_sub(AROUND)).take(AROUND.min(current) + 1 + AROUND);
    let code = shown.map(|line| {
        let address = start + line.offset as u64;
        let end = address as usize + line.bytes.len();
        let relocation = explain(address).and_then(|explained| explained.relocation);
        let relocation = relocation.filter(|relocation| relocation.address < end).map(|relocation| {
            let addend = match relocation.addend {
                0 => String::new(),
                1.. => format!("+{:#x}", relocation.addend),
                _ => format!("-{:#x}", relocation.addend.unsigned_abs()),
            };
            format!("{} {}{addend}", relocation.kind, relocation.symbol)
        });
        let label = line.target.and_then(|target| module.symbol_at(target as usize as *const ()));
        let text = label.map_or(line.text.clone(), |(symbol, offset)| match offset {
            0 => format!("{} <{symbol}>", line.text),
            _ => format!("{} <{symbol}+{offset:#x}>", line.text),
        });
        Code { address, bytes: line.bytes.to_vec(), text, relocation }
    });
    code.collect()
}

fn registers(facts: &Facts) -> Vec<(&'static str, u64)> {
    let (pc, flags) = if cfg!(target_arch = "x86_64") { ("rip", "rflags") } else { ("pc", "pstate") };
    let general = NAMES.iter().copied().zip(facts.registers.general);
    general.chain([(pc, facts.registers.pc), (flags, facts.registers.flags)]).collect()
}

//! `kiln inspect`

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;

use kiln::{Audit, Contents, Linker, Permission, PlannedRelocation, Target, TargetAddr, Way};
use serde_json::json;

use crate::inputs;
use crate::{Failure, args};

/// Where a symbol stands, for the plan, that only the process would have: this far behind the base, so near that each
/// kind of relocation reaches it, and far enough to be outside.
const OUTSIDE: u64 = 0x4000_0000;

pub(crate) fn inspect(args: args::Inspect) -> Result<ExitCode, Failure> {
    let target = match args.target {
        Some(target) => target,
        None => target_of(&args)?,
    };
    let inputs = args.files.iter().map(|file| inputs::read(file, target, false)).collect::<Result<Vec<_>, _>>()?;
    let mut linker = Linker::new(target);
    for input in &inputs {
        input.add(&mut linker, 0)?;
    }
    linker.want(&["_start", "main"]);
    let base = args.base.unwrap_or(TargetAddr(0x10_0000));
    let made_up: Mutex<HashMap<String, u64>> = Mutex::default();
    linker.resolver(move |name| {
        let mut made_up = made_up.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let next = OUTSIDE + 0x10 * made_up.len() as u64;
        let offset = *made_up.entry(name.to_owned()).or_insert(next);
        base.0.checked_add(offset).map(TargetAddr)
    });
    let audit = linker.audit(base)?;
    let output = match (args.json, args.audit) {
        (true, _) => json_of(target, &audit),
        (false, true) => audited(&audit),
        (false, false) => text_of(target, &audit),
    };
    let mut stdout = anstream::stdout().lock();
    let written = stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::new(format!("standard output: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

/// The target of the first file that says one.
fn target_of(args: &args::Inspect) -> Result<Target, Failure> {
    for file in &args.files {
        let bytes = crate::asm::read(file)?;
        if let Ok(contents) = Contents::read("", &bytes, Target::host().arch()) {
            return Ok(contents.target());
        }
    }
    Ok(Target::host())
}

/// What a name from outside shows in place of the made-up address.
fn place(audit: &Audit, address: TargetAddr) -> String {
    if is_outside(audit, address) { "outside".to_owned() } else { address.to_string() }
}

fn is_outside(audit: &Audit, address: TargetAddr) -> bool {
    audit.plan().imports().iter().any(|(_, outside)| *outside == address)
}

/// The way that a relocation takes, where that does not depend on an address made up by this command.
fn way(audit: &Audit, relocation: &PlannedRelocation) -> String {
    let name = &relocation.symbol;
    let has_stub = || audit.entries().iter().any(|entry| entry.is_stub && entry.symbol == *name);
    let may_be_relaxed = matches!(relocation.way, Way::Relaxed);
    let is_branch = matches!(relocation.way, Way::Direct | Way::Stub);
    if is_outside(audit, relocation.target) && (may_be_relaxed || is_branch && has_stub()) {
        return "by distance".to_owned();
    }
    relocation.way.to_string()
}

/// Words that name an address made up by this command.
fn honest(done: &str) -> String {
    match done.strip_prefix("found outside") {
        Some(_) => "wanted from outside".to_owned(),
        None => done.to_owned(),
    }
}

fn text_of(target: Target, audit: &Audit) -> String {
    let plan = audit.plan();
    let mut text = String::new();
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    line(format!("{target} at {}: {:#x} bytes", plan.base(), plan.image().len()));
    line("\nsections".to_owned());
    let mut sections: Vec<_> = plan.sections().iter().filter(|section| section.size > 0).collect();
    sections.sort_by_key(|section| section.address);
    for section in sections {
        line(format!(
            "  {:<12} {} {:#8x}  {} of {}",
            section.address, section.permission, section.size, section.name, section.input
        ));
    }
    for (input, section, why) in plan.left_out() {
        line(format!("  left out               {section} of {input}: {why}"));
    }
    line("\nsymbols".to_owned());
    let mut symbols: Vec<_> = plan.symbols().iter().collect();
    symbols.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
    for symbol in symbols {
        let what = if symbol.exported { "exported" } else { "local" };
        line(format!("  {:<12} {what:<8} {:#8x}  {}", symbol.address, symbol.size, symbol.name));
    }
    for (name, _) in plan.imports() {
        line(format!("  {:<12} {:<8} {:>8}  {name}", "outside", "wanted", ""));
    }
    line("\nGOT slots and stubs".to_owned());
    for entry in audit.entries() {
        let what = if entry.is_stub { "stub" } else { "slot" };
        line(format!("  {:<12} {what:<8}  {}: {}", entry.address, entry.symbol, entry.why));
    }
    line("\nrelocations".to_owned());
    for relocation in audit.relocations() {
        let addend = match relocation.addend {
            0 => String::new(),
            addend if addend < 0 => format!(" - {:#x}", addend.unsigned_abs()),
            addend => format!(" + {addend:#x}"),
        };
        line(format!(
            "  {:<12} {:<30} {}{addend}: {}, {}",
            relocation.address,
            relocation.kind,
            relocation.symbol,
            place(audit, relocation.target),
            way(audit, relocation)
        ));
    }
    text
}

fn audited(audit: &Audit) -> String {
    let mut text = String::new();
    let mut last = "";
    for item in audit.items() {
        if item.input != last {
            let _ = writeln!(text, "{}", item.input);
            last = &item.input;
        }
        let _ = writeln!(text, "  {}: {}", item.asked, honest(&item.done));
    }
    text
}

/// Addresses as strings: JavaScript's numbers do not hold all of them.
fn json_of(target: Target, audit: &Audit) -> String {
    let plan = audit.plan();
    let permission = |permission: Permission| permission.to_string();
    let whole = json!({
        "target": target.to_string(),
        "base": plan.base().to_string(),
        "size": plan.image().len(),
        "sections": plan.sections().iter().map(|section| json!({
            "input": section.input, "name": section.name, "address": section.address.to_string(),
            "size": section.size, "permission": permission(section.permission),
        })).collect::<Vec<_>>(),
        "left_out": plan.left_out().iter().map(|(input, section, why)| json!({
            "input": input, "name": section, "why": why,
        })).collect::<Vec<_>>(),
        "symbols": plan.symbols().iter().map(|symbol| json!({
            "name": symbol.name, "address": symbol.address.to_string(), "size": symbol.size,
            "exported": symbol.exported,
        })).collect::<Vec<_>>(),
        "outside": plan.imports().iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "entries": audit.entries().iter().map(|entry| json!({
            "address": entry.address.to_string(), "kind": if entry.is_stub { "stub" } else { "slot" },
            "symbol": entry.symbol, "why": entry.why,
        })).collect::<Vec<_>>(),
        "relocations": audit.relocations().iter().map(|relocation| json!({
            "address": relocation.address.to_string(), "kind": relocation.kind, "symbol": relocation.symbol,
            "addend": relocation.addend, "way": way(audit, relocation),
            "target": if is_outside(audit, relocation.target) { None } else { Some(relocation.target.to_string()) },
        })).collect::<Vec<_>>(),
        "audit": audit.items().iter().map(|item| json!({
            "input": item.input, "asked": item.asked, "done": honest(&item.done),
        })).collect::<Vec<_>>(),
    });
    format!("{whole:#}\n")
}

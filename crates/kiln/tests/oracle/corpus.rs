//! Objects that somebody else made: every member of the archives, and every object, below a folder; or, where none is named, the
//! members of gcc's own library.
//!
//!     KILN_CORPUS=/usr/lib KILN_CORPUS_STEP=50 cargo test -p kiln --test oracle -- --nocapture objects_that_are_there
//!
//! What Kiln makes of each is held against the ABI's formulas; every `KILN_CORPUS_STEP`th one (all, if it is not set) is linked by
//! the other linkers too, and compared. What they refuse is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;

use kiln::{Arch, Format, Target};
use object::elf;
use object::read::elf::FileHeader;
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol};

use crate::compiled::{compiler, gnu};
use crate::inputs::Symbol;
use crate::rules::{To, Way};
use crate::world::World;
use crate::{Case, Compared, frames, jitlink, linked, with_got};

/// What came of it.
#[derive(Default)]
struct Report {
    objects: usize,
    compared: Compared,
    /// By who refuses, and why: how often, and an example.
    refused: BTreeMap<(String, String), (usize, String)>,
    wrong: Vec<String>,
    linked: BTreeMap<String, usize>,
}

impl Report {
    fn file(&mut self, path: &Path, bytes: &[u8], step: usize) {
        let short = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let members = match object::read::archive::ArchiveFile::parse(bytes) {
            Ok(archive) => archive
                .members()
                .filter_map(|member| {
                    let member = member.ok()?;
                    let name = format!("{short}({})", String::from_utf8_lossy(member.name()));
                    Some((name, member.data(bytes).ok()?))
                })
                .collect(),
            Err(_) => vec![(short, bytes)],
        };
        for (name, bytes) in members {
            let Some(target) = target_of(bytes) else { continue };
            self.objects += 1;
            let number = self.objects;
            let Some(case) = case(number, &name, target, bytes) else {
                self.refuses("kiln", "error: what no address stands for", &name);
                continue;
            };
            let held = catch_unwind(AssertUnwindSafe(|| hold(&case, number.is_multiple_of(step), self)));
            if let Err(panic) = held {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                self.wrong.push(format!("{name}: panic: {}", text.unwrap_or_default()));
            }
        }
    }

    fn refuses(&mut self, who: &str, why: &str, what: &str) {
        // Without names and numbers, so that equal reasons are one.
        let is_word = |word: &&str| word.chars().all(|letter| letter.is_ascii_alphabetic() || ",.:_".contains(letter));
        let last = why.lines().rev().find(|line| line.contains("rror")).or(why.lines().next()).unwrap_or_default();
        let words: Vec<&str> = last.split_whitespace().filter(is_word).collect();
        self.refused.entry((who.to_owned(), words.join(" "))).or_insert((0, format!("{what}: {last}"))).0 += 1;
    }
}

pub(crate) fn walk(folder: &Path, each: &mut dyn FnMut(&Path, &[u8])) {
    let Ok(list) = std::fs::read_dir(folder) else { return each(folder, &std::fs::read(folder).unwrap()) };
    let mut paths: Vec<_> = list.map(|entry| entry.unwrap().path()).filter(|path| !path.is_symlink()).collect();
    paths.sort();
    for path in paths {
        let is_code = |suffix: &str| path.extension().is_some_and(|own| own == suffix);
        if path.is_dir() || ["a", "o", "rlib", "obj", "lib"].into_iter().any(is_code) {
            walk(&path, each);
        }
    }
}

fn target_of(bytes: &[u8]) -> Option<Target> {
    let file = object::File::parse(bytes).ok().filter(object::Object::is_64)?;
    let arch = match file.architecture() {
        object::Architecture::X86_64 => Arch::X86_64,
        object::Architecture::Aarch64 => Arch::Aarch64,
        _ => return None,
    };
    let format = match file.format() {
        object::BinaryFormat::Elf => Format::Elf,
        object::BinaryFormat::MachO => Format::MachO,
        _ => return None,
    };
    let all = [Target::X86_64_LINUX, Target::AARCH64_LINUX, Target::X86_64_MACOS, Target::AARCH64_MACOS];
    all.into_iter().find(|target| target.arch() == arch && target.format() == format)
}

/// The case of an object: what it refers to is outside. `None`: it refers to what an address cannot stand for, thread-local variables
/// that are outside, and where sections begin and end.
fn case(number: usize, what: &str, target: Target, bytes: &[u8]) -> Option<Case> {
    let object = vec![("one.o".to_owned(), unmerged(bytes))];
    let mut case = Case::new(what.to_owned(), target, &format!("corpus{number}"), object);
    let file = object::File::parse(bytes).ok()?;
    let mut names = BTreeSet::new();
    let mut entry = None;
    for symbol in file.symbols().filter(|symbol| symbol.is_global()) {
        let name = symbol.name().unwrap_or_default();
        let name = if target.format() == Format::MachO { name.strip_prefix('_').unwrap_or(name) } else { name };
        if symbol.is_undefined() && !symbol.is_weak() {
            if symbol.kind() == object::SymbolKind::Tls || name.starts_with("__start_") || name.starts_with("__stop_") {
                return None;
            }
            names.insert(name.to_owned());
        } else if symbol.is_definition() {
            entry = entry.or(Some(name.to_owned()));
        }
    }
    names.remove("_GLOBAL_OFFSET_TABLE_");
    names.remove("");
    let base = case.base;
    case.defines =
        names.into_iter().zip(0u64..).map(|(name, number)| (name, base + 0x200_0000 + 64 * number)).collect();
    case.entry = entry.unwrap_or_default();
    // Linkers of programs do without the ways to thread-local variables that objects ask for.
    case.shared = file
        .sections()
        .any(|section| [object::SectionKind::Tls, object::SectionKind::UninitializedTls].contains(&section.kind()));
    Some(case)
}

/// An ELF object whose constants must stay where they are, for linkers that would have equal ones become one.
fn unmerged(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let Ok(header) = elf::FileHeader64::<LittleEndian>::parse(&*bytes) else { return bytes };
    let count = header.sections(LittleEndian, &*bytes).map_or(0, |sections| sections.len());
    let (start, size) = (header.e_shoff(LittleEndian) as usize, size_of::<elf::SectionHeader64<LittleEndian>>());
    for number in 0..count {
        // `sh_flags` is the third field (*System V ABI*, chapter 4).
        bytes[start + number * size + 8] &= !(elf::SHF_MERGE.0 | elf::SHF_STRINGS.0) as u8;
    }
    bytes
}

fn hold(case: &Case, others: bool, report: &mut Report) {
    let mut linker = kiln::Linker::new(case.target);
    for (name, address) in &case.defines {
        linker.define_address(name, kiln::TargetAddr(*address));
    }
    let [(name, object)] = &case.objects[..] else { return };
    let planned = linker.add_object(name, &object[..]).and_then(|linker| linker.plan(kiln::TargetAddr(case.base)));
    let plan = match planned {
        Ok(plan) => plan,
        Err(error) => return report.refuses("kiln", &format!("error: {error}"), &case.what),
    };
    let inputs = case.inputs();
    let own = with_got(World::of_plan(&plan, case.target, &inputs), &inputs);
    report.wrong.extend(case.wrong(&own, &inputs, &mut report.compared));
    *report.linked.entry("kiln".to_owned()).or_default() += 1;
    // GNU ld makes `nop` of arm64's branches to weak functions that are not there.
    let is_nop = |symbol: &Symbol| symbol.is_weak && symbol.place.is_none();
    let has_nops = case.target == Target::AARCH64_LINUX && inputs.iter().flat_map(|input| &input.symbols).any(is_nop);
    if !others || has_nops {
        return;
    }
    let own_frames = frames::of(&own, &inputs);
    let prefix = if case.target.arch() == Arch::X86_64 { "x86_64-linux-gnu" } else { "aarch64-linux-gnu" };
    let mut take = |who: &str, world: Result<World, String>| match world {
        Ok(world) => {
            let world = with_got(world, &inputs);
            report.wrong.extend(case.wrong(&world, &inputs, &mut report.compared));
            report.wrong.extend(case.other_frames(&world, &inputs, &own_frames, &mut report.compared));
            *report.linked.entry(who.to_owned()).or_default() += 1;
        }
        Err(error) => report.refuses(who, &error, &case.what),
    };
    if case.target.format() == Format::Elf {
        for linker in [&*gnu(prefix), "ld.lld"] {
            take(linker, case.linked_elf(linker, &plan, &inputs, &own));
        }
    } else {
        take("ld64.lld-22", linked::macho(case, &inputs));
    }
    if !case.entry.is_empty() {
        take("llvm-jitlink-22", jitlink::link(case, &inputs));
    }
}

#[test]
fn objects_that_are_there() {
    let named = std::env::var("KILN_CORPUS");
    let step = std::env::var("KILN_CORPUS_STEP").map_or(1, |step| step.parse().unwrap());
    let mut report = Report::default();
    match &named {
        Ok(folder) => walk(folder.as_ref(), &mut |path, bytes| report.file(path, bytes, step)),
        Err(_) => {
            for prefix in ["x86_64-linux-gnu", "aarch64-linux-gnu"] {
                let output = Command::new(compiler(prefix)).arg("-print-file-name=libgcc.a").output().unwrap();
                let path = String::from_utf8(output.stdout).unwrap();
                let path = Path::new(path.trim());
                report.file(path, &std::fs::read(path).unwrap(), 100);
            }
        }
    }
    println!(
        "{} objects, linked {:?}; JITLink's wrong jumps: {}",
        report.objects, report.linked, report.compared.jumps
    );
    for ((linker, to, way), count) in &report.compared.fields {
        println!("{count:9} {linker} {to} {way:?}");
    }
    println!("frames {:?}", report.compared.frames);
    for ((who, why), (count, example)) in &report.refused {
        println!("{count:9} refused by {who}: {why}\n          {example}");
    }
    assert!(report.wrong.is_empty(), "{} wrong:\n{}", report.wrong.len(), report.wrong.join("\n"));
    if named.is_err() {
        let why: Vec<&str> = report.refused.keys().map(|(_, why)| &**why).collect();
        assert_eq!(why, ["error: what no address stands for"]);
        report.compared.floors(&["kiln"], &[(To::Symbol, Way::Direct, 500), (To::Branch, Way::Direct, 100)]);
    }
}

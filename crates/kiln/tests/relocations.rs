//! Every relocation kind, linked at a made-up address and compared with bytes that stand in the fixture itself.
//!
//! A fixture is an assembly file in `relocations/<format>-<architecture>`. The comments at its head say what it shows,
//! what it is linked with and what must come out; `relocations/fixture.rs` lists the words. Nothing runs, so every
//! target is tested on every host.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "relocations/assemble.rs"]
mod assemble;
#[path = "relocations/fixture.rs"]
mod fixture;
#[path = "relocations/raw.rs"]
mod raw;
#[path = "relocations/rows.rs"]
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use assemble::{Objects, assemble, fixtures};
use fixture::{Expected, Fixture, Outcome, Place};
use kiln::{Linker, Plan, Target, TargetAddr};

const DIRS: [(&str, Target); 6] = [
    ("elf-x86_64", Target::X86_64_LINUX),
    ("elf-aarch64", Target::AARCH64_LINUX),
    ("macho-aarch64", Target::AARCH64_MACOS),
    ("macho-x86_64", Target::X86_64_MACOS),
    ("coff-x86_64", Target::X86_64_WINDOWS),
    ("coff-aarch64", Target::AARCH64_WINDOWS),
];

fn assembled(dir: &str, target: Target) -> Vec<(Fixture, Objects)> {
    let with_objects = |fixture: Fixture| {
        let objects = assemble(&fixture);
        (fixture, objects)
    };
    fixtures(dir, target).into_iter().map(with_objects).collect()
}

fn plan(fixture: &Fixture, objects: &[(String, Vec<u8>)]) -> kiln::Result<Plan> {
    let mut linker = Linker::new(fixture.target);
    for (name, address) in &fixture.defines {
        linker.define_address(name, TargetAddr(*address));
    }
    for (name, object) in objects {
        linker.add_object(name, &object[..])?;
    }
    linker.plan(TargetAddr(fixture.base))
}

fn address(plan: &Plan, place: &Place) -> Result<u64, String> {
    match place {
        Place::At(address) => Ok(*address),
        Place::Symbol(name, offset) => match plan.address(name) {
            Some(address) => Ok(address.0 + offset),
            None => Err(format!("expected something at `{name}`, and there is no such symbol")),
        },
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// All that is not as the fixture says, a line each.
fn mismatches(fixture: &Fixture, objects: &[(String, Vec<u8>)]) -> Vec<String> {
    let expected = match (&fixture.outcome, plan(fixture, objects)) {
        (Outcome::Error(expected), Err(error)) if *expected == error.to_string() => return Vec::new(),
        (Outcome::Error(expected), Err(error)) => {
            return vec![format!("expected the error\n    {expected}\n  got\n    {error}")];
        }
        (Outcome::Error(expected), Ok(_)) => return vec![format!("expected the error\n    {expected}\n  got none")],
        (Outcome::Bytes(_), Err(error)) => return vec![format!("got an error\n    {error}")],
        (Outcome::Bytes(expected), Ok(plan)) => (expected, plan),
    };
    let (expected, plan) = expected;
    let mut mismatches = Vec::new();
    let mut compared = Vec::new();
    for Expected { place, shown, bytes } in expected {
        match address(&plan, place) {
            Err(error) => mismatches.push(error),
            Ok(address) => {
                compared.push(address..address + bytes.len() as u64);
                let got = plan.bytes_at(TargetAddr(address)).and_then(|rest| rest.get(..bytes.len()));
                let got = got.map_or("nothing: it is outside the image".to_owned(), hex);
                if got != hex(bytes) {
                    mismatches.push(format!("at {shown} ({address:#x}): expected {}, got {got}", hex(bytes)));
                }
            }
        }
    }
    if let Some(entries) = fixture.entries
        && entries != plan.stubs_and_slots()
    {
        mismatches.push(format!("expected {entries:?} stubs and slots, got {:?}", plan.stubs_and_slots()));
    }
    mismatches.extend(unseen(fixture, objects, &plan, &compared));
    mismatches
}

/// The relocations whose result the fixture does not look at: they would be linked, and prove nothing.
fn unseen(
    fixture: &Fixture,
    objects: &[(String, Vec<u8>)],
    plan: &Plan,
    compared: &[std::ops::Range<u64>],
) -> Vec<String> {
    let mut unseen = Vec::new();
    for (input, object) in objects {
        for raw in raw::relocations(fixture.target.format(), object) {
            let section = plan.sections().iter().find(|section| section.input == *input && section.name == raw.section);
            let Some(section) = section else { continue };
            let place = section.address.0 + raw.offset;
            if !compared.iter().any(|range| range.contains(&place)) {
                unseen.push(format!("nothing is expected at {}+{:#x}, where a relocation is", raw.section, raw.offset));
            }
        }
    }
    unseen
}

/// The rows of the tables in `src/fixup` that no fixture proves. One that does names the row, holds no other kind of
/// relocation, and links: its raw type is then a row's. No raw type is claimed for two rows, and there are as many of
/// them as rows.
fn unproved(target: Target, fixtures: &[(Fixture, Objects)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut covered: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (fixture, objects) in fixtures {
        let Some(row) = &fixture.covers else { continue };
        let raws = objects.iter().flat_map(|(_, object)| raw::relocations(target.format(), object));
        // A thread-local variable of Mach-O has a descriptor with relocations of its own.
        let counted = raws.filter(|raw| !raw.is_part(target) && raw.section != "__thread_vars");
        let keys: BTreeSet<u32> = counted.map(|raw| raw.key).collect();
        match keys.into_iter().collect::<Vec<_>>()[..] {
            [key] if matches!(fixture.outcome, Outcome::Bytes(_)) => _ = covered.entry(row).or_default().insert(key),
            ref keys => wrong.push(format!("{} covers a row, and has {keys:?} or ends in an error", fixture.name)),
        }
    }
    let mut keys = BTreeSet::new();
    for (row, claimed) in &covered {
        for key in claimed.iter().filter(|key| !keys.insert(**key)) {
            wrong.push(format!("{key:#x} is claimed for {row} and for another row"));
        }
    }
    let rows = rows::names(target);
    assert!(rows.len() > 5, "the tables were not found in the sources: {rows:?}");
    for (row, count) in &rows {
        let proved = covered.get(&**row).map_or(0, BTreeSet::len);
        if proved != *count {
            wrong.push(format!("{row} has {count} rows, and fixtures for {proved}"));
        }
    }
    for row in covered.keys().filter(|row| !rows.contains_key(**row)) {
        wrong.push(format!("{row} is covered, and is no row"));
    }
    wrong
}

fn check(dir: &str, target: Target) {
    let fixtures = assembled(dir, target);
    let mut report = unproved(target, &fixtures);
    for (fixture, objects) in &fixtures {
        report.extend(mismatches(fixture, objects).iter().map(|mismatch| format!("{}: {mismatch}", fixture.name)));
    }
    assert!(report.is_empty(), "{dir}: {} mismatches:\n{}", report.len(), report.join("\n"));
}

#[test]
fn elf_x86_64() {
    check("elf-x86_64", Target::X86_64_LINUX);
}

#[test]
fn elf_aarch64() {
    check("elf-aarch64", Target::AARCH64_LINUX);
}

#[test]
fn macho_aarch64() {
    check("macho-aarch64", Target::AARCH64_MACOS);
}

#[test]
fn macho_x86_64() {
    check("macho-x86_64", Target::X86_64_MACOS);
}

#[test]
fn coff_x86_64() {
    check("coff-x86_64", Target::X86_64_WINDOWS);
}

#[test]
fn coff_aarch64() {
    check("coff-aarch64", Target::AARCH64_WINDOWS);
}

#[test]
fn every_directory_is_tested() {
    let found: BTreeSet<String> = std::fs::read_dir(assemble::root())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, DIRS.iter().map(|(dir, _)| (*dir).to_owned()).collect());
    for (dir, target) in DIRS {
        assert!(!fixtures(dir, target).is_empty());
    }
}

/// That the driver sees what is wrong.
#[test]
fn wrong_expectations_are_seen() {
    let source = |expectation: &str| {
        let target = Target::X86_64_LINUX;
        format!(
            "# A test of the test.\n# target: {target}\n# base: 0x10000\n# define: a = 0x20000\n# {expectation}\n\
             .globl main\nmain: .quad a\n.quad a\n"
        )
    };
    for (expectation, seen) in [
        ("expect main: 00 00 02 00 00 00 00 00 00 00 02 00 00 00 00 00", vec![]),
        ("expect main: 00 00 02 00 00 00 00 00 00 00 03", vec!["expected 00 00 02 00 00 00 00 00 00 00 03, got 00 00"]),
        ("expect main: 00 00 02 00", vec!["nothing is expected at .text+0x8"]),
        ("expect main+15: 00 00", vec!["got nothing", "at .text+0x0", "at .text+0x8"]),
        ("expect other: 00", vec!["no such symbol", "at .text+0x0", "at .text+0x8"]),
        ("expect-error: anything", vec!["got none"]),
    ] {
        let fixture = Fixture::parse("test.s", &source(expectation)).unwrap();
        let got = mismatches(&fixture, &assemble(&fixture));
        assert_eq!(got.len(), seen.len(), "{expectation}: {got:?}");
        for (got, seen) in got.iter().zip(seen) {
            assert!(got.contains(seen), "{expectation}: {got}");
        }
    }
    for bad in ["expct main: 00", "expect: 00", "expect main: 0", "expect main:", "base: 7", "retype: .text+0 = x"] {
        assert!(Fixture::parse("test.s", &source(bad)).is_err(), "{bad}");
    }
    assert!(Fixture::parse("test.s", &source("").replace("# \n", "")).is_err(), "no expectation");
}

/// That a row without a fixture is seen, and a fixture that claims another row than its own.
#[test]
fn missing_rows_are_seen() {
    let target = Target::X86_64_WINDOWS;
    let mut fewer = assembled("coff-x86_64", target);
    fewer.retain(|(fixture, _)| fixture.covers.is_some());
    assert_eq!(unproved(target, &fewer), [""; 0]);
    fewer[0].0.covers = fewer[1].0.covers.clone();
    let (_, objects) = fewer.pop().unwrap();
    let seen = unproved(target, &fewer);
    assert_eq!(seen.len(), 3, "{seen:?}");
    fewer[2].1.extend(objects);
    assert_eq!(unproved(target, &fewer).len(), 5);
}

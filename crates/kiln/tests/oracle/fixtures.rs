//! The fixtures of `relocations`, each with its relocation type, by the rules that hold for other linkers too, and by these linkers.

use std::collections::BTreeSet;

use kiln::Target;

use crate::compiled::gnu;
use crate::fixture::{Fixture, Outcome};
use crate::rules::{Field, To, Way};
use crate::world::World;
use crate::{Case, Compared, assemble, jitlink, with_got};

/// The fixtures of a directory by the same rules: those that `is_linked` says, by JITLink too, or, if it does not know what is in
/// them, by another linker. Gives how many they linked, and those whose fields are otherwise there.
fn fixtures(
    dir: &str,
    target: Target,
    linker: Option<&str>,
    is_linked: impl Fn(&Fixture) -> bool,
) -> (Compared, usize, BTreeSet<String>) {
    let (mut compared, mut linked, mut otherwise) = (Compared::default(), 0, BTreeSet::new());
    for fixture in assemble::fixtures(dir, target) {
        // Names that linkers define for where sections begin are none of the rules', nor names with a version or of other names,
        // nor functions that are chosen, whose address is a stub's, nor instructions that were moved into a veneer (`veneers.rs` runs
        // those).
        let own = ["bounds", "versions", "alias", "resolver", "veneer-"];
        let is_own = own.iter().any(|word| fixture.name.contains(word));
        if matches!(fixture.outcome, Outcome::Error(_)) || is_own {
            continue;
        }
        let mut case = Case::new(fixture.name.clone(), target, &fixture.name, assemble::assemble(&fixture));
        case.base = fixture.base;
        case.defines.clone_from(&fixture.defines);
        case.entry = "main".to_owned();
        let mut inputs = case.inputs();
        inputs.iter_mut().for_each(|input| input.fields.retain(|field| field.to != To::Unknown));
        let plan = case.plan();
        let world = with_got(World::of_plan(&plan, target, &inputs), &inputs);
        // Of what only counts from the GOT nothing shows where that is.
        let counts = [To::FromGot, To::SlotFromGot, To::SlotFromGotPage];
        let is_known = |field: &Field| world.got.is_some() || !counts.contains(&field.to);
        inputs.iter_mut().for_each(|input| input.fields.retain(is_known));
        assert_eq!(case.wrong(&world, &inputs, &mut compared), [""; 0]);
        if !is_linked(&fixture) {
            continue;
        }
        let other = jitlink::link(&case, &inputs).or_else(|error| match linker {
            Some(linker) => {
                case.linked_elf(linker, &plan, &case.inputs(), &world).map_err(|other| format!("{error}{other}"))
            }
            None => Err(error),
        });
        let other = match other {
            Ok(other) => with_got(other, &inputs),
            Err(error) => {
                compared.refused.push(format!("{}: {error}", case.what));
                continue;
            }
        };
        // JITLink leaves out what nothing refers to.
        for (number, input) in inputs.iter_mut().enumerate() {
            let is_there = |section| other.pieces.get(&(number, section)).is_some_and(|pieces| !pieces.is_empty());
            input.fields.retain(|field| is_there(field.section));
        }
        let wrong = case.wrong(&other, &inputs, &mut compared);
        wrong.iter().for_each(|wrong| eprintln!("{wrong}"));
        otherwise.extend((!wrong.is_empty()).then(|| fixture.name.clone()));
        linked += 1;
    }
    (compared, linked, otherwise)
}

#[test]
fn fixtures_of_macho_for_aarch64() {
    let (compared, linked, otherwise) = fixtures("macho-aarch64", Target::AARCH64_MACOS, None, |_| true);
    assert!(linked >= 25, "{linked}: {:#?}", compared.refused);
    compared.floors(&["kiln"], &[(To::Symbol, Way::Direct, 50), (To::Variable, Way::Thread, 4)]);
    compared.floors(
        &["kiln", "llvm-jitlink-22"],
        &[
            (To::Symbol, Way::Direct, 30),
            (To::Load, Way::Slot, 8),
            (To::Slot, Way::Slot, 3),
            (To::Branch, Way::Stub, 3),
        ],
    );
    // JITLink adds the addend to the stub's address, and so goes into its middle; it belongs to the function's.
    assert_eq!(otherwise.into_iter().collect::<Vec<_>>(), ["addend-branch26.s"]);
}

#[test]
fn fixtures_of_macho_for_x86_64() {
    let (compared, linked, otherwise) = fixtures("macho-x86_64", Target::X86_64_MACOS, None, |_| true);
    assert!(linked >= 18, "{linked}: {:#?}", compared.refused);
    compared.floors(
        &["kiln", "llvm-jitlink-22"],
        &[
            (To::Symbol, Way::Direct, 20),
            (To::Load, Way::Slot, 3),
            (To::Slot, Way::Slot, 3),
            (To::Branch, Way::Stub, 3),
        ],
    );
    assert_eq!(otherwise, BTreeSet::new());
}

/// One for each type; of thread-local storage, those that stay as they are in a program.
fn fixtures_of_elf(target: Target, dir: &str, prefix: &str) -> (Compared, usize, BTreeSet<String>) {
    let is_linked = |fixture: &Fixture| {
        let types = ["tlsgd", "tlsld", "tlsie", "tlsdesc", "tls-"];
        fixture.covers.is_some() && !types.iter().any(|kind| fixture.name.starts_with(kind))
    };
    fixtures(dir, target, Some(&gnu(prefix)), is_linked)
}

#[test]
fn fixtures_of_elf_for_x86_64() {
    let (compared, linked, otherwise) = fixtures_of_elf(Target::X86_64_LINUX, "elf-x86_64", "x86_64-linux-gnu");
    assert!(linked >= 18, "{linked}: {:#?}", compared.refused);
    compared
        .floors(&["kiln"], &[(To::Symbol, Way::Direct, 50), (To::Load, Way::Slot, 15), (To::Initial, Way::Thread, 5)]);
    compared.floors(&["llvm-jitlink-22"], &[(To::Symbol, Way::Direct, 12), (To::Load, Way::Slot, 3)]);
    // The GOT's beginning, which is anywhere where there are no slots.
    assert_eq!(otherwise.into_iter().collect::<Vec<_>>(), ["gotpc32.s", "gotpc64.s"]);
}

#[test]
fn fixtures_of_elf_for_aarch64() {
    let (compared, linked, otherwise) = fixtures_of_elf(Target::AARCH64_LINUX, "elf-aarch64", "aarch64-linux-gnu");
    assert!(linked >= 50, "{linked}: {:#?}", compared.refused);
    compared.floors(&["kiln"], &[(To::Symbol, Way::Direct, 120), (To::Load, Way::Slot, 10)]);
    compared.floors(&["llvm-jitlink-22"], &[(To::Symbol, Way::Direct, 40)]);
    let others = [(To::Symbol, Way::Direct, 30), (To::ThreadOffset, Way::Thread, 12)];
    compared.floors(&[&gnu("aarch64-linux-gnu")], &others);
    // JITLink goes so far into the stub as the branch goes into the function (AAELF64, "Call and Jump relocations").
    assert_eq!(otherwise.into_iter().collect::<Vec<_>>(), ["call26.s", "jump26.s"]);
}

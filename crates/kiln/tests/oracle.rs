//! The same objects linked by others, and every field that a relocation changes compared: GNU ld and LLVM's lld at Kiln's own
//! addresses, whose bytes must be the same; LLVM's JITLink and lld for Mach-O wherever they like. Where a field leads to a GOT slot or
//! a stub, which each linker has elsewhere, it is followed to its end in each image.
//!
//! Objects are compilers' output, the fixtures of `relocations`, and made-up ones; those come from a seed that the failure names.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "relocations/assemble.rs"]
mod assemble;
#[path = "oracle/compiled.rs"]
mod compiled;
#[path = "oracle/corpus.rs"]
mod corpus;
#[path = "oracle/elf_rules.rs"]
mod elf_rules;
#[path = "relocations/fixture.rs"]
#[allow(dead_code)] // What it expects is what `relocations.rs` looks at.
mod fixture;
#[path = "oracle/fixtures.rs"]
mod fixtures;
#[path = "oracle/frames.rs"]
mod frames;
#[path = "oracle/generate.rs"]
mod generate;
#[path = "oracle/generate_macho.rs"]
mod generate_macho;
#[path = "oracle/inputs.rs"]
mod inputs;
#[path = "oracle/jitlink.rs"]
mod jitlink;
#[path = "oracle/linked.rs"]
mod linked;
#[path = "oracle/macho_rules.rs"]
mod macho_rules;
#[path = "relocations/raw.rs"]
#[allow(dead_code)] // The same.
mod raw;
#[path = "oracle/rules.rs"]
mod rules;
#[path = "oracle/unwind_info.rs"]
mod unwind_info;
#[path = "oracle/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use compiled::{COMPACT, Compiler, EXCEPTIONS, SOURCE, THREADS, compiled, compiler, far, gnu, macho_frames, whole};
use frames::Frame;
use inputs::Input;
use kiln::{Format, Linker, Plan, Target, TargetAddr};
use object::{Object, ObjectSection};
use rules::{Field, Shape, To, Way};
use world::World;

const BASE: u64 = 0x1000_0000;
/// Outside, so far from the base, and near enough for every branch.
const OUTSIDE: [(&str, u64); 12] = [
    ("ext", 0x234_0000),
    ("ext_data", 0x235_6780),
    ("ext_call", 64 << 20),
    ("__tls_get_addr", 72 << 20),
    ("__gxx_personality_v0", 0x240_0000),
    ("__cxa_allocate_exception", 0x240_0010),
    ("__cxa_throw", 0x240_0020),
    ("__cxa_begin_catch", 0x240_0030),
    ("__cxa_end_catch", 0x240_0040),
    ("_Unwind_Resume", 0x240_0050),
    ("_ZTIi", 0x240_0060),
    ("_ZSt9terminatev", 0x240_0070),
];

/// Objects that are linked together, in a folder of their own that is removed in the end.
struct Case {
    what: String,
    target: Target,
    base: u64,
    defines: Vec<(String, u64)>,
    /// Where JITLink begins to look for what is needed.
    entry: String,
    /// Whether linkers of files are to make a shared library of it.
    shared: bool,
    folder: PathBuf,
    objects: Vec<(String, Vec<u8>)>,
}

impl Drop for Case {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// How many fields were compared: by linker, what the field leads to, and how.
#[derive(Default)]
struct Compared {
    fields: BTreeMap<(String, String, Way), usize>,
    refused: Vec<String>,
    /// Jumps that JITLink has wrong.
    jumps: usize,
    /// How many functions' frames, with a personality, with data.
    frames: BTreeMap<String, [usize; 3]>,
}

impl Compared {
    fn frame(&mut self, linker: &str, frame: &Frame) {
        let frames = self.frames.entry(linker.to_owned()).or_default();
        *frames = [
            frames[0] + 1,
            frames[1] + usize::from(frame.personality.is_some()),
            frames[2] + usize::from(frame.data.is_some()),
        ];
    }

    /// Whether at least so many were compared of each, by each linker.
    fn floors(&self, linkers: &[&str], floors: &[(To, Way, usize)]) {
        for linker in linkers {
            for (to, way, floor) in floors {
                let key = ((*linker).to_owned(), format!("{to:?}"), *way);
                let count = self.fields.get(&key).copied().unwrap_or_default();
                assert!(count >= *floor, "{linker}: {count} of {to:?} {way:?}, and not {floor}: {:#?}", self.fields);
            }
        }
    }

    /// Whether at least so many functions' frames were compared, with a personality, and with data of the language's.
    fn frame_floor(&self, linker: &str, floor: [usize; 3]) {
        let count = self.frames.get(linker).copied().unwrap_or_default();
        assert!(
            count.iter().zip(floor).all(|(count, floor)| *count >= floor),
            "{linker}: {count:?}, and not {floor:?}"
        );
    }

    /// What JITLink knows nothing of.
    fn refusals(&self) -> Vec<&str> {
        let words: BTreeSet<&str> =
            self.refused.iter().filter_map(|text| text.split_whitespace().next_back()).collect();
        words.into_iter().collect()
    }
}

impl Case {
    fn new(what: String, target: Target, number: &str, objects: Vec<(String, Vec<u8>)>) -> Case {
        let folder = std::env::temp_dir().join(format!("kiln-oracle-{}-{target}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in &objects {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
        // lld has Mach-O libraries begin at 0.
        let base = if target.format() == Format::MachO { BASE >> 4 } else { BASE };
        let defines = OUTSIDE.map(|(name, address)| (name.to_owned(), base + address)).to_vec();
        Case { what, target, base, defines, entry: "start0".to_owned(), shared: false, folder, objects }
    }

    /// What is defined outside, by the names in the files.
    fn outside(&self) -> Vec<(String, u64)> {
        let prefix = if self.target.format() == Format::MachO { "_" } else { "" };
        self.defines.iter().map(|(name, address)| (format!("{prefix}{name}"), *address)).collect()
    }

    fn plan(&self) -> Plan {
        let mut linker = Linker::new(self.target);
        for (name, address) in &self.defines {
            linker.define_address(name, TargetAddr(*address));
        }
        for (name, object) in &self.objects {
            linker.add_object(name, &object[..]).unwrap_or_else(|error| panic!("{}: {error}", self.what));
        }
        linker.plan(TargetAddr(self.base)).unwrap_or_else(|error| panic!("{}: {error}", self.what))
    }

    fn inputs(&self) -> Vec<Input> {
        inputs::read(&self.objects, &self.outside())
    }

    /// What a tool says, and its error.
    fn run(&self, command: &mut Command) -> Result<String, String> {
        let output = command.current_dir(&self.folder).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (text, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(text.into_owned()) } else { Err(format!("{error}{text}")) }
    }

    /// What is wrong in an image, with the fields that are right added to `compared`.
    fn wrong(&self, world: &World, inputs: &[Input], compared: &mut Compared) -> Vec<String> {
        let mut wrong = Vec::new();
        for field in inputs.iter().flat_map(|input| &input.fields).filter(|field| field.to != To::Bootstrap) {
            match rules::check(world, inputs, field) {
                Ok(way) => {
                    let key = (world.linker.clone(), format!("{:?}", field.to), way);
                    *compared.fields.entry(key).or_default() += 1;
                }
                Err(_) if rules::is_jitlinks_jump(world, field) => compared.jumps += 1,
                Err(error) => wrong.push(self.shown(world, inputs, field, &error)),
            }
        }
        wrong
    }

    /// What another linker's call frame information says otherwise. It must describe as many functions, but for those that
    /// only compact unwind tables describe in Mach-O.
    fn other_frames(
        &self,
        world: &World,
        inputs: &[Input],
        own: &BTreeMap<String, Frame>,
        compared: &mut Compared,
    ) -> Vec<String> {
        let mut theirs = frames::of(world, inputs);
        // GNU ld describes its own stubs, which are in no input.
        theirs.retain(|function, _| !function.starts_with("0x"));
        let mut wrong = Vec::new();
        for (function, frame) in &theirs {
            match own.get(function) {
                Some(own) if own == frame => compared.frame(&world.linker, frame),
                own => {
                    wrong.push(format!("{}: {}: {function}: {frame:#?}, and here {own:#?}", self.what, world.linker))
                }
            }
        }
        if self.what.ends_with(COMPACT) {
            let (other, same) = frames::compact(world, inputs, own, self.target.arch() == kiln::Arch::X86_64);
            wrong.extend(other.iter().map(|text| format!("{}: {text}", self.what)));
            same.iter().for_each(|frame| compared.frame(&format!("{} compact", world.linker), frame));
        }
        if self.target.format() == Format::Elf && theirs.len() != own.len() {
            wrong.push(format!("{}: {}: {} functions of {}", self.what, world.linker, theirs.len(), own.len()));
        }
        wrong
    }

    fn shown(&self, world: &World, inputs: &[Input], field: &Field, error: &str) -> String {
        let input = &inputs[field.input];
        format!(
            "{}: {}: {} {}+{:#x}: type {} to `{}` ({:?}, {:?}): {error}",
            self.what,
            world.linker,
            input.name,
            input.section(field.section).full_name,
            field.offset,
            field.r_type,
            field.symbol,
            field.to,
            field.shape
        )
    }

    /// Compares every byte of every section with what another linker for ELF has there, but for the fields that lead to the
    /// linker's own tables.
    fn same_bytes(&self, linker: &str, plan: &Plan, inputs: &[Input], linked: &[u8]) {
        let file = object::File::parse(linked).unwrap();
        for (number, section) in linked::placed(plan) {
            let other = file.section_by_name(&format!(".kiln{number}"));
            let other = other.unwrap_or_else(|| panic!("{}: {linker} has no {}", self.what, section.name));
            if other.kind() == object::SectionKind::UninitializedTls {
                continue;
            }
            let is_elsewhere = other.kind() == object::SectionKind::Tls;
            assert!(is_elsewhere || other.address() == section.address.0, "{}: {linker}: {}", self.what, section.name);
            let Ok(theirs @ [_, ..]) = other.data() else { continue };
            let own = plan.bytes_at(section.address).unwrap();
            let input = inputs.iter().find(|input| input.name == section.input).unwrap();
            let index = input.sections.iter().find(|own| own.name == section.name).unwrap().index;
            let in_tables = |field: &&Field| {
                field.section == index
                    && !matches!(field.to, To::Symbol | To::Branch | To::ThreadOffset | To::BlockOffset)
            };
            let fields: Vec<u64> = input.fields.iter().filter(in_tables).map(|field| field.offset).collect();
            for (offset, (own, theirs)) in own.iter().zip(theirs).enumerate() {
                // The instruction before the field may be another, too.
                let in_table = fields.iter().any(|field| (*field..*field + 11).contains(&(offset as u64 + 3)));
                assert!(
                    own == theirs || in_table,
                    "{}: {} {}+{offset:#x}: {own:#04x}, and by {linker} {theirs:#04x}",
                    self.what,
                    section.input,
                    section.name
                );
            }
        }
    }

    /// What a linker for ELF makes of it, its bytes compared.
    fn linked_elf(&self, linker: &str, plan: &Plan, inputs: &[Input], own: &World) -> Result<World, String> {
        let linked = linked::elf(self, linker, plan)?;
        self.same_bytes(linker, plan, inputs, &linked);
        Ok(linked::elf_world(linker, &linked, own, inputs))
    }

    /// Compares with all: the linkers of files that are named, and JITLink.
    fn hold(&self, linkers: &[&str], compared: &mut Compared) {
        let (plan, inputs) = (self.plan(), self.inputs());
        let own = with_got(World::of_plan(&plan, self.target, &inputs), &inputs);
        let mut wrong = self.wrong(&own, &inputs, compared);
        let own_frames = frames::of(&own, &inputs);
        for linker in linkers {
            let world = if self.target.format() == Format::Elf {
                self.linked_elf(linker, &plan, &inputs, &own)
                    .unwrap_or_else(|error| panic!("{}: {linker}: {error}", self.what))
            } else {
                linked::macho(self, &inputs).unwrap_or_else(|error| panic!("{}: {linker}: {error}", self.what))
            };
            wrong.extend(self.wrong(&with_got(world.clone(), &inputs), &inputs, compared));
            wrong.extend(self.other_frames(&world, &inputs, &own_frames, compared));
        }
        match jitlink::link(self, &inputs) {
            Ok(world) => {
                wrong.extend(self.wrong(&with_got(world.clone(), &inputs), &inputs, compared));
                wrong.extend(self.other_frames(&world, &inputs, &own_frames, compared));
            }
            Err(error) if jitlink::refuses(&error) => compared.refused.push(format!("{}: {error}", self.what)),
            Err(error) => panic!("{}: llvm-jitlink-22: {error}", self.what),
        }
        assert!(wrong.is_empty(), "{} fields:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// Adds where the GOT begins: what the first field says that leads there.
fn with_got(mut world: World, inputs: &[Input]) -> World {
    let base = |field: &Field| {
        let home = inputs::Home::Section(field.input, field.section);
        let p = world.locate(&inputs::Place { home, offset: field.offset as i64 })?;
        let bytes = world.bytes(p)?;
        let distance = match field.shape {
            Shape::Relative(8) => i64::from_le_bytes(*bytes.first_chunk()?),
            Shape::Relative(4) => i64::from(i32::from_le_bytes(*bytes.first_chunk()?)),
            // Of the instruction there is the page, which is all that the others count from.
            Shape::Page => return rules::page(u32::from_le_bytes(*bytes.first_chunk()?), p),
            _ => return None,
        };
        Some(p.wrapping_add_signed(distance - field.addend)).filter(|got| !world.is_input(*got))
    };
    let fields = inputs.iter().flat_map(|input| &input.fields).filter(|field| field.to == To::Got);
    if let Some(got) = fields.filter_map(base).next() {
        world.got = Some(got);
    }
    world
}

/// Links each case by all.
fn hold(cases: &[Case], linkers: &[&str]) -> Compared {
    let mut compared = Compared::default();
    cases.iter().for_each(|case| case.hold(linkers, &mut compared));
    compared
}

#[test]
fn compilers_output_for_x86_64() {
    let models: &[&[&str]] =
        &[&["-fPIC"], &["-fno-pic"], &[], &["-mcmodel=medium", "-fno-pic"], &["-mcmodel=large", "-fno-pic"]];
    let gcc = compiler("x86_64-linux-gnu");
    let clang = ["--target=x86_64-unknown-linux-gnu"];
    let cases = compiled(Target::X86_64_LINUX, &[(&gcc, &[], models), ("clang", &clang, models)], SOURCE, "c");
    let gnu = gnu("x86_64-linux-gnu");
    let compared = hold(&cases, &[&gnu, "ld.lld"]);
    assert_eq!(compared.refusals(), [""; 0]);
    compared.floors(
        &["kiln", "llvm-jitlink-22", "ld.lld", &gnu],
        &[(To::Symbol, Way::Direct, 1000), (To::Branch, Way::Direct, 80)],
    );
    compared.floors(&["kiln", "llvm-jitlink-22", &gnu], &[(To::Load, Way::Relaxed, 30)]);
    compared.floors(&["ld.lld"], &[(To::Load, Way::Slot, 30)]);
}

#[test]
fn compilers_output_for_aarch64() {
    let models: &[&[&str]] = &[&["-fPIC"], &["-fno-pic"], &["-mcmodel=large", "-fno-pic"]];
    let gcc = compiler("aarch64-linux-gnu");
    let clang = ["--target=aarch64-unknown-linux-gnu"];
    let compilers: [Compiler<'_>; 2] = [(&gcc, &[], &models[..2]), ("clang", &clang, models)];
    let cases = compiled(Target::AARCH64_LINUX, &compilers, SOURCE, "c");
    let gnu = gnu("aarch64-linux-gnu");
    let compared = hold(&cases, &[&gnu, "ld.lld"]);
    assert_eq!(compared.refusals(), [""; 0]);
    compared.floors(
        &["kiln", "llvm-jitlink-22", "ld.lld", &gnu],
        &[(To::Symbol, Way::Direct, 700), (To::Branch, Way::Direct, 30), (To::Load, Way::Slot, 50)],
    );
    compared.floors(&["llvm-jitlink-22"], &[(To::Branch, Way::Stub, 15)]);
}

/// Where the outside is too far for branches, and by code that counts from the GOT.
#[test]
fn far_and_from_the_got_for_x86_64() {
    let gcc = compiler("x86_64-linux-gnu");
    let clang = ["--target=x86_64-unknown-linux-gnu"];
    let models: &[&[&str]] = &[&["-fPIC"], &["-mcmodel=large", "-fPIC"]];
    let mut cases = compiled(Target::X86_64_LINUX, &[(&gcc, &[], models), ("clang", &clang, models)], SOURCE, "far");
    let gnu = gnu("x86_64-linux-gnu");
    let near = hold(&cases, &[&gnu, "ld.lld"]);
    far(&mut cases);
    let far = hold(&cases, &[]);
    for compared in [&near, &far] {
        assert_eq!(compared.refusals(), ["R_X86_64_PLTOFF64"]);
        compared.floors(
            &["kiln", "llvm-jitlink-22"],
            &[(To::FromGot, Way::Got, 16), (To::Got, Way::Got, 8), (To::SlotFromGot, Way::Slot, 10)],
        );
    }
    near.floors(&["ld.lld", &gnu], &[(To::FromGot, Way::Got, 35), (To::SlotFromGot, Way::Slot, 15)]);
    far.floors(&["kiln", "llvm-jitlink-22"], &[(To::Branch, Way::Stub, 3), (To::Load, Way::Slot, 3)]);
}

#[test]
fn far_and_from_the_got_for_aarch64() {
    let gcc = compiler("aarch64-linux-gnu");
    let clang = ["--target=aarch64-unknown-linux-gnu"];
    let models: &[&[&str]] = &[&["-fPIC"], &["-fpic"]];
    let mut cases = compiled(Target::AARCH64_LINUX, &[(&gcc, &[], models), ("clang", &clang, models)], SOURCE, "far");
    let gnu = gnu("aarch64-linux-gnu");
    let near = hold(&cases, &[&gnu, "ld.lld"]);
    far(&mut cases);
    let far = hold(&cases, &[]);
    let got = [(To::Load, Way::Slot, 35), (To::SlotFromGotPage, Way::Slot, 5), (To::Got, Way::Got, 4)];
    near.floors(&["kiln", "llvm-jitlink-22", "ld.lld", &gnu], &got);
    far.floors(&["kiln", "llvm-jitlink-22"], &got);
    far.floors(&["kiln", "llvm-jitlink-22"], &[(To::Branch, Way::Stub, 5)]);
    assert_eq!([near.refusals(), far.refusals()], [[""; 0]; 2]);
}

/// All ways to find thread-local variables. Linkers of programs do without most of them, and of shared libraries not.
fn threads(target: Target, prefix: &str, dialects: [&str; 2]) -> Compared {
    let (gcc, linker) = (&*compiler(prefix), &*gnu(prefix));
    let clang = &*format!("--target={prefix}");
    let models: &[&[&str]] = &[
        &["-fPIC", "-ftls-model=global-dynamic"],
        &["-fPIC", "-ftls-model=local-dynamic"],
        &["-fPIC", "-ftls-model=initial-exec"],
    ];
    let (clang, first, second) = ([clang], [dialects[0]], [dialects[1]]);
    let compilers: [Compiler<'_>; 3] = [(gcc, &first, models), (gcc, &second, models), ("clang", &clang, models)];
    let mut cases = compiled(target, &compilers, THREADS, "threads");
    cases.iter_mut().for_each(|case| case.shared = true);
    let mut compared = hold(&cases, &[linker]);
    let models: &[&[&str]] = &[&["-fno-pic", "-ftls-model=local-exec"]];
    let cases = compiled(target, &[(gcc, &[], models), ("clang", &clang, models)], THREADS, "local");
    cases.iter().for_each(|case| case.hold(&[linker, "ld.lld"], &mut compared));
    compared
}

#[test]
fn threads_for_x86_64() {
    let compared = threads(Target::X86_64_LINUX, "x86_64-linux-gnu", ["-mtls-dialect=gnu", "-mtls-dialect=gnu2"]);
    compared.floors(
        &["kiln", &gnu("x86_64-linux-gnu")],
        &[
            (To::General, Way::Thread, 15),
            (To::Local, Way::Thread, 8),
            (To::BlockOffset, Way::Thread, 25),
            (To::Initial, Way::Thread, 22),
            (To::Descriptor, Way::Thread, 12),
            (To::ThreadOffset, Way::Thread, 20),
        ],
    );
    compared.floors(&["llvm-jitlink-22"], &[(To::General, Way::Thread, 10)]);
    compared.floors(&["ld.lld"], &[(To::ThreadOffset, Way::Thread, 20)]);
    let refused = ["R_X86_64_GOTPC32_TLSDESC", "R_X86_64_GOTTPOFF", "R_X86_64_TLSLD", "R_X86_64_TPOFF32"];
    assert_eq!(compared.refusals(), refused);
}

#[test]
fn threads_for_aarch64() {
    let compared = threads(Target::AARCH64_LINUX, "aarch64-linux-gnu", ["-mtls-dialect=trad", "-mtls-dialect=desc"]);
    compared.floors(
        &["kiln", &gnu("aarch64-linux-gnu")],
        &[
            (To::General, Way::Thread, 30),
            (To::Initial, Way::Thread, 45),
            (To::Descriptor, Way::Thread, 90),
            (To::ThreadOffset, Way::Thread, 25),
        ],
    );
    compared.floors(&["llvm-jitlink-22"], &[(To::Descriptor, Way::Thread, 90)]);
    compared.floors(&["ld.lld"], &[(To::ThreadOffset, Way::Thread, 25)]);
    let refused =
        ["R_AARCH64_TLSGD_ADR_PAGE21", "R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21", "R_AARCH64_TLSLE_ADD_TPREL_HI12"];
    assert_eq!(compared.refusals(), refused);
}

/// Near, far, and with thread-local variables.
fn macho(target: Target, clang: &[&str], models: &[&[&str]]) -> [Compared; 3] {
    let compilers = [("clang", clang, models)];
    let mut cases = compiled(target, &compilers, SOURCE, "c");
    let near = hold(&cases, &["ld64.lld-22"]);
    far(&mut cases);
    let threads = compiled(target, &compilers, THREADS, "threads");
    [near, hold(&cases, &[]), hold(&threads, &["ld64.lld-22"])]
}

#[test]
fn macho_for_aarch64() {
    let [near, far, threads] =
        macho(Target::AARCH64_MACOS, &["--target=arm64-apple-macos11"], &[&[], &["-mcmodel=large"]]);
    near.floors(&["kiln", "llvm-jitlink-22", "ld64.lld-22"], &[(To::Symbol, Way::Direct, 120)]);
    near.floors(&["kiln", "ld64.lld-22"], &[(To::Load, Way::Relaxed, 80), (To::Branch, Way::Direct, 8)]);
    near.floors(&["llvm-jitlink-22"], &[(To::Load, Way::Slot, 100), (To::Branch, Way::Stub, 4)]);
    far.floors(&["kiln", "llvm-jitlink-22"], &[(To::Load, Way::Slot, 22), (To::Branch, Way::Stub, 4)]);
    threads.floors(&["kiln", "ld64.lld-22"], &[(To::Load, Way::Relaxed, 30), (To::Variable, Way::Thread, 8)]);
    threads.floors(&["llvm-jitlink-22"], &[(To::Load, Way::Slot, 30), (To::Variable, Way::Thread, 8)]);
    assert_eq!([near.refusals(), far.refusals(), threads.refusals()], [[""; 0]; 3]);
}

#[test]
fn macho_for_x86_64() {
    let models: [&[&str]; 3] = [&["-fPIC"], &["-mdynamic-no-pic"], &["-mcmodel=large"]];
    let [near, far, threads] = macho(Target::X86_64_MACOS, &["--target=x86_64-apple-macos11"], &models);
    near.floors(
        &["kiln", "llvm-jitlink-22", "ld64.lld-22"],
        &[(To::Symbol, Way::Direct, 190), (To::Load, Way::Relaxed, 8), (To::Branch, Way::Direct, 15)],
    );
    far.floors(&["kiln", "llvm-jitlink-22"], &[(To::Load, Way::Slot, 8), (To::Branch, Way::Stub, 7)]);
    threads.floors(&["kiln", "ld64.lld-22"], &[(To::Load, Way::Relaxed, 20), (To::Variable, Way::Thread, 12)]);
    assert_eq!([near.refusals(), far.refusals()], [[""; 0]; 2]);
    assert_eq!(threads.refusals(), ["RequestTLVPAndTransformToPCRel32TLVPLoadREXRelaxable"]);
}

/// What call frame information says: how many functions' at least, with a personality, and with data of the language's.
fn frames_of(target: Target, prefix: &str, models: &[&[&str]], floor: [usize; 3]) {
    let (gcc, gnu) = (&*compiler(prefix), &*gnu(prefix));
    let clang = [&*format!("--target={prefix}"), "-xc++"];
    let compilers: [Compiler<'_>; 2] = [(gcc, &["-xc++"], models), ("clang", &clang, models)];
    let compared = hold(&compiled(target, &compilers, EXCEPTIONS, "frames"), &[gnu, "ld.lld"]);
    for linker in [gnu, "ld.lld", "llvm-jitlink-22"] {
        compared.frame_floor(linker, floor);
    }
}

#[test]
fn frames_for_x86_64() {
    let models: &[&[&str]] = &[&["-fPIC"], &["-fno-pic"], &["-mcmodel=large"]];
    frames_of(Target::X86_64_LINUX, "x86_64-linux-gnu", models, [30, 20, 20]);
}

#[test]
fn frames_for_aarch64() {
    frames_of(Target::AARCH64_LINUX, "aarch64-linux-gnu", &[&["-fPIC"], &["-fno-pic"]], [20, 15, 15]);
}

#[test]
fn frames_for_macho() {
    for target in [Target::X86_64_MACOS, Target::AARCH64_MACOS] {
        let cases = macho_frames(target, EXCEPTIONS, &["always", COMPACT]);
        let compared = hold(&cases, &["ld64.lld-22"]);
        for linker in ["ld64.lld-22", "llvm-jitlink-22", "ld64.lld-22 compact", "llvm-jitlink-22 compact"] {
            compared.frame_floor(linker, [4, 2, 2]);
        }
        assert_eq!(compared.refusals(), [""; 0]);
    }
}

fn generated(target: Target) {
    let seeds = 0..16u64;
    let cases: Vec<Case> = seeds
        .map(|seed| {
            let objects = generate::objects(target, seed);
            Case::new(format!("seed {seed}"), target, &format!("seed-{seed}"), objects)
        })
        .collect();
    let gnu = gnu(if target == Target::X86_64_LINUX { "x86_64-linux-gnu" } else { "aarch64-linux-gnu" });
    let compared = hold(&cases, &[&gnu, "ld.lld"]);
    assert_eq!(compared.refusals(), [""; 0]);
    compared
        .floors(&["kiln"], &[(To::Load, if target == Target::X86_64_LINUX { Way::Relaxed } else { Way::Slot }, 200)]);
    compared.floors(&["ld.lld"], &[(To::Load, Way::Slot, 200)]);
    let floors = [(To::Symbol, Way::Direct, 1500), (To::Branch, Way::Direct, 60)];
    compared.floors(&["kiln", "llvm-jitlink-22", "ld.lld", &gnu], &floors);
}

#[test]
fn generated_objects_for_x86_64() {
    generated(Target::X86_64_LINUX);
}

#[test]
fn generated_objects_for_aarch64() {
    generated(Target::AARCH64_LINUX);
}

fn generated_macho(target: Target) -> Compared {
    let assembler = kiln::Assembler::find(target, kiln::Syntax::Plain).unwrap();
    let case = |seed: u64| {
        let texts = generate_macho::texts(target.arch() == kiln::Arch::X86_64, seed);
        let assemble = |(number, text): (usize, &String)| {
            let name = format!("g{number}.o");
            let object = assembler.assemble(&name, text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
            (name, whole(object))
        };
        let objects = texts.iter().enumerate().map(assemble).collect();
        Case::new(format!("seed {seed}"), target, &format!("seed-{seed}"), objects)
    };
    let cases: Vec<Case> = (0..16).map(case).collect();
    let compared = hold(&cases, &["ld64.lld-22"]);
    assert_eq!(compared.refusals(), [""; 0]);
    compared.floors(
        &["kiln", "llvm-jitlink-22", "ld64.lld-22"],
        &[(To::Symbol, Way::Direct, 400), (To::Branch, Way::Direct, 35), (To::Slot, Way::Slot, 100)],
    );
    compared.floors(&["kiln"], &[(To::Load, Way::Relaxed, 20)]);
    compared
}

#[test]
fn generated_macho_for_x86_64() {
    generated_macho(Target::X86_64_MACOS).floors(&["ld64.lld-22"], &[(To::Load, Way::Slot, 25)]);
}

#[test]
fn generated_macho_for_aarch64() {
    generated_macho(Target::AARCH64_MACOS).floors(&["kiln", "ld64.lld-22"], &[(To::Load, Way::Slot, 50)]);
}

/// That a description of another range of code is seen, and one with another personality.
#[test]
fn wrong_frames_are_seen() {
    let clang = ["--target=x86_64-unknown-linux-gnu", "-xc++"];
    let cases = compiled(Target::X86_64_LINUX, &[("clang", &clang, &[&["-fPIC"]])], EXCEPTIONS, "wrong-frames");
    let (inputs, plan) = (cases[0].inputs(), cases[0].plan());
    let world = World::of_plan(&plan, cases[0].target, &inputs);
    let own = frames::of(&world, &inputs);
    assert!(own.len() > 3 && own.values().any(|frame| frame.personality.is_some()), "{own:#?}");
    let [(start, size)] = world.frames[..] else { panic!("{:?}", world.frames) };
    let differs = |world: World| cases[0].other_frames(&world, &inputs, &own, &mut Compared::default()).len();
    assert_eq!(differs(world.clone()), 0);
    for frame in own.values() {
        // Behind the distance to the function.
        let is_length = |at: &u64| {
            let distance = world.instruction(at - 4).unwrap() as i32;
            let function = world.identify((at - 4).wrapping_add_signed(i64::from(distance)));
            let is_code = match function.home {
                inputs::Home::Section(input, section) => inputs[input].section(section).name.starts_with(".text"),
                _ => false,
            };
            is_code && world.instruction(*at).map(u64::from) == Some(frame.length)
        };
        let at = (start + 4..start + size).step_by(4).find(is_length).unwrap();
        assert!(differs(world.changed(at, 4)) > 0, "{frame:?}");
    }
    // The word that the personality is read from.
    let personality = plan.imports().iter().find(|(name, _)| name == "__gxx_personality_v0").unwrap().1;
    let words: Vec<u64> = (start..start + plan.image().len() as u64).step_by(8).collect();
    let slots: Vec<&u64> = words.iter().filter(|at| world.word(**at) == Some(personality.0)).collect();
    assert!(!slots.is_empty() && slots.iter().any(|at| differs(world.changed(**at, 16)) > 0));
}

/// That a field that is wrong by a bit is seen, and so are a slot, a stub and a variable that it leads to.
#[test]
fn what_is_wrong_is_seen() {
    let x86 = ["--target=x86_64-unknown-linux-gnu", "-O1"];
    let arm = ["--target=aarch64-unknown-linux-gnu", "-O1"];
    let pic: &[&[&str]] = &[&["-fPIC"]];
    let large: &[&[&str]] = &[&["-mcmodel=large", "-fPIC"]];
    let mut cases = Vec::new();
    for (target, options, models) in [
        (Target::X86_64_LINUX, &x86[..], pic),
        (Target::X86_64_LINUX, &x86, large),
        (Target::AARCH64_LINUX, &arm, pic),
        (Target::X86_64_MACOS, &["--target=x86_64-apple-macos11"], pic),
        (Target::AARCH64_MACOS, &["--target=arm64-apple-macos11"], pic),
    ] {
        for source in [SOURCE, THREADS] {
            let name = format!("wrong-{}", cases.len());
            cases.extend(compiled(target, &[("clang", options, models)], source, &name).into_iter().take(1));
        }
    }
    far(&mut cases[..1]);
    let mut seen = BTreeMap::new();
    for case in &cases {
        let inputs = case.inputs();
        let world = with_got(World::of_plan(&case.plan(), case.target, &inputs), &inputs);
        let mut slots = BTreeSet::new();
        for field in inputs.iter().flat_map(|input| &input.fields).filter(|field| field.to != To::Bootstrap) {
            let way = rules::check(&world, &inputs, field).unwrap();
            let home = inputs::Home::Section(field.input, field.section);
            let p = world.locate(&inputs::Place { home, offset: field.offset as i64 }).unwrap();
            // The highest bit of the field's lowest byte, which every instruction's field has too, but `adrp`'s.
            let bit = match field.shape {
                Shape::Page | Shape::Adr => 0x20,
                Shape::Bits { .. } | Shape::PageOffset => 0x1000,
                Shape::Distance { from, .. } => 1 << from,
                _ => 0x80,
            };
            let wrong = rules::check(&world.changed(p, bit), &inputs, field);
            assert!(wrong.is_err(), "{}", case.shown(&world, &inputs, field, &format!("{wrong:?}")));
            *seen.entry(format!("{:?} {way:?}", field.to)).or_insert(0) += 1;
            if let (Way::Slot | Way::Stub, Some(target)) = (way, field.target.as_ref().and_then(|to| world.locate(to)))
            {
                slots.extend(world.words_of(target));
            }
        }
        // All that the linker made: slots, and the words of stubs.
        let all = |world: &World| case.wrong(world, &inputs, &mut Compared::default()).len();
        assert_eq!(all(&world), 0);
        for slot in slots {
            assert!(all(&world.changed(slot, 1 << 20)) > 0, "{}: slot {slot:#x}", case.what);
            *seen.entry("slots".to_owned()).or_insert(0) += 1;
        }
    }
    let kinds: Vec<&str> = seen.keys().map(String::as_str).collect();
    let expected = [
        "Branch Direct",
        "Branch Stub",
        "Descriptor Thread",
        "FromGot Got",
        "General Thread",
        "Got Got",
        "Load Relaxed",
        "Load Slot",
        "SlotFromGot Slot",
        "Symbol Direct",
        "Variable Thread",
        "slots",
    ];
    assert_eq!(kinds, expected);
    assert!(seen.values().sum::<i32>() > 200, "{seen:?}");
}

//! The same objects linked by others: GNU ld and LLVM's lld at Kiln's own addresses, whose bytes must be the same; and
//! LLVM's JITLink wherever it likes, which is asked whether each relocated field says there what it says here.
//!
//! Objects are compilers' output and made-up ones; those come from a seed that the failure names.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "oracle/generate.rs"]
mod generate;
#[path = "oracle/rules.rs"]
mod rules;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use kiln::{Linker, Plan, Target, TargetAddr};
use object::{Object, ObjectSection};

const BASE: u64 = 0x1000_0000;
/// Outside, and near enough for every branch.
const OUTSIDE: [(&str, u64); 3] =
    [("ext", 0x1234_0000), ("ext_data", 0x1235_6780), ("ext_call", 0x1000_0000 + (64 << 20))];

/// Objects that are linked together, in a folder of their own that is removed in the end.
struct Case {
    what: String,
    target: Target,
    folder: PathBuf,
    objects: Vec<(String, Vec<u8>)>,
}

impl Drop for Case {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The sections that linkers keep as they are: unwind tables are taken apart by each in its own way.
fn placed(plan: &Plan) -> impl Iterator<Item = (usize, &kiln::PlannedSection)> {
    plan.sections().iter().enumerate().filter(|(_, section)| section.size > 0 && section.name != ".eh_frame")
}

impl Case {
    fn new(what: String, target: Target, number: usize, objects: Vec<(String, Vec<u8>)>) -> Case {
        let folder = std::env::temp_dir().join(format!("kiln-oracle-{}-{target}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in &objects {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
        Case { what, target, folder, objects }
    }

    fn plan(&self) -> Plan {
        let mut linker = Linker::new(self.target);
        for (name, address) in OUTSIDE {
            linker.define_address(name, TargetAddr(address));
        }
        for (name, bytes) in &self.objects {
            linker.add_object(name, &bytes[..]).unwrap_or_else(|error| panic!("{}: {error}", self.what));
        }
        linker.plan(TargetAddr(BASE)).unwrap_or_else(|error| panic!("{}: {error}", self.what))
    }

    fn run(&self, command: &mut Command) -> Result<(), String> {
        let output = command.current_dir(&self.folder).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(format!("{text}{}", String::from_utf8_lossy(&output.stdout))) }
    }

    /// What another linker makes of the objects when each section is to stand where Kiln's plan has it.
    fn static_link(&self, linker: &str, plan: &Plan) -> Vec<u8> {
        let mut script = String::new();
        for (name, address) in OUTSIDE {
            writeln!(script, "{name} = {address:#x};").unwrap();
        }
        script += "SECTIONS {\n";
        let mut sections: Vec<_> = placed(plan).collect();
        sections.sort_by_key(|(_, section)| section.address);
        for (number, section) in sections {
            let (address, input, name) = (section.address, &section.input, &section.name);
            writeln!(script, ".kiln{number} {address} : SUBALIGN(1) {{ *{input}({name}) }}").unwrap();
        }
        // Far from the rest: where it stands is the linker's own affair.
        script += ".got 0x18000000 : { *(.got) *(.got.plt) }\n/DISCARD/ : { *(.comment) *(.note*) *(.eh_frame) }\n}\n";
        std::fs::write(self.folder.join("script"), script).unwrap();
        let mut command = Command::new(linker);
        command.args([
            "-static",
            "-e",
            "0",
            "-T",
            "script",
            "-o",
            "linked",
            "--no-warn-mismatch",
            "-z",
            "max-page-size=4096",
        ]);
        if linker == "ld.lld" {
            let emulation = if self.target == Target::X86_64_LINUX { "elf_x86_64" } else { "aarch64linux" };
            command = Command::new(linker);
            command.args(["-m", emulation, "-static", "--no-relax", "-e", "0", "-T", "script", "-o", "linked"]);
        }
        command.args(self.objects.iter().map(|(name, _)| name));
        self.run(&mut command).unwrap_or_else(|error| panic!("{}: {linker}: {error}", self.what));
        std::fs::read(self.folder.join("linked")).unwrap()
    }

    /// Compares every byte of every section with the other linker's, but for fields that lead to a GOT slot or a stub.
    fn compare(&self, linker: &str) -> usize {
        let plan = self.plan();
        let linked = self.static_link(linker, &plan);
        let file = object::File::parse(&*linked).unwrap();
        let mut compared = 0;
        for (number, section) in placed(&plan) {
            let other = file.section_by_name(&format!(".kiln{number}"));
            let other = other.unwrap_or_else(|| panic!("{}: {linker} has no {}", self.what, section.name));
            assert_eq!(other.address(), section.address.0, "{}: {linker}: {}", self.what, section.name);
            let Ok(theirs @ [_, ..]) = other.data() else { continue };
            let own = plan.bytes_at(section.address).unwrap();
            let object = &self.objects.iter().find(|(name, _)| *name == section.input).unwrap().1;
            let fields = rules::fields(object, &section.name);
            for (offset, (own, theirs)) in own.iter().zip(theirs).enumerate() {
                let around = |field: &&rules::Field| (field.start..field.start + 8).contains(&(offset as u64 + 3));
                let in_table = fields.iter().filter(around).any(|field| field.through_got);
                assert!(
                    own == theirs || in_table,
                    "{}: {} {}+{offset:#x}: {own:#04x}, and by {linker} {theirs:#04x}; relocation type {:?}",
                    self.what,
                    section.input,
                    section.name,
                    fields.iter().find(around).map(|field| field.r_type)
                );
            }
            compared += fields.iter().filter(|field| !field.through_got).count();
        }
        compared
    }

    /// Has JITLink check what each field says. Gives the number of fields; `None`: it refuses the objects.
    fn check(&self, entry: &str) -> Option<usize> {
        let plan = self.plan();
        let mut text = String::new();
        let mut checked = 0;
        for rule in rules::of(&self.objects, &OUTSIDE, &plan, &self.what) {
            writeln!(text, "# jitlink-check: {rule}").unwrap();
            checked += 1;
        }
        std::fs::write(self.folder.join("checks"), text).unwrap();
        // It does not always end when it fails.
        let mut command = Command::new("timeout");
        command.args(["60", "llvm-jitlink-22", "-noexec", "-slab-allocate=64Mb", "-slab-page-size=4096"]);
        command.args([&format!("-slab-address={BASE:#x}"), "-check=checks", "-entry", entry]);
        command.args(OUTSIDE.map(|(name, address)| format!("-abs={name}={address:#x}")));
        command.args(self.objects.iter().map(|(name, _)| name));
        match self.run(&mut command) {
            Ok(()) => Some(checked),
            Err(error) if error.contains("nsupported") => None,
            Err(error) => panic!("{}: llvm-jitlink-22: {error}", self.what),
        }
    }
}

const SOURCE: &str = "\
extern int ext_data; extern int ext_call(int); static int table[64]; static long counter = 5; int shared = 7;\n\
int *pointer = &shared; int *inside = &table[7]; static const char *names[] = {\"one\", \"two\", \"three\"};\n\
static int twice(int n) { return 2 * n + (int)counter; }\n\
int (*functions[2])(int) = {twice, ext_call};\n\
const char *name(int n) { return names[n & 1]; }\n\
int pick(int n) { switch (n) { case 0: return ext_call(n); case 1: return twice(shared); case 2: return 77; \
case 3: return table[n + 1]; case 4: return 12; case 5: return (int)counter; case 6: return 1; } return -1; }\n\
double scale(double x) { return x * 3.25 + 0.1; }\n\
void store(int n) { table[n] = ext_data; ext_data = twice(n); counter += n; }\n\
char byte(int n) { static char bytes[] = \"abcdefgh\"; return bytes[n]; }\n\
short half(int n) { static short halves[] = {1, 2, 3, 4}; return halves[n]; }\n\
int start0(int n) { store(n); return pick(n) + (int)scale(n) + functions[n & 1](n) + *pointer + *inside + \
name(n)[0] + byte(n & 7) + half(n & 3); }\n";

/// A compiler, its options, and the code models to go through.
type Compiler<'c> = (&'c str, &'c [&'c str], &'c [&'c [&'c str]]);

fn compiled(target: Target, compilers: &[Compiler<'_>]) -> Vec<Case> {
    let folder = std::env::temp_dir().join(format!("kiln-oracle-{}-{target}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.c"), SOURCE).unwrap();
    let mut cases = Vec::new();
    for (compiler, always, models) in compilers {
        for level in ["-O0", "-O1", "-O2", "-O3"] {
            for model in *models {
                let mut command = Command::new(compiler);
                command.args(*always).args(*model).args([level, "-c", "a.c", "-o", "a.o"]).current_dir(&folder);
                command.args(["-fno-asynchronous-unwind-tables", "-fno-stack-protector", "-fno-common"]);
                assert!(command.status().unwrap().success(), "{command:?}");
                let what = format!("{compiler} {} {level} {}", always.join(" "), model.join(" "));
                let object = unmergeable(std::fs::read(folder.join("a.o")).unwrap());
                cases.push(Case::new(what, target, cases.len(), vec![("a.o".to_owned(), object)]));
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    cases
}

/// Takes `SHF_MERGE` and `SHF_STRINGS` from all sections: what merges equal constants has other bytes.
fn unmergeable(mut object: Vec<u8>) -> Vec<u8> {
    let number = |at: usize, len: usize| object[at..at + len].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b));
    // e_shoff, e_shentsize, e_shnum; sh_flags is the third field (*System V ABI*, chapter 4).
    let (start, size, count) = (number(0x28, 8), number(0x3a, 2), number(0x3c, 2));
    for header in 0..count {
        object[start + header * size + 8] &= !0x30;
    }
    object
}

/// Links each case by all, and says how many fields were compared and how many cases JITLink refused.
fn hold(cases: &[Case], linkers: &[&str]) -> (usize, usize) {
    let (mut fields, mut refused) = (0, 0);
    for case in cases {
        for linker in linkers {
            let compared = case.compare(linker);
            assert!(compared > 3, "{}: {compared} fields", case.what);
            fields += compared;
        }
        match case.check("start0") {
            Some(checked) => fields += checked,
            None => refused += 1,
        }
    }
    (fields, refused)
}

fn exists(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(tool).exists())
}

/// The GNU linker for a target, by its name on this machine.
fn gnu(prefix: &str) -> String {
    let cross = format!("{prefix}-ld");
    if exists(&cross) { cross } else { "ld".to_owned() }
}

fn compiler(prefix: &str) -> String {
    let cross = format!("{prefix}-gcc");
    if exists(&cross) { cross } else { "gcc".to_owned() }
}

#[test]
fn compilers_output_for_x86_64() {
    let models: &[&[&str]] =
        &[&["-fPIC"], &["-fno-pic"], &[], &["-mcmodel=medium", "-fno-pic"], &["-mcmodel=large", "-fno-pic"]];
    let gcc = compiler("x86_64-linux-gnu");
    let clang = ["--target=x86_64-unknown-linux-gnu"];
    let cases = compiled(Target::X86_64_LINUX, &[(&gcc, &[], models), ("clang", &clang, models)]);
    let (fields, refused) = hold(&cases, &[&gnu("x86_64-linux-gnu"), "ld.lld"]);
    assert!(fields > 3000 && refused == 0, "{fields} fields, JITLink refused {refused}");
}

#[test]
fn compilers_output_for_aarch64() {
    let models: &[&[&str]] =
        &[&["-fPIC"], &["-fno-pic"], &["-mcmodel=tiny", "-fno-pic"], &["-mcmodel=large", "-fno-pic"]];
    let gcc = compiler("aarch64-linux-gnu");
    let clang = ["--target=aarch64-unknown-linux-gnu"];
    let near: &[&[&str]] = &[&["-fPIC"], &["-fno-pic"], &["-mcmodel=large", "-fno-pic"]];
    let cases = compiled(Target::AARCH64_LINUX, &[(&gcc, &[], &models[..2]), ("clang", &clang, near)]);
    let (fields, refused) = hold(&cases, &[&gnu("aarch64-linux-gnu"), "ld.lld"]);
    assert!(fields > 1500 && refused == 0, "{fields} fields, JITLink refused {refused}");
}

fn generated(target: Target) {
    let seeds = 0..24u64;
    let cases: Vec<Case> = seeds
        .map(|seed| {
            let objects = generate::objects(target, seed);
            Case::new(format!("seed {seed}"), target, 1000 + seed as usize, objects)
        })
        .collect();
    let prefix = if target == Target::X86_64_LINUX { "x86_64-linux-gnu" } else { "aarch64-linux-gnu" };
    let (fields, refused) = hold(&cases, &[&gnu(prefix), "ld.lld"]);
    assert!(fields > 10_000 && refused == 0, "{fields} fields, JITLink refused {refused}");
}

#[test]
fn generated_objects_for_x86_64() {
    generated(Target::X86_64_LINUX);
}

#[test]
fn generated_objects_for_aarch64() {
    generated(Target::AARCH64_LINUX);
}

//! Static archives, made by the tools that make them: which members become inputs, and what is refused.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.

use std::path::PathBuf;
use std::process::Command;

use kiln::{Assembler, Linker, Plan, Syntax, Target, TargetAddr};

const X86: Target = Target::X86_64_LINUX;

fn assemble(target: Target, text: &str) -> Vec<u8> {
    Assembler::find(target, Syntax::Plain).unwrap().assemble("test.s", text.as_bytes()).unwrap()
}

/// A folder that is removed in the end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("kiln-archives-{name}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("parts")).unwrap();
        Dir(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn run(&self, command: &[&str]) {
        let output = Command::new(command[0]).args(&command[1..]).current_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn objects(&self, target: Target, sources: &[(&str, &str)]) {
        for (name, source) in sources {
            std::fs::write(self.path(name), assemble(target, source)).unwrap();
        }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `a` wants `b`, which wants `c`; nothing wants `d`.
const MEMBERS: [(&str, &str); 4] = [
    ("a_member_with_a_name_of_more_than_sixteen_letters.o", ".globl a\na: call b\n"),
    ("parts/b.o", ".globl b\nb: call c\n"),
    ("c.o", ".globl c\nc: ret\n"),
    ("d.o", ".globl d\nd: call nowhere\n"),
];

fn inputs(plan: &Plan) -> Vec<String> {
    let mut inputs: Vec<String> =
        plan.sections().iter().filter(|section| section.size > 0).map(|section| section.input.clone()).collect();
    inputs.sort();
    inputs.dedup();
    inputs
}

fn plan(linker: &Linker<'_>) -> Plan {
    linker.plan(TargetAddr(0x10000)).unwrap_or_else(|error| panic!("{error}"))
}

/// GNU's and LLVM's tools, with and without an index.
#[test]
fn members_are_taken_when_they_are_wanted() {
    let dir = Dir::new("kinds");
    dir.objects(X86, &MEMBERS);
    let members: Vec<&str> = MEMBERS.iter().rev().map(|(name, _)| *name).collect();
    for tool in [
        &["ar", "rcs"][..],
        &["ar", "rcS"],
        &["llvm-ar", "rcs", "--format=gnu"],
        &["llvm-ar", "rcs", "--format=bsd"],
        &["llvm-ar", "rcS", "--format=bsd"],
    ] {
        let _ = std::fs::remove_file(dir.path("lib.a"));
        dir.run(&[tool, &["lib.a"], &members].concat());
        let bytes = dir.read("lib.a");
        let wants_a = assemble(X86, ".globl main\nmain: call a\n");
        let wants_nothing = assemble(X86, ".globl main\nmain: ret\n.weak d\n.data\n.quad d\n");
        for archive_first in [false, true] {
            let mut linker = Linker::new(X86);
            if archive_first {
                linker.add_archive("lib.a", &bytes).unwrap();
            }
            linker.add_object("main.o", &wants_a).unwrap();
            if !archive_first {
                linker.add_archive("lib.a", &bytes).unwrap();
            }
            let plan = plan(&linker);
            let wanted =
                ["lib.a(a_member_with_a_name_of_more_than_sixteen_letters.o)", "lib.a(b.o)", "lib.a(c.o)", "main.o"];
            assert_eq!(inputs(&plan), wanted, "{tool:?}");
            // call a, call b, call c: 4 stubs would be wrong, and so would be another place.
            let call = |from: &str| {
                let address = plan.address(from).unwrap().0;
                let field = plan.bytes_at(TargetAddr(address + 1)).unwrap()[..4].try_into().unwrap();
                address + 5 + i64::from(i32::from_le_bytes(field)) as u64
            };
            assert_eq!(["a", "b", "c"].map(|name| plan.address(name).unwrap().0), ["main", "a", "b"].map(call));
        }
        let mut linker = Linker::new(X86);
        linker.add_object("main.o", &wants_nothing).unwrap().add_archive("lib.a", &bytes).unwrap();
        assert_eq!(inputs(&plan(&linker)), ["main.o"], "a weak reference takes nothing: {tool:?}");
    }
}

/// A common symbol takes the member that defines it as data, and no other.
#[test]
fn a_common_symbol_takes_a_definition() {
    let dir = Dir::new("common");
    for (target, main, members) in [
        (
            X86,
            ".globl main\nmain: ret\n.comm data,4,4\n.comm code,4,4\n.comm both,4,4\n",
            [
                ("data.o", ".globl data\n.data\ndata: .long 5\n"),
                ("code.o", ".globl code\n.type code,@function\ncode: ret\n"),
                ("both.o", ".comm both,8,8\n.globl other\nother: ret\n"),
            ],
        ),
        (
            Target::AARCH64_MACOS,
            ".globl _main\n_main: ret\n.comm _data,4,2\n.comm _code,4,2\n.comm _both,4,2\n",
            [
                ("data.o", ".globl _data\n.data\n_data: .long 5\n"),
                ("code.o", ".globl _code\n_code: ret\n"),
                ("both.o", ".comm _both,8,3\n.globl _other\n_other: ret\n"),
            ],
        ),
    ] {
        dir.objects(target, &members);
        let _ = std::fs::remove_file(dir.path("lib.a"));
        let format = if target == X86 { "--format=gnu" } else { "--format=darwin" };
        dir.run(&["llvm-ar", "rcs", format, "lib.a", "code.o", "both.o", "data.o"]);
        let (main, archive) = (assemble(target, main), dir.read("lib.a"));
        let mut linker = Linker::new(target);
        linker.add_object("main.o", &main).unwrap().add_archive("lib.a", &archive).unwrap();
        let plan = plan(&linker);
        assert_eq!(inputs(&plan), ["lib.a(data.o)", "main.o"], "{target}");
        assert_eq!(plan.bytes_at(plan.address("data").unwrap()).unwrap()[..4], [5, 0, 0, 0]);
        // Nor has the first archive the last word.
        let _ = std::fs::remove_file(dir.path("tentative.a"));
        dir.objects(target, &[("tentative.o", if target == X86 { ".comm data,4,4\n" } else { ".comm _data,4,2\n" })]);
        dir.run(&["llvm-ar", "rcs", format, "tentative.a", "tentative.o"]);
        let (tentative, mut later) = (dir.read("tentative.a"), Linker::new(target));
        later.add_object("main.o", &main).unwrap().add_archive("tentative.a", &tentative).unwrap();
        later.add_archive("lib.a", &archive).unwrap();
        assert_eq!(inputs(&self::plan(&later)), ["lib.a(data.o)", "main.o"], "{target}");
        // What an input defines needs no member.
        let own =
            assemble(target, if target == X86 { ".globl data\ndata: ret\n" } else { ".globl _data\n_data: ret\n" });
        linker.add_object("own.o", &own).unwrap();
        assert_eq!(inputs(&self::plan(&linker)), ["main.o", "own.o"], "{target}");
    }
}

#[test]
fn a_thin_archive_names_files() {
    let dir = Dir::new("thin");
    dir.objects(X86, &MEMBERS);
    let members = MEMBERS.map(|(name, _)| name);
    dir.run(&[&["ar", "rcsT", "thin.a"][..], &members].concat());
    let mut linker = Linker::new(X86);
    linker.add_object("main.o", assemble(X86, ".globl main\nmain: call b\n")).unwrap();
    linker.add_file(dir.path("thin.a")).unwrap();
    let name = |member: &str| format!("{}({member})", dir.path("thin.a").display());
    assert_eq!(inputs(&plan(&linker)), [name("c.o"), name("parts/b.o"), "main.o".to_owned()]);

    let error = Linker::new(X86).add_archive("thin.a", dir.read("thin.a")).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "thin.a: the archive is thin: its members are files of their own");
    assert_eq!(error.next_step(), Some("add it by its path"));
    std::fs::remove_file(dir.path("c.o")).unwrap();
    let error = Linker::new(X86).add_file(dir.path("thin.a")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("cannot read ") && error.to_string().contains("c.o, a member"), "{error}");
}

#[test]
fn precedence() {
    let dir = Dir::new("precedence");
    dir.objects(X86, &[("one.o", ".globl f, g\nf: ret\ng: ret\n"), ("two.o", ".globl f\nf: nop\nret\n")]);
    dir.run(&["ar", "rcs", "one.a", "one.o"]);
    dir.run(&["ar", "rcs", "two.a", "two.o"]);
    let main = assemble(X86, ".globl main\nmain: call f\n");
    let with = |more: &dyn Fn(&mut Linker<'static>)| {
        let mut linker = Linker::new(X86);
        linker.add_object("main.o", main.clone()).unwrap();
        linker.add_archive("two.a", dir.read("two.a")).unwrap();
        linker.add_archive("one.a", dir.read("one.a")).unwrap();
        more(&mut linker);
        linker.plan(TargetAddr(0)).map(|plan| inputs(&plan)).map_err(|error| error.to_string())
    };
    assert_eq!(with(&|_| ()), Ok(vec!["main.o".to_owned(), "two.a(two.o)".to_owned()]), "the first archive");
    let defined = with(&|linker| _ = linker.define_address("f", TargetAddr(0x1000)));
    assert_eq!(defined, Ok(vec!["main.o".to_owned()]), "what the host defines is not wanted");
    let also = |text: &str| {
        let object = assemble(X86, text);
        with(&|linker| _ = linker.add_object("own.o", object.clone()).unwrap())
    };
    assert_eq!(also(".globl f\nf: ret\n"), Ok(vec!["main.o".to_owned(), "own.o".to_owned()]));
    assert_eq!(
        also(".weak f\nf: ret\n"),
        Ok(vec!["main.o".to_owned(), "own.o".to_owned()]),
        "a weak definition is one"
    );
    assert_eq!(
        also("call g\n"),
        Err("one.a(one.o): `f`: is defined in two.a(two.o) too".to_owned()),
        "both members are wanted, and both define `f`"
    );
}

#[test]
fn whole_archives() {
    let dir = Dir::new("whole");
    dir.objects(X86, &MEMBERS);
    dir.run(&["ar", "rcs", "lib.a", "c.o", "parts/b.o"]);
    let mut linker = Linker::new(X86);
    linker.add_whole_archive("lib.a", dir.read("lib.a")).unwrap();
    assert_eq!(inputs(&plan(&linker)), ["lib.a(b.o)", "lib.a(c.o)"]);
    std::fs::write(dir.path("x.txt"), "no object").unwrap();
    dir.run(&["ar", "rcs", "lib.a", "x.txt"]);
    let mut linker = Linker::new(X86);
    let error = linker.add_whole_archive("lib.a", dir.read("lib.a")).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "lib.a(x.txt): this is not native code: it is text");
    assert!(inputs(&plan(&linker)).is_empty(), "the linker is as it was");
    // Also of names that were known for a moment.
    let mut again = linker.clone();
    again.add_object("wants.o", assemble(X86, "call b\n")).unwrap();
    assert!(again.plan(TargetAddr(0)).unwrap_err().to_string().contains("undefined symbol `b`"));
    again.add_object("b.o", dir.read("parts/b.o")).unwrap().add_object("c.o", dir.read("c.o")).unwrap();
    assert_eq!(inputs(&plan(&again)), ["b.o", "c.o", "wants.o"]);
    linker.add_archive("lib.a", dir.read("lib.a")).unwrap();
    assert!(inputs(&plan(&linker)).is_empty(), "nothing wants what is no object");
}

#[test]
fn what_the_host_calls_is_wanted() {
    let dir = Dir::new("want");
    dir.objects(X86, &MEMBERS);
    dir.run(&["ar", "rcs", "lib.a", "c.o", "parts/b.o"]);
    let wanting = |names: &[&str], own: &str| {
        let mut linker = Linker::new(X86);
        linker.add_archive("lib.a", dir.read("lib.a")).unwrap().want(names);
        linker.add_object("own.o", assemble(X86, own)).unwrap();
        inputs(&plan(&linker))
    };
    assert_eq!(wanting(&["x", "c", "b"], ""), ["lib.a(c.o)"]);
    assert_eq!(wanting(&["b"], ""), ["lib.a(b.o)", "lib.a(c.o)"]);
    assert_eq!(wanting(&["x"], ""), [""; 0]);
    assert_eq!(wanting(&["c", "own"], ".globl own\nown: ret\n"), ["own.o"]);
}

/// Where a module has a symbol by either spelling, an archive gives it by either.
#[test]
fn what_the_host_calls_may_be_spelt_as_mach_o_does() {
    let dir = Dir::new("want-mach-o");
    dir.objects(
        Target::AARCH64_MACOS,
        &[("start.o", ".globl _start\n_start: ret\n"), ("plain.o", ".globl plain\nplain: ret\n")],
    );
    dir.run(&["llvm-ar", "--format=darwin", "rc", "lib.a", "start.o", "plain.o"]);
    let wanting = |name: &str| {
        let mut linker = Linker::new(Target::AARCH64_MACOS);
        linker.add_archive("lib.a", dir.read("lib.a")).unwrap().want(&[name]);
        inputs(&plan(&linker))
    };
    assert_eq!(wanting("start"), ["lib.a(start.o)"]);
    assert_eq!(wanting("_start"), ["lib.a(start.o)"]);
    assert_eq!(wanting("__start"), [""; 0]);
    assert_eq!(wanting("plain"), [""; 0], "a name that C does not write");
}

/// A universal file (`<mach-o/fat.h>`): a header in big-endian words, and slices.
fn universal(slices: [(u32, &[u8]); 2]) -> Vec<u8> {
    let mut file = [0xcafe_babe_u32.to_be_bytes(), 2u32.to_be_bytes()].concat();
    let mut start = 64u32;
    for (cpu, slice) in slices {
        let size = slice.len() as u32;
        file.extend([cpu, 0, start, size, 3].map(u32::to_be_bytes).concat());
        start = (start + size).next_multiple_of(8);
    }
    for (_, slice) in slices {
        file.resize(file.len().next_multiple_of(if file.len() < 64 { 64 } else { 8 }), 0);
        file.extend(slice);
    }
    file
}

/// Apple's archives: their index has the names with underscores, and a universal file has one for each architecture.
#[test]
fn archives_of_mach_o() {
    let dir = Dir::new("macho");
    for (target, name) in [(Target::AARCH64_MACOS, "arm"), (Target::X86_64_MACOS, "x86")] {
        let ret = ".globl _b, raw\n_b: nop\nraw: nop\n";
        dir.objects(target, &[(&format!("{name}.o"), ret)]);
        dir.run(&["llvm-ar", "rcs", "--format=darwin", &format!("{name}.a"), &format!("{name}.o")]);
    }
    let (arm, x86) = (dir.read("arm.a"), dir.read("x86.a"));
    std::fs::write(dir.path("both.a"), universal([(0x0100_000c, &arm), (0x0100_0007, &x86)])).unwrap();
    for (target, name, call) in [(Target::AARCH64_MACOS, "arm", "bl"), (Target::X86_64_MACOS, "x86", "call")] {
        for (file, wanted) in [(format!("{name}.a"), "_b"), ("both.a".to_owned(), "_b"), ("both.a".to_owned(), "raw")] {
            let mut linker = Linker::new(target);
            let object = assemble(target, &format!(".globl _main\n_main: {call} {wanted}\n"));
            linker.add_object("main.o", object).unwrap();
            linker.add_archive("lib.a", dir.read(&file)).unwrap();
            assert_eq!(inputs(&plan(&linker)), [format!("lib.a({name}.o)"), "main.o".to_owned()], "{file} {wanted}");
            let mut linker = Linker::new(target);
            linker.add_file(dir.path(&file)).unwrap().want(&["b"]);
            assert!(plan(&linker).address("b").is_some(), "{file}");
        }
    }
    let none = Linker::new(X86).add_archive("lib.a", dir.read("arm.a")).unwrap().want(&["b"]).plan(TargetAddr(0));
    assert_eq!(none.unwrap_err().to_string(), "lib.a(arm.o): the code is for arm64, and x86-64 is wanted");
}

/// The members of a Windows import library are no code.
#[test]
fn imports_are_refused_by_name() {
    let dir = Dir::new("import");
    let target = Target::X86_64_WINDOWS;
    std::fs::write(dir.path("k.def"), "LIBRARY \"KERNEL32.dll\"\nEXPORTS\nSleep\n").unwrap();
    dir.run(&["llvm-dlltool", "-m", "i386:x86-64", "-d", "k.def", "-l", "kernel32.lib"]);
    let mut linker = Linker::new(target);
    linker.add_archive("kernel32.lib", dir.read("kernel32.lib")).unwrap();
    assert!(inputs(&plan(&linker)).is_empty(), "nothing wants it");
    linker.add_object("main.o", assemble(target, ".globl main\nmain: call Sleep\n")).unwrap();
    let error = linker.plan(TargetAddr(0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "kernel32.lib(KERNEL32.dll): the member imports from KERNEL32.dll, and nothing loads that here"
    );
    assert_eq!(error.next_step(), Some("define the function yourself, or leave the import library out"));
}

#[test]
fn damaged_archives() {
    let dir = Dir::new("damaged");
    dir.objects(X86, &MEMBERS);
    dir.run(&["ar", "rcs", "lib.a", "c.o", "parts/b.o"]);
    let whole = dir.read("lib.a");
    let wants = assemble(X86, "call b\n");
    for cut in 0..whole.len() {
        let mut linker = Linker::new(X86);
        if linker.add_archive("lib.a", &whole[..cut]).is_ok() {
            linker.add_object("main.o", &wants).unwrap();
            // A member is gone, or the archive with it.
            linker.plan(TargetAddr(0)).map(|_| ()).expect_err("it is cut off");
        }
    }
    for at in 0..whole.len().min(400) {
        let mut other = whole.clone();
        other[at] ^= 0x55;
        let mut linker = Linker::new(X86);
        if linker.add_archive("lib.a", other).is_ok() {
            linker.add_object("main.o", &wants).unwrap();
            let _ = linker.plan(TargetAddr(0));
        }
    }
}

/// rustc's own archives: bundled libraries, metadata, groups.
#[test]
fn a_staticlib_of_rustc() {
    let dir = Dir::new("rustc");
    let source = "#![no_std]\nextern crate core;\nuse core::fmt::Write;\n\
        #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n\
        struct Sum(u64);\nimpl Write for Sum { fn write_str(&mut self, s: &str) -> core::fmt::Result { \
        for b in s.bytes() { self.0 = self.0 * 10 + u64::from(b - b'0'); } Ok(()) } }\n\
        #[unsafe(no_mangle)] extern \"C\" fn rust_eh_personality() {}\n\
        #[unsafe(no_mangle)] pub extern \"C\" fn round_trip(n: u64) -> u64 { let mut s = Sum(0); \
        let _ = write!(s, \"{n}\"); s.0 }\n";
    std::fs::write(dir.path("lib.rs"), source).unwrap();
    // Cargo's own compiler: it has the target's library where another is tested than the machine's.
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let target = format!("--target={}", Target::host());
    let arguments = ["--crate-type=staticlib", "--edition=2024", "-Cpanic=abort", "-O", "lib.rs", "-o", "lib.a"];
    dir.run(&[&[&rustc, &*target][..], &arguments].concat());
    let mut linker = Linker::new(Target::host());
    linker.add_file(dir.path("lib.a")).unwrap().want(&["round_trip"]);
    // SAFETY: safe Rust code, compiled for this machine.
    let module = unsafe { linker.load() }.unwrap_or_else(|error| panic!("{error}"));
    // SAFETY: the function's type.
    let round_trip = unsafe { module.function::<extern "C" fn(u64) -> u64>("round_trip") }.unwrap();
    assert_eq!(round_trip.call(1_234_567_890_123), 1_234_567_890_123);
}

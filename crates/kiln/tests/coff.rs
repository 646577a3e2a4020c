//! COFF objects as compilers make them: parsed, laid out and fixed up, for every host. Nothing runs.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use kiln::{Arch, Assembler, Linker, Plan, Syntax, Target, TargetAddr};

const BASE: TargetAddr = TargetAddr(0x1_4000_0000);

fn compile(triple: &str, language: &str, source: &str) -> Vec<u8> {
    let mut command = Command::new("clang");
    command.args(["-target", triple, "-w", "-O1", "-std=c++17", "-x", language, "-c", "-", "-o", "-"]);
    if language == "c" {
        command.args(["-std=c17"]);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    output.stdout
}

/// Where a Windows program finds its start-up code and libraries: within reach, and behind its own base, as image-relative
/// addresses have it.
const OUTSIDE: u64 = BASE.0 + 0x1000_0000;

fn defines(linker: &mut Linker<'_>, names: &[&str]) {
    for (number, name) in (1..).zip(names) {
        linker.define_address(name, TargetAddr(OUTSIDE + 16 * number));
    }
}

fn plan(target: Target, objects: &[Vec<u8>], names: &[&str]) -> kiln::Result<Plan> {
    let mut linker = Linker::new(target);
    defines(&mut linker, names);
    for (number, object) in objects.iter().enumerate() {
        linker.add_object(&format!("{number}.obj"), &object[..])?;
    }
    linker.plan(BASE)
}

const TRIPLES: [(&str, Target); 3] = [
    ("x86_64-pc-windows-msvc", Target::X86_64_WINDOWS),
    ("aarch64-pc-windows-msvc", Target::AARCH64_WINDOWS),
    ("x86_64-w64-mingw32", Target::X86_64_WINDOWS),
];

/// The names of the functions at these addresses, as `plan` has them.
fn names(plan: &Plan, addresses: impl Iterator<Item = TargetAddr>) -> Vec<String> {
    let name = |address: TargetAddr| {
        let found = plan.symbols().iter().find(|symbol| symbol.address == address && !symbol.name.starts_with('.'));
        found.map_or_else(|| address.to_string(), |symbol| symbol.name.clone())
    };
    addresses.map(name).collect()
}

#[test]
fn initializers_and_finalizers_are_in_their_order() {
    let source = r#"
        extern void note(int);
        __attribute__((constructor)) void third(void) { note(3); }
        __attribute__((constructor(300))) void second(void) { note(2); }
        __attribute__((constructor(200))) void first(void) { note(1); }
        __attribute__((destructor(200))) void last(void) { note(6); }
        __attribute__((destructor)) void early(void) { note(4); }
    "#;
    let other = "extern void note(int); __attribute__((constructor)) void fourth(void) { note(3); }";
    for (triple, target) in TRIPLES {
        let objects = [compile(triple, "c", source), compile(triple, "c", other)];
        // What clang calls to have a finalizer called where lists are not read at the end.
        let plan = plan(target, &objects, &["note", "atexit"]).unwrap_or_else(|error| panic!("{triple}: {error}"));
        assert_eq!(names(&plan, plan.initializers()), ["first", "second", "third", "fourth"], "{triple}");
        // In Microsoft's lists those with a priority come first: `XTT00200` is before `XTX`.
        let expected = if triple.ends_with("msvc") { ["last", "early"] } else { ["early", "last"] };
        assert_eq!(names(&plan, plan.finalizers()), expected, "{triple}");
    }
}

#[test]
fn lists_that_only_start_up_code_calls_are_refused() {
    for (section, why) in [
        (".CRT$XDU", "is a list of functions that only Microsoft's start-up code calls"),
        (".CRT$XLB", "is a list of functions that only Microsoft's start-up code calls"),
        (".CRT$XC", "is a list of functions that only Microsoft's start-up code calls"),
        (".CRT$XCU1", "is a list of functions that only Microsoft's start-up code calls"),
        (".ctors.x", "a priority that is no number up to 65535"),
    ] {
        let text = format!(".globl f\nf: ret\n.section {section},\"dr\"\n.quad f\n");
        let object = Assembler::find(Target::X86_64_WINDOWS, Syntax::Plain).unwrap().assemble("a.s", text.as_bytes());
        let error = plan(Target::X86_64_WINDOWS, &[object.unwrap()], &[]).unwrap_err();
        assert_eq!(error.to_string(), format!("0.obj: {section}: {why}"));
    }
}

#[test]
fn thread_local_variables_of_c() {
    let one = "__declspec(thread) int a = 3; static __declspec(thread) long long b; extern __declspec(thread) int c;
               int get(void) { return a + (int)b++ + c; }";
    let two = "static __declspec(thread) char before[16] = { 1 }; __declspec(thread) int c = 5; char *at(void) { return before; }";
    for (triple, target) in TRIPLES {
        let [one, two] = [one, two].map(|source| {
            let object = if triple.ends_with("msvc") {
                source.to_owned()
            } else {
                source.replace("__declspec(thread)", "__thread")
            };
            compile(triple, "c", &object)
        });
        let plan = plan(target, &[one, two], &["_tls_index"]).unwrap_or_else(|error| panic!("{triple}: {error}"));
        assert!(plan.address("get").is_some() && plan.address("c").is_none(), "it has no address");
        // The template: both objects' pieces, one behind the other.
        let template: Vec<_> = plan.sections().iter().filter(|section| section.name == ".tls$").collect();
        let [one, two] = template[..] else { panic!("{triple}: {template:?}") };
        assert!(two.address.0 >= one.address.0 + one.size && two.address.0 < one.address.0 + one.size + 16);
        let words = plan.bytes_at(one.address).unwrap();
        assert!(words[..one.size as usize].chunks(4).any(|word| word == [3, 0, 0, 0]), "{triple}");
        // Where code finds `c` is where it stands in the template.
        let in_two =
            plan.bytes_at(two.address).unwrap()[..two.size as usize].chunks(4).position(|word| word == [5, 0, 0, 0]);
        let offset = two.address.0 - one.address.0 + 4 * in_two.unwrap() as u64;
        if target.arch() == Arch::X86_64 {
            let get = plan.bytes_at(plan.address("get").unwrap()).unwrap();
            let displacement = (offset as u32).to_le_bytes();
            assert!(get[..80].windows(4).any(|bytes| bytes == displacement), "{triple}: {offset:#x} in {get:x?}");
        }
    }
}

/// Where the tables of Windows say that functions begin, with their unwind information: they are one array, of all inputs.
#[test]
fn function_tables_are_one_array() {
    let one = "struct S { ~S(); }; void g();
               int first(int x) { S s; try { g(); } catch (int e) { return e; } return x; }
               inline __attribute__((noinline)) int both(int x) { S s; g(); return x; } int second(int x) { return both(x) + first(x); }";
    let two = "struct S { ~S(); }; void g(); int third(int x) { S s; g(); return x; }
               inline __attribute__((noinline)) int both(int x) { S s; g(); return x; } int fourth(int x) { return both(x); }";
    let mangled = |triple: &str, name: &str| match triple.ends_with("msvc") {
        true => format!("?{name}@@YAHH@Z"),
        false => format!("_Z{}{name}i", name.len()),
    };
    for (triple, target) in TRIPLES {
        let objects = [one, two].map(|source| compile(triple, "c++", source));
        let outside = [
            "?g@@YAXXZ",
            "??1S@@QEAA@XZ",
            "__CxxFrameHandler3",
            "??_7type_info@@6B@",
            "_Z1gv",
            "_ZN1SD1Ev",
            "_ZTIi",
            "_Unwind_Resume",
            "__cxa_begin_catch",
            "__cxa_end_catch",
            "__gxx_personality_seh0",
        ];
        let plan = plan(target, &objects, &outside).unwrap_or_else(|error| panic!("{triple}: {error}"));
        let tables: Vec<_> = plan.sections().iter().filter(|section| section.name.starts_with(".pdata")).collect();
        assert!(tables.len() >= 3, "{triple}: {tables:?}");
        let mut end = tables[0].address.0;
        for table in &tables {
            assert_eq!(table.address.0, end, "{triple}: one behind the other");
            end += table.size;
        }
        let size = (end - tables[0].address.0) as usize;
        let table = &plan.bytes_at(tables[0].address).unwrap()[..size];
        let words = if target.arch() == Arch::X86_64 { 3 } else { 2 };
        let word = |bytes: &[u8]| BASE.0 + u64::from(u32::from_le_bytes(*bytes.first_chunk().unwrap()));
        let information = plan.sections().iter().filter(|section| section.name.starts_with(".xdata"));
        let information: Vec<_> = information.map(|at| at.address.0..at.address.0 + at.size).collect();
        let mut begins = Vec::new();
        for entry in table.chunks_exact(4 * words) {
            begins.push(word(entry));
            if words == 3 {
                assert!(word(entry) < word(&entry[4..]), "{triple}: it ends behind its beginning");
            }
            // On arm64 the two lowest bits say that the word holds the information itself.
            if words == 3 || entry[4] & 3 == 0 {
                let at = word(&entry[4 * (words - 1)..]);
                assert!(information.iter().any(|range| range.contains(&at)), "{triple}: {at:#x} in {information:x?}");
            }
        }
        for name in ["first", "second", "third", "fourth", "both"] {
            let address = plan.address(&mangled(triple, name)).unwrap();
            assert_eq!(begins.iter().filter(|begin| **begin == address.0).count(), 1, "{triple}: {name}");
        }
        if words == 3 {
            // Behind the codes, the function that is called when an exception passes: `handler` of UNWIND_INFO.
            let handler = if triple.ends_with("msvc") { "__CxxFrameHandler3" } else { "__gxx_personality_seh0" };
            let number = 1 + outside.iter().position(|name| *name == handler).unwrap() as u64;
            let first =
                table.chunks_exact(12).find(|entry| word(entry) == plan.address(&mangled(triple, "first")).unwrap().0);
            let at = plan.bytes_at(TargetAddr(word(&first.unwrap()[8..]))).unwrap();
            let codes = usize::from(at[2]).next_multiple_of(2);
            let found = u32::from_le_bytes(*at[4 + 2 * codes..].first_chunk().unwrap());
            assert_eq!(BASE.0 + u64::from(found), OUTSIDE + 16 * number, "{triple}");
        }
    }
}

/// More sections than 16 bits can number: the other header, its symbols, and groups among them.
#[test]
fn large_numbers() {
    let mut text = ".text\n.globl main\nmain: movl last(%rip), %eax\nret\n".to_owned();
    for number in 0..66_000 {
        writeln!(text, ".section .data${number},\"dw\"\n.long {number}").unwrap();
    }
    text += "last: .long 0x12345678\n.section .text$f,\"xr\",discard,f\n.globl f\nf: ret\n\
             .section .rdata$f,\"dr\",associative,f\n.globl of_f\nof_f: .long 5\n";
    let assembler = Assembler::find(Target::X86_64_WINDOWS, Syntax::Plain).unwrap();
    let object = assembler.assemble("large.s", text.as_bytes()).unwrap();
    assert_eq!(object[..6], [0, 0, 0xff, 0xff, 2, 0], "the assembler has chosen it");
    let again = assembler.assemble("f.s", b".section .text$f,\"xr\",discard,f\n.globl f\nf: nop\nret\n").unwrap();
    let linked = |objects: &[Vec<u8>]| plan(Target::X86_64_WINDOWS, objects, &[]).unwrap();
    let plan = linked(&[object.clone(), again.clone()]);
    let main = plan.address("main").unwrap();
    let distance = i32::from_le_bytes(*plan.bytes_at(TargetAddr(main.0 + 2)).unwrap().first_chunk().unwrap());
    let last = TargetAddr(main.0.wrapping_add_signed(6 + i64::from(distance)));
    assert_eq!(plan.bytes_at(last).unwrap()[..4], [0x78, 0x56, 0x34, 0x12]);
    assert_eq!(plan.bytes_at(plan.address("of_f").unwrap()).unwrap()[..4], [5, 0, 0, 0]);
    assert_eq!(plan.bytes_at(plan.address("f").unwrap()).unwrap()[0], 0xc3, "the first copy");
    // What goes with a copy that does not count is not there.
    assert!(linked(&[again, object]).address("of_f").is_none());
}

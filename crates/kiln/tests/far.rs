//! Code and data that are far apart: islands of stubs, what they reach, and what is said where nothing helps.

#![allow(clippy::unwrap_used, clippy::panic)]

use kiln::{Assembler, Linker, Plan, Syntax, Target, TargetAddr};

const ARM: Target = Target::AARCH64_LINUX;
const MIB: i64 = 1 << 20;

fn linker(target: Target, source: &str) -> Linker<'static> {
    let object = Assembler::find(target, Syntax::Plain).unwrap().assemble("test.s", source.as_bytes());
    let mut linker = Linker::new(target);
    linker.add_object("a.o", object.unwrap_or_else(|error| panic!("{error}"))).unwrap();
    linker
}

fn word(plan: &Plan, address: u64) -> u32 {
    u32::from_le_bytes(plan.bytes_at(TargetAddr(address)).unwrap()[..4].try_into().unwrap())
}

/// Where the branch at `address` leads in the end: through a stub, if there is one.
fn follow(plan: &Plan, address: u64) -> (u64, bool) {
    let branch = word(plan, address);
    assert_eq!(branch & 0x7c00_0000, 0x1400_0000, "a branch at {address:#x}: {branch:#x}");
    let target = address.wrapping_add_signed(i64::from(branch << 6) << 32 >> 36);
    let [adrp, ldr, br] = [0, 4, 8].map(|offset| word(plan, target + offset));
    if adrp & 0x9f00_001f != 0x9000_0010 || ldr & 0xffc0_03ff != 0xf940_0210 || br != 0xd61f_0200 {
        return (target, false);
    }
    let pages = i64::from((adrp >> 5 & 0x7_ffff) << 2 | adrp >> 29 & 3) << 43 >> 43;
    let slot = (target & !0xfff).wrapping_add_signed(pages << 12) + u64::from(ldr >> 10 & 0xfff) * 8;
    let bytes = plan.bytes_at(TargetAddr(slot)).unwrap()[..8].try_into().unwrap();
    (u64::from_le_bytes(bytes), true)
}

/// 100 functions, 2 MiB apart: the text is longer than a branch reaches.
fn long_text(bodies: impl Fn(usize) -> String) -> String {
    (0..100).map(|number| format!(".section .text.{number}, \"ax\"\n.balign 0x200000\n{}", bodies(number))).collect()
}

#[test]
fn a_branch_over_128_mib_goes_through_an_island() {
    let calls = |number: usize| {
        let calls = (0..100).step_by(9).map(|to| format!("bl f{to}\n")).collect::<String>();
        // By the section's symbol and an addend too, into the middle.
        format!(".globl f{number}\nf{number}: {calls}b .text.{} + 8\nbl far\nret\n", (number + 70) % 100)
    };
    let mut linker = linker(ARM, &long_text(calls));
    linker.define_address("far", TargetAddr(0x7f00_0000_0000));
    let plan = linker.plan(TargetAddr(0x1000_0000)).unwrap();
    let address = |number: usize| plan.address(&format!("f{number}")).unwrap().0;
    assert!(address(99) - address(0) > 190 << 20);
    let mut through_stubs = 0;
    for number in 0..100 {
        let mut place = address(number);
        for to in (0..100).step_by(9) {
            let (target, stub) = follow(&plan, place);
            assert_eq!(target, address(to), "f{number} calls f{to}");
            // No stub where none is needed.
            let distance = address(to).wrapping_sub(place) as i64;
            let reaches = (-128 * MIB..128 * MIB).contains(&distance);
            assert_eq!(stub, !reaches, "f{number} calls f{to}");
            through_stubs += usize::from(stub);
            place += 4;
        }
        assert_eq!(follow(&plan, place).0, address((number + 70) % 100) + 8);
        assert_eq!(follow(&plan, place + 4), (0x7f00_0000_0000, true), "f{number} calls the host");
    }
    assert!(through_stubs > 100, "{through_stubs}");
}

#[test]
fn a_branch_that_no_island_helps_is_explained() {
    for (branch, kind, reach) in
        [("b.ne", "R_AARCH64_CONDBR19", "1 MiB"), ("tbz x0, #1,", "R_AARCH64_TSTBR14", "32 KiB")]
    {
        let far =
            linker(ARM, &format!(".globl f, g\nf: {branch} g\n.section .text.g, \"ax\"\n.balign 0x200000\ng: ret\n"));
        let error = far.plan(TargetAddr(0)).unwrap_err();
        assert!(error.is_out_of_range());
        assert_eq!(
            error.to_string(),
            format!(
                "a.o: .text+0x0: `g`: {kind} at 0x0 cannot reach 0x200000: the distance is 0x200000, it takes a multiple \
                 of 4 within ±{reach}"
            )
        );
        assert_eq!(
            error.next_step(),
            Some("put the two nearer to each other, or use an instruction that reaches further")
        );
    }
}

/// A stub stands between sections: in one that is longer than a branch reaches, none does.
#[test]
fn a_section_longer_than_branches_reach_is_explained() {
    let mut linker =
        linker(ARM, ".globl f\nf: bl far\n.section .text.long, \"ax\"\n.globl g\ng: bl far\n.zero 0x10000000\nret\n");
    linker.define_address("far", TargetAddr(0x7f00_0000_0000));
    let error = linker.plan(TargetAddr(0)).unwrap_err();
    assert!(error.is_out_of_range());
    let text = error.to_string();
    assert!(text.starts_with("a.o: .text.long+0x0: `far`: R_AARCH64_CALL26 at 0x"), "{text}");
    assert!(text.contains(" cannot reach 0x7f0000000000: the distance is 0x"), "{text}");
    assert_eq!(
        error.next_step(),
        Some("compile with -ffunction-sections: no stub stands within reach, since sections are not divided")
    );
}

/// An image cannot stand low, for addresses of its own, and near a library too; and no veneer stands for what uses the stack.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[allow(unsafe_code)] // Loads code.
fn low_addresses_and_far_data_are_explained() {
    let text = ".globl f\nf: mov $here, %edi\npush stdout(%rip)\nret\n.data\nhere: .quad 1\n";
    // SAFETY: it is refused.
    let error = unsafe { linker(Target::X86_64_LINUX, text).load() }.unwrap_err();
    let said = error.to_string();
    let (place, rest) =
        said.strip_prefix("a.o: .text+0x7: `stdout`: R_X86_64_PC32 at 0x").unwrap().split_once(' ').unwrap();
    assert!(u64::from_str_radix(place, 16).unwrap() < 1 << 31, "{said}");
    assert!(rest.starts_with("cannot reach 0x7") && rest.contains(": the distance is 0x7"), "{said}");
    assert_eq!(error.next_step(), Some("compile with -fPIC, so that far symbols are reached through the GOT"));
    // By its address, as other compilers have it.
    let text = ".globl f\nf: mov $here, %edi\npush stdout\nret\n.data\nhere: .quad 1\n";
    // SAFETY: it is refused.
    let error = unsafe { linker(Target::X86_64_LINUX, text).load() }.unwrap_err();
    assert!(
        error.to_string().starts_with("a.o: .text+0x8: `stdout`: R_X86_64_32S wants a signed 32-bit value"),
        "{error}"
    );
    assert_eq!(error.next_step(), Some("compile with -fPIC: this code holds the addresses of what it uses in 32 bits"));
}

#[test]
fn data_beyond_2_gib_is_explained() {
    let mut linker = linker(Target::X86_64_LINUX, ".globl f\nf: mov host_data(%rip), %eax\nret\n");
    linker.define_address("host_data", TargetAddr(0x7f12_3456_7000));
    let error = linker.plan(TargetAddr(0x55_0000_0000)).unwrap_err();
    assert!(error.is_out_of_range());
    assert_eq!(
        error.to_string(),
        "a.o: .text+0x2: `host_data`: R_X86_64_PC32 at 0x5500000002 cannot reach 0x7f1234567000: the distance is \
         0x7ebd34566ffa, it takes a signed 32-bit value"
    );
    assert_eq!(error.next_step(), Some("compile with -fPIC, so that far symbols are reached through the GOT"));
}

/// Objects that take for granted that they are in the program: gcc's default output reads the C library's data directly, and
/// -fno-pic holds addresses in 32 bits.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[allow(unsafe_code)] // Loads code and calls it.
fn code_for_a_program_is_placed_where_it_reaches() {
    let far_data = "extern char **environ;\nlong far_data(void) { return (long)environ; }\n";
    let source = "static int counter = 5;\n\
        long low_address(void) { return (long)&counter; }\n\
        const char *text(void) { return \"low\"; }\n\
        int table(int n) { switch (n) { case 0: return 10; case 1: return 24; case 2: return 36; case 3: return 41; \
        case 4: return 7; case 5: return counter; } return -1; }\n";
    unsafe extern "C" {
        static environ: *const *const std::ffi::c_char;
    }
    for (compiler, options) in [
        ("gcc", &["-O1"][..]),
        ("gcc", &["-O2", "-fno-pic"]),
        ("gcc", &["-O0", "-fno-pic"]),
        ("clang", &["-O1", "-fno-pic"]),
        ("gcc", &["-O2", "-mcmodel=medium"]),
        ("gcc", &["-O2", "-mcmodel=large"]),
        ("gcc", &["-O2", "-fPIC", "-mcmodel=large"]),
        ("gcc", &["-O2", "-fPIC", "-mcmodel=medium"]),
        ("clang", &["-O2", "-fPIC", "-mcmodel=large"]),
        ("clang", &["-O2", "-mcmodel=medium"]),
    ] {
        let low_addresses = options.contains(&"-fno-pic");
        let object = compile(compiler, options, &[source, far_data].concat());
        let mut linker = Linker::new(Target::host());
        linker.add_object("a.o", object).unwrap();
        // SAFETY: the code above.
        let module = unsafe { linker.load() }.unwrap_or_else(|error| panic!("{compiler} {options:?}: {error}"));
        let call = |name: &str| {
            // SAFETY: the functions' type.
            unsafe { module.function::<extern "C" fn() -> u64>(name) }.unwrap().call()
        };
        let low = call("low_address");
        if low_addresses {
            assert!(low < 1 << 31, "{low:#x} {compiler} {options:?}");
        }
        // SAFETY: nothing changes the environment while it is read.
        assert_eq!(call("far_data"), unsafe { environ } as u64, "{compiler} {options:?}");
        // SAFETY: the functions' type.
        let table = unsafe { module.function::<extern "C" fn(i32) -> i32>("table") }.unwrap();
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|n| table.call(n)), [10, 24, 36, 41, 7, 5, -1], "{compiler} {options:?}");
    }
}

/// Branches to the program's own functions go straight there.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[allow(unsafe_code)] // Loads code and calls it.
fn code_is_placed_near_the_functions_that_it_calls() {
    extern "C" fn host() -> u64 {
        7
    }
    let mut linker = linker(Target::X86_64_LINUX, ".globl f\nf: jmp host\n");
    linker.define_fn("host", host as extern "C" fn() -> u64);
    // SAFETY: the code above.
    let module = unsafe { linker.load() }.unwrap();
    // SAFETY: the function's type.
    let f = unsafe { module.function::<extern "C" fn() -> u64>("f") }.unwrap();
    assert_eq!(f.call(), 7);
    let distance = (f.pointer() as usize as u64).abs_diff(host as extern "C" fn() -> u64 as *const () as usize as u64);
    assert!(distance < 1 << 31, "{distance:#x}");
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn compile(compiler: &str, options: &[&str], source: &str) -> Vec<u8> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let file = std::env::temp_dir().join(format!("kiln-far-{}.o", std::process::id()));
    let mut command = Command::new(compiler);
    command.args(["-xc", "-c", "-", "-o"]).arg(&file).args(options).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?}");
    let object = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    object
}

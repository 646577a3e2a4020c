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

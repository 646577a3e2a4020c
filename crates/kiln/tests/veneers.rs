//! Instructions whose operands are too far for them (`-fno-pic`) do by veneers what they do by themselves: to every register,
//! flag and byte of memory.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.

use std::fmt::Write as _;
use std::fs::read_to_string;

use kiln::{Linker, Module, Target, TargetAddr};

/// What the processor may lack, and instructions that use `far`: 64 bytes of data.
const CASES: [(&str, &[&str]); 3] = [
    (
        "",
        &[
            "mov far(%rip), %rax",
            "mov far(%rip), %rdi",
            "mov far(%rip), %r12",
            "mov far+8(%rip), %r13d",
            "movzbl far+3(%rip), %esi",
            "mov %bh, far+5(%rip)",
            "mov %cl, far+5(%rip)",
            "mov %r9w, far+2(%rip)",
            "mov far(%rip), %ebp",
            "movq $-5, far+16(%rip)",
            "movl $0x12345678, far+4(%rip)",
            "movw $0x1234, far+4(%rip)",
            "movb $7, far+1(%rip)",
            "addq $1000, far(%rip)",
            "adc $3, %rax; adcq $5, far(%rip)",
            "lock incl far+12(%rip)",
            "lock cmpxchg %rcx, far+8(%rip)",
            "cmpq %rdi, far+8(%rip)",
            "cmpl $77, far+8(%rip)",
            "cmpb $0, far(%rip)",
            "sbb far(%rip), %rbx",
            "lea far+24(%rip), %rcx",
            "mov far(,%rcx,8), %rdx",
            "mov far(%rcx), %rsi",
            "mov far+8(%rsi,%rcx,8), %rdi",
            "mov far(%r12,%r13,2), %r14",
            "movq $9, far(,%r13,8)",
            "lea far(,%rdi,8), %rdi",
            "movzwl far(%r12,%r12), %eax",
            "movss far(%rip), %xmm0",
            "cvtsi2sdq far+8(%rip), %xmm4",
            "movsd %xmm1, far+32(%rip)",
            "paddq far+16(%rip), %xmm7",
            "shlq $3, far(%rip)",
            "sarl %cl, far+4(%rip)",
            "mulq far+8(%rip)",
            "xor %edx, %edx; divq far+8(%rip)",
            "imul far+8(%rip), %rdx",
            "imul $300, far+8(%rip), %rbx",
            "fldl far(%rip); fstpl far+48(%rip)",
            "stc; setc far+9(%rip)",
            "stc; cmovc far+8(%rip), %rbp",
            "xchg %rax, far+40(%rip)",
            "btsl $3, far(%rip)",
            "notq far(%rip)",
            "testb $4, far(%rip)",
            "push %rax; mov far+8(%rip), %rax; pop %rax",
            "mov $far+8, %eax",
            "mov $far, %r15d",
            "movq $far, %rbp",
            "movq $far, here(%rip)",
            "movq $far+16, here(,%rcx,8)",
            "movq $far, -24(%rsp)",
            "movq $far, -120(%rsp,%rcx,8)",
            "mov $here, %rdx; movq $far+4, (%rdx); movq $far+4, 8(%rdx,%rcx,4); xor %edx, %edx",
            "mov $here, %r12; movq $far, 8(%r12); xor %r12d, %r12d",
            "cmp $far, %rbx",
            "cmp $far, %rax",
            "add $far, %rax",
            "sub $far, %r10",
            "cmpq $far, here(%rip)",
            "push $far; pop %rax",
            "or $far, %rdi",
        ],
    ),
    ("avx2", &["vaddsd far+16(%rip), %xmm1, %xmm2", "vmovdqu far(%rip), %ymm9", "vpaddq far(,%rcx,8), %ymm1, %ymm14"]),
    ("bmi2", &["andn far(%rip), %rdi, %rax", "pdep far(%rip), %rsi, %rdi", "rorx $3, far(%rip), %r9"]),
];

const REGISTERS: [&str; 15] =
    ["rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

/// Registers, flags, 16 words of red zone, 16 vector registers of 4 words, `here` of 8 words, `far` of 8.
const WORDS: usize = 15 + 1 + 16 + 64 + 8 + 8;
const FLAGS: usize = 15;
const VECTORS: usize = FLAGS + 1 + 16;

/// A function for each instruction, which gives the registers known values, does it, and keeps all that it can change.
fn assembly(instructions: &[&str], defines_far: bool, has_avx: bool) -> String {
    let mut text = String::from(".data\n.p2align 5\nkept: .zero 64\nhere: .zero 64\n.long main\n.globl main\n");
    if defines_far {
        text += ".p2align 5\n.globl far\nfar: .zero 64\n";
    }
    text += ".text\nmain: ret\n.globl near\nnear: movabs $far, %rax\nret\n";
    let callee_saved = ["rbx", "rbp", "r12", "r13", "r14", "r15"];
    let move_vector = if has_avx { "vmovdqu" } else { "movdqu" };
    let vector = if has_avx { "ymm" } else { "xmm" };
    for (number, instruction) in instructions.iter().enumerate() {
        writeln!(text, ".globl case{number}\ncase{number}:").unwrap();
        callee_saved.iter().for_each(|register| writeln!(text, "push %{register}").unwrap());
        // The values of `far` and `here`, the red zone, and the registers.
        text += "mov %rdi, kept(%rip)\nmovabs $far, %rcx\n";
        for word in 0..8 {
            writeln!(
                text,
                "movabs ${:#x}, %rax\nmov %rax, {}(%rcx)",
                0x1122_3344_5566_7788u64.rotate_left(word * 7),
                8 * word
            )
            .unwrap();
            writeln!(text, "movq ${}, here+{}(%rip)", 1000 + word, 8 * word).unwrap();
        }
        (1..=16).for_each(|word| writeln!(text, "movq ${}, -{}(%rsp)", 100 + word, 8 * word).unwrap());
        (0..16).for_each(|number| writeln!(text, "{move_vector} (%rcx), %{vector}{number}").unwrap());
        for (number, register) in REGISTERS.iter().enumerate() {
            writeln!(text, "mov ${}, %{register}", (number % 5) + 1).unwrap();
        }
        writeln!(text, "cmp $9, %rax\n{instruction}").unwrap();
        text += "mov %rdi, kept+8(%rip)\nmov kept(%rip), %rdi\n";
        for (word, register) in REGISTERS.iter().enumerate().filter(|(_, register)| **register != "rdi") {
            writeln!(text, "mov %{register}, {}(%rdi)", 8 * word).unwrap();
        }
        text += "mov kept+8(%rip), %rax\nmov %rax, 48(%rdi)\n";
        for word in 0..16 {
            writeln!(text, "mov -{}(%rsp), %rax\nmov %rax, {}(%rdi)", 8 * (word + 1), 8 * (FLAGS + 1 + word)).unwrap();
        }
        writeln!(text, "pushfq\npop %rax\nmov %rax, {}(%rdi)", 8 * FLAGS).unwrap();
        for number in 0..16 {
            writeln!(text, "{move_vector} %{vector}{number}, {}(%rdi)", 8 * (VECTORS + 4 * number)).unwrap();
        }
        text += "movabs $far, %rcx\n";
        for word in 0..8 {
            writeln!(text, "mov here+{0}(%rip), %rax\nmov %rax, {1}(%rdi)", 8 * word, 8 * (VECTORS + 64 + word))
                .unwrap();
            writeln!(text, "mov {0}(%rcx), %rax\nmov %rax, {1}(%rdi)", 8 * word, 8 * (VECTORS + 72 + word)).unwrap();
        }
        callee_saved.iter().rev().for_each(|register| writeln!(text, "pop %{register}").unwrap());
        text += "ret\n";
    }
    text
}

fn run(module: &Module, number: usize) -> Vec<u64> {
    let mut words = vec![0u64; WORDS];
    // SAFETY: the function's type.
    let case = unsafe { module.function::<extern "C" fn(*mut u64)>(&format!("case{number}")) }.unwrap();
    case.call(words.as_mut_ptr());
    words
}

#[test]
fn every_form() {
    let flags = read_to_string("/proc/cpuinfo").unwrap();
    let has = |feature: &str| feature.is_empty() || flags.split_whitespace().any(|word| word == feature);
    let instructions: Vec<&str> =
        CASES.iter().filter(|(feature, _)| has(feature)).flat_map(|(_, cases)| cases.iter().copied()).collect();
    let far = Box::leak(Box::new([0u64; 12]));
    let far = (far.as_ptr() as u64).next_multiple_of(32);
    let load = |defines_far: bool| {
        let mut linker = Linker::new(Target::host());
        linker.add_assembly("cases.s", &assembly(&instructions, defines_far, has("avx2"))).unwrap();
        if !defines_far {
            linker.define_address("far", TargetAddr(far));
        }
        // SAFETY: the code above.
        unsafe { linker.load() }.unwrap()
    };
    let (near, module) = (load(true), load(false));
    let here = near.address("far").unwrap() as usize as u64;
    assert!(here < 1 << 31 && far > 1 << 32, "{here:#x} {far:#x}");
    for (number, instruction) in instructions.iter().enumerate() {
        let (expected, found) = (run(&near, number), run(&module, number));
        for (word, (expected, found)) in expected.iter().zip(&found).enumerate() {
            let is_flag = word == FLAGS && instruction.contains('$');
            // Carry, zero, sign and overflow; the others are of low bits, and addresses have others.
            let (expected, found) = if is_flag { (expected & 0x8c1, found & 0x8c1) } else { (*expected, *found) };
            let moved = expected.wrapping_sub(here) == found.wrapping_sub(far);
            // `sub`, and `or` with what the alignment leaves
            let back = expected.wrapping_add(here) == found.wrapping_add(far);
            assert!(
                expected == found || instruction.contains("far") && (moved || back),
                "{instruction}: word {word}: {found:#x}, expected {expected:#x}; at {far:#x} and {here:#x}"
            );
        }
    }
    // What counts is that they differ at all: that each has done something.
    let nothing = run(&near, 0);
    let changed = (1..instructions.len()).filter(|number| run(&near, *number) != nothing).count();
    assert_eq!(changed, instructions.len() - 1);
}

//! Code that is stopped by a signal: which, where, and the exit status that a shell gives it.
#![cfg(target_os = "linux")] // Which signal stands for what, each system decides.

use kiln::{Arch, Target};

use crate::{Dir, assembly};

const NOT_ALLOWED: &str = "SIGSEGV: access to memory that is not there or not allowed";

/// Runs one of two texts behind `_start`, the one for this machine.
#[track_caller]
fn stops(x86_64: &str, arm64: &str, status: i32, said: &str) {
    let dir = Dir::new();
    let start = ".text\n.globl _start\n.p2align 2\n_start:\n";
    dir.write("code.s", assembly(&format!("{start}{x86_64}"), &format!("{start}{arm64}")));
    dir.kiln(["run", "code.s"]).gives(status, "", &format!("kiln: error: code.s: stopped by {said}\n"));
}

/// A number that is not the same for both architectures.
fn at(x86_64: u64, arm64: u64) -> u64 {
    if Target::host().arch() == Arch::X86_64 { x86_64 } else { arm64 }
}

#[test]
fn null() {
    stops(
        "xor %eax, %eax\nmovl $1, (%rax)\nret\n",
        "mov x0, #0\nstr w0, [x0]\nret\n",
        139,
        &format!("{NOT_ALLOWED}, at address 0x0, in `_start`+{:#x} (pc <address 1>)", at(2, 4)),
    );
    stops(
        "nop\nmov 0x18, %rax\nret\n",
        "mov x0, #0\nldr x0, [x0, #0x18]\nret\n",
        139,
        &format!("{NOT_ALLOWED}, at address 0x18, in `_start`+{:#x} (pc <address 1>)", at(1, 4)),
    );
    stops(
        "xor %eax, %eax\njmp *%rax\n",
        "mov x0, #0\nbr x0\n",
        139,
        &format!("{NOT_ALLOWED}, at address 0x0, outside the loaded code (pc 0x0)"),
    );
}

#[test]
fn no_instruction() {
    stops(
        "nop\nud2\n",
        "nop\nudf #0\n",
        132,
        &format!("SIGILL: an instruction that does not exist, in `_start`+{:#x} (pc <address 1>)", at(1, 4)),
    );
}

/// x86-64 stands behind the instruction then, arm64 at it.
#[test]
fn trap() {
    stops(
        "nop\nint3\nret\n",
        "nop\nbrk #1\nret\n",
        133,
        &format!("SIGTRAP: a trap instruction, in `_start`+{:#x} (pc <address 1>)", at(2, 4)),
    );
}

#[test]
fn abort() {
    stops(
        "sub $8, %rsp\ncall abort\nadd $8, %rsp\nret\n",
        "stp x29, x30, [sp, #-16]!\nbl abort\nldp x29, x30, [sp], #16\nret\n",
        134,
        "SIGABRT: abort was called, outside the loaded code (pc <address 1>)",
    );
}

#[test]
#[cfg(target_arch = "x86_64")] // arm64 divides by zero.
fn division_by_zero() {
    stops(
        "xor %eax, %eax\ncqto\nxor %ecx, %ecx\nidiv %rcx\nret\n",
        "",
        136,
        "SIGFPE: an arithmetic error, in `_start`+0x6 (pc <address 1>)",
    );
}

/// There is a stack for the report when the code has used up its own.
#[test]
fn stack_overflow() {
    stops(
        "push %rax\njmp _start\n",
        "str x0, [sp, #-16]!\nb _start\n",
        139,
        &format!("{NOT_ALLOWED}, at address <address 1>, in `_start`+0x0 (pc <address 2>)"),
    );
}

/// W^X: text is not written,
#[test]
fn write_to_text() {
    stops(
        "lea _start(%rip), %rax\nmovb $0, (%rax)\nret\n",
        "adr x0, _start\nstr w0, [x0]\nret\n",
        139,
        &format!("{NOT_ALLOWED}, at address <address 1>, in `_start`+{:#x} (pc <address 2>)", at(7, 4)),
    );
}

/// nor are constants,
#[test]
fn write_to_constants() {
    let constants = ".section .rodata\nconstant: .long 1\n";
    stops(
        &format!("lea constant(%rip), %rax\nmovl $2, (%rax)\nret\n{constants}"),
        &format!("adrp x0, constant\nadd x0, x0, :lo12:constant\nstr w0, [x0]\nret\n{constants}"),
        139,
        &format!("{NOT_ALLOWED}, at address <address 1>, in `_start`+{:#x} (pc <address 2>)", at(7, 8)),
    );
}

/// and neither data nor constants are executed.
#[test]
fn execution_of_what_is_no_text() {
    for section in [".data", ".section .rodata"] {
        stops(
            &format!("lea data(%rip), %rax\njmp *%rax\n{section}\ndata: ret\n"),
            &format!("adrp x0, data\nadd x0, x0, :lo12:data\nbr x0\n{section}\n.p2align 2\ndata: ret\n"),
            139,
            &format!("{NOT_ALLOWED}, at address <address 1>, in `data`+0x0 (pc <address 1>)"),
        );
    }
}

/// The nearest symbol, also one that is not exported.
#[test]
fn local_symbols() {
    stops(
        "nop\njmp inner\nnop\ninner: nop\nud2\nbehind: ret\n",
        "nop\nb inner\nnop\ninner: nop\nudf #0\nbehind: ret\n",
        132,
        &format!("SIGILL: an instruction that does not exist, in `inner`+{:#x} (pc <address 1>)", at(1, 4)),
    );
}

/// The address is said only where there is one: not of a signal that was sent.
#[test]
fn signals_that_were_sent() {
    let dir = Dir::new();
    let text = "#include <signal.h>\n#include <unistd.h>\nint main(void) { return kill(getpid(), SIGSEGV); }";
    dir.compile(text, "main.o");
    dir.kiln(["run", "main.o"]).gives(
        139,
        "",
        &format!("kiln: error: main.o: stopped by {NOT_ALLOWED}, outside the loaded code (pc <address 1>)\n"),
    );
}

/// Nor of an address that no pointer can have: the processor does not say which it was.
#[test]
#[cfg(target_arch = "x86_64")]
fn addresses_that_cannot_be() {
    stops(
        "movabs $0x1234567812345678, %rax\nmov (%rax), %rax\nret\n",
        "",
        139,
        &format!("{NOT_ALLOWED}, in `_start`+0xa (pc <address 1>)"),
    );
}

/// In a function of the second file, on another thread, after output: what was written stays written.
#[test]
fn compiled_code() {
    let dir = Dir::new();
    let text = r#"
#include <pthread.h>
#include <stdio.h>
void *fall(void *pointer);
int main(void) {
    pthread_t thread;
    puts("before");
    fflush(stdout);
    pthread_create(&thread, 0, fall, 0);
    pthread_join(thread, 0);
    puts("behind");
    return 0;
}"#;
    dir.compile(text, "main.o");
    dir.write("fall.s", assembly(".globl fall\nfall: nop\nud2\n", ".globl fall\nfall: nop\nudf #0\n"));
    dir.kiln(["run", "main.o", "fall.s", "--"]).gives(
        132,
        "before\n",
        &format!(
            "kiln: error: main.o: stopped by SIGILL: an instruction that does not exist, in `fall`+{:#x} (pc <address 1>)\n",
            at(1, 4)
        ),
    );
}

/// The steps as far as they went. Flat code is named by its entry.
#[test]
fn narrated() {
    let dir = Dir::new();
    let page = dir.page();
    let undefined: &[u8] = if Target::host().arch() == Arch::X86_64 { &[0x90, 0x90, 0x0f, 0x0b] } else { &[0; 4] };
    dir.write("code.bin", undefined);
    // The address that is said again where it is the first one.
    let pc = at(2, 1);
    dir.kiln(["run", "-v", "code.bin"]).gives(
        132,
        "",
        &format!(
            "\
kiln: read code.bin: 4 bytes, flat code
kiln: map {page} bytes at <address 1>: rw-
kiln: copied 4 bytes, applied 0 relocations, 0 GOT slots, 0 stubs
kiln: protect {page} bytes at <address 1>: r-x
kiln: entry _start at <address 1>
kiln: call _start(0x0, 0)
kiln: error: code.bin: stopped by SIGILL: an instruction that does not exist, in `_start`+{:#x} (pc <address {pc}>)
",
            at(2, 0)
        ),
    );
}

//! Code that is stopped by a signal: which, where, and the exit status that a shell gives it.

use std::fmt::Write;

use kiln::{Arch, Target};

use crate::{Dir, Kiln, assembly, code, gnu, numbered, repository};

/// An instruction that never is one.
const UNDEFINED: &str = if cfg!(target_arch = "x86_64") { "ud2" } else { "udf #0x0" };

/// An access that its page does not allow: the exit status, and the signal. Darwin keeps SIGSEGV for what is not mapped.
const REFUSED: (i32, &str) = if cfg!(target_os = "macos") { (138, "SIGBUS") } else { (139, "SIGSEGV") };

/// Assembly for arm64 as this system's assemblers take it, from GNU's.
fn arm64_source(text: &str) -> String {
    if !cfg!(target_os = "macos") {
        return text.to_owned();
    }
    let mut out = String::new();
    for line in text.lines() {
        let line = line.replace(", %init_array", "").replace(".section .rodata", ".section __TEXT,__const");
        let line = line.replace(".section .init_array, \"aw\"", ".section __DATA,__mod_init_func,mod_init_funcs");
        let line = line.replace("main", "_main").replace("bl abort", "bl _abort");
        let (before, lo12) = line.split_once(":lo12:").map_or((&*line, None), |(before, name)| (before, Some(name)));
        let done = match lo12 {
            Some(name) => match name.strip_suffix(']') {
                Some(name) => writeln!(out, "{before}{name}@PAGEOFF]"),
                None => writeln!(out, "{before}{name}@PAGEOFF"),
            },
            None if line.trim_start().starts_with("adrp ") => writeln!(out, "{line}@PAGE"),
            None => writeln!(out, "{line}"),
        };
        done.unwrap();
    }
    out
}

/// A name of the texts as reports have it: of Mach-O one underscore is the system's.
fn named(said: &str) -> String {
    if cfg!(target_os = "macos") { said.replace("`_start`", "`start`") } else { said.to_owned() }
}

/// Runs one of two texts behind `_start`, the one for this machine.
#[track_caller]
fn stops(x86_64: &str, arm64: &str, status: i32, said: &str) {
    let dir = Dir::new();
    let start = ".text\n.globl _start\n.p2align 2\n_start:\n";
    let text = match Target::host().arch() {
        Arch::X86_64 => format!("{start}{x86_64}"),
        Arch::Aarch64 => arm64_source(&format!("{start}{arm64}")),
    };
    dir.write("code.s", text);
    let said = named(said);
    says(dir.kiln(["run", "code.s"]), status, "", &format!("kiln: error: code.s: stopped by {said}\n"));
}

/// The status, the output, and what the report begins with: up to its first line.
#[track_caller]
fn says(kiln: Kiln<'_>, status: i32, stdout: &str, said: &str) {
    let output = kiln.output();
    let stderr = numbered(&String::from_utf8_lossy(&output.stderr));
    let end = stderr.find("stopped by").and_then(|at| Some(at + stderr[at..].find('\n')? + 1)).unwrap_or(stderr.len());
    let found = (code(output.status), String::from_utf8_lossy(&output.stdout).into_owned(), stderr[..end].to_owned());
    assert_eq!(found, (status, stdout.to_owned(), said.to_owned()));
}

/// Each program of the folder, with its whole report. What is a register's is left out, and what is the C library's.
///
/// `KILN_BLESS=1 cargo test -p kiln-cli --test cli crash` writes the reports: read them then.
#[test]
fn programs() {
    let folder = repository().join("crates/kiln-cli/tests/cli/crashes");
    let arch = if Target::host().arch() == Arch::X86_64 { "x86-64" } else { "arm64" };
    let mut programs: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(&format!(".{arch}.s"))?.to_owned()))
        .collect();
    programs.sort();
    let report = |name: &str| {
        let system = if cfg!(target_os = "macos") { "-darwin" } else { "" };
        folder.join(format!("{name}.{arch}{system}.report"))
    };
    // What is about Linux's thread pointer, or ends in the C library, has no report on macOS.
    if cfg!(target_os = "macos") {
        programs.retain(|name| report(name).exists());
    }
    assert!(programs.len() >= if cfg!(target_os = "macos") { 8 } else { 12 }, "{programs:?}");
    let mut wrong = String::new();
    for name in programs {
        let dir = Dir::new();
        let file = format!("{name}.s");
        let text = std::fs::read_to_string(folder.join(format!("{name}.{arch}.s"))).unwrap();
        dir.write(&file, if arch == "arm64" { arm64_source(&text) } else { text });
        let output = dir.kiln(["run", &file]).output();
        let found = format!("status {}\n{}", code(output.status), stable(&String::from_utf8(output.stderr).unwrap()));
        let report = report(&name);
        if std::env::var_os("KILN_BLESS").is_some() {
            std::fs::write(&report, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&report).unwrap_or_default();
        if found != expected {
            wrong += &format!("--- {name}: found\n{found}--- expected\n{expected}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A report without what differs from run to run, and from one C library to the next.
fn stable(report: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let shown = report.split_inclusive("  registers\n").next().unwrap_or_default();
    // Linux keeps room below the stack free, and qemu-user maps it. That one says itself what ends without a handler.
    let shown = shown.replace("memory (---)", "not mapped");
    for line in numbered(&shown).lines().filter(|line| !line.starts_with("qemu: ")) {
        if !line.contains(" in libc.so") && !line.contains(" in libsystem") {
            lines.push(line.to_owned());
        } else if lines.last().is_none_or(|last| !last.contains("libc")) {
            lines.push("    … in libc".to_owned());
        }
    }
    let frame = |line: &str| match line.split_once("    #") {
        // How many there are in the library, it decides.
        Some(("", rest)) => format!("    #{}", &rest[rest.find(' ').unwrap_or_default()..]),
        _ => line.to_owned(),
    };
    lines.iter().map(|line| frame(line) + "\n").collect()
}

/// The registers as the code has set them.
#[test]
fn registers() {
    let dir = Dir::new();
    dir.write(
        "set.s",
        assembly(
            ".globl _start\n_start: mov $0x1111, %eax\nmov $0x2222, %r15\nmov $0x3333, %ebp\nud2\n",
            ".globl _start\n_start: mov x0, #0x1111\nmov x28, #0x2222\nmov x29, #0x3333\nudf #0\n",
        ),
    );
    let said = String::from_utf8(dir.kiln(["run", "set.s"]).output().stderr).unwrap();
    let names = if Target::host().arch() == Arch::X86_64 { ["rax", "r15", "rbp"] } else { ["x0", "x28", "x29"] };
    for (name, value) in names.iter().zip([0x1111u64, 0x2222, 0x3333]) {
        let register = format!("{name:<6} {value:016x}");
        assert!(said.contains(&register), "{register} is not in\n{said}");
    }
    let json = dir.kiln(["run", "set.s", "--json"]).output();
    let said = String::from_utf8(json.stderr).unwrap();
    for part in ["\"signal\":\"SIGILL\"", "\"file\":\"set.s\"", "\"symbol\":\"`_start`+0x", "\"text\":\"ud"] {
        let part = named(part);
        assert!(said.contains(&part) && said.lines().count() == 1, "{part} is not in\n{said}");
    }
    assert!(
        names
            .iter()
            .zip(["0x1111", "0x2222", "0x3333"])
            .all(|(name, value)| { said.contains(&format!("\"{name}\":\"{value}\"")) })
    );
}

/// Compiled code, with inlined functions, called back by the C library, whose unwind tables lead back.
#[test]
#[cfg(target_os = "linux")] // Elsewhere the C library's tables are not read.
fn through_the_c_library() {
    let dir = Dir::new();
    let source = "\
#include <stdlib.h>
static int look(const volatile int *p) { return *p; }
static int order(const void *a, const void *b) {
    return look(0) + (a != b);
}
int main(void) {
    int numbers[3] = { 3, 1, 2 };
    qsort(numbers, 3, sizeof *numbers, order);
    return numbers[0];
}
";
    dir.write("sort.c", source);
    let said = String::from_utf8(dir.kiln(["run", "sort.c"]).env("KILN_CC", compiler()).output().stderr).unwrap();
    let frames: Vec<&str> = said.lines().filter(|line| line.starts_with("    #")).collect();
    assert!(frames[0].contains("`look`, inlined at sort.c:2"), "{said}");
    assert!(frames[1].contains("`order`+0x") && frames[1].ends_with(" at sort.c:4"), "{said}");
    assert!(frames[2].contains(" in libc.so"), "{said}");
    let last = frames.len() - 2;
    assert!(frames[last].contains("`main`+0x") && frames[last].ends_with(" at sort.c:8"), "{said}");
    assert!(frames[last + 1].ends_with(" kiln"), "{said}");
}

/// The compiler for the host, with null pointers left alone.
fn compiler() -> String {
    format!(
        "{}-gcc -fno-delete-null-pointer-checks -fno-isolate-erroneous-paths-dereference",
        gnu(Target::host().arch())
    )
}

#[test]
#[cfg(target_os = "linux")] // Not yet compared with what another system says.
fn a_program_that_takes_too_long() {
    let dir = Dir::new();
    dir.write("spin.s", assembly(".globl _start\n_start: jmp _start\n", ".globl _start\n_start: b _start\n"));
    let output = dir.kiln(["run", "spin.s", "--timeout", "0.5"]).output();
    let said = numbered(&String::from_utf8(output.stderr).unwrap());
    let expected =
        named("kiln: error: spin.s: not back after 0.5 s, in `_start`+0x0 (pc <address 1>)\n  line      spin.s:2");
    assert!(said.starts_with(&expected) && code(output.status) == 124, "{said}");
    // A program in time, with its own status, however it ends.
    dir.write("main.c", "#include <stdlib.h>\nint main(int c, char **v) { if (c > 1) exit(4); return 3; }\n");
    dir.kiln(["run", "--timeout", "20", "main.c"]).gives(3, "", "");
    dir.kiln(["run", "--timeout", "20", "main.c", "x"]).gives(4, "", "");
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
        &format!(
            "SIGSEGV: a write through a null pointer, at address 0x0, in `_start`+{:#x} (pc <address 1>)",
            at(2, 4)
        ),
    );
    stops(
        "nop\nmov 0x18, %rax\nret\n",
        "mov x0, #0\nldr x0, [x0, #0x18]\nret\n",
        139,
        &format!(
            "SIGSEGV: a read through a null pointer, 0x18 bytes behind it, at address 0x18, in `_start`+{:#x} (pc <address 1>)",
            at(1, 4)
        ),
    );
    stops(
        "xor %eax, %eax\njmp *%rax\n",
        "mov x0, #0\nbr x0\n",
        139,
        "SIGSEGV: a call or jump through a null pointer, at address 0x0, outside the loaded code (pc 0x0)",
    );
}

#[test]
fn no_instruction() {
    stops(
        "nop\nud2\n",
        "nop\nudf #0\n",
        132,
        &format!(
            "SIGILL: an instruction that is there to stop: {UNDEFINED}, in `_start`+{:#x} (pc <address 1>)",
            at(1, 4)
        ),
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
#[cfg(target_os = "linux")] // Not yet compared with what another system says.
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
        "SIGFPE: a division by zero, in `_start`+0x6 (pc <address 1>)",
    );
}

/// There is a stack for the report when the code has used up its own.
#[test]
#[cfg(target_os = "linux")] // Not yet compared with what another system says.
fn stack_overflow() {
    stops(
        "push %rax\njmp _start\n",
        "str x0, [sp, #-16]!\nb _start\n",
        139,
        "SIGSEGV: the stack is used up: a recursion without end, or too much in it, at address <address 1>, in `_start`+0x0 (pc <address 2>)",
    );
}

/// W^X: text is not written,
#[test]
fn write_to_text() {
    stops(
        "lea _start(%rip), %rax\nmovb $0, (%rax)\nret\n",
        "adr x0, _start\nstr w0, [x0]\nret\n",
        REFUSED.0,
        &format!(
            "{}: a write to code, which is never writable (W^X), at address <address 1>, in `_start`+{:#x} (pc <address 2>)",
            REFUSED.1,
            at(7, 4)
        ),
    );
}

/// nor are constants,
#[test]
fn write_to_constants() {
    let constants = ".section .rodata\nconstant: .long 1\n";
    stops(
        &format!("lea constant(%rip), %rax\nmovl $2, (%rax)\nret\n{constants}"),
        &format!("adrp x0, constant\nadd x0, x0, :lo12:constant\nstr w0, [x0]\nret\n{constants}"),
        REFUSED.0,
        &format!(
            "{}: a write to constants, at address <address 1>, in `_start`+{:#x} (pc <address 2>)",
            REFUSED.1,
            at(7, 8)
        ),
    );
}

/// and neither data nor constants are executed.
#[test]
#[cfg(target_os = "linux")] // Not yet compared with what another system says.
fn execution_of_what_is_no_text() {
    for section in [".data", ".section .rodata"] {
        stops(
            &format!("lea data(%rip), %rax\njmp *%rax\n{section}\ndata: ret\n"),
            &format!("adrp x0, data\nadd x0, x0, :lo12:data\nbr x0\n{section}\n.p2align 2\ndata: ret\n"),
            REFUSED.0,
            &format!(
                "{}: a call or jump into data, which is never executable (W^X), at address <address 1>, in `data`+0x0 (pc <address 1>)",
                REFUSED.1
            ),
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
        &format!(
            "SIGILL: an instruction that is there to stop: {UNDEFINED}, in `inner`+{:#x} (pc <address 1>)",
            at(1, 4)
        ),
    );
}

/// The address is said only where there is one: not of a signal that was sent.
#[test]
#[cfg(target_os = "linux")] // Not yet compared with what another system says.
fn signals_that_were_sent() {
    let dir = Dir::new();
    let text = "#include <signal.h>\n#include <unistd.h>\nint main(void) { return kill(getpid(), SIGSEGV); }";
    dir.compile(text, "main.o");
    let said = "kiln: error: main.o: stopped by SIGSEGV: it was sent, by this process, outside the loaded code (pc <address 1>)\n";
    says(dir.kiln(["run", "main.o"]), 139, "", said);
}

/// Of an address that no pointer can have the processor does not say which it was: it is computed.
#[test]
#[cfg(target_arch = "x86_64")]
fn addresses_that_cannot_be() {
    stops(
        "movabs $0x1234567812345678, %rax\nmov (%rax), %rax\nret\n",
        "",
        139,
        "SIGSEGV: an address that no pointer can have, at address <address 1>, in `_start`+0xa (pc <address 2>)",
    );
}

/// In a function of the second file, on another thread, after output: what was written stays written.
#[test]
#[cfg(target_os = "linux")] // Not yet compared with what another system says.
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
    dir.write("fall.s", assembly(".globl @fall\n@fall: nop\nud2\n", ".globl @fall\n@fall: nop\nudf #0\n"));
    says(
        dir.kiln(["run", "main.o", "fall.s", "--"]),
        132,
        "before\n",
        &format!(
            "kiln: error: main.o: stopped by SIGILL: an instruction that is there to stop: {UNDEFINED}, in `fall`+{:#x} (pc <address 1>)\n",
            at(1, 4)
        ),
    );
}

/// The steps as far as they went. Flat code is named by its entry.
#[test]
#[cfg(target_os = "linux")] // Not yet compared with what another system says.
fn narrated() {
    let dir = Dir::new();
    let page = dir.page();
    let undefined: &[u8] = if Target::host().arch() == Arch::X86_64 { &[0x90, 0x90, 0x0f, 0x0b] } else { &[0; 4] };
    dir.write("code.bin", undefined);
    // The address that is said again where it is the first one.
    let pc = at(2, 1);
    says(
        dir.kiln(["run", "-v", "code.bin"]),
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
kiln: error: code.bin: stopped by SIGILL: an instruction that is there to stop: {UNDEFINED}, in `_start`+{:#x} (pc <address {pc}>)
",
            at(2, 0)
        ),
    );
}

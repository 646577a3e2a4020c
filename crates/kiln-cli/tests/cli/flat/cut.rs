//! Text that stands alone: byte for byte what the other tools cut, which do not link.

use kiln::{Arch, Format, Os, Target};

use super::{cut, dump_section, hex, objcopy, objdump, text};
use crate::{Dir, gnu};

#[test]
#[cfg(target_os = "linux")] // The other tools are packages of Linux.
fn object_files_of_every_target() {
    for target in Target::ALL {
        let dir = Dir::new();
        dir.assemble(target, text(target), "text.o");
        let (expected, section) = match target.format() {
            Format::Elf => (objcopy(&dir, target.arch(), "text.o"), ".text"),
            Format::MachO => (dump_section(&dir, "text.o"), "__TEXT,__text"),
            Format::Coff => (objdump(&dir, "text.o", ".text"), ".text"),
        };
        assert_eq!(expected.len(), if target.arch() == Arch::X86_64 { 21 } else { 24 }, "{target}");
        assert_eq!(cut(&dir, "text.o"), expected, "{target}");
        assert_eq!(dir.kiln(["flat", "text.o"]).bytes(), expected, "{target}");
        assert_eq!(cut(&dir, &format!("--section {section} text.o")), expected, "{target}");
        assert_eq!(cut(&dir, &format!("--target {target} text.o")), expected, "{target}");
        // Such text is the same at every address.
        assert_eq!(cut(&dir, "text.o --base 0x12340000"), expected, "{target}");
        assert_eq!(cut(&dir, "text.o --base 0x7fff_0000_1230"), expected, "{target}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn linked_elf() {
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let dir = Dir::new();
        dir.assemble(Target::new(arch, Os::Linux), text(Target::new(arch, Os::Linux)), "text.o");
        dir.write("rest.s", ".globl rest\nrest: ret\n.data\n.long 1\n");
        dir.kiln(["asm", "rest.s", "--target", &Target::new(arch, Os::Linux).to_string()]).prints("");
        dir.tool(&format!("{}-ld", gnu(arch)), ["-o", "linked", "text.o", "rest.o"]);
        assert_eq!(cut(&dir, "linked"), objcopy(&dir, arch, "linked"));
        assert_eq!(cut(&dir, "--section .data linked"), [1, 0, 0, 0]);
        assert_eq!(hex(&dir, "--symbol rest linked"), if arch == Arch::X86_64 { "c3\n" } else { "c0 03 5f d6\n" });
        // Entered behind the `nop`.
        dir.kiln(["flat", "linked", "--entry"]).prints(if arch == Arch::X86_64 { "0x1\n" } else { "0x4\n" });
    }
}

#[test]
#[cfg(target_os = "linux")]
fn linked_mach_o() {
    for (arch, name) in [(Arch::X86_64, "x86_64"), (Arch::Aarch64, "arm64")] {
        let dir = Dir::new();
        let target = Target::new(arch, Os::MacOs);
        dir.assemble(target, text(target), "text.o");
        let platform = ["-arch", name, "-platform_version", "macos", "11.0", "11.0"];
        dir.tool("ld64.lld", platform.into_iter().chain(["-e", "_start", "-o", "linked", "text.o"]));
        assert_eq!(cut(&dir, &format!("linked --target {target}")), dump_section(&dir, "linked"));
        assert_eq!(cut(&dir, "linked"), dump_section(&dir, "linked"));
        dir.kiln(["flat", "linked", "--entry"]).prints(if arch == Arch::X86_64 { "0x1\n" } else { "0x4\n" });
    }
}

#[test]
#[cfg(target_os = "linux")]
fn linked_windows_program() {
    for (arch, machine) in [(Arch::X86_64, "/machine:x64"), (Arch::Aarch64, "/machine:arm64")] {
        let dir = Dir::new();
        let target = Target::new(arch, Os::Windows);
        dir.assemble(target, text(target), "text.o");
        let options = ["/entry:_start", "/subsystem:console", "/nodefaultlib", "/out:linked.exe", machine, "text.o"];
        dir.tool("lld-link", options);
        // The file's last page is filled up, and that is no part of the section.
        assert_eq!(cut(&dir, "linked.exe"), objdump(&dir, "linked.exe", ".text"));
        assert_eq!(cut(&dir, "linked.exe").len(), if arch == Arch::X86_64 { 21 } else { 24 });
        dir.kiln(["flat", "linked.exe", "--entry"]).prints(if arch == Arch::X86_64 { "0x1\n" } else { "0x4\n" });
    }
}

#[test]
#[cfg(target_os = "linux")]
fn universal_files() {
    let dir = Dir::new();
    let slices = [(Target::X86_64_MACOS, "intel"), (Target::AARCH64_MACOS, "apple")];
    for (target, name) in slices {
        dir.assemble(target, text(target), &format!("{name}.o"));
        let arch = if target.arch() == Arch::X86_64 { "x86_64" } else { "arm64" };
        let platform = ["-arch", arch, "-platform_version", "macos", "11.0", "11.0"];
        let (object, linked) = (format!("{name}.o"), format!("{name}.linked"));
        dir.tool("ld64.lld", platform.into_iter().chain(["-e", "_start", "-o", &linked, &object]));
    }
    dir.tool("llvm-lipo", ["-create", "intel.o", "apple.o", "-output", "both.o"]);
    dir.tool("llvm-lipo", ["-create", "intel.linked", "apple.linked", "-output", "both.linked"]);
    dir.tool("llvm-lipo", ["-create", "apple.o", "-output", "one.o"]);
    for kind in ["o", "linked"] {
        for (target, name) in slices {
            let expected = dump_section(&dir, &format!("{name}.{kind}"));
            assert_eq!(cut(&dir, &format!("both.{kind} --target {target}")), expected);
            if target.arch() == Target::host().arch() {
                assert_eq!(cut(&dir, &format!("both.{kind}")), expected, "without --target, this machine's");
            }
        }
    }
    assert_eq!(cut(&dir, "one.o --target arm64-apple-macos14"), dump_section(&dir, "apple.o"));
    dir.kiln(["flat", "one.o", "--target", "x86_64-apple-darwin"]).refuses(
        "\
kiln: error: one.o: the universal file has no slice for x86-64, only for arm64
  next: take the slice of another architecture with --target
",
    );
}

/// Sections by name, also such as are no text.
#[test]
fn sections() {
    let dir = Dir::new();
    let rest = ".data\n.long 0x04030201\n.bss\n.zero 3\n";
    dir.assemble(Target::X86_64_LINUX, &format!("ret\n.section .rodata\n.ascii \"const\"\n{rest}"), "elf.o");
    assert_eq!(hex(&dir, "--section .rodata elf.o"), "63 6f 6e 73 74\n");
    assert_eq!(hex(&dir, "--section=.data elf.o"), "01 02 03 04\n");
    assert_eq!(hex(&dir, "--section .bss elf.o"), "00 00 00\n");
    assert_eq!(hex(&dir, "elf.o"), "c3\n");
    let names = "nop\nret\n.section __TEXT,__const\n.ascii \"const\"\n.section __DATA,__mine\n.long 0x04030201\n";
    dir.assemble(Target::X86_64_MACOS, names, "macho.o");
    assert_eq!(hex(&dir, "--section __TEXT,__const macho.o"), "63 6f 6e 73 74\n");
    assert_eq!(hex(&dir, "--section __mine macho.o"), "01 02 03 04\n");
    assert_eq!(hex(&dir, "macho.o"), "90 c3\n");
    dir.assemble(Target::X86_64_WINDOWS, "ret\n.section .rdata,\"dr\"\n.ascii \"const\"\n", "coff.o");
    assert_eq!(hex(&dir, "--section .rdata coff.o"), "63 6f 6e 73 74\n");
    assert_eq!(hex(&dir, "coff.o"), "c3\n");
}

/// A symbol ends where its size says, or where the next one begins.
#[test]
fn symbols() {
    let dir = Dir::new();
    let text = "
.globl one, two, three
one: mov $1, %eax
ret
.size one, 5
two: call two
ret
three: nop
end:
";
    dir.assemble(Target::X86_64_LINUX, text, "elf.o");
    assert_eq!(hex(&dir, "--symbol one elf.o"), "b8 01 00 00 00\n");
    assert_eq!(hex(&dir, "--symbol two elf.o"), "e8 fb ff ff ff c3\n");
    assert_eq!(hex(&dir, "--symbol three elf.o --base 0x124"), "90\n");
    // Mach-O's names may be asked for as C has them, and as its tables do.
    let text = ".globl _one\n_one: mov w0, #1\nret\n.globl _two\n_two: b _two\n";
    dir.assemble(Target::AARCH64_MACOS, text, "macho.o");
    for name in ["one", "_one"] {
        assert_eq!(hex(&dir, &format!("--symbol {name} macho.o")), "20 00 80 52 c0 03 5f d6\n");
    }
    assert_eq!(hex(&dir, "--symbol two macho.o"), "00 00 00 14\n");
}

/// What stands beside the symbol is not looked at: it may lack what it refers to, and lie anywhere.
#[test]
fn symbols_of_a_file_that_cannot_be_linked() {
    let dir = Dir::new();
    let text = "
.section .text.first, \"ax\"
.globl first
first: nop
nop
nop
nop
call lacking
.section .text.second, \"ax\"
.globl calls, alone
calls: lea absent(%rip), %rax
ret
alone: mov $2, %eax
ret
.data
.quad gone
";
    dir.assemble(Target::X86_64_LINUX, text, "text.o");
    assert_eq!(hex(&dir, "--symbol alone text.o"), "b8 02 00 00 00 c3\n");
    assert_eq!(hex(&dir, "--symbol alone text.o --base 0x7f0000000000"), "b8 02 00 00 00 c3\n");
    assert_eq!(
        hex(&dir, "--symbol alone text.o --define lacking=0 --define absent=0 --define gone=0"),
        "b8 02 00 00 00 c3\n"
    );
}

/// A part that holds its own address is linked for the address that it will have, whatever stands before it in the file.
#[test]
fn symbols_that_hold_their_address() {
    let dir = Dir::new();
    let text = ".globl before, here\nbefore: nop\nhere: movabs $here, %rax\nret\n";
    dir.assemble(Target::X86_64_LINUX, text, "text.o");
    assert_eq!(hex(&dir, "--symbol here text.o --base 0x1000"), "48 b8 00 10 00 00 00 00 00 00 c3\n");
    assert_eq!(hex(&dir, "--symbol here text.o --base 0x7f0000001001"), "48 b8 01 10 00 00 00 7f 00 00 c3\n");
}

#[test]
fn the_entry() {
    let dir = Dir::new();
    for (text, entry) in [
        (".globl _start\n_start: ret\n", "0x0\n"),
        ("nop\nret\n.globl _start, main\nmain: ret\n_start: ret\n", "0x3\n"),
        ("nop\nret\n.globl main\nmain: ret\n", "0x2\n"),
        (".zero 0x1234\n_start: ret\n", "0x1234\n"),
    ] {
        dir.assemble(Target::X86_64_LINUX, text, "text.o");
        dir.kiln(["flat", "text.o", "--entry"]).prints(entry);
        // An offset, wherever the code stands.
        dir.kiln(["flat", "text.o", "--entry", "--base", "0x400000"]).prints(entry);
    }
    dir.assemble(Target::AARCH64_MACOS, "nop\n.globl _main\n_main: ret\n", "main.o");
    dir.kiln(["flat", "main.o", "--entry"]).prints("0x4\n");
    dir.assemble(Target::AARCH64_MACOS, "nop\nnop\n.globl _start\n_start: ret\n", "start.o");
    dir.kiln(["flat", "start.o", "--entry"]).prints("0x8\n");
    // Flat code is entered at its first byte, a symbol at its own.
    dir.write("code.bin", [0xc3]);
    dir.kiln(["flat", "code.bin", "--entry"]).prints("0x0\n");
    dir.kiln(["flat", "text.o", "--entry", "--symbol", "_start"]).prints("0x0\n");
}

/// Source is assembled first: in place of the proof of concept's `as`, `ld`, `otool` and `dd`.
#[test]
fn source() {
    let dir = Dir::with_examples();
    for target in [Target::X86_64_LINUX, Target::AARCH64_LINUX, Target::AARCH64_MACOS] {
        let target = target.to_string();
        dir.kiln(["asm", "examples/hello.S", "-o", "hello.o", "--target", &target]).prints("");
        let bytes = cut(&dir, &format!("examples/hello.S --target {target}"));
        assert_eq!(bytes, cut(&dir, "hello.o"));
        assert!(bytes.ends_with(b"Hello World From Kiln!\n"));
    }
}

/// A library that the C compiler links has all of that, too.
#[test]
#[cfg(target_os = "linux")]
fn shared_library() {
    let dir = Dir::new();
    let prefix = gnu(Target::host().arch());
    dir.compile("int seven(void) { return 7; }\nint *where(void) { static int x; return &x; }", "seven.o");
    dir.tool(&format!("{prefix}-gcc"), ["-shared", "-o", "seven.so", "seven.o"]);
    let output = dir.kiln(["flat", "-o", "flat.out", "seven.so"]).output();
    let said = String::from_utf8(output.stderr).unwrap();
    // Where the text begins in its page is the linker's affair, and arm64 code counts from there.
    let warning = "kiln: warning: seven.so: the code holds `adrp`, so that it works only at addresses that end in 0x";
    let expected = if Target::host().arch() == Arch::Aarch64 { warning } else { "" };
    assert!(output.status.success() && said.starts_with(expected) && said.is_empty() == expected.is_empty(), "{said}");
    assert_eq!(dir.read("flat.out"), objcopy(&dir, Target::host().arch(), "seven.so"));
    assert_eq!(cut(&dir, "seven.so --symbol seven"), cut(&dir, "seven.o --symbol seven"));
}

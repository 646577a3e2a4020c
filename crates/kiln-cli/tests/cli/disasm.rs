//! `kiln disasm`: every target on every host.

use kiln::Target;

use crate::terminal::at_terminal;
use crate::{Dir, RETURN};

const X86_64: &str = "\
.text
.globl @f, @g
@f: lea @d+8(%rip), %rdi
movl $7, @count(%rip)
call @g
call @outside
movabs $@d, %rax
jne @h
@h: ret
@g: ret
.data
@d: .quad 1, @f
@count: .long 0
";

const ARM64: &str = "\
.text
.globl @f, @g
.p2align 2
@f: adrp x0, PAGE
add x0, x0, LOW
bl @g
bl @outside
cbz x0, @g
ret
.long 0x12345
@g: ret
.data
@d: .quad 1, @f
";

#[track_caller]
fn lists(target: Target, source: &str, words: &[&str], expected: &str) {
    let dir = Dir::new();
    dir.write("code.s", source);
    let target = target.to_string();
    dir.kiln([&["disasm", "code.s", "--target", &target], words].concat()).prints(expected);
}

#[test]
fn x86_64_elf() {
    let listing = "\
code.s: ELF object, x86-64

section .text
f:
  0000:  48 8d 3d 00 00 00 00     lea d+0x8(%rip),%rdi  # R_X86_64_PC32 .data+0x4
  0007:  c7 05 00 00 00 00 07 00  movl $0x7,count(%rip)  # R_X86_64_PC32 .data+0x8
         00 00
  0011:  e8 00 00 00 00           call g  # R_X86_64_PLT32 g-0x4
  0016:  e8 00 00 00 00           call outside  # R_X86_64_PLT32 outside-0x4
  001b:  48 b8 00 00 00 00 00 00  movabs $d,%rax  # R_X86_64_64 .data
         00 00
  0025:  75 00                    jne 0x27 <h>
h:
  0027:  c3                       ret
g:
  0028:  c3                       ret
";
    lists(Target::X86_64_LINUX, &X86_64.replace('@', ""), &["--no-source"], listing);
    let intel = "\
code.s: ELF object, x86-64

section .text
f:
  0000:  48 8d 3d 00 00 00 00     lea rdi,[rip+d+0x8]  # R_X86_64_PC32 .data+0x4
  0007:  c7 05 00 00 00 00 07 00  mov dword ptr [rip+count],0x7  # R_X86_64_PC32 .data+0x8
         00 00
  0011:  e8 00 00 00 00           call g  # R_X86_64_PLT32 g-0x4
  0016:  e8 00 00 00 00           call outside  # R_X86_64_PLT32 outside-0x4
  001b:  48 b8 00 00 00 00 00 00  mov rax,d  # R_X86_64_64 .data
         00 00
  0025:  75 00                    jne 0x27 <h>
";
    lists(Target::X86_64_LINUX, &X86_64.replace('@', ""), &["--no-source", "f", "--syntax", "intel"], intel);
}

#[test]
fn x86_64_macho() {
    let listing = "\
code.s: Mach-O object, x86-64

section __TEXT,__text
_f:
code.s:3: _f: lea _d+8(%rip), %rdi
  0000:  48 8d 3d 08 00 00 00     lea _d+0x8(%rip),%rdi  # X86_64_RELOC_SIGNED _d+0x4
code.s:4: movl $7, _count(%rip)
  0007:  c7 05 fc ff ff ff 07 00  movl $0x7,_count(%rip)  # X86_64_RELOC_SIGNED_4 _count-0x8
         00 00
code.s:5: call _g
  0011:  e8 00 00 00 00           call _g  # X86_64_RELOC_BRANCH _g-0x4
code.s:6: call _outside
  0016:  e8 00 00 00 00           call _outside  # X86_64_RELOC_BRANCH _outside-0x4
code.s:7: movabs $_d, %rax
  001b:  48 b8 00 00 00 00 00 00  movabs $_d,%rax  # X86_64_RELOC_UNSIGNED _d
         00 00
code.s:8: jne _h
  0025:  0f 85 00 00 00 00        jne _h  # X86_64_RELOC_BRANCH _h-0x4
";
    lists(Target::X86_64_MACOS, &X86_64.replace('@', "_"), &["f"], listing);
}

#[test]
fn x86_64_coff() {
    let listing = "\
code.s: COFF object, x86-64

section .text
f:
  0000:  48 8d 3d 08 00 00 00     lea d+0x8(%rip),%rdi  # IMAGE_REL_AMD64_REL32 d+0x4
  0007:  c7 05 fc ff ff ff 07 00  movl $0x7,count(%rip)  # IMAGE_REL_AMD64_REL32 count-0x8
         00 00
  0011:  e8 12 00 00 00           call 0x28 <g>
  0016:  e8 00 00 00 00           call outside  # IMAGE_REL_AMD64_REL32 outside-0x4
  001b:  48 b8 00 00 00 00 00 00  movabs $d,%rax  # IMAGE_REL_AMD64_ADDR64 d
         00 00
  0025:  75 00                    jne 0x27 <h>
h:
  0027:  c3                       ret
g:
  0028:  c3                       ret
";
    lists(Target::X86_64_WINDOWS, &X86_64.replace('@', ""), &["--no-source"], listing);
}

/// ELF's symbols say what is data.
#[test]
fn arm64() {
    let elf = "\
code.s: ELF object, arm64

section .text
f:
  0000:  00 00 00 90              adrp x0, d  # R_AARCH64_ADR_PREL_PG_HI21 d
  0004:  00 00 00 91              add x0, x0, #0x0  # R_AARCH64_ADD_ABS_LO12_NC d
  0008:  00 00 00 94              bl g  # R_AARCH64_CALL26 g
  000c:  00 00 00 94              bl outside  # R_AARCH64_CALL26 outside
  0010:  00 00 00 b4              cbz x0, g  # R_AARCH64_CONDBR19 g
  0014:  c0 03 5f d6              ret
  0018:  45 23 01 00              |E#..|
g:
  001c:  c0 03 5f d6              ret
";
    // Whether a local symbol is named, or its section, the assemblers decide differently: a global one is.
    let source = ARM64.replace("PAGE", "@d").replace("LOW", ":lo12:@d").replace(".data\n", ".data\n.globl @d\n");
    lists(Target::AARCH64_LINUX, &source.replace('@', ""), &["--no-source"], elf);
    let coff = "\
code.s: COFF object, arm64

section .text
f:
  0000:  00 00 00 90              adrp x0, d  # IMAGE_REL_ARM64_PAGEBASE_REL21 d
  0004:  00 00 00 91              add x0, x0, #0x0  # IMAGE_REL_ARM64_PAGEOFFSET_12A d
  0008:  05 00 00 94              bl 0x1c <g>
  000c:  00 00 00 94              bl outside  # IMAGE_REL_ARM64_BRANCH26 outside
  0010:  60 00 00 b4              cbz x0, 0x1c <g>
  0014:  c0 03 5f d6              ret
  0018:  45 23 01 00              .inst 0x00012345
g:
  001c:  c0 03 5f d6              ret
";
    lists(Target::AARCH64_WINDOWS, &source.replace('@', ""), &["--no-source"], coff);
    let macho = "\
code.s: Mach-O object, arm64

section __TEXT,__text
_f:
code.s:4: _f: adrp x0, _d@PAGE
  0000:  00 00 00 90              adrp x0, _d  # ARM64_RELOC_PAGE21 _d
code.s:5: add x0, x0, _d@PAGEOFF
  0004:  00 00 00 91              add x0, x0, #0x0  # ARM64_RELOC_PAGEOFF12 _d
";
    let source = ARM64.replace("PAGE", "@d#PAGE").replace("LOW", "@d#PAGEOFF").replace('@', "_").replace('#', "@");
    let dir = Dir::new();
    dir.write("code.s", source);
    let listing = dir.kiln(["disasm", "code.s", "--target", "aarch64-apple-darwin"]).bytes();
    assert!(String::from_utf8(listing.clone()).unwrap().starts_with(macho), "{}", String::from_utf8_lossy(&listing));
}

#[test]
fn data_and_flat_code() {
    let listing = "\
code.s: ELF object, x86-64

section .data
d:
  0000:  01 00 00 00 00 00 00 00  |........|
  0008:  00 00 00 00 00 00 00 00  |........|  # R_X86_64_64 f
count:
  0010:  00 00 00 00              |....|
";
    lists(Target::X86_64_LINUX, &X86_64.replace('@', ""), &["--section", ".data"], listing);
    let dir = Dir::new();
    dir.write("code.bin", [0x48, 0x89, 0xf8, 0xeb, 0xfe]);
    let flat = ["disasm", "code.bin", "--base", "0x401000", "--target", "x86_64-unknown-linux-gnu"];
    dir.kiln(flat).prints(
        "\
code.bin: flat code, x86-64
  401000:  48 89 f8                 mov %rdi,%rax
  401003:  eb fe                    jmp 0x401003
",
    );
    dir.write("code.bin", [0xc0, 0x03, 0x5f, 0xd6]);
    dir.kiln(["disasm", "code.bin", "--target", "aarch64-apple-darwin"]).prints(
        "\
code.bin: flat code, arm64
  0000:  c0 03 5f d6              ret
",
    );
}

/// Of C, with what was inlined in its own place.
#[test]
fn source_lines() {
    let dir = Dir::new();
    dir.write("sum.c", "int outside(int);\n\nint f(int n) {\n    return outside(n) + 1;\n}\n");
    let listing = String::from_utf8(dir.kiln(["disasm", "sum.c", "f"]).bytes()).unwrap();
    let sources: Vec<&str> = listing.lines().filter(|line| line.starts_with("sum.c:")).collect();
    assert_eq!(sources[1..3], ["sum.c:3: int f(int n) {", "sum.c:4: return outside(n) + 1;"], "{listing}");
    let call = if cfg!(target_os = "macos") { " _outside  # ARM64_RELOC_BRANCH26 " } else { " outside  # R_" };
    assert!(listing.contains(call), "{listing}");
}

#[test]
fn what_is_not_there() {
    let dir = Dir::new();
    dir.assemble(Target::X86_64_LINUX, RETURN, "return.o");
    dir.kiln(["disasm", "return.o", "start"]).refuses(
        "\
kiln: error: return.o: there is no symbol `start`
  next: it has _start
",
    );
    dir.kiln(["disasm", "return.o", "--base", "0x1000"]).refuses(
        "\
kiln: error: return.o: only flat code has no addresses, and 0x1000 was asked for
  next: link it first: kiln flat FILE --base ADDRESS
",
    );
    dir.write("code.bin", [0xc3]);
    dir.kiln(["disasm", "code.bin", "main"])
        .refuses("kiln: error: code.bin: flat code has no names, and `main` was asked for\n");
    dir.write("words.txt", "words\n");
    dir.kiln(["disasm", "words.txt"]).refuses(
        "\
kiln: error: words.txt: this is not native code: it is text
  next: give assembly (.s, .S), an object file, an archive, or flat machine code (.bin)
",
    );
}

#[test]
fn in_colour() {
    let dir = Dir::new();
    dir.write("return.s", RETURN);
    let target = ["disasm", "return.s", "--target", "x86_64-unknown-linux-gnu"];
    let (status, said) = at_terminal(dir.kiln(target), 100);
    let expected = "\
return.s: ELF object, x86-64

^[2msection .text^[0m
^[1m^[33m_start:^[0m
^[36mreturn.s:3^[0m: _start: ret
^[2m  0000:  c3                       ^[0mret
";
    assert_eq!((status, &*said), (0, expected));
}

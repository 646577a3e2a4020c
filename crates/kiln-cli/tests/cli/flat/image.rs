//! Text that refers to what is outside it: the whole image, linked, its fields computed here by hand.

use kiln::{Arch, Os, Target};

use super::{assert_same, cut, hex, image, objcopy, words};
use crate::{Dir, gnu};

/// Text, constants and data that refer to each other.
const X86_64: &str = "
.text
.globl _start, helper
_start:
    call helper
    lea msg(%rip), %rsi
    mov value(%rip), %eax
    movabs $table, %rcx
    jmp *%rcx
helper: ret
.section .rodata
msg: .ascii \"const\"
.p2align 3
.quad msg - .
.data
value: .long 7
.p2align 3
table: .quad _start, msg+1
.bss
.zero 8
";

/// The same for x86-64 at `base`: text, constants and data on pages of their own.
fn x86_64_at(base: u64) -> Vec<u8> {
    let table = (base + 0x2008).to_le_bytes();
    let text = [
        &[0xe8, 0x19, 0, 0, 0][..],            // call: 0x1e - 0x5
        &[0x48, 0x8d, 0x35, 0xf4, 0x0f, 0, 0], // lea: 0x1000 - 0xc
        &[0x8b, 0x05, 0xee, 0x1f, 0, 0],       // mov: 0x2000 - 0x12
        &[0x48, 0xb9],
        &table,
        &[0xff, 0xe1],
        &[0xc3],
    ]
    .concat();
    let constants = [&b"const\0\0\0"[..], &(-8i64).to_le_bytes()].concat();
    let data = [&7u64.to_le_bytes()[..], &base.to_le_bytes(), &(base + 0x1001).to_le_bytes()].concat();
    image(0x2020, &[(0, &text), (0x1000, &constants), (0x2000, &data)])
}

#[test]
fn x86_64() {
    let dir = Dir::new();
    dir.assemble(Target::X86_64_LINUX, X86_64, "image.o");
    for base in [0x40_0000, 0x7f00_1234_5000] {
        assert_same(&cut(&dir, &format!("image.o --base {base:#x}")), &x86_64_at(base));
    }
    // Nobody has chosen 0, and it shows in the bytes.
    dir.kiln(["flat", "image.o", "-o", "zero.bin"]).gives(
        0,
        "",
        "kiln: warning: image.o: what is cut works at address 0x0 only; choose the address with --base\n",
    );
    assert_same(&dir.read("zero.bin"), &x86_64_at(0));
    assert_same(&cut(&dir, "image.o --base 0"), &x86_64_at(0));
    // Asked for the entry, it says no more.
    dir.kiln(["flat", "image.o", "--entry"]).prints("0x0\n");
}

/// An image in which nothing depends on the address works everywhere, and nothing warns.
#[test]
fn position_independent() {
    let dir = Dir::new();
    let text = ".globl _start\n_start: lea msg(%rip), %rsi\nret\n.section .rodata\nmsg: .ascii \"const\"\n";
    dir.assemble(Target::X86_64_LINUX, text, "image.o");
    let expected = image(0x1005, &[(0, &[0x48, 0x8d, 0x35, 0xf9, 0x0f, 0, 0, 0xc3]), (0x1000, b"const")]);
    assert_same(&cut(&dir, "image.o"), &expected);
    assert_same(&cut(&dir, "image.o --base 0x400000"), &expected);
}

/// Pages of arm64 Linux are up to 64 KiB long.
#[test]
fn arm64() {
    let text = "
.text
.globl _start, helper
_start:
    bl helper
    adrp x0, msg
    add x0, x0, :lo12:msg
    adrp x1, value
    ldr w1, [x1, :lo12:value]
    ldr x2, =_start
    ret
helper: b _start
.section .rodata
.skip 8
msg: .ascii \"const\"
.data
.skip 12
value: .long 7
.p2align 3
.quad msg
";
    let dir = Dir::new();
    dir.assemble(Target::AARCH64_LINUX, text, "image.o");
    for base in [0x40_0000u64, 0x7f00_1234_0000] {
        let text = words(&[
            0x9400_0007, // bl: 7 words on
            0x9000_0080, // adrp x0: 16 pages on
            0x9100_2000, // add: 8 bytes into the page
            0x9000_0101, // adrp x1: 32 pages on
            0xb940_0c21, // ldr w1: 12 bytes into the page, in words
            0x5800_0062, // ldr x2: 3 words on
            0xd65f_03c0,
            0x17ff_fff9, // b: 7 words back
        ]);
        let text = [text, base.to_le_bytes().to_vec()].concat();
        let data = [&7u32.to_le_bytes()[..], &(base + 0x1_0008).to_le_bytes()].concat();
        let expected = image(0x2_0018, &[(0, &text), (0x1_0008, b"const"), (0x2_000c, &data)]);
        assert_same(&cut(&dir, &format!("image.o --base {base:#x}")), &expected);
    }
}

/// Pages of Apple Silicon are 16 KiB long.
#[test]
fn apple() {
    let text = "
.globl _start
.p2align 2
_start:
    adrp x1, l_msg@PAGE
    add x1, x1, l_msg@PAGEOFF
    bl _helper
    ret
.globl _helper
.p2align 2
_helper: ret
.section __TEXT,__const
.p2align 3
.quad 1
l_msg: .ascii \"const\"
.data
.p2align 3
.quad _helper
";
    let dir = Dir::new();
    dir.assemble(Target::AARCH64_MACOS, text, "image.o");
    let base = 0x1_0000_0000u64;
    let text = words(&[
        0x9000_0021, // adrp: 4 pages of 4 KiB on
        0x9100_2021, // add: 8 bytes into the page
        0x9400_0002, // bl: 2 words on
        0xd65f_03c0,
        0xd65f_03c0,
    ]);
    let constants = [&1u64.to_le_bytes()[..], b"const"].concat();
    let data = (base + 0x10).to_le_bytes();
    let expected = image(0x8008, &[(0, &text), (0x4000, &constants), (0x8000, &data)]);
    assert_same(&cut(&dir, &format!("image.o --base {base:#x}")), &expected);
    // Source for it, on any machine.
    dir.write(
        "image.s",
        ".globl _f\n_f: adrp x0, l_x@PAGE\nldr x0, [x0, l_x@PAGEOFF]\nret\n.data\n.quad 0\nl_x: .quad 5\n",
    );
    let text = words(&[0x9000_0020, 0xf940_0400, 0xd65f_03c0]);
    let expected = image(0x4010, &[(0, &text), (0x4008, &5u64.to_le_bytes())]);
    assert_same(&cut(&dir, "image.s --target aarch64-apple-darwin"), &expected);
}

#[test]
fn windows() {
    let text = "
.globl _start, helper
_start:
    call helper
    lea msg(%rip), %rcx
    movabs $value, %rax
    ret
helper: ret
.section .rdata,\"dr\"
msg: .ascii \"const\"
.data
value: .long 7
";
    let dir = Dir::new();
    dir.assemble(Target::X86_64_WINDOWS, text, "image.o");
    let base = 0x1_4000_0000u64;
    let value = (base + 0x2000).to_le_bytes();
    let text = [
        &[0xe8, 0x12, 0, 0, 0][..],            // call: 0x17 - 0x5
        &[0x48, 0x8d, 0x0d, 0xf4, 0x0f, 0, 0], // lea: 0x1000 - 0xc
        &[0x48, 0xb8],
        &value,
        &[0xc3, 0xc3],
    ]
    .concat();
    let expected = image(0x2004, &[(0, &text), (0x1000, b"const"), (0x2000, &[7, 0, 0, 0])]);
    assert_same(&cut(&dir, &format!("image.o --base {base:#x}")), &expected);
}

/// What objcopy cuts out of such an object is wrong: the field of the call is empty, as the assembler left it.
#[test]
#[cfg(target_os = "linux")]
fn a_relocation_is_never_dropped() {
    let dir = Dir::new();
    let text = ".globl _start\n_start: call other\nret\n.section .text.other, \"ax\"\n.globl other\nother: nop\nret\n";
    dir.assemble(Target::X86_64_LINUX, text, "calls.o");
    assert_eq!(objcopy(&dir, Arch::X86_64, "calls.o"), [0xe8, 0, 0, 0, 0, 0xc3], "wrong, and the reason for all this");
    let bytes = cut(&dir, "calls.o");
    let distance = i32::from_le_bytes(bytes[1..5].try_into().unwrap());
    assert_eq!(bytes[0], 0xe8);
    assert_eq!(bytes[(5 + distance) as usize..][..2], [0x90, 0xc3], "the call reaches `other`");
    // Within the text as well, where the symbol is one that another file might replace.
    dir.assemble(Target::X86_64_LINUX, ".globl _start, other\n_start: call other\nret\nother: nop\nret\n", "own.o");
    assert_eq!(objcopy(&dir, Arch::X86_64, "own.o"), [0xe8, 0, 0, 0, 0, 0xc3, 0x90, 0xc3]);
    assert_eq!(cut(&dir, "own.o"), [0xe8, 1, 0, 0, 0, 0xc3, 0x90, 0xc3]);
}

/// What is linked is what the system's linker makes of the same text.
#[test]
#[cfg(target_os = "linux")]
fn as_the_linker_does() {
    for (arch, text) in [
        (
            Arch::X86_64,
            ".globl _start, f\n_start: call f\nlea f(%rip), %rax\njmp f\nf: call _start\nret\n.quad f, _start, f - _start\n",
        ),
        (
            Arch::Aarch64,
            ".globl _start, f\n_start: bl f\nadr x0, f\nb f\ncbz x0, f\nf: bl _start\nret\n.p2align 3\n.quad f, _start, f - _start\n",
        ),
    ] {
        let dir = Dir::new();
        dir.assemble(Target::new(arch, Os::Linux), text, "text.o");
        dir.tool(&format!("{}-ld", gnu(arch)), ["-Ttext=0x12340000", "-o", "linked", "text.o"]);
        assert_same(&cut(&dir, "text.o --base 0x12340000"), &objcopy(&dir, arch, "linked"));
        assert_same(&cut(&dir, "linked"), &objcopy(&dir, arch, "linked"));
    }
}

#[test]
fn defined_symbols() {
    let dir = Dir::new();
    dir.assemble(
        Target::X86_64_LINUX,
        ".globl _start\n_start: lea one(%rip), %rax\nmovabs $two, %rcx\nret\n",
        "image.o",
    );
    // 0x2000 - 0x1007, and the address as it is.
    assert_eq!(
        hex(&dir, "image.o --base 0x1000 --define one=0x2000 --define two=0x123456789"),
        "48 8d 05 f9 0f 00 00 48 b9 89 67 45 23 01 00 00\n00 c3\n"
    );
    // The same place, further away: distances to what stays where it is depend on the address.
    assert_eq!(
        hex(&dir, "image.o --define two=0x123456789 --base=0 --define=one=8192"),
        "48 8d 05 f9 1f 00 00 48 b9 89 67 45 23 01 00 00\n00 c3\n"
    );
    dir.kiln(["flat", "image.o", "--emit", "hex", "--define", "one=8192", "--define", "two=1"]).gives(
        0,
        "48 8d 05 f9 1f 00 00 48 b9 01 00 00 00 00 00 00\n00 c3\n",
        "kiln: warning: image.o: what is cut works at address 0x0 only; choose the address with --base\n",
    );
}

/// A call that does not reach goes by a jump in the image.
#[test]
fn a_defined_symbol_far_away() {
    let dir = Dir::new();
    dir.assemble(Target::X86_64_LINUX, ".globl _start\n_start: call write\nret\n", "image.o");
    let address = 0x7f00_1234_5678u64;
    let bytes = cut(&dir, &format!("image.o --base 0x10000 --define write={address:#x}"));
    let field = |at: usize| at + 4 + i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let stub = field(1);
    assert_eq!((bytes[0], &bytes[stub..stub + 2]), (0xe8, &[0xff, 0x25][..]), "jmp *slot(%rip)");
    assert_eq!(bytes[field(stub + 2)..][..8], address.to_le_bytes());
}

//! `kiln flat`: what it cuts, beside what other tools cut, and what it links, beside fields computed by hand.

mod cut;
mod image;
mod printed;

use std::fs;

use kiln::{Arch, Target};

use crate::{Dir, gnu};

/// Text that needs nothing outside itself, and whose fields the assembler has all written.
fn text(target: Target) -> &'static str {
    match target.arch() {
        Arch::X86_64 => {
            ".text\n.globl _start\nnop\n_start: lea 2f(%rip), %rax\njmp 1f\n.p2align 4\n1: ret\n2: .ascii \"text\"\n"
        }
        Arch::Aarch64 => {
            ".text\n.globl _start\n.p2align 2\nnop\n_start: adr x0, 2f\nb 1f\n.p2align 4\n1: ret\n2: .ascii \"text\"\n"
        }
    }
}

/// What GNU objcopy makes of an ELF file's text.
fn objcopy(dir: &Dir, arch: Arch, file: &str) -> Vec<u8> {
    dir.tool(&format!("{}-objcopy", gnu(arch)), ["-O", "binary", "-j", ".text", file, "objcopy.out"]);
    taken(dir, "objcopy.out")
}

/// What LLVM's objcopy takes out of a Mach-O file.
fn dump_section(dir: &Dir, file: &str) -> Vec<u8> {
    dir.tool("llvm-objcopy", ["--dump-section=__TEXT,__text=dump.out", file, "/dev/null"]);
    taken(dir, "dump.out")
}

/// The bytes that LLVM's objdump prints of a section: of COFF its objcopy dumps none.
fn objdump(dir: &Dir, file: &str, section: &str) -> Vec<u8> {
    let text = String::from_utf8(dir.tool("llvm-objdump", ["-s", "-j", section, file])).unwrap();
    let mut bytes = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix(' ')) {
        // An address, 16 bytes in groups of four, and what they are as characters.
        let (_, row) = line.split_once(' ').unwrap();
        let digits: Vec<char> = row.chars().take("00112233 ".len() * 4).filter(|c| *c != ' ').collect();
        bytes.extend(digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()));
    }
    assert!(!bytes.is_empty(), "{text}");
    bytes
}

fn taken(dir: &Dir, name: &str) -> Vec<u8> {
    let bytes = dir.read(name);
    fs::remove_file(dir.path(name)).unwrap();
    assert!(!bytes.is_empty());
    bytes
}

/// `kiln flat` with these words, into a file: nothing is printed.
#[track_caller]
fn cut(dir: &Dir, words: &str) -> Vec<u8> {
    let words: Vec<&str> = words.split_whitespace().collect();
    dir.kiln([&["flat", "-o", "flat.out"], &words[..]].concat()).prints("");
    taken(dir, "flat.out")
}

/// The same, printed as hex digits.
#[track_caller]
fn hex(dir: &Dir, words: &str) -> String {
    let words: Vec<&str> = words.split_whitespace().collect();
    String::from_utf8(dir.kiln([&["flat", "--emit", "hex"], &words[..]].concat()).bytes()).unwrap()
}

/// An image of so many bytes: zeros, and at these offsets these.
fn image(len: usize, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut image = vec![0; len];
    for (at, bytes) in parts {
        image[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    image
}

/// Says where two images differ: they are long.
#[track_caller]
fn assert_same(found: &[u8], expected: &[u8]) {
    let rows = |bytes: &[u8]| -> Vec<String> {
        let rows = bytes.chunks(16).enumerate();
        rows.filter(|(_, row)| row.iter().any(|byte| *byte != 0))
            .map(|(row, bytes)| format!("{:#x}: {bytes:02x?}", row * 16))
            .collect()
    };
    assert_eq!((found.len(), rows(found)), (expected.len(), rows(expected)));
}

/// The words of an arm64 program, as its bytes.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

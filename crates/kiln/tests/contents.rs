//! What files hold, as tools see it.
#![allow(clippy::unwrap_used)]

use kiln::{Assembler, Contents, Syntax, Target};

/// The relocations of the text of `source`, assembled for `target`.
fn relocations(target: Target, source: &str) -> Vec<String> {
    let object = Assembler::find(target, Syntax::Plain).unwrap().assemble("x.s", source.as_bytes()).unwrap();
    let contents = Contents::read("x.o", &object, target.arch()).unwrap();
    let text = contents.sections().iter().position(|section| section.executable).unwrap();
    let relocations = contents.relocations(text).into_iter().map(|found| {
        let place = found.defined.map(|(section, offset)| (&*contents.sections()[section].name, offset));
        let relative = if found.relative { "relative" } else { "absolute" };
        format!(
            "{:#x}/{} {} {}{:+} {relative} {place:?}",
            found.offset, found.width, found.kind, found.symbol, found.addend
        )
    });
    relocations.collect()
}

#[test]
fn relocations_of_every_format() {
    let x86_64 = |prefix: &str| {
        format!(
            ".globl {prefix}f\n.text\n{prefix}f: lea 4+{prefix}d(%rip), %rax\nmovl $7, {prefix}d(%rip)\ncall {prefix}g\nret\n.data\n.long 0\n{prefix}d: .quad 1\n"
        )
    };
    let arm64 = |prefix: &str, page: &str, low: &str| {
        format!(
            ".globl {prefix}f\n.text\n.p2align 2\n{prefix}f: adrp x0, {page}\nadd x0, x0, {low}\nbl {prefix}g\nret\n.data\n.globl {prefix}d\n.long 0\n{prefix}d: .quad 1\n"
        )
    };
    let cases = [
        (
            Target::X86_64_LINUX,
            x86_64(""),
            vec![
                r#"0x3/4 R_X86_64_PC32 .data+4 relative Some((".data", 0))"#,
                r#"0x9/4 R_X86_64_PC32 .data-4 relative Some((".data", 0))"#,
                "0x12/4 R_X86_64_PLT32 g-4 relative None",
            ],
        ),
        (
            Target::X86_64_MACOS,
            x86_64("_"),
            vec![
                r#"0x3/4 X86_64_RELOC_SIGNED _d+0 relative Some(("__data", 4))"#,
                r#"0x9/4 X86_64_RELOC_SIGNED_4 _d-8 relative Some(("__data", 4))"#,
                "0x12/4 X86_64_RELOC_BRANCH _g-4 relative None",
            ],
        ),
        (
            Target::X86_64_WINDOWS,
            x86_64(""),
            vec![
                r#"0x3/4 IMAGE_REL_AMD64_REL32 d+0 relative Some((".data", 4))"#,
                r#"0x9/4 IMAGE_REL_AMD64_REL32 d-8 relative Some((".data", 4))"#,
                "0x12/4 IMAGE_REL_AMD64_REL32 g-4 relative None",
            ],
        ),
        (
            Target::AARCH64_LINUX,
            arm64("", "d", ":lo12:d"),
            vec![
                r#"0x0/4 R_AARCH64_ADR_PREL_PG_HI21 d+0 absolute Some((".data", 4))"#,
                r#"0x4/4 R_AARCH64_ADD_ABS_LO12_NC d+0 absolute Some((".data", 4))"#,
                "0x8/4 R_AARCH64_CALL26 g+0 relative None",
            ],
        ),
        (
            Target::AARCH64_MACOS,
            arm64("_", "_d@PAGE+8", "_d@PAGEOFF+8"),
            vec![
                r#"0x0/4 ARM64_RELOC_PAGE21 _d+8 absolute Some(("__data", 4))"#,
                r#"0x4/4 ARM64_RELOC_PAGEOFF12 _d+8 absolute Some(("__data", 4))"#,
                "0x8/4 ARM64_RELOC_BRANCH26 _g+0 relative None",
            ],
        ),
        (
            Target::AARCH64_WINDOWS,
            arm64("", "d", ":lo12:d"),
            vec![
                r#"0x0/4 IMAGE_REL_ARM64_PAGEBASE_REL21 d+0 absolute Some((".data", 4))"#,
                r#"0x4/4 IMAGE_REL_ARM64_PAGEOFFSET_12A d+0 absolute Some((".data", 4))"#,
                "0x8/4 IMAGE_REL_ARM64_BRANCH26 g+0 relative None",
            ],
        ),
    ];
    for (target, source, expected) in cases {
        assert_eq!(relocations(target, &source), expected, "{target}");
    }
}

#[test]
fn undefined_symbols() {
    let target = Target::X86_64_LINUX;
    let source = "call here\ncall there\nhere: ret\n.weak perhaps\ncall perhaps\n";
    let object = Assembler::find(target, Syntax::Plain).unwrap().assemble("x.s", source.as_bytes()).unwrap();
    let contents = Contents::read("x.o", &object, target.arch()).unwrap();
    let mut names = contents.undefined().to_vec();
    names.sort();
    assert_eq!(names, ["perhaps", "there"]);
}

#[test]
fn debug_information_is_made_when_asked_for() {
    let has = |target: Target, syntax: Syntax, debug: bool, source: &str| {
        let assembler = Assembler::find(target, syntax).unwrap();
        let assembler = if debug { assembler.debug_info() } else { assembler };
        let object = assembler.assemble("x.s", source.as_bytes()).unwrap();
        let contents = Contents::read("x.o", &object, target.arch()).unwrap();
        contents.sections().iter().any(|section| section.name.ends_with("debug_line") && section.size > 0)
    };
    let own_lines = "\t.file 1 \"y.c\"\n\t.loc 1 7 0\n\tret\n";
    for target in Target::ALL {
        for syntax in [Syntax::Plain, Syntax::Preprocessed] {
            assert!(has(target, syntax, true, "ret\n"), "{target}");
            assert!(!has(target, syntax, false, "ret\n"), "{target}");
            has(target, syntax, true, own_lines);
        }
    }
}

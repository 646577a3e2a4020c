//! Plans: what they say of themselves, and parts of sections as images of their own.

#![allow(clippy::unwrap_used, clippy::panic)]

use kiln::{Assembler, Linker, Permission, Syntax, Target, TargetAddr};

const X86: Target = Target::X86_64_LINUX;

fn linker(text: &str) -> Linker<'static> {
    let object = Assembler::find(X86, Syntax::Plain).unwrap().assemble("test.s", text.as_bytes()).unwrap();
    let mut linker = Linker::new(X86);
    linker.add_object("a.o", object).unwrap();
    linker
}

#[test]
fn a_plan_says_where_everything_stands() {
    let mut linker = linker(
        ".globl entry, shared\nentry: call far\nmov shared@GOTPCREL(%rip), %rax\nlocal: ret\n\
         .section .rodata\nconstant: .quad 1\n.data\nshared: .quad entry\n.bss\n.zero 16\n.section .debug_x\n.quad 0\n",
    );
    linker.define_address("far", TargetAddr(0x7f00_0000_0000));
    let plan = linker.plan(TargetAddr(0x40_0000)).unwrap();
    assert_eq!(plan.base(), TargetAddr(0x40_0000));
    // In the order of their addresses: assemblers differ in that of the file.
    let mut sections: Vec<_> = (plan.sections().iter())
        .filter(|section| section.size > 0)
        .map(|section| (section.address.0, &*section.name, section.permission, section.size))
        .collect();
    sections.sort_by_key(|section| section.0);
    assert_eq!(
        sections,
        [
            (0x40_0000, ".text", Permission::Text, 13),
            (0x40_1008, ".rodata", Permission::Const, 8),
            (0x40_2000, ".data", Permission::Data, 8),
            (0x40_2008, ".bss", Permission::Data, 16),
        ]
    );
    assert_eq!(plan.address("entry"), Some(TargetAddr(0x40_0000)));
    assert_eq!(plan.address("local"), Some(TargetAddr(0x40_000c)));
    let exported: Vec<_> = plan.symbols().iter().filter(|symbol| symbol.exported).map(|symbol| &*symbol.name).collect();
    assert_eq!(exported, ["entry", "shared"]);
    assert_eq!(plan.imports(), [("far".to_owned(), TargetAddr(0x7f00_0000_0000))]);
    assert_eq!(plan.stubs_and_slots(), (1, 1), "the load of `shared` needs no slot");
    assert!(plan.left_out().iter().any(|(input, section, _)| (&**input, &**section) == ("a.o", ".debug_x")));
    // The pointer in `.data`, and the branch that may go straight to `far`.
    assert_eq!(plan.absolute(), 2);
    assert_eq!(plan.image().len(), 0x2018);
    assert_eq!(plan.bytes_at(TargetAddr(0x40_2000)).unwrap()[..8], 0x40_0000u64.to_le_bytes());
    assert_eq!(plan.bytes_at(TargetAddr(0x3f_ffff)), None);
}

/// Room between functions traps wherever an instruction would begin, also behind data of an odd size.
#[test]
fn room_in_the_text_is_filled_with_whole_traps() {
    let target = Target::AARCH64_LINUX;
    let text = "ret\n.byte 1, 2, 3\n.section .text.b, \"ax\"\n.balign 32\nret\n";
    let object = Assembler::find(target, Syntax::Plain).unwrap().assemble("test.s", text.as_bytes()).unwrap();
    let mut linker = Linker::new(target);
    linker.add_object("a.o", object).unwrap();
    let image = linker.plan(TargetAddr(0)).unwrap();
    let words: Vec<[u8; 4]> = image.image()[8..32].chunks(4).map(|word| word.try_into().unwrap()).collect();
    assert_eq!(words, [0xd420_0000u32.to_le_bytes(); 6]);
}

#[test]
fn a_plan_holds_at_its_base_only() {
    let linker = linker(".globl f\nf: ret\n.data\n.quad f\n");
    let error = linker.plan(TargetAddr(u64::MAX - 0xfff)).unwrap_err();
    assert_eq!(error.to_string(), "an image of 0x1008 bytes cannot stand at 0xfffffffffffff000");
}

/// Symbols of the part, its references to itself by name and by section, and a difference.
#[test]
fn a_part_is_linked_as_if_it_began_the_section() {
    let text = ".globl before, part, after\nbefore: .zero 24\n.balign 8\n\
                part: movabs $inside, %rax\ninside: ret\n.balign 8\nlocal: .quad local\n.quad part\n.long inside - part\nend:\n\
                after: .quad after\n";
    for base in [0u64, 0x1000, 0x1_2340] {
        let mut linker = linker(text);
        let size = 11 + 5 + 20;
        assert_eq!(linker.keep_only(".text", Some(24..24 + size)).unwrap(), [""; 0]);
        let plan = linker.plan(TargetAddr(base)).unwrap();
        let mut expected = vec![0x48, 0xb8];
        expected.extend((base + 10).to_le_bytes());
        expected.push(0xc3);
        let padding = plan.image()[11..16].to_vec();
        expected.extend(padding);
        expected.extend((base + 16).to_le_bytes());
        expected.extend(base.to_le_bytes());
        expected.extend(10u32.to_le_bytes());
        assert_eq!(plan.image(), expected, "{base:#x}");
        assert_eq!(plan.address("part"), Some(TargetAddr(base)));
        assert_eq!(plan.address("before"), None);
        assert_eq!(plan.absolute(), 3);
    }
}

#[test]
fn a_part_that_refers_elsewhere_says_to_what() {
    let text =
        ".globl one, two\none: call two\ncall outside\nret\ntwo: mov data(%rip), %rax\nret\n.data\ndata: .quad 0\n";
    let mut linker = linker(text);
    assert_eq!(linker.keep_only(".text", None).unwrap(), [".data", "outside"]);
    assert_eq!(linker.keep_only(".text", Some(0..11)).unwrap(), ["outside", "two"]);
    linker.define_address("outside", TargetAddr(0x1000));
    assert!(linker.plan(TargetAddr(0)).unwrap().address("data").is_some(), "nothing was taken out");
    assert_eq!(linker.keep_only(".data", None).unwrap(), [""; 0]);
    assert_eq!(linker.plan(TargetAddr(0)).unwrap().image(), [0; 8]);
    for (section, range, message) in [
        (".none", None, "there is no section .none that has contents"),
        (".data", Some(0..9), ".data: the bytes 0x0 to 0x9 do not lie in the section, which has 0x8"),
    ] {
        assert_eq!(linker.keep_only(section, range).unwrap_err().to_string(), message);
    }
}

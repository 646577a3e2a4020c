//! What names mean: groups of which one copy counts, visibility, weak and common symbols, names that the linker defines.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/commons.rs"]
mod commons;

use kiln::{Assembler, Error, Linker, Plan, Syntax, Target, TargetAddr};

const X86: Target = Target::X86_64_LINUX;
const APPLE: Target = Target::AARCH64_MACOS;
const WINDOWS: Target = Target::X86_64_WINDOWS;

fn linker(target: Target, sources: &[&str]) -> Linker<'static> {
    let assembler = Assembler::find(target, Syntax::Plain).unwrap();
    let mut linker = Linker::new(target);
    for (number, source) in sources.iter().enumerate() {
        let object = assembler.assemble("test.s", source.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        linker.add_object(&format!("{number}.o"), object).unwrap();
    }
    linker
}

fn plan(target: Target, sources: &[&str]) -> Plan {
    linker(target, sources).plan(TargetAddr(0x10000)).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(target: Target, sources: &[&str]) -> Error {
    linker(target, sources).plan(TargetAddr(0x10000)).expect_err("it must be refused")
}

/// The number that stands at a symbol.
#[track_caller]
fn quad(plan: &Plan, symbol: &str) -> u64 {
    let address = plan.address(symbol).unwrap_or_else(|| panic!("no {symbol}"));
    u64::from_le_bytes(plan.bytes_at(address).unwrap()[..8].try_into().unwrap())
}

fn names(plan: &Plan, section: &str) -> Vec<String> {
    let in_image = plan.sections().iter().filter(|planned| planned.name == section);
    in_image.map(|planned| planned.input.clone()).collect()
}

fn inline(value: &str) -> String {
    format!(
        ".section .text.inline,\"axG\",@progbits,inline,comdat\n.weak inline\ninline: .quad {value}\n\
         .section .data.counter,\"awG\",@progbits,inline,comdat\n.weak counter\ncounter: .quad {value}\n"
    )
}

#[test]
fn of_a_group_the_first_copy_counts() {
    let use_it = ".data\n.globl use{}\nuse{}: .quad inline, counter\n";
    let first = inline("1") + &use_it.replace("{}", "0");
    let second = inline("2") + &use_it.replace("{}", "1");
    let plan = plan(X86, &[&first, &second]);
    assert_eq!(names(&plan, ".text.inline"), ["0.o"]);
    assert_eq!(names(&plan, ".data.counter"), ["0.o"]);
    let inline = plan.address("inline").unwrap();
    assert_eq!((quad(&plan, "inline"), quad(&plan, "counter")), (1, 1));
    assert_eq!((quad(&plan, "use0"), quad(&plan, "use1")), (inline.0, inline.0));
    assert_eq!(plan.symbols().iter().filter(|symbol| symbol.name == "inline").count(), 1, "nothing of the other copy");
}

/// Strong symbols of a discarded copy are no second definition.
#[test]
fn a_discarded_copy_defines_nothing() {
    let strong = inline("1").replace(".weak", ".globl");
    let plan = plan(X86, &[&strong, &strong]);
    assert_eq!(names(&plan, ".text.inline"), ["0.o"]);
}

#[test]
fn a_reference_by_a_local_name_into_a_discarded_copy_is_refused() {
    let object = inline("1") + ".section .text.inline,\"axG\",@progbits,inline,comdat\ninside: .quad 3\n";
    let outside = object.clone() + ".data\n.quad inside\n";
    let error = refusal(X86, &[&object, &outside]);
    // By the name, or by the section's: assemblers differ in what they make of a local name.
    assert_eq!(
        error.to_string().replace("`.text.inline`", "`inside`"),
        "1.o: .data+0x0: `inside`: R_X86_64_64 refers to .text.inline, of which the copy of another input is in \
         the image, by a local name"
    );
    assert_eq!(error.next_step(), Some("compile the files with one compiler and the same options"));
    let unloaded = object + ".section .debug_info\n.quad inside\n";
    plan(X86, &[&unloaded, &unloaded]);
}

/// The copy that counts may lack a name that another one has.
#[test]
fn a_name_that_only_a_discarded_copy_has_is_undefined() {
    let more = inline("1") + ".globl more\nmore: .quad 4\n.data\n.quad more\n";
    assert_eq!(refusal(X86, &[&inline("1"), &more]).to_string(), "undefined symbol `more`, wanted by 1.o");
    plan(X86, &[&more, &inline("1")]);
}

/// A section with SHF_LINK_ORDER goes with the one that it is about.
#[test]
fn a_section_that_belongs_to_a_discarded_one_goes_with_it() {
    let object = inline("1") + ".section about,\"ao\",@progbits,.text.inline\n.quad 5\n";
    assert_eq!(names(&plan(X86, &[&object, &object]), "about"), ["0.o"]);
}

/// What there was before groups.
#[test]
fn of_an_old_one_only_section_the_first_copy_counts() {
    let one = |value: u32, binding: &str| {
        format!(
            ".section .gnu.linkonce.d.x,\"aw\"\n{binding} x\nx: .quad {value}\n.data\n.globl use{value}\nuse{value}: .quad x\n"
        )
    };
    for binding in [".weak", ".globl"] {
        let plan = plan(X86, &[&one(1, binding), &one(2, binding)]);
        assert_eq!(names(&plan, ".gnu.linkonce.d.x"), ["0.o"]);
        let x = plan.address("x").unwrap().0;
        assert_eq!([quad(&plan, "x"), quad(&plan, "use1"), quad(&plan, "use2")], [1, x, x]);
    }
}

#[test]
fn one_number_is_not_two_definitions() {
    let set = |value: u32| format!(".globl number\n.set number, {value}\n");
    let uses = ".data\n.globl uses\nuses: .quad number\n";
    assert_eq!(quad(&plan(X86, &[&set(7), &set(7), uses]), "uses"), 7);
    assert_eq!(refusal(X86, &[&set(7), &set(8), uses]).to_string(), "1.o: `number`: is defined in 0.o too");
}

/// `SHN_X86_64_LCOMMON`: they are one with a small one of the same name, and stand among those.
#[test]
fn common_symbols_of_the_medium_model() {
    let source = ".globl main\nmain: .quad value, next\n.comm value,16,8\n.comm next,24,8\n";
    let mut object = Assembler::find(X86, Syntax::Plain).unwrap().assemble("0.s", source.as_bytes()).unwrap();
    for size in [16, 24] {
        commons::make_large(&mut object, size);
    }
    let mut linker = linker(X86, &[".globl user\nuser: .quad value\n.comm value,8,8\n"]);
    linker.add_object("1.o", object).unwrap();
    let plan = linker.plan(TargetAddr(0x10000)).unwrap();
    let main = plan.address("main").unwrap();
    let next = u64::from_le_bytes(plan.bytes_at(main).unwrap()[8..16].try_into().unwrap());
    assert_eq!([quad(&plan, "main"), next, quad(&plan, "user")], [0x11000, 0x11010, 0x11000]);
}

/// GNU ld's names for the ends of what is loaded; one that is not reserved gives way to the host's and the inputs'.
#[test]
fn names_for_the_ends_of_the_image() {
    let source = ".globl main, names, early\n.space 7\nmain: ret\n.section .rodata,\"a\"\n\
                  names: .quad __executable_start, etext, _etext, _edata, edata, __bss_start, _end, end\n\
                  .data\nearly: .quad 0, 0\n.bss\n.space 24\n.comm common,8,8\n";
    let linker = linker(X86, &[source, ".data\n.quad names\n"]);
    let names = |plan: &Plan| {
        let bytes = plan.bytes_at(plan.address("names").unwrap()).unwrap()[..64].to_vec();
        bytes.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect::<Vec<u64>>()
    };
    let all = linker.plan(TargetAddr(0x10000)).unwrap();
    let data = all.address("early").unwrap().0;
    let (filled, end) = (data + 24, data + 24 + 24 + 8);
    assert_eq!(names(&all), [0x10000, 0x10008, 0x10008, filled, filled, filled, end, end]);
    let mut with_host = linker.clone();
    with_host.define_address("end", TargetAddr(0x1234)).define_address("_end", TargetAddr(0x5678));
    assert_eq!(names(&with_host.plan(TargetAddr(0x10000)).unwrap())[6..], [end, 0x1234]);
    let own = plan(X86, &[source, ".data\n.globl _end\n_end: .quad 0\n"]);
    assert_eq!(names(&own)[6], own.address("_end").unwrap().0);
    // Of another format they are names like others.
    let error = refusal(APPLE, &[".globl _main\n_main: .quad _end\n"]);
    assert_eq!(error.to_string(), "undefined symbol `end`, wanted by 0.o");
}

/// `STO_AARCH64_VARIANT_PCS`: of the registers that such functions keep, a stub changes none but `x16`.
#[test]
fn functions_may_keep_other_registers() {
    let text = ".globl f, g\n.variant_pcs f\n.variant_pcs far\nf: ret\ng: bl f\nbl far\nret\n";
    let mut linker = linker(Target::AARCH64_LINUX, &[text]);
    linker.define_address("far", TargetAddr(0x7f00_0000_0000));
    assert_eq!(linker.plan(TargetAddr(0x10000)).unwrap().stubs_and_slots(), (1, 1));
}

/// A group without the COMDAT flag is kept whole, however many there are.
#[test]
fn a_group_that_is_not_comdat_is_kept() {
    let object = ".section .text.f,\"axG\",@progbits,f\n.quad 1\n";
    assert_eq!(names(&plan(X86, &[object, object]), ".text.f"), ["0.o", "1.o"]);
}

fn comdat(selection: &str, value: &str) -> String {
    format!(".section .data$x,\"dw\",{selection},x\n.globl x\nx: {value}\n")
}

#[test]
fn the_rules_of_coff() {
    let value = |selection, first: &str, second: &str| {
        let (first, second) = (comdat(selection, first), comdat(selection, second));
        let linker = linker(WINDOWS, &[&first, &second]);
        match linker.plan(TargetAddr(0x10000)) {
            Ok(plan) => Ok(quad(&plan, "x")),
            Err(error) => Err((error.is_duplicate(), error.to_string())),
        }
    };
    let error = |text: &str| Err((true, text.to_owned()));
    assert_eq!(value("discard", ".quad 1", ".quad 2, 3"), Ok(1));
    assert_eq!(value("same_size", ".quad 1", ".quad 2"), Ok(1));
    assert_eq!(
        value("same_size", ".quad 1", ".quad 2, 3"),
        error("1.o: `x`: has another size in 0.o too, and the COMDAT section allows no difference")
    );
    assert_eq!(value("same_contents", ".quad 1", ".quad 1"), Ok(1));
    assert_eq!(
        value("same_contents", ".quad 1", ".quad 2"),
        error("1.o: `x`: has other contents in 0.o too, and the COMDAT section allows no difference")
    );
    assert_eq!(value("largest", ".quad 1", ".quad 2, 3"), Ok(2));
    assert_eq!(value("largest", ".quad 1, 3", ".quad 2"), Ok(1));
    assert_eq!(
        value("one_only", ".quad 1", ".quad 1"),
        error("1.o: `x`: is defined in 0.o too, and the COMDAT section allows no difference")
    );
}

#[test]
fn an_associated_section_of_coff_goes_with_its_leader() {
    let object = comdat("discard", ".quad 1") + ".section .rdata$about,\"dr\",associative,x\n.quad 7\n";
    assert_eq!(names(&plan(WINDOWS, &[&object, &object]), ".rdata$about"), ["0.o"]);
}

/// Weak definitions of Mach-O: each file has its copy, and one counts.
/// Of weak definitions in Mach-O the more visible one counts; a strong one takes its own visibility with it.
#[test]
fn the_more_visible_of_weak_definitions_of_macho() {
    let one = |directive: &str, number: u32| format!(".globl _f\n{directive}\n.data\n_f: .quad {number}\n");
    let exported = |sources: [String; 2]| {
        let plan = plan(APPLE, &sources.each_ref().map(|source| &**source));
        plan.symbols().iter().find(|symbol| symbol.name == "f" && symbol.exported).map(|_| quad(&plan, "f"))
    };
    let (weak, private) = (".weak_definition _f", ".private_extern _f");
    let both = format!("{weak}\n{private}");
    assert_eq!(exported([one(&both, 1), one(weak, 2)]), Some(2));
    assert_eq!(exported([one(weak, 1), one(&both, 2)]), Some(1));
    assert_eq!(exported([one(&both, 1), one(&both, 2)]), None);
    assert_eq!(exported([one(private, 1), one(weak, 2)]), None);
    assert_eq!(exported([one(&both, 1), one("", 2)]), Some(2));
}

#[test]
fn weak_definitions_of_macho() {
    let object = |value: &str, user: &str| {
        format!(
            ".section __DATA,__data\n.globl _x\n.weak_definition _x\n_x: .quad {value}\n.globl _{user}\n_{user}: .quad _x\n"
        )
    };
    let plan = plan(APPLE, &[&object("1", "a"), &object("2", "b")]);
    let x = plan.address("x").unwrap().0;
    assert_eq!((quad(&plan, "x"), quad(&plan, "a"), quad(&plan, "b")), (1, x, x));
}

#[test]
fn hidden_names_are_not_exported_and_not_looked_for_outside() {
    let exported = |plan: &Plan, name: &str| plan.symbols().iter().any(|s| s.name == name && s.exported);
    for visibility in [".hidden", ".internal"] {
        let one = plan(X86, &[&format!(".globl f\n{visibility} f\nf: ret\n.globl g\n.protected g\ng: ret\n")]);
        assert!(!exported(&one, "f") && exported(&one, "g"), "{visibility}");
        // The most constraining visibility counts, also that of a reference.
        let wish = format!(".data\n{visibility} f\n.quad f\n");
        let two = plan(X86, &[".globl f\nf: ret\n", &wish]);
        assert!(!exported(&two, "f"), "{visibility}");
        assert_eq!(refusal(X86, &[&wish]).to_string(), "undefined symbol `f`, wanted by 0.o", "{visibility}");
        // The host that makes the component may define its hidden names.
        let mut defined = linker(X86, &[&wish]);
        defined.define_address("f", TargetAddr(0x1234));
        assert_eq!(defined.plan(TargetAddr(0)).unwrap().imports(), [("f".to_owned(), TargetAddr(0x1234))]);
    }
    let weak = plan(X86, &[".data\n.weak f\n.hidden f\n.globl x\nx: .quad f\n"]);
    assert_eq!(quad(&weak, "x"), 0);
}

#[test]
fn names_for_the_beginning_and_the_end_of_a_section() {
    let table = |value: &str| format!(".section table,\"aw\"\n.quad {value}\n.data\n.quad {value}\n");
    let user = ".data\n.globl first, behind, none\nfirst: .quad __start_table\nbehind: .quad __stop_table\n\
                .weak __start_nothing\nnone: .quad __start_nothing\n";
    let plan = plan(X86, &[&table("1"), user, &table("2"), &table("3")]);
    let (first, behind) = (quad(&plan, "first"), quad(&plan, "behind"));
    assert_eq!(behind - first, 24);
    let bytes = &plan.bytes_at(TargetAddr(first)).unwrap()[..24];
    let values: Vec<u64> = bytes.chunks(8).map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap())).collect();
    assert_eq!(values, [1, 2, 3], "one array, with nothing between");
    assert_eq!(quad(&plan, "none"), 0);
    let error = refusal(X86, &[".data\n.quad __start_nothing, __start_.text\n.text\nret\n"]);
    assert_eq!(
        error.to_string(),
        "2 undefined symbols:\n  `__start_nothing`, wanted by 0.o\n  `__start_.text`, wanted by 0.o"
    );
    let error = refusal(X86, &[user, &table("1"), ".section table,\"a\"\n.quad 1\n"]);
    assert_eq!(
        error.to_string(),
        "2.o: table: the section is r-- here and rw- in 1.o, and names for its beginning and end want it in one piece"
    );
    assert_eq!(error.next_step(), Some("give it the same flags in all files"));
}

/// Bounded text stands out of the files' order: the room between it and the rest traps, and nothing is written over.
#[test]
fn a_bounded_section_of_code() {
    let object = ".text\n.balign 16\n.globl f{}\nf{}: .quad 0x{}11\n.section hot,\"ax\"\n.balign 16\n.globl h{}\nh{}: .quad 0x{}22\n";
    let user = ".data\n.globl first, behind\nfirst: .quad __start_hot\nbehind: .quad __stop_hot\n";
    let plan = plan(X86, &[&object.replace("{}", "1"), &object.replace("{}", "2"), user]);
    for (name, value) in [("f1", 0x111), ("h1", 0x122), ("f2", 0x211), ("h2", 0x222)] {
        assert_eq!(quad(&plan, name), value, "{name}");
    }
    assert_eq!((quad(&plan, "first"), quad(&plan, "behind")), (0x10000, 0x10018));
    assert_eq!(plan.image()[8..16], [0xcc; 8]);
    assert_eq!(plan.image()[0x18..0x20], [0xcc; 8]);
}

#[test]
fn names_for_the_beginning_and_the_end_in_macho() {
    let table = "    .section __DATA,__table\n.quad {}\n.section __DATA,__data\n.quad {}\n";
    let user = ".section __DATA,__user\n.globl _first, _behind, _begin, _end, _no1, _no2\n\
                _first: .quad section$start$__DATA$__table\n_behind: .quad section$end$__DATA$__table\n\
                _begin: .quad segment$start$__DATA\n_end: .quad segment$end$__DATA\n\
                _no1: .quad section$start$__DATA$__none\n_no2: .quad section$end$__DATA$__none\n";
    let plan = plan(APPLE, &[&table.replace("{}", "1"), &table.replace("{}", "2"), user]);
    let (first, behind) = (quad(&plan, "first"), quad(&plan, "behind"));
    assert_eq!(behind - first, 16);
    assert_eq!(
        plan.bytes_at(TargetAddr(first)).unwrap()[..16],
        [[1u64.to_le_bytes(), 2u64.to_le_bytes()].concat()].concat()
    );
    let data = plan.sections().iter().filter(|section| section.permission == kiln::Permission::Data);
    let (start, end) = data.filter(|section| section.size > 0).fold((u64::MAX, 0), |(start, end), section| {
        (start.min(section.address.0), end.max(section.address.0 + section.size))
    });
    assert_eq!((quad(&plan, "begin"), quad(&plan, "end")), (start, end));
    assert_eq!(quad(&plan, "no1"), quad(&plan, "no2"), "an empty section");
}

/// What `ld -r` makes of private symbols (`N_PEXT` without `N_EXT`) is local, and local symbols may share a name.
/// ld64 makes a section of common symbols.
#[test]
fn common_symbols_have_a_section_in_macho() {
    let source = ".globl _names, _first, _last\n.data\n_names: .quad segment$start$__DATA, segment$end$__DATA\n\
                  .quad section$start$__DATA$__common, section$end$__DATA$__common\n.comm _first,8,3\n.comm _last,24,3\n";
    let plan = plan(APPLE, &[source]);
    let at = |name: &str| plan.address(name).unwrap().0;
    let bytes = plan.bytes_at(plan.address("names").unwrap()).unwrap()[..32].to_vec();
    let names: Vec<u64> = bytes.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
    assert_eq!(names, [at("names"), at("last") + 24, at("first"), at("last") + 24]);
}

#[test]
fn local_symbols_of_macho_may_share_a_name() {
    let text =
        ".globl _main\n.data\n_main: .quad _one\n.quad _two\n.private_extern _one\n_one: .quad 1\n_two: .quad 2\n";
    let mut object = Assembler::find(APPLE, Syntax::Plain).unwrap().assemble("test.s", text.as_bytes()).unwrap();
    let place = |object: &[u8], text: &[u8]| object.windows(text.len()).position(|part| part == text).unwrap();
    // `nlist_64`: the name's offset in the string table, and then `n_type`.
    let strings = place(&object, b"_one\0") - 1;
    let index = strings.min(place(&object, b"_main\0") - 1).min(place(&object, b"_two\0") - 1);
    let name = (place(&object, b"_one\0") - index) as u32;
    let symbol = place(&object, &[&name.to_le_bytes()[..], &[0x1f]].concat());
    object[symbol + 4] = 0x1e;
    let two = place(&object, b"_two\0");
    object[two..two + 5].copy_from_slice(b"_one\0");
    let mut linker = Linker::new(APPLE);
    linker.add_object("a.o", object).unwrap();
    linker
        .add_object(
            "b.o",
            Assembler::find(APPLE, Syntax::Plain).unwrap().assemble("b.s", b".globl _one\n_one: ret\n").unwrap(),
        )
        .unwrap();
    let plan = linker.plan(TargetAddr(0x10000)).unwrap();
    let main = plan.address("main").unwrap();
    let word = |at: u64| u64::from_le_bytes(plan.bytes_at(TargetAddr(at)).unwrap()[..8].try_into().unwrap());
    assert_eq!([word(word(main.0)), word(word(main.0 + 8))], [1, 2]);
    assert_eq!(plan.address("one"), Some(TargetAddr(0x10000)), "the exported one is the other file's");
}

/// Sections of the large code model stand behind all others, and may be larger together than 32 bits reach.
#[test]
#[cfg(target_arch = "x86_64")] // Elsewhere LLVM assembles it, and LLVM 14 does not know the section flag `l`.
fn large_sections_stand_last() {
    let large = ".section .lbss,\"awl\",@nobits\n.globl far\nfar: .zero 0x1000\n.data\n.globl near\nnear: .quad far\n";
    let plan = plan(X86, &[large, ".data\n.globl near2\nnear2: .quad 1\n.bss\n.globl zero\nzero: .zero 8\n"]);
    let address = |name| plan.address(name).unwrap();
    assert!(
        address("near") < address("near2") && address("near2") < address("zero") && address("zero") < address("far")
    );
    assert_eq!(quad(&plan, "near"), address("far").0);
    let huge = ".section .lbss,\"awl\",@nobits\n.zero 0x100000000\n";
    assert_eq!(refusal(X86, &[huge]).to_string(), "a plan of 0x100000000 bytes is larger than 2 GiB");
}

#[test]
fn unknown_kinds_of_symbols_are_refused() {
    let symbol = |at: usize, value: u8| {
        let mut object =
            Assembler::find(X86, Syntax::Plain).unwrap().assemble("test.s", b".globl f\nf: .quad f\n").unwrap();
        let header = object::read::elf::ElfFile64::<object::LittleEndian>::parse(&*object).unwrap();
        use object::{Object, ObjectSection, ObjectSymbol};
        let index = header.symbols().find(|symbol| symbol.name() == Ok("f")).unwrap().index().0;
        let start = header.section_by_name(".symtab");
        // The table itself is no section for the parser.
        assert!(start.is_none_or(|section| section.size() > 0));
        let table = header.elf_symbol_table().section();
        let offset = header.elf_section_table().section(table).unwrap().sh_offset.get(object::LittleEndian) as usize;
        object[offset + index * 24 + at] = value;
        let mut linker = Linker::new(X86);
        linker.add_object("a.o", object).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(symbol(4, 0x1c), "a.o: `f`: symbol type 12 is not supported");
    assert_eq!(symbol(4, 0xc0), "a.o: `f`: symbol binding 12 is not supported");
    assert_eq!(symbol(5, 0x80), "a.o: `f`: st_other bits 0x80 are not supported");
}

/// More sections than 16 bits number: `SHN_XINDEX` (*System V ABI*, "Sections" and "Symbol Table").
#[test]
fn more_sections_than_65535() {
    let sections: String = (0..66_000).map(|n| format!(".section .d{n},\"aw\"\nv{n}: .quad {n}\n")).collect();
    let source = sections + ".data\n.globl first, last\nfirst: .quad v1\nlast: .quad v65999\n";
    let plan = plan(X86, &[&source]);
    let at = |address: u64| u64::from_le_bytes(plan.bytes_at(TargetAddr(address)).unwrap()[..8].try_into().unwrap());
    assert_eq!((at(quad(&plan, "first")), at(quad(&plan, "last"))), (1, 65_999));
}

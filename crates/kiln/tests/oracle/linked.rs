//! Linkers of files: GNU ld and LLVM's lld, which are told to put each section where Kiln has it, and lld for Mach-O.

use std::fmt::Write;
use std::process::Command;

use kiln::{Format, Plan, Target};
use object::{Object, ObjectSection, ObjectSymbol, ObjectSymbolTable};

use crate::Case;
use crate::inputs::{Home, Input};
use crate::world::{FRAMES, Piece, Threads, World};

/// Where their own tables go: far from the rest.
const TABLES: u64 = 0x1800_0000;
/// Where thread-local storage goes.
const STORAGE: u64 = 0x1700_0000;
const THREADS: [&str; 2] = [".tdata", ".tbss"];

/// The sections that such linkers keep as they are.
pub(crate) fn placed(plan: &Plan) -> impl Iterator<Item = (usize, &kiln::PlannedSection)> {
    let keeps = |section: &kiln::PlannedSection| section.size > 0 && section.name != ".eh_frame";
    plan.sections().iter().enumerate().filter(move |(_, section)| keeps(section))
}

/// The file that a linker for ELF makes: a program, or a shared library, in which it keeps what a program needs not.
pub(crate) fn elf(case: &Case, linker: &str, plan: &Plan) -> Result<Vec<u8>, String> {
    let mut script = String::new();
    for (name, address) in case.outside() {
        writeln!(script, "\"{name}\" = {address:#x};").unwrap();
    }
    script += "SECTIONS {\n";
    let mut sections: Vec<_> = placed(plan).collect();
    sections.sort_by_key(|(_, section)| section.address);
    let mut threads = Vec::new();
    for (number, section) in sections {
        let (address, input, name) = (section.address, &section.input, &section.name);
        if THREADS.contains(&&**name) {
            threads.push((number, input, name));
        } else {
            writeln!(script, ".kiln{number} {address} : SUBALIGN(1) {{ *{input}({name}) }}").unwrap();
        }
    }
    // Each thread has another copy, so that the image's says nothing of where it is.
    threads.sort_by_key(|(.., name)| **name == ".tbss");
    writeln!(script, ". = {STORAGE:#x};").unwrap();
    for (number, input, name) in threads {
        writeln!(script, ".kiln{number} : {{ *{input}({name}) }}").unwrap();
    }
    writeln!(script, ".eh_frame {:#x} : {{ *(.eh_frame) }}", TABLES - 0x10_0000).unwrap();
    // GNU ld subtracts the offset of `.got.plt` in its output section where it must be added (`R_X86_64_GOT64`): so it is 0.
    writeln!(script, ".got {TABLES:#x} : {{ *(.got.plt) *(.got) }}").unwrap();
    script += "/DISCARD/ : { *(.comment) *(.note*) }\n}\n";
    std::fs::write(case.folder.join("script"), script).unwrap();
    let mut command = Command::new(linker);
    if linker == "ld.lld" {
        let emulation = if case.target == Target::X86_64_LINUX { "elf_x86_64" } else { "aarch64linux" };
        command.args(["-m", emulation, "--no-relax"]);
    } else {
        command.args(["--no-warn-mismatch", "-z", "max-page-size=4096"]);
    }
    command.args(if case.shared { ["-shared", "-Bsymbolic"] } else { ["-static", "-Bsymbolic"] });
    command.args(["-z", "norelro", "-e", "0", "-T", "script", "-o", "linked"]);
    command.args(case.objects.iter().map(|(name, _)| name));
    case.run(&mut command)?;
    Ok(std::fs::read(case.folder.join("linked")).unwrap())
}

/// What is in such a file: each section where the plan has it.
pub(crate) fn elf_world(linker: &str, linked: &[u8], own: &World, inputs: &[Input]) -> World {
    let file = object::File::parse(linked).unwrap();
    let mut world = World::new(linker);
    world.pieces.clone_from(&own.pieces);
    world.memory = memory(&file);
    world.frames = frames(&file);
    for symbol in file.symbols().filter(|symbol| symbol.is_definition() && symbol.is_global()) {
        world.symbols.insert(symbol.name().unwrap().to_owned(), symbol.address());
    }
    world.got = file.symbols().find(|symbol| symbol.name() == Ok("_GLOBAL_OFFSET_TABLE_")).map(|got| got.address());
    if let Some(Threads::Block { image, offset }) = own.threads {
        world.threads = Some(Threads::Block { image: STORAGE, offset });
        for (input, section) in inputs.iter().enumerate().flat_map(|(number, input)| {
            input
                .sections
                .iter()
                .filter(|section| THREADS.contains(&&*section.name))
                .map(move |section| (number, section))
        }) {
            for piece in world.pieces.get_mut(&(input, section.index)).into_iter().flatten() {
                piece.address = piece.address - image + STORAGE;
            }
        }
        load(&file, &mut world.memory, offset);
    }
    world.complete()
}

/// Does what the system's loader does about a shared library's words, as far as it is about thread-local storage: for a
/// program that consists of it.
fn load(file: &object::File<'_>, memory: &mut [(u64, Vec<u8>)], offset: u64) {
    let mut put = |at: u64, word: u64| {
        let holds = |(start, bytes): &&mut (u64, Vec<u8>)| at >= *start && at - *start + 8 <= bytes.len() as u64;
        let (start, bytes) = memory.iter_mut().find(holds).unwrap();
        bytes[(at - *start) as usize..][..8].copy_from_slice(&word.to_le_bytes());
    };
    let Some(relocations) = file.dynamic_relocations() else { return };
    for (at, relocation) in relocations {
        let object::RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
        let value = match relocation.target() {
            object::RelocationTarget::Symbol(index) => {
                file.dynamic_symbol_table().unwrap().symbol_by_index(index).unwrap().address()
            }
            _ => 0,
        };
        let value = value.wrapping_add_signed(relocation.addend());
        // `DTPMOD64`, `DTPOFF64`, `TPOFF64`, `TLSDESC`, of x86-64 and arm64. Values count from the storage's beginning.
        match r_type.0 {
            16 | 1028 => put(at, 1),
            17 | 1029 => put(at, value),
            18 | 1030 => put(at, value.wrapping_add(offset)),
            36 | 1031 => put(at + 8, value.wrapping_add(offset)),
            _ => {}
        }
    }
}

fn frames(file: &object::File<'_>) -> Vec<(u64, u64)> {
    let tables = file.sections().filter(|section| section.name().is_ok_and(|name| FRAMES.contains(&name)));
    tables.map(|section| (section.address(), section.size())).collect()
}

fn memory(file: &object::File<'_>) -> Vec<(u64, Vec<u8>)> {
    let filled = file.sections().filter(|section| section.address() != 0 && section.size() > 0);
    filled
        .map(|section| {
            let mut data = section.data().unwrap_or_default().to_vec();
            data.resize(section.size() as usize, 0);
            (section.address(), data)
        })
        .collect()
}

/// What lld makes of Mach-O objects: a library of which nothing is left to the loader.
pub(crate) fn macho(case: &Case, inputs: &[Input]) -> Result<World, String> {
    let mut text = String::new();
    let mut outside = case.outside();
    outside.push(("__tlv_bootstrap".to_owned(), case.base + (48 << 20)));
    for (name, address) in outside {
        writeln!(text, ".globl {name}\n{name} = {address:#x}").unwrap();
    }
    std::fs::write(case.folder.join("outside.s"), text).unwrap();
    let arch = if case.target == Target::AARCH64_MACOS { "arm64" } else { "x86_64" };
    let mut assembler = Command::new("llvm-mc-22");
    assembler.args([&format!("-triple={arch}-apple-macos11"), "-filetype=obj", "outside.s", "-o", "outside.o"]);
    case.run(&mut assembler)?;
    let mut command = Command::new("ld64.lld-22");
    command.args(["-arch", arch, "-platform_version", "macos", "11", "11", "-dylib", "-no_fixup_chains"]);
    // Which would make other instructions of pairs.
    command.arg("-ignore_optimization_hints");
    command.args(["-o", "linked", "outside.o"]);
    command.args(case.objects.iter().map(|(name, _)| name));
    case.run(&mut command)?;
    let linked = std::fs::read(case.folder.join("linked")).unwrap();
    let file = object::File::parse(&linked[..]).unwrap();
    let mut world = World::new("ld64.lld-22");
    world.memory = memory(&file);
    world.frames = frames(&file);
    for symbol in file.symbols().filter(object::ObjectSymbol::is_definition) {
        world.symbols.insert(symbol.name().unwrap().to_owned(), symbol.address());
    }
    let table = file.section_by_name("__unwind_info");
    world.unwind_info = table.map(|table| (table.address(), 0));
    let is_thread = |section: &object::Section<'_, '_>| {
        [object::SectionKind::Tls, object::SectionKind::UninitializedTls].contains(&section.kind())
    };
    let image = file.sections().filter(is_thread).map(|section| section.address()).min();
    world.threads = image.map(|image| Threads::Block { image, offset: 0 });
    for (number, input) in inputs.iter().enumerate() {
        for section in &input.sections {
            let pieces = macho_pieces(&world, &file, inputs, number, section.index);
            world.pieces.insert((number, section.index), pieces);
        }
    }
    assert_eq!(case.target.format(), Format::MachO);
    Ok(world.complete())
}

/// Where a section of an input is in the file: by its symbols, or the strings in it, or because no other has its name.
fn macho_pieces(world: &World, file: &object::File<'_>, inputs: &[Input], number: usize, index: usize) -> Vec<Piece> {
    let section = inputs[number].section(index);
    let piece = |offset: u64, size: u64, address: u64| Piece { offset, size, address };
    let name = if section.name.starts_with("__literal") { "__literals" } else { &section.name };
    let output = file.sections().find(|output| output.name() == Ok(name));
    let output = output.as_ref().map(|output| (output.address(), output.data().unwrap_or_default()));
    // Equal constants become one.
    let size = match &*section.name {
        "__cstring" => 0,
        "__literal4" => 4,
        "__literal8" => 8,
        "__literal16" => 16,
        _ => {
            for symbol in &inputs[number].symbols {
                let Some(place) = &symbol.place else { continue };
                if place.home == Home::Section(number, index)
                    && let Some(address) = world.symbols.get(&symbol.name)
                {
                    return vec![piece(0, section.size, address.wrapping_add_signed(-place.offset))];
                }
            }
            let same = inputs.iter().flat_map(|input| &input.sections).filter(|other| other.name == section.name);
            return match output {
                Some((address, _)) if same.count() == 1 => vec![piece(0, section.size, address)],
                _ => Vec::new(),
            };
        }
    };
    let Some((start, contents)) = output else { return Vec::new() };
    let (mut pieces, mut offset) = (Vec::new(), 0);
    while offset < section.data.len() {
        let rest = &section.data[offset..];
        let len = if size == 0 { rest.iter().position(|byte| *byte == 0).unwrap() + 1 } else { size };
        let found = (0..contents.len()).find(|at| {
            let begins = if size == 0 { *at == 0 || contents[at - 1] == 0 } else { at % size == 0 };
            begins && contents[*at..].starts_with(&rest[..len])
        });
        let found = found.unwrap_or_else(|| panic!("{}+{offset:#x} is lost", section.name));
        pieces.push(piece(offset as u64, len as u64, start + found as u64));
        offset += len;
    }
    pieces
}

//! What a relocated field says, as an expression that JITLink's checker evaluates where it has linked the objects, and that
//! is evaluated here where Kiln has.

use std::collections::HashMap;

use kiln::{Plan, TargetAddr};
use object::elf;
use object::read::RelocationTarget;
use object::{Architecture, Object, ObjectSection, ObjectSymbol, RelocationFlags, SymbolSection};

/// Where a relocation is.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) start: u64,
    pub(crate) r_type: u32,
    /// Whether what stands there depends on where a linker has its own tables.
    pub(crate) through_got: bool,
}

/// How a field holds a target `T` at a place `P`.
#[derive(Clone, Copy)]
enum Shape {
    /// `T`, in so many bytes.
    Absolute(u32),
    /// `T - P`, in so many bytes.
    Relative(u32),
    /// Bits `from` to `to` of the instruction hold the bits from `low` on of `T - P`.
    Distance { from: u32, to: u32, low: u32 },
    /// The same of `T`.
    Bits { from: u32, to: u32, low: u32 },
    /// `adrp`
    Page,
    /// `adr`
    Adr,
}

fn shape(architecture: Architecture, r_type: u32) -> Option<Shape> {
    use Shape::{Absolute, Adr, Bits, Distance, Page, Relative};
    let r_type = elf::RelocationType(r_type);
    let ldst = |scale| Bits { from: 10, to: 21 - scale, low: scale };
    let movw = |low| Bits { from: 5, to: 20, low };
    Some(match architecture {
        Architecture::X86_64 => match r_type {
            elf::R_X86_64_64 => Absolute(8),
            elf::R_X86_64_32 | elf::R_X86_64_32S => Absolute(4),
            elf::R_X86_64_PC32 | elf::R_X86_64_PLT32 => Relative(4),
            elf::R_X86_64_PC64 => Relative(8),
            _ => return None,
        },
        _ => match r_type {
            elf::R_AARCH64_ABS64 => Absolute(8),
            elf::R_AARCH64_ABS32 => Absolute(4),
            elf::R_AARCH64_PREL32 => Relative(4),
            elf::R_AARCH64_PREL64 => Relative(8),
            elf::R_AARCH64_CALL26 | elf::R_AARCH64_JUMP26 => Distance { from: 0, to: 25, low: 2 },
            elf::R_AARCH64_CONDBR19 | elf::R_AARCH64_LD_PREL_LO19 => Distance { from: 5, to: 23, low: 2 },
            elf::R_AARCH64_TSTBR14 => Distance { from: 5, to: 18, low: 2 },
            elf::R_AARCH64_ADR_PREL_LO21 => Adr,
            elf::R_AARCH64_ADR_PREL_PG_HI21 => Page,
            elf::R_AARCH64_ADD_ABS_LO12_NC | elf::R_AARCH64_LDST8_ABS_LO12_NC => ldst(0),
            elf::R_AARCH64_LDST16_ABS_LO12_NC => ldst(1),
            elf::R_AARCH64_LDST32_ABS_LO12_NC => ldst(2),
            elf::R_AARCH64_LDST64_ABS_LO12_NC => ldst(3),
            elf::R_AARCH64_LDST128_ABS_LO12_NC => ldst(4),
            elf::R_AARCH64_MOVW_UABS_G0_NC => movw(0),
            elf::R_AARCH64_MOVW_UABS_G1_NC => movw(16),
            elf::R_AARCH64_MOVW_UABS_G2_NC => movw(32),
            elf::R_AARCH64_MOVW_UABS_G3 => movw(48),
            _ => return None,
        },
    })
}

/// The relocations of a section.
pub(crate) fn fields(object: &[u8], section: &str) -> Vec<Field> {
    let file = object::File::parse(object).unwrap();
    let section = file.section_by_name(section).unwrap();
    let field = |(start, relocation): (u64, object::Relocation)| {
        let RelocationFlags::Elf { r_type } = relocation.flags() else { panic!("no ELF") };
        Field { start, r_type: r_type.0, through_got: shape(file.architecture(), r_type.0).is_none() }
    };
    section.relocations().map(field).collect()
}

/// A place in a world: a section's beginning, or 0, and an offset.
#[derive(Clone)]
struct Place {
    section: Option<(String, String)>,
    offset: i64,
}

impl Place {
    /// As JITLink's checker writes it.
    fn expression(&self) -> String {
        let sign = if self.offset < 0 { '-' } else { '+' };
        match &self.section {
            Some((file, section)) => {
                format!("(section_addr({file}, {section}) {sign} {:#x})", self.offset.unsigned_abs())
            }
            None => format!("({:#x})", self.offset),
        }
    }

    fn address(&self, sections: &HashMap<(String, String), u64>) -> u64 {
        let start = self.section.as_ref().map_or(0, |section| sections[section]);
        start.wrapping_add_signed(self.offset)
    }
}

/// The expressions for all fields of the objects; each holds in `plan`, or it panics.
pub(crate) fn of(objects: &[(String, Vec<u8>)], outside: &[(&str, u64)], plan: &Plan, what: &str) -> Vec<String> {
    let start = |section: &kiln::PlannedSection| ((section.input.clone(), section.name.clone()), section.address.0);
    let sections: HashMap<_, _> = plan.sections().iter().map(start).collect();
    let mut globals: HashMap<String, Place> =
        outside.iter().map(|(name, at)| ((*name).to_owned(), Place { section: None, offset: *at as i64 })).collect();
    let files: Vec<(&str, object::File<'_>)> =
        objects.iter().map(|(name, bytes)| (&**name, object::File::parse(&bytes[..]).unwrap())).collect();
    let place = |name: &str, file: &object::File<'_>, symbol: &object::Symbol<'_, '_>| match symbol.section() {
        SymbolSection::Section(index) => {
            let section = file.section_by_index(index).unwrap().name().unwrap().to_owned();
            Some(Place { section: Some((name.to_owned(), section)), offset: symbol.address() as i64 })
        }
        _ => None,
    };
    for (name, file) in &files {
        for symbol in file.symbols().filter(|symbol| symbol.is_global()) {
            globals.extend(place(name, file, &symbol).map(|place| (symbol.name().unwrap().to_owned(), place)));
        }
    }
    let mut rules = Vec::new();
    for (name, file) in &files {
        for section in file.sections() {
            let home = (name.to_string(), section.name().unwrap().to_owned());
            if !sections.contains_key(&home) || home.1 == ".eh_frame" {
                continue;
            }
            for (offset, relocation) in section.relocations() {
                let RelocationFlags::Elf { r_type } = relocation.flags() else { panic!("no ELF") };
                let (Some(shape), RelocationTarget::Symbol(symbol)) =
                    (shape(file.architecture(), r_type.0), relocation.target())
                else {
                    continue;
                };
                let symbol = file.symbol_by_index(symbol).unwrap();
                let known = place(name, file, &symbol).or_else(|| globals.get(symbol.name().unwrap()).cloned());
                let mut target = known.unwrap_or_else(|| panic!("{what}: {symbol:?}"));
                target.offset += relocation.addend();
                let at = Place { section: Some(home.clone()), offset: offset as i64 };
                let (t, p) = (target.address(&sections), at.address(&sections));
                let bytes = plan.bytes_at(TargetAddr(p)).unwrap();
                assert!(holds(shape, bytes, t, p), "{what}: {home:?}+{offset:#x}: type {} to {t:#x}", r_type.0);
                // JITLink goes to another object by a stub, near as it is.
                let jump = [elf::R_AARCH64_CALL26, elf::R_AARCH64_JUMP26].contains(&r_type);
                if jump && file.architecture() == Architecture::Aarch64 && symbol.is_undefined() {
                    continue;
                }
                rules.extend(expressions(shape, &target.expression(), &at.expression()));
            }
        }
    }
    rules
}

fn bits(value: u64, from: u32, to: u32) -> u64 {
    value >> from & (u64::MAX >> (63 - (to - from)))
}

fn holds(shape: Shape, bytes: &[u8], t: u64, p: u64) -> bool {
    let quad = u64::from_le_bytes(bytes[..8].try_into().unwrap_or_else(|_| {
        let mut padded = [0; 8];
        padded[..4].copy_from_slice(&bytes[..4]);
        padded
    }));
    let word = quad & 0xffff_ffff;
    let distance = t.wrapping_sub(p);
    match shape {
        Shape::Absolute(8) => quad == t,
        Shape::Absolute(_) => word == t & 0xffff_ffff,
        Shape::Relative(8) => quad == distance,
        Shape::Relative(_) => word == distance & 0xffff_ffff,
        Shape::Distance { from, to, low } => bits(word, from, to) == bits(distance, low, low + to - from),
        Shape::Bits { from, to, low } => bits(word, from, to) == bits(t, low, low + to - from),
        Shape::Adr => bits(word, 29, 30) == bits(distance, 0, 1) && bits(word, 5, 23) == bits(distance, 2, 20),
        Shape::Page => {
            let pages = (t >> 12).wrapping_sub(p >> 12);
            bits(word, 29, 30) == bits(pages, 0, 1) && bits(word, 5, 23) == bits(pages, 2, 20)
        }
    }
}

fn expressions(shape: Shape, t: &str, p: &str) -> Vec<String> {
    let word = |from: u32, to: u32| format!("(*{{4}}{p})[{to}:{from}]");
    match shape {
        Shape::Absolute(8) => vec![format!("*{{8}}{p} = {t}")],
        Shape::Absolute(_) => vec![format!("*{{4}}{p} = ({t})[31:0]")],
        Shape::Relative(8) => vec![format!("*{{8}}{p} = {t} - {p}")],
        Shape::Relative(_) => vec![format!("*{{4}}{p} = ({t} - {p})[31:0]")],
        Shape::Distance { from, to, low } => {
            vec![format!("{} = ({t} - {p})[{}:{low}]", word(from, to), low + to - from)]
        }
        Shape::Bits { from, to, low } => vec![format!("{} = ({t})[{}:{low}]", word(from, to), low + to - from)],
        Shape::Adr => {
            vec![format!("{} = ({t} - {p})[1:0]", word(29, 30)), format!("{} = ({t} - {p})[20:2]", word(5, 23))]
        }
        Shape::Page => vec![
            format!("{} = (({t})[63:12] - ({p})[63:12])[1:0]", word(29, 30)),
            format!("{} = (({t})[63:12] - ({p})[63:12])[20:2]", word(5, 23)),
        ],
    }
}

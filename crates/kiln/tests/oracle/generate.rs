//! Objects that no compiler made: random sections, symbols and relocations, the same for the same seed.

use kiln::Target;
use object::elf::{self, RelocationType};
use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};

/// SplitMix64 (Steele, Lea, Flood, *Fast splittable pseudorandom number generators*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Relocations that stand in text, each with the instruction that holds it; 0: any bytes.
const X86_64: [(RelocationType, u32); 6] = [
    (elf::R_X86_64_64, 0),
    (elf::R_X86_64_PC32, 0),
    (elf::R_X86_64_PLT32, 0),
    (elf::R_X86_64_32, 0),
    (elf::R_X86_64_32S, 0),
    (elf::R_X86_64_PC64, 0),
];
const AARCH64: [(RelocationType, u32); 19] = [
    (elf::R_AARCH64_CALL26, 0x9400_0000),
    (elf::R_AARCH64_JUMP26, 0x1400_0000),
    (elf::R_AARCH64_CONDBR19, 0x5400_0001),
    (elf::R_AARCH64_TSTBR14, 0x3608_0003),
    (elf::R_AARCH64_ADR_PREL_LO21, 0x1000_0005),
    (elf::R_AARCH64_LD_PREL_LO19, 0x5800_0006),
    (elf::R_AARCH64_ADR_PREL_PG_HI21, 0x9000_0007),
    (elf::R_AARCH64_ADD_ABS_LO12_NC, 0x9100_0108),
    (elf::R_AARCH64_LDST8_ABS_LO12_NC, 0x3940_0129),
    (elf::R_AARCH64_LDST16_ABS_LO12_NC, 0x7940_0129),
    (elf::R_AARCH64_LDST32_ABS_LO12_NC, 0xb940_0129),
    (elf::R_AARCH64_LDST64_ABS_LO12_NC, 0xf900_0129),
    (elf::R_AARCH64_LDST128_ABS_LO12_NC, 0x3dc0_0129),
    (elf::R_AARCH64_MOVW_UABS_G0_NC, 0xf280_000a),
    (elf::R_AARCH64_MOVW_UABS_G1_NC, 0xf2a0_000a),
    (elf::R_AARCH64_MOVW_UABS_G2_NC, 0xf2c0_000a),
    (elf::R_AARCH64_MOVW_UABS_G3, 0xd2e0_000a),
    (elf::R_AARCH64_PREL32, 0),
    (elf::R_AARCH64_ABS64, 0),
];
const AARCH64_DATA: [RelocationType; 4] =
    [elf::R_AARCH64_ABS64, elf::R_AARCH64_ABS32, elf::R_AARCH64_PREL32, elf::R_AARCH64_PREL64];

/// Loads from the GOT, as the instructions that they stand in: offset, type and word; x86-64's have bytes.
const AARCH64_LOAD: [(u64, RelocationType, u32); 2] =
    [(0, elf::R_AARCH64_ADR_GOT_PAGE, 0x9000_0007), (4, elf::R_AARCH64_LD64_GOT_LO12_NC, 0xf940_00e7)];
/// `mov`, `call` and `jmp` through a slot, and one that nobody changes, with the type and the place of the field.
const X86_64_LOADS: [([u8; 8], RelocationType, u64); 4] = [
    ([0x48, 0x8b, 0x05, 0, 0, 0, 0, 0x90], elf::R_X86_64_REX_GOTPCRELX, 3),
    ([0xff, 0x15, 0, 0, 0, 0, 0x90, 0x90], elf::R_X86_64_GOTPCRELX, 2),
    ([0xff, 0x25, 0, 0, 0, 0, 0x90, 0x90], elf::R_X86_64_GOTPCRELX, 2),
    ([0xff, 0x35, 0, 0, 0, 0, 0x90, 0x90], elf::R_X86_64_GOTPCREL, 2),
];

/// Those that only reach what is near in the text.
fn is_short(r_type: RelocationType) -> bool {
    let short =
        [elf::R_AARCH64_CONDBR19, elf::R_AARCH64_TSTBR14, elf::R_AARCH64_ADR_PREL_LO21, elf::R_AARCH64_LD_PREL_LO19];
    short.contains(&r_type)
}

pub(crate) fn objects(target: Target, seed: u64) -> Vec<(String, Vec<u8>)> {
    let mut random = Random::new(seed);
    let counts: Vec<u64> = (0..2).map(|_| 3 + random.below(4)).collect();
    (0..2).map(|number| (format!("g{number}.o"), object(target, &mut random, number, &counts))).collect()
}

/// Adds a load of a symbol's address from the GOT.
fn load(object: &mut Object<'_>, section: SectionId, offset: u64, symbol: SymbolId, x86: bool, random: &mut Random) {
    let mut add = |at: u64, addend: i64, r_type: RelocationType, bytes: &[u8]| {
        let start = if x86 { offset } else { at } as usize;
        object.section_mut(section).data_mut()[start..start + bytes.len()].copy_from_slice(bytes);
        let flags = RelocationFlags::Elf { r_type };
        object.add_relocation(section, Relocation { offset: at, symbol, addend, flags }).unwrap();
    };
    if x86 {
        let (bytes, r_type, at) = X86_64_LOADS[random.below(4) as usize];
        add(offset + at, -4, r_type, &bytes);
    } else {
        for (at, r_type, word) in AARCH64_LOAD {
            add(offset + at, 0, r_type, &word.to_le_bytes());
        }
    }
}

struct Part {
    id: SectionId,
    executable: bool,
    size: u64,
}

fn object(target: Target, random: &mut Random, number: usize, counts: &[u64]) -> Vec<u8> {
    let x86 = target == Target::X86_64_LINUX;
    let architecture = if x86 { Architecture::X86_64 } else { Architecture::Aarch64 };
    let mut object = Object::new(BinaryFormat::Elf, architecture, Endianness::Little);
    let mut parts = Vec::new();
    let mut near: Vec<SymbolId> = Vec::new();
    let mut symbols: Vec<SymbolId> = Vec::new();
    // JITLink's slots are for what has a name.
    let mut globals: Vec<SymbolId> = Vec::new();
    let add = |object: &mut Object<'_>, name: String, section, value, scope, weak| {
        object.add_symbol(Symbol {
            name: name.into_bytes(),
            value,
            size: 0,
            kind: SymbolKind::Data,
            scope,
            weak,
            section,
            flags: SymbolFlags::None,
        })
    };
    let kinds = [SectionKind::Text, SectionKind::ReadOnlyData, SectionKind::Data, SectionKind::UninitializedData];
    for index in 0..counts[number] {
        let kind = if index < 2 { SectionKind::Text } else { kinds[random.below(4) as usize] };
        let prefix = match kind {
            SectionKind::Text => ".text",
            SectionKind::ReadOnlyData => ".rodata",
            SectionKind::Data => ".data",
            _ => ".bss",
        };
        let id = object.add_section(Vec::new(), format!("{prefix}.p{index}").into_bytes(), kind);
        let size = 64 + random.below(24) * 16;
        let align = 16 << random.below(5);
        if kind == SectionKind::UninitializedData {
            object.append_section_bss(id, size, align);
        } else {
            let bytes: Vec<u8> = (0..size).map(|_| random.next() as u8).collect();
            object.append_section_data(id, &bytes, align);
        }
        parts.push(Part { id, executable: kind == SectionKind::Text, size });
        // By a name that others see, so that nobody takes the section for unused.
        let name = if (number, index) == (0, 0) { "start0".to_owned() } else { format!("s{number}_{index}") };
        for (name, scope, weak) in [
            (name, SymbolScope::Dynamic, random.below(5) == 0),
            (format!("l{number}_{index}"), SymbolScope::Compilation, false),
        ] {
            // JITLink's checker takes a section to begin at its first symbol.
            let value = if scope == SymbolScope::Dynamic { 0 } else { random.below(size / 16) * 16 };
            let symbol = add(&mut object, name, SymbolSection::Section(id), value, scope, weak);
            symbols.push(symbol);
            if scope == SymbolScope::Dynamic {
                globals.push(symbol);
            }
            if kind == SectionKind::Text {
                near.push(symbol);
            }
        }
    }
    let other = 1 - number;
    for index in 0..counts[other] {
        if (other, index) != (0, 0) {
            let name = format!("s{other}_{index}");
            symbols.push(add(&mut object, name, SymbolSection::Undefined, 0, SymbolScope::Unknown, false));
        }
    }
    symbols.push(add(&mut object, "ext".to_owned(), SymbolSection::Undefined, 0, SymbolScope::Unknown, false));
    for part in parts {
        if object.section(part.id).is_bss() {
            continue;
        }
        for offset in (0..part.size).step_by(8).filter(|_| random.below(3) > 0).collect::<Vec<_>>() {
            if part.executable && random.below(4) == 0 {
                let symbol = globals[random.below(globals.len() as u64) as usize];
                load(&mut object, part.id, offset, symbol, x86, random);
                continue;
            }
            let (r_type, word) = match (x86, part.executable) {
                (true, _) => X86_64[random.below(6) as usize],
                (false, true) => AARCH64[random.below(19) as usize],
                (false, false) => (AARCH64_DATA[random.below(4) as usize], 0),
            };
            let from = if is_short(r_type) { &near } else { &symbols };
            let symbol = from[random.below(from.len() as u64) as usize];
            let branch = r_type == elf::R_X86_64_PLT32;
            let jump = [elf::R_AARCH64_CALL26, elf::R_AARCH64_JUMP26].contains(&r_type);
            let addend = match () {
                () if branch => -4,
                () if jump => 0,
                () => random.below(8) as i64 * 16,
            };
            if word != 0 {
                let data = object.section_mut(part.id).data_mut();
                data[offset as usize..][..4].copy_from_slice(&word.to_le_bytes());
            }
            let flags = RelocationFlags::Elf { r_type };
            object.add_relocation(part.id, Relocation { offset, symbol, addend, flags }).unwrap();
        }
    }
    object.write().unwrap()
}

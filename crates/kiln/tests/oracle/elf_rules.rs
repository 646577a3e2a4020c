//! ELF's relocation types (*System V ABI, AMD64 supplement*, 4.4.1; AAELF64, 5.7).

use object::elf::{self, RelocationType};
use object::read::RelocationTarget;
use object::{BinaryFormat, Object, ObjectSection, RelocationFlags};

use crate::inputs::{Home, Input, Place};
use crate::rules::{Field, Shape, To, is_none};

/// The name of thread-local storage as a whole.
pub(crate) const BLOCK: &str = "_TLS_MODULE_BASE_";

fn ldst(scale: u32) -> Shape {
    Shape::Bits { from: 10, to: 21 - scale, low: scale }
}

fn movw(low: u32) -> Shape {
    Shape::Bits { from: 5, to: 20, low }
}

fn x86_64(r_type: RelocationType) -> Option<(Shape, To)> {
    use Shape::{Absolute, Relative};
    Some(match r_type {
        elf::R_X86_64_64 | elf::R_X86_64_SIZE64 => (Absolute(8), To::Symbol),
        elf::R_X86_64_32 | elf::R_X86_64_32S | elf::R_X86_64_SIZE32 => (Absolute(4), To::Symbol),
        elf::R_X86_64_16 => (Absolute(2), To::Symbol),
        elf::R_X86_64_8 => (Absolute(1), To::Symbol),
        elf::R_X86_64_PC64 => (Relative(8), To::Symbol),
        elf::R_X86_64_PC32 => (Relative(4), To::Symbol),
        elf::R_X86_64_PC16 => (Relative(2), To::Symbol),
        elf::R_X86_64_PC8 => (Relative(1), To::Symbol),
        elf::R_X86_64_PLT32 => (Relative(4), To::Branch),
        elf::R_X86_64_GOTPCREL | elf::R_X86_64_GOTPCRELX | elf::R_X86_64_REX_GOTPCRELX => (Relative(4), To::Load),
        RelocationType(43 | 46 | 49) => (Relative(4), To::Load),
        elf::R_X86_64_GOTPCREL64 => (Relative(8), To::Slot),
        elf::R_X86_64_GOT32 => (Absolute(4), To::SlotFromGot),
        elf::R_X86_64_GOT64 | elf::R_X86_64_GOTPLT64 => (Absolute(8), To::SlotFromGot),
        elf::R_X86_64_GOTPC32 => (Relative(4), To::Got),
        elf::R_X86_64_GOTPC64 => (Relative(8), To::Got),
        elf::R_X86_64_GOTOFF64 | elf::R_X86_64_PLTOFF64 => (Absolute(8), To::FromGot),
        elf::R_X86_64_TLSGD => (Relative(4), To::General),
        elf::R_X86_64_TLSLD => (Relative(4), To::Local),
        elf::R_X86_64_GOTTPOFF | RelocationType(44 | 47 | 50) => (Relative(4), To::Initial),
        elf::R_X86_64_GOTPC32_TLSDESC | RelocationType(45 | 48 | 51) => (Relative(4), To::Descriptor),
        elf::R_X86_64_TPOFF32 => (Absolute(4), To::ThreadOffset),
        elf::R_X86_64_TPOFF64 => (Absolute(8), To::ThreadOffset),
        elf::R_X86_64_DTPOFF32 => (Absolute(4), To::BlockOffset),
        elf::R_X86_64_DTPOFF64 => (Absolute(8), To::BlockOffset),
        _ => return None,
    })
}

fn aarch64(r_type: RelocationType) -> Option<(Shape, To)> {
    use Shape::{Absolute, Adr, Distance, Move, Page, Relative};
    let imm19 = Distance { from: 5, to: 23, low: 2 };
    Some(match r_type {
        elf::R_AARCH64_ABS64 => (Absolute(8), To::Symbol),
        elf::R_AARCH64_ABS32 => (Absolute(4), To::Symbol),
        elf::R_AARCH64_ABS16 => (Absolute(2), To::Symbol),
        elf::R_AARCH64_PREL64 => (Relative(8), To::Symbol),
        elf::R_AARCH64_PREL32 => (Relative(4), To::Symbol),
        elf::R_AARCH64_PREL16 => (Relative(2), To::Symbol),
        elf::R_AARCH64_PLT32 => (Relative(4), To::Branch),
        elf::R_AARCH64_CALL26 | elf::R_AARCH64_JUMP26 => (Distance { from: 0, to: 25, low: 2 }, To::Branch),
        elf::R_AARCH64_CONDBR19 | elf::R_AARCH64_LD_PREL_LO19 => (imm19, To::Symbol),
        elf::R_AARCH64_TSTBR14 => (Distance { from: 5, to: 18, low: 2 }, To::Symbol),
        elf::R_AARCH64_ADR_PREL_LO21 => (Adr, To::Symbol),
        elf::R_AARCH64_ADR_PREL_PG_HI21 | elf::R_AARCH64_ADR_PREL_PG_HI21_NC => (Page, To::Symbol),
        elf::R_AARCH64_ADD_ABS_LO12_NC | elf::R_AARCH64_LDST8_ABS_LO12_NC => (ldst(0), To::Symbol),
        elf::R_AARCH64_LDST16_ABS_LO12_NC => (ldst(1), To::Symbol),
        elf::R_AARCH64_LDST32_ABS_LO12_NC => (ldst(2), To::Symbol),
        elf::R_AARCH64_LDST64_ABS_LO12_NC => (ldst(3), To::Symbol),
        elf::R_AARCH64_LDST128_ABS_LO12_NC => (ldst(4), To::Symbol),
        elf::R_AARCH64_MOVW_UABS_G0 | elf::R_AARCH64_MOVW_UABS_G0_NC => (movw(0), To::Symbol),
        elf::R_AARCH64_MOVW_UABS_G1 | elf::R_AARCH64_MOVW_UABS_G1_NC => (movw(16), To::Symbol),
        elf::R_AARCH64_MOVW_UABS_G2 | elf::R_AARCH64_MOVW_UABS_G2_NC => (movw(32), To::Symbol),
        elf::R_AARCH64_MOVW_UABS_G3 => (movw(48), To::Symbol),
        elf::R_AARCH64_MOVW_SABS_G0 => (Move { low: 0, relative: false }, To::Symbol),
        elf::R_AARCH64_MOVW_SABS_G1 => (Move { low: 16, relative: false }, To::Symbol),
        elf::R_AARCH64_MOVW_SABS_G2 => (Move { low: 32, relative: false }, To::Symbol),
        elf::R_AARCH64_MOVW_PREL_G0 => (Move { low: 0, relative: true }, To::Symbol),
        elf::R_AARCH64_MOVW_PREL_G1 => (Move { low: 16, relative: true }, To::Symbol),
        elf::R_AARCH64_MOVW_PREL_G2 => (Move { low: 32, relative: true }, To::Symbol),
        elf::R_AARCH64_MOVW_PREL_G3 => (Move { low: 48, relative: true }, To::Symbol),
        elf::R_AARCH64_MOVW_PREL_G0_NC => (Distance { from: 5, to: 20, low: 0 }, To::Symbol),
        elf::R_AARCH64_MOVW_PREL_G1_NC => (Distance { from: 5, to: 20, low: 16 }, To::Symbol),
        elf::R_AARCH64_MOVW_PREL_G2_NC => (Distance { from: 5, to: 20, low: 32 }, To::Symbol),
        elf::R_AARCH64_ADR_GOT_PAGE => (Page, To::Load),
        elf::R_AARCH64_LD64_GOT_LO12_NC => (ldst(3), To::Load),
        elf::R_AARCH64_GOT_LD_PREL19 => (imm19, To::Slot),
        elf::R_AARCH64_LD64_GOTPAGE_LO15 => (ldst(3), To::SlotFromGotPage),
        elf::R_AARCH64_LD64_GOTOFF_LO15 => (ldst(3), To::SlotFromGot),
        elf::R_AARCH64_GOTPCREL32 => (Relative(4), To::Slot),
        elf::R_AARCH64_GOTREL64 => (Absolute(8), To::FromGot),
        elf::R_AARCH64_GOTREL32 => (Absolute(4), To::FromGot),
        _ => return aarch64_threads(r_type.0),
    })
}

/// AAELF64, 5.7.11.
fn aarch64_threads(r_type: u32) -> Option<(Shape, To)> {
    use Shape::{Adr, Distance, Page};
    let imm19 = Distance { from: 5, to: 23, low: 2 };
    // From `LDST8` on, in steps for the sizes.
    let sized = |first: u32| ldst((r_type - first) / 2);
    Some(match r_type {
        512 => (Adr, To::General),
        513 => (Page, To::General),
        514 => (ldst(0), To::General),
        517 => (Adr, To::Local),
        518 => (Page, To::Local),
        519 => (ldst(0), To::Local),
        522 => (imm19, To::Local),
        528 => (Shape::Bits { from: 10, to: 21, low: 12 }, To::BlockOffset),
        529 | 530 => (ldst(0), To::BlockOffset),
        531..=538 => (sized(531), To::BlockOffset),
        541 => (Page, To::Initial),
        542 => (ldst(3), To::Initial),
        543 => (imm19, To::Initial),
        544 => (Shape::Move { low: 32, relative: false }, To::ThreadOffset),
        545 => (Shape::Move { low: 16, relative: false }, To::ThreadOffset),
        546 => (movw(16), To::ThreadOffset),
        547 => (Shape::Move { low: 0, relative: false }, To::ThreadOffset),
        548 => (movw(0), To::ThreadOffset),
        549 => (Shape::Bits { from: 10, to: 21, low: 12 }, To::ThreadOffset),
        550 | 551 => (ldst(0), To::ThreadOffset),
        552..=559 => (sized(552), To::ThreadOffset),
        560 => (imm19, To::Descriptor),
        561 => (Adr, To::Descriptor),
        562 => (Page, To::Descriptor),
        563 => (ldst(3), To::Descriptor),
        564 => (ldst(0), To::Descriptor),
        570 | 571 => (ldst(4), To::ThreadOffset),
        572 | 573 => (ldst(4), To::BlockOffset),
        _ => return None,
    })
}

pub(crate) fn fields(number: usize, input: &Input, x86: bool, resolve: &dyn Fn(usize) -> Option<Place>) -> Vec<Field> {
    let file = object::File::parse(&input.bytes[..]).unwrap();
    let mut fields = Vec::new();
    for section in file.sections() {
        // Unwind tables are compared as what they say.
        if section.name() == Ok(".eh_frame") || !is_loaded(&section) {
            continue;
        }
        for (offset, relocation) in section.relocations() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else { panic!("no ELF") };
            if is_none(BinaryFormat::Elf, x86, r_type.0) {
                continue;
            }
            let rule = if x86 { x86_64(r_type) } else { aarch64(r_type) };
            let (shape, mut to) = rule.unwrap_or((Shape::Absolute(8), To::Unknown));
            let (mut symbol, mut target) = (String::new(), Some(Place { home: Home::Outside, offset: 0 }));
            if let RelocationTarget::Symbol(index) = relocation.target() {
                let own = &input.symbols[index.0];
                symbol.clone_from(&own.name);
                target = resolve(index.0);
                // A weak symbol that is defined nowhere is 0.
                if target.is_none() && own.is_weak {
                    target = Some(Place { home: Home::Outside, offset: 0 });
                    // A branch to it is one to the next instruction (AAELF64, "Call and Jump relocations").
                    if let (To::Branch, Shape::Distance { .. }) = (to, shape) {
                        let home = Home::Section(number, section.index().0);
                        target = Some(Place { home, offset: offset as i64 + 4 - relocation.addend() });
                    }
                }
                if symbol == BLOCK {
                    target = Some(Place { home: Home::Symbol(symbol.clone()), offset: 0 });
                }
                if symbol == "_GLOBAL_OFFSET_TABLE_" && to != To::Unknown {
                    to = To::Got;
                }
                if x86 && [elf::R_X86_64_SIZE32, elf::R_X86_64_SIZE64].contains(&r_type) {
                    target = Some(Place { home: Home::Outside, offset: own.size as i64 });
                    // Of another input's, the size is there.
                    to = if own.place.is_some() { to } else { To::Unknown };
                }
            }
            fields.push(Field {
                input: number,
                section: section.index().0,
                offset,
                r_type: r_type.0,
                shape,
                to,
                symbol,
                target,
                addend: relocation.addend(),
                minus: None,
            });
        }
    }
    fields
}

fn is_loaded(section: &object::Section<'_, '_>) -> bool {
    let object::SectionFlags::Elf { sh_flags, .. } = section.flags() else { return false };
    sh_flags.contains(elf::SHF_ALLOC)
}

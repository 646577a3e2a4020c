//! Mach-O's relocation types (`<mach-o/x86_64/reloc.h>`, `<mach-o/arm64/reloc.h>`).

use object::LittleEndian as LE;
use object::macho::{self, RelocationInfo, RelocationType};
use object::read::macho::{MachHeader, Section, Segment};

use crate::inputs::{Home, Input, Place};
use crate::rules::{Field, Shape, To};

/// Where the descriptors of thread-local variables are.
const VARIABLES: &str = "__thread_vars";
/// What linkers take apart.
const UNWIND: [&str; 2] = ["__eh_frame", "__compact_unwind"];

pub(crate) fn fields(number: usize, input: &Input, x86: bool, resolve: &dyn Fn(usize) -> Option<Place>) -> Vec<Field> {
    let bytes = &input.bytes[..];
    let header = macho::MachHeader64::<LE>::parse(bytes, 0).unwrap();
    let mut commands = header.load_commands(LE, bytes, 0).unwrap();
    let (mut fields, mut index) = (Vec::new(), 0);
    while let Some(command) = commands.next().unwrap() {
        let Some((segment, data)) = command.segment_64().unwrap() else { continue };
        for section in segment.sections(LE, data).unwrap() {
            index += 1;
            let name = String::from_utf8_lossy(section.name()).into_owned();
            if UNWIND.contains(&&*name) || section.segment_name() == b"__DWARF" {
                continue;
            }
            let context = Context { number, input, x86, resolve, section: index };
            let (mut addend, mut minus) = (None, None);
            for raw in section.relocations(LE, bytes).unwrap() {
                let info = raw.info(LE);
                let is = |arm64: RelocationType, x86_64: Option<RelocationType>| {
                    if x86 { Some(info.r_type) == x86_64 } else { info.r_type == arm64 }
                };
                if is(macho::ARM64_RELOC_ADDEND, None) {
                    addend = Some(i64::from(info.r_symbolnum as i32) << 40 >> 40);
                } else if is(macho::ARM64_RELOC_SUBTRACTOR, Some(macho::X86_64_RELOC_SUBTRACTOR)) {
                    let mut place = context.place(&info, None).0.unwrap();
                    // The field has the distance from the section's address in the file.
                    if !info.r_extern {
                        place.offset -= input.section(info.r_symbolnum as usize).address as i64;
                    }
                    minus = Some(place);
                } else {
                    fields.push(context.field(&name, &info, addend.take(), minus.take()));
                }
            }
        }
    }
    fields
}

struct Context<'c> {
    number: usize,
    input: &'c Input,
    x86: bool,
    resolve: &'c dyn Fn(usize) -> Option<Place>,
    section: usize,
}

impl Context<'_> {
    /// The place that a relocation names: its symbol, or the beginning of its section, or, where that is known, the place in
    /// it with this address in the file; and the symbol's name.
    fn place(&self, info: &RelocationInfo, address: Option<u64>) -> (Option<Place>, String) {
        let number = info.r_symbolnum as usize;
        if info.r_extern {
            let symbol = &self.input.symbols[number];
            let zero = || symbol.is_weak.then_some(Place { home: Home::Outside, offset: 0 });
            return ((self.resolve)(number).or_else(zero), symbol.name.clone());
        }
        let section = self.input.section(number);
        let offset = address.map_or(0, |address| address.wrapping_sub(section.address)) as i64;
        (Some(Place { home: Home::Section(self.number, number), offset }), section.name.clone())
    }

    fn field(&self, name: &str, info: &RelocationInfo, addend: Option<i64>, minus: Option<Place>) -> Field {
        let section = self.input.section(self.section);
        let offset = u64::from(info.r_address);
        let width = 1u32 << info.r_length;
        let (shape, to) = if self.x86 { x86_64(info, width) } else { aarch64(info, width) };
        // What stands in the field.
        let mut held = [0; 8];
        let rest = section.data.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(width as usize);
        held[..len].copy_from_slice(&rest[..len]);
        let held = i64::from_le_bytes(held) << (64 - 8 * width) >> (64 - 8 * width);
        let mut field = Field {
            input: self.number,
            section: self.section,
            offset,
            r_type: u32::from(info.r_type.0),
            shape,
            to,
            symbol: String::new(),
            target: None,
            addend: addend.unwrap_or(0),
            minus,
        };
        let unsigned = info.r_type == macho::X86_64_RELOC_UNSIGNED;
        let address = match (info.r_extern, self.x86, info.r_pcrel) {
            // Counted from behind the instruction, which may have an immediate behind the field.
            (false, true, true) => {
                field.addend = -4 - behind(info.r_type);
                Some((section.address + offset).wrapping_add_signed(held - field.addend))
            }
            (false, _, _) if unsigned => Some(held as u64),
            (true, true, true) => {
                field.addend = held - 4;
                None
            }
            (true, ..) if unsigned || self.x86 => {
                field.addend = held;
                None
            }
            _ => None,
        };
        // A distance that begins at another place than the section's own address.
        let is_distance = field.minus.is_some() && !info.r_extern;
        (field.target, field.symbol) = self.place(info, address.filter(|_| !is_distance));
        if is_distance && let Some(address) = address {
            field.addend = address.wrapping_sub(self.input.section(info.r_symbolnum as usize).address) as i64;
        }
        if name == VARIABLES {
            field.to = match offset % 24 {
                0 => To::Bootstrap,
                16 => To::Variable,
                _ => field.to,
            };
        }
        field
    }
}

/// How many bytes of the instruction are behind the field.
fn behind(r_type: RelocationType) -> i64 {
    match r_type {
        macho::X86_64_RELOC_SIGNED_1 => 1,
        macho::X86_64_RELOC_SIGNED_2 => 2,
        macho::X86_64_RELOC_SIGNED_4 => 4,
        _ => 0,
    }
}

fn x86_64(info: &RelocationInfo, width: u32) -> (Shape, To) {
    match info.r_type {
        macho::X86_64_RELOC_UNSIGNED => (Shape::Absolute(width), To::Symbol),
        macho::X86_64_RELOC_BRANCH => (Shape::Relative(4), To::Branch),
        macho::X86_64_RELOC_GOT => (Shape::Relative(4), To::Slot),
        macho::X86_64_RELOC_GOT_LOAD | macho::X86_64_RELOC_TLV => (Shape::Relative(4), To::Load),
        macho::X86_64_RELOC_SIGNED
        | macho::X86_64_RELOC_SIGNED_1
        | macho::X86_64_RELOC_SIGNED_2
        | macho::X86_64_RELOC_SIGNED_4 => (Shape::Relative(4), To::Symbol),
        _ => (Shape::Absolute(width), To::Unknown),
    }
}

fn aarch64(info: &RelocationInfo, width: u32) -> (Shape, To) {
    match info.r_type {
        macho::ARM64_RELOC_UNSIGNED => (Shape::Absolute(width), To::Symbol),
        macho::ARM64_RELOC_BRANCH26 => (Shape::Distance { from: 0, to: 25, low: 2 }, To::Branch),
        macho::ARM64_RELOC_PAGE21 => (Shape::Page, To::Symbol),
        macho::ARM64_RELOC_PAGEOFF12 => (Shape::PageOffset, To::Symbol),
        macho::ARM64_RELOC_GOT_LOAD_PAGE21 | macho::ARM64_RELOC_TLVP_LOAD_PAGE21 => (Shape::Page, To::Load),
        macho::ARM64_RELOC_GOT_LOAD_PAGEOFF12 | macho::ARM64_RELOC_TLVP_LOAD_PAGEOFF12 => (Shape::PageOffset, To::Load),
        macho::ARM64_RELOC_POINTER_TO_GOT if info.r_pcrel => (Shape::Relative(4), To::Slot),
        macho::ARM64_RELOC_POINTER_TO_GOT => (Shape::Absolute(width), To::Slot),
        _ => (Shape::Absolute(width), To::Unknown),
    }
}

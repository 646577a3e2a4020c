//! What relocations ask for, by the documents of each format, and whether an image has it: the field itself, and where it
//! leads through a GOT slot, a stub or a thread's variable.
//!
//! None of it is Kiln's: the same rules must hold of what other linkers make.

use object::elf;
use object::macho;
use object::{Architecture, BinaryFormat};

use crate::inputs::{Input, Place};
use crate::world::{Threads, World};
use crate::{elf_rules, macho_rules};

/// How a field holds a target `T` at a place `P`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// `T`, in so many bytes.
    Absolute(u32),
    /// `T - P`, in so many bytes.
    Relative(u32),
    /// Bits `from` to `to` of the instruction hold the bits from `low` on of `T - P`.
    Distance { from: u32, to: u32, low: u32 },
    /// The same of `T`.
    Bits { from: u32, to: u32, low: u32 },
    /// `movz` or `movn`, by the sign of `T` (or of `T - P`): the bits from `low` on.
    Move { low: u32, relative: bool },
    /// The offset in the page, in `add`, or in a load or store in units of its size.
    PageOffset,
    /// `adrp`
    Page,
    /// `adr`
    Adr,
}

/// What a field leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum To {
    /// The symbol.
    Symbol,
    /// The symbol, or code that jumps there.
    Branch,
    /// A word that holds the symbol's address.
    Slot,
    /// That, or, where the linker changed the instruction, the symbol.
    Load,
    /// The beginning of the GOT.
    Got,
    /// The distance of the symbol from there.
    FromGot,
    /// The distance of such a word from there.
    SlotFromGot,
    /// The distance of such a word from the beginning of the page that it is in.
    SlotFromGotPage,
    /// Two words for a function that finds a variable: the module and the offset.
    General,
    /// Two words for one that finds the module's block.
    Local,
    /// A word with the variable's distance from the thread pointer.
    Initial,
    /// Two words for one that gives this distance: a function and its argument.
    Descriptor,
    /// This distance itself.
    ThreadOffset,
    /// The variable's offset in the block.
    BlockOffset,
    /// In Mach-O's descriptors: the variable's initial value in the file, its offset in the block when linked.
    Variable,
    /// In Mach-O's descriptors, the function of the loader's.
    Bootstrap,
    /// There are no rules for it here.
    Unknown,
}

/// Where a relocation is, and what it asks for.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) input: usize,
    pub(crate) section: usize,
    pub(crate) offset: u64,
    /// As the format numbers it.
    pub(crate) r_type: u32,
    pub(crate) shape: Shape,
    pub(crate) to: To,
    pub(crate) symbol: String,
    /// `None`: it is defined nowhere.
    pub(crate) target: Option<Place>,
    pub(crate) addend: i64,
    pub(crate) minus: Option<Place>,
}

/// How it was found to be right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Way {
    Direct,
    Slot,
    Relaxed,
    Stub,
    Got,
    Thread,
}

pub(crate) fn fields(number: usize, input: &Input, resolve: &dyn Fn(usize) -> Option<Place>) -> Vec<Field> {
    let file = object::File::parse(&input.bytes[..]).unwrap();
    use object::Object;
    match file.format() {
        BinaryFormat::Elf => elf_rules::fields(number, input, file.architecture() == Architecture::X86_64, resolve),
        _ => macho_rules::fields(number, input, file.architecture() == Architecture::X86_64, resolve),
    }
}

fn bits(value: u64, from: u32, to: u32) -> u64 {
    value >> from & (u64::MAX >> (63 - (to - from)))
}

/// Whether an instruction that linkers change begins with these bytes, or with their like behind a prefix: `mov`, `call`, `jmp`,
/// `test` and what computes; in data other fields may stand in front of one.
fn is_operation([opcode, modrm]: [u8; 2]) -> bool {
    modrm & 0xc7 == 0x05 && (opcode == 0x8b || opcode == 0x85 || opcode & 0xc7 == 0x03)
        || opcode == 0xff && matches!(modrm, 0x15 | 0x25)
}

fn is_add(word: u64) -> bool {
    word & 0x1fc0_0000 == 0x1100_0000
}

fn is_load_of_8(word: u64) -> bool {
    word & 0xffc0_0000 == 0xf940_0000
}

/// The instruction's own unit, as a power of 2, of an unsigned offset.
fn scale(word: u64) -> u32 {
    match (is_add(word), word & 0x0480_0000 == 0x0480_0000 && word >> 30 & 3 == 0) {
        (true, _) => 0,
        (false, true) => 4,
        (false, false) => (word >> 30 & 3) as u32,
    }
}

impl Shape {
    /// Whether these bytes at `p` lead to `t`.
    pub(crate) fn holds(self, bytes: &[u8], t: u64, p: u64) -> bool {
        let mut padded = [0; 8];
        let len = bytes.len().min(8);
        padded[..len].copy_from_slice(&bytes[..len]);
        let quad = u64::from_le_bytes(padded);
        let word = quad & 0xffff_ffff;
        let distance = t.wrapping_sub(p);
        let adr = |value: u64| bits(word, 29, 30) == bits(value, 0, 1) && bits(word, 5, 23) == bits(value, 2, 20);
        match self {
            Shape::Absolute(size) => bits(quad, 0, 8 * size - 1) == bits(t, 0, 8 * size - 1),
            Shape::Relative(size) => bits(quad, 0, 8 * size - 1) == bits(distance, 0, 8 * size - 1),
            Shape::Distance { from, to, low } => bits(word, from, to) == bits(distance, low, low + to - from),
            Shape::Bits { from, to, low } => bits(word, from, to) == bits(t, low, low + to - from),
            Shape::Move { low, relative } => {
                let value = if relative { distance } else { t };
                let (opcode, value) = if (value as i64) < 0 { (0, !value) } else { (2, value) };
                bits(word, 29, 30) == opcode && bits(word, 5, 20) == bits(value, low, low + 15)
            }
            Shape::PageOffset => bits(word, 10, 21) == bits(t, 0, 11) >> scale(word),
            Shape::Adr => adr(distance),
            Shape::Page => adr((t >> 12).wrapping_sub(p >> 12)),
        }
    }

    /// The place that a branch at `p` goes to.
    fn designated(self, bytes: &[u8], p: u64) -> Option<u64> {
        let word = u32::from_le_bytes(*bytes.first_chunk()?);
        let signed = |value: u32, bits: u32| i64::from((value << (32 - bits)) as i32 >> (32 - bits));
        match self {
            Shape::Relative(4) => Some(p.wrapping_add_signed(signed(word, 32))),
            Shape::Distance { from, to, low: 2 } => {
                Some(p.wrapping_add_signed(4 * signed(word >> from, to - from + 1)))
            }
            _ => None,
        }
    }
}

/// The page that an `adrp` at `p` means.
pub(crate) fn page(word: u32, p: u64) -> Option<u64> {
    let pages = i64::from(((word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3) << 11) << 32 >> 43;
    (word & 0x9f00_0000 == 0x9000_0000).then(|| (p & !0xfff).wrapping_add_signed(pages << 12))
}

/// Where code that only jumps ends up. `None`: it does something else.
fn follow(world: &World, at: u64) -> Option<u64> {
    let bytes = world.bytes(at)?;
    if let [0xff, 0x25, distance @ ..] = bytes {
        let distance = i32::from_le_bytes(*distance.first_chunk()?);
        return world.word(at.wrapping_add(6).wrapping_add_signed(i64::from(distance)));
    }
    // `adrp`, `ldr` or `add`, `br`: all of one register.
    let mut value: Option<u64> = None;
    let register = world.instruction(at)? & 0x1f;
    for index in 0..4 {
        let place = at + 4 * index;
        let word = world.instruction(place)?;
        let own = word & 0x1f == register && word >> 5 & 0x1f == register;
        match word {
            _ if word & 0x9f00_0000 == 0x9000_0000 && index == 0 => {
                value = page(word, place);
            }
            _ if word & 0xffc0_0000 == 0xf940_0000 && own => {
                value = world.word(value?.wrapping_add(u64::from(word >> 10 & 0xfff) * 8));
            }
            _ if word & 0xffc0_0000 == 0x9100_0000 && own => {
                value = value.map(|value| value.wrapping_add(u64::from(word >> 10 & 0xfff)));
            }
            _ if word & 0xffff_fc1f == 0xd61f_0000 => return value.filter(|_| word >> 5 & 0x1f == register),
            _ => return None,
        }
    }
    None
}

/// Whether a field is right in an image, and how; what is wrong, in words.
pub(crate) fn check(world: &World, inputs: &[Input], field: &Field) -> Result<Way, String> {
    Checker { world, inputs, field }.check()
}

/// Whether it is what JITLink 22 has wrong: `call` and `jmp` through the GOT become direct ones, which count from behind the
/// field (psABI, section B.2), and where the target is below 4 GiB it writes the target's address, as `mov` would have it.
pub(crate) fn is_jitlinks_jump(world: &World, field: &Field) -> bool {
    let home = crate::inputs::Home::Section(field.input, field.section);
    let found = world.locate(&Place { home, offset: field.offset as i64 }).zip(field.target.as_ref());
    let Some((p, target)) = found.and_then(|(p, target)| Some((p, world.locate(target)?))) else { return false };
    let at = match world.bytes(p.wrapping_sub(2)) {
        Some([0x67, 0xe8, ..]) => p,
        Some([0xe9, ..]) => p - 1,
        _ => return false,
    };
    let bytes = world.bytes(at).unwrap_or_default();
    world.linker == "llvm-jitlink-22" && field.to == To::Load && Shape::Absolute(4).holds(bytes, target, at)
}

struct Checker<'c> {
    world: &'c World,
    inputs: &'c [Input],
    field: &'c Field,
}

impl Checker<'_> {
    fn input(&self) -> &Input {
        &self.inputs[self.field.input]
    }

    fn place_of(&self, offset: u64) -> Option<u64> {
        self.world.locate(&Place {
            home: crate::inputs::Home::Section(self.field.input, self.field.section),
            offset: offset as i64,
        })
    }

    fn check(&self) -> Result<Way, String> {
        let field = self.field;
        let p = self.place_of(field.offset).ok_or("it is nowhere")?;
        let bytes = self.world.bytes(p).ok_or("there is nothing in memory")?;
        let target = field.target.as_ref().and_then(|target| self.world.locate(target));
        let target = || target.ok_or("its symbol is nowhere");
        let minus = match &field.minus {
            Some(minus) => self.world.locate(minus).ok_or("what is subtracted is nowhere")?,
            None => 0,
        };
        let direct = |t: u64| field.shape.holds(bytes, t.wrapping_add_signed(field.addend), p);
        let got = || self.world.got.ok_or("it counts from a GOT that nothing in the inputs shows");
        let shown = |t: u64| format!("{:02x?} at {p:#x} do not lead to {t:#x}", &bytes[..bytes.len().min(8)]);
        let any = |slots: &[u64], way, to: &dyn Fn(u64) -> u64| match slots.iter().any(|slot| direct(to(*slot))) {
            true => Ok(way),
            false => Err(format!("{:02x?} at {p:#x} lead to none of {slots:x?}", &bytes[..bytes.len().min(8)])),
        };
        match field.to {
            To::Symbol => {
                let t = target()?.wrapping_sub(minus);
                if direct(t) { Ok(Way::Direct) } else { Err(shown(t.wrapping_add_signed(field.addend))) }
            }
            To::Branch => {
                let (t, in_bytes) = (target()?, matches!(field.shape, Shape::Relative(_)));
                if direct(t) {
                    return Ok(Way::Direct);
                }
                // In bytes, the addend belongs to the place that counts; in instructions to the function.
                let (stub, t) = match (field.shape.designated(bytes, p), in_bytes) {
                    (Some(to), true) => (to.wrapping_add_signed(-field.addend), t),
                    (Some(to), false) => (to, t.wrapping_add_signed(field.addend)),
                    (None, _) => return Err(shown(t)),
                };
                if self.world.is_input(stub) {
                    return Err(format!("it goes to {stub:#x}, of an input, and not to {t:#x}"));
                }
                match follow(self.world, stub) {
                    Some(end) if end == t => Ok(Way::Stub),
                    end => Err(format!("it goes to {stub:#x} and on to {end:x?}, and not to {t:#x}")),
                }
            }
            To::Slot => self.slot(p, bytes, target()?),
            To::Load => self.load(p, bytes, target()?),
            To::Got => match direct(got()?) {
                true => Ok(Way::Got),
                false => Err(shown(got()?)),
            },
            To::FromGot => {
                let t = target()?.wrapping_sub(got()?);
                if direct(t) { Ok(Way::Got) } else { Err(shown(t)) }
            }
            To::SlotFromGot | To::SlotFromGotPage => {
                let got = if field.to == To::SlotFromGot { got()? } else { got()? & !0xfff };
                any(self.world.words_of(target()?), Way::Slot, &|slot| slot.wrapping_sub(got))
            }
            To::General | To::Local | To::Initial | To::Descriptor => {
                let slots = self.thread_slots(target()?)?;
                any(&slots, Way::Thread, &|slot| slot)
            }
            To::ThreadOffset | To::BlockOffset => {
                let Some(Threads::Block { image, offset }) = self.world.threads else {
                    return Err("there is no thread-local storage".to_owned());
                };
                let start = if field.to == To::ThreadOffset { offset } else { 0 };
                let t = target()?.wrapping_sub(image).wrapping_add(start);
                if direct(t) { Ok(Way::Thread) } else { Err(shown(t)) }
            }
            To::Variable => {
                let t = match self.world.threads.ok_or("there is no thread-local storage")? {
                    Threads::Block { image, .. } => target()?.wrapping_sub(image),
                    Threads::Image => target()?,
                };
                if direct(t) { Ok(Way::Thread) } else { Err(shown(t)) }
            }
            To::Bootstrap | To::Unknown => Err("there are no rules for it".to_owned()),
        }
    }

    /// Whether the field leads to a word outside of the inputs that holds the target.
    fn slot(&self, p: u64, bytes: &[u8], target: u64) -> Result<Way, String> {
        let field = self.field;
        let in_bytes = matches!(field.shape, Shape::Relative(_) | Shape::Absolute(_));
        // arm64's documents have the slot of `S + A`, and all others add `A` to the slot's own address.
        let (value, addend) =
            if in_bytes { (target, field.addend) } else { (target.wrapping_add_signed(field.addend), 0) };
        let slots = self.world.words_of(value);
        match slots.iter().any(|slot| field.shape.holds(bytes, slot.wrapping_add_signed(addend), p)) {
            true => Ok(Way::Slot),
            false => Err(format!(
                "{:02x?} at {p:#x} lead to none of {slots:x?}, which hold {value:#x}",
                &bytes[..bytes.len().min(8)]
            )),
        }
    }

    fn load(&self, p: u64, bytes: &[u8], target: u64) -> Result<Way, String> {
        let field = self.field;
        let relaxed = |right: bool| match right {
            true => Ok(Way::Relaxed),
            false => Err(format!("the changed instruction at {p:#x} does not lead to {target:#x}")),
        };
        if let Shape::Relative(_) = field.shape {
            let data = &self.input().section(field.section).data;
            let before = field.offset.checked_sub(2).and_then(|at| data.get(at as usize..)?.first_chunk::<2>());
            let now = self.world.bytes(p.wrapping_sub(2)).and_then(|bytes| bytes.first_chunk::<2>());
            let t = target.wrapping_add_signed(field.addend);
            return match (before, now) {
                (Some(before), Some(now)) if before != now && is_operation(*before) => match *now {
                    [0x8d, _] | [0x67, 0xe8] => relaxed(Shape::Relative(4).holds(bytes, t, p)),
                    [0xe9, ..] => {
                        let jump = self.world.bytes(p - 1).unwrap_or_default();
                        relaxed(Shape::Relative(4).holds(jump, t, p - 1) && jump.get(4) == Some(&0x90))
                    }
                    // An immediate in place of an address.
                    [0xc7 | 0x81 | 0xf7, _] => {
                        relaxed(Shape::Absolute(4).holds(bytes, t.wrapping_add(4), p) && t < 1 << 31)
                    }
                    _ => Err(format!("{before:02x?} became {now:02x?}")),
                },
                _ => self.slot(p, bytes, target),
            };
        }
        let t = target.wrapping_add_signed(field.addend);
        let word = |at: u64| self.world.instruction(at).map_or(0, u64::from);
        if field.shape == Shape::Page {
            let is_other = |other: &&Field| {
                let same = (other.section, &other.target, other.addend) == (field.section, &field.target, field.addend);
                same && other.to == To::Load && other.shape != Shape::Page
            };
            let others = || self.input().fields.iter().filter(is_other);
            let next = others().find(|other| other.offset > field.offset).or_else(|| others().next());
            let direct = || Shape::Page.holds(bytes, t, p);
            return match next.and_then(|next| self.place_of(next.offset)) {
                Some(next) if is_add(word(next)) => relaxed(direct()),
                Some(_) => self.slot(p, bytes, target),
                None => self.slot(p, bytes, target).or_else(|error| relaxed(direct()).map_err(|_| error)),
            };
        }
        match word(p) {
            word if is_add(word) => relaxed(Shape::PageOffset.holds(bytes, t, p)),
            word if is_load_of_8(word) => self.slot(p, bytes, target),
            word => Err(format!("the load became {word:#010x}")),
        }
    }

    /// The words by which the linker has a variable found, where its initial value stands at `variable`.
    fn thread_slots(&self, variable: u64) -> Result<Vec<u64>, String> {
        let world = self.world;
        let pairs = |first: u64, second: u64| {
            let slots = world.words_of(second).iter().map(|at| at.wrapping_sub(8));
            slots.filter(|at| !world.is_input(*at) && world.word(*at) == Some(first)).collect::<Vec<_>>()
        };
        match (world.threads.ok_or("there is no thread-local storage")?, self.field.to) {
            (Threads::Block { image, .. }, To::General) => Ok(pairs(1, variable.wrapping_sub(image))),
            (Threads::Block { .. }, To::Local) => Ok(pairs(1, 0)),
            (Threads::Block { image, offset }, To::Initial) => {
                Ok(world.words_of(variable.wrapping_sub(image).wrapping_add(offset)).to_vec())
            }
            (Threads::Block { image, offset }, _) => Ok(pairs(0, variable.wrapping_sub(image).wrapping_add(offset))),
            // A key, and the variable.
            (Threads::Image, To::General) => Ok(pairs(0, variable)),
            // A function, and where that is.
            (Threads::Image, To::Descriptor) => {
                let found = pairs(0, variable).into_iter().flat_map(|info| world.words_of(info).iter());
                Ok(found.map(|at| at.wrapping_sub(8)).collect())
            }
            (Threads::Image, _) => Err("JITLink has no such storage".to_owned()),
        }
    }
}

/// The names of some relocation types, for what is said.
pub(crate) fn is_none(format: BinaryFormat, x86: bool, r_type: u32) -> bool {
    match (format, x86) {
        (BinaryFormat::Elf, true) => [elf::R_X86_64_NONE.0, elf::R_X86_64_TLSDESC_CALL.0].contains(&r_type),
        (BinaryFormat::Elf, false) => matches!(r_type, 0 | 256 | 567..=569),
        _ => r_type == u32::from(macho::ARM64_RELOC_ADDEND.0) && !x86,
    }
}

//! The image: section contents, stubs, GOT slots and every fixup, written once.

use object::LittleEndian;

use super::threads::write_descriptors;
use super::{
    Block, Check, Form, Kind, Operands, Value, Via, fill_with_traps, forms_of_elf, has_descriptors, relax, relaxes,
    signed_hex, stub_for, unwind, veneer_size, write_around_pieces, write_stub, write_thunk,
};
use crate::error::{Error, Result};
use crate::graph::{
    Decoder, Definition, Entries, INDIRECT, LinkGraph, Permission, Place, Rela, Relocation, Relocations, Resolved,
    Role, Section, SectionId, SymbolId,
};
use crate::layout::Addresses;

/// Writes the image into `segments` (by [`Permission`]; zeros before), as it must be at `addresses`.
///
/// If it has to do with thread-local variables, `storage` is asked for its block once the initial image is complete.
///
/// # Errors
///
/// A relocation whose value does not fit, or which lies outside its section.
pub(crate) fn write_image(
    graph: &LinkGraph<'_>,
    resolved: &Resolved,
    entries: &Entries,
    addresses: &Addresses,
    mut segments: [&mut [u8]; 3],
    storage: impl FnOnce(&[u8]) -> Result<Block>,
) -> Result<()> {
    for gap in &addresses.layout.gaps {
        fill_with_traps(graph.arch, segments[Permission::Text as usize], gap.start as usize..gap.end as usize);
    }
    for (index, slot) in (0u32..).zip(&entries.slots) {
        let (offset, _) = addresses.slot(index);
        let value = addresses.symbol(slot.symbol).wrapping_add_signed(slot.behind);
        segments[Permission::Const as usize][offset as usize..][..8].copy_from_slice(&value.to_le_bytes());
    }
    for (index, slot) in (0u32..).zip(&entries.stubs) {
        let (offset, place) = addresses.stub(index);
        let stub = &mut segments[Permission::Text as usize][offset as usize..][..addresses.stub_size()];
        write_stub((graph.arch, entries.guarded), stub, place, addresses.slot(*slot).1)?;
    }

    write_own(graph, resolved, addresses, &mut segments)?;

    let fixer = Fixer { graph, resolved, entries, addresses, image_base: addresses.image_base() };
    let descriptors = has_descriptors(graph, resolved);
    if addresses.layout.threads.size == 0 && entries.threads.words == 0 && !descriptors {
        return fixer.fix_all(&mut segments, false, None);
    }
    fixer.fix_all(&mut segments, true, None)?;
    let template = addresses.layout.threads.template.clone();
    let constants = Permission::Const as usize;
    let block = storage(&segments[constants][template.start as usize..template.end as usize])?;
    for (word, value) in (0u32..).zip(&block.words) {
        let (offset, _) = addresses.thread_slot(word);
        segments[constants][offset as usize..][..8].copy_from_slice(&value.to_le_bytes());
    }
    fixer.fix_all(&mut segments, false, Some(&block))?;
    if descriptors {
        write_descriptors(graph, resolved, addresses, segments[Permission::Data as usize], block.descriptor);
    }
    Ok(())
}

impl Fixer<'_> {
    /// Copies and relocates all sections that are of the initial image of thread-local storage, or of all others.
    fn fix_all(&self, segments: &mut [&mut [u8]; 3], threads: bool, block: Option<&Block>) -> Result<()> {
        for (index, section) in (0u32..).zip(&self.graph.sections) {
            let id = SectionId(index);
            let is_asked = (section.role == Role::ThreadLocal) == threads;
            if let Some(data) = section.data.filter(|_| is_asked && self.resolved.live[index as usize]) {
                let data = self.graph.bytes(section.input, data);
                let start = self.addresses.offset(id) as usize;
                let contents = &mut segments[section.permission as usize][start..][..data.len()];
                contents.copy_from_slice(data);
                self.fix(id, section, contents, block)?;
                for encoding in self.entries.types_of(id).unwrap_or_default() {
                    contents[*encoding] = INDIRECT;
                }
                self.write_veneers(id, segments[Permission::Text as usize])?;
            }
        }
        Ok(())
    }
}

/// Writes what no relocation alone asks for: the stubs and slots of indirect functions, those that pass the module's
/// handle, and the handle.
fn write_own(
    graph: &LinkGraph<'_>,
    resolved: &Resolved,
    addresses: &Addresses,
    segments: &mut [&mut [u8]; 3],
) -> Result<()> {
    let [text, constants, _] = segments;
    let form = (graph.arch, addresses.layout.guarded);
    for range in addresses.layout.pieces.iter().flatten() {
        write_around_pieces(graph.arch, &mut text[range.start as usize..range.end as usize]);
    }
    let mut word = |offset: u64, value: u64| {
        constants[offset as usize..][..8].copy_from_slice(&value.to_le_bytes());
    };
    for (index, (section, offset)) in (0u32..).zip(&resolved.indirect) {
        // Until it is asked, the function that chooses stands in for what it chooses.
        word(addresses.indirect_slot(index).0, addresses.section(graph, *section).wrapping_add(*offset));
        let (offset, place) = addresses.indirect_stub(index);
        let stub = &mut text[offset as usize..][..addresses.stub_size()];
        write_stub(form, stub, place, addresses.indirect_slot(index).1)?;
    }
    let (handle, handle_address) = addresses.handle();
    if resolved.handle {
        word(handle, handle_address);
    }
    for (index, function) in (0u32..).zip(&resolved.thunks) {
        word(addresses.thunk_slot(index).0, function.0);
        let (offset, place) = addresses.thunk(index);
        let stub = &mut text[offset as usize..][..addresses.thunk_size()];
        write_thunk(form, stub, place, handle_address, addresses.thunk_slot(index).1)?;
    }
    Ok(())
}

/// Checks the call frame information in the image's written constants, and gives the addresses of its descriptions.
///
/// # Errors
///
/// It describes what is not there, or cannot be read.
pub(crate) fn check_unwind(
    graph: &LinkGraph<'_>,
    resolved: &Resolved,
    addresses: &Addresses,
    constants: &mut [u8],
) -> Result<Vec<u64>> {
    let (range, address) = addresses.unwind();
    let table = &mut constants[range.start as usize..range.end as usize];
    let checked = unwind::check(table, address, &addresses.segments()).map_err(|(at, message)| {
        let at = range.start + at as u64;
        let is_there = |id: &&SectionId| {
            let start = addresses.offset(**id);
            graph.section(**id).role == Role::Unwind && (start..start + graph.section(**id).size).contains(&at)
        };
        let error = Error::malformed(format!("this call frame information {message}"))
            .help("compile the file with -fno-asynchronous-unwind-tables if no exception leaves its functions");
        match resolved.order.iter().find(is_there) {
            Some(id) => graph.error_at(error, graph.section(*id), at - addresses.offset(*id)),
            None => error,
        }
    })?;
    Ok(checked.descriptions)
}

pub(super) struct Fixer<'g> {
    pub(super) graph: &'g LinkGraph<'g>,
    pub(super) resolved: &'g Resolved,
    pub(super) entries: &'g Entries,
    pub(super) addresses: &'g Addresses,
    image_base: u64,
}

impl Fixer<'_> {
    /// Applies the relocations of a section.
    fn fix(&self, id: SectionId, section: &Section, contents: &mut [u8], block: Option<&Block>) -> Result<()> {
        let wrong = match self.graph.relocations(section) {
            Relocations::Made(list) => self.fix_each(list.copied(), id, contents, block),
            Relocations::Rela(list) => self.fix_raw(&list, id, contents, block),
        };
        wrong.map_err(|(error, relocation)| {
            let symbol = self.graph.symbol_name(self.graph.symbol(relocation.symbol));
            let error = if symbol.is_empty() { error } else { error.symbol(symbol) };
            self.graph.error_at(error, section, u64::from(relocation.offset))
        })
    }

    fn fix_raw(
        &self,
        list: &Decoder<'_>,
        id: SectionId,
        contents: &mut [u8],
        block: Option<&Block>,
    ) -> Result<(), (Error, Relocation)> {
        let address = self.addresses.section(self.graph, id);
        let symbols = self.addresses.symbols().get(list.first_symbol()..).unwrap_or_default();
        // With thread-local variables about, each relocation is looked at: they have no address.
        let forms = if self.has_threads() { &[][..] } else { forms_of_elf(self.graph.arch) };
        let mut number = 0;
        loop {
            let rest = list.raw().get(number..).unwrap_or_default();
            number += apply_quick(rest, forms, symbols, address, contents);
            let Some(relocation) = list.get(number) else { return Ok(()) };
            self.apply(&relocation, id, address, contents, block).map_err(|error| (error, relocation))?;
            number += 1;
        }
    }

    fn fix_each(
        &self,
        relocations: impl Iterator<Item = Relocation>,
        id: SectionId,
        contents: &mut [u8],
        block: Option<&Block>,
    ) -> Result<(), (Error, Relocation)> {
        let address = self.addresses.section(self.graph, id);
        // With thread-local variables about, each relocation is looked at: they have no address.
        let has_threads = self.has_threads();
        let symbols = self.addresses.symbols();
        for relocation in relocations {
            if has_threads || !is_quick(&relocation, symbols, address, contents) {
                // A copy, so that only these are ever in memory.
                self.apply(&{ relocation }, id, address, contents, block).map_err(|error| (error, relocation))?;
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn apply(
        &self,
        relocation: &Relocation,
        section: SectionId,
        address: u64,
        contents: &mut [u8],
        block: Option<&Block>,
    ) -> Result<()> {
        let mut kind = relocation.kind;
        let mut offset = relocation.offset as usize;
        if contents.get(offset..).and_then(|rest| rest.get(..kind.width())).is_none() {
            return Err(Error::malformed(format!("{} lies outside its section", kind.name)));
        }
        if kind.value == Value::Nothing {
            return Ok(());
        }
        let places = &self.resolved.places;
        // What is discarded has the address 0, which hardly anything else has.
        let discarded = |id: &SymbolId| self.addresses.symbol(*id) == 0 && places[id.0 as usize] == Place::Discarded;
        if let Some(symbol) = Some(relocation.symbol).filter(discarded).or(relocation.subtrahend.filter(discarded)) {
            // The description of a function of which another copy is in the image: unwinders skip what describes nothing.
            if self.graph.section(section).role == Role::Unwind {
                contents[offset..offset + kind.width()].fill(0);
                return Ok(());
            }
            return Err(self.discarded(kind, symbol));
        }
        let thread = self.thread_operand(relocation, section, block)?;
        let symbol = match kind.via {
            _ if thread.is_some() => thread.map_or(0, |(symbol, _)| symbol),
            Via::Size => self.resolved.sizes.get(&relocation.symbol).copied().unwrap_or_default(),
            Via::GotBase => self.addresses.got(),
            _ => self.addresses.symbol(relocation.symbol),
        };
        let mut operands = Operands {
            symbol,
            subtrahend: relocation.subtrahend.map_or(0, |symbol| self.addresses.symbol(symbol)),
            addend: thread.map_or(relocation.addend, |(_, addend)| addend),
            place: address + offset as u64,
            image_base: self.image_base,
            got: self.addresses.got(),
            segment: (0, 0),
        };
        if kind.is_in_segment() && thread.is_none() {
            operands.segment = match self.addresses.segment(self.graph, places[relocation.symbol.0 as usize]) {
                Some(segment) => segment,
                None => {
                    return Err(Error::unsupported(format!("{} of a symbol that is in no section", kind.name)));
                }
            };
        }
        let mut value = kind.compute(operands);
        match kind.via {
            Via::Symbol if self.entries.types_of(section).is_some() => {
                let slot = self.entries.slot_of(self.resolved, relocation.symbol, relocation.addend);
                value = slot.map_or(0, |slot| self.addresses.slot(slot).1) as i64;
            }
            Via::Symbol if !kind.fits(value) && self.graph.section(section).role == Role::Unwind => {
                if let Some(stub) = self.entries.stub_of(self.resolved, section, relocation.symbol, relocation.addend) {
                    value = self.addresses.stub(stub).1 as i64;
                }
            }
            // The instruction is changed when it is complete.
            Via::Symbol if !kind.fits(value) && self.entries.veneer_at(section, relocation.offset).is_some() => {
                return Ok(());
            }
            Via::Symbol | Via::GotBase | Via::Size | Via::Thread(_) => {}
            Via::ThreadOffset | Via::BlockOffset | Via::ThreadModule => {}
            Via::Got | Via::GotLoad => {
                let behind = kind.behind_slot(relocation.addend);
                let slot = self.entries.slot_of(self.resolved, relocation.symbol, behind);
                // In arm64's pairs each instruction must choose alike, and only the first knows the distance.
                let direct = slot.is_none() || !kind.is_in_instruction() && kind.fits(value);
                if kind.via == Via::GotLoad
                    && direct
                    && relaxes(self.graph.arch, kind, contents, offset, relocation.addend)
                {
                    let before;
                    (kind, before) = relax(self.graph.arch, kind, contents, offset);
                    offset -= before;
                    operands.place -= before as u64;
                    value = kind.compute(operands);
                } else {
                    let slot = slot.map_or(0, |slot| self.addresses.slot(slot).1);
                    let addend = relocation.addend.wrapping_sub(behind);
                    value = kind.compute(Operands { symbol: slot, addend, ..operands });
                }
            }
            Via::Branch
                if self.graph.goes_nowhere(
                    self.graph.section(section),
                    relocation,
                    places[relocation.symbol.0 as usize],
                ) =>
            {
                value = 4;
            }
            Via::Branch if !kind.fits(value) && kind.is_aligned(value) => {
                let is_text = self.graph.section(section).permission == Permission::Text;
                if let Some(behind) =
                    stub_for(self.graph.arch, relocation, is_text, places[relocation.symbol.0 as usize])
                    && let Some(stub) = self.entries.stub_of(self.resolved, section, relocation.symbol, behind)
                {
                    // The stub itself goes as far behind the symbol as the branch would.
                    let (_, stub) = self.addresses.stub(stub);
                    value = kind.compute(Operands { symbol: stub.wrapping_add_signed(-behind), ..operands });
                }
            }
            Via::Branch => {}
        }
        let field = &mut contents[offset..][..kind.width()];
        kind.write(field, value).map_err(|error| explain(error, kind, operands.place, symbol, value))
    }

    /// Writes the veneers of a section whose relocations are applied, where they are needed.
    fn write_veneers(&self, id: SectionId, text: &mut [u8]) -> Result<()> {
        let (start, address) = (self.addresses.offset(id) as usize, self.addresses.section(self.graph, id));
        for index in self.entries.veneers_of(id) {
            let veneer = &self.entries.veneers[index];
            let Relocation { kind, symbol, addend, offset, .. } = veneer.relocation;
            let (at, place) = self.addresses.veneer(self.graph, index);
            let room = at as usize..at as usize + veneer_size(self.graph.arch) as usize;
            fill_with_traps(self.graph.arch, text, room.clone());
            let value = self.addresses.symbol(symbol).wrapping_add_signed(addend);
            let field = if kind.is_relative() { address + u64::from(offset) } else { 0 };
            if kind.fits(value.wrapping_sub(field) as i64) {
                continue;
            }
            let code = &mut text[start + veneer.instruction.start..start + veneer.instruction.end];
            let made = veneer.narrow(code, address + veneer.instruction.start as u64, value);
            let Some((instruction, made)) = super::veneer(self.graph.arch, &made, place) else {
                let error = Error::range(format!("{} at {field:#x} cannot reach its veneer at {place:#x}", kind.name));
                return Err(self.graph.error_at(error, self.graph.section(id), offset.into()));
            };
            code.copy_from_slice(&instruction);
            text[room.start..room.start + made.len()].copy_from_slice(&made);
        }
        Ok(())
    }

    fn discarded(&self, kind: &Kind, symbol: SymbolId) -> Error {
        let in_group = match self.graph.symbol(symbol).definition {
            Definition::Section { section, .. } => Some(section),
            _ => None,
        };
        match in_group.filter(|section| self.graph.section(*section).live) {
            Some(section) => Error::unsupported(format!(
                "{} refers to {}, of which the copy of another input is in the image, by a local name",
                kind.name,
                self.graph.section_name(self.graph.section(section))
            ))
            .help("compile the files with one compiler and the same options"),
            None => Error::unsupported(format!("{} refers to a section that is not loaded", kind.name)),
        }
    }
}

/// Applies relocations as long as they have one of the forms that most have, and there is no more to them. Gives how many these were.
#[inline(never)]
fn apply_quick(relocations: &[Rela], forms: &[Form], symbols: &[u64], address: u64, contents: &mut [u8]) -> usize {
    let mut is_applied = |raw: &Rela| {
        let info = raw.r_info.get(LittleEndian);
        let Some(Form::Quick(quick)) = forms.get(info as u32 as usize) else { return false };
        let Some(symbol) = symbols.get((info >> 32) as usize).filter(|symbol| **symbol != 0) else { return false };
        let (offset, addend) = (raw.r_offset.get(LittleEndian), raw.r_addend.get(LittleEndian));
        let Some(field) = contents.get_mut(offset as usize..) else { return false };
        // What is discarded has the address 0.
        quick.apply(symbol.wrapping_add_signed(addend), address.wrapping_add(offset), field)
    };
    relocations.iter().position(|raw| !is_applied(raw)).unwrap_or(relocations.len())
}

/// Applies a relocation that has one of the forms that most have, if there is no more to it; else writes nothing.
#[inline]
fn is_quick(relocation: &Relocation, symbols: &[u64], address: u64, contents: &mut [u8]) -> bool {
    let Relocation { offset, symbol, subtrahend, addend, kind } = *relocation;
    // What is discarded has the address 0.
    let symbol = symbols.get(symbol.0 as usize).copied().unwrap_or_default();
    let (Some(quick), false, None) = (kind.quick, symbol == 0, subtrahend) else { return false };
    let Some(field) = contents.get_mut(offset as usize..) else { return false };
    quick.apply(symbol.wrapping_add_signed(addend), address + u64::from(offset), field)
}

/// Adds to a range error both addresses and, where there is one, the way around.
fn explain(error: Error, kind: &Kind, place: u64, symbol: u64, value: i64) -> Error {
    if !error.is_out_of_range() {
        return error;
    }
    let error = match kind.value {
        Value::Relative | Value::PageRelative => Error::range(format!(
            "{} at {place:#x} cannot reach {symbol:#x}: the distance is {}, it takes {}",
            kind.name,
            signed_hex(value),
            kind.check.words()
        )),
        _ => error,
    };
    if kind.is_thread_offset() {
        error.help("compile with -fPIC -ftls-model=global-dynamic: the thread-local storage is too large")
    } else if kind.via == Via::Symbol && matches!(kind.check, Check::Branch(_)) {
        error.help("put the two nearer to each other, or use an instruction that reaches further")
    } else if kind.via == Via::Branch && kind.is_in_instruction() {
        error.help("compile with -ffunction-sections: no stub stands within reach, since sections are not divided")
    } else if kind.is_low_address() && symbol > u64::from(u32::MAX) {
        error.help("compile with -fPIC: this code holds the addresses of what it uses in 32 bits")
    } else if kind.is_absolute() && kind.width() < 8 {
        error.help("compile with -fPIC: this code wants to stand at a low address")
    } else {
        error.help("compile with -fPIC, so that far symbols are reached through the GOT")
    }
}

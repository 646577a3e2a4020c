//! The GOT slots and the stubs that the relocations need.

use super::hash::{FastMap, Seed};
use super::types::{encodings, holds_types};
use super::veneers::veneers;
use super::{
    Access, Definition, LinkGraph, Own, Permission, Place, Relocation, RelocationTable, Relocations, Resolved, Role,
    Section, SectionId, SymbolId, ThreadSlots, Variable, Veneer,
};
use crate::fixup::{self, Via};
use crate::target::Format;

/// The slots of the GOT and the stubs, by number; each stub jumps to the address in a slot.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// What address stands in each slot.
    pub(crate) slots: Vec<Slot>,
    /// The slot of each stub.
    pub(crate) stubs: Vec<u32>,
    /// Where the stubs stand, in the order of the text; the last island is at its end.
    pub(crate) islands: Vec<Island>,
    /// By [`SectionId`]: the island that its branches use. Empty: there is one alone.
    island_of: Vec<u32>,
    /// Where the image must stand for its distances to places outside, and for its own addresses in 32 bits.
    pub(crate) must: Window,
    /// Whether it holds addresses of its own in 32 bits.
    low: bool,
    /// Where it must stand for its branches to go straight to places outside.
    pub(crate) may: Window,
    /// For instructions that no such place helps, by section and offset.
    pub(crate) veneers: Vec<Veneer>,
    /// Sections that hold addresses of types, which become those of slots, and where they say how these are encoded.
    pub(crate) types: Vec<(SectionId, Vec<usize>)>,
    /// Relocations of places outside, of which it is not known yet whether the image can stand near.
    far: Vec<(SectionId, Relocation)>,
    /// For thread-local variables.
    pub(crate) threads: ThreadSlots,
    /// Whether the text lets indirect branches arrive at marked places alone.
    pub(crate) guarded: bool,
    slot_of: FastMap<Key, u32>,
    stub_of: FastMap<(u32, Key), u32>,
    /// By [`SymbolId`]: one more than the slot of its own address, and whether that has a stub, if there is one island alone.
    /// Most relocations are not the first of their symbol, and need ask no map.
    known_slot: Vec<u32>,
    known_stub: Vec<bool>,
}

/// Addresses that an image must lie between, whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// Addresses that 32 bits hold, with a sign or without.
const LOW: Window = Window { start: 0, end: 1 << 31 };

impl Default for Window {
    fn default() -> Window {
        Window { start: 0, end: u64::MAX }
    }
}

impl Window {
    /// What lies in both.
    pub(crate) fn and(self, other: Window) -> Window {
        Window { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// Every address within `reach` bytes of `address`.
    fn around(address: u64, reach: u64) -> Window {
        Window { start: address.saturating_sub(reach), end: address.saturating_add(reach) }
    }
}

/// The address in a slot: that of a symbol, and so many bytes behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) symbol: SymbolId,
    pub(crate) behind: i64,
}

/// Stubs that stand together, within reach of the sections before them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Island {
    /// The section that it stands behind.
    pub(crate) after: SectionId,
    /// One behind its last stub.
    pub(crate) end: u32,
}

/// Symbols that mean the same place share an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Key {
    Section(u32, u64),
    Common(u64),
    Bound(u32, bool, u64),
    Got(u64),
    Outside(u64),
    Own(Own, i64),
}

impl Key {
    fn of(resolved: &Resolved, symbol: SymbolId, behind: i64) -> Key {
        let offset = |offset: u64| offset.wrapping_add_signed(behind);
        match resolved.places[symbol.0 as usize] {
            Place::Section { section, offset: start } => Key::Section(section.0, offset(start)),
            Place::Common(start) => Key::Common(offset(start)),
            Place::Bound { index, end } => Key::Bound(index, end, offset(0)),
            Place::Got => Key::Got(offset(0)),
            Place::Outside(address) => Key::Outside(offset(address)),
            Place::Discarded => Key::Outside(0),
            Place::Own(own) => Key::Own(own, behind),
        }
    }
}

impl Entries {
    /// What the live sections of `graph` need. A branch needs a stub if its target is outside
    /// the image, where nothing says how far away it is, or in another part of a text too long for it.
    pub(crate) fn of(graph: &LinkGraph<'_>, resolved: &Resolved) -> Entries {
        let symbols = graph.symbols.len();
        // Mostly what is outside has the slots and the stubs.
        let (imports, seed) = (resolved.imports.len(), Seed::default());
        let mut entries = Entries {
            slot_of: FastMap::with_capacity_and_hasher(imports, seed),
            stub_of: FastMap::with_capacity_and_hasher(imports, seed),
            known_slot: vec![0; symbols],
            known_stub: vec![false; symbols],
            ..Entries::default()
        };
        let ends = entries.divide(graph, &resolved.order);
        entries.guarded = ends.is_empty() && graph.is_marked(&resolved.live);
        if ends.is_empty() && graph.only_unsettled_need(resolved) {
            entries.add_unsettled(graph, resolved);
            entries.finish(graph, resolved);
            return entries;
        }
        for island in 0..=ends.len() as u32 {
            for (index, section) in (0u32..).zip(&graph.sections) {
                let id = SectionId(index);
                if resolved.live[index as usize] && entries.island(id) == island {
                    match graph.relocations(section) {
                        Relocations::Made(list) => entries.add_each(graph, resolved, id, island, list.copied()),
                        Relocations::Rela(list) => entries.add_each(graph, resolved, id, island, list),
                    }
                }
            }
            if let Some(after) = ends.get(island as usize) {
                entries.islands.push(Island { after: *after, end: entries.stubs.len() as u32 });
            }
        }
        entries.finish(graph, resolved);
        entries
    }

    /// When all relocations have been looked at.
    fn finish(&mut self, graph: &LinkGraph<'_>, resolved: &Resolved) {
        self.reach_far(graph, resolved);
        if self.low {
            // If there is no place for both, each address of its own counts, and what is out of reach is an error of its own.
            let both = self.must.and(LOW);
            self.must = if both.start < both.end { both } else { LOW };
        }
    }

    /// What the relocations need that may need anything at all.
    fn add_unsettled(&mut self, graph: &LinkGraph<'_>, resolved: &Resolved) {
        for run in graph.unsettled.chunk_by(|(one, _), (other, _)| one == other) {
            let &[(section, _), ..] = run else { continue };
            if let Relocations::Rela(list) = graph.relocations(graph.section(section)) {
                let relocations = run.iter().filter_map(|(_, number)| list.get(*number as usize));
                self.add_each(graph, resolved, section, 0, relocations);
            }
        }
    }

    /// Divides a text that is too long for branches into parts, of which each has an island behind it, and gives the
    /// last section of each but the last.
    fn divide(&mut self, graph: &LinkGraph<'_>, order: &[SectionId]) -> Vec<SectionId> {
        let is_piece = |id: &SectionId| matches!(graph.section(*id).role, Role::Piece(_));
        let text = || order.iter().filter(|id| graph.section(**id).permission == Permission::Text && !is_piece(id));
        let room = |id: &SectionId| graph.section(*id).size.saturating_add(graph.section(*id).align);
        let reach = fixup::branch_reach(graph.arch);
        let total = text().fold(0u64, |sum, id| sum.saturating_add(room(id)));
        let mut ends = Vec::new();
        // A quarter for the stubs of islands between.
        if total <= reach / 4 * 3 {
            return ends;
        }
        self.island_of = vec![0; graph.sections.len()];
        let (mut size, mut last) = (0u64, None);
        for id in text() {
            if let Some(last) = last.filter(|_| size.saturating_add(room(id)) > reach / 2) {
                ends.push(last);
                size = 0;
            }
            size = size.saturating_add(room(id));
            self.island_of[id.0 as usize] = ends.len() as u32;
            last = Some(*id);
        }
        // They stand behind all the rest.
        for id in order.iter().filter(|id| is_piece(id)) {
            self.island_of[id.0 as usize] = ends.len() as u32;
        }
        ends
    }

    fn island(&self, section: SectionId) -> u32 {
        self.island_of.get(section.0 as usize).copied().unwrap_or(0)
    }

    fn add_each(
        &mut self,
        graph: &LinkGraph<'_>,
        resolved: &Resolved,
        section: SectionId,
        island: u32,
        relocations: impl Iterator<Item = Relocation>,
    ) {
        let whole = self.island_of.is_empty();
        let places = &resolved.places[..];
        relocations.for_each(|relocation| {
            // Most of them need nothing.
            let is_inside = || places.get(relocation.symbol.0 as usize).is_some_and(|place| place.is_inside());
            if !(whole && relocation.kind.quick.is_some() && is_inside()) {
                // A copy, so that only these are ever in memory.
                self.add(graph, resolved, section, island, &{ relocation });
            }
        });
    }

    #[inline(never)]
    fn add(&mut self, graph: &LinkGraph<'_>, resolved: &Resolved, id: SectionId, island: u32, relocation: &Relocation) {
        let place = resolved.places[relocation.symbol.0 as usize];
        let section = graph.section(id);
        self.narrow(id, relocation, place);
        match relocation.kind.via {
            Via::GotLoad if in_reach(graph, place) && graph.relaxes(section, relocation) => {}
            Via::Got | Via::GotLoad => {
                let behind = relocation.kind.behind_slot(relocation.addend);
                if behind != 0 || self.known_slot[relocation.symbol.0 as usize] == 0 {
                    self.slot(Key::of(resolved, relocation.symbol, behind), relocation.symbol, behind);
                }
            }
            Via::Branch if graph.goes_nowhere(section, relocation, place) => {}
            Via::Branch if !relocation.kind.always_fits() => {
                let needed = match place {
                    Place::Outside(_) => true,
                    Place::Section { section, .. } => self.island(section) != island,
                    // Behind all the rest.
                    Place::Own(_) => !self.island_of.is_empty(),
                    _ => false,
                };
                if !needed {
                    return;
                }
                let is_text = section.permission == Permission::Text;
                if let Some(behind) = fixup::stub_for(graph.arch, relocation, is_text, place) {
                    let known = &mut self.known_stub[relocation.symbol.0 as usize];
                    if behind == 0 && self.island_of.is_empty() && std::mem::replace(known, true) {
                        return;
                    }
                    let key = Key::of(resolved, relocation.symbol, behind);
                    if !self.stub_of.contains_key(&(island, key)) {
                        let slot = self.slot(key, relocation.symbol, behind);
                        self.stub_of.insert((island, key), self.stubs.len() as u32);
                        self.stubs.push(slot);
                    }
                }
            }
            Via::Thread(access) => {
                let behind = relocation.kind.behind_slot(relocation.addend);
                if let Some(variable) = Variable::of(graph, resolved, relocation.symbol, behind) {
                    let fixed = match access {
                        Access::General | Access::Local => false,
                        Access::Initial => true,
                        Access::Descriptor => fixup::loader_types(graph.arch).descriptors_are_fixed,
                    };
                    self.threads.fixed |= fixed && matches!(variable, Variable::Own(..));
                    self.threads.add(access, variable);
                }
            }
            // Code counts with the distance itself; of another's variable it is read out of a slot.
            Via::ThreadOffset => match Variable::of(graph, resolved, relocation.symbol, 0) {
                Some(Variable::Own(..)) => self.threads.fixed = true,
                Some(variable) => self.threads.add(Access::Initial, variable),
                None => {}
            },
            Via::ThreadModule | Via::BlockOffset => match Variable::of(graph, resolved, relocation.symbol, 0) {
                Some(variable @ Variable::Import(..)) => self.threads.add(Access::General, variable),
                Some(variable) if relocation.kind.via == Via::ThreadModule => self.threads.add(Access::Local, variable),
                _ => {}
            },
            Via::Branch | Via::Symbol | Via::GotBase | Via::Size => {}
        }
    }

    /// Notes what a relocation wants of the place where the image stands.
    fn narrow(&mut self, id: SectionId, relocation: &Relocation, place: Place) {
        let kind = relocation.kind;
        match (kind.via, place) {
            // What is defined nowhere is not called.
            (Via::Branch, Place::Outside(0)) => {}
            (Via::Branch, Place::Outside(address)) => {
                if let Some(window) = window(relocation, address) {
                    self.may = self.may.and(window);
                }
            }
            (Via::Symbol, Place::Outside(address)) => {
                let is_too_high =
                    || kind.is_low_address() && relocation.subtrahend.is_none() && !self::fits(relocation, address);
                if window(relocation, address).is_some() || is_too_high() {
                    self.far.push((id, *relocation));
                }
            }
            (Via::Symbol, Place::Discarded) => {}
            (Via::Symbol, _) if kind.is_low_address() && relocation.subtrahend.is_none() => {
                self.low = true;
            }
            _ => {}
        }
    }

    /// Has the image stand near what it uses outside; what is out of reach from low addresses, where it must stand for its own,
    /// is done by veneers.
    fn reach_far(&mut self, graph: &LinkGraph<'_>, resolved: &Resolved) {
        let address = |relocation: &Relocation| match resolved.places[relocation.symbol.0 as usize] {
            Place::Outside(address) => address,
            _ => 0,
        };
        let of = |relocation: &Relocation| window(relocation, address(relocation));
        let is_near = |relocation: &Relocation| match of(relocation) {
            Some(window) => !self.low || window.and(LOW).start < window.and(LOW).end,
            None => false,
        };
        let (near, far) = std::mem::take(&mut self.far).into_iter().partition(|(_, relocation)| is_near(relocation));
        let near: Vec<(SectionId, Relocation)> = near;
        let mut others = Vec::new();
        if !far.is_empty() {
            let far = self.reach_of_frames(graph, resolved, far);
            (self.veneers, others) = veneers(graph, resolved, far);
        }
        for window in near.iter().map(|(_, relocation)| relocation).chain(&others).filter_map(of) {
            self.must = self.must.and(window);
        }
    }

    /// Has descriptions of frames call a function far away (a language's personality) by a stub, and tables of types take the
    /// addresses from slots. Gives the other ones of `far`.
    fn reach_of_frames(
        &mut self,
        graph: &LinkGraph<'_>,
        resolved: &Resolved,
        mut far: Vec<(SectionId, Relocation)>,
    ) -> Vec<(SectionId, Relocation)> {
        far.retain(|(id, relocation)| {
            if relocation.kind.is_low_address() && graph.section(*id).role == Role::Unwind {
                let (symbol, behind) = (relocation.symbol, relocation.addend);
                let key = Key::of(resolved, symbol, behind);
                let slot = self.slot(key, symbol, behind);
                let island = self.island(*id);
                self.stub_of.entry((island, key)).or_insert_with(|| {
                    self.stubs.push(slot);
                    self.stubs.len() as u32 - 1
                });
                return false;
            }
            if !holds_types(graph, *id) {
                return true;
            }
            if self.types.last().is_none_or(|(last, _)| last != id) {
                let Some(encodings) = encodings(graph, resolved, *id) else { return true };
                self.types.push((*id, encodings));
                for relocation in graph.relocations(graph.section(*id)) {
                    let (symbol, behind) = (relocation.symbol, relocation.addend);
                    self.slot(Key::of(resolved, symbol, behind), symbol, behind);
                }
            }
            false
        });
        self.types.sort_unstable_by_key(|(id, _)| *id);
        far
    }

    /// Where a section of addresses of types says how they are encoded, if they become those of slots.
    pub(crate) fn types_of(&self, section: SectionId) -> Option<&[usize]> {
        let index = self.types.binary_search_by_key(&section, |(id, _)| *id).ok()?;
        Some(&self.types[index].1)
    }

    /// The number of the veneer for the relocation at an offset in a section.
    pub(crate) fn veneer_at(&self, section: SectionId, offset: u32) -> Option<usize> {
        self.veneers.binary_search_by_key(&(section, offset), |veneer| (veneer.section, veneer.relocation.offset)).ok()
    }

    /// The numbers of the veneers of a section.
    pub(crate) fn veneers_of(&self, section: SectionId) -> std::ops::Range<usize> {
        let first = self.veneers.partition_point(|veneer| veneer.section < section);
        first..self.veneers.partition_point(|veneer| veneer.section <= section)
    }

    fn slot(&mut self, key: Key, symbol: SymbolId, behind: i64) -> u32 {
        let slot = *self.slot_of.entry(key).or_insert_with(|| {
            self.slots.push(Slot { symbol, behind });
            self.slots.len() as u32 - 1
        });
        if behind == 0 {
            self.known_slot[symbol.0 as usize] = slot + 1;
        }
        slot
    }

    /// The slot that holds the address so many bytes behind `symbol`.
    pub(crate) fn slot_of(&self, resolved: &Resolved, symbol: SymbolId, behind: i64) -> Option<u32> {
        if behind == 0
            && let Some(slot) = self.known_slot[symbol.0 as usize].checked_sub(1)
        {
            return Some(slot);
        }
        self.slot_of.get(&Key::of(resolved, symbol, behind)).copied()
    }

    /// The stub, for branches from `section`, that jumps so many bytes behind `symbol`.
    pub(crate) fn stub_of(
        &self,
        resolved: &Resolved,
        section: SectionId,
        symbol: SymbolId,
        behind: i64,
    ) -> Option<u32> {
        self.stub_of.get(&(self.island(section), Key::of(resolved, symbol, behind))).copied()
    }
}

/// From where a relocation reaches an address, if it is a distance.
fn window(relocation: &Relocation, address: u64) -> Option<Window> {
    let reach = relocation.kind.reach()?;
    Some(Window::around(address.saturating_add_signed(relocation.addend), reach))
}

/// Whether a relocation has room for an address.
fn fits(relocation: &Relocation, address: u64) -> bool {
    relocation.kind.fits(address.wrapping_add_signed(relocation.addend) as i64)
}

/// Whether 32-bit distances surely reach a place from the text.
fn in_reach(graph: &LinkGraph<'_>, place: Place) -> bool {
    match place {
        Place::Section { section, .. } => !graph.section(section).large,
        Place::Common(_) | Place::Got | Place::Own(_) => true,
        Place::Bound { .. } | Place::Outside(_) | Place::Discarded => false,
    }
}

impl LinkGraph<'_> {
    /// Whether a branch is to a weak symbol that is defined nowhere, and so to the next instruction (AAELF64, "Call and Jump
    /// relocations"): arm64's in ELF. Elsewhere it is to address 0.
    pub(crate) fn goes_nowhere(&self, section: &Section, relocation: &Relocation, place: Place) -> bool {
        place == Place::Outside(0)
            && relocation.kind.via == Via::Branch
            && relocation.kind.is_in_instruction()
            && self.symbol(relocation.symbol).definition == Definition::Undefined
            && self.inputs[section.input as usize].format == Some(Format::Elf)
    }

    /// Whether no relocation but those of [`LinkGraph::unsettled`] can need anything: all that were read are in the image as they
    /// were, and plain symbols mean places in it.
    fn only_unsettled_need(&self, resolved: &Resolved) -> bool {
        let is_noted = |section: &Section| {
            matches!(section.relocations, RelocationTable::Rela(_)) || section.relocations.is_empty()
        };
        let yes = self.sections.iter().zip(&resolved.live).all(|(section, live)| *live && is_noted(section))
            && self.symbols.iter().zip(&resolved.places).all(|(symbol, place)| !symbol.is_plain() || place.is_inside());
        if cfg!(debug_assertions) && yes {
            let unsettled: std::collections::HashSet<_> = self.unsettled.iter().copied().collect();
            for (index, section) in (0u32..).zip(&self.sections) {
                for (number, relocation) in (0u32..).zip(self.relocations(section)) {
                    let needs_nothing =
                        relocation.kind.quick.is_some() && resolved.places[relocation.symbol.0 as usize].is_inside();
                    debug_assert!(needs_nothing || unsettled.contains(&(SectionId(index), number)));
                }
            }
        }
        yes
    }

    /// Whether the instruction of a GOT load can take the symbol's address itself.
    pub(crate) fn relaxes(&self, section: &Section, relocation: &Relocation) -> bool {
        let contents = section.data.map_or(&[][..], |data| self.bytes(section.input, data));
        fixup::relaxes(self.arch, relocation.kind, contents, relocation.offset as usize, relocation.addend)
    }
}

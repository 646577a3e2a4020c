//! What the inputs ask for, and what linking does about it: a plan with its reasons.

use std::collections::BTreeMap;

use crate::fixup::{self, Via};
use crate::graph::{
    Binding, Definition, Entries, LinkGraph, Permission, Place, Relocation, Resolved, Role, Scope, SectionId, Slot,
    Symbol,
};
use crate::layout::Addresses;
use crate::object::PROPERTY_NOTE;
use crate::plan::Plan;
use crate::target::TargetAddr;

/// A [`Plan`], and why it is as it is: of [`Linker::audit`](crate::Linker::audit).
#[derive(Clone, Debug)]
pub struct Audit {
    plan: Plan,
    items: Vec<Audited>,
    relocations: Vec<PlannedRelocation>,
    entries: Vec<PlannedEntry>,
}

/// Something that an input asks for, and what was done about it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Audited {
    /// The input that asks.
    pub input: String,
    /// What it asks for: ``section .text``, ``symbol `f` ``, `relocation R_X86_64_PC32`.
    pub asked: String,
    /// What was done, in words.
    pub done: String,
}

/// A relocation, with what it was applied to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PlannedRelocation {
    /// The address of the field that it changes.
    pub address: TargetAddr,
    /// Its name in the ABI document.
    pub kind: &'static str,
    /// The symbol that it names, or its section where it has no name.
    pub symbol: String,
    /// Its addend, in bytes.
    pub addend: i64,
    /// Where the symbol stands; 0 where it is defined nowhere.
    pub target: TargetAddr,
    /// By which way it leads there.
    pub way: Way,
}

/// By which way a relocation leads to its symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Way {
    /// To the symbol itself.
    Direct,
    /// To the GOT slot that holds the symbol's address.
    Slot,
    /// To the symbol itself, by an instruction that was changed so that it needs no GOT slot.
    Relaxed,
    /// To a stub that jumps to the symbol.
    Stub,
    /// To the symbol itself, by a veneer that does what the instruction does, since that has no room for the address.
    Veneer,
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Way::Direct => "direct",
            Way::Slot => "GOT slot",
            Way::Relaxed => "relaxed",
            Way::Stub => "stub",
            Way::Veneer => "veneer",
        })
    }
}

/// A GOT slot or a stub, which no input holds: linking makes it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PlannedEntry {
    /// Where it stands.
    pub address: TargetAddr,
    /// Whether it is a stub or a veneer, which are code; else it is a GOT slot.
    pub is_stub: bool,
    /// The symbol whose address it holds or uses, or to which it jumps.
    pub symbol: String,
    /// Why it is there, in words.
    pub why: &'static str,
}

impl Audit {
    pub(crate) fn new(plan: Plan, parts: &Parts<'_>) -> Audit {
        Audit { items: parts.items(), relocations: parts.relocations(), entries: parts.entries(), plan }
    }

    /// The plan itself.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Everything that the inputs ask for: sections, undefined, weak, common and hidden symbols, and relocations by kind,
    /// each with what was done about it. What Kiln does not do is an error and never gets here.
    #[must_use]
    pub fn items(&self) -> &[Audited] {
        &self.items
    }

    /// Every relocation of the image, in the order of the inputs.
    #[must_use]
    pub fn relocations(&self) -> &[PlannedRelocation] {
        &self.relocations
    }

    /// The GOT slots and the stubs.
    #[must_use]
    pub fn entries(&self) -> &[PlannedEntry] {
        &self.entries
    }
}

/// What a plan is made of.
pub(crate) struct Parts<'p> {
    pub(crate) graph: &'p LinkGraph<'p>,
    pub(crate) resolved: &'p Resolved,
    pub(crate) link: &'p Entries,
    pub(crate) addresses: &'p Addresses,
}

impl Parts<'_> {
    fn live(&self) -> impl Iterator<Item = (SectionId, &crate::graph::Section)> {
        let sections = (0u32..).zip(&self.graph.sections);
        sections
            .filter(|(index, _)| self.resolved.live[*index as usize])
            .map(|(index, section)| (SectionId(index), section))
    }

    fn items(&self) -> Vec<Audited> {
        let mut items = Vec::new();
        let mut add = |input: u32, asked: String, done: String| {
            items.push(Audited { input: self.graph.input_name(input).to_owned(), asked, done });
        };
        // Assemblers add empty sections that nobody asked for.
        let sections = (0u32..).zip(&self.graph.sections).filter(|(_, section)| section.size > 0);
        for (index, section) in sections {
            let name = format!("section {}", self.graph.section_name(section));
            add(section.input, name, self.section(SectionId(index)));
        }
        for left_out in &self.graph.left_out {
            let (_, section) = self.graph.left_out_name(left_out);
            let why = match section.as_bytes() {
                PROPERTY_NOTE => self.readiness(left_out.input),
                _ => left_out.why.to_owned(),
            };
            add(left_out.input, format!("section {section}"), format!("left out: {why}"));
        }
        for (index, symbol) in (0u32..).zip(&self.graph.symbols) {
            if let Some(done) = self.symbol(symbol, self.resolved.places[index as usize]) {
                add(symbol.input, format!("symbol `{}`", self.graph.symbol_name(symbol)), done);
            }
        }
        let words =
            ["to the symbol", "to a GOT slot", "to the symbol, without its GOT slot", "to a stub", "by a veneer"];
        let mut kinds: BTreeMap<(u32, &str), [usize; 5]> = BTreeMap::new();
        for (id, section) in self.live() {
            for relocation in self.graph.relocations(section) {
                let way = self.way(id, section, &relocation);
                let counts = kinds.entry((section.input, relocation.kind.name)).or_default();
                counts[way as usize] += 1;
            }
        }
        for ((input, kind), ways) in kinds {
            let ways: Vec<String> = (ways.iter().zip(words))
                .filter(|(count, _)| **count > 0)
                .map(|(count, word)| format!("{count} {word}"))
                .collect();
            add(input, format!("relocation {kind}"), format!("applied: {}", ways.join(", ")));
        }
        items
    }

    fn section(&self, id: SectionId) -> String {
        let section = self.graph.section(id);
        if !self.resolved.live[id.0 as usize] {
            return "left out: another input's copy of its group is in the image".to_owned();
        }
        let address = TargetAddr(self.addresses.section(self.graph, id));
        let what = match section.role {
            Role::Piece(_) => ", a piece of a function that is called when the module begins or ends",
            Role::Calls(_) => ", its functions called when the module begins or ends",
            Role::FunctionTable => {
                ", Windows' table of how functions are left: registered by who brings the image there"
            }
            Role::ThreadVariables => ", the descriptors of thread-local variables: loading fills in what finds them",
            _ if section.data.is_none() && section.size > 0 => ", zeros",
            _ => "",
        };
        format!("{} bytes at {address}, {}{what}", section.size, section.permission)
    }

    /// What is made of an input's word of what its code is ready for.
    fn readiness(&self, input: u32) -> String {
        let is_code = |section: &crate::graph::Section| section.permission == Permission::Text && section.size > 0;
        let mut inputs: Vec<u32> = self
            .live()
            .map(|(_, section)| section)
            .filter(|section| is_code(section))
            .map(|section| section.input)
            .collect();
        inputs.dedup();
        let ready_for = |input: u32| self.graph.inputs[input as usize].ready_for;
        let words = fixup::readiness(self.graph.arch, ready_for(input)).into_iter().map(|(bit, what)| {
            let Some(mark) = fixup::branch_target_mark(self.graph.arch).filter(|mark| *mark == bit) else {
                return what.to_owned();
            };
            let unmarked = inputs.iter().find(|other| ready_for(**other) & mark == 0);
            match unmarked {
                _ if self.link.guarded => format!("{what} enforced where the processor has it"),
                Some(other) => format!("{what} not enforced, for {} is not marked", self.graph.input_name(*other)),
                None => format!("{what} not enforced, for the text is longer than branches reach"),
            }
        });
        let words: Vec<String> = words.collect();
        match &words[..] {
            [] => "what the code is ready for: nothing that Kiln knows".to_owned(),
            words => format!("what the code is ready for: {}", words.join("; ")),
        }
    }

    /// What became of a symbol, if it asks for anything beside a place.
    fn symbol(&self, symbol: &Symbol, place: Place) -> Option<String> {
        let binding = symbol.binding;
        if binding == Binding::Local {
            return None;
        }
        let own = match (symbol.definition, place) {
            (Definition::Section { section, offset }, Place::Section { section: at, offset: to }) => {
                (section, offset) == (at, to)
            }
            _ => false,
        };
        Some(match (symbol.definition, place) {
            (Definition::LeftOut, _) => "in a section that is left out".to_owned(),
            (Definition::Undefined | Definition::Fallback(_), Place::Outside(0)) if binding == Binding::Weak => {
                "weak and defined nowhere: 0".to_owned()
            }
            (Definition::Undefined, Place::Outside(0)) => "nothing refers to it".to_owned(),
            (Definition::Undefined, Place::Outside(at)) => format!("found outside, at {}", TargetAddr(at)),
            (Definition::Undefined, Place::Section { section, .. }) => {
                format!("defined in {}", self.graph.input_name(self.graph.section(section).input))
            }
            (Definition::Undefined, _) => "defined by the linker".to_owned(),
            (Definition::Common { size, .. }, Place::Common(_)) => {
                format!("common: {size} bytes of zeros for all inputs")
            }
            (Definition::Section { .. }, Place::Section { section, .. }) if !own => {
                format!("means the definition in {}", self.graph.input_name(self.graph.section(section).input))
            }
            _ if symbol.scope == Scope::Hidden => "hidden: not exported".to_owned(),
            _ if binding == Binding::Weak => "weak: no other definition replaces it".to_owned(),
            _ => return None,
        })
    }

    fn name(&self, symbol: &Symbol) -> String {
        self.graph.symbol_name(symbol).into_owned()
    }

    fn relocations(&self) -> Vec<PlannedRelocation> {
        let mut relocations = Vec::new();
        for (id, section) in self.live() {
            let start = self.addresses.section(self.graph, id);
            for relocation in self.graph.relocations(section) {
                relocations.push(PlannedRelocation {
                    address: TargetAddr(start + u64::from(relocation.offset)),
                    kind: relocation.kind.name,
                    symbol: self.name(self.graph.symbol(relocation.symbol)),
                    addend: relocation.addend,
                    target: TargetAddr(self.addresses.symbol(relocation.symbol)),
                    way: self.way(id, section, &relocation),
                });
            }
        }
        relocations
    }

    /// The way that fixing up takes.
    fn way(&self, id: SectionId, section: &crate::graph::Section, relocation: &Relocation) -> Way {
        let kind = relocation.kind;
        let place = self.addresses.section(self.graph, id) + u64::from(relocation.offset);
        let symbol = self.addresses.symbol(relocation.symbol);
        let distance = symbol.wrapping_add_signed(relocation.addend).wrapping_sub(place) as i64;
        match kind.via {
            Via::Got => Way::Slot,
            Via::GotLoad => {
                let slot = self.link.slot_of(self.resolved, relocation.symbol, kind.behind_slot(relocation.addend));
                let direct = slot.is_none() || !kind.is_in_instruction() && kind.fits(distance);
                if direct && self.graph.relaxes(section, relocation) { Way::Relaxed } else { Way::Slot }
            }
            Via::Symbol
                if !kind.fits(if kind.is_relative() { distance } else { distance.wrapping_add_unsigned(place) })
                    && self.link.veneer_at(id, relocation.offset).is_some() =>
            {
                Way::Veneer
            }
            Via::Branch if !kind.fits(distance) && kind.is_relative() => {
                let is_text = section.permission == Permission::Text;
                let place = self.resolved.places[relocation.symbol.0 as usize];
                let behind = fixup::stub_for(self.graph.arch, relocation, is_text, place);
                let stub = |behind| self.link.stub_of(self.resolved, id, relocation.symbol, behind);
                if behind.and_then(stub).is_some() { Way::Stub } else { Way::Direct }
            }
            _ => Way::Direct,
        }
    }

    fn entries(&self) -> Vec<PlannedEntry> {
        let outside = |slot: &Slot| matches!(self.resolved.places[slot.symbol.0 as usize], Place::Outside(_));
        let name = |slot: &Slot| {
            let name = self.name(self.graph.symbol(slot.symbol));
            if slot.behind == 0 { name } else { format!("{name} + {:#x}", slot.behind) }
        };
        let slots = (0u32..).zip(&self.link.slots).map(|(index, slot)| PlannedEntry {
            address: TargetAddr(self.addresses.slot(index).1),
            is_stub: false,
            symbol: name(slot),
            why: match outside(slot) {
                true => "its address is only known when the code is loaded",
                false => "code reads its address from the GOT",
            },
        });
        let stubs = (0u32..).zip(&self.link.stubs).filter_map(|(index, slot)| {
            let slot = self.link.slots.get(*slot as usize)?;
            Some(PlannedEntry {
                address: TargetAddr(self.addresses.stub(index).1),
                is_stub: true,
                symbol: name(slot),
                why: match outside(slot) {
                    true => "it is outside the image, and may be too far for a branch",
                    false => "it is in another part of a text that is longer than a branch reaches",
                },
            })
        });
        let veneers = self.link.veneers.iter().enumerate().map(|(index, veneer)| PlannedEntry {
            address: TargetAddr(self.addresses.veneer(self.graph, index).1),
            is_stub: true,
            symbol: self.name(self.graph.symbol(veneer.relocation.symbol)),
            why: "a veneer: an instruction may have no room for its address",
        });
        stubs.chain(veneers).chain(slots).collect()
    }
}

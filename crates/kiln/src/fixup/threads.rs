//! Thread-local variables: the words of their slots, and what relocations count with.

use super::image::Fixer;
use super::{Check, Field, Kind, Value, Via, aarch64, x86_64};
use crate::error::{Error, Result};
use crate::graph::{Access, LinkGraph, Permission, Relocation, Resolved, Role, SectionId, ThreadSlots, Variable};
use crate::layout::Addresses;
use crate::target::Arch;

/// Where a module's block of thread-local storage is in every thread.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// The distance to it from the thread pointer, modulo 2^64. `None`: it is another in each thread.
    pub(crate) offset: Option<u64>,
    /// The words of all slots.
    pub(crate) words: Vec<u64>,
    /// The first two words of each descriptor of Mach-O: the function that finds the variable, and what it finds the block by.
    pub(crate) descriptor: [u64; 2],
}

/// The size of a descriptor, in bytes: a function that is given its address and gives the variable's, a word for that
/// function, and the variable's offset in the block (`struct TLVDescriptor` of dyld's `ThreadLocalVariables.h`).
pub(crate) const DESCRIPTOR_SIZE: u64 = 24;

/// The last word of a descriptor.
pub(crate) static BLOCK_OFFSET: Kind = Kind::new(
    "the offset in a thread-local variable's descriptor",
    Via::BlockOffset,
    Value::Absolute,
    Field::Bytes(8),
    Check::Either(64),
);

/// Whether the image holds descriptors of thread-local variables.
pub(crate) fn has_descriptors(graph: &LinkGraph<'_>, resolved: &Resolved) -> bool {
    descriptors(graph, resolved).next().is_some()
}

/// The sections of the image that hold descriptors.
fn descriptors<'g>(graph: &'g LinkGraph<'_>, resolved: &'g Resolved) -> impl Iterator<Item = SectionId> + 'g {
    let live = graph.apart(Role::ThreadVariables).filter(|id| resolved.live[id.0 as usize]);
    live.filter(|id| graph.section(*id).size > 0)
}

/// Writes into each descriptor what is the same in all.
pub(super) fn write_descriptors(
    graph: &LinkGraph<'_>,
    resolved: &Resolved,
    addresses: &Addresses,
    data: &mut [u8],
    words: [u64; 2],
) {
    for id in descriptors(graph, resolved) {
        let start = addresses.offset(id) as usize;
        let section = &mut data[start..start + graph.section(id).size as usize];
        for descriptor in section.chunks_exact_mut(DESCRIPTOR_SIZE as usize) {
            for (to, word) in descriptor.chunks_exact_mut(8).zip(words) {
                to.copy_from_slice(&word.to_le_bytes());
            }
        }
    }
}

impl Block {
    /// The block as a linker counts with it that makes a program: the first module, at the distance that the ABI says.
    /// Descriptors have no function, which is the system's.
    pub(crate) fn of_a_program(graph: &LinkGraph<'_>, slots: &ThreadSlots, addresses: &Addresses) -> Block {
        const PROGRAM: u64 = 1;
        let threads = &addresses.layout.threads;
        let offset = program_block(graph.arch, threads.size, threads.align);
        let mut words = Vec::with_capacity(slots.words as usize);
        for slot in &slots.slots {
            let place = match slot.variable {
                Variable::Own(section, place) => addresses.block_offset(section).wrapping_add(place),
                // A plan takes nothing from a process.
                Variable::Import(..) => 0,
            };
            match slot.access {
                Access::General => words.extend([PROGRAM, place]),
                Access::Local => words.extend([PROGRAM, 0]),
                Access::Initial => words.push(offset.wrapping_add(place)),
                Access::Descriptor => words.extend([0, offset.wrapping_add(place)]),
            }
        }
        // The thread-local variables of Mach-O programs are found by their loader's function.
        Block { offset: Some(offset), words, descriptor: [0, 0] }
    }
}

/// What a system's loader calls the relocations of thread-local storage, and the machine (`e_machine`).
pub(crate) struct LoaderTypes {
    pub(crate) machine: u16,
    /// The number of the module.
    pub(crate) module: u32,
    /// The place in the module's block.
    pub(crate) block_offset: u32,
    /// The distance from the thread pointer.
    pub(crate) thread_offset: u32,
    /// A function that gives the distance, and its argument.
    pub(crate) descriptor: u32,
    /// Whether descriptors are right for storage at a fixed distance alone.
    pub(crate) descriptors_are_fixed: bool,
}

pub(crate) fn loader_types(arch: Arch) -> LoaderTypes {
    match arch {
        Arch::X86_64 => x86_64::LOADER_TYPES,
        Arch::Aarch64 => aarch64::LOADER_TYPES,
    }
}

/// The distance from the thread pointer to a program's own block, of this size and alignment: what its linker counts
/// with (U. Drepper, *ELF Handling For Thread-Local Storage*, section 3).
fn program_block(arch: Arch, size: u64, align: u64) -> u64 {
    match arch {
        Arch::X86_64 => x86_64::program_block(size, align),
        Arch::Aarch64 => aarch64::program_block(align),
    }
}

impl Fixer<'_> {
    /// Whether anything in the image is, or may be, a thread-local variable.
    pub(super) fn has_threads(&self) -> bool {
        self.addresses.layout.threads.size != 0 || !self.resolved.thread_imports.is_empty()
    }

    /// What a relocation of a thread-local variable starts from, and what it adds. `None`: it is about something else.
    pub(super) fn thread_operand(
        &self,
        relocation: &Relocation,
        section: SectionId,
        block: Option<&Block>,
    ) -> Result<Option<(u64, i64)>> {
        let (kind, addend) = (relocation.kind, relocation.addend);
        // Of most images nothing is.
        if !kind.is_thread_local() && !self.has_threads() {
            return Ok(None);
        }
        let variable = |behind| Variable::of(self.graph, self.resolved, relocation.symbol, behind);
        // COFF counts from the beginning of a section: of thread-local storage, that is each thread's copy.
        if kind.is_in_segment()
            && kind.value != Value::SegmentNumber
            && let Some(Variable::Own(section, offset)) = variable(0)
        {
            return Ok(Some((self.addresses.block_offset(section).wrapping_add(offset), addend)));
        }
        if !kind.is_thread_local() {
            return match variable(0) {
                None => Ok(None),
                Some(_) => Err(Error::malformed(format!(
                    "{} of a thread-local variable, which has another address in each thread",
                    kind.name
                ))),
            };
        }
        let behind = if matches!(kind.via, Via::Thread(_)) { kind.behind_slot(addend) } else { 0 };
        let Some(variable) = variable(behind) else {
            return Err(Error::malformed(format!("{} of something that is no thread-local variable", kind.name)));
        };
        let slots = &self.entries.threads;
        let place = |section| self.addresses.block_offset(section);
        let unknown = || {
            Error::unsupported(format!("{} stands in the initial image of thread-local storage", kind.name))
                .help("set the variable in a function")
        };
        // A word of a slot, as soon as they are known.
        let words = |access, variable, word: usize| {
            let first = slots.word_of(access, variable)? as usize;
            block?.words.get(first + word).copied()
        };
        match (kind.via, variable) {
            (Via::Thread(access), variable) => {
                let word = slots.word_of(access, variable).ok_or_else(unknown)?;
                Ok(Some((self.addresses.thread_slot(word).1, addend.wrapping_sub(behind))))
            }
            (Via::BlockOffset, Variable::Own(section, offset)) => {
                Ok(Some((place(section).wrapping_add(offset), addend)))
            }
            (Via::ThreadOffset, Variable::Own(section, offset)) => {
                let start = block.and_then(|block| block.offset).ok_or_else(unknown)?;
                Ok(Some((start.wrapping_add(place(section)).wrapping_add(offset), addend)))
            }
            (Via::ThreadOffset, variable) => {
                Ok(Some((words(Access::Initial, variable, 0).ok_or_else(unknown)?, addend)))
            }
            (Via::ThreadModule, variable @ Variable::Own(..)) => {
                Ok(Some((words(Access::Local, variable, 0).ok_or_else(unknown)?, addend)))
            }
            // The slot for another module's variable has both.
            (Via::ThreadModule, variable) => {
                Ok(Some((words(Access::General, variable, 0).ok_or_else(unknown)?, addend)))
            }
            // Among data it stands beside the number of that module; code adds it to where its own module's storage begins.
            (_, variable) if self.graph.section(section).permission != Permission::Text && kind.width() == 8 => {
                Ok(Some((words(Access::General, variable, 1).ok_or_else(unknown)?, addend)))
            }
            _ => Err(Error::unsupported(format!("{} of a variable of another module", kind.name))
                .help("compile with -fPIC -ftls-model=global-dynamic")),
        }
    }
}

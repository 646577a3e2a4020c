//! Thread-local storage: a block for the module in every thread, those that are there and those to come.
//!
//! ELF code counts with what the system's loader alone can make, since it knows all threads: it is given a shared library,
//! made here in memory, that holds nothing but the initial image of the block and words for the loader to fill. All that
//! code counts with comes from these words.
//!
//! Mach-O code asks a function that its variables' descriptors name; see `blocks.rs`.

mod blocks;
mod library;
mod thunk;

use std::sync::atomic::{AtomicU64, Ordering};

use super::sys;
use crate::error::{Error, Result};
use crate::fixup::{self, Block};
use crate::graph::{
    Access, Entries, LinkGraph, Permission, Place, Resolved, Role, Section, SymbolKind, ThreadSlot, Variable,
};
use crate::layout::Addresses;
use crate::target::Format;
#[allow(unused_imports, reason = "not used on every system")]
pub(super) use library::WORDS;
use library::{Library, Relocation};

/// Thread-local storage, until this is dropped.
#[derive(Debug)]
pub(crate) struct Storage {
    /// What the loader knows it by.
    name: String,
    /// The variables that others may use.
    exports: Vec<(String, u64)>,
    _made: Made,
}

/// Who defines a thread-local variable, and by which name the loader knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definer {
    /// The library. `None`: any that is there for all.
    pub(crate) library: Option<String>,
    pub(crate) name: String,
}

#[derive(Debug)]
#[allow(dead_code, reason = "held for its drop")]
enum Made {
    /// The system's loader made it.
    Loader(sys::Opened),
    /// Blocks that are made when a thread first asks for one.
    Own(blocks::Blocks),
}

impl Storage {
    /// A variable of this storage, for others. They must keep it.
    pub(crate) fn variable(&self, name: &str) -> Option<Definer> {
        let is_there = self.exports.iter().any(|(export, _)| export == name);
        is_there.then(|| Definer { library: Some(self.name.clone()), name: exported(&self.name, name) })
    }

    /// Asks for the block of an image with this initial image, and for the words of its slots. `definer` says who defines a
    /// variable that the image does not.
    ///
    /// # Errors
    ///
    /// The system refuses: it has no room left for storage at a fixed distance from the thread pointer, or no such loader.
    /// The image has variables of ELF and of Mach-O.
    pub(crate) fn open(
        graph: &LinkGraph<'_>,
        resolved: &Resolved,
        entries: &Entries,
        addresses: &Addresses,
        template: &[u8],
        definer: impl Fn(&str) -> Result<Definer>,
    ) -> Result<(Storage, Block)> {
        if fixup::has_descriptors(graph, resolved) {
            return Storage::own(graph, resolved, entries, addresses);
        }
        let types = fixup::loader_types(graph.arch);
        let threads = &addresses.layout.threads;
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("kiln-thread-local-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let (mut imports, mut needed) = (Vec::new(), Vec::new());
        for id in &resolved.thread_imports {
            let name = graph.symbol_name(graph.symbol(*id));
            let definer = definer(&name).map_err(|error| error.symbol(&*name))?;
            imports.push(definer.name);
            needed.extend(definer.library);
        }
        needed.sort_unstable();
        needed.dedup();
        let exports = exports(graph, resolved, addresses);
        let for_loader: Vec<_> = exports.iter().map(|(export, place)| (exported(&name, export), *place)).collect();
        let mut library = Library {
            name: &name,
            needed: &needed,
            machine: types.machine,
            template,
            size: threads.size,
            align: threads.align,
            fixed: entries.threads.fixed,
            imports: &imports,
            exports: &for_loader,
            words: Vec::new(),
            relocations: Vec::new(),
        };
        if entries.threads.fixed {
            library.word(Relocation { kind: types.thread_offset, import: None, addend: 0 });
        }
        let descriptors = |slot: &&ThreadSlot| types.descriptors_are_fixed && slot.access == Access::Descriptor;
        for slot in entries.threads.slots.iter().filter(descriptors) {
            // The loader makes others where it has no room, and fails for want of this word.
            if let Variable::Import(index, _) = slot.variable {
                library.word(Relocation { kind: types.thread_offset, import: Some(index), addend: 0 });
            }
        }
        let first = library.words.len();
        for slot in &entries.threads.slots {
            let (import, place) = match slot.variable {
                Variable::Own(section, offset) => (None, addresses.block_offset(section).wrapping_add(offset) as i64),
                Variable::Import(index, behind) => (Some(index), behind),
            };
            let relocation = |kind, addend| Relocation { kind, import, addend };
            match (slot.access, import) {
                (Access::General, None) => {
                    library.word(relocation(types.module, 0));
                    library.words.push(place as u64);
                }
                (Access::General, Some(_)) => {
                    library.word(relocation(types.module, 0));
                    library.word(relocation(types.block_offset, place));
                }
                (Access::Local, _) => {
                    library.word(relocation(types.module, 0));
                    library.words.push(0);
                }
                (Access::Initial, _) => library.word(relocation(types.thread_offset, place)),
                (Access::Descriptor, _) => {
                    library.word(relocation(types.descriptor, place));
                    library.words.push(0);
                }
            }
        }
        let (opened, words) = sys::open_storage(&library.write(), library.words.len()).map_err(|reason| {
            let tried = format!("cannot make thread-local storage of {:#x} bytes", threads.size);
            let error = Error::system(tried, std::io::Error::other(reason));
            let fixed = |slot: &ThreadSlot| slot.access == Access::Initial || descriptors(&slot);
            match entries.threads.fixed || entries.threads.slots.iter().any(fixed) {
                true => error.help(
                    "compile with -fPIC -ftls-model=global-dynamic, or start the program with \
                     GLIBC_TUNABLES=glibc.rtld.optional_static_tls=SIZE",
                ),
                false => error,
            }
        })?;
        let offset = entries.threads.fixed.then(|| words.first().copied().unwrap_or_default());
        tracing::debug!("thread-local storage: {} bytes, {} words for the loader", threads.size, words.len());
        let words = words.get(first..).unwrap_or_default().to_vec();
        Ok((Storage { name, exports, _made: Made::Loader(opened) }, Block { offset, words, descriptor: [0, 0] }))
    }

    /// The storage of Mach-O variables.
    fn own(
        graph: &LinkGraph<'_>,
        resolved: &Resolved,
        entries: &Entries,
        addresses: &Addresses,
    ) -> Result<(Storage, Block)> {
        let mut sections =
            graph.sections.iter().zip(&resolved.live).filter(|(_, live)| **live).map(|(section, _)| section);
        let format = |section: &Section| graph.inputs[section.input as usize].format;
        let elf = |section: &&Section| section.role == Role::ThreadLocal && format(section) == Some(Format::Elf);
        if let Some(section) = sections.find(elf) {
            return Err(Error::unsupported("thread-local variables of ELF and of Mach-O objects in one module")
                .section(graph.section_name(section))
                .input(graph.input_name(section.input))
                .help("load the objects of each format as a module of its own"));
        }
        if let Some(id) = resolved.thread_imports.first() {
            let symbol = graph.symbol(*id);
            return Err(Error::unsupported("thread-local variables of ELF and of Mach-O objects in one module")
                .symbol(graph.symbol_name(symbol))
                .input(graph.input_name(symbol.input))
                .help("load the objects of each format as a module of its own"));
        }
        let threads = &addresses.layout.threads;
        let constants = addresses.segments()[Permission::Const as usize].start;
        let template = constants + threads.template.start..constants + threads.template.end;
        let (blocks, key) = blocks::Blocks::new(template, threads.size, threads.align)
            .map_err(|error| Error::system("cannot make thread-local storage", error))?;
        tracing::debug!("thread-local storage: {} bytes, made in each thread when it first asks", threads.size);
        let words = vec![0; entries.threads.words as usize];
        let storage = Storage { name: String::new(), exports: Vec::new(), _made: Made::Own(blocks) };
        Ok((storage, Block { offset: None, words, descriptor: [thunk::address(), key] }))
    }
}

/// The variables of an image that others may use, with their places in its block.
fn exports(graph: &LinkGraph<'_>, resolved: &Resolved, addresses: &Addresses) -> Vec<(String, u64)> {
    let variables = resolved.exports.iter().filter(|id| graph.symbol(**id).kind == SymbolKind::ThreadLocal);
    variables
        .filter_map(|id| match resolved.places[id.0 as usize] {
            Place::Section { section, offset } => {
                let name = graph.symbol_name(graph.symbol(*id)).into_owned();
                Some((name, addresses.block_offset(section.0).wrapping_add(offset)))
            }
            _ => None,
        })
        .collect()
}

/// The name by which the loader knows a variable of a module. It looks in the process first, where another one may have the
/// variable's own.
fn exported(storage: &str, name: &str) -> String {
    format!("{storage}.{name}")
}

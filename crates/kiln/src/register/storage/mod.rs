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

use super::sys;
use crate::error::{Error, Result};
use crate::fixup::{self, Block};
use crate::graph::{Access, Entries, LinkGraph, Permission, Resolved, Role, Section, Variable};
use crate::layout::Addresses;
use crate::target::Format;
#[allow(unused_imports, reason = "not used on every system")]
pub(super) use library::WORDS;
use library::{Library, Relocation};

/// Thread-local storage, until this is dropped.
#[derive(Debug)]
pub(crate) struct Storage(#[allow(dead_code, reason = "held for its drop")] Made);

#[derive(Debug)]
#[allow(dead_code, reason = "held for its drop")]
enum Made {
    /// The system's loader made it.
    Loader(sys::Opened),
    /// Blocks that are made when a thread first asks for one.
    Own(blocks::Blocks),
}

impl Storage {
    /// Asks for the block of an image with this initial image, and for the words of its slots.
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
    ) -> Result<(Storage, Block)> {
        if fixup::has_descriptors(graph, resolved) {
            return Storage::own(graph, resolved, entries, addresses);
        }
        let types = fixup::loader_types(graph.arch);
        let threads = &addresses.layout.threads;
        let names: Vec<_> = resolved.thread_imports.iter().map(|id| graph.symbol_name(graph.symbol(*id))).collect();
        let mut library = Library {
            machine: types.machine,
            template,
            size: threads.size,
            align: threads.align,
            fixed: entries.threads.fixed,
            imports: &names,
            words: Vec::new(),
            relocations: Vec::new(),
        };
        if entries.threads.fixed {
            library.word(Relocation { kind: types.thread_offset, import: None, addend: 0 });
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
            match entries.threads.fixed {
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
        Ok((Storage(Made::Loader(opened)), Block { offset, words, descriptor: [0, 0] }))
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
        let threads = &addresses.layout.threads;
        let constants = addresses.segments()[Permission::Const as usize].start;
        let template = constants + threads.template.start..constants + threads.template.end;
        let (blocks, key) = blocks::Blocks::new(template, threads.size, threads.align)
            .map_err(|error| Error::system("cannot make thread-local storage", error))?;
        tracing::debug!("thread-local storage: {} bytes, made in each thread when it first asks", threads.size);
        let words = vec![0; entries.threads.words as usize];
        Ok((Storage(Made::Own(blocks)), Block { offset: None, words, descriptor: [thunk::address(), key] }))
    }
}

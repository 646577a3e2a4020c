//! Thread-local storage: a block for the module in every thread, those that are there and those to come.
//!
//! Only the system's loader can make one, since it alone knows the threads: it is given a shared library, made here in
//! memory, that holds nothing but the initial image of the block and words for the loader to fill. All that code counts
//! with comes from these words.

mod library;

use super::sys;
use crate::error::{Error, Result};
use crate::fixup::{self, Block};
use crate::graph::{Access, Entries, LinkGraph, Resolved, Variable};
use crate::layout::Addresses;
#[allow(unused_imports, reason = "not used on every system")]
pub(super) use library::WORDS;
use library::{Library, Relocation};

/// Thread-local storage that the system's loader made, until this is dropped.
#[derive(Debug)]
pub(crate) struct Storage(#[allow(dead_code, reason = "held for its drop")] sys::Opened);

impl Storage {
    /// Asks for the block of an image with this initial image, and for the words of its slots.
    ///
    /// # Errors
    ///
    /// The system refuses: it has no room left for storage at a fixed distance from the thread pointer, or no such loader.
    pub(crate) fn open(
        graph: &LinkGraph<'_>,
        resolved: &Resolved,
        entries: &Entries,
        addresses: &Addresses,
        template: &[u8],
    ) -> Result<(Storage, Block)> {
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
        Ok((Storage(opened), Block { offset, words: words.get(first..).unwrap_or_default().to_vec() }))
    }
}

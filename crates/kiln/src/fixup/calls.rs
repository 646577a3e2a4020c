//! The lists of functions to call for a module, read from the image in which they are addresses already.

use crate::error::{Error, Result};
use crate::graph::{LinkGraph, Resolved, When};
use crate::layout::Addresses;

/// The functions to call for a module, in the order of the calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallLists {
    pub(crate) init: Vec<u64>,
    pub(crate) fini: Vec<u64>,
}

/// Reads the lists from the written `segments`.
///
/// # Errors
///
/// A list is no list of addresses.
pub(crate) fn read_calls(
    graph: &LinkGraph<'_>,
    resolved: &Resolved,
    addresses: &Addresses,
    segments: [&[u8]; 3],
) -> Result<CallLists> {
    let mut lists = CallLists::default();
    let [mut begins, ends] = addresses.pieces();
    for (id, calls) in graph.calls(|id| resolved.live[id.0 as usize]) {
        let section = graph.section(id);
        let start = addresses.offset(id) as usize;
        let contents = &segments[section.permission as usize][start..start + section.size as usize];
        let (words, rest) = contents.as_chunks::<8>();
        if !rest.is_empty() {
            let error = Error::malformed("a list of functions to call, and its size is not a multiple of 8");
            return Err(graph.error_at(error, section, section.size));
        }
        let mut functions = Vec::with_capacity(words.len());
        for (offset, word) in (0..).step_by(8).zip(words) {
            match u64::from_le_bytes(*word) {
                0 | u64::MAX if calls.gaps => {}
                0 => {
                    let error = Error::malformed("an address of a function to call is 0");
                    return Err(graph.error_at(error, section, offset));
                }
                address => functions.push(address),
            }
        }
        if calls.backwards {
            functions.reverse();
        }
        match calls.when {
            When::BeforeInit => lists.init.extend(functions),
            // `_init` comes before the lists of initializers, and `_fini` behind those of finalizers (*System V ABI*,
            // "Initialization and Termination Functions").
            When::Init => lists.init.extend(begins.take().into_iter().chain(functions)),
            When::Fini => lists.fini.extend(functions),
        }
    }
    lists.init.extend(begins);
    lists.fini.reverse();
    lists.fini.extend(ends);
    Ok(lists)
}

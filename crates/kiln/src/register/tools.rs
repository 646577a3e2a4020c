//! The tools that are told of code: debuggers and profilers.
#![allow(unsafe_code)] // The word for code that profilers' files are made of.

use std::path::PathBuf;

use super::debugger::{Debugged, debug_files, files_of_code};
use super::profiler::{self, Lines, Named, Profiled, Wanted};
use crate::error::Result;
use crate::fixup;
use crate::graph::{Entries, LinkGraph, Resolved};
use crate::layout::Addresses;
use crate::memory::Code;
use crate::target::Target;

/// Which tools are told of code: by [`Linker::tools`](crate::Linker::tools) of a module, by [`Tools::tell`] of code on a heap.
/// None, unless they are named here: what is not asked for costs nothing.
///
/// # Debuggers
///
/// gdb and lldb (there: `settings set plugin.jit-loader.gdb.enable on`) are given the symbols, the call frame information and
/// the debug information of the inputs, for the addresses at which they are loaded, through gdb's interface for generated
/// code: breakpoints by name and by line, source lines, variables and backtraces are as in code that was linked. A module is
/// one file for them, of however many objects (Mach-O: one for each object that has debug information). One that comes later finds
/// what is there. Telling a debugger that is there stops the process each time, and it looks at what it knows already: much code is
/// told of best as one module, or in one call of [`Tools::tell`].
///
/// A program that is to be debugged so must have its symbol table: debuggers find the list by its name. Where the process
/// exports the interface's symbols already, of another compiler, Kiln adds to that list; whatever changes it at the same time as
/// Kiln must not run.
///
/// # Profilers
///
/// perf and samply read names from the *perf map*, `/tmp/perf-PID.map`, which says one function for each address: where code was
/// unloaded and other code stands now, it says both. The *dump*, `jit-PID.dump` in a folder of the user's, has the code
/// itself, its source lines (with the feature `debug-info`), and times: `perf record -k mono`, then `perf inject --jit`. Both files stay when the process ends. After
/// a fork the child begins its own, when it next tells of code, with what it inherited.
///
/// # Examples
///
/// ```
/// use kiln::{Linker, Target, Tools};
///
/// let mut linker = Linker::new(Target::host());
/// linker.tools(&Tools::new().debugger());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Tools {
    debugger: bool,
    profilers: Wanted,
}

impl Tools {
    /// No tool.
    pub fn new() -> Tools {
        Tools::default()
    }

    /// Tells debuggers.
    pub fn debugger(mut self) -> Tools {
        self.debugger = true;
        self
    }

    /// Writes the perf map.
    pub fn perf_map(mut self) -> Tools {
        self.profilers.map = true;
        self
    }

    /// Writes the dump, to a folder that is there.
    pub fn jitdump(mut self, folder: impl Into<PathBuf>) -> Tools {
        self.profilers.dump = Some(folder.into());
        self
    }

    /// Tells the tools of code on a heap, by the names that they are to call it. All of it is one file for a debugger, with
    /// which it knows names alone; it leaves such functions by their frame pointers.
    ///
    /// # Errors
    ///
    /// A profiler's file cannot be made or written. A debugger was told nothing then.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln::{CodeHeap, HeapOptions, Tools};
    ///
    /// # #[cfg(target_arch = "x86_64")]
    /// let code = [0xc3]; // ret
    /// # #[cfg(target_arch = "aarch64")]
    /// # let code = [0xc0, 0x03, 0x5f, 0xd6]; // ret
    /// let code = CodeHeap::new(HeapOptions::new())?.publish(&code)?;
    /// let told = Tools::new().debugger().tell(&[("nothing", &code)])?;
    /// // From here on, gdb knows it no more. It is freed with its last handle.
    /// drop(told);
    /// # Ok::<(), kiln::Error>(())
    /// ```
    pub fn tell(&self, code: &[(&str, &Code)]) -> Result<Told> {
        let mut named: Vec<Named> = code
            .iter()
            .map(|(name, code)| Named { name: (*name).to_owned(), address: code.address() as usize, size: code.len() })
            .collect();
        named.sort_by_key(|function| function.address);
        let machine = fixup::loader_types(Target::host().arch()).machine;
        let debugger = self.debugger.then(|| files_of_code(machine, &named));
        let profilers = self.profilers.anything().then(|| (named, Lines::new(), self.profilers.clone(), machine));
        // SAFETY: the code is published, and is kept by what comes back until the tools are told that it is gone.
        let mut told = unsafe { News { debugger, profilers }.tell() }?;
        told._code = code.iter().map(|(_, code)| (*code).clone()).collect();
        Ok(told)
    }
}

/// What tools are to be told of a module, made before it is there.
#[derive(Debug, Default)]
pub(crate) struct News {
    debugger: Option<Vec<Vec<u8>>>,
    profilers: Option<(Vec<Named>, Lines, Wanted, u16)>,
}

impl News {
    /// For an image whose written constants are `constants`.
    ///
    /// # Errors
    ///
    /// The debug information is damaged, or holds what is not supported.
    pub(crate) fn of(
        tools: &Tools,
        graph: &LinkGraph<'_>,
        resolved: &Resolved,
        entries: &Entries,
        addresses: &Addresses,
        constants: &[u8],
    ) -> Result<News> {
        let wants_lines = tools.profilers.dump.is_some();
        if !tools.debugger && !tools.profilers.anything() {
            return Ok(News::default());
        }
        let infos =
            if tools.debugger || wants_lines { fixup::debug_info(graph, resolved, addresses)? } else { Vec::new() };
        let debugger =
            tools.debugger.then(|| debug_files(graph, resolved, addresses, constants, &infos)).transpose()?;
        let profilers = tools.profilers.anything().then(|| {
            let lines = if wants_lines { profiler::lines(&infos) } else { Lines::new() };
            let functions = profiler::functions(graph, resolved, entries, addresses);
            (functions, lines, tools.profilers.clone(), fixup::loader_types(graph.arch).machine)
        });
        Ok(News { debugger, profilers })
    }

    /// Tells the tools.
    ///
    /// # Errors
    ///
    /// A profiler's file cannot be made or written.
    ///
    /// # Safety
    ///
    /// The code is there, and can be read as long as what comes back lives.
    pub(crate) unsafe fn tell(self) -> Result<Told> {
        let profilers = match self.profilers {
            Some((functions, lines, wanted, machine)) => {
                // SAFETY: by the caller's word.
                Some(unsafe { Profiled::register(functions, lines, wanted, machine) }?)
            }
            None => None,
        };
        Ok(Told { _debugger: self.debugger.map(Debugged::register), _profilers: profilers, _code: Vec::new() })
    }
}

/// The files for a debugger, of an image whose written constants are `constants`.
///
/// # Errors
///
/// The debug information is damaged, or holds what is not supported.
pub(crate) fn debug_files_of(
    graph: &LinkGraph<'_>,
    resolved: &Resolved,
    addresses: &Addresses,
    constants: &[u8],
) -> Result<Vec<Vec<u8>>> {
    debug_files(graph, resolved, addresses, constants, &fixup::debug_info(graph, resolved, addresses)?)
}

/// Tools that were told of code, by [`Tools::tell`]: until this is dropped, which also keeps the code.
#[derive(Debug, Default)]
#[must_use]
pub struct Told {
    // In this order they end.
    _debugger: Option<Debugged>,
    _profilers: Option<Profiled>,
    _code: Vec<Code>,
}

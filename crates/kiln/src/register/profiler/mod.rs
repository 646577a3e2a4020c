//! Profilers: files in which they look names and lines up for addresses that no program file explains.
//!
//! They are the process's: all modules write to the same ones. A child of a fork begins its own, with what it inherited.
#![allow(unsafe_code)] // Reads code that it was given, and registers what is done at the end of the process.

mod dump;
mod functions;
mod lines;
mod map;

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use dump::Dump;
pub(crate) use functions::functions;
pub(crate) use lines::lines;

use super::sys;
use crate::error::{Error, Result};

/// A function as a profiler knows it. Its code stays as long as it is registered.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) address: usize,
    /// In bytes.
    pub(crate) size: usize,
}

/// Where source lines begin: address, file, line; in the order of the addresses.
pub(crate) type Lines = Vec<(u64, Arc<str>, u32)>;

/// What profilers want.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) map: bool,
    /// The folder of the dump.
    pub(crate) dump: Option<PathBuf>,
}

impl Wanted {
    pub(crate) fn anything(&self) -> bool {
        self.map || self.dump.is_some()
    }
}

/// Functions that are there, and where they are written of.
#[derive(Debug)]
struct Live {
    functions: Vec<Named>,
    lines: Lines,
    wanted: Wanted,
    machine: u16,
}

#[derive(Debug, Default)]
struct State {
    /// Whose files these are.
    process: u32,
    map: Option<File>,
    dumps: BTreeMap<PathBuf, Dump>,
    live: BTreeMap<u64, Live>,
    next: u64,
}

static STATE: Mutex<State> =
    Mutex::new(State { process: 0, map: None, dumps: BTreeMap::new(), live: BTreeMap::new(), next: 0 });

/// Functions that profilers know of. Dropped before the code is gone: a child of a later fork does not tell of them. The files
/// of this process keep what was written, which was true at its time.
#[derive(Debug)]
pub(crate) struct Profiled(u64);

impl Profiled {
    /// Tells of functions, for an ELF machine number.
    ///
    /// # Errors
    ///
    /// A file cannot be made or written.
    ///
    /// # Safety
    ///
    /// The functions' code can be read as long as the value lives.
    pub(crate) unsafe fn register(
        functions: Vec<Named>,
        lines: Lines,
        wanted: Wanted,
        machine: u16,
    ) -> Result<Profiled> {
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        state.enter()?;
        let live = Live { functions, lines, wanted, machine };
        tracing::debug!("tell profilers of {} functions", live.functions.len());
        // SAFETY: by the caller's word.
        unsafe { state.write(&live) }?;
        let id = state.next;
        state.next += 1;
        state.live.insert(id, live);
        Ok(Profiled(id))
    }
}

impl Drop for Profiled {
    fn drop(&mut self) {
        STATE.lock().unwrap_or_else(PoisonError::into_inner).live.remove(&self.0);
    }
}

impl State {
    /// Begins files of its own in a child, with what it inherited.
    fn enter(&mut self) -> Result<()> {
        let process = std::process::id();
        if self.process == process {
            return Ok(());
        }
        self.process = process;
        self.map = None;
        self.dumps.clear();
        let inherited = std::mem::take(&mut self.live);
        for live in inherited.values() {
            // SAFETY: what is registered can be read, in a copy of the process too.
            unsafe { self.write(live) }?;
        }
        self.live = inherited;
        Ok(())
    }

    /// # Safety
    ///
    /// The functions' code can be read.
    unsafe fn write(&mut self, live: &Live) -> Result<()> {
        if live.wanted.map {
            let path = map::path(self.process);
            let file = match &mut self.map {
                Some(file) => file,
                none => none.insert(map::open(&path).map_err(|error| cannot(&path, error))?),
            };
            map::write(file, &live.functions).map_err(|error| cannot(&path, error))?;
        }
        if let Some(folder) = &live.wanted.dump {
            let path = dump::path(folder, self.process);
            let refused = |error| cannot(&path, error);
            if !self.dumps.contains_key(&path) {
                close_at_the_end();
                self.dumps.insert(path.clone(), Dump::open(&path, live.machine).map_err(refused)?);
            }
            if let Some(dump) = self.dumps.get_mut(&path) {
                // SAFETY: by the caller's word.
                unsafe { dump.write(&live.functions, &live.lines) }.map_err(refused)?;
            }
        }
        Ok(())
    }
}

fn cannot(path: &Path, error: io::Error) -> Error {
    Error::system(format!("cannot write {}, for profilers", path.display()), error)
        .help("name another folder, in which files may be made and mapped, or leave the profiler out")
}

/// Opens a file of ours for writing, that is no link to another.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    options
}

/// Has the dumps closed when the process ends, as their format wants.
fn close_at_the_end() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    extern "C" fn close(_: *mut c_void) {
        // Not in a child that has no files of its own, and not while another thread writes.
        if let Ok(mut state) = STATE.try_lock()
            && state.process == std::process::id()
        {
            for dump in std::mem::take(&mut state.dumps).into_values() {
                dump.close();
            }
        }
    }
    ONCE.call_once(|| {
        // SAFETY: the function does what may be done while the process ends. Without it the files only lack their end.
        unsafe { sys::__cxa_atexit(close, ptr::null_mut(), ptr::null_mut()) };
    });
}

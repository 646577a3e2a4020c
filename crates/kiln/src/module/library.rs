//! Shared libraries that the system's loader brings in for a module, and symbols of the process.
#![allow(unsafe_code)] // `dlopen`, `dlsym` and `dlclose`.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::io;
use std::sync::{Arc, OnceLock};

use object::{Object, ObjectSymbol, SymbolKind};

use crate::error::{Error, Result};
use crate::graph::FastMap;
use crate::memory;
use crate::register::{self, Definer};
use crate::target::TargetAddr;

/// A shared library, open as long as a handle to it is there.
#[derive(Clone, Debug)]
pub(crate) struct Library(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    open: *mut c_void,
    /// What the loader calls its file, and the thread-local variables that it exports. Read when somebody asks.
    thread_locals: OnceLock<Option<(String, Vec<String>)>>,
}

// SAFETY: a handle of the loader's is the process's, not a thread's, and the loader has a lock.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Library {
    /// Opens the library `name`: a file's name or path; or, of a name without `/` and `.`, the first of `libNAME.so`,
    /// `libNAME.so.0` to `.9` (`libNAME.dylib` on macOS) that the loader finds.
    ///
    /// # Errors
    ///
    /// The loader does not find it, or cannot load it.
    pub(crate) fn open(name: &str) -> Result<Library> {
        let suffixes: &[&str] = if name.contains(['/', '.']) { &[""] } else { &SUFFIXES };
        let mut reasons = Vec::new();
        for suffix in suffixes {
            let file = if suffix.is_empty() { name.to_owned() } else { format!("lib{name}{suffix}") };
            match open(&file) {
                Ok(handle) => {
                    tracing::info!("library {file}");
                    return Ok(Library(Arc::new(handle)));
                }
                Err(reason) => reasons.push(reason),
            }
        }
        // The others only say that there is no such file.
        let reason = reasons.swap_remove(0);
        let error = Error::system("cannot open the shared library", io::Error::other(reason)).input(name);
        Err(error.help("give its file name or its path, such as `libm.so.6`"))
    }

    /// The address of a symbol that the library, or one that it needs, exports.
    pub(crate) fn symbol(&self, name: &str) -> Option<TargetAddr> {
        symbol(self.0.open, name)
    }

    /// A thread-local variable that the library itself exports. Its file says so: to ask the loader would make it a copy for
    /// this thread, after which code can no longer count with a fixed distance to it.
    pub(crate) fn thread_local(&self, name: &str) -> Option<Definer> {
        let known = self.0.thread_locals.get_or_init(|| {
            // SAFETY: opened by `open`, and closed when the handle is dropped.
            let file = unsafe { register::library_file(self.0.open) }?;
            let names = thread_locals(&std::fs::read(&file).ok()?);
            Some((file, names))
        });
        let (file, names) = known.as_ref()?;
        let is_there = names.iter().any(|export| export == name);
        is_there.then(|| Definer { library: Some(file.clone()), name: name.to_owned() })
    }

    /// Whether the loader, which looks in the process first, would take another symbol of this name than the library's.
    pub(crate) fn is_hidden_by_the_process(&self, name: &str) -> bool {
        let process = address(libc::RTLD_DEFAULT, name);
        !process.is_null() && process != address(self.0.open, name)
    }
}

/// The names of the thread-local variables that a shared library exports.
fn thread_locals(bytes: &[u8]) -> Vec<String> {
    let Ok(file) = object::File::parse(bytes) else { return Vec::new() };
    let variables = file.dynamic_symbols().filter(|symbol| symbol.kind() == SymbolKind::Tls && !symbol.is_undefined());
    variables.filter_map(|symbol| symbol.name().ok().map(str::to_owned)).collect()
}

#[rustfmt::skip]
const SUFFIXES: [&str; 12] =
    [".so", ".so.0", ".so.1", ".so.2", ".so.3", ".so.4", ".so.5", ".so.6", ".so.7", ".so.8", ".so.9", ".dylib"];

fn open(file: &str) -> std::result::Result<Handle, String> {
    let name = CString::new(file).map_err(|_| "the name holds a NUL byte".to_owned())?;
    // SAFETY: the name ends in NUL. The library's initializers run, by the word of whoever asks for it.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if !handle.is_null() {
        return Ok(Handle { open: handle, thread_locals: OnceLock::new() });
    }
    // SAFETY: it has no preconditions.
    let reason = unsafe { libc::dlerror() };
    if reason.is_null() {
        return Err("the loader does not say why".to_owned());
    }
    // SAFETY: a string of the loader's, until this thread calls it again.
    Err(unsafe { CStr::from_ptr(reason) }.to_string_lossy().into_owned())
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, closed here alone; no code uses it any more, which had a handle.
        unsafe { libc::dlclose(self.open) };
    }
}

/// The address of a symbol of this process: of the program or of a library that it has loaded.
pub(crate) fn process_symbol(name: &str) -> Option<TargetAddr> {
    symbol(libc::RTLD_DEFAULT, name)
}

/// Symbols of this process for one load to look up.
///
/// The loader looks through every library for each name. What a thread has found stays so until a library is loaded or
/// unloaded, and of the files that the process began with for ever; what it has not found may come without that, when a library
/// that was loaded is made global.
pub(crate) struct ProcessSymbols {
    changes: Changes,
    found: RefCell<FastMap<Box<str>, Known>>,
}

/// How many files have been loaded and unloaded. `None`: the system does not say.
type Changes = Option<(u64, u64)>;

/// What a name means.
#[derive(Clone, Copy)]
struct Known {
    address: TargetAddr,
    /// As of when.
    changes: Changes,
    /// For ever.
    lasting: bool,
}

/// As many symbols as are kept for the next load.
const KEPT: usize = 4096;

thread_local! {
    static FOUND: RefCell<FastMap<Box<str>, Known>> = RefCell::default();
}

impl ProcessSymbols {
    pub(crate) fn new() -> ProcessSymbols {
        let changes = memory::sys::changes_of_files();
        let found = FOUND.try_with(RefCell::take).unwrap_or_default();
        let is_good = changes.is_some() && found.len() <= KEPT;
        ProcessSymbols { changes, found: RefCell::new(if is_good { found } else { FastMap::default() }) }
    }

    /// The address of a symbol.
    pub(crate) fn find(&self, name: &str) -> Option<TargetAddr> {
        let known = self.found.borrow().get(name).copied();
        match known {
            Some(known) if known.lasting || known.changes == self.changes => Some(known.address),
            _ => self.ask(name, known),
        }
    }

    /// Asks the loader, of what was known whether it lasts.
    #[cold]
    fn ask(&self, name: &str, known: Option<Known>) -> Option<TargetAddr> {
        let lasts = |known: &Known| {
            CString::new(name).is_ok_and(|name| memory::sys::is_lasting(&name, known.address.0 as usize))
        };
        let lasting = known.filter(lasts).map(|known| Known { lasting: true, ..known });
        let asked = || Some(Known { address: process_symbol(name)?, changes: self.changes, lasting: false });
        let known = lasting.or_else(asked)?;
        self.found.borrow_mut().insert(name.into(), known);
        Some(known.address)
    }
}

impl Drop for ProcessSymbols {
    fn drop(&mut self) {
        // A thread that is ending has no next load.
        let _ = FOUND.try_with(|found| self.found.swap(found));
    }
}

fn symbol(handle: *mut c_void, name: &str) -> Option<TargetAddr> {
    let address = address(handle, name);
    // Only in a file: that of a thread-local variable is one thread's copy, and every other thread would be given it too.
    let found = !address.is_null() && memory::sys::is_in_a_file(address as usize);
    found.then_some(TargetAddr(address as usize as u64))
}

/// Null where the loader finds none. A version may stand behind the name (`memcpy@GLIBC_2.2.5`).
fn address(handle: *mut c_void, name: &str) -> *mut c_void {
    if let Some((name, version)) = name.split_once('@') {
        return versioned(handle, name, version.trim_start_matches('@'));
    }
    let Ok(name) = CString::new(name) else { return std::ptr::null_mut() };
    // SAFETY: the name ends in NUL, and the handle is the loader's, which is open, or `RTLD_DEFAULT`.
    unsafe { libc::dlsym(handle, name.as_ptr()) }
}

/// Null where the loader finds none of this version, or knows no versions.
fn versioned(handle: *mut c_void, name: &str, version: &str) -> *mut c_void {
    type Versioned = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> *mut c_void;
    let (Ok(name), Ok(version)) = (CString::new(name), CString::new(version)) else { return std::ptr::null_mut() };
    let function = address(libc::RTLD_DEFAULT, "dlvsym");
    // SAFETY: null, or the C library's function, of the type that its manual page says.
    let function = unsafe { std::mem::transmute::<*mut c_void, Option<Versioned>>(function) };
    // SAFETY: as for `dlsym`.
    function.map_or(std::ptr::null_mut(), |function| unsafe { function(handle, name.as_ptr(), version.as_ptr()) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn known(process: &ProcessSymbols, name: &str) -> Option<Known> {
        process.found.borrow().get(name).copied()
    }

    #[test]
    fn the_process_is_asked_once_and_again_for_what_it_did_not_have() {
        let process = ProcessSymbols::new();
        let malloc = process_symbol("malloc");
        assert!(malloc.is_some() && process.find("malloc") == malloc && known(&process, "malloc").is_some());
        assert_eq!(process.find("malloc"), malloc);
        assert_eq!(process.find("kiln_has_no_such_function"), None);
        assert!(known(&process, "kiln_has_no_such_function").is_none());
        // One within another's time, as of a load that a resolver begins.
        let inner = ProcessSymbols::new();
        assert_eq!(inner.find("malloc"), malloc);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_was_found_is_asked_for_again_when_files_have_come_or_gone() {
        let wrong = Some(TargetAddr(1));
        for (then, now, expected) in [
            (Some((7, 2)), Some((7, 2)), wrong),
            (Some((7, 2)), Some((8, 2)), process_symbol("malloc")),
            (Some((7, 2)), Some((7, 3)), process_symbol("malloc")),
        ] {
            let known = Known { address: TargetAddr(1), changes: then, lasting: false };
            let found = RefCell::new([("malloc".into(), known)].into_iter().collect());
            assert_eq!(ProcessSymbols { changes: now, found }.find("malloc"), expected, "{then:?} {now:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn of_the_files_of_the_beginning_it_is_good_for_ever() {
        let process = ProcessSymbols { changes: Some((7, 2)), found: RefCell::default() };
        let found = process.find("l64a");
        assert!(!known(&process, "l64a").unwrap().lasting, "the loader is not asked twice without a reason");
        let process = ProcessSymbols { changes: Some((8, 2)), found: process.found.take().into() };
        assert_eq!(process.find("l64a"), found);
        assert!(known(&process, "l64a").unwrap().lasting);
        // The address is of such a file, the name is not.
        let stale = Known { lasting: false, ..known(&process, "l64a").unwrap() };
        process.found.borrow_mut().insert("kiln_has_no_such_function".into(), stale);
        let process = ProcessSymbols { changes: Some((9, 2)), found: process.found.take().into() };
        assert_eq!(process.find("kiln_has_no_such_function"), None);
        assert_eq!(process.find("l64a"), found);
    }
}

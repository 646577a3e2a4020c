//! Shared libraries that the system's loader brings in for a module, and symbols of the process.
#![allow(unsafe_code)] // `dlopen`, `dlsym` and `dlclose`.

use std::ffi::{CStr, CString, c_void};
use std::io;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::memory;
use crate::target::TargetAddr;

/// A shared library, open as long as a handle to it is there.
#[derive(Clone, Debug)]
pub(crate) struct Library(Arc<Handle>);

#[derive(Debug)]
struct Handle(*mut c_void);

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
        symbol(self.0.0, name)
    }
}

#[rustfmt::skip]
const SUFFIXES: [&str; 12] =
    [".so", ".so.0", ".so.1", ".so.2", ".so.3", ".so.4", ".so.5", ".so.6", ".so.7", ".so.8", ".so.9", ".dylib"];

fn open(file: &str) -> std::result::Result<Handle, String> {
    let name = CString::new(file).map_err(|_| "the name holds a NUL byte".to_owned())?;
    // SAFETY: the name ends in NUL. The library's initializers run, by the word of whoever asks for it.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if !handle.is_null() {
        return Ok(Handle(handle));
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
        unsafe { libc::dlclose(self.0) };
    }
}

/// The address of a symbol of this process: of the program or of a library that it has loaded.
pub(crate) fn process_symbol(name: &str) -> Option<TargetAddr> {
    symbol(libc::RTLD_DEFAULT, name)
}

fn symbol(handle: *mut c_void, name: &str) -> Option<TargetAddr> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name ends in NUL, and the handle is the loader's, which is open, or `RTLD_DEFAULT`.
    let address = unsafe { libc::dlsym(handle, name.as_ptr()) };
    // Only in a file: that of a thread-local variable is one thread's copy, and every other thread would be given it too.
    let found = !address.is_null() && memory::sys::is_in_a_file(address as usize);
    found.then_some(TargetAddr(address as usize as u64))
}

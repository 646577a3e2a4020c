//! Debuggers: gdb's interface for generated code, which lldb knows too. A list of files in this process's memory, and a
//! function that is called when it changes, at which debuggers stop the process and read.
//!
//! Source: *Debugging with GDB*, chapter "JIT Compilation Interface".
#![allow(unsafe_code)] // The list, which others may share, and its symbols.

mod file;

use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

pub(crate) use file::{debug_files, files_of_code};

use crate::module::process_symbol;

/// `struct jit_code_entry`
#[repr(C)]
struct Entry {
    next: *mut Entry,
    previous: *mut Entry,
    file: *const u8,
    size: u64,
}

/// `struct jit_descriptor`
#[repr(C)]
struct Descriptor {
    version: u32,
    action: u32,
    relevant: *mut Entry,
    first: *mut Entry,
}

const VERSION: u32 = 1;
const NO_ACTION: u32 = 0;
const REGISTER: u32 = 1;
const UNREGISTER: u32 = 2;

// Weak definitions of both are in the systems' own files: other compilers define them too, and a program has them once.
unsafe extern "C" {
    #[link_name = "__jit_debug_descriptor"]
    static mut OWN: Descriptor;
    fn __jit_debug_register_code();
}

/// The list of this process, and what tells debuggers of it.
#[derive(Clone, Copy)]
struct List {
    descriptor: *mut Descriptor,
    changed: unsafe extern "C" fn(),
}

// SAFETY: the descriptor is the process's, and only touched under the lock.
unsafe impl Send for List {}
// SAFETY: as above.
unsafe impl Sync for List {}

/// Held while the list is changed: debuggers read it in between.
static LOCK: Mutex<()> = Mutex::new(());

impl List {
    /// The one that the process exports, if it does, so that debuggers that look for one list find all of it; else Kiln's.
    fn of_this_process() -> List {
        static LIST: OnceLock<List> = OnceLock::new();
        *LIST.get_or_init(|| {
            let own = List { descriptor: &raw mut OWN, changed: __jit_debug_register_code };
            let exported = |name| process_symbol(name).map(|address| address.0 as usize);
            let Some((descriptor, changed)) =
                exported("__jit_debug_descriptor").zip(exported("__jit_debug_register_code"))
            else {
                return own;
            };
            let descriptor = descriptor as *mut Descriptor;
            // SAFETY: what goes by this name is such a descriptor, whose version is its first field for ever.
            if unsafe { (*descriptor).version } != VERSION {
                return own;
            }
            // SAFETY: what goes by this name takes nothing and returns nothing.
            let changed = unsafe { std::mem::transmute::<usize, unsafe extern "C" fn()>(changed) };
            List { descriptor, changed }
        })
    }

    /// Lets debuggers look: they stop the process in the function and read.
    ///
    /// # Safety
    ///
    /// The lock is held, and the entry is whole.
    unsafe fn tell(self, action: u32, entry: *mut Entry) {
        // SAFETY: the list's own descriptor, under the lock.
        let descriptor = unsafe { &mut *self.descriptor };
        (descriptor.action, descriptor.relevant) = (action, entry);
        // SAFETY: it takes nothing and does nothing.
        unsafe { (self.changed)() };
        // SAFETY: as above; written anew, since debuggers may have looked at it.
        let descriptor = unsafe { &mut *self.descriptor };
        (descriptor.action, descriptor.relevant) = (NO_ACTION, ptr::null_mut());
    }
}

/// Files that debuggers know of, until this is dropped.
#[derive(Debug)]
pub(crate) struct Debugged {
    entries: Vec<*mut Entry>,
    files: Vec<Vec<u8>>,
}

// SAFETY: the entries are the list's, which is the process's, and are touched under the lock alone.
unsafe impl Send for Debugged {}
// SAFETY: as above; through a shared reference there is nothing to do.
unsafe impl Sync for Debugged {}

impl Debugged {
    /// Tells debuggers of files.
    pub(crate) fn register(files: Vec<Vec<u8>>) -> Debugged {
        let list = List::of_this_process();
        let mut entries = Vec::with_capacity(files.len());
        let _held = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        for file in &files {
            tracing::debug!("register a file of {} bytes for debuggers", file.len());
            let entry = Entry {
                next: ptr::null_mut(),
                previous: ptr::null_mut(),
                file: file.as_ptr(),
                size: file.len() as u64,
            };
            let entry = Box::into_raw(Box::new(entry));
            // SAFETY: the list's descriptor, under the lock.
            let first = unsafe { (*list.descriptor).first };
            // SAFETY: made above, and nobody else's yet.
            unsafe { (*entry).next = first };
            // SAFETY: null, or the first entry, which its owner keeps while it is in the list.
            if let Some(first) = unsafe { first.as_mut() } {
                first.previous = entry;
            }
            // SAFETY: the list's descriptor, under the lock.
            unsafe { (*list.descriptor).first = entry };
            // SAFETY: under the lock; the file lives until the entry is out of the list.
            unsafe { list.tell(REGISTER, entry) };
            entries.push(entry);
        }
        Debugged { entries, files }
    }
}

impl Drop for Debugged {
    fn drop(&mut self) {
        let list = List::of_this_process();
        let _held = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in self.entries.drain(..).rev() {
            // SAFETY: in the list, where it was put by `register`, and taken out here alone.
            let Entry { next, previous, .. } = unsafe { &*entry };
            let (next, previous) = (*next, *previous);
            // SAFETY: null, or an entry that its owner keeps while it is in the list.
            match unsafe { previous.as_mut() } {
                Some(previous) => previous.next = next,
                // SAFETY: the list's descriptor, under the lock.
                None => unsafe { (*list.descriptor).first = next },
            }
            // SAFETY: as for the previous one.
            if let Some(next) = unsafe { next.as_mut() } {
                next.previous = previous;
            }
            // SAFETY: under the lock; the entry and its file are still there.
            unsafe { list.tell(UNREGISTER, entry) };
            // SAFETY: made from a box by `register`, and out of the list.
            drop(unsafe { Box::from_raw(entry) });
        }
        self.files.clear();
    }
}

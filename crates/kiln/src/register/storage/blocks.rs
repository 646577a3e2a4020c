//! Thread-local storage for Mach-O: each thread gets its copy of a module's block when it first asks for one.
//!
//! A descriptor holds the number of its module's storage. Each thread has a table by that number, under a key of the
//! C library's, which also has the table dropped when the thread ends: after the destructors that C++ and Rust register
//! (POSIX, `pthread_key_create`), whose variables must be there as long. What one module ends in all threads is found by a
//! list of all blocks.
#![allow(unsafe_code)] // Memory that other code's variables live in.

use std::alloc::{self, Layout};
use std::collections::HashSet;
use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A thread-local variable, as code knows it (see `DESCRIPTOR_SIZE`).
#[repr(C)]
pub(super) struct Descriptor {
    function: usize,
    /// A number that is its storage's alone: the place in the tables in its lower half.
    key: u64,
    /// In the block.
    offset: u64,
}

/// A module's thread-local storage. When it is dropped, all threads' blocks are gone.
#[derive(Debug)]
pub(super) struct Blocks {
    key: u64,
}

/// What is known of a module's storage.
struct Known {
    key: u64,
    /// Addresses of the initial image; what is missing to the layout's size is zeros.
    template: Range<u64>,
    layout: Layout,
    /// The addresses of all threads' blocks.
    blocks: HashSet<usize>,
}

/// By place in the tables.
struct All {
    known: Vec<Option<Known>>,
    /// How many there have been.
    count: u32,
}

static ALL: Mutex<All> = Mutex::new(All { known: Vec::new(), count: 0 });

fn all() -> MutexGuard<'static, All> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a thread has: for each storage its key and its block.
type Table = Vec<(u64, usize)>;

/// The key of the threads' tables.
fn table_key() -> io::Result<libc::pthread_key_t> {
    static KEY: OnceLock<Result<libc::pthread_key_t, i32>> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the key is written to a variable of ours, and `end` takes what is set under it.
        match unsafe { libc::pthread_key_create(&raw mut key, Some(end)) } {
            0 => Ok(key),
            error => Err(error),
        }
    });
    key.map_err(io::Error::from_raw_os_error)
}

impl Blocks {
    /// Storage with this initial image and this size and alignment, and the key for its descriptors.
    ///
    /// The image is read when threads ask, not now.
    ///
    /// # Errors
    ///
    /// The C library has no key left for threads' storage, or there have been 4 billion modules with variables.
    pub(super) fn new(template: Range<u64>, size: u64, align: u64) -> io::Result<(Blocks, u64)> {
        table_key()?;
        let too_large = |_| io::Error::from(io::ErrorKind::OutOfMemory);
        // Blocks have an address of their own, and `malloc`'s alignment.
        let (size, align) = (size.max(1) as usize, align.max(16) as usize);
        let layout = Layout::from_size_align(size, align).map_err(too_large)?;
        let mut all = all();
        let place = all.known.iter().position(Option::is_none).unwrap_or(all.known.len());
        all.count = all.count.checked_add(1).ok_or(io::ErrorKind::OutOfMemory)?;
        let key = u64::from(all.count) << 32 | place as u64;
        let known = Some(Known { key, template, layout, blocks: HashSet::new() });
        match all.known.get_mut(place) {
            Some(free) => *free = known,
            None => all.known.push(known),
        }
        Ok((Blocks { key }, key))
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        let known = all().known.get_mut(place(self.key)).and_then(Option::take);
        if let Some(known) = known {
            for block in known.blocks {
                // SAFETY: made by `make` with this layout, and in no list any more.
                unsafe { alloc::dealloc(block as *mut u8, known.layout) };
            }
        }
    }
}

/// The place in the tables.
fn place(key: u64) -> usize {
    key as u32 as usize
}

/// Gives the variable of a descriptor in this thread.
///
/// # Safety
///
/// The descriptor is one of a module's that is loaded.
pub(super) unsafe extern "C" fn variable(descriptor: *const Descriptor) -> *mut u8 {
    // SAFETY: by the caller's word.
    let descriptor = unsafe { &*descriptor };
    // The key is there since the module's storage is.
    let Ok(table_key) = table_key() else { std::process::abort() };
    // SAFETY: the key exists.
    let table = unsafe { libc::pthread_getspecific(table_key) }.cast::<Table>();
    // SAFETY: what is set under the key is a table of this thread's, or null.
    let known = unsafe { table.as_ref() }.and_then(|table| table.get(place(descriptor.key)));
    let block = match known {
        Some((key, block)) if *key == descriptor.key => *block,
        _ => make(descriptor.key, table_key, table),
    };
    (block + descriptor.offset as usize) as *mut u8
}

/// Makes this thread's block.
#[cold]
fn make(key: u64, table_key: libc::pthread_key_t, table: *mut Table) -> usize {
    let mut all = all();
    let Some(Some(known)) =
        all.known.get_mut(place(key)).filter(|known| known.as_ref().is_some_and(|it| it.key == key))
    else {
        // A descriptor of a module that has ended: its memory is not there any more.
        std::process::abort();
    };
    // SAFETY: the layout has a size.
    let block = unsafe { alloc::alloc_zeroed(known.layout) };
    if block.is_null() {
        alloc::handle_alloc_error(known.layout);
    }
    let (start, len) = (known.template.start as *const u8, (known.template.end - known.template.start) as usize);
    // SAFETY: the initial image stands in the module's constants, is no longer than the block, and is not in it.
    unsafe { std::ptr::copy_nonoverlapping(start, block, len) };
    known.blocks.insert(block as usize);
    drop(all);
    let table = match table.is_null() {
        false => table,
        true => {
            let table = Box::into_raw(Box::<Table>::default());
            // SAFETY: the key exists. The table is freed by `end`.
            if unsafe { libc::pthread_setspecific(table_key, table.cast()) } != 0 {
                alloc::handle_alloc_error(Layout::new::<Table>());
            }
            table
        }
    };
    // SAFETY: a table of this thread's, which nobody else refers to.
    let table = unsafe { &mut *table };
    if table.len() <= place(key) {
        table.resize(place(key) + 1, (0, 0));
    }
    if let Some(entry) = table.get_mut(place(key)) {
        *entry = (key, block as usize);
    }
    block as usize
}

/// Frees a thread's blocks at its end. What runs later, and asks again, is given new ones.
unsafe extern "C" fn end(table: *mut c_void) {
    // SAFETY: made from a box by `make`; the C library has forgotten it.
    let table = *unsafe { Box::from_raw(table.cast::<Table>()) };
    let mut all = all();
    for (key, block) in table {
        let known = all.known.get_mut(place(key)).and_then(Option::as_mut).filter(|known| known.key == key);
        if let Some(known) = known
            && known.blocks.remove(&block)
        {
            // SAFETY: made by `make` with this layout, and in no list any more.
            unsafe { alloc::dealloc(block as *mut u8, known.layout) };
        }
    }
}

//! The command's allocator. A report is written in a copy of a process that may have stopped inside `malloc`, with its
//! lock taken or its lists broken: there, memory comes from a fresh mapping and is never given back.
#![allow(unsafe_code)] // An allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Whether this process only writes a report.
static REPORTING: AtomicBool = AtomicBool::new(false);
/// The room that is left.
static NEXT: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);

/// From here on memory comes from a mapping of its own. `false`: the system refuses one.
pub(super) fn begin() -> bool {
    // What is not used costs nothing.
    for size in [1 << 30, 64 << 20] {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, where the system likes.
        let room = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if room != libc::MAP_FAILED {
            NEXT.store(room as usize, Ordering::SeqCst);
            END.store(room as usize + size, Ordering::SeqCst);
            REPORTING.store(true, Ordering::SeqCst);
            return true;
        }
    }
    false
}

fn take(layout: Layout) -> *mut u8 {
    // One thread is left in a copy of a process.
    let start = NEXT.load(Ordering::Relaxed).next_multiple_of(layout.align());
    match start.checked_add(layout.size()).filter(|end| *end <= END.load(Ordering::Relaxed)) {
        Some(end) => {
            NEXT.store(end, Ordering::Relaxed);
            start as *mut u8
        }
        None => ptr::null_mut(),
    }
}

// SAFETY: the system's allocator, or memory of a mapping that nothing else uses, each part of it handed out once and
// aligned as asked.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if REPORTING.load(Ordering::Relaxed) {
            return take(layout);
        }
        // SAFETY: the caller's word is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if !REPORTING.load(Ordering::Relaxed) {
            // SAFETY: the caller's word is the same.
            unsafe { System.dealloc(memory, layout) }
        }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !REPORTING.load(Ordering::Relaxed) {
            // SAFETY: the caller's word is the same.
            return unsafe { System.realloc(memory, layout, size) };
        }
        let Ok(new) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        let to = take(new);
        if !to.is_null() {
            // SAFETY: the old memory has its layout's size, the new one the other size, and they do not overlap.
            unsafe { ptr::copy_nonoverlapping(memory, to, layout.size().min(size)) };
        }
        to
    }
}

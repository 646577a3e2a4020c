//! The part of this process's address space that holds the emulated one. An address there means the same inside and
//! outside, so that what a model hands to the host's kernel is the emulated process's own pointer.
#![allow(unsafe_code)] // Maps the window, and makes slices of it.

use std::io;
use std::ptr;

use unicorn_engine::{Prot, Unicorn, uc_error};

/// Where it starts: no lower address is ever mapped, as with a Mac's `__PAGEZERO`.
pub(crate) const START: u64 = 0x1_0000_0000;
/// Where it ends.
pub(crate) const END: u64 = 0x41_0000_0000;

/// The window, reserved once. All ranges that are passed to it lie inside, on pages of the host.
#[derive(Debug)]
pub(crate) struct Window(());

impl Window {
    /// Reserves the addresses, without memory behind them.
    pub(crate) fn reserve() -> io::Result<Window> {
        let len = (END - START) as usize;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: MAP_FIXED_NOREPLACE replaces nothing.
        let got = unsafe { libc::mmap(START as *mut libc::c_void, len, libc::PROT_NONE, flags, -1, 0) };
        if got == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        if got as u64 != START {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        Ok(Window(()))
    }

    pub(crate) fn contains(start: u64, len: u64) -> bool {
        start >= START && start.checked_add(len).is_some_and(|end| end <= END)
    }

    /// Gives a range memory, all zeros if it had none.
    pub(crate) fn open(&self, start: u64, len: u64) -> io::Result<()> {
        assert!(Window::contains(start, len), "inside the window");
        // SAFETY: the range is the window's own.
        let result =
            unsafe { libc::mprotect(start as *mut libc::c_void, len as usize, libc::PROT_READ | libc::PROT_WRITE) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Maps a file there. Nothing of it may lie beyond the file's end.
    pub(crate) fn open_file(
        &self,
        start: u64,
        len: u64,
        fd: i32,
        offset: i64,
        shared: bool,
        write: bool,
    ) -> io::Result<()> {
        assert!(Window::contains(start, len), "inside the window");
        let kind = if shared { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
        let protection = if write || !shared { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
        // SAFETY: it replaces only what is the window's own, of which nothing holds a reference across a system call.
        let got = unsafe {
            libc::mmap(start as *mut libc::c_void, len as usize, protection, kind | libc::MAP_FIXED, fd, offset)
        };
        if got == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Takes the memory of a range away again.
    pub(crate) fn close(&self, start: u64, len: u64) -> io::Result<()> {
        assert!(Window::contains(start, len), "inside the window");
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        // SAFETY: as in `open_file`.
        let got = unsafe { libc::mmap(start as *mut libc::c_void, len as usize, libc::PROT_NONE, flags, -1, 0) };
        if got == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// The bytes of a range that is open.
    ///
    /// The emulated process changes them only while it runs, and it does not run while a model looks at them; a caller
    /// keeps no slice across a run, and no two that overlap of which one is mutable.
    pub(super) fn slice(&self, start: u64, len: u64) -> &[u8] {
        if len == 0 {
            return &[];
        }
        assert!(Window::contains(start, len), "inside the window");
        // SAFETY: readable (the caller has looked at the regions), and not written meanwhile, as said above.
        unsafe { std::slice::from_raw_parts(ptr::with_exposed_provenance(start as usize), len as usize) }
    }

    /// As [`slice`](Window::slice), to write.
    #[allow(clippy::mut_from_ref)] // The window owns the addresses, not the bytes: see `slice`.
    pub(super) fn slice_mut(&self, start: u64, len: u64) -> &mut [u8] {
        if len == 0 {
            return &mut [];
        }
        assert!(Window::contains(start, len), "inside the window");
        // SAFETY: writable on the host, and nothing else looks at it meanwhile, as said above.
        unsafe { std::slice::from_raw_parts_mut(ptr::with_exposed_provenance_mut(start as usize), len as usize) }
    }
}

/// Makes the window the processor's memory, at its own addresses. What may be done with a page is not said here.
pub(crate) fn map_into(processor: &mut Unicorn<'_, ()>) -> Result<(), uc_error> {
    let memory = ptr::with_exposed_provenance_mut(START as usize);
    // SAFETY: the window lives as long as the process. The processor touches only what is open in it: it asks for every
    // page, and only what is mapped is allowed.
    unsafe { processor.mem_map_ptr(START, END - START, Prot::ALL, memory) }
}

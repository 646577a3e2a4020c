//! Functions published one by one: the allocator of executable memory.
#![allow(unsafe_code)] // Writes to room that it took, and the user's word for a function's type.

mod block;
mod holes;
mod inner;
mod region;
mod room;
mod shard;
mod sync;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) use block::Hold;
use inner::{Inner, Settings, Site};
use region::{Place, Region};
use room::Room;

use super::situation::{Situation, Strategy};
use super::sys::{Window, forks};
use crate::error::{Error, Result};
use crate::function::{FnPtr, Function};

/// Publishes machine code that needs no linking: many small functions, each freed by itself.
///
/// A handle, cheap to clone; every clone is the same heap. Code may be published, called and freed by many threads at once.
/// What was published lives as long as a handle to it ([`Code`], [`Function`]), also when the heap itself is gone.
///
/// # Where the memory is, and what is in it
///
/// The heap grows by chunks, near the executable where there is room, and hands out parts of pages at multiples of 16 bytes.
/// Its bookkeeping lies elsewhere. Room that is free again, and room that comes next, is full of instructions that trap;
/// memory that was never used is zeros. What is freed is reused when every core has forgotten it, which one system call
/// does for many at once.
///
/// # fork
///
/// A child runs the code that it inherited, and publishes its own: apart from the parent's, with which it shares the inherited
/// code's memory. Neither writes to that again; the parent's room is reused only where it was free at the fork. (`fork` tells
/// by `pthread_atfork`; a bare `clone` system call does not.) Inherited code that the child drops stays mapped.
///
/// # Signals
///
/// A signal handler may run published code, and clone a handle. It must not publish, or drop the last handle to code: the
/// thread that it interrupts may have the heap's lock. Whenever a signal comes, code that was handed out is whole.
///
/// On Apple Silicon, under [`Strategy::ThreadToggle`] and [`Strategy::ToggleCallback`], a handler sees the memory as the thread
/// does that it interrupts: while that publishes or frees code, or loads a module, as writable, so that running any code in it
/// is a fault (`SIGBUS`). Where handlers run published code, block their signals meanwhile (`pthread_sigmask`).
///
/// # Examples
///
/// ```
/// use kiln::{CodeHeap, Function, HeapOptions};
///
/// // mov eax, 42; ret
/// # #[cfg(target_arch = "x86_64")]
/// let code = [0xb8, 42, 0, 0, 0, 0xc3];
/// // mov w0, #42; ret
/// # #[cfg(target_arch = "aarch64")]
/// let code = [0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6];
///
/// let heap = CodeHeap::new(HeapOptions::new())?;
/// // SAFETY: the bytes are a function that takes nothing and returns an integer.
/// let answer: Function<extern "C" fn() -> u32> = unsafe { heap.publish(&code)?.function() };
/// assert_eq!(answer.call(), 42);
/// # Ok::<(), kiln::Error>(())
/// ```
pub struct CodeHeap {
    inner: Arc<Inner>,
}

/// What a [`CodeHeap`] is to be like.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct HeapOptions {
    strategy: Option<Strategy>,
    near: Option<(usize, usize)>,
    huge_pages: bool,
    quarantine: usize,
}

/// What a [`CodeHeap`] has and uses, in bytes where nothing else is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapStats {
    /// Code that has a handle, rounded up to what it takes.
    pub used: usize,
    /// Code that was freed and waits until it may be reused.
    pub waiting: usize,
    /// Free room in the chunks.
    pub free: usize,
    /// The longest piece of free room.
    pub longest_free: usize,
    /// Executable memory that is mapped; what was never used of it takes addresses only.
    pub reserved: usize,
    /// How many mappings that is.
    pub chunks: usize,
    /// How many pieces of code have a handle.
    pub codes: usize,
}

impl HeapStats {
    /// How much of the free room is not in one piece: from 0 (all is) to nearly 1.
    #[must_use]
    pub fn fragmentation(&self) -> f64 {
        if self.free == 0 { 0.0 } else { 1.0 - self.longest_free as f64 / self.free as f64 }
    }
}

impl HeapOptions {
    /// The strategy that fits this process, near the executable where there is room.
    pub fn new() -> HeapOptions {
        HeapOptions::default()
    }

    /// Uses `strategy` instead of the one that Kiln chooses. [`Strategy::Seal`] works wherever a linked module does, at the
    /// price of whole pages and system calls for each piece of code. [`Strategy::ProtectionKeys`] is never chosen: it is the
    /// dual mapping, whose writable side only the thread that publishes can write to, while it does.
    pub fn strategy(mut self, strategy: Strategy) -> HeapOptions {
        self.strategy = Some(strategy);
        self
    }

    /// All code must lie within `reach` bytes of `address`: 2 GiB for what x86-64 calls and addresses directly, 128 MiB for
    /// arm64's `bl`. Growing fails where there is no such room.
    pub fn near(mut self, address: *const (), reach: usize) -> HeapOptions {
        self.near = Some((address as usize, reach));
        self
    }

    /// Asks for huge pages (2 MiB), for heaps with megabytes of code: fewer page faults at first use, and fewer misses of
    /// the instruction TLB. Where the system gives none, ordinary pages are used.
    pub fn huge_pages(mut self, wanted: bool) -> HeapOptions {
        self.huge_pages = wanted;
        self
    }

    /// Keeps the last `bytes` of freed code full of traps before any of it is reused, so that a call through a stale
    /// pointer stops there.
    pub fn quarantine(mut self, bytes: usize) -> HeapOptions {
        self.quarantine = bytes;
        self
    }
}

impl CodeHeap {
    /// A heap for this process. It maps nothing yet.
    ///
    /// # Errors
    ///
    /// This process is not allowed to run new code, or not by the strategy that `options` ask for; see
    /// [`Situation::choose`].
    pub fn new(options: HeapOptions) -> Result<CodeHeap> {
        let situation = Situation::of_this_process();
        let strategy = match options.strategy {
            None => situation.choose_for_heap()?.strategy(),
            Some(strategy) => {
                let verdict = situation.verdict(strategy);
                if !verdict.is_working() {
                    let error = Error::not_allowed(format!(
                        "the heap was to use the {strategy}: {}: {}",
                        verdict.outcome(),
                        verdict.reason()
                    ));
                    return Err(error.help(verdict.remedy().unwrap_or("leave out HeapOptions::strategy")));
                }
                strategy
            }
        };
        let placed = matches!(strategy, Strategy::Seal | Strategy::DualMapping | Strategy::ProtectionKeys);
        if options.near.is_some() && !placed {
            return Err(Error::unsupported(format!("by the {strategy} the system alone decides where memory lies"))
                .help("leave out HeapOptions::near"));
        }
        forks::notice();
        let site = match options.near {
            Some((address, reach)) => Site::Within { address, reach },
            // Within what a direct call reaches from anywhere in an executable of ordinary size.
            None => Site::Rather(Window::around(CodeHeap::new as *const () as usize, 0x7000_0000)),
        };
        let settings = Settings { strategy, site, huge: options.huge_pages, quarantine: options.quarantine };
        Ok(CodeHeap { inner: Inner::new(settings) })
    }

    /// Copies `code` to the heap and makes it executable. It starts at a multiple of 16 bytes; [`draft`](CodeHeap::draft)
    /// gives more.
    ///
    /// # Errors
    ///
    /// The code is empty or longer than 2 GiB, or the system refuses memory. Nothing is left behind.
    #[inline]
    pub fn publish(&self, code: &[u8]) -> Result<Code> {
        let mut room = self.inner.room(code.len(), 1)?;
        // SAFETY: the room was just taken, in this process.
        unsafe { room.write(code) }.map_err(|error| unwritten(&room, error))?;
        Region::publish(std::iter::once((room.region(), room.place())))?;
        Ok(Code::of(room))
    }

    /// Publishes many pieces of code together, in the least time: the heap's lock is taken once for dozens of them, and what
    /// making them executable asks of the system is asked once for all.
    ///
    /// # Errors
    ///
    /// As for [`publish`](CodeHeap::publish); no code is published then.
    pub fn publish_many(&self, codes: &[&[u8]]) -> Result<Vec<Code>> {
        let mut written = Vec::with_capacity(codes.len());
        let reused = self.inner.write_many(codes, &mut written)?;
        Code::publish(&written, reused)?;
        Ok(written)
    }

    /// Room for `len` bytes of code at a multiple of `align`, whose final address is known before it is written: for code
    /// that refers to itself, or to other drafts.
    ///
    /// # Errors
    ///
    /// `len` is 0 or more than 2 GiB, `align` is not a power of two or more than a page, or the system refuses memory.
    #[inline(always)]
    pub fn draft(&self, len: usize, align: usize) -> Result<Draft> {
        if !align.is_power_of_two() {
            return Err(Error::malformed(format!("an alignment of {align} bytes is not a power of two")));
        }
        let room = self.inner.room(len, align)?;
        // SAFETY: the room was just taken, in this process.
        let apart = if room.hold.is_always_writable() { None } else { unsafe { Draft::apart(&room) }? };
        Ok(Draft { room, apart })
    }

    /// Publishes drafts together: one change of permissions for those that lie side by side, and one barrier for all.
    ///
    /// # Errors
    ///
    /// The system refuses, or a draft was inherited from a parent process. No code is published then, and the drafts are
    /// gone.
    pub fn publish_all(&self, drafts: Vec<Draft>) -> Result<Vec<Code>> {
        let mut written = Vec::with_capacity(drafts.len());
        let mut reused = false;
        for mut draft in drafts {
            draft.finish()?;
            reused |= draft.room.is_reused();
            written.push(Code::of(draft.room));
        }
        Code::publish(&written, reused)?;
        Ok(written)
    }

    /// What the heap has and uses now.
    #[must_use]
    pub fn stats(&self) -> HeapStats {
        if self.inner.is_of_this_process() { self.inner.stats() } else { self.inner.successor().stats() }
    }
}

#[cold]
fn unwritten(room: &Room, error: std::io::Error) -> Error {
    Error::system(format!("cannot write {} bytes to {:#x}", room.len(), room.address()), error)
}

impl Clone for CodeHeap {
    fn clone(&self) -> CodeHeap {
        self.inner.handles.fetch_add(1, Ordering::Relaxed);
        CodeHeap { inner: Arc::clone(&self.inner) }
    }
}

impl Drop for CodeHeap {
    fn drop(&mut self) {
        if self.inner.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.inner.close();
        }
    }
}

impl fmt::Debug for CodeHeap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeHeap").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

/// Room in a [`CodeHeap`] that is written before it is published. Dropped unpublished, it is free again.
#[derive(Debug)]
pub struct Draft {
    room: Room,
    /// The bytes, where they cannot be written in their place.
    apart: Option<Box<Apart>>,
}

/// A pointer to it is one word, unlike one to a slice.
#[derive(Debug)]
struct Apart {
    bytes: Box<[u8]>,
}

impl Draft {
    /// # Safety
    ///
    /// The room was just taken, in this process.
    #[cold]
    unsafe fn apart(room: &Room) -> Result<Option<Box<Apart>>> {
        // SAFETY: as the caller says.
        let bytes = unsafe { room.region().prepare(&room.place()) }.map_err(|error| unwritten(room, error))?;
        Ok(bytes.map(|bytes| Box::new(Apart { bytes })))
    }

    /// The address of the first byte, now and when it is code.
    #[must_use]
    #[inline]
    pub fn address(&self) -> *const () {
        self.room.address() as *const ()
    }

    /// The size in bytes.
    #[must_use]
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.room.len()
    }

    /// The bytes, to be written. At first they are instructions that trap.
    ///
    /// # Panics
    ///
    /// In a child of the process that made the draft, which has no part in it.
    #[must_use]
    #[inline]
    pub fn bytes(&mut self) -> &mut [u8] {
        assert!(self.is_of_this_process(), "a draft of a parent process is written");
        match &mut self.apart {
            Some(apart) => &mut apart.bytes,
            // SAFETY: the draft has the place to itself, borrowed with it, and is of this process.
            None => unsafe { self.room.bytes() },
        }
    }

    /// Makes the draft code.
    ///
    /// # Errors
    ///
    /// As for [`CodeHeap::publish_all`].
    pub fn publish(mut self) -> Result<Code> {
        self.finish()?;
        Region::publish(std::iter::once((self.room.region(), self.room.place())))?;
        Ok(Code::of(self.room))
    }

    #[inline]
    fn is_of_this_process(&self) -> bool {
        self.room.is_of_this_process()
    }

    /// Puts everything in its place.
    #[inline]
    fn finish(&mut self) -> Result<()> {
        if !self.is_of_this_process() {
            return Err(Error::unsupported("a draft is published by the process that made it, not by its child"));
        }
        if let Some(apart) = &self.apart {
            // SAFETY: the draft has the place to itself, and is of this process.
            unsafe { self.room.write(&apart.bytes) }.map_err(|error| unwritten(&self.room, error))?;
        }
        Ok(())
    }
}

/// Published code. Its room is free again when the last handle to it, or to a function of it, is dropped.
#[derive(Clone)]
pub struct Code {
    hold: Hold,
    len: usize,
}

// Two words; see `Room`.
const _: () = assert!(size_of::<Result<Code>>() == 16);

impl Code {
    #[inline(always)]
    fn of(room: Room) -> Code {
        Code { len: room.len(), hold: room.hold }
    }

    /// Makes executable what was written; some of it may be `reused`.
    fn publish(written: &[Code], reused: bool) -> Result<()> {
        Region::publish(
            written
                .iter()
                .map(|Code { hold, len }| (&*hold.block().region, Place { range: hold.bytes(), len: *len, reused })),
        )
    }

    /// The address of the code's first byte.
    #[must_use]
    #[inline]
    pub fn address(&self) -> *const () {
        self.hold.address() as *const ()
    }

    /// The code's size in bytes.
    #[must_use]
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The function that begins with the code's first byte.
    ///
    /// # Safety
    ///
    /// The code is a function of the type `F`, correct on this machine, and keeps to the platform's calling convention.
    #[must_use]
    #[inline]
    pub unsafe fn function<F: FnPtr>(&self) -> Function<F> {
        // SAFETY: a function of this type stands there, by the caller's word, in memory that the handle keeps.
        unsafe { Function::new(self.hold.address(), self.hold.clone()) }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({:#x}, {} bytes)", self.hold.address(), self.len)
    }
}

#[cfg(all(test, kiln_loom))]
mod loom_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

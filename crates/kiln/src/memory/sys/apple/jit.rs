//! `MAP_JIT` memory: each thread sees all of it either writable or executable.
//!
//! Two ways to write to it. The toggle switches the calling thread. The callback is for programs with the entitlement
//! `jit-write-allowlist`, in which the toggle ends the process: the system switches, calls a function that the program's file
//! lists, and switches back (libpthread: include/pthread/pthread.h, man/pthread_jit_write_protect_np.3).
#![allow(unsafe_code)] // The toggle, the callback, and the copies between them.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::io;
use std::marker::PhantomData;
use std::sync::OnceLock;

use crate::memory::situation::{JitCallback, Strategy};
use crate::memory::sys::unix::Mapping;

unsafe extern "C" {
    /// `<pthread.h>`, macOS 11.
    fn pthread_jit_write_protect_np(protect: c_int);
    /// `<mach-o/dyld.h>`
    fn _dyld_get_image_header(index: u32) -> *const c_void;
    /// The linker's names for the bounds of the section that `LISTED` stands in.
    #[link_name = "\u{1}section$start$__DATA_CONST$__pth_jit_func"]
    static LIST_START: Entry;
    #[link_name = "\u{1}section$end$__DATA_CONST$__pth_jit_func"]
    static LIST_END: Entry;
}

/// A function that may write to `MAP_JIT` memory.
type WriteCallback = unsafe extern "C" fn(context: *mut c_void) -> c_int;
type Entry = Option<WriteCallback>;

/// The functions of this program that may write under `jit-write-allowlist`, up to the first `None`. The system reads the
/// list of each image that is there at launch, and nothing that is loaded later, unless the program has the entitlement
/// `jit-write-allowlist-freeze-late`: then it must itself call `pthread_jit_write_freeze_callbacks_np`, exactly once, and Kiln,
/// which cannot see whether it has, refuses.
#[used]
#[unsafe(link_section = "__DATA_CONST,__pth_jit_func")]
static LISTED: [Entry; 2] = [Some(write_listed), None];

/// Maps memory that threads see as writable or as executable, each as it chose, executable at first. The system takes no
/// address for it.
pub(crate) fn map_jit(len: usize) -> io::Result<Mapping> {
    // The one mapping that asks for all three: W^X is kept by thread, and the kernel accepts nothing less for the toggle.
    Mapping::with(len, libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC, libc::MAP_JIT)
}

/// Copies `code` to a mapping of [`map_jit`], by the toggle or the callback. Meanwhile this thread runs one `memcpy`, which
/// cannot unwind, and no code of anybody else's.
///
/// # Errors
///
/// The system has no callback. Nothing is written then.
///
/// # Safety
///
/// The mapping is one of `map_jit`; from `offset` on it has room for `code`, which no other thread writes to or runs. The
/// process may use the strategy: else it ends here.
pub(crate) unsafe fn write_jit(strategy: Strategy, to: &Mapping, offset: usize, code: &[u8]) -> io::Result<()> {
    #[cfg(test)]
    crate::memory::sys::injection::call("pthread_jit_write")?;
    assert!(offset.checked_add(code.len()).is_some_and(|end| end <= to.len()), "a range of the mapping");
    // SAFETY: the range lies in the mapping, by the assertion.
    let to = unsafe { to.pointer().add(offset) };
    let mut order = Order { to, from: code.as_ptr(), len: code.len() };
    if strategy == Strategy::ToggleCallback && WRITERS.get() == 0 {
        let write = with_callback().ok_or(io::ErrorKind::Unsupported)?;
        // SAFETY: `write_listed` gets the order that it wants, on which nothing else works. The thread sees the memory as
        // executable now, as the function wants it: no `Writing` lives.
        unsafe { write(write_listed, (&raw mut order).cast()) };
    } else {
        let _writing = Writing::begin();
        // SAFETY: an order, and the memory is writable for this thread as long as `_writing` lives.
        unsafe { write_listed((&raw mut order).cast()) };
    }
    Ok(())
}

/// What [`write_listed`] is to copy.
#[repr(C)]
struct Order {
    to: *mut u8,
    from: *const u8,
    len: usize,
}

/// The listed function: it copies. It calls nothing that could unwind, and does not call for itself again.
///
/// # Safety
///
/// `order` points to an [`Order`]: `len` bytes to read from `from`, and as many to write to `to`, elsewhere, writable for this
/// thread, and used by nobody.
unsafe extern "C" fn write_listed(order: *mut c_void) -> c_int {
    // SAFETY: an order, by the caller's word.
    let Order { to, from, len } = unsafe { order.cast::<Order>().read() };
    // SAFETY: readable, writable, of that length and apart, by the caller's word.
    unsafe { std::ptr::copy_nonoverlapping(from, to, len) };
    0
}

thread_local! {
    /// How many [`Writing`]s of this thread live.
    static WRITERS: Cell<usize> = const { Cell::new(0) };
}

/// While one lives, this thread sees `MAP_JIT` memory as writable, and cannot run what stands in it. They nest; the end of the
/// outermost, by a panic too, makes the memory executable again.
///
/// The system does not tell what a thread sees: a program that has switched itself before it calls Kiln is switched to
/// executable when Kiln is done.
pub(crate) struct Writing {
    /// The switch is a thread's own.
    not_send: PhantomData<*const ()>,
}

impl Writing {
    pub(crate) fn begin() -> Writing {
        let outer = WRITERS.get();
        if outer == 0 {
            // SAFETY: this thread sees `MAP_JIT` memory as writable from here on, and runs none of it.
            unsafe { pthread_jit_write_protect_np(0) };
        }
        WRITERS.set(outer + 1);
        Writing { not_send: PhantomData }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let outer = WRITERS.get() - 1;
        WRITERS.set(outer);
        if outer == 0 {
            // SAFETY: back to executable; nobody in this thread writes any more.
            unsafe { pthread_jit_write_protect_np(1) };
        }
    }
}

type WithCallback = unsafe extern "C" fn(callback: WriteCallback, context: *mut c_void) -> c_int;

/// `pthread_jit_write_with_callback_np`, which systems before macOS 11.4 do not have.
fn with_callback() -> Option<WithCallback> {
    static FOUND: OnceLock<Option<WithCallback>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: the name ends in NUL, and `RTLD_DEFAULT` is a handle that is always valid.
        let function = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"pthread_jit_write_with_callback_np".as_ptr()) };
        // SAFETY: that function has this type, by its header; a null pointer is `None`.
        unsafe { std::mem::transmute::<*mut c_void, Option<WithCallback>>(function) }
    })
}

/// Whether the system will call [`write_listed`] under `jit-write-allowlist`: answered as libpthread itself reads the list
/// (src/pthread.c, `_pthread_jit_write_protect_bulk_image_load_callback`).
pub(super) fn callback() -> JitCallback {
    if with_callback().is_none() {
        return JitCallback::Missing;
    }
    let mut entry = &raw const LIST_START;
    let end = &raw const LIST_END;
    let listed = LISTED[0].map(|function| function as usize);
    loop {
        if entry >= end {
            return JitCallback::Hidden;
        }
        // SAFETY: between the bounds of a section that holds nothing but such entries.
        match unsafe { entry.read() } {
            None => return JitCallback::Hidden,
            Some(function) if Some(function as usize) == listed => break,
            // SAFETY: at most the end of the section.
            Some(_) => entry = unsafe { entry.add(1) },
        }
    }
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the address is only compared; `info` has room for the answer.
    let found = unsafe { libc::dladdr(end.cast(), info.as_mut_ptr()) } != 0;
    // SAFETY: all zeros is a value of this structure of pointers, and `dladdr` has filled it if it could.
    let image = unsafe { info.assume_init() }.dli_fbase.cast_const();
    // SAFETY: asks for an address.
    let program = unsafe { _dyld_get_image_header(0) };
    if found && image == program { JitCallback::Listed } else { JitCallback::InLibrary }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::memory::Situation;
    use crate::memory::sys::clean_caches;

    /// `mov w0, #number; ret`: the toggle is on Apple Silicon alone.
    fn returns(number: u32) -> [u8; 8] {
        let mut code = [0; 8];
        code[..4].copy_from_slice(&(0x5280_0000 | number << 5).to_le_bytes());
        code[4..].copy_from_slice(&0xd65f_03c0u32.to_le_bytes());
        code
    }

    fn call(mapping: &Mapping, offset: usize) -> u32 {
        let start = (mapping.address() + offset) as *const ();
        // SAFETY: such a function was written there.
        let function: extern "C" fn() -> u32 = unsafe { std::mem::transmute(start) };
        function()
    }

    fn works(strategy: Strategy) -> bool {
        Situation::of_this_process().verdict(strategy).is_working()
    }

    #[test]
    fn both_ways_write_what_runs() {
        for strategy in [Strategy::ThreadToggle, Strategy::ToggleCallback] {
            if !works(strategy) {
                continue;
            }
            let mapping = map_jit(1 << 16).unwrap();
            for (offset, number) in [(0, 42), (0x100, 7), (0, 43)] {
                // SAFETY: the mapping is new, and nothing in it runs now.
                unsafe { write_jit(strategy, &mapping, offset, &returns(number)) }.unwrap();
                clean_caches(mapping.address() + offset, 8);
                assert_eq!(call(&mapping, offset), number, "{strategy}");
            }
        }
    }

    #[test]
    fn the_toggle_nests_and_survives_a_panic() {
        if !works(Strategy::ThreadToggle) {
            return;
        }
        let mapping = map_jit(1 << 16).unwrap();
        // SAFETY: the mapping is new.
        let write = |number| unsafe { write_jit(Strategy::ThreadToggle, &mapping, 0, &returns(number)) }.unwrap();
        let panicked = std::panic::catch_unwind(|| {
            let _outer = Writing::begin();
            {
                let _inner = Writing::begin();
                write(1);
            }
            // Still writable: only the outermost switches back.
            assert_eq!(WRITERS.get(), 1);
            write(2);
            panic!("while writing");
        });
        assert!(panicked.is_err());
        assert_eq!(WRITERS.get(), 0);
        clean_caches(mapping.address(), 8);
        // Executable again in this thread, and in one that was never switched.
        assert_eq!(call(&mapping, 0), 2);
        let other = std::thread::scope(|scope| scope.spawn(|| call(&mapping, 0)).join());
        assert_eq!(other.unwrap(), 2);
    }

    #[test]
    fn the_program_lists_the_function() {
        assert!(matches!(callback(), JitCallback::Listed | JitCallback::Missing), "{:?}", callback());
    }
}

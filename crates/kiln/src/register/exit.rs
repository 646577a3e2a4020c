//! Initializers, finalizers, and what a module registers to be called at the end of it or of the process.
//!
//! The process's own list has it all (Itanium C++ ABI, section 3.3.6.3): every function is registered there under the
//! module's handle. When the process ends they are called in the reverse order of their registration, among everybody
//! else's; when the module ends, those of its handle alone are.
#![allow(unsafe_code)] // Calls functions of loaded code, which the user vouches for, and the C library's lists of them.

use std::collections::HashMap;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError, Weak};

use super::{Arguments, sys};
use crate::error::{Error, Result};
use crate::fixup::CallLists;
use crate::module::Owner;

/// `argc, argv, envp`, and Apple's list of strings for the loader, which is empty.
type Initializer = extern "C-unwind" fn(c_int, *const *const c_char, *const *const c_char, *const *const c_char);

/// A module's beginning and end. When it is dropped, what the module registered is called.
#[derive(Debug)]
pub(crate) struct Exit {
    /// `None`: nothing can have been registered.
    handle: Option<usize>,
    /// Addresses, in the order of the calls.
    init: Vec<usize>,
    fini: Vec<usize>,
    started: bool,
}

/// The modules that may have something registered, by handle.
static MODULES: Mutex<Option<HashMap<usize, Weak<Owner>>>> = Mutex::new(None);

/// The module with this handle.
pub(super) fn module(handle: usize) -> Option<Weak<Owner>> {
    MODULES.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(&handle).cloned()
}

impl Exit {
    pub(crate) fn new(handle: Option<u64>, lists: &CallLists) -> Exit {
        let addresses = |list: &[u64]| list.iter().map(|address| *address as usize).collect();
        Exit {
            handle: handle.map(|handle| handle as usize),
            init: addresses(&lists.init),
            fini: addresses(&lists.fini),
            started: false,
        }
    }

    /// From here on what the module registers is called when `self` is dropped.
    ///
    /// # Errors
    ///
    /// The C library has no memory for it.
    pub(crate) fn start(&mut self, owner: Weak<Owner>) -> Result<()> {
        let Some(handle) = self.handle else { return Ok(()) };
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        modules.get_or_insert_default().insert(handle, owner);
        drop(modules);
        self.started = true;
        // First of all, so that they are called after all that the initializers and the code itself register.
        for address in self.fini.iter().rev() {
            // SAFETY: an address of the module's list of finalizers, vouched for by whoever loads it.
            let finalizer = unsafe { std::mem::transmute::<*const (), extern "C" fn()>(*address as *const ()) };
            if register(finalizer, handle as *mut c_void) != 0 {
                let error = std::io::ErrorKind::OutOfMemory;
                return Err(Error::system("cannot register a finalizer", error.into()));
            }
        }
        Ok(())
    }

    /// Calls the initializers.
    ///
    /// # Safety
    ///
    /// They are functions of the type [`Initializer`], or of one that takes fewer of its arguments, and may run.
    pub(crate) unsafe fn initialize(&self, arguments: &Arguments) {
        for address in &self.init {
            tracing::debug!("call the initializer at {address:#x}");
            // SAFETY: a function of this type stands there, by the caller's word.
            call(unsafe { std::mem::transmute::<*const (), Initializer>(*address as *const ()) }, arguments);
        }
    }
}

/// By its own convention, whatever unwinds to it ends the process.
extern "C" fn call(initializer: Initializer, arguments: &Arguments) {
    let (argc, argv) = arguments.as_c();
    let nothing: [*const c_char; 1] = [std::ptr::null()];
    initializer(argc, argv, sys::environment(), nothing.as_ptr());
}

impl Drop for Exit {
    fn drop(&mut self) {
        let Some(handle) = self.handle.filter(|_| self.started) else { return };
        // SAFETY: what is called belongs to the module, whose memory is still there, and is vouched for by whoever
        // loaded it.
        unsafe { sys::finalize(handle) };
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(modules) = modules.as_mut() {
            modules.remove(&handle);
        }
    }
}

/// Has `function` called at the end of the module with this handle, or of the process. 0: it will be.
fn register(function: extern "C" fn(), handle: *mut c_void) -> c_int {
    // SAFETY: a function that takes no argument may be given one: it stays in a register that nobody reads.
    let function = unsafe { std::mem::transmute::<extern "C" fn(), extern "C" fn(*mut c_void)>(function) };
    // SAFETY: the handle is the module's, whose end takes the registration back.
    unsafe { sys::__cxa_atexit(function, std::ptr::null_mut(), handle) }
}

/// `atexit`, for the module with this handle.
pub(super) extern "C" fn atexit(
    function: Option<extern "C" fn()>,
    _: *mut c_void,
    _: *mut c_void,
    handle: *mut c_void,
) -> c_int {
    function.map_or(-1, |function| register(function, handle))
}

/// `at_quick_exit`, for the module with this handle.
pub(super) extern "C" fn at_quick_exit(
    function: Option<extern "C" fn()>,
    _: *mut c_void,
    _: *mut c_void,
    handle: *mut c_void,
) -> c_int {
    let Some(function) = function else { return -1 };
    // SAFETY: the handle is the module's, whose end takes the registration back.
    unsafe { sys::at_quick_exit(function, handle) }
}

/// What `on_exit` was given.
struct OnExit {
    function: extern "C" fn(c_int, *mut c_void),
    argument: *mut c_void,
}

/// `on_exit`, for the module with this handle. Its own list knows no handles, so that the function goes into the other
/// one, whose functions are given the status too (glibc, `__run_exit_handlers`). It is 0 when the module ends before the
/// process does.
pub(super) extern "C" fn on_exit(
    function: Option<extern "C" fn(c_int, *mut c_void)>,
    argument: *mut c_void,
    _: *mut c_void,
    handle: *mut c_void,
) -> c_int {
    extern "C" fn call(record: *mut c_void, status: c_int) {
        // SAFETY: made below from a box, and called once.
        let OnExit { function, argument } = *unsafe { Box::from_raw(record.cast::<OnExit>()) };
        function(status, argument);
    }
    let Some(function) = function else { return -1 };
    let record = Box::into_raw(Box::new(OnExit { function, argument }));
    let call = call as extern "C" fn(*mut c_void, c_int);
    // SAFETY: the C library calls it with both arguments, whatever its own declaration says.
    let call = unsafe { std::mem::transmute::<extern "C" fn(*mut c_void, c_int), extern "C" fn(*mut c_void)>(call) };
    // SAFETY: the record lives until it is called; the handle is the module's, whose end takes the registration back.
    let result = unsafe { sys::__cxa_atexit(call, record.cast(), handle) };
    if result != 0 {
        // SAFETY: made above, and registered nowhere.
        drop(unsafe { Box::from_raw(record) });
    }
    result
}

/// `pthread_atfork`, for the module with this handle.
pub(super) extern "C" fn pthread_atfork(
    prepare: Option<extern "C" fn()>,
    parent: Option<extern "C" fn()>,
    child: Option<extern "C" fn()>,
    handle: *mut c_void,
) -> c_int {
    // SAFETY: the handle is the module's, whose end takes the registration back, or the module is kept for good.
    let result = unsafe { sys::at_fork(prepare, parent, child, handle) };
    if result == 0 && !sys::FORGETS_AT_FORK {
        // There is always a module while its code runs, unless it is ending.
        std::mem::forget(module(handle as usize).as_ref().and_then(Weak::upgrade));
    }
    result
}

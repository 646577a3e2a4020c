//! What code registers to be called at the end of a thread.
#![allow(unsafe_code)] // Calls destructors of loaded code, and the C library's list of them.

use std::ffi::{c_int, c_void};
use std::sync::{Arc, Weak};

use super::{exit, sys};
use crate::module::Owner;

/// A destructor of a thread-local variable, and the module that it stands in, which lives until it was called.
struct Destructor {
    function: extern "C-unwind" fn(*mut c_void),
    object: *mut c_void,
    owner: Option<Arc<Owner>>,
}

/// `__cxa_thread_atexit` (Itanium C++ ABI, section 3.3.6.7 as proposed), by which C++ and Rust have thread-local
/// variables destroyed: in the process's list, with the module kept loaded meanwhile.
pub(super) extern "C" fn thread_atexit(
    function: extern "C-unwind" fn(*mut c_void),
    object: *mut c_void,
    handle: *mut c_void,
) -> c_int {
    // Of a module that is ending, nothing can be kept: it is as in a library that is being closed.
    let owner = exit::module(handle as usize).as_ref().and_then(Weak::upgrade);
    let record = Box::into_raw(Box::new(Destructor { function, object, owner }));
    // SAFETY: the record lives until it is called, and what it calls lives as long.
    let result = unsafe { sys::thread_atexit(destroy, record.cast()) };
    if result != 0 {
        // SAFETY: made above, and registered nowhere.
        drop(unsafe { Box::from_raw(record) });
    }
    result
}

/// `_tlv_atexit`, for the module with this handle: not all callers give it one, which dyld's does not take.
pub(super) extern "C" fn tlv_atexit(
    function: extern "C-unwind" fn(*mut c_void),
    object: *mut c_void,
    _: *mut c_void,
    handle: *mut c_void,
) -> c_int {
    thread_atexit(function, object, handle)
}

/// By its own convention, whatever unwinds to it ends the process.
extern "C" fn destroy(record: *mut c_void) {
    // SAFETY: made by `thread_atexit` from a box, and called once.
    let Destructor { function, object, owner } = *unsafe { Box::from_raw(record.cast::<Destructor>()) };
    function(object);
    // The module may end here.
    drop(owner);
}

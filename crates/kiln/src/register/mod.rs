//! What a loaded module has the rest of the process know of it, and what it is due: its initializers and finalizers,
//! the functions that it has registered to be called at the end.
//!
//! A registration is a value, and dies before the memory that it describes. Besides `memory/sys` this is the one place
//! where operating systems are named.

#[cfg(target_os = "macos")]
mod apple;
mod arguments;
mod bytes;
mod debugger;
mod exit;
mod indirect;
#[cfg(target_os = "linux")]
mod linux;
mod profiler;
mod storage;
mod threads;
mod tools;
mod unwind;

#[cfg(target_os = "macos")]
use apple as sys;
#[cfg(target_os = "linux")]
use linux as sys;

pub(crate) use arguments::Arguments;
pub(crate) use exit::Exit;
pub(crate) use indirect::choose_all;
pub(crate) use storage::{Definer, Storage};
pub(crate) use sys::library_file;
pub(crate) use tools::{News, debug_files_of};
pub use tools::{Told, Tools};
pub(crate) use unwind::Frames;

use crate::graph::Found;
use crate::target::TargetAddr;

/// What a name of C's runtime means to a module, which must not be what it means to the process: functions that would
/// be called when the module is gone.
pub(crate) fn runtime_symbol(name: &str) -> Option<Found> {
    let at = |function: *const ()| TargetAddr(function as usize as u64);
    Some(match name {
        "atexit" => Found::Thunk(at(exit::atexit as *const ())),
        "on_exit" if sys::HAS_ON_EXIT => Found::Thunk(at(exit::on_exit as *const ())),
        "at_quick_exit" if sys::HAS_AT_QUICK_EXIT => Found::Thunk(at(exit::at_quick_exit as *const ())),
        "__cxa_thread_atexit" | "__cxa_thread_atexit_impl" => Found::At(at(threads::thread_atexit as *const ())),
        "_tlv_atexit" => Found::Thunk(at(threads::tlv_atexit as *const ())),
        // glibc has it in the part of the library that linkers put into each program.
        "pthread_atfork" | "__pthread_atfork" => Found::Thunk(at(exit::pthread_atfork as *const ())),
        _ => return None,
    })
}

/// A thread-local variable of the process.
pub(crate) fn thread_local(name: &str) -> Option<Definer> {
    sys::has_thread_local(name).then(|| Definer { library: None, name: name.to_owned() })
}

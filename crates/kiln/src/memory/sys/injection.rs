//! The calls of the system by name, failing on demand, and a look at the process after each: for the crate's tests.
//!
//! Each call that the system can refuse goes through [`call`], also those without which Kiln goes on. What cannot be refused is not
//! here: `munmap` of a whole mapping, the toggle of Apple's, and the questions that make a `Situation`, which is asked for once.

use std::cell::{Cell, RefCell};
use std::io;

thread_local! {
    static FAIL: Cell<Option<Fail>> = const { Cell::new(None) };
    static CALLS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static AFTER: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// Which call is to fail.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fail {
    /// The one with this number, from 0.
    At(usize),
    /// The first of this name.
    Named(&'static str),
}

/// Lets the call with this number (from 0) of this thread fail, during `run`, and gives its name. `None`: there were not so many.
pub(crate) fn failing<T>(call: usize, run: impl FnOnce() -> T) -> (T, Option<&'static str>) {
    FAIL.set(Some(Fail::At(call)));
    let (result, calls) = calls(run);
    let failed = FAIL.take().is_none();
    (result, failed.then(|| calls[call]))
}

/// Lets the first call of this name fail. True: there was one.
pub(crate) fn failing_call<T>(name: &'static str, run: impl FnOnce() -> T) -> (T, bool) {
    FAIL.set(Some(Fail::Named(name)));
    let result = run();
    (result, FAIL.take().is_none())
}

/// Which calls this thread makes during `run`.
pub(crate) fn calls<T>(run: impl FnOnce() -> T) -> (T, Vec<&'static str>) {
    CALLS.take();
    let result = run();
    (result, CALLS.take())
}

/// Runs `look` after each call of this thread that changed a mapping, during `run`. Only Linux shows a process its mappings.
#[cfg(target_os = "linux")]
pub(crate) fn watched<T>(look: impl FnMut() + 'static, run: impl FnOnce() -> T) -> T {
    AFTER.set(Some(Box::new(look)));
    let result = run();
    AFTER.take();
    result
}

/// How many mappings this thread has made more than it has dropped (others may drop them).
pub(crate) fn live() -> usize {
    LIVE.get()
}

pub(super) fn mapped() {
    LIVE.set(LIVE.get().wrapping_add(1));
    after_call();
}

pub(super) fn unmapped() {
    LIVE.set(LIVE.get().wrapping_sub(1));
}

/// The system is about to be called: by this name, if it is not to fail here.
pub(crate) fn call(name: &'static str) -> io::Result<()> {
    CALLS.with_borrow_mut(|calls| calls.push(name));
    let fails = match FAIL.get() {
        Some(Fail::At(0)) => true,
        Some(Fail::Named(wanted)) => wanted == name,
        Some(Fail::At(more)) => {
            FAIL.set(Some(Fail::At(more - 1)));
            false
        }
        None => false,
    };
    if !fails {
        return Ok(());
    }
    FAIL.set(None);
    Err(io::Error::from_raw_os_error(libc::ENOMEM))
}

/// The last call will be made again, and is the same one.
#[cfg_attr(miri, allow(dead_code))]
pub(super) fn uncounted() {
    CALLS.with_borrow_mut(Vec::pop);
    if let Some(Fail::At(more)) = FAIL.get() {
        FAIL.set(Some(Fail::At(more + 1)));
    }
}

pub(super) fn after_call() {
    AFTER.with_borrow_mut(|look| {
        if let Some(look) = look {
            look();
        }
    });
}

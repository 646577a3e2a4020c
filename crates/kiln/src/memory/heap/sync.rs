//! A lock that is held for a few instructions, and a cell that is set once without a lock.
//!
//! Built with `--cfg kiln_loom`, they are of loom's atomics (`loom_tests.rs`).
#![allow(unsafe_code)] // The value of a lock, given out while it is taken; a pointer that is set once.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[cfg(kiln_loom)]
use loom::sync::atomic::{AtomicBool, AtomicPtr};
#[cfg(not(kiln_loom))]
use std::cell::UnsafeCell;
#[cfg(not(kiln_loom))]
use std::sync::atomic::{AtomicBool, AtomicPtr};

#[cfg(kiln_loom)]
use seen::UnsafeCell;

/// Taking it is one atomic operation and releasing it a plain store: half of what a `Mutex` costs that nobody waits for.
///
/// Whoever waits spins, then lets others run, then sleeps for moments: it is for sections that make no system call.
#[derive(Debug)]
pub(super) struct Lock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `taken` lets one thread at a time to the value, which may be sent to it.
unsafe impl<T: Send> Sync for Lock<T> {}

/// The lock, taken. Dropping it releases it.
pub(super) struct Guard<'a, T>(&'a Lock<T>);

impl<T> Lock<T> {
    pub(super) fn new(value: T) -> Lock<T> {
        Lock { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    #[inline]
    pub(super) fn lock(&self) -> Guard<'_, T> {
        if self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.wait();
        }
        Guard(self)
    }

    #[cold]
    fn wait(&self) {
        let mut turn = 0u32;
        loop {
            // Only looks, so that the line stays shared while somebody else has the lock.
            if !self.taken.load(Ordering::Relaxed)
                && self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return;
            }
            turn += 1;
            pause(turn);
        }
    }
}

/// What a thread does before it looks at a lock again, for the time with this number.
#[cfg(not(kiln_loom))]
fn pause(turn: u32) {
    match turn {
        0..100 => std::hint::spin_loop(),
        100..120 => std::thread::yield_now(),
        // The holder may be a thread that runs only when this one sleeps.
        _ => std::thread::sleep(std::time::Duration::from_micros(50)),
    }
}

/// Nothing changes before another thread has had its turn.
#[cfg(kiln_loom)]
fn pause(_turn: u32) {
    loom::thread::yield_now();
}

/// A cell whose accesses loom sees: each must be ordered with the others.
#[cfg(kiln_loom)]
mod seen {
    use loom::cell;

    #[derive(Debug)]
    pub(super) struct UnsafeCell<T> {
        accesses: cell::UnsafeCell<()>,
        value: std::cell::UnsafeCell<T>,
    }

    impl<T> UnsafeCell<T> {
        pub(super) fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell { accesses: cell::UnsafeCell::new(()), value: std::cell::UnsafeCell::new(value) }
        }

        pub(super) fn get(&self) -> *mut T {
            self.accesses.with_mut(|_| ());
            self.value.get()
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has the lock, so nobody else has the value.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has the lock, so nobody else has the value.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
    }
}

/// An `Arc` that is put in once. Unlike a `OnceLock` it never waits for another thread, which a forked child may not have.
#[derive(Debug)]
pub(super) struct SetOnce<T>(AtomicPtr<T>);

impl<T> SetOnce<T> {
    pub(super) fn new() -> SetOnce<T> {
        SetOnce(AtomicPtr::new(std::ptr::null_mut()))
    }

    pub(super) fn get(&self) -> Option<Arc<T>> {
        let value = self.0.load(Ordering::Acquire);
        if value.is_null() {
            return None;
        }
        // SAFETY: a pointer of `Arc::into_raw`, whose count the cell keeps until it is dropped.
        unsafe { Arc::increment_strong_count(value) };
        // SAFETY: as above, with the count that was just added.
        Some(unsafe { Arc::from_raw(value) })
    }

    /// Puts `value` in, unless another one is there, and gives what is there.
    pub(super) fn get_or_set(&self, value: Arc<T>) -> Arc<T> {
        let new = Arc::into_raw(Arc::clone(&value)).cast_mut();
        match self.0.compare_exchange(std::ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => value,
            Err(_) => {
                // SAFETY: the pointer made above, which went nowhere.
                drop(unsafe { Arc::from_raw(new) });
                self.get().unwrap_or(value)
            }
        }
    }
}

impl<T> Drop for SetOnce<T> {
    fn drop(&mut self) {
        let value = self.0.load(Ordering::Acquire);
        if !value.is_null() {
            // SAFETY: the count that the cell keeps.
            drop(unsafe { Arc::from_raw(value) });
        }
    }
}

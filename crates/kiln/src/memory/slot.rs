//! A function whose code can be exchanged while it is called.
#![allow(unsafe_code)] // A function made of a stub's address, and the user's word that code is left.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Code, CodeHeap};
use crate::error::Result;
use crate::fixup;
use crate::function::{FnPtr, Function, Keeper};
use crate::target::Target;

/// An entry point whose target can be exchanged at any time: for hot reload, and for tiers of a compiler.
///
/// [`entry`](Slot::entry) is a stub in a heap that jumps to whatever the slot's target is when it is called: its address stays
/// the same, so that other code may have it. The exchange is one store of a word: a call goes to the old target or to the
/// new one, never between them. What is called is published code, so nothing else is to be waited for.
///
/// Threads may still be in the old code afterwards. So [`replace`](Slot::replace) keeps it for as long as the slot or an entry
/// of it lives, and only a caller who vouches that it is left by all frees it sooner: with [`forget`](Slot::forget).
///
/// ```
/// use kiln::{CodeHeap, Function, HeapOptions, Slot};
///
/// # #[cfg(target_arch = "x86_64")]
/// fn returns(n: u8) -> Vec<u8> { vec![0xb8, n, 0, 0, 0, 0xc3] } // mov eax, n; ret
/// # #[cfg(target_arch = "aarch64")]
/// # fn returns(n: u8) -> Vec<u8> { [0x5280_0000 | u32::from(n) << 5, 0xd65f_03c0].map(u32::to_le_bytes).concat() }
///
/// let heap = CodeHeap::new(HeapOptions::new())?;
/// // SAFETY: the code is a function of this type.
/// let function = |n| -> kiln::Result<Function<extern "C" fn() -> u32>> { Ok(unsafe { heap.publish(&returns(n))?.function() }) };
/// let slot = Slot::new(&heap, function(1)?)?;
/// let entry = slot.entry();
/// assert_eq!(entry.call(), 1);
/// slot.replace(function(2)?);
/// assert_eq!(entry.call(), 2);
/// # Ok::<(), kiln::Error>(())
/// ```
pub struct Slot<F: FnPtr> {
    shared: Arc<Shared>,
    function: PhantomData<F>,
}

/// What a slot and its entries keep. Dropped in this order: the stub before what it leads to.
#[derive(Debug)]
pub(crate) struct Shared {
    stub: Code,
    target: Box<AtomicUsize>,
    targets: Mutex<Targets>,
}

#[derive(Debug)]
struct Targets {
    now: Keeper,
    before: Vec<Keeper>,
}

impl<F: FnPtr> Slot<F> {
    /// A slot whose calls go to `target`, with its stub in `heap`.
    ///
    /// # Errors
    ///
    /// As for [`CodeHeap::publish`].
    pub fn new(heap: &CodeHeap, target: Function<F>) -> Result<Slot<F>> {
        let (pointer, now) = target.into_parts();
        let target = Box::new(AtomicUsize::new(pointer.address()));
        let cell = &raw const *target as usize;
        let stub = heap.publish(&fixup::jump_through(Target::host().arch(), cell as u64))?;
        let targets = Mutex::new(Targets { now, before: Vec::new() });
        Ok(Slot { shared: Arc::new(Shared { stub, target, targets }), function: PhantomData })
    }

    /// The function that calls whatever the target is then. It keeps the slot's code, old and new.
    #[must_use]
    pub fn entry(&self) -> Function<F> {
        let address = self.shared.stub.address() as usize;
        // SAFETY: the stub jumps to functions of this type, with everything as its caller has it; `shared` keeps both.
        unsafe { Function::new(address, Arc::clone(&self.shared)) }
    }

    /// The target that calls go to now. It may be another one by the time that it is looked at.
    #[must_use]
    pub fn target(&self) -> *const () {
        self.shared.target.load(Ordering::Acquire) as *const ()
    }

    /// Lets calls that begin from now on go to `target`. The old one is kept for those that are in it.
    pub fn replace(&self, target: Function<F>) {
        let mut targets = self.shared.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.exchange(&mut targets, target);
        targets.before.push(old);
    }

    /// As [`replace`](Slot::replace), but keeps nothing: the old code is free as soon as no other handle keeps it.
    ///
    /// # Safety
    ///
    /// No thread is in the old target, or about to be by an entry of this slot, and none will return into it.
    pub unsafe fn replace_and_free(&self, target: Function<F>) {
        let mut targets = self.shared.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.exchange(&mut targets, target);
        drop(targets);
        drop(old);
    }

    /// Frees what was [replaced](Slot::replace) before now, and says how many targets that is.
    ///
    /// # Safety
    ///
    /// No thread is in one of them, or about to be by an entry of this slot that it has read the target of, and none will return
    /// into one: every thread has left what it had called when the last of them was replaced.
    pub unsafe fn forget(&self) -> usize {
        let old = mem::take(&mut self.shared.targets.lock().unwrap_or_else(PoisonError::into_inner).before);
        old.len()
    }

    fn exchange(&self, targets: &mut Targets, target: Function<F>) -> Keeper {
        let (pointer, keeper) = target.into_parts();
        let old = mem::replace(&mut targets.now, keeper);
        self.shared.target.store(pointer.address(), Ordering::Release);
        old
    }
}

impl<F: FnPtr> fmt::Debug for Slot<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({:?} -> {:?})", self.shared.stub.address(), self.target())
    }
}

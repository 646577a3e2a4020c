//! Functions published one by one.
#![allow(unsafe_code)] // The user vouches for the code and for its type.

use std::fmt;
use std::sync::Arc;

use super::{Situation, Staged};
use crate::error::{Error, Result};
use crate::function::{FnPtr, Function};
use crate::graph::{Entries, LinkGraph, resolve};
use crate::layout::Layout;
use crate::module::Owner;
use crate::object;
use crate::target::{Target, TargetAddr};

/// Publishes machine code that needs no linking: each piece on pages of its own, sealed, and unmapped with its last
/// handle.
///
/// ```
/// use kiln::{CodeHeap, Function};
///
/// // mov eax, 42; ret
/// # #[cfg(target_arch = "x86_64")]
/// let code = [0xb8, 42, 0, 0, 0, 0xc3];
/// // mov w0, #42; ret
/// # #[cfg(target_arch = "aarch64")]
/// let code = [0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6];
///
/// let heap = CodeHeap::new()?;
/// // SAFETY: the bytes are a function that takes nothing and returns an integer.
/// let answer: Function<extern "C" fn() -> u32> = unsafe { heap.publish(&code)?.function() };
/// assert_eq!(answer.call(), 42);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CodeHeap {
    choice: super::Choice,
}

/// Published code. Its memory lives as long as a handle to it, or to a function of it.
#[derive(Clone)]
pub struct Code {
    address: usize,
    len: usize,
    owner: Arc<Owner>,
}

impl CodeHeap {
    /// A heap for this process.
    ///
    /// # Errors
    ///
    /// This process is not allowed to run new code; see [`Situation::choose`].
    pub fn new() -> Result<CodeHeap> {
        Ok(CodeHeap { choice: Situation::of_this_process().choose()? })
    }

    /// Copies `code` to fresh memory and makes it executable. It starts at a multiple of 64 bytes, which a constant in it
    /// may rely on.
    ///
    /// # Errors
    ///
    /// The code is empty, or the system refuses memory. Nothing is left behind.
    pub fn publish(&self, code: &[u8]) -> Result<Code> {
        if code.is_empty() {
            return Err(Error::malformed("there is no code to publish"));
        }
        let mut graph = LinkGraph::new(Target::host().arch());
        object::add_flat(&mut graph, "code", code.into(), &[])?;
        let resolved = resolve(&graph, &|_, _| None)?;
        let layout = Layout::of(&graph, &resolved, &Entries::default())?;
        let mut staged = Staged::reserve(self.choice.strategy(), &layout)?;
        let [TargetAddr(address), ..] = staged.bases();
        let [text, ..] = staged.segments();
        text.copy_from_slice(code);
        Ok(Code {
            address: address as usize,
            len: code.len(),
            owner: Owner::new(staged.publish(|_| Ok(()))?, Vec::new()),
        })
    }
}

impl Code {
    /// The address of the code's first byte.
    #[must_use]
    pub fn address(&self) -> *const () {
        self.address as *const ()
    }

    /// The code's size in bytes.
    #[must_use]
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
    pub unsafe fn function<F: FnPtr>(&self) -> Function<F> {
        // SAFETY: a function of this type stands there, by the caller's word, in memory that `owner` keeps.
        unsafe { Function::new(self.address, Arc::clone(&self.owner)) }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({:#x}, {} bytes)", self.address, self.len)
    }
}

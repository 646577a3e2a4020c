//! Memory with two addresses, of which the writable one is under a protection key: only a thread that is writing just then
//! may write to it, or read it.
//!
//! The rights to a key are a register of each thread (PKRU: Intel SDM vol. 3, 4.6.2; *pkeys(7)*). Kiln opens it around one
//! copy. Whoever else there is starts without: threads that were there before the key, since the kernel gives them no right
//! to keys that they did not make; threads made later, since a thread is made with its maker's rights, and nobody makes one
//! while it copies; signal handlers, for which the kernel takes all such rights away, also those of the thread that was
//! interrupted while it copied, until the handler returns. A child does not have the writable mapping at all.
//!
//! The key is on the alias, not on the code: a thread without rights to a key could run code under it but not read the
//! constants in it.
#![allow(unsafe_code)] // pkey_alloc, pkey_mprotect, and the instructions that read and write the register.

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(miri))))]
pub(crate) use absent::{KeyWriting, map_keyed};
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
pub(crate) use pku::{KeyWriting, map_keyed};

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
mod pku {
    use std::arch::asm;
    use std::ffi::{c_int, c_ulong};
    use std::io;
    use std::marker::PhantomData;
    use std::sync::atomic::{AtomicI32, Ordering};

    use crate::memory::sys::dual::map_dual;
    use crate::memory::sys::{Mapping, Window};

    /// Two bits for each key: `PKEY_DISABLE_ACCESS` and `PKEY_DISABLE_WRITE`.
    const NO_ACCESS: c_ulong = 1;
    const ALL: u32 = 0b11;

    /// The key of this process and its children, 1 to 15; 0 until there is one. It is never freed: a key that is freed while
    /// a thread has a right to it is given out again with that right.
    static KEY: AtomicI32 = AtomicI32::new(0);

    /// As [`map_dual`], with the second mapping under the key.
    ///
    /// # Errors
    ///
    /// The system refuses memory, or has no key left.
    pub(crate) fn map_keyed(len: usize, window: Option<Window>, huge: bool) -> io::Result<(Mapping, Mapping)> {
        let key = key()?;
        let (runs, writes) = map_dual(len, window, huge)?;
        // Nobody knows of it yet.
        writes.put_under_key(key)?;
        Ok((runs, writes))
    }

    fn key() -> io::Result<c_int> {
        let key = KEY.load(Ordering::Acquire);
        if key != 0 {
            return Ok(key);
        }
        let new = allocate()?;
        match KEY.compare_exchange(0, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(new),
            Err(first) => {
                // SAFETY: the key from above, which no memory has and no thread has a right to.
                unsafe { libc::syscall(libc::SYS_pkey_free, new) };
                Ok(first)
            }
        }
    }

    /// A new key, to which nobody has a right.
    pub(super) fn allocate() -> io::Result<c_int> {
        #[cfg(test)]
        crate::memory::sys::injection::call("pkey_alloc")?;
        const NO_FLAGS: c_ulong = 0;
        // SAFETY: takes a key, which no memory has, or fails.
        let key = unsafe { libc::syscall(libc::SYS_pkey_alloc, NO_FLAGS, NO_ACCESS) };
        if key < 0 { Err(io::Error::last_os_error()) } else { Ok(key as c_int) }
    }

    /// While one lives, this thread may write to memory of [`map_keyed`].
    pub(crate) struct KeyWriting {
        /// The right is a thread's own.
        not_send: PhantomData<*const ()>,
    }

    impl KeyWriting {
        /// There is memory of `map_keyed`, so the processor has such a register.
        #[inline]
        pub(crate) fn begin() -> KeyWriting {
            set_rights(rights() & !bits());
            KeyWriting { not_send: PhantomData }
        }
    }

    impl Drop for KeyWriting {
        #[inline]
        fn drop(&mut self) {
            set_rights(rights() | bits());
        }
    }

    /// The bits of the key in the register.
    #[inline]
    fn bits() -> u32 {
        let key = KEY.load(Ordering::Relaxed);
        debug_assert!(key != 0, "no memory is under a key yet");
        ALL << (2 * key)
    }

    #[inline]
    fn rights() -> u32 {
        let rights;
        // SAFETY: reads the register, which the processor has where the system gave a key.
        unsafe {
            asm!("rdpkru", in("ecx") 0, out("eax") rights, out("edx") _, options(nomem, nostack, preserves_flags));
        }
        rights
    }

    #[inline]
    fn set_rights(rights: u32) {
        // SAFETY: changes the bits of our own key alone, to which only memory of `map_keyed` belongs. The compiler moves no
        // access to memory across it, since it may itself access memory, for all that it is told.
        unsafe {
            asm!("wrpkru", in("eax") rights, in("ecx") 0, in("edx") 0, options(nostack, preserves_flags));
        }
    }
}

/// Where there is no such thing: no choice leads here.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(miri))))]
mod absent {
    use std::io;

    use crate::memory::sys::{Mapping, Window};

    pub(crate) fn map_keyed(_len: usize, _window: Option<Window>, _huge: bool) -> io::Result<(Mapping, Mapping)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) struct KeyWriting;

    impl KeyWriting {
        pub(crate) fn begin() -> KeyWriting {
            KeyWriting
        }
    }
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64", not(miri)))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::memory::sys::injection;
    use crate::memory::{Situation, Strategy};

    #[test]
    fn each_call_may_fail_and_leaves_nothing() {
        if !Situation::of_this_process().verdict(Strategy::ProtectionKeys).is_working() {
            return;
        }
        let (key, failed) = injection::failing(0, pku::allocate);
        assert!(failed == Some("pkey_alloc") && key.is_err());
        drop(map_keyed(1 << 16, None, false).unwrap());
        let live = injection::live();
        let mut calls = Vec::new();
        loop {
            let (result, failed) = injection::failing(calls.len(), || map_keyed(1 << 16, None, false));
            let Some(call) = failed else {
                drop(result.unwrap());
                break;
            };
            // A file in /dev/shm does too.
            assert_eq!(result.is_ok(), call == "memfd_create", "{call}");
            drop(result);
            assert_eq!(injection::live(), live, "{call}");
            calls.push(call);
        }
        assert_eq!(calls, ["memfd_create", "ftruncate", "mmap", "mmap", "madvise", "pkey_mprotect"]);
    }

    #[test]
    fn memory_is_written_between_begin_and_end() {
        if !Situation::of_this_process().verdict(Strategy::ProtectionKeys).is_working() {
            return;
        }
        let (runs, writes) = map_keyed(1 << 12, None, false).unwrap();
        for number in 1..100u8 {
            {
                let _writing = KeyWriting::begin();
                // SAFETY: in the mapping, which nobody else has, and writable as long as `_writing` lives.
                unsafe { writes.pointer().write(number) };
            }
            // SAFETY: in the mapping.
            assert_eq!(unsafe { runs.pointer().read_volatile() }, number);
        }
    }
}

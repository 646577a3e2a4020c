//! Which addresses lie in files that the system's loader has mapped.
#![allow(unsafe_code)] // Asks the loader.

/// Whether an address lies in a file that the process has loaded. That of a thread-local variable, such as the C
/// library's `errno`, does not: it is one thread's copy.
#[cfg(target_os = "linux")]
pub(crate) fn is_in_a_file(address: usize) -> bool {
    linux::with_files(|files| {
        let behind = files.partition_point(|file| file.start <= address);
        behind > 0 && files[behind - 1].contains(&address)
    })
}

/// How many files the process has loaded and unloaded. `None`: the system does not say.
pub(crate) fn changes_of_files() -> Option<(u64, u64)> {
    #[cfg(target_os = "linux")]
    return linux::changes();
    #[cfg(not(target_os = "linux"))]
    None
}

/// As on Linux.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_in_a_file(address: usize) -> bool {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the address is only compared; `info` has room for the answer.
    unsafe { libc::dladdr(address as *const libc::c_void, info.as_mut_ptr()) != 0 }
}

/// `dladdr` would do here too, but it looks for the nearest of all the symbols of the file.
#[cfg(target_os = "linux")]
mod linux {
    use std::cell::RefCell;
    use std::ffi::{c_int, c_void};
    use std::ops::Range;

    /// What was loaded when this thread looked last.
    #[derive(Default)]
    struct Files {
        /// How many files had been loaded and unloaded since the process began.
        changes: Option<(u64, u64)>,
        /// Their segments, in order of their addresses.
        segments: Vec<Range<usize>>,
        fresh: bool,
    }

    thread_local! {
        static FILES: RefCell<Files> = RefCell::default();
    }

    /// Shows `look` the segments of all files that are loaded now.
    pub(super) fn with_files<T>(look: impl FnOnce(&[Range<usize>]) -> T) -> T {
        FILES.with_borrow_mut(|files| {
            files.fresh = false;
            // SAFETY: `file` takes what it is handed for what this is; it is called before this returns only.
            unsafe { libc::dl_iterate_phdr(Some(file), std::ptr::from_mut(files).cast()) };
            if files.fresh {
                files.segments.sort_unstable_by_key(|segment| segment.start);
            }
            look(&files.segments)
        })
    }

    /// How many files had been loaded and unloaded by now.
    pub(super) fn changes() -> Option<(u64, u64)> {
        with_files(|_| ());
        FILES.with_borrow(|files| files.changes)
    }

    /// Called for each file, until it returns something else than 0.
    unsafe extern "C" fn file(info: *mut libc::dl_phdr_info, _size: usize, files: *mut c_void) -> c_int {
        // SAFETY: `with_files` gives it, and lends it for this call.
        let files = unsafe { &mut *files.cast::<Files>() };
        // SAFETY: the loader's description of the file, valid for this call.
        let info = unsafe { &*info };
        let changes = Some((info.dlpi_adds, info.dlpi_subs));
        if !files.fresh {
            if changes == files.changes {
                return 1;
            }
            *files = Files { changes, segments: Vec::new(), fresh: true };
        }
        if info.dlpi_phnum == 0 {
            return 0;
        }
        // SAFETY: so many program headers are there.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD) {
            let start = info.dlpi_addr.wrapping_add(header.p_vaddr) as usize;
            files.segments.push(start..start.saturating_add(header.p_memsz as usize));
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_variables_do_and_the_heap_does_not() {
        static VARIABLE: u8 = 1;
        thread_local! {
            static OWN: u8 = const { 1 };
        }
        for _ in 0..2 {
            assert!(is_in_a_file(is_in_a_file as *const () as usize));
            assert!(is_in_a_file(&raw const VARIABLE as usize));
            assert!(is_in_a_file(libc::malloc as *const () as usize), "of a library");
            assert!(!is_in_a_file(std::ptr::from_ref(&*Box::new(1)) as usize), "of the heap");
            assert!(!is_in_a_file(OWN.with(|own| std::ptr::from_ref(own) as usize)));
            assert!(!is_in_a_file(0) && !is_in_a_file(usize::MAX));
        }
    }

    /// A library that was not there when the thread looked first.
    #[test]
    #[cfg(target_os = "linux")]
    fn libraries_come() {
        assert!(!is_in_a_file(0));
        // SAFETY: a library whose initializers are right in any process. Tests do not load it otherwise.
        let library = unsafe { libc::dlopen(c"libresolv.so.2".as_ptr(), libc::RTLD_NOW) };
        assert!(!library.is_null());
        // SAFETY: a handle and a name that are good.
        let function = unsafe { libc::dlsym(library, c"ns_name_ntop".as_ptr()) };
        assert!(is_in_a_file(function as usize));
    }
}

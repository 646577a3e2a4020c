//! Which addresses lie in files that the system's loader has mapped.
#![allow(unsafe_code)] // Asks the loader.

use std::ffi::CStr;

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

/// Whether a name that the process was asked for means `address` as long as it runs: a file defines it so that was there when the
/// process began. Such files stay, and whatever comes later comes behind them in the order in which files are asked.
pub(crate) fn is_lasting(name: &CStr, address: usize) -> bool {
    #[cfg(target_os = "linux")]
    return linux::is_lasting(name, address);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (name, address);
        false
    }
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
    use std::ffi::{CStr, CString, c_int, c_void};
    use std::ops::Range;
    use std::sync::OnceLock;

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
        unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _size: usize, changes: *mut c_void) -> c_int {
            // SAFETY: `changes` gives it, and lends it for this call.
            let changes = unsafe { &mut *changes.cast::<Option<(u64, u64)>>() };
            // SAFETY: the loader's description of the file, valid for this call.
            let info = unsafe { &*info };
            *changes = Some((info.dlpi_adds, info.dlpi_subs));
            1
        }
        let mut changes = None;
        // SAFETY: `first` takes what it is handed for what this is; it is called before this returns only.
        unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut changes).cast()) };
        changes
    }

    /// A library that was loaded with the program.
    struct First {
        segments: Vec<Range<usize>>,
        /// The loader's, of which names are asked that it or what it needs defines.
        handle: usize,
    }

    /// Such libraries. The loader lists files in the order in which they came, itself among those of the beginning.
    fn first_files() -> &'static [First] {
        struct Listed {
            program: usize,
            loader: u64,
            files: Vec<(CString, Vec<Range<usize>>)>,
            complete: bool,
        }

        unsafe extern "C" fn list(info: *mut libc::dl_phdr_info, _size: usize, listed: *mut c_void) -> c_int {
            // SAFETY: `first_files` gives it, and lends it for this call.
            let listed = unsafe { &mut *listed.cast::<Listed>() };
            // SAFETY: the loader's description of the file, valid for this call.
            let info = unsafe { &*info };
            if listed.files.is_empty() && info.dlpi_phdr as usize != listed.program {
                // A list of its own, of what `dlmopen` has loaded.
                return 1;
            }
            // SAFETY: a string of the loader's.
            let name = unsafe { CStr::from_ptr(info.dlpi_name) }.to_owned();
            listed.files.push((name, segments(info)));
            listed.complete = info.dlpi_addr == listed.loader;
            c_int::from(listed.complete)
        }

        static FIRST: OnceLock<Vec<First>> = OnceLock::new();
        FIRST.get_or_init(|| {
            // SAFETY: asks for a number; 0 where there is none.
            let program = unsafe { libc::getauxval(libc::AT_PHDR) } as usize;
            // SAFETY: as above.
            let loader = unsafe { libc::getauxval(libc::AT_BASE) };
            let mut listed = Listed { program, loader, files: Vec::new(), complete: false };
            // With this, a weak definition gives way to what comes later (ld.so(8)).
            let in_order = std::env::var_os("LD_DYNAMIC_WEAK").is_none();
            if in_order && program != 0 && loader != 0 {
                // SAFETY: `list` takes what it is handed for what this is; it is called before this returns only.
                unsafe { libc::dl_iterate_phdr(Some(list), (&raw mut listed).cast()) };
            }
            let files = listed.files.into_iter().filter(|_| listed.complete);
            let opened = files.filter_map(|(name, segments)| {
                // The program itself, and what is no file: asked for by such a name, the loader looks through everything.
                if name.is_empty() {
                    return None;
                }
                // SAFETY: the name ends in NUL; nothing is loaded.
                let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
                (!handle.is_null()).then_some(First { segments, handle: handle as usize })
            });
            opened.collect()
        })
    }

    pub(super) fn is_lasting(name: &CStr, address: usize) -> bool {
        let is_in = |file: &&First| file.segments.iter().any(|segment| segment.contains(&address));
        // A function that is chosen may lie in another file than the one that defines it: the file is asked.
        first_files().iter().find(is_in).is_some_and(|file| {
            // SAFETY: the name ends in NUL, and the handle is open.
            address == unsafe { libc::dlsym(file.handle as *mut c_void, name.as_ptr()) } as usize
        })
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
        files.segments.extend(segments(info));
        0
    }

    /// Where the segments of a file lie.
    fn segments(info: &libc::dl_phdr_info) -> Vec<Range<usize>> {
        if info.dlpi_phnum == 0 {
            return Vec::new();
        }
        // SAFETY: so many program headers are there, by the loader's description.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        let loaded = headers.iter().filter(|header| header.p_type == libc::PT_LOAD).map(|header| {
            let start = info.dlpi_addr.wrapping_add(header.p_vaddr) as usize;
            start..start.saturating_add(header.p_memsz as usize)
        });
        loaded.collect()
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

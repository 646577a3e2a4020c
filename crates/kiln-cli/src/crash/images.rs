//! What is in this process beside the loaded module: its regions of memory, and the libraries with their unwind tables.
#![allow(unsafe_code)] // Asks the dynamic linker, and reads what it has mapped.

use std::ffi::{CStr, c_void};
use std::mem::MaybeUninit;
use std::ops::Range;

/// A region of this process's memory.
pub(super) struct Region {
    pub(super) range: Range<u64>,
    /// `r-xp` and the like.
    pub(super) protection: String,
    /// A file's name, or `[stack]` and the like; empty for plain memory.
    pub(super) name: String,
}

/// The regions, in the order of their addresses.
#[cfg(target_os = "linux")]
pub(super) fn regions() -> Vec<Region> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let region = |line: &str| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let range = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
        let protection = words.next()?.to_owned();
        Some(Region { range, protection, name: words.nth(3).unwrap_or_default().to_owned() })
    };
    maps.lines().filter_map(region).collect()
}

/// The regions, in the order of their addresses.
#[cfg(not(target_os = "linux"))]
pub(super) fn regions() -> Vec<Region> {
    use libc::{c_int, pthread_get_stackaddr_np, pthread_self};

    unsafe extern "C" {
        static mach_task_self_: u32;
        // <mach/mach_vm.h>
        fn mach_vm_region(
            task: u32,
            address: *mut u64,
            size: *mut u64,
            flavor: c_int,
            info: *mut c_int,
            count: *mut u32,
            object: *mut u32,
        ) -> c_int;
    }
    /// xnu: osfmk/mach/vm_region.h; of `vm_region_basic_info_64`, the first word is the protection.
    const VM_REGION_BASIC_INFO_64: c_int = 9;
    const WORDS: u32 = 9;

    // SAFETY: it asks about this thread.
    let own = unsafe { pthread_self() };
    // SAFETY: a thread that runs.
    let top = unsafe { pthread_get_stackaddr_np(own) } as usize as u64;
    // SAFETY: the system's constant.
    let task = unsafe { mach_task_self_ };
    let mut regions = Vec::new();
    let mut next = 0;
    loop {
        let (mut start, mut size, mut info, mut count, mut object) = (next, 0, [0; WORDS as usize], WORDS, 0);
        // SAFETY: there is room for each answer, and as many words as `count` says.
        let result = unsafe {
            mach_vm_region(
                task,
                &raw mut start,
                &raw mut size,
                VM_REGION_BASIC_INFO_64,
                info.as_mut_ptr(),
                &raw mut count,
                &raw mut object,
            )
        };
        let Some(end) = start.checked_add(size).filter(|end| result == 0 && *end > next) else { break };
        let bit = |bit: c_int, letter| if info[0] & bit != 0 { letter } else { '-' };
        let protection = [bit(1, 'r'), bit(2, 'w'), bit(4, 'x')].iter().collect();
        let name = if (start + 1..=end).contains(&top) { "[stack]" } else { "" };
        regions.push(Region { range: start..end, protection, name: name.to_owned() });
        next = end;
    }
    regions
}

/// A place in a file that the dynamic linker has mapped.
pub(super) struct InFile {
    pub(super) file: String,
    /// Where the file begins.
    pub(super) base: u64,
    pub(super) symbol: Option<(String, u64)>,
}

/// The file that an address is in.
pub(super) fn file_at(address: u64) -> Option<InFile> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the address is only compared; `info` has room for the answer.
    if unsafe { libc::dladdr(address as usize as *const c_void, info.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: zeroed above and filled by the call.
    let info = unsafe { info.assume_init() };
    let text = |text: *const libc::c_char| {
        // SAFETY: null, or a name of the dynamic linker's, which lives as long as the file is mapped.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    };
    let path = text(info.dli_fname).unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or(&path).to_owned();
    let symbol = text(info.dli_sname).map(|name| (name, address.wrapping_sub(info.dli_saddr as usize as u64)));
    Some(InFile { file, base: info.dli_fbase as usize as u64, symbol })
}

/// Whether an address is in the command itself.
pub(super) fn is_command(address: u64) -> bool {
    let own = file_at(is_command as fn(u64) -> bool as usize as u64);
    own.is_some_and(|own| file_at(address).is_some_and(|file| file.base == own.base))
}

/// The unwind tables of a mapped file: `.eh_frame_hdr` and `.eh_frame` as bytes, with their addresses.
pub(super) struct UnwindTables {
    pub(super) header: (&'static [u8], u64),
    /// From an address that the header says to the end of the segment.
    pub(super) segment: (&'static [u8], u64),
}

/// The unwind tables of the library that `address` is in.
#[cfg(target_os = "linux")]
pub(super) fn unwind_tables(address: u64) -> Option<UnwindTables> {
    struct Search {
        address: u64,
        found: Option<UnwindTables>,
    }
    extern "C" fn look(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> libc::c_int {
        // SAFETY: the dynamic linker passes a whole entry.
        let info = unsafe { &*info };
        // SAFETY: what `unwind_tables` passes, which lives during the call.
        let search = unsafe { &mut *data.cast::<Search>() };
        if info.dlpi_phdr.is_null() {
            return 0;
        }
        // SAFETY: an array of so many headers, which lives as long as the file is mapped.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        let range = |header: &libc::Elf64_Phdr| {
            let start = info.dlpi_addr.wrapping_add(header.p_vaddr);
            start..start.wrapping_add(header.p_memsz)
        };
        let loaded = |address: u64| {
            headers.iter().find(|header| header.p_type == libc::PT_LOAD && range(header).contains(&address))
        };
        if loaded(search.address).is_none() {
            return 0;
        }
        let bytes = |range: Range<u64>| {
            // SAFETY: part of a segment that the dynamic linker has mapped, and that nobody writes to.
            let bytes = unsafe {
                std::slice::from_raw_parts(range.start as usize as *const u8, (range.end - range.start) as usize)
            };
            (bytes, range.start)
        };
        let header = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME).map(range);
        if let Some(header) = header
            && let Some(segment) = loaded(header.start)
            && segment.p_flags & libc::PF_W == 0
        {
            search.found = Some(UnwindTables { header: bytes(header), segment: bytes(range(segment)) });
        }
        1
    }
    let mut search = Search { address, found: None };
    // SAFETY: the callback takes what is passed along with it.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
    search.found
}

#[cfg(not(target_os = "linux"))]
pub(super) fn unwind_tables(_address: u64) -> Option<UnwindTables> {
    None
}

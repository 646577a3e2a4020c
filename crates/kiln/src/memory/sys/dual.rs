//! Memory that is mapped twice: written through one mapping, executed through the other.

use std::io;

use super::Window;
use super::unix::Mapping;

/// `len` bytes of new memory, all zeros: where it is executed, within the window if there is one, and where it is written.
///
/// The writable mapping is not inherited by children, which share the memory itself. With `huge`, in huge pages where the
/// system gives them: from its pool, which an administrator fills, else where files in memory may have them; `len` is then
/// a multiple of 2 MiB.
#[cfg(target_os = "linux")]
pub(crate) fn map_dual(len: usize, window: Option<Window>, huge: bool) -> io::Result<(Mapping, Mapping)> {
    use std::fs::File;

    use super::Protection;
    use super::unix::page_size;

    const HUGE: usize = 2 << 20;
    let map = |file: &File, page| {
        #[cfg(test)]
        super::injection::call("ftruncate")?;
        file.set_len(len as u64)?;
        let runs = Mapping::of_file(file, len, page, Protection::ReadExecute, window)?;
        let writes = Mapping::of_file(file, len, page, Protection::ReadWrite, None)?;
        writes.keep_from_children()?;
        io::Result::Ok((runs, writes))
    };
    if huge && let Ok(both) = super::linux::huge_file().and_then(|file| map(&file, HUGE)) {
        return Ok(both);
    }
    let both = map(&super::linux::shared_file()?, page_size() as usize)?;
    if huge {
        let _ = both.0.wish_for_huge_pages();
        let _ = both.1.wish_for_huge_pages();
    }
    Ok(both)
}

/// Not on this system: no choice leads here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn map_dual(_len: usize, _window: Option<Window>, _huge: bool) -> io::Result<(Mapping, Mapping)> {
    Err(io::ErrorKind::Unsupported.into())
}

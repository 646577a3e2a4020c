//! The two states of an image's memory, as types.
#![allow(unsafe_code)] // Slices of memory that this module mapped itself, and the copy into `MAP_JIT` memory.

use std::io::Write;
use std::ops::Range;

use super::situation::{Situation, Strategy};
use super::sys::{self, Mapping, Protection};
use crate::error::{Error, Result};
use crate::graph::Permission;
use crate::layout::Layout;
use crate::target::TargetAddr;

/// Memory for an image while it is written: nowhere executable.
#[derive(Debug)]
pub(crate) struct Staged {
    strategy: Strategy,
    /// Holds the three segments, or, where the text has a mapping of its own, constants and data.
    image: Mapping,
    /// By [`Permission`]: the bytes of the image mapping that each segment takes, without the rest of its last page.
    segments: [Range<usize>; 3],
    /// The text, where it cannot be written where it will run.
    apart: Option<Apart>,
    page: usize,
}

/// Text that is written here and runs there.
#[derive(Debug)]
struct Apart {
    written: Vec<u8>,
    runs: Mapping,
}

/// Memory of an image that is complete: text executable, constants read-only, data writable. Unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Published {
    image: Mapping,
    text: Option<Mapping>,
}

impl Staged {
    /// Maps zeroed memory for an image laid out so, in one piece where the strategy allows it.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(crate) fn reserve(strategy: Strategy, layout: &Layout) -> Result<Staged> {
        let page = Situation::of_this_process().page_size;
        let (starts, size) = layout.contiguous(page)?;
        // A mapping begins on a page: room to begin on more than that.
        let align = layout.align(page);
        let room = size.max(page) + (align - page);
        let image = map(room)?;
        let first = image.address().next_multiple_of(align as usize) - image.address();
        let segment = |permission: Permission| {
            let start = first + starts[permission as usize] as usize;
            start..start + layout.segments[permission as usize].size as usize
        };
        let apart = match strategy {
            Strategy::Seal | Strategy::DualMapping => None,
            Strategy::ProtectionKeys | Strategy::ToggleCallback => {
                return Err(Error::unsupported(format!("{strategy} is no way to load an image")));
            }
            Strategy::ThreadToggle => {
                let size = layout.segments[Permission::Text as usize].size;
                let runs = sys::map_jit(size.next_multiple_of(page).max(page) as usize)
                    .map_err(|error| Error::system(format!("cannot map {size:#x} bytes with MAP_JIT"), error))?;
                Some(Apart { written: vec![0; size as usize], runs })
            }
        };
        Ok(Staged { strategy, image, segments: Permission::ALL.map(segment), apart, page: page as usize })
    }

    /// The addresses at which the segments will be used, by [`Permission`].
    pub(crate) fn bases(&self) -> [TargetAddr; 3] {
        let mut bases = self.segments.clone().map(|range| TargetAddr((self.image.address() + range.start) as u64));
        if let Some(apart) = &self.apart {
            bases[Permission::Text as usize] = TargetAddr(apart.runs.address() as u64);
        }
        bases
    }

    /// The bytes of the segments, to be written, by [`Permission`].
    pub(crate) fn segments(&mut self) -> [&mut [u8]; 3] {
        let [text, constants, data] = self.segments.clone();
        let base = self.image.pointer();
        let slice = |range: Range<usize>| {
            debug_assert!(range.end <= self.image.len());
            // SAFETY: the range lies in the mapping, by construction in `reserve`.
            let start = unsafe { base.add(range.start) };
            // SAFETY: mapped readable and writable by `reserve`, initialised to zeros by the system, disjoint from the
            // other segments, and borrowed from `self`, which owns the mapping.
            unsafe { std::slice::from_raw_parts_mut(start, range.len()) }
        };
        let text = match &mut self.apart {
            Some(apart) => &mut apart.written[..],
            None => slice(text),
        };
        [text, slice(constants), slice(data)]
    }

    /// Makes the image what it is for. All or nothing: on failure the memory is unmapped.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(crate) fn publish(self) -> Result<Published> {
        let Staged { strategy, image, segments, apart, page } = self;
        let [text, constants, data] = segments;
        let pages = |range: &Range<usize>| range.start..range.end.next_multiple_of(page);
        let protect = |range: &Range<usize>, protection: Protection| {
            let range = pages(range);
            if range.is_empty() {
                return Ok(());
            }
            tracing::info!("protect {} bytes at {:#x}: {protection}", range.len(), image.address() + range.start);
            image.protect(range.clone(), protection).map_err(|error| {
                Error::system(
                    format!("cannot make {} bytes at {:#x} {protection}", range.len(), image.address() + range.start),
                    error,
                )
                .help("see what restricts this process: SELinux, seccomp, MemoryDenyWriteExecute")
            })
        };
        // Constants first: while text is not executable, nothing can run.
        protect(&constants, Protection::Read)?;
        let text = match apart {
            None if strategy == Strategy::DualMapping => {
                replace_text(&image, text.clone(), pages(&text))?;
                None
            }
            None => {
                // The writes above went through the data cache; instructions are fetched through another.
                sys::clean_caches(image.address() + text.start, text.len());
                // From here on nothing may be written: the last step that can fail, and the one that makes it code.
                protect(&text, Protection::ReadExecute)?;
                None
            }
            Some(apart) => {
                tracing::info!(
                    "copy {} bytes to {:#x} under the thread toggle",
                    apart.written.len(),
                    apart.runs.address()
                );
                // SAFETY: the mapping was made by `map_jit`, is as long as `written`, and nobody else knows of it yet.
                unsafe { sys::write_jit(&apart.runs, &apart.written) };
                sys::clean_caches(apart.runs.address(), apart.written.len());
                Some(apart.runs)
            }
        };
        if !data.is_empty() {
            tracing::debug!(
                "data: {} bytes at {:#x} stay {}",
                data.len(),
                image.address() + data.start,
                Protection::ReadWrite
            );
        }
        Ok(Published { image, text })
    }
}

impl Published {
    /// Whether the byte at `address` is part of the image's memory.
    pub(crate) fn contains(&self, address: usize) -> bool {
        let within = |mapping: &Mapping| (mapping.address()..mapping.address() + mapping.len()).contains(&address);
        within(&self.image) || self.text.as_ref().is_some_and(within)
    }
}

/// Puts a file with the same bytes in the place of the text: its pages were never writable, so that no rule against that
/// concerns them. The file is written by its descriptor, which is closed then.
fn replace_text(image: &Mapping, text: Range<usize>, pages: Range<usize>) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let (start, len) = (image.address() + text.start, text.len());
    let failed = |tried: String| move |error| Error::system(tried, error);
    let mut file =
        sys::shared_file().map_err(failed(format!("cannot make a file in memory for {len} bytes of text")))?;
    // SAFETY: the range lies in the mapping, by construction in `reserve`.
    let written = unsafe { image.pointer().add(text.start) };
    // SAFETY: mapped and initialised by `reserve`; `publish` has taken `Staged`, so nobody writes to it any more.
    let written = unsafe { std::slice::from_raw_parts(written, len) };
    file.write_all(written).map_err(failed(format!("cannot write {len} bytes of text to a file in memory")))?;
    tracing::info!("map {} bytes at {start:#x}: {}, from a file in memory", pages.len(), Protection::ReadExecute);
    image
        .replace(pages, &file, Protection::ReadExecute)
        .map_err(failed(format!("cannot map {len} bytes of text at {start:#x} {}", Protection::ReadExecute)))?;
    // The bytes went through the data cache; instructions are fetched through another. Nobody knows the address yet.
    sys::clean_caches(start, len);
    Ok(())
}

fn map(room: u64) -> Result<Mapping> {
    let mapping = usize::try_from(room)
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::OutOfMemory))
        .and_then(Mapping::new)
        .map_err(|error| Error::system(format!("cannot map {room:#x} bytes"), error))?;
    tracing::info!("map {room} bytes at {:#x}: {}", mapping.address(), Protection::ReadWrite);
    Ok(mapping)
}

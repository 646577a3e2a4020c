//! The two states of an image's memory, as types.
#![allow(unsafe_code)] // Slices of memory that this module mapped itself, and the copy into `MAP_JIT` memory.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::quarantine;
use super::situation::{Situation, Strategy};
use super::sys::{self, Mapping, Protection, Window};
use crate::error::{Error, Result};
use crate::fixup;
use crate::graph::{self, Permission};
use crate::layout::{LARGE_GAP, Layout, MAX_IMAGE};
use crate::target::{Target, TargetAddr};

/// Memory for an image while it is written: nowhere executable.
#[derive(Debug)]
pub(crate) struct Staged {
    strategy: Strategy,
    /// Holds the three segments, or, where the text has a mapping of its own, constants and data.
    image: Mapping,
    /// By [`Permission`]: the bytes of its mapping that each segment takes, without the rest of its last page.
    segments: [Range<usize>; 3],
    /// The text, where it cannot be written where it will run.
    apart: Option<Apart>,
    page: usize,
    /// What the text becomes.
    code: Protection,
}

/// Text that is written here and runs there.
#[derive(Debug)]
struct Apart {
    written: Vec<u8>,
    runs: Mapping,
}

/// Memory of an image that is complete: text executable, constants read-only, data writable. When it is dropped, it goes into
/// quarantine.
#[derive(Debug)]
pub(crate) struct Published {
    /// One, or the text and the rest.
    mappings: Vec<Mapping>,
    /// Whose it is, and for how many bytes it stays in quarantine.
    end: (Arc<str>, usize),
}

impl Staged {
    /// Maps zeroed memory for an image laid out so: in one piece, or under the toggle in two that are near each other.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(crate) fn reserve(strategy: Strategy, layout: &Layout) -> Result<Staged> {
        let page = Situation::of_this_process().page_size;
        let mut align = layout.align(page) as usize;
        // A mapping begins on a page: room to begin on more than that.
        let room = |size: u64, align: usize| size.max(page) + (align as u64 - page);
        let (starts, image, text) = match strategy {
            Strategy::Seal | Strategy::DualMapping => {
                let (starts, size) = layout.contiguous(page)?;
                let filled = filled(layout, starts);
                let huge = sys::in_huge_pages(filled);
                if huge > 0 {
                    align = align.max(sys::huge_page());
                }
                let size = size.max(page).max(huge as u64);
                let mut image = map_near(room(size, align), layout.windows)?;
                let first = image.address().next_multiple_of(align) - image.address();
                image.trim(first..first + size as usize);
                image.populate(0..filled, huge);
                (starts, image, None)
            }
            Strategy::ThreadToggle | Strategy::ToggleCallback => {
                let (starts, [text, rest]) = layout.split(page)?;
                // Of the large code models more may be far away than the others reach.
                let far = if text + rest > MAX_IMAGE { text + rest } else { 0 };
                let reaches = [MAX_IMAGE, fixup::data_reach(Target::host().arch())].map(|reach| reach + far);
                let (text, image) = map_apart(room(text, align), room(rest, align), reaches, sys::map_jit)?;
                (starts, image, Some(text))
            }
            Strategy::ProtectionKeys => {
                return Err(Error::unsupported("protection keys are for a heap: a module's text is written once"));
            }
        };
        let first = |mapping: &Mapping| mapping.address().next_multiple_of(align) - mapping.address();
        let segment = |permission: Permission| {
            let mapping = text.as_ref().filter(|_| permission == Permission::Text).unwrap_or(&image);
            let start = first(mapping) + starts[permission as usize] as usize;
            start..start + layout.segments[permission as usize].size as usize
        };
        let segments = Permission::ALL.map(segment);
        let [Range { start, end }, ..] = segments;
        let apart = text.map(|runs| Apart { written: vec![0; end - start], runs });
        let code = if layout.guarded { Protection::guarded() } else { Protection::ReadExecute };
        Ok(Staged { strategy, image, segments, apart, page: page as usize, code })
    }

    /// The addresses at which the segments will be used, by [`Permission`].
    pub(crate) fn bases(&self) -> [TargetAddr; 3] {
        let mut bases = self.segments.clone().map(|range| TargetAddr((self.image.address() + range.start) as u64));
        if let Some(apart) = &self.apart {
            let [text, ..] = &self.segments;
            bases[Permission::Text as usize] = TargetAddr((apart.runs.address() + text.start) as u64);
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
    /// Between the text and the constants `complete` is called: it may run the text, and write to the constants, which
    /// are sealed after it. In the end, the memory goes into quarantine under the name and for the bytes of `end`.
    ///
    /// # Errors
    ///
    /// The system or `complete` refuses.
    pub(crate) fn publish(
        self,
        end: (Arc<str>, usize),
        complete: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<Published> {
        let Staged { strategy, mut image, segments, apart, page, code } = self;
        let [text, constants, data] = segments;
        let pages = |range: &Range<usize>| range.start..range.end.next_multiple_of(page);
        let filled = [&text, &constants, &data].map(|range| pages(range).end).into_iter().fold(page, usize::max);
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
        let text = match apart {
            None if strategy == Strategy::DualMapping => {
                replace_text(&image, text.clone(), pages(&text), code)?;
                None
            }
            None => {
                // The writes above went through the data cache; instructions are fetched through another.
                sys::clean_caches(image.address() + text.start, text.len());
                // From here on it is code, and nobody but `complete` knows of it.
                protect(&text, code)?;
                None
            }
            Some(apart) => {
                let (start, len) = (apart.runs.address() + text.start, apart.written.len());
                tracing::info!("copy {len} bytes to {start:#x} by the {strategy}");
                // SAFETY: the mapping was made by `map_jit`, the text has room in it, and nobody else knows of it yet.
                unsafe { sys::write_jit(strategy, &apart.runs, text.start, &apart.written) }
                    .map_err(|error| Error::system(format!("cannot write {len} bytes to {start:#x}"), error))?;
                sys::clean_caches(start, len);
                Some(apart.runs)
            }
        };
        // SAFETY: the range lies in the mapping, by construction in `reserve`.
        let start = unsafe { image.pointer().add(constants.start) };
        // SAFETY: still writable, initialised, and borrowed by nobody else: the borrow of `segments` has ended.
        complete(unsafe { std::slice::from_raw_parts_mut(start, constants.len()) })?;
        // The last step that can fail.
        protect(&constants, Protection::Read)?;
        if !data.is_empty() {
            tracing::debug!(
                "data: {} bytes at {:#x} stay {}",
                data.len(),
                image.address() + data.start,
                Protection::ReadWrite
            );
        }
        if text.is_none() {
            // The rest of a huge page.
            image.trim(0..filled);
        }
        Ok(Published { mappings: text.into_iter().chain([image]).collect(), end })
    }
}

impl Published {
    /// Whether the byte at `address` is part of the image's memory.
    pub(crate) fn contains(&self, address: usize) -> bool {
        let within = |mapping: &Mapping| (mapping.address()..mapping.address() + mapping.len()).contains(&address);
        self.mappings.iter().any(within)
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        let (name, bytes) = &self.end;
        quarantine::put(self.mappings.drain(..), name, *bytes);
    }
}

/// How many bytes from the image's beginning the inputs fill, without large gaps, when the segments begin at `starts`.
fn filled(layout: &Layout, starts: [u64; 3]) -> usize {
    let mut end = 0;
    for (start, segment) in starts.iter().zip(&layout.segments).filter(|(_, segment)| segment.size > 0) {
        if *start > end + LARGE_GAP {
            break;
        }
        end = start + segment.filled;
    }
    end as usize
}

/// Puts a file with the same bytes in the place of the text: its pages were never writable, so that no rule against that
/// concerns them. The file is written by its descriptor, which is closed then.
fn replace_text(image: &Mapping, text: Range<usize>, pages: Range<usize>, code: Protection) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let (start, len) = (image.address() + text.start, text.len());
    let failed = |tried: String| move |error| Error::system(tried, error);
    let file = sys::shared_file().map_err(failed(format!("cannot make a file in memory for {len} bytes of text")))?;
    // SAFETY: the range lies in the mapping, by construction in `reserve`.
    let written = unsafe { image.pointer().add(text.start) };
    // SAFETY: mapped and initialised by `reserve`; `publish` has taken `Staged`, so nobody writes to it any more.
    let written = unsafe { std::slice::from_raw_parts(written, len) };
    sys::fill(&file, written).map_err(failed(format!("cannot write {len} bytes of text to a file in memory")))?;
    tracing::info!("map {} bytes at {start:#x}: {code}, from a file in memory", pages.len());
    image
        .replace(pages, &file, code)
        .map_err(failed(format!("cannot map {len} bytes of text at {start:#x} {code}")))?;
    // The bytes went through the data cache; instructions are fetched through another. Nobody knows the address yet.
    sys::clean_caches(start, len);
    Ok(())
}

fn map(room: u64) -> Result<Mapping> {
    let mapping = size(room)
        .and_then(Mapping::new)
        .map_err(|error| Error::system(format!("cannot map {room:#x} bytes"), error))?;
    tracing::info!("map {room} bytes at {:#x}: {}", mapping.address(), Protection::ReadWrite);
    Ok(mapping)
}

/// Maps memory in the first of `windows` that has room: where the system likes, if that is in one, else where the process has
/// room in it. Where none has room, fixups will say what does not reach.
fn map_near(room: u64, windows: [graph::Window; 2]) -> Result<Mapping> {
    let anywhere = map(room)?;
    for window in windows.into_iter().filter(|window| window.start < window.end) {
        let bound = |address: u64| usize::try_from(address).unwrap_or(usize::MAX);
        let window = Window { start: bound(window.start), end: bound(window.end) };
        if window.holds(anywhere.address(), anywhere.len()) {
            return Ok(anywhere);
        }
        match Mapping::within(window, anywhere.len()) {
            Ok(mapping) => {
                tracing::info!("map {room} bytes at {:#x}, near what the code uses", mapping.address());
                return Ok(mapping);
            }
            // Whatever it is: there is memory elsewhere, and what does not reach from there is an error of its own.
            Err(error) => tracing::debug!("no room near what the code uses: {error}"),
        }
    }
    Ok(anywhere)
}

/// How often text is mapped anew, when nothing else can be mapped near it.
const TRIES: usize = 4;

/// Maps text by `map_text`, which takes no address, and then, near it, ordinary memory for constants and data: so that both
/// lie within the first of `reaches`, in bytes; where that cannot be, within the next.
fn map_apart(
    text: u64,
    rest: u64,
    reaches: [u64; 2],
    map_text: impl Fn(usize) -> io::Result<Mapping>,
) -> Result<(Mapping, Mapping)> {
    // Those that did not do are kept until the end: else the system would give the same place again.
    let mut unsuited = Vec::new();
    let mut failure = None;
    for _ in 0..TRIES {
        let runs = size(text).and_then(&map_text).map_err(|error| {
            Error::system(format!("cannot map {text:#x} bytes with MAP_JIT"), error).help(
                "see `kiln doctor` for what this process may do; under single-jit such memory is mapped only once",
            )
        })?;
        tracing::info!("map {text} bytes at {:#x}: MAP_JIT, for the text", runs.address());
        let (start, end) = (runs.address(), runs.address() + runs.len());
        for reach in reaches {
            let reach = usize::try_from(reach).unwrap_or(usize::MAX);
            let window = Window { start: end.saturating_sub(reach), end: start.saturating_add(reach) };
            match size(rest).and_then(|rest| Mapping::within(window, rest)) {
                Ok(image) => {
                    tracing::info!("map {rest} bytes at {:#x}: {}", image.address(), Protection::ReadWrite);
                    return Ok((runs, image));
                }
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => failure = Some((start, error)),
                Err(error) => return Err(Error::system(format!("cannot map {rest:#x} bytes"), error)),
            }
        }
        unsuited.push(runs);
    }
    let (start, error) = failure.unwrap_or((0, io::ErrorKind::AddrNotAvailable.into()));
    Err(Error::system(
        format!(
            "cannot map {rest:#x} bytes of constants and data within {} of the text, which was mapped {TRIES} times with \
             MAP_JIT, the last time at {start:#x}",
            fixup::binary_size(reaches[1])
        ),
        error,
    ))
}

fn size(room: u64) -> io::Result<usize> {
    usize::try_from(room).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::memory::sys::injection;
    use crate::target::Os;

    const SIZE: u64 = 1 << 16;

    #[test]
    fn constants_and_data_lie_near_the_text() {
        let live = injection::live();
        let (text, rest) = map_apart(SIZE, SIZE, [MAX_IMAGE, MAX_IMAGE], Mapping::new).unwrap();
        let first = text.address().min(rest.address());
        let end = (text.address() + text.len()).max(rest.address() + rest.len());
        assert!(end - first <= MAX_IMAGE as usize, "{first:#x} to {end:#x}");
        assert_eq!(injection::live(), live + 2);
    }

    #[test]
    fn the_further_reach_comes_second() {
        let (text, rest) = map_apart(SIZE, SIZE, [SIZE, MAX_IMAGE], Mapping::new).unwrap();
        assert!(text.address().abs_diff(rest.address()) < MAX_IMAGE as usize);
    }

    /// A reach of the text itself: whatever is tried, nothing else has room there.
    #[test]
    fn what_is_out_of_reach_is_retried_and_then_explained() {
        let live = injection::live();
        let calls = Cell::new(0);
        let last = Cell::new(0);
        let error = map_apart(SIZE, SIZE, [SIZE, SIZE], |len| {
            calls.set(calls.get() + 1);
            let mapping = Mapping::new(len)?;
            assert_ne!(mapping.address(), last.replace(mapping.address()), "another place each time");
            Ok(mapping)
        })
        .unwrap_err();
        assert_eq!((calls.get(), injection::live()), (TRIES, live));
        let text = error.to_string();
        let start = format!(
            "cannot map 0x10000 bytes of constants and data within 64 KiB of the text, which was mapped 4 times with MAP_JIT, \
             the last time at {:#x}: no room for 0x10000 bytes between {:#x} and {:#x}; the nearest is at 0x",
            last.get(),
            last.get(),
            last.get() + 0x1_0000
        );
        assert!(text.starts_with(&start), "{text}");
        assert!(error.is_system());
    }

    #[test]
    fn each_call_that_fails_leaves_nothing() {
        let mut calls = Vec::new();
        loop {
            let live = injection::live();
            let map = || map_apart(SIZE, SIZE, [MAX_IMAGE, MAX_IMAGE], Mapping::new);
            let (result, failed) = injection::failing(calls.len(), map);
            let Some(call) = failed else { break };
            // Without a list of the mappings other places are tried.
            assert!(if call == "open" { result.is_ok() } else { result.as_ref().is_err_and(Error::is_system) });
            drop(result);
            assert_eq!(injection::live(), live);
            calls.push(call);
        }
        let expected: &[&str] =
            if sys::HOST_OS == Os::Linux && !cfg!(miri) { &["mmap", "open", "mmap"] } else { &["mmap", "mmap"] };
        assert_eq!(calls, expected);
    }
}

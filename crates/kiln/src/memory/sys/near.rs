//! Where a mapping may lie: near an address, for code whose distances have a range.

use std::io;
use std::ops::Range;

use super::page_size;

/// Addresses that a mapping must lie between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// How often a place that looked free is tried: another thread may take it first.
#[cfg_attr(miri, allow(dead_code, reason = "Miri chooses addresses"))]
const TRIES: usize = 64;
/// What no program may map (Linux: `vm.mmap_min_addr`).
const LOWEST: usize = 1 << 16;
/// Room that a stack and the C library's heap may still want to grow into.
const GROWTH: usize = 1 << 26;

impl Window {
    /// Every address within `reach` bytes of `address`.
    pub(crate) fn around(address: usize, reach: usize) -> Window {
        Window { start: address.saturating_sub(reach), end: address.saturating_add(reach) }
    }

    /// Whether a range lies in the window, whole.
    pub(crate) fn holds(self, start: usize, len: usize) -> bool {
        start >= self.start && start.checked_add(len).is_some_and(|end| end <= self.end)
    }

    fn middle(self) -> usize {
        self.start + (self.end - self.start) / 2
    }

    /// How far the further end of a range is from the middle.
    fn distance(self, start: usize, len: usize) -> usize {
        let middle = self.middle();
        start.abs_diff(middle).max(start.saturating_add(len).abs_diff(middle))
    }

    /// Addresses to try for a mapping of `len` bytes: nearest to the middle first. Each is a multiple of `page`, the size of its
    /// pages.
    #[cfg_attr(miri, allow(dead_code, reason = "Miri chooses addresses"))]
    pub(super) fn candidates(self, len: usize, page: usize) -> Vec<usize> {
        let mut places = match occupied() {
            Some(maps) => self.places(&maps, len, page),
            None => self.hints(page),
        };
        places.retain(|&start| self.holds(start, len));
        places.truncate(TRIES);
        places
    }

    /// The nearest place in each gap between the mappings, also outside the window; nearest first.
    fn places(self, maps: &str, len: usize, page: usize) -> Vec<usize> {
        let len = len.next_multiple_of(page);
        let nearest = |gap: Range<usize>| {
            let last = gap.end.checked_sub(len)? / page * page;
            let first = gap.start.next_multiple_of(page);
            (first <= last).then(|| (self.middle() / page * page).clamp(first, last))
        };
        let mut places: Vec<usize> = gaps(maps).into_iter().filter_map(nearest).collect();
        places.sort_by_key(|&start| self.distance(start, len));
        places
    }

    /// For systems that do not show a process its mappings: they take the first free place above the address.
    fn hints(self, page: usize) -> Vec<usize> {
        let middle = self.middle();
        let half = middle - self.start;
        let below = (0..8).rev().map(|shift| middle - (half >> shift));
        std::iter::once(middle).chain(below).map(|hint| hint.next_multiple_of(page)).collect()
    }

    /// Says why there is no such mapping: `elsewhere` is where the system offered one.
    pub(super) fn failure(self, len: usize, elsewhere: Option<usize>) -> io::Error {
        let page = page_size() as usize;
        let nearest = occupied().and_then(|maps| self.places(&maps, len, page).first().copied()).or(elsewhere);
        let nearest = nearest.map_or(String::new(), |start| {
            format!("; the nearest is at {start:#x}, up to {:#x} bytes away", self.distance(start, len))
        });
        io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            format!("no room for {len:#x} bytes between {:#x} and {:#x}{nearest}", self.start, self.end),
        )
    }
}

/// The mappings of this process, as Linux writes them.
fn occupied() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    #[cfg(test)]
    super::injection::call("open").ok()?;
    std::fs::read_to_string("/proc/self/maps").ok()
}

/// What lies free between the lines of `/proc/self/maps`, without the room that the stack and the heap grow into.
fn gaps(maps: &str) -> Vec<Range<usize>> {
    let mut gaps = Vec::new();
    let mut free_from = LOWEST;
    for line in maps.lines() {
        let Some((range, rest)) = line.split_once(' ') else { continue };
        let Some((start, end)) = range.split_once('-') else { continue };
        let (Ok(start), Ok(end)) = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16)) else { continue };
        let until = if rest.ends_with("[stack]") { start.saturating_sub(GROWTH) } else { start };
        if free_from < until {
            gaps.push(free_from..until);
        }
        free_from = if rest.ends_with("[heap]") { end.saturating_add(GROWTH) } else { end };
    }
    gaps
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::memory::sys::Mapping;

    const MAPS: &str = "\
00200000-00300000 r-xp 00000000 08:01 1 /program
00400000-00500000 rw-p 00000000 00:00 0 [heap]
10000000-10100000 r-xp 00000000 08:01 2 /library
20000000-20021000 rw-p 00000000 00:00 0 [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
";

    #[test]
    fn gaps_leave_room_to_grow() {
        assert_eq!(
            gaps(MAPS),
            [
                0x1_0000..0x20_0000,
                0x30_0000..0x40_0000,
                // 64 MiB above the heap, and below the stack.
                0x450_0000..0x1000_0000,
                0x1010_0000..0x1c00_0000,
                0x2002_1000..0xffff_ffff_ff60_0000,
            ]
        );
    }

    #[test]
    fn the_nearest_place_comes_first() {
        let window = Window::around(0x1008_0000, 0x800_0000);
        let places = window.places(MAPS, 0x2000, 0x1000);
        assert_eq!(places, [0x0fff_e000, 0x1010_0000, 0x3f_e000, 0x1f_e000, 0x2002_1000]);
        assert!(window.holds(0x1010_0000, 0x2000) && !window.holds(0x2002_1000, 0x2000));
        // In a gap that the middle lies in, there; a size that fits nowhere near goes further.
        assert_eq!(Window::around(0x600_0123, 0x1000).places(MAPS, 0x2000, 0x1000)[0], 0x600_0000);
        assert_eq!(window.places(MAPS, 0x4000_0000, 0x1000), [0x2002_1000]);
    }

    #[test]
    fn hints_cover_both_sides() {
        let window = Window::around(0x1_0000_0000, 0x8000_0000);
        let hints = window.hints(0x4000);
        assert_eq!((hints[0], hints.len()), (0x1_0000_0000, 9));
        assert_eq!(hints.last(), Some(&0x8000_0000));
        assert!(hints.iter().all(|hint| hint % 0x4000 == 0));
    }

    #[test]
    fn near_this_function() {
        let here = near_this_function as *const () as usize;
        let reach = 128 << 20;
        let mapping = Mapping::within(Window::around(here, reach), 1 << 20).unwrap();
        assert!(mapping.address().abs_diff(here) <= reach, "{:#x} from {here:#x}", mapping.address());
        assert!((mapping.address() + mapping.len()).abs_diff(here) <= reach);
    }

    #[test]
    fn no_room_is_explained() {
        let taken = Mapping::new(1 << 20).unwrap();
        let window = Window { start: taken.address(), end: taken.address() + taken.len() };
        let error = Mapping::within(window, 1 << 16).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
        let text = error.to_string();
        let start = format!("no room for 0x10000 bytes between {:#x} and {:#x}", window.start, window.end);
        assert!(text.starts_with(&start), "{text}");
        assert!(text.contains("; the nearest is at 0x") && text.contains(" bytes away"), "{text}");
    }
}

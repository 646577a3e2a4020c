//! Room in the segments, and who is given it.

use std::ops::Range;

use super::{MAX_IMAGE, OwnEntries, SLOT_SIZE, Segment, Threads, UNWIND_END};
use crate::error::{Error, Result};
use crate::fixup;
use crate::graph::{Entries, LinkGraph, Permission, Resolved, Role, SectionId, When};

/// Hands out room in the segments.
pub(super) struct Room {
    pub(super) segments: [Segment; 3],
    pub(super) gaps: Vec<Range<u64>>,
}

impl Room {
    /// Room for what Kiln makes, if there is any.
    pub(super) fn reserve(&mut self, permission: Permission, size: u64, align: u64, limit: u64) -> Result<u64> {
        if size == 0 {
            return Ok(self.segments[permission as usize].size);
        }
        self.take(permission, size, align, limit)
    }

    /// Room for a section, which has an aligned address though it be empty: labels may stand there.
    pub(super) fn take(&mut self, permission: Permission, size: u64, align: u64, limit: u64) -> Result<u64> {
        let segment = &mut self.segments[permission as usize];
        let start = segment.size.checked_next_multiple_of(align);
        let end = start.and_then(|start| start.checked_add(size)).filter(|end| *end <= limit);
        let (Some(start), Some(end)) = (start, end) else {
            return Err(Error::unsupported(format!(
                "{size:#x} bytes more make the image larger than {}",
                fixup::binary_size(limit)
            )));
        };
        if permission == Permission::Text && start > segment.size {
            self.gaps.push(segment.size..start);
        }
        segment.size = end;
        segment.align = segment.align.max(align);
        Ok(start)
    }

    pub(super) fn own(&mut self, graph: &LinkGraph<'_>, resolved: &Resolved, entries: &Entries) -> Result<OwnEntries> {
        let stub_size = fixup::stub_size(graph.arch, entries.guarded);
        let thunk_size = fixup::thunk_size(graph.arch, entries.guarded);
        let (indirect, thunks) = (resolved.indirect.len() as u64, resolved.thunks.len() as u64);
        let mut room = |permission, count: u64, size: u64| self.reserve(permission, count * size, SLOT_SIZE, MAX_IMAGE);
        Ok(OwnEntries {
            indirect_stubs: room(Permission::Text, indirect, stub_size)?,
            thunk_stubs: room(Permission::Text, thunks, thunk_size)?,
            veneers: room(Permission::Text, entries.veneers.len() as u64, fixup::veneer_size(graph.arch))?,
            indirect_slots: room(Permission::Const, indirect, SLOT_SIZE)?,
            thunk_slots: room(Permission::Const, thunks, SLOT_SIZE)?,
            handle: room(Permission::Const, u64::from(resolved.handle), SLOT_SIZE)?,
            thunk_size,
        })
    }

    /// The pieces of the functions that all inputs add to, without anything between, and what stands before and behind them.
    pub(super) fn pieces(
        &mut self,
        graph: &LinkGraph<'_>,
        resolved: &Resolved,
        offsets: &mut [u64],
    ) -> Result<[Option<Range<u64>>; 2]> {
        let mut pieces = [None, None];
        let [before, behind] = fixup::around_pieces(graph.arch).map(|code| code.len() as u64);
        for (when, pieces) in [When::Init, When::Fini].into_iter().zip(&mut pieces) {
            let is_live = |id: &SectionId| resolved.live[id.0 as usize];
            let mut sections = graph.apart(Role::Piece(when)).filter(is_live).peekable();
            if sections.peek().is_none() {
                continue;
            }
            let start = self.reserve(Permission::Text, before, SLOT_SIZE, MAX_IMAGE)?;
            // Code runs through what stands between: it is no gap for traps.
            let gaps = self.gaps.len();
            for id in sections {
                let section = graph.section(id);
                offsets[id.0 as usize] =
                    self.reserve(Permission::Text, section.size, section.align, MAX_IMAGE).map_err(|error| {
                        error.section(graph.section_name(section)).input(graph.input_name(section.input))
                    })?;
            }
            let end = self.reserve(Permission::Text, behind, fixup::instruction_align(graph.arch), MAX_IMAGE)?;
            self.gaps.truncate(gaps);
            *pieces = Some(start..end + behind);
        }
        Ok(pieces)
    }

    /// Readers of call frame information take a word of zeros for its end.
    pub(super) fn unwind(
        &mut self,
        graph: &LinkGraph<'_>,
        resolved: &Resolved,
        offsets: &mut [u64],
    ) -> Result<Range<u64>> {
        let size = resolved.frames.iter().fold(0u64, |sum, id| sum.saturating_add(graph.section(*id).size));
        if size == 0 {
            return Ok(0..0);
        }
        let start = self.reserve(Permission::Const, size.saturating_add(UNWIND_END), SLOT_SIZE, MAX_IMAGE)?;
        let mut next = start;
        for id in &resolved.frames {
            offsets[id.0 as usize] = next;
            next += graph.section(*id).size;
        }
        Ok(start..next + UNWIND_END)
    }

    pub(super) fn threads(
        &mut self,
        graph: &LinkGraph<'_>,
        resolved: &Resolved,
        entries: &Entries,
        offsets: &mut [u64],
    ) -> Result<Threads> {
        let is_block = |id: &SectionId| graph.section(*id).role == Role::ThreadLocal;
        let any = graph.apart(Role::ThreadLocal).next().is_some();
        let block: Vec<SectionId> = resolved.order.iter().copied().filter(|id| any && is_block(id)).collect();
        let mut threads = Threads { align: 1, ..Threads::default() };
        // Zeros come behind what has contents.
        for zeros in [false, true] {
            for id in &block {
                let section = graph.section(*id);
                if section.data.is_none() != zeros {
                    continue;
                }
                threads.offsets.resize(offsets.len(), 0);
                threads.align = threads.align.max(section.align);
                let start = threads.size.checked_next_multiple_of(section.align);
                let end = start.and_then(|start| start.checked_add(section.size)).filter(|end| *end <= MAX_IMAGE);
                let (Some(start), Some(end)) = (start, end) else {
                    let error = Error::unsupported("thread-local storage would be larger than 2 GiB");
                    return Err(error.section(graph.section_name(section)).input(graph.input_name(section.input)));
                };
                threads.offsets[id.0 as usize] = start;
                threads.size = end;
            }
            if !zeros {
                let filled = threads.size;
                let start = self.reserve(Permission::Const, filled, threads.align, MAX_IMAGE)?;
                threads.template = start..start + filled;
            }
        }
        for id in &block {
            let offset = threads.template.start + threads.offsets[id.0 as usize];
            offsets[id.0 as usize] = offset.min(threads.template.end);
        }
        let size = SLOT_SIZE * u64::from(entries.threads.words);
        threads.slots = self.reserve(Permission::Const, size, SLOT_SIZE, MAX_IMAGE)?;
        Ok(threads)
    }

    pub(super) fn common(&mut self, resolved: &Resolved) -> Result<u64> {
        self.reserve(Permission::Data, resolved.common.0, resolved.common.1.max(1), MAX_IMAGE)
    }
}

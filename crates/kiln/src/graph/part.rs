//! A part of a section as the whole image: what `Linker::keep_only` does.

use std::ops::Range;

use super::{Definition, LinkGraph, Relocation, RelocationTable, SectionId, Span, Symbol, SymbolId};

impl LinkGraph<'_> {
    /// Takes everything but the bytes `range` of a section out of the image, which then begins with them; or, if they
    /// refer to anything else, changes nothing and says to what.
    ///
    /// `range` lies in the section.
    pub(crate) fn keep_only(&mut self, section: SectionId, range: Range<u64>) -> Result<(), Vec<SymbolId>> {
        let outside: Vec<SymbolId> = self.leaving(section, &range).collect();
        if !outside.is_empty() {
            return Err(outside);
        }
        let kept: Vec<Relocation> = (self.relocations(self.section(section)))
            .filter(|relocation| range.contains(&u64::from(relocation.offset)))
            .map(|relocation| self.moved(&relocation, range.start))
            .collect();
        // The new ones stand behind the old ones, which nothing refers to any more.
        let first = self.relocations.len() as u32;
        self.relocations.extend(kept);
        let last = self.relocations.len() as u32;

        self.partial = true;
        for (index, other) in self.sections.iter_mut().enumerate() {
            other.live = index == section.0 as usize;
            if other.live {
                other.relocations = RelocationTable::Made(first..last);
                other.data = other.data.map(|data| data.part(&range));
                other.size = range.end - range.start;
                // Where the section was aligned, the part is as much as its distance from the section's start.
                other.align =
                    if range.start == 0 { other.align } else { other.align.min(1 << range.start.trailing_zeros()) };
            }
        }
        for symbol in &mut self.symbols {
            if let Definition::Section { section: home, offset } = symbol.definition
                && home == section
            {
                symbol.definition = if is_section_start(symbol) {
                    Definition::Section { section, offset: 0 }
                } else if (range.start..=range.end).contains(&offset) {
                    Definition::Section { section, offset: offset - range.start }
                } else {
                    Definition::LeftOut
                };
            }
        }
        Ok(())
    }

    /// The symbols that the bytes `range` of a section refer to, which are not in that range.
    fn leaving(&self, section: SectionId, range: &Range<u64>) -> impl Iterator<Item = SymbolId> {
        let whole = *range == (0..self.section(section).size);
        // A label behind the section's last byte is still the section's own.
        let end = if range.end == self.section(section).size { range.end.saturating_add(1) } else { range.end };
        let inside = range.start..end;
        let stays = move |relocation: &Relocation, id: SymbolId| {
            let symbol = self.symbol(id);
            match symbol.definition {
                Definition::Section { section: home, offset } => {
                    let from_start = is_section_start(symbol) && id == relocation.symbol;
                    let is_inside = |target: u64| inside.contains(&target);
                    let within = match from_start {
                        false => is_inside(offset),
                        true => relocation.targets(offset).iter().all(|target| is_inside(*target)),
                    };
                    home == section && (whole || within)
                }
                Definition::Absolute(_) => true,
                Definition::Undefined | Definition::Fallback(_) | Definition::LeftOut | Definition::Common { .. } => {
                    false
                }
            }
        };
        let range = range.clone();
        self.relocations(self.section(section))
            .filter(move |relocation| range.contains(&u64::from(relocation.offset)))
            .flat_map(|relocation| {
                let symbols = [Some(relocation.symbol), relocation.subtrahend].into_iter().flatten();
                symbols.map(move |symbol| (relocation, symbol))
            })
            .filter(move |(relocation, symbol)| !stays(relocation, *symbol))
            .map(|(_, symbol)| symbol)
    }

    /// A relocation of a section that now begins `start` bytes later. A section's own symbol stays at its beginning, so
    /// the addend takes the difference.
    fn moved(&self, relocation: &Relocation, start: u64) -> Relocation {
        let shift = |id: SymbolId| match self.symbol(id) {
            symbol @ Symbol { definition: Definition::Section { offset, .. }, .. } if is_section_start(symbol) => {
                offset.wrapping_sub(start) as i64
            }
            _ => 0,
        };
        let subtracted = relocation.subtrahend.map_or(0, shift);
        Relocation {
            offset: (u64::from(relocation.offset) - start) as u32,
            addend: relocation.addend.wrapping_add(shift(relocation.symbol)).wrapping_sub(subtracted),
            ..*relocation
        }
    }
}

/// Whether a symbol only stands for its section.
fn is_section_start(symbol: &Symbol) -> bool {
    symbol.name == Span::default()
}

impl Span {
    fn part(self, range: &Range<u64>) -> Span {
        let len = range.end.min(u64::from(self.len)).saturating_sub(range.start) as u32;
        Span { start: self.start + range.start.min(u64::from(self.len)) as u32, len }
    }
}

impl Relocation {
    /// What may be meant `offset` bytes into the symbol's section, by the addend: the place itself, or, since some fields
    /// count from behind themselves, the place a field's width further on.
    fn targets(&self, offset: u64) -> [u64; 2] {
        let target = offset.wrapping_add_signed(self.addend);
        [target, target.wrapping_add(if self.kind.is_relative() { self.kind.width() as u64 } else { 0 })]
    }
}

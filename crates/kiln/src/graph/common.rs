//! Room for common symbols.

use std::collections::HashMap;

use super::Name;
use crate::error::{Error, Result};

/// The room for common symbols: each name once, with the greatest size and alignment that any input wants.
#[derive(Default)]
pub(super) struct Common<'g> {
    wanted: HashMap<Name<'g>, (u64, u64, u64)>,
    order: Vec<Name<'g>>,
    pub(super) size: u64,
    pub(super) align: u64,
}

impl<'g> Common<'g> {
    pub(super) fn wants(&mut self, name: Name<'g>, size: u64, align: u64) {
        let entry = self.wanted.entry(name).or_insert_with(|| {
            self.order.push(name);
            (0, 1, 0)
        });
        entry.0 = entry.0.max(size);
        entry.1 = entry.1.max(align);
    }

    pub(super) fn lay_out(&mut self) -> Result<()> {
        self.align = 1;
        for name in &self.order {
            if let Some((size, align, offset)) = self.wanted.get_mut(name) {
                let end = self.size.checked_next_multiple_of(*align).and_then(|at| Some((at, at.checked_add(*size)?)));
                let Some((at, end)) = end else {
                    return Err(Error::malformed("the sizes of the common symbols exceed the address space")
                        .symbol(String::from_utf8_lossy(name.bytes)));
                };
                (*offset, self.size) = (at, end);
                self.align = self.align.max(*align);
            }
        }
        Ok(())
    }

    pub(super) fn offset(&self, name: Name<'g>) -> u64 {
        self.wanted.get(&name).map_or(0, |(_, _, offset)| *offset)
    }
}

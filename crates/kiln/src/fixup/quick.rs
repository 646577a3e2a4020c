//! The forms that most relocations have, applied without a look at what the others need.

use super::{Check, Field, Kind, Value, Via, aarch64, x86_64};
use crate::target::Arch;

/// What is asked of a raw relocation type first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    Quick(Quick),
    /// Anything else, or of an unknown type.
    Other,
}

impl Form {
    #[inline]
    pub(crate) fn is_quick(self) -> bool {
        matches!(self, Form::Quick(_))
    }
}

/// Of ELF's raw relocation types, the forms.
pub(crate) fn forms_of_elf(arch: Arch) -> &'static [Form] {
    match arch {
        Arch::X86_64 => &x86_64::FORMS,
        Arch::Aarch64 => &aarch64::FORMS,
    }
}

/// The forms of a table of kinds.
pub(super) const fn forms<const N: usize>(kinds: &[&'static Kind; N]) -> [Form; N] {
    let mut forms = [Form::Other; N];
    let mut index = 0;
    while index < N {
        if let Some(quick) = kinds[index].quick {
            forms[index] = Form::Quick(quick);
        }
        index += 1;
    }
    forms
}

/// A form of a relocation of a symbol itself, or of a branch to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quick {
    /// `S + A - P` as a signed number of 32 bits.
    Distance,
    /// `S + A` as one of 64 bits.
    Address,
}

impl Quick {
    pub(super) const fn of(via: Via, value: Value, field: Field, check: Check) -> Option<Quick> {
        match (via, value, field, check) {
            (Via::Symbol | Via::Branch, Value::Relative, Field::Bytes(4), Check::Signed(32)) => Some(Quick::Distance),
            (Via::Symbol, Value::Absolute, Field::Bytes(8), Check::Either(64)) => Some(Quick::Address),
            _ => None,
        }
    }

    /// Writes to the beginning of `field`, at the address `place`, what [`Kind::compute`](super::Kind::compute) and
    /// [`Kind::write`](super::Kind::write) would for `S + A = target`. `false`: it does not fit, and nothing is written.
    #[inline]
    pub(super) fn apply(self, target: u64, place: u64, field: &mut [u8]) -> bool {
        match self {
            Quick::Distance => {
                let distance = i32::try_from(target.wrapping_sub(place) as i64);
                let (Ok(distance), Some(field)) = (distance, field.first_chunk_mut()) else { return false };
                *field = distance.to_le_bytes();
            }
            Quick::Address => {
                let Some(field) = field.first_chunk_mut() else { return false };
                *field = target.to_le_bytes();
            }
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::fixup::{self, Kind, Operands};
    use crate::target::{Arch, Format};

    /// Against the way of all relocations, for every row of every table that has such a form.
    #[test]
    fn as_computed_and_written() {
        let formats = [Format::Elf, Format::MachO, Format::Coff];
        let tables = [Arch::X86_64, Arch::Aarch64].map(|arch| formats.map(|format| fixup::kinds(arch, format)));
        let kinds: Vec<&Kind> = tables.as_flattened().iter().flat_map(|table| table.iter().copied()).collect();
        let numbers = [0, 1, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x7fff_5678_9abc, u64::MAX, 1 << 63];
        let near = numbers.iter().flat_map(|number| [-5i64, -4, 0, 3].map(|by| number.wrapping_add_signed(by)));
        let near: Vec<u64> = near.collect();
        let mut count = [0, 0];
        for (kind, quick) in kinds.iter().filter_map(|kind| Some((kind, kind.quick?))) {
            for (symbol, place) in near.iter().flat_map(|symbol| near.iter().map(move |place| (*symbol, *place))) {
                let addend = -4;
                let operands =
                    Operands { symbol, subtrahend: 0, addend, place, image_base: 0, got: 0, segment: (0, 0) };
                let mut expected = [0xaa; 10];
                let value = kind.compute(operands);
                let fits = kind.write(&mut expected[..kind.width()], value).is_ok();
                let mut found = [0xaa; 10];
                assert_eq!(quick.apply(symbol.wrapping_add_signed(addend), place, &mut found), fits, "{kind:?}");
                assert_eq!(found, expected, "{kind:?} of {symbol:#x} at {place:#x}");
                count[usize::from(fits)] += 1;
            }
            assert!(!quick.apply(0, 0, &mut vec![0; kind.width() - 1]), "{kind:?} at the end of a section");
        }
        // Both what fits and what does not.
        assert!(count[0] > 1000 && count[1] > 1000, "{count:?}");
    }
}

//! What must be true of a relocation's value.

use super::binary_size;

/// What must be true of the value; anything else is an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Check {
    /// No check: the relocation asks for the low bits by its definition.
    Truncate,
    /// `-2^(n-1) <= value < 2^(n-1)`
    Signed(u8),
    /// `0 <= value < 2^n`
    Unsigned(u8),
    /// `-2^(n-1) <= value < 2^n`: the field may be read either way.
    Either(u8),
    /// `Signed(n)`, and a multiple of 4: a distance between instructions.
    Branch(u8),
    /// No value fits.
    Never,
}

impl Check {
    pub(super) fn holds(self, value: i64) -> bool {
        let signed = |bits: u8| value << (64 - bits) >> (64 - bits) == value;
        let unsigned = |bits: u8| (value as u64).checked_shr(u32::from(bits)).unwrap_or(0) == 0;
        match self {
            Check::Truncate => true,
            Check::Never => false,
            Check::Signed(bits) => signed(bits),
            Check::Unsigned(bits) => unsigned(bits),
            Check::Either(bits) => signed(bits) || unsigned(bits),
            Check::Branch(bits) => signed(bits) && value % 4 == 0,
        }
    }

    /// What the check wants, in words.
    pub(super) fn words(self) -> String {
        match self {
            Check::Truncate => "anything".to_owned(),
            Check::Never => "what nothing is".to_owned(),
            Check::Signed(bits) => format!("a signed {bits}-bit value"),
            Check::Unsigned(bits) => format!("an unsigned {bits}-bit value"),
            Check::Either(bits) => format!("a {bits}-bit value"),
            Check::Branch(bits) => format!("a multiple of 4 within ±{}", binary_size(1 << (bits - 1))),
        }
    }
}

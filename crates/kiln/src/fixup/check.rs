//! What must be true of a relocation's value.

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

/// `-16` as `-0x10`.
pub(super) fn signed_hex(value: i64) -> String {
    format!("{}{:#x}", if value < 0 { "-" } else { "" }, value.unsigned_abs())
}

/// `2147483648` as `2 GiB`.
pub(crate) fn binary_size(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 1024 && value.is_multiple_of(1024) && unit + 1 < units.len() {
        value /= 1024;
        unit += 1;
    }
    format!("{value} {}", units[unit])
}

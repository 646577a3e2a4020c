//! The address that a load or store of A64 begins at, per *Arm Architecture Reference Manual*, C4.1, "Loads and stores".

/// The address, from the instruction word, the program counter and the registers (31 is the stack pointer). `None`: the
/// word is no load or store of a known form.
pub(super) fn address(word: u32, pc: u64, register: impl Fn(usize) -> u64) -> Option<u64> {
    let field = |low: u32, width: u32| (word >> low) & ((1 << width) - 1);
    let signed = |low: u32, width: u32| i64::from((word << (32 - low - width)) as i32 >> (32 - width));
    let base = || register(field(5, 5) as usize);
    let is = |mask: u32, value: u32| word & mask == value;
    if is(0x3b00_0000, 0x1800_0000) {
        // Literal.
        return Some(pc.wrapping_add_signed(4 * signed(5, 19)));
    }
    if is(0x3f00_0000, 0x0800_0000) || is(0xbf00_0000, 0x0c00_0000) || is(0xbf00_0000, 0x0d00_0000) {
        // Exclusive and ordered; structures of vectors, post-indexed at most.
        return Some(base());
    }
    if is(0x3a00_0000, 0x2800_0000) {
        // Pairs; post-indexed ones begin at the base.
        let scale = if is(1 << 26, 1 << 26) { 2 + field(30, 2) } else { 2 + field(31, 1) };
        let offset = if field(23, 2) == 1 { 0 } else { signed(15, 7) << scale };
        return Some(base().wrapping_add_signed(offset));
    }
    // The logarithm of the size: vectors of 16 bytes have a bit of the operation as its third.
    let scale = if is(1 << 26, 1 << 26) { field(30, 2) | field(23, 1) << 2 } else { field(30, 2) };
    if is(0x3b00_0000, 0x3900_0000) {
        return Some(base().wrapping_add(u64::from(field(10, 12)) << scale));
    }
    if is(0x3b20_0c00, 0x3820_0800) {
        // A register, extended and shifted. Register 31 is zero here.
        let index = if field(16, 5) == 31 { 0 } else { register(field(16, 5) as usize) };
        let extended = match field(13, 3) {
            0b010 => u64::from(index as u32),
            0b110 => i64::from(index as i32) as u64,
            _ => index,
        };
        return Some(base().wrapping_add(extended << if field(12, 1) == 1 { scale } else { 0 }));
    }
    if is(0x3b20_0c00, 0x3820_0000) {
        // Atomic.
        return Some(base());
    }
    if is(0x3b20_0c00, 0x3800_0400) {
        // Post-indexed.
        return Some(base());
    }
    if is(0x3b20_0000, 0x3800_0000) || is(0x3b20_0c00, 0x1900_0000) {
        return Some(base().wrapping_add_signed(signed(12, 9)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn every_form_of_address() {
        let registers = |number: usize| match number {
            0 => 0x10000,
            1 => 0xffff_fffe,
            31 => 0x50000,
            _ => 7,
        };
        // As clang assembles the text beside them, at address 0x2000.
        for (word, text, expected) in [
            (0xf940_0402_u32, "ldr x2, [x0, #8]", 0x10008),
            (0x3dc0_0400, "ldr q0, [x0, #16]", 0x10010),
            (0x3900_07e2, "strb w2, [sp, #1]", 0x50001),
            (0xf85f_8002, "ldur x2, [x0, #-8]", 0xfff8),
            (0xf81f_0c02, "str x2, [x0, #-16]!", 0xfff0),
            (0xf801_0402, "str x2, [x0], #16", 0x10000),
            (0xa9bf_7bfd, "stp x29, x30, [sp, #-16]!", 0x4fff0),
            (0xa8c1_7bfd, "ldp x29, x30, [sp], #16", 0x50000),
            (0xad01_0400, "stp q0, q1, [x0, #32]", 0x10020),
            (0x2901_0402, "stp w2, w1, [x0, #8]", 0x10008),
            (0xf861_d802, "ldr x2, [x0, w1, sxtw #3]", 0xfff0),
            (0xb861_4802, "ldr w2, [x0, w1, uxtw]", 0x1_0000_fffe),
            (0x5800_0042, "ldr x2, 0x2008", 0x2008),
            (0xc85f_7c02, "ldxr x2, [x0]", 0x10000),
            (0xf862_0002, "ldadd x2, x2, [x0]", 0x10000),
            (0x4c9f_7002, "ld1 {v2.16b}, [x0], #16 (as st1)", 0x10000),
            (0xd91f_8002, "stlur x2, [x0, #-8]", 0xfff8),
        ] {
            assert_eq!(address(word, 0x2000, registers), Some(expected), "{text}");
        }
        assert_eq!(address(0xd503_201f, 0x2000, registers), None, "nop");
    }
}

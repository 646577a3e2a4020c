//! What a program does first that dyld does not do for it: it asks the functions that choose others, and tells the unwinder of
//! its call frame information, which stands where libunwind does not look for a program's.

/// Where [`code`] finds the address of `___register_frame`, and behind it pairs of a slot and the function that chooses what
/// belongs there, a zero, frame descriptions, and a zero. `None`: there is nothing to do.
///
/// All words but the first are addresses in the program, or zero.
pub(super) fn table(plan: &kiln::Plan) -> Option<Vec<u64>> {
    if plan.indirect().is_empty() && plan.frames().is_empty() {
        return None;
    }
    let mut words = vec![0];
    words.extend(plan.indirect().iter().flat_map(|(slot, chooser)| [slot.0, chooser.0]));
    words.push(0);
    words.extend(plan.frames().iter().map(|frame| frame.0));
    words.push(0);
    Some(words)
}

/// The instructions in bytes.
pub(super) const CODE: u64 = 84;

/// An initializer for the table, for where it stands itself.
pub(super) fn code(at: u64, table: u64) -> [u32; CODE as usize / 4] {
    [
        0xa9bd_7bfd,                                // stp x29, x30, [sp, #-48]!
        0x9100_03fd,                                // mov x29, sp
        0xa901_53f3,                                // stp x19, x20, [sp, #16]
        0xf900_13f5,                                // str x21, [sp, #32]
        adrp(at + 16, 19, table),                   // adrp x19, table
        0x9100_0273 | (table as u32 & 0xfff) << 10, // add x19, x19, #low
        0xf840_8675,                                // ldr x21, [x19], #8
        0xf840_8674,                                // 1: ldr x20, [x19], #8
        0xb400_00b4,                                // cbz x20, 2f
        0xf840_8668,                                // ldr x8, [x19], #8
        0xd63f_0100,                                // blr x8
        0xf900_0280,                                // str x0, [x20]
        0x17ff_fffb,                                // b 1b
        0xf840_8660,                                // 2: ldr x0, [x19], #8
        0xb400_0060,                                // cbz x0, 3f
        0xd63f_02a0,                                // blr x21
        0x17ff_fffd,                                // b 2b
        0xf940_13f5,                                // 3: ldr x21, [sp, #32]
        0xa941_53f3,                                // ldp x19, x20, [sp, #16]
        0xa8c3_7bfd,                                // ldp x29, x30, [sp], #48
        0xd65f_03c0,                                // ret
    ]
}

/// `adrp` at an address, of the page of another one.
pub(super) fn adrp(at: u64, register: u32, to: u64) -> u32 {
    let pages = (to >> 12).wrapping_sub(at >> 12) as u32;
    0x9000_0000 | (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5 | register
}

//! Common symbols of other kinds than all assemblers have directives for.

/// Makes the common symbol that has `size` bytes in an ELF object thread-local.
#[allow(dead_code, reason = "each test takes what it needs")]
pub(crate) fn make_thread_local(object: &mut [u8], size: u64) {
    const GLOBAL_TLS: u8 = 0x16;
    common(object, size)[0] = GLOBAL_TLS;
}

/// Makes it one of the medium code model's, as `.largecomm` does.
#[allow(dead_code, reason = "each test takes what it needs")]
pub(crate) fn make_large(object: &mut [u8], size: u64) {
    const LARGE_COMMON: u16 = 0xff02;
    common(object, size)[2..4].copy_from_slice(&LARGE_COMMON.to_le_bytes());
}

/// Of its entry in the symbol table: `st_info`, `st_other`, `st_shndx`, `st_value`, `st_size` (System V ABI, "Symbol Table").
fn common(object: &mut [u8], size: u64) -> &mut [u8] {
    const GLOBAL_OBJECT: u8 = 0x11;
    const COMMON: u16 = 0xfff2;
    let is_it = |entry: &[u8]| {
        entry[..2] == [GLOBAL_OBJECT, 0] && entry[2..4] == COMMON.to_le_bytes() && entry[12..] == size.to_le_bytes()
    };
    let at = object.windows(20).position(is_it).unwrap();
    &mut object[at..at + 20]
}

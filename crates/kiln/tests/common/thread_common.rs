//! Tentative definitions of thread-local variables, for which assemblers have different directives, or none.

/// Makes such a definition of the common symbol that has `size` bytes in an ELF object.
pub(crate) fn make_thread_local(object: &mut [u8], size: u64) {
    // Of a symbol: `st_info`, `st_other`, `st_shndx`, `st_value`, `st_size` (System V ABI, "Symbol Table").
    const GLOBAL_OBJECT: u8 = 0x11;
    const GLOBAL_TLS: u8 = 0x16;
    const COMMON: [u8; 2] = 0xfff2u16.to_le_bytes();
    let is_common = |symbol: &[u8]| {
        symbol[0] == GLOBAL_OBJECT && symbol[1] == 0 && symbol[2..4] == COMMON && symbol[12..] == size.to_le_bytes()
    };
    let at = object.windows(20).position(is_common).unwrap();
    object[at] = GLOBAL_TLS;
}

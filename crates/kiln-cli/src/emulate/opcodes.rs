//! The opcodes of `LC_DYLD_INFO_ONLY`, by which a program says which of its pointers are to be set (xnu:
//! `EXTERNAL_HEADERS/mach-o/loader.h`, `REBASE_OPCODE_*` and `BIND_OPCODE_*`).

/// A pointer in a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pointer {
    /// The number of the segment's load command.
    pub(super) segment: u8,
    /// In bytes, from the segment's start.
    pub(super) offset: u64,
}

const POINTER: u8 = 1;

/// Pointers to places of the program itself.
pub(super) fn rebases(pointers: &[Pointer]) -> Vec<u8> {
    const SET_TYPE: u8 = 0x10;
    const SET_PLACE: u8 = 0x20;
    const DO_TIMES: u8 = 0x50;
    if pointers.is_empty() {
        return Vec::new();
    }
    let mut opcodes = vec![SET_TYPE | POINTER];
    for pointer in pointers {
        opcodes.push(SET_PLACE | pointer.segment);
        uleb(&mut opcodes, pointer.offset);
        opcodes.push(DO_TIMES | 1);
    }
    opcodes.push(0);
    opcodes
}

/// Pointers to what the first library has, by symbol, and so many bytes on.
pub(super) fn binds(pointers: &[(Pointer, &str, i64)]) -> Vec<u8> {
    const SET_LIBRARY: u8 = 0x10;
    const SET_SYMBOL: u8 = 0x40;
    const SET_TYPE: u8 = 0x50;
    const SET_ADDEND: u8 = 0x60;
    const SET_PLACE: u8 = 0x70;
    const DO_BIND: u8 = 0x90;
    if pointers.is_empty() {
        return Vec::new();
    }
    let mut opcodes = vec![SET_LIBRARY | 1, SET_TYPE | POINTER];
    for (pointer, symbol, addend) in pointers {
        opcodes.push(SET_SYMBOL);
        opcodes.extend_from_slice(symbol.as_bytes());
        opcodes.extend([0, SET_ADDEND]);
        sleb(&mut opcodes, *addend);
        opcodes.push(SET_PLACE | pointer.segment);
        uleb(&mut opcodes, pointer.offset);
        opcodes.push(DO_BIND);
    }
    opcodes.push(0);
    opcodes
}

fn uleb(to: &mut Vec<u8>, mut value: u64) {
    loop {
        let byte = value as u8 & 0x7f;
        value >>= 7;
        if value == 0 {
            to.push(byte);
            return;
        }
        to.push(byte | 0x80);
    }
}

fn sleb(to: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = value as u8 & 0x7f;
        value >>= 7;
        let sign = byte & 0x40 != 0;
        if value == if sign { -1 } else { 0 } {
            to.push(byte);
            return;
        }
        to.push(byte | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let written = |value| {
            let mut bytes = Vec::new();
            sleb(&mut bytes, value);
            bytes
        };
        assert_eq!(written(0), [0]);
        assert_eq!(written(63), [63]);
        assert_eq!(written(64), [0xc0, 0]);
        assert_eq!(written(-1), [0x7f]);
        assert_eq!(written(-65), [0xbf, 0x7f]);
        let mut bytes = Vec::new();
        uleb(&mut bytes, 0x4000);
        assert_eq!(bytes, [0x80, 0x80, 1]);
    }

    #[test]
    fn programs_for_pointers() {
        let at = |segment, offset| Pointer { segment, offset };
        assert!(rebases(&[]).is_empty());
        assert_eq!(rebases(&[at(2, 8), at(3, 0x80)]), [0x11, 0x22, 8, 0x51, 0x23, 0x80, 1, 0x51, 0]);
        assert!(binds(&[]).is_empty());
        assert_eq!(binds(&[(at(3, 16), "_puts", -1)]), *b"\x11\x51\x40_puts\0\x60\x7f\x73\x10\x90\0");
    }
}

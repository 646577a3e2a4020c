//! Where the fields of an instruction stand (Intel SDM vol. 2, chapter 2 and appendix A, for 64-bit mode).

/// The parts of an instruction, by their offsets in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Instruction {
    pub(super) len: usize,
    pub(super) prefix: Prefix,
    /// Whether it has a prefix 66, F2 or F3, without which it is another instruction.
    pub(super) is_prefixed: bool,
    /// Whether its addresses count from a segment, or have 32 bits.
    pub(super) has_odd_address: bool,
    /// 0: one byte; 1: behind 0F; 2 and 3: behind 0F 38 and 0F 3A.
    pub(super) map: u8,
    pub(super) opcode: u8,
    pub(super) opcode_at: usize,
    pub(super) modrm: Option<usize>,
    pub(super) displacement: Option<(usize, usize)>,
    pub(super) immediate: Option<(usize, usize)>,
}

/// What extends the numbers of registers, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Prefix {
    None,
    Rex(usize),
    /// Of two bytes.
    ShortVex,
    Vex(usize),
    Evex(usize),
}

/// The bytes of an instruction, one after the other.
struct Cursor<'c> {
    code: &'c [u8],
    at: usize,
}

impl Cursor<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = *self.code.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// A field of `size` bytes. Its offset and size, if there is one.
    fn field(&mut self, size: usize) -> Option<Option<(usize, usize)>> {
        let at = self.at;
        self.at += size;
        (self.at <= self.code.len()).then_some((size > 0).then_some((at, size)))
    }
}

/// Reads the instruction at the beginning of `code`. `None`: it is none, or one that is not known here.
pub(super) fn decode(code: &[u8]) -> Option<Instruction> {
    // No instruction is longer (2.3.11).
    let mut cursor = Cursor { code: code.get(..code.len().min(15))?, at: 0 };
    let (mut is_prefixed, mut is_16_bits, mut has_odd_address) = (false, false, false);
    let mut byte = cursor.next()?;
    loop {
        match byte {
            0x66 => (is_prefixed, is_16_bits) = (true, true),
            0xf2 | 0xf3 => is_prefixed = true,
            0x64 | 0x65 | 0x67 => has_odd_address = true,
            0x26 | 0x2e | 0x36 | 0x3e | 0xf0 => {}
            _ => break,
        }
        byte = cursor.next()?;
    }
    let (mut prefix, mut wide, mut map) = (Prefix::None, false, 0);
    if byte & 0xf0 == 0x40 {
        (prefix, wide) = (Prefix::Rex(cursor.at - 1), byte & 8 != 0);
        byte = cursor.next()?;
    }
    match byte {
        0x0f => {
            map = match cursor.next()? {
                0x38 => 2,
                0x3a => 3,
                _ => {
                    cursor.at -= 1;
                    1
                }
            };
            byte = cursor.next()?;
        }
        0xc5 => {
            (prefix, map) = (Prefix::ShortVex, 1);
            cursor.next()?;
            byte = cursor.next()?;
        }
        0xc4 => {
            (prefix, map) = (Prefix::Vex(cursor.at - 1), cursor.next()? & 0x1f);
            cursor.next()?;
            byte = cursor.next()?;
        }
        0x62 => {
            (prefix, map) = (Prefix::Evex(cursor.at - 1), cursor.next()? & 7);
            cursor.field(2)?;
            byte = cursor.next()?;
        }
        _ => {}
    }
    let is_vector = matches!(prefix, Prefix::ShortVex | Prefix::Vex(_) | Prefix::Evex(_));
    let opcode_at = cursor.at - 1;
    let shape = if is_vector { of_vectors(map, byte)? } else { of(map, byte)? };
    let mut immediate = match shape.immediate {
        Immediate::Bytes(size) => size,
        Immediate::Operand if is_16_bits && !wide => 2,
        Immediate::Operand => 4,
        Immediate::Whole if wide => 8,
        Immediate::Whole if is_16_bits => 2,
        Immediate::Whole => 4,
        Immediate::Address => 8,
    };
    let (mut modrm, mut displacement) = (None, None);
    if shape.modrm {
        modrm = Some(cursor.at);
        let byte_of_modrm = cursor.next()?;
        let (mode, register) = (byte_of_modrm >> 6, byte_of_modrm >> 3 & 7);
        let mut base = byte_of_modrm & 7;
        if mode != 3 && base == 4 {
            base = cursor.next()? & 7;
        }
        displacement = cursor.field(match (mode, base) {
            (0, 5) | (2, _) => 4,
            (1, _) => 1,
            _ => 0,
        })?;
        // AMD's XOP stands in the place of what `pop` does not use.
        if map == 0 && byte == 0x8f && register != 0 {
            return None;
        }
        // `test`, of all of its group, has an immediate.
        if map == 0 && !is_vector && matches!(byte, 0xf6 | 0xf7) && register > 1 {
            immediate = 0;
        }
    }
    let immediate = cursor.field(immediate)?;
    let len = cursor.at;
    let opcode = byte;
    Some(Instruction {
        len,
        prefix,
        is_prefixed,
        has_odd_address,
        map,
        opcode,
        opcode_at,
        modrm,
        displacement,
        immediate,
    })
}

/// What follows an opcode.
struct Shape {
    modrm: bool,
    immediate: Immediate,
}

#[derive(Clone, Copy)]
enum Immediate {
    Bytes(usize),
    /// As the operands, but no more than 4 bytes.
    Operand,
    /// As the operands.
    Whole,
    /// An address of 8 bytes.
    Address,
}

fn shape(modrm: bool, immediate: Immediate) -> Option<Shape> {
    Some(Shape { modrm, immediate })
}

/// Tables.
fn of(map: u8, opcode: u8) -> Option<Shape> {
    use Immediate::{Address, Bytes, Operand, Whole};
    match (map, opcode) {
        (0, 0x00..=0x3f) => match opcode & 7 {
            0..=3 => shape(true, Bytes(0)),
            4 => shape(false, Bytes(1)),
            5 => shape(false, Operand),
            _ => None,
        },
        (0, 0x50..=0x5f | 0x6c..=0x6f | 0x90..=0x99 | 0x9b..=0x9f | 0xa4..=0xa7 | 0xaa..=0xaf) => {
            shape(false, Bytes(0))
        }
        (0, 0xc3 | 0xc9 | 0xcb | 0xcc | 0xcf | 0xd7 | 0xec..=0xef | 0xf1 | 0xf4 | 0xf5 | 0xf8..=0xfd) => {
            shape(false, Bytes(0))
        }
        (0, 0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe | 0xff) => shape(true, Bytes(0)),
        (0, 0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 | 0xf6) => shape(true, Bytes(1)),
        (0, 0x69 | 0x81 | 0xc7 | 0xf7) => shape(true, Operand),
        (0, 0x68 | 0xa9) => shape(false, Operand),
        (0, 0x6a | 0x70..=0x7f | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xe0..=0xe7 | 0xeb) => shape(false, Bytes(1)),
        (0, 0xa0..=0xa3) => shape(false, Address),
        (0, 0xb8..=0xbf) => shape(false, Whole),
        (0, 0xc2 | 0xca) => shape(false, Bytes(2)),
        (0, 0xc8) => shape(false, Bytes(3)),
        (0, 0xe8 | 0xe9) | (1, 0x80..=0x8f) => shape(false, Bytes(4)),
        (1, 0x05..=0x09 | 0x0b | 0x0e | 0x30..=0x37 | 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xc8..=0xcf) => {
            shape(false, Bytes(0))
        }
        (1, 0x0f | 0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6) => shape(true, Bytes(1)),
        (1, 0x04 | 0x0a | 0x0c | 0x24..=0x27 | 0x38..=0x3f | 0x78..=0x79 | 0xa6 | 0xa7) => None,
        (1 | 2, _) => shape(true, Bytes(0)),
        (3, _) => shape(true, Bytes(1)),
        _ => None,
    }
}

/// The same maps behind VEX and EVEX (2.3.5.1 and 2.7.1).
fn of_vectors(map: u8, opcode: u8) -> Option<Shape> {
    match (map, opcode) {
        (1, 0x77) => shape(false, Immediate::Bytes(0)),
        (1, 0x70..=0x73 | 0xc2 | 0xc4..=0xc6) | (3, _) => shape(true, Immediate::Bytes(1)),
        (1 | 2 | 5 | 6, _) => shape(true, Immediate::Bytes(0)),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Instructions of compiled code and of a list, by GNU `objdump`: their bytes and what they are.
    #[test]
    fn lengths() {
        let mut count = 0;
        for line in include_str!("instructions.txt").lines() {
            let digits = line.split(' ').next().unwrap();
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
            // Whatever is behind it.
            for behind in [0u8, 0x90, 0xff] {
                let code = [&bytes[..], &[behind; 8]].concat();
                assert_eq!(decode(&code).map(|found| found.len), Some(bytes.len()), "{line}");
            }
            for cut in 0..bytes.len() {
                assert_eq!(decode(&bytes[..cut]).filter(|found| found.len > cut), None, "{line} of {cut} bytes");
            }
            count += 1;
        }
        assert!(count > 300, "{count}");
    }

    #[test]
    fn whatever_the_bytes_are() {
        let mut state = 1u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let bytes = (u128::from(state) << 37 ^ u128::from(state)).to_le_bytes();
            if let Some(found) = decode(&bytes[1..]) {
                assert!(found.len <= 15 && found.displacement.is_none_or(|(at, size)| at + size <= found.len));
                assert!(found.immediate.is_none_or(|(at, size)| at + size == found.len));
            }
        }
    }
}

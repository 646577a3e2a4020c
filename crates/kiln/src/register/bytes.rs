//! The parts that ELF files are written of (*System V ABI*, chapters 4 and 5).

pub(super) struct Bytes(pub(super) Vec<u8>);

impl Bytes {
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    pub(super) fn u64s(&mut self, values: &[u64]) {
        for value in values {
            self.put(&value.to_le_bytes());
        }
    }

    pub(super) fn pad(&mut self, to: u64) {
        debug_assert!(self.0.len() as u64 <= to);
        self.0.resize(to as usize, 0);
    }

    pub(super) fn program_header(&mut self, kind: u32, flags: u32, at: u64, in_file: u64, in_memory: u64, align: u64) {
        self.u32(kind);
        self.u32(flags);
        self.u64s(&[at, at, at, in_file, in_memory, align]);
    }

    pub(super) fn symbol(&mut self, name: u32, info: u8, section: u16, value: u64, size: u64) {
        self.u32(name);
        self.put(&[info, 0]);
        self.put(&section.to_le_bytes());
        self.u64s(&[value, size]);
    }
}

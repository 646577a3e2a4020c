//! Names of a program: its table of symbols, and the trie of those that it exports.

use super::binary::Binary;

/// Functions and data by address.
#[derive(Default, Debug)]
pub(super) struct Symbols(Vec<(u64, String)>);

impl Symbols {
    pub(super) fn read(bytes: &[u8], binary: &Binary) -> Symbols {
        const STAB: u8 = 0xe0;
        const TYPE: u8 = 0x0e;
        const SECTION: u8 = 0x0e;
        let Some([offset, count, names, names_len]) = binary.symbols else { return Symbols::default() };
        let table = bytes.get(offset..).unwrap_or_default();
        let names = bytes.get(names..).map(|names| &names[..names_len.min(names.len())]).unwrap_or_default();
        let mut found = Vec::new();
        for entry in table.chunks_exact(16).take(count) {
            if entry[4] & STAB != 0 || entry[4] & TYPE != SECTION {
                continue;
            }
            let number =
                |at: usize, len: usize| entry[at..at + len].iter().rev().fold(0, |v, b| v << 8 | u64::from(*b));
            let name = names.get(number(0, 4) as usize..).unwrap_or_default();
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            let name = name.strip_prefix(b"_").unwrap_or(name);
            found.push((number(8, 8), String::from_utf8_lossy(name).into_owned()));
        }
        found.sort_unstable();
        Symbols(found)
    }

    /// The last one at or before an address, and how far before.
    pub(super) fn at(&self, address: u64) -> Option<(&str, u64)> {
        let next = self.0.partition_point(|(start, _)| *start <= address);
        let (start, name) = self.0.get(next.checked_sub(1)?)?;
        Some((name, address - start))
    }
}

/// The offset from the header that the trie has for a name (dyld: common/MachOLoaded.cpp, `trieWalk`).
pub(super) fn export(trie: &[u8], name: &[u8]) -> Option<u64> {
    const REEXPORT: u64 = 0x8;
    const STUB_AND_RESOLVER: u64 = 0x10;
    let mut node = 0;
    let mut rest = name;
    // Every step takes a part of the name, except through empty edges, of which a sound trie has none.
    for _ in 0..=name.len() {
        let mut at = node;
        let terminal = uleb(trie, &mut at)? as usize;
        if rest.is_empty() {
            if terminal == 0 {
                return None;
            }
            let flags = uleb(trie, &mut at)?;
            return if flags & (REEXPORT | STUB_AND_RESOLVER) == 0 { uleb(trie, &mut at) } else { None };
        }
        at += terminal;
        let children = *trie.get(at)?;
        at += 1;
        let mut next = None;
        for _ in 0..children {
            let edge = trie.get(at..)?.split(|&byte| byte == 0).next()?;
            at += edge.len() + 1;
            let child = uleb(trie, &mut at)? as usize;
            if let Some(after) = rest.strip_prefix(edge) {
                next = Some((child, after));
                break;
            }
        }
        (node, rest) = next?;
    }
    None
}

fn uleb(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::export;

    #[test]
    fn a_trie_is_walked_by_its_edges() {
        // "_a" is 0x10, "_ab" is 0x180, "_c" is a re-export.
        let trie = [
            0, 1, b'_', 0, 5, // the root, with one edge
            0, 2, b'a', 0, 13, b'c', 0, 24, // at 5
            2, 0, 0x10, 1, b'b', 0, 20, // at 13
            3, 0, 0x80, 3, // at 20, and no child is looked at
            2, 8, 1, 0, // at 24
        ];
        assert_eq!(export(&trie, b"_a"), Some(0x10));
        assert_eq!(export(&trie, b"_ab"), Some(0x180));
        assert_eq!(export(&trie, b"_c"), None);
        assert_eq!(export(&trie, b"_"), None);
        assert_eq!(export(&trie, b"_abc"), None);
        assert_eq!(export(&trie[..9], b"_a"), None, "cut off");
    }
}

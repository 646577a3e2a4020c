//! Every hash of what is written, computed anew by code that shares nothing with the crate's: the file is read by `object`,
//! the signature by the offsets of xnu's `osfmk/kern/cs_blobs.h`, and SHA-256 is written out here.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/mod.rs"]
mod common;
#[path = "common/sha256.rs"]
mod sha256;

use common::{fixture, plist};
use kiln_codesign::{Entitlements, Signing};
use object::Endianness::Little;
use object::macho::MachHeader64;
use object::read::macho::{MachHeader, Segment};
use sha256::sha256;

type Header = MachHeader64<object::Endianness>;

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// What a signed thin file holds, looked at from outside.
struct Signed<'a> {
    file: &'a [u8],
    start: usize,
    superblob: &'a [u8],
}

impl<'a> Signed<'a> {
    fn of(file: &'a [u8]) -> Signed<'a> {
        let header = Header::parse(file, 0).unwrap();
        let mut commands = header.load_commands(Little, file, 0).unwrap();
        let (mut found, mut linkedit, mut end_of_others, mut last_address) = (None, None, 0, 0);
        while let Some(command) = commands.next().unwrap() {
            if let Some((segment, _)) = command.segment_64().unwrap() {
                if segment.name() == b"__LINKEDIT" {
                    linkedit = Some(segment);
                } else {
                    end_of_others = end_of_others.max(segment.fileoff.get(Little) + segment.filesize.get(Little));
                    last_address = last_address.max(segment.vmaddr.get(Little) + segment.vmsize.get(Little));
                }
            }
            if command.cmd() == object::macho::LC_CODE_SIGNATURE {
                let data: &object::macho::LinkeditDataCommand<object::Endianness> = command.data().unwrap();
                assert!(found.replace((data.dataoff.get(Little), data.datasize.get(Little))).is_none());
            }
        }
        let linkedit = linkedit.unwrap();
        let (start, room) = found.expect("a signature");
        assert_eq!(start % 16, 0);
        assert_eq!(u64::from(start) + u64::from(room), file.len() as u64, "the signature ends the file");
        assert_eq!(linkedit.fileoff.get(Little) + linkedit.filesize.get(Little), file.len() as u64);
        assert!(linkedit.fileoff.get(Little) >= end_of_others && linkedit.vmaddr.get(Little) >= last_address);
        let memory = linkedit.vmsize.get(Little);
        assert!(memory >= linkedit.filesize.get(Little) && memory % 0x4000 == 0, "{memory:#x}");
        let signature = &file[start as usize..];
        assert_eq!(word(signature, 0), 0xfade_0cc0);
        let len = word(signature, 4);
        assert!(signature[len..].iter().all(|byte| *byte == 0) && signature.len() - len < 16);
        Signed { file, start: start as usize, superblob: &signature[..len] }
    }

    /// The blobs by slot, which lie one behind the other and fill the whole.
    fn blobs(&self) -> Vec<(usize, &'a [u8])> {
        let count = word(self.superblob, 8);
        let mut end = 12 + count * 8;
        let blobs = (0..count).map(|index| {
            let (slot, offset) = (word(self.superblob, 12 + index * 8), word(self.superblob, 16 + index * 8));
            assert_eq!(offset, end, "no gap before slot {slot:#x}");
            end = offset + word(self.superblob, offset + 4);
            (slot, &self.superblob[offset..end])
        });
        let blobs: Vec<_> = blobs.collect();
        assert_eq!(end, self.superblob.len());
        blobs
    }

    /// Compares every hash, and returns the numbers of the special slots that have one.
    fn check(&self, info_plist: Option<&[u8]>) -> Vec<usize> {
        let blobs = self.blobs();
        let (slot, directory) = blobs[0];
        assert_eq!((slot, word(directory, 0)), (0, 0xfade_0c02));
        let (hashes, specials, pages) = (word(directory, 16), word(directory, 24), word(directory, 28));
        assert_eq!(word(directory, 32), self.start, "all that stands before the signature is hashed");
        // 32 bytes, SHA-256, no platform, pages of 2^12.
        assert_eq!(directory[36..40], [32, 2, 0, 12]);
        assert_eq!(hashes + pages * 32, directory.len());
        assert_eq!(pages, self.start.div_ceil(4096));
        for (page, code) in self.file[..self.start].chunks(4096).enumerate() {
            assert_eq!(directory[hashes + page * 32..][..32], sha256(code), "page {page}");
        }
        let special = |slot: usize| &directory[hashes - slot * 32..][..32];
        let mut hashed = Vec::new();
        for slot in 1..=specials {
            let blob = blobs.iter().find(|(place, _)| *place == slot).map(|(_, blob)| *blob);
            match blob.or(info_plist.filter(|_| slot == 1)) {
                Some(contents) => {
                    assert_eq!(special(slot), sha256(contents), "slot {slot}");
                    hashed.push(slot);
                }
                None => assert_eq!(special(slot), [0; 32], "slot {slot}"),
            }
        }
        assert!(blobs[1..blobs.len() - 1].iter().all(|(slot, _)| hashed.contains(slot)), "no blob without a hash");
        assert_eq!(*blobs.last().unwrap(), (0x1_0000, &[0xfa, 0xde, 0x0b, 0x01, 0, 0, 0, 8][..]));
        hashed
    }
}

fn sign(input: &str, hardened: bool, entitlements: Option<&str>) -> Vec<u8> {
    let entitlements = entitlements.map(|name| Entitlements::from_xml(plist(name).as_bytes()).unwrap());
    let signing = Signing::ad_hoc("org.example.hello").hardened(hardened);
    signing.entitlements(entitlements.unwrap_or_default()).sign(&fixture(input)).unwrap()
}

#[test]
fn thin_files() {
    for input in ["arm64", "arm64-unsigned", "x86_64", "dylib"] {
        assert_eq!(Signed::of(&sign(input, true, None)).check(None), [2], "{input}");
    }
    for entitlements in ["jit", "values"] {
        let signed = sign("arm64", true, Some(entitlements));
        assert_eq!(Signed::of(&signed).check(None), [2, 5, 7]);
    }
}

#[test]
fn an_info_plist_is_bound() {
    let signed = sign("info-plist", true, None);
    let start = signed.windows(5).position(|window| window == b"<?xml").unwrap();
    let end = start + signed[start..].windows(8).position(|window| window == b"</plist>").unwrap() + 9;
    assert_eq!(Signed::of(&signed).check(Some(&signed[start..end])), [1, 2]);
}

#[test]
fn universal_files() {
    let input = fixture("universal");
    let signed = sign("universal", true, Some("jit"));
    assert_eq!(word(&signed, 0), 0xcafe_babe);
    assert_eq!(word(&signed, 4), 2);
    let mut end = 8 + 2 * 20;
    for index in 0..2 {
        let at = 8 + index * 20;
        // Architecture and alignment stay.
        assert_eq!(signed[at..at + 8], input[at..at + 8]);
        assert_eq!(word(&signed, at + 16), [12, 14][index]);
        let (offset, len) = (word(&signed, at + 8), word(&signed, at + 12));
        assert!(offset % (1 << [12, 14][index]) == 0 && offset >= end);
        assert!(signed[end..offset].iter().all(|byte| *byte == 0));
        end = offset + len;
        assert_eq!(Signed::of(&signed[offset..end]).check(None), [2, 5, 7]);
    }
    assert_eq!(end, signed.len());
}

/// The same with a header whose offsets have 64 bits (`FAT_MAGIC_64`).
#[test]
fn universal_files_of_64_bits() {
    let narrow = fixture("universal");
    let mut input = vec![0xca, 0xfe, 0xba, 0xbf, 0, 0, 0, 2];
    for index in 0..2 {
        let entry = &narrow[8 + index * 20..28 + index * 20];
        // CPU, subtype; offset and size, widened; alignment; reserved.
        input.extend([&entry[..8], &[0; 4], &entry[8..12], &[0; 4], &entry[12..20], &[0; 4]].concat());
    }
    input.extend(&narrow[input.len()..]);
    let signing = Signing::ad_hoc("org.example.hello").hardened(true);
    let (wide, narrow) = (signing.sign(&input).unwrap(), signing.sign(&narrow).unwrap());
    assert_eq!(wide.len(), narrow.len());
    assert_eq!(wide[8 + 2 * 32..], narrow[8 + 2 * 32..], "the slices are the same, and where they are");
    for index in 0..2 {
        let (wide, narrow) = (&wide[8 + index * 32..40 + index * 32], &narrow[8 + index * 20..28 + index * 20]);
        let offset = u64::from_be_bytes(wide[8..16].try_into().unwrap());
        let len = u64::from_be_bytes(wide[16..24].try_into().unwrap());
        assert_eq!((offset, len), (word(narrow, 8) as u64, word(narrow, 12) as u64));
    }
    let slices = kiln_codesign::slices(&wide).unwrap();
    slices.iter().for_each(|slice| assert_eq!(Signed::of(slice.bytes()).check(None), [2]));
}

/// A page that is not hashed is found, so the comparison means something.
#[test]
#[should_panic(expected = "page 4")]
fn a_changed_byte_is_seen() {
    let mut signed = sign("arm64", true, None);
    signed[0x4010] ^= 1;
    Signed::of(&signed).check(None);
}

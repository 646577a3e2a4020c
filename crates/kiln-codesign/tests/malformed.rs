//! Input that is cut off, changed or of another kind: an error or a mismatch, never a panic, and never a signed file that does
//! not read back.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
#[path = "../../kiln/tests/common/percent.rs"]
mod percent;

use common::{fixture, plist};
use kiln_codesign::{Entitlements, Signature, Signing, slices};

/// Between them, every part that a file can have.
const FIXTURES: [&str; 5] = ["arm64-unsigned", "arm64.identity", "arm64.values", "info-plist.hardened", "universal"];

fn jit() -> Entitlements {
    Entitlements::from_xml(plist("jit").as_bytes()).unwrap()
}

/// Reads and signs, in every way. What is signed reads back whole.
fn exercise(file: &[u8]) {
    if let Ok(slices) = slices(file) {
        for slice in slices {
            let _ = (slice.architecture(), slice.is_executable());
            if let Ok(Some(signature)) = slice.signature() {
                let _ = format!("{signature:?} {:?}", signature.mismatches());
            }
        }
    }
    let signing = Signing::ad_hoc("x");
    for signing in [signing.clone(), signing.clone().hardened(true).entitlements(jit())] {
        let Ok(signed) = signing.sign(file) else { continue };
        for slice in slices(&signed).unwrap() {
            let signature = slice.signature().unwrap().unwrap();
            assert!(signature.mismatches().is_empty(), "{:?}", signature.mismatches());
        }
    }
}

/// The bytes that are not zeros or lie near to such ones: what of a file has a meaning.
fn telling(file: &[u8]) -> Vec<usize> {
    let near = |at: usize| file[at.saturating_sub(4)..(at + 4).min(file.len())].iter().any(|byte| *byte != 0);
    (0..file.len()).filter(|at| near(*at)).collect()
}

#[test]
fn cut_off() {
    for name in FIXTURES {
        let file = fixture(name);
        for len in telling(&file).into_iter().step_by(3 * percent::step()) {
            exercise(&file[..len]);
        }
    }
}

#[test]
fn bits_changed() {
    for name in FIXTURES {
        let file = fixture(name);
        for at in telling(&file).into_iter().step_by(2 * percent::step()) {
            let mut changed = file.clone();
            changed[at] ^= 1 << (at % 8);
            exercise(&changed);
        }
    }
}

/// Numbers where lengths, offsets and counts stand: 32 bits, in both byte orders.
#[test]
fn words_changed() {
    for name in ["arm64.identity", "info-plist.hardened", "universal"] {
        let file = fixture(name);
        let words = telling(&file).into_iter().filter(|at| at % 4 == 0 && at + 4 <= file.len());
        for at in words.step_by(2 * percent::step()) {
            for value in [1, 0x7fff_ffff, u32::MAX] {
                for bytes in [value.to_le_bytes(), value.to_be_bytes()] {
                    let mut changed = file.clone();
                    changed[at..at + 4].copy_from_slice(&bytes);
                    exercise(&changed);
                }
            }
        }
    }
}

type Reads = fn(&[u8]) -> kiln_codesign::Result<Entitlements>;

#[test]
fn entitlements_changed() {
    let xml = plist("values").into_bytes();
    let der = Entitlements::from_xml(&xml).unwrap().to_der();
    for at in (0..xml.len().max(der.len())).step_by(percent::step()) {
        for bit in [0, 3, 5, 7] {
            for (bytes, read) in [(&xml, Entitlements::from_xml as Reads), (&der, Entitlements::from_der as Reads)] {
                let mut changed = bytes.clone();
                if let Some(byte) = changed.get_mut(at) {
                    *byte ^= 1 << bit;
                }
                if let Ok(entitlements) = read(&changed) {
                    assert_eq!(Entitlements::from_der(&entitlements.to_der()).unwrap(), entitlements);
                    assert_eq!(Entitlements::from_xml(entitlements.to_xml().as_bytes()).unwrap(), entitlements);
                }
                let _ = read(&bytes[..at.min(bytes.len())]);
            }
        }
    }
}

#[track_caller]
fn refused(file: &[u8], error: &str) {
    let found = Signing::ad_hoc("x").hardened(true).sign(file).map(drop).expect_err("refused");
    assert_eq!(format!("{found:?}"), error);
}

/// A fixture with some of its bytes replaced.
fn with(name: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = fixture(name);
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// Where these bytes stand in a fixture.
fn find(name: &str, bytes: &[u8]) -> usize {
    fixture(name).windows(bytes.len()).position(|window| window == bytes).unwrap()
}

#[test]
fn what_is_no_mach_o_file() {
    refused(b"", "this is no Mach-O file: it has less than four bytes");
    refused(b"\x7fELF\x02\x01\x01\0\0\0\0\0", "this is no Mach-O file");
    refused(b"\xfe\xed\xfa\xcf\0\0\0\0", "this is a big-endian Mach-O file (PowerPC), which is not read");
    refused(&with("arm64", 0, &[0xce]), "this is a 32-bit Mach-O file, which is not read");
    refused(b"\xca\xfe\xba\xbe\0\0\0\x34\0\x10", "this is no universal file: it would have 52 slices");
    refused(b"\xca\xfe\xba\xbe\0\0\0\0", "this is no universal file: it would have 0 slices");
}

#[test]
fn what_is_not_signed() {
    refused(&with("arm64", 12, &[1]), "this is an object file, which is not signed (sign what is linked from it)");
    refused(
        &with("arm64", 12, &[10]),
        "a Mach-O file of type 10 is not signed (sign an executable, a dynamic library or a bundle)",
    );
    let library = Signing::ad_hoc("x").entitlements(jit()).sign(&fixture("dylib")).unwrap_err();
    assert_eq!(
        format!("{library:?}"),
        "this is a library, and entitlements belong to the executable that loads it (sign the executable with them, and this \
         without)"
    );
    // In a universal file the slice is named.
    let at = find("universal", &[0xcf, 0xfa, 0xed, 0xfe, 0x0c]);
    refused(
        &with("universal", at + 12, &[1]),
        "the slice for arm64: this is an object file, which is not signed (sign what is linked from it)",
    );
    for identifier in ["", "a\0b"] {
        let error = Signing::ad_hoc(identifier).sign(&fixture("arm64")).unwrap_err();
        assert_eq!(error.to_string(), "the identifier is empty, or holds a NUL");
    }
}

#[test]
fn where_a_signature_goes() {
    let linkedit = find("arm64", b"__LINKEDIT");
    refused(
        &with("arm64", linkedit, b"__LINKEDXT"),
        "there is no segment __LINKEDIT, which a signature stands in (link the file again)",
    );
    let mut file = fixture("arm64");
    file.extend(b"payload");
    refused(
        &file,
        "offset 0x41c0: 7 bytes follow the last segment, which no signature would cover (sign the file before anything is \
         appended to it)",
    );
    // The length of the signature's load command.
    let command = find("arm64", &[0x1d, 0, 0, 0, 16, 0, 0, 0]);
    refused(
        &with("arm64", command + 12, &[0x10]),
        "offset 0x2a8: LC_CODE_SIGNATURE: the signature is not the end of __LINKEDIT",
    );
    refused(&with("arm64", command + 4, &[12]), "offset 0x2a8: LC_CODE_SIGNATURE of 12 bytes");
}

/// Not one byte is overwritten that means something.
#[test]
fn no_room_for_a_load_command() {
    let name = "arm64-unsigned";
    // Something stands right behind the load commands, which end at 0x2a8; the text begins at 0x2c8.
    refused(
        &with(name, 0x2b4, &[1]),
        "there is no room for a first signature's load command: 16 bytes are wanted at 0x2a8, and 32 are there (link the file \
         with -headerpad 0x20, or let the linker sign it (-adhoc_codesign))",
    );
    // The text, one section of 8 bytes, begins there.
    let offset = find(name, &[0xc8, 2, 0, 0, 2, 0, 0, 0]);
    refused(
        &with(name, offset, &[0xb0]),
        "there is no room for a first signature's load command: 16 bytes are wanted at 0x2a8, and 8 are there (link the file \
         with -headerpad 0x20, or let the linker sign it (-adhoc_codesign))",
    );
}

#[test]
fn load_commands_that_do_not_fit() {
    refused(&with("arm64", 16, &[13]), "offset 0x2a8: the load commands end here, not at 0x2b8");
    refused(&with("arm64", 16, &[15]), "offset 0x2b8: there are fewer than 15 load commands");
    refused(&with("arm64", 20, &[0, 0, 1]), "offset 0x14: the load commands reach beyond the end of the file");
    refused(&with("arm64", 36, &[6]), "offset 0x20: a load command of 6 bytes");
    let segment = find("arm64", b"__LINKEDIT") - 8;
    refused(
        &with("arm64", segment + 48, &[0xc1]),
        "the load command at 0x100: the segment __LINKEDIT reaches beyond the end of the file",
    );
}

#[test]
fn a_hardened_signature_needs_the_sdk() {
    let at = find("arm64", &[0x32, 0, 0, 0, 0x20]);
    let file = with("arm64", at, &[0x33]);
    refused(
        &file,
        "the file does not say which SDK it is built with, and the hardened runtime depends on that (link it with \
         -platform_version, so that it has an LC_BUILD_VERSION)",
    );
    assert!(Signing::ad_hoc("x").sign(&file).is_ok());
    // Where the SDK is not said (0), the system's version that it is built for stands in.
    let file = with("arm64", at + 16, &[0; 4]);
    let signed = Signing::ad_hoc("x").hardened(true).sign(&file).unwrap();
    assert_eq!(Signature::of(&signed).unwrap().unwrap().directory().runtime, 0x000b_0000);
}

#[test]
fn universal_files_that_are_odd() {
    let slice = |index: usize, field: usize| 8 + index * 20 + field;
    refused(
        &with("universal", slice(0, 8), &[0, 0, 0, 8]),
        "offset 0x8: the slice for x86_64 overlaps what stands before it",
    );
    refused(
        &with("universal", slice(1, 12), &[0x7f]),
        "the slice for arm64: 2130723264 bytes at 0x4000 reach beyond the end of the file",
    );
    refused(&with("universal", slice(1, 16), &[1]), "offset 0x1c: the slice for arm64 is aligned to 2^16777230");
    refused(&with("universal", 0x100, &[1]), "offset 0x100: there is data outside of the slices, which would be lost");
}

//! What is written, beside what `rcodesign` writes.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::signature::Signature;

#[path = "../../tests/common/mod.rs"]
mod common;

use common::{fixture, plist};

fn signing(hardened: bool, entitlements: Option<&str>) -> Signing {
    let entitlements = entitlements.map(|name| Entitlements::from_xml(plist(name).as_bytes()).unwrap());
    Signing::ad_hoc("org.example.hello").hardened(hardened).entitlements(entitlements.unwrap_or_default())
}

/// `LC_CODE_SIGNATURE` of a thin file: where the signature is, and how much room it has.
fn place(file: &[u8]) -> (usize, u64) {
    let command = MachO::parse(file).unwrap().signature.unwrap();
    (command.offset as usize, command.len.into())
}

/// With as much room, the whole file is `rcodesign`'s to the byte. (It leaves at least 5 KiB, which an identity's certificates
/// would need; we leave none.)
#[test]
fn the_same_bytes_as_rcodesign() {
    for (input, options, hardened, entitlements) in [
        ("arm64", "plain", false, None),
        ("arm64", "hardened", true, None),
        ("arm64", "jit", true, Some("jit")),
        ("arm64", "values", false, Some("values")),
        ("arm64-unsigned", "jit", true, Some("jit")),
        ("x86_64", "jit", true, Some("jit")),
        ("dylib", "hardened", true, None),
        ("info-plist", "hardened", true, None),
    ] {
        let expected = fixture(&format!("{input}.{options}"));
        let signed = signing(hardened, entitlements).room(place(&expected).1).sign(&fixture(input)).unwrap();
        if let Some(at) = (0..expected.len().max(signed.len())).find(|at| expected.get(*at) != signed.get(*at)) {
            let shown = |file: &[u8]| format!("{:#?}", Signature::of(file).unwrap().unwrap().directory());
            panic!("{input}.{options} differs at {at:#x}:\n{}\n{}", shown(&expected), shown(&signed));
        }
    }
}

/// The slices are `rcodesign`'s too. It aligns each to 16 KiB; ours keep the alignment that they came with.
#[test]
fn the_same_slices_as_rcodesign() {
    let theirs = fixture("universal.jit");
    let theirs = slices(&theirs).unwrap();
    let room = |index: usize| place(theirs[index].bytes()).1;
    let input = fixture("universal");
    for (index, architecture) in ["x86_64", "arm64"].into_iter().enumerate() {
        let signed = signing(true, Some("jit")).room(room(index)).sign(&input).unwrap();
        let slice = &slices(&signed).unwrap()[index];
        assert_eq!((slice.architecture(), theirs[index].architecture()), (architecture.into(), architecture.into()));
        assert!(slice.bytes() == theirs[index].bytes());
        assert!(slice.bytes() == fixture(&format!("{architecture}.jit")));
    }
}

/// A signature takes what it needs, and begins where the old one did.
#[test]
fn no_room_is_wasted() {
    let signed = signing(true, Some("jit")).sign(&fixture("arm64")).unwrap();
    let (start, room) = place(&signed);
    let len = crate::bytes::be32(&signed, start + 4).unwrap();
    assert_eq!(
        (start, room, signed.len()),
        (place(&fixture("arm64")).0, u64::from(len).next_multiple_of(16), start + room as usize)
    );
}

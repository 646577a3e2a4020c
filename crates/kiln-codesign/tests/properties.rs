//! What holds for every file that is signed, in every way.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{fixture, plist};
use kiln_codesign::{Entitlements, Signing, slices};

const INPUTS: [&str; 6] = ["arm64", "arm64-unsigned", "x86_64", "dylib", "info-plist", "universal"];

fn ways() -> Vec<Signing> {
    let plain = Signing::ad_hoc("org.example.hello");
    let entitled = |name| Entitlements::from_xml(plist(name).as_bytes()).unwrap();
    vec![
        plain.clone(),
        plain.clone().hardened(true),
        plain.clone().entitlements(entitled("jit")),
        plain.clone().hardened(true).entitlements(entitled("values")),
        Signing::ad_hoc("a longer identifier than the others, with spaces and é").hardened(true),
    ]
}

/// Every pair of an input and a way to sign it that is not refused, with what comes of it.
fn signed() -> Vec<(&'static str, Signing, Vec<u8>)> {
    let pairs = INPUTS.iter().flat_map(|input| ways().into_iter().map(move |way| (*input, way)));
    let signed = pairs.filter_map(|(input, way)| match way.sign(&fixture(input)) {
        Ok(signed) => Some((input, way, signed)),
        // Entitlements for a library.
        Err(error) => {
            assert!(input == "dylib", "{input}: {error}");
            None
        }
    });
    signed.collect()
}

#[test]
fn what_is_written_is_read() {
    let all = signed();
    assert_eq!(all.len(), INPUTS.len() * 5 - 2);
    for (input, way, file) in all {
        for slice in slices(&file).unwrap() {
            let signature = slice.signature().unwrap().unwrap();
            assert_eq!(signature.mismatches(), [], "{input}");
            assert!(signature.is_ad_hoc() && !signature.is_linker_signed());
            let again = Signing::ad_hoc(signature.directory().identifier.clone())
                .hardened(signature.is_hardened())
                .entitlements(signature.entitlements().clone());
            assert_eq!(format!("{again:?}"), format!("{way:?}"), "{input}: what was asked for can be read off");
        }
    }
}

#[test]
fn signing_twice_changes_nothing() {
    for (input, way, file) in signed() {
        assert!(way.sign(&file).unwrap() == file, "{input} {way:?}");
    }
}

/// Whatever was signed before, by whom and how, the result is the same.
#[test]
fn a_signature_is_replaced_without_a_trace() {
    for way in ways() {
        let files = ["arm64", "arm64.plain", "arm64.hardened", "arm64.jit", "arm64.values", "arm64.identity"];
        let mut results = files.iter().map(|name| way.sign(&fixture(name)).unwrap());
        let first = results.next().unwrap();
        assert!(results.all(|result| result == first), "{way:?}");
        for (input, other, file) in signed() {
            if let Ok(fresh) = way.sign(&fixture(input)) {
                assert!(way.sign(&file).unwrap() == fresh, "{input}: {way:?} after {other:?}");
            }
        }
    }
}

/// Beside the load commands for the signature and for its segment, no byte before the signature changes.
#[test]
fn the_code_stays() {
    for (input, _, file) in signed() {
        let before = fixture(input);
        for (old, new) in slices(&before).unwrap().iter().zip(slices(&file).unwrap()) {
            let start = new.signature().unwrap().unwrap().directory().code_limit as usize;
            let first = old.signature().unwrap().is_none();
            let changed: Vec<usize> =
                (0..start.min(old.bytes().len())).filter(|at| old.bytes()[*at] != new.bytes()[*at]).collect();
            let find = |bytes: &[u8]| new.bytes().windows(bytes.len()).position(|window| window == bytes).unwrap();
            let command = find(&[0x1d, 0, 0, 0, 16, 0, 0, 0]);
            let segment = find(b"__LINKEDIT") - 8;
            for at in changed {
                let allowed = (command..command + 16).contains(&at)
                    || (segment + 32..segment + 40).contains(&at)
                    || (segment + 48..segment + 56).contains(&at)
                    // The number and the length of the load commands.
                    || first && (16..24).contains(&at);
                assert!(allowed, "{input}: {at:#x} changed");
            }
        }
    }
}

//! What is read from files that others signed, field by field, and what is said of files that were changed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{fixture, plist};
use kiln_codesign::{Entitlements, HashType, Mismatch, Signature, Signing, Value, slices};

fn read(name: &str) -> Signature {
    Signature::of(&fixture(name)).unwrap().unwrap()
}

/// The mismatches of a fixture after a change, as they are said.
fn mismatches(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
    let mut file = fixture(name);
    change(&mut file);
    Signature::of(&file).unwrap().unwrap().mismatches().iter().map(Mismatch::to_string).collect()
}

/// Where these bytes stand.
fn find(file: &[u8], bytes: &[u8]) -> usize {
    file.windows(bytes.len()).position(|window| window == bytes).unwrap()
}

fn replace(file: &mut [u8], old: &[u8], new: &[u8]) {
    let at = find(file, old);
    file[at..at + new.len()].copy_from_slice(new);
}

#[test]
fn unsigned() {
    for name in ["arm64-unsigned", "x86_64"] {
        assert!(Signature::of(&fixture(name)).unwrap().is_none(), "{name}");
    }
}

/// What LLVM's linker writes.
#[test]
fn signed_by_the_linker() {
    let signature = read("arm64");
    let directory = signature.directory();
    assert_eq!(directory.version, 0x2_0400);
    assert_eq!((directory.flags.0, &*directory.flags.to_string()), (0x2_0002, "adhoc,linker-signed"));
    assert_eq!(directory.identifier, "arm64");
    assert_eq!(directory.team, None);
    assert_eq!((directory.hash_type, directory.page_size), (HashType::Sha256, 4096));
    assert_eq!((directory.code_limit, directory.platform), (0x40a0, 0));
    assert_eq!((directory.executable_base, directory.executable_limit), (0, 0x4000));
    assert_eq!((directory.executable_flags.0, &*directory.executable_flags.to_string()), (1, "main-binary"));
    assert_eq!((directory.runtime, directory.pre_encrypt_offset, directory.scatter_offset), (0, 0, 0));
    assert_eq!((directory.special.len(), directory.pages.len()), (0, 5));
    assert!(signature.is_ad_hoc() && signature.is_linker_signed() && !signature.is_hardened());
    assert_eq!((signature.entitlement_encodings(), signature.entitlements().is_empty()), ((false, false), true));
    assert_eq!((signature.requirements(), signature.cms_len(), signature.alternates()), (None, 0, 0));
    assert_eq!((signature.mismatches(), signature.outside()), (&[][..], &[][..]));
    assert_eq!(signature.cdhash().len(), 20);
}

#[test]
fn hardened_with_entitlements() {
    let signature = read("arm64.jit");
    let directory = signature.directory();
    assert_eq!(directory.version, 0x2_0500);
    assert_eq!((directory.flags.0, &*directory.flags.to_string()), (0x1_0002, "adhoc,runtime"));
    assert_eq!(directory.identifier, "org.example.hello");
    // The SDK's version, 14.2.
    assert_eq!(directory.runtime, 0x000e_0200);
    // Hashes for slots 2, 5 and 7.
    let hashed: Vec<bool> = directory.special.iter().map(|hash| *hash != [0; 32]).collect();
    assert_eq!(hashed, [false, true, false, false, true, false, true]);
    assert!(signature.is_ad_hoc() && signature.is_hardened() && !signature.is_linker_signed());
    assert_eq!(signature.entitlement_encodings(), (true, true));
    let all: Vec<_> = signature.entitlements().iter().collect();
    assert_eq!(all, [("com.apple.security.cs.allow-jit", &Value::Bool(true))]);
    assert_eq!(signature.requirements(), Some(&[0xfa, 0xde, 0x0c, 1, 0, 0, 0, 12, 0, 0, 0, 0][..]));
    assert_eq!((signature.mismatches(), signature.cms_len()), (&[][..], 0));
}

#[test]
fn entitlements_of_every_kind() {
    let signature = read("arm64.values");
    assert!(signature.mismatches().is_empty(), "XML and DER say the same: {:?}", signature.mismatches());
    assert_eq!(*signature.entitlements(), Entitlements::from_xml(plist("values").as_bytes()).unwrap());
    let get = |name| signature.entitlements().get(name).unwrap().clone();
    assert_eq!(get("org.example.integer"), Value::Integer(-129));
    assert_eq!(get("org.example.large"), Value::Integer(1 << 32));
    let groups = ["group.org.example.one", "a < b & c > d é"].map(|text| Value::String(text.to_owned()));
    assert_eq!(get("com.apple.security.application-groups"), Value::Array(groups.to_vec()));
    assert!(!signature.entitlements().is_set("org.example.integer"));
    // `get-task-allow`, `com.apple.private.cs.debugger` and `dynamic-codesigning` imply flags.
    let flags = signature.directory().executable_flags;
    assert_eq!((flags.0, &*flags.to_string()), (0x71, "main-binary,allow-unsigned,debugger,jit"));
    assert!(!signature.is_hardened());
}

/// Of two CodeDirectories, SHA-1's and SHA-256's, the stronger counts.
#[test]
fn signed_with_an_identity() {
    let signature = read("arm64.identity");
    assert_eq!(signature.team(), Some("EXAMPLE123"));
    assert_eq!((signature.directory().hash_type, signature.alternates()), (HashType::Sha256, 1));
    assert_eq!(signature.flags().to_string(), "none");
    assert!(!signature.is_ad_hoc() && signature.cms_len() > 500);
    assert_eq!(signature.mismatches(), []);
    // Of SHA-256, which the system checks, a page does not match; of SHA-1 it does not matter.
    assert_eq!(mismatches("arm64.identity", |file| file[0x8] ^= 1).len(), 1);
}

/// The same with SHA-1 alone.
#[test]
fn old_hashes() {
    let mut file = fixture("arm64.identity");
    let start = find(&file, &[0xfa, 0xde, 0x0c, 0xc0]);
    // The alternate's place in the index becomes one that nothing is known of.
    replace(&mut file[start..start + 100], &[0, 0, 0x10, 0], &[0, 0, 0x20, 0]);
    let signature = Signature::of(&file).unwrap().unwrap();
    assert_eq!((signature.directory().hash_type, signature.alternates()), (HashType::Sha1, 0));
    assert_eq!(signature.mismatches(), []);
}

#[test]
fn libraries_and_slices() {
    let signature = read("dylib.hardened");
    assert_eq!((signature.directory().executable_flags.to_string().as_str(), signature.is_hardened()), ("none", true));
    let file = fixture("universal");
    let found = slices(&file).unwrap();
    let shown: Vec<_> = (found.iter())
        .map(|slice| {
            (slice.architecture(), slice.offset(), slice.is_executable(), slice.signature().unwrap().is_some())
        })
        .collect();
    assert_eq!(shown, [("x86_64".into(), 0x1000, true, false), ("arm64".into(), 0x4000, true, true)]);
    assert!(found[1].is_arm64() && !found[1].is_x86_64() && found[0].is_x86_64());
    assert!(!slices(&fixture("dylib")).unwrap()[0].is_executable());
}

#[test]
fn what_was_changed() {
    assert_eq!(mismatches("arm64.jit", |file| file[0x2d8] = 0), ["page 0, at 0x0, was changed after signing"]);
    assert_eq!(mismatches("arm64.jit", |file| file[0x4001] ^= 1), ["page 4, at 0x4000, was changed after signing"]);
    // The word stands in XML first: then the two say different things, too.
    assert_eq!(
        mismatches("arm64.jit", |file| replace(file, b"allow-jit", b"allow-jot")),
        ["entitlements: changed after signing", "the entitlements in XML are not those in DER"]
    );
    assert_eq!(
        mismatches("arm64.jit", |file| replace(file, b"<true/>", b"<fals/>")),
        [
            "entitlements: changed after signing",
            "the entitlements in XML cannot be read: line 6: `com.apple.security.cs.allow-jit`: <fals> is no value of a \
             property list"
        ]
    );
    assert_eq!(
        mismatches("arm64.jit", |file| replace(file, &[2, 1, 1, 0xb0], &[2, 1, 2, 0xb0])),
        [
            "DER entitlements: changed after signing",
            "the entitlements in DER cannot be read: offset 0x4: the version is not 1"
        ]
    );
    assert_eq!(
        mismatches("info-plist.hardened", |file| replace(file, b"CFBundle", b"CFbundle")),
        ["page 0, at 0x0, was changed after signing", "Info.plist: changed after signing"]
    );
}

/// The place of a blob in the index is its name.
#[test]
fn blobs_without_hashes_and_hashes_without_blobs() {
    let renamed = |slot: u8, to: u8| {
        mismatches("arm64.jit", |file| {
            let start = find(file, &[0xfa, 0xde, 0x0c, 0xc0]);
            replace(&mut file[start + 12..start + 52], &[0, 0, 0, slot, 0, 0], &[0, 0, 0, to, 0, 0]);
        })
    };
    assert_eq!(renamed(5, 9), ["entitlements: hashed, but not there", "launch constraint: there, but not hashed"]);
    assert_eq!(renamed(2, 11), ["requirements: hashed, but not there", "library constraint: there, but not hashed"]);
}

#[test]
fn pages_and_limits() {
    let field = |at: usize, value: u8| {
        mismatches("arm64", move |file| {
            let directory = find(file, &[0xfa, 0xde, 0x0c, 0x02]);
            file[directory + at] = value;
        })
    };
    // The last byte of the number of pages, and of the code limit.
    assert_eq!(field(31, 4), ["4 page hashes for code of 5 pages"]);
    assert_eq!(
        field(35, 0x90),
        [
            "the hashes end at 0x4090, and the signature begins at 0x40a0",
            "page 4, at 0x4000, was changed after signing"
        ]
    );
}

/// Entitlements in DER count; older systems' signatures have XML alone.
#[test]
fn either_encoding() {
    let mut file = fixture("arm64.jit");
    let start = find(&file, &[0xfa, 0xde, 0x0c, 0xc0]);
    replace(&mut file[start + 12..start + 52], &[0, 0, 0, 7, 0, 0], &[0, 0, 0, 99, 0, 0]);
    let signature = Signature::of(&file).unwrap().unwrap();
    assert_eq!(signature.entitlement_encodings(), (true, false));
    assert!(signature.entitlements().is_set("com.apple.security.cs.allow-jit"));
    let mut file = fixture("arm64.jit");
    replace(&mut file, b"allow-jit", b"allow-jot");
    let signature = Signature::of(&file).unwrap().unwrap();
    let names: Vec<&str> = signature.entitlements().iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["com.apple.security.cs.allow-jit"]);
}

/// The fields that each version added: an older one does not have them, whatever stands there.
#[test]
fn versions() {
    let with = |name: &str, version: u16, fields: &[(usize, &[u8])]| {
        let mut file = fixture(name);
        let start = find(&file, &[0xfa, 0xde, 0x0c, 0x02]);
        file[start + 10..start + 12].copy_from_slice(&version.to_be_bytes());
        for (at, bytes) in fields {
            file[start + at..start + at + bytes.len()].copy_from_slice(bytes);
        }
        Signature::of(&file).map(|signature| signature.unwrap().directory().clone())
    };
    // The identifier begins where 0x20500 ends: "org.example.hello".
    let newest = with("arm64.jit", 0x600, &[]).unwrap();
    assert_eq!((newest.version, newest.linkage), (0x2_0600, *b"org."));
    assert_eq!(newest.linkage_data, (0x6578_616d, 0x706c_652e));
    assert_eq!((newest.runtime, newest.executable_limit), (0x000e_0200, 0x4000));
    let directory = with("arm64.jit", 0x500, &[(92, &[0, 0, 1, 2])]).unwrap();
    assert_eq!((directory.pre_encrypt_offset, directory.linkage, directory.linkage_data), (0x102, [0; 4], (0, 0)));
    let directory = with("arm64.jit", 0x400, &[]).unwrap();
    assert_eq!((directory.runtime, directory.executable_flags.0), (0, 1));
    // The limit of 64 bits counts if it is there.
    let limit: [(usize, &[u8]); 2] = [(32, &[0; 4]), (62, &[0x40, 0xa0])];
    let directory = with("arm64.jit", 0x300, &limit).unwrap();
    assert_eq!((directory.code_limit, directory.executable_limit, directory.executable_flags.0), (0x40a0, 0, 0));
    // The team's offset, which stands at 48, is the identifier's here.
    let team: [(usize, &[u8]); 2] = [(44, &[0, 0, 0, 9]), (51, &[96])];
    let directory = with("arm64.jit", 0x200, &team).unwrap();
    assert_eq!((directory.team.as_deref(), directory.scatter_offset), (Some("org.example.hello"), 9));
    let directory = with("arm64.jit", 0x100, &team).unwrap();
    assert_eq!((directory.team, directory.scatter_offset), (None, 9));
    assert_eq!(with("arm64.jit", 1, &team).unwrap().scatter_offset, 0);
    let refused = |version: u16, fields: &[(usize, &[u8])]| with("arm64.jit", version, fields).unwrap_err().to_string();
    assert_eq!(refused(0, &[]), "the CodeDirectory: offset 0x8: a CodeDirectory of version 0x20000 is not known");
    assert_eq!(
        refused(0x500, &[(9, &[3])]),
        "the CodeDirectory: offset 0x8: a CodeDirectory of version 0x30500 is not known"
    );
    assert_eq!(refused(0x500, &[(37, &[9])]), "the CodeDirectory: offset 0x25: hashes of kind 9 are not known");
    assert_eq!(refused(0x500, &[(36, &[20])]), "the CodeDirectory: offset 0x24: SHA-256 has no 20 bytes");
    assert_eq!(refused(0x500, &[(39, &[32])]), "the CodeDirectory: offset 0x27: pages of 2^32 bytes");
    assert_eq!(
        refused(0x500, &[(28, &[1])]),
        "the CodeDirectory: offset 0x1c: the CodeDirectory has no room for 16777221 hashes"
    );
    assert_eq!(
        refused(0x500, &[(24, &[1])]),
        "the CodeDirectory: offset 0x18: there is no room for 16777223 special slots"
    );
}

/// Which system a file is for.
#[test]
fn platforms() {
    let with = |change: &[u8]| {
        let mut file = fixture("arm64");
        let command = find(&file, &[0x32, 0, 0, 0, 0x20, 0, 0, 0]);
        file[command..command + change.len()].copy_from_slice(change);
        slices(&file).unwrap()[0].platform().unwrap()
    };
    assert_eq!(with(&[]).as_deref(), Some("macOS"));
    assert_eq!(with(&[0x32, 0, 0, 0, 0x20, 0, 0, 0, 2]).as_deref(), Some("iOS"));
    assert_eq!(with(&[0x32, 0, 0, 0, 0x20, 0, 0, 0, 99]).as_deref(), Some("platform 99"));
    assert_eq!(with(&[0x32, 0, 0, 0, 0x20, 0, 0, 0, 0]).as_deref(), Some("platform 0"));
    // LC_VERSION_MIN_WATCHOS, and another command.
    assert_eq!(with(&[0x30]).as_deref(), Some("watchOS"));
    assert_eq!(with(&[0x33]), None);
}

/// A hash of what lies beside the file: no mismatch, and said.
#[test]
fn what_lies_in_a_bundle() {
    let signed = Signing::ad_hoc("x").sign(&fixture("info-plist")).unwrap();
    let mut file = signed.clone();
    // The section gets another name: its contents are found no more, as if they lay in the bundle.
    replace(&mut file, b"__info_plist", b"__jnfo_plist");
    let signature = Signature::of(&file).unwrap().unwrap();
    assert_eq!(signature.outside(), ["Info.plist"]);
    assert_eq!(signature.mismatches().len(), 1, "the page that holds the section's name");
    assert_eq!(Signature::of(&signed).unwrap().unwrap().outside(), [""; 0]);
}

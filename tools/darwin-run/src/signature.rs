//! What the program's code signature lets its process do.

use kiln_codesign::Signature;

/// Flags of `csops` beside those of the signature itself (xnu: osfmk/kern/cs_blobs.h). A hardened process is taken to
/// have `HARD` and `KILL` too, as `codesign --options runtime` implies them at launch.
const CS_VALID: u32 = 0x1;
const CS_HARD: u32 = 0x100;
const CS_KILL: u32 = 0x200;

/// What a signature says.
#[derive(Clone, Default, Debug)]
pub(crate) struct Signing {
    /// As `csops` reports them.
    pub(crate) flags: u32,
    pub(crate) hardened: bool,
    pub(crate) allow_jit: bool,
    pub(crate) allow_unsigned_executable_memory: bool,
    pub(crate) jit_write_allowlist: bool,
    /// The entitlement blobs with their headers, as `csops` gives them.
    pub(crate) entitlements: Option<Vec<u8>>,
    pub(crate) der_entitlements: Option<Vec<u8>>,
}

impl Signing {
    /// Reads the signature of a thin file. An error is what ends the process at launch.
    pub(crate) fn read(file: &[u8]) -> Result<Signing, String> {
        let signature = Signature::of(file).map_err(|error| format!("its signature cannot be read: {error}"))?;
        let signature =
            signature.ok_or("it is not signed, and arm64 macOS kills such a program at launch (SIGKILL)")?;
        if let [first, ..] = signature.mismatches() {
            let more = signature.mismatches().len();
            return Err(format!(
                "its signature does not match it, and macOS kills such a program (SIGKILL, Code Signature Invalid): \
                 {first}, {more} in all"
            ));
        }
        let has = |name: &str| signature.entitlements().is_set(&format!("com.apple.security.cs.{name}"));
        let hardened = signature.is_hardened();
        let (xml, der) = signature.entitlement_encodings();
        let blob = |magic: u32, payload: Vec<u8>| {
            let len = payload.len() as u32 + 8;
            [&magic.to_be_bytes()[..], &len.to_be_bytes(), &payload].concat()
        };
        Ok(Signing {
            flags: CS_VALID | signature.flags().0 | if hardened { CS_HARD | CS_KILL } else { 0 },
            hardened,
            allow_jit: has("allow-jit"),
            allow_unsigned_executable_memory: has("allow-unsigned-executable-memory")
                || has("disable-executable-page-protection"),
            jit_write_allowlist: has("jit-write-allowlist"),
            entitlements: xml.then(|| blob(0xfade_7171, signature.entitlements().to_xml().into_bytes())),
            der_entitlements: der.then(|| blob(0xfade_7172, signature.entitlements().to_der())),
        })
    }
}

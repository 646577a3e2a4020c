//! Reads and writes the code signatures of Mach-O files: bytes in, bytes out, on any host.
//!
//! [`slices`] takes a file apart, thin or universal; [`Signature::of`] reads what is signed there, and computes its hashes
//! anew; [`Signing`] writes an ad-hoc signature, with the hardened runtime and [`Entitlements`] where they are asked for.
//! Nothing here touches a file, a certificate or the system.
//!
//! The formats are per Apple's published sources: xnu, `osfmk/kern/cs_blobs.h`; Security, `OSX/libsecurity_codesigning/lib`
//! (`codedirectory.h`, `signer.cpp`); `<mach-o/loader.h>` and `<mach-o/fat.h>`. What is written is compared with
//! `rcodesign`'s output (`tests/fixtures`).
//!
//! # Errors
//!
//! Malformed input is an [`Error`] that says where. A hash that does not match is none: see [`Signature::mismatches`].
//!
//! # Examples
//!
//! ```
//! use kiln_codesign::{Entitlements, Signature, Signing};
//!
//! # fn example(file: &[u8]) -> kiln_codesign::Result<()> {
//! let mut entitlements = Entitlements::new();
//! entitlements.set("com.apple.security.cs.allow-jit");
//! let signed = Signing::ad_hoc("hello").hardened(true).entitlements(entitlements).sign(file)?;
//! for slice in kiln_codesign::slices(&signed)? {
//!     let signature = Signature::of(slice.bytes())?.expect("just signed");
//!     assert!(signature.is_hardened() && signature.mismatches().is_empty());
//!     assert!(signature.entitlements().is_set("com.apple.security.cs.allow-jit"));
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod blob;
mod bytes;
mod der;
mod directory;
mod entitlements;
mod error;
mod macho;
mod plist;
mod sign;
mod signature;
mod universal;

pub use directory::{CodeDirectory, ExecutableFlags, Flags, HashType};
pub use entitlements::{Entitlements, Value};
pub use error::{Error, Result};
pub use sign::Signing;
pub use signature::{Mismatch, Signature};
pub use universal::{Slice, slices};

//! The CodeDirectory: the hashes of a file's pages and of the blobs beside it (xnu, osfmk/kern/cs_blobs.h, `CS_CodeDirectory`;
//! Security, codedirectory.h).

use std::fmt;

use sha2::Digest;

use crate::blob;
use crate::bytes::{be32, be64, c_string, part};
use crate::entitlements::Entitlements;
use crate::error::{Error, Result};

/// The versions that added fields, each with those of all before.
const SCATTER: u32 = 0x2_0100;
const TEAM: u32 = 0x2_0200;
const CODE_LIMIT_64: u32 = 0x2_0300;
pub(crate) const EXECUTABLE_SEGMENT: u32 = 0x2_0400;
pub(crate) const RUNTIME: u32 = 0x2_0500;
const LINKAGE: u32 = 0x2_0600;

/// What a signature says of the code: the `CS_` flags of xnu, osfmk/kern/cs_blobs.h.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Signed by nobody.
    pub const ADHOC: Flags = Flags(0x2);
    /// The hardened runtime.
    pub const RUNTIME: Flags = Flags(0x1_0000);
    /// Signed by the linker.
    pub const LINKER_SIGNED: Flags = Flags(0x2_0000);

    /// By bit, what `codesign --display` calls it.
    const NAMES: [(u32, &'static str); 10] = [
        (0x1, "host"),
        (0x2, "adhoc"),
        (0x100, "hard"),
        (0x200, "kill"),
        (0x400, "expires"),
        (0x800, "restrict"),
        (0x1000, "enforcement"),
        (0x2000, "library-validation"),
        (0x1_0000, "runtime"),
        (0x2_0000, "linker-signed"),
    ];

    /// Whether all of these are set.
    #[must_use]
    pub fn contains(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// The names that `codesign --display` has, separated by commas; bits without one as a number; `none`.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bits(f, self.0.into(), Flags::NAMES.iter().map(|(bit, name)| (u64::from(*bit), *name)))
    }
}

/// What a signature says of the executable segment: the `CS_EXECSEG_` flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ExecutableFlags(pub u64);

impl ExecutableFlags {
    /// A main program, not a library.
    pub const MAIN_BINARY: ExecutableFlags = ExecutableFlags(0x1);

    const NAMES: [(u64, &'static str); 7] = [
        (0x1, "main-binary"),
        (0x10, "allow-unsigned"),
        (0x20, "debugger"),
        (0x40, "jit"),
        (0x80, "skip-library-validation"),
        (0x100, "can-load-cdhash"),
        (0x200, "can-execute-cdhash"),
    ];

    /// The flags that entitlements imply, per Security, signer.cpp. Those of the hardened runtime, `allow-jit` among them,
    /// imply none: `jit` goes with iOS's `dynamic-codesigning`.
    #[must_use]
    pub fn implied(entitlements: &Entitlements) -> ExecutableFlags {
        const IMPLIED: [(&str, u64); 7] = [
            ("get-task-allow", 0x10),
            ("run-unsigned-code", 0x10),
            ("com.apple.private.cs.debugger", 0x20),
            ("dynamic-codesigning", 0x40),
            ("com.apple.private.skip-library-validation", 0x80),
            ("com.apple.private.amfi.can-load-cdhash", 0x100),
            ("com.apple.private.amfi.can-execute-cdhash", 0x200),
        ];
        let set = IMPLIED.iter().filter(|(name, _)| entitlements.is_set(name));
        ExecutableFlags(set.fold(0, |flags, (_, bit)| flags | bit))
    }
}

/// Names of this crate's, separated by commas; bits without one as a number; `none`.
impl fmt::Display for ExecutableFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bits(f, self.0, ExecutableFlags::NAMES.into_iter())
    }
}

fn bits(f: &mut fmt::Formatter<'_>, value: u64, names: impl Iterator<Item = (u64, &'static str)>) -> fmt::Result {
    let mut rest = value;
    let mut words = Vec::new();
    for (bit, name) in names.filter(|(bit, _)| value & bit != 0) {
        rest &= !bit;
        words.push(name.to_owned());
    }
    if rest != 0 {
        words.push(format!("{rest:#x}"));
    }
    if words.is_empty() { f.write_str("none") } else { f.write_str(&words.join(",")) }
}

/// How pages and blobs are hashed (`CS_HASHTYPE_`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum HashType {
    /// SHA-1: old signatures.
    Sha1,
    /// The first 20 bytes of SHA-256.
    Sha256Truncated,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl HashType {
    const ALL: [HashType; 4] = [HashType::Sha1, HashType::Sha256, HashType::Sha256Truncated, HashType::Sha384];

    fn number(self) -> u8 {
        match self {
            HashType::Sha1 => 1,
            HashType::Sha256 => 2,
            HashType::Sha256Truncated => 3,
            HashType::Sha384 => 4,
        }
    }

    fn len(self) -> usize {
        match self {
            HashType::Sha1 | HashType::Sha256Truncated => 20,
            HashType::Sha256 => 32,
            HashType::Sha384 => 48,
        }
    }

    pub(crate) fn hash(self, bytes: &[u8]) -> Vec<u8> {
        let mut hash = match self {
            HashType::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
            HashType::Sha256 | HashType::Sha256Truncated => sha2::Sha256::digest(bytes).to_vec(),
            HashType::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
        };
        hash.truncate(self.len());
        hash
    }
}

impl fmt::Display for HashType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HashType::Sha1 => "SHA-1",
            HashType::Sha256Truncated => "SHA-256, truncated",
            HashType::Sha256 => "SHA-256",
            HashType::Sha384 => "SHA-384",
        })
    }
}

/// A CodeDirectory, field by field. A field that its version does not have is 0 or absent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeDirectory {
    /// `0x20400` and so on.
    pub version: u32,
    /// What is said of the code.
    pub flags: Flags,
    /// The name that the code is known by.
    pub identifier: String,
    /// The team of a signature with an identity.
    pub team: Option<String>,
    /// How it hashes.
    pub hash_type: HashType,
    /// The number of bytes that one page hash covers; 0 if one covers the whole.
    pub page_size: u64,
    /// The number of bytes at the start of the file that are hashed.
    pub code_limit: u64,
    /// Which operating system's own code it is; 0 for everybody else's.
    pub platform: u8,
    /// Where the vector of pages that are hashed apart stands; 0 if there is none.
    pub scatter_offset: u32,
    /// Where the executable segment begins in the file.
    pub executable_base: u64,
    /// How many bytes of the file it has.
    pub executable_limit: u64,
    /// What is said of it.
    pub executable_flags: ExecutableFlags,
    /// The version of the hardened runtime, which is the SDK's: `xxxx.yy.zz` in nibbles.
    pub runtime: u32,
    /// Where the hashes of the pages before their encryption stand; 0 if there are none.
    pub pre_encrypt_offset: u32,
    /// `linkageHashType`, `linkageApplicationType` and `linkageApplicationSubType`, as they stand.
    pub linkage: [u8; 4],
    /// Where the linkage hash stands, and its length in bytes; 0 if there is none.
    pub linkage_data: (u32, u32),
    /// The hashes of the special slots: that of slot 1 first.
    pub special: Vec<Vec<u8>>,
    /// The hashes of the pages.
    pub pages: Vec<Vec<u8>>,
}

impl CodeDirectory {
    /// Reads a blob, whose hashes all lie inside of it.
    pub(crate) fn parse(blob: &[u8]) -> Result<CodeDirectory> {
        blob::contents(blob, blob::CODE_DIRECTORY)?;
        let version = be32(blob, 8)?;
        // The kernel and Security read 2.x; the fields up to the first version's are always there.
        if !(0x2_0001..0x3_0000).contains(&version) {
            return Err(Error::new(format!("a CodeDirectory of version {version:#x} is not known")).at(8));
        }
        let has = |since: u32| version >= since;
        let word = |since: u32, at: usize| if has(since) { be32(blob, at) } else { Ok(0) };
        let long = |since: u32, at: usize| if has(since) { be64(blob, at) } else { Ok(0) };
        let (hash_offset, identifier_offset) = (be32(blob, 16)? as usize, be32(blob, 20)? as usize);
        let (specials, pages) = (be32(blob, 24)? as usize, be32(blob, 28)? as usize);
        let kinds: [u8; 4] = be32(blob, 36)?.to_be_bytes();
        let [hash_len, hash_type, platform, page_shift] = kinds;
        let hash_type = (HashType::ALL.into_iter().find(|kind| kind.number() == hash_type))
            .ok_or_else(|| Error::new(format!("hashes of kind {hash_type} are not known")).at(37))?;
        if usize::from(hash_len) != hash_type.len() {
            return Err(Error::new(format!("{hash_type} has no {hash_len} bytes")).at(36));
        }
        let code_limit_64 = long(CODE_LIMIT_64, 56)?;
        let team_offset = word(TEAM, 48)? as usize;
        if page_shift > 31 {
            return Err(Error::new(format!("pages of 2^{page_shift} bytes")).at(39));
        }
        Ok(CodeDirectory {
            version,
            flags: Flags(be32(blob, 12)?),
            identifier: c_string(blob, identifier_offset)?.to_owned(),
            team: if team_offset == 0 { None } else { Some(c_string(blob, team_offset)?.to_owned()) },
            hash_type,
            page_size: if page_shift == 0 { 0 } else { 1 << page_shift },
            code_limit: if code_limit_64 == 0 { be32(blob, 32)?.into() } else { code_limit_64 },
            platform,
            scatter_offset: word(SCATTER, 44)?,
            executable_base: long(EXECUTABLE_SEGMENT, 64)?,
            executable_limit: long(EXECUTABLE_SEGMENT, 72)?,
            executable_flags: ExecutableFlags(long(EXECUTABLE_SEGMENT, 80)?),
            runtime: word(RUNTIME, 88)?,
            pre_encrypt_offset: word(RUNTIME, 92)?,
            linkage: word(LINKAGE, 96)?.to_be_bytes(),
            linkage_data: (word(LINKAGE, 100)?, word(LINKAGE, 104)?),
            special: special_hashes(blob, hash_offset, hash_type.len(), specials)?,
            pages: hashes(blob, hash_offset, hash_type.len(), pages)?,
        })
    }

    /// The blob: header, identifier, hashes of the special slots, of the pages. There is no team, no scatter vector and no
    /// linkage hash, and the code limit fits 32 bits.
    pub(crate) fn write(&self) -> Result<Vec<u8>> {
        let header = if self.version >= RUNTIME { 96 } else { 88 };
        let hash_offset = header + self.identifier.len() + 1 + self.special.len() * self.hash_type.len();
        let narrow = |value: u64| u32::try_from(value).map_err(|_| Error::new("the code is longer than 4 GiB"));
        let mut out = Vec::new();
        for word in [
            self.version,
            self.flags.0,
            narrow(hash_offset as u64)?,
            header as u32,
            self.special.len() as u32,
            narrow(self.pages.len() as u64)?,
            narrow(self.code_limit)?,
        ] {
            out.extend(word.to_be_bytes());
        }
        let page_shift = self.page_size.trailing_zeros() as u8;
        out.extend([self.hash_type.len() as u8, self.hash_type.number(), self.platform, page_shift]);
        // A spare, the scatter vector, the team, a spare; the 64-bit code limit.
        out.extend([0; 4 * 4 + 8]);
        for long in [self.executable_base, self.executable_limit, self.executable_flags.0] {
            out.extend(long.to_be_bytes());
        }
        if self.version >= RUNTIME {
            out.extend(self.runtime.to_be_bytes());
            out.extend([0; 4]);
        }
        out.extend(self.identifier.as_bytes());
        out.push(0);
        for hash in self.special.iter().rev().chain(&self.pages) {
            out.extend(hash);
        }
        blob::write(blob::CODE_DIRECTORY, &out)
    }
}

/// The hashes of slots 1 and up, which stand before the first page's, the first last.
fn special_hashes(blob: &[u8], hash_offset: usize, len: usize, count: usize) -> Result<Vec<Vec<u8>>> {
    let start = count.checked_mul(len).and_then(|all| hash_offset.checked_sub(all));
    let start = start.ok_or_else(|| Error::new(format!("there is no room for {count} special slots")).at(24))?;
    let mut found = hashes(blob, start, len, count)?;
    found.reverse();
    Ok(found)
}

fn hashes(blob: &[u8], start: usize, len: usize, count: usize) -> Result<Vec<Vec<u8>>> {
    let end = count.checked_mul(len).and_then(|all| start.checked_add(all));
    let all = end.and_then(|end| part(blob, start..end).ok());
    let all = all.ok_or_else(|| Error::new(format!("the CodeDirectory has no room for {count} hashes")).at(28))?;
    Ok(all.chunks_exact(len).map(<[u8]>::to_vec).collect())
}

//! Reading a signature, and computing its hashes anew.

use std::fmt;

use crate::blob::{self, slot};
use crate::bytes::span;
use crate::directory::{CodeDirectory, Flags};
use crate::entitlements::Entitlements;
use crate::error::{Error, Result};
use crate::macho::MachO;

/// What one Mach-O file, or one slice of a universal one, is signed with.
#[derive(Clone, Debug)]
pub struct Signature {
    directory: CodeDirectory,
    cdhash: Vec<u8>,
    alternates: usize,
    entitlements: Entitlements,
    has_xml: bool,
    has_der: bool,
    requirements: Option<Vec<u8>>,
    cms_len: usize,
    mismatches: Vec<Mismatch>,
    outside: Vec<String>,
}

/// Something in a signature that does not fit the code, or the other parts of the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The hash of a page is another: its number, and where it begins in the slice, in bytes.
    Page {
        /// The number of the page, from 0.
        index: usize,
        /// Where it begins.
        offset: u64,
    },
    /// The CodeDirectory has hashes for a number of pages that is not the code's.
    Pages {
        /// How many hashes there are.
        hashes: usize,
        /// How many pages the code has.
        pages: u64,
    },
    /// The hashes end before the signature begins, or reach into it: what lies between is not sealed.
    CodeLimit {
        /// Where the hashes end.
        limit: u64,
        /// Where the signature begins.
        signature: u64,
    },
    /// The hash of a blob is another.
    Blob(String),
    /// There is a hash for a blob, and no blob.
    NoBlob(String),
    /// There is a blob, and no hash for it.
    NoHash(String),
    /// Entitlements that cannot be read, which the system ignores or refuses: in which encoding, and why.
    Unreadable(String, String),
    /// The entitlements in XML are not those in DER.
    Entitlements,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Page { index, offset } => write!(f, "page {index}, at {offset:#x}, was changed after signing"),
            Mismatch::Pages { hashes, pages } => write!(f, "{hashes} page hashes for code of {pages} pages"),
            Mismatch::CodeLimit { limit, signature } => {
                write!(f, "the hashes end at {limit:#x}, and the signature begins at {signature:#x}")
            }
            Mismatch::Blob(name) => write!(f, "{name}: changed after signing"),
            Mismatch::NoBlob(name) => write!(f, "{name}: hashed, but not there"),
            Mismatch::NoHash(name) => write!(f, "{name}: there, but not hashed"),
            Mismatch::Unreadable(encoding, why) => write!(f, "the entitlements in {encoding} cannot be read: {why}"),
            Mismatch::Entitlements => f.write_str("the entitlements in XML are not those in DER"),
        }
    }
}

impl Signature {
    /// Reads the signature in a Mach-O file that is not universal (of one that is: in a [`Slice`](crate::Slice)'s bytes), and
    /// computes its hashes anew. `None` if it has none.
    ///
    /// Of several CodeDirectories the one counts that the kernel takes: that of the strongest hash (xnu, bsd/kern/ubc_subr.c).
    ///
    /// # Errors
    ///
    /// The file, or the signature, does not hold what its own lengths and numbers say, or is of a kind that is not read
    /// (32 bits, an unknown version or hash). A hash that does not match is no error: see
    /// [`mismatches`](Signature::mismatches).
    pub fn of(file: &[u8]) -> Result<Option<Signature>> {
        let macho = MachO::parse(file)?;
        let Some(command) = &macho.signature else { return Ok(None) };
        let bytes =
            span(file, command.offset.into(), command.len.into()).map_err(|error| error.about("LC_CODE_SIGNATURE"))?;
        let blobs = blob::read_super(bytes).map_err(|error| error.about("the signature"))?;
        let find = |wanted: u32| blobs.iter().find(|(slot, _)| *slot == wanted).map(|(_, blob)| *blob);
        if find(slot::CODE_DIRECTORY).is_none() {
            return Err(Error::new("the signature has no CodeDirectory"));
        }
        let mut chosen: Option<(CodeDirectory, &[u8])> = None;
        let mut alternates = 0;
        for (place, blob) in &blobs {
            if *place != slot::CODE_DIRECTORY && !slot::ALTERNATE_DIRECTORIES.contains(place) {
                continue;
            }
            let directory = CodeDirectory::parse(blob).map_err(|error| error.about("the CodeDirectory"))?;
            alternates += usize::from(*place != slot::CODE_DIRECTORY);
            if chosen.as_ref().is_none_or(|(best, _)| directory.hash_type > best.hash_type) {
                chosen = Some((directory, blob));
            }
        }
        let Some((directory, blob)) = chosen else { return Err(Error::new("the signature has no CodeDirectory")) };
        let mut cdhash = directory.hash_type.hash(blob);
        cdhash.truncate(20);
        let mut signature = Signature {
            cdhash,
            alternates,
            entitlements: Entitlements::new(),
            has_xml: false,
            has_der: false,
            requirements: find(slot::REQUIREMENTS).map(<[u8]>::to_vec),
            cms_len: find(slot::CMS).map_or(0, |blob| blob.len() - 8),
            mismatches: Vec::new(),
            outside: Vec::new(),
            directory,
        };
        signature.check_pages(file, command.offset.into())?;
        signature.check_blobs(&blobs, macho.info_plist.and_then(|range| file.get(range)));
        signature.read_entitlements(find(slot::ENTITLEMENTS), find(slot::DER_ENTITLEMENTS));
        Ok(Some(signature))
    }

    fn check_pages(&mut self, file: &[u8], signature: u64) -> Result<()> {
        let CodeDirectory { hash_type, page_size, code_limit, ref pages, .. } = self.directory;
        let code = span(file, 0, code_limit).map_err(|error| error.about("the code limit"))?;
        if code_limit != signature {
            self.mismatches.push(Mismatch::CodeLimit { limit: code_limit, signature });
        }
        let page_len = if page_size == 0 { code.len() } else { page_size as usize };
        let expected = code.len().div_ceil(page_len.max(1));
        if expected != pages.len() {
            self.mismatches.push(Mismatch::Pages { hashes: pages.len(), pages: expected as u64 });
        }
        for (index, (page, hash)) in code.chunks(page_len.max(1)).zip(pages).enumerate() {
            if hash_type.hash(page) != *hash {
                self.mismatches.push(Mismatch::Page { index, offset: (index * page_len) as u64 });
            }
        }
        Ok(())
    }

    /// Compares each special slot's hash with what it is about.
    fn check_blobs(&mut self, blobs: &[(u32, &[u8])], info_plist: Option<&[u8]>) {
        let CodeDirectory { hash_type, ref special, .. } = self.directory;
        for place in 1..=slot::LAST_SPECIAL.max(special.len() as u32) {
            // All zero: there is nothing to hash.
            let hash = special.get(place as usize - 1).filter(|hash| hash.iter().any(|byte| *byte != 0));
            let found = match place {
                slot::INFO_PLIST => info_plist,
                _ => blobs.iter().find(|(slot, _)| *slot == place).map(|(_, blob)| *blob),
            };
            let name = slot::name(place);
            match (hash, found) {
                (Some(hash), Some(found)) if hash_type.hash(found) != *hash => {
                    self.mismatches.push(Mismatch::Blob(name));
                }
                // These lie beside the file, in a bundle or a disk image.
                (Some(_), None) if matches!(place, slot::INFO_PLIST | slot::RESOURCES | 4 | 6) => {
                    self.outside.push(name)
                }
                (Some(_), None) => self.mismatches.push(Mismatch::NoBlob(name)),
                // A file's own Info.plist need not be bound.
                (None, Some(_)) if place != slot::INFO_PLIST => self.mismatches.push(Mismatch::NoHash(name)),
                _ => {}
            }
        }
    }

    fn read_entitlements(&mut self, xml: Option<&[u8]>, der: Option<&[u8]>) {
        let xml = xml.map(|blob| blob::contents(blob, blob::ENTITLEMENTS).and_then(Entitlements::from_xml));
        let der = der.map(|blob| blob::contents(blob, blob::DER_ENTITLEMENTS).and_then(Entitlements::from_der));
        (self.has_xml, self.has_der) = (xml.is_some(), der.is_some());
        for (encoding, read) in [("XML", &xml), ("DER", &der)] {
            if let Some(Err(error)) = read {
                self.mismatches.push(Mismatch::Unreadable(encoding.to_owned(), error.to_string()));
            }
        }
        if let (Some(Ok(xml)), Some(Ok(der))) = (&xml, &der)
            && xml != der
        {
            self.mismatches.push(Mismatch::Entitlements);
        }
        self.entitlements = der.or(xml).and_then(Result::ok).unwrap_or_default();
    }

    /// The CodeDirectory that counts.
    #[must_use]
    pub fn directory(&self) -> &CodeDirectory {
        &self.directory
    }

    /// Its flags.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.directory.flags
    }

    /// Whether it asks for the hardened runtime.
    #[must_use]
    pub fn is_hardened(&self) -> bool {
        self.flags().contains(Flags::RUNTIME)
    }

    /// Whether it is signed by nobody: the flag says so.
    #[must_use]
    pub fn is_ad_hoc(&self) -> bool {
        self.flags().contains(Flags::ADHOC)
    }

    /// Whether the linker signed it.
    #[must_use]
    pub fn is_linker_signed(&self) -> bool {
        self.flags().contains(Flags::LINKER_SIGNED)
    }

    /// The team of the identity that signed it.
    #[must_use]
    pub fn team(&self) -> Option<&str> {
        self.directory.team.as_deref()
    }

    /// The entitlements: those in DER, which current systems read, or where there are none those in XML. Empty where they
    /// cannot be read, which is one of the [`mismatches`](Signature::mismatches).
    #[must_use]
    pub fn entitlements(&self) -> &Entitlements {
        &self.entitlements
    }

    /// Whether there are entitlements in XML, and in DER.
    #[must_use]
    pub fn entitlement_encodings(&self) -> (bool, bool) {
        (self.has_xml, self.has_der)
    }

    /// The blob of code requirements, with its head of eight bytes.
    #[must_use]
    pub fn requirements(&self) -> Option<&[u8]> {
        self.requirements.as_deref()
    }

    /// The length in bytes of the CMS signature, which names the identity; 0 for an ad-hoc signature. It is not verified.
    #[must_use]
    pub fn cms_len(&self) -> usize {
        self.cms_len
    }

    /// How many CodeDirectories there are beside the first, with other hashes.
    #[must_use]
    pub fn alternates(&self) -> usize {
        self.alternates
    }

    /// The hash of the CodeDirectory, of 20 bytes, which the system knows the code by.
    #[must_use]
    pub fn cdhash(&self) -> &[u8] {
        &self.cdhash
    }

    /// What does not fit. Code with a page that was changed is killed when it is read in; the other mismatches make the
    /// signature invalid or the entitlements void.
    #[must_use]
    pub fn mismatches(&self) -> &[Mismatch] {
        &self.mismatches
    }

    /// What is hashed and lies outside of the file (a bundle's Info.plist and resources), so that it was not compared.
    #[must_use]
    pub fn outside(&self) -> &[String] {
        &self.outside
    }
}

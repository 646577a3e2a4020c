//! Writing a signature.

use crate::blob::{self, slot};
use crate::bytes::round_up;
use crate::directory::{self, CodeDirectory, ExecutableFlags, Flags, HashType};
use crate::entitlements::Entitlements;
use crate::error::{Error, Result};
use crate::macho::{self, MachO};
use crate::universal::{self, slices};

/// Bytes that one page hash covers, on every architecture.
const PAGE: u64 = 4096;
/// What `__LINKEDIT` takes in memory is a multiple of the largest page.
const SEGMENT_ALIGN: u64 = 0x4000;
/// Where a signature may begin.
const SIGNATURE_ALIGN: u64 = 16;

/// An ad-hoc signature to write.
///
/// It has a CodeDirectory (version 0x20400, or 0x20500 if hardened; SHA-256 over pages of 4 KiB), an empty set of requirements,
/// the entitlements in XML and in DER, and an empty CMS blob: what `codesign --sign -` has.
#[derive(Clone, Debug)]
pub struct Signing {
    identifier: String,
    hardened: bool,
    entitlements: Entitlements,
    /// How many bytes the signature takes at least.
    room: u64,
}

impl Signing {
    /// A signature by nobody for code of this name, not hardened, without entitlements.
    #[must_use]
    pub fn ad_hoc(identifier: impl Into<String>) -> Signing {
        Signing { identifier: identifier.into(), hardened: false, entitlements: Entitlements::new(), room: 0 }
    }

    /// With the hardened runtime, or without.
    #[must_use]
    pub fn hardened(mut self, hardened: bool) -> Signing {
        self.hardened = hardened;
        self
    }

    /// With these entitlements, in place of others. Empty: there are none.
    #[must_use]
    pub fn entitlements(mut self, entitlements: Entitlements) -> Signing {
        self.entitlements = entitlements;
        self
    }

    /// Takes as much room as another tool did, so that the files can be compared byte by byte.
    #[cfg(test)]
    pub(crate) fn room(mut self, room: u64) -> Signing {
        self.room = room;
        self
    }

    /// The file, signed: each of its slices, in place of the signatures that they have. Nothing else of it changes.
    ///
    /// # Errors
    ///
    /// The file is malformed; it is of a kind that is not signed (objects, 32 bits); there are entitlements for a library; a
    /// first signature has no room for its load command; something stands where the signature goes; the file that a hardened
    /// signature is for does not say its SDK.
    pub fn sign(&self, file: &[u8]) -> Result<Vec<u8>> {
        if self.identifier.is_empty() || self.identifier.contains('\0') {
            return Err(Error::new("the identifier is empty, or holds a NUL").next("give the code a name"));
        }
        if !universal::is_universal(file) {
            return self.sign_thin(file);
        }
        let parts = slices(file)?;
        universal::check_layout(file, &parts)?;
        let mut signed = Vec::new();
        for slice in &parts {
            let bytes = self.sign_thin(slice.bytes());
            signed.push(bytes.map_err(|error| error.about(format!("the slice for {}", slice.architecture())))?);
        }
        universal::replace(file, &parts, &signed)
    }

    fn sign_thin(&self, file: &[u8]) -> Result<Vec<u8>> {
        let macho = MachO::parse(file)?;
        self.check_kind(&macho)?;
        let mut out = code(file, &macho)?.to_vec();
        out.resize(round_up(out.len() as u64, SIGNATURE_ALIGN)? as usize, 0);
        let code_len = out.len() as u64;

        // The load commands are hashed too, so the signature's length comes before its contents.
        let blobs = self.blobs()?;
        let mut directory = self.directory(&macho, code_len)?;
        directory.special = vec![vec![0; 32]; last_special(&blobs) as usize];
        directory.pages = vec![vec![0; 32]; code_len.div_ceil(PAGE) as usize];
        let len = superblob(&directory, &blobs)?.len() as u64;
        let room = round_up(len, SIGNATURE_ALIGN)?.max(self.room);
        set_commands(&mut out, file, &macho, code_len, room)?;

        directory.special = special(&out, &macho, &blobs)?;
        directory.pages = out.chunks(PAGE as usize).map(|page| HashType::Sha256.hash(page)).collect();
        out.extend(superblob(&directory, &blobs)?);
        out.resize((code_len + room) as usize, 0);
        Ok(out)
    }

    fn check_kind(&self, macho: &MachO) -> Result<()> {
        match macho.file_type {
            macho::MH_EXECUTE => Ok(()),
            macho::MH_DYLIB | macho::MH_BUNDLE | macho::MH_DYLINKER if self.entitlements.is_empty() => Ok(()),
            macho::MH_DYLIB | macho::MH_BUNDLE | macho::MH_DYLINKER => {
                Err(Error::new("this is a library, and entitlements belong to the executable that loads it")
                    .next("sign the executable with them, and this without"))
            }
            1 => Err(Error::new("this is an object file, which is not signed").next("sign what is linked from it")),
            kind => Err(Error::new(format!("a Mach-O file of type {kind} is not signed"))
                .next("sign an executable, a dynamic library or a bundle")),
        }
    }

    fn directory(&self, macho: &MachO, code_len: u64) -> Result<CodeDirectory> {
        let runtime = match (self.hardened, macho.sdk) {
            (false, _) => 0,
            (true, Some(sdk)) => sdk,
            (true, None) => {
                return Err(Error::new(
                    "the file does not say which SDK it is built with, and the hardened runtime depends on that",
                )
                .next("link it with -platform_version, so that it has an LC_BUILD_VERSION"));
            }
        };
        let text = macho.find("__TEXT");
        let executable = macho.file_type == macho::MH_EXECUTE;
        let main = if executable { ExecutableFlags::MAIN_BINARY.0 } else { 0 };
        Ok(CodeDirectory {
            version: if self.hardened { directory::RUNTIME } else { directory::EXECUTABLE_SEGMENT },
            flags: Flags(Flags::ADHOC.0 | if self.hardened { Flags::RUNTIME.0 } else { 0 }),
            identifier: self.identifier.clone(),
            team: None,
            hash_type: HashType::Sha256,
            page_size: PAGE,
            code_limit: code_len,
            platform: 0,
            scatter_offset: 0,
            executable_base: text.map_or(0, |text| text.offset),
            executable_limit: text.map_or(0, |text| text.file_size),
            executable_flags: ExecutableFlags(main | ExecutableFlags::implied(&self.entitlements).0),
            runtime,
            pre_encrypt_offset: 0,
            linkage: [0; 4],
            linkage_data: (0, 0),
            special: Vec::new(),
            pages: Vec::new(),
        })
    }

    /// Everything but the CodeDirectory and the CMS blob, by slot.
    fn blobs(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        let mut blobs = vec![(slot::REQUIREMENTS, blob::write(blob::REQUIREMENTS, &0u32.to_be_bytes())?)];
        if !self.entitlements.is_empty() {
            let xml = blob::write(blob::ENTITLEMENTS, self.entitlements.to_xml().as_bytes())?;
            let der = blob::write(blob::DER_ENTITLEMENTS, &self.entitlements.to_der())?;
            blobs.extend([(slot::ENTITLEMENTS, xml), (slot::DER_ENTITLEMENTS, der)]);
        }
        Ok(blobs)
    }
}

/// What a signature covers: the file without the signature that it has.
fn code<'a>(file: &'a [u8], macho: &MachO) -> Result<&'a [u8]> {
    let Some(linkedit) = macho.find("__LINKEDIT") else {
        return Err(
            Error::new("there is no segment __LINKEDIT, which a signature stands in").next("link the file again")
        );
    };
    let end = linkedit.offset + linkedit.file_size;
    let overlaps = |other: &&macho::Segment| {
        other.command != linkedit.command && other.file_size > 0 && other.offset + other.file_size > linkedit.offset
    };
    if let Some(other) = macho.segments.iter().find(overlaps) {
        return Err(Error::new(format!(
            "the segment {} does not end before __LINKEDIT, at whose end a signature stands",
            other.name
        )));
    }
    if end != file.len() as u64 {
        return Err(Error::new(format!(
            "{} bytes follow the last segment, which no signature would cover",
            file.len() as u64 - end
        ))
        .at(end as usize)
        .next("sign the file before anything is appended to it"));
    }
    let Some(old) = &macho.signature else { return Ok(file) };
    let start = u64::from(old.offset);
    if start < linkedit.offset || start + u64::from(old.len) != end {
        return Err(Error::new("LC_CODE_SIGNATURE: the signature is not the end of __LINKEDIT").at(old.command));
    }
    if (start as usize) < macho::HEADER + macho.commands_len as usize {
        return Err(Error::new("LC_CODE_SIGNATURE: the signature lies in the load commands").at(old.command));
    }
    Ok(&file[..start as usize])
}

/// The highest slot that has a hash.
fn last_special(blobs: &[(u32, Vec<u8>)]) -> u32 {
    blobs.iter().map(|(slot, _)| *slot).max().unwrap_or(0)
}

/// The hashes of slots 1 and up.
fn special(code: &[u8], macho: &MachO, blobs: &[(u32, Vec<u8>)]) -> Result<Vec<Vec<u8>>> {
    let info_plist = match macho.info_plist.clone().map(|range| code.get(range)) {
        Some(None) => return Err(Error::new("the section __TEXT,__info_plist reaches into the signature")),
        Some(found) => found,
        None => None,
    };
    let of = |place: u32| match place {
        slot::INFO_PLIST => info_plist,
        _ => blobs.iter().find(|(slot, _)| *slot == place).map(|(_, blob)| &**blob),
    };
    let hash = |place| of(place).map_or_else(|| vec![0; 32], |found| HashType::Sha256.hash(found));
    Ok((1..=last_special(blobs)).map(hash).collect())
}

fn superblob(directory: &CodeDirectory, blobs: &[(u32, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut all = vec![(slot::CODE_DIRECTORY, directory.write()?)];
    all.extend_from_slice(blobs);
    all.push((slot::CMS, blob::write(blob::BLOB_WRAPPER, &[])?));
    blob::write_super(&all)
}

/// Writes into the load commands that the signature has `room` bytes at `code_len`.
fn set_commands(out: &mut [u8], file: &[u8], macho: &MachO, code_len: u64, room: u64) -> Result<()> {
    let too_long = || Error::new("the file is longer than the 4 GiB that LC_CODE_SIGNATURE can tell");
    let end = code_len.checked_add(room).filter(|end| *end <= u64::from(u32::MAX)).ok_or_else(too_long)?;
    let command = match &macho.signature {
        Some(old) => old.command,
        None => add_command(out, file, macho)?,
    };
    let words = [macho::LC_CODE_SIGNATURE, 16, code_len as u32, room as u32];
    out[command..command + 16].copy_from_slice(&words.map(u32::to_le_bytes).concat());

    let Some(linkedit) = macho.find("__LINKEDIT") else { return Ok(()) };
    let file_size = end - linkedit.offset;
    let memory_size = round_up(file_size, SEGMENT_ALIGN)?;
    let memory_end = linkedit.address.checked_add(memory_size);
    let overlaps = |other: &&macho::Segment| {
        other.address > linkedit.address && memory_end.is_none_or(|memory_end| other.address < memory_end)
    };
    if let Some(other) = macho.segments.iter().find(|other| other.memory_size > 0 && overlaps(other)) {
        return Err(Error::new(format!("__LINKEDIT would grow into the segment {} in memory", other.name)));
    }
    let at = linkedit.command;
    out[at + 32..at + 40].copy_from_slice(&memory_size.to_le_bytes());
    out[at + 48..at + 56].copy_from_slice(&file_size.to_le_bytes());
    Ok(())
}

/// Makes room for a load command behind the others, and returns where it stands.
fn add_command(out: &mut [u8], file: &[u8], macho: &MachO) -> Result<usize> {
    let at = macho::HEADER + macho.commands_len as usize;
    let room = macho.first_content.saturating_sub(at);
    let free = file.get(at..at + 16).is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0));
    if room < 16 || !free {
        return Err(Error::new(format!(
            "there is no room for a first signature's load command: 16 bytes are wanted at {at:#x}, and {room} are there"
        ))
        .next("link the file with -headerpad 0x20, or let the linker sign it (-adhoc_codesign)"));
    }
    out[16..20].copy_from_slice(&(macho.commands + 1).to_le_bytes());
    out[20..24].copy_from_slice(&(macho.commands_len + 16).to_le_bytes());
    Ok(at)
}

#[cfg(test)]
mod tests;

//! Blobs: a magic number, a length, contents, all big-endian; and the SuperBlob, which is an index of others
//! (xnu, osfmk/kern/cs_blobs.h).

use crate::bytes::{be32, part};
use crate::error::{Error, Result};

pub(crate) const EMBEDDED_SIGNATURE: u32 = 0xfade_0cc0;
pub(crate) const CODE_DIRECTORY: u32 = 0xfade_0c02;
pub(crate) const REQUIREMENTS: u32 = 0xfade_0c01;
pub(crate) const ENTITLEMENTS: u32 = 0xfade_7171;
pub(crate) const DER_ENTITLEMENTS: u32 = 0xfade_7172;
pub(crate) const BLOB_WRAPPER: u32 = 0xfade_0b01;

/// The places in the index. Those from 1 to [`LAST_SPECIAL`] are hashed in the CodeDirectory, at the same number.
pub(crate) mod slot {
    pub(crate) const CODE_DIRECTORY: u32 = 0;
    pub(crate) const INFO_PLIST: u32 = 1;
    pub(crate) const REQUIREMENTS: u32 = 2;
    pub(crate) const RESOURCES: u32 = 3;
    pub(crate) const ENTITLEMENTS: u32 = 5;
    pub(crate) const DER_ENTITLEMENTS: u32 = 7;
    pub(crate) const LAST_SPECIAL: u32 = 11;
    pub(crate) const ALTERNATE_DIRECTORIES: std::ops::Range<u32> = 0x1000..0x1005;
    pub(crate) const CMS: u32 = 0x1_0000;

    /// What a place in the index is for.
    pub(crate) fn name(slot: u32) -> String {
        let name = match slot {
            CODE_DIRECTORY => "CodeDirectory",
            INFO_PLIST => "Info.plist",
            REQUIREMENTS => "requirements",
            RESOURCES => "resources",
            4 => "application",
            ENTITLEMENTS => "entitlements",
            6 => "disk image",
            DER_ENTITLEMENTS => "DER entitlements",
            8..=10 => "launch constraint",
            11 => "library constraint",
            CMS => "CMS signature",
            _ => return format!("slot {slot:#x}"),
        };
        name.to_owned()
    }
}

/// The bytes of one blob, its head of eight bytes included, which starts at an offset.
pub(crate) fn blob(bytes: &[u8], at: usize) -> Result<&[u8]> {
    let len = be32(bytes, at.saturating_add(4))? as usize;
    if len < 8 {
        return Err(Error::new(format!("a blob of {len} bytes")).at(at));
    }
    part(bytes, at..at.saturating_add(len))
}

/// The contents of a blob of this kind.
pub(crate) fn contents(blob: &[u8], magic: u32) -> Result<&[u8]> {
    let found = be32(blob, 0)?;
    if found != magic {
        return Err(Error::new(format!("the blob begins with {found:#x}, not {magic:#x}")));
    }
    Ok(blob.get(8..).unwrap_or_default())
}

/// The blobs of an embedded signature, by slot, in its order. What follows the SuperBlob is room that it did not need.
pub(crate) fn read_super(signature: &[u8]) -> Result<Vec<(u32, &[u8])>> {
    let whole = blob(signature, 0)?;
    let index = contents(whole, EMBEDDED_SIGNATURE)?;
    let count = be32(index, 0)? as usize;
    if count > (whole.len() - 12) / 8 {
        return Err(Error::new(format!("the signature has no room for {count} blobs")).at(8));
    }
    let mut blobs: Vec<(u32, &[u8])> = Vec::new();
    for entry in 0..count {
        let at = 12 + entry * 8;
        let (slot, offset) = (be32(whole, at)?, be32(whole, at + 4)? as usize);
        if blobs.iter().any(|(other, _)| *other == slot) {
            return Err(Error::new(format!("two blobs in the place for {}", slot::name(slot))).at(at));
        }
        blobs.push((slot, blob(whole, offset).map_err(|error| error.about(slot::name(slot)))?));
    }
    Ok(blobs)
}

/// One blob with its head.
pub(crate) fn write(magic: u32, contents: &[u8]) -> Result<Vec<u8>> {
    let len = u32::try_from(contents.len() + 8).map_err(|_| Error::new("a blob of 4 GiB"))?;
    Ok([&magic.to_be_bytes()[..], &len.to_be_bytes(), contents].concat())
}

/// The SuperBlob of an embedded signature.
pub(crate) fn write_super(blobs: &[(u32, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut offset = 12 + blobs.len() * 8;
    let mut contents = (blobs.len() as u32).to_be_bytes().to_vec();
    for (slot, blob) in blobs {
        contents.extend(slot.to_be_bytes());
        contents.extend((offset as u32).to_be_bytes());
        offset += blob.len();
    }
    for (_, blob) in blobs {
        contents.extend(blob);
    }
    write(EMBEDDED_SIGNATURE, &contents)
}

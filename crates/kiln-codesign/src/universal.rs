//! Files of one slice or several: taking them apart, and putting them together (`<mach-o/fat.h>`).

use crate::bytes::{be32, be64, round_up, span};
use crate::error::{Error, Result};
use crate::macho::{self, CPU_ARM64, CPU_X86_64, MachO};
use crate::signature::Signature;

pub(crate) const FAT_MAGIC: u32 = 0xcafe_babe;
pub(crate) const FAT_MAGIC_64: u32 = 0xcafe_babf;

/// One architecture's part of a file: a Mach-O file of its own.
#[derive(Clone, Debug)]
pub struct Slice<'a> {
    cpu: u32,
    subtype: u32,
    /// The power of two that its offset is a multiple of.
    align: u32,
    offset: u64,
    bytes: &'a [u8],
}

/// The slices of a Mach-O file, in its order: one, if it is not universal.
///
/// # Errors
///
/// The bytes are no Mach-O file, or a slice lies outside of them. What a slice holds is not looked at.
pub fn slices(file: &[u8]) -> Result<Vec<Slice<'_>>> {
    if !is_universal(file) {
        let (cpu, subtype) = macho::architecture(file)?;
        return Ok(vec![Slice { cpu, subtype, align: 0, offset: 0, bytes: file }]);
    }
    let wide = be32(file, 0)? == FAT_MAGIC_64;
    let count = be32(file, 4)?;
    // A Java class begins with the same four bytes, and its version, 45 or more, stands here.
    if count == 0 || count > 40 {
        return Err(Error::new(format!("this is no universal file: it would have {count} slices")));
    }
    let entry_len = if wide { 32 } else { 20 };
    let mut found: Vec<Slice<'_>> = Vec::new();
    for index in 0..count as usize {
        let at = 8 + index * entry_len;
        let (offset, len, align) = if wide {
            (be64(file, at + 8)?, be64(file, at + 16)?, be32(file, at + 24)?)
        } else {
            (be32(file, at + 8)?.into(), be32(file, at + 12)?.into(), be32(file, at + 16)?)
        };
        let (cpu, subtype) = (be32(file, at)?, be32(file, at + 4)?);
        let name = architecture_name(cpu, subtype);
        if align > 31 {
            return Err(Error::new(format!("the slice for {name} is aligned to 2^{align}")).at(at));
        }
        let bytes = span(file, offset, len).map_err(|error| error.about(format!("the slice for {name}")))?;
        found.push(Slice { cpu, subtype, align, offset, bytes });
    }
    Ok(found)
}

pub(crate) fn is_universal(file: &[u8]) -> bool {
    matches!(be32(file, 0), Ok(FAT_MAGIC | FAT_MAGIC_64))
}

impl<'a> Slice<'a> {
    /// The architecture as Apple's tools call it: `arm64`, `arm64e`, `x86_64`; `cpu 0x…` where it has no name here.
    #[must_use]
    pub fn architecture(&self) -> String {
        architecture_name(self.cpu, self.subtype)
    }

    /// Whether it is code for 64-bit Arm processors.
    #[must_use]
    pub fn is_arm64(&self) -> bool {
        self.cpu == CPU_ARM64
    }

    /// Whether it is code for 64-bit Intel processors.
    #[must_use]
    pub fn is_x86_64(&self) -> bool {
        self.cpu == CPU_X86_64
    }

    /// Where it begins in the file, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The Mach-O file that it is.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether it is a main executable, the only place where entitlements mean anything. False also where the file type
    /// cannot be read.
    #[must_use]
    pub fn is_executable(&self) -> bool {
        macho::file_type(self.bytes).is_ok_and(|kind| kind == macho::MH_EXECUTE)
    }

    /// The system that it is built for: `macOS`, `iOS` and so on, `platform N` where it has no name here. `None` where it does
    /// not say.
    ///
    /// # Errors
    ///
    /// Its load commands are malformed, or it is of 32 bits.
    pub fn platform(&self) -> Result<Option<String>> {
        // `<mach-o/loader.h>`, `PLATFORM_`
        const NAMES: [&str; 12] = [
            "macOS",
            "iOS",
            "tvOS",
            "watchOS",
            "bridgeOS",
            "Mac Catalyst",
            "the iOS simulator",
            "the tvOS simulator",
            "the watchOS simulator",
            "DriverKit",
            "visionOS",
            "the visionOS simulator",
        ];
        let Some(platform) = MachO::parse(self.bytes)?.platform else { return Ok(None) };
        let name = (platform as usize).checked_sub(1).and_then(|index| NAMES.get(index));
        Ok(Some(name.map_or_else(|| format!("platform {platform}"), |name| (*name).to_owned())))
    }

    /// What it is signed with: [`Signature::of`] its bytes.
    ///
    /// # Errors
    ///
    /// As for [`Signature::of`].
    pub fn signature(&self) -> Result<Option<Signature>> {
        Signature::of(self.bytes)
    }
}

fn architecture_name(cpu: u32, subtype: u32) -> String {
    // `<mach/machine.h>`; the top byte of a subtype holds capabilities.
    match (cpu, subtype & 0x00ff_ffff) {
        (CPU_ARM64, 2) => "arm64e".to_owned(),
        (CPU_ARM64, _) => "arm64".to_owned(),
        (CPU_X86_64, 8) => "x86_64h".to_owned(),
        (CPU_X86_64, _) => "x86_64".to_owned(),
        (7, _) => "i386".to_owned(),
        (12, _) => "arm".to_owned(),
        (0x0200_000c, _) => "arm64_32".to_owned(),
        (18, _) => "ppc".to_owned(),
        (0x0100_0012, _) => "ppc64".to_owned(),
        _ => format!("cpu {cpu:#x}"),
    }
}

/// A universal file with the same header as `file`, and `contents` in the places of its slices, each at a multiple of its
/// alignment.
pub(crate) fn replace(file: &[u8], slices: &[Slice<'_>], contents: &[Vec<u8>]) -> Result<Vec<u8>> {
    let wide = be32(file, 0)? == FAT_MAGIC_64;
    let header = 8 + slices.len() * if wide { 32 } else { 20 };
    let mut out = file.get(..header).unwrap_or_default().to_vec();
    for (index, (slice, bytes)) in slices.iter().zip(contents).enumerate() {
        let offset = round_up(out.len() as u64, 1 << slice.align)?;
        let at = 8 + index * if wide { 32 } else { 20 };
        if wide {
            out[at + 8..at + 16].copy_from_slice(&offset.to_be_bytes());
            out[at + 16..at + 24].copy_from_slice(&(bytes.len() as u64).to_be_bytes());
        } else {
            let too_long = || Error::new("the file would be longer than the 4 GiB that its header can tell");
            let narrow = |value: u64| u32::try_from(value).map(u32::to_be_bytes).map_err(|_| too_long());
            out[at + 8..at + 12].copy_from_slice(&narrow(offset)?);
            out[at + 12..at + 16].copy_from_slice(&narrow(bytes.len() as u64)?);
        }
        out.resize(usize::try_from(offset).map_err(|_| Error::new("the file does not fit into memory"))?, 0);
        out.extend_from_slice(bytes);
    }
    Ok(out)
}

/// Whether a universal file can be taken apart and put together: what lies outside of the slices would be lost, and slices
/// that overlap would be doubled.
pub(crate) fn check_layout(file: &[u8], slices: &[Slice<'_>]) -> Result<()> {
    let header = 8 + slices.len() * if be32(file, 0)? == FAT_MAGIC_64 { 32 } else { 20 };
    let mut order: Vec<&Slice<'_>> = slices.iter().collect();
    order.sort_by_key(|slice| slice.offset);
    let mut end = header;
    for slice in order {
        let start = slice.offset as usize;
        let Some(gap) = file.get(end..start) else {
            return Err(
                Error::new(format!("the slice for {} overlaps what stands before it", slice.architecture())).at(start)
            );
        };
        is_padding(gap, end)?;
        end = start + slice.bytes.len();
    }
    is_padding(file.get(end..).unwrap_or_default(), end)
}

fn is_padding(gap: &[u8], start: usize) -> Result<()> {
    match gap.iter().position(|byte| *byte != 0) {
        Some(at) => Err(Error::new("there is data outside of the slices, which would be lost").at(start + at)),
        None => Ok(()),
    }
}

//! What of a Mach-O file (`<mach-o/loader.h>`) a signature is about: where its segments end, and where the signature stands.

use std::ops::Range;

use crate::bytes::{le32, le64, name16, part};
use crate::error::{Error, Result};

pub(crate) const MH_EXECUTE: u32 = 2;
pub(crate) const MH_DYLIB: u32 = 6;
pub(crate) const MH_DYLINKER: u32 = 7;
pub(crate) const MH_BUNDLE: u32 = 8;

pub(crate) const CPU_ARM64: u32 = 0x0100_000c;
pub(crate) const CPU_X86_64: u32 = 0x0100_0007;

pub(crate) const LC_CODE_SIGNATURE: u32 = 0x1d;
const LC_SEGMENT_64: u32 = 0x19;
const LC_BUILD_VERSION: u32 = 0x32;
/// `LC_VERSION_MIN_` of macOS, iOS, tvOS and watchOS, whose platforms are 1 to 4.
const LC_VERSION_MIN: [u32; 4] = [0x24, 0x25, 0x2f, 0x30];

const MH_MAGIC_64: u32 = 0xfeed_facf;
pub(crate) const HEADER: usize = 32;

/// The parts of a 64-bit Mach-O file.
#[derive(Debug)]
pub(crate) struct MachO {
    pub(crate) file_type: u32,
    /// The number of load commands, and their length in bytes.
    pub(crate) commands: u32,
    pub(crate) commands_len: u32,
    pub(crate) segments: Vec<Segment>,
    /// Where the contents of the embedded Info.plist stand.
    pub(crate) info_plist: Option<Range<usize>>,
    /// The lowest offset of anything but the header and the load commands.
    pub(crate) first_content: usize,
    pub(crate) signature: Option<SignatureCommand>,
    /// The version of the SDK, or else of the system, that the file is built for, as `xxxx.yy.zz` in nibbles.
    pub(crate) sdk: Option<u32>,
    /// Which system it is for: `PLATFORM_MACOS` and so on.
    pub(crate) platform: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct Segment {
    /// Where its load command stands.
    pub(crate) command: usize,
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) memory_size: u64,
    pub(crate) offset: u64,
    pub(crate) file_size: u64,
}

/// `LC_CODE_SIGNATURE`
#[derive(Debug)]
pub(crate) struct SignatureCommand {
    /// Where the load command stands.
    pub(crate) command: usize,
    pub(crate) offset: u32,
    pub(crate) len: u32,
}

/// The CPU type and subtype of a thin file.
pub(crate) fn architecture(file: &[u8]) -> Result<(u32, u32)> {
    let magic = le32(file, 0).map_err(|_| Error::new("this is no Mach-O file: it has less than four bytes"))?;
    match magic {
        MH_MAGIC_64 | 0xfeed_face => Ok((le32(file, 4)?, le32(file, 8)?)),
        0xcffa_edfe | 0xcefa_edfe => Err(Error::new("this is a big-endian Mach-O file (PowerPC), which is not read")),
        _ => Err(Error::new("this is no Mach-O file")),
    }
}

/// The file type of a thin file: `MH_EXECUTE` and so on.
pub(crate) fn file_type(file: &[u8]) -> Result<u32> {
    architecture(file)?;
    le32(file, 12)
}

impl MachO {
    pub(crate) fn parse(file: &[u8]) -> Result<MachO> {
        architecture(file)?;
        if le32(file, 0)? != MH_MAGIC_64 {
            return Err(Error::new("this is a 32-bit Mach-O file, which is not read"));
        }
        let (commands, commands_len) = (le32(file, 16)?, le32(file, 20)?);
        let end = HEADER.saturating_add(commands_len as usize);
        if end > file.len() {
            return Err(Error::new("the load commands reach beyond the end of the file").at(20));
        }
        let mut macho = MachO {
            file_type: le32(file, 12)?,
            commands,
            commands_len,
            segments: Vec::new(),
            info_plist: None,
            first_content: file.len(),
            signature: None,
            sdk: None,
            platform: None,
        };
        let mut at = HEADER;
        for _ in 0..commands {
            let header = part(file, at..at.saturating_add(8)).ok().filter(|_| at + 8 <= end);
            let Some(header) = header else {
                return Err(Error::new(format!("there are fewer than {commands} load commands")).at(at));
            };
            let (kind, len) = (le32(header, 0)?, le32(header, 4)? as usize);
            if len < 8 || len % 4 != 0 || len > end - at {
                return Err(Error::new(format!("a load command of {len} bytes")).at(at));
            }
            macho.command(file, kind, at, &file[at..at + len])?;
            at += len;
        }
        if at != end {
            return Err(Error::new(format!("the load commands end here, not at {end:#x}")).at(at));
        }
        Ok(macho)
    }

    fn command(&mut self, file: &[u8], kind: u32, at: usize, command: &[u8]) -> Result<()> {
        let placed = |error: Error| error.about(format!("the load command at {at:#x}"));
        match kind {
            LC_SEGMENT_64 => self.segment(file, at, command).map_err(placed)?,
            LC_CODE_SIGNATURE => {
                if self.signature.is_some() {
                    return Err(Error::new("there are two LC_CODE_SIGNATURE").at(at));
                }
                if command.len() != 16 {
                    return Err(Error::new(format!("LC_CODE_SIGNATURE of {} bytes", command.len())).at(at));
                }
                let (offset, len) = (le32(command, 8).map_err(placed)?, le32(command, 12).map_err(placed)?);
                self.signature = Some(SignatureCommand { command: at, offset, len });
            }
            LC_BUILD_VERSION => {
                let (minimum, sdk) = (le32(command, 12).map_err(placed)?, le32(command, 16).map_err(placed)?);
                self.sdk.get_or_insert(if sdk == 0 { minimum } else { sdk });
                self.platform.get_or_insert(le32(command, 8).map_err(placed)?);
            }
            _ => {
                if let Some(index) = LC_VERSION_MIN.iter().position(|known| *known == kind) {
                    let (minimum, sdk) = (le32(command, 8).map_err(placed)?, le32(command, 12).map_err(placed)?);
                    self.sdk.get_or_insert(if sdk == 0 { minimum } else { sdk });
                    self.platform.get_or_insert(index as u32 + 1);
                }
            }
        }
        Ok(())
    }

    fn segment(&mut self, file: &[u8], at: usize, command: &[u8]) -> Result<()> {
        const SEGMENT: usize = 72;
        const SECTION: usize = 80;
        let segment = Segment {
            command: at,
            name: name16(command, 8)?,
            address: le64(command, 24)?,
            memory_size: le64(command, 32)?,
            offset: le64(command, 40)?,
            file_size: le64(command, 48)?,
        };
        let end = segment.offset.checked_add(segment.file_size);
        if end.is_none_or(|end| end > file.len() as u64) {
            return Err(Error::new(format!("the segment {} reaches beyond the end of the file", segment.name)));
        }
        let sections = le32(command, 64)? as usize;
        if sections > (command.len() - SEGMENT.min(command.len())) / SECTION {
            return Err(Error::new(format!("the segment {} has no room for {sections} sections", segment.name)));
        }
        for index in 0..sections {
            self.section(file, &command[SEGMENT + index * SECTION..])?;
        }
        // The segment that begins with the file holds the header and the load commands.
        if segment.offset > 0 && segment.file_size > 0 {
            self.first_content = self.first_content.min(segment.offset as usize);
        }
        self.segments.push(segment);
        Ok(())
    }

    fn section(&mut self, file: &[u8], section: &[u8]) -> Result<()> {
        const S_ZEROFILL: u32 = 1;
        const S_THREAD_LOCAL_ZEROFILL: u32 = 18;
        let (size, offset, kind) = (le64(section, 40)?, le32(section, 48)? as usize, le32(section, 64)? & 0xff);
        if size == 0 || offset == 0 || kind == S_ZEROFILL || kind == S_THREAD_LOCAL_ZEROFILL {
            return Ok(());
        }
        self.first_content = self.first_content.min(offset);
        if name16(section, 0)? == "__info_plist" && name16(section, 16)? == "__TEXT" {
            let end = usize::try_from(size).ok().and_then(|size| offset.checked_add(size));
            let Some(end) = end.filter(|end| *end <= file.len()) else {
                return Err(Error::new("the section __TEXT,__info_plist reaches beyond the end of the file"));
            };
            self.info_plist = Some(offset..end);
        }
        Ok(())
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.name == name)
    }
}

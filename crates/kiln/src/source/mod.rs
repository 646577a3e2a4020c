//! What an input is, by its first bytes.

mod assemble;

use std::ops::Range;
use std::path::Path;

use object::macho::{FatArch32, FatArch64};
use object::read::macho::{FatArch, MachOFatFile};

pub use assemble::{Assembler, Syntax};

use crate::error::{Error, Result};
use crate::target::{Arch, Format};

/// What some bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// One relocatable object file.
    Object(Format),
    /// A linked file: an executable or a shared library.
    Linked(Format),
    /// A static archive of object files.
    Archive,
    /// A universal Mach-O file: one file for each of several architectures.
    Universal,
    /// Assembly source. Only a file's name says so.
    Assembly(Syntax),
    /// Machine code with no header. Only a file's name says so.
    Flat,
    /// Nothing that holds native code, and what it is instead.
    Other(&'static str),
}

impl Kind {
    /// What `bytes` are by their magic number: never [`Assembly`](Kind::Assembly) or [`Flat`](Kind::Flat), which have
    /// none.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Kind {
        let u16_at = |at: usize| bytes.get(at..at + 2).map(|field| u16::from_le_bytes([field[0], field[1]]));
        let u32_at =
            |at: usize| bytes.get(at..at + 4).map(|field| u32::from_le_bytes([field[0], field[1], field[2], field[3]]));
        match bytes {
            [] => Kind::Other("empty"),
            [0x7f, b'E', b'L', b'F', ..] => match u16_at(16) {
                Some(1) => Kind::Object(Format::Elf),
                Some(2 | 3) => Kind::Linked(Format::Elf),
                Some(_) => Kind::Other("an ELF file that is neither an object nor a program"),
                None => Kind::Other("an ELF file that is cut off"),
            },
            [0xcf, 0xfa, 0xed, 0xfe, ..] => match u32_at(12) {
                // MH_OBJECT, MH_EXECUTE, MH_DYLIB, MH_BUNDLE
                Some(1) => Kind::Object(Format::MachO),
                Some(2 | 6 | 8) => Kind::Linked(Format::MachO),
                Some(_) => Kind::Other("a Mach-O file that is neither an object nor a program"),
                None => Kind::Other("a Mach-O file that is cut off"),
            },
            [0xce, 0xfa, 0xed, 0xfe, ..] => Kind::Other("a 32-bit Mach-O file"),
            // A Java class begins alike; its next field is a version, of at least 45, where the number of slices is.
            [0xca, 0xfe, 0xba, 0xbe | 0xbf, 0, 0, 0, ..=44, ..] => Kind::Universal,
            [0xca, 0xfe, 0xba, 0xbe, ..] => Kind::Other("a Java class"),
            [b'!', b'<', b'a' | b't', b'r' | b'h', b'c' | b'i', b'h' | b'n', b'>', b'\n', ..] => Kind::Archive,
            [b'M', b'Z', ..] => Kind::Linked(Format::Coff),
            // ANON_OBJECT_HEADER: version 0 is an import, and 2 an object with large numbers (/bigobj).
            [0, 0, 0xff, 0xff, 0, 0, ..] => Kind::Other("an import of a COFF library: give the library itself"),
            [0, 0, 0xff, 0xff, ..] if matches!(u16_at(6), Some(0x8664 | 0xaa64)) => Kind::Object(Format::Coff),
            [0, 0, 0xff, 0xff, ..] => Kind::Other("a COFF file for another machine, or of the linker's own code"),
            [b'B', b'C', 0xc0, 0xde, ..] | [0xde, 0xc0, 0x17, 0x0b, ..] => {
                Kind::Other("LLVM bitcode: compile without -flto")
            }
            [0, b'a', b's', b'm', ..] => Kind::Other("WebAssembly"),
            [b'#', b'!', ..] => Kind::Other("a script"),
            _ if matches!(u16_at(0), Some(0x8664 | 0xaa64)) && u16_at(16) == Some(0) && bytes.len() >= 20 => {
                Kind::Object(Format::Coff)
            }
            _ if std::str::from_utf8(&bytes[..bytes.len().min(512)]).is_ok_and(|text| !text.contains('\0')) => {
                Kind::Other("text")
            }
            _ => Kind::Other("of no known format"),
        }
    }

    /// What the file at `path` with these contents is: by its magic number, or else by its name: `.s`, `.S` are
    /// assembly, `.bin`, `.flat` and `.raw` flat code.
    #[must_use]
    pub fn of_file(path: &Path, bytes: &[u8]) -> Kind {
        let kind = Kind::of(bytes);
        if !matches!(kind, Kind::Other(_)) || bytes.is_empty() {
            return kind;
        }
        if let Some(syntax) = Syntax::of(path) {
            return Kind::Assembly(syntax);
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("bin" | "flat" | "raw") if matches!(kind, Kind::Other("of no known format" | "text")) => Kind::Flat,
            _ => kind,
        }
    }

    /// The error for an input of this kind where only `wanted` will do.
    pub(crate) fn refusal(self, wanted: &str) -> Error {
        match self {
            Kind::Object(_) => Error::unsupported(format!("this is a relocatable object file, not {wanted}")),
            Kind::Linked(_) => Error::unsupported(format!("this is a linked file, not {wanted}"))
                .help("give the object files that it was linked from"),
            Kind::Archive => Error::unsupported(format!("this is an archive, not {wanted}"))
                .help("add it as an archive, or take the members out with `ar x`"),
            Kind::Universal => Error::unsupported(format!("this is a universal file, not {wanted}")),
            Kind::Assembly(_) => {
                Error::unsupported(format!("this is assembly source, not {wanted}")).help("assemble it")
            }
            Kind::Flat => Error::unsupported(format!("this is flat code, not {wanted}")),
            Kind::Other("empty") => Error::malformed("the file is empty").help("make it again"),
            Kind::Other(what) => Error::malformed(format!("this is not native code: it is {what}"))
                .help("give assembly (.s, .S), an object file, an archive, or flat machine code (.bin)"),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Kind::Object(format) => write!(f, "{format} object"),
            Kind::Linked(format) => write!(f, "linked {format} file"),
            Kind::Archive => f.write_str("archive"),
            Kind::Universal => f.write_str("universal Mach-O file"),
            Kind::Assembly(_) => f.write_str("assembly source"),
            Kind::Flat => f.write_str("flat code"),
            Kind::Other(what) => f.write_str(what),
        }
    }
}

/// Where the slice for `arch` lies in a universal Mach-O file.
///
/// # Errors
///
/// There is none; the message lists which there are.
pub(crate) fn universal_slice(name: &str, bytes: &[u8], arch: Arch) -> Result<Range<usize>> {
    fn find<A: FatArch>(bytes: &[u8], arch: Arch) -> Result<Range<usize>> {
        let damaged = |error| Error::malformed("the universal header").caused_by(error).help("make the file again");
        let file = MachOFatFile::<A>::parse(bytes).map_err(damaged)?;
        let mut others = Vec::new();
        for slice in file.arches() {
            let (offset, size) = slice.file_range();
            match Arch::from_macho(slice.cputype(), slice.cpusubtype()) {
                Some(found) if found == arch => {
                    let range = usize::try_from(offset).ok().zip(usize::try_from(size).ok());
                    let range = range.and_then(|(offset, size)| Some(offset..offset.checked_add(size)?));
                    return range
                        .filter(|range| range.end <= bytes.len())
                        .ok_or_else(|| Error::malformed(format!("the slice for {arch} lies outside the file")));
                }
                Some(found) => others.push(found.to_string()),
                None => others.push(format!(
                    "another machine (type {:#x}, {:#x})",
                    slice.cputype().0,
                    slice.cpusubtype().id().0
                )),
            }
        }
        Err(Error::unsupported(format!("the universal file has no slice for {arch}, only for {}", others.join(", "))))
    }
    let wide = bytes.get(3) == Some(&0xbf);
    if wide { find::<FatArch64>(bytes, arch) } else { find::<FatArch32>(bytes, arch) }
        .map_err(|error| error.input(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_magic_and_by_name() {
        let of = |name: &str, bytes: &[u8]| Kind::of_file(Path::new(name), bytes);
        let mut elf = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0";
        assert_eq!(of("x.s", &elf), Kind::Object(Format::Elf));
        elf[16] = 2;
        assert_eq!(of("x.bin", &elf), Kind::Linked(Format::Elf));
        assert_eq!(of("x.o", &elf[..10]), Kind::Other("an ELF file that is cut off"));
        assert_eq!(of("x.o", b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0\x01\0\0\0"), Kind::Object(Format::MachO));
        assert_eq!(of("x.o", b"\xca\xfe\xba\xbe\0\0\0\x02"), Kind::Universal);
        assert_eq!(of("x.o", b"\xca\xfe\xba\xbe\0\0\0\x34"), Kind::Other("a Java class"));
        assert_eq!(of("x.a", b"!<arch>\n"), Kind::Archive);
        assert_eq!(of("x.a", b"!<thin>\n"), Kind::Archive);
        assert_eq!(of("x.s", b"nop\n"), Kind::Assembly(Syntax::Plain));
        assert_eq!(of("x.S", b"nop\n"), Kind::Assembly(Syntax::Preprocessed));
        assert_eq!(of("x.bin", b"\xc3"), Kind::Flat);
        assert_eq!(of("x.bin", b""), Kind::Other("empty"));
        assert_eq!(of("x.s", b""), Kind::Other("empty"));
        assert_eq!(of("x.bin", b"#!/bin/sh\n"), Kind::Other("a script"));
        assert_eq!(of("README.md", b"# Words\n"), Kind::Other("text"));
        assert_eq!(of("x", b"\x89PNG\r\n\x1a\n"), Kind::Other("of no known format"));
    }
}

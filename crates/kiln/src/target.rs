//! What code is made for: architecture, operating system, object format, and addresses in its address space.

use std::fmt;
use std::str::FromStr;

use object::{elf, macho, pe};

use crate::error::{Error, Result};

/// An instruction set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Arch {
    /// x86-64 (AMD64).
    X86_64,
    /// The 64-bit Arm instruction set (A64), little-endian.
    Aarch64,
}

/// A format of object files.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// Executable and Linkable Format: Linux.
    Elf,
    /// Mach-O: macOS.
    MachO,
    /// Common Object File Format, and PE for linked files: Windows.
    Coff,
}

/// An operating system.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Os {
    /// Linux.
    Linux,
    /// macOS.
    MacOs,
    /// Windows: its objects are read, laid out and fixed up, not run.
    Windows,
}

/// What code is made for: an architecture and an operating system, with the object format that follows from it.
///
/// It is written as a target triple, and read from one:
///
/// ```
/// use kiln::{Arch, Format, Target};
///
/// let target: Target = "aarch64-apple-darwin".parse()?;
/// assert_eq!(target.arch(), Arch::Aarch64);
/// assert_eq!(target.format(), Format::MachO);
/// assert_eq!("arm64-apple-macos14".parse::<Target>()?, target);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    arch: Arch,
    os: Os,
}

impl Target {
    /// Linux on x86-64: `x86_64-unknown-linux-gnu`.
    pub const X86_64_LINUX: Target = Target::new(Arch::X86_64, Os::Linux);
    /// Linux on arm64: `aarch64-unknown-linux-gnu`.
    pub const AARCH64_LINUX: Target = Target::new(Arch::Aarch64, Os::Linux);
    /// Apple Silicon: `aarch64-apple-darwin`.
    pub const AARCH64_MACOS: Target = Target::new(Arch::Aarch64, Os::MacOs);
    /// macOS on x86-64: `x86_64-apple-darwin`.
    pub const X86_64_MACOS: Target = Target::new(Arch::X86_64, Os::MacOs);
    /// Windows on x86-64: `x86_64-pc-windows-msvc`.
    pub const X86_64_WINDOWS: Target = Target::new(Arch::X86_64, Os::Windows);
    /// Windows on arm64: `aarch64-pc-windows-msvc`.
    pub const AARCH64_WINDOWS: Target = Target::new(Arch::Aarch64, Os::Windows);

    /// Every target there is.
    pub const ALL: [Target; 6] = [
        Target::X86_64_LINUX,
        Target::AARCH64_LINUX,
        Target::AARCH64_MACOS,
        Target::X86_64_MACOS,
        Target::X86_64_WINDOWS,
        Target::AARCH64_WINDOWS,
    ];

    /// The target of `arch` and `os`.
    #[must_use]
    pub const fn new(arch: Arch, os: Os) -> Target {
        Target { arch, os }
    }

    /// The target of the running process: the only one whose code can be loaded.
    #[must_use]
    pub const fn host() -> Target {
        Target::new(HOST_ARCH, crate::memory::sys::HOST_OS)
    }

    /// The instruction set.
    #[must_use]
    pub const fn arch(self) -> Arch {
        self.arch
    }

    /// The operating system.
    #[must_use]
    pub const fn os(self) -> Os {
        self.os
    }

    /// The format of this target's object files.
    #[must_use]
    pub const fn format(self) -> Format {
        match self.os {
            Os::Linux => Format::Elf,
            Os::MacOs => Format::MachO,
            Os::Windows => Format::Coff,
        }
    }

    /// The largest page size, in bytes, that this target's systems use: segments laid out at multiples of it can have
    /// their protection set on each of them.
    ///
    /// 4 KiB on x86-64, 16 KiB on Apple Silicon, 64 KiB on arm64 Linux (whose kernels use 4, 16 or 64 KiB), 4 KiB on
    /// arm64 Windows.
    #[must_use]
    pub const fn max_page_size(self) -> u64 {
        match (self.arch, self.os) {
            (Arch::Aarch64, Os::MacOs) => 0x4000,
            (Arch::Aarch64, Os::Linux) => 0x1_0000,
            _ => 0x1000,
        }
    }

    /// Whether this is macOS on Apple's own processors, with its rules for generated code and its variant of the
    /// procedure call standard.
    #[must_use]
    pub const fn is_apple_silicon(self) -> bool {
        matches!(self, Target::AARCH64_MACOS)
    }

    /// The target triple that assemblers and compilers of the LLVM family take.
    ///
    /// Apple's carries the oldest system that runs on the architecture, so that objects carry a build version.
    #[must_use]
    pub const fn llvm_triple(self) -> &'static str {
        match (self.arch, self.os) {
            (Arch::X86_64, Os::Linux) => "x86_64-unknown-linux-gnu",
            (Arch::Aarch64, Os::Linux) => "aarch64-unknown-linux-gnu",
            (Arch::X86_64, Os::MacOs) => "x86_64-apple-macos10.12",
            (Arch::Aarch64, Os::MacOs) => "arm64-apple-macos11.0",
            (Arch::X86_64, Os::Windows) => "x86_64-pc-windows-msvc",
            (Arch::Aarch64, Os::Windows) => "aarch64-pc-windows-msvc",
        }
    }

    /// The prefix of the GNU tools for this target, where the GNU tools have it: `aarch64-linux-gnu` of
    /// `aarch64-linux-gnu-as`.
    #[must_use]
    pub const fn gnu_prefix(self) -> Option<&'static str> {
        match (self.arch, self.os) {
            (Arch::X86_64, Os::Linux) => Some("x86_64-linux-gnu"),
            (Arch::Aarch64, Os::Linux) => Some("aarch64-linux-gnu"),
            (Arch::X86_64, Os::Windows) => Some("x86_64-w64-mingw32"),
            _ => None,
        }
    }
}

/// The architecture that this crate is compiled for.
const HOST_ARCH: Arch = {
    #[cfg(target_arch = "x86_64")]
    {
        Arch::X86_64
    }
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    {
        Arch::Aarch64
    }
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))))]
    compile_error!("kiln runs on x86-64 and on little-endian arm64")
};

impl Arch {
    /// Whether Linux programs can switch their right to write to memory by protection keys, in a way that Kiln knows: by
    /// x86-64's PKRU register (Intel SDM, volume 3, 4.6.2).
    pub(crate) const fn has_protection_keys(self) -> bool {
        matches!(self, Arch::X86_64)
    }

    /// The architecture that `object` found in a file, or `None` for one that Kiln does not know.
    pub(crate) fn from_object(architecture: object::Architecture) -> Option<Arch> {
        match architecture {
            object::Architecture::X86_64 => Some(Arch::X86_64),
            object::Architecture::Aarch64 => Some(Arch::Aarch64),
            _ => None,
        }
    }

    /// The architecture of an ELF header's `e_machine`.
    pub(crate) fn from_elf(machine: elf::Machine) -> Option<Arch> {
        match machine {
            elf::EM_X86_64 => Some(Arch::X86_64),
            elf::EM_AARCH64 => Some(Arch::Aarch64),
            _ => None,
        }
    }

    /// The architecture of a Mach-O header's `cputype` and `cpusubtype`. arm64e is none that Kiln knows: its pointers are
    /// signed, by another calling convention.
    pub(crate) fn from_macho(cpu: macho::CpuType, subtype: macho::CpuSubtype) -> Option<Arch> {
        match cpu {
            macho::CPU_TYPE_X86_64 => Some(Arch::X86_64),
            macho::CPU_TYPE_ARM64 if subtype.id() != macho::CPU_SUBTYPE_ARM64E => Some(Arch::Aarch64),
            _ => None,
        }
    }

    /// The architecture of a COFF header's machine.
    pub(crate) fn from_coff(machine: pe::Machine) -> Option<Arch> {
        match machine {
            pe::IMAGE_FILE_MACHINE_AMD64 => Some(Arch::X86_64),
            pe::IMAGE_FILE_MACHINE_ARM64 => Some(Arch::Aarch64),
            _ => None,
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arch::X86_64 => "x86-64",
            Arch::Aarch64 => "arm64",
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Elf => "ELF",
            Format::MachO => "Mach-O",
            Format::Coff => "COFF",
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arch = match self.arch {
            Arch::X86_64 => "x86_64",
            Arch::Aarch64 => "aarch64",
        };
        let rest = match self.os {
            Os::Linux => "unknown-linux-gnu",
            Os::MacOs => "apple-darwin",
            Os::Windows => "pc-windows-msvc",
        };
        write!(f, "{arch}-{rest}")
    }
}

impl FromStr for Target {
    type Err = Error;

    /// Reads a target triple: any whose first word is an architecture (`x86_64`, `aarch64`, or another name of theirs)
    /// and of whose other words one names the system.
    ///
    /// # Errors
    ///
    /// The architecture or the system is not one of Kiln's; the message lists them.
    fn from_str(triple: &str) -> Result<Target> {
        let lower = triple.to_ascii_lowercase();
        let (arch, rest) = lower.split_once('-').unwrap_or((&lower, ""));
        let arch = match arch {
            "x86_64" | "amd64" | "x86-64" => Some(Arch::X86_64),
            "aarch64" | "arm64" => Some(Arch::Aarch64),
            _ => None,
        };
        let os = if rest.contains("linux") {
            Some(Os::Linux)
        } else if ["apple", "darwin", "macos"].iter().any(|word| rest.contains(word))
            && !["ios", "tvos", "watchos", "visionos", "xros"].iter().any(|word| rest.contains(word))
        {
            Some(Os::MacOs)
        } else if rest.contains("windows") {
            Some(Os::Windows)
        } else {
            None
        };
        match (arch, os) {
            (Some(arch), Some(os)) => Ok(Target::new(arch, os)),
            _ => Err(Error::unsupported(format!("the target `{triple}` is not known"))
                .help(format!("known targets: {}", Target::ALL.map(|target| target.to_string()).join(", ")))),
        }
    }
}

/// An address in the target's address space: a number, never a pointer of this process.
///
/// Until the `memory` stage every address is one of these, so that code can be laid out at any base, also for another
/// machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TargetAddr(pub u64);

impl fmt::Display for TargetAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for TargetAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

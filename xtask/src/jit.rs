//! `cargo xtask jit`: the command as a Mac app ships it, signed for the hardened runtime, and run.
//!
//! Signing with an entitlement but without the hardened runtime would prove nothing: the system asks for `allow-jit` only
//! in a hardened process (PLATFORM.md).

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use crate::{Result, cargo, line, root, run as run_command, target_directory};

pub(crate) fn run(args: &[OsString]) -> Result<ExitCode> {
    let root = root();
    run_command(cargo().args(["build", "--release", "-p", "kiln-cli"]).current_dir(&root))?;
    let kiln = target_directory()?.join("release/kiln");
    if is_macho(&first_bytes(&kiln)?) {
        let mut sign = sign(&kiln);
        eprintln!("{}", line(&sign));
        run_command(&mut sign)?;
    } else {
        eprintln!("nothing to sign: the kernel lets memory go from writable to executable");
    }
    let mut command = Command::new(&kiln);
    if args.is_empty() {
        command.arg("run").arg(root.join("examples/hello.S"));
    } else {
        command.args(args);
    }
    let status = command.status().map_err(|error| format!("{}: {error}", line(&command)))?;
    if let Some(signal) = status.signal() {
        eprintln!("xtask: {}: killed by signal {signal}", line(&command));
    }
    Ok(ExitCode::from(exit_code(status)))
}

/// Has the command sign itself: ad hoc, hardened, with the entitlement.
fn sign(kiln: &Path) -> Command {
    let mut command = Command::new(kiln);
    command.args(["sign", "--hardened", "--entitlement", "allow-jit"]).arg(kiln);
    command
}

fn first_bytes(path: &Path) -> Result<[u8; 4]> {
    let mut bytes = [0; 4];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(bytes)
}

/// Whether a file begins as a 64-bit Mach-O file does, or as a universal one.
fn is_macho(bytes: &[u8; 4]) -> bool {
    const MH_MAGIC_64: u32 = 0xfeed_facf;
    const FAT_MAGIC: u32 = 0xcafe_babe;
    u32::from_le_bytes(*bytes) == MH_MAGIC_64 || u32::from_be_bytes(*bytes) == FAT_MAGIC
}

/// The status to pass on: the program's own, or, as shells have it, 128 + the signal that ended it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_macho_is_signed() {
        assert!(is_macho(&[0xcf, 0xfa, 0xed, 0xfe]));
        assert!(is_macho(&[0xca, 0xfe, 0xba, 0xbe]));
        assert!(!is_macho(b"\x7fELF"));
        assert!(!is_macho(b"#!/b"));
    }

    #[test]
    fn the_signature_is_hardened() {
        let command = line(&sign("target/release/kiln".as_ref()));
        assert_eq!(command, "target/release/kiln sign --hardened --entitlement allow-jit target/release/kiln");
    }

    #[test]
    fn the_status_is_passed_on() {
        let of = |script: &str| Command::new("sh").args(["-c", script]).status().map(exit_code).ok();
        assert_eq!(of("exit 0"), Some(0));
        assert_eq!(of("exit 2"), Some(2));
        assert_eq!(of("kill -9 $$"), Some(137));
    }
}

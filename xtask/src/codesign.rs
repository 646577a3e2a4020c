//! `cargo xtask codesign-fixtures`: small Mach-O files, and what `rcodesign` makes of them, as the fixtures that
//! `kiln-codesign` is compared with. Tests need none of the tools that are called here.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, line, output, root, run, target_directory};

/// The programs, by name, and how they are linked beyond what all are.
const INPUTS: [(&str, &str, &[&str]); 5] = [
    // The linker signs what it links for arm64, unless it is told not to.
    ("arm64", "arm64", &["-e", "_main"]),
    ("arm64-unsigned", "arm64", &["-e", "_main", "-no_adhoc_codesign"]),
    ("x86_64", "x86_64", &["-e", "_main"]),
    ("dylib", "arm64", &["-dylib", "-install_name", "/usr/local/lib/libhello.dylib"]),
    ("info-plist", "arm64", &["-e", "_main", "-sectcreate", "__TEXT", "__info_plist", "Info.plist"]),
];

const SOURCES: [(&str, &str); 2] = [
    ("arm64", ".globl _main\n.p2align 2\n_main: mov w0, #42\nret\n"),
    ("x86_64", ".globl _main\n_main: movl $42, %eax\nretq\n"),
];

const LIBSYSTEM: &str = "\
--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: /usr/lib/libSystem.B.dylib
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [ dyld_stub_binder ]
...
";

const INFO_PLIST: &str = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<plist version=\"1.0\"><dict><key>CFBundleIdentifier</key><string>org.example.hello</string></dict></plist>
";

/// How each input is signed: the fixture's name behind its own, whether hardened, and the file of entitlements.
const OUTPUTS: [(&str, &str, bool, Option<&str>); 9] = [
    ("arm64", "plain", false, None),
    ("arm64", "hardened", true, None),
    ("arm64", "jit", true, Some("jit.plist")),
    ("arm64", "values", false, Some("values.plist")),
    ("arm64-unsigned", "jit", true, Some("jit.plist")),
    ("x86_64", "jit", true, Some("jit.plist")),
    ("dylib", "hardened", true, None),
    ("info-plist", "hardened", true, None),
    ("universal", "jit", true, Some("jit.plist")),
];

pub(crate) fn fixtures() -> Result<()> {
    let fixtures = root().join("crates/kiln-codesign/tests/fixtures");
    let dir = target_directory()?.join("codesign-fixtures");
    fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    put(&dir.join("libSystem.tbd"), LIBSYSTEM)?;
    put(&dir.join("Info.plist"), INFO_PLIST)?;
    for (arch, text) in SOURCES {
        put(&dir.join(format!("{arch}.s")), text)?;
        let mut clang = Command::new("clang");
        clang.args(["-c", &format!("--target={arch}-apple-macos11"), &format!("{arch}.s"), "-o", &format!("{arch}.o")]);
        run(clang.current_dir(&dir))?;
    }
    for (name, arch, options) in INPUTS {
        let mut linker = Command::new(linker()?);
        linker.args(["-arch", arch, "-platform_version", "macos", "11.0", "14.2", "-o", name, &format!("{arch}.o")]);
        linker.arg("libSystem.tbd").args(options);
        record(&mut linker, &dir, name, &fixtures.join(format!("{name}.hex")))?;
    }
    let mut lipo = Command::new(newest("llvm-lipo")?);
    lipo.args(["-create", "x86_64", "arm64", "-output", "universal"]);
    record(&mut lipo, &dir, "universal", &fixtures.join("universal.hex"))?;

    let version = output(Command::new("rcodesign").arg("--version"))?;
    for (input, options, hardened, entitlements) in OUTPUTS {
        let name = format!("{input}.{options}");
        let mut rcodesign = Command::new("rcodesign");
        rcodesign.args(["sign", "--binary-identifier", "org.example.hello"]);
        if hardened {
            rcodesign.args(["--code-signature-flags", "runtime"]);
        }
        if let Some(entitlements) = entitlements {
            fs::copy(fixtures.join(entitlements), dir.join(entitlements))
                .map_err(|error| format!("{entitlements}: {error}"))?;
            rcodesign.args(["--entitlements-xml-file", entitlements]);
        }
        rcodesign.args([input, &name]);
        record(&mut rcodesign, &dir, &name, &fixtures.join(format!("{name}.hex")))?;
    }
    identity(&dir, &fixtures)?;
    println!("recorded {} files and {} of {}", INPUTS.len() + 1, OUTPUTS.len() + 1, version.trim());
    Ok(())
}

/// Signed with an identity of this moment, for a team, with SHA-1 first as old systems want it.
fn identity(dir: &Path, fixtures: &Path) -> Result<()> {
    let mut certificate = Command::new("rcodesign");
    certificate.args(["generate-self-signed-certificate", "--algorithm", "ecdsa", "--person-name", "Example"]);
    certificate.args(["--pem-unified-file", "identity.pem"]);
    run(certificate.current_dir(dir))?;
    let mut rcodesign = Command::new("rcodesign");
    rcodesign.args(["sign", "--binary-identifier", "org.example.hello", "--pem-file", "identity.pem"]);
    rcodesign.args(["--timestamp-url", "none"]);
    rcodesign.args(["--team-name", "EXAMPLE123", "--digest", "sha1", "--digest", "sha256", "arm64", "arm64.identity"]);
    record(&mut rcodesign, dir, "arm64.identity", &fixtures.join("arm64.identity.hex"))
}

/// Runs a tool in a folder and writes the file that it makes as a fixture, with the command in front.
fn record(command: &mut Command, dir: &Path, made: &str, fixture: &Path) -> Result<()> {
    // What is there may be signed already, and linkers keep its number.
    let _ = fs::remove_file(dir.join(made));
    run(command.current_dir(dir))?;
    let bytes = fs::read(dir.join(made)).map_err(|error| format!("{made}: {error}"))?;
    let tool = Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string();
    let shown = line(command).replacen(&*command.get_program().to_string_lossy(), &tool, 1);
    put(fixture, &hex(&bytes, &shown))
}

/// Bytes as text: a line for 32 of them, with their offset, but none for zeros alone; the length at the end.
fn hex(bytes: &[u8], command: &str) -> String {
    let mut text = format!("# {command}\n");
    for (index, chunk) in bytes.chunks(32).enumerate() {
        if chunk.iter().any(|byte| *byte != 0) {
            // Writing to a string does not fail.
            let _ = write!(text, "{:x} ", index * 32);
            for byte in chunk {
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
        }
    }
    text + &format!("{:x}\n", bytes.len())
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The linker for Mach-O that comes with Rust.
fn linker() -> Result<PathBuf> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let folder = Path::new(sysroot.trim()).join("lib/rustlib");
    let hosts = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let linkers = hosts.flatten().map(|host| host.path().join("bin/gcc-ld/ld64.lld"));
    linkers.into_iter().find(|linker| linker.is_file()).ok_or_else(|| format!("{}: no ld64.lld", folder.display()))
}

/// A program, or the one with the highest version behind its name.
fn newest(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let files = std::env::split_paths(&path).filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    let version = |file: &OsStr| match file.to_str()?.strip_prefix(name)?.strip_prefix('-') {
        Some(version) => version.parse().ok(),
        None => (file == name).then_some(u32::MAX),
    };
    let found = files.filter_map(|file| Some((version(&file.file_name())?, file.path()))).max();
    found.map(|(_, file)| file).ok_or_else(|| format!("there is no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_left_out() {
        let mut bytes = vec![0; 70];
        bytes[33] = 0xab;
        let line = format!("20 00ab{}\n", "00".repeat(30));
        assert_eq!(hex(&bytes, "make it"), format!("# make it\n{line}46\n"));
        assert_eq!(hex(&[1, 2], "x"), "# x\n0 0102\n2\n");
    }
}

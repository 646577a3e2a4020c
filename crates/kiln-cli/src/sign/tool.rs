//! Identities: certificates and keys, which `codesign` has in macOS's keychain, and `rcodesign` in files.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Wanted;
use crate::Failure;

/// Who signs with an identity.
pub(super) enum Tool {
    /// macOS's own, with the name of an identity in the keychain.
    Codesign(String),
    /// apple-codesign's, with a file: PKCS #12, or PEM.
    Rcodesign(PathBuf, &'static str),
}

/// `codesign, identity …`
impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tool::Codesign(identity) => write!(f, "codesign, identity {identity}"),
            Tool::Rcodesign(file, _) => write!(f, "rcodesign, identity {}", file.display()),
        }
    }
}

impl Tool {
    /// The tool for an identity, which must be there.
    pub(super) fn for_identity(identity: &str) -> Result<Tool, Failure> {
        let ends = |end: &str| identity.to_ascii_lowercase().ends_with(end);
        let option = match () {
            () if ends(".p12") || ends(".pfx") => Some("--p12-file"),
            () if ends(".pem") => Some("--pem-file"),
            () => None,
        };
        let Some(option) = option else {
            if !is_installed("codesign") {
                return Err(Failure::new(format!("identity {identity}: there is no codesign, which knows keychains")).next(
                    "sign on macOS with Xcode's command-line tools (xcode-select --install), or give the certificate and its \
                     key as a file: --identity FILE.p12",
                ));
            }
            return Ok(Tool::Codesign(identity.to_owned()));
        };
        if !is_installed("rcodesign") {
            return Err(Failure::new(format!(
                "identity {identity}: there is no rcodesign, which signs with such a file"
            ))
            .next("install it: cargo install apple-codesign"));
        }
        // It runs where we do; an absolute path cannot be taken for an option.
        let file = Path::new(identity).canonicalize().map_err(|error| {
            Failure::new(format!("identity {identity}: cannot read the file: {error}"))
                .next("check the path and who may read it")
        })?;
        Ok(Tool::Rcodesign(file, option))
    }

    /// Has it sign a file in its place, with what is wanted.
    pub(super) fn sign(&self, file: &Path, wanted: &Wanted) -> Result<(), Failure> {
        let plist = Plist::of(file, wanted)?;
        let mut command = match self {
            Tool::Codesign(identity) => {
                let mut command = Command::new("codesign");
                command.args(["--force", "--sign", identity, "--identifier", &wanted.identifier]);
                if wanted.hardened {
                    command.args(["--options", "runtime"]);
                }
                if let Some(plist) = &plist {
                    command.arg("--entitlements").arg(&plist.0);
                }
                command
            }
            Tool::Rcodesign(identity, option) => {
                let mut command = Command::new("rcodesign");
                command.args(["sign", option]).arg(identity).args(["--binary-identifier", &wanted.identifier]);
                if wanted.hardened {
                    command.args(["--code-signature-flags", "runtime"]);
                }
                if let Some(plist) = &plist {
                    command.arg("--entitlements-xml-file").arg(&plist.0);
                }
                command
            }
        };
        command.args(&wanted.more).arg(file);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        let line = format!("{} {}", command.get_program().to_string_lossy(), words.join(" "));
        tracing::info!("run {line}");
        let status = command.status().map_err(|error| Failure::new(format!("{line}: {error}")))?;
        if !status.success() {
            return Err(Failure::new(format!("{line}: {status}")).next("see what it said; the file is unchanged"));
        }
        Ok(())
    }
}

/// The entitlements in a file for the tool, while it runs.
struct Plist(PathBuf);

impl Plist {
    fn of(file: &Path, wanted: &Wanted) -> Result<Option<Plist>, Failure> {
        if wanted.entitlements.is_empty() {
            return Ok(None);
        }
        let plist = Plist(file.with_extension("entitlements"));
        let written = fs::write(&plist.0, wanted.entitlements.to_xml());
        written.map_err(|error| Failure::new(format!("{}: cannot write the file: {error}", plist.0.display())))?;
        Ok(Some(plist))
    }
}

impl Drop for Plist {
    fn drop(&mut self) {
        // It holds nothing that is secret, and its name is its own.
        let _ = fs::remove_file(&self.0);
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| is_executable(&folder.join(program)).unwrap_or(false))
}

fn is_executable(file: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(file)?;
    Ok(metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

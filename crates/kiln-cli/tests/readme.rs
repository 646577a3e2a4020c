//! The README's terminal transcript, run as it stands there.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// The command as users type it, in a folder to put in front of `PATH`. Where the tests run emulated, so does it.
fn install(folder: &Path) {
    let system = if cfg!(target_os = "macos") { "APPLE_DARWIN" } else { "UNKNOWN_LINUX_GNU" };
    let triple = format!("{}_{system}", std::env::consts::ARCH.to_uppercase());
    let runner = std::env::var(format!("CARGO_TARGET_{triple}_RUNNER")).unwrap_or_default();
    let script = folder.join("kiln");
    fs::write(&script, format!("#!/bin/sh\nexec {runner} '{}' \"$@\"\n", env!("CARGO_BIN_EXE_kiln"))).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_transcript_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let transcript = readme.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();

    let folder = std::env::temp_dir().join(format!("kiln-readme-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    install(&folder);
    symlink(root.join("examples"), folder.join("examples")).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());

    let mut commands = 0;
    let mut seen = String::new();
    for line in transcript.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let output = Command::new("sh")
            .args(["-c", &format!("{{ {line}\n}} 2>&1")])
            .current_dir(&folder)
            .env("PATH", &path)
            .output()
            .unwrap();
        seen += &format!("$ {line}\n{}", String::from_utf8(output.stdout).unwrap());
        commands += 1;
    }
    fs::remove_dir_all(&folder).unwrap();
    assert!(commands >= 5, "the transcript shows something");
    assert_eq!(seen, transcript);
}

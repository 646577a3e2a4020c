//! Programs for the tests: compiled and linked for macOS.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The linker that comes with Rust.
fn linker() -> PathBuf {
    let output = Command::new("rustc").args(["--print", "target-libdir"]).output().unwrap();
    let libraries = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    libraries.with_file_name("bin").join("rust-lld")
}

/// Compiles and links a file of this folder. Gives the program, signed by the linker.
pub(crate) fn program(source: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let unique = format!("{source}-{:?}", std::thread::current().id());
    let (object, program) = (folder().join(format!("{unique}.o")), folder().join(unique));
    done(
        Command::new(root.join("host/cc")).args(["-O1", "-c", "-o"]).arg(&object).arg(root.join("tests").join(source)),
    );
    let platform = ["-platform_version", "macos", "11.0", "11.0"];
    done(
        Command::new(linker())
            .args(["-flavor", "darwin", "-arch", "arm64", "-undefined", "dynamic_lookup", "-o"])
            .arg(&program)
            .args(platform)
            .arg(object),
    );
    program
}

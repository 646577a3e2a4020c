//! Objects to test and measure Kiln with: real C libraries, whose sources crates bundle, and any number of generated
//! objects. Cargo fetches the crates and checks their sums; what is built lies under `target/corpus`, and is built again
//! only when what it is made of changes.

mod build;
mod fetch;
mod generate;
mod peers;

use std::path::{Path, PathBuf};
use std::process::Command;

pub use build::Compiler;
pub use generate::{FUNCTIONS, Template, answer};
pub use peers::{JITLINK, Peer, TCC};

/// Errors are for people: what was tried, and what came of it.
pub type Result<T> = std::result::Result<T, String>;

/// A C library that a crate bundles.
#[derive(Debug)]
pub struct Library {
    /// What it is called here.
    pub name: &'static str,
    krate: &'static str,
    version: &'static str,
    /// The C files, and folders all of whose C files are meant, within the crate.
    sources: &'static [&'static str],
    /// Folders within the crate that have headers.
    headers: &'static [&'static str],
    /// Options for the C compiler: what the crate's own build script gives.
    options: &'static [&'static str],
}

/// zlib.
pub const ZLIB: Library = Library {
    name: "zlib",
    krate: "libz-sys",
    version: "1.1.31",
    sources: &["src/zlib"],
    headers: &["src/zlib"],
    options: &["-DSTDC", "-D_LARGEFILE64_SOURCE"],
};

/// Lua, without its stand-alone interpreter, which the crate does not have.
pub const LUA: Library = Library {
    name: "lua",
    krate: "lua-src",
    version: "551.1.0",
    sources: &["lua-5.4.9"],
    headers: &["lua-5.4.9"],
    options: &["-DLUA_USE_LINUX", "-DLUA_COMPAT_5_3"],
};

/// Lua as JITLink takes it too: where its functions are `internal`, which JITLink refuses, they are `hidden`.
pub const LUA_HIDDEN: Library =
    Library { options: &["-DLUA_USE_LINUX", "-DLUA_COMPAT_5_3", "-Dvisibility(kind)=visibility(\"hidden\")"], ..LUA };

/// Lua for macOS.
pub const LUA_MACOS: Library = Library { options: &["-DLUA_USE_MACOSX", "-DLUA_COMPAT_5_3"], ..LUA };

/// Zstandard, without the formats of its first versions.
pub const ZSTD: Library = Library {
    name: "zstd",
    krate: "zstd-sys",
    version: "2.1.3+zstd.1.5.7",
    sources: &["zstd/lib/common", "zstd/lib/compress", "zstd/lib/decompress", "zstd/lib/dictBuilder"],
    headers: &["zstd/lib"],
    options: &["-DZSTD_DISABLE_ASM", "-DZSTD_LEGACY_SUPPORT=0", "-DZSTD_LIB_DEPRECATED=0", "-DXXH_PRIVATE_API="],
};

/// SQLite's library, with the parts that distributions turn on.
pub const SQLITE: Library = Library {
    name: "sqlite3",
    krate: "sqlite3-src",
    version: "0.7.1",
    sources: &["source/sqlite3.c"],
    headers: &["source"],
    options: &[
        "-DSQLITE_ENABLE_API_ARMOR",
        "-DSQLITE_ENABLE_COLUMN_METADATA",
        "-DSQLITE_ENABLE_DBSTAT_VTAB",
        "-DSQLITE_ENABLE_FTS3",
        "-DSQLITE_ENABLE_FTS3_PARENTHESIS",
        "-DSQLITE_ENABLE_FTS5",
        "-DSQLITE_ENABLE_RTREE",
        "-DSQLITE_ENABLE_STAT4",
        "-DSQLITE_SOUNDEX",
        "-DSQLITE_USE_URI",
    ],
};

/// SQLite's shell, for the library beside it.
pub const SQLITE_SHELL: Library =
    Library { name: "sqlite3-shell", sources: &["source/shell.c"], options: &[], ..SQLITE };

/// The folder for what is built, in cargo's target directory.
#[must_use]
pub fn folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = workspace.canonicalize().unwrap_or(workspace);
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), |dir| workspace.join(dir))
        .join("corpus")
}

/// Runs a command that must succeed.
fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

/// Runs a command that must succeed, for its standard output.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{command:?}: its output is not UTF-8"))
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

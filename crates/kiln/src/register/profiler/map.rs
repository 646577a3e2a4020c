//! The perf map: a line of text for each function, which perf and others read (linux: tools/perf/Documentation/jit-interface.txt).

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Named, options};
use crate::register::sys;

/// The name by which it is found.
pub(super) fn path(process: u32) -> PathBuf {
    PathBuf::from(format!("/tmp/perf-{process}.map"))
}

/// Opens it, to add to it: another compiler in this process may write there too. What an older process of this number has
/// left goes away.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let file = options().append(true).open(path)?;
    let changed = file.metadata()?.modified()?;
    let age = SystemTime::now().duration_since(changed).unwrap_or_default();
    if sys::process_age().is_some_and(|own| age > own + Duration::from_secs(1)) {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Adds functions, in one step.
pub(super) fn write(file: &mut File, functions: &[Named]) -> io::Result<()> {
    let mut text = String::new();
    for Named { name, address, size } in functions {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{address:x} {size:x} {}", one_line(name));
    }
    file.write_all(text.as_bytes())
}

/// A name that does not end its line.
pub(super) fn one_line(name: &str) -> String {
    name.replace(|c: char| c.is_control(), "?")
}

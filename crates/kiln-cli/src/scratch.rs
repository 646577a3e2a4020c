//! Folders for what other programs read and write.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::Failure;

/// A folder for one piece of work, that goes away with this value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// `what` it is for stands in its name.
    pub(crate) fn new(what: &str) -> Result<Scratch, Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let mut number = 0;
        loop {
            let folder = std::env::temp_dir().join(format!("kiln-{what}-{}-{number}", std::process::id()));
            // Nobody else can have made it or can look into it.
            match fs::DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Scratch(folder)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => {
                    return Err(Failure::new(format!("{}: cannot make a folder: {error}", folder.display()))
                        .next("set TMPDIR to a folder that can be written to"));
                }
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary folder harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

//! Where a signed file goes: in the place of the old one, at once and whole, or not at all.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::file_name;
use crate::Failure;

/// A file that is to be replaced, or made.
pub(super) struct Place {
    /// As the user named it.
    asked: PathBuf,
    /// The file itself, behind symbolic links.
    path: PathBuf,
    /// Whose mode the new file has.
    like: Metadata,
    /// What is there.
    there: Option<Metadata>,
}

/// A file beside the place that takes it in the end, or goes away.
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        // Once it has taken the place there is nothing to remove.
        let _ = fs::remove_file(&self.0);
    }
}

impl Place {
    /// The file itself, or `output`. A symbolic link stays, and what it leads to is replaced.
    pub(super) fn find(input: &Path, output: Option<&Path>) -> Result<Place, Failure> {
        let cannot = |path: &Path, error: io::Error| {
            Failure::new(format!("{}: cannot read the file: {error}", path.display()))
                .next("check the path and who may read it")
        };
        let like = fs::metadata(input).map_err(|error| cannot(input, error))?;
        if !like.is_file() {
            return Err(Failure::new(format!("{}: this is no regular file", input.display()))
                .next("give a program or a library for macOS"));
        }
        let asked = output.unwrap_or(input);
        let (path, there) = match fs::metadata(asked) {
            Ok(there) if there.is_file() => (asked.canonicalize().map_err(|error| cannot(asked, error))?, Some(there)),
            Ok(_) => {
                return Err(Failure::new(format!("{}: this is no regular file", asked.display())).next("give -o FILE"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !asked.is_symlink() => (asked.to_owned(), None),
            Err(error) => return Err(cannot(asked, error)),
        };
        if there.as_ref().is_some_and(|there| there.nlink() > 1) {
            tracing::warn!("{}: the file has other names (hard links), which keep the old one", asked.display());
        }
        Ok(Place { asked: asked.to_owned(), path, like, there })
    }

    /// The file's own name.
    pub(super) fn name(&self) -> &str {
        self.asked.file_name().and_then(|name| name.to_str()).unwrap_or("program")
    }

    pub(super) fn shown(&self) -> String {
        self.asked.display().to_string()
    }

    /// Puts these bytes there.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.put_by(bytes, |_| Ok(()))
    }

    /// Puts these bytes there, after `change` changed them in a file of another name.
    pub(super) fn put_by(
        &self,
        bytes: &[u8],
        change: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let failed = |error: io::Error| {
            Failure::new(format!("{}: cannot write the file: {error}", self.shown()))
                .next("check who may write in its folder, or give -o FILE; what was there is unchanged")
        };
        let beside = self.beside(bytes).map_err(failed)?;
        change(&beside.0)?;
        self.take_over(&beside.0).map_err(failed)
    }

    /// A file of its own name in the same folder, which nobody else may read.
    fn beside(&self, bytes: &[u8]) -> io::Result<Beside> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let path = folder.join(format!(".{}.{}.kiln", file_name(&self.path), std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let beside = Beside(path);
        file.write_all(bytes)?;
        Ok(beside)
    }

    /// Gives the finished file its owner and its mode, and then the place.
    fn take_over(&self, beside: &Path) -> io::Result<()> {
        let file = File::open(beside)?;
        let new = file.metadata()?;
        if let Some(old) = &self.there
            && (old.uid(), old.gid()) != (new.uid(), new.gid())
        {
            chown(beside, Some(old.uid()), Some(old.gid()))?;
        }
        let like = self.there.as_ref().unwrap_or(&self.like);
        file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o7777))?;
        // The contents are on the disk before the name leads to them.
        file.sync_all()?;
        fs::rename(beside, &self.path)?;
        // The rename too; where folders cannot be synchronized, it has happened all the same.
        if let Some(folder) = self.path.parent().and_then(|folder| File::open(folder).ok()) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

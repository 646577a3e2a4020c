//! The sources: cargo brings them.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::{Library, Result, at, folder, output};

impl Library {
    /// Where its headers are.
    ///
    /// # Errors
    ///
    /// Cargo cannot fetch it.
    pub fn header_folders(&self) -> Result<Vec<PathBuf>> {
        let krate = self.crate_folder()?;
        Ok(self.headers.iter().map(|folder| krate.join(folder)).collect())
    }

    /// The folder of the crate, fetched if need be.
    ///
    /// # Errors
    ///
    /// Cargo cannot fetch it.
    pub(crate) fn crate_folder(&self) -> Result<PathBuf> {
        /// By the crates' names. While one thread asks cargo, the others wait: it reads files that are written here.
        static FOUND: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
        let Library { krate, version, .. } = self;
        let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = found.get(krate) {
            return Ok(folder.clone());
        }
        // Crates that bundle the same library do not go into one manifest.
        let project = folder().join("crates").join(krate);
        let source = project.join("src");
        fs::create_dir_all(&source).map_err(at(&source))?;
        // A workspace of its own, since the folder lies in this one.
        let manifest = format!(
            "[workspace]\n[package]\nname = \"corpus-{krate}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [dependencies]\n{krate} = \"={}\"\n",
            version.split('+').next().unwrap_or(version)
        );
        for (path, text) in [(source.join("lib.rs"), ""), (project.join("Cargo.toml"), &manifest)] {
            if fs::read_to_string(&path).ok().as_deref() != Some(text) {
                fs::write(&path, text).map_err(at(&path))?;
            }
        }
        let metadata = metadata(&project)?;
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let folder = packages.filter(|package| package["name"] == *krate).find_map(|package| {
            let manifest = Path::new(package["manifest_path"].as_str()?);
            manifest.parent().map(Path::to_owned)
        });
        let folder = folder.ok_or_else(|| format!("cargo metadata does not know where {krate} is"))?;
        found.insert(krate, folder.clone());
        Ok(folder)
    }
}

fn metadata(project: &Path) -> Result<Value> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Quiet unless it fails: tests call this.
    cargo.args(["metadata", "--quiet", "--format-version", "1"]).current_dir(project).stdin(Stdio::null());
    let json = output(&mut cargo)?;
    serde_json::from_str(&json).map_err(|error| format!("{cargo:?}: {error}"))
}

/// The C files that `sources` name, those of a folder in order of their names.
pub(crate) fn c_files(krate: &Path, sources: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for source in sources {
        let path = krate.join(source);
        if path.is_file() {
            files.push(path);
            continue;
        }
        let entries = fs::read_dir(&path).map_err(at(&path))?;
        let mut found = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<Vec<PathBuf>>>()
            .map_err(at(&path))?;
        found.retain(|file| file.extension() == Some(OsStr::new("c")));
        if found.is_empty() {
            return Err(format!("{}: no C files", path.display()));
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

/// A name for the object of one source, such that files of the same name in several folders do not meet.
pub(crate) fn part_name(source: &Path) -> String {
    let words: Vec<_> = source.iter().map(OsStr::to_string_lossy).collect();
    format!("{}.o", words.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_files_of_folders_and_single_ones() -> Result<()> {
        let dir = env::temp_dir().join(format!("kiln-test-corpus-{}", std::process::id()));
        for folder in ["lib", "empty"] {
            fs::create_dir_all(dir.join(folder)).map_err(at(&dir))?;
        }
        for name in ["lib/b.c", "lib/a.c", "lib/a.h", "one.c"] {
            fs::write(dir.join(name), "").map_err(at(&dir))?;
        }
        let names = |sources: &[&str]| {
            let files = c_files(&dir, sources)?;
            Ok(files.iter().map(|file| part_name(file.strip_prefix(&dir).unwrap_or(file))).collect::<Vec<_>>())
        };
        let found: Result<_> = names(&["one.c", "lib"]);
        let (empty, missing) = (names(&["empty"]), names(&["two.c"]));
        fs::remove_dir_all(&dir).map_err(at(&dir))?;
        assert_eq!(found?, ["one.c.o", "lib-a.c.o", "lib-b.c.o"]);
        assert!(empty.is_err_and(|message| message.ends_with("no C files")));
        assert!(missing.is_err());
        Ok(())
    }
}

//! `cargo xtask corpus`: real C libraries, each as one relocatable object, for tests and benches that want more than a
//! fixture. The sources are those that crates bundle: cargo fetches them and checks their sums.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, metadata, run, target_directory};

/// A C library that a crate bundles.
#[derive(Debug)]
struct Library {
    /// The object is `target/corpus/NAME.o`.
    name: &'static str,
    /// The crate and its exact version.
    krate: &'static str,
    version: &'static str,
    /// The C files, and folders all of whose C files are meant, within the crate.
    sources: &'static [&'static str],
    /// Options for the C compiler: what the crate's own build script defines.
    options: &'static [&'static str],
}

const LIBRARIES: [Library; 1] = [Library {
    name: "zlib",
    krate: "libz-sys",
    version: "1.1.31",
    sources: &["src/zlib"],
    options: &["-DSTDC", "-D_LARGEFILE64_SOURCE"],
}];

/// What every library is compiled with.
const OPTIONS: [&str; 3] = ["-O2", "-fPIC", "-c"];

pub(crate) fn make() -> Result<()> {
    let dir = target_directory()?.join("corpus");
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    for library in &LIBRARIES {
        let object = dir.join(format!("{}.o", library.name));
        let stamp = dir.join(format!("{}.stamp", library.name));
        // The stamp says what the object was made of, and is written last.
        let made_of = format!("{library:?} {compiler} {OPTIONS:?}\n");
        if !object.is_file() || fs::read_to_string(&stamp).ok().as_ref() != Some(&made_of) {
            compile(library, &compiler, &dir, &object)?;
            write(&stamp, &made_of)?;
        }
        println!("{}", object.display());
    }
    Ok(())
}

fn compile(library: &Library, compiler: &str, dir: &Path, object: &Path) -> Result<()> {
    let krate = fetch(library, &dir.join("crates").join(library.name))?;
    let parts = dir.join(library.name);
    if parts.exists() {
        fs::remove_dir_all(&parts).map_err(at(&parts))?;
    }
    create(&parts)?;
    let sources = c_files(&krate, library.sources)?;
    eprintln!("{} {}: {} files", library.krate, library.version, sources.len());
    let mut merge = Command::new("ld");
    merge.arg("-r").arg("-o").arg(object);
    for source in sources {
        let part = parts.join(part_name(source.strip_prefix(&krate).unwrap_or(&source)));
        run(Command::new(compiler).args(OPTIONS).args(library.options).arg("-o").arg(&part).arg(&source))?;
        merge.arg(part);
    }
    run(&mut merge)
}

/// Has cargo fetch the crate, and says where it is.
fn fetch(library: &Library, project: &Path) -> Result<PathBuf> {
    let Library { name, krate, version, .. } = library;
    create(&project.join("src"))?;
    write(&project.join("src/lib.rs"), "")?;
    // A workspace of its own, since the folder lies in this one.
    let manifest = format!(
        "[workspace]\n[package]\nname = \"corpus-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\n{krate} = \"={version}\"\n"
    );
    write(&project.join("Cargo.toml"), &manifest)?;
    let metadata = metadata(project, &[])?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let found = packages.filter(|package| package["name"] == *krate).find_map(|package| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        manifest.parent().map(Path::to_owned)
    });
    found.ok_or_else(|| format!("cargo metadata does not know where {krate} is"))
}

/// The C files that `sources` name, those of a folder in order of their names.
fn c_files(krate: &Path, sources: &[&str]) -> Result<Vec<PathBuf>> {
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
fn part_name(source: &Path) -> String {
    let words: Vec<_> = source.iter().map(OsStr::to_string_lossy).collect();
    format!("{}.o", words.join("-"))
}

fn create(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(at(dir))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_files_of_folders_and_single_ones() -> Result<()> {
        let dir = env::temp_dir().join(format!("kiln-test-corpus-{}", std::process::id()));
        create(&dir.join("lib"))?;
        create(&dir.join("empty"))?;
        for name in ["lib/b.c", "lib/a.c", "lib/a.h", "one.c"] {
            write(&dir.join(name), "")?;
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

//! The files that the user names, brought into the form in which they are linked and looked at.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use kiln::{Assembler, Contents, Kind, Linker, Target};

use crate::asm::read as read_file;
use crate::{Failure, compile, progress};

/// One file. Source has become an object.
pub(crate) struct Input {
    path: PathBuf,
    /// As errors and reports name it.
    pub(crate) name: String,
    /// What the file is.
    pub(crate) given: Kind,
    /// What `bytes` are.
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
}

/// Reads a file; assembles it or compiles it for `target` if it is source, with debug information if that is wanted.
pub(crate) fn read(path: &Path, target: Target, debug: bool) -> Result<Input, Failure> {
    let name = path.display().to_string();
    let bytes = read_file(path)?;
    let kind = Kind::of_file(path, &bytes);
    let given = kind;
    let input = |kind, bytes| Input { path: path.to_owned(), name: name.clone(), given, kind, bytes };
    let is_c = path.extension() == Some(OsStr::new("c")) && kind == Kind::Other("text");
    match kind {
        Kind::Assembly(syntax) => {
            tracing::info!("read {name}: {} bytes, {kind}", bytes.len());
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let assembler = Assembler::find(target, syntax).map_err(|error| {
                let failure = Failure::from(error);
                Failure { message: format!("{name}: {}", failure.message), ..failure }
            })?;
            let assembler = assembler.include_dir(directory);
            let assembler = if debug { assembler.debug_info() } else { assembler };
            let _progress = progress::of(format!("assembling {name}"));
            let object = assembler.assemble(&name, &bytes)?;
            Ok(input(Kind::of(&object), object))
        }
        _ if is_c => {
            tracing::info!("read {name}: {} bytes, C source", bytes.len());
            let _progress = progress::of(format!("compiling {name}"));
            let object = compile::compile(path, target, debug)?;
            Ok(input(Kind::of(&object), object))
        }
        Kind::Object(_) | Kind::Flat => {
            tracing::info!("read {name}: {} bytes, {kind}", bytes.len());
            Ok(input(kind, bytes))
        }
        _ => Ok(input(kind, bytes)),
    }
}

impl Input {
    /// What an object or a linked file is made for.
    pub(crate) fn target(&self) -> Option<Target> {
        Contents::read(&self.name, &self.bytes, Target::AARCH64_MACOS.arch()).ok().map(|contents| contents.target())
    }

    /// Adds the file to what is linked; flat code is entered at `entry`.
    pub(crate) fn add<'a>(&'a self, linker: &mut Linker<'a>, entry: usize) -> Result<(), Failure> {
        match self.kind {
            Kind::Object(_) => linker.add_object(&self.name, &self.bytes[..])?,
            Kind::Flat => linker.add_flat(&self.name, &self.bytes[..], &[("_start", entry)])?,
            // The library knows what is in it, or why it cannot be used.
            _ => linker.add_read(&self.path, self.bytes.clone())?,
        };
        Ok(())
    }

    /// The objects that it is or holds, by the names that the linker gives them. What cannot be read is left out: whoever links it
    /// hears why.
    pub(crate) fn objects(&self) -> Vec<(String, Cow<'_, [u8]>)> {
        match self.kind {
            Kind::Object(_) => vec![(self.name.clone(), Cow::Borrowed(&self.bytes))],
            Kind::Archive | Kind::Universal => {
                let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let directory = directory.unwrap_or(Path::new("."));
                let members = kiln::archive_members(&self.name, &self.bytes, Target::host().arch(), Some(directory));
                let members = members.unwrap_or_default();
                members.into_iter().filter(|(_, bytes)| matches!(Kind::of(bytes), Kind::Object(_))).collect()
            }
            _ => Vec::new(),
        }
    }
}

//! Inputs that are files, and archives of them.

use std::borrow::Cow;
use std::path::Path;

use super::Linker;
use crate::error::{Error, Result};
use crate::object;
use crate::source::{Assembler, Kind};

impl<'a> Linker<'a> {
    /// Adds a static archive (`ar`), of whose members those become inputs that define what other inputs want and none
    /// defines, until nothing new is wanted; of a universal file, the slice for the target's architecture.
    ///
    /// Neither the order of inputs and archives matters nor when they are added; of two members that define a name, the
    /// first one counts. What [`define_fn`](Linker::define_fn), its likes and modules define is not wanted; symbols of the
    /// process are only looked for when no member has them. A weak reference wants nothing, and neither does a common
    /// symbol. Members are read when they are wanted: an error in one is [`plan`](Linker::plan)'s or
    /// [`load`](Linker::load)'s.
    ///
    /// # Errors
    ///
    /// The bytes are no archive, are damaged, or are a thin archive, which [`add_file`](Linker::add_file) can read.
    pub fn add_archive(&mut self, name: &str, bytes: impl Into<Cow<'a, [u8]>>) -> Result<&mut Self> {
        self.archives.add(&self.graph, name, bytes.into(), None)?;
        Ok(self)
    }

    /// Adds every member of a static archive as an input, wanted or not.
    ///
    /// # Errors
    ///
    /// As [`add_archive`](Linker::add_archive) and, for each member, [`add_object`](Linker::add_object). The linker is then
    /// as it was.
    pub fn add_whole_archive(&mut self, name: &str, bytes: impl Into<Cow<'a, [u8]>>) -> Result<&mut Self> {
        object::add_whole(&mut self.graph, name, bytes.into(), None)?;
        Ok(self)
    }

    /// Has an archive give the first of `names` that one of its members defines, unless an input defines one of them:
    /// for what the host calls, which no input refers to. So these names are exported, though they be hidden.
    pub fn want(&mut self, names: &[&str]) -> &mut Self {
        self.wanted.push(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// Makes inputs of the members of archives that are wanted.
    pub(super) fn pull(&mut self) -> Result<()> {
        let Linker { archives, graph, wanted, definitions, modules, .. } = self;
        let defined =
            |name: &str| definitions.contains_key(name) || modules.iter().any(|module| module.address(name).is_some());
        archives.pull(graph, wanted, &defined)
    }

    /// Adds the file at `path`, whatever it holds ([`Kind::of_file`]): an object, an archive (as
    /// [`add_archive`](Linker::add_archive) does; members of a thin one are read from where it names them), assembly source,
    /// flat code, which is entered at its first byte under the name `_start`, or the text of a linked file, which is entered under that name
    /// where the file says.
    ///
    /// # Errors
    ///
    /// The file cannot be read, holds nothing of the kind, or cannot be added.
    pub fn add_file(&mut self, path: impl AsRef<Path>) -> Result<&mut Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| {
            Error::system("cannot read the file", error).input(&name).help("check the path and who may read it")
        })?;
        self.add_read(path, bytes)
    }

    /// As [`add_file`](Linker::add_file), of a file that was read already, from a pipe for example: `path` names it, and says where
    /// what it names itself is.
    ///
    /// # Errors
    ///
    /// The bytes are nothing of the kind, or cannot be added.
    pub fn add_read(&mut self, path: impl AsRef<Path>, bytes: Vec<u8>) -> Result<&mut Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let kind = Kind::of_file(path, &bytes);
        tracing::info!("read {name}: {} bytes, {kind}", bytes.len());
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match kind {
            Kind::Assembly(syntax) => {
                let assembler = Assembler::find(self.target, syntax).map_err(|error| error.input(&name))?;
                let assembler = assembler.include_dir(directory);
                let object = assembler.assemble(&name, &bytes)?;
                self.add_object(&name, object)
            }
            Kind::Flat => self.add_flat(&name, bytes, &[("_start", 0)]),
            Kind::Linked(format) => {
                let (code, entry) = object::text_of(&name, &bytes, self.target.arch())?;
                let entry = entry.map(|offset| ("_start", offset));
                self.add_flat(&name, code, entry.as_slice())?;
                // It says what the code is made for: what would go wrong here is refused as an object's is.
                if let Some(input) = self.graph.inputs.last_mut() {
                    input.format = Some(format);
                }
                Ok(self)
            }
            Kind::Archive => {
                self.archives.add(&self.graph, &name, bytes.into(), Some(directory))?;
                Ok(self)
            }
            Kind::Universal if object::holds_archive(&name, &bytes, self.target.arch()) => {
                self.add_archive(&name, bytes)
            }
            _ => self.add_object(&name, bytes),
        }
    }
}

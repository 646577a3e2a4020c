//! Static archives (`ar`): GNU's, BSD's, Apple's and Microsoft's, thin ones too. Their members become inputs when they
//! define what other inputs want.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::ops::Range;
use std::path::Path;

use object::read::archive::ArchiveFile;
use object::read::coff::ImportFile;
use object::read::{Object, ObjectSymbol};

use super::{Mark, malformed};
use crate::error::{Error, Result};
use crate::graph::{Binding, Definition, LinkGraph, Name, Symbol};
use crate::source::{self, Kind};
use crate::target::{Arch, Format};

/// Archives whose members are there to be asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Archives<'a> {
    list: Vec<Archive<'a>>,
    /// Which member defines a name; of several, the first. Apart for names that are [`raw`](Name::raw).
    index: [HashMap<Box<[u8]>, Entry>; 2],
    /// The other members that define a name.
    others: [HashMap<Box<[u8]>, Members>; 2],
}

/// Archives and their members, in their order.
type Members = Vec<(u32, u32)>;

#[derive(Clone, Debug)]
struct Archive<'a> {
    name: String,
    bytes: Cow<'a, [u8]>,
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    name: String,
    contents: Contents,
    /// Where its header stands, by which the archive's own index names it.
    header: u64,
}

#[derive(Clone, Debug)]
enum Contents {
    Within(Range<usize>),
    /// A file of its own, named by a thin archive.
    Apart(Vec<u8>),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    archive: u32,
    member: u32,
    /// Whether an input already defines the name, or the member is one.
    done: bool,
}

impl<'a> Archive<'a> {
    /// Reads the table of members, and, of a thin archive, the files in `directory` that it names.
    fn read(name: &str, bytes: Cow<'a, [u8]>, directory: Option<&Path>) -> Result<Archive<'a>> {
        let file = ArchiveFile::parse(&*bytes).map_err(malformed("the archive"))?;
        let mut members = Vec::new();
        for member in file.members() {
            let member = member.map_err(malformed("an archive's member"))?;
            let member_name = String::from_utf8_lossy(member.name()).into_owned();
            let contents = if file.is_thin() {
                let Some(directory) = directory else {
                    return Err(Error::unsupported("the archive is thin: its members are files of their own")
                        .help("add it by its path"));
                };
                let path = directory.join(&member_name);
                Contents::Apart(std::fs::read(&path).map_err(|error| {
                    Error::system(format!("cannot read {}, a member of the thin archive", path.display()), error)
                        .help("make the archive again, or without `T`")
                })?)
            } else {
                let (start, size) = member.file_range();
                let range = usize::try_from(start).ok().zip(usize::try_from(size).ok());
                let range = range.and_then(|(start, size)| Some(start..start.checked_add(size)?));
                match range.filter(|range| range.end <= bytes.len()) {
                    Some(range) => Contents::Within(range),
                    None => return Err(Error::malformed(format!("the member {member_name} lies outside the file"))),
                }
            };
            let header = member
                .header()
                .map_or(0, |header| (std::ptr::from_ref(header) as usize).wrapping_sub(bytes.as_ptr() as usize) as u64);
            members.push(Member { name: member_name, contents, header });
        }
        Ok(Archive { name: name.to_owned(), bytes, members })
    }

    fn contents(&self, member: &Member) -> Cow<'a, [u8]> {
        match (&member.contents, &self.bytes) {
            (Contents::Apart(bytes), _) => Cow::Owned(bytes.clone()),
            (Contents::Within(range), Cow::Borrowed(bytes)) => Cow::Borrowed(&bytes[range.clone()]),
            (Contents::Within(range), Cow::Owned(bytes)) => Cow::Owned(bytes[range.clone()].to_vec()),
        }
    }

    fn view<'s>(&'s self, member: &'s Member) -> &'s [u8] {
        match &member.contents {
            Contents::Apart(bytes) => bytes,
            Contents::Within(range) => &self.bytes[range.clone()],
        }
    }

    /// Every name that a member defines, with the member's number: by the archive's own index, or, where it has none, by
    /// the members' symbol tables.
    fn names(&self, mut each: impl FnMut(&[u8], usize)) -> Result<()> {
        let file = ArchiveFile::parse(&*self.bytes).map_err(malformed("the archive"))?;
        if let Some(symbols) = file.symbols().map_err(malformed("the archive's index"))? {
            for symbol in symbols {
                let symbol = symbol.map_err(malformed("the archive's index"))?;
                // The members stand in the order of their headers.
                let member = self.members.binary_search_by_key(&symbol.offset().0, |member| member.header);
                let Ok(member) = member else {
                    return Err(Error::malformed("the archive's index names a member that does not exist")
                        .symbol(String::from_utf8_lossy(symbol.name()))
                        .help("make the index again: `ranlib`"));
                };
                each(symbol.name(), member);
            }
            return Ok(());
        }
        for (number, member) in self.members.iter().enumerate() {
            // What is no object defines nothing.
            let Ok(object) = object::File::parse(self.view(member)) else { continue };
            for symbol in object.symbols().filter(|symbol| symbol.is_global()) {
                if symbol.is_definition() || symbol.is_common() {
                    each(symbol.name_bytes().map_err(malformed("a symbol's name"))?, number);
                }
            }
        }
        Ok(())
    }

    fn is_macho(&self) -> bool {
        let kinds = self.members.iter().map(|member| Kind::of(self.view(member)));
        kinds.into_iter().find(|kind| matches!(kind, Kind::Object(_))) == Some(Kind::Object(Format::MachO))
    }

    /// Whether a member defines a name of C's, not as a function and not as a common symbol.
    fn defines_as_data(&self, member: u32, name: &[u8]) -> bool {
        let member = self.members.get(member as usize);
        let Some(object) = member.and_then(|member| object::File::parse(self.view(member)).ok()) else { return false };
        let is_macho = object.format() == object::BinaryFormat::MachO;
        let is_name = |other: &[u8]| if is_macho { other.strip_prefix(b"_") == Some(name) } else { other == name };
        object.symbols().any(|symbol| {
            symbol.is_global()
                && symbol.is_definition()
                && symbol.kind() != object::SymbolKind::Text
                && symbol.name_bytes().is_ok_and(is_name)
        })
    }

    /// Makes a member an input.
    fn add_to(&self, graph: &mut LinkGraph<'a>, number: usize) -> Result<()> {
        let Some(member) = self.members.get(number) else { return Ok(()) };
        let name = format!("{}({})", self.name, member.name);
        let bytes = self.contents(member);
        // The version, which imports have 0 (*PE Format*, "Import Header").
        if let [0, 0, 0xff, 0xff, 0, 0, ..] = &*bytes {
            let dll = ImportFile::parse(&*bytes).map(|import| String::from_utf8_lossy(import.dll()).into_owned());
            return Err(Error::unsupported(format!(
                "the member imports from {}, and nothing loads that here",
                dll.as_deref().unwrap_or("a Windows library")
            ))
            .input(name)
            .help("define the function yourself, or leave the import library out"));
        }
        super::add(graph, &name, bytes)
    }
}

fn defines(symbol: &Symbol) -> bool {
    let defines = !matches!(symbol.definition, Definition::Undefined | Definition::LeftOut);
    defines && symbol.binding != Binding::Local
}

/// Whether an input defines a name of C's.
fn spellings(name: &str, macho: bool) -> impl Iterator<Item = &str> {
    [Some(name), name.strip_prefix('_').filter(|_| macho)].into_iter().flatten()
}

fn is_defined(graph: &LinkGraph<'_>, name: &str) -> bool {
    let name = Name { raw: false, bytes: name.as_bytes() };
    graph.symbols.iter().any(|symbol| defines(symbol) && graph.symbol_key(symbol) == name)
}

/// Of a universal file, the slice for an architecture; other files as they are.
fn slice_of<'a>(arch: Arch, name: &str, bytes: Cow<'a, [u8]>) -> Result<Cow<'a, [u8]>> {
    if Kind::of(&bytes) != Kind::Universal {
        return Ok(bytes);
    }
    let slice = source::universal_slice(name, &bytes, arch)?;
    Ok(match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[slice]),
        Cow::Owned(bytes) => Cow::Owned(bytes[slice].to_vec()),
    })
}

/// Whether the slice of a universal file for `arch` is an archive.
pub(crate) fn holds_archive(name: &str, bytes: &[u8], arch: Arch) -> bool {
    source::universal_slice(name, bytes, arch).is_ok_and(|slice| Kind::of(&bytes[slice]) == Kind::Archive)
}

fn open<'a>(arch: Arch, name: &str, bytes: Cow<'a, [u8]>, directory: Option<&Path>) -> Result<Archive<'a>> {
    let bytes = slice_of(arch, name, bytes)?;
    match Kind::of(&bytes) {
        Kind::Archive => Archive::read(name, bytes, directory).map_err(|error| error.input(name)),
        other => Err(other.refusal("an archive").input(name)),
    }
}

/// The members of a static archive (`ar`), each with its bytes, by the names that they have as inputs: `lib.a(add.o)`; of a universal
/// file, of the slice for `arch`. Those of a thin archive are read from `directory`.
///
/// # Errors
///
/// The bytes are no archive, are damaged, or a file that a thin archive names cannot be read.
pub fn archive_members<'a>(
    name: &str,
    bytes: &'a [u8],
    arch: Arch,
    directory: Option<&Path>,
) -> Result<Vec<(String, Cow<'a, [u8]>)>> {
    let archive = open(arch, name, Cow::Borrowed(bytes), directory)?;
    let member = |member: &Member| (format!("{name}({})", member.name), archive.contents(member));
    Ok(archive.members.iter().map(member).collect())
}

/// Makes every member an input.
///
/// # Errors
///
/// The bytes are no archive, or a member is no object that can be added. The graph is then as it was.
pub(crate) fn add_whole<'a>(
    graph: &mut LinkGraph<'a>,
    name: &str,
    bytes: Cow<'a, [u8]>,
    directory: Option<&Path>,
) -> Result<()> {
    let archive = open(graph.arch, name, bytes, directory)?;
    let before = Mark::of(graph);
    for number in 0..archive.members.len() {
        // rustc's own notes to itself.
        if archive.members[number].name == "lib.rmeta" {
            continue;
        }
        if let Err(error) = archive.add_to(graph, number) {
            before.restore(graph);
            return Err(error);
        }
    }
    Ok(())
}

impl<'a> Archives<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Keeps an archive, whose members become inputs when they are wanted.
    ///
    /// # Errors
    ///
    /// The bytes are no archive, or are damaged.
    pub(crate) fn add(
        &mut self,
        graph: &LinkGraph<'_>,
        name: &str,
        bytes: Cow<'a, [u8]>,
        directory: Option<&Path>,
    ) -> Result<()> {
        let archive = open(graph.arch, name, bytes, directory)?;
        let number = graph.next(self.list.len())?;
        let macho = archive.is_macho();
        let mut found = Vec::new();
        archive
            .names(|name, member| {
                let (raw, name) = match name.strip_prefix(b"_").filter(|_| macho) {
                    Some(name) => (false, name),
                    None => (macho, name),
                };
                found.push((raw, Box::from(name), member as u32));
            })
            .map_err(|error| error.input(name))?;
        for (raw, name, member) in found {
            match self.index[usize::from(raw)].entry(name) {
                MapEntry::Vacant(entry) => _ = entry.insert(Entry { archive: number, member, done: false }),
                MapEntry::Occupied(entry) => {
                    self.others[usize::from(raw)].entry(entry.key().clone()).or_default().push((number, member));
                }
            }
        }
        self.list.push(archive);
        Ok(())
    }

    /// Makes inputs of the members that define what inputs want, and of those that they want, until nothing new is
    /// wanted: the order of inputs and archives does not matter, but of two members that define a name the first counts.
    ///
    /// Wanted is what an input refers to, not weakly, and neither an input nor `defined` defines; and the first of
    /// each of `roots` that a member defines, unless an input defines one of them.
    ///
    /// # Errors
    ///
    /// A member that is wanted cannot be added.
    pub(crate) fn pull(
        &mut self,
        graph: &mut LinkGraph<'a>,
        roots: &[Vec<String>],
        defined: &dyn Fn(&str) -> bool,
    ) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let mut seen = 0;
        let mut roots = roots;
        loop {
            let mut wanted: Vec<(u32, u32)> = Vec::new();
            let is_common = |symbol: &Symbol| matches!(symbol.definition, Definition::Common { .. });
            for symbol in &graph.symbols[seen..] {
                if defines(symbol) && !is_common(symbol) {
                    self.close(graph.symbol_key(symbol));
                }
            }
            for symbol in &graph.symbols[seen..] {
                if defines(symbol) && is_common(symbol) {
                    wanted.extend(self.take_data(graph.symbol_key(symbol)));
                }
            }
            for symbol in &graph.symbols[seen..] {
                if symbol.definition == Definition::Undefined
                    && !matches!(symbol.binding, Binding::Local | Binding::Weak)
                {
                    wanted.extend(self.take(graph.symbol_key(symbol), defined));
                }
            }
            for names in std::mem::take(&mut roots) {
                // As C writes them, or as a Mach-O file's symbol table has them: as a module's names are looked up.
                let macho = self.list.iter().any(Archive::is_macho);
                let names: Vec<&str> = names.iter().flat_map(|name| spellings(name, macho)).collect();
                if !names.iter().any(|name| is_defined(graph, name)) {
                    let take = |name: &&str| self.take(Name { raw: false, bytes: name.as_bytes() }, defined);
                    wanted.extend(names.iter().find_map(take));
                }
            }
            if wanted.is_empty() {
                return Ok(());
            }
            seen = graph.symbols.len();
            wanted.sort_unstable();
            wanted.dedup();
            for (archive, member) in wanted {
                self.list[archive as usize].add_to(graph, member as usize)?;
            }
        }
    }

    /// The first member that defines as data what an input leaves to others as a common symbol (GNU ld,
    /// `elf_link_is_defined_archive_symbol`; ld64, `justInTimeDataOnlyforEachAtom`).
    fn take_data(&mut self, name: Name<'_>) -> Option<(u32, u32)> {
        let entry = self.index[usize::from(name.raw)].get_mut(name.bytes).filter(|entry| !entry.done)?;
        entry.done = true;
        let others = self.others[usize::from(name.raw)].get(name.bytes).map_or(&[][..], Vec::as_slice);
        let mut members = std::iter::once((entry.archive, entry.member)).chain(others.iter().copied());
        members.find(|(archive, member)| self.list[*archive as usize].defines_as_data(*member, name.bytes))
    }

    /// Notes that an input defines a name.
    fn close(&mut self, name: Name<'_>) {
        if let Some(entry) = self.index[usize::from(name.raw)].get_mut(name.bytes) {
            entry.done = true;
        }
    }

    /// The member that defines a name, if that is not done.
    fn take(&mut self, name: Name<'_>, defined: &dyn Fn(&str) -> bool) -> Option<(u32, u32)> {
        let entry = self.index[usize::from(name.raw)].get_mut(name.bytes).filter(|entry| !entry.done)?;
        let elsewhere = !name.raw && std::str::from_utf8(name.bytes).is_ok_and(defined);
        entry.done = true;
        (!elsewhere).then_some((entry.archive, entry.member))
    }
}

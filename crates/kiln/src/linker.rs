//! The linker: inputs in, a plan or a module out. It drives the pipeline.
#![allow(unsafe_code)] // `load` is where the user vouches for the code; nothing here dereferences anything.

mod definitions;
mod host;
mod inputs;
mod life;
mod needs;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::ops::Range;

use self::definitions::Resolver;
use crate::audit::{Audit, Parts};
use crate::error::{Error, Result};
use crate::fixup::{self, Block};
use crate::graph::{self, Asked, Entries, Found, LinkGraph, Names, Permission, Resolved, SectionId};
use crate::layout::{Addresses, Layout};
use crate::memory::{QUARANTINE, Situation, Staged, Strategy};
use crate::module::{self, Library, Module, ProcessSymbols, Uses};
use crate::object::{self, Archives};
use crate::plan::Plan;
use crate::register::{self, Arguments, Exit, Frames, News, Storage, Tools};
use crate::source::{Assembler, Syntax};
use crate::target::{Target, TargetAddr};

/// Puts object files, assembly and flat code together, for any target on any host.
///
/// Inputs are only read until [`load`](Linker::load), and executable memory is only touched there. Names are as C source
/// writes them: `write` is what a Mach-O object calls `_write`.
///
/// A symbol means its definition in the inputs; one that has none there means, in this order, what
/// [`define_fn`](Linker::define_fn), [`define_data`](Linker::define_data) or
/// [`define_address`](Linker::define_address) say, what a module of [`define_module`](Linker::define_module) exports (the
/// first one that does), a member of an archive that is taken for it ([`add_archive`](Linker::add_archive)), and, when code
/// is loaded, what Kiln itself gives (`atexit` and its relatives), a library of
/// [`define_library`](Linker::define_library) (the first one that exports it), the
/// [`resolver`](Linker::resolver)'s answer, and a symbol of the process.
///
/// So the inputs' own definitions are never replaced by others (as with a linker's `-Bsymbolic`), weak ones neither, and a
/// definition by the host replaces one of the process (interposition). Two strong definitions of a name among the inputs are
/// an error; of several weak ones the first counts, after a common symbol; a COMDAT group's first copy counts. A symbol
/// that is one for the whole process (`STB_GNU_UNIQUE`) means a definition outside, if there is one. Names with hidden
/// visibility are looked for in the inputs and in what `define_fn` and its likes say, and a module does not export them.
///
/// ```
/// use kiln::{Linker, Target};
///
/// # #[cfg(all(target_arch = "x86_64", target_os = "linux"))] {
/// extern "C" fn twice(n: u64) -> u64 {
///     2 * n
/// }
///
/// let mut linker = Linker::new(Target::host());
/// linker.add_assembly("six.s", ".globl six\nsix: sub $8, %rsp\nmov $3, %edi\ncall twice\nadd $8, %rsp\nret\n")?;
/// linker.define_fn("twice", twice as extern "C" fn(u64) -> u64);
/// // SAFETY: `six` keeps to the C calling convention, and needs nothing but `twice`.
/// let module = unsafe { linker.load() }?;
/// // SAFETY: `six` takes no argument and returns an integer.
/// let six = unsafe { module.function::<extern "C" fn() -> u64>("six") }?;
/// assert_eq!(six.call(), 6);
/// # }
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Linker<'a> {
    target: Target,
    graph: LinkGraph<'a>,
    archives: Archives<'a>,
    /// What archives are to give: of each list, one.
    wanted: Vec<Vec<String>>,
    definitions: HashMap<String, TargetAddr>,
    modules: Vec<Module>,
    libraries: Vec<Library>,
    resolver: Option<Resolver>,
    arguments: Option<Arguments>,
    explain_to: Option<fn(&Module)>,
    quarantine: usize,
    tools: Tools,
}

impl<'a> Linker<'a> {
    /// A linker without inputs, for code of `target`.
    #[must_use]
    pub fn new(target: Target) -> Linker<'a> {
        Linker {
            target,
            graph: LinkGraph::new(target.arch()),
            archives: Archives::default(),
            wanted: Vec::new(),
            definitions: HashMap::new(),
            modules: Vec::new(),
            libraries: Vec::new(),
            resolver: None,
            arguments: None,
            explain_to: None,
            quarantine: QUARANTINE,
            tools: Tools::default(),
        }
    }

    /// The target that it links for.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// Adds a relocatable object file: ELF, Mach-O or COFF, of the target's architecture; of a universal Mach-O file,
    /// the slice for that architecture. `name` stands in errors.
    ///
    /// Borrowed bytes are not copied.
    ///
    /// # Errors
    ///
    /// The bytes are something else, are for another architecture, are damaged, or ask for what Kiln does not do. The
    /// linker is then as it was.
    pub fn add_object(&mut self, name: &str, bytes: impl Into<Cow<'a, [u8]>>) -> Result<&mut Self> {
        object::add(&mut self.graph, name, bytes.into())?;
        Ok(self)
    }

    /// Adds machine code that has no header, with names for the offsets (in bytes) at which it is entered.
    ///
    /// # Errors
    ///
    /// An entry lies outside the code.
    pub fn add_flat(
        &mut self,
        name: &str,
        code: impl Into<Cow<'a, [u8]>>,
        entries: &[(&str, usize)],
    ) -> Result<&mut Self> {
        object::add_flat(&mut self.graph, name, code.into(), entries)?;
        Ok(self)
    }

    /// Assembles `text` with the best assembler that [`Assembler::find`] finds for the target, and adds the object.
    /// A `name` that ends in `.S` has the C preprocessor run first. Errors carry `name` and the line.
    ///
    /// # Errors
    ///
    /// There is no assembler, it refuses the text, or the object cannot be added.
    pub fn add_assembly(&mut self, name: &str, text: &str) -> Result<&mut Self> {
        let syntax = Syntax::of(name.as_ref()).unwrap_or(Syntax::Plain);
        let object = Assembler::find(self.target, syntax)?.assemble(name, text.as_bytes())?;
        self.add_object(name, object)
    }

    /// Opens a shared library by the system's loader, for the inputs to use when code is loaded: by its file's name or path, or,
    /// of a name without `/` and `.`, as `libNAME.so` or `libNAME.so.0` to `.9` (`libNAME.dylib` on macOS). It stays open as
    /// long as the module that is loaded here, and what it exports is only for that module.
    ///
    /// # Errors
    ///
    /// The loader does not find the library, or cannot load it.
    ///
    /// # Safety
    ///
    /// The library's initializers run, and later its finalizers: they are code that this process may run.
    pub unsafe fn define_library(&mut self, name: &str) -> Result<&mut Self> {
        self.libraries.push(Library::open(name)?);
        Ok(self)
    }

    /// The arguments of the program that is loaded, its name first: what its initializers get, and
    /// [`Module::arguments`]. Without this they are the process's own.
    ///
    /// # Errors
    ///
    /// A word holds a NUL byte. The linker is then as it was.
    pub fn arguments<S: AsRef<OsStr>>(&mut self, words: impl IntoIterator<Item = S>) -> Result<&mut Self> {
        self.arguments = Some(Arguments::new(words)?);
        Ok(self)
    }

    /// Has the module keep what [`Module::explain`] tells, at the cost of some memory, and calls `ready` with the module
    /// when it is complete, before its initializers run: they may be what is to be explained.
    pub fn explain_to(&mut self, ready: fn(&Module)) -> &mut Self {
        self.explain_to = Some(ready);
        self
    }

    /// Tells these tools of the code when it is loaded, before its initializers run, and that it is gone when the module ends.
    pub fn tools(&mut self, tools: &Tools) -> &mut Self {
        self.tools = tools.clone();
        self
    }

    /// Leaves only the bytes `range` (all, if `None`) of the section `name` (`.text`, `__text`, `__TEXT,__text`) of all
    /// inputs: the image then begins with them. If they refer to anything else nothing changes, and the names of what
    /// they refer to come back. References that the assembler has resolved itself leave no trace, and are not seen.
    ///
    /// # Errors
    ///
    /// There is no section `name` with contents, there are several, or the range does not lie in it.
    pub fn keep_only(&mut self, name: &str, range: Option<Range<u64>>) -> Result<Vec<String>> {
        self.pull()?;
        let id = self.section_named(name)?;
        let size = self.graph.section(id).size;
        let range = range.unwrap_or(0..size);
        if range.start > range.end || range.end > size {
            return Err(Error::malformed(format!(
                "the bytes {:#x} to {:#x} do not lie in the section, which has {size:#x}",
                range.start, range.end
            ))
            .section(name));
        }
        let Err(outside) = self.graph.keep_only(id, range) else { return Ok(Vec::new()) };
        let mut names: Vec<String> =
            outside.iter().map(|symbol| self.graph.symbol_name(self.graph.symbol(*symbol)).into_owned()).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn section_named(&self, name: &str) -> Result<SectionId> {
        let plain = name.split_once(',').map_or(name, |(_, name)| name);
        let mut found = (0u32..)
            .zip(&self.graph.sections)
            .filter(|(_, section)| self.graph.section_name(section) == plain && section.size > 0);
        match (found.next(), found.next()) {
            (Some((id, _)), None) => Ok(SectionId(id)),
            (None, _) => Err(Error::undefined(format!("there is no section {name} that has contents"))),
            (Some(_), Some(_)) => Err(Error::duplicate(format!("there are several sections {name}"))
                .help("give one file, or link the whole image")),
        }
    }

    /// Links at `base` without loading: the whole image, every address, and what would be left out. Works for every
    /// target on every host. Symbols of this process are not used: whatever is outside the inputs must be defined.
    ///
    /// Thread-local variables are where a linker has them that makes a program of the inputs: the image holds the initial
    /// image of their storage, which is the first module's, at the distance from the thread pointer that the ABI says.
    ///
    /// # Errors
    ///
    /// Undefined or doubly defined symbols; a relocation that does not reach; an image over 2 GiB, or one that does not
    /// fit at `base`.
    pub fn plan(&self, base: TargetAddr) -> Result<Plan> {
        self.planned(base, |plan, _| plan)
    }

    /// As [`plan`](Linker::plan), with the reasons: every relocation and the way it takes, every GOT slot and stub, and what was
    /// done about all that the inputs ask for.
    ///
    /// # Errors
    ///
    /// As `plan`.
    pub fn audit(&self, base: TargetAddr) -> Result<Audit> {
        self.planned(base, Audit::new)
    }

    /// The files that a debugger would be given, were it loaded at `base` ([`Tools`] says what is in them): for code that is brought
    /// to a machine by other means, and debugged there (gdb: `add-symbol-file FILE`). One file, and for Mach-O objects with debug
    /// information one for each.
    ///
    /// # Errors
    ///
    /// As `plan`; and the debug information is damaged, or asks for what Kiln does not do.
    pub fn debug_files(&self, base: TargetAddr) -> Result<Vec<Vec<u8>>> {
        self.planned(base, |plan, parts| {
            let constants = parts.addresses.segments()[Permission::Const as usize].clone();
            let at = |address: u64| (address - base.0) as usize;
            let constants = plan.image().get(at(constants.start)..at(constants.end)).unwrap_or_default();
            register::debug_files_of(parts.graph, parts.resolved, parts.addresses, constants)
        })?
    }

    fn planned<T>(&self, base: TargetAddr, then: impl FnOnce(Plan, &Parts<'_>) -> T) -> Result<T> {
        if !self.archives.is_empty() {
            // What is pulled is part of the plan, not of this linker, to which more may be added.
            let mut whole = self.clone();
            whole.pull()?;
            whole.archives = Archives::default();
            return whole.planned(base, then);
        }
        let outside = |name: &str, asked: Asked| {
            // Of a thread-local variable, nobody can say an address.
            if asked.is_thread_local() {
                return self.descriptor(name, asked);
            }
            self.defined(name, asked).or_else(|| self.resolve(name, asked)).map(Found::At)
        };
        let resolved = graph::resolve(&self.graph, &outside, &self.wanted)?;
        let entries = Entries::of(&self.graph, &resolved);
        let layout = Layout::of(&self.graph, &resolved, &entries)?;
        let (starts, _) = layout.contiguous(self.target.max_page_size())?;
        let size = layout.end(starts);
        let fits = base.0.checked_add(size).is_some();
        let bases = starts.map(|start| TargetAddr(base.0.wrapping_add(start)));
        if !fits {
            return Err(Error::unsupported(format!("an image of {size:#x} bytes cannot stand at {base}")));
        }
        let addresses = layout.place(&self.graph, &resolved, bases)?;
        if size > MAX_PLAN {
            return Err(Error::unsupported(format!("a plan of {size:#x} bytes is larger than 2 GiB")));
        }
        let mut image = vec![0; size as usize];
        let mut segments = layout_slices(&mut image, starts, &addresses.layout);
        fixup::write_image(
            &self.graph,
            &resolved,
            &entries,
            &addresses,
            segments.each_mut().map(|part| &mut **part),
            |_| Ok(Block::of_a_program(&self.graph, &entries.threads, &addresses)),
        )?;
        let calls = fixup::read_calls(&self.graph, &resolved, &addresses, segments.each_ref().map(|part| &**part))?;
        let constants = &mut *segments[Permission::Const as usize];
        let frames = fixup::check_unwind(&self.graph, &resolved, &addresses, constants)?;
        let plan = Plan::new(&self.graph, &resolved, &entries, &addresses, (base, image), (calls, frames));
        let parts = Parts { graph: &self.graph, resolved: &resolved, link: &entries, addresses: &addresses };
        Ok(then(plan, &parts))
    }

    /// Loads the code into this process: maps memory, links in it, makes the text executable and the constants
    /// read-only, calls the initializers, and hands out a module.
    ///
    /// Code of the inputs runs at the very end, when nothing can fail any more but the system: first the functions that
    /// choose others (IFUNC), then, as the C library does for a program, those of `.preinit_array`, `.init_array` and
    /// `.ctors` in the order of their priorities and then of the inputs, with `argc`, `argv` and `envp`.
    /// [`Module`] says what happens at the end. An exception or a panic that leaves an initializer ends the process.
    ///
    /// # Errors
    ///
    /// As [`plan`](Linker::plan); the target is not [`Target::host`]'s architecture; the inputs are made for another
    /// operating system in a way that would go wrong here; this process is not allowed to run new code; the system
    /// refuses memory. Nothing is left behind.
    ///
    /// # Safety
    ///
    /// The inputs are code that this process may run: whoever calls into it relies on its being correct, on its keeping
    /// to the platform's calling convention, and on every symbol meaning what the code takes it for. Data that it was
    /// given by [`define_data`](Linker::define_data) or [`define_address`](Linker::define_address) must live as long as
    /// the module.
    pub unsafe fn load(mut self) -> Result<Module> {
        self.pull()?;
        self.check_host()?;
        let choice = Situation::of_this_process().choose()?;
        // SAFETY: the caller's word is the same.
        unsafe { self.load_by(choice.strategy()) }
    }

    /// What [`load`](Linker::load) does once the strategy is chosen.
    ///
    /// # Safety
    ///
    /// As `load`.
    pub(crate) unsafe fn load_by(mut self, strategy: Strategy) -> Result<Module> {
        let process = ProcessSymbols::new();
        let outside = |name: &str, asked: Asked| {
            if asked.is_thread_local() {
                let elf = || self.thread_local(name).filter(|_| asked == Asked::ThreadLocal);
                return self.descriptor(name, asked).or_else(|| elf().map(|_| Found::ThreadLocal));
            }
            // What the process and its libraries have is not hidden to them alone.
            let others = || {
                let library = || self.libraries.iter().find_map(|library| library.symbol(name));
                let address = library().or_else(|| self.resolve(name, asked)).or_else(|| process.find(name));
                address.map(Found::At)
            };
            let others = || if asked == Asked::Hidden { None } else { others() };
            self.defined(name, asked).map(Found::At).or_else(|| register::runtime_symbol(name)).or_else(others)
        };
        let mut resolved = graph::resolve(&self.graph, &outside, &self.wanted)?;
        drop(process);
        // Nothing asks for a name again: its room is the image's.
        self.graph.names = Names::default();
        let entries = Entries::of(&self.graph, &resolved);
        let layout = Layout::of(&self.graph, &resolved, &entries)?;
        let mut staged = Staged::reserve(strategy, &layout)?;
        let addresses = layout.place(&self.graph, &resolved, staged.bases())?;
        let mut storage = None;
        fixup::write_image(&self.graph, &resolved, &entries, &addresses, staged.segments(), |template| {
            let definer = |name: &str| self.thread_local_definer(name);
            let (opened, block) = Storage::open(&self.graph, &resolved, &entries, &addresses, template, definer)?;
            storage = Some(opened);
            Ok(block)
        })?;
        let calls = fixup::read_calls(&self.graph, &resolved, &addresses, staged.segments().map(|segment| &*segment))?;
        let places = || Box::new(module::Places::of(&self.graph, &resolved, &entries, &addresses));
        let places = self.explain_to.map(|_| places());
        log_load(&self.graph, &resolved, &entries, &addresses);
        let [_, constants, _] = staged.segments();
        let news = News::of(&self.tools, &self.graph, &resolved, &entries, &addresses, constants)?;
        // What has had its turn makes room for the module's symbols.
        drop(entries);
        resolved.places = Vec::new();
        let symbols = module::Symbols::of(&self.graph, &resolved, &addresses);
        let [_, constants, _] = staged.segments();
        let descriptions = fixup::check_unwind(&self.graph, &resolved, &addresses, constants)?;
        let published = staged.publish((self.inputs_name(), self.quarantine), |constants| {
            // SAFETY: the caller vouches for the inputs' code, which is executable now.
            let chosen = unsafe { register::choose_all(&self.graph, &resolved, &addresses) }?;
            // Not before all were asked: who is asked may read the constants.
            for (slot, function) in chosen {
                constants[slot..slot + 8].copy_from_slice(&function.to_le_bytes());
            }
            Ok(())
        })?;
        // SAFETY: the table is checked, sealed, and lives as long as `published`, which the module drops behind it.
        let frames = unsafe { Frames::register(addresses.unwind().1, descriptions) };
        let uses = Uses { modules: self.modules, libraries: self.libraries };
        let arguments = self.arguments.unwrap_or_else(Arguments::of_this_process);
        // SAFETY: the code is published, and outlives what it is registered by, as above.
        let told = unsafe { news.tell() }?;
        let module = Module::new(published, symbols, places, uses, arguments, (told, storage, frames));
        if let Some(ready) = self.explain_to {
            ready(&module);
        }
        if resolved.handle || !calls.init.is_empty() {
            // SAFETY: the caller vouches for the inputs' code.
            unsafe { module.start(Exit::new(resolved.handle.then(|| addresses.handle().1), &calls)) }?;
        }
        Ok(module)
    }
}

/// The largest image that is made without loading it, in bytes: it is all in memory.
const MAX_PLAN: u64 = 1 << 31;

/// The segments of a contiguous image, each without the rest of its last page.
fn layout_slices<'i>(image: &'i mut [u8], starts: [u64; 3], layout: &Layout) -> [&'i mut [u8]; 3] {
    let mut rest = image;
    let mut at = 0;
    std::array::from_fn(|index| {
        let (start, size) = (starts[index] as usize, layout.segments[index].size as usize);
        // An empty segment begins on a page of its own, which may lie behind the image's end.
        let skip = if size == 0 { 0 } else { start - at };
        let (segment, behind) = std::mem::take(&mut rest)[skip..].split_at_mut(size);
        (rest, at) = (behind, at + skip + size);
        segment
    })
}

fn log_load(graph: &LinkGraph<'_>, resolved: &Resolved, entries: &Entries, addresses: &Addresses) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    for left_out in &graph.left_out {
        let (input, section) = graph.left_out_name(left_out);
        tracing::debug!("{input}: {section}: {}", left_out.why);
    }
    for (symbol, address) in &resolved.imports {
        tracing::debug!("import {} = {address}", graph.symbol_name(graph.symbol(*symbol)));
    }
    let bytes: u64 = addresses.layout.segments.iter().map(|segment| segment.size).sum();
    let live = graph.sections.iter().zip(&resolved.live).filter(|(_, live)| **live);
    let relocations: usize = live.map(|(section, _)| graph.relocations(section).len()).sum();
    tracing::info!(
        "copied {bytes} bytes, applied {relocations} relocations, {} GOT slots, {} stubs",
        entries.slots.len(),
        entries.stubs.len()
    );
}

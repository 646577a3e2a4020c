//! A loaded module: its handle, its symbols, its end.
#![allow(unsafe_code)] // The user's word for a function's type.

mod explain;
mod library;
mod symbols;

use std::ffi::{c_char, c_int};
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result};
use crate::function::{FnPtr, Function};
use crate::memory::Published;
use crate::register::{Arguments, Definer, Exit, Frames, Storage, Told};
use crate::target::TargetAddr;

pub(crate) use explain::Places;
pub use explain::{AppliedRelocation, Explanation, SectionPlace, Unloaded};
pub(crate) use library::{Library, ProcessSymbols, process_symbol};
use symbols::Defined;
pub(crate) use symbols::Symbols;

/// Code that was loaded: a handle, cheap to clone. The module ends when the last handle to it, to one of its functions, or
/// to a module that uses it is dropped, and no thread has destructors of it to call.
///
/// At its end, on the thread that dropped the last handle, everything is called that the module has registered with
/// `atexit` or `__cxa_atexit`, in the reverse order, then its finalizers; then its thread-local storage ends in every thread, the
/// unwinder forgets its frames, and the memory goes into quarantine ([`Linker::quarantine`](crate::Linker::quarantine)), so that
/// a call that comes too late faults. If the process ends first, all that is called by `exit`, among what the rest of the process has registered. Functions that must not run
/// on after that are the caller's concern: threads in the module's code, signal handlers, callbacks.
#[derive(Clone)]
pub struct Module(Arc<Inner>);

struct Inner {
    owner: Arc<Owner>,
    symbols: Symbols,
    places: Option<Box<Places>>,
}

/// What code needs for as long as it may run. Dropped in this order.
#[derive(Debug)]
pub(crate) struct Owner {
    /// Behind a lock for the one moment at which it is set: its beginning needs the owner.
    exit: OnceLock<Exit>,
    arguments: Arguments,
    /// In this order they end.
    registrations: (Told, Option<Storage>, Option<Frames>),
    memory: Published,
    /// What the code may call into.
    uses: Uses,
}

/// Modules and shared libraries that must stay as long as another module.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    pub(crate) modules: Vec<Module>,
    pub(crate) libraries: Vec<Library>,
}

impl Module {
    pub(crate) fn new(
        memory: Published,
        symbols: Symbols,
        places: Option<Box<Places>>,
        uses: Uses,
        arguments: Arguments,
        registrations: (Told, Option<Storage>, Option<Frames>),
    ) -> Module {
        let owner = Owner { exit: OnceLock::new(), arguments, registrations, memory, uses };
        Module(Arc::new(Inner { owner: Arc::new(owner), symbols, places }))
    }

    /// Begins the module's life: registers its end and calls its initializers.
    ///
    /// # Errors
    ///
    /// The end cannot be registered. Nothing was called then.
    ///
    /// # Safety
    ///
    /// The initializers may run.
    pub(crate) unsafe fn start(&self, mut exit: Exit) -> Result<()> {
        let owner = &self.0.owner;
        exit.start(Arc::downgrade(owner))?;
        let exit = owner.exit.get_or_init(|| exit);
        // SAFETY: by the caller's word.
        unsafe { exit.initialize(&owner.arguments) };
        Ok(())
    }

    /// `argc` and `argv`, as the module's initializers were given them: those of
    /// [`Linker::arguments`](crate::Linker::arguments), or else the process's. They live as long as the module.
    #[must_use]
    pub fn arguments(&self) -> (c_int, *const *const c_char) {
        self.0.owner.arguments.as_c()
    }

    /// The function `name`, as C source writes it; of a Mach-O object, also as its symbol table has it (`_start`).
    ///
    /// # Errors
    ///
    /// The module exports no such symbol.
    ///
    /// # Safety
    ///
    /// The symbol is a function of the type `F`, and keeps to the platform's calling convention.
    pub unsafe fn function<F: FnPtr>(&self, name: &str) -> Result<Function<F>> {
        let Some(defined) = self.0.symbols.find(name) else {
            let names: Vec<&str> = self.exports().take(10).map(|(name, _)| name).collect();
            let help = match &names[..] {
                [] => "it exports nothing: make a symbol global with `.globl`".to_owned(),
                names => format!("it exports {}", names.join(", ")),
            };
            return Err(Error::undefined("the module exports no such symbol").symbol(name).help(help));
        };
        // SAFETY: a function of this type stands there, by the caller's word, in memory that `owner` keeps.
        Ok(unsafe { Function::new(defined.address, Arc::clone(&self.0.owner)) })
    }

    /// The address of the exported symbol `name`. It dangles when the module is unloaded.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<*const ()> {
        self.0.symbols.find(name).map(|defined| defined.address as *const ())
    }

    /// A thread-local variable that the module exports.
    pub(crate) fn thread_local(&self, name: &str) -> Option<Definer> {
        let (_, storage, _) = &self.0.owner.registrations;
        storage.as_ref().and_then(|storage| storage.variable(name))
    }

    /// The exported symbols with their addresses, by name.
    pub fn exports(&self) -> impl Iterator<Item = (&str, *const ())> {
        let symbols = &self.0.symbols;
        symbols.exports().map(|defined| (symbols.name(defined), defined.address as *const ()))
    }

    /// The symbol, local or exported, that `address` belongs to, and how many bytes behind its start it is. `None`: the
    /// address is in no symbol of this module. It allocates nothing, so that a signal handler may ask.
    #[must_use]
    pub fn symbol_at(&self, address: *const ()) -> Option<(&str, usize)> {
        let address = address as usize;
        let mut nearest: Option<&Defined> = None;
        for defined in self.0.symbols.all() {
            let inside = match usize::try_from(defined.size) {
                // Assembly says no sizes: as far as the next symbol, or the end of the module.
                Ok(0) | Err(_) => self.0.owner.memory.contains(address),
                Ok(size) => address - address.min(defined.address) < size,
            };
            let nearer = nearest.is_none_or(|nearest| defined.address > nearest.address);
            if defined.address <= address && inside && nearer {
                nearest = Some(defined);
            }
        }
        nearest.map(|defined| (self.0.symbols.name(defined), address - defined.address))
    }

    /// The descriptor of the thread-local variable `name`, as Mach-O has them: no address of any thread's.
    pub(crate) fn descriptor(&self, name: &str) -> Option<TargetAddr> {
        self.0.symbols.descriptor(name).map(TargetAddr)
    }

    /// Ends the module now, if nothing else uses it.
    ///
    /// # Errors
    ///
    /// Functions, clones of the handle or modules that use this one are still there, or a thread has destructors of this
    /// one's thread-local variables to call at its end: the handle comes back, and nothing has happened.
    pub fn unload(self) -> std::result::Result<(), Unload> {
        let in_use = |inner: Arc<Inner>| Unload { module: Module(inner) };
        let Inner { owner, symbols, places } = Arc::try_unwrap(self.0).map_err(in_use)?;
        match Arc::try_unwrap(owner) {
            Ok(owner) => {
                drop(owner);
                Ok(())
            }
            Err(owner) => Err(in_use(Arc::new(Inner { owner, symbols, places }))),
        }
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uses = &self.0.owner.uses;
        let names: Vec<&str> = self.exports().map(|(name, _)| name).collect();
        f.debug_struct("Module")
            .field("exports", &names)
            .field("uses", &(uses.modules.len() + uses.libraries.len()))
            .finish()
    }
}

/// A module that could not be unloaded since it is in use.
#[derive(Debug)]
pub struct Unload {
    module: Module,
}

impl Unload {
    /// The module, as it was.
    #[must_use]
    pub fn into_module(self) -> Module {
        self.module
    }
}

impl fmt::Display for Unload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the module is in use: drop its functions, the clones of its handle and the modules that use it, and let the \
             threads end that have destructors of its variables to call",
        )
    }
}

impl std::error::Error for Unload {}

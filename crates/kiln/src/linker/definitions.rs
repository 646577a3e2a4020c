//! Symbols that the host defines for the inputs.

use std::sync::Arc;

use super::Linker;
use crate::error::{Error, Result};
use crate::function::FnPtr;
use crate::graph::{Asked, Found};
use crate::module::{Library, Module};
use crate::register::{self, Definer};
use crate::target::TargetAddr;

/// The user's own way to find a symbol.
#[derive(Clone)]
pub(super) struct Resolver(Arc<Resolve>);

type Resolve = dyn Fn(&str) -> Option<TargetAddr> + Send + Sync;

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl Linker<'_> {
    /// Defines a host function for the inputs to call.
    pub fn define_fn<F: FnPtr>(&mut self, name: &str, function: F) -> &mut Self {
        self.define_address(name, TargetAddr(function.address() as u64))
    }

    /// Defines host data for the inputs to use. What they do with it is part of what the caller of
    /// [`load`](Linker::load) vouches for.
    pub fn define_data<T>(&mut self, name: &str, data: *const T) -> &mut Self {
        self.define_address(name, TargetAddr(data as usize as u64))
    }

    /// Defines a symbol by its address. A later definition of the same name replaces an earlier one.
    pub fn define_address(&mut self, name: &str, address: TargetAddr) -> &mut Self {
        self.definitions.insert(name.to_owned(), address);
        self
    }

    /// Lets the inputs use what `module` exports. It stays loaded as long as the module that is loaded here.
    pub fn define_module(&mut self, module: &Module) -> &mut Self {
        self.modules.push(module.clone());
        self
    }

    /// Asks `resolve` for what neither the inputs nor the definitions above define, before the process is asked:
    /// each name once for each load and plan. A later resolver replaces an earlier one. What it gives must live as long
    /// as the module.
    pub fn resolver(&mut self, resolve: impl Fn(&str) -> Option<TargetAddr> + Send + Sync + 'static) -> &mut Self {
        self.resolver = Some(Resolver(Arc::new(resolve)));
        self
    }

    /// What `name` means by the host's word. A hidden name is not looked for in other modules.
    pub(super) fn defined(&self, name: &str, asked: Asked) -> Option<TargetAddr> {
        let address = |module: &Module| module.address(name).map(|address| TargetAddr(address as usize as u64));
        let modules = if asked == Asked::Hidden { &[][..] } else { &self.modules };
        self.definitions.get(name).copied().or_else(|| modules.iter().find_map(address))
    }

    /// What `name` means as the descriptor of a thread-local variable, which modules alone have.
    pub(super) fn descriptor(&self, name: &str, asked: Asked) -> Option<Found> {
        let modules = if asked == Asked::ThreadVariable { &self.modules } else { &[][..] };
        modules.iter().find_map(|module| module.descriptor(name)).map(Found::At)
    }

    /// Who defines a thread-local variable that the inputs do not: another module, a library, the process.
    pub(super) fn thread_local(&self, name: &str) -> Option<Definer> {
        let library = || self.libraries.iter().find_map(|library| library.thread_local(name));
        let module = self.modules.iter().find_map(|module| module.thread_local(name));
        module.or_else(library).or_else(|| register::thread_local(name))
    }

    /// As [`thread_local`](Linker::thread_local), for the loader to look up.
    ///
    /// # Errors
    ///
    /// It would find another one.
    pub(super) fn thread_local_definer(&self, name: &str) -> Result<Definer> {
        let unknown = || Error::undefined("is no thread-local variable that is defined any more");
        let definer = self.thread_local(name).ok_or_else(unknown)?;
        let library = |library: &&Library| library.thread_local(name).is_some_and(|found| found == definer);
        if self.libraries.iter().find(library).is_some_and(|library| library.is_hidden_by_the_process(name)) {
            return Err(Error::unsupported(format!(
                "is a thread-local variable of {} and a symbol of the process, which the loader takes first",
                definer.library.unwrap_or_default()
            ))
            .help("give the variable another name, or leave the library out"));
        }
        Ok(definer)
    }

    /// What `name` means by the user's resolver, which is not asked for guesses.
    pub(super) fn resolve(&self, name: &str, asked: Asked) -> Option<TargetAddr> {
        let resolver = self.resolver.as_ref().filter(|_| asked == Asked::Open)?;
        (resolver.0)(name)
    }
}

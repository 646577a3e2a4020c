//! What becomes of the module in the end.

use std::sync::Arc;

use super::Linker;

impl Linker<'_> {
    /// Keeps the addresses of the module, when it is unloaded, until `bytes` of addresses of unloaded modules, its own with them,
    /// have come into quarantine: nothing can be read, written or executed there, and nothing else gets the addresses, so
    /// that a call through a stale pointer faults, and [`Module::unloaded`](crate::Module::unloaded) says whose it was. 64 MiB, if
    /// this is not called; 0 unmaps at once.
    ///
    /// It costs addresses and mappings, of at most 1024 modules, but no memory; and, for each module, one system call more.
    pub fn quarantine(&mut self, bytes: usize) -> &mut Self {
        self.quarantine = bytes;
        self
    }

    /// What the module is called when it is gone: its inputs, or the first of many.
    pub(super) fn inputs_name(&self) -> Arc<str> {
        const SHOWN: usize = 3;
        let inputs = &self.graph.inputs;
        let names: Vec<&str> = inputs.iter().take(SHOWN).map(|input| &*input.name).collect();
        let rest = inputs.len() - names.len();
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        (names.join(", ") + &rest).into()
    }
}

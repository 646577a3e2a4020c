//! Where modules stood that were unloaded: their addresses stay taken for a while, with no access allowed, so that a call or an
//! access that comes too late faults, and can be explained.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use super::sys::{Mapping, Poisoned};

/// How many bytes of addresses a module is kept for, unless it is said.
pub(crate) const QUARANTINE: usize = 64 << 20;

/// However many bytes: a process may only have so many mappings (Linux: `vm.max_map_count`, 65,530).
const MODULES: usize = 1024;

static QUARANTINED: Mutex<Quarantine> = Mutex::new(Quarantine { passed: 0, modules: BTreeMap::new() });

struct Quarantine {
    /// How many bytes have come in, ever.
    passed: u64,
    /// By what `passed` may be as long as the module is here, and a number of its own.
    modules: BTreeMap<(u64, u64), Unloaded>,
}

struct Unloaded {
    memory: Vec<Poisoned>,
    name: Arc<str>,
}

/// Takes the access to a module's memory away, and gives its contents back to the system. Its addresses stay taken until
/// more than `bytes` of addresses, its own with them, have come here.
///
/// Where the system refuses that, the memory is unmapped, as it is when `bytes` is too little for it.
pub(super) fn put(memory: impl Iterator<Item = Mapping>, name: &Arc<str>, bytes: usize) {
    let memory: Vec<Mapping> = memory.collect();
    let len: u64 = memory.iter().map(|mapping| mapping.len() as u64).sum();
    if len == 0 || len > bytes as u64 {
        return;
    }
    let memory: Vec<Poisoned> = memory.into_iter().filter_map(Mapping::poison).collect();
    tracing::trace!("quarantine: {len} bytes of addresses, of {name}");
    let mut gone = Vec::new();
    {
        let mut quarantine = QUARANTINED.lock().unwrap_or_else(PoisonError::into_inner);
        let until = quarantine.passed.saturating_add(bytes as u64);
        quarantine.passed = quarantine.passed.saturating_add(len);
        let (passed, name) = (quarantine.passed, Arc::clone(name));
        quarantine.modules.insert((until, passed), Unloaded { memory, name });
        while quarantine.modules.first_key_value().is_some_and(|((until, _), _)| *until < passed) {
            gone.extend(quarantine.modules.pop_first());
        }
        if quarantine.modules.len() > MODULES {
            let oldest = quarantine.modules.keys().copied().min_by_key(|(_, number)| *number);
            gone.extend(oldest.and_then(|oldest| quarantine.modules.remove_entry(&oldest)));
        }
    }
    // Unmapped without the lock.
    drop(gone);
}

/// The module in quarantine that stood at `address`, and how many bytes behind the beginning of its memory that is. `None`: there
/// is none, or somebody is putting one in at the moment. It allocates nothing and waits for nobody.
pub(crate) fn module_at(address: usize) -> Option<(Arc<str>, usize)> {
    let quarantine = match QUARANTINED.try_lock() {
        Ok(quarantine) => quarantine,
        Err(TryLockError::Poisoned(quarantine)) => quarantine.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    quarantine.modules.values().find_map(|module| {
        let offset = module.memory.iter().find_map(|memory| memory.offset_of(address))?;
        Some((Arc::clone(&module.name), offset))
    })
}

//! One address for each function that is imported: an `svc` that leads into the model.

use std::collections::HashMap;
use std::rc::Rc;

use super::Function;
use crate::libsystem;
use crate::memory::{EXECUTE, Kind, Memory, PAGE, READ, START};

/// Where they lie: one word each.
pub(crate) const STUBS: u64 = START;
const ROOM: u64 = 4 * PAGE;

const SVC: u32 = 0xd400_0001;

/// The thread-local variable getter: `x0` is the descriptor (its address of this code, the offset of a slot in the
/// thread's block, the offset in what the slot points to); only `x0`, `x16` and `x17` may change.
const THREAD_LOCAL: [u32; 6] = [
    0xf940_0410, // ldr x16, [x0, #8]
    0xd53b_d071, // mrs x17, TPIDRRO_EL0
    0xf870_6a31, // ldr x17, [x17, x16]
    0xf940_0810, // ldr x16, [x0, #16]
    0x8b10_0220, // add x0, x17, x16
    0xd65f_03c0, // ret
];

pub(crate) struct Stubs {
    memory: Rc<Memory>,
    /// By number of the word.
    entries: Vec<(String, Option<Function>)>,
    by_name: HashMap<String, u64>,
}

impl Stubs {
    pub(crate) fn new(memory: Rc<Memory>) -> std::io::Result<Stubs> {
        memory.map(STUBS, ROOM, READ | EXECUTE, Kind::Signed)?;
        for (index, word) in THREAD_LOCAL.iter().enumerate() {
            let poked = memory.poke(STUBS + 4 * index as u64, &word.to_le_bytes());
            debug_assert!(poked.is_ok());
        }
        let mut stubs = Stubs { memory, entries: Vec::new(), by_name: HashMap::new() };
        let poked = stubs.memory.poke(stubs.returned(), &SVC.to_le_bytes());
        debug_assert!(poked.is_ok());
        // Words that stand for no function: those of the getter, and the place where calls into the program return to.
        for _ in 0..=THREAD_LOCAL.len() {
            stubs.entries.push((String::new(), None));
        }
        Ok(stubs)
    }

    /// The getter of thread-local variables.
    pub(crate) fn thread_local(&self) -> u64 {
        STUBS
    }

    /// Where calls from a model into the program return to: an `svc` that ends the call.
    pub(crate) fn returned(&self) -> u64 {
        STUBS + 4 * THREAD_LOCAL.len() as u64
    }

    /// The address that stands for a function, modelled or not.
    pub(crate) fn address(&mut self, name: &str) -> Option<u64> {
        if let Some(&address) = self.by_name.get(name) {
            return Some(address);
        }
        self.add(name, libsystem::function(name))
    }

    /// An address that stands for a function of the model's own.
    pub(crate) fn add(&mut self, name: &str, function: Option<Function>) -> Option<u64> {
        let at = 4 * self.entries.len() as u64;
        if at >= ROOM {
            return None;
        }
        self.memory.poke(STUBS + at, &SVC.to_le_bytes()).ok()?;
        self.entries.push((name.to_owned(), function));
        self.by_name.insert(name.to_owned(), STUBS + at);
        Some(STUBS + at)
    }

    /// The function that an address stands for.
    pub(crate) fn get(&self, address: u64) -> Option<(&str, Option<Function>)> {
        let index = address.checked_sub(STUBS)? / 4;
        let (name, function) = self.entries.get(usize::try_from(index).ok()?)?;
        (!name.is_empty()).then_some((name, *function))
    }
}

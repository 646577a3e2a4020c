//! The processor: Unicorn, told by [`Memory`] what each page allows.

mod operand;

use std::cell::Cell;
use std::rc::Rc;

use unicorn_engine::{Arch, Arm64CpuModel, Context, Mode, Prot, RegisterARM64, TlbEntry, TlbType, Unicorn};
use unicorn_engine::{HookType, MemType, uc_error};

use crate::memory::{Access, EXECUTE, Memory, PAGE, READ, START, WRITE};
use crate::verdict::{Fault, Reason};

/// Why the processor stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// An `svc`, behind which the program counter stands.
    SystemCall,
    /// A `brk`, on which the program counter stands.
    Breakpoint,
    /// An instruction that does not exist.
    Undefined,
    /// The program counter stands on the instruction.
    Fault(Fault),
    /// Another exception, by QEMU's number.
    Exception(u32),
    /// It was asked to, so that another thread may run.
    Preempted,
}

pub(crate) struct Cpu {
    uc: Unicorn<'static, ()>,
    event: Rc<Cell<Option<Event>>>,
    memory: Rc<Memory>,
    /// Whether translated code is looked for, whatever its page allows.
    forgets: Rc<Cell<bool>>,
    /// How many blocks are left to be run before another thread gets its turn.
    slice: Rc<Cell<u32>>,
}

/// About a millisecond.
const SLICE: u32 = 50_000;

/// QEMU: target/arm/cpu.h
const EXCP_UDEF: u32 = 1;
const EXCP_SWI: u32 = 2;
const EXCP_BKPT: u32 = 7;

const X: [RegisterARM64; 31] = {
    use RegisterARM64::*;
    [
        X0, X1, X2, X3, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13, X14, X15, X16, X17, X18, X19, X20, X21, X22, X23,
        X24, X25, X26, X27, X28, X29, X30,
    ]
};

impl Cpu {
    /// A processor that sees `memory`, in which code that is made at run time lies from `floor` on.
    pub(crate) fn new(memory: Rc<Memory>, floor: u64) -> Result<Cpu, uc_error> {
        let mut uc = Unicorn::new(Arch::ARM64, Mode::LITTLE_ENDIAN)?;
        uc.ctl_set_cpu_model(Arm64CpuModel::MAX as i32)?;
        uc.ctl_set_page_size(PAGE as u32)?;
        uc.ctl_set_tlb_type(TlbType::VIRTUAL)?;
        // With a list of addresses to stop at, and none in it: Unicorn would forget what it translated around the one
        // that it is given instead, at every stop.
        uc.ctl_exits_enable()?;
        let event = Rc::new(Cell::new(None));

        let forgets = Rc::new(Cell::new(false));
        let (seen, told, asked) = (memory.clone(), event.clone(), forgets.clone());
        uc.add_tlb_hook(0, u64::MAX, move |_, address, kind| {
            if asked.get() {
                return Some(TlbEntry { paddr: address, perms: Prot::EXEC });
            }
            let access = match kind {
                MemType::READ => Access::Read,
                MemType::WRITE => Access::Write,
                _ => Access::Fetch,
            };
            match seen.allowed(address, access) {
                Ok(allowed) => {
                    let bit = |bit, prot| if allowed & bit != 0 { prot } else { Prot::NONE };
                    let perms = bit(READ, Prot::READ) | bit(WRITE, Prot::WRITE) | bit(EXECUTE, Prot::EXEC);
                    Some(TlbEntry { paddr: address, perms })
                }
                Err(fault) => {
                    told.set(Some(Event::Fault(fault)));
                    None
                }
            }
        })?;
        crate::memory::map_into(&mut uc)?;
        // The program's own text is never written. A hook there, which nothing ever calls since all of it is mapped,
        // spares Unicorn the search for writable views of a page for each block that it translates: a sixth of a start.
        uc.add_mem_hook(HookType::MEM_FETCH_UNMAPPED, START, floor - 1, |_, _, _, _, _| false)?;

        let told = event.clone();
        uc.add_intr_hook(move |uc, number| {
            told.set(Some(match number {
                EXCP_UDEF => Event::Undefined,
                EXCP_SWI => Event::SystemCall,
                EXCP_BKPT => Event::Breakpoint,
                other => Event::Exception(other),
            }));
            let stopped = uc.emu_stop();
            debug_assert!(stopped.is_ok());
        })?;

        // Called at the start of each block of instructions, which is where the processor can be stopped between two of
        // them: a stop that another thread asked for would come in the middle of one that loads.
        let (seen, told) = (memory.clone(), event.clone());
        let slice = Rc::new(Cell::new(SLICE));
        let left = slice.clone();
        uc.add_block_hook(1, 0, move |uc, address, len| {
            let mut stop = false;
            if address >= floor
                && let Some(address) = seen.stale(address, u64::from(len))
            {
                let fault = Fault { address, access: Access::Fetch, reason: Reason::Stale };
                told.set(Some(Event::Fault(fault)));
                stop = true;
            }
            left.set(left.get().wrapping_sub(1));
            if left.get() == 0 || stop {
                let stopped = uc.emu_stop();
                debug_assert!(stopped.is_ok());
            }
        })?;
        Ok(Cpu { uc, event, memory, forgets, slice })
    }

    /// Runs from the program counter on.
    pub(crate) fn run(&mut self) -> Event {
        if self.memory.take_changed() {
            let flushed = self.uc.ctl_flush_tlb();
            debug_assert!(flushed.is_ok());
        }
        self.event.set(None);
        let pc = self.pc();
        let result = self.uc.emu_start(pc, 0, 0, 0);
        if self.slice.get() == 0 || self.slice.get() > SLICE {
            self.slice.set(SLICE);
        }
        match (result, self.event.take()) {
            // A page that was only asked about, and is not there.
            (Ok(()), Some(Event::Fault(fault))) if fault.reason != Reason::Stale => Event::Preempted,
            (Ok(()), Some(event)) => event,
            (Err(uc_error::EXCEPTION), Some(Event::Fault(fault))) => {
                Event::Fault(Fault { address: self.fault_address(fault), ..fault })
            }
            (Ok(()), None) => Event::Preempted,
            (Err(_), _) => Event::Undefined,
        }
    }

    /// Unicorn says the page of a fault; the instruction says the address in it.
    fn fault_address(&self, fault: Fault) -> u64 {
        let pc = self.pc();
        if fault.access == Access::Fetch {
            return pc;
        }
        let word = self.memory.get(pc).map_or(0, u32::from_le_bytes);
        let address = operand::address(word, pc, |number| if number == 31 { self.sp() } else { self.x(number) });
        // An access that crosses into the page fails at the page's start.
        address.filter(|address| address / PAGE == fault.address / PAGE).unwrap_or(fault.address)
    }

    /// Lets translated code go whose bytes may have changed.
    pub(crate) fn forget_code(&mut self, start: u64, len: u64) {
        // Unicorn finds the code by the page's entry, and does nothing, silently, where the page may not be executed now.
        self.forgets.set(true);
        let removed = self.uc.ctl_remove_cache(start, start + len);
        self.forgets.set(false);
        self.memory.set_changed();
        debug_assert!(removed.is_ok());
    }

    fn get(&self, register: RegisterARM64) -> u64 {
        self.uc.reg_read(register).unwrap_or_default()
    }

    fn set(&mut self, register: RegisterARM64, value: u64) {
        let written = self.uc.reg_write(register, value);
        debug_assert!(written.is_ok());
    }

    /// `x0` to `x30`
    pub(crate) fn x(&self, number: usize) -> u64 {
        self.get(X[number])
    }

    pub(crate) fn set_x(&mut self, number: usize, value: u64) {
        self.set(X[number], value);
    }

    pub(crate) fn sp(&self) -> u64 {
        self.get(RegisterARM64::SP)
    }

    pub(crate) fn set_sp(&mut self, value: u64) {
        self.set(RegisterARM64::SP, value);
    }

    pub(crate) fn pc(&self) -> u64 {
        self.get(RegisterARM64::PC)
    }

    pub(crate) fn set_pc(&mut self, value: u64) {
        self.set(RegisterARM64::PC, value);
    }

    /// The flags, as in `NZCV`.
    pub(crate) fn flags(&self) -> u64 {
        self.get(RegisterARM64::NZCV) & 0xf000_0000
    }

    pub(crate) fn set_flags(&mut self, value: u64) {
        self.set(RegisterARM64::NZCV, value & 0xf000_0000);
    }

    pub(crate) fn set_carry(&mut self, carry: bool) {
        const CARRY: u64 = 1 << 29;
        self.set_flags(if carry { self.flags() | CARRY } else { self.flags() & !CARRY });
    }

    /// A double in `d0` to `d31`.
    pub(crate) fn d(&self, number: usize) -> f64 {
        f64::from_bits(self.v(number) as u64)
    }

    pub(crate) fn set_d(&mut self, number: usize, value: f64) {
        self.set_v(number, u128::from(value.to_bits()));
    }

    pub(crate) fn s(&self, number: usize) -> f32 {
        f32::from_bits(self.v(number) as u32)
    }

    pub(crate) fn set_s(&mut self, number: usize, value: f32) {
        self.set_v(number, u128::from(value.to_bits()));
    }

    /// `v0` to `v31`, whole.
    pub(crate) fn v(&self, number: usize) -> u128 {
        let bytes = self.uc.reg_read_long(RegisterARM64::Q0 as i32 + number as i32).unwrap_or_default();
        bytes.first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes))
    }

    pub(crate) fn set_v(&mut self, number: usize, value: u128) {
        let written = self.uc.reg_write_long(RegisterARM64::Q0 as i32 + number as i32, &value.to_le_bytes());
        debug_assert!(written.is_ok());
    }

    pub(crate) fn set_thread_pointer(&mut self, value: u64) {
        self.set(RegisterARM64::TPIDRRO_EL0, value);
    }

    /// The registers of a thread that does not run.
    pub(crate) fn save(&self) -> Result<Context, uc_error> {
        self.uc.context_init()
    }

    pub(crate) fn save_to(&self, context: &mut Context) {
        let saved = self.uc.context_save(context);
        debug_assert!(saved.is_ok());
    }

    pub(crate) fn restore(&mut self, context: &Context) {
        let restored = self.uc.context_restore(context);
        debug_assert!(restored.is_ok());
    }
}

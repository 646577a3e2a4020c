//! A process: its processor, its memory, its threads, and what they ask of the system.

pub(crate) mod heap;
pub(crate) mod signals;
pub(crate) mod start;
pub(crate) mod stubs;
pub(crate) mod sync;
pub(crate) mod threads;

use std::rc::Rc;

use crate::cpu::{Cpu, Event};
use crate::kernel::errno::Errno;
use crate::kernel::{self, Kernel};
use crate::libsystem::{self, LibSystem};
use crate::loader::Image;
use crate::memory::{Access, Memory};
use crate::signature::Signing;
use crate::verdict::{Fault, Reason, Verdict};
use heap::Heap;
use signals::Signals;
use stubs::Stubs;
use sync::Sync;
use threads::{Threads, Wait};

/// Why a modelled function does not simply return.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It fails with an error number.
    Errno(Errno),
    /// It is to be called again when something has happened.
    Block(Wait),
    /// It has set the registers itself.
    Jumped,
    /// It touched memory that the program may not touch.
    Fault(Fault),
    End(Verdict),
    /// The process ends with this status.
    Exit(i32),
    /// The process ends by this signal, one of Darwin's.
    Killed(i32),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Stop {
        Stop::Errno(errno)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}

/// What a modelled function leaves in `x0`.
pub(crate) type Answer = Result<u64, Stop>;
pub(crate) type Function = fn(&mut Machine) -> Answer;

pub(crate) struct Machine {
    pub(crate) cpu: Cpu,
    pub(crate) memory: Rc<Memory>,
    pub(crate) signing: Signing,
    pub(crate) image: Image,
    pub(crate) threads: Threads,
    pub(crate) stubs: Stubs,
    pub(crate) heap: Heap,
    pub(crate) sync: Sync,
    pub(crate) signals: Signals,
    pub(crate) kernel: Kernel,
    pub(crate) library: LibSystem,
    /// Whether every modelled call is said on standard error.
    pub(crate) trace: bool,
    /// How many calls from a model into the program are under way.
    depth: usize,
}

impl Machine {
    /// Runs until the process ends.
    pub(crate) fn run(&mut self) -> Stop {
        loop {
            match self.step() {
                Ok(()) | Err(Stop::Jumped) => {}
                Err(stop) => return stop,
            }
        }
    }

    /// Runs up to the next event, and answers it.
    fn step(&mut self) -> Result<(), Stop> {
        self.take_signals()?;
        match self.cpu.run() {
            Event::SystemCall => {
                let at = self.cpu.pc() - 4;
                if at == self.stubs.returned() && self.depth > 0 {
                    self.cpu.set_pc(at);
                    return Ok(());
                }
                match self.stubs.get(at) {
                    Some((_, Some(function))) => self.call_modelled(at, function),
                    Some((name, None)) => {
                        let (name, caller) = (name.trim_start_matches('_').to_owned(), self.place(self.cpu.x(30)));
                        Err(Stop::End(Verdict::MissingFunction { name, caller }))
                    }
                    None => self.system_call(at),
                }
            }
            Event::Preempted => {
                if self.depth == 0 {
                    self.switch(None)?;
                }
                Ok(())
            }
            Event::Fault(fault) => self.fault(fault),
            Event::Breakpoint => self.trap(signals::SIGTRAP),
            Event::Undefined => self.trap(signals::SIGILL),
            Event::Exception(number) => {
                Err(Stop::End(Verdict::NotModelled(format!("exception {number} at {}", self.place(self.cpu.pc())))))
            }
        }
    }

    fn call_modelled(&mut self, at: u64, function: Function) -> Result<(), Stop> {
        let back = self.cpu.x(30);
        if self.trace {
            let name = self.stubs.get(at).map_or("?", |(name, _)| name);
            let [a, b, c, d] = [0, 1, 2, 3].map(|number| self.cpu.x(number));
            let (thread, place) = (self.threads.current().id, self.place(back));
            eprintln!("darwin-run: [{thread}] {name}({a:#x}, {b:#x}, {c:#x}, {d:#x}) from {place}");
        }
        match function(self) {
            Ok(value) => {
                self.cpu.set_x(0, value);
                self.cpu.set_pc(back);
                Ok(())
            }
            Err(Stop::Errno(errno)) => {
                self.set_errno(errno)?;
                self.cpu.set_x(0, u64::MAX);
                self.cpu.set_pc(back);
                Ok(())
            }
            Err(stop) => self.suspended(at, stop),
        }
    }

    fn system_call(&mut self, at: u64) -> Result<(), Stop> {
        match kernel::system_call(self) {
            Ok(value) => {
                self.cpu.set_x(0, value);
                self.cpu.set_carry(false);
                Ok(())
            }
            Err(Stop::Errno(Errno(number))) => {
                self.cpu.set_x(0, number as u64);
                self.cpu.set_carry(true);
                Ok(())
            }
            Err(stop) => self.suspended(at, stop),
        }
    }

    /// A call that began at `at` and did not return.
    fn suspended(&mut self, at: u64, stop: Stop) -> Result<(), Stop> {
        match stop {
            Stop::Block(wait) => {
                self.cpu.set_pc(at);
                if self.depth > 0 {
                    let what =
                        format!("a callback of a modelled function that waits, in {}", self.place(self.cpu.x(30)));
                    return Err(Stop::End(Verdict::NotModelled(what)));
                }
                self.switch(Some(wait))
            }
            Stop::Fault(fault) => {
                // As if the caller had touched it.
                let back = self.cpu.x(30);
                self.cpu.set_pc(back.wrapping_sub(4));
                self.fault(fault)
            }
            stop => Err(stop),
        }
    }

    /// An access that was refused: an ending of its own, or a signal.
    fn fault(&mut self, fault: Fault) -> Result<(), Stop> {
        let address = fault.address;
        if self.trace {
            eprintln!("darwin-run: {fault:x?} at {}, from {}", self.place(self.cpu.pc()), self.place(self.cpu.x(30)));
        }
        let here = self.place(self.cpu.pc());
        let from = self.place(self.cpu.x(30).wrapping_sub(4));
        Err(Stop::End(match fault.reason {
            Reason::Unmapped => {
                return self.signal_fault(signals::SIGSEGV, signals::SEGV_MAPERR, address, syndrome(fault));
            }
            Reason::Protected => {
                // Below the main stack it is a SIGSEGV (xnu: bsd/uxkern/ux_exception.c).
                let guard = self.threads.is_main() && self.threads.current().guard().contains(&address);
                let (signal, code) = if guard {
                    (signals::SIGSEGV, signals::SEGV_ACCERR)
                } else {
                    (signals::SIGBUS, signals::BUS_ADRALN)
                };
                return self.signal_fault(signal, code, address, syndrome(fault));
            }
            Reason::JitWrite => Verdict::JitWrite { address, pc: here },
            Reason::JitExecute => Verdict::JitExecute { address, pc: from },
            Reason::CodeSigning => Verdict::CodeSigning { address, from },
            Reason::Stale => Verdict::StaleInstructions { address, from },
        }))
    }

    fn trap(&mut self, signal: i32) -> Result<(), Stop> {
        let pc = self.cpu.pc();
        self.signal_fault(signal, 1, pc, 0)
    }

    /// Calls a function of the program and comes back with `x0`. It must not wait, and must return.
    pub(crate) fn call(&mut self, function: u64, args: &[u64]) -> Answer {
        let mut saved = self.cpu.save().map_err(|_| Stop::Errno(crate::kernel::errno::ENOMEM))?;
        self.cpu.save_to(&mut saved);
        for (number, value) in args.iter().enumerate() {
            self.cpu.set_x(number, *value);
        }
        self.cpu.set_sp(self.cpu.sp() & !15);
        self.cpu.set_x(30, self.stubs.returned());
        self.cpu.set_pc(function);
        self.depth += 1;
        let result = loop {
            match self.step() {
                Ok(()) | Err(Stop::Jumped) => {}
                Err(stop) => break Err(stop),
            }
            if self.cpu.pc() == self.stubs.returned() {
                break Ok(self.cpu.x(0));
            }
        };
        self.depth -= 1;
        self.cpu.restore(&saved);
        result
    }

    /// An address for people: symbol and offset where one is known.
    pub(crate) fn place(&self, address: u64) -> String {
        match self.image.symbol_at(address) {
            Some((name, 0)) => format!("`{name}`"),
            Some((name, offset)) => format!("`{name}`+{offset:#x}"),
            None => format!("code at {address:#x}"),
        }
    }

    /// Where the thread is that runs, for people: in a modelled function, also who called it.
    pub(crate) fn whereabouts(&self) -> String {
        let pc = self.cpu.pc();
        // Behind the `svc` that leads into the model.
        match self.stubs.get(pc.wrapping_sub(4)) {
            Some((name, _)) => {
                let caller = self.place(self.cpu.x(30).wrapping_sub(4));
                format!("`{}`, called by {caller}", name.strip_prefix('_').unwrap_or(name))
            }
            None => self.place(pc),
        }
    }

    pub(crate) fn x(&self, number: usize) -> u64 {
        self.cpu.x(number)
    }

    /// The argument with this number, from 0, behind the named ones of a variadic function: Apple passes them on the
    /// stack, eight bytes each.
    pub(crate) fn variadic(&self, number: u64) -> Answer {
        Ok(self.memory.u64(self.cpu.sp() + 8 * number)?)
    }

    pub(crate) fn set_errno(&mut self, errno: Errno) -> Result<(), Stop> {
        let at = self.threads.current().errno_address();
        Ok(self.memory.put_u32(at, errno.0 as u32)?)
    }
}

/// `ESR_EL1` for an access that was refused (*Arm Architecture Reference Manual*, D24.2.40): its class, whether it was a
/// write, and whether there was a page.
fn syndrome(fault: Fault) -> u32 {
    const INSTRUCTION_ABORT: u32 = 0x20 << 26;
    const DATA_ABORT: u32 = 0x24 << 26;
    const LENGTH: u32 = 1 << 25;
    const WRITE: u32 = 1 << 6;
    let page = if fault.reason == Reason::Unmapped { 0x7 } else { 0xf };
    let class = match fault.access {
        Access::Fetch => INSTRUCTION_ABORT,
        Access::Read => DATA_ABORT,
        Access::Write => DATA_ABORT | WRITE,
    };
    class | LENGTH | page
}

/// Whether a name is one of libSystem's that is modelled.
pub(crate) fn is_modelled(name: &str) -> bool {
    libsystem::function(name).is_some()
}

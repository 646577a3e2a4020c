//! Signals: which handlers the program has, and how they are entered and left. The frame on the stack has the layout
//! of Darwin's `siginfo_t`, `ucontext_t` and arm64 machine context (xnu: bsd/sys/signal.h, bsd/sys/_types/_ucontext.h,
//! bsd/arm/_mcontext.h, osfmk/mach/arm/_structs.h).

use std::collections::VecDeque;

use super::threads::Thread;
use super::{Answer, Machine, Stop};
use crate::kernel::errno::{EINVAL, Errno};
use crate::kernel::host;
use crate::verdict::Fault;

pub(crate) const SIGILL: i32 = 4;
pub(crate) const SIGTRAP: i32 = 5;
pub(crate) const SIGABRT: i32 = 6;
pub(crate) const SIGKILL: i32 = 9;
pub(crate) const SIGBUS: i32 = 10;
pub(crate) const SIGSEGV: i32 = 11;
const SIGSTOP: i32 = 17;
const SIGCHLD: i32 = 20;
/// Ignored unless a handler says otherwise.
const IGNORED: [i32; 6] = [16, 18, 19, SIGCHLD, 23, 28];

pub(crate) const SEGV_MAPERR: i32 = 1;
pub(crate) const SEGV_ACCERR: i32 = 2;
pub(crate) const BUS_ADRALN: i32 = 1;

pub(crate) const SIG_DFL: u64 = 0;
pub(crate) const SIG_IGN: u64 = 1;
const SA_ONSTACK: u32 = 0x1;
const SA_RESETHAND: u32 = 0x4;
const SA_NODEFER: u32 = 0x10;
const SS_DISABLE: u32 = 4;

/// Darwin's numbers, by the host's.
const NUMBERS: [(i32, i32); 31] = [
    (libc::SIGHUP, 1),
    (libc::SIGINT, 2),
    (libc::SIGQUIT, 3),
    (libc::SIGILL, 4),
    (libc::SIGTRAP, 5),
    (libc::SIGABRT, 6),
    (libc::SIGFPE, 8),
    (libc::SIGKILL, 9),
    (libc::SIGBUS, 10),
    (libc::SIGSEGV, 11),
    (libc::SIGSYS, 12),
    (libc::SIGPIPE, 13),
    (libc::SIGALRM, 14),
    (libc::SIGTERM, 15),
    (libc::SIGURG, 16),
    (libc::SIGSTOP, 17),
    (libc::SIGTSTP, 18),
    (libc::SIGCONT, 19),
    (libc::SIGCHLD, 20),
    (libc::SIGTTIN, 21),
    (libc::SIGTTOU, 22),
    (libc::SIGIO, 23),
    (libc::SIGXCPU, 24),
    (libc::SIGXFSZ, 25),
    (libc::SIGVTALRM, 26),
    (libc::SIGPROF, 27),
    (libc::SIGWINCH, 28),
    (libc::SIGUSR1, 30),
    (libc::SIGUSR2, 31),
    // A host's signal that Darwin does not have.
    (libc::SIGSTKFLT, 7),
    (libc::SIGPWR, 29),
];

pub(crate) fn of_host(signal: i32) -> i32 {
    NUMBERS.iter().find(|(host, _)| *host == signal).map_or(signal, |(_, darwin)| *darwin)
}

pub(crate) fn to_host(signal: i32) -> Option<i32> {
    NUMBERS.iter().find(|(_, darwin)| *darwin == signal).map(|(host, _)| *host)
}

#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Action {
    pub(crate) handler: u64,
    pub(crate) mask: u32,
    pub(crate) flags: u32,
}

#[derive(Default)]
pub(crate) struct Signals {
    pub(crate) actions: [Action; 32],
    /// Where handlers return to.
    pub(crate) back: u64,
}

impl Signals {
    /// Whether a signal from outside could wake a thread.
    pub(crate) fn can_arrive(&self) -> bool {
        self.actions.iter().any(|action| action.handler > SIG_IGN)
    }

    /// Gives signals that have come from outside to a thread that does not block them.
    pub(crate) fn take_arrived(&self, threads: &mut VecDeque<Thread>) -> bool {
        let arrived = host::take_signals();
        for number in (1..64).filter(|number| arrived & (1 << number) != 0) {
            let bit = 1_u32 << of_host(number);
            let open = threads.iter_mut().find(|thread| thread.blocked_signals & (bit >> 1) == 0);
            if let Some(thread) = open {
                thread.pending_signals |= bit;
            }
        }
        arrived != 0
    }
}

/// Sizes and offsets in the frame.
const SIGINFO: u64 = 104;
const UCONTEXT: u64 = 56;
const MCONTEXT: u64 = 816;
const FRAME: u64 = 1024;
/// In the machine context: exception state, thread state, vector state.
const STATE: u64 = 16;
const VECTORS: u64 = 288;

impl Machine {
    /// What `sigaction` sets. Gives what was set before.
    pub(crate) fn set_action(&mut self, signal: i32, action: Action) -> Result<Action, Errno> {
        if !(1..32).contains(&signal) || signal == SIGKILL || signal == SIGSTOP {
            return Err(EINVAL);
        }
        let before = std::mem::replace(&mut self.signals.actions[signal as usize], action);
        // What a program does to itself never reaches the host's handlers; what comes from outside does.
        let own = [SIGILL, SIGTRAP, SIGABRT, 8, SIGBUS, SIGSEGV, 12].contains(&signal);
        if let Some(number) = to_host(signal) {
            host::set_disposition(
                number,
                match action.handler {
                    SIG_DFL => host::Disposition::Default,
                    SIG_IGN => host::Disposition::Ignore,
                    _ if own => host::Disposition::Default,
                    _ => host::Disposition::Record,
                },
            );
        }
        Ok(before)
    }

    /// Delivers what waits for the thread that runs.
    pub(crate) fn take_signals(&mut self) -> Result<(), Stop> {
        if host::signals_arrived() {
            let Machine { signals, threads, .. } = self;
            threads.with_all(|all| signals.take_arrived(all));
        }
        let thread = self.threads.current();
        if thread.pending_signals == 0 {
            return Ok(());
        }
        let ready = thread.pending_signals & !(thread.blocked_signals << 1);
        if ready == 0 {
            return Ok(());
        }
        let signal = ready.trailing_zeros() as i32;
        self.threads.current_mut().pending_signals &= !(1 << signal);
        self.deliver(signal, 0, 0, 0)
    }

    /// A signal that the thread raises itself: `raise`, `pthread_kill`, `kill` of its own process.
    pub(crate) fn raise(&mut self, signal: i32) -> Answer {
        if !(0..32).contains(&signal) {
            return Err(EINVAL.into());
        }
        self.threads.current_mut().pending_signals |= 1 << signal & !1;
        Ok(0)
    }

    /// What the processor did raises a signal; `syndrome` is what `ESR_EL1` would be.
    pub(crate) fn signal_fault(&mut self, signal: i32, code: i32, address: u64, syndrome: u32) -> Result<(), Stop> {
        // A fault cannot be blocked.
        let blocked = self.threads.current().blocked_signals & (1 << (signal - 1)) != 0;
        if blocked || self.signals.actions[signal as usize].handler == SIG_IGN {
            return Err(Stop::Killed(signal));
        }
        self.deliver(signal, code, address, syndrome)
    }

    fn deliver(&mut self, signal: i32, code: i32, address: u64, syndrome: u32) -> Result<(), Stop> {
        let action = self.signals.actions[signal as usize];
        match action.handler {
            SIG_DFL if IGNORED.contains(&signal) => return Ok(()),
            SIG_DFL => return Err(Stop::Killed(signal)),
            SIG_IGN => return Ok(()),
            _ => {}
        }
        let (stack, size, flags) = self.threads.current().alternate_stack;
        let sp = self.cpu.sp();
        let on_it = (stack..stack + size).contains(&sp) && flags & SS_DISABLE == 0;
        let top = if action.flags & SA_ONSTACK != 0 && flags & SS_DISABLE == 0 && !on_it { stack + size } else { sp };
        // Below the frame there is a red zone of 128 bytes.
        let frame = (top - 128 - FRAME) & !15;
        if self.write_frame(frame, signal, code, address, syndrome).is_err() {
            // No stack to run the handler on.
            return Err(Stop::Killed(signal));
        }
        let thread = self.threads.current_mut();
        thread.frames.push(frame);
        thread.blocked_signals |= action.mask;
        if action.flags & SA_NODEFER == 0 {
            thread.blocked_signals |= 1 << (signal - 1);
        }
        if action.flags & SA_RESETHAND != 0 {
            self.signals.actions[signal as usize] = Action::default();
        }
        self.cpu.set_sp(frame);
        self.cpu.set_x(0, signal as u64);
        self.cpu.set_x(1, frame);
        self.cpu.set_x(2, frame + SIGINFO);
        self.cpu.set_x(29, 0);
        self.cpu.set_x(30, self.signals.back);
        self.cpu.set_pc(action.handler);
        Ok(())
    }

    fn write_frame(&mut self, frame: u64, signal: i32, code: i32, address: u64, syndrome: u32) -> Result<(), Fault> {
        let memory = self.memory.clone();
        memory.bytes_mut(frame, FRAME)?.fill(0);
        memory.put_u32(frame, signal as u32)?;
        memory.put_u32(frame + 8, code as u32)?;
        memory.put_u32(frame + 12, std::process::id())?;
        memory.put_u64(frame + 24, address)?;
        let context = frame + SIGINFO;
        let machine = (context + UCONTEXT).next_multiple_of(16);
        let thread = self.threads.current();
        let (stack, size, flags) = thread.alternate_stack;
        memory.put_u32(context + 4, thread.blocked_signals)?;
        memory.put_u64(context + 8, stack)?;
        memory.put_u64(context + 16, size)?;
        memory.put_u32(context + 24, flags)?;
        memory.put_u64(context + 40, MCONTEXT)?;
        memory.put_u64(context + 48, machine)?;
        memory.put_u64(machine, address)?;
        memory.put_u32(machine + 8, syndrome)?;
        for number in 0..31 {
            memory.put_u64(machine + STATE + 8 * number, self.cpu.x(number as usize))?;
        }
        memory.put_u64(machine + STATE + 248, self.cpu.sp())?;
        memory.put_u64(machine + STATE + 256, self.cpu.pc())?;
        memory.put_u32(machine + STATE + 264, self.cpu.flags() as u32)?;
        for number in 0..32 {
            memory.put(machine + VECTORS + 16 * number, &self.cpu.v(number as usize).to_le_bytes())?;
        }
        Ok(())
    }

    /// The registers `x0` to `x30`, `sp` and `pc` that the frame of a handler has.
    pub(crate) fn interrupted(&self, frame: u64) -> Result<([u64; 31], u64, u64), Fault> {
        let machine = self.memory.u64(frame + SIGINFO + 48)?;
        let mut x = [0; 31];
        for (number, register) in x.iter_mut().enumerate() {
            *register = self.memory.u64(machine + STATE + 8 * number as u64)?;
        }
        Ok((x, self.memory.u64(machine + STATE + 248)?, self.memory.u64(machine + STATE + 256)?))
    }

    /// Where a handler returns to: the registers are again what its frame says, which it may have changed.
    pub(crate) fn handler_returned(&mut self) -> Answer {
        let frame = self.threads.current_mut().frames.pop().ok_or(Stop::Killed(SIGSEGV))?;
        let memory = self.memory.clone();
        let context = frame + SIGINFO;
        self.threads.current_mut().blocked_signals = memory.u32(context + 4)?;
        let machine = memory.u64(context + 48)?;
        let (x, sp, pc) = self.interrupted(frame)?;
        for (number, value) in x.into_iter().enumerate() {
            self.cpu.set_x(number, value);
        }
        self.cpu.set_sp(sp);
        self.cpu.set_pc(pc);
        self.cpu.set_flags(u64::from(memory.u32(machine + STATE + 264)?));
        for number in 0..32 {
            self.cpu.set_v(number as usize, u128::from_le_bytes(memory.get(machine + VECTORS + 16 * number)?));
        }
        Err(Stop::Jumped)
    }
}

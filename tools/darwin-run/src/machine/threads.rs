//! Threads, of which one runs at a time: which, until when, and what the others wait for.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use unicorn_engine::Context;

use super::{Machine, Stop};
use crate::kernel::errno::{EAGAIN, Errno};
use crate::kernel::host;
use crate::memory::{JitMode, Kind, Memory, PAGE, READ, WRITE};
use crate::verdict::Verdict;

/// What a call waits for. It is made again when any of it has happened.
#[derive(Clone, Default, Debug)]
pub(crate) struct Wait {
    /// An address that [`Machine::wake`] is called with.
    pub(crate) key: Option<u64>,
    pub(crate) fds: Vec<libc::pollfd>,
    pub(crate) deadline: Option<Instant>,
    /// For what the host cannot wait for together with the rest: it is looked at again soon.
    pub(crate) again: bool,
}

impl Wait {
    pub(crate) fn key(key: u64) -> Wait {
        Wait { key: Some(key), ..Wait::default() }
    }

    pub(crate) fn fd(fd: i32, events: i16) -> Wait {
        Wait { fds: vec![libc::pollfd { fd, events, revents: 0 }], ..Wait::default() }
    }

    pub(crate) fn until(self, deadline: Option<Instant>) -> Wait {
        Wait { deadline, ..self }
    }
}

/// What a call that is made again has done already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pending {
    /// It waits until then.
    Until(Instant),
    /// It has given the mutex back and is in the queue of the condition variable.
    Condition { deadline: Option<Instant>, signalled: bool },
    /// It holds a place in a queue of a semaphore.
    Queued { deadline: Option<Instant>, given: bool },
    /// It has started this child.
    Child(i32),
}

#[derive(Debug)]
enum State {
    Ready,
    Waiting(Wait),
    Ended,
}

pub(crate) struct Thread {
    /// As `pthread_threadid_np` says it.
    pub(crate) id: u64,
    /// The `pthread_t`, and what the thread pointer points to.
    pub(crate) block: u64,
    /// The lowest address of the stack, and the one above it.
    pub(crate) stack: (u64, u64),
    mapping: Option<(u64, u64)>,
    context: Option<Context>,
    state: State,
    pub(crate) jit_mode: JitMode,
    pub(crate) pending: Option<Pending>,
    pub(crate) name: Vec<u8>,
    pub(crate) detached: bool,
    pub(crate) result: u64,
    pub(crate) specific: HashMap<u64, u64>,
    /// Functions with their arguments, to be called last in, first out.
    pub(crate) destructors: Vec<(u64, u64)>,
    pub(crate) blocked_signals: u32,
    pub(crate) pending_signals: u32,
    /// `sp`, size and flags of `sigaltstack`.
    pub(crate) alternate_stack: (u64, u64, u32),
    /// Where the frames of signal handlers lie that have not returned.
    pub(crate) frames: Vec<u64>,
}

/// Offsets in a thread's block.
const ERRNO: u64 = 8;
pub(crate) const THREAD_LOCALS: u64 = 16;
/// The block and the thread-local variables lie in pages of their own above the stack.
const BLOCK: u64 = PAGE;

impl Thread {
    pub(crate) fn errno_address(&self) -> u64 {
        self.block + ERRNO
    }

    /// The page below the stack, which nothing may access.
    pub(crate) fn guard(&self) -> std::ops::Range<u64> {
        self.stack.0 - PAGE..self.stack.0
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }
}

/// The initial contents of thread-local variables.
#[derive(Clone, Default, Debug)]
pub(crate) struct Template {
    pub(crate) data: Vec<u8>,
    pub(crate) size: u64,
}

pub(crate) struct Threads {
    /// The one that runs is the first.
    all: VecDeque<Thread>,
    next_id: u64,
    pub(crate) template: Template,
    /// Highest of the addresses that threads' stacks are looked for at.
    area: u64,
}

impl Threads {
    pub(crate) fn new(area: u64) -> Threads {
        Threads { all: VecDeque::new(), next_id: 1, template: Template::default(), area }
    }

    pub(crate) fn current(&self) -> &Thread {
        &self.all[0]
    }

    pub(crate) fn current_mut(&mut self) -> &mut Thread {
        &mut self.all[0]
    }

    pub(crate) fn by_block(&mut self, block: u64) -> Option<&mut Thread> {
        self.all.iter_mut().find(|thread| thread.block == block)
    }

    pub(crate) fn with_all<T>(&mut self, look: impl FnOnce(&mut VecDeque<Thread>) -> T) -> T {
        look(&mut self.all)
    }

    /// Whether more than one could run now.
    pub(crate) fn contended(&self) -> bool {
        self.all.iter().filter(|thread| !thread.has_ended()).count() > 1
    }

    pub(crate) fn is_main(&self) -> bool {
        self.current().id == 1
    }

    /// Only the thread that runs is left, as in the child of a fork.
    pub(crate) fn keep_current(&mut self) {
        self.all.truncate(1);
    }

    /// Makes a thread with a stack of at least `stack` bytes. Its registers are to be set by who runs it.
    fn create(&mut self, memory: &Memory, stack: u64) -> Result<Thread, Errno> {
        let stack = stack.next_multiple_of(PAGE);
        let locals = self.template.size.next_multiple_of(PAGE);
        let len = PAGE + stack + BLOCK + locals;
        let start = memory.find(self.area, len).ok_or(EAGAIN)?;
        // The lowest page stays without access: the guard.
        memory.map(start, len, READ | WRITE, Kind::Anonymous).map_err(|_| EAGAIN)?;
        memory.protect(start, PAGE, 0);
        let bottom = start + PAGE;
        let block = bottom + stack;
        let put = |at, value: u64| memory.poke(at, &value.to_le_bytes()).map_err(|_| EAGAIN);
        put(block, block)?;
        put(block + THREAD_LOCALS, block + BLOCK)?;
        memory.poke(block + BLOCK, &self.template.data).map_err(|_| EAGAIN)?;
        let id = self.next_id;
        self.next_id += 1;
        Ok(Thread {
            id,
            block,
            stack: (bottom, block),
            mapping: Some((start, len)),
            context: None,
            state: State::Ready,
            jit_mode: JitMode::default(),
            pending: None,
            name: Vec::new(),
            detached: false,
            result: 0,
            specific: HashMap::new(),
            destructors: Vec::new(),
            blocked_signals: 0,
            pending_signals: 0,
            alternate_stack: (0, 0, 4),
            frames: Vec::new(),
        })
    }
}

impl Machine {
    /// Makes the first thread, and lets it run next.
    pub(crate) fn first_thread(&mut self, stack: u64) -> Result<(), Errno> {
        let thread = self.threads.create(&self.memory, stack)?;
        self.cpu.set_thread_pointer(thread.block);
        self.cpu.set_sp(thread.stack.1);
        self.threads.all.push_front(thread);
        Ok(())
    }

    /// Makes a thread that will run `function(argument)` and return to `back`. Gives its `pthread_t`.
    pub(crate) fn new_thread(&mut self, stack: u64, function: u64, argument: u64, back: u64) -> Result<u64, Errno> {
        let mut thread = self.threads.create(&self.memory, stack)?;
        let here = self.cpu.save().map_err(|_| EAGAIN)?;
        self.cpu.set_thread_pointer(thread.block);
        self.cpu.set_sp(thread.stack.1);
        self.cpu.set_x(0, argument);
        self.cpu.set_x(29, 0);
        self.cpu.set_x(30, back);
        self.cpu.set_pc(function);
        thread.context = Some(self.cpu.save().map_err(|_| EAGAIN)?);
        thread.blocked_signals = self.threads.current().blocked_signals;
        self.cpu.restore(&here);
        let block = thread.block;
        self.threads.all.push_back(thread);
        Ok(block)
    }

    /// Ends the thread that runs, and lets another one run.
    pub(crate) fn end_thread(&mut self) -> Result<(), Stop> {
        let thread = self.threads.current_mut();
        thread.state = State::Ended;
        let block = thread.block;
        self.wake(block, usize::MAX);
        self.switch_from_here()
    }

    /// Forgets a thread that has ended.
    pub(crate) fn reap_thread(&mut self, block: u64) {
        if let Some(at) = self.threads.all.iter().position(|thread| thread.block == block && thread.has_ended())
            && let Some(Thread { mapping: Some((start, len)), .. }) = self.threads.all.remove(at)
        {
            let unmapped = self.memory.unmap(start, len);
            debug_assert!(unmapped.is_ok());
        }
    }

    /// Lets at most `most` threads run that wait with this key. Gives how many.
    pub(crate) fn wake(&mut self, key: u64, most: usize) -> usize {
        let waits = |thread: &&mut Thread| matches!(&thread.state, State::Waiting(wait) if wait.key == Some(key));
        let mut woken = 0;
        for thread in self.threads.all.iter_mut().filter(waits).take(most) {
            thread.state = State::Ready;
            woken += 1;
        }
        woken
    }

    /// Lets the threads run that wait with this key and what `choose` says of what they have done already; it may change it.
    pub(crate) fn wake_pending(&mut self, key: u64, most: usize, choose: impl Fn(&mut Pending) -> bool) -> usize {
        let mut woken = 0;
        for thread in &mut self.threads.all {
            let waits = matches!(&thread.state, State::Waiting(wait) if wait.key == Some(key));
            if waits && woken < most && thread.pending.as_mut().is_some_and(&choose) {
                thread.state = State::Ready;
                woken += 1;
            }
        }
        woken
    }

    /// Lets one thread run, whatever it waits for.
    pub(crate) fn interrupt(&mut self, block: u64) {
        if let Some(thread) = self.threads.by_block(block).filter(|thread| !thread.has_ended()) {
            thread.state = State::Ready;
        }
    }

    /// Lets the next thread run; the one that runs goes on later, or when what it waits for has happened.
    pub(crate) fn switch(&mut self, wait: Option<Wait>) -> Result<(), Stop> {
        if let Some(wait) = wait {
            self.threads.current_mut().state = State::Waiting(wait);
        }
        self.switch_from_here()
    }

    fn switch_from_here(&mut self) -> Result<(), Stop> {
        let from = self.threads.current().id;
        let next = loop {
            self.look_at_host(Duration::ZERO)?;
            // The one that runs comes last.
            let order = (1..self.threads.all.len()).chain([0]);
            let ready = order.into_iter().find(|&at| matches!(self.threads.all[at].state, State::Ready));
            match ready {
                Some(next) => break next,
                None => self.wait_for_host()?,
            }
        };
        if self.threads.all[next].id == from {
            return Ok(());
        }
        let context = self.cpu.save().map_err(|_| Stop::Errno(EAGAIN))?;
        self.threads.all[0].context = Some(context);
        // Everybody keeps their turn: what stood before the next one goes to the end.
        self.threads.all.rotate_left(next);
        let thread = &mut self.threads.all[0];
        if let Some(context) = thread.context.take() {
            self.cpu.restore(&context);
        }
        self.memory.set_jit_mode(thread.jit_mode);
        let ended: Vec<u64> =
            self.threads.all.iter().filter(|thread| thread.has_ended() && thread.detached).map(|t| t.block).collect();
        for block in ended {
            self.reap_thread(block);
        }
        Ok(())
    }

    /// Waits until something that a thread waits for may have happened.
    fn wait_for_host(&mut self) -> Result<(), Stop> {
        let waits = || {
            self.threads.all.iter().filter_map(|thread| match &thread.state {
                State::Waiting(wait) => Some((thread, wait)),
                _ => None,
            })
        };
        if waits().all(|(_, wait)| wait.fds.is_empty() && wait.deadline.is_none() && !wait.again)
            && !self.signals.can_arrive()
        {
            let list: Vec<String> = waits()
                .map(|(thread, _)| format!("thread {} `{}`", thread.id, String::from_utf8_lossy(&thread.name)))
                .collect();
            return Err(Stop::End(Verdict::Deadlock(format!("{} wait for each other", list.join(", ")))));
        }
        let now = Instant::now();
        let mut most = Duration::from_millis(if waits().any(|(_, wait)| wait.again) { 1 } else { 1000 });
        for (_, wait) in waits() {
            most = wait.deadline.map_or(most, |deadline| most.min(deadline.saturating_duration_since(now)));
        }
        self.look_at_host(most)
    }

    /// Makes the threads ready whose descriptors are, or whose time has come; waits for that at most so long.
    fn look_at_host(&mut self, most: Duration) -> Result<(), Stop> {
        let mut fds: Vec<libc::pollfd> = Vec::new();
        for thread in &self.threads.all {
            if let State::Waiting(wait) = &thread.state {
                fds.extend(&wait.fds);
            }
        }
        if !fds.is_empty() || !most.is_zero() {
            host::poll(&mut fds, most);
        }
        let now = Instant::now();
        let mut polled = fds.iter();
        for thread in &mut self.threads.all {
            if let State::Waiting(wait) = &thread.state {
                let ready = polled.by_ref().take(wait.fds.len()).filter(|fd| fd.revents != 0).count() > 0;
                if ready || wait.again || wait.deadline.is_some_and(|deadline| deadline <= now) {
                    thread.state = State::Ready;
                }
            }
        }
        if self.signals.take_arrived(&mut self.threads.all) {
            for thread in self.threads.all.iter_mut().filter(|thread| thread.pending_signals != 0) {
                if !thread.has_ended() {
                    thread.state = State::Ready;
                }
            }
        }
        Ok(())
    }
}

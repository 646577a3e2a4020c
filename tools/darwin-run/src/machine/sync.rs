//! Mutexes, condition variables, read-write locks and semaphores, by the address of the program's object. What they
//! hold is kept here, not in the object, which is the initial pattern or anything.

use std::collections::HashMap;
use std::time::Instant;

use super::threads::{Pending, Wait};
use super::{Answer, Machine, Stop};
use crate::kernel::errno::{EAGAIN, EBUSY, EDEADLK, EINVAL, EPERM, ETIMEDOUT, Errno};

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum MutexKind {
    /// `PTHREAD_MUTEX_DEFAULT`: locking it twice waits for ever.
    #[default]
    Normal,
    ErrorCheck,
    Recursive,
}

#[derive(Default, Debug)]
struct Mutex {
    kind: MutexKind,
    /// The `pthread_t` of who holds it.
    owner: Option<u64>,
    count: u32,
}

#[derive(Default, Debug)]
struct ReadWrite {
    readers: u32,
    writer: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Sync {
    mutexes: HashMap<u64, Mutex>,
    read_write: HashMap<u64, ReadWrite>,
    /// Semaphores: how often they can be taken.
    semaphores: HashMap<u64, i64>,
}

/// Functions of `<pthread.h>` return their error number.
fn returned(result: Result<(), Errno>) -> u64 {
    result.map_or_else(|errno| errno.0 as u64, |()| 0)
}

impl Machine {
    pub(crate) fn mutex_init(&mut self, mutex: u64, kind: MutexKind) {
        self.sync.mutexes.insert(mutex, Mutex { kind, ..Mutex::default() });
    }

    /// Makes it one of this kind, as it stands.
    pub(crate) fn mutex_kind(&mut self, mutex: u64, kind: MutexKind) {
        self.sync.mutexes.entry(mutex).or_default().kind = kind;
    }

    pub(crate) fn mutex_destroy(&mut self, mutex: u64) -> u64 {
        let busy = self.sync.mutexes.get(&mutex).is_some_and(|mutex| mutex.owner.is_some());
        if !busy {
            self.sync.mutexes.remove(&mutex);
        }
        returned(if busy { Err(EBUSY) } else { Ok(()) })
    }

    pub(crate) fn mutex_lock(&mut self, address: u64, wait: bool) -> Answer {
        let me = self.threads.current().block;
        let mutex = self.sync.mutexes.entry(address).or_default();
        match mutex.owner {
            None => *mutex = Mutex { owner: Some(me), count: 1, kind: mutex.kind },
            Some(owner) if owner == me && mutex.kind == MutexKind::Recursive => mutex.count += 1,
            Some(_) if !wait => return Ok(returned(Err(EBUSY))),
            Some(owner) if owner == me && mutex.kind == MutexKind::ErrorCheck => return Ok(returned(Err(EDEADLK))),
            Some(_) => return Err(Stop::Block(Wait::key(address))),
        }
        Ok(0)
    }

    pub(crate) fn mutex_unlock(&mut self, address: u64) -> u64 {
        let me = self.threads.current().block;
        let mutex = self.sync.mutexes.entry(address).or_default();
        if mutex.owner != Some(me) {
            return returned(Err(EPERM));
        }
        mutex.count -= 1;
        if mutex.count == 0 {
            mutex.owner = None;
            self.wake(address, 1);
        }
        0
    }

    pub(crate) fn condition_wait(&mut self, condition: u64, mutex: u64, deadline: Option<Instant>) -> Answer {
        let Some(Pending::Condition { deadline, signalled }) = self.threads.current().pending else {
            let failed = self.mutex_unlock(mutex);
            if failed != 0 {
                return Ok(failed);
            }
            self.threads.current_mut().pending = Some(Pending::Condition { deadline, signalled: false });
            return Err(Stop::Block(Wait::key(condition).until(deadline)));
        };
        let late = deadline.is_some_and(|deadline| deadline <= Instant::now());
        if !signalled && !late {
            return Err(Stop::Block(Wait::key(condition).until(deadline)));
        }
        // It leaves the queue here; the mutex may still be somebody else's.
        self.mutex_lock(mutex, true)?;
        self.threads.current_mut().pending = None;
        Ok(returned(if signalled { Ok(()) } else { Err(ETIMEDOUT) }))
    }

    pub(crate) fn condition_signal(&mut self, condition: u64, most: usize) {
        self.wake_pending(condition, most, |pending| match pending {
            Pending::Condition { signalled, .. } if !*signalled => {
                *signalled = true;
                true
            }
            _ => false,
        });
    }

    pub(crate) fn read_write_lock(&mut self, address: u64, write: bool, wait: bool) -> Answer {
        let me = self.threads.current().block;
        let lock = self.sync.read_write.entry(address).or_default();
        if lock.writer == Some(me) {
            return Ok(returned(Err(EDEADLK)));
        }
        let free = lock.writer.is_none() && (!write || lock.readers == 0);
        match (free, write) {
            (true, true) => lock.writer = Some(me),
            (true, false) => lock.readers = lock.readers.checked_add(1).ok_or(Stop::Errno(EAGAIN))?,
            (false, _) if wait => return Err(Stop::Block(Wait::key(address))),
            (false, _) => return Ok(returned(Err(EBUSY))),
        }
        Ok(0)
    }

    pub(crate) fn read_write_unlock(&mut self, address: u64) -> u64 {
        let me = self.threads.current().block;
        let lock = self.sync.read_write.entry(address).or_default();
        if lock.writer == Some(me) {
            lock.writer = None;
        } else if lock.readers > 0 {
            lock.readers -= 1;
        } else {
            return returned(Err(EPERM));
        }
        if lock.readers == 0 {
            self.wake(address, usize::MAX);
        }
        0
    }

    pub(crate) fn read_write_destroy(&mut self, address: u64) {
        self.sync.read_write.remove(&address);
    }

    pub(crate) fn semaphore_create(&mut self, semaphore: u64, value: i64) {
        self.sync.semaphores.insert(semaphore, value);
    }

    pub(crate) fn semaphore_destroy(&mut self, semaphore: u64) {
        self.sync.semaphores.remove(&semaphore);
    }

    /// Takes it; 0, or 1 if the time has run out.
    pub(crate) fn semaphore_wait(&mut self, semaphore: u64, deadline: Option<Instant>) -> Answer {
        let value = self.sync.semaphores.get_mut(&semaphore).ok_or(Stop::Errno(EINVAL))?;
        let pending = self.threads.current().pending;
        let Some(Pending::Queued { deadline, given }) = pending else {
            if *value > 0 {
                *value -= 1;
                return Ok(0);
            }
            self.threads.current_mut().pending = Some(Pending::Queued { deadline, given: false });
            return Err(Stop::Block(Wait::key(semaphore).until(deadline)));
        };
        if !given && deadline.is_none_or(|deadline| deadline > Instant::now()) {
            return Err(Stop::Block(Wait::key(semaphore).until(deadline)));
        }
        self.threads.current_mut().pending = None;
        Ok(u64::from(!given))
    }

    /// Gives it back; whether somebody waited for it.
    pub(crate) fn semaphore_signal(&mut self, semaphore: u64) -> Answer {
        let woken = self.wake_pending(semaphore, 1, |pending| match pending {
            Pending::Queued { given, .. } if !*given => {
                *given = true;
                true
            }
            _ => false,
        });
        if woken == 0 {
            *self.sync.semaphores.get_mut(&semaphore).ok_or(Stop::Errno(EINVAL))? += 1;
        }
        Ok(woken as u64)
    }

    /// Waits until a time that is fixed at the first call. True: it has come.
    pub(crate) fn sleep(&mut self, until: impl FnOnce() -> Option<Instant>) -> Result<(), Stop> {
        let deadline = match self.threads.current().pending {
            Some(Pending::Until(deadline)) => Some(deadline),
            _ => until(),
        };
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.threads.current_mut().pending = None;
            return Ok(());
        }
        self.threads.current_mut().pending = deadline.map(Pending::Until);
        Err(Stop::Block(Wait::default().until(deadline)))
    }
}

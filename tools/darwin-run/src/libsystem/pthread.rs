//! `<pthread.h>`, `<dispatch/semaphore.h>`, `<os/lock.h>`, thread-local destructors.

use std::time::{Duration, Instant};

use crate::kernel::errno::{EAGAIN, EDEADLK, EINVAL, ESRCH};
use crate::kernel::time;
use crate::machine::sync::MutexKind;
use crate::machine::threads::Wait;
use crate::machine::{Answer, Function, Machine, Stop};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_pthread_create", create),
    ("_pthread_join", join),
    ("_pthread_detach", detach),
    ("_pthread_exit", |m| thread_returned(m)),
    ("_pthread_self", |m| Ok(m.threads.current().block)),
    ("_pthread_equal", |m| Ok(u64::from(m.x(0) == m.x(1)))),
    ("_pthread_main_np", |m| Ok(u64::from(m.threads.is_main()))),
    ("_pthread_threadid_np", thread_id),
    ("_pthread_mach_thread_np", |m| Ok(m.threads.by_block(m.x(0)).map_or(0, |thread| 0x1000 + thread.id))),
    ("_pthread_setname_np", |m| {
        let name = m.memory.string(m.x(0))?.to_vec();
        m.threads.current_mut().name = name;
        Ok(0)
    }),
    ("_pthread_getname_np", |m| {
        let name = m.threads.by_block(m.x(0)).map(|thread| thread.name.clone()).ok_or(ESRCH)?;
        let kept = name.len().min((m.x(2) as usize).saturating_sub(1));
        m.memory.put(m.x(1), &[&name[..kept], b"\0"].concat())?;
        Ok(0)
    }),
    ("_pthread_get_stackaddr_np", |m| Ok(m.threads.by_block(m.x(0)).map_or(0, |thread| thread.stack.1))),
    ("_pthread_get_stacksize_np", |m| {
        Ok(m.threads.by_block(m.x(0)).map_or(0, |thread| thread.stack.1 - thread.stack.0))
    }),
    ("_pthread_attr_init", |m| {
        m.memory.put_u64(m.x(0), DEFAULT_STACK)?;
        m.memory.put_u64(m.x(0) + 8, 0)?;
        Ok(0)
    }),
    ("_pthread_attr_destroy", |_| Ok(0)),
    ("_pthread_attr_setstacksize", |m| {
        if m.x(1) < 16384 || m.x(1) % crate::memory::PAGE != 0 {
            return Ok(EINVAL.0 as u64);
        }
        m.memory.put_u64(m.x(0), m.x(1))?;
        Ok(0)
    }),
    ("_pthread_attr_getstacksize", |m| {
        m.memory.put_u64(m.x(1), m.memory.u64(m.x(0))?)?;
        Ok(0)
    }),
    ("_pthread_attr_setdetachstate", |m| {
        m.memory.put_u64(m.x(0) + 8, m.x(1))?;
        Ok(0)
    }),
    ("_pthread_key_create", |m| {
        m.library.next_key += 1;
        let key = 256 + m.library.next_key;
        m.library.key_destructors.insert(key, m.x(1));
        m.memory.put_u64(m.x(0), key)?;
        Ok(0)
    }),
    ("_pthread_key_delete", |m| {
        m.library.key_destructors.remove(&m.x(0));
        Ok(0)
    }),
    ("_pthread_setspecific", |m| {
        let (key, value) = (m.x(0), m.x(1));
        m.threads.current_mut().specific.insert(key, value);
        Ok(0)
    }),
    ("_pthread_getspecific", |m| Ok(m.threads.current().specific.get(&m.x(0)).copied().unwrap_or(0))),
    ("_pthread_kill", |m| {
        let signal = m.x(1) as i32;
        let thread = m.threads.by_block(m.x(0)).ok_or(ESRCH)?;
        if (1..32).contains(&signal) {
            thread.pending_signals |= 1 << signal;
        }
        m.interrupt(m.x(0));
        Ok(0)
    }),
    ("_pthread_once", once),
    ("_pthread_atfork", |m| {
        m.library.fork_handlers.push([0, 1, 2].map(|number| m.x(number)));
        Ok(0)
    }),
    ("_sched_yield", |m| yield_now(m)),
    ("_pthread_yield_np", |m| yield_now(m)),
    ("__tlv_atexit", |m| destructor(m)),
    ("___cxa_thread_atexit", |m| destructor(m)),
];

pub(super) const LOCKS: &[(&str, Function)] = &[
    ("_pthread_mutexattr_init", |m| {
        m.memory.put_u64(m.x(0), 0)?;
        Ok(0)
    }),
    ("_pthread_mutexattr_destroy", |_| Ok(0)),
    ("_pthread_mutexattr_settype", |m| {
        m.memory.put_u64(m.x(0), m.x(1))?;
        Ok(0)
    }),
    ("_pthread_mutex_init", |m| {
        let kind = match if m.x(1) == 0 { 0 } else { m.memory.u64(m.x(1))? } {
            1 => MutexKind::ErrorCheck,
            2 => MutexKind::Recursive,
            _ => MutexKind::Normal,
        };
        m.mutex_init(m.x(0), kind);
        Ok(0)
    }),
    ("_pthread_mutex_destroy", |m| Ok(m.mutex_destroy(m.x(0)))),
    ("_pthread_mutex_lock", |m| m.mutex_lock(m.x(0), true)),
    ("_pthread_mutex_trylock", |m| m.mutex_lock(m.x(0), false)),
    ("_pthread_mutex_unlock", |m| Ok(m.mutex_unlock(m.x(0)))),
    ("_pthread_cond_init", |_| Ok(0)),
    ("_pthread_cond_destroy", |_| Ok(0)),
    ("_pthread_cond_wait", |m| m.condition_wait(m.x(0), m.x(1), None)),
    ("_pthread_cond_timedwait_relative_np", |m| {
        let most = time::duration(m, m.x(2))?;
        m.condition_wait(m.x(0), m.x(1), time::after(most))
    }),
    ("_pthread_cond_timedwait", |m| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let most = time::duration(m, m.x(2))?.saturating_sub(now);
        m.condition_wait(m.x(0), m.x(1), time::after(most))
    }),
    ("_pthread_cond_signal", |m| {
        m.condition_signal(m.x(0), 1);
        Ok(0)
    }),
    ("_pthread_cond_broadcast", |m| {
        m.condition_signal(m.x(0), usize::MAX);
        Ok(0)
    }),
    ("_pthread_rwlock_init", |m| {
        m.read_write_destroy(m.x(0));
        Ok(0)
    }),
    ("_pthread_rwlock_destroy", |m| {
        m.read_write_destroy(m.x(0));
        Ok(0)
    }),
    ("_pthread_rwlock_rdlock", |m| m.read_write_lock(m.x(0), false, true)),
    ("_pthread_rwlock_wrlock", |m| m.read_write_lock(m.x(0), true, true)),
    ("_pthread_rwlock_tryrdlock", |m| m.read_write_lock(m.x(0), false, false)),
    ("_pthread_rwlock_trywrlock", |m| m.read_write_lock(m.x(0), true, false)),
    ("_pthread_rwlock_unlock", |m| Ok(m.read_write_unlock(m.x(0)))),
    ("_os_unfair_lock_lock", |m| m.mutex_lock(m.x(0), true)),
    ("_os_unfair_lock_trylock", |m| Ok(u64::from(m.mutex_lock(m.x(0), false)? == 0))),
    ("_os_unfair_lock_unlock", |m| Ok(m.mutex_unlock(m.x(0)))),
    ("_dispatch_semaphore_create", |m| {
        let semaphore = m.heap.allocate(16, 16).ok_or(EAGAIN)?;
        m.semaphore_create(semaphore, m.x(0) as i64);
        Ok(semaphore)
    }),
    ("_dispatch_semaphore_wait", |m| {
        let deadline = deadline(m.x(1));
        m.semaphore_wait(m.x(0), deadline)
    }),
    ("_dispatch_semaphore_signal", |m| m.semaphore_signal(m.x(0))),
    ("_dispatch_release", |m| {
        m.semaphore_destroy(m.x(0));
        let released = m.heap.release(m.x(0));
        debug_assert!(released.is_ok());
        Ok(0)
    }),
    ("_dispatch_time", dispatch_time),
];

/// Of threads that no attribute says another size for.
const DEFAULT_STACK: u64 = 512 * 1024;

const FOREVER: u64 = u64::MAX;

/// The time of a `dispatch_time_t` of the model's own making: in nanoseconds of the host's monotonic clock.
fn deadline(when: u64) -> Option<Instant> {
    let now = monotonic();
    (when != FOREVER).then(|| Instant::now() + Duration::from_nanos(when.saturating_sub(now)))
}

fn monotonic() -> u64 {
    time::clock_gettime_nsec(8).unwrap_or(0)
}

fn dispatch_time(m: &mut Machine) -> Answer {
    let (base, delta) = (m.x(0), m.x(1) as i64);
    let base = if base == 0 { monotonic() } else { base };
    Ok(if base == FOREVER || delta == i64::MAX { FOREVER } else { base.saturating_add_signed(delta) })
}

fn create(m: &mut Machine) -> Answer {
    let (to, attributes, function, argument) = (m.x(0), m.x(1), m.x(2), m.x(3));
    let (stack, detached) = match attributes {
        0 => (DEFAULT_STACK, false),
        at => (m.memory.u64(at)?, m.memory.u64(at + 8)? == 2),
    };
    let back = m.stubs.address("thread returned").ok_or(EAGAIN)?;
    match m.new_thread(stack, function, argument, back) {
        Ok(thread) => {
            if let Some(thread) = m.threads.by_block(thread) {
                thread.detached = detached;
            }
            m.memory.put_u64(to, thread)?;
            Ok(0)
        }
        Err(errno) => Ok(errno.0 as u64),
    }
}

/// Where a thread's function returns to, with its result.
pub(crate) fn thread_returned(m: &mut Machine) -> Answer {
    m.threads.current_mut().result = m.x(0);
    thread_ends(m)
}

/// Where each destructor of a thread returns to.
pub(crate) fn thread_ends(m: &mut Machine) -> Answer {
    if let Some((function, argument)) = next_destructor(m) {
        m.cpu.set_x(0, argument);
        m.cpu.set_x(30, m.stubs.address("thread ends").unwrap_or_default());
        m.cpu.set_pc(function);
        return Err(Stop::Jumped);
    }
    m.end_thread()?;
    Err(Stop::Jumped)
}

/// Thread-local variables first, then keys.
fn next_destructor(m: &mut Machine) -> Option<(u64, u64)> {
    if let Some(next) = m.threads.current_mut().destructors.pop() {
        return Some(next);
    }
    let keys: Vec<u64> = m.threads.current().specific.keys().copied().collect();
    keys.into_iter().find_map(|key| {
        let value = m.threads.current_mut().specific.remove(&key)?;
        let function = *m.library.key_destructors.get(&key)?;
        (function != 0 && value != 0).then_some((function, value))
    })
}

fn destructor(m: &mut Machine) -> Answer {
    let entry = (m.x(0), m.x(1));
    m.threads.current_mut().destructors.push(entry);
    Ok(0)
}

fn join(m: &mut Machine) -> Answer {
    let (block, to) = (m.x(0), m.x(1));
    if block == m.threads.current().block {
        return Ok(EDEADLK.0 as u64);
    }
    let Some(thread) = m.threads.by_block(block) else { return Ok(ESRCH.0 as u64) };
    if !thread.has_ended() {
        return Err(Stop::Block(Wait::key(block)));
    }
    let result = thread.result;
    if to != 0 {
        m.memory.put_u64(to, result)?;
    }
    m.reap_thread(block);
    Ok(0)
}

fn detach(m: &mut Machine) -> Answer {
    let block = m.x(0);
    let Some(thread) = m.threads.by_block(block) else { return Ok(ESRCH.0 as u64) };
    thread.detached = true;
    if thread.has_ended() {
        m.reap_thread(block);
    }
    Ok(0)
}

fn thread_id(m: &mut Machine) -> Answer {
    let block = if m.x(0) == 0 { m.threads.current().block } else { m.x(0) };
    let Some(thread) = m.threads.by_block(block) else { return Ok(ESRCH.0 as u64) };
    let id = thread.id;
    m.memory.put_u64(m.x(1), id)?;
    Ok(0)
}

fn once(m: &mut Machine) -> Answer {
    const DONE: u32 = 0x646f_6e65;
    let (control, function) = (m.x(0), m.x(1));
    if m.memory.u32(control)? != DONE {
        m.memory.put_u32(control, DONE)?;
        m.call(function, &[])?;
    }
    Ok(0)
}

fn yield_now(m: &mut Machine) -> Answer {
    // The call is over when the thread runs again.
    let back = m.x(30);
    m.cpu.set_x(0, 0);
    m.cpu.set_pc(back);
    m.switch(None)?;
    Err(Stop::Jumped)
}

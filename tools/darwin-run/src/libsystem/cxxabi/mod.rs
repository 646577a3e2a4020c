//! libc++abi: exceptions of C++, and what else compilers call (Itanium C++ ABI; LLVM: libcxxabi/src/cxa_exception.cpp).

mod personality;
mod types;

use crate::kernel::errno::ENOMEM;
use crate::machine::signals::SIGABRT;
use crate::machine::{Answer, Function, Machine, Stop};
use crate::unwind;

pub(super) use types::{VARIABLES, prepare};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("___cxa_allocate_exception", allocate),
    ("___cxa_free_exception", |m| release(m, m.x(0))),
    ("___cxa_throw", throw),
    ("___cxa_begin_catch", begin_catch),
    ("___cxa_end_catch", end_catch),
    ("___cxa_rethrow", rethrow),
    ("___cxa_get_exception_ptr", |m| Ok(m.memory.u64(m.x(0) + SIZE - HEADER + ADJUSTED)?)),
    ("___gxx_personality_v0", personality::personality),
    ("__ZSt9terminatev", |m| terminate(m, "without an exception")),
    ("___cxa_pure_virtual", |m| terminate(m, "pure virtual function called")),
    ("___cxa_guard_acquire", guard_acquire),
    ("___cxa_guard_release", |m| {
        m.memory.put(m.x(0), &[1, 0])?;
        m.wake(m.x(0), usize::MAX);
        Ok(0)
    }),
    ("___cxa_guard_abort", |m| {
        m.memory.put(m.x(0), &[0, 0])?;
        m.wake(m.x(0), usize::MAX);
        Ok(0)
    }),
    ("__Znwm", |m| new(m)),
    ("__Znam", |m| new(m)),
    ("__ZdlPv", |m| super::malloc::free(m)),
    ("__ZdaPv", |m| super::malloc::free(m)),
    ("__ZdlPvm", |m| super::malloc::free(m)),
    ("__ZdaPvm", |m| super::malloc::free(m)),
];

/// `CLNGC++\0`, of which the last byte may be another one.
const CLASS: u64 = 0x434c_4e47_432b_2b00;

/// In front of a thrown object lies what is known of it, in a layout of the model's own, and at its end what the unwinder
/// knows: `_Unwind_Exception`.
const HEADER: u64 = 128;
/// Of `_Unwind_Exception`.
const SIZE: u64 = 32;
/// Offsets in the header: its type, its destructor, how many handlers have it (negative: it was thrown again), and the part
/// of it that is caught.
const TYPE: u64 = 0;
const DESTRUCTOR: u64 = 8;
const HANDLERS: u64 = 16;
const ADJUSTED: u64 = 24;

/// The thrown object of an exception; `None`: another language's.
fn object(m: &Machine, exception: u64) -> Result<Option<u64>, Stop> {
    let is_own = m.memory.u64(exception)? >> 8 == CLASS >> 8;
    Ok(is_own.then_some(exception + SIZE))
}

fn allocate(m: &mut Machine) -> Answer {
    let size = m.x(0).checked_add(HEADER).ok_or(ENOMEM)?;
    let block = m.heap.allocate(size, 16).ok_or(ENOMEM)?;
    m.memory.put(block, &[0; HEADER as usize])?;
    Ok(block + HEADER)
}

fn release(m: &mut Machine, object: u64) -> Answer {
    let freed = m.heap.release(object - HEADER);
    if freed.is_err() { Err(Stop::Killed(SIGABRT)) } else { Ok(0) }
}

fn throw(m: &mut Machine) -> Answer {
    let (object, kind, destructor) = (m.x(0), m.x(1), m.x(2));
    m.memory.put_u64(object - HEADER + TYPE, kind)?;
    m.memory.put_u64(object - HEADER + DESTRUCTOR, destructor)?;
    m.memory.put_u64(object - SIZE, CLASS)?;
    m.memory.put_u64(object - SIZE + 8, 0)?;
    raise(m, object - SIZE)
}

/// Comes back only if nobody catches it.
fn raise(m: &mut Machine, exception: u64) -> Answer {
    m.cpu.set_x(0, exception);
    unwind::raise(m)?;
    let what = match object(m, exception)? {
        Some(object) => {
            let kind = m.memory.u64(object - HEADER + TYPE)?;
            let name = types::name(m, kind)?;
            format!("due to uncaught exception of type {}", String::from_utf8_lossy(m.memory.string(name)?))
        }
        None => "due to uncaught foreign exception".to_owned(),
    };
    terminate(m, &what)
}

fn terminate(m: &mut Machine, what: &str) -> Answer {
    eprintln!("libc++abi: terminating {what}");
    super::process::abort(m)
}

/// The exceptions that the thread's handlers have, the innermost last.
fn caught(m: &mut Machine) -> &mut Vec<u64> {
    let thread = m.threads.current().block;
    m.library.caught.entry(thread).or_default()
}

fn begin_catch(m: &mut Machine) -> Answer {
    let exception = m.x(0);
    let Some(object) = object(m, exception)? else {
        caught(m).push(exception);
        return Ok(exception + SIZE);
    };
    let handlers = object - HEADER + HANDLERS;
    let count = m.memory.u64(handlers)? as i64;
    m.memory.put_u64(handlers, count.unsigned_abs() + 1)?;
    if caught(m).last() != Some(&exception) {
        caught(m).push(exception);
    }
    Ok(m.memory.u64(object - HEADER + ADJUSTED)?)
}

fn end_catch(m: &mut Machine) -> Answer {
    let Some(exception) = caught(m).last().copied() else { return Ok(0) };
    let Some(object) = object(m, exception)? else {
        caught(m).pop();
        m.cpu.set_x(0, exception);
        return unwind::delete(m);
    };
    let handlers = object - HEADER + HANDLERS;
    let before = m.memory.u64(handlers)? as i64;
    let count = if before < 0 { before + 1 } else { before - 1 };
    m.memory.put_u64(handlers, count as u64)?;
    if count != 0 {
        return Ok(0);
    }
    caught(m).pop();
    // One that is on its way again is not at its end.
    if before > 0 {
        let destructor = m.memory.u64(object - HEADER + DESTRUCTOR)?;
        if destructor != 0 {
            m.call(destructor, &[object])?;
        }
        release(m, object)?;
    }
    Ok(0)
}

fn rethrow(m: &mut Machine) -> Answer {
    let Some(exception) = caught(m).last().copied() else { return terminate(m, "without an exception") };
    match object(m, exception)? {
        Some(object) => {
            let handlers = object - HEADER + HANDLERS;
            let count = m.memory.u64(handlers)? as i64;
            m.memory.put_u64(handlers, count.wrapping_neg() as u64)?;
        }
        None => {
            caught(m).pop();
        }
    }
    raise(m, exception)
}

/// For a variable that is initialized when it is first come by: the first byte says that it is, the second that a thread is
/// at it, for which others wait.
fn guard_acquire(m: &mut Machine) -> Answer {
    match m.memory.get::<2>(m.x(0))? {
        [0, 0] => {
            m.memory.put(m.x(0), &[0, 1])?;
            Ok(1)
        }
        [0, _] => Err(Stop::Block(crate::machine::threads::Wait::key(m.x(0)))),
        _ => Ok(0),
    }
}

fn new(m: &mut Machine) -> Answer {
    match m.heap.allocate(m.x(0), 16) {
        Some(block) => Ok(block),
        None => Err(super::not_modelled("operator new without memory, which would throw std::bad_alloc")),
    }
}

//! `<stdlib.h>`, `<unistd.h>`, `<signal.h>`, `<spawn.h>`, `<setjmp.h>`: the process, its environment, its end.

use super::{ARGC, ARGV, ENVIRON};
use crate::kernel::errno::{EINVAL, ENOMEM};
use crate::kernel::{identity, process, spawn};
use crate::machine::signals::{Action, SIGABRT};
use crate::machine::{Answer, Function, Machine, Stop};
use crate::verdict::Verdict;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_exit", |m| exit(m, m.x(0) as i32)),
    ("__exit", |m| Err(Stop::Exit(m.x(0) as i32))),
    ("__Exit", |m| Err(Stop::Exit(m.x(0) as i32))),
    ("_abort", abort),
    ("___assert_rtn", assert),
    ("___stack_chk_fail", abort),
    ("_atexit", |m| at_exit(m, m.x(0), 0, 0)),
    ("___cxa_atexit", |m| at_exit(m, m.x(0), m.x(1), m.x(2))),
    ("___cxa_finalize", finalize),
    ("___error", |m| Ok(m.threads.current().errno_address())),
    ("_getenv", getenv),
    ("_setenv", setenv),
    ("_unsetenv", |m| change_environment(m, None)),
    ("__NSGetArgc", |_| Ok(ARGC)),
    ("__NSGetArgv", |_| Ok(ARGV)),
    ("__NSGetEnviron", |_| Ok(ENVIRON)),
    ("__NSGetExecutablePath", executable_path),
    ("_getpid", |_| Ok(u64::from(std::process::id()))),
    ("_getppid", |_| identity::parent()),
    ("_getuid", |_| identity::real_user()),
    ("_geteuid", |_| identity::effective_user()),
    ("_getgid", |_| identity::real_group()),
    ("_getegid", |_| identity::effective_group()),
    ("_getpwuid_r", |m| identity::nobody(m, m.x(4))),
    ("_csops", |m| identity::csops(m, m.x(0) as i32, m.x(1) as u32, m.x(2), m.x(3))),
    ("_sysctlbyname", |m| identity::sysctl_by_name(m, m.x(0), m.x(1), m.x(2), m.x(3))),
    ("_sysctl", |m| identity::sysctl(m, m.x(0), m.x(1) as u32, m.x(2), m.x(3))),
    ("_sysconf", |m| identity::sysconf(m.x(0) as i32)),
    ("_getpagesize", |_| Ok(crate::memory::PAGE)),
    ("_confstr", |m| identity::confstr(m, m.x(0) as i32, m.x(1), m.x(2))),
    ("_fork", fork),
    ("_execv", |m| process::exec(m, m.x(0), m.x(1), None)),
    ("_execvp", |m| process::exec(m, m.x(0), m.x(1), None)),
    ("_execve", |m| process::exec(m, m.x(0), m.x(1), Some(m.x(2)))),
    ("_waitpid", |m| process::wait4(m, m.x(0) as i32, m.x(1), m.x(2) as i32)),
    ("_kill", |m| process::kill(m, m.x(0) as i32, m.x(1) as i32)),
    ("_raise", |m| m.raise(m.x(0) as i32)),
    ("_openpty", |m| crate::kernel::terminal::open(m, [0, 1, 2, 3, 4].map(|number| m.x(number)))),
    ("_setsid", |_| Ok(crate::kernel::host::call(libc::SYS_setsid, [0; 6])?)),
    ("_setpgid", |m| Ok(crate::kernel::host::call(libc::SYS_setpgid, [m.x(0), m.x(1), 0, 0, 0, 0])?)),
    ("_getpgrp", |_| Ok(crate::kernel::host::call(libc::SYS_getpgid, [0; 6])?)),
    ("_posix_spawn", |m| spawn::spawn(m, [0, 1, 2, 3, 4, 5].map(|number| m.x(number)), false)),
    ("_posix_spawnp", |m| spawn::spawn(m, [0, 1, 2, 3, 4, 5].map(|number| m.x(number)), true)),
    ("_posix_spawn_file_actions_init", |m| spawn::init(m, m.x(0))),
    ("_posix_spawn_file_actions_destroy", |m| spawn::destroy(m, m.x(0))),
    ("_posix_spawn_file_actions_adddup2", |m| spawn::add_dup2(m, m.x(0), m.x(1) as i32, m.x(2) as i32)),
    ("_posix_spawn_file_actions_addclose", |m| spawn::add_close(m, m.x(0), m.x(1) as i32)),
    ("_posix_spawnattr_init", |m| spawn::init(m, m.x(0))),
    ("_posix_spawnattr_destroy", |m| spawn::destroy(m, m.x(0))),
    ("_posix_spawnattr_setflags", |m| spawn::set_flags(m, m.x(0), m.x(1) as u32 & 0xffff)),
    ("_posix_spawnattr_setpgroup", |m| spawn::set_group(m, m.x(0), m.x(1) as i32)),
    ("_posix_spawnattr_setsigdefault", |m| spawn::set_default_signals(m, m.x(0), m.x(1))),
    ("_posix_spawnattr_setsigmask", |m| spawn::set_mask(m, m.x(0), m.x(1))),
    ("_sigaction", sigaction),
    ("_signal", signal),
    ("_sigaltstack", sigaltstack),
    ("_sigprocmask", |m| mask(m, false)),
    ("_pthread_sigmask", |m| mask(m, true)),
    ("_sigemptyset", |m| set(m, |_| 0)),
    ("_sigfillset", |m| set(m, |_| u32::MAX)),
    ("_sigaddset", |m| one(m, |set, bit| set | bit)),
    ("_sigdelset", |m| one(m, |set, bit| set & !bit)),
    ("_sigismember", |m| Ok(u64::from(m.memory.u32(m.x(0))? >> (m.x(1).wrapping_sub(1) & 31) & 1))),
    ("_setjmp", setjmp),
    ("__setjmp", setjmp),
    ("_sigsetjmp", setjmp),
    ("_longjmp", longjmp),
    ("__longjmp", longjmp),
    ("_siglongjmp", longjmp),
];

/// `exit`: what ends the thread's variables and the functions of `atexit` first.
fn exit(m: &mut Machine, status: i32) -> Answer {
    m.library.exit_status = status;
    exit_goes_on(m)
}

/// Where each function of `atexit` returns to.
pub(crate) fn exit_goes_on(m: &mut Machine) -> Answer {
    // What ends the thread's variables comes before what ends the process's (Libc: stdlib/FreeBSD/exit.c).
    let of_thread = m.threads.current_mut().destructors.pop();
    let next = of_thread.or_else(|| m.library.at_exit.pop().map(|entry| (entry.function, entry.argument)));
    if let Some((function, argument)) = next {
        m.cpu.set_x(0, argument);
        m.cpu.set_x(30, m.stubs.address("exit goes on").unwrap_or_default());
        m.cpu.set_pc(function);
        return Err(Stop::Jumped);
    }
    super::stdio::flush(m, 0)?;
    Err(Stop::Exit(m.library.exit_status))
}

/// A function to be called at exit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AtExit {
    function: u64,
    argument: u64,
    /// The handle of the image that has registered it.
    image: u64,
}

fn at_exit(m: &mut Machine, function: u64, argument: u64, image: u64) -> Answer {
    m.library.at_exit.push(AtExit { function, argument, image });
    Ok(0)
}

/// `__cxa_finalize`: calls what an image has registered, last in, first out; with a null handle, everything.
fn finalize(m: &mut Machine) -> Answer {
    let image = m.x(0);
    // What is called may register more.
    while let Some(at) = m.library.at_exit.iter().rposition(|entry| image == 0 || entry.image == image) {
        let AtExit { function, argument, .. } = m.library.at_exit.remove(at);
        m.call(function, &[argument])?;
    }
    Ok(0)
}

pub(super) fn abort(m: &mut Machine) -> Answer {
    m.raise(SIGABRT)?;
    // A handler that returns does not stop it.
    m.threads.current_mut().blocked_signals &= !(1 << (SIGABRT - 1));
    m.take_signals()?;
    Err(Stop::Jumped)
}

fn assert(m: &mut Machine) -> Answer {
    let text = |at: u64| -> Result<String, Stop> {
        if at == 0 { Ok("?".into()) } else { Ok(String::from_utf8_lossy(m.memory.string(at)?).into_owned()) }
    };
    let (function, file, line, what) = (text(m.x(0))?, text(m.x(1))?, m.x(2) as i32, text(m.x(3))?);
    eprintln!("Assertion failed: ({what}), function {function}, file {file}, line {line}.");
    Err(Stop::Killed(SIGABRT))
}

/// The entry of a name, and its place in the list.
fn look_up(m: &Machine, name: &[u8]) -> Result<Option<(u64, u64)>, Stop> {
    let list = m.environment()?;
    for index in 0.. {
        let entry = m.memory.u64(list + 8 * index)?;
        if entry == 0 {
            break;
        }
        let text = m.memory.string(entry)?;
        if text.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&b'=')) {
            return Ok(Some((list + 8 * index, entry + name.len() as u64 + 1)));
        }
    }
    Ok(None)
}

fn getenv(m: &mut Machine) -> Answer {
    let name = m.memory.string(m.x(0))?.to_vec();
    Ok(look_up(m, &name)?.map_or(0, |(_, value)| value))
}

fn setenv(m: &mut Machine) -> Answer {
    let name = m.memory.string(m.x(0))?.to_vec();
    let value = m.memory.string(m.x(1))?.to_vec();
    if name.is_empty() || name.contains(&b'=') {
        return Err(EINVAL.into());
    }
    if m.x(2) as i32 == 0 && look_up(m, &name)?.is_some() {
        return Ok(0);
    }
    change_environment(m, Some(&value))
}

/// Makes the list anew, with another value for the name in `x0`, or without it.
fn change_environment(m: &mut Machine, value: Option<&[u8]>) -> Answer {
    let name = m.memory.string(m.x(0))?.to_vec();
    let found = look_up(m, &name)?.map(|(at, _)| at);
    let list = m.environment()?;
    let mut entries = Vec::new();
    for index in 0.. {
        match m.memory.u64(list + 8 * index)? {
            0 => break,
            entry if found != Some(list + 8 * index) => entries.push(entry),
            _ => {}
        }
    }
    if let Some(value) = value {
        let text = [&name[..], b"=", value, b"\0"].concat();
        let entry = m.heap.allocate(text.len() as u64, 16).ok_or(ENOMEM)?;
        m.memory.put(entry, &text)?;
        entries.push(entry);
    }
    entries.push(0);
    let new = m.heap.allocate(8 * entries.len() as u64, 16).ok_or(ENOMEM)?;
    for (index, entry) in entries.iter().enumerate() {
        m.memory.put_u64(new + 8 * index as u64, *entry)?;
    }
    m.memory.put_u64(ENVIRON, new)?;
    Ok(0)
}

fn executable_path(m: &mut Machine) -> Answer {
    use std::os::unix::ffi::OsStrExt;
    let path = [m.kernel.program.as_os_str().as_bytes(), b"\0"].concat();
    let room = m.memory.u32(m.x(1))?;
    m.memory.put_u32(m.x(1), path.len() as u32)?;
    if (room as usize) < path.len() {
        return Ok(u64::MAX);
    }
    m.memory.put(m.x(0), &path)?;
    Ok(0)
}

/// With the handlers of `pthread_atfork`: those before it last in, first out, the others in their order.
fn fork(m: &mut Machine) -> Answer {
    let handlers = m.library.fork_handlers.clone();
    let run = |m: &mut Machine, function: u64| if function == 0 { Ok(0) } else { m.call(function, &[]) };
    for [before, ..] in handlers.iter().rev() {
        run(m, *before)?;
    }
    let result = process::fork(m);
    let is_child = matches!(result, Ok(0));
    for [_, in_parent, in_child] in handlers {
        run(m, if is_child { in_child } else { in_parent })?;
    }
    result
}

/// `sigaction`: handler, mask, flags, 16 bytes.
fn sigaction(m: &mut Machine) -> Answer {
    let (signal, new, old) = (m.x(0) as i32, m.x(1), m.x(2));
    let before = if new == 0 {
        *m.signals.actions.get(signal as usize).ok_or(EINVAL)?
    } else {
        let action =
            Action { handler: m.memory.u64(new)?, mask: m.memory.u32(new + 8)?, flags: m.memory.u32(new + 12)? };
        m.set_action(signal, action)?
    };
    if old != 0 {
        m.memory.put_u64(old, before.handler)?;
        m.memory.put_u32(old + 8, before.mask)?;
        m.memory.put_u32(old + 12, before.flags)?;
    }
    Ok(0)
}

fn signal(m: &mut Machine) -> Answer {
    const SA_RESTART: u32 = 2;
    let action = Action { handler: m.x(1), mask: 0, flags: SA_RESTART };
    Ok(m.set_action(m.x(0) as i32, action)?.handler)
}

/// `stack_t`: sp, size, flags.
fn sigaltstack(m: &mut Machine) -> Answer {
    let (new, old) = (m.x(0), m.x(1));
    let (stack, size, mut flags) = m.threads.current().alternate_stack;
    if old != 0 {
        if (stack..stack + size).contains(&m.cpu.sp()) {
            flags |= 1;
        }
        m.memory.put_u64(old, stack)?;
        m.memory.put_u64(old + 8, size)?;
        m.memory.put_u32(old + 16, flags)?;
    }
    if new != 0 {
        const MINSIGSTKSZ: u64 = 32768;
        let (stack, size, flags) = (m.memory.u64(new)?, m.memory.u64(new + 8)?, m.memory.u32(new + 16)?);
        if flags & 4 == 0 && size < MINSIGSTKSZ {
            return Err(ENOMEM.into());
        }
        m.threads.current_mut().alternate_stack = (stack, size, flags & 4);
    }
    Ok(0)
}

/// `sigprocmask`, and `pthread_sigmask`, which returns its error number.
fn mask(m: &mut Machine, returned: bool) -> Answer {
    let (how, new, old) = (m.x(0), m.x(1), m.x(2));
    let before = m.threads.current().blocked_signals;
    if new != 0 {
        let set = m.memory.u32(new)?;
        m.threads.current_mut().blocked_signals = match how {
            1 => before | set,
            2 => before & !set,
            3 => set,
            _ if returned => return Ok(EINVAL.0 as u64),
            _ => return Err(EINVAL.into()),
        };
    }
    if old != 0 {
        m.memory.put_u32(old, before)?;
    }
    Ok(0)
}

fn set(m: &mut Machine, change: impl Fn(u32) -> u32) -> Answer {
    m.memory.put_u32(m.x(0), change(0))?;
    Ok(0)
}

fn one(m: &mut Machine, change: impl Fn(u32, u32) -> u32) -> Answer {
    let bit = 1u32.checked_shl((m.x(1) as u32).wrapping_sub(1)).ok_or(EINVAL)?;
    let before = m.memory.u32(m.x(0))?;
    m.memory.put_u32(m.x(0), change(before, bit))?;
    Ok(0)
}

/// The registers that a call keeps, in a layout of the model's own: programs do not look into it.
fn setjmp(m: &mut Machine) -> Answer {
    let buffer = m.x(0);
    for number in 19..=30 {
        m.memory.put_u64(buffer + 8 * (number - 19), m.x(number as usize))?;
    }
    m.memory.put_u64(buffer + 96, m.cpu.sp())?;
    for number in 8..16 {
        m.memory.put_u64(buffer + 104 + 8 * (number - 8), m.cpu.d(number as usize).to_bits())?;
    }
    Ok(0)
}

fn longjmp(m: &mut Machine) -> Answer {
    let (buffer, value) = (m.x(0), m.x(1) as i32);
    for number in 19..=30 {
        let register = m.memory.u64(buffer + 8 * (number - 19))?;
        m.cpu.set_x(number as usize, register);
    }
    m.cpu.set_sp(m.memory.u64(buffer + 96)?);
    for number in 8..16 {
        let value = m.memory.u64(buffer + 104 + 8 * (number - 8))?;
        m.cpu.set_d(number as usize, f64::from_bits(value));
    }
    m.cpu.set_x(0, if value == 0 { 1 } else { value as u64 });
    m.cpu.set_pc(m.x(30));
    Err(Stop::Jumped)
}

/// A function that is not modelled, in words.
pub(crate) fn not_modelled(what: &str) -> Stop {
    Stop::End(Verdict::NotModelled(what.to_owned()))
}

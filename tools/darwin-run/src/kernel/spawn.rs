//! `posix_spawn`, with the file actions and attributes that Rust's standard library uses.

use super::errno::{EINVAL, ENOENT, Errno};
use super::host;
use super::process::{Program, find, strings};
use crate::machine::signals;
use crate::machine::{Answer, Machine};
use crate::verdict::Verdict;

/// What is done in the child before it becomes the program.
#[derive(Clone, Default, Debug)]
pub(crate) struct Actions {
    steps: Vec<Step>,
    flags: u32,
    group: i32,
    default_signals: u32,
    mask: u32,
}

#[derive(Clone, Debug)]
enum Step {
    Duplicate(i32, i32),
    Close(i32),
}

const SETPGROUP: u32 = 0x2;
const SETSIGDEF: u32 = 0x4;
const SETSIGMASK: u32 = 0x8;
const CLOEXEC_DEFAULT: u32 = 0x4000;
const SETSID: u32 = 0x400;

/// `posix_spawn_file_actions_init` and `posix_spawnattr_init`: the variable is the handle.
pub(crate) fn init(m: &mut Machine, variable: u64) -> Answer {
    m.memory.put_u64(variable, variable)?;
    m.kernel.spawns.insert(variable, Actions::default());
    Ok(0)
}

pub(crate) fn destroy(m: &mut Machine, variable: u64) -> Answer {
    m.kernel.spawns.remove(&variable);
    Ok(0)
}

fn change(m: &mut Machine, variable: u64, change: impl FnOnce(&mut Actions)) -> Answer {
    let Some(actions) = m.kernel.spawns.get_mut(&variable) else { return Ok(EINVAL.0 as u64) };
    change(actions);
    Ok(0)
}

pub(crate) fn add_dup2(m: &mut Machine, variable: u64, from: i32, to: i32) -> Answer {
    change(m, variable, |actions| actions.steps.push(Step::Duplicate(from, to)))
}

pub(crate) fn add_close(m: &mut Machine, variable: u64, fd: i32) -> Answer {
    change(m, variable, |actions| actions.steps.push(Step::Close(fd)))
}

pub(crate) fn set_flags(m: &mut Machine, variable: u64, flags: u32) -> Answer {
    let unknown = flags & !(SETPGROUP | SETSIGDEF | SETSIGMASK | SETSID | CLOEXEC_DEFAULT);
    if unknown != 0 {
        return Err(crate::machine::Stop::End(Verdict::NotModelled(format!("flags {unknown:#x} of posix_spawn"))));
    }
    change(m, variable, |actions| actions.flags = flags)
}

pub(crate) fn set_group(m: &mut Machine, variable: u64, group: i32) -> Answer {
    change(m, variable, |actions| actions.group = group)
}

pub(crate) fn set_default_signals(m: &mut Machine, variable: u64, set: u64) -> Answer {
    let set = m.memory.u32(set)?;
    change(m, variable, |actions| actions.default_signals = set)
}

pub(crate) fn set_mask(m: &mut Machine, variable: u64, set: u64) -> Answer {
    let set = m.memory.u32(set)?;
    change(m, variable, |actions| actions.mask = set)
}

/// `posix_spawn(pid, path, actions, attributes, argv, envp)`; `search` as in `posix_spawnp`. It returns its error number.
pub(crate) fn spawn(m: &mut Machine, [pid, name, files, attributes, argv, envp]: [u64; 6], search: bool) -> Answer {
    let handle = |m: &Machine, variable: u64| m.kernel.spawns.get(&variable).cloned().unwrap_or_default();
    let (files, attributes) = (handle(m, files), handle(m, attributes));
    let name = m.path(name)?;
    let arguments = strings(m, argv)?;
    let own = strings(m, m.environment()?)?;
    let environment = if envp == 0 { own.clone() } else { strings(m, envp)? };
    let path = if search { find(&name, &own) } else { find(&name, &[]) };
    let program = match path.and_then(|path| if path.exists() { Ok(path) } else { Err(ENOENT) }) {
        Ok(path) => match Program::new(m, path, arguments, environment) {
            Ok(program) => program,
            Err(errno) => return Ok(errno.0 as u64),
        },
        Err(errno) => return Ok(errno.0 as u64),
    };
    match start_with(&program, &files, &attributes) {
        Ok(child) => {
            if pid != 0 {
                m.memory.put_u32(pid, child as u32)?;
            }
            Ok(0)
        }
        Err(errno) => Ok(errno.0 as u64),
    }
}

/// Two ends of a pipe, to read from and to write to, which programs that are started do not have.
pub(crate) fn pipe() -> Result<[i32; 2], Errno> {
    let mut ends = [0i32; 2];
    host::call(libc::SYS_pipe2, [ends.as_mut_ptr() as u64, libc::O_CLOEXEC as u64, 0, 0, 0, 0])?;
    Ok(ends)
}

/// Starts a program that has descriptors of this one (the first of each pair) under another number.
pub(crate) fn start(program: &Program, files: &[(i32, i32)]) -> Result<i32, Errno> {
    let steps = files.iter().map(|(from, to)| Step::Duplicate(*from, *to)).collect();
    start_with(program, &Actions { steps, ..Actions::default() }, &Actions::default())
}

/// Starts the child, and hears from it whether it could become the program.
fn start_with(program: &Program, files: &Actions, attributes: &Actions) -> Result<i32, Errno> {
    let [hear, say] = pipe()?.map(|fd| fd as u64);
    let close = |fd: u64| host::call(libc::SYS_close, [fd, 0, 0, 0, 0, 0]);
    let child = host::fork()?;
    if child == 0 {
        let errno = become_program(program, files, attributes);
        let number = errno.0.to_le_bytes();
        let _ = host::call(libc::SYS_write, [say, number.as_ptr() as u64, 4, 0, 0, 0]);
        host::exit_now(127);
    }
    let _ = close(say);
    let mut number = [0u8; 4];
    let heard = host::call(libc::SYS_read, [hear, number.as_mut_ptr() as u64, 4, 0, 0, 0]);
    let _ = close(hear);
    if heard == Ok(4) {
        let mut status = 0i32;
        let _ = host::call(libc::SYS_wait4, [child as u64, (&raw mut status) as u64, 0, 0, 0, 0]);
        return Err(Errno(i32::from_le_bytes(number)));
    }
    Ok(child)
}

fn become_program(program: &Program, files: &Actions, attributes: &Actions) -> Errno {
    let call = |number, args: [u64; 2]| host::call(number, [args[0], args[1], 0, 0, 0, 0]);
    // Descriptors of the pipe may be in the way of what is to be duplicated: they were made last, so they are high.
    if attributes.flags & SETSIGDEF != 0 {
        for signal in 1..32 {
            if attributes.default_signals & 1 << (signal - 1) != 0
                && let Some(number) = signals::to_host(signal)
            {
                host::set_disposition(number, host::Disposition::Default);
            }
        }
    }
    if attributes.flags & SETPGROUP != 0
        && let Err(errno) = call(libc::SYS_setpgid, [0, attributes.group as u64])
    {
        return errno;
    }
    if attributes.flags & SETSID != 0
        && let Err(errno) = call(libc::SYS_setsid, [0, 0])
    {
        return errno;
    }
    let mut kept = vec![0, 1, 2];
    for step in &files.steps {
        let done = match *step {
            Step::Duplicate(from, to) if from == to => {
                kept.push(to);
                call(libc::SYS_fcntl, [from as u64, libc::F_GETFD as u64])
                    .and_then(|_| host::call(libc::SYS_fcntl, [from as u64, libc::F_SETFD as u64, 0, 0, 0, 0]))
            }
            Step::Duplicate(from, to) => {
                kept.push(to);
                host::call(libc::SYS_dup3, [from as u64, to as u64, 0, 0, 0, 0])
            }
            Step::Close(fd) => call(libc::SYS_close, [fd as u64, 0]),
        };
        if let Err(errno) = done {
            return errno;
        }
    }
    if attributes.flags & CLOEXEC_DEFAULT != 0 {
        close_others(&kept);
    }
    program.execute()
}

/// Marks every descriptor but these to be closed on the way.
fn close_others(kept: &[i32]) {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open.into_iter().filter(|fd| !kept.contains(fd)) {
        let args = [fd as u64, libc::F_SETFD as u64, libc::FD_CLOEXEC as u64, 0, 0, 0];
        let _ = host::call(libc::SYS_fcntl, args);
    }
}

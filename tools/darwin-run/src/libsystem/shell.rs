//! `system`, `popen`, `pclose`: commands for the shell, which is the host's.

use std::ffi::CString;

use super::{or_null, stdio, string};
use crate::kernel::errno::{ECHILD, EINVAL};
use crate::kernel::{process, spawn};
use crate::machine::threads::Pending;
use crate::machine::{Answer, Function, Machine, Stop};

pub(super) const FUNCTIONS: &[(&str, Function)] =
    &[("_system", system), ("_popen", |m| or_null(m, popen)), ("_pclose", pclose)];

/// The status of a command, which other threads run beside. Without one: whether there is a shell.
fn system(m: &mut Machine) -> Answer {
    if m.x(0) == 0 {
        return Ok(1);
    }
    let child = match m.threads.current().pending {
        Some(Pending::Child(child)) => child,
        _ => start(m, m.x(0), &[])?,
    };
    wait(m, child)
}

/// Starts the shell with a command; `files` are the pairs of descriptors that it is to have under another number.
fn start(m: &mut Machine, command: u64, files: &[(i32, i32)]) -> Result<i32, Stop> {
    let command = m.path(command)?;
    let arguments = vec![CString::from(c"sh"), CString::from(c"-c"), command];
    let environment = process::strings(m, m.environment()?)?;
    Ok(spawn::start(&process::Program::new(m, "/bin/sh".into(), arguments, environment)?, files)?)
}

/// Waits for a child, and gives its status.
fn wait(m: &mut Machine, child: i32) -> Answer {
    m.threads.current_mut().pending = Some(Pending::Child(child));
    let mut status = 0;
    let answer = process::wait_for(m, child, 0, &mut status);
    if !matches!(answer, Err(Stop::Block(_))) {
        m.threads.current_mut().pending = None;
    }
    answer?;
    Ok(status as u64)
}

/// A stream to the command's standard input (`w`), or from its standard output (`r`).
fn popen(m: &mut Machine) -> Answer {
    let reads = match string::bounded(m, m.x(1), 4)?.first() {
        Some(b'r') => true,
        Some(b'w') => false,
        _ => return Err(EINVAL.into()),
    };
    let [read, write] = spawn::pipe()?;
    let (ours, theirs, number) = if reads { (read, write, 1) } else { (write, read, 0) };
    let child = start(m, m.x(0), &[(theirs, number)]);
    crate::kernel::host::close(theirs);
    let child = match child {
        Ok(child) => child,
        Err(stop) => {
            crate::kernel::host::close(ours);
            return Err(stop);
        }
    };
    let stream = stdio::fdopen(m, ours)?;
    m.library.children.insert(stream, child);
    Ok(stream)
}

/// Ends the stream, and gives the command's status.
fn pclose(m: &mut Machine) -> Answer {
    if let Some(Pending::Child(child)) = m.threads.current().pending {
        return wait(m, child);
    }
    let stream = m.x(0);
    let child = m.library.children.remove(&stream).ok_or(ECHILD)?;
    stdio::close(m, stream)?;
    wait(m, child)
}

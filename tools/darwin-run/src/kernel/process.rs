//! Processes: `fork`, `exec`, `wait`, `kill`. A program that is itself an Apple Silicon one runs emulated again, with the
//! descriptors and the environment that it would have; every other one runs on the host as it is.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::errno::{E2BIG, ENOENT, ENOEXEC, Errno};
use super::host;
use crate::machine::signals;
use crate::machine::threads::Wait;
use crate::machine::{Answer, Machine, Stop};

pub(crate) fn fork(m: &mut Machine) -> Answer {
    let pid = host::fork()?;
    if pid == 0 {
        m.threads.keep_current();
    }
    Ok(pid as u64)
}

/// The status of `wait`, with Darwin's signal numbers.
fn status(host: i32) -> i32 {
    match host & 0x7f {
        0 => host,
        0x7f => 0x7f | signals::of_host(host >> 8 & 0xff) << 8,
        signal => signals::of_host(signal) | host & 0x80,
    }
}

pub(crate) fn wait4(m: &mut Machine, pid: i32, to: u64, options: i32) -> Answer {
    let mut found = 0;
    let result = wait_for(m, pid, options, &mut found)?;
    if to != 0 && result != 0 {
        m.memory.put_u32(to, found as u32)?;
    }
    Ok(result)
}

/// Waits for a child, while other threads run, and gives its number and its status.
pub(crate) fn wait_for(m: &mut Machine, pid: i32, options: i32, to: &mut i32) -> Answer {
    const WNOHANG: i32 = 1;
    let must_not_hold_up = m.threads.contended() || m.signals.can_arrive();
    let mut found = 0i32;
    let asked = options | if must_not_hold_up { WNOHANG } else { 0 };
    let args = [pid as u64, (&raw mut found) as u64, asked as u64, 0, 0, 0];
    let result = host::call(libc::SYS_wait4, args)?;
    if result == 0 && options & WNOHANG == 0 {
        return Err(Stop::Block(Wait { again: true, ..Wait::default() }));
    }
    *to = status(found);
    Ok(result)
}

pub(crate) fn kill(m: &mut Machine, pid: i32, signal: i32) -> Answer {
    if pid == std::process::id() as i32 && signal != 0 {
        return m.raise(signal);
    }
    let number = if signal == 0 { 0 } else { signals::to_host(signal).ok_or(super::errno::EINVAL)? };
    Ok(host::call(libc::SYS_kill, [pid as u64, number as u64, 0, 0, 0, 0])?)
}

/// A list of C strings that ends with a null pointer.
pub(crate) fn strings(m: &Machine, list: u64) -> Result<Vec<CString>, Stop> {
    let mut found = Vec::new();
    if list == 0 {
        return Ok(found);
    }
    loop {
        let at = m.memory.u64(list + 8 * found.len() as u64)?;
        if at == 0 {
            return Ok(found);
        }
        if found.len() > 1 << 16 {
            return Err(E2BIG.into());
        }
        found.push(m.path(at)?);
    }
}

/// Where a program lies, whose name is looked up as `execvp` does.
pub(crate) fn find(name: &CString, environment: &[CString]) -> Result<PathBuf, Errno> {
    let name = OsStr::from_bytes(name.as_bytes());
    if name.as_bytes().contains(&b'/') {
        return Ok(name.into());
    }
    let path = environment.iter().find_map(|entry| entry.as_bytes().strip_prefix(b"PATH="));
    let path = path.unwrap_or(b"/usr/bin:/bin");
    let mut folders = std::env::split_paths(OsStr::from_bytes(path));
    folders.find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file())).ok_or(ENOENT)
}

/// Whether a file begins as an Apple Silicon program does.
fn is_darwin(file: &PathBuf) -> bool {
    let mut start = [0; 8];
    let read = File::open(file).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && (start == [0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1] || start[..4] == [0xca, 0xfe, 0xba, 0xbe])
}

/// A program with its arguments, ready to be executed.
#[derive(Debug)]
pub(crate) struct Program {
    path: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Program {
    pub(crate) fn new(
        m: &Machine,
        path: PathBuf,
        arguments: Vec<CString>,
        environment: Vec<CString>,
    ) -> Result<Program, Errno> {
        let c = |text: OsString| CString::new(text.into_vec()).map_err(|_| ENOEXEC);
        if !is_darwin(&path) {
            return Ok(Program { path: c(path.into())?, arguments, environment });
        }
        let emulator = c(m.kernel.emulator.clone().into())?;
        let mut arguments = arguments.into_iter();
        let mut all = vec![emulator.clone()];
        if let Some(first) = arguments.next() {
            all.extend([c("--argv0".into())?, first]);
        }
        all.extend([c("--".into())?, c(path.into())?]);
        all.extend(arguments);
        Ok(Program { path: emulator, arguments: all, environment })
    }

    /// Becomes this program. It comes back only if that fails.
    pub(crate) fn execute(&self) -> Errno {
        let list = |strings: &[CString]| {
            let mut list: Vec<u64> = strings.iter().map(|text| text.as_ptr() as u64).collect();
            list.push(0);
            list
        };
        let (arguments, environment) = (list(&self.arguments), list(&self.environment));
        let args = [self.path.as_ptr() as u64, arguments.as_ptr() as u64, environment.as_ptr() as u64, 0, 0, 0];
        match host::call(libc::SYS_execve, args) {
            Ok(_) => ENOEXEC,
            Err(errno) => errno,
        }
    }
}

/// `execve`, and `execvp` where the name is searched for.
pub(crate) fn exec(m: &mut Machine, name: u64, arguments: u64, environment: Option<u64>) -> Answer {
    let name = m.path(name)?;
    let arguments = strings(m, arguments)?;
    let environment = strings(m, environment.map_or_else(|| m.environment(), Ok)?)?;
    let path = find(&name, &environment)?;
    if !path.exists() {
        return Err(ENOENT.into());
    }
    Err(Program::new(m, path, arguments, environment)?.execute().into())
}

//! What xnu does: the calls of libSystem that are system calls, and the raw calls themselves.

pub(crate) mod calendar;
pub(crate) mod errno;
pub(crate) mod files;
pub(crate) mod host;
pub(crate) mod identity;
pub(crate) mod process;
pub(crate) mod spawn;
pub(crate) mod stat;
pub(crate) mod terminal;
pub(crate) mod time;

use std::collections::HashMap;
use std::ffi::CString;
use std::path::PathBuf;

use crate::machine::threads::Wait;
use crate::machine::{Answer, Machine, Stop};
use crate::memory::xnu::{self, Request};
use crate::verdict::Verdict;
use errno::Errno;

#[derive(Default)]
pub(crate) struct Kernel {
    /// The emulator's own program, for the programs that the emulated one starts.
    pub(crate) emulator: PathBuf,
    /// The emulated program's path.
    pub(crate) program: PathBuf,
    /// Open directories, by the program's handle.
    pub(crate) directories: HashMap<u64, files::Directory>,
    /// File actions and attributes of `posix_spawn`, by the program's handle.
    pub(crate) spawns: HashMap<u64, spawn::Actions>,
}

impl Machine {
    /// A path that the program passes.
    pub(crate) fn path(&self, at: u64) -> Result<CString, Stop> {
        CString::new(self.memory.string(at)?).map_err(|_| Stop::Errno(errno::EINVAL))
    }

    /// Waits for a descriptor before a call that would hold all threads up.
    pub(crate) fn ready(&mut self, fd: i32, events: i16) -> Result<(), Stop> {
        if !self.threads.contended() && !self.signals.can_arrive() {
            return Ok(());
        }
        let mut fds = [libc::pollfd { fd, events, revents: 0 }];
        if host::poll(&mut fds, std::time::Duration::ZERO) > 0 {
            return Ok(());
        }
        // Such a call fails at once instead.
        let flags = host::call(libc::SYS_fcntl, [fd as u64, libc::F_GETFL as u64, 0, 0, 0, 0])?;
        if flags & libc::O_NONBLOCK as u64 != 0 {
            return Ok(());
        }
        Err(Stop::Block(Wait::fd(fd, events)))
    }

    pub(crate) fn map(&mut self, request: Request) -> Answer {
        let at = xnu::mmap(&self.memory, &self.signing, request)?;
        // What was translated for an earlier mapping at this address must not run.
        self.cpu.forget_code(at, request.len);
        Ok(at)
    }

    pub(crate) fn unmap(&mut self, start: u64, len: u64) -> Answer {
        xnu::munmap(&self.memory, start, len)?;
        self.cpu.forget_code(start, len);
        Ok(0)
    }

    pub(crate) fn protect(&mut self, start: u64, len: u64, protection: u64) -> Answer {
        xnu::mprotect(&self.memory, start, len, protection)?;
        Ok(0)
    }
}

/// A raw system call: the number in `x16` (xnu: bsd/kern/syscalls.master), the arguments from `x0` on, variadic or not.
pub(crate) fn system_call(m: &mut Machine) -> Answer {
    let [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map(|number| m.x(number));
    let number = m.x(16);
    match number {
        1 => Err(Stop::Exit(a as i32)),
        2 => process::fork(m),
        3 | 396 => files::read(m, a as i32, b, c),
        4 | 397 => files::write(m, a as i32, b, c),
        5 | 398 => files::open(m, a, b as i32, c as u32),
        6 | 399 => files::close(m, a as i32),
        7 | 400 => process::wait4(m, a as i32, b, c as i32),
        10 => files::unlink(m, a),
        12 => files::chdir(m, a),
        15 => files::chmod(m, a, c as u32),
        20 => Ok(u64::from(std::process::id())),
        24 => identity::real_user(),
        25 => identity::effective_user(),
        33 => files::access(m, a, b as i32),
        37 => process::kill(m, a as i32, b as i32),
        39 => identity::parent(),
        41 => files::dup(a as i32),
        43 => identity::effective_group(),
        47 => identity::real_group(),
        54 => files::ioctl(m, a as i32, b, c),
        73 => m.unmap(a, b),
        74 => m.protect(a, b, c),
        90 => files::dup2(a as i32, b as i32),
        92 => files::fcntl(m, a as i32, b as i32, c),
        116 => time::get_time_of_day(m, a),
        120 => files::readv(m, a as i32, b, c),
        121 => files::writev(m, a as i32, b, c),
        128 => files::rename(m, a, b),
        136 => files::mkdir(m, a, b as u32),
        137 => files::rmdir(m, a),
        153 => files::pread(m, a as i32, b, c, d as i64),
        154 => files::pwrite(m, a as i32, b, c, d as i64),
        169 => identity::csops(m, a as i32, b as u32, c, d),
        197 => m.map(Request { hint: a, len: b, protection: c, flags: d, fd: e as i32, offset: f as i64 }),
        199 => files::lseek(a as i32, b as i64, c as i32),
        230 => time::poll(m, a, b, c as i32),
        338 => stat::stat(m, a, b, true),
        339 => stat::fstat(m, a as i32, b),
        340 => stat::stat(m, a, b, false),
        500 => identity::entropy(m, a, b),
        _ => {
            let place = m.place(m.cpu.pc().wrapping_sub(4));
            Err(Stop::End(Verdict::NotModelled(format!("the system call with number {number} (x16), made by {place}"))))
        }
    }
}

/// A length or count as what it returns.
pub(crate) fn counted(result: Result<u64, Errno>) -> Answer {
    Ok(result?)
}

//! Files and directories. Flags and numbers are per xnu: bsd/sys/fcntl.h, bsd/sys/dirent.h.

use std::ffi::{CString, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, FileTypeExt};

use super::errno::{EBADF, EFAULT, EINVAL, ENOTTY, ERANGE, Errno};
use super::{counted, host};
use crate::machine::{Answer, Machine, Stop};
use crate::verdict::Verdict;

/// Darwin's `AT_FDCWD`.
const AT_FDCWD: i32 = -2;

/// Flags of `open`, Darwin's and the host's.
const OPEN: [(i32, i32); 9] = [
    (0x4, libc::O_NONBLOCK),
    (0x8, libc::O_APPEND),
    (0x80, libc::O_SYNC),
    (0x100, libc::O_NOFOLLOW),
    (0x200, libc::O_CREAT),
    (0x400, libc::O_TRUNC),
    (0x800, libc::O_EXCL),
    (0x10_0000, libc::O_DIRECTORY),
    (0x100_0000, libc::O_CLOEXEC),
];

fn open_flags(flags: i32) -> Result<i32, Stop> {
    const ACCESS: i32 = 3;
    /// O_NOCTTY, and O_EVTONLY, which reads nothing.
    const WITHOUT_EFFECT: i32 = 0x2_0000 | 0x8000;
    let known = OPEN.iter().fold(ACCESS | WITHOUT_EFFECT, |known, (darwin, _)| known | darwin);
    if flags & !known != 0 {
        return Err(Stop::End(Verdict::NotModelled(format!("flags {:#x} of open", flags & !known))));
    }
    let host = OPEN.iter().filter(|(darwin, _)| flags & darwin != 0).fold(0, |host, (_, flag)| host | flag);
    Ok(host | flags & ACCESS)
}

fn at(fd: i32) -> u64 {
    (if fd == AT_FDCWD { libc::AT_FDCWD } else { fd }) as u64
}

fn here() -> u64 {
    libc::AT_FDCWD as u64
}

fn call(number: libc::c_long, args: &[u64]) -> Answer {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    counted(host::call(number, all))
}

fn pointer(path: &CString) -> u64 {
    path.as_ptr() as u64
}

pub(crate) fn read(m: &mut Machine, fd: i32, buffer: u64, len: u64) -> Answer {
    m.ready(fd, libc::POLLIN)?;
    let to = m.memory.bytes_mut(buffer, len)?.as_mut_ptr() as u64;
    call(libc::SYS_read, &[fd as u64, to, len])
}

pub(crate) fn write(m: &mut Machine, fd: i32, buffer: u64, len: u64) -> Answer {
    m.ready(fd, libc::POLLOUT)?;
    // A kernel says EFAULT where a program's own access would be a signal; crash handlers rely on it.
    let from = m.memory.bytes(buffer, len).map_err(|_| EFAULT)?.as_ptr() as u64;
    call(libc::SYS_write, &[fd as u64, from, len])
}

pub(crate) fn pread(m: &mut Machine, fd: i32, buffer: u64, len: u64, offset: i64) -> Answer {
    let to = m.memory.bytes_mut(buffer, len)?.as_mut_ptr() as u64;
    call(libc::SYS_pread64, &[fd as u64, to, len, offset as u64])
}

pub(crate) fn pwrite(m: &mut Machine, fd: i32, buffer: u64, len: u64, offset: i64) -> Answer {
    let from = m.memory.bytes(buffer, len)?.as_ptr() as u64;
    call(libc::SYS_pwrite64, &[fd as u64, from, len, offset as u64])
}

/// Checks the buffers of an `iovec` array, whose layout is the host's.
fn vectors(m: &Machine, list: u64, count: u64, write: bool) -> Result<(), Stop> {
    if count > 1024 {
        return Err(EINVAL.into());
    }
    for index in 0..count {
        let base = m.memory.u64(list + 16 * index)?;
        let len = m.memory.u64(list + 16 * index + 8)?;
        let _: &[u8] = if write { m.memory.bytes_mut(base, len)? } else { m.memory.bytes(base, len)? };
    }
    Ok(())
}

pub(crate) fn readv(m: &mut Machine, fd: i32, list: u64, count: u64) -> Answer {
    vectors(m, list, count, true)?;
    m.ready(fd, libc::POLLIN)?;
    call(libc::SYS_readv, &[fd as u64, list, count])
}

pub(crate) fn writev(m: &mut Machine, fd: i32, list: u64, count: u64) -> Answer {
    vectors(m, list, count, false)?;
    m.ready(fd, libc::POLLOUT)?;
    call(libc::SYS_writev, &[fd as u64, list, count])
}

pub(crate) fn open(m: &mut Machine, path: u64, flags: i32, mode: u32) -> Answer {
    openat(m, AT_FDCWD, path, flags, mode)
}

pub(crate) fn openat(m: &mut Machine, fd: i32, path: u64, flags: i32, mode: u32) -> Answer {
    let (path, flags) = (m.path(path)?, open_flags(flags)?);
    call(libc::SYS_openat, &[at(fd), pointer(&path), flags as u64, u64::from(mode & 0xffff)])
}

pub(crate) fn close(_: &mut Machine, fd: i32) -> Answer {
    call(libc::SYS_close, &[fd as u64])
}

pub(crate) fn dup(fd: i32) -> Answer {
    call(libc::SYS_dup, &[fd as u64])
}

pub(crate) fn dup2(from: i32, to: i32) -> Answer {
    if from == to {
        // What `dup3` refuses and `dup2` allows, if the descriptor is open.
        return call(libc::SYS_fcntl, &[from as u64, libc::F_GETFD as u64]).map(|_| to as u64);
    }
    call(libc::SYS_dup3, &[from as u64, to as u64, 0])
}

pub(crate) fn pipe(m: &mut Machine, fds: u64) -> Answer {
    let to = m.memory.bytes_mut(fds, 8)?.as_mut_ptr() as u64;
    call(libc::SYS_pipe2, &[to, 0])
}

pub(crate) fn lseek(fd: i32, offset: i64, whence: i32) -> Answer {
    call(libc::SYS_lseek, &[fd as u64, offset as u64, whence as u64])
}

pub(crate) fn fsync(fd: i32) -> Answer {
    call(libc::SYS_fsync, &[fd as u64])
}

pub(crate) fn ftruncate(fd: i32, len: i64) -> Answer {
    call(libc::SYS_ftruncate, &[fd as u64, len as u64])
}

pub(crate) fn fcntl(_: &mut Machine, fd: i32, command: i32, argument: u64) -> Answer {
    const F_GETPATH: i32 = 50;
    const F_FULLFSYNC: i32 = 51;
    const F_DUPFD_CLOEXEC: i32 = 67;
    let host = |command: i32, argument: u64| call(libc::SYS_fcntl, &[fd as u64, command as u64, argument]);
    match command {
        // F_DUPFD, F_GETFD, F_SETFD
        0..=2 => host(command, argument),
        // F_GETFL, F_SETFL
        3 => {
            let flags = host(libc::F_GETFL, 0)? as i32;
            let darwin = OPEN.iter().filter(|(_, host)| flags & host == *host).fold(0, |all, (darwin, _)| all | darwin);
            Ok((darwin | flags & 3) as u64)
        }
        4 => host(libc::F_SETFL, open_flags(argument as i32)? as u64),
        F_DUPFD_CLOEXEC => host(libc::F_DUPFD_CLOEXEC, argument),
        F_FULLFSYNC => fsync(fd),
        F_GETPATH => Err(Stop::End(Verdict::NotModelled("fcntl(F_GETPATH)".into()))),
        other => Err(Stop::End(Verdict::NotModelled(format!("command {other} of fcntl")))),
    }
}

pub(crate) fn ioctl(m: &mut Machine, fd: i32, request: u64, argument: u64) -> Answer {
    const TIOCGWINSZ: u64 = 0x4008_7468;
    const FIOCLEX: u64 = 0x2000_6601;
    const FIONBIO: u64 = 0x8004_667e;
    match request {
        TIOCGWINSZ => {
            let to = m.memory.bytes_mut(argument, 8)?.as_mut_ptr() as u64;
            call(libc::SYS_ioctl, &[fd as u64, libc::TIOCGWINSZ, to])
        }
        // TIOCSCTTY
        0x2000_7461 => call(libc::SYS_ioctl, &[fd as u64, libc::TIOCSCTTY, argument]),
        FIOCLEX => call(libc::SYS_fcntl, &[fd as u64, libc::F_SETFD as u64, 1]),
        FIONBIO => {
            let from = m.memory.bytes(argument, 4)?.as_ptr() as u64;
            call(libc::SYS_ioctl, &[fd as u64, libc::FIONBIO, from])
        }
        other => Err(Stop::End(Verdict::NotModelled(format!("request {other:#x} of ioctl")))),
    }
}

pub(crate) fn isatty(fd: i32) -> Answer {
    let mut termios = [0u8; 64];
    match host::call(libc::SYS_ioctl, [fd as u64, libc::TCGETS, termios.as_mut_ptr() as u64, 0, 0, 0]) {
        Ok(_) => Ok(1),
        Err(EBADF) => Err(EBADF.into()),
        Err(_) => Err(ENOTTY.into()),
    }
    .or_else(|stop: Stop| match stop {
        // It returns 0 where others return -1; the error number is what a program may look at.
        Stop::Errno(_) => Ok(0),
        stop => Err(stop),
    })
}

pub(crate) fn access(m: &mut Machine, path: u64, mode: i32) -> Answer {
    let path = m.path(path)?;
    call(libc::SYS_faccessat, &[here(), pointer(&path), mode as u64])
}

pub(crate) fn unlink(m: &mut Machine, path: u64) -> Answer {
    unlinkat(m, AT_FDCWD, path, 0)
}

pub(crate) fn unlinkat(m: &mut Machine, fd: i32, path: u64, flags: i32) -> Answer {
    const AT_REMOVEDIR: i32 = 0x80;
    let path = m.path(path)?;
    let flags = if flags & AT_REMOVEDIR != 0 { libc::AT_REMOVEDIR } else { 0 };
    call(libc::SYS_unlinkat, &[at(fd), pointer(&path), flags as u64])
}

pub(crate) fn rmdir(m: &mut Machine, path: u64) -> Answer {
    unlinkat(m, AT_FDCWD, path, 0x80)
}

pub(crate) fn mkdir(m: &mut Machine, path: u64, mode: u32) -> Answer {
    let path = m.path(path)?;
    call(libc::SYS_mkdirat, &[here(), pointer(&path), u64::from(mode & 0xffff)])
}

pub(crate) fn rename(m: &mut Machine, from: u64, to: u64) -> Answer {
    let (from, to) = (m.path(from)?, m.path(to)?);
    call(libc::SYS_renameat2, &[here(), pointer(&from), here(), pointer(&to), 0])
}

pub(crate) fn link(m: &mut Machine, from: u64, to: u64) -> Answer {
    let (from, to) = (m.path(from)?, m.path(to)?);
    call(libc::SYS_linkat, &[here(), pointer(&from), here(), pointer(&to), 0])
}

pub(crate) fn linkat(m: &mut Machine, [from_fd, from, to_fd, to, flags]: [u64; 5]) -> Answer {
    const AT_SYMLINK_FOLLOW: u64 = 0x40;
    let (from, to) = (m.path(from)?, m.path(to)?);
    let flags = if flags & AT_SYMLINK_FOLLOW != 0 { libc::AT_SYMLINK_FOLLOW as u64 } else { 0 };
    call(libc::SYS_linkat, &[at(from_fd as i32), pointer(&from), at(to_fd as i32), pointer(&to), flags])
}

pub(crate) fn chown(m: &mut Machine, path: u64, user: u32, group: u32) -> Answer {
    let path = m.path(path)?;
    call(libc::SYS_fchownat, &[here(), pointer(&path), u64::from(user), u64::from(group), 0])
}

pub(crate) fn symlink(m: &mut Machine, target: u64, path: u64) -> Answer {
    let (target, path) = (m.path(target)?, m.path(path)?);
    call(libc::SYS_symlinkat, &[pointer(&target), here(), pointer(&path)])
}

pub(crate) fn readlink(m: &mut Machine, path: u64, buffer: u64, len: u64) -> Answer {
    let path = m.path(path)?;
    let to = m.memory.bytes_mut(buffer, len)?.as_mut_ptr() as u64;
    call(libc::SYS_readlinkat, &[here(), pointer(&path), to, len])
}

pub(crate) fn chmod(m: &mut Machine, path: u64, mode: u32) -> Answer {
    let path = m.path(path)?;
    call(libc::SYS_fchmodat, &[here(), pointer(&path), u64::from(mode & 0o7777)])
}

pub(crate) fn fchmod(fd: i32, mode: u32) -> Answer {
    call(libc::SYS_fchmod, &[fd as u64, u64::from(mode & 0o7777)])
}

pub(crate) fn chdir(m: &mut Machine, path: u64) -> Answer {
    let path = m.path(path)?;
    call(libc::SYS_chdir, &[pointer(&path)])
}

pub(crate) fn umask(mode: u32) -> Answer {
    call(libc::SYS_umask, &[u64::from(mode)])
}

/// `getcwd`: a null buffer asks for one.
pub(crate) fn getcwd(m: &mut Machine, buffer: u64, len: u64) -> Answer {
    let path = std::env::current_dir().map_err(|error| Errno::of_host(&error))?;
    place_string(m, path.as_os_str().as_bytes(), buffer, len)
}

/// `realpath`: a null buffer asks for one.
pub(crate) fn realpath(m: &mut Machine, path: u64, buffer: u64) -> Answer {
    let path = m.path(path)?;
    let path =
        fs::canonicalize(std::ffi::OsStr::from_bytes(path.as_bytes())).map_err(|error| Errno::of_host(&error))?;
    place_string(m, path.as_os_str().as_bytes(), buffer, 1024)
}

/// A string in the program's buffer, or in one of its heap.
fn place_string(m: &mut Machine, text: &[u8], buffer: u64, len: u64) -> Answer {
    let mut bytes = text.to_vec();
    bytes.push(0);
    let buffer = if buffer == 0 {
        m.heap.allocate(bytes.len() as u64, 16).ok_or(super::errno::ENOMEM)?
    } else if bytes.len() as u64 > len {
        return Err(ERANGE.into());
    } else {
        buffer
    };
    m.memory.put(buffer, &bytes)?;
    Ok(buffer)
}

/// What `opendir` gives: the names were read when it was opened.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: i32,
    entries: Vec<(OsString, u64, u8)>,
    next: usize,
    /// Where `readdir` puts its entry.
    entry: u64,
}

const DIRENT: u64 = 1048;

pub(crate) fn fdopendir(m: &mut Machine, fd: i32) -> Answer {
    let path = format!("/proc/self/fd/{fd}");
    let list = fs::read_dir(path).map_err(|error| Errno::of_host(&error))?;
    let mut entries = vec![(OsString::from("."), 1, 4), (OsString::from(".."), 1, 4)];
    for entry in list {
        let entry = entry.map_err(|error| Errno::of_host(&error))?;
        let kind = entry.file_type().map_or(0, |kind| match kind {
            kind if kind.is_dir() => 4,
            kind if kind.is_file() => 8,
            kind if kind.is_symlink() => 10,
            kind if kind.is_fifo() => 1,
            kind if kind.is_char_device() => 2,
            kind if kind.is_block_device() => 6,
            kind if kind.is_socket() => 12,
            _ => 0,
        });
        entries.push((entry.file_name(), entry.ino(), kind));
    }
    let handle = m.heap.allocate(DIRENT, 16).ok_or(super::errno::ENOMEM)?;
    m.kernel.directories.insert(handle, Directory { fd, entries, next: 0, entry: handle });
    Ok(handle)
}

pub(crate) fn opendir(m: &mut Machine, path: u64) -> Answer {
    let path = m.path(path)?;
    let flags = (libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC) as u64;
    let fd = call(libc::SYS_openat, &[here(), pointer(&path), flags])?;
    fdopendir(m, fd as i32)
}

/// The next entry, in the layout with 64-bit inodes. False: there is none.
fn next_entry(m: &mut Machine, handle: u64, to: u64) -> Result<bool, Stop> {
    let directory = m.kernel.directories.get_mut(&handle).ok_or(EBADF)?;
    let Some((name, inode, kind)) = directory.entries.get(directory.next) else { return Ok(false) };
    directory.next += 1;
    let mut bytes = vec![0; DIRENT as usize];
    let name = name.as_bytes();
    bytes[..8].copy_from_slice(&inode.to_le_bytes());
    bytes[8..16].copy_from_slice(&(directory.next as u64).to_le_bytes());
    bytes[16..18].copy_from_slice(&(DIRENT as u16).to_le_bytes());
    bytes[18..20].copy_from_slice(&(name.len() as u16).to_le_bytes());
    bytes[20] = *kind;
    bytes[21..21 + name.len()].copy_from_slice(name);
    m.memory.put(to, &bytes)?;
    Ok(true)
}

/// `readdir_r` returns its error number, and the entry by pointer: null at the end.
pub(crate) fn readdir_r(m: &mut Machine, handle: u64, entry: u64, result: u64) -> Answer {
    let found = next_entry(m, handle, entry)?;
    m.memory.put_u64(result, if found { entry } else { 0 })?;
    Ok(0)
}

pub(crate) fn readdir(m: &mut Machine, handle: u64) -> Answer {
    let entry = m.kernel.directories.get(&handle).ok_or(EBADF)?.entry;
    Ok(if next_entry(m, handle, entry)? { entry } else { 0 })
}

pub(crate) fn dirfd(m: &mut Machine, handle: u64) -> Answer {
    Ok(m.kernel.directories.get(&handle).ok_or(EBADF)?.fd as u64)
}

pub(crate) fn closedir(m: &mut Machine, handle: u64) -> Answer {
    let directory = m.kernel.directories.remove(&handle).ok_or(EBADF)?;
    let freed = m.heap.release(handle);
    debug_assert!(freed.is_ok());
    close(m, directory.fd)
}

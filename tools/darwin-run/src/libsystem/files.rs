//! `<fcntl.h>`, `<unistd.h>`, `<sys/stat.h>`, `<dirent.h>`, `<sys/mman.h>`

use super::or_null;
use crate::kernel::{files, stat};
use crate::machine::Function;
use crate::memory::xnu::Request;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_read", |m| files::read(m, m.x(0) as i32, m.x(1), m.x(2))),
    ("_write", |m| files::write(m, m.x(0) as i32, m.x(1), m.x(2))),
    ("_pread", |m| files::pread(m, m.x(0) as i32, m.x(1), m.x(2), m.x(3) as i64)),
    ("_pwrite", |m| files::pwrite(m, m.x(0) as i32, m.x(1), m.x(2), m.x(3) as i64)),
    ("_readv", |m| files::readv(m, m.x(0) as i32, m.x(1), m.x(2))),
    ("_writev", |m| files::writev(m, m.x(0) as i32, m.x(1), m.x(2))),
    // The mode is variadic.
    ("_open", |m| {
        let mode = if m.x(1) & 0x200 != 0 { m.variadic(0)? } else { 0 };
        files::open(m, m.x(0), m.x(1) as i32, mode as u32)
    }),
    ("_openat", |m| {
        let mode = if m.x(2) & 0x200 != 0 { m.variadic(0)? } else { 0 };
        files::openat(m, m.x(0) as i32, m.x(1), m.x(2) as i32, mode as u32)
    }),
    ("_close", |m| files::close(m, m.x(0) as i32)),
    ("_dup", |m| files::dup(m.x(0) as i32)),
    ("_dup2", |m| files::dup2(m.x(0) as i32, m.x(1) as i32)),
    ("_pipe", |m| files::pipe(m, m.x(0))),
    ("_lseek", |m| files::lseek(m.x(0) as i32, m.x(1) as i64, m.x(2) as i32)),
    ("_fsync", |m| files::fsync(m.x(0) as i32)),
    ("_ftruncate", |m| files::ftruncate(m.x(0) as i32, m.x(1) as i64)),
    // The third argument is variadic, and not always passed.
    ("_fcntl", |m| {
        let argument = m.variadic(0)?;
        files::fcntl(m, m.x(0) as i32, m.x(1) as i32, argument)
    }),
    ("_ioctl", |m| {
        let argument = m.variadic(0)?;
        files::ioctl(m, m.x(0) as i32, m.x(1), argument)
    }),
    ("_isatty", |m| files::isatty(m.x(0) as i32)),
    ("_access", |m| files::access(m, m.x(0), m.x(1) as i32)),
    ("_unlink", |m| files::unlink(m, m.x(0))),
    ("_unlinkat", |m| files::unlinkat(m, m.x(0) as i32, m.x(1), m.x(2) as i32)),
    ("_rmdir", |m| files::rmdir(m, m.x(0))),
    ("_mkdir", |m| files::mkdir(m, m.x(0), m.x(1) as u32)),
    ("_rename", |m| files::rename(m, m.x(0), m.x(1))),
    ("_link", |m| files::link(m, m.x(0), m.x(1))),
    ("_linkat", |m| files::linkat(m, [0, 1, 2, 3, 4].map(|number| m.x(number)))),
    ("_chown", |m| files::chown(m, m.x(0), m.x(1) as u32, m.x(2) as u32)),
    ("_symlink", |m| files::symlink(m, m.x(0), m.x(1))),
    ("_readlink", |m| files::readlink(m, m.x(0), m.x(1), m.x(2))),
    ("_chmod", |m| files::chmod(m, m.x(0), m.x(1) as u32)),
    ("_fchmod", |m| files::fchmod(m.x(0) as i32, m.x(1) as u32)),
    ("_chdir", |m| files::chdir(m, m.x(0))),
    ("_umask", |m| files::umask(m.x(0) as u32)),
    ("_getcwd", |m| or_null(m, |m| files::getcwd(m, m.x(0), m.x(1)))),
    ("_realpath$DARWIN_EXTSN", |m| or_null(m, |m| files::realpath(m, m.x(0), m.x(1)))),
    ("_stat", |m| stat::stat(m, m.x(0), m.x(1), true)),
    ("_lstat", |m| stat::stat(m, m.x(0), m.x(1), false)),
    ("_fstat", |m| stat::fstat(m, m.x(0) as i32, m.x(1))),
    ("_opendir", |m| or_null(m, |m| files::opendir(m, m.x(0)))),
    ("_fdopendir", |m| or_null(m, |m| files::fdopendir(m, m.x(0) as i32))),
    ("_readdir", |m| or_null(m, |m| files::readdir(m, m.x(0)))),
    ("_readdir_r", |m| files::readdir_r(m, m.x(0), m.x(1), m.x(2))),
    ("_dirfd", |m| files::dirfd(m, m.x(0))),
    ("_closedir", |m| files::closedir(m, m.x(0))),
    ("_mmap", |m| {
        let (hint, len, protection, flags) = (m.x(0), m.x(1), m.x(2), m.x(3));
        m.map(Request { hint, len, protection, flags, fd: m.x(4) as i32, offset: m.x(5) as i64 })
    }),
    ("_munmap", |m| m.unmap(m.x(0), m.x(1))),
    ("_mprotect", |m| m.protect(m.x(0), m.x(1), m.x(2))),
    ("_madvise", |_| Ok(0)),
    ("_msync", |_| Ok(0)),
    ("_mlock", |_| Ok(0)),
    ("_munlock", |_| Ok(0)),
];

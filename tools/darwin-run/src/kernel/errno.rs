//! Darwin's error numbers, which are the BSDs' (xnu: bsd/sys/errno.h), and the host's.

use std::io;

/// An error number of Darwin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Errno(pub(crate) i32);

macro_rules! numbers {
    ($($name:ident $darwin:literal $text:literal)*) => {
        $(#[allow(dead_code)] pub(crate) const $name: Errno = Errno($darwin);)*

        impl Errno {
            /// The number that stands for what the host's number stands for.
            pub(crate) fn of_number(host: i32) -> Errno {
                match host {
                    $(libc::$name => $name,)*
                    _ => EINVAL,
                }
            }

            /// As `strerror` says it.
            pub(crate) fn text(self) -> String {
                match self.0 {
                    0 => "Undefined error: 0".to_owned(),
                    $($darwin => $text.to_owned(),)*
                    other => format!("Unknown error: {other}"),
                }
            }
        }
    };
}

numbers! {
    EPERM 1 "Operation not permitted"
    ENOENT 2 "No such file or directory"
    ESRCH 3 "No such process"
    EINTR 4 "Interrupted system call"
    EIO 5 "Input/output error"
    ENXIO 6 "Device not configured"
    E2BIG 7 "Argument list too long"
    ENOEXEC 8 "Exec format error"
    EBADF 9 "Bad file descriptor"
    ECHILD 10 "No child processes"
    EDEADLK 11 "Resource deadlock avoided"
    ENOMEM 12 "Cannot allocate memory"
    EACCES 13 "Permission denied"
    EFAULT 14 "Bad address"
    EBUSY 16 "Resource busy"
    EEXIST 17 "File exists"
    EXDEV 18 "Cross-device link"
    ENODEV 19 "Operation not supported by device"
    ENOTDIR 20 "Not a directory"
    EISDIR 21 "Is a directory"
    EINVAL 22 "Invalid argument"
    ENFILE 23 "Too many open files in system"
    EMFILE 24 "Too many open files"
    ENOTTY 25 "Inappropriate ioctl for device"
    ETXTBSY 26 "Text file busy"
    EFBIG 27 "File too large"
    ENOSPC 28 "No space left on device"
    ESPIPE 29 "Illegal seek"
    EROFS 30 "Read-only file system"
    EMLINK 31 "Too many links"
    EPIPE 32 "Broken pipe"
    EDOM 33 "Numerical argument out of domain"
    ERANGE 34 "Result too large"
    EAGAIN 35 "Resource temporarily unavailable"
    EINPROGRESS 36 "Operation now in progress"
    EALREADY 37 "Operation already in progress"
    ENOTSOCK 38 "Socket operation on non-socket"
    ENOTSUP 45 "Operation not supported"
    EADDRINUSE 48 "Address already in use"
    ECONNREFUSED 61 "Connection refused"
    ELOOP 62 "Too many levels of symbolic links"
    ENAMETOOLONG 63 "File name too long"
    ENOTEMPTY 66 "Directory not empty"
    ETIMEDOUT 60 "Operation timed out"
    ENOSYS 78 "Function not implemented"
    EOVERFLOW 84 "Value too large to be stored in data type"
    EILSEQ 92 "Illegal byte sequence"
}

impl Errno {
    pub(crate) fn of_host(error: &io::Error) -> Errno {
        error.raw_os_error().map_or(EINVAL, Errno::of_number)
    }
}

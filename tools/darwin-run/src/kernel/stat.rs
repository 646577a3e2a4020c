//! `struct stat` of arm64 macOS, the one with 64-bit inodes (xnu: bsd/sys/stat.h).

use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use super::errno::{EBADF, Errno};
use crate::machine::{Answer, Machine};

const SIZE: usize = 144;

fn layout(metadata: &Metadata) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &(metadata.dev() as u32).to_le_bytes());
    put(4, &(metadata.mode() as u16).to_le_bytes());
    put(6, &(metadata.nlink() as u16).to_le_bytes());
    put(8, &metadata.ino().to_le_bytes());
    put(16, &metadata.uid().to_le_bytes());
    put(20, &metadata.gid().to_le_bytes());
    put(24, &(metadata.rdev() as u32).to_le_bytes());
    let times = [
        (metadata.atime(), metadata.atime_nsec()),
        (metadata.mtime(), metadata.mtime_nsec()),
        (metadata.ctime(), metadata.ctime_nsec()),
        // When it was made: the host may not know, and xnu says the time of change then.
        (metadata.ctime(), metadata.ctime_nsec()),
    ];
    for (index, (seconds, nanoseconds)) in times.into_iter().enumerate() {
        put(32 + 16 * index, &seconds.to_le_bytes());
        put(40 + 16 * index, &nanoseconds.to_le_bytes());
    }
    put(96, &metadata.size().to_le_bytes());
    put(104, &metadata.blocks().to_le_bytes());
    put(112, &(metadata.blksize() as u32).to_le_bytes());
    bytes
}

/// `stat`, or `lstat` where it does not follow.
pub(crate) fn stat(m: &mut Machine, path: u64, to: u64, follow: bool) -> Answer {
    let path = m.path(path)?;
    let path = std::ffi::OsStr::from_bytes(path.as_bytes());
    let metadata = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let metadata = metadata.map_err(|error| Errno::of_host(&error))?;
    m.memory.put(to, &layout(&metadata))?;
    Ok(0)
}

pub(crate) fn fstat(m: &mut Machine, fd: i32, to: u64) -> Answer {
    if fd < 0 {
        return Err(EBADF.into());
    }
    let file = fs::File::from(super::host::copy(fd)?);
    let metadata = file.metadata().map_err(|error| Errno::of_host(&error))?;
    m.memory.put(to, &layout(&metadata))?;
    Ok(0)
}

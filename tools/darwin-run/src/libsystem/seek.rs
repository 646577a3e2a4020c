//! `<stdio.h>`: positions in streams, streams of other files, locks, temporary files.

use super::or_null;
use super::stdio::{self, EOF, Stream, stream};
use crate::kernel::errno::{EEXIST, EINVAL};
use crate::kernel::files;
use crate::machine::sync::MutexKind;
use crate::machine::{Answer, Function, Machine, Stop};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_fseek", |m| seek(m, m.x(0), m.x(1) as i64, m.x(2) as i32)),
    ("_fseeko", |m| seek(m, m.x(0), m.x(1) as i64, m.x(2) as i32)),
    ("_ftell", tell),
    ("_ftello", tell),
    ("_rewind", |m| {
        seek(m, m.x(0), 0, SEEK_SET)?;
        clear(m)
    }),
    ("_clearerr", clear),
    ("_ungetc", unget),
    ("_freopen", |m| or_null(m, reopen)),
    // Other threads do not get in between two functions that take a lock of their own: one runs at a time.
    ("_flockfile", |m| {
        m.mutex_kind(m.x(0), MutexKind::Recursive);
        m.mutex_lock(m.x(0), true)
    }),
    ("_funlockfile", |m| Ok(m.mutex_unlock(m.x(0)))),
    ("_mkstemp", |m| {
        let path = m.x(0);
        make_temporary(m, path)
    }),
    ("_tmpfile", |m| or_null(m, temporary)),
];

const SEEK_SET: i32 = 0;
const SEEK_CUR: i32 = 1;

fn seek(m: &mut Machine, at: u64, offset: i64, whence: i32) -> Answer {
    stdio::flush(m, at)?;
    let stream = stream(m, at)?;
    // What was read ahead, the program has not come to.
    let ahead = if whence == SEEK_CUR { stream.input.len() as i64 } else { 0 };
    files::lseek(stream.fd, offset.checked_sub(ahead).ok_or(EINVAL)?, whence)?;
    stream.input.clear();
    stream.at_end = false;
    Ok(0)
}

fn tell(m: &mut Machine) -> Answer {
    let stream = stream(m, m.x(0))?;
    let position = files::lseek(stream.fd, 0, SEEK_CUR)? as i64;
    Ok((position - stream.input.len() as i64 + stream.out.len() as i64) as u64)
}

fn clear(m: &mut Machine) -> Answer {
    let stream = stream(m, m.x(0))?;
    (stream.at_end, stream.failed) = (false, false);
    Ok(0)
}

fn unget(m: &mut Machine) -> Answer {
    let byte = m.x(0);
    if byte as i32 == -1 {
        return Ok(EOF);
    }
    let stream = stream(m, m.x(1))?;
    stream.input.insert(0, byte as u8);
    stream.at_end = false;
    Ok(u64::from(byte as u8))
}

/// `freopen`: the stream keeps its address, and the standard ones their descriptors.
fn reopen(m: &mut Machine) -> Answer {
    let (path, mode, at) = (m.x(0), m.x(1), m.x(2));
    if path == 0 {
        return Err(super::not_modelled("freopen without a file"));
    }
    stdio::flush(m, at)?;
    let old = stream(m, at)?.fd;
    let opened = stdio::open(m, path, mode)? as i32;
    let fd = if old <= 2 {
        files::dup2(opened, old)?;
        files::close(m, opened)?;
        old
    } else {
        files::close(m, old)?;
        opened
    };
    *stream(m, at)? = Stream::of(fd);
    Ok(at)
}

/// `mkstemp`: the file, whose name replaces the `X`s at the end.
fn make_temporary(m: &mut Machine, path: u64) -> Answer {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const READ_WRITE_CREATE_EXCLUSIVE: i32 = 2 | 0x200 | 0x800;
    let name = m.memory.string(path)?;
    let xs = name.iter().rev().take_while(|byte| **byte == b'X').count();
    let start = path + (name.len() - xs) as u64;
    if xs == 0 {
        return Err(EINVAL.into());
    }
    for _ in 0..1000 {
        for index in 0..xs as u64 {
            let letter = LETTERS[super::sort::random(m) as usize % LETTERS.len()];
            m.memory.put(start + index, &[letter])?;
        }
        match files::open(m, path, READ_WRITE_CREATE_EXCLUSIVE, 0o600) {
            Err(Stop::Errno(EEXIST)) => {}
            answer => return answer,
        }
    }
    Err(EEXIST.into())
}

fn temporary(m: &mut Machine) -> Answer {
    let name = b"/tmp/tmp.XXXXXX\0";
    let at = m.heap.allocate(name.len() as u64, 16).ok_or(crate::kernel::errno::ENOMEM)?;
    m.memory.put(at, name)?;
    let made = make_temporary(m, at);
    let unlinked = made.and_then(|fd| files::unlink(m, at).map(|_| fd));
    let freed = m.heap.release(at);
    debug_assert!(freed.is_ok());
    stdio::fdopen(m, unlinked? as i32)
}

//! `<stdio.h>`. A stream's bytes lie here; the program has only its address. Standard error is not buffered, a terminal
//! is by lines.

use std::collections::HashMap;

use super::format::format;
use super::{STREAMS, string};
use crate::kernel::errno::{EBADF, EINVAL, Errno};
use crate::kernel::{files, host};
use crate::machine::{Answer, Function, Machine, Stop};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_printf", |m| print(m, STREAMS + 8, m.x(0), m.cpu.sp())),
    ("_fprintf", |m| print(m, m.x(0), m.x(1), m.cpu.sp())),
    ("_dprintf", dprintf),
    ("_vprintf", |m| print(m, STREAMS + 8, m.x(0), m.x(1))),
    ("_vfprintf", |m| print(m, m.x(0), m.x(1), m.x(2))),
    ("_snprintf", |m| print_to(m, m.x(1), m.x(2), m.cpu.sp())),
    ("_vsnprintf", |m| print_to(m, m.x(1), m.x(2), m.x(3))),
    ("___snprintf_chk", |m| print_to(m, m.x(1), m.x(4), m.cpu.sp())),
    ("___vsnprintf_chk", |m| print_to(m, m.x(1), m.x(4), m.x(5))),
    ("_sprintf", |m| print_to(m, u64::MAX, m.x(1), m.cpu.sp())),
    ("_vsprintf", |m| print_to(m, u64::MAX, m.x(1), m.x(2))),
    ("___sprintf_chk", |m| print_to(m, m.x(2), m.x(3), m.cpu.sp())),
    ("_asprintf", asprintf),
    ("_puts", puts),
    ("_fputs", |m| write_string(m, m.x(1), m.x(0))),
    ("_putchar", |m| put_byte(m, STREAMS + 8, m.x(0))),
    ("_putc", |m| put_byte(m, m.x(1), m.x(0))),
    ("_fputc", |m| put_byte(m, m.x(1), m.x(0))),
    ("_fwrite", fwrite),
    ("_fread", fread),
    ("_getc", |m| get_byte(m, m.x(0))),
    ("_getc_unlocked", |m| get_byte(m, m.x(0))),
    ("_fgetc", |m| get_byte(m, m.x(0))),
    ("_getchar", |m| get_byte(m, STREAMS)),
    ("_fgets", fgets),
    ("_fflush", |m| flush(m, m.x(0))),
    ("_fopen", fopen),
    ("_fdopen", |m| fdopen(m, m.x(0) as i32)),
    ("_fclose", fclose),
    ("_fileno", |m| Ok(stream(m, m.x(0))?.fd as u64)),
    ("_feof", |m| Ok(u64::from(stream(m, m.x(0))?.at_end))),
    ("_ferror", |m| Ok(u64::from(stream(m, m.x(0))?.failed))),
    ("_setvbuf", setvbuf),
    ("_setbuf", |m| Ok(m.x(0))),
    ("_perror", perror),
    ("_remove", |m| files::unlink(m, m.x(0))),
];

#[derive(Default, Debug)]
pub(crate) struct Stream {
    pub(super) fd: i32,
    pub(super) out: Vec<u8>,
    mode: Mode,
    pub(super) input: Vec<u8>,
    pub(super) at_end: bool,
    pub(super) failed: bool,
}

impl Stream {
    pub(super) fn of(fd: i32) -> Stream {
        Stream { fd, ..Stream::default() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Mode {
    #[default]
    Full,
    Line,
    None,
}

/// By address.
#[derive(Default, Debug)]
pub(crate) struct Streams(HashMap<u64, Stream>);

const ROOM: usize = 4096;

pub(super) fn stream(m: &mut Machine, at: u64) -> Result<&mut Stream, Stop> {
    if (STREAMS..STREAMS + 24).contains(&at) {
        let fd = ((at - STREAMS) / 8) as i32;
        let mode = if fd == 2 {
            Mode::None
        } else if matches!(files::isatty(fd), Ok(1)) {
            Mode::Line
        } else {
            Mode::Full
        };
        return Ok(m.library.streams.0.entry(at).or_insert_with(|| Stream { fd, mode, ..Stream::default() }));
    }
    m.library.streams.0.get_mut(&at).ok_or(Stop::Errno(EBADF))
}

fn write_all(fd: i32, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let args = [fd as u64, bytes.as_ptr() as u64, bytes.len() as u64, 0, 0, 0];
        let written = host::call(libc::SYS_write, args)?;
        bytes = bytes.get(written as usize..).unwrap_or_default();
    }
    Ok(())
}

fn write(m: &mut Machine, at: u64, bytes: &[u8]) -> Result<(), Stop> {
    let stream = stream(m, at)?;
    stream.out.extend_from_slice(bytes);
    let ends = match stream.mode {
        Mode::None => stream.out.len(),
        Mode::Line => stream.out.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1),
        Mode::Full if stream.out.len() >= ROOM => stream.out.len(),
        Mode::Full => 0,
    };
    let now: Vec<u8> = stream.out.drain(..ends).collect();
    let done = write_all(stream.fd, &now);
    stream.failed |= done.is_err();
    Ok(done?)
}

/// `fflush`; null flushes every stream.
pub(super) fn flush(m: &mut Machine, at: u64) -> Answer {
    let all: Vec<u64> = if at == 0 { m.library.streams.0.keys().copied().collect() } else { vec![at] };
    for at in all {
        let stream = stream(m, at)?;
        let bytes = std::mem::take(&mut stream.out);
        write_all(stream.fd, &bytes)?;
    }
    Ok(0)
}

fn print(m: &mut Machine, to: u64, text: u64, list: u64) -> Answer {
    let text = format(m, text, list)?;
    write(m, to, &text)?;
    Ok(text.len() as u64)
}

fn dprintf(m: &mut Machine) -> Answer {
    let text = format(m, m.x(1), m.cpu.sp())?;
    write_all(m.x(0) as i32, &text)?;
    Ok(text.len() as u64)
}

fn print_to(m: &mut Machine, room: u64, text: u64, list: u64) -> Answer {
    let text = format(m, text, list)?;
    if room > 0 {
        let kept = text.len().min(usize::try_from(room - 1).unwrap_or(usize::MAX));
        m.memory.put(m.x(0), &[&text[..kept], b"\0"].concat())?;
    }
    Ok(text.len() as u64)
}

fn asprintf(m: &mut Machine) -> Answer {
    let text = format(m, m.x(1), m.cpu.sp())?;
    let to = m.heap.allocate(text.len() as u64 + 1, 16).ok_or(crate::kernel::errno::ENOMEM)?;
    m.memory.put(to, &[&text[..], b"\0"].concat())?;
    m.memory.put_u64(m.x(0), to)?;
    Ok(text.len() as u64)
}

fn puts(m: &mut Machine) -> Answer {
    let text = [m.memory.string(m.x(0))?, b"\n"].concat();
    write(m, STREAMS + 8, &text)?;
    Ok(10)
}

fn write_string(m: &mut Machine, to: u64, text: u64) -> Answer {
    let text = m.memory.string(text)?.to_vec();
    write(m, to, &text)?;
    Ok(0)
}

fn put_byte(m: &mut Machine, to: u64, byte: u64) -> Answer {
    write(m, to, &[byte as u8])?;
    Ok(u64::from(byte as u8))
}

fn fwrite(m: &mut Machine) -> Answer {
    let (from, size, count, to) = (m.x(0), m.x(1), m.x(2), m.x(3));
    let len = size.checked_mul(count).ok_or(EINVAL)?;
    let bytes = m.memory.bytes(from, len)?.to_vec();
    write(m, to, &bytes)?;
    Ok(count)
}

/// At least `wanted` bytes of input, or what there is.
fn fill(m: &mut Machine, at: u64, wanted: usize) -> Result<&mut Stream, Stop> {
    loop {
        let stream = stream(m, at)?;
        if stream.input.len() >= wanted || stream.at_end {
            break;
        }
        let fd = stream.fd;
        m.ready(fd, libc::POLLIN)?;
        let mut bytes = vec![0u8; ROOM];
        let got = host::call(libc::SYS_read, [fd as u64, bytes.as_mut_ptr() as u64, ROOM as u64, 0, 0, 0])?;
        let stream = self::stream(m, at)?;
        stream.at_end = got == 0;
        stream.input.extend_from_slice(&bytes[..got as usize]);
    }
    stream(m, at)
}

fn fread(m: &mut Machine) -> Answer {
    let (to, size, count, from) = (m.x(0), m.x(1), m.x(2), m.x(3));
    let len = size.checked_mul(count).ok_or(EINVAL)?;
    if len == 0 {
        return Ok(0);
    }
    let stream = fill(m, from, len as usize)?;
    // A part of an element at the end is read too, and not counted.
    let there = stream.input.len().min(len as usize);
    let bytes: Vec<u8> = stream.input.drain(..there).collect();
    m.memory.put(to, &bytes)?;
    Ok(there as u64 / size)
}

pub(super) const EOF: u64 = u64::MAX;

fn get_byte(m: &mut Machine, from: u64) -> Answer {
    let stream = fill(m, from, 1)?;
    if stream.input.is_empty() { Ok(EOF) } else { Ok(u64::from(stream.input.remove(0))) }
}

fn fgets(m: &mut Machine) -> Answer {
    let (to, room, from) = (m.x(0), m.x(1) as i32, m.x(2));
    let mut line = Vec::new();
    while (line.len() as i32) < room - 1 && line.last() != Some(&b'\n') {
        match get_byte(m, from)? {
            EOF => break,
            byte => line.push(byte as u8),
        }
    }
    if line.is_empty() {
        return Ok(0);
    }
    m.memory.put(to, &[&line[..], b"\0"].concat())?;
    Ok(to)
}

fn fopen(m: &mut Machine) -> Answer {
    let opened = open(m, m.x(0), m.x(1));
    super::or_null(m, |m| fdopen(m, opened? as i32))
}

/// The descriptor of a file that is opened as `fopen` has it.
pub(super) fn open(m: &mut Machine, path: u64, mode: u64) -> Answer {
    let mode = string::bounded(m, mode, 8)?;
    let plus = mode.contains(&b'+');
    let flags = match mode.first() {
        Some(b'r') => 0,
        Some(b'w') => 0x200 | 0x400,
        Some(b'a') => 0x200 | 0x8,
        _ => return Err(EINVAL.into()),
    };
    let exclusive = if mode.contains(&b'x') { 0x800 } else { 0 };
    let on_exec = if mode.contains(&b'e') { 0x100_0000 } else { 0 };
    let access = match (mode.first(), plus) {
        (_, true) => 2,
        (Some(b'r'), false) => 0,
        _ => 1,
    };
    files::open(m, path, flags | exclusive | on_exec | access, 0o666)
}

pub(super) fn fdopen(m: &mut Machine, fd: i32) -> Answer {
    let at = m.heap.allocate(16, 16).ok_or(crate::kernel::errno::ENOMEM)?;
    m.library.streams.0.insert(at, Stream::of(fd));
    Ok(at)
}

fn fclose(m: &mut Machine) -> Answer {
    close(m, m.x(0))
}

/// Ends a stream, with its descriptor.
pub(super) fn close(m: &mut Machine, at: u64) -> Answer {
    flush(m, at)?;
    let fd = stream(m, at)?.fd;
    if m.library.streams.0.remove(&at).is_some() && !(STREAMS..STREAMS + 24).contains(&at) {
        let freed = m.heap.release(at);
        debug_assert!(freed.is_ok());
    }
    files::close(m, fd)
}

fn setvbuf(m: &mut Machine) -> Answer {
    let mode = match m.x(2) {
        0 => Mode::Full,
        1 => Mode::Line,
        2 => Mode::None,
        _ => return Ok(u64::MAX),
    };
    stream(m, m.x(0))?.mode = mode;
    Ok(0)
}

fn perror(m: &mut Machine) -> Answer {
    let errno = m.memory.i32(m.threads.current().errno_address())?;
    let mut text = if m.x(0) == 0 { Vec::new() } else { [m.memory.string(m.x(0))?, b": "].concat() };
    text.extend(Errno(errno).text().into_bytes());
    text.push(b'\n');
    write(m, STREAMS + 16, &text)?;
    Ok(0)
}

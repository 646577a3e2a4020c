//! `<string.h>`, `<strings.h>`

use crate::kernel::errno::{EINVAL, ERANGE, Errno};
use crate::machine::{Answer, Function, Machine, Stop};
use crate::verdict::Verdict;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_memcpy", |m| copy(m, m.x(2))),
    ("_memmove", |m| copy(m, m.x(2))),
    ("___memcpy_chk", |m| checked(m, m.x(2), m.x(3), copy)),
    ("___memmove_chk", |m| checked(m, m.x(2), m.x(3), copy)),
    ("_memset", |m| fill(m, m.x(1), m.x(2))),
    ("___memset_chk", |m| checked(m, m.x(2), m.x(3), |m, len| fill(m, m.x(1), len))),
    ("_memset_s", memset_s),
    ("_bzero", |m| fill(m, 0, m.x(1))),
    ("___bzero", |m| fill(m, 0, m.x(1))),
    ("_memset_pattern16", pattern16),
    ("_memcmp", memcmp),
    ("_memchr", |m| find_byte(m, m.x(2))),
    ("_memmem", memmem),
    ("_strlen", |m| Ok(m.memory.string(m.x(0))?.len() as u64)),
    ("_strnlen", |m| Ok(bounded(m, m.x(0), m.x(1))?.len() as u64)),
    ("_strcmp", |m| Ok(order(m.memory.string(m.x(0))?.cmp(m.memory.string(m.x(1))?)))),
    ("_strcoll", |m| Ok(order(m.memory.string(m.x(0))?.cmp(m.memory.string(m.x(1))?)))),
    ("_strncmp", |m| Ok(order(bounded(m, m.x(0), m.x(2))?.cmp(&bounded(m, m.x(1), m.x(2))?)))),
    ("_strcasecmp", |m| Ok(order(lower(m.memory.string(m.x(0))?).cmp(&lower(m.memory.string(m.x(1))?))))),
    ("_strncasecmp", |m| Ok(order(lower(&bounded(m, m.x(0), m.x(2))?).cmp(&lower(&bounded(m, m.x(1), m.x(2))?))))),
    ("_strcpy", |m| strcpy(m, u64::MAX)),
    ("___strcpy_chk", |m| strcpy(m, m.x(2))),
    ("_strcat", |m| strcat(m, u64::MAX, u64::MAX)),
    ("___strcat_chk", |m| strcat(m, u64::MAX, m.x(2))),
    ("_strncat", |m| strcat(m, m.x(2), u64::MAX)),
    ("_strncpy", strncpy),
    ("_strlcpy", strlcpy),
    ("_strlcat", strlcat),
    ("_strchr", |m| strchr(m, false)),
    ("_strrchr", |m| strchr(m, true)),
    ("_strstr", strstr),
    ("_strspn", |m| span(m, true)),
    ("_strcspn", |m| span(m, false)),
    ("_strpbrk", strpbrk),
    ("_strtok", strtok),
    ("_strtok_r", |m| token(m, m.x(0), m.x(2))),
    ("_strdup", |m| duplicate(m, u64::MAX)),
    ("_strndup", |m| duplicate(m, m.x(1))),
    ("_strerror_r", strerror_r),
    ("_strerror", strerror),
];

fn copy(m: &mut Machine, len: u64) -> Answer {
    let (to, from) = (m.x(0), m.x(1));
    // The two may overlap.
    let bytes = m.memory.bytes(from, len)?.to_vec();
    m.memory.put(to, &bytes)?;
    Ok(to)
}

/// A function of `_FORTIFY_SOURCE`: the room is known.
fn checked(m: &mut Machine, len: u64, room: u64, function: fn(&mut Machine, u64) -> Answer) -> Answer {
    if len > room {
        return Err(Stop::Killed(crate::machine::signals::SIGABRT));
    }
    function(m, len)
}

fn fill(m: &mut Machine, byte: u64, len: u64) -> Answer {
    m.memory.bytes_mut(m.x(0), len)?.fill(byte as u8);
    Ok(m.x(0))
}

fn memset_s(m: &mut Machine) -> Answer {
    let (room, byte, len) = (m.x(1), m.x(2), m.x(3));
    fill(m, byte, len.min(room))?;
    Ok(if len > room { ERANGE.0 as u64 } else { 0 })
}

fn pattern16(m: &mut Machine) -> Answer {
    let pattern: [u8; 16] = m.memory.get(m.x(1))?;
    for chunk in m.memory.bytes_mut(m.x(0), m.x(2))?.chunks_mut(16) {
        chunk.copy_from_slice(&pattern[..chunk.len()]);
    }
    Ok(0)
}

fn order(order: std::cmp::Ordering) -> u64 {
    i64::from(order as i8) as u64
}

fn memcmp(m: &mut Machine) -> Answer {
    Ok(order(m.memory.bytes(m.x(0), m.x(2))?.cmp(m.memory.bytes(m.x(1), m.x(2))?)))
}

fn find_byte(m: &mut Machine, len: u64) -> Answer {
    let byte = m.x(1) as u8;
    let at = m.memory.bytes(m.x(0), len)?.iter().position(|&other| other == byte);
    Ok(at.map_or(0, |at| m.x(0) + at as u64))
}

fn position(hay: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() { Some(0) } else { hay.windows(needle.len()).position(|window| window == needle) }
}

fn memmem(m: &mut Machine) -> Answer {
    let at = position(m.memory.bytes(m.x(0), m.x(1))?, m.memory.bytes(m.x(2), m.x(3))?);
    Ok(at.map_or(0, |at| m.x(0) + at as u64))
}

/// A string of at most `most` bytes, which need not end in NUL then.
pub(super) fn bounded(m: &Machine, at: u64, most: u64) -> Result<Vec<u8>, Stop> {
    let mut text = Vec::new();
    while (text.len() as u64) < most {
        let [byte] = m.memory.get(at + text.len() as u64)?;
        if byte == 0 {
            break;
        }
        text.push(byte);
    }
    Ok(text)
}

fn lower(text: &[u8]) -> Vec<u8> {
    text.to_ascii_lowercase()
}

/// Text with its NUL at `at`, where there is room for `room` bytes.
fn place(m: &mut Machine, at: u64, text: &[u8], room: u64) -> Result<(), Stop> {
    if text.len() as u64 >= room {
        return Err(Stop::Killed(crate::machine::signals::SIGABRT));
    }
    m.memory.put(at, &[text, b"\0"].concat())?;
    Ok(())
}

fn strcpy(m: &mut Machine, room: u64) -> Answer {
    let text = m.memory.string(m.x(1))?.to_vec();
    place(m, m.x(0), &text, room)?;
    Ok(m.x(0))
}

fn strcat(m: &mut Machine, most: u64, room: u64) -> Answer {
    let mut text = m.memory.string(m.x(0))?.to_vec();
    text.extend(bounded(m, m.x(1), most)?);
    place(m, m.x(0), &text, room)?;
    Ok(m.x(0))
}

fn strncpy(m: &mut Machine) -> Answer {
    let mut text = bounded(m, m.x(1), m.x(2))?;
    text.resize(m.x(2) as usize, 0);
    m.memory.put(m.x(0), &text)?;
    Ok(m.x(0))
}

fn strlcpy(m: &mut Machine) -> Answer {
    let text = m.memory.string(m.x(1))?.to_vec();
    if m.x(2) > 0 {
        let kept = text.len().min(m.x(2) as usize - 1);
        place(m, m.x(0), &text[..kept], u64::MAX)?;
    }
    Ok(text.len() as u64)
}

fn strlcat(m: &mut Machine) -> Answer {
    let (to, room) = (m.x(0), m.x(2));
    let before = bounded(m, to, room)?.len() as u64;
    let text = m.memory.string(m.x(1))?.to_vec();
    if before < room {
        let kept = text.len().min((room - before) as usize - 1);
        place(m, to + before, &text[..kept], u64::MAX)?;
    }
    Ok(before + text.len() as u64)
}

fn strchr(m: &mut Machine, last: bool) -> Answer {
    let (at, byte) = (m.x(0), m.x(1) as u8);
    let len = m.memory.string(at)?.len() as u64;
    let text = m.memory.bytes(at, len + 1)?;
    let is = |&other: &u8| other == byte;
    let found = if last { text.iter().rposition(is) } else { text.iter().position(is) };
    Ok(found.map_or(0, |found| at + found as u64))
}

fn strstr(m: &mut Machine) -> Answer {
    let found = position(m.memory.string(m.x(0))?, m.memory.string(m.x(1))?);
    Ok(found.map_or(0, |found| m.x(0) + found as u64))
}

fn span(m: &mut Machine, of: bool) -> Answer {
    let (text, set) = (m.memory.string(m.x(0))?, m.memory.string(m.x(1))?);
    Ok(text.iter().take_while(|byte| set.contains(byte) == of).count() as u64)
}

fn strpbrk(m: &mut Machine) -> Answer {
    let (text, set) = (m.memory.string(m.x(0))?, m.memory.string(m.x(1))?);
    let found = text.iter().position(|byte| set.contains(byte));
    Ok(found.map_or(0, |found| m.x(0) + found as u64))
}

fn strtok(m: &mut Machine) -> Answer {
    let start = if m.x(0) == 0 { m.library.token } else { m.x(0) };
    let (token, rest) = next_token(m, start)?;
    m.library.token = rest;
    Ok(token)
}

fn token(m: &mut Machine, start: u64, state: u64) -> Answer {
    let start = if start == 0 { m.memory.u64(state)? } else { start };
    let (token, rest) = next_token(m, start)?;
    m.memory.put_u64(state, rest)?;
    Ok(token)
}

fn next_token(m: &mut Machine, start: u64) -> Result<(u64, u64), Stop> {
    if start == 0 {
        return Ok((0, 0));
    }
    let (text, set) = (m.memory.string(start)?.to_vec(), m.memory.string(m.x(1))?.to_vec());
    let Some(first) = text.iter().position(|byte| !set.contains(byte)) else { return Ok((0, 0)) };
    let token = start + first as u64;
    match text[first..].iter().position(|byte| set.contains(byte)) {
        Some(len) => {
            m.memory.put(token + len as u64, b"\0")?;
            Ok((token, token + len as u64 + 1))
        }
        None => Ok((token, 0)),
    }
}

fn duplicate(m: &mut Machine, most: u64) -> Answer {
    let text = bounded(m, m.x(0), most)?;
    let to = m.heap.allocate(text.len() as u64 + 1, 16).ok_or(crate::kernel::errno::ENOMEM)?;
    place(m, to, &text, u64::MAX)?;
    Ok(to)
}

fn strerror_r(m: &mut Machine) -> Answer {
    let text = Errno(m.x(0) as i32).text();
    if text.len() as u64 >= m.x(2) {
        return Ok(ERANGE.0 as u64);
    }
    place(m, m.x(1), text.as_bytes(), u64::MAX)?;
    Ok(if text.starts_with("Unknown") { EINVAL.0 as u64 } else { 0 })
}

fn strerror(m: &mut Machine) -> Answer {
    let text = Errno(m.x(0) as i32).text();
    let to = m.heap.allocate(text.len() as u64 + 1, 16).ok_or(Stop::End(Verdict::NotModelled("no memory".into())))?;
    place(m, to, text.as_bytes(), u64::MAX)?;
    Ok(to)
}

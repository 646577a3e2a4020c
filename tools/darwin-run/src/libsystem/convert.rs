//! `<stdlib.h>`, `<ctype.h>`: numbers from text, and kinds of characters in the C locale.

use crate::kernel::errno::{EINVAL, ERANGE};
use crate::machine::{Answer, Function, Machine};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_atoi", |m| Ok(integer(m.memory.string(m.x(0))?, 10).value as i32 as u64)),
    ("_atol", |m| Ok(integer(m.memory.string(m.x(0))?, 10).signed() as u64)),
    ("_atoll", |m| Ok(integer(m.memory.string(m.x(0))?, 10).signed() as u64)),
    ("_strtol", |m| strtol(m, true)),
    ("_strtoll", |m| strtol(m, true)),
    ("_strtoul", |m| strtol(m, false)),
    ("_strtoull", |m| strtol(m, false)),
    ("_atof", |m| {
        let (value, _) = number(m.memory.string(m.x(0))?);
        m.cpu.set_d(0, value);
        Ok(m.x(0))
    }),
    ("_strtod", |m| {
        let value = strtod(m)?;
        m.cpu.set_d(0, value);
        Ok(m.x(0))
    }),
    ("_strtof", |m| {
        let value = strtod(m)?;
        m.cpu.set_s(0, value as f32);
        Ok(m.x(0))
    }),
    ("_abs", |m| Ok((m.x(0) as i32).wrapping_abs() as u32 as u64)),
    ("_labs", |m| Ok((m.x(0) as i64).wrapping_abs() as u64)),
    ("_llabs", |m| Ok((m.x(0) as i64).wrapping_abs() as u64)),
    ("_tolower", |m| Ok(case(m.x(0), |byte| byte.to_ascii_lowercase()))),
    ("_toupper", |m| Ok(case(m.x(0), |byte| byte.to_ascii_uppercase()))),
    ("___tolower", |m| Ok(case(m.x(0), |byte| byte.to_ascii_lowercase()))),
    ("___toupper", |m| Ok(case(m.x(0), |byte| byte.to_ascii_uppercase()))),
    ("_isalpha", |m| is(m, u8::is_ascii_alphabetic)),
    ("_isdigit", |m| is(m, u8::is_ascii_digit)),
    ("_isalnum", |m| is(m, u8::is_ascii_alphanumeric)),
    ("_isspace", |m| is(m, |byte| is_space(*byte))),
    ("_isupper", |m| is(m, u8::is_ascii_uppercase)),
    ("_islower", |m| is(m, u8::is_ascii_lowercase)),
    ("_isxdigit", |m| is(m, u8::is_ascii_hexdigit)),
    ("_ispunct", |m| is(m, u8::is_ascii_punctuation)),
    ("_isgraph", |m| is(m, u8::is_ascii_graphic)),
    ("_isblank", |m| is(m, |byte| matches!(byte, b' ' | b'\t'))),
    ("_isprint", |m| is(m, |byte| (0x20..0x7f).contains(byte))),
    ("_iscntrl", |m| is(m, u8::is_ascii_control)),
];

fn case(value: u64, change: impl Fn(u8) -> u8) -> u64 {
    u8::try_from(value).map_or(value, |byte| u64::from(change(byte)))
}

fn is(m: &mut Machine, holds: impl Fn(&u8) -> bool) -> Answer {
    Ok(u64::from(u8::try_from(m.x(0) as u32).is_ok_and(|byte| holds(&byte))))
}

pub(super) fn is_space(byte: u8) -> bool {
    byte == b' ' || (9..=13).contains(&byte)
}

/// An integer that was read.
struct Integer {
    value: u64,
    negative: bool,
    /// How many bytes it took; 0: there was none.
    len: usize,
    too_large: bool,
}

impl Integer {
    fn signed(&self) -> i64 {
        match (self.negative, i64::try_from(self.value)) {
            (false, value) => value.unwrap_or(i64::MAX),
            (true, Ok(value)) => -value,
            (true, Err(_)) => i64::MIN,
        }
    }
}

fn integer(text: &[u8], base: u32) -> Integer {
    let mut at = text.iter().take_while(|byte| is_space(**byte)).count();
    let negative = text.get(at) == Some(&b'-');
    at += usize::from(matches!(text.get(at), Some(b'-' | b'+')));
    let rest = |at: usize| text.get(at..).unwrap_or_default();
    let is_hex = matches!(rest(at), [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit());
    let base = match base {
        0 if is_hex => 16,
        0 if rest(at).first() == Some(&b'0') => 8,
        0 => 10,
        base => base,
    };
    if base == 16 && is_hex {
        at += 2;
    }
    let mut found = Integer { value: 0, negative, len: 0, too_large: false };
    while let Some(digit) = text.get(at).and_then(|byte| char::from(*byte).to_digit(base)) {
        let next = found.value.checked_mul(u64::from(base)).and_then(|value| value.checked_add(u64::from(digit)));
        found.too_large |= next.is_none();
        found.value = next.unwrap_or(u64::MAX);
        at += 1;
        found.len = at;
    }
    found
}

fn strtol(m: &mut Machine, signed: bool) -> Answer {
    let (at, end, base) = (m.x(0), m.x(1), m.x(2) as u32);
    if base == 1 || base > 36 {
        m.set_errno(EINVAL)?;
        return Ok(0);
    }
    let found = integer(m.memory.string(at)?, base);
    if end != 0 {
        m.memory.put_u64(end, at + found.len as u64)?;
    }
    let limit = i64::MAX as u64 + u64::from(found.negative);
    if found.too_large || (signed && found.value > limit) {
        m.set_errno(ERANGE)?;
    }
    Ok(match (signed, found.too_large) {
        (true, _) => found.signed() as u64,
        (false, true) => u64::MAX,
        (false, false) if found.negative => found.value.wrapping_neg(),
        (false, false) => found.value,
    })
}

/// A decimal floating-point number at the start of a text, and how many bytes it took.
fn number(text: &[u8]) -> (f64, usize) {
    let lead = text.iter().take_while(|byte| is_space(**byte)).count();
    let rest = text.get(lead..).unwrap_or_default();
    // The longest start that reads as a number; numbers are short.
    let most = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count().min(400);
    (1..=most)
        .rev()
        .find_map(|len| {
            let text = std::str::from_utf8(rest.get(..len)?).ok()?;
            Some((text.parse().ok()?, lead + len))
        })
        .unwrap_or((0.0, 0))
}

fn strtod(m: &mut Machine) -> Result<f64, crate::machine::Stop> {
    let (value, len) = number(m.memory.string(m.x(0))?);
    if m.x(1) != 0 {
        m.memory.put_u64(m.x(1), m.x(0) + len as u64)?;
    }
    Ok(value)
}

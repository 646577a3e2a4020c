//! `printf`'s format, with arguments where Apple passes them: eight bytes each, one behind the other.

use crate::machine::{Machine, Stop};
use crate::verdict::Verdict;

/// How wide an integer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Byte,
    Short,
    Int,
    Long,
}

#[derive(Default)]
struct Flags {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
}

/// What `format` says with the arguments from `list` on.
pub(super) fn format(m: &Machine, format: u64, list: u64) -> Result<Vec<u8>, Stop> {
    let text = m.memory.string(format)?.to_vec();
    let mut out = Vec::new();
    let mut arguments = list;
    let mut next = || -> Result<u64, Stop> {
        let value = m.memory.u64(arguments)?;
        arguments += 8;
        Ok(value)
    };
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut flags = Flags::default();
        while let Some(flag) = bytes.next_if(|byte| b"-+ #0".contains(byte)) {
            match flag {
                b'-' => flags.left = true,
                b'+' => flags.plus = true,
                b' ' => flags.space = true,
                b'#' => flags.alternate = true,
                _ => flags.zero = true,
            }
        }
        let mut count = |bytes: &mut std::iter::Peekable<_>| -> Result<i32, Stop> {
            if bytes.next_if_eq(&b'*').is_some() {
                return Ok(next()? as i32);
            }
            let mut value = 0i32;
            while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
                value = value.saturating_mul(10).saturating_add(i32::from(digit - b'0'));
            }
            Ok(value)
        };
        let width = count(&mut bytes)?;
        flags.left |= width < 0;
        let width = width.unsigned_abs() as usize;
        let precision = match bytes.next_if_eq(&b'.') {
            Some(_) => usize::try_from(count(&mut bytes)?).ok(),
            None => None,
        };
        let mut length = Length::Int;
        while let Some(modifier) = bytes.next_if(|byte| b"hlqjztL".contains(byte)) {
            length = match (modifier, length) {
                (b'h', Length::Short) => Length::Byte,
                (b'h', _) => Length::Short,
                _ => Length::Long,
            };
        }
        let conversion = bytes.next().unwrap_or(b'%');
        let piece = match conversion {
            b'%' => {
                out.push(b'%');
                continue;
            }
            b'd' | b'i' | b'D' => {
                let value = next()? as i64;
                let value = match length {
                    Length::Byte => i64::from(value as i8),
                    Length::Short => i64::from(value as i16),
                    Length::Int if conversion != b'D' => i64::from(value as i32),
                    _ => value,
                };
                let sign = if value < 0 { "-" } else { flags.sign() };
                flags.integer(sign, value.unsigned_abs().to_string(), precision, width)
            }
            b'u' | b'o' | b'x' | b'X' | b'U' | b'O' => {
                let value = next()?;
                let value = match length {
                    Length::Byte => u64::from(value as u8),
                    Length::Short => u64::from(value as u16),
                    Length::Int if conversion.is_ascii_lowercase() || conversion == b'X' => u64::from(value as u32),
                    _ => value,
                };
                let (digits, prefix) = match conversion {
                    b'x' => (format!("{value:x}"), "0x"),
                    b'X' => (format!("{value:X}"), "0X"),
                    b'o' | b'O' => (format!("{value:o}"), "0"),
                    _ => (value.to_string(), ""),
                };
                let prefix = if flags.alternate && value != 0 { prefix } else { "" };
                flags.integer(prefix, digits, precision, width)
            }
            b'p' => flags.integer("0x", format!("{:x}", next()?), precision, width),
            b'c' => vec![next()? as u8],
            b's' => match next()? {
                0 => b"(null)".to_vec(),
                at => super::string::bounded(m, at, precision.map_or(u64::MAX, |precision| precision as u64))?,
            },
            b'f' | b'F' | b'e' | b'E' | b'g' | b'G' => {
                let value = f64::from_bits(next()?);
                let sign = if value.is_sign_negative() { "-" } else { flags.sign() };
                let digits = floating(value.abs(), conversion, precision.unwrap_or(6), flags.alternate);
                let zeros = if flags.zero && !flags.left && value.is_finite() {
                    width.saturating_sub(sign.len() + digits.len())
                } else {
                    0
                };
                format!("{sign}{}{digits}", "0".repeat(zeros)).into_bytes()
            }
            other => {
                let what = format!("the conversion %{} of printf", char::from(other));
                return Err(Stop::End(Verdict::NotModelled(what)));
            }
        };
        let fill = vec![b' '; width.saturating_sub(piece.len())];
        if flags.left {
            out.extend(piece);
            out.extend(fill);
        } else {
            out.extend(fill);
            out.extend(piece);
        }
    }
    Ok(out)
}

impl Flags {
    fn sign(&self) -> &'static str {
        match (self.plus, self.space) {
            (true, _) => "+",
            (false, true) => " ",
            (false, false) => "",
        }
    }

    /// A sign or prefix and digits, with zeros between them up to the precision, or to the width.
    fn integer(&self, prefix: &str, digits: String, precision: Option<usize>, width: usize) -> Vec<u8> {
        let digits = if precision == Some(0) && digits == "0" { String::new() } else { digits };
        let least = match precision {
            Some(precision) => precision,
            None if self.zero && !self.left => width.saturating_sub(prefix.len()),
            None => 0,
        };
        let zeros = least.saturating_sub(digits.len());
        format!("{prefix}{}{digits}", "0".repeat(zeros)).into_bytes()
    }
}

/// A number that is not negative.
fn floating(value: f64, conversion: u8, precision: usize, keep_zeros: bool) -> String {
    let text = if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        "inf".to_owned()
    } else {
        match conversion.to_ascii_lowercase() {
            b'f' => format!("{value:.precision$}"),
            b'e' => exponent(value, precision),
            _ => {
                // Of the two the shorter: by the exponent that %e would write.
                let precision = precision.max(1);
                let scientific = exponent(value, precision - 1);
                let power: i32 = scientific.split('e').nth(1).and_then(|power| power.parse().ok()).unwrap_or(0);
                let mut text = if (-4..precision as i32).contains(&power) {
                    let decimals = (precision as i32 - 1 - power) as usize;
                    format!("{value:.decimals$}")
                } else {
                    scientific
                };
                if !keep_zeros && text.contains('.') {
                    let (digits, power) = text.split_once('e').map_or((&*text, None), |(d, p)| (d, Some(p.to_owned())));
                    let digits = digits.trim_end_matches('0').trim_end_matches('.').to_owned();
                    text = power.map_or(digits.clone(), |power| format!("{digits}e{power}"));
                }
                text
            }
        }
    };
    if conversion.is_ascii_uppercase() { text.to_uppercase() } else { text }
}

/// As C writes it: a sign and at least two digits of the exponent.
fn exponent(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

#[cfg(test)]
mod tests {
    use super::floating;

    #[test]
    fn floating_point_as_c_writes_it() {
        for (value, conversion, precision, expected) in [
            (0.1, b'f', 6, "0.100000"),
            (2.5, b'f', 0, "2"),
            (12345.678, b'e', 3, "1.235e+04"),
            (1e-7, b'g', 6, "1e-07"),
            (100000.0, b'g', 6, "100000"),
            (1000000.0, b'g', 6, "1e+06"),
            (0.0001, b'g', 6, "0.0001"),
            (1.5, b'g', 6, "1.5"),
            (f64::INFINITY, b'F', 6, "INF"),
        ] {
            assert_eq!(floating(value, conversion, precision, false), expected);
        }
    }
}

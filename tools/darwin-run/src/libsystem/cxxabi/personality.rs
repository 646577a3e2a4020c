//! The personality function: what a frame does with an exception, by its table (Itanium C++ ABI: Exception Handling Tables;
//! LLVM: libcxxabi/src/cxa_personality.cpp).

use super::types::can_catch;
use super::{ADJUSTED, HEADER, TYPE, object, terminate};
use crate::libsystem::not_modelled;
use crate::machine::{Answer, Machine, Stop};
use crate::unwind::{self, CONTINUE, HANDLER_FOUND, INSTALL_CONTEXT, SEARCH};

/// What the frame does.
enum Found {
    Nothing,
    /// It lets nothing through.
    Terminate,
    Cleanup {
        pad: u64,
    },
    Handler {
        pad: u64,
        switch: i64,
        adjusted: u64,
    },
}

pub(super) fn personality(m: &mut Machine) -> Answer {
    let (actions, exception) = (m.x(1), m.x(3));
    let object = object(m, exception)?;
    match (find(m, object)?, actions & SEARCH != 0) {
        (Found::Nothing, _) | (Found::Cleanup { .. }, true) => Ok(CONTINUE),
        (Found::Terminate, _) => terminate(m, "since a function lets no exception through"),
        (Found::Handler { adjusted, .. }, true) => {
            if let Some(object) = object {
                m.memory.put_u64(object - HEADER + ADJUSTED, adjusted)?;
            }
            Ok(HANDLER_FOUND)
        }
        (Found::Cleanup { pad }, false) => land(m, pad, exception, 0),
        (Found::Handler { pad, switch, .. }, false) => land(m, pad, exception, switch),
    }
}

fn land(m: &mut Machine, pad: u64, exception: u64, switch: i64) -> Answer {
    unwind::land(m, pad, [exception, switch as u64])?;
    Ok(INSTALL_CONTEXT)
}

/// Reads a table.
struct Reader<'m> {
    m: &'m Machine,
    at: u64,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, Stop> {
        let [byte] = self.m.memory.get(self.at)?;
        self.at += 1;
        Ok(byte)
    }

    fn leb(&mut self, signed: bool) -> Answer {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let is_negative = signed && byte & 0x40 != 0 && shift + 7 < 64;
                return Ok(if is_negative { value | u64::MAX << (shift + 7) } else { value });
            }
        }
        Err(not_modelled("a number of more than 64 bits in a table of exception handlers"))
    }

    /// A pointer, or a number, as one of DWARF's encodings has it (LSB: DWARF Exception Header Encoding).
    fn encoded(&mut self, encoding: u8) -> Answer {
        const RELATIVE: u8 = 0x10;
        const INDIRECT: u8 = 0x80;
        let place = self.at;
        let size = match encoding & 0xf {
            0x1 => return self.leb(false),
            0x9 => return self.leb(true),
            format => size(format)?,
        };
        let mut bytes = [0; 8];
        for byte in &mut bytes[..size as usize] {
            *byte = self.byte()?;
        }
        let unused = 64 - 8 * size;
        let value = u64::from_le_bytes(bytes) << unused;
        let value = if encoding & 0x8 != 0 { (value as i64 >> unused) as u64 } else { value >> unused };
        if value == 0 {
            return Ok(0);
        }
        let value = match encoding & 0x70 {
            0 => value,
            RELATIVE => place.wrapping_add(value),
            other => {
                return Err(not_modelled(&format!("pointers of kind {other:#x} in a table of exception handlers")));
            }
        };
        if encoding & INDIRECT != 0 { Ok(self.m.memory.u64(value)?) } else { Ok(value) }
    }
}

/// Of a pointer with this format.
fn size(format: u8) -> Answer {
    match format & 0x7 {
        0x0 | 0x4 => Ok(8),
        0x2 => Ok(2),
        0x3 => Ok(4),
        _ => Err(not_modelled(&format!("pointers of format {format:#x} in a table of exception handlers"))),
    }
}

/// What the table of the frame that is asked says of the place that the exception comes from.
fn find(m: &mut Machine, object: Option<u64>) -> Result<Found, Stop> {
    const ABSENT: u8 = 0xff;
    let (place, function, table) = unwind::asked(m)?;
    if table == 0 {
        return Ok(Found::Nothing);
    }
    let mut reader = Reader { m, at: table };
    let pads = match reader.byte()? {
        ABSENT => function,
        encoding => reader.encoded(encoding)?,
    };
    let types = match reader.byte()? {
        ABSENT => None,
        encoding => {
            let distance = reader.leb(false)?;
            Some((encoding, reader.at + distance))
        }
    };
    let encoding = reader.byte()?;
    let size = reader.leb(false)?;
    let actions = reader.at + size;
    while reader.at < actions {
        let [start, len, pad] = [reader.encoded(encoding)?, reader.encoded(encoding)?, reader.encoded(encoding)?];
        let action = reader.leb(false)?;
        let offset = place - function;
        if offset < start {
            break;
        }
        if offset - start < len {
            return match (pad, action) {
                (0, _) => Ok(Found::Nothing),
                (pad, 0) => Ok(Found::Cleanup { pad: pads + pad }),
                (pad, action) => choose(m, actions + action - 1, types, pads + pad, object),
            };
        }
    }
    Ok(Found::Terminate)
}

/// Goes through a chain of actions.
fn choose(
    m: &Machine,
    mut action: u64,
    types: Option<(u8, u64)>,
    pad: u64,
    object: Option<u64>,
) -> Result<Found, Stop> {
    let mut cleans_up = false;
    loop {
        let mut reader = Reader { m, at: action };
        let switch = reader.leb(true)? as i64;
        let here = reader.at;
        let next = reader.leb(true)?;
        match switch {
            0 => cleans_up = true,
            ..0 => return Err(not_modelled("exception specifications")),
            _ => {
                let (encoding, end) = types.ok_or_else(|| not_modelled("handlers without types"))?;
                reader.at = end - switch as u64 * size(encoding & 0xf)?;
                let kind = reader.encoded(encoding)?;
                let adjusted = match (kind, object) {
                    (0, object) => Some(object.unwrap_or(0)),
                    (kind, Some(object)) => can_catch(m, kind, m.memory.u64(object - HEADER + TYPE)?, object)?,
                    _ => None,
                };
                if let Some(adjusted) = adjusted {
                    return Ok(Found::Handler { pad, switch, adjusted });
                }
            }
        }
        if next == 0 {
            return Ok(if cleans_up { Found::Cleanup { pad } } else { Found::Nothing });
        }
        action = here.wrapping_add(next);
    }
}

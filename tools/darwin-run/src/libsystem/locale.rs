//! `<locale.h>`: the C locale, and no other.

use crate::kernel::errno::ENOMEM;
use crate::machine::{Answer, Function, Machine};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("_setlocale", setlocale), ("_localeconv", localeconv)];

/// The name of the locale that counts; null for one that there is not. The empty name is the environment's choice, which is
/// the C locale here.
fn setlocale(m: &mut Machine) -> Answer {
    let name = m.x(1);
    if name != 0 && !matches!(m.memory.string(name)?, b"" | b"C" | b"POSIX") {
        return Ok(0);
    }
    Ok(conventions(m)? + STRINGS + 2)
}

fn localeconv(m: &mut Machine) -> Answer {
    conventions(m)
}

/// Behind `struct lconv`: its strings, and the locale's name.
const STRINGS: u64 = 96;

/// `struct lconv` (Libc: include/locale.h): ten strings, of which all but the decimal point are empty, and fourteen
/// numbers, none of which is known.
fn conventions(m: &mut Machine) -> Answer {
    if m.library.conventions == 0 {
        let at = m.heap.allocate(STRINGS + 4, 16).ok_or(ENOMEM)?;
        for index in 0..10 {
            // The empty string is the end of the first one.
            m.memory.put_u64(at + 8 * index, at + STRINGS + u64::from(index > 0))?;
        }
        const CHAR_MAX: u8 = 127;
        m.memory.put(at + 80, &[CHAR_MAX; 14])?;
        m.memory.put(at + STRINGS, b".\0C\0")?;
        m.library.conventions = at;
    }
    Ok(m.library.conventions)
}

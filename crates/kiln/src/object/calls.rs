//! Sections that list functions to call, by their names.

use crate::error::{Error, Result};
use crate::graph::{Calls, When};

/// What a name says that GNU's tools give a list. A number in it is the priority; that of `.ctors` and `.dtors` counts down
/// from 65535.
pub(super) fn calls_by_name(name: &[u8]) -> Result<Option<Calls>> {
    let names: [(&[u8], When, bool); 5] = [
        (b".preinit_array", When::BeforeInit, false),
        (b".init_array", When::Init, false),
        (b".fini_array", When::Fini, false),
        (b".ctors", When::Init, true),
        (b".dtors", When::Fini, true),
    ];
    for (base, when, old) in names {
        let Some(rest) = name.strip_prefix(base) else { continue };
        let priority = match rest.split_first() {
            None => Calls::NO_PRIORITY,
            Some((b'.', digits)) => {
                let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok());
                let Some(number) = number.map(u32::from) else {
                    return Err(Error::unsupported("a priority that is no number up to 65535"));
                };
                if old { 0xffff - number } else { number }
            }
            Some(_) => continue,
        };
        return Ok(Some(Calls { when, priority, backwards: old, gaps: old }));
    }
    Ok(None)
}

/// What a name says that Microsoft's tools give a list: `.CRT$XCU` and the like are sorted by what stands behind the `$`
/// (*PE Format*, "Grouped Sections"). Initializers of C++ are in `XC`, terminators in `XT`; the compiler's own use is a letter,
/// and a priority in five digits.
pub(super) fn calls_of_crt(name: &[u8]) -> Result<Option<Calls>> {
    let Some(rest) = name.strip_prefix(b".CRT") else { return Ok(None) };
    let unknown = || {
        Err(Error::unsupported("is a list of functions that only Microsoft's start-up code calls")
            .help("call the functions themselves; thread-local variables that need code can be set in a function"))
    };
    let (when, rest) = match rest {
        [b'$', b'X', b'C', rest @ ..] => (When::Init, rest),
        [b'$', b'X', b'T', rest @ ..] => (When::Fini, rest),
        _ => return unknown(),
    };
    let order = match rest {
        [letter @ b'A'..=b'Z'] => u32::from(*letter) << 17,
        [letter @ b'A'..=b'Z', digits @ ..] if digits.len() == 5 && digits.iter().all(u8::is_ascii_digit) => {
            let number = digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
            u32::from(*letter) << 17 | (number + 1)
        }
        _ => return unknown(),
    };
    // Finalizers are called from the end of all lists, and these are called from their beginning.
    Ok(Some(match when {
        When::Fini => Calls { when, priority: u32::MAX - order, backwards: true, gaps: true },
        _ => Calls { when, priority: order, backwards: false, gaps: true },
    }))
}

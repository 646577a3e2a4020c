//! `<time.h>`: dates, by the host's rules and in its time zone.

use super::string;
use crate::kernel::calendar::{self, Date};
use crate::kernel::errno::{ENOMEM, EOVERFLOW};
use crate::kernel::time;
use crate::machine::{Answer, Function, Machine, Stop};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_clock", |_| time::processor()),
    ("_difftime", |m| {
        let difference = (m.x(0) as i64).wrapping_sub(m.x(1) as i64);
        m.cpu.set_d(0, difference as f64);
        Ok(m.x(0))
    }),
    ("_gmtime_r", |m| date(m, m.x(1), calendar::utc)),
    ("_localtime_r", |m| date(m, m.x(1), calendar::local)),
    ("_gmtime", |m| {
        let to = own(m)?;
        date(m, to, calendar::utc)
    }),
    ("_localtime", |m| {
        let to = own(m)?;
        date(m, to, calendar::local)
    }),
    ("_mktime", mktime),
    ("_strftime", strftime),
];

/// `struct tm` (Libc: include/time.h): nine `int`s, the distance from UTC in seconds, the zone's name.
const SIZE: u64 = 56;
/// Room for the zone's name behind the one that is the library's.
const NAME: u64 = 16;

/// Where `gmtime` and `localtime` write.
fn own(m: &mut Machine) -> Answer {
    if m.library.calendar == 0 {
        m.library.calendar = m.heap.allocate(SIZE + NAME, 16).ok_or(ENOMEM)?;
    }
    Ok(m.library.calendar)
}

/// Writes the date of the time at `x0`; null if the year is too large.
fn date(m: &mut Machine, to: u64, of: fn(i64) -> Option<Date>) -> Answer {
    let time = m.memory.u64(m.x(0))? as i64;
    let Some(date) = of(time) else {
        m.set_errno(EOVERFLOW)?;
        return Ok(0);
    };
    put(m, to, &date)?;
    Ok(to)
}

fn put(m: &mut Machine, to: u64, date: &Date) -> Result<(), Stop> {
    for (index, field) in (0..).zip(date.fields) {
        m.memory.put_u32(to + 4 * index, field as u32)?;
    }
    m.memory.put_u64(to + 40, date.offset as u64)?;
    // The name is in the library's memory, which has one at a time.
    let name = own(m)? + SIZE;
    let kept = &date.zone[..date.zone.len().min(NAME as usize - 1)];
    m.memory.put(name, &[kept, b"\0"].concat())?;
    m.memory.put_u64(to + 48, name)?;
    Ok(())
}

fn get(m: &Machine, from: u64) -> Result<Date, Stop> {
    let mut date = Date::default();
    for (index, field) in (0..).zip(&mut date.fields) {
        *field = m.memory.i32(from + 4 * index)?;
    }
    date.offset = m.memory.u64(from + 40)? as i64;
    let zone = m.memory.u64(from + 48)?;
    if zone != 0 {
        date.zone = string::bounded(m, zone, NAME)?;
    }
    Ok(date)
}

/// The time of a local date, whose fields are brought into their ranges.
fn mktime(m: &mut Machine) -> Answer {
    let mut date = get(m, m.x(0))?;
    match calendar::time_of(&mut date) {
        Some(time) => {
            put(m, m.x(0), &date)?;
            Ok(time as u64)
        }
        None => Err(EOVERFLOW.into()),
    }
}

fn strftime(m: &mut Machine) -> Answer {
    let (to, room) = (m.x(0), m.x(1));
    let date = get(m, m.x(3))?;
    let text = calendar::format(m.memory.string(m.x(2))?, &date)?;
    if text.len() as u64 >= room {
        return Ok(0);
    }
    m.memory.put(to, &[&text[..], b"\0"].concat())?;
    Ok(text.len() as u64)
}

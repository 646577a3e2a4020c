//! Dates, by the host's library: its time zones, and the C locale's words.
#![allow(unsafe_code)] // Calls the host's C library.

use std::ffi::{CStr, CString};

use super::errno::{EINVAL, Errno};

/// `struct tm`, whose fields are the host's.
#[derive(Clone, Default, Debug)]
pub(crate) struct Date {
    /// Second, minute, hour, day, month from 0, years since 1900, day of the week, day of the year, daylight saving.
    pub(crate) fields: [i32; 9],
    /// Seconds east of UTC.
    pub(crate) offset: i64,
    pub(crate) zone: Vec<u8>,
}

impl Date {
    fn of(tm: &libc::tm) -> Date {
        let zone = if tm.tm_zone.is_null() {
            Vec::new()
        } else {
            // SAFETY: a string of the host's library, which changes its list of zones only in `tzset`; one thread calls.
            unsafe { CStr::from_ptr(tm.tm_zone) }.to_bytes().to_vec()
        };
        let fields =
            [tm.tm_sec, tm.tm_min, tm.tm_hour, tm.tm_mday, tm.tm_mon, tm.tm_year, tm.tm_wday, tm.tm_yday, tm.tm_isdst];
        Date { fields, offset: tm.tm_gmtoff, zone }
    }

    /// With a name of the zone, which must live as long.
    fn to_host(&self, zone: &CStr) -> libc::tm {
        let [tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst] = self.fields;
        libc::tm {
            tm_sec,
            tm_min,
            tm_hour,
            tm_mday,
            tm_mon,
            tm_year,
            tm_wday,
            tm_yday,
            tm_isdst,
            tm_gmtoff: self.offset,
            tm_zone: zone.as_ptr(),
        }
    }
}

/// The date in UTC. `None`: the year does not fit.
pub(crate) fn utc(time: i64) -> Option<Date> {
    let mut tm = Date::default().to_host(c"");
    // SAFETY: a number and a structure, both valid for the call.
    let found = unsafe { libc::gmtime_r(&raw const time, &raw mut tm) };
    (!found.is_null()).then(|| Date::of(&tm))
}

/// The date in the host's time zone.
pub(crate) fn local(time: i64) -> Option<Date> {
    let mut tm = Date::default().to_host(c"");
    // SAFETY: a number and a structure, both valid for the call.
    let found = unsafe { libc::localtime_r(&raw const time, &raw mut tm) };
    (!found.is_null()).then(|| Date::of(&tm))
}

/// The time of a date in the host's time zone; the date's fields are brought into their ranges.
pub(crate) fn time_of(date: &mut Date) -> Option<i64> {
    let mut tm = date.to_host(c"");
    // The day of the week is set only if there is such a time, of which -1 is one.
    tm.tm_wday = -1;
    // SAFETY: a structure that is valid for the call.
    let time = unsafe { libc::mktime(&raw mut tm) };
    if time == -1 && tm.tm_wday == -1 {
        return None;
    }
    *date = Date::of(&tm);
    Some(time)
}

/// What `strftime` writes, without its NUL.
pub(crate) fn format(format: &[u8], date: &Date) -> Result<Vec<u8>, Errno> {
    // Something in front, since the host says 0 for an empty text and for one that has no room.
    let format = CString::new([b"x", format].concat()).map_err(|_| EINVAL)?;
    let zone = CString::new(date.zone.clone()).map_err(|_| EINVAL)?;
    let tm = date.to_host(&zone);
    let mut text = vec![0u8; 256 + 64 * format.as_bytes().len()];
    // SAFETY: the buffer is as long as is said, and the others are valid for the call.
    let len = unsafe { libc::strftime(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), &raw const tm) };
    if len == 0 {
        return Err(EINVAL);
    }
    Ok(text[1..len].to_vec())
}

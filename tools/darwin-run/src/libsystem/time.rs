//! `<time.h>`, `<mach/mach_time.h>`, `<poll.h>`

use crate::kernel::time::{self, TIMEBASE};
use crate::machine::Function;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_clock_gettime", |m| time::clock_gettime(m, m.x(0), m.x(1))),
    ("_clock_gettime_nsec_np", |m| time::clock_gettime_nsec(m.x(0))),
    ("_gettimeofday", |m| time::get_time_of_day(m, m.x(0))),
    ("_time", |m| time::time(m, m.x(0))),
    ("_mach_absolute_time", |_| time::ticks()),
    ("_mach_continuous_time", |_| time::ticks()),
    ("_mach_timebase_info", |m| {
        m.memory.put_u32(m.x(0), TIMEBASE.0)?;
        m.memory.put_u32(m.x(0) + 4, TIMEBASE.1)?;
        Ok(0)
    }),
    ("_nanosleep", |m| time::nanosleep(m, m.x(0), m.x(1))),
    ("_usleep", |m| {
        let most = std::time::Duration::from_micros(m.x(0) & 0xffff_ffff);
        m.sleep(|| time::after(most))?;
        Ok(0)
    }),
    ("_sleep", |m| {
        let most = std::time::Duration::from_secs(m.x(0) & 0xffff_ffff);
        m.sleep(|| time::after(most))?;
        Ok(0)
    }),
    ("_alarm", |m| time::alarm(m.x(0) & 0xffff_ffff)),
    ("_pause", |m| {
        m.sleep(|| None)?;
        Ok(0)
    }),
    ("_poll", |m| time::poll(m, m.x(0), m.x(1), m.x(2) as i32)),
];

//! Clocks, and waiting for descriptors.

use std::time::{Duration, Instant};

use super::errno::{EINVAL, ERANGE};
use super::host;
use crate::machine::threads::{Pending, Wait};
use crate::machine::{Answer, Machine, Stop};

/// Apple Silicon counts at 24 MHz: a tick is 125/3 ns.
pub(crate) const TIMEBASE: (u32, u32) = (125, 3);

/// The host's clock for one of Darwin's (`<time.h>`).
fn clock(darwin: u64) -> Option<i32> {
    Some(match darwin {
        0 => libc::CLOCK_REALTIME,
        4 | 5 | 8 | 9 => libc::CLOCK_MONOTONIC_RAW,
        6 => libc::CLOCK_MONOTONIC,
        12 => libc::CLOCK_PROCESS_CPUTIME_ID,
        16 => libc::CLOCK_THREAD_CPUTIME_ID,
        _ => return None,
    })
}

fn now(clock: i32) -> (u64, u64) {
    let mut time = [0u64; 2];
    let read = host::call(libc::SYS_clock_gettime, [clock as u64, time.as_mut_ptr() as u64, 0, 0, 0, 0]);
    debug_assert!(read.is_ok());
    (time[0], time[1])
}

pub(crate) fn clock_gettime(m: &mut Machine, which: u64, to: u64) -> Answer {
    let (seconds, nanoseconds) = now(clock(which).ok_or(EINVAL)?);
    m.memory.put_u64(to, seconds)?;
    m.memory.put_u64(to + 8, nanoseconds)?;
    Ok(0)
}

pub(crate) fn clock_gettime_nsec(which: u64) -> Answer {
    let (seconds, nanoseconds) = now(clock(which).ok_or(EINVAL)?);
    Ok(seconds * 1_000_000_000 + nanoseconds)
}

/// The processor's time of the process, in microseconds: the emulator's.
pub(crate) fn processor() -> Answer {
    let (seconds, nanoseconds) = now(libc::CLOCK_PROCESS_CPUTIME_ID);
    Ok(seconds * 1_000_000 + nanoseconds / 1000)
}

pub(crate) fn get_time_of_day(m: &mut Machine, to: u64) -> Answer {
    let (seconds, nanoseconds) = now(libc::CLOCK_REALTIME);
    if to != 0 {
        m.memory.put_u64(to, seconds)?;
        m.memory.put_u64(to + 8, nanoseconds / 1000)?;
    }
    Ok(0)
}

pub(crate) fn time(m: &mut Machine, to: u64) -> Answer {
    let (seconds, _) = now(libc::CLOCK_REALTIME);
    if to != 0 {
        m.memory.put_u64(to, seconds)?;
    }
    Ok(seconds)
}

/// `mach_absolute_time`
pub(crate) fn ticks() -> Answer {
    let (seconds, nanoseconds) = now(libc::CLOCK_MONOTONIC_RAW);
    let (numerator, denominator) = TIMEBASE;
    Ok((seconds * 1_000_000_000 + nanoseconds) * u64::from(denominator) / u64::from(numerator))
}

/// The time at a `timespec`.
pub(crate) fn duration(m: &Machine, at: u64) -> Result<Duration, Stop> {
    let (seconds, nanoseconds) = (m.memory.u64(at)?, m.memory.u64(at + 8)?);
    if nanoseconds >= 1_000_000_000 || seconds > i64::MAX as u64 {
        return Err(EINVAL.into());
    }
    Ok(Duration::new(seconds, nanoseconds as u32))
}

/// A deadline so far from now; `None` where the clock cannot say it, which is for ever.
pub(crate) fn after(duration: Duration) -> Option<Instant> {
    Instant::now().checked_add(duration)
}

pub(crate) fn nanosleep(m: &mut Machine, request: u64, rest: u64) -> Answer {
    let duration = duration(m, request)?;
    m.sleep(|| after(duration))?;
    if rest != 0 {
        m.memory.put(rest, &[0; 16])?;
    }
    Ok(0)
}

/// `alarm`: the host's timer, whose signal goes to the program's handler or ends the process. Gives what was left.
///
/// It lasts longer than it says: a program sets it for what it expects to be done by then, and emulated it is not.
pub(crate) fn alarm(seconds: u64) -> Answer {
    const SLOWER: u64 = 10;
    let seconds = seconds * SLOWER;
    // Interval and rest, each in seconds and microseconds.
    let (new, mut old) = ([0, 0, seconds, 0], [0u64; 4]);
    let args = [libc::ITIMER_REAL as u64, new.as_ptr() as u64, old.as_mut_ptr() as u64, 0, 0, 0];
    host::call(libc::SYS_setitimer, args)?;
    Ok(old[2].div_ceil(SLOWER))
}

/// `poll`, whose structure is the host's; of its events those are passed that both have.
pub(crate) fn poll(m: &mut Machine, list: u64, count: u64, timeout: i32) -> Answer {
    if count > 4096 {
        return Err(ERANGE.into());
    }
    let mut fds = Vec::new();
    for index in 0..count {
        let [a, b, c, d, low, high, ..] = m.memory.get::<8>(list + 8 * index)?;
        let events = i16::from_le_bytes([low, high]) & 0x7f;
        fds.push(libc::pollfd { fd: i32::from_le_bytes([a, b, c, d]), events, revents: 0 });
    }
    let ready = host::poll(&mut fds, Duration::ZERO);
    let deadline = match m.threads.current().pending {
        Some(Pending::Until(deadline)) => Some(deadline),
        _ => u64::try_from(timeout).ok().and_then(|timeout| after(Duration::from_millis(timeout))),
    };
    if ready == 0 && deadline.is_none_or(|deadline| deadline > Instant::now()) {
        m.threads.current_mut().pending = deadline.map(Pending::Until);
        return Err(Stop::Block(Wait { fds, deadline, ..Wait::default() }));
    }
    m.threads.current_mut().pending = None;
    for (index, fd) in fds.iter().enumerate() {
        m.memory.put(list + 8 * index as u64 + 6, &fd.revents.to_le_bytes())?;
    }
    Ok(ready as u64)
}

//! Pseudo-terminals, which are the host's.

use super::host;
use crate::libsystem::not_modelled;
use crate::machine::{Answer, Machine};

/// `openpty(controller, terminal, name, settings, size)`
pub(crate) fn open(m: &mut Machine, [controller, terminal, name, settings, size]: [u64; 5]) -> Answer {
    if name != 0 || settings != 0 {
        return Err(not_modelled("openpty with a name or with settings"));
    }
    let call = |number, args: [u64; 3]| host::call(number, [args[0], args[1], args[2], 0, 0, 0]);
    let close = |fd: u64| call(libc::SYS_close, [fd, 0, 0]);
    let flags = (libc::O_RDWR | libc::O_NOCTTY) as u64;
    let here = libc::AT_FDCWD as u64;
    let ours = call(libc::SYS_openat, [here, c"/dev/ptmx".as_ptr() as u64, flags])?;
    let theirs = (|| {
        let locked = 0i32;
        call(libc::SYS_ioctl, [ours, libc::TIOCSPTLCK, (&raw const locked) as u64])?;
        let theirs = call(libc::SYS_ioctl, [ours, libc::TIOCGPTPEER, flags])?;
        if size != 0 {
            // `struct winsize` is the same everywhere.
            let bytes = m.memory.get::<8>(size).map_err(|_| super::errno::EFAULT)?;
            call(libc::SYS_ioctl, [theirs, libc::TIOCSWINSZ, bytes.as_ptr() as u64])?;
        }
        Ok(theirs)
    })();
    let theirs = theirs.inspect_err(|_: &super::errno::Errno| {
        let _ = close(ours);
    })?;
    m.memory.put_u32(controller, ours as u32)?;
    m.memory.put_u32(terminal, theirs as u32)?;
    Ok(0)
}

//! What the system says about the process and itself.

use super::errno::{EINVAL, ENOENT, ENOMEM, ERANGE, ESRCH};
use super::host;
use crate::machine::{Answer, Machine, Stop};
use crate::memory::PAGE;
use crate::verdict::Verdict;

fn ask(number: libc::c_long) -> Answer {
    Ok(host::call(number, [0; 6])?)
}

pub(crate) fn real_user() -> Answer {
    ask(libc::SYS_getuid)
}

pub(crate) fn effective_user() -> Answer {
    ask(libc::SYS_geteuid)
}

pub(crate) fn real_group() -> Answer {
    ask(libc::SYS_getgid)
}

pub(crate) fn effective_group() -> Answer {
    ask(libc::SYS_getegid)
}

pub(crate) fn parent() -> Answer {
    ask(libc::SYS_getppid)
}

/// `getentropy`
pub(crate) fn entropy(m: &mut Machine, to: u64, len: u64) -> Answer {
    if len > 256 {
        return Err(super::errno::EIO.into());
    }
    random(m, to, len)?;
    Ok(0)
}

pub(crate) fn random(m: &mut Machine, to: u64, len: u64) -> Answer {
    let mut done = 0;
    while done < len {
        let at = m.memory.bytes_mut(to + done, len - done)?.as_mut_ptr() as u64;
        done += host::call(libc::SYS_getrandom, [at, len - done, 0, 0, 0, 0])?;
    }
    Ok(0)
}

/// `csops` (xnu: bsd/kern/kern_proc.c, `csops_internal`), of this process.
pub(crate) fn csops(m: &mut Machine, pid: i32, operation: u32, to: u64, len: u64) -> Answer {
    const STATUS: u32 = 0;
    const ENTITLEMENTS: u32 = 7;
    const DER_ENTITLEMENTS: u32 = 16;
    if pid != 0 && pid != std::process::id() as i32 {
        return Err(ESRCH.into());
    }
    let blob = match operation {
        STATUS if len < 4 => return Err(ERANGE.into()),
        STATUS => {
            m.memory.put_u32(to, m.signing.flags)?;
            return Ok(0);
        }
        ENTITLEMENTS => m.signing.entitlements.clone(),
        DER_ENTITLEMENTS => m.signing.der_entitlements.clone(),
        other => return Err(Stop::End(Verdict::NotModelled(format!("operation {other} of csops")))),
    };
    // Eight zeros stand for no blob; one that does not fit is answered with its size.
    const HEADER: usize = 8;
    if len < HEADER as u64 {
        return Err(ERANGE.into());
    }
    let blob = blob.unwrap_or_else(|| vec![0; HEADER]);
    if blob.len() as u64 > len {
        let mut header = [0; HEADER];
        header[4..].copy_from_slice(&(blob.len() as u32).to_be_bytes());
        m.memory.put(to, &header)?;
        return Err(ERANGE.into());
    }
    m.memory.put(to, &blob)?;
    Ok(0)
}

/// A value of `sysctl`, by name.
fn value(name: &[u8]) -> Option<Vec<u8>> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    let number = |value: u32| Some(value.to_le_bytes().to_vec());
    let large = |value: u64| Some(value.to_le_bytes().to_vec());
    let text = |text: &str| Some([text.as_bytes(), b"\0"].concat());
    match name {
        b"sysctl.proc_translated" => number(0),
        b"hw.pagesize" | b"vm.pagesize" => large(PAGE),
        b"hw.ncpu" | b"hw.activecpu" | b"hw.logicalcpu" | b"hw.physicalcpu" | b"hw.logicalcpu_max" => number(cores),
        b"hw.cachelinesize" => large(128),
        b"hw.memsize" => large(8 << 30),
        b"hw.cputype" => number(0x0100_000c),
        b"hw.optional.arm64" | b"hw.optional.floatingpoint" => number(1),
        b"hw.optional.arm.FEAT_LSE" | b"hw.optional.arm.FEAT_FP16" | b"hw.optional.arm.FEAT_DotProd" => number(1),
        b"kern.osrelease" => text("24.0.0"),
        b"kern.osproductversion" => text("15.0"),
        b"kern.ostype" => text("Darwin"),
        b"hw.machine" => text("arm64"),
        b"hw.model" => text("kiln-darwin-run"),
        b"machdep.cpu.brand_string" => text("Apple (emulated)"),
        _ => None,
    }
}

fn give(m: &mut Machine, value: &[u8], to: u64, len: u64) -> Answer {
    if len == 0 {
        return Ok(0);
    }
    let room = m.memory.u64(len)?;
    m.memory.put_u64(len, value.len() as u64)?;
    if to == 0 {
        return Ok(0);
    }
    if room < value.len() as u64 {
        return Err(ENOMEM.into());
    }
    m.memory.put(to, value)?;
    Ok(0)
}

pub(crate) fn sysctl_by_name(m: &mut Machine, name: u64, to: u64, len: u64, new: u64) -> Answer {
    if new != 0 {
        return Err(super::errno::EPERM.into());
    }
    let value = value(m.memory.string(name)?).ok_or(ENOENT)?;
    give(m, &value, to, len)
}

/// `sysctl`, by numbers (xnu: bsd/sys/sysctl.h).
pub(crate) fn sysctl(m: &mut Machine, numbers: u64, count: u32, to: u64, len: u64) -> Answer {
    let mut path = Vec::new();
    for index in 0..u64::from(count.min(8)) {
        path.push(m.memory.u32(numbers + 4 * index)?);
    }
    let name: &[u8] = match path[..] {
        [1, 1] => b"kern.ostype",
        [1, 2] => b"kern.osrelease",
        [6, 1] => b"hw.machine",
        [6, 2] => b"hw.model",
        [6, 3] => b"hw.ncpu",
        [6, 7] => b"hw.pagesize",
        [6, 24] => b"hw.memsize",
        [6, 25] => b"hw.activecpu",
        _ => return Err(Stop::End(Verdict::NotModelled(format!("sysctl {path:?}")))),
    };
    let value = value(name).ok_or(ENOENT)?;
    give(m, &value, to, len)
}

/// `sysconf` (xnu: bsd/sys/unistd.h).
pub(crate) fn sysconf(name: i32) -> Answer {
    let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    match name {
        // _SC_ARG_MAX, _SC_CLK_TCK, _SC_OPEN_MAX
        1 => Ok(1 << 20),
        3 => Ok(100),
        5 => Ok(256),
        // _SC_PAGESIZE; _SC_NPROCESSORS_CONF, _SC_NPROCESSORS_ONLN
        29 => Ok(PAGE),
        57 | 58 => Ok(cores()),
        // _SC_GETGR_R_SIZE_MAX, _SC_GETPW_R_SIZE_MAX
        70 | 71 => Ok(4096),
        _ => Err(EINVAL.into()),
    }
}

/// `confstr`, of the folder for temporary files, which each user has on a Mac: 0 where it knows nothing.
pub(crate) fn confstr(m: &mut Machine, name: i32, to: u64, len: u64) -> Answer {
    const DARWIN_USER_TEMP_DIR: i32 = 65537;
    if name != DARWIN_USER_TEMP_DIR {
        m.set_errno(EINVAL)?;
        return Ok(0);
    }
    let text = b"/tmp/\0";
    m.memory.put(to, &text[..text.len().min(len as usize)])?;
    Ok(text.len() as u64)
}

/// `getpwuid_r`, which finds nobody: it returns its error number, and the entry by pointer.
pub(crate) fn nobody(m: &mut Machine, result: u64) -> Answer {
    m.memory.put_u64(result, 0)?;
    Ok(0)
}

//! What Apple Silicon has for code that is made at run time: `<pthread.h>`, `<libkern/OSCacheControl.h>`.

use crate::machine::{Answer, Function, Machine, Stop};
use crate::memory::JitMode;
use crate::verdict::Verdict;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_pthread_jit_write_protect_supported_np", |_| Ok(1)),
    ("_pthread_jit_write_protect_np", toggle),
    ("_pthread_jit_write_with_callback_np", with_callback),
    ("_pthread_jit_write_freeze_callbacks_np", |_| Ok(0)),
    ("_sys_icache_invalidate", invalidate),
    ("_sys_dcache_flush", |_| Ok(0)),
];

fn set_mode(m: &mut Machine, mode: JitMode) {
    m.threads.current_mut().jit_mode = mode;
    m.memory.set_jit_mode(mode);
}

fn toggle(m: &mut Machine) -> Answer {
    if m.signing.jit_write_allowlist {
        return Err(Stop::End(Verdict::ToggleUnderAllowlist { caller: m.place(m.x(30)) }));
    }
    set_mode(m, if m.x(0) as i32 == 0 { JitMode::Write } else { JitMode::Execute });
    Ok(m.x(0))
}

/// `pthread_jit_write_with_callback_np(callback, context)`: the list is looked at only under the entitlement.
fn with_callback(m: &mut Machine) -> Answer {
    let (callback, context) = (m.x(0), m.x(1));
    if m.signing.jit_write_allowlist && !listed(m, callback)? {
        return Err(Stop::End(Verdict::CallbackNotListed { callback, caller: m.place(m.x(30)) }));
    }
    if m.threads.current().jit_mode == JitMode::Write {
        let what =
            "pthread_jit_write_with_callback_np by a thread that already sees MAP_JIT memory as writable: it crashes";
        return Err(Stop::End(Verdict::NotModelled(what.into())));
    }
    set_mode(m, JitMode::Write);
    let result = m.call(callback, &[context]);
    set_mode(m, JitMode::Execute);
    result
}

/// Whether a callback stands in the image's list, which ends with a null pointer.
fn listed(m: &Machine, callback: u64) -> Result<bool, Stop> {
    let Some((start, len)) = m.image.section("__DATA_CONST", "__pth_jit_func") else { return Ok(false) };
    for index in 0..len / 8 {
        match m.memory.u64(start + 8 * index)? {
            0 => return Ok(false),
            function if function == callback => return Ok(true),
            _ => {}
        }
    }
    Ok(false)
}

fn invalidate(m: &mut Machine) -> Answer {
    let (start, len) = (m.x(0), m.x(1));
    if len > 0 {
        m.memory.invalidate_icache(start, len)?;
        m.cpu.forget_code(start, len);
    }
    Ok(m.x(0))
}

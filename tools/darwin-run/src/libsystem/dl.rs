//! `<dlfcn.h>`, `<mach-o/dyld.h>`: one image, and libSystem.

use super::process::not_modelled;
use crate::machine::{Answer, Function, Machine};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_dlopen", dlopen),
    ("_dlclose", |_| Ok(0)),
    ("_dlerror", |m| Ok(std::mem::take(&mut m.library.dl.error))),
    ("_dlsym", dlsym),
    ("_dladdr", dladdr),
    ("__dyld_image_count", |_| Ok(1)),
    ("__dyld_get_image_header", |m| Ok(if m.x(0) as u32 == 0 { m.image.header } else { 0 })),
    ("__dyld_get_image_vmaddr_slide", |m| Ok(if m.x(0) as u32 == 0 { m.image.slide } else { 0 })),
    ("__dyld_get_image_name", |m| if m.x(0) as u32 == 0 { program_name(m) } else { Ok(0) }),
    ("_dyld_stub_binder", |_| Err(not_modelled("binding at the first call: everything is bound at the start"))),
    ("dyld_stub_binder", |_| Err(not_modelled("binding at the first call: everything is bound at the start"))),
];

#[derive(Default, Debug)]
pub(crate) struct Loader {
    /// A C string; 0: nothing failed since it was asked.
    error: u64,
    /// The program's path, once somebody has asked for it.
    name: u64,
}

/// What `dlopen(NULL)` gives. Only the program and libSystem can be opened.
const SELF: u64 = 0x6b69_6c6e;

fn string(m: &mut Machine, text: &[u8]) -> Answer {
    let to = m.heap.allocate(text.len() as u64 + 1, 16).ok_or(crate::kernel::errno::ENOMEM)?;
    m.memory.put(to, &[text, b"\0"].concat())?;
    Ok(to)
}

fn fail(m: &mut Machine, text: &str) -> Answer {
    m.library.dl.error = string(m, text.as_bytes())?;
    Ok(0)
}

fn dlopen(m: &mut Machine) -> Answer {
    if m.x(0) == 0 {
        return Ok(SELF);
    }
    let path = String::from_utf8_lossy(m.memory.string(m.x(0))?).into_owned();
    if path.starts_with("/usr/lib/libSystem") || path == "/usr/lib/libc.dylib" || path == "/usr/lib/libm.dylib" {
        return Ok(SELF);
    }
    fail(m, &format!("dlopen({path}): the emulator loads no further image"))
}

fn dlsym(m: &mut Machine) -> Answer {
    // RTLD_DEFAULT, RTLD_SELF, RTLD_MAIN_ONLY, RTLD_NEXT are small negative numbers.
    let (handle, at) = (m.x(0), m.x(1));
    let name = String::from_utf8_lossy(m.memory.string(at)?).into_owned();
    let symbol = format!("_{name}");
    const RTLD_NEXT: u64 = -1i64 as u64;
    if handle != RTLD_NEXT
        && let Some(address) = m.image.export(&symbol)
    {
        return Ok(address);
    }
    if let Some(address) = super::variable(&symbol) {
        return Ok(address);
    }
    if crate::machine::is_modelled(&symbol)
        && let Some(address) = m.stubs.address(&symbol)
    {
        return Ok(address);
    }
    fail(m, &format!("dlsym({handle:#x}, {name}): symbol not found in the program or in what the emulator models"))
}

fn program_name(m: &mut Machine) -> Answer {
    use std::os::unix::ffi::OsStrExt;
    if m.library.dl.name == 0 {
        let path = m.kernel.program.as_os_str().as_bytes().to_vec();
        m.library.dl.name = string(m, &path)?;
    }
    Ok(m.library.dl.name)
}

/// `dladdr`: name and start of the image, name and start of the symbol.
fn dladdr(m: &mut Machine) -> Answer {
    let (address, to) = (m.x(0), m.x(1));
    let function = m.stubs.get(address).map(|(name, _)| name);
    if let Some(name) = function.or_else(|| super::variable_at(address)) {
        let name = name.trim_start_matches('_').to_owned();
        let (library, name) = (string(m, b"/usr/lib/libSystem.B.dylib")?, string(m, name.as_bytes())?);
        for (index, value) in [library, crate::machine::stubs::STUBS, name, address].into_iter().enumerate() {
            m.memory.put_u64(to + 8 * index as u64, value)?;
        }
        return Ok(1);
    }
    if !m.image.contains(address) {
        return Ok(0);
    }
    let symbol = m.image.symbol_at(address).map(|(name, offset)| (name.to_owned(), offset));
    let file = program_name(m)?;
    let (name, start) = match symbol {
        Some((name, offset)) => (string(m, name.as_bytes())?, address - offset),
        None => (0, 0),
    };
    for (index, value) in [file, m.image.header, name, start].into_iter().enumerate() {
        m.memory.put_u64(to + 8 * index as u64, value)?;
    }
    Ok(1)
}

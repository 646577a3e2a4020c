//! Exceptions and panics through Mach-O code, described by `__eh_frame` or by compact unwind tables alone. What these
//! functions do is the same by every system's convention, so that they run wherever Kiln does.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.
#![cfg(unix)]

#[path = "life/compile.rs"]
mod compile;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};

use compile::{Compiler, compile};
use kiln::{Linker, Module, Target};

fn load(linker: Linker<'_>) -> Module {
    // SAFETY: the tests' own code.
    unsafe { linker.load() }.unwrap()
}

/// An object whose functions compact unwind tables describe, and `__eh_frame` where these cannot: the default on arm64.
fn compact(language: &str, source: &str, options: &[&str]) -> Vec<u8> {
    use std::io::Write;
    let assembly = compile(Compiler::ClangForMacOs, language, source, &[options, &["-S"]].concat());
    let arch = if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" };
    let mut command = Command::new("llvm-mc-22");
    command
        .args(["-filetype=obj", "--emit-dwarf-unwind=no-compact-unwind"])
        .arg(format!("--triple={arch}-apple-macos11"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&assembly).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    output.stdout
}

/// By every way to describe functions.
fn objects(language: &str, source: &str, options: &[&str]) -> [(&'static str, Vec<u8>); 2] {
    [
        ("as compiled", compile(Compiler::ClangForMacOs, language, source, options)),
        ("compact alone", compact(language, source, options)),
    ]
}

const OPTIONS: [&[&str]; 3] = [&["-O0", PLAIN], &["-O2", PLAIN], &["-O2", PLAIN, "-fomit-frame-pointer"]];

/// What it would check the stack by is the system's.
const PLAIN: &str = "-fno-stack-protector";

/// The general and the vector registers that functions must leave as they were.
const SAVED: (&[&str], &[&str]) = match cfg!(target_arch = "x86_64") {
    true => (&["rbx", "r12", "r13", "r14", "r15"], &[]),
    false => (
        &["x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28"],
        &["d8", "d9", "d10", "d11", "d12", "d13", "d14", "d15"],
    ),
};

/// A function that catches what goes through another one, which has changed these registers, and has a frame of so many
/// bytes. The values of the first are in so many registers as there are.
fn source(general: &[&str], vector: &[&str], size: usize) -> String {
    let (to_general, to_vector) = match cfg!(target_arch = "x86_64") {
        true => ("mov %0, %%", ""),
        false => ("mov ", "fmov "),
    };
    let fill = |to: &str, register: &&str| {
        let operand = if cfg!(target_arch = "x86_64") { "" } else { ", %0" };
        format!("asm volatile(\"{to}{register}{operand}\" :: \"r\"(77 + n) : \"{register}\");")
    };
    let fill: String = (general.iter().map(|register| fill(to_general, register)))
        .chain(vector.iter().map(|register| fill(to_vector, register)))
        .collect();
    let all: Vec<String> = general.iter().chain(vector).map(|register| format!("\"{register}\"")).collect();
    let changed = all.join(", ");
    format!(
        r#"
        extern "C" void host(unsigned long);
        extern "C" unsigned long opaque(unsigned long);
        struct Guard {{ unsigned long &n; ~Guard() {{ n++; }} }};
        __attribute__((noinline)) void between(unsigned long n) {{
            volatile char room[{size}];
            room[n % {size}] = 1;
            {fill}
            asm volatile("" ::: {changed});
            if (n > 5) throw n;
            host(n);
            asm volatile("" ::: {changed});
        }}
        extern "C" unsigned long caller(unsigned long n) {{
            unsigned long a = opaque(1), b = opaque(2), c = opaque(3), d = opaque(4), e = opaque(5), f = opaque(6);
            unsigned long g = opaque(7), h = opaque(8), i = opaque(9), j = opaque(10), destroyed = 0, caught = 0;
            double v = opaque(11), w = opaque(12), x = opaque(13), y = opaque(14);
            try {{ Guard guard{{destroyed}}; between(n); }} catch (unsigned long n) {{ caught = n; }}
            unsigned long sum = a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
            return 1000000 * caught + 1000 * destroyed + sum + (unsigned long)(v + 2 * w + 3 * x + 4 * y);
        }}
        "#
    )
}

/// A panic of the host's, through a function that has changed the registers that the host's own values are in.
#[test]
fn a_panic_goes_through_c() {
    extern "C-unwind" fn host(n: u64) {
        if n == 5 {
            panic!("five");
        }
    }
    let (general, vector) = SAVED;
    for options in OPTIONS {
        for size in [16, 5000] {
            let between = source(general, vector, size);
            let between = between.split_once("void between").unwrap().1.split_once("extern").unwrap().0;
            let between = between.replace("if (n > 5) throw n;", "");
            let text = format!("void host(unsigned long); void between{between}");
            for (by, object) in objects("c", &text, options) {
                let mut linker = Linker::new(Target::host());
                linker.add_object("unwind.o", object).unwrap();
                linker.define_fn("host", host as extern "C-unwind" fn(u64));
                let module = load(linker);
                // SAFETY: the function's type.
                let between = unsafe { module.function::<extern "C-unwind" fn(u64)>("between") }.unwrap();
                let values: [u64; 6] = std::hint::black_box([1, 2, 3, 4, 5, 6]);
                between.call(4);
                let payload = catch_unwind(AssertUnwindSafe(|| between.call(5))).unwrap_err();
                assert_eq!(payload.downcast_ref::<&str>(), Some(&"five"), "{by}, {options:?}, {size}");
                assert_eq!(values, [1, 2, 3, 4, 5, 6], "{by}, {options:?}, {size}");
            }
        }
    }
}

/// Whatever the function in between has saved is back where the exception is caught, and in the host's own frames.
#[cfg(target_os = "linux")]
#[test]
fn every_register_comes_back() {
    extern "C-unwind" fn host(n: u64) {
        if n == 5 {
            panic!("five");
        }
    }
    extern "C" fn opaque(n: u64) -> u64 {
        std::hint::black_box(n)
    }
    // SAFETY: a library of the system, which is meant to be loaded.
    assert!(!unsafe { libc::dlopen(c"libstdc++.so.6".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) }.is_null());
    let (general, vector) = SAVED;
    for options in OPTIONS {
        for (general, vector, size) in [
            (general, vector, 16),
            (&general[1..], &vector[..0], 16),
            // The size of the frame does not fit into an encoding, and stands in the code.
            (&general[2..4], &vector[vector.len().min(2)..], 5000),
        ] {
            for (by, object) in objects("c++", &source(general, vector, size), options) {
                let by = format!("{by}, {options:?}, {general:?}, {size}");
                let mut linker = Linker::new(Target::host());
                linker.add_object("unwind.o", object).unwrap();
                linker.define_fn("host", host as extern "C-unwind" fn(u64));
                linker.define_fn("opaque", opaque as extern "C" fn(u64) -> u64);
                let module = load(linker);
                // SAFETY: the function's type.
                let caller = unsafe { module.function::<extern "C-unwind" fn(u64) -> u64>("caller") }.unwrap();
                // The squares to 10, and 11 + 24 + 39 + 56.
                let sum = 385 + 130;
                assert_eq!(caller.call(1), 1000 + sum, "{by}");
                assert_eq!(caller.call(9), 9_000_000 + 1000 + sum, "{by}");
                let payload = catch_unwind(AssertUnwindSafe(|| caller.call(5))).unwrap_err();
                assert_eq!(payload.downcast_ref::<&str>(), Some(&"five"), "{by}");
            }
        }
    }
}

/// Every encoding is in the objects that are tried: else the test above would prove less than it says.
#[test]
fn every_encoding_is_tried() {
    let (general, vector) = SAVED;
    let mut modes = std::collections::BTreeSet::new();
    for options in OPTIONS {
        for size in [16, 5000] {
            let object = compact("c++", &source(general, vector, size), options);
            modes.extend(encodings(&object).into_iter().map(|encoding| encoding >> 24 & 0xf));
        }
    }
    let wanted: &[u32] = if cfg!(target_arch = "x86_64") { &[1, 2, 3] } else { &[4] };
    assert!(wanted.iter().all(|mode| modes.contains(mode)), "{modes:?}");
}

/// The encodings in the compact unwind table of an object.
fn encodings(object: &[u8]) -> Vec<u32> {
    use object::{Object as _, ObjectSection as _};
    let file = object::File::parse(object).unwrap();
    let table = file.section_by_name("__compact_unwind").unwrap();
    let entries = table.data().unwrap().as_chunks::<32>().0;
    entries.iter().map(|entry| u32::from_le_bytes(*entry[12..].first_chunk().unwrap())).collect()
}

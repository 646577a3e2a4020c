//! What it costs to tell debuggers and profilers of code, and to tell them that it is gone: `cargo bench -p kiln --bench tools`.
//! With `gdb -batch -ex run --args BINARY --bench`, what it costs when gdb looks.
#![allow(unsafe_code, clippy::unwrap_used)] // Loads code.

use std::time::{Duration, Instant};

use kiln::{Assembler, Code, CodeHeap, HeapOptions, Linker, Module, Syntax, Target, Tools};

/// Functions that only return, with debug information.
fn object(first: usize, count: usize) -> Vec<u8> {
    let mut text = String::from(".text\n");
    for number in first..first + count {
        text +=
            &format!(".globl f{number}\n.type f{number}, %function\nf{number}: ret\n.size f{number}, .-f{number}\n");
    }
    let assembler = Assembler::find(Target::host(), Syntax::Plain).unwrap().debug_info();
    assembler.assemble("functions.s", text.as_bytes()).unwrap()
}

fn load(object: &[u8], tools: &Tools) -> Module {
    let mut linker = Linker::new(Target::host());
    linker.add_object("functions.o", object).unwrap();
    linker.tools(tools);
    // SAFETY: nothing of it is called.
    unsafe { linker.load() }.unwrap()
}

fn main() {
    let count: usize = std::env::var("KILN_FUNCTIONS").map_or(10_000, |count| count.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("kiln-bench-tools-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let all = object(0, count);
    let each = object(0, 1);
    let heap = CodeHeap::new(HeapOptions::new()).unwrap();
    let code = if cfg!(target_arch = "x86_64") { &[0xc3][..] } else { &[0xc0, 0x03, 0x5f, 0xd6] };
    let codes: Vec<Code> = (0..count).map(|_| heap.publish(code).unwrap()).collect();
    let names: Vec<String> = (0..count).map(|number| format!("f{number}")).collect();
    let named: Vec<(&str, &Code)> = names.iter().map(|name| &**name).zip(&codes).collect();
    let tools = [
        ("nobody", Tools::new()),
        ("a debugger", Tools::new().debugger()),
        ("perf map", Tools::new().perf_map()),
        ("jitdump", Tools::new().jitdump(&folder)),
    ];
    println!("{count} functions            {:>12} {:>12}   ms", "told", "and gone");
    for (name, tools) in &tools {
        let row = |what: &str, [told, gone]: [Duration; 2]| {
            println!("{what:<16} {name:<11} {:>10.2} {:>12.2}", told.as_secs_f64() * 1e3, gone.as_secs_f64() * 1e3);
        };
        row("one module", timed(|| load(&all, tools)));
        row("modules", timed(|| (0..count).map(|_| load(&each, tools)).collect::<Vec<_>>()));
        row("code, one call", timed(|| tools.tell(&named).unwrap()));
        row("code, each", timed(|| named.iter().map(|one| tools.tell(&[*one]).unwrap()).collect::<Vec<_>>()));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let _ = std::fs::remove_file(format!("/tmp/perf-{}.map", std::process::id()));
}

/// How long it takes to make something, and to drop it.
fn timed<T>(make: impl FnOnce() -> T) -> [Duration; 2] {
    let start = Instant::now();
    let made = make();
    let told = start.elapsed();
    let start = Instant::now();
    drop(made);
    [told, start.elapsed()]
}

//! Real sessions of gdb and lldb with this file's own program, which loads modules and tells debuggers of them. Of a program for
//! another machine the emulator is what gdb talks to.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use kiln::{CodeHeap, HeapOptions, Linker, Module, Target, Tools};

/// Where the program finds the objects, when it is to be a session.
const OBJECTS: &str = "KILN_TEST_OBJECTS";

const ONE: &str = "extern int host(int (*back)(int), int n);
int counter = 5;
static int back(int n) {
    int twice = 2 * n;
    return twice + counter;
}
int enter_one(int n) {
    int result = host(back, n + 1);
    return result;
}
";

const TWO: &str = "extern int enter_one(int);
struct pair { int left, right; };
int enter_two(int n) {
    struct pair pair = { n, enter_one(n) };
    return pair.left + pair.right;
}
";

/// What debuggers stop at. The numbers tell the calls apart.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn stop_here(number: i32) -> i32 {
    std::hint::black_box(number)
}

/// A function of the program, between two of modules.
#[inline(never)]
extern "C" fn host(back: extern "C" fn(i32) -> i32, n: i32) -> i32 {
    std::hint::black_box(back(n))
}

/// The program of the sessions; a test without what it needs, and then it does nothing.
#[test]
fn session() {
    let Some(folder) = std::env::var_os(OBJECTS) else { return };
    let load = |name: &str, uses: Option<&Module>| {
        let mut linker = Linker::new(Target::host());
        linker.add_file(Path::new(&folder).join(name)).unwrap();
        linker.define_fn("host", host as extern "C" fn(extern "C" fn(i32) -> i32, i32) -> i32);
        linker.tools(&Tools::new().debugger());
        if let Some(module) = uses {
            linker.define_module(module);
        }
        // SAFETY: the sources above.
        unsafe { linker.load() }.unwrap()
    };
    let one = load("one.o", None);
    let two = load("two.o", Some(&one));
    // SAFETY: its type in the source.
    let function = unsafe { two.function::<extern "C" fn(i32) -> i32>("enter_two") }.unwrap();
    assert_eq!(function.call(3), 3 + (2 * (3 + 1) + 5));
    stop_here(1);
    drop(function);
    two.unload().unwrap();
    stop_here(2);
    one.unload().unwrap();
    let heap = CodeHeap::new(HeapOptions::new()).unwrap();
    let code = if cfg!(target_arch = "x86_64") { &[0xc3][..] } else { &[0xc0, 0x03, 0x5f, 0xd6] };
    let codes = [heap.publish(code).unwrap(), heap.publish(code).unwrap()];
    let told = Tools::new().debugger().tell(&[("heap_first", &codes[0]), ("heap_second", &codes[1])]).unwrap();
    stop_here(3);
    // SAFETY: it only returns.
    unsafe { codes[1].function::<extern "C" fn()>() }.call();
    drop(told);
    stop_here(4);
}

/// A folder with the objects.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("kiln-debugger-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        for (name, source) in [("one.c", ONE), ("two.c", TWO)] {
            std::fs::write(folder.join(name), source).unwrap();
            let compiler = format!("{}-gcc", Target::host().gnu_prefix().unwrap());
            let status = Command::new(compiler).args(["-g", "-O0", "-fPIC", "-c", name]).current_dir(&folder).status();
            assert!(status.unwrap().success());
        }
        Folder(folder)
    }

    /// What gdb says to these commands.
    fn gdb(&self, commands: &[&str]) -> String {
        let runner = runner();
        let program = std::env::current_exe().unwrap();
        let arguments = ["session", "--exact", "--nocapture", "--test-threads=1"];
        let mut words = runner.split_whitespace().map(str::to_owned);
        let socket = self.0.join("socket");
        // An emulated program waits for gdb at a socket.
        let mut emulator = words.next().map(|emulator| {
            let mut command = Command::new(emulator);
            command.args(["-g", socket.to_str().unwrap()]).args(words).arg(&program).args(arguments);
            command.env(OBJECTS, &self.0).stdout(Stdio::null()).spawn().unwrap()
        });
        let mut gdb = Command::new(if emulator.is_some() { "gdb-multiarch" } else { "gdb" });
        gdb.args(["-nx", "-batch"]);
        let start = format!("target remote {}", socket.display());
        let start = if emulator.is_some() { &*start } else { "run" };
        for command in ["set width 0", "set breakpoint pending on", "set print frame-arguments all"] {
            gdb.args(["-ex", command]);
        }
        for command in commands {
            let command = match *command {
                "run" => start,
                command => command,
            };
            gdb.args(["-ex", command]);
            // An emulated program stands at its beginning.
            if command == start && emulator.is_some() {
                gdb.args(["-ex", "continue"]);
            }
        }
        gdb.arg("--args").arg(&program).args(arguments).env(OBJECTS, &self.0).current_dir(&self.0);
        let tries = 100;
        for _ in 0..tries {
            if emulator.is_none() || socket.exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let output = gdb.output().unwrap_or_else(|error| panic!("{gdb:?}: {error}"));
        if let Some(emulator) = &mut emulator {
            emulator.wait().unwrap();
        }
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// How the test programs of this target are run, if not as they are.
fn runner() -> String {
    let triple = Target::host().to_string().to_uppercase().replace('-', "_");
    std::env::var(format!("CARGO_TARGET_{triple}_RUNNER")).unwrap_or_default()
}

/// The lines that are there, in this order (of this program's own functions no more than the names, which it has without debug
/// information too), each somewhere behind the one before: as a whole, without the address of a frame.
#[track_caller]
fn expect(said: &str, lines: &[&str]) {
    let mut rest = said.lines().map(|line| {
        let line = line.split_once(" hit ").map_or(line, |(_, hit)| hit).trim_end();
        match line.split_once(" in ") {
            Some((frame, rest)) if frame.contains("0x") => {
                format!("{} {rest}", frame.split("0x").next().unwrap().trim_end())
            }
            _ => line.to_owned(),
        }
    });
    for line in lines {
        let found = rest.any(|one| match line.strip_suffix('…') {
            Some(start) => one.starts_with(start),
            None => one == *line,
        });
        assert!(found, "`{line}` is not there, or not there in this order:\n{said}");
    }
}

#[test]
fn breakpoints_lines_and_variables() {
    let said = Folder::new().gdb(&[
        "break back",
        "break two.c:5",
        "run",
        "backtrace 4",
        "info locals",
        "print counter",
        "next",
        "info locals",
        "finish",
        "continue",
        "backtrace 1",
        "print pair",
        "ptype pair",
        "kill",
    ]);
    expect(
        &said,
        &[
            "Breakpoint 1 (back) pending.",
            "Breakpoint 2 (two.c:5) pending.",
            "Breakpoint 1, back (n=4) at one.c:4",
            "4\t    int twice = 2 * n;",
            "#0  back (n=4) at one.c:4",
            "#1 debugger::host…",
            "#2 enter_one (n=3) at one.c:8",
            "#3 enter_two (n=3) at two.c:4",
            "twice = …",
            "$1 = 5",
            "5\t    return twice + counter;",
            "twice = 8",
            "Value returned is $2 = 13",
            "Breakpoint 2, enter_two (n=3) at two.c:5",
            "5\t    return pair.left + pair.right;",
            "#0  enter_two (n=3) at two.c:5",
            "$3 = {left = 3, right = 13}",
            "type = struct pair {",
            "    int left;",
            "    int right;",
        ],
    );
}

/// What is unloaded is forgotten, each module for itself. Code on a heap is known by its name; its memory is shared, so that only the
/// processor's own breakpoints can be there.
#[test]
fn symbols_until_the_end() {
    let said = Folder::new().gdb(&[
        "set language c",
        "break stop_here",
        "break enter_two",
        "hbreak heap_second",
        "run",
        "info symbol enter_two",
        "delete 2",
        "continue",
        "info symbol enter_one",
        "info line enter_two",
        "continue",
        "info symbol enter_one",
        "info symbol enter_two",
        "continue",
        "info symbol enter_one",
        "info symbol heap_first",
        "continue",
        "backtrace 1",
        "delete 3",
        "continue",
        "info symbol heap_second",
        "kill",
    ]);
    expect(
        &said,
        &[
            "Breakpoint 2 (enter_two) pending.",
            "Hardware assisted breakpoint 3 (heap_second) pending.",
            "Breakpoint 2, enter_two (n=3) at two.c:4",
            "enter_two in section .text of <in-memory…",
            "Breakpoint 1, …",
            "enter_one in section .text of <in-memory…",
            "Line 3 of \"two.c\" starts at address…",
            "Breakpoint 1, …",
            "enter_one in section .text of <in-memory…",
            "Breakpoint 1, …",
            "heap_first in section .text of <in-memory…",
            "#0 heap_second ()",
            "Breakpoint 1, …",
        ],
    );
    let unknown: Vec<&str> = said.lines().filter(|line| line.starts_with("No symbol")).collect();
    let gone =
        ["enter_two", "enter_one", "heap_second"].map(|name| format!("No symbol \"{name}\" in current context."));
    // Where nothing in the process has debug information any more, gdb says that instead.
    let said_so = |(line, gone): (&&str, &String)| {
        line == gone || *line == "No symbol table is loaded.  Use the \"file\" command."
    };
    assert!(unknown.len() == gone.len() && unknown.iter().zip(&gone).all(said_so), "{said}");
}

/// lldb reads the same, if it is told to.
#[test]
fn lldb() {
    // It does not talk to the emulator here.
    if !runner().is_empty() {
        return;
    }
    let folder = Folder::new();
    let mut lldb = Command::new("lldb");
    lldb.args(["--no-lldbinit", "--batch"]);
    for command in [
        "settings set target.disable-aslr false",
        "settings set plugin.jit-loader.gdb.enable on",
        "breakpoint set --name back",
        "breakpoint set --file two.c --line 5",
        "run",
        "thread backtrace --count 4",
        "frame variable",
        "continue",
        "frame variable pair",
        "kill",
    ] {
        lldb.args(["-o", command]);
    }
    let program = std::env::current_exe().unwrap();
    lldb.arg("--").arg(&program).args(["session", "--exact", "--nocapture", "--test-threads=1"]);
    let output =
        lldb.env(OBJECTS, &folder.0).current_dir(&folder.0).output().unwrap_or_else(|e| panic!("{lldb:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stdout);
    // Frames have addresses, and names that hold some.
    let mut rest = said.lines();
    for part in [
        "`back(n=4) at one.c:4",
        "thread backtrace",
        "`back(n=4) at one.c:4",
        "`debugger::host",
        "`enter_one(n=3) at one.c:8",
        "`enter_two(n=3) at two.c:4",
        "(int) n = 4",
        "`enter_two(n=3) at two.c:5",
        "(pair) pair = (left = 3, right = 13)",
    ] {
        assert!(rest.any(|line| line.contains(part)), "`{part}` is not there, or not there in this order:\n{said}");
    }
}

//! The files for profilers, written by this file's own program and read back: by their formats' documents (linux:
//! tools/perf/Documentation), and by perf itself, with a recording of its own where the kernel allows one, and with one that is
//! made here everywhere.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.

#[path = "profilers/recording.rs"]
mod recording;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use kiln::{Code, CodeHeap, HeapOptions, Linker, Module, Target, Tools};

/// Which session the program is to be, and the folder that it has.
const SESSION: &str = "KILN_TEST_SESSION";
const FOLDER: &str = "KILN_TEST_FOLDER";

/// A loop that takes its time, and what calls it.
const SOURCE: &str = "volatile unsigned long sink;
static void __attribute__((noinline)) hot(unsigned long n) {
    for (unsigned long i = 0; i < n; i++)
        sink += i * i;
}
void enter(unsigned long n) {
    hot(n);
}
";

fn load(folder: &Path, tools: &Tools) -> Module {
    let mut linker = Linker::new(Target::host());
    linker.add_file(folder.join("hot.o")).unwrap();
    linker.tools(tools);
    // SAFETY: the source above.
    unsafe { linker.load() }.unwrap()
}

fn assembled(name: &str, tools: &Tools) -> Module {
    let (call, back) = if cfg!(target_arch = "x86_64") { ("call far", "ret") } else { ("bl far", "ret") };
    let text = format!(
        ".globl {name}\n.type {name}, %function\n{name}: {back}\ninner: {back}\n.size {name}, .-{name}\n\
         .globl {name}_open\n{name}_open: {call}\n{back}\n"
    );
    let mut linker = Linker::new(Target::host());
    linker.add_assembly("code.s", &text).unwrap();
    linker.define_address("far", kiln::TargetAddr(0x1234_5678));
    linker.tools(tools);
    // SAFETY: nothing of it is called.
    unsafe { linker.load() }.unwrap()
}

/// What the map should say of [`assembled`].
fn lines_of(name: &str, module: &Module) -> String {
    let (function, open) = if cfg!(target_arch = "x86_64") { (2, 6) } else { (8, 8) };
    let at = |name: &str| module.address(name).unwrap() as usize;
    let stub = at(&format!("{name}_open")) + open;
    // Stubs begin at a multiple of their size.
    let (stub, size) = (stub.next_multiple_of(if cfg!(target_arch = "x86_64") { 8 } else { 16 }), stub_size());
    format!(
        "{:x} {function:x} {name}\n{:x} {open:x} {name}_open\n{stub:x} {size:x} far@plt\n",
        at(name),
        at(&format!("{name}_open"))
    )
}

fn stub_size() -> usize {
    if cfg!(target_arch = "x86_64") { 8 } else { 12 }
}

/// The program of the sessions; a test without a folder, and then it does nothing.
#[test]
fn session() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let map = || std::fs::read_to_string(format!("/tmp/perf-{}.map", std::process::id())).unwrap();
    let tools = Tools::new().perf_map();
    match &*std::env::var(SESSION).unwrap() {
        "map" => {
            let first = assembled("first", &tools);
            let mut expected = lines_of("first", &first);
            assert_eq!(map(), expected);
            first.unload().unwrap();
            let second = assembled("second", &tools);
            expected += &lines_of("second", &second);
            assert_eq!(map(), expected, "what was unloaded is still told");
            // SAFETY: the child does what a process of one thread may, or ends.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let third = assembled("third", &tools);
                let right = map() == lines_of("second", &second) + &lines_of("third", &third);
                // SAFETY: ends this process.
                unsafe { libc::_exit(i32::from(!right)) };
            }
            let mut status = -1;
            // SAFETY: our own child, and a number that lives.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            std::fs::remove_file(format!("/tmp/perf-{child}.map")).unwrap();
            assert_eq!(status, 0, "the child's map has what was there at the fork, and its own");
            assert_eq!(map(), expected);
        }
        "stale" => {
            let path = format!("/tmp/perf-{}.map", std::process::id());
            std::fs::write(&path, "1000 10 stale\n").unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
            let first = assembled("first", &tools);
            assert_eq!(map(), lines_of("first", &first));
        }
        "shared" => {
            let path = format!("/tmp/perf-{}.map", std::process::id());
            std::fs::write(&path, "1000 10 another_compiler\n").unwrap();
            let first = assembled("first", &tools);
            assert_eq!(map(), "1000 10 another_compiler\n".to_owned() + &lines_of("first", &first));
        }
        "refused" => {
            // Nobody follows a link that somebody else has left.
            std::os::unix::fs::symlink("elsewhere", folder.join(format!("jit-{}.dump", std::process::id()))).unwrap();
            let mut linker = Linker::new(Target::host());
            linker.add_file(folder.join("hot.o")).unwrap();
            linker.tools(&Tools::new().jitdump(folder));
            // SAFETY: nothing of it is called.
            let error = unsafe { linker.load() }.unwrap_err();
            assert!(error.is_system() && error.to_string().contains(".dump, for profilers"), "{error}");
        }
        "dump" => {
            let tools = tools.jitdump(folder);
            let module = load(folder, &tools);
            let heap = CodeHeap::new(HeapOptions::new()).unwrap();
            let code: Code = heap.publish(if cfg!(target_arch = "x86_64") { &[0xc3] } else { &RETURN }).unwrap();
            let told = Tools::new().jitdump(folder).tell(&[("on a\nheap", &code)]).unwrap();
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let marker = maps.lines().find(|line| line.contains(".dump")).unwrap();
            assert!(marker.contains("r-xp 00000000"), "{marker}");
            // SAFETY: its type in the source.
            let enter = unsafe { module.function::<extern "C" fn(u64)>("enter") }.unwrap();
            let rounds = std::env::var("KILN_TEST_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
            enter.call(rounds);
            println!("> enter {:x}", module.address("enter").unwrap() as usize);
            println!("> heap {:x}", code.address() as usize);
            drop(told);
        }
        other => panic!("{other}"),
    }
    let _ = std::fs::remove_file(format!("/tmp/perf-{}.map", std::process::id()));
}

const RETURN: [u8; 4] = [0xc0, 0x03, 0x5f, 0xd6];

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("kiln-profilers-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("hot.c"), SOURCE).unwrap();
        let compiler = format!("{}-gcc", Target::host().gnu_prefix().unwrap());
        let status = Command::new(compiler).args(["-g", "-O1", "-fPIC", "-c", "hot.c"]).current_dir(&folder).status();
        assert!(status.unwrap().success());
        Folder(folder)
    }

    /// Runs a session, after some words of a command; what it says of its addresses.
    fn run(&self, session: &str, before: &[&str], rounds: u64) -> Vec<(String, u64)> {
        let triple = Target::host().to_string().to_uppercase().replace('-', "_");
        let runner = std::env::var(format!("CARGO_TARGET_{triple}_RUNNER")).unwrap_or_default();
        let program = std::env::current_exe().unwrap();
        let mut words: Vec<&str> = before.to_vec();
        words.extend(runner.split_whitespace().chain([program.to_str().unwrap()]));
        words.extend(["session", "--exact", "--nocapture", "--test-threads=1"]);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env(SESSION, session).env(FOLDER, &self.0).current_dir(&self.0);
        let output = command.env("KILN_TEST_ROUNDS", rounds.to_string()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(output.status.success(), "{text}");
        let said = text.lines().filter_map(|line| line.split_once("> ")?.1.split_once(' '));
        said.map(|(name, address)| (name.to_owned(), u64::from_str_radix(address, 16).unwrap())).collect()
    }

    fn dump(&self) -> PathBuf {
        let entries = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        entries.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "dump")).unwrap()
    }

    /// Runs a tool, which succeeds; what it prints.
    fn tool(&self, words: &[&str]) -> String {
        let output =
            Command::new(words[0]).args(&words[1..]).current_dir(&self.0).env("HOME", &self.0).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Functions of the size that they say, others as far as the next one, and stubs by what they lead to; appended by each load, and
/// begun anew after a fork.
#[test]
fn map() {
    Folder::new().run("map", &[], 1);
}

/// What another process of the same number has left is not told; what another compiler of this process has written is.
#[test]
fn map_that_is_there() {
    Folder::new().run("stale", &[], 1);
    Folder::new().run("shared", &[], 1);
}

#[test]
fn refused() {
    let folder = Folder::new();
    folder.run("refused", &[], 1);
    assert!(!folder.0.join("elsewhere").exists());
}

/// Record by record, as the format's document has it.
#[test]
fn dump() {
    let folder = Folder::new();
    let said = folder.run("dump", &[], 1);
    let bytes = std::fs::read(folder.dump()).unwrap();
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let text_at = |at: usize| std::ffi::CStr::from_bytes_until_nul(&bytes[at..]).unwrap().to_str().unwrap();
    let machine = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
    assert_eq!([0, 4, 8, 12, 16].map(u32_at), [0x4a69_5444, 1, 40, machine, 0]);
    let process = u32_at(20);
    assert_eq!(folder.dump().file_name().unwrap().to_str().unwrap(), format!("jit-{process}.dump"));
    assert_eq!(u64_at(32), 0, "no flags");
    let (mut at, mut time, mut told, mut index) = (40, u64_at(24), Vec::new(), 0);
    while at < bytes.len() {
        let (kind, size) = (u32_at(at), u32_at(at + 4) as usize);
        assert!(u64_at(at + 8) >= time, "times grow");
        time = u64_at(at + 8);
        match kind {
            0 => {
                assert_eq!(u32_at(at + 16), process);
                let (address, length) = (u64_at(at + 24), u64_at(at + 40) as usize);
                assert_eq!((u64_at(at + 32), u64_at(at + 48)), (address, index));
                index += 1;
                let name = text_at(at + 56);
                assert_eq!(size, 56 + name.len() + 1 + length);
                let code = &bytes[at + size - length..at + size];
                let end: &[u8] = if cfg!(target_arch = "x86_64") { &[0xc3] } else { &RETURN };
                assert!(code.ends_with(end), "{name}: {code:x?}");
                told.push(format!("{name} {}", said.iter().any(|(_, one)| *one == address)));
            }
            2 => {
                let (count, mut entry) = (u64_at(at + 24), at + 32);
                let mut lines = Vec::new();
                for _ in 0..count {
                    let file = text_at(entry + 16);
                    assert_eq!(Path::new(file), folder.0.join("hot.c"));
                    lines.push(u32_at(entry + 8));
                    entry += 16 + file.len() + 1;
                }
                assert_eq!(entry, at + size);
                lines.dedup();
                told.push(format!("lines from {} to {}", lines.iter().min().unwrap(), lines.iter().max().unwrap()));
            }
            3 => {
                assert_eq!((size, at + size), (16, bytes.len()));
                told.push("end".to_owned());
            }
            other => panic!("record {other}"),
        }
        at += size;
    }
    let mut expected =
        vec!["lines from 2 to 4", "hot false", "lines from 6 to 8", "enter true", "on a?heap true", "end"];
    if !cfg!(feature = "debug-info") {
        expected.retain(|line| !line.starts_with("lines"));
    }
    assert_eq!(told, expected);
}

/// perf reads the dump with a recording that is made here, and so on every kernel: the names, and of each what it is.
#[test]
#[cfg(target_arch = "x86_64")] // perf here knows this machine's code alone.
fn perf_reads_the_dump() {
    let folder = Folder::new();
    let said = folder.run("dump", &[], 1);
    let dump = folder.dump();
    let process = dump.file_stem().unwrap().to_str().unwrap()[4..].parse().unwrap();
    let bytes = std::fs::read(&dump).unwrap();
    let last = u64::from_le_bytes(bytes[bytes.len() - 8..].try_into().unwrap());
    let samples: Vec<u64> = said.iter().map(|(_, address)| *address).collect();
    let recording = recording::of(process, &dump, last, &samples);
    std::fs::write(folder.0.join("made.data"), recording).unwrap();
    folder.tool(&["perf", "inject", "--jit", "-i", "made.data", "-o", "joined.data"]);
    let script = folder.tool(&["perf", "script", "-i", "joined.data", "-F", "ip,sym,dso"]);
    let names: Vec<&str> = script.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(names, ["enter", "on"], "{script}");
    assert!(script.lines().all(|line| line.contains("/jitted-")), "{script}");
}

/// perf records a run, if the kernel lets it, and tells names and lines.
#[test]
#[cfg(target_arch = "x86_64")] // An emulator's samples are its own.
fn perf_records_a_run() {
    let folder = Folder::new();
    let mut probe = Command::new("perf");
    probe.args(["record", "-q", "-e", "cpu-clock:u", "-o", "probe.data", "true"]);
    let probe = probe.current_dir(&folder.0).output().unwrap();
    if !probe.status.success() {
        let why = String::from_utf8_lossy(&probe.stderr);
        let paranoid = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
        let refused =
            why.contains("perf_event_paranoid") || why.contains("not permitted") || why.contains("Permission");
        assert!(refused || why.contains("not supported") || why.contains("No such file"), "{why}");
        eprintln!(
            "this kernel lets perf record nothing (perf_event_paranoid {}): only made recordings were checked",
            paranoid.trim()
        );
        return;
    }
    let before = ["perf", "record", "-q", "-k", "mono", "-e", "cpu-clock:u", "-o", "run.data"];
    folder.run("dump", &before, 200_000_000);
    let map = folder.tool(&["perf", "report", "--stdio", "-i", "run.data", "-s", "sym", "-g", "none"]);
    folder.tool(&["perf", "inject", "--jit", "-i", "run.data", "-o", "joined.data"]);
    let names = folder.tool(&["perf", "report", "--stdio", "-i", "joined.data", "-s", "sym", "-g", "none"]);
    assert_eq!(hottest(&names), "hot", "{names}\n{map}");
    if cfg!(feature = "debug-info") {
        let lines = folder.tool(&["perf", "report", "--stdio", "-i", "joined.data", "-s", "srcline", "-g", "none"]);
        assert!(hottest(&lines).starts_with("hot.c:"), "{lines}");
    }
}

/// The first name of a report.
fn hottest(report: &str) -> String {
    let line = report.lines().find(|line| line.contains('%') && !line.starts_with('#')).unwrap();
    line.rsplit_once(' ').map_or(line, |(_, name)| name).trim().to_owned()
}

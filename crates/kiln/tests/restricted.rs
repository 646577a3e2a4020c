//! Processes that Linux really restricts: this file's own program, run anew for each restriction.
//!
//! What is not tried here: SELinux and PaX, which take a kernel and a policy of their own; their rows are in the table test of
//! `memory/situation/tests.rs`. Under qemu-user the kernel's `prctl` and `seccomp` are not there, and the tests hold it to that.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Restricts the process, loads code and calls it.

use std::process::Command;

use kiln::{Arch, CodeHeap, Error, Function, HeapOptions, Linker, Outcome, Situation, Strategy, Target};

/// What the child is to be restricted by.
const RESTRICTION: &str = "KILN_TEST_RESTRICTION";
const PR_SET_MDWE: libc::c_int = 65;
const UNUSED: libc::c_ulong = 0;

/// What makes a shell run a command as root of namespaces of its own.
const UNSHARE: [&str; 9] =
    ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c"];

/// Runs `report` in a process of its own, under a restriction, and gives the lines that it printed. `in_namespaces`: a shell
/// command that comes first, in namespaces of its own.
fn child(restriction: &str, in_namespaces: Option<&str>) -> Vec<String> {
    let runner = runner();
    let program = std::env::current_exe().unwrap();
    let mut words: Vec<String> = Vec::new();
    if let Some(command) = in_namespaces {
        words.extend(UNSHARE.map(str::to_owned));
        words.extend([format!("{command} && exec \"$@\""), "sh".to_owned()]);
    }
    words.extend(runner.split_whitespace().chain([program.to_str().unwrap()]).map(str::to_owned));
    words.extend(["--exact", "report", "--nocapture", "--test-threads=1"].map(str::to_owned));
    let output = Command::new(&words[0]).args(&words[1..]).env(RESTRICTION, restriction).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{restriction}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.lines().filter_map(|line| line.strip_prefix("> ")).map(str::to_owned).collect()
}

/// How the test programs of this target are run, if not as they are.
fn runner() -> String {
    let triple = Target::host().to_string().to_uppercase().replace('-', "_");
    std::env::var(format!("CARGO_TARGET_{triple}_RUNNER")).unwrap_or_default()
}

/// What the child prints under a restriction; or, where there is no such restriction, that.
fn expect(restriction: &str, lines: &[&str]) {
    let printed = child(restriction, None);
    if has(restriction) {
        assert_eq!(printed, lines, "{restriction}");
    } else {
        assert_eq!(printed, ["no such restriction: Invalid argument (os error 22)"], "{restriction}");
    }
}

/// Whether the system knows such restrictions: qemu-user passes neither on to the kernel, and Linux has MDWE since 6.3.
fn has(restriction: &str) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next().unwrap(), numbers.next().unwrap());
    let needs_mdwe = restriction.contains("mdwe") || restriction == "late";
    !runner().contains("qemu") && (!needs_mdwe || version >= (6, 3))
}

#[test]
fn no_restriction() {
    assert_eq!(
        child("none", None),
        ["seal: works", "dual mapping: works", "modules: seal", "heap: dual mapping", "module: 42", "code: 42"]
    );
}

#[test]
fn memory_deny_write_execute() {
    expect(
        "mdwe",
        &[
            "seal: refused: mprotect fails with EACCES",
            "dual mapping: works",
            "modules: dual mapping, not seal: this process may not make memory executable that was writable (PR_SET_MDWE)",
            "heap: dual mapping",
            "module: 42",
            "code: 42",
        ],
    );
}

/// What systemd's `MemoryDenyWriteExecute` was before version 254.
#[test]
fn a_filter_on_mprotect() {
    expect(
        "mprotect",
        &[
            "seal: refused: mprotect fails with EPERM",
            "dual mapping: works",
            "modules: dual mapping, not seal: a seccomp filter refuses it",
            "heap: dual mapping",
            "module: 42",
            "code: 42",
        ],
    );
}

#[test]
fn a_filter_on_memfd() {
    expect(
        "memfd",
        &[
            "seal: works",
            "dual mapping: works",
            "modules: seal",
            "heap: dual mapping",
            "module: 42",
            "code: 42",
            "dual mapping since memfd_create fails with EPERM, and a file in /dev/shm can be mapped executable",
        ],
    );
}

#[test]
fn a_filter_on_memfd_and_no_gain_of_execution() {
    expect(
        "memfd mdwe",
        &[
            "seal: refused: mprotect fails with EACCES",
            "dual mapping: works",
            "modules: dual mapping, not seal: this process may not make memory executable that was writable (PR_SET_MDWE)",
            "heap: dual mapping",
            "module: 42",
            "code: 42",
            "dual mapping since memfd_create fails with EPERM, and a file in /dev/shm can be mapped executable",
        ],
    );
}

/// A filter may end the process instead: it is asked about in another one.
#[test]
fn a_filter_that_kills() {
    expect(
        "kill memfd mprotect",
        &[
            "seal: killed at mprotect",
            "dual mapping: works",
            "modules: dual mapping, not seal: a seccomp filter ends the process that asks for it",
            "heap: dual mapping",
            "module: 42",
            "code: 42",
            "dual mapping since memfd_create ends the process, and a file in /dev/shm can be mapped executable",
        ],
    );
    expect(
        "kill memfd mprotect mmap",
        &[
            "seal: killed at mprotect",
            "dual mapping: killed at memfd_create",
            "module: this process may not run generated code: seal: killed at mprotect: a seccomp filter ends the process that \
             asks for it; dual mapping: killed at memfd_create: a seccomp filter ends the process that asks for it",
            "next: start it without that filter: systemd's MemoryDenyWriteExecute or SystemCallFilter, or a container's profile",
            "left: nothing",
            "code: refused",
            "left: nothing",
        ],
    );
}

/// The refusal comes before anything is mapped, and says what would change it.
#[test]
fn a_filter_on_all_executable_memory() {
    expect(
        "mprotect mmap",
        &[
            "seal: refused: mprotect fails with EPERM",
            "dual mapping: refused: mmap fails with EPERM",
            "module: this process may not run generated code: seal: refused: mprotect fails with EPERM: a seccomp filter \
             refuses it; dual mapping: refused: mmap fails with EPERM: a seccomp filter refuses it",
            "next: start it without that filter: systemd's MemoryDenyWriteExecute or SystemCallFilter, or a container's profile",
            "left: nothing",
            "code: refused",
            "left: nothing",
        ],
    );
}

/// The situation is asked for once: who restricts the process later gets the kernel's own refusal, and nothing stays mapped.
#[test]
fn restricted_after_it_was_asked() {
    expect(
        "late",
        &[
            "seal: works",
            "dual mapping: works",
            "module: cannot make 4096 bytes at ADDRESS r-x: Permission denied (os error 13)",
            "next: see what restricts this process: SELinux, seccomp, MemoryDenyWriteExecute",
            "left: nothing",
        ]
        .map(|line| line.replace("4096", &Situation::of_this_process().page_size.to_string()))
        .each_ref()
        .map(String::as_str),
    );
}

/// `vm.memfd_noexec` is about starting programs from such files, and Kiln asks for files that none can be started from.
#[test]
fn memfd_noexec() {
    for value in ["0", "1", "2"] {
        let command = format!("echo {value} >/proc/sys/vm/memfd_noexec");
        if !namespaces_work() {
            return;
        }
        let printed = child("no seal: MFD_EXEC", Some(&command));
        let refused = if value == "2" { "Permission denied (os error 13)" } else { "allowed" };
        let (first, rest) = printed.split_first().unwrap();
        assert_eq!(*first, format!("vm.memfd_noexec={value}: MFD_EXEC: {refused}"));
        assert_eq!(
            rest,
            ["seal: works", "dual mapping: works", "modules: seal", "heap: dual mapping", "module: 42", "code: 42"],
            "{value}"
        );
    }
}

#[test]
fn shm_without_execution() {
    if !namespaces_work() {
        return;
    }
    let mount = "mount -t tmpfs -o noexec none /dev/shm";
    let refused = [
        "seal: works",
        "dual mapping: refused: memfd_create fails with EPERM",
        "modules: seal",
        "heap: seal, not dual mapping: a seccomp filter refuses it",
        "module: 42",
        "code: 42",
        "dual mapping wants: allow memfd_create, or mount /dev/shm without noexec",
    ];
    if has("memfd") {
        assert_eq!(child("memfd", Some(mount)), refused);
    }
    // With memfd_create it is never asked for.
    assert_eq!(child("none", Some(mount))[1], "dual mapping: works");
}

/// Whether this machine lets the tests make namespaces: containers and hardened distributions do not. Then it is said, and the
/// rows of the table test are all there is.
fn namespaces_work() -> bool {
    let command = "echo 1 >/proc/sys/vm/memfd_noexec && mount -t tmpfs none /dev/shm";
    let output = Command::new(UNSHARE[0]).args(&UNSHARE[1..]).arg(command).output();
    let works = output.as_ref().is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("not tried: this machine allows no namespaces: {output:?}");
    }
    works
}

/// The child: nothing unless a parent names a restriction.
#[test]
fn report() {
    let Ok(restriction) = std::env::var(RESTRICTION) else { return };
    println!();
    let late = restriction == "late";
    if late {
        // It is asked for once.
        let _ = Situation::of_this_process();
    }
    if let Err(error) = restrict(&restriction) {
        return println!("> no such restriction: {error}");
    }
    if restriction.ends_with("MFD_EXEC") {
        say_memfd_exec();
    }
    say_outcomes();
    if !late {
        let situation = Situation::of_this_process();
        for (what, choice) in [("modules", situation.choose()), ("heap", situation.choose_for_heap())] {
            let Ok(choice) = choice else { continue };
            let not: Vec<String> = (choice.ruled_out().iter())
                .map(|verdict| format!(", not {}: {}", verdict.strategy(), verdict.reason()))
                .collect();
            println!("> {what}: {}{}", choice.strategy(), not.concat());
        }
    }
    let before = mappings();
    match module() {
        Ok(number) => println!("> module: {number}"),
        Err(error) => {
            println!("> module: {}", without_address(&error.to_string()));
            println!("> next: {}", error.next_step().unwrap());
            say_what_is_left(&before);
        }
    }
    if late {
        return;
    }
    let before = mappings();
    match code() {
        Ok(number) => println!("> code: {number}"),
        Err(error) => {
            assert!(error.is_not_allowed(), "{error:?}");
            println!("> code: refused");
            say_what_is_left(&before);
        }
    }
    let dual = Situation::of_this_process().verdict(Strategy::DualMapping);
    if dual.reason().contains("/dev/shm") {
        println!("> dual mapping since {}", dual.reason());
    }
    if let (Outcome::Refused { call: "memfd_create", .. }, Some(remedy)) = (dual.outcome(), dual.remedy()) {
        println!("> dual mapping wants: {remedy}");
    }
}

fn say_outcomes() {
    for strategy in [Strategy::Seal, Strategy::DualMapping] {
        println!("> {strategy}: {}", Situation::of_this_process().verdict(strategy).outcome());
    }
}

/// A function that returns 42, as it is loaded and called.
fn module() -> Result<u32, Error> {
    let mut linker = Linker::new(Target::host());
    linker.add_flat("answer", answer(), &[("answer", 0)])?;
    // SAFETY: a function that takes nothing and returns an integer.
    let module = unsafe { linker.load() }?;
    // SAFETY: as above.
    let answer: Function<extern "C" fn() -> u32> = unsafe { module.function("answer") }?;
    let writable_and_executable = mappings().into_iter().filter(|line| line.contains("wx")).collect::<Vec<_>>();
    assert!(writable_and_executable.is_empty(), "{writable_and_executable:?}");
    Ok(answer.call())
}

fn code() -> Result<u32, Error> {
    // SAFETY: a function that takes nothing and returns an integer.
    let answer: Function<extern "C" fn() -> u32> =
        unsafe { CodeHeap::new(HeapOptions::new())?.publish(&answer())?.function() };
    Ok(answer.call())
}

fn answer() -> Vec<u8> {
    match Target::host().arch() {
        // mov eax, 42; ret
        Arch::X86_64 => vec![0xb8, 42, 0, 0, 0, 0xc3],
        // mov w0, #42; ret
        Arch::Aarch64 => vec![0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6],
    }
}

/// The mappings of this process, but for those of `brk` and the stack, which grow as they like. Of anonymous memory that is not
/// executable only the size: the allocator takes its threads' from a reservation of its own, piece by piece.
fn mappings() -> Vec<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut anonymous = 0;
    let mut mappings = Vec::new();
    for line in maps.lines().map(str::trim_end).filter(|line| !line.ends_with("[heap]") && !line.ends_with("[stack]")) {
        if line.ends_with(" 0") && !line.split(' ').nth(1).unwrap().contains('x') {
            let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
            anonymous += u64::from_str_radix(end, 16).unwrap() - u64::from_str_radix(start, 16).unwrap();
        } else {
            mappings.push(line.to_owned());
        }
    }
    mappings.push(format!("{anonymous:#x} bytes of anonymous memory"));
    mappings
}

fn say_what_is_left(before: &[String]) {
    let left: Vec<String> = mappings().into_iter().filter(|line| !before.contains(line)).collect();
    println!("> left: {}", if left.is_empty() { "nothing".to_owned() } else { left.join("; ") });
}

fn without_address(text: &str) -> String {
    let word = |word: &str| if word.starts_with("0x") { "ADDRESS".to_owned() } else { word.to_owned() };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What the kernel says to a file in memory that programs could be started from.
fn say_memfd_exec() {
    const MFD_EXEC: libc::c_uint = 0x10;
    // SAFETY: the name ends in NUL; a descriptor or an error, and the process ends soon.
    let fd = unsafe { libc::memfd_create(c"test".as_ptr(), MFD_EXEC) };
    let answer = if fd < 0 { std::io::Error::last_os_error().to_string() } else { "allowed".to_owned() };
    let value = std::fs::read_to_string("/proc/sys/vm/memfd_noexec").unwrap();
    println!("> vm.memfd_noexec={}: MFD_EXEC: {answer}", value.trim());
}

/// Restricts this thread, or the whole process, by the words of `restriction`.
fn restrict(restriction: &str) -> std::io::Result<()> {
    // The low half of a system call's third argument: `prot` of mmap and mprotect.
    const PROTECTION: u32 = 16 + 8 * 2;
    let fail = || match restriction.starts_with("kill ") {
        true => instruction(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_KILL_PROCESS),
        false => instruction(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
    };
    let mut program = vec![load(0)];
    for word in restriction.split(' ') {
        match word {
            "mdwe" | "late" => set(PR_SET_MDWE, 1)?,
            "memfd" => program.extend([unless(libc::SYS_memfd_create, 1), fail()]),
            "mprotect" | "mmap" => {
                let call = if word == "mmap" { libc::SYS_mmap } else { libc::SYS_mprotect };
                program.extend([unless(call, 4), load(PROTECTION), unless_bits(libc::PROT_EXEC, 1), fail(), load(0)]);
            }
            _ => {}
        }
    }
    if program.len() == 1 {
        return Ok(());
    }
    program.push(instruction(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW));
    set(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: a filter program of that length, which the kernel copies.
    let result =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER as libc::c_ulong, &raw const filter) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn set(option: libc::c_int, value: libc::c_ulong) -> std::io::Result<()> {
    // SAFETY: takes away a right of this process.
    let result = unsafe { libc::prctl(option, value, UNUSED, UNUSED, UNUSED) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn instruction(code: u32, skip_unless: u8, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: skip_unless, k: value }
}

/// The 32-bit word at an offset of `seccomp_data`: 0 is the number of the system call.
fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, offset)
}

fn unless(call: libc::c_long, skip: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, skip, call as u32)
}

fn unless_bits(bits: libc::c_int, skip: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, skip, bits as u32)
}

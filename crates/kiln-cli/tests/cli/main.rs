//! The command as its user meets it: each test runs the program that was built, in a folder of its own, and compares all
//! that it prints, and its exit status.
#![allow(clippy::unwrap_used, clippy::panic)]
// What tests need that are about Linux.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod asm;
mod call;
mod crash;
mod disasm;
mod doctor;
mod errors;
mod flat;
mod inspect;
mod life;
mod make;
mod run;
mod sign;
#[path = "../../../kiln-codesign/tests/common/mod.rs"]
mod signatures;
mod terminal;
mod tools;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use kiln::{Arch, Target};

/// What stands in front of a name of C's in this system's symbol tables.
const UNDERSCORE: &str = if cfg!(target_os = "macos") { "_" } else { "" };

/// A folder of one test, which goes away with it. The command runs in it and has its temporary files in a folder of its
/// own there.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("kiln-test-cli-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        fs::create_dir(dir.join(".tmp")).unwrap();
        Dir(dir)
    }

    /// A folder with the repository's examples in `examples/`.
    fn with_examples() -> Dir {
        let dir = Dir::new();
        for name in ["hello.S", "write.S"] {
            let text = fs::read(repository().join("examples").join(name)).unwrap();
            dir.write(&format!("examples/{name}"), text);
        }
        dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names of what lies in the folder.
    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != ".tmp").collect();
        names.sort();
        names
    }

    /// The command, with these arguments.
    fn kiln<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Kiln<'_> {
        let (program, mut runner) = program();
        let mut command = Command::new(program);
        command.args(runner.drain(..)).args(args).current_dir(&self.0).env("TMPDIR", self.path(".tmp"));
        // What would change the output: how wide help is without a terminal, and what the user of the tests has set.
        command.env("COLUMNS", "100").env("TERM", "xterm");
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "KILN_AS", "KILN_CC"] {
            command.env_remove(variable);
        }
        Kiln { dir: self, command, input: Vec::new() }
    }

    /// Assembles `text` for `target`.
    fn assemble(&self, target: Target, text: &str, object: &str) {
        let target = target.to_string();
        let kiln = self.kiln(["asm", "-", "-o", object, "--target", &target]);
        kiln.input(text).prints("");
    }

    /// Compiles C for the host.
    fn compile(&self, text: &str, object: &str) {
        let compiler = match Target::host().gnu_prefix() {
            Some(prefix) => format!("{prefix}-gcc"),
            None => "cc".to_owned(),
        };
        self.write("source.c", text);
        self.tool(&compiler, ["-c", "source.c", "-o", object]);
        fs::remove_file(self.path("source.c")).unwrap();
    }

    /// Compiles C for the host with debug information: `name.c` to `name.o`.
    fn compile_debug(&self, text: &str, source: &str) {
        let compiler = match Target::host().gnu_prefix() {
            Some(prefix) => format!("{prefix}-gcc"),
            None => "cc".to_owned(),
        };
        self.write(source, text);
        self.tool(&compiler, ["-g", "-c", source]);
    }

    /// The size in bytes of the pages that programs for this architecture see, which an emulator may choose.
    fn page(&self) -> u64 {
        self.compile("#include <unistd.h>\nint main(void) { return sysconf(_SC_PAGESIZE) / 1024; }", "page.o");
        let kib = code(self.kiln(["run", "page.o"]).output().status) as u64;
        fs::remove_file(self.path("page.o")).unwrap();
        kib * 1024
    }

    /// Runs another program, which succeeds, and returns what it prints.
    fn tool<'a>(&self, name: &str, args: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
        let mut command = Command::new(which(name));
        let output = command.args(args).current_dir(&self.0).env("LC_ALL", "C").stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A call of the command.
struct Kiln<'d> {
    dir: &'d Dir,
    command: Command,
    input: Vec<u8>,
}

impl Kiln<'_> {
    fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// What it reads from standard input; nothing otherwise.
    fn input(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.input = bytes.as_ref().to_owned();
        self
    }

    fn start(&mut self) -> Child {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn output(mut self) -> Output {
        let mut child = self.start();
        // It need not read what it is given.
        let _ = child.stdin.take().unwrap().write_all(&self.input);
        let output = child.wait_with_output().unwrap();
        let left: Vec<_> = fs::read_dir(self.dir.path(".tmp")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{:?} left {left:?}", self.command);
        output
    }

    /// What a shell says of it, by a script in which it is `"$@"`.
    fn shell(self, script: &str) -> String {
        let mut shell = Command::new(which("sh"));
        shell.args(["-c", script, "sh"]).arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.current_dir(&self.dir.0).stdin(Stdio::null());
        let output = shell.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// Runs it and compares everything, after [`numbered`].
    #[track_caller]
    fn gives(self, status: i32, stdout: &str, stderr: &str) {
        let call = format!("{:?}", self.command);
        let output = self.output();
        let said = |bytes: &[u8]| numbered(&String::from_utf8_lossy(bytes));
        let found = (code(output.status), said(&output.stdout), said(&output.stderr));
        let expected = (status, stdout.to_owned(), stderr.to_owned());
        let shown = |(status, stdout, stderr): &(i32, String, String)| {
            format!("status {status}\n--- stdout\n{stdout}--- stderr\n{stderr}---")
        };
        assert!(found == expected, "{call}\nfound {}\nexpected {}", shown(&found), shown(&expected));
    }

    /// It succeeds and says nothing beside its output.
    #[track_caller]
    fn prints(self, stdout: &str) {
        self.gives(0, stdout, "");
    }

    /// It refuses: nothing was done and nothing printed.
    #[track_caller]
    fn refuses(self, stderr: &str) {
        self.gives(2, "", stderr);
    }

    /// It succeeds, and prints these bytes.
    #[track_caller]
    fn bytes(self) -> Vec<u8> {
        let output = self.output();
        assert_eq!((code(output.status), &*String::from_utf8_lossy(&output.stderr)), (0, ""));
        output.stdout
    }
}

/// The exit status as a shell has it.
fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
}

/// `text` with its addresses of this process, which change with every call, numbered in the order of their appearance:
/// what was one address before is one afterwards.
fn numbered(text: &str) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut parts = text.split("0x");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(part.len());
        let (digits, rest) = part.split_at(end);
        // No page of a process lies below 4 GiB on the systems that the tests run on; what is smaller is a number.
        if digits.len() < 9 || digits.starts_with('0') {
            result += &format!("0x{digits}{rest}");
            continue;
        }
        let number = seen.iter().position(|one| *one == digits).unwrap_or_else(|| {
            seen.push(digits);
            seen.len() - 1
        });
        result += &format!("<address {}>{rest}", number + 1);
    }
    result
}

/// The program under test, and its first arguments: of a program for another machine, cargo's runner runs it.
fn program() -> (PathBuf, Vec<String>) {
    let kiln = env!("CARGO_BIN_EXE_kiln");
    let triple = Target::host().to_string().to_uppercase().replace('-', "_");
    let runner = std::env::var(format!("CARGO_TARGET_{triple}_RUNNER")).unwrap_or_default();
    let mut words = runner.split_whitespace().map(str::to_owned);
    match words.next() {
        Some(program) => (which(&program), words.chain([kiln.to_owned()]).collect()),
        None => (kiln.into(), Vec::new()),
    }
}

/// A program of this machine, or the newest `name-<version>`: a test that needs it fails without it.
fn which(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let version = |file: &Path| -> Option<u32> {
        file.file_name()?.to_str()?.strip_prefix(name)?.strip_prefix('-')?.parse().ok()
    };
    let files = |dir: &PathBuf| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let plain = dirs.iter().map(|dir| dir.join(name)).find(|file| file.is_file());
    let versions = || dirs.iter().flat_map(files).filter_map(|file| Some((version(&file)?, file))).max();
    plain.or_else(|| Some(versions()?.1)).unwrap_or_else(|| panic!("these tests need `{name}`"))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Assembly for this machine: one text for each architecture, both with `@` in front of C's names.
fn assembly(x86_64: &str, arm64: &str) -> String {
    let text = match Target::host().arch() {
        Arch::X86_64 => x86_64,
        Arch::Aarch64 => arm64,
    };
    text.replace('@', UNDERSCORE)
}

/// The prefix of the GNU tools for an architecture on Linux.
fn gnu(arch: Arch) -> &'static str {
    Target::new(arch, kiln::Os::Linux).gnu_prefix().unwrap()
}

/// Instructions that do nothing but return.
const RETURN: &str = ".text\n.globl _start\n_start: ret\n";

#[test]
fn addresses_are_numbered() {
    assert_eq!(numbered("at 0x7f0012345678, 0x12, 0x7f0012345679 (0x7f0012345678)\n0x"), {
        "at <address 1>, 0x12, <address 2> (<address 1>)\n0x"
    });
}

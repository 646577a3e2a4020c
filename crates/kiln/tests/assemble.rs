//! Assembly source to objects, with the assemblers of this machine and with fake ones.
//!
//! What depends on the environment runs in a child, this program called again for the test `child` alone: the
//! environment of a process with threads cannot be changed. Each child has a `TMPDIR` of its own, and leaves it empty.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use kiln::{Assembler, Error, Format, Os, Syntax, Target};
use object::{Object, ObjectSection};

const SYNTAXES: [Syntax; 2] = [Syntax::Plain, Syntax::Preprocessed];

/// Line 3 and line 5 are wrong, for every architecture.
const BROKEN: &str = ".text\nf:\n bogus %foo\n nop\n .nonsense\n nop\n";

/// A directory of one test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("kiln-test-assemble-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        Dir(dir)
    }

    fn sub(&self, name: &str) -> PathBuf {
        let dir = self.0.join(name);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    /// A shell script. A shell writes it, since a file that any process has open for writing cannot be executed, and
    /// the children that other tests start inherit this process's for a moment.
    fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.sub("bin").join(name);
        let mut shell = Command::new("sh")
            .args(["-c", r#"cat >"$0" && chmod +x "$0""#])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let text = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin\nfor last; do [ \"$before\" = -o ] && out=$last; before=$last; done\n{body}\n"
        );
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A program of this machine: a test that needs it fails without it.
fn which(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("these tests need `{name}`"))
}

/// A target that is not the host's, on the same operating system.
fn other_arch() -> Target {
    let host = Target::host();
    *Target::ALL.iter().find(|target| target.os() == host.os() && target.arch() != host.arch()).unwrap()
}

struct Child {
    target: Target,
    syntax: Syntax,
    name: String,
    text: Vec<u8>,
    env: Vec<(&'static str, OsString)>,
}

struct Made {
    command: String,
    object: Vec<u8>,
}

#[derive(Debug)]
struct Failed {
    message: String,
    help: String,
    is_assembler: bool,
}

impl Child {
    fn new(target: Target, syntax: Syntax, text: impl AsRef<[u8]>) -> Child {
        Child { target, syntax, name: "broken.s".to_owned(), text: text.as_ref().to_owned(), env: Vec::new() }
    }

    fn name(mut self, name: &str) -> Child {
        self.name = name.to_owned();
        self
    }

    fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Child {
        self.env.push((name, value.into()));
        self
    }

    fn tool(self, words: impl Into<OsString>) -> Child {
        self.env("KILN_AS", words)
    }

    fn run(self) -> Result<Made, Failed> {
        let dir = Dir::new();
        let tmp = dir.sub("tmp");
        fs::write(dir.0.join("text"), &self.text).unwrap();
        let exe = std::env::current_exe().unwrap();
        // A program for another machine, cargo's runner runs.
        let variable = format!("CARGO_TARGET_{}_RUNNER", Target::host().to_string().to_uppercase().replace('-', "_"));
        let runner = std::env::var(variable).unwrap_or_default();
        let mut runner = runner.split_whitespace();
        let mut command = match runner.next() {
            Some(program) => Command::new(which(program)),
            None => Command::new(&exe),
        };
        if command.get_program() != exe {
            command.args(runner).arg(&exe);
        }
        command
            .args(["--exact", "child", "--nocapture"])
            .env_remove("KILN_AS")
            .env("TMPDIR", &tmp)
            .env("KILN_TEST_DIR", &dir.0)
            .env("KILN_TEST_TARGET", self.target.to_string())
            .env("KILN_TEST_SYNTAX", format!("{:?}", self.syntax))
            .env("KILN_TEST_NAME", &self.name)
            .envs(self.env);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let left: Vec<_> = fs::read_dir(&tmp).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "left in the temporary directory: {left:?}");
        let read = |name: &str| fs::read(dir.0.join(name));
        let read_text = |name: &str| read(name).map(|text| String::from_utf8(text).unwrap());
        match read("object") {
            Ok(object) => Ok(Made { command: read_text("command").unwrap(), object }),
            Err(_) => Err(Failed {
                message: read_text("message").unwrap(),
                help: read_text("help").unwrap(),
                is_assembler: read_text("is_assembler").unwrap() == "true",
            }),
        }
    }

    fn fails(self) -> Failed {
        self.run().map(|made| panic!("{} made an object", made.command)).unwrap_err()
    }
}

/// What the other tests start; nothing by itself.
#[test]
fn child() {
    let Some(dir) = std::env::var_os("KILN_TEST_DIR").map(PathBuf::from) else { return };
    let get = |name: &str| std::env::var(name).unwrap();
    let syntax = SYNTAXES.into_iter().find(|syntax| format!("{syntax:?}") == get("KILN_TEST_SYNTAX")).unwrap();
    let text = fs::read(dir.join("text")).unwrap();
    let made: Result<_, Error> = Assembler::find(get("KILN_TEST_TARGET").parse().unwrap(), syntax)
        .and_then(|assembler| Ok((assembler.command(), assembler.assemble(&get("KILN_TEST_NAME"), &text)?)));
    match made {
        Ok((command, object)) => {
            fs::write(dir.join("command"), command).unwrap();
            fs::write(dir.join("object"), object).unwrap();
        }
        Err(error) => {
            fs::write(dir.join("message"), error.to_string()).unwrap();
            fs::write(dir.join("help"), error.next_step().unwrap_or_default()).unwrap();
            fs::write(dir.join("is_assembler"), error.is_assembler().to_string()).unwrap();
        }
    }
}

fn assemble(target: Target, syntax: Syntax, text: &str) -> Vec<u8> {
    Assembler::find(target, syntax).unwrap().assemble("test.s", text.as_bytes()).unwrap()
}

/// The bytes of a section, after it was checked what kind of object it is in.
fn section(target: Target, object: &[u8], name: &str) -> Vec<u8> {
    let object = object::File::parse(object).unwrap();
    let format = match target.format() {
        Format::Elf => object::BinaryFormat::Elf,
        Format::MachO => object::BinaryFormat::MachO,
        Format::Coff => object::BinaryFormat::Coff,
    };
    assert_eq!(object.format(), format, "{target}");
    let arch = target.to_string();
    assert_eq!(format!("{:?}", object.architecture()).to_lowercase(), arch.split('-').next().unwrap(), "{target}");
    object.section_by_name(name).unwrap().data().unwrap().to_owned()
}

/// The section that `.data` fills.
fn data(target: Target, object: &[u8]) -> Vec<u8> {
    let name = if target.format() == Format::MachO { "__data" } else { ".data" };
    section(target, object, name)
}

const PLAIN: &str = ".text\n.globl _start\n_start:\n nop\n.data\n.long 0x41424344\n";
const PREPROCESSED: &str = "#define VALUE(x) 0x4142##x\n#if 1\n.text\n.globl _start\n_start:\n nop\n.data\n.long VALUE(4344)\n#else\n#error no\n#endif\n";

#[test]
fn every_target_in_both_syntaxes() {
    for target in Target::ALL {
        for (syntax, text) in [(Syntax::Plain, PLAIN), (Syntax::Preprocessed, PREPROCESSED)] {
            let assembler = Assembler::find(target, syntax).unwrap();
            assert_eq!(assembler.target(), target);
            let object = assembler.assemble("test.s", text.as_bytes()).unwrap();
            assert_eq!(data(target, &object)[..4], *b"DCBA", "{target} by {}", assembler.command());
            // The line marker leaves no trace.
            let names = ["test.s", "<stdin>", "kiln-"];
            let traces = |name: &&str| object.windows(name.len()).any(|bytes| bytes == name.as_bytes());
            assert_eq!(names.iter().find(|name| traces(name)), None, "{target} by {}", assembler.command());
        }
    }
}

#[test]
fn the_host_is_served_by_its_own_tools() {
    let host = Target::host();
    let [plain, preprocessed] = SYNTAXES.map(|syntax| Assembler::find(host, syntax).unwrap().command());
    let triple = host.llvm_triple();
    let expected = match host.gnu_prefix() {
        Some(gnu) => [
            vec![format!("{gnu}-as -o out.o -"), "as -o out.o -".to_owned()],
            ["-gcc", "cc", "gcc"]
                .map(|name| {
                    let gnu = if name.starts_with('-') { gnu } else { "" };
                    format!("{gnu}{name} -x assembler-with-cpp -c -o out.o -")
                })
                .to_vec(),
        ],
        None => [
            vec![format!("clang -target {triple} -x assembler -c -o out.o -")],
            vec![format!("clang -target {triple} -x assembler-with-cpp -c -o out.o -")],
        ],
    };
    assert!(expected[0].contains(&plain), "{plain}");
    assert!(expected[1].contains(&preprocessed), "{preprocessed}");
}

#[test]
fn apple_sources_are_apples() {
    let target = Target::AARCH64_MACOS;
    let text = "_f: adrp x0, message@PAGE ; its page\n add x0, x0, message@PAGEOFF ; and the rest\n ret\n.data\nmessage: .asciz \"x\"\n";
    for (syntax, text) in
        [(Syntax::Plain, text.to_owned()), (Syntax::Preprocessed, format!("#define message msg\n{text}"))]
    {
        let object = assemble(target, syntax, &text);
        assert_eq!(section(target, &object, "__text").len(), 12);
        let object = object::File::parse(&*object).unwrap();
        assert_eq!(object.section_by_name("__text").unwrap().relocations().count(), 2);
    }
}

/// Every style of tool, as `KILN_AS` has it, with a target it knows.
fn styles() -> Vec<(String, Target, Vec<Syntax>)> {
    let (host, other) = (Target::host(), other_arch());
    let mut styles = vec![
        ("clang".to_owned(), host, SYNTAXES.to_vec()),
        ("clang".to_owned(), Target::AARCH64_MACOS, SYNTAXES.to_vec()),
        ("clang".to_owned(), Target::X86_64_WINDOWS, SYNTAXES.to_vec()),
    ];
    if host.os() == Os::Linux {
        styles.push(("llvm-mc".to_owned(), host, vec![Syntax::Plain]));
        styles.push(("llvm-mc".to_owned(), Target::AARCH64_MACOS, vec![Syntax::Plain]));
        for target in [host, other] {
            let gnu = target.gnu_prefix().unwrap();
            styles.push((format!("{gnu}-as"), target, vec![Syntax::Plain]));
            styles.push((format!("{gnu}-gcc"), target, SYNTAXES.to_vec()));
        }
    }
    styles
}

#[test]
fn diagnostics_carry_the_users_place() {
    for (tool, target, syntaxes) in styles() {
        for syntax in syntaxes {
            for (name, bom) in [("dir/broken.s", ""), (r#"C:\a "b"/broken.s"#, "\u{feff}"), ("new\nline.s", "")] {
                let text = format!("{bom}{}", BROKEN.trim_end());
                let failed = Child::new(target, syntax, text).name(name).tool(&tool).fails();
                let message = &failed.message;
                let how = format!("{tool} for {target}, {syntax:?}:\n{message}");
                assert!(failed.is_assembler, "{how}");
                let said = message.strip_prefix(&format!("{name}: `{tool}` refused it:\n")).expect(&how);
                for line in [3, 5] {
                    let place = format!("{name}:{line}:");
                    assert!(said.starts_with(&place) || said.contains(&format!("\n{place}")), "{line}, {how}");
                }
                for noise in ["<stdin>", "standard input", "\n-:", "Assembler messages", "generated.", "exit code"] {
                    assert!(!said.contains(noise), "{noise}, {how}");
                }
                let others = [1, 2, 4, 6].iter().find(|line| said.contains(&format!("{name}:{line}:")));
                assert_eq!(others, None, "{how}");
            }
        }
    }
}

#[test]
fn places_of_included_files() {
    let dir = Dir::new();
    fs::write(dir.0.join("bad.inc"), "\n bogus %foo\n").unwrap();
    let include = dir.0.join("bad.inc");
    let text = format!(".text\n.include \"{}\"\n", include.display());
    for (tool, target, syntaxes) in styles() {
        for syntax in syntaxes {
            let message = Child::new(target, syntax, &text).tool(&tool).fails().message;
            assert!(message.contains(&format!("\n{}:2:", include.display())), "{message}");
            for line in message.lines().filter(|line| line.contains("ncluded from")) {
                assert!(line.ends_with("ncluded from broken.s:2:"), "{message}");
            }
        }
    }
}

#[test]
fn the_preprocessors_diagnostics() {
    let text = "#include \"none.h\"\n";
    let tools = styles().into_iter().filter(|(.., syntaxes)| syntaxes.contains(&Syntax::Preprocessed));
    for (tool, target, _) in tools {
        let message = Child::new(target, Syntax::Preprocessed, text).tool(&tool).fails().message;
        assert!(message.starts_with(&format!("broken.s: `{tool}` refused it:\nbroken.s:1:10: fatal error: ")));
        assert!(!message.contains("terminated"), "{message}");
    }
}

#[test]
fn no_assembler() {
    let target = Target::AARCH64_WINDOWS;
    for (syntax, message) in [
        (
            Syntax::Plain,
            "no assembler for aarch64-pc-windows-msvc: looked in PATH for `clang`, `clang-<version>`, `llvm-mc`, \
             `llvm-mc-<version>`, `zig`, the Python package `ziglang`",
        ),
        (
            Syntax::Preprocessed,
            "no assembler for aarch64-pc-windows-msvc: looked in PATH for `clang`, `clang-<version>`, `zig`, the \
             Python package `ziglang`",
        ),
    ] {
        for path in ["", "/nonexistent"] {
            let failed = Child::new(target, syntax, PLAIN).env("PATH", path).fails();
            assert_eq!(failed.message, message);
            assert!(failed.is_assembler);
            assert!(failed.help.starts_with("install ") && failed.help.ends_with(" in KILN_AS"), "{}", failed.help);
        }
    }
}

#[test]
fn no_assembler_for_the_host() {
    let host = Target::host();
    let Some(gnu) = host.gnu_prefix() else { return };
    for (syntax, looked, package) in [
        (Syntax::Plain, format!("`{gnu}-as`, `as`, `clang`"), "binutils"),
        (Syntax::Preprocessed, format!("`{gnu}-gcc`, `cc`, `gcc`, `clang`"), "gcc"),
    ] {
        let failed = Child::new(host, syntax, PLAIN).env("PATH", "").fails();
        let start = format!("no assembler for {host}: looked in PATH for {looked}, ");
        assert!(failed.message.starts_with(&start), "{}", failed.message);
        assert!(failed.help.contains(&format!(" {package}")) && !failed.help.contains("clang"), "{}", failed.help);
    }
}

#[test]
fn no_preprocessor() {
    let dir = Dir::new();
    let bin = dir.sub("bin");
    dir.script("llvm-mc", "exit 1");
    let failed = Child::new(Target::AARCH64_MACOS, Syntax::Preprocessed, PLAIN).env("PATH", &bin).fails();
    assert_eq!(
        failed.message,
        "no assembler with a preprocessor for aarch64-apple-darwin: `llvm-mc` is here, and has none; looked in PATH \
         for `clang`, `clang-<version>`, `zig`, the Python package `ziglang`"
            .replace("`clang`, ", if Target::host().os() == Os::MacOs { "`clang`, `cc`, " } else { "`clang`, " })
    );
    assert!(failed.help.ends_with("; or rename the file to `.s` if it needs no preprocessor"), "{}", failed.help);
    let failed = Child::new(Target::AARCH64_MACOS, Syntax::Preprocessed, PLAIN).tool(bin.join("llvm-mc")).fails();
    assert!(failed.message.ends_with("/bin/llvm-mc`, which has no preprocessor"), "{}", failed.message);
}

#[test]
fn kiln_as() {
    let host = Target::host();
    let made = Child::new(host, Syntax::Plain, PLAIN).tool(" ").run().unwrap();
    assert_eq!(made.command, Assembler::find(host, Syntax::Plain).unwrap().command());

    let text = ".data\n.ifdef GIVEN\n.long 0x41424344\n.endif\n";
    let made = Child::new(host, Syntax::Plain, text).tool("  clang\t-Wa,-defsym,GIVEN=1 ").run().unwrap();
    let triple = host.llvm_triple();
    assert_eq!(made.command, format!("clang -Wa,-defsym,GIVEN=1 -target {triple} -x assembler -c -o out.o -"));
    assert_eq!(data(host, &made.object)[..4], *b"DCBA");

    let triple = Target::X86_64_MACOS.llvm_triple();
    for tool in [format!("clang --target={triple}"), format!("clang -target {triple}")] {
        let made = Child::new(Target::X86_64_MACOS, Syntax::Plain, PLAIN).tool(&tool).run().unwrap();
        assert_eq!(made.command, format!("{tool} -x assembler -c -o out.o -"));
    }

    let failed = Child::new(host, Syntax::Plain, PLAIN).tool("no-such-assembler -x").fails();
    assert_eq!(failed.message, "KILN_AS names `no-such-assembler`, and there is no such program");
    assert_eq!(failed.help, "set KILN_AS to a program in PATH or to the path of one, or leave it unset");
}

#[test]
fn an_assembler_for_another_target() {
    let host = Target::host();
    let tool = "clang -target x86_64-pc-windows-msvc";
    // One text it takes, one it refuses: both times the target is at fault, not the text.
    for text in [PLAIN, BROKEN] {
        let failed = Child::new(host, Syntax::Plain, text).tool(tool).fails();
        let (format, arch) = (host.format(), host.arch());
        let expected =
            format!("broken.s: no assembler here makes {format} for {arch} ({host}):\n`{tool}` makes COFF for x86-64");
        assert_eq!(failed.message, expected);
        assert_eq!(failed.help, "set KILN_AS to an assembler for this target, or leave it unset");
    }
    if host.os() == Os::Linux {
        let other = other_arch();
        let tool = format!("{}-as", other.gnu_prefix().unwrap());
        for target in [host, Target::AARCH64_MACOS] {
            let failed = Child::new(target, Syntax::Plain, BROKEN).tool(&tool).fails();
            let expected = format!("`{tool}` makes ELF for {}", other.arch());
            assert!(failed.message.ends_with(&expected), "{}", failed.message);
        }
    }
}

/// As in an emulated process: the plain `as` is the emulating machine's, and calls every instruction unknown.
#[test]
fn the_hosts_assembler_is_another_machines() {
    let (dir, host) = (Dir::new(), Target::host());
    if host.os() != Os::Linux {
        return;
    }
    dir.script(
        "as",
        &format!("exec {} \"$@\"", which(&format!("{}-as", other_arch().gnu_prefix().unwrap())).display()),
    );
    let child = |text| Child::new(host, Syntax::Plain, text).env("PATH", dir.sub("bin"));
    let failed = child(BROKEN).fails();
    let (arch, others) = (host.arch(), other_arch().arch());
    let expected = format!("broken.s: no assembler here makes ELF for {arch} ({host}):\n`as` makes ELF for {others}");
    assert_eq!(failed.message, expected);
    assert!(!failed.help.contains("binutils"), "it is there: {}", failed.help);
    dir.script("clang", &format!("exec {} \"$@\"", which("clang").display()));
    let refused = child(BROKEN).fails().message;
    assert!(refused.starts_with("broken.s: `clang` refused it:\nbroken.s:3:"), "{refused}");
    assert_eq!(data(host, &child(PLAIN).run().unwrap().object)[..4], *b"DCBA");
}

#[test]
fn the_next_tool_is_tried() {
    let dir = Dir::new();
    let bin = dir.sub("bin");
    let target = Target::AARCH64_WINDOWS;
    let message = "error: unable to create target: 'No available targets are compatible with triple \"x\"'";
    dir.script("clang", &format!("echo '{}' >&2; exit 1", message.replace('\'', r"'\''")));
    dir.script("clang-99", "echo 'shim: clang-99: command not found' >&2; exit 127");
    let child = |syntax| Child::new(target, syntax, PLAIN).env("PATH", &bin);
    let unfit = format!(
        "broken.s: no assembler here makes COFF for arm64 ({target}):\n`clang` does not know the target: {message}\n\
         `clang-99` cannot be run: exit status: 127\nshim: clang-99: command not found"
    );
    let failed = child(Syntax::Preprocessed).fails();
    assert_eq!(failed.message, unfit);
    assert!(failed.help.starts_with("install "), "{}", failed.help);

    // `llvm-mc -triple=T -filetype=obj -o OUT -` is next: clang stands for it, not every system has it.
    let args = r#"-target "${1#-triple=}" -x assembler -c -o "$out" -"#;
    dir.script("llvm-mc", &format!("exec {} {args}", which("clang").display()));
    let made = child(Syntax::Plain).run().unwrap();
    assert!(made.command.starts_with("clang -target "), "{}", made.command);
    assert_eq!(data(target, &made.object)[..4], *b"DCBA");
    // But a text that is refused is refused.
    dir.script("clang", "echo '<stdin>:2:1: error: no' >&2; exit 1");
    assert_eq!(child(Syntax::Plain).fails().message, "broken.s: `clang` refused it:\nbroken.s:1:1: error: no");
}

#[test]
fn zig() {
    let dir = Dir::new();
    let bin = dir.sub("bin");
    for (target, zigs) in [(Target::AARCH64_MACOS, "macos"), (Target::X86_64_WINDOWS, "windows-gnu")] {
        let arch = target.to_string();
        let zigs = format!("{}-{zigs}", arch.split('-').next().unwrap());
        dir.script(
            "zig",
            &format!(
                "[ \"$1 $2 $3\" = 'cc -target {zigs}' ] || exit 9; case $ZIG_LOCAL_CACHE_DIR$ZIG_GLOBAL_CACHE_DIR in \
                 $TMPDIR/*$TMPDIR/*) ;; *) exit 8; esac; shift 3; exec {} -target {} \"$@\"",
                which("clang").display(),
                target.llvm_triple()
            ),
        );
        for (syntax, text) in [(Syntax::Plain, PLAIN), (Syntax::Preprocessed, PREPROCESSED)] {
            let language = if syntax == Syntax::Plain { "assembler" } else { "assembler-with-cpp" };
            let found = Child::new(target, syntax, text).env("PATH", &bin).run().unwrap();
            assert_eq!(found.command, format!("zig cc -target {zigs} -g0 -x {language} -c -o out.o -"));
            assert_eq!(data(target, &found.object)[..4], *b"DCBA");
            let tool = bin.join("zig");
            let named = Child::new(target, syntax, text).tool(&tool).run().unwrap();
            let expected = format!("{} cc -target {zigs} -g0 -x {language} -c -o out.o -", tool.display());
            assert_eq!(named.command, expected);
        }
        let failed = Child::new(target, Syntax::Plain, BROKEN).env("PATH", &bin).fails();
        assert!(failed.message.starts_with("broken.s: `zig cc` refused it:\nbroken.s:3:"), "{}", failed.message);
    }
}

#[test]
fn zig_from_python() {
    let (dir, target) = (Dir::new(), Target::AARCH64_MACOS);
    let child = || Child::new(target, Syntax::Plain, PLAIN).env("PATH", dir.sub("bin"));
    let clang = format!("{} -target {}", which("clang").display(), target.llvm_triple());
    let body =
        format!("[ \"$1 $2\" = '-m ziglang' ] || exit 9; [ \"$3\" = version ] && exit 0; shift 5; exec {clang} \"$@\"");
    dir.script("python3", &body);
    let made = child().run().unwrap();
    assert_eq!(data(target, &made.object)[..4], *b"DCBA");
    let arguments = made.command.strip_prefix("python3 -m ziglang cc -target ").unwrap();
    assert!(arguments.ends_with("-macos -g0 -x assembler -c -o out.o -"), "{arguments}");
    dir.script("python3", "echo 'No module named ziglang' >&2; exit 1");
    let failed = child().fails();
    assert!(failed.message.starts_with("no assembler for "), "{}", failed.message);
}

#[test]
fn tools_that_misbehave() {
    let dir = Dir::new();
    let host = Target::host();
    let long = " nop\n".repeat(100_000);
    let fails = |name: &str, body: &str| {
        let tool = dir.script(name, body);
        let failed = Child::new(host, Syntax::Plain, &long).tool(&tool).fails();
        assert!(failed.is_assembler);
        failed.message.replace(&tool.display().to_string(), name)
    };
    // It reads nothing, and says more than a pipe holds, on both.
    let chatty = fails(
        "chatty",
        "i=0; while [ $i -lt 20000 ]; do echo \"broken.s:$i: no\" >&2; echo out; i=$((i+1)); done; exit 1",
    );
    assert!(chatty.starts_with("broken.s: `chatty` refused it:\nbroken.s:0: no\nbroken.s:1: no\n"));
    assert_eq!(chatty.lines().count(), 40_001);
    for (name, body, message) in [
        ("silent", "exit 3", "broken.s: `silent` refused it without a word (exit status: 3)"),
        ("empty", ": >\"$out\"", "broken.s: `empty` wrote an empty file"),
        ("nothing", "", "broken.s: `nothing` wrote no object"),
        (
            "text",
            "echo this is no object at all, whatever it is >\"$out\"",
            "broken.s: `text` wrote no object: Unknown file magic",
        ),
        ("english", "echo \"broken.s:1: $LC_ALL\" >&2; exit 1", "broken.s: `english` refused it:\nbroken.s:1: C"),
        (
            "quoting",
            "echo 'broken.s:1: unknown target triple' >&2; exit 1",
            "broken.s: `quoting` refused it:\nbroken.s:1: unknown target triple",
        ),
        (
            "killed",
            "touch \"$TMPDIR/left\"; echo 'broken.s:2: why' >&2; kill -KILL $$",
            "broken.s: `killed` died of signal: 9 (SIGKILL)\nbroken.s:2: why",
        ),
    ] {
        assert_eq!(fails(name, body), message);
    }
    let unfit = format!("broken.s: no assembler here makes {} for {} ({host}):", host.format(), host.arch());
    let nothing = "xcode-select: note: No developer tools were found, requesting install.";
    let stand_in = fails("stand-in", &format!("echo '{nothing}' >&2; exit 1"));
    assert_eq!(stand_in, format!("{unfit}\n`stand-in` cannot be run: {nothing}"));
    let tool = dir.script("unrunnable", "");
    let shebang = format!("sed -i.old 's:/bin/sh:/nonexistent:' {}", tool.display());
    assert!(Command::new("sh").args(["-c", &shebang]).status().unwrap().success());
    let failed = Child::new(host, Syntax::Plain, PLAIN).tool(&tool).fails();
    let why = failed.message.strip_prefix(&format!("{unfit}\n`{}` cannot be run: ", tool.display())).unwrap();
    // An emulated process hears of it from its child's exit status alone.
    assert!(["No such file or directory (os error 2)", "exit status: 127"].contains(&why), "{why}");
}

#[test]
fn include_dirs() {
    let dir = Dir::new();
    let [one, two] = ["one", "t wo"].map(|name| dir.sub(name));
    fs::write(one.join("kiln-test.h"), "#define VALUE 0x41424344\n").unwrap();
    fs::write(one.join("kiln-test.inc"), ".long 0x45464748\n").unwrap();
    fs::write(two.join("kiln-test.bin"), "blob").unwrap();
    let plain = ".data\n.incbin \"kiln-test.bin\"\n.include \"kiln-test.inc\"\n".to_owned();
    let preprocessed = format!("#include \"kiln-test.h\"\n{plain}.long VALUE\n");
    for target in [Target::host(), other_arch(), Target::AARCH64_MACOS, Target::X86_64_WINDOWS] {
        for (syntax, text, expected) in
            [(Syntax::Plain, &plain, b"blobHGFE".as_slice()), (Syntax::Preprocessed, &preprocessed, b"blobHGFEDCBA")]
        {
            let assembler = Assembler::find(target, syntax).unwrap();
            assembler.assemble("test.s", text.as_bytes()).expect_err("nothing to include");
            let assembler = assembler.include_dir(&one).include_dir("").include_dir(&two);
            let quoted = format!(" -I {} -I '{}' ", one.display(), two.display());
            assert!(assembler.command().contains(&quoted), "{}", assembler.command());
            let object = assembler.clone().assemble("test.s", text.as_bytes()).unwrap();
            assert_eq!(data(target, &object)[..expected.len()], *expected, "{}", assembler.command());
        }
    }
}

#[test]
fn nul_bytes() {
    let assembler = Assembler::find(Target::host(), Syntax::Plain).unwrap();
    let error = assembler.assemble("a.s", b" nop\n\0").unwrap_err();
    assert_eq!(error.to_string(), "a.s: offset 0x5: a NUL byte: this is not assembly source, or it is in UTF-16");
    assert!(error.is_malformed());
}

#[test]
fn syntax_of_names() {
    let of = |name: &str| Syntax::of(Path::new(name));
    assert_eq!(["a.s", "b/a.asm"].map(of), [Some(Syntax::Plain); 2]);
    assert_eq!(["a.S", "a.b.sx"].map(of), [Some(Syntax::Preprocessed); 2]);
    assert_eq!(["a.o", "s", ".s", "a.s/", "a.SX"].map(of), [None, None, None, Some(Syntax::Plain), None]);
}

/// Writes down the events of its thread.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Events {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!(" {field}={value:?}");
            }
        }
        let mut fields = Fields(event.metadata().level().to_string());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn warnings_and_the_run_are_events() {
    let target = Target::host();
    for syntax in SYNTAXES {
        let events = Events::default();
        let assembler = Assembler::find(target, syntax).unwrap();
        let text = b"\xEF\xBB\xBF.text\n.warning \"look out\"\n nop";
        let object = tracing::subscriber::with_default(events.clone(), || assembler.assemble("w.s", text).unwrap());
        let events = events.0.lock().unwrap();
        let warnings: Vec<_> = events.iter().filter(|event| event.starts_with("WARN")).collect();
        assert!(warnings[0].starts_with("WARN message=w.s:2:") && warnings[0].ends_with("look out"), "{events:?}");
        // Not of the missing end of the last line; LLVM quotes the line and points at it.
        assert!(warnings[1..].iter().all(|line| !line.contains("w.s") && !line.contains("newline")), "{events:?}");
        let runs: Vec<_> = events.iter().filter(|event| event.starts_with("INFO")).collect();
        let ends = format!("{} bytes of source, {} bytes of object", text.len(), object.len());
        assert!(runs.len() == 1 && runs[0].ends_with(&ends), "{events:?}");
    }
}

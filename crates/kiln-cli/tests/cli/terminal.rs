//! What a person at a terminal sees: help, usage, colours. The terminal is a real one, a pseudo-terminal.
#![allow(unsafe_code)] // `openpty`, which the standard library does not have.

use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::Stdio;
use std::ptr;

use kiln::Target;

use crate::{Dir, Kiln, RETURN, code, numbered};

/// A terminal so many characters wide: our end, and the programs'.
fn terminal(columns: u16) -> (File, OwnedFd) {
    let size = libc::winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut ours, mut theirs) = (-1, -1);
    // SAFETY: the numbers are written to variables that live, no name is wanted, and the size is only read.
    let result =
        unsafe { libc::openpty(&mut ours, &mut theirs, ptr::null_mut(), ptr::null_mut(), &raw const size as *mut _) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: just opened, and nobody else's.
    let ours = unsafe { OwnedFd::from_raw_fd(ours) };
    // SAFETY: likewise.
    let theirs = unsafe { OwnedFd::from_raw_fd(theirs) };
    // Copies, which the programs that other tests start do not inherit.
    (ours.try_clone().unwrap().into(), theirs.try_clone().unwrap())
}

/// Runs the command at a terminal: its exit status, and what stands on the terminal in the end, with the escape character as
/// `^`. What was said of progress, as on a busy machine, is gone by then.
pub(crate) fn at_terminal(kiln: Kiln<'_>, columns: u16) -> (i32, String) {
    const CLEARED: &str = "\r^[K";
    let (status, said) = all_at_terminal(kiln, columns);
    let mut parts = said.split(CLEARED);
    let mut left = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let progress = part.strip_prefix("kiln: ").and_then(|rest| rest.split_once(" s\r"));
        left += progress.map_or(part, |(_, behind)| behind);
    }
    (status, left)
}

/// The same, with all that has stood there.
fn all_at_terminal(mut kiln: Kiln<'_>, columns: u16) -> (i32, String) {
    let (mut ours, theirs) = terminal(columns);
    for set in [std::process::Command::stdin, std::process::Command::stdout, std::process::Command::stderr] {
        set(&mut kiln.command, Stdio::from(theirs.try_clone().unwrap()));
    }
    let mut child = kiln.command.spawn().unwrap();
    // Only the child has the other end now: when it ends, reading does.
    drop((kiln, theirs));
    let mut said = Vec::new();
    // Linux says at the end that there is nobody (EIO); what was read is there.
    let _ = ours.read_to_end(&mut said);
    let said = String::from_utf8(said).unwrap().replace("\r\n", "\n").replace('\x1b', "^");
    (code(child.wait().unwrap()), numbered(&said))
}

#[track_caller]
fn shows(kiln: Kiln<'_>, status: i32, said: &str) {
    let (found_status, found) = at_terminal(kiln, 100);
    assert!((found_status, &*found) == (status, said), "found {found_status}:\n{found}\nexpected {status}:\n{said}");
}

const PLAIN_ERROR: &str = "\
kiln: error: lacking.o: cannot read the file: No such file or directory (os error 2)
  next: check the path and who may read it
";

const COLOURED_ERROR: &str = "\
kiln: ^[1m^[31merror^[0m: lacking.o: cannot read the file: No such file or directory (os error 2)
  ^[1m^[36mnext^[0m: check the path and who may read it
";

#[test]
fn errors_are_coloured_on_a_terminal() {
    let dir = Dir::new();
    let kiln = || dir.kiln(["run", "lacking.o"]);
    shows(kiln(), 2, COLOURED_ERROR);
    kiln().refuses(PLAIN_ERROR);
    shows(kiln().env("NO_COLOR", "1"), 2, PLAIN_ERROR);
    shows(kiln().env("CLICOLOR", "0"), 2, PLAIN_ERROR);
    shows(kiln().env("TERM", "dumb"), 2, PLAIN_ERROR);
    kiln().env("CLICOLOR_FORCE", "1").refuses(&COLOURED_ERROR.replace('^', "\x1b"));
}

#[test]
fn what_is_said_of_usage_is_coloured_on_a_terminal() {
    let dir = Dir::new();
    shows(
        dir.kiln(["flt"]),
        2,
        "\
^[1m^[31merror:^[0m unrecognized subcommand '^[33mflt^[0m'

  ^[32mtip:^[0m a similar subcommand exists: '^[32mflat^[0m'

^[1m^[4mUsage:^[0m ^[1mkiln^[0m [OPTIONS] <COMMAND>

For more information, try '^[1m--help^[0m'.
",
    );
    let plain = "\
error: unrecognized subcommand 'flt'

  tip: a similar subcommand exists: 'flat'

Usage: kiln [OPTIONS] <COMMAND>

For more information, try '--help'.
";
    shows(dir.kiln(["flt"]).env("NO_COLOR", "1"), 2, plain);
    dir.kiln(["flt"]).refuses(plain);
}

#[test]
fn verdicts_are_coloured_on_a_terminal() {
    let dir = Dir::new();
    let kiln = || dir.kiln(["doctor", "--plan-for", "hardened"]);
    let (status, said) = at_terminal(kiln(), 100);
    assert_eq!(status, 1);
    for part in [
        "^[1mPROGRAM (arm64)^[0m: planned, hardened, no entitlements\n",
        "  seal             ^[31mkilled at the first execution^[0m: ",
        "  thread toggle    ^[33mrefused: mmap fails with EINVAL^[0m: ",
        "\n  ^[1m^[31mgenerated code cannot run^[0m\n",
        "\n  ^[1m^[36mnext^[0m: kiln sign PROGRAM --hardened --entitlement allow-jit\n",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let (_, said) = at_terminal(dir.kiln(["doctor", "--plan-for", "ad-hoc"]), 100);
    assert!(said.contains("  seal             ^[32mworks^[0m: the process is not hardened\n"), "{said}");
    let (_, plain) = at_terminal(kiln().env("NO_COLOR", "1"), 100);
    assert!(!plain.contains('^'), "{plain}");
}

#[test]
fn machine_code_is_not_for_a_terminal() {
    let dir = Dir::new();
    dir.assemble(Target::X86_64_LINUX, RETURN, "return.o");
    let plain = |words: &[&str]| dir.kiln(words).env("NO_COLOR", "1");
    for words in [&["flat", "return.o"][..], &["flat", "return.o", "--emit", "bin"]] {
        shows(
            plain(words),
            2,
            "\
kiln: error: machine code is not for a terminal
  next: give -o OUT, redirect standard output, or say --emit hex
",
        );
    }
    shows(plain(&["flat", "return.o", "--emit", "hex"]), 0, "c3\n");
    shows(plain(&["flat", "return.o", "--entry"]), 0, "0x0\n");
    shows(plain(&["flat", "return.o", "-o", "return.bin"]), 0, "");
    assert_eq!(dir.read("return.bin"), [0xc3]);
}

/// Each line when it happens: what the code writes stands between its call and its return.
#[test]
#[cfg(target_os = "linux")]
fn narration_around_the_output() {
    let dir = Dir::with_examples();
    dir.kiln(["asm", "examples/write.S"]).prints("");
    let (page, object) = (dir.page(), dir.read("write.o").len());
    let text = dir.kiln(["flat", "write.o"]).bytes().len();
    shows(
        dir.kiln(["run", "-v", "write.o", "Hello from Tim"]),
        0,
        &format!(
            "\
kiln: read write.o: {object} bytes, ELF object
kiln: map {page} bytes at <address 1>: rw-
kiln: copied {text} bytes, applied 0 relocations, 0 GOT slots, 0 stubs
kiln: protect {page} bytes at <address 1>: r-x
kiln: entry _start at <address 1>
kiln: call _start(<address 2>, 15)
Hello from Tim
kiln: _start returned 0xf
kiln: unmap {page} bytes at <address 1>
"
        ),
    );
    shows(dir.kiln(["run", "write.o", "Hello from Tim"]), 0, "Hello from Tim\n");
}

#[test]
fn help_is_as_wide_as_the_terminal() {
    let dir = Dir::new();
    let (status, help) = at_terminal(dir.kiln(["asm", "--help"]).env("NO_COLOR", "1"), 60);
    assert_eq!(status, 0);
    assert!(help.starts_with(
        "\
Assemble with the best assembler there is

Looks for an assembler that knows the target: the system's
own for this machine, else clang, llvm-mc, zig cc or a GNU
cross assembler. KILN_AS=COMMAND takes another. Sources
named .S go through the C preprocessor first.

Usage: kiln asm [OPTIONS] <FILE>
"
    ));
}

const HELP: &str = "\
The kiln command: run, link, cut and assemble native code

Usage: kiln [OPTIONS] <COMMAND>

Run code:
  run          Load code and run it
  call         Call one function, or list what can be called

Look at code:
  disasm       List the machine code of a file
  inspect      Show what linking makes of files

Make code:
  asm          Assemble with the best assembler there is
  flat         Cut flat machine code out of a file

Ship it for macOS:
  doctor       Say what a process may do with generated code, and why
  sign         Sign a program for macOS, on any system

More:
  completions  Print completions for a shell
  man          Write the manual pages

Options:
  -v, --verbose...  Say each step on standard error; twice for more
  -h, --help        Print help
  -V, --version     Print version

Examples:
  kiln run hello.S                     assemble it, load it, call its _start
  kiln run write.S \"Hello from Tim\"    the same, with a line of text for it
  kiln flat hello.o -o hello.bin       the bytes of its text, linked, without a header
  kiln asm hello.S -o hello.o          assemble it, for this machine or for another
  kiln call sum.c add 2 40             call one function, and print what it returns
  kiln disasm hello.o                  its instructions, with names and source lines
  kiln inspect hello.o                 its plan: what stands where, and why
  kiln sign hello --hardened           sign it for macOS, on any system
  kiln doctor hello                    what that lets it do with generated code
  kiln completions bash                completions, for the shell's own folder
  kiln man man1                        the manual pages, to a folder

`kiln COMMAND --help` says more of each.
";

/// What the shells and `man` are given knows every command.
#[test]
fn completions_and_manual_pages() {
    let dir = Dir::new();
    let commands = ["run", "call", "disasm", "asm", "flat", "doctor", "sign", "completions", "man"];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = String::from_utf8(dir.kiln(["completions", shell]).bytes()).unwrap();
        for word in commands.iter().copied().chain(["timeout", "syntax"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
        if shell == "bash" {
            dir.write("kiln.bash", &script);
            let complete =
                "source ./kiln.bash; COMP_WORDS=(kiln dis); COMP_CWORD=1; _kiln kiln dis kiln; echo ${COMPREPLY[@]}";
            assert_eq!(dir.tool("bash", ["-c", complete]), b"disasm\n");
        }
    }
    dir.kiln(["man", "pages"]).prints("");
    for command in commands {
        let page = String::from_utf8(dir.read(&format!("pages/kiln-{command}.1"))).unwrap();
        assert!(page.contains(&format!(".TH kiln-{command} 1")) && page.contains("Examples:"), "{command}:\n{page}");
    }
    let page = String::from_utf8(dir.read("pages/kiln.1")).unwrap();
    assert!(page.contains(".TH kiln 1") && page.contains("kiln\\-run(1)"), "{page}");
}

#[test]
fn help() {
    let dir = Dir::new();
    dir.kiln(["--help"]).prints(HELP);
    dir.kiln(["-h"]).prints(HELP);
    // Without a command there is nothing to do, and that is no success.
    dir.kiln([""; 0]).refuses(HELP);
    let (status, help) = at_terminal(dir.kiln([""; 0]), 100);
    assert_eq!(status, 2);
    assert!(help.contains("\n^[1m^[4mUsage:^[0m ^[1mkiln^[0m [OPTIONS] <COMMAND>\n"), "{help}");
    dir.kiln(["--version"]).prints(concat!("kiln ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn help_of_run() {
    Dir::new().kiln(["run", "--help"]).prints(
        "\
Load code and run it

FILE is assembly (.s, .S), C (.c), an object file, an archive (.a), whose members are taken when
they are wanted, a linked executable whose text stands alone, or flat machine code (.bin). Its
`_start` is called with a pointer to TEXT and a newline and with their length; without TEXT, with
null and 0. Without `_start`, its `main` is called with argc, argv and envp, and its result is the
exit status.

Usage: kiln run [OPTIONS] FILE [TEXT]...
       kiln run [OPTIONS] FILE... -- [TEXT]...

Arguments:
  <FILE>...
          What to load, and the text for it

  [TEXT]...
          Text, where several files stand in front of it

Options:
      --entry <NAME>
          Enter here instead: a symbol, or an offset in flat code

  -v, --verbose...
          Say each step on standard error; twice for more

      --lib <NAME>
          Use a shared library too, by its file or as `m` for libm.so

      --timeout <SECONDS>
          Stop it after so many seconds, and say where it was

      --json
          Report a crash as one JSON object

      --target <TRIPLE>
          Run it as a program for this system, emulated: aarch64-apple-darwin

      --debugger
          Tell debuggers of the code, for one that comes later; one that is there is told anyway

      --perf <FILE>
          Write a file for profilers: `map`, /tmp/perf-PID.map; `jitdump`, jit-PID.dump in this
          folder or in `jitdump=DIR`

  -h, --help
          Print help (see a summary with '-h')

Examples:
  kiln run hello.S
  kiln run write.S \"Hello from Tim\"
  kiln run write.S Hello from Tim      the words are joined by spaces
  kiln run main.o util.o -- one two    several files, linked together
  kiln run main.o util.a --lib z --    of util.a what is wanted; and libz.so
  kiln run build/write.bin Hello       flat machine code, entered at its first byte
  kiln run hello.S --target aarch64-apple-darwin
  gdb --args kiln run main.o           `break FILE:LINE`, `run`: functions, lines and variables

Emulation is by `kiln-darwin-run`: the one that KILN_DARWIN_RUN names, beside `kiln`, or on PATH.

Exit status: 0; of a `main`, its result; 2 if nothing was run; 124 if it took too long; 125 if
emulation could not go on; 128 + the signal's number if the code was stopped by one.
",
    );
}

#[test]
fn help_of_flat() {
    Dir::new().kiln(["flat", "--help"]).prints(
        "\
Cut flat machine code out of a file

FILE is an object file or a linked file (ELF, Mach-O, COFF) for any target, assembly, or flat code
to print in another form. Of an object file, the text section is linked and written; if it refers to
other sections, the whole image at BASE is: text, constants and data, each on pages of its own. What
cannot be resolved is an error. Of a linked file, the bytes of the section are written as they are.

Usage: kiln flat [OPTIONS] <FILE>

Arguments:
  <FILE>
          The file to cut

Options:
  -o, --output <OUT>
          Where to write; standard output if absent

  -v, --verbose...
          Say each step on standard error; twice for more

      --section <NAME>
          Take this section instead of the text: `.rodata`, `__TEXT,__const`

      --symbol <NAME>
          Take only the bytes of this symbol

      --entry
          Print the offset of the entry (`_start`, else `main`) instead of the bytes

      --base <ADDRESS>
          Link for this address; 0 if absent

      --define <NAME=ADDRESS>
          Give an undefined symbol an address

      --emit <FORM>
          The form to write

          Possible values:
          - bin:  The bytes
          - hex:  Hex digits, 16 bytes a line, as `xxd -r -p` reads them
          - rust: A Rust source file
          - c:    A C source file or header
          - go:   A Go source file
          
          [default: bin]

      --target <TRIPLE>
          What to assemble for, which slice of a universal file to take, and what flat code is made
          for

  -h, --help
          Print help (see a summary with '-h')

Examples:
  kiln flat hello.o -o hello.bin             in place of otool, grep and dd
  kiln flat hello.o --entry                  at which offset to enter it
  kiln flat hello.o --emit c                 as a C array, with the disassembly
  kiln flat prog.o --base 0x400000 -o a.bin  text, constants and data, for one address
",
    );
}

#[test]
fn help_of_asm() {
    Dir::new().kiln(["asm", "--help"]).prints(
        "\
Assemble with the best assembler there is

Looks for an assembler that knows the target: the system's own for this machine, else clang,
llvm-mc, zig cc or a GNU cross assembler. KILN_AS=COMMAND takes another. Sources named .S go through
the C preprocessor first.

Usage: kiln asm [OPTIONS] <FILE>

Arguments:
  <FILE>
          The source, or `-` for standard input

Options:
  -o, --output <OUT>
          Where to write the object file; the source's name with .o, in this directory, if absent

  -v, --verbose...
          Say each step on standard error; twice for more

  -g
          Say in the object which line each instruction is from

      --target <TRIPLE>
          What to assemble for; this machine if absent

  -h, --help
          Print help (see a summary with '-h')

Examples:
  kiln asm hello.S -o hello.o
  kiln asm hello.S -o hello.o --target aarch64-apple-darwin
  kiln asm - -o out.o < hello.s              from standard input, without the preprocessor
  KILN_AS='clang -march=armv8.5-a' kiln asm mte.S
",
    );
}

#[test]
fn help_of_sign() {
    Dir::new().kiln(["sign", "--help"]).prints(
        "\
Sign a program for macOS, on any system

BINARY is a Mach-O executable, library or bundle, thin or universal. Its signature is replaced, or
it gets a first one: by nobody (ad hoc), which is enough where it runs without Gatekeeper, or with
an identity. The file is replaced at once and whole, with its mode; a failure leaves it as it was.

Usage: kiln sign [OPTIONS] BINARY [-- TOOL-OPTIONS]

Arguments:
  <BINARY>
          The program to sign

  [TOOL-OPTIONS]...
          More options for codesign or rcodesign

Options:
  -e, --entitlement <NAME|FILE.plist>
          An entitlement to have: a name (allow-jit, or in full), or a property list

  -v, --verbose...
          Say each step on standard error; twice for more

      --hardened
          With the hardened runtime

      --keep
          Keep what the signature has that is there: the hardened runtime and its entitlements

      --identity <IDENTITY>
          Who signs: an identity in macOS's keychain, a file (.p12, .pfx, .pem), or `-` for nobody

      --identifier <NAME>
          The name that the code is known by; if absent, the one it has, else the file's

  -o, --output <OUT>
          Where to write; in place if absent

  -h, --help
          Print help (see a summary with '-h')

Examples:
  kiln sign hello                                      not hardened, as Apple's linker signs
  kiln sign hello --hardened --entitlement allow-jit
  kiln sign hello --hardened -e app.plist -o signed/hello
  kiln sign hello --hardened --identity 'Developer ID Application: …'      codesign, on macOS
  kiln sign hello --hardened --identity key.p12 -- --for-notarization      rcodesign

Entitlements without --hardened prove nothing: the system restricts hardened programs only.
",
    );
}

#[test]
fn help_of_doctor() {
    Dir::new().kiln(["doctor", "--help"]).prints(
        "\
Say what a process may do with generated code, and why

Without BINARY, of the live process, as the library sees it. BINARY is a Mach-O file: what its
signature lets a process of it do on Apple Silicon, for each slice, without running it. For each way
to make code executable it says: works, refused with which error, or killed when; and the smallest
change that would make it work.

Usage: kiln doctor [OPTIONS] [BINARY]

Arguments:
  [BINARY]
          A program or a library for macOS; this process if absent

Options:
      --plan-for <SIGNING>
          As if it were signed so

  -v, --verbose...
          Say each step on standard error; twice for more

      --json
          Print one JSON object

  -h, --help
          Print help (see a summary with '-h')

Examples:
  kiln doctor                                       this process, on this system
  kiln doctor hello                                 a program for macOS, on any system
  kiln doctor --plan-for hardened,allow-jit         a signing that does not exist yet
  kiln doctor hello --plan-for hardened --json

A plan is `hardened`, `ad-hoc` and entitlements, separated by commas. What is said of Apple's
systems is per Apple's published sources, not measured; PLATFORM.md and --json name them.

Exit status: 0; 1 if generated code cannot run; 2 if there is no answer.
",
    );
}

#[test]
fn wrong_usage() {
    let dir = Dir::new();
    let files = "Usage: kiln run [OPTIONS] FILE [TEXT]...\n       kiln run [OPTIONS] FILE... -- [TEXT]...";
    for (words, error, usage) in [
        ("run", "the following required arguments were not provided:\n  <FILE>...", files),
        (
            "run --fast x.o",
            "unexpected argument '--fast' found\n\n  tip: to pass '--fast' as a value, use '-- --fast'",
            files,
        ),
        ("flat", "the following required arguments were not provided:\n  <FILE>", "Usage: kiln flat <FILE>"),
        ("flat a.o b.o", "unexpected argument 'b.o' found", "Usage: kiln flat [OPTIONS] <FILE>"),
        ("asm a.s b.s", "unexpected argument 'b.s' found", "Usage: kiln asm [OPTIONS] <FILE>"),
        (
            "flat a.o --section x --symbol y",
            "the argument '--section <NAME>' cannot be used with '--symbol <NAME>'",
            "Usage: kiln flat --section <NAME> <FILE>",
        ),
        (
            "flat a.o --entry -o x",
            "the argument '--entry' cannot be used with '--output <OUT>'",
            "Usage: kiln flat --entry <FILE>",
        ),
        (
            "flat a.o --base 4k",
            "invalid value '4k' for '--base <ADDRESS>': an address is a number such as 4096 or 0x1000",
            "",
        ),
        (
            "flat a.o --define write",
            "invalid value 'write' for '--define <NAME=ADDRESS>': a definition is NAME=ADDRESS, such as \
             write=<address 1>",
            "",
        ),
        (
            "flat a.o --define =1",
            "invalid value '=1' for '--define <NAME=ADDRESS>': a definition is NAME=ADDRESS, such as \
             write=<address 1>",
            "",
        ),
        (
            "flat a.o --emit asm",
            "invalid value 'asm' for '--emit <FORM>'\n  [possible values: bin, hex, rust, c, go]",
            "",
        ),
    ] {
        let usage = if usage.is_empty() { String::new() } else { format!("{usage}\n\n") };
        let expected = format!("error: {error}\n\n{usage}For more information, try '--help'.\n");
        dir.kiln(words.split(' ')).refuses(&expected);
    }
}

/// What takes long is said, on one line that goes away; to a file, or to a terminal that cannot, nothing is said.
#[test]
fn progress() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    let compiler = Target::host().gnu_prefix().map_or("cc".to_owned(), |prefix| format!("{prefix}-gcc"));
    let compiler = crate::which(&compiler);
    dir.write("slow", format!("#!/bin/sh\nsleep 2.5\nexec {} \"$@\"\n", compiler.display()));
    std::fs::set_permissions(dir.path("slow"), std::fs::Permissions::from_mode(0o755)).unwrap();
    dir.write("main.c", "int main(void) { return 3; }\n");
    let slow = dir.path("slow");
    let kiln = || dir.kiln(["run", "main.c"]).env("KILN_CC", &slow);
    let line = |seconds: u32| format!("\r^[Kkiln: compiling main.c: {seconds} s\r");
    let (status, said) = all_at_terminal(kiln(), 100);
    let lines = |seconds| (1..=seconds).map(line).collect::<String>() + "\r^[K";
    assert!(status == 3 && (2..9).any(|seconds| said == lines(seconds)), "{status}: {said}");
    shows(kiln().env("TERM", "dumb"), 3, "");
    kiln().gives(3, "", "");
    // What is fast is not spoken of.
    shows(dir.kiln(["run", "main.c"]), 3, "");
}

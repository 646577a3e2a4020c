//! The arguments, with their help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use kiln::{Target, TargetAddr};

use crate::decode::Syntax;
use crate::emit::Format;

/// Puts native code into a process under W^X, and calls it.
#[derive(Parser)]
#[command(name = "kiln", version, about, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "Examples:
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

`kiln COMMAND --help` says more of each.")]
pub(crate) struct Arguments {
    /// Say each step on standard error; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Flat(Flat),
    Asm(Asm),
    Disasm(Disasm),
    Inspect(Inspect),
    Call(Call),
    Sign(Sign),
    Doctor(Doctor),
    Completions(Completions),
    Man(Man),
}

/// Print completions for a shell
#[derive(Args)]
#[command(after_help = "Examples:
  kiln completions bash > ~/.local/share/bash-completion/completions/kiln
  kiln completions zsh > ~/.zfunc/_kiln
  kiln completions fish > ~/.config/fish/completions/kiln.fish")]
pub(crate) struct Completions {
    /// Which shell
    pub(crate) shell: clap_complete::Shell,
}

/// Write the manual pages
#[derive(Args)]
#[command(after_help = "Examples:
  kiln man ~/.local/share/man/man1       then `man kiln`, `man kiln-run`")]
pub(crate) struct Man {
    /// Where to: kiln.1, and a page for each command
    pub(crate) directory: PathBuf,
}

/// Load code and run it
///
/// FILE is assembly (.s, .S), C (.c), an object file, an archive (.a), whose members are taken when they are wanted, a linked
/// executable whose text stands alone, or flat machine code (.bin).
/// Its `_start` is called with a pointer to TEXT and a newline and with their length; without TEXT, with null and 0. Without
/// `_start`, its `main` is called with argc, argv and envp, and its result is the exit status.
#[derive(Args)]
#[command(override_usage = "kiln run [OPTIONS] FILE [TEXT]...\n       kiln run [OPTIONS] FILE... -- [TEXT]...")]
#[command(after_help = "Examples:
  kiln run hello.S
  kiln run write.S \"Hello from Tim\"
  kiln run write.S Hello from Tim      the words are joined by spaces
  kiln run main.o util.o -- one two    several files, linked together
  kiln run main.o util.a --lib z --    of util.a what is wanted; and libz.so
  kiln run build/write.bin Hello       flat machine code, entered at its first byte
  kiln run hello.S --target aarch64-apple-darwin
  gdb --args kiln run main.o           `break FILE:LINE`, `run`: functions, lines and variables

Emulation is by `kiln-darwin-run`: the one that KILN_DARWIN_RUN names, beside `kiln`, or on PATH.

Exit status: 0; of a `main`, its result; 2 if nothing was run; 124 if it took too long; 125 if emulation could not go on; \
128 + the signal's number if the code was stopped by one.")]
pub(crate) struct Run {
    /// What to load, and the text for it
    #[arg(required = true, value_name = "FILE")]
    pub(crate) first: Vec<OsString>,
    /// Text, where several files stand in front of it
    #[arg(last = true, value_name = "TEXT")]
    pub(crate) last: Vec<OsString>,
    /// Enter here instead: a symbol, or an offset in flat code
    #[arg(long, value_name = "NAME")]
    pub(crate) entry: Option<String>,
    /// Use a shared library too, by its file or as `m` for libm.so
    #[arg(long = "lib", value_name = "NAME")]
    pub(crate) libraries: Vec<String>,
    /// Stop it after so many seconds, and say where it was
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    /// Report a crash as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Run it as a program for this system, emulated: aarch64-apple-darwin
    #[arg(long, value_name = "TRIPLE", value_parser = target, conflicts_with_all = ["libraries", "json"])]
    pub(crate) target: Option<Target>,
    #[command(flatten)]
    pub(crate) tools: Tools,
}

/// Cut flat machine code out of a file
///
/// FILE is an object file or a linked file (ELF, Mach-O, COFF) for any target, assembly, or flat code to print in another form.
/// Of an object file, the text section is linked and written; if it refers to other sections, the whole image at BASE is: text,
/// constants and data, each on pages of its own. What cannot be resolved is an error. Of a linked file, the bytes of the
/// section are written as they are.
#[derive(Args)]
#[command(after_help = "Examples:
  kiln flat hello.o -o hello.bin             in place of otool, grep and dd
  kiln flat hello.o --entry                  at which offset to enter it
  kiln flat hello.o --emit c                 as a C array, with the disassembly
  kiln flat prog.o --base 0x400000 -o a.bin  text, constants and data, for one address")]
pub(crate) struct Flat {
    /// The file to cut
    pub(crate) file: PathBuf,
    /// Where to write; standard output if absent
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Take this section instead of the text: `.rodata`, `__TEXT,__const`
    #[arg(long, value_name = "NAME")]
    pub(crate) section: Option<String>,
    /// Take only the bytes of this symbol
    #[arg(long, value_name = "NAME", conflicts_with = "section")]
    pub(crate) symbol: Option<String>,
    /// Print the offset of the entry (`_start`, else `main`) instead of the bytes
    #[arg(long, conflicts_with_all = ["output", "emit"])]
    pub(crate) entry: bool,
    /// Link for this address; 0 if absent
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) base: Option<TargetAddr>,
    /// Give an undefined symbol an address
    #[arg(long, value_name = "NAME=ADDRESS", value_parser = definition)]
    pub(crate) define: Vec<(String, TargetAddr)>,
    /// The form to write
    #[arg(long, value_name = "FORM", default_value = "bin")]
    pub(crate) emit: Format,
    /// What to assemble for, which slice of a universal file to take, and what flat code is made for
    #[arg(long, value_name = "TRIPLE", value_parser = target)]
    pub(crate) target: Option<Target>,
}

/// Assemble with the best assembler there is
///
/// Looks for an assembler that knows the target: the system's own for this machine, else clang, llvm-mc, zig cc or a GNU cross
/// assembler. KILN_AS=COMMAND takes another. Sources named .S go through the C preprocessor first.
#[derive(Args)]
#[command(after_help = "Examples:
  kiln asm hello.S -o hello.o
  kiln asm hello.S -o hello.o --target aarch64-apple-darwin
  kiln asm - -o out.o < hello.s              from standard input, without the preprocessor
  KILN_AS='clang -march=armv8.5-a' kiln asm mte.S")]
pub(crate) struct Asm {
    /// The source, or `-` for standard input
    pub(crate) file: PathBuf,
    /// Where to write the object file; the source's name with .o, in this directory, if absent
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Say in the object which line each instruction is from
    #[arg(short = 'g')]
    pub(crate) debug: bool,
    /// What to assemble for; this machine if absent
    #[arg(long, value_name = "TRIPLE", value_parser = target)]
    pub(crate) target: Option<Target>,
}

/// List the machine code of a file
///
/// FILE is source, an object file or a linked file (ELF, Mach-O, COFF) for any target, or flat code. Each instruction stands
/// on a line of its own with its address and its bytes; fields that a relocation fills are shown by the name of what they will
/// mean, with the relocation beside them, and source lines stand where debug information says them.
#[derive(Args)]
#[command(after_help = "Examples:
  kiln disasm hello.o                        all code, by symbol
  kiln disasm sum.c sum                      one function, with its source
  kiln disasm sum.c --target aarch64-apple-darwin
  kiln disasm code.bin --base 0x400000 --syntax intel")]
pub(crate) struct Disasm {
    /// The file to list
    pub(crate) file: PathBuf,
    /// List only this symbol
    pub(crate) name: Option<String>,
    /// List this section instead of those with code
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    pub(crate) section: Option<String>,
    /// How to write x86-64
    #[arg(long, value_name = "SYNTAX", default_value = "gas")]
    pub(crate) syntax: Syntax,
    /// Leave the source lines out
    #[arg(long)]
    pub(crate) no_source: bool,
    /// The address of flat code; 0 if absent
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) base: Option<TargetAddr>,
    /// What to assemble or compile for, which slice of a universal file to take, and what flat code is made for
    #[arg(long, value_name = "TRIPLE", value_parser = target)]
    pub(crate) target: Option<Target>,
}

/// Call one function, or list what can be called
///
/// FILE is assembly (.s, .S), C (.c), an object file, an archive or flat code (whose function is called `_start`); several files
/// are linked together. Without NAME, what can be called is listed. What NAME takes and returns is said by --sig, or by debug
/// information: C and assembly are built with it.
///
/// Arguments are numbers, `true`, `null`, 'c', text for `str` and `const char *`, and for pointers also memory: `[u8; 64]`,
/// all zero, or `i32[1, 2, 3]`; what it holds afterwards is printed. The code runs in a process of its own.
#[derive(Args)]
#[command(override_usage = "kiln call [OPTIONS] FILE... [NAME [ARG]...]")]
#[command(after_help = "Examples:
  kiln call sum.c                                list what can be called
  kiln call sum.c add 2 40                       by its prototype
  kiln call add.s add 2 40 --sig 'i64(i64, i64)'
  kiln call text.o greet --sig 'void(str, [u8; 64], u64)' Tim 64
  kiln call fmt.s show --sig 'i32(str, ...)' '%s %d' text 7
  kiln call sum.c add 2 40 --time
  kiln call my.s f --sig 'void()' --check

Types: void, bool, i8 to i64, u8 to u64, f32, f64, ptr, str (text with a NUL), bytes (pointer and length: text, hex:00ff or
@FILE), [u8; 64] (memory to write to, which takes no argument), `...` before variadic arguments.

Exit status: 0; 1 if --check found something; 2 if nothing was called or the call did not return; 124 if it took too long;
128 + the signal's number if the code was stopped by one.")]
pub(crate) struct Call {
    /// What to load, the function, and its arguments
    #[arg(required = true, value_name = "FILE", allow_negative_numbers = true)]
    pub(crate) words: Vec<String>,
    /// What the function returns and takes: 'i64(i64, ptr)'
    #[arg(long, value_name = "SIGNATURE")]
    pub(crate) sig: Option<String>,
    /// Say how long a call takes
    #[arg(long)]
    pub(crate) time: bool,
    /// Call it so many times in all, and say how long a call takes
    #[arg(long, value_name = "N")]
    pub(crate) repeat: Option<std::num::NonZeroUsize>,
    /// Print what the registers hold afterwards
    #[arg(long)]
    pub(crate) regs: bool,
    /// Look after the calling convention: callee-saved registers, the stack pointer, its alignment at calls
    #[arg(long)]
    pub(crate) check: bool,
    /// Stop it after so many seconds, and say where it was
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) tools: Tools,
}

/// Tools that see the code
#[derive(Args)]
pub(crate) struct Tools {
    /// Tell debuggers of the code, for one that comes later; one that is there is told anyway
    #[arg(long)]
    pub(crate) debugger: bool,
    /// Write a file for profilers: `map`, /tmp/perf-PID.map; `jitdump`, jit-PID.dump in this folder or in `jitdump=DIR`
    #[arg(long, value_name = "FILE", value_parser = profiler)]
    pub(crate) perf: Vec<Profiler>,
}

/// A file for profilers.
#[derive(Clone)]
pub(crate) enum Profiler {
    Map,
    /// In this folder.
    Jitdump(PathBuf),
}

fn profiler(text: &str) -> Result<Profiler, String> {
    match text.split_once('=') {
        None if text == "map" => Ok(Profiler::Map),
        None if text == "jitdump" => Ok(Profiler::Jitdump(PathBuf::from("."))),
        Some(("jitdump", folder)) if !folder.is_empty() => Ok(Profiler::Jitdump(PathBuf::from(folder))),
        _ => Err("a file for profilers is `map`, `jitdump` or `jitdump=DIR`".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.001..1e9).contains(seconds));
    seconds.ok_or_else(|| "a time is a number of seconds such as 2 or 0.5".to_owned())
}

/// Show what linking makes of files
///
/// FILEs are as for `run`, for any target. Nothing is loaded: they are linked at BASE, and what comes out is listed: sections and
/// symbols where they stand, GOT slots and stubs and why each is there, and every relocation with the way that it takes. What
/// only the process would define is said to be outside.
#[derive(Args)]
#[command(after_help = "Examples:
  kiln inspect hello.o
  kiln inspect main.o util.a --audit   all that they ask for, and what is done about it
  kiln inspect hello.o --json")]
pub(crate) struct Inspect {
    /// What to link
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Link for this address; 0x100000 if absent
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) base: Option<TargetAddr>,
    /// What the files are for; what the first one says if absent
    #[arg(long, value_name = "TRIPLE", value_parser = target)]
    pub(crate) target: Option<Target>,
    /// List all that the files ask for, each with what is done about it
    #[arg(long)]
    pub(crate) audit: bool,
    /// Print one JSON object, with all of it
    #[arg(long, conflicts_with = "audit")]
    pub(crate) json: bool,
}

/// Sign a program for macOS, on any system
///
/// BINARY is a Mach-O executable, library or bundle, thin or universal. Its signature is replaced, or it gets a first one: by
/// nobody (ad hoc), which is enough where it runs without Gatekeeper, or with an identity. The file is replaced at once and whole,
/// with its mode; a failure leaves it as it was.
#[derive(Args)]
#[command(override_usage = "kiln sign [OPTIONS] BINARY [-- TOOL-OPTIONS]")]
#[command(after_help = "Examples:
  kiln sign hello                                      not hardened, as Apple's linker signs
  kiln sign hello --hardened --entitlement allow-jit
  kiln sign hello --hardened -e app.plist -o signed/hello
  kiln sign hello --hardened --identity 'Developer ID Application: …'      codesign, on macOS
  kiln sign hello --hardened --identity key.p12 -- --for-notarization      rcodesign

Entitlements without --hardened prove nothing: the system restricts hardened programs only.")]
pub(crate) struct Sign {
    /// The program to sign
    #[arg(value_name = "BINARY")]
    pub(crate) file: PathBuf,
    /// An entitlement to have: a name (allow-jit, or in full), or a property list
    #[arg(short, long, value_name = "NAME|FILE.plist")]
    pub(crate) entitlement: Vec<String>,
    /// With the hardened runtime
    #[arg(long)]
    pub(crate) hardened: bool,
    /// Keep what the signature has that is there: the hardened runtime and its entitlements
    #[arg(long)]
    pub(crate) keep: bool,
    /// Who signs: an identity in macOS's keychain, a file (.p12, .pfx, .pem), or `-` for nobody
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) identity: Option<String>,
    /// The name that the code is known by; if absent, the one it has, else the file's
    #[arg(long, value_name = "NAME")]
    pub(crate) identifier: Option<String>,
    /// Where to write; in place if absent
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// More options for codesign or rcodesign
    #[arg(last = true, value_name = "TOOL-OPTIONS")]
    pub(crate) more: Vec<OsString>,
}

/// Say what a process may do with generated code, and why
///
/// Without BINARY, of the live process, as the library sees it. BINARY is a Mach-O file: what its signature lets a process of it
/// do on Apple Silicon, for each slice, without running it. For each way to make code executable it says: works, refused with which
/// error, or killed when; and the smallest change that would make it work.
#[derive(Args)]
#[command(after_help = "Examples:
  kiln doctor                                       this process, on this system
  kiln doctor hello                                 a program for macOS, on any system
  kiln doctor --plan-for hardened,allow-jit         a signing that does not exist yet
  kiln doctor hello --plan-for hardened --json

A plan is `hardened`, `ad-hoc` and entitlements, separated by commas. What is said of Apple's
systems is per Apple's published sources, not measured; PLATFORM.md and --json name them.

Exit status: 0; 1 if generated code cannot run; 2 if there is no answer.")]
pub(crate) struct Doctor {
    /// A program or a library for macOS; this process if absent
    pub(crate) binary: Option<PathBuf>,
    /// As if it were signed so
    #[arg(long, value_name = "SIGNING", value_delimiter = ',')]
    pub(crate) plan_for: Option<Vec<String>>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A number as C writes it.
pub(crate) fn number(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    number.map_err(|_| "an address is a number such as 4096 or 0x1000".to_owned())
}

fn address(text: &str) -> Result<TargetAddr, String> {
    number(text).map(TargetAddr)
}

fn target(text: &str) -> Result<Target, String> {
    text.parse().map_err(|error: kiln::Error| match error.next_step() {
        Some(next) => format!("{error}; {next}"),
        None => error.to_string(),
    })
}

fn definition(text: &str) -> Result<(String, TargetAddr), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), address(value)?)),
        _ => Err("a definition is NAME=ADDRESS, such as write=0x7f0012340000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn numbers() {
        assert_eq!(number("4096"), Ok(4096));
        assert_eq!(number("0x1_0000"), Ok(65536));
        assert_eq!(number("0xffffffffffffffff"), Ok(u64::MAX));
        assert!(number("0x").is_err());
        assert!(number("-1").is_err());
        assert!(number("").is_err());
    }
}

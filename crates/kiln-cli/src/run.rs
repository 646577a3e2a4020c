//! `kiln run`
#![allow(unsafe_code)] // Calls code that the user vouches for by running the command on it.

use std::ffi::{OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kiln::{Function, Kind, Linker, Module, Target};

use crate::args::number;
use crate::crash::Watch;
use crate::inputs::{self, Input};
use crate::supervise::{self, End};
use crate::{Failure, args, crash, described, emulate, progress, tools};

/// `_start(text, length)`; what it returns is narrated.
type Start = extern "C" fn(*const u8, usize) -> usize;
/// `main(argc, argv, envp)`
type Main = extern "C" fn(c_int, *const *const c_char, *const *const c_char) -> c_int;

pub(crate) fn run(mut args: args::Run) -> Result<ExitCode, Failure> {
    let (first, last) = (std::mem::take(&mut args.first), std::mem::take(&mut args.last));
    let (files, text) = split(first, last, std::env::args_os().any(|argument| argument == "--"));
    if let Some(target) = args.target.filter(|target| *target != Target::host()) {
        let wanted = emulate::Wanted { files, text, entry: args.entry.take(), limit: args.timeout, target };
        return emulate::run(&wanted);
    }
    let inputs = files.iter().map(|file| inputs::read(file, Target::host(), true)).collect::<Result<Vec<_>, _>>()?;
    let inputs = Arc::new(inputs);
    let limit = args.timeout.map(Duration::from_secs_f64);
    let options = crash::Options { json: args.json.then_some(libc::STDERR_FILENO), limit };
    let run = || load_and_call(&args, &files, &inputs, &text, options).map_err(|failure| or_emulated(failure, &inputs));
    // The code runs in this very process, as its user expects, unless somebody must be there to end it.
    if limit.is_none() {
        return run().map(|()| ExitCode::SUCCESS);
    }
    let end = supervise::run(limit, || match run() {
        Ok(()) => 0,
        Err(failure) => {
            crate::report(&failure);
            i32::from(crate::FAILED)
        }
    })?;
    let file = files.first().map(|file| file.display().to_string()).unwrap_or_default();
    Ok(ExitCode::from(match end {
        End::Finished(status) | End::Exited { status, .. } => status as u8,
        End::Reported(signal) => (128 + signal) as u8,
        End::TimedOut { reported } => {
            if !reported {
                let seconds = limit.unwrap_or_default().as_secs_f64();
                let silent = "did not answer the signal that asked where it was";
                crate::report(&Failure::new(format!("{file}: not back after {seconds} s, and {silent}")));
            }
            crash::TIMED_OUT
        }
        End::Killed(signal) => {
            crate::report(&Failure::new(format!("{file}: ended by {}", crash::name(signal))));
            (128 + signal) as u8
        }
    }))
}

fn load_and_call(
    args: &args::Run,
    files: &[PathBuf],
    inputs: &Arc<Vec<Input>>,
    text: &[OsString],
    options: crash::Options,
) -> Result<(), Failure> {
    let asked = args.entry.as_deref();
    let mut linker = Linker::new(Target::host());
    for input in inputs.iter() {
        add(&mut linker, input, asked)?;
    }
    let program = files.first().map(|file| file.as_os_str().to_owned());
    linker.arguments(program.iter().chain(text))?;
    for library in &args.libraries {
        // SAFETY: whoever names a library vouches for the code in it.
        unsafe { linker.define_library(library) }?;
    }
    want(&mut linker, asked);
    linker.explain_to(crash::loaded).tools(&tools::of(&args.tools));
    // Initializers run while the code is loaded.
    let watch = crash::watch(inputs, options);
    progress::linking();
    // SAFETY: whoever runs this command on a file vouches for the code in it.
    let module = unsafe { linker.load() }.map_err(|error| explain(error, files, text))?;
    let exports = module.exports().map(|(name, _)| name);
    let name = entry(|name| module.address(name).is_some(), exports, asked, files)?;
    if name == "main" && asked.is_none() {
        return call_main(&module, watch);
    }
    call_start(&module, &name, text, watch)
}

/// Asks for the entry, for which nothing else asks where it is in an archive.
pub(crate) fn want(linker: &mut Linker<'_>, asked: Option<&str>) {
    match asked {
        Some(entry) => linker.want(&[entry]),
        None => linker.want(&["_start", "main"]),
    };
}

/// What stands in front of `--` are files; without `--`, the first word alone is one.
fn split(first: Vec<OsString>, last: Vec<OsString>, separated: bool) -> (Vec<PathBuf>, Vec<OsString>) {
    if separated {
        return (first.into_iter().map(PathBuf::from).collect(), last);
    }
    let mut words = first.into_iter();
    let file = words.next().map(PathBuf::from);
    (file.into_iter().collect(), words.collect())
}

pub(crate) fn add<'a>(linker: &mut Linker<'a>, input: &'a Input, entry: Option<&str>) -> Result<(), Failure> {
    // Flat code has no names: an entry that is a number is an offset in it.
    let Some(Ok(offset)) = entry.map(number) else { return input.add(linker, 0) };
    if input.kind != Kind::Flat {
        return Err(Failure::new(format!(
            "{}: an offset enters flat code, and this is {}",
            input.name,
            described(input.given)
        ))
        .next("give a symbol's name as --entry"));
    }
    input.add(linker, usize::try_from(offset).unwrap_or(usize::MAX))
}

/// Adds the likely way out to an error of the linker.
pub(crate) fn explain(error: kiln::Error, files: &[PathBuf], text: &[OsString]) -> Failure {
    let file_as_text = text.iter().find(|word| Path::new(word).is_file()).filter(|_| files.len() == 1);
    let mut failure = Failure::from(error);
    if failure.next.is_none() {
        failure.next = Some(match file_as_text {
            Some(word) => {
                format!("`{}` was taken for text; to link it too, end the files with `--`", word.to_string_lossy())
            }
            None if failure.message.contains("undefined symbol") => {
                "give the files that define them too: `kiln run FILE... --`, or a library: `--lib NAME`".to_owned()
            }
            None => return failure,
        });
    }
    failure
}

/// Names the other way, where what cannot be run here is made for Apple Silicon.
fn or_emulated(mut failure: Failure, inputs: &[Input]) -> Failure {
    let apple = Target::AARCH64_MACOS;
    let Some(input) = inputs.iter().find(|input| input.target() == Some(apple)).filter(|_| Target::host() != apple)
    else {
        return failure;
    };
    let emulated = format!("run it in an emulated process: `kiln run --target {apple} {}`", input.name);
    failure.next = Some(match failure.next {
        Some(next) => format!("{next}; or {emulated}"),
        None => emulated,
    });
    failure
}

/// The symbol to call, if it is there; else an error that says which ones are.
pub(crate) fn entry<'n>(
    is_there: impl Fn(&str) -> bool,
    exports: impl Iterator<Item = &'n str>,
    asked: Option<&str>,
    files: &[PathBuf],
) -> Result<String, Failure> {
    let wanted = match asked {
        Some(asked) if number(asked).is_ok() => &["_start"][..],
        Some(asked) => &[asked][..],
        None => &["_start", "main"],
    };
    if let Some(name) = wanted.iter().find(|name| is_there(name)) {
        return Ok((*name).to_owned());
    }
    let names: Vec<&str> = exports.take(12).collect();
    let file = files.first().map(|file| file.display().to_string()).unwrap_or_default();
    let failure = Failure::new(match asked {
        Some(asked) => format!("{file}: there is no global symbol `{asked}` to enter"),
        None => format!("{file}: there is no global symbol `_start` or `main` to enter"),
    });
    Err(match &names[..] {
        [] => failure.next("make the entry global in the source: `.globl _start`"),
        names => failure.next(format!("enter another one with --entry: {}", names.join(", "))),
    })
}

fn call_start(module: &Module, name: &str, words: &[OsString], watch: Watch) -> Result<(), Failure> {
    let text = (!words.is_empty()).then(|| {
        let mut text = words.join(" ".as_ref()).into_vec();
        text.push(b'\n');
        text
    });
    let (pointer, length) = text.as_ref().map_or((std::ptr::null(), 0), |text| (text.as_ptr(), text.len()));
    // SAFETY: the entry takes at most a pointer and a length and returns at most an integer, by the command's contract.
    let start: Function<Start> = unsafe { module.function(name) }?;
    tracing::info!("entry {name} at {:#x}", start.pointer() as usize);
    tracing::info!("call {name}({pointer:p}, {length})");
    let result = start.call(pointer, length);
    drop(watch);
    tracing::info!("{name} returned {result:#x}");
    Ok(())
}

fn call_main(module: &Module, watch: Watch) -> Result<(), Failure> {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    let (argc, argv) = module.arguments();
    // SAFETY: `main` is C's, by the command's contract.
    let main: Function<Main> = unsafe { module.function("main") }?;
    // SAFETY: the C library's own variable, which nothing here changes.
    let environment = unsafe { environ };
    tracing::info!("entry main at {:#x}", main.pointer() as usize);
    tracing::info!("call main({argc}, argv, envp)");
    let status = main.call(argc, argv, environment);
    tracing::info!("main returned {status}");
    // The watch goes on: what runs now is code of the module too.
    std::mem::forget(watch);
    // As the C library's start code does: handlers and finalizers run, while the code is still there, and buffers are
    // flushed.
    std::process::exit(status & 0xff)
}

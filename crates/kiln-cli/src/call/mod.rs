//! `kiln call`

mod arguments;
mod check;
mod invoke;
mod list;
mod place;
pub(crate) mod signature;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
mod time;
mod trampoline;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kiln::{Contents, Linker, Module, Target};

use crate::debug::Debug;
use crate::inputs::{self, Input};
use crate::prototypes::{self, Prototype};
use crate::supervise::{self, End};
use crate::{Failure, args, crash, progress, tools};
use arguments::{Arguments, Mismatch};
use check::Guards;
use invoke::Job;
use signature::Signature;

pub(crate) fn call(args: args::Call) -> Result<ExitCode, Failure> {
    let (files, name, words) = split(&args.words);
    let inputs = files.iter().map(|file| inputs::read(file, Target::host(), true)).collect::<Result<Vec<_>, _>>()?;
    let prototypes: Vec<Prototype> = inputs.iter().flat_map(described).collect();
    let Some(name) = name else { return list::list(&inputs, &prototypes) };
    let guards = if args.check { Guards::of(&inputs)? } else { Guards::default() };
    let prototype = prototypes.iter().find(|prototype| prototype.is(&name));
    let limit = args.timeout.map(Duration::from_secs_f64);
    let first = inputs.first().map(|input| input.name.clone()).unwrap_or_default();
    let inputs = Arc::new(inputs);
    // What is loaded may run as it is: its initializers.
    let end = supervise::run(limit, || {
        let options = crash::Options { json: args.json.then_some(libc::STDOUT_FILENO), limit };
        let watch = crash::watch(&inputs, options);
        let called = load(&args, &inputs, &guards, &name, prototype, &files).and_then(|(module, address)| {
            let signature = signature_of(&args, &name, prototype, &files)?;
            let arguments = Arguments::read(&signature, &words)
                .map_err(|Mismatch(why)| mismatch(&why, &name, &signature, prototype))?;
            let job = Job { args: &args, name: &name, address, signature: &signature, guards: &guards };
            job.run(&module, &arguments, watch)
        });
        called.unwrap_or_else(|failure| {
            crate::report(&failure);
            i32::from(crate::FAILED)
        })
    })?;
    ended(end, &first, &name, limit, args.json)
}

/// Loads the files, and finds the function.
fn load(
    args: &args::Call,
    inputs: &[Input],
    guards: &Guards,
    name: &str,
    prototype: Option<&Prototype>,
    files: &[PathBuf],
) -> Result<(Module, usize), Failure> {
    let mut linker = Linker::new(Target::host());
    for input in inputs {
        input.add(&mut linker, 0)?;
    }
    guards.define(&mut linker);
    let symbol = prototype.map_or(name, Prototype::symbol);
    linker.want(&[symbol, name]);
    linker.explain_to(crash::loaded).tools(&tools::of(&args.tools));
    progress::linking();
    let module = invoke::load(linker).map_err(|error| with_next(error, files))?;
    let address = module.address(symbol).or_else(|| module.address(name)).map(|address| address as usize);
    match address {
        Some(address) => Ok((module, address)),
        None => Err(missing(name, &module, files)),
    }
}

/// What the end of the child means.
fn ended(end: End, file: &str, name: &str, limit: Option<Duration>, json: bool) -> Result<ExitCode, Failure> {
    let seconds = limit.unwrap_or_default().as_secs_f64();
    let (message, next, status) = match end {
        End::Finished(status) => return Ok(ExitCode::from(status as u8)),
        End::Reported(signal) => return Ok(ExitCode::from((128 + signal) as u8)),
        End::TimedOut { reported: true } => return Ok(ExitCode::from(crash::TIMED_OUT)),
        End::TimedOut { reported: false } => (
            format!("`{name}` was not back after {seconds} s, and did not answer the signal that asked where it was"),
            None,
            crash::TIMED_OUT,
        ),
        End::Killed(signal) => {
            let signal_name = crash::name(signal);
            (
                format!(
                    "`{name}` was ended by {signal_name}, and nothing could be said of it: it blocked the signal, or left no stack"
                ),
                None,
                (128 + signal) as u8,
            )
        }
        End::Exited { status, by_exit: true } => (
            format!("`{name}` did not return: it called `exit`, with status {status}"),
            Some("to run a program that ends itself, use `kiln run`"),
            crate::FAILED,
        ),
        End::Exited { status, by_exit: false } => (
            format!("`{name}` did not return: it ended the process by a system call, with status {status}"),
            Some("to run a program that ends itself, use `kiln run`"),
            crate::FAILED,
        ),
    };
    let message = format!("{file}: {message}");
    if json {
        println!("{}", serde_json::json!({ "error": message }));
    }
    let failure = Failure::new(message);
    crate::report(&next.map_or(failure.clone(), |next| failure.next(next)));
    Ok(ExitCode::from(status))
}

/// The words of the command line: files, a name, arguments. A word behind the first is a file if one of that name is
/// there and the name ends as files of code do.
fn split(words: &[String]) -> (Vec<PathBuf>, Option<String>, Vec<String>) {
    const ENDINGS: [&str; 12] = ["s", "S", "sx", "asm", "c", "o", "obj", "a", "lib", "bin", "flat", "raw"];
    let is_file = |word: &&String| {
        let path = Path::new(word);
        path.extension().and_then(OsStr::to_str).is_some_and(|ending| ENDINGS.contains(&ending)) && path.is_file()
    };
    let files = 1 + words[1..].iter().take_while(is_file).count();
    let name = words.get(files).cloned();
    (words[..files].iter().map(PathBuf::from).collect(), name, words.get(files + 1..).unwrap_or_default().to_vec())
}

/// The functions that a file's debug information describes, or that of its members.
fn described(input: &Input) -> Vec<Prototype> {
    let of_object = |(name, bytes): (String, std::borrow::Cow<'_, [u8]>)| {
        let contents = Contents::read(&name, &bytes, Target::host().arch()).ok()?;
        Some(prototypes::of(&Debug::of(&contents, &|_| 0)?.dwarf))
    };
    input.objects().into_iter().filter_map(of_object).flatten().collect()
}

/// The signature that was given, or that the debug information says.
fn signature_of(
    args: &args::Call,
    name: &str,
    prototype: Option<&Prototype>,
    files: &[PathBuf],
) -> Result<Signature, Failure> {
    if let Some(given) = &args.sig {
        return Signature::parse(given)
            .map_err(|why| Failure::new(format!("--sig: {why}")).next("write it as 'i64(i64, ptr, f64)'"));
    }
    match prototype.map(|prototype| (&prototype.signature, &prototype.declaration)) {
        Some((Ok(signature), _)) => Ok(signature.clone()),
        Some((Err(why), declaration)) => Err(Failure::new(format!("`{declaration}` cannot be called: {why}"))
            .next("write a function in C that takes a pointer to it, and calls this one")),
        None => {
            let file = files.first().map(|file| file.display().to_string()).unwrap_or_default();
            Err(Failure::new(format!("{file}: no debug information says what `{name}` takes and returns"))
                .next("say it with --sig 'i64(i64, ptr, f64)', or compile with -g"))
        }
    }
}

fn mismatch(why: &str, name: &str, signature: &Signature, prototype: Option<&Prototype>) -> Failure {
    let declared = prototype.map_or_else(|| format!("{name}: {signature}"), |prototype| prototype.declaration.clone());
    Failure::new(format!("{name}: {why}")).next(format!("it is `{declared}`"))
}

fn missing(name: &str, module: &Module, files: &[PathBuf]) -> Failure {
    let names: Vec<&str> = module.exports().map(|(name, _)| name).take(12).collect();
    let file = files.first().map(|file| file.display().to_string()).unwrap_or_default();
    let failure = Failure::new(format!("{file}: there is no global symbol `{name}` to call"));
    if Path::new(name).extension().is_some() && !Path::new(name).exists() {
        return failure.next(format!("if `{name}` is a file: there is none of that name"));
    }
    match &names[..] {
        [] => failure.next(format!("make it global in the source: `.globl {name}`")),
        names => failure.next(format!("there are {}; `kiln call {file}` lists them", names.join(", "))),
    }
}

fn with_next(error: kiln::Error, files: &[PathBuf]) -> Failure {
    let undefined = error.is_undefined();
    let failure = Failure::from(error);
    if failure.next.is_some() || !undefined {
        return failure;
    }
    let file = files.first().map(|file| file.display().to_string()).unwrap_or_default();
    failure.next(format!("give the files that define them too: `kiln call {file} FILE... NAME`"))
}

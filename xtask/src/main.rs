//! What the project does to itself, as `cargo xtask TASK`.

mod codesign;
mod darwin;
mod jit;
mod licences;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

const HELP: &str = "\
Usage: cargo xtask TASK

  licences      check the dependencies' licences, and which crates the library depends on
  jit [ARGS…]   build kiln in release; on macOS sign it for the hardened runtime with allow-jit;
                then run `kiln ARGS…`, or `kiln run examples/hello.S`
  corpus        make what the benches load, and the peers that they compare with, in target/corpus;
                print the paths
  darwin-run    build the emulator of an Apple Silicon process (tools/darwin-run), and print its path
  codesign-fixtures
                link small Mach-O files, sign them with rcodesign, and record both as kiln-codesign's fixtures
";

/// Errors are for people: what was tried, and what came of it.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let task = args.next();
    let rest: Vec<OsString> = args.collect();
    let done = |result: Result<()>| result.map(|()| ExitCode::SUCCESS);
    let result = match (task.as_ref().map(|task| task.to_string_lossy()).as_deref(), &rest[..]) {
        (None | Some("help" | "--help" | "-h"), _) => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        (Some("licences"), []) => done(licences::check()),
        (Some("jit"), args) => jit::run(args),
        (Some("corpus"), []) => done(corpus()),
        (Some("darwin-run"), []) => done(darwin::build()),
        (Some("codesign-fixtures"), []) => done(codesign::fixtures()),
        (Some("licences" | "corpus" | "darwin-run" | "codesign-fixtures"), [extra, ..]) => {
            eprintln!("xtask: what is {}? This task takes no arguments", extra.display());
            return ExitCode::from(2);
        }
        (Some(other), _) => {
            eprint!("xtask: there is no task `{other}`\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    result.unwrap_or_else(|message| {
        eprintln!("xtask: {message}");
        ExitCode::FAILURE
    })
}

fn corpus() -> Result<()> {
    use kiln_corpus::{Compiler, JITLINK, LUA_HIDDEN, SQLITE, TCC, Template, ZLIB, ZSTD};
    for library in [SQLITE, LUA_HIDDEN, ZSTD, ZLIB] {
        println!("{}", Compiler::BENCH.merged(&library)?.display());
    }
    Template::new(&Compiler::BENCH)?;
    for peer in [JITLINK, TCC] {
        match peer.make() {
            Ok(path) => println!("{}", path.display()),
            Err(why) => println!("without {}: {why}", peer.name),
        }
    }
    Ok(())
}

/// The cargo that runs this program.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command that must succeed.
fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{}: {error}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", line(command))) }
}

/// Runs a command that must succeed, for its standard output.
fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{}: {error}", line(command)))?;
    if !output.status.success() {
        return Err(format!("{}: {}", line(command), output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{}: its output is not UTF-8", line(command)))
}

/// A command as one would type it, if no word has a space.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// What `cargo metadata` says about the package or workspace in a directory.
fn metadata(dir: &Path, args: &[&str]) -> Result<Value> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1"]).args(args).current_dir(dir);
    let json = output(&mut command)?;
    serde_json::from_str(&json).map_err(|error| format!("{}: {error}", line(&command)))
}

/// The root of this workspace.
fn root() -> PathBuf {
    // Cargo sets the variable for what it runs; a copied program still knows where it was built.
    let here = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    here.parent().unwrap_or(&here).to_owned()
}

/// Where cargo puts what it builds here: `target`, unless `CARGO_TARGET_DIR` or a configuration says otherwise.
fn target_directory() -> Result<PathBuf> {
    let metadata = metadata(&root(), &["--no-deps"])?;
    metadata["target_directory"].as_str().map(PathBuf::from).ok_or_else(|| "cargo metadata: no target_directory".into())
}

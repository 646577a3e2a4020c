//! C source to an object, by a compiler of this machine.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use kiln::{Contents, Target};

use crate::Failure;
use crate::scratch::Scratch;

/// Compiles the file at `path` for `target`, optimized a little, with debug information if that is wanted.
///
/// `KILN_CC` names the compiler, with its first arguments; else the first of the usual ones is taken that makes objects
/// for the target.
pub(crate) fn compile(path: &Path, target: Target, debug: bool) -> Result<Vec<u8>, Failure> {
    let named = std::env::var("KILN_CC").unwrap_or_default();
    let named: Vec<String> = named.split_whitespace().map(str::to_owned).collect();
    let candidates = if named.is_empty() { candidates(target) } else { vec![named.clone()] };
    let scratch = Scratch::new("cc")?;
    let mut unfit = Vec::new();
    for words in &candidates {
        let line = words.join(" ");
        let object = scratch.path().join("out.o");
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["-O1"]).args(debug.then_some("-g"));
        command.arg("-c").arg("-o").arg(&object).arg(path).env("LC_ALL", "C").env("TMPDIR", scratch.path());
        let output = match command.output() {
            Ok(output) => output,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                unfit.push(format!("`{line}` cannot be run: {error}"));
                continue;
            }
        };
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(Failure::new(format!("{}: `{line}` refused it:\n{}", path.display(), said.trim_end())));
        }
        for line in said.lines() {
            tracing::warn!("{line}");
        }
        let bytes = fs::read(&object).map_err(|error| {
            Failure::new(format!("{}: `{line}` wrote no object that can be read: {error}", path.display()))
        })?;
        let name = path.display().to_string();
        let made = Contents::read(&name, &bytes, target.arch()).map(|contents| contents.target());
        if made.as_ref().is_ok_and(|made| made.arch() == target.arch() && made.format() == target.format()) {
            tracing::info!("compiled for {target} by `{line}`: {} bytes of object", bytes.len());
            return Ok(bytes);
        }
        unfit.push(match made {
            Ok(made) => format!("`{line}` makes objects for {made}"),
            Err(error) => format!("`{line}` makes something else: {error}"),
        });
    }
    let mut failure = Failure::new(format!("{}: no C compiler here makes objects for {target}", path.display()));
    if named.is_empty() {
        let tried: Vec<&str> = candidates.iter().map(|words| &*words[0]).collect();
        failure = failure.next(format!("install one of {}, or name one in KILN_CC", tried.join(", ")));
    } else {
        failure = failure.next("set KILN_CC to a C compiler for this target, or leave it unset");
    }
    for why in unfit {
        failure.message += &format!("\n{why}");
    }
    Err(failure)
}

/// The usual compilers for a target, the best first, each as the words that call it.
fn candidates(target: Target) -> Vec<Vec<String>> {
    let word = |word: String| vec![word];
    let gnu = target.gnu_prefix().map(|prefix| word(format!("{prefix}-gcc")));
    let clang = vec!["clang".to_owned(), "-target".to_owned(), target.llvm_triple().to_owned()];
    if target == Target::host() {
        let usual = ["cc", "gcc"].map(|name| word(name.to_owned()));
        return gnu.into_iter().chain(usual).chain([clang]).collect();
    }
    std::iter::once(clang).chain(gnu).collect()
}

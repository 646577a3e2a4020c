//! Assembly source to the bytes of an object, by the best assembler of this machine that knows the target.
//!
//! `find` says which tool and how it is called, `run` calls it and reads what it says.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::target::Target;

mod find;
mod run;

use find::Tool;
use run::{Job, Outcome};

/// Whether assembly source goes through the C preprocessor first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Syntax {
    /// As it stands: `.s` files. Any assembler takes it, and compilers take it two or three times faster.
    Plain,
    /// With `#include`, `#define` and `#if`: `.S` files. It takes a C compiler, not just an assembler.
    Preprocessed,
}

impl Syntax {
    /// The syntax that a file's name ending stands for: `.s` and `.asm` are plain, `.S` and `.sx` are preprocessed;
    /// `None` for any other.
    ///
    /// # Examples
    ///
    /// ```
    /// use kiln::Syntax;
    ///
    /// assert_eq!(Syntax::of("hello.S".as_ref()), Some(Syntax::Preprocessed));
    /// ```
    #[must_use]
    pub fn of(path: &Path) -> Option<Syntax> {
        match path.extension()?.to_str()? {
            "s" | "asm" => Some(Syntax::Plain),
            "S" | "sx" => Some(Syntax::Preprocessed),
            _ => None,
        }
    }

    /// The name that compiler drivers have for it.
    fn language(self) -> &'static str {
        match self {
            Syntax::Plain => "assembler",
            Syntax::Preprocessed => "assembler-with-cpp",
        }
    }
}

/// An assembler found on this machine for a target and a syntax.
///
/// Kiln has none of its own: [`find`](Assembler::find) takes the fastest tool there is, and
/// [`assemble`](Assembler::assemble) runs it once for each text.
///
/// # Platform-specific behaviour
///
/// For the host's own target on Linux that is GNU `as` or, with the preprocessor, the system's C compiler; for every
/// other target and on every other host it is `clang`, `llvm-mc`, `zig cc` or a GNU cross tool, in this order. Apple
/// sources are always assembled for an Apple triple, on any host: only there is `;` a comment and `@PAGE` an operand.
///
/// The environment variable `KILN_AS` names another one, with its first arguments, separated by white space:
/// `KILN_AS='clang-19 -g'`. Its file name says how it is called: as `clang`, as `zig cc`, as `llvm-mc`, as
/// a C compiler if there is a `cc` in it, else as GNU `as`. The target is passed along unless the arguments have one.
///
/// # Examples
///
/// ```
/// use kiln::{Assembler, Syntax, Target};
///
/// let assembler = Assembler::find(Target::host(), Syntax::Plain)?;
/// let object = assembler.assemble("pause.s", b".globl pause\npause: nop\n")?;
/// assert!(!object.is_empty());
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Assembler {
    target: Target,
    syntax: Syntax,
    tool: Tool,
    /// Where to look for the next tool if this one does not know the target; `None` if the user named the tool.
    path: Option<OsString>,
    include: Vec<PathBuf>,
    debug: bool,
}

impl Assembler {
    /// Finds the best assembler in `PATH` for `target` and `syntax`, or takes the one that `KILN_AS` names.
    ///
    /// # Errors
    ///
    /// There is none, or only one without a preprocessor for preprocessed source: the message says what was looked
    /// for, and the [next step](Error::next_step) what to install here. Or the one that `KILN_AS` names is not there.
    pub fn find(target: Target, syntax: Syntax) -> Result<Assembler> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let named = std::env::var_os("KILN_AS").unwrap_or_default();
        Assembler::find_in(&path, &named.to_string_lossy(), target, syntax)
    }

    fn find_in(path: &OsStr, named: &str, target: Target, syntax: Syntax) -> Result<Assembler> {
        let (tool, path) = match Tool::named(named, path, syntax)? {
            Some(tool) => (tool, None),
            None => match find::tools(target, syntax, path).next() {
                Some(tool) => (tool, Some(path.to_owned())),
                None => return Err(find::missing(target, syntax, path)),
            },
        };
        Ok(Assembler { target, syntax, tool, path, include: Vec::new(), debug: false })
    }

    /// What it assembles for.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// The command, as one would type it to assemble standard input to `out.o`.
    ///
    /// It is what [`assemble`](Assembler::assemble) tries first: should this tool turn out not to know the target, the
    /// next one in the order is tried.
    #[must_use]
    pub fn command(&self) -> String {
        self.tool.typed(&self.tool.args(self.target, self.syntax, &self.include, self.debug, Path::new("out.o")))
    }

    /// Adds a directory, usually that of the user's file, where `.include`, `.incbin` and `#include "…"` look for
    /// files that are not in the current directory.
    #[must_use]
    pub fn include_dir(mut self, dir: impl Into<PathBuf>) -> Assembler {
        let dir = dir.into();
        // `Path::parent` of a bare file name is empty: that is the current directory, searched anyway.
        if !dir.as_os_str().is_empty() {
            self.include.push(dir);
        }
        self
    }

    /// Has the object say which line of the source each instruction is from (`-g`). Source that says so itself, as that
    /// of a compiler does, keeps its own lines.
    #[must_use]
    pub fn debug_info(mut self) -> Self {
        self.debug = true;
        self
    }

    /// Assembles `text` and returns the object's bytes; `name` is the file that diagnostics speak of.
    ///
    /// Warnings are emitted as [`tracing`] events, one for each line. Nothing stays in the file system.
    ///
    /// # Errors
    ///
    /// The assembler refused the text (the message holds its diagnostics, with places in `name`), died, or made
    /// something else than an object for the target; the text has NUL bytes; or the system refused a temporary file.
    pub fn assemble(&self, name: &str, text: &[u8]) -> Result<Vec<u8>> {
        if let Some(at) = text.iter().position(|&byte| byte == 0) {
            return Err(Error::malformed("a NUL byte: this is not assembly source, or it is in UTF-16")
                .input(name)
                .offset(at as u64));
        }
        // LLVM's assemblers refuse `-g` beside lines of the source's own.
        let debug = self.debug && !has_lines(text);
        let job = Job { target: self.target, syntax: self.syntax, include: &self.include, debug, name, text };
        let others = self.path.iter().flat_map(|path| find::tools(self.target, self.syntax, path));
        let tools = std::iter::once(self.tool.clone()).chain(others.filter(|tool| *tool != self.tool));
        let mut unfit = String::new();
        for tool in tools {
            match job.run(&tool)? {
                Outcome::Object(object) => return Ok(object),
                Outcome::Refused(error) => return Err(error.input(name)),
                Outcome::Unfit(why) => {
                    tracing::debug!("passed over for {}: `{tool}` {why}", self.target);
                    unfit += &format!("\n`{tool}` {why}");
                }
            }
        }
        let target = self.target;
        let (format, arch) = (target.format(), target.arch());
        let help = match &self.path {
            None => "set KILN_AS to an assembler for this target, or leave it unset".to_owned(),
            Some(_) => find::to_install(target, self.syntax, find::Missing::Cross),
        };
        Err(Error::assembler(format!("no assembler here makes {format} for {arch} ({target}):{unfit}"))
            .input(name)
            .help(help))
    }
}

/// Whether the text says itself which lines of which file it is from.
fn has_lines(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii_start();
        line.starts_with(b".loc") || line.starts_with(b".file")
    })
}

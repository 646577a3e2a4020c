//! Objects from compilers, for the machine that the tests run on, also where that is an emulated one.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use kiln::Target;

/// The compilers and options that every program is tried with.
pub(crate) const OPTIONS: [&[&str]; 4] = [&["-O0"], &["-O2"], &["-O0", "-fPIC"], &["-O2", "-fPIC"]];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compiler {
    Gcc,
    Clang,
    /// Mach-O objects, for the same architecture.
    ClangForMacOs,
}

impl Compiler {
    pub(crate) const ALL: [Compiler; 2] = [Compiler::Gcc, Compiler::Clang];

    fn command(self, language: &str) -> Command {
        let host = Target::host();
        if self == Compiler::ClangForMacOs {
            let arch = if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" };
            let mut command = Command::new("clang");
            command.arg(format!("--target={arch}-apple-macos11"));
            return command;
        }
        let cxx = language == "c++";
        match (self, host.gnu_prefix()) {
            (Compiler::Gcc, Some(prefix)) => Command::new(format!("{prefix}-{}", if cxx { "g++" } else { "gcc" })),
            (Compiler::Gcc, None) => Command::new(if cxx { "c++" } else { "cc" }),
            (_, _) => {
                let mut command = Command::new("clang");
                command.arg(format!("--target={}", host.llvm_triple()));
                // gcc makes position-independent programs here, and older clangs do not.
                command.arg("-fPIE");
                command
            }
        }
    }
}

/// The object that a compiler makes of `source` (`c`, `c++`).
pub(crate) fn compile(compiler: Compiler, language: &str, source: &str, options: &[&str]) -> Vec<u8> {
    use std::io::Write;
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let output: PathBuf = std::env::temp_dir().join(format!("kiln-compile-{}-{number}.o", std::process::id()));
    let mut command = compiler.command(language);
    command.args(options).args(["-w", "-x", language, "-c", "-", "-o"]).arg(&output).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?}");
    let object = std::fs::read(&output).unwrap();
    std::fs::remove_file(&output).unwrap();
    object
}

/// Runs `test` with an object of `source` from every compiler, at every level, position-independent and not.
pub(crate) fn with_every_compiler(language: &str, source: &str, test: impl Fn(Vec<u8>, &str)) {
    for compiler in Compiler::ALL {
        for options in OPTIONS {
            test(compile(compiler, language, source, options), &format!("{compiler:?} {options:?}"));
        }
    }
}

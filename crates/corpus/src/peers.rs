//! Other linkers in memory, built from a few lines of ours and their own libraries.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Compiler, Result, output, run};

/// A linker in memory to compare with.
#[derive(Debug)]
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    build: fn(&Path, &Path) -> Result<()>,
    source: &'static str,
}

/// LLVM's, as a library that exports `peer_load` and `peer_unload`.
pub const JITLINK: Peer = Peer { name: "jitlink", build: build_jitlink, source: "jitlink.cpp" };

/// Tiny C's, as a program.
pub const TCC: Peer = Peer { name: "tcc", build: build_tcc, source: "tcc.c" };

impl Peer {
    /// The library or program, built if that has not been done yet.
    ///
    /// # Errors
    ///
    /// What it is made from is not installed.
    pub fn make(&self) -> Result<PathBuf> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/peers").join(self.source);
        let text = std::fs::read_to_string(&source).map_err(crate::at(&source))?;
        let compiler = Compiler { folder: "peers", ..Compiler::BENCH };
        compiler.made(self.name, &text, |into| (self.build)(&source, &into.join(self.name)))?;
        Ok(crate::folder().join("peers").join(self.name).join(self.name))
    }
}

fn build_jitlink(source: &Path, into: &Path) -> Result<()> {
    let config = |options: &[&str]| output(Command::new("llvm-config-22").args(options));
    let flags = config(&["--cxxflags"])?;
    let libraries = config(&["--ldflags", "--libs", "orcjit"])?;
    let words = |text: String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut compiler = Command::new("c++");
    compiler.args(words(flags)).args(["-O2", "-fPIC", "-shared", "-o"]).arg(into).arg(source).args(words(libraries));
    run(&mut compiler)
}

fn build_tcc(source: &Path, into: &Path) -> Result<()> {
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-no-pie", "-o"]).arg(into).arg(source).args(["-ltcc", "-ldl", "-lm", "-lpthread"]);
    // What the objects want of the process must be there, whether the program itself wants it or not.
    run(compiler.args(["-Wl,--no-as-needed", "-rdynamic"]))
}

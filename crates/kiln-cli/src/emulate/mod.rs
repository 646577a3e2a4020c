//! `kiln run --target aarch64-apple-darwin`: the files are linked to a program for macOS, which runs in an emulated
//! process. The emulator is a program of its own (`tools/darwin-run`), which the user builds or installs.

mod begin;
mod emulator;
mod file;
mod opcodes;
mod program;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kiln::{Audit, Kind, Linker, Target};
use kiln_codesign::{Signature, Signing, slices};

use crate::inputs::{self, Input};
use crate::scratch::Scratch;
use crate::sign::about;
use crate::{Failure, described, run};
use emulator::Emulator;
use program::{Entry, IMAGE, Imports, MOVED};

/// What is to be run.
pub(crate) struct Wanted {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) text: Vec<OsString>,
    pub(crate) entry: Option<String>,
    /// In seconds.
    pub(crate) limit: Option<f64>,
    pub(crate) target: Target,
}

pub(crate) fn run(wanted: &Wanted) -> Result<ExitCode, Failure> {
    if wanted.target != Target::AARCH64_MACOS {
        return Err(Failure::new(format!("{}: there is no emulator for it", wanted.target))
            .next(format!("give {} as --target, or run it on such a machine", Target::AARCH64_MACOS)));
    }
    let emulator = Emulator::find()?;
    let inputs =
        (wanted.files.iter()).map(|file| inputs::read(file, wanted.target, true)).collect::<Result<Vec<_>, _>>()?;
    let program = match &inputs[..] {
        [one] if matches!(one.given, Kind::Linked(kiln::Format::MachO) | Kind::Universal) => whole(one, wanted)?,
        _ => linked(&inputs, wanted, &emulator)?,
    };
    let scratch = Scratch::new("run")?;
    let name = wanted.files.first().and_then(|file| file.file_name()).unwrap_or_default();
    let path = scratch.path().join(name);
    write(&path, &program)?;
    let argv0 = wanted.files.first().map(|file| file.as_os_str()).unwrap_or_default();
    emulator.run(&path, argv0, &wanted.text, wanted.limit)
}

fn write(path: &Path, program: &[u8]) -> Result<(), Failure> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(path);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, program)).map_err(|error| {
        Failure::new(format!("{}: cannot write the program: {error}", path.display()))
            .next("set TMPDIR to a folder that can be written to")
    })
}

/// A program that is linked already runs as it is; unsigned, which the system would not run, it is signed first.
fn whole(input: &Input, wanted: &Wanted) -> Result<Vec<u8>, Failure> {
    if wanted.entry.is_some() {
        return Err(Failure::new(format!("{}: a linked program is entered where it says", input.name))
            .next("leave --entry out, or give the object files"));
    }
    let slices = slices(&input.bytes).map_err(|error| about(&input.name, error))?;
    let Some(slice) = slices.iter().find(|slice| slice.is_arm64()) else {
        return Err(Failure::new(format!("{}: it has no arm64 code", input.name))
            .next(format!("build it for {}", wanted.target)));
    };
    match Signature::of(slice.bytes()) {
        Ok(None) => sign(&input.name, slice.bytes()),
        // The emulator says what is wrong with it.
        _ => Ok(input.bytes.clone()),
    }
}

fn sign(name: &str, program: &[u8]) -> Result<Vec<u8>, Failure> {
    let signing = Signing::ad_hoc(Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or("program"));
    signing.sign(program).map_err(|error| about(name, error))
}

/// Links the inputs, and makes a program of what comes out.
fn linked(inputs: &[Input], wanted: &Wanted, emulator: &Emulator) -> Result<Vec<u8>, Failure> {
    let mut linker = Linker::new(wanted.target);
    for input in inputs {
        run::add(&mut linker, input, wanted.entry.as_deref())?;
    }
    run::want(&mut linker, wanted.entry.as_deref());
    let names = emulator.names()?;
    let imports = Imports::new(&names);
    let addresses: HashMap<String, _> = imports.addresses().collect();
    linker.resolver(move |name| addresses.get(name).copied());
    let audit = linker.audit(IMAGE).map_err(|error| undefined(error, wanted))?;
    // Members of archives too. Their calls would mean other things.
    let foreign =
        |section: &&kiln::PlannedSection| section.format.is_some_and(|format| format != wanted.target.format());
    if let Some(section) = audit.plan().sections().iter().find(foreign) {
        let kind = section.format.map_or(Kind::Flat, Kind::Object);
        return Err(Failure::new(format!("{}: this is {}, and not for macOS", section.input, described(kind)))
            .next(format!("build it for {}", wanted.target)));
    }
    let moved = linker.plan(MOVED)?;
    let entry = entry(&audit, wanted)?;
    let name = inputs.first().map_or("program", |input| &input.name);
    let program = program::write(&audit, &moved, &entry, &imports)?;
    sign(name, &program)
}

/// What neither the files nor the model have.
fn undefined(error: kiln::Error, wanted: &Wanted) -> Failure {
    let is_undefined = error.to_string().contains("undefined symbol");
    let failure = run::explain(error, &wanted.files, &wanted.text);
    if !is_undefined {
        return failure;
    }
    failure.next(
        "give the files that define them too; of libSystem, the emulated process has what `kiln-darwin-run --imports` prints",
    )
}

/// How the program is entered: as `kiln run` enters code of this machine.
fn entry(audit: &Audit, wanted: &Wanted) -> Result<Entry, Failure> {
    let plan = audit.plan();
    let exports = || plan.symbols().iter().filter(|symbol| symbol.exported).map(|symbol| &*symbol.name);
    // As C source writes it, or as the symbol table of a Mach-O object has it.
    let found = |name: &str| {
        let names = [Some(name), name.strip_prefix('_')];
        names
            .into_iter()
            .flatten()
            .find(|name| exports().any(|export| export == *name))
            .and_then(|name| plan.address(name))
    };
    let name = run::entry(|name| found(name).is_some(), exports(), wanted.entry.as_deref(), &wanted.files)?;
    let address = found(&name).unwrap_or(IMAGE);
    if name == "main" && wanted.entry.is_none() {
        return Ok(Entry::Main(address));
    }
    let text = (!wanted.text.is_empty()).then(|| {
        let mut text = wanted.text.join(" ".as_ref()).into_vec();
        text.push(b'\n');
        text
    });
    Ok(Entry::Start(address, text))
}

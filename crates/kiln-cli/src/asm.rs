//! `kiln asm`

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kiln::{Assembler, Kind, Syntax, Target};

use crate::{Failure, args, described, progress};

pub(crate) fn asm(args: args::Asm) -> Result<ExitCode, Failure> {
    let from_input = args.file.as_os_str() == "-";
    let name = if from_input { "<stdin>".to_owned() } else { args.file.display().to_string() };
    let mut text = Vec::new();
    if from_input {
        std::io::stdin().read_to_end(&mut text).map_err(|error| Failure::new(format!("standard input: {error}")))?;
    } else {
        text = read(&args.file)?;
    }
    let syntax = if from_input { Syntax::Plain } else { source_syntax(&args.file, &text)? };
    let target = args.target.unwrap_or_else(Target::host);
    let directory = args.file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let assembler = Assembler::find(target, syntax)?.include_dir(directory);
    let assembler = if args.debug { assembler.debug_info() } else { assembler };
    let progress = progress::of(format!("assembling {name}"));
    let object = assembler.assemble(&name, &text)?;
    drop(progress);
    let output = match args.output {
        Some(output) => output,
        None if from_input => return Err(Failure::new("there is no name for the object file").next("give -o OUT.o")),
        None => args.file.file_name().map(|name| PathBuf::from(name).with_extension("o")).unwrap_or_default(),
    };
    let same = |path: &Path| path.canonicalize().ok();
    if !from_input && same(&output).is_some_and(|output| same(&args.file) == Some(output)) {
        return Err(Failure::new(format!("{name}: the object file would take the place of its source"))
            .next("name another file with -o OUT.o"));
    }
    write(&output, &object)?;
    Ok(ExitCode::SUCCESS)
}

fn source_syntax(path: &Path, text: &[u8]) -> Result<Syntax, Failure> {
    match Kind::of_file(path, text) {
        Kind::Assembly(syntax) => Ok(syntax),
        Kind::Other("text") => Ok(Syntax::Plain),
        Kind::Other("empty") => Err(Failure::new(format!("{}: the file is empty", path.display()))),
        other => {
            Err(Failure::new(format!("{}: this is no assembly source: it is {}", path.display(), described(other)))
                .next("give a source file (.s, or .S for the C preprocessor)"))
        }
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::new(format!("{}: cannot read the file: {error}", path.display()))
            .next("check the path and who may read it")
    })
}

/// Writes a file whole, or leaves none behind. A device stays.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("{}: cannot write the file: {error}", path.display()));
    let mut file = File::create(path).map_err(failed)?;
    file.write_all(bytes).map_err(|error| {
        if file.metadata().is_ok_and(|file| file.is_file()) {
            // What is there is part of the output at best; that it cannot be removed is not the failure to report.
            let _ = std::fs::remove_file(path);
        }
        failed(error)
    })
}

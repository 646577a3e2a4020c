//! What can be called, with prototypes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use anstyle::Style;
use kiln::{Contents, Format, Kind, Target};

use crate::Failure;
use crate::inputs::Input;
use crate::prototypes::Prototype;

/// What stands on a line, and what is said of it.
type Line = (String, Option<&'static str>);

pub(super) fn list(inputs: &[Input], prototypes: &[Prototype]) -> Result<ExitCode, Failure> {
    let mut lines = BTreeMap::new();
    for input in inputs {
        if input.kind == Kind::Flat {
            lines.insert("_start".to_owned(), ("_start".to_owned(), Some("flat code, entered at its first byte")));
            continue;
        }
        let objects = input.objects();
        // The library says why it cannot be read.
        let alone = [(input.name.clone(), Cow::Borrowed(&input.bytes[..]))];
        for (name, bytes) in if objects.is_empty() { &alone[..] } else { &objects } {
            list_object(&Contents::read(name, bytes, Target::host().arch())?, prototypes, &mut lines);
        }
    }
    if lines.is_empty() {
        let file = inputs.first().map(|input| input.name.as_str()).unwrap_or_default();
        return Err(Failure::new(format!("{file}: there is nothing to call: no global symbol in executable sections")));
    }
    let quiet = Style::new().dimmed();
    let mut stdout = anstream::stdout().lock();
    for (declaration, remark) in lines.values() {
        let remark = remark.map_or(String::new(), |remark| format!("  {quiet}// {remark}{quiet:#}"));
        if writeln!(stdout, "{declaration}{remark}").is_err() {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list_object(contents: &Contents<'_>, prototypes: &[Prototype], lines: &mut BTreeMap<String, Line>) {
    let macho = contents.target().format() == Format::MachO;
    for symbol in contents.symbols() {
        let name = if macho { symbol.name.strip_prefix('_').unwrap_or(&symbol.name) } else { &symbol.name };
        if symbol.global && contents.sections()[symbol.section].executable {
            let prototype = prototypes.iter().find(|prototype| prototype.is(name));
            let line = match prototype {
                None => (name.to_owned(), Some("no debug information: give --sig")),
                Some(Prototype { declaration, signature: Ok(_), .. }) => (declaration.clone(), None),
                Some(Prototype { declaration, .. }) => (declaration.clone(), Some("passes what cannot be given here")),
            };
            lines.insert(name.to_owned(), line);
        }
    }
}

//! Fixtures, read and assembled.

use std::path::{Path, PathBuf};

use kiln::{Assembler, Syntax, Target};

use crate::fixture::Fixture;
use crate::raw;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/relocations")
}

/// The fixtures of a directory. Anything else in it fails: it would look tested, and be ignored.
pub(crate) fn fixtures(dir: &str, target: Target) -> Vec<Fixture> {
    let path = root().join(dir);
    let entries = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{dir} has no fixture");
    let read = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.ends_with(".s"), "{dir}/{name} is no fixture");
        let fixture = Fixture::parse(name, &std::fs::read_to_string(file).unwrap());
        let fixture = fixture.unwrap_or_else(|error| panic!("{dir}/{name}: {error}"));
        assert_eq!(fixture.target, target, "{dir}/{name}");
        fixture
    };
    files.iter().map(read).collect()
}

/// Objects, each with its name.
pub(crate) type Objects = Vec<(String, Vec<u8>)>;

/// The objects of a fixture, their relocation types changed as it says.
pub(crate) fn assemble(fixture: &Fixture) -> Objects {
    let assembler = Assembler::find(fixture.target, Syntax::Plain).unwrap();
    let mut objects = Vec::new();
    for (index, text) in fixture.inputs.iter().enumerate() {
        let name = if index == 0 { fixture.name.clone() } else { format!("{}#{}", fixture.name, index + 1) };
        let mut object = assembler.assemble(&name, text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        for retype in fixture.retypes.iter().filter(|retype| retype.input == index) {
            let mut found = raw::relocations(fixture.target.format(), &object)
                .into_iter()
                .filter(|raw| raw.section == retype.section && raw.offset == retype.offset);
            let found = if retype.part { found.next() } else { found.next_back() };
            let Some(found) = found else {
                panic!("{name}: no relocation at {}+{:#x}", retype.section, retype.offset);
            };
            found.set(fixture.target.format(), &mut object, retype.value);
        }
        objects.push((name, object));
    }
    objects
}

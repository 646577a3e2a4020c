//! Programs with the output that they are to have: the files of this folder.
//!
//! The head of a file is its first lines that are comments. The first one says what it shows; of the others,
//!
//! | line | means |
//! |---|---|
//! | `options: -O2` | what the compiler is given, instead of -O1 |
//! | `status: 3` | the exit status, if it is not 0 |
//! | `expect: TEXT` | a line of the output |
//!
//! A line `// file: NAME` further down begins another file of the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Row {
    pub(crate) name: String,
    options: Vec<String>,
    pub(crate) status: i32,
    pub(crate) stdout: String,
    files: Vec<(String, String)>,
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rows")
}

/// All of them, by name.
pub(crate) fn rows() -> Vec<Row> {
    let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut rows: Vec<Row> = names
        .filter(|name| name.ends_with(".c") || name.ends_with(".cpp") || name.ends_with(".s"))
        .map(|name| parse(&name))
        .collect();
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    rows
}

fn parse(name: &str) -> Row {
    let text = fs::read_to_string(folder().join(name)).unwrap();
    let mut row =
        Row { name: name.to_owned(), options: vec!["-O1".into()], status: 0, stdout: String::new(), files: vec![] };
    for line in text.lines().skip(1).map_while(|line| line.strip_prefix("// ")) {
        match line.split_once(": ").unwrap_or_else(|| panic!("{name}: {line}")) {
            ("options", options) => row.options = options.split(' ').map(str::to_owned).collect(),
            ("status", status) => row.status = status.parse().unwrap(),
            ("expect", line) => row.stdout += &format!("{line}\n"),
            _ => panic!("{name}: {line}"),
        }
    }
    assert!(!row.stdout.is_empty(), "{name}: nothing is expected");
    let mut parts = text.split("\n// file: ");
    row.files.push((name.to_owned(), parts.next().unwrap_or_default().to_owned()));
    row.files.extend(parts.map(|part| {
        let (name, text) = part.split_once('\n').unwrap();
        (name.to_owned(), text.to_owned())
    }));
    row
}

impl Row {
    /// Compiles the files for Apple Silicon, into a folder; gives the names of the objects.
    pub(crate) fn compile(&self, into: &Path) -> Vec<String> {
        let mut objects = Vec::new();
        for (name, text) in &self.files {
            let object = format!("{name}.o");
            fs::write(into.join(name), text).unwrap();
            let mut clang = Command::new("clang");
            clang.args(["-target", "arm64-apple-macos11", "-Wall", "-Werror"]).args(&self.options);
            clang.args(["-c", name, "-o", &object]).current_dir(into);
            assert!(clang.status().unwrap().success(), "{clang:?}");
            objects.push(object);
        }
        objects
    }
}

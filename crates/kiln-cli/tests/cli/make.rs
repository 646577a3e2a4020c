//! The repository's Makefile, in a folder of its own.
//!
//! The command is the one under test, in place of `cargo run`: cargo might build it anew, with other features, while
//! other tests run it.

use crate::{Dir, numbered, program, repository};

/// A copy of what make needs.
fn folder() -> Dir {
    let dir = Dir::with_examples();
    dir.write("Makefile", std::fs::read(repository().join("Makefile")).unwrap());
    dir
}

#[track_caller]
fn make(dir: &Dir, words: &[&str]) -> String {
    let (program, runner) = program();
    let command = [vec![program.to_str().unwrap().to_owned()], runner].concat().join(" ");
    String::from_utf8(dir.tool("make", [&["--no-print-directory", &format!("KILN={command}")], words].concat()))
        .unwrap()
}

#[test]
fn help() {
    let expected = "\
help      show all targets
asm       assemble the examples and cut their flat binaries into build/
run       the same, and run hello
debug     the same, saying every step
jit       build the command, sign it for JIT where the system wants that, and run hello with it
test      run the tests
clean     remove what was built
";
    let dir = folder();
    assert_eq!(make(&dir, &["help"]), expected);
    assert_eq!(make(&dir, &[]), expected, "it is what make does when asked for nothing");
}

#[test]
fn asm_and_run() {
    let dir = folder();
    assert_eq!(make(&dir, &["asm"]), "");
    let built = || dir.tool("ls", ["build"]);
    assert_eq!(built(), b"hello.bin\nhello.o\nwrite.bin\nwrite.o\n");
    dir.kiln(["run", "build/hello.bin"]).prints("Hello World From Kiln!\n");
    dir.kiln(["run", "build/write.bin", "Hello from Tim"]).prints("Hello from Tim\n");
    assert_eq!(make(&dir, &["run"]), "Hello World From Kiln!\n");
    // Nothing is made again that is there.
    assert_eq!(make(&dir, &["-q", "asm"]), "");
}

/// It makes what it needs itself, and says each step around what the code prints.
#[test]
#[cfg(target_os = "linux")] // The steps of other systems are others.
fn debug() {
    let dir = folder();
    let (program, runner) = program();
    let command = [vec![program.to_str().unwrap().to_owned()], runner].concat().join(" ");
    let script = r#"exec 2>&1; make --no-print-directory "KILN=$1" debug"#;
    let said = numbered(&String::from_utf8(dir.tool("sh", ["-c", script, "sh", &command])).unwrap());
    // The first word of each step, behind those of the two files that are made first.
    let run = &said[said.find("kiln: read ").unwrap()..];
    let steps: Vec<&str> = run.lines().map(|line| line.strip_prefix("kiln: ").unwrap_or(line)).collect();
    // What is left out of the image: debug information.
    let steps: Vec<&str> = steps.into_iter().filter(|step| !step.contains(".debug_")).collect();
    let words: Vec<&str> = steps.iter().map(|step| step.split([' ', ':']).next().unwrap()).collect();
    assert_eq!(
        words,
        ["read", "assembled", "situation", "map", "copied", "protect", "entry", "call", "Hello", "_start", "unmap"],
        "{said}"
    );
    assert_eq!(steps[8], "Hello World From Kiln!");
    assert_eq!(dir.tool("ls", ["build"]), b"hello.bin\nhello.o\nwrite.bin\nwrite.o\n");
}

/// Left as it is, make has cargo build and run the command.
#[test]
fn the_command_is_cargos() {
    let dir = folder();
    assert_eq!(make(&dir, &["asm"]), "");
    let shown = |target: &str| String::from_utf8(dir.tool("make", ["-n", target])).unwrap();
    assert_eq!(shown("run"), "cargo run --quiet --package kiln-cli -- run examples/hello.S\n");
    assert_eq!(shown("debug"), "cargo run --quiet --package kiln-cli -- -vv run examples/hello.S\n");
    assert_eq!(shown("test"), "cargo test --workspace\n");
    assert_eq!(shown("jit"), "cargo xtask jit\n");
}

//! A whole process, from the shell's view: `kiln run hello.o` beside `tcc -run hello.c` and beside `as`, `ld` and a run.
//!
//!     cargo bench -p kiln-cli --bench process
//!
//! The candidates take turns in one run; the medians and their ratios to `tcc -run` are printed.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 301;

const HELLO_S: &str = include_str!("../../../examples/hello.S");
const HELLO_C: &str = "long write(int, const void *, unsigned long);\n\
                       int main(void) { write(1, \"Hello World From Kiln!\\n\", 23); return 0; }\n";

/// A name, and one run.
type Candidate<'a> = (&'a str, Box<dyn Fn() + 'a>);

fn main() {
    let folder = std::env::temp_dir().join(format!("kiln-bench-process-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let file = |name: &str| folder.join(name);
    std::fs::write(file("hello.S"), HELLO_S).unwrap();
    std::fs::write(file("hello.c"), HELLO_C).unwrap();
    let kiln = Path::new(env!("CARGO_BIN_EXE_kiln"));
    // `as` takes no preprocessor's input.
    run(Command::new("cc").arg("-E").arg(file("hello.S")).arg("-o").arg(file("hello.s")));
    run(Command::new(kiln).arg("asm").arg(file("hello.S")).arg("-o").arg(file("hello.o")));

    let candidates: [Candidate<'_>; 4] = [
        ("kiln run hello.o", Box::new(|| run(Command::new(kiln).arg("run").arg(file("hello.o"))))),
        ("tcc -run hello.c", Box::new(|| run(Command::new("tcc").arg("-run").arg(file("hello.c"))))),
        ("as + ld + run", Box::new(|| assemble_link_run(&file("hello.s"), &file("hello2.o"), &file("hello")))),
        ("an empty process (true)", Box::new(|| run(&mut Command::new("true")))),
    ];
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        for ((_, candidate), times) in candidates.iter().zip(&mut times) {
            let start = Instant::now();
            candidate();
            times.push(start.elapsed());
        }
    }
    let medians = times.map(median);
    println!("{:<24} {:>12} {:>8}", "candidate", "median", "ratio");
    for ((name, _), time) in candidates.iter().zip(medians) {
        let ratio = time.as_secs_f64() / medians[1].as_secs_f64();
        println!("{name:<24} {:>9.3} ms {ratio:>8.2}", time.as_secs_f64() * 1e3);
    }
    drop(candidates);
    std::fs::remove_dir_all(&folder).unwrap();
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

fn assemble_link_run(source: &Path, object: &Path, program: &PathBuf) {
    run(Command::new("as").arg(source).arg("-o").arg(object));
    run(Command::new("ld").arg(object).arg("-o").arg(program));
    // `_start` ends in `ret`, which a process cannot: the run is timed, its end is not looked at.
    let _ = Command::new(program).stdout(Stdio::null()).status().unwrap();
}

//! What compilers make of one program, by every code model and level, position-independent and not, is loaded and run.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.

use std::ffi::c_char;
use std::path::{Path, PathBuf};
use std::process::Command;

use kiln::{Linker, Target};

const ONE: &str = r#"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
extern int table[5];
extern const char *const names[3];
extern int twice(int);
extern double half(double);
extern int missing(void) __attribute__((weak));
extern int common;
int common, zeros[100];
static int local = 3;
int global = 4;
int large[30000] = { 1, 2, 3 };
static char larger[200000];
#ifdef THREADS
extern __thread int other_counter;
static __thread int counter = 5;
__thread char block[24] = "thread";
#else
static int other_counter = 7, counter = 5;
static char block[24] = "thread";
#endif
typedef int function(int);
static int add(int n) { return n + local; }
static function *const functions[] = { add, twice };
function *volatile chosen = twice;
__attribute__((constructor)) static void start(void) { global += 10; }
__attribute__((noinline)) static int choose(int n) {
    switch (n) {
    case 0: return add(1);
    case 1: return twice(4);
    case 2: return table[3];
    case 3: return global;
    case 4: return zeros[n] + 9;
    case 5: return names[1][0];
    case 6: return (int)half(13.0);
    default: return -1;
    }
}
__attribute__((noinline)) static int sum(int count, ...) {
    va_list list;
    int total = 0;
    va_start(list, count);
    while (count-- > 0) total += va_arg(list, int);
    va_end(list);
    return total;
}
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
void run(char *out, size_t size) {
    int chosen_sum = 0, sorted[5];
    for (int n = 0; n < 8; n++) chosen_sum = chosen_sum * 3 + choose(n);
    memcpy(sorted, table, sizeof sorted);
    qsort(sorted, 5, sizeof *sorted, compare);
    common = 8;
    zeros[99] = common + functions[1](2) + functions[0](1) + chosen(5);
    large[20000] += large[2];
    larger[199999] = 6;
    counter += other_counter;
    errno = 0;
    long number = strtol("99999999999999999999", NULL, 10);
    snprintf(out, size, "%d %d,%d %d %d %d %s %s %.3f %d %d %d", chosen_sum, sorted[0], sorted[4], zeros[99],
        large[20000] + larger[199999], counter, block, names[2], half(5) + 0.125, sum(4, 1, 2, 3, local),
        missing ? 1 : 0, errno == ERANGE && number > 0);
#ifdef DATA
    extern char **environ;
    fprintf(stderr, "%s", "");
    if (!environ || fflush(stdout) || ferror(stdin)) strcat(out, " no data");
#endif
}
"#;

const TWO: &str = r#"
#ifdef THREADS
__thread int other_counter = 7;
#endif
extern int global;
int common;
int table[5] = { 5, 3, 9, 11, -2 };
const char *const names[3] = { "one", "two", "three" };
int *const pointer = &table[1];
int twice(int n) { return n * 2 + (*pointer - 3); }
double half(double x) { return x / 2 + (global - 14) * 0.5; }
"#;

const EXPECTED: &str = "19691 -2,11 26 9 12 thread three 2.625 9 0 1";

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(folder: &Path, compiler: &[String], options: &[&str]) -> String {
    let is_tiny = options.contains(&"-mcmodel=tiny");
    let position = options[1];
    let mut command = Command::new(&compiler[0]);
    command.current_dir(folder).args(&compiler[1..]).args(options).args(["-w", "-fcommon", "-c", "one.c", "two.c"]);
    // The kernel has its threads' variables elsewhere, and clang knows no way to those of other files in arm64's large model.
    let has_threads = match options[2] {
        "-mcmodel=kernel" => false,
        "-mcmodel=large" => cfg!(target_arch = "x86_64") || compiler[0] != "clang",
        _ => true,
    };
    command.args(has_threads.then_some("-DTHREADS"));
    // The tiny model takes a library's data for copies within 1 MiB, unless it is position-independent.
    command.args((!is_tiny || position == "-fPIC").then_some("-DDATA"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let mut linker = Linker::new(Target::host());
    for name in ["one.o", "two.o"] {
        linker.add_file(folder.join(name)).unwrap();
    }
    // SAFETY: the code above.
    let module = unsafe { linker.load() }.unwrap_or_else(|error| panic!("{compiler:?} {options:?}: {error}"));
    // SAFETY: the function's type.
    let run = unsafe { module.function::<extern "C" fn(*mut c_char, usize)>("run") }.unwrap();
    let mut out = [0u8; 256];
    run.call(out.as_mut_ptr().cast(), out.len() - 16);
    String::from_utf8_lossy(&out).trim_end_matches('\0').to_owned()
}

#[test]
fn every_model_runs() {
    let folder = Dir(std::env::temp_dir().join(format!("kiln-test-models-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    std::fs::write(folder.0.join("one.c"), ONE).unwrap();
    std::fs::write(folder.0.join("two.c"), TWO).unwrap();
    let gnu = Target::host().gnu_prefix().unwrap();
    let compilers = [vec![format!("{gnu}-gcc")], vec!["clang".to_owned(), format!("--target={gnu}")]];
    let models: &[(&str, &[&str])] = match cfg!(target_arch = "x86_64") {
        true => &[
            ("small", &["-fPIC", "-fpie", "-fno-pic"]),
            ("medium", &["-fPIC", "-fno-pic"]),
            ("large", &["-fPIC", "-fno-pic"]),
            ("kernel", &["-fno-pic"]),
        ],
        false => {
            &[("tiny", &["-fPIC", "-fno-pic"]), ("small", &["-fPIC", "-fpie", "-fno-pic"]), ("large", &["-fno-pic"])]
        }
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for compiler in &compilers {
        for (model, positions) in models {
            for position in *positions {
                for level in ["-O0", "-O1", "-O2", "-O3"] {
                    let found = run(&folder.0, compiler, &[level, position, &format!("-mcmodel={model}")]);
                    count += 1;
                    if found != EXPECTED {
                        wrong.push(format!("{} {level} {position} {model}: {found}", compiler[0]));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "expected {EXPECTED}\n{}", wrong.join("\n"));
    assert!(count >= 48, "{count}");
}

//! What compilers make of one program with the options of ordinary builds is loaded and run.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.

use std::ffi::c_char;
use std::path::{Path, PathBuf};
use std::process::Command;

use kiln::{Linker, Target};

const ONE: &str = r#"
#define _GNU_SOURCE
#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static __thread int counter = 3;
extern __thread int other_counter;
static int order[4], at, pieces;
__attribute__((constructor(200))) static void second(void) { order[at++] = 2; }
__attribute__((constructor(101))) static void first(void) { order[at++] = 1; }
__attribute__((constructor)) static void third(void) { order[at++] = 3; }
extern int other(int), missing(void) __attribute__((weak));
int added(int n) { return n + 1; }
extern int named(int) __attribute__((alias("added")));
__attribute__((section("mysection"), used)) static int in_section = 9;
extern int __start_mysection[], __stop_mysection[];
__attribute__((cold, noinline)) static int coldly(int n) { return n * 2; }
int odd(void) __asm__("odd.name");
int odd(void) { return 77; }
static int one(void) { return 1; }
static void *choose(void) { return (void *)one; }
int chosen(void) __attribute__((ifunc("choose")));
static jmp_buf back;
__attribute__((noinline)) static void jump(int n) { longjmp(back, n); }
__attribute__((noinline)) static int variable(int n) {
    int list[n], sum = 0;
    char *more = alloca(n * 3);
    for (int i = 0; i < n; i++) list[i] = i;
    memset(more, 1, n * 3);
    for (int i = 0; i < n; i++) sum += list[i];
    return sum + more[n];
}
__attribute__((noinline)) static int table(int n) {
    switch (n) { case 0: return 5; case 1: return 99; case 2: return -3; case 3: return 1000; case 4: return n * 7;
        case 5: return 2; case 6: return 11; default: return 0; }
}
__attribute__((noinline)) static int computed(const char *p) {
    static void *const places[] = { &&a, &&b, &&end };
    int sum = 0;
    goto *places[*p - 'a'];
a:  sum += 1; p++; goto *places[*p - 'a'];
b:  sum *= 10; p++; goto *places[*p - 'a'];
end: return sum;
}
typedef unsigned __int128 wide;
__attribute__((noinline)) static wide divide(wide a, wide b) { return a / b; }
__attribute__((noinline)) static long double longer(long double a) { return a * 3.5L + 1; }
static volatile double ten = 10.5;
static int atomic;
static void *thread(void *more) {
    counter += (int)(long)more;
    for (int i = 0; i < 1000; i++) __sync_fetch_and_add(&atomic, 1);
    return (void *)(long)(counter + other_counter);
}
extern int version_two(int), from_pieces, tentative_thread(void);
void run(char *out, size_t size, const char *text) {
    char buffer[32];
    void *result;
    pthread_t id;
    strcpy(buffer, text);
    int jumped = setjmp(back);
    if (!jumped) jump(4);
    pthread_create(&id, 0, thread, (void *)10L);
    pthread_join(id, &result);
    int n = snprintf(out, size, "%s %d %d %d %d%d%d %d %d %d %d %d %d %d", buffer, jumped, (int)(long)result, counter, order[0],
        order[1], order[2], missing ? 1 : 0, named(4), (int)(__stop_mysection - __start_mysection) * 10 + *__start_mysection,
        coldly(4), odd(), variable(10), chosen());
    for (int i = 0; i < 7; i++) n += snprintf(out + n, size - n, ",%d", table(i));
    snprintf(out + n, size - n, " %d %llx %.2Lf %d %d %d %d %d", computed("aabbc"),
        (unsigned long long)divide(((wide)7 << 100) + 1, (wide)3 << 40), longer(ten), other(3), atomic, version_two(4),
        from_pieces, tentative_thread());
}
"#;

/// With pieces of `.init`, versions of symbols, and a tentative definition of a thread-local variable.
const TWO: &str = r#"
__thread int other_counter = 100;
struct pair { double list[4]; int n; };
__attribute__((noinline)) struct pair make(int n) { struct pair pair = { { 1, 2, 3, n }, n }; return pair; }
__attribute__((noinline)) static double sum(const double *p, int n) {
    double total = 0;
    for (int i = 0; i < n; i++) total += p[i];
    return total;
}
int other(int n) {
    struct pair pair = make(n);
    double many[64];
    for (int i = 0; i < 64; i++) many[i] = i * n;
    return (int)(sum(pair.list, 4) + sum(many, 64)) + pair.n;
}
int version_one(int n) { return n; }
int version_two_of_two(int n) { return n * 2; }
__asm__(".symver version_one, version_two@ONE\n.symver version_two_of_two, version_two@@TWO\n");
volatile int from_pieces;
void piece(void) { from_pieces = from_pieces * 10 + 5; }
__attribute__((constructor(101))) static void after_pieces(void) { from_pieces = from_pieces * 10 + 1; }
#ifdef __x86_64__
__asm__(".section .init,\"ax\",@progbits\n call piece\n .p2align 4\n call piece\n .text\n");
#else
__asm__(".section .init,\"ax\",%progbits\n bl piece\n .p2align 4\n bl piece\n .text\n");
#endif
"#;

/// Assembly, which GNU `as` alone knows a tentative definition in.
const THREE: &str = r#"
extern __thread int tentative __attribute__((tls_model("initial-exec")));
__asm__(".tls_common tentative, 4, 4\n");
int tentative_thread(void) { return ++tentative; }
"#;

const EXPECTED: &str =
    "text 4 113 3 123 0 5 19 8 77 46 1,5,99,-3,1000,28,2,11 200 2555555555555555 37.75 6060 1000 8 551 1";

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn run(folder: &Path, compiler: &[&str], options: &str, libraries: &[String]) -> String {
    let mut command = Command::new(compiler[0]);
    command.current_dir(folder).args(&compiler[1..]).args(options.split_whitespace());
    output_of(command.args(["-w", "-c", "one.c", "two.c"]));
    let mut linker = Linker::new(Target::host());
    for name in ["one.o", "two.o", "three.o"] {
        linker.add_file(folder.join(name)).unwrap();
    }
    for library in libraries {
        linker.add_file(library).unwrap();
    }
    // It is hidden, with one of the options.
    linker.want(&["run"]);
    // SAFETY: the code above.
    let module = unsafe { linker.load() }.unwrap_or_else(|error| panic!("{compiler:?} {options}: {error}"));
    // SAFETY: the function's type.
    let run = unsafe { module.function::<extern "C" fn(*mut c_char, usize, *const c_char)>("run") }.unwrap();
    let mut out = [0u8; 256];
    run.call(out.as_mut_ptr().cast(), out.len(), c"text".as_ptr());
    let found = String::from_utf8_lossy(&out).trim_end_matches('\0').to_owned();
    if found == EXPECTED { String::new() } else { format!("{} {options}: {found}\n", compiler[0]) }
}

#[test]
fn options_of_ordinary_builds() {
    let folder = Dir(std::env::temp_dir().join(format!("kiln-test-forms-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    for (name, text) in [("one.c", ONE), ("two.c", TWO), ("three.c", THREE)] {
        std::fs::write(folder.0.join(name), text).unwrap();
    }
    let gnu = Target::host().gnu_prefix().unwrap();
    let gcc = &*format!("{gnu}-gcc");
    let clang = &*format!("--target={gnu}");
    output_of(Command::new(gcc).current_dir(&folder.0).args(["-O1", "-fPIC", "-c", "three.c"]));
    let library = |name: &str| output_of(Command::new(gcc).arg(format!("-print-file-name={name}")));
    let own = [library("libgcc.a")];
    let both = [
        "-O2 -ffunction-sections -fdata-sections -fpatchable-function-entry=4,2 -fno-asynchronous-unwind-tables",
        // On x86-64 `data16 rex.W call *__tls_get_addr@GOTPCREL(%rip)`.
        "-O2 -fPIC -fno-plt -ftls-model=global-dynamic",
        "-O1 -pg -g3 -gz=zlib -gsplit-dwarf",
        "-O2 -fPIC -fvisibility=hidden -fstack-protector-all -fno-jump-tables",
        "-O2 -D_FORTIFY_SOURCE=2 -fcommon -fmerge-all-constants -fstack-clash-protection",
        "-O1 -fsanitize=undefined -fsanitize-undefined-trap-on-error -finstrument-functions",
    ];
    let machine = match cfg!(target_arch = "x86_64") {
        true => ["-O2 -fcf-protection=full -pg -mfentry", "-Ofast -mno-red-zone -funroll-loops"],
        false => {
            ["-O2 -mbranch-protection=standard", "-O2 -mno-outline-atomics -mbranch-protection=bti -fPIC -fno-plt"]
        }
    };
    let gcc_alone = match cfg!(target_arch = "x86_64") {
        true => "-O2 -fPIC -mtls-dialect=gnu2 -mharden-sls=all -fzero-call-used-regs=all",
        false => "-O2 -fPIC -mtls-dialect=trad -mharden-sls=all -fzero-call-used-regs=all",
    };
    let mut wrong = String::new();
    for options in both.iter().chain(&machine) {
        wrong += &run(&folder.0, &[gcc], options, &own);
        wrong += &run(&folder.0, &["clang", clang], options, &own);
    }
    wrong += &run(&folder.0, &[gcc], gcc_alone, &own);
    wrong += &run(&folder.0, &[gcc], "-O2 -flto -ffat-lto-objects -fipa-icf", &own);
    let coverage = [&own[..], &[library("libgcov.a")]].concat();
    wrong += &run(&folder.0, &[gcc], "-O1 --coverage", &coverage);
    assert!(wrong.is_empty(), "expected {EXPECTED}\n{wrong}");
    // It is written when the module ends, by its own finalizer.
    assert!(folder.0.join("one.gcda").is_file(), "no record of what was covered");
}

//! `kiln call`
#![cfg(target_os = "linux")] // What compilers say of C's types, and which registers are whose, other systems have otherwise.

use crate::terminal::at_terminal;
use crate::{Dir, assembly, code, numbered};

const SOURCE: &str = r#"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
int total;
struct point { int x, y; };
typedef int compare(const void *, const void *);
enum colour { RED, GREEN };
long add(long a, long b) { total += 1; return a + b; }
double scale(double x, float f) { return x * f; }
float half(float f) { return f / 2; }
_Bool even(unsigned char c) { return c % 2 == 0; }
const char *pick(_Bool b) { return b ? "yes" : 0; }
int show(const char *text, int n) { for (int i = 0; i < n; i++) printf("%s %d\n", text, i); return n; }
void fill(char *out, unsigned n) { snprintf(out, n, "n is %u", n); }
void twice(int *xs, unsigned long n) { for (unsigned long i = 0; i < n; i++) xs[i] *= 2; }
unsigned long length(const void *bytes, unsigned long n) { return bytes ? n : 0; }
double mean(int n, ...) {
    va_list list;
    double sum = 0;
    va_start(list, n);
    for (int i = 0; i < n; i++) sum += va_arg(list, double);
    va_end(list);
    return sum / n;
}
enum colour next(enum colour c) { return c + 1; }
signed char low(int n) { return n; }
void order(void *base, compare *how, char **names, const int *const *p, void (*done)(char, ...)) {}
int sum_point(struct point p) { return p.x + p.y; }
__int128 wide(__int128 x) { return x; }
static int hidden(int x) { return x; }
int shown(int x) { return hidden(x); }
"#;

fn source() -> Dir {
    let dir = Dir::new();
    dir.write("sum.c", SOURCE);
    dir
}

#[test]
fn what_can_be_called_is_listed() {
    let dir = source();
    let list = "\
long int add(long int a, long int b)
_Bool even(unsigned char c)
void fill(char *out, unsigned int n)
float half(float f)
long unsigned int length(const void *bytes, long unsigned int n)
signed char low(int n)
double mean(int n, ...)
enum colour next(enum colour c)
void order(void *base, compare *how, char **names, const int *const *p, void (*done)(char, ...))
const char *pick(_Bool b)
double scale(double x, float f)
int show(const char *text, int n)
int shown(int x)
int sum_point(struct point p)  // passes what cannot be given here
void twice(int *xs, long unsigned int n)
__int128 wide(__int128 x)  // passes what cannot be given here
";
    dir.kiln(["call", "sum.c"]).prints(list);
    dir.write("add.s", assembly(".globl @add\n@add: ret\n", ".globl @add\n@add: ret\n"));
    dir.kiln(["call", "add.s"]).prints("add  // no debug information: give --sig\n");
    dir.write("code.bin", [0xc3]);
    dir.kiln(["call", "code.bin"]).prints("_start  // flat code, entered at its first byte\n");
    let (status, said) = at_terminal(dir.kiln(["call", "add.s"]), 80);
    assert_eq!((status, &*said), (0, "add  ^[2m// no debug information: give --sig^[0m\n"));
}

#[test]
fn by_prototype() {
    let dir = source();
    for (words, printed) in [
        (&["add", "2", "40"][..], "42\n"),
        (&["add", "-2", "-40"], "-42\n"),
        (&["add", "--", "-0x2", "-0x28"], "-42\n"),
        (&["scale", "1.5", "3"], "4.5\n"),
        (&["half", "3"], "1.5\n"),
        (&["half", "inf"], "inf\n"),
        (&["even", "3"], "false\n"),
        (&["even", "'b'"], "true\n"),
        (&["pick", "true"], "yes\n"),
        (&["pick", "0"], "null\n"),
        (&["show", "a b", "2"], "a b 0\na b 1\n2\n"),
        (&["fill", "[u8; 32]", "32"], "out: \"n is 32\"\n"),
        (&["fill", "[u8; 4]", "0"], "out: [0, 0, 0, 0]\n"),
        (&["twice", "i32[1, 2, -3]", "3"], "xs: [2, 4, -6]\n"),
        (&["length", "0x1000", "7"], "7\n"),
        (&["length", "null", "7"], "0\n"),
        (&["mean", "4", "1.5", "2.0", "-3.0", "1e2"], "25.125\n"),
        (&["next", "0"], "1\n"),
        (&["low", "200"], "-56\n"),
    ] {
        dir.kiln([&["call", "sum.c"], words].concat()).prints(printed);
    }
}

#[test]
fn by_signature() {
    let dir = Dir::new();
    dir.write(
        "add.s",
        assembly(".globl @add\n@add: lea (%rdi,%rsi), %rax\nret\n", ".globl @add\n@add: add x0, x0, x1\nret\n"),
    );
    let with = |signature: &'static str, words: &[&'static str]| {
        dir.kiln([&["call", "add.s", "add"], words, &["--sig", signature]].concat())
    };
    with("i64(i64, i64)", &["2", "40"]).prints("42\n");
    with("u8(u8, u8)", &["200", "100"]).prints("44\n");
    with("i8(i8, i8)", &["100", "100"]).prints("-56\n");
    with("ptr(ptr, u64)", &["0x1000", "0x234"]).prints("0x1234\n");
    with("void(i64, i64)", &["2", "40"]).prints("");
    with("bool(bool, bool)", &["true", "false"]).prints("true\n");
    // Pointer and length.
    with("u64(u64, bytes)", &["1", "text"]).output();
    dir.compile(
        "unsigned long crc(const unsigned char *p, unsigned long n) { unsigned long s = 0; while (n--) s += *p++; return s; }",
        "crc.o",
    );
    dir.write("data", [1, 2, 250]);
    for (bytes, sum) in [("abc", "294\n"), ("hex:01 02ff", "258\n"), ("@data", "253\n"), ("", "0\n")] {
        dir.kiln(["call", "crc.o", "crc", bytes, "--sig", "u64(bytes)"]).prints(sum);
    }
    // Several files, linked together.
    dir.compile("long add(long, long); long three(long a) { return add(a, 3); }", "three.o");
    dir.kiln(["call", "three.o", "add.s", "three", "4", "--sig", "i64(i64)"]).prints("7\n");
}

#[test]
fn flat_code() {
    let dir = Dir::new();
    dir.write(
        "add.s",
        assembly(".globl @add\n@add: lea (%rdi,%rsi), %rax\nret\n", ".globl @add\n@add: add x0, x0, x1\nret\n"),
    );
    dir.kiln(["flat", "add.s", "-o", "add.bin"]).prints("");
    dir.kiln(["call", "add.bin", "_start", "2", "40", "--sig", "i64(i64, i64)"]).prints("42\n");
}

#[test]
fn as_json() {
    let dir = source();
    dir.kiln(["call", "sum.c", "twice", "i32[1, -2]", "2", "--json"]).prints(
        "{\"buffers\":[{\"element\":\"i32\",\"name\":\"xs\",\"values\":[2,-4]}],\"function\":\"twice\",\"result\":null,\"signature\":\"void(xs: ptr, n: u64)\"}\n",
    );
    dir.kiln(["call", "sum.c", "half", "nan", "--json"])
        .prints("{\"buffers\":[],\"function\":\"half\",\"result\":\"NaN\",\"signature\":\"f32(f: f32)\"}\n");
}

#[test]
fn what_does_not_fit() {
    let dir = source();
    for (words, said) in [
        (
            &["add", "1"][..],
            "add: argument 2 (`b`, i64) is missing\n  next: it is `long int add(long int a, long int b)`\n",
        ),
        (
            &["add", "1", "x"],
            "add: argument 2 (`b`, i64): `x` is no whole number\n  next: it is `long int add(long int a, long int b)`\n",
        ),
        (
            &["even", "256"],
            "even: argument 1 (`c`, u8): 256 is not in 0..=255\n  next: it is `_Bool even(unsigned char c)`\n",
        ),
        (
            &["sum_point", "1"],
            "`int sum_point(struct point p)` cannot be called: `p` is a struct (`struct point`) passed by value\n  \
             next: write a function in C that takes a pointer to it, and calls this one\n",
        ),
        (
            &["wide", "1"],
            "`__int128 wide(__int128 x)` cannot be called: it returns of the type `__int128`, which `kiln call` does not pass\n  \
             next: write a function in C that takes a pointer to it, and calls this one\n",
        ),
        (
            &["nope"],
            "sum.c: there is no global symbol `nope` to call\n  \
             next: there are add, even, fill, half, length, low, mean, next, order, pick, scale, show; `kiln call sum.c` lists them\n",
        ),
        (
            &["other.o", "f"],
            "sum.c: there is no global symbol `other.o` to call\n  next: if `other.o` is a file: there is none of that name\n",
        ),
        (
            &["add", "1", "2", "--sig", "i64(i64, struct point)"],
            "--sig: a struct by value is not passed: write a function in C that takes a pointer to it\n  \
             next: write it as 'i64(i64, ptr, f64)'\n",
        ),
    ] {
        dir.kiln([&["call", "sum.c"], words].concat()).refuses(&format!("kiln: error: {said}"));
    }
    dir.write("add.s", assembly(".globl @add\n@add: ret\n", ".globl @add\n@add: ret\n"));
    dir.kiln(["call", "add.s", "add"]).refuses(
        "\
kiln: error: add.s: no debug information says what `add` takes and returns
  next: say it with --sig 'i64(i64, ptr, f64)', or compile with -g
",
    );
}

/// Whoever does not return is told apart: by `exit`, behind the library's back, not at all, by a signal.
#[test]
fn who_does_not_return() {
    let dir = Dir::new();
    dir.write(
        "end.s",
        assembly(
            ".globl @raw, @leave, @spin, @deaf
@raw: mov $60, %eax\nmov $3, %edi\nsyscall
@leave: sub $8, %rsp\nmov $4, %edi\ncall exit
@spin: jmp @spin\n",
            ".globl @raw, @leave, @spin, @deaf
@raw: mov x8, #93\nmov x0, #3\nsvc #0
@leave: mov x0, #4\nb exit
@spin: b @spin\n",
        ),
    );
    // On a busy machine a process needs a second to begin.
    let call = |name: &'static str| {
        dir.kiln(["call", "end.s", name, "--sig", "void()", "--timeout", if name == "spin" { "3" } else { "60" }])
    };
    let next = "  next: to run a program that ends itself, use `kiln run`\n";
    call("raw").refuses(&format!(
        "kiln: error: end.s: `raw` did not return: it ended the process by a system call, with status 3\n{next}"
    ));
    call("leave")
        .refuses(&format!("kiln: error: end.s: `leave` did not return: it called `exit`, with status 4\n{next}"));
    let output = call("spin").output();
    let said = numbered(&String::from_utf8(output.stderr).unwrap());
    assert!(said.starts_with("kiln: error: end.s: not back after 3 s, in `spin`+0x0 (pc <address 1>)\n"), "{said}");
    assert_eq!(output.status.code(), Some(124));
    dir.compile(
        "#include <signal.h>\nvoid deaf(void) { sigset_t all; sigfillset(&all); sigprocmask(SIG_SETMASK, &all, 0); *(volatile int *)8 = 1; }",
        "deaf.o",
    );
    let output = dir.kiln(["call", "deaf.o", "deaf", "--sig", "void()"]).output();
    let said = String::from_utf8(output.stderr).unwrap();
    // qemu-user says itself what ends without a handler.
    let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("qemu: ")).collect();
    let expected = "kiln: error: deaf.o: `deaf` was ended by SIGSEGV, and nothing could be said of it: it blocked the signal, or left no stack";
    assert_eq!((code(output.status), &said[..]), (139, &[expected][..]));
}

#[test]
fn checked_calls() {
    let dir = Dir::new();
    dir.write(
        "bad.s",
        assembly(
            ".globl @keeps, @clobbers, @stack, @calls, @misaligned, @direction
@keeps: push %rbx\nmov $1, %rbx\npop %rbx\nret
@clobbers: mov $1, %ebx\nmov $2, %r14d\nret
@stack: pop %rax\nsub $8, %rsp\njmp *%rax
@calls: sub $8, %rsp\ncall getpid\nadd $8, %rsp\nret
@misaligned: nop\ncall getpid\nret
@direction: std\nret\n",
            ".globl @keeps, @clobbers, @stack, @calls, @misaligned, @direction
@keeps: stp x19, x30, [sp, #-16]!\nmov x19, #1\nldp x19, x30, [sp], #16\nret
@clobbers: mov x19, #1\nmov x28, #2\nfmov d8, #1.0\nret
@stack: sub sp, sp, #16\nret
@calls: stp x29, x30, [sp, #-16]!\nbl getpid\nldp x29, x30, [sp], #16\nret
@misaligned: mov x9, x30\nsub sp, sp, #8\nmov x19, x9\nbl getpid\nadd sp, sp, #8\nmov x30, x19\nret
@direction: ret\n",
        ),
    );
    let call = |name: &'static str| dir.kiln(["call", "bad.s", name, "--sig", "void()", "--check"]);
    let error = |said: &str| said.lines().map(|line| format!("kiln: error: {line}\n")).collect::<String>();
    call("keeps").prints("");
    call("calls").prints("");
    call("clobbers").gives(
        1,
        "",
        &error(&assembly(
            "`clobbers` changed rbx, which it must leave as it was: <address 1> before, 0x1 after
`clobbers` changed r14, which it must leave as it was: <address 2> before, 0x2 after",
            "`clobbers` changed x19, which it must leave as it was: <address 1> before, 0x1 after
`clobbers` changed x28, which it must leave as it was: <address 2> before, 0x2 after
`clobbers` changed d8, which it must leave as it was: <address 3> before, <address 4> after",
        )),
    );
    call("stack").gives(
        1,
        "",
        &error(&assembly("`stack` left rsp too low by 8 bytes", "`stack` left sp too low by 16 bytes")),
    );
    call("misaligned").gives(
        1,
        "",
        &error(&assembly(
            "`misaligned` called `getpid` with a stack pointer that is no multiple of 16 (the call returns to `misaligned`+0x6)",
            "`misaligned` changed x19, which it must leave as it was: <address 1> before, <address 2> after
`misaligned` called `getpid` with a stack pointer that is no multiple of 16 (the call returns to `misaligned`+0x10)",
        )),
    );
    if cfg!(target_arch = "x86_64") {
        call("direction").gives(
            1,
            "",
            "kiln: error: `direction` left the direction flag set: the next string instruction would go backwards\n",
        );
    }
}

#[test]
fn registers_and_times() {
    let dir = Dir::new();
    dir.write(
        "set.s",
        assembly(
            ".globl @set\n@set: mov $0x1111, %ecx\nmov $0x3ff8000000000000, %rax\nmovq %rax, %xmm9\nret\n",
            ".globl @set\n@set: mov x9, #0x1111\nmov x0, #0x3ff8000000000000\nfmov d9, #1.5\nret\n",
        ),
    );
    let output = String::from_utf8(dir.kiln(["call", "set.s", "set", "--sig", "void()", "--regs"]).bytes()).unwrap();
    let lines: Vec<&str> = output.lines().collect();
    let wanted = assembly(
        "rcx    0x1111\nrax    0x3ff8000000000000\nxmm9   0x0000000000000000_3ff8000000000000  1.5",
        "x9     0x1111\nx0     0x3ff8000000000000\nv9     0x0000000000000000_3ff8000000000000  1.5",
    );
    for line in wanted.lines() {
        assert!(lines.contains(&line), "{line} is not in\n{output}");
    }
    let output =
        String::from_utf8(dir.kiln(["call", "set.s", "set", "--sig", "void()", "--repeat", "1000"]).bytes()).unwrap();
    let rest = output.split_once(" ns per call (").unwrap_or_else(|| panic!("{output}"));
    assert!(rest.0.parse::<f64>().is_ok() && rest.1.contains("median of 999 calls"), "{output}");
    // What takes no time to speak of still takes some, and what takes more shows it.
    dir.write("loop.c", "void turn(long n) { for (volatile long i = 0; i < n; i++); }\n");
    let median = |arguments: &[&str]| {
        let json = dir.kiln(["call", "--json", "--repeat", "100000"].iter().chain(arguments)).bytes();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let [least, median, most, alone] =
            ["least_ns", "median_ns", "most_ns", "loop_ns"].map(|key| json["time"][key].as_f64().unwrap());
        assert!(0.0 < alone && 0.0 < least && least <= median && median <= most, "{json}");
        median
    };
    let (short, long) = (median(&["loop.c", "turn", "0"]), median(&["loop.c", "turn", "1000"]));
    assert!(short < long / 20.0, "{short} {long}");
    // Not what would lose its way.
    dir.write(
        "loses.s",
        assembly(".globl @loses\n@loses: xor %ebx, %ebx\nret\n", ".globl @loses\n@loses: mov x19, #0\nret\n"),
    );
    let register = if cfg!(target_arch = "x86_64") { "rbx" } else { "x19" };
    dir.kiln(["call", "loses.s", "loses", "--sig", "void()", "--time"]).gives(
        2,
        "",
        &format!("kiln: error: `loses` cannot be timed: it does not leave {register} as it was\n  next: see what else it breaks with --check\n"),
    );
    // As often as asked for, and not once more.
    dir.write("count.c", "long n; long count(void) { return ++n; }\nlong say(void) { return n; }\n");
    let json = String::from_utf8(dir.kiln(["call", "count.c", "count", "--repeat", "50", "--json"]).bytes()).unwrap();
    assert!(json.contains("\"calls\":49") && json.contains("\"result\":1,"), "{json}");
}

/// Prototypes come from the members of an archive too, and source lines when one of them crashes.
#[test]
fn archives_are_described() {
    let dir = Dir::new();
    dir.compile_debug("long add(long a, long b) {\n    return a + b;\n}\n", "add.c");
    dir.compile_debug("int first(const int *numbers) {\n    return numbers[0];\n}\n", "first.c");
    dir.tool("ar", ["rc", "lib.a", "add.o", "first.o"]);
    dir.kiln(["call", "lib.a"]).prints("long int add(long int a, long int b)\nint first(const int *numbers)\n");
    dir.kiln(["call", "lib.a", "add", "2", "40"]).prints("42\n");
    let output = dir.kiln(["call", "lib.a", "first", "0"]).output();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("first.c:2") && said.contains("lib.a(first.o)"), "{said}");
    // From a pipe, which can be read once; the members of a thin archive are where it says.
    let piped = dir.kiln(["call", "/dev/stdin", "add", "2", "40"]).input(dir.read("lib.a"));
    piped.prints("42\n");
    dir.tool("ar", ["rcT", "thin.a", "add.o", "first.o"]);
    dir.kiln(["call", "thin.a"]).prints("long int add(long int a, long int b)\nint first(const int *numbers)\n");
}

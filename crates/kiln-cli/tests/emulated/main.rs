//! `kiln run --target aarch64-apple-darwin`: programs for Apple Silicon in an emulated process, with all that they print.
//!
//! Needs the emulator: `KILN_DARWIN_RUN=$(cargo xtask darwin-run) cargo test -p kiln-cli --test emulated`.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../programs/expected.rs"]
mod expected;
mod programs;
#[path = "../rows/row.rs"]
mod row;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of one test, which goes away with it.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("kiln-test-emulated-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        fs::create_dir(dir.join(".tmp")).unwrap();
        Dir(dir)
    }

    fn write(&self, name: &str, text: &str) -> &Dir {
        fs::write(self.0.join(name), text).unwrap();
        self
    }

    fn kiln(&self, args: &[&str]) -> Output {
        let emulator = std::env::var_os("KILN_DARWIN_RUN").expect("KILN_DARWIN_RUN: see the head of this file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command.args(args).current_dir(&self.0).env("TMPDIR", self.0.join(".tmp"));
        let output = command.env("KILN_DARWIN_RUN", emulator).env_remove("KILN_CC").output().unwrap();
        assert_eq!(fs::read_dir(self.0.join(".tmp")).unwrap().count(), 0, "{args:?} left something");
        output
    }

    /// Runs it emulated and compares everything.
    #[track_caller]
    fn gives(&self, args: &[&str], status: i32, stdout: &str, stderr: &str) {
        let output = self.kiln(&[&["run", "--target", "aarch64-apple-darwin"], args].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found = (output.status.code(), text(&output.stdout), text(&output.stderr));
        assert_eq!(found, (Some(status), stdout.to_owned(), stderr.to_owned()), "{args:?}");
    }

    /// Compiles for Apple Silicon.
    fn object(&self, source: &str, object: &str) {
        let mut clang = Command::new("clang");
        clang.args(["-target", "arm64-apple-macos11", "-O1", "-c", source, "-o", object]).current_dir(&self.0);
        assert!(clang.status().unwrap().success(), "{clang:?}");
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    path.canonicalize().unwrap().to_str().unwrap().to_owned()
}

/// The proof of concept's two programs: raw system calls of Darwin's, as source, as objects and as flat code.
#[test]
fn the_two_programs() {
    let dir = Dir::new();
    let (hello, write) = (example("hello.S"), example("write.S"));
    dir.gives(&[&hello], 0, "Hello World From Kiln!\n", "");
    dir.gives(&[&write, "Hello", "from Tim"], 0, "Hello from Tim\n", "");
    assert!(dir.kiln(&["asm", &write, "-o", "write.o", "--target", "aarch64-apple-darwin"]).status.success());
    dir.gives(&["write.o", "from an object"], 0, "from an object\n", "");
    assert!(dir.kiln(&["flat", "write.o", "-o", "write.bin"]).status.success());
    dir.gives(&["write.bin", "from flat code"], 0, "from flat code\n", "");
    // Without text there is nothing to write.
    dir.gives(&["write.o"], 0, "", "");
}

/// libSystem's functions and variables, by calls, through the GOT, and by pointers; Apple's variadic arguments are on the stack.
#[test]
fn functions_of_the_system() {
    let dir = Dir::new();
    dir.write(
        "main.c",
        r#"
int printf(const char *, ...), snprintf(char *, unsigned long, const char *, ...), fflush(void *);
typedef struct __sFILE FILE;
extern FILE *__stderrp;
int fprintf(FILE *, const char *, ...);
void *malloc(unsigned long), free(void *), *memcpy(void *, const void *, unsigned long);
unsigned long strlen(const char *);
long write(int, const void *, unsigned long);
void qsort(void *, unsigned long, unsigned long, int (*)(const void *, const void *));
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int (*print)(const char *, ...) = printf;
const char *const names[] = {"zero", "one", "two", "three"};
int main(int argc, char **argv, char **envp, char **apple) {
    char *text = malloc(64);
    memcpy(text, "from malloc\n", 13);
    write(1, text, strlen(text));
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof numbers[0], compare);
    snprintf(text, 64, "%d %ld %.3f %c", numbers[0], -5L, 2.5, 'x');
    print("%s %d %s %s\n", text, numbers[2], names[argc], argv[argc - 1]);
    fprintf(__stderrp, "%s %s %d\n", argv[0], argv[1], envp[0] && apple[0]);
    free(text);
    return 7;
}
"#,
    );
    dir.gives(&["main.c", "one", "two words"], 7, "from malloc\n1 -5 2.500 x 3 three two words\n", "main.c one 1\n");
}

/// Several files, an archive of which only what is wanted is taken, constructors, finalizers, and thread-local variables with
/// pointers in them.
#[test]
fn programs_of_several_files() {
    let dir = Dir::new();
    dir.write("util.c", "_Thread_local int count = 5;\nint next(void) { return ++count; }\n");
    dir.write("other.c", "int missing(void);\nint other(void) { return missing(); }\n");
    dir.write(
        "main.c",
        r#"
int printf(const char *, ...), next(void), atexit(void (*)(void));
int pthread_create(void **, void *, void *(*)(void *), void *), pthread_join(void *, void **);
static int value = 3;
_Thread_local int *pointer = &value;
static _Thread_local long zeros[4];
static const char *when = "never";
__attribute__((constructor)) static void before(void) { when = "before"; }
static void after(void) { printf("after\n"); }
static void *thread(void *unused) {
    zeros[3] += 1;
    printf("thread: %d %d %ld\n", next(), ++*pointer, zeros[3]);
    return unused;
}
int main(void) {
    void *other;
    atexit(after);
    zeros[3] = 10;
    printf("%s: %d %d\n", when, next(), next());
    pthread_create(&other, 0, thread, 0);
    pthread_join(other, 0);
    printf("main: %d %d %ld\n", next(), *pointer, zeros[3]);
}
"#,
    );
    for name in ["util", "other", "main"] {
        dir.object(&format!("{name}.c"), &format!("{name}.o"));
    }
    let mut ar = Command::new("llvm-ar-22");
    assert!(
        ar.args(["--format=darwin", "rcs", "all.a", "util.o", "other.o"])
            .current_dir(&dir.0)
            .status()
            .unwrap()
            .success()
    );
    let said = "before: 6 7\nthread: 6 4 1\nmain: 8 4 10\nafter\n";
    dir.gives(&["main.o", "all.a", "--"], 0, said, "");
    // What is wanted of the other one is named, with who wants it.
    dir.gives(
        &["main.o", "util.o", "other.o", "--"],
        2,
        "",
        "\
kiln: error: undefined symbol `missing`, wanted by other.o
  next: give the files that define them too; of libSystem, the emulated process has what `kiln-darwin-run --imports` prints
",
    );
}

/// What loaders get wrong about ordinary objects.
#[test]
fn rows() {
    for row in row::rows() {
        let dir = Dir::new();
        let objects = row.compile(&dir.0);
        let args: Vec<&str> = objects.iter().map(String::as_str).chain(["--"]).collect();
        dir.gives(&args, row.status, &row.stdout, "");
    }
}

/// How a program ends that does not end by itself is never taken for a status of its own.
#[test]
fn endings() {
    let dir = Dir::new();
    dir.write("exit.s", ".globl _main\n.p2align 2\n_main: mov x0, #81\nmov x16, #1\nsvc #0x80\n");
    dir.gives(&["exit.s"], 81, "", "");
    dir.write("fault.c", "int main(void) { return *(volatile int *)8; }\n");
    let stderr = "kiln: error: fault.c: ended by SIGSEGV at `main`+0x4\n";
    dir.gives(&["fault.c"], 139, "", stderr);
    dir.write("abort.c", "void abort(void);\nint main(void) { abort(); }\n");
    let stderr = "kiln: error: abort.c: ended by SIGABRT at `abort`, called by `main`+0x8\n";
    dir.gives(&["abort.c"], 134, "", stderr);
    dir.write("constant.c", "static const int one = 1;\nint main(void) { *(volatile int *)&one = 2; return one; }\n");
    let output = dir.kiln(&["run", "--target", "aarch64-apple-darwin", "constant.c"]);
    assert_eq!(output.status.code(), Some(135), "{}", String::from_utf8_lossy(&output.stderr));
    dir.write("hang.c", "int main(void) { for (;;) ; }\n");
    dir.gives(&["--timeout", "1", "hang.c"], 124, "", "kiln: error: hang.c: not back after 1 s\n");
    dir.write("call.s", ".globl _main\n.p2align 2\n_main: mov x16, #4000\nsvc #0x80\nret\n");
    let output = dir.kiln(&["run", "--target", "aarch64-apple-darwin", "call.s"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("kiln: error: call.s: emulation cannot go on: not modelled: "), "{stderr}");
    assert_eq!(output.status.code(), Some(125));
}

/// What cannot be a program for macOS is refused by name before anything runs.
#[test]
fn refusals() {
    let dir = Dir::new();
    dir.write("literal.s", ".globl _main\n.p2align 2\n_main: ldr x0, 1f\nret\n1: .quad _main\n");
    dir.gives(
        &["literal.s"],
        2,
        "",
        "\
kiln: error: literal.s: __text+0x8: the address of `main` stands in the text, where a program for macOS cannot have one: it is \
loaded anywhere, and its text is signed
  next: load the address with adrp and add, or keep it in a data section
",
    );
    dir.write(
        "direct.s",
        ".globl _main\n.p2align 2\n_main: adrp x0, _environ@PAGE\nadd x0, x0, _environ@PAGEOFF\nret\n",
    );
    let output = dir.kiln(&["run", "--target", "aarch64-apple-darwin", "direct.s"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), stderr.contains("`environ`"), stderr.contains("next: ")),
        (Some(2), true, true),
        "{stderr}"
    );
    assert!(
        dir.kiln(&["asm", &example("hello.S"), "-o", "elf.o", "--target", "aarch64-unknown-linux-gnu"])
            .status
            .success()
    );
    let refused = |file: &str| {
        format!(
            "kiln: error: {file}: this is an ELF object, and not for macOS\n  next: build it for aarch64-apple-darwin\n"
        )
    };
    dir.gives(&["elf.o"], 2, "", &refused("elf.o"));
    let mut ar = Command::new("llvm-ar-22");
    assert!(ar.args(["rcs", "elf.a", "elf.o"]).current_dir(&dir.0).status().unwrap().success());
    dir.gives(&["elf.a"], 2, "", &refused("elf.a(elf.o)"));
    // Half of an address.
    dir.write("half.s", ".globl _main\n.p2align 2\n_main: ret\n.data\n.long 1\nhalf: .long _main\n");
    let output = dir.kiln(&["run", "--target", "aarch64-apple-darwin", "half.s"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.contains("half.s: __data+0x4")), (Some(2), true), "{stderr}");
}

/// A program that a linker made, signed or not.
#[test]
fn programs_that_are_linked() {
    let dir = Dir::new();
    dir.write(
        "main.c",
        "int puts(const char *);\nint main(int argc, char **argv) { puts(argv[argc - 1]); return argc; }\n",
    );
    dir.object("main.c", "main.o");
    let output = Command::new("rustc").args(["--print", "target-libdir"]).output().unwrap();
    let libraries = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    let linker = libraries.with_file_name("bin").join("rust-lld");
    for (name, signs) in [("signed", "-adhoc_codesign"), ("unsigned", "-no_adhoc_codesign")] {
        let mut command = Command::new(&linker);
        command.args(["-flavor", "darwin", "-arch", "arm64", "-undefined", "dynamic_lookup", "-o", name, signs]);
        command.args(["-platform_version", "macos", "11.0", "11.0", "main.o"]).current_dir(&dir.0);
        assert!(command.status().unwrap().success());
        dir.gives(&[name, "text"], 2, "text\n", "");
    }
}

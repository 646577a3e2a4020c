//! `kiln run`

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use kiln::{Arch, Os, Target};

use crate::{Dir, RETURN, assembly, code, gnu};

/// `_start` calls `helper`, of another file, and returns.
fn caller() -> String {
    assembly(
        ".text\n.globl @_start\n@_start: sub $8, %rsp\ncall @helper\nadd $8, %rsp\nret\n",
        ".text\n.globl @_start\n.p2align 2\n@_start: stp x29, x30, [sp, #-16]!\nbl @helper\nldp x29, x30, [sp], #16\nret\n",
    )
}

/// `helper` and `again` print with the C library.
const HELPER: &str = r#"
#include <stdio.h>
void helper(void) { puts("helped"); fflush(stdout); }
void again(void) { puts("helped again"); fflush(stdout); }
"#;

#[test]
fn hello() {
    let dir = Dir::with_examples();
    dir.kiln(["run", "examples/hello.S"]).prints("Hello World From Kiln!\n");
    assert_eq!(dir.names(), ["examples"]);
}

#[test]
fn write() {
    let dir = Dir::with_examples();
    dir.kiln(["run", "examples/write.S", "Hello from Tim"]).prints("Hello from Tim\n");
    dir.kiln(["run", "examples/write.S", "Hello", "from", "Tim"]).prints("Hello from Tim\n");
    dir.kiln(["run", "examples/write.S", "Grüße"]).prints("Grüße\n");
    dir.kiln(["run", "examples/write.S", ""]).prints("\n");
    // A null pointer and a length of 0.
    dir.kiln(["run", "examples/write.S"]).prints("");
}

#[test]
fn source_without_the_preprocessor() {
    let dir = Dir::with_examples();
    let compiler =
        if cfg!(target_os = "linux") { format!("{}-gcc", gnu(Target::host().arch())) } else { "cc".to_owned() };
    for name in ["hello", "write"] {
        let source = format!("examples/{name}.S");
        let text = dir.tool(&compiler, ["-E", "-P", &source]);
        dir.write(&format!("{name}.s"), text);
    }
    dir.kiln(["run", "hello.s"]).prints("Hello World From Kiln!\n");
    dir.kiln(["run", "write.s", "Hello", "from", "Tim"]).prints("Hello from Tim\n");
    dir.write("return.s", RETURN);
    dir.kiln(["run", "return.s"]).prints("");
}

#[test]
fn source_finds_what_it_includes() {
    let dir = Dir::with_examples();
    dir.write("apart/top.S", "#include \"rest.S\"\n");
    dir.write("apart/rest.S", dir.read("examples/hello.S"));
    dir.write("apart/plain.s", ".include \"value.s\"\n.globl _start\n_start: ret\n.long value\n");
    dir.write("apart/value.s", ".set value, 7\n");
    dir.kiln(["run", "apart/top.S"]).prints("Hello World From Kiln!\n");
    dir.kiln(["run", "apart/plain.s"]).prints("");
}

#[test]
fn object_files() {
    let dir = Dir::with_examples();
    for name in ["hello", "write"] {
        dir.kiln(["asm", &format!("examples/{name}.S")]).prints("");
    }
    assert_eq!(dir.names(), ["examples", "hello.o", "write.o"]);
    dir.kiln(["run", "hello.o"]).prints("Hello World From Kiln!\n");
    dir.kiln(["run", "write.o", "Hello from Tim"]).prints("Hello from Tim\n");
    // What it is, the contents say, not the name.
    dir.write("hello", dir.read("hello.o"));
    dir.kiln(["run", "./hello"]).prints("Hello World From Kiln!\n");
}

#[test]
#[cfg(target_os = "linux")] // What other systems link has more than text in it.
fn text_of_a_linked_file() {
    let dir = Dir::with_examples();
    let linker = format!("{}-ld", gnu(Target::host().arch()));
    for name in ["hello", "write"] {
        dir.kiln(["asm", &format!("examples/{name}.S")]).prints("");
        dir.tool(&linker, ["-o", name, &format!("{name}.o")]);
    }
    dir.kiln(["run", "hello"]).prints("Hello World From Kiln!\n");
    dir.kiln(["run", "write", "Hello", "from Tim"]).prints("Hello from Tim\n");
}

/// Its text holds a message that it finds by page and offset, where the architecture does that.
#[test]
#[cfg(target_os = "linux")]
fn text_of_a_linked_file_keeps_its_place_in_the_page() {
    let dir = Dir::new();
    let text = assembly(
        "lea msg(%rip), %rsi\nmov $1, %edi\nmov $3, %edx\nmov $1, %eax\nsyscall\nret\n",
        "adrp x1, msg\nadd x1, x1, :lo12:msg\nmov x0, #1\nmov x2, #3\nmov x8, #64\nsvc #0\nret\n",
    );
    dir.write("paged.s", format!(".text\n.globl _start\n_start:\n{text}msg: .ascii \"ok\\n\"\n"));
    dir.kiln(["run", "paged.s"]).prints("ok\n");
    dir.kiln(["asm", "paged.s"]).prints("");
    dir.tool(&format!("{}-ld", gnu(Target::host().arch())), ["-o", "paged", "paged.o"]);
    dir.kiln(["run", "paged"]).prints("ok\n");
}

#[test]
fn flat_code() {
    let dir = Dir::with_examples();
    for name in ["hello.bin", "hello.flat", "hello.raw"] {
        dir.kiln(["flat", "examples/hello.S", "-o", name]).prints("");
        dir.kiln(["run", name]).prints("Hello World From Kiln!\n");
    }
    dir.kiln(["flat", "examples/write.S", "-o", "write.bin"]).prints("");
    dir.kiln(["run", "write.bin", "Hello from Tim"]).prints("Hello from Tim\n");
}

#[test]
fn flat_code_entered_at_an_offset() {
    let dir = Dir::with_examples();
    dir.kiln(["flat", "examples/write.S", "-o", "write.bin"]).prints("");
    // Whoever enters it at its first byte is stopped: zeros are no instruction on arm64 and write to null on x86-64.
    let padded = [vec![0; 16], dir.read("write.bin")].concat();
    dir.write("padded.bin", padded);
    dir.kiln(["run", "--entry", "0x10", "padded.bin", "Hello"]).prints("Hello\n");
    dir.kiln(["run", "--entry=16", "padded.bin", "Hello"]).prints("Hello\n");
    dir.kiln(["run", "padded.bin", "--entry", "0x1_0", "Hello"]).prints("Hello\n");
}

#[test]
fn another_entry() {
    let dir = Dir::new();
    dir.compile(HELPER, "helper.o");
    dir.kiln(["run", "helper.o", "--entry", "helper"]).prints("helped\n");
    dir.kiln(["run", "--entry=again", "helper.o"]).prints("helped again\n");
    // Named, `main` is as any other: its result is not the exit status.
    dir.compile("int main(void) { return 7; }", "main.o");
    dir.kiln(["run", "--entry", "main", "main.o"]).prints("");
}

#[test]
fn several_files() {
    let dir = Dir::with_examples();
    dir.write("caller.s", caller());
    dir.compile(HELPER, "helper.o");
    dir.kiln(["run", "caller.s", "helper.o", "--"]).prints("helped\n");
    dir.kiln(["run", "helper.o", "caller.s", "--", "text", "for it"]).prints("helped\n");
    dir.kiln(["run", "--entry", "again", "caller.s", "helper.o", "--"]).prints("helped again\n");
    // Without `--` there is one file.
    dir.kiln(["run", "examples/write.S", "helper.o"]).prints("helper.o\n");
}

#[test]
fn text_behind_two_dashes() {
    let dir = Dir::with_examples();
    dir.kiln(["run", "examples/write.S", "--", "Hello", "from Tim"]).prints("Hello from Tim\n");
    dir.kiln(["run", "examples/write.S", "--", "-v", "--entry", "x"]).prints("-v --entry x\n");
    dir.kiln(["run", "examples/write.S", "--", "one", "--", "two"]).prints("one -- two\n");
    dir.kiln(["run", "examples/write.S", "--"]).prints("");
}

#[test]
fn main_with_arguments_and_environment() {
    let dir = Dir::new();
    let text = r#"
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv, char **envp) {
    for (int i = 0; i < argc; i++) printf("%d: %s\n", i, argv[i]);
    for (; *envp; envp++) if (!strncmp(*envp, "KILN_TEST=", 10)) printf("%s\n", *envp);
    printf("%s, without an end of line", argv[argc] ? "more" : "no more");
    return argc + 40;
}"#;
    dir.compile(text, "main.o");
    dir.kiln(["run", "main.o", "one", "two three"]).env("KILN_TEST", "yes").gives(
        43,
        "0: main.o\n1: one\n2: two three\nKILN_TEST=yes\nno more, without an end of line",
        "",
    );
    dir.kiln(["run", "./main.o"]).gives(41, "0: ./main.o\nno more, without an end of line", "");
}

#[test]
fn the_exit_status_is_that_of_main() {
    let dir = Dir::new();
    for (body, status) in [
        ("return 0;", 0),
        ("return 7;", 7),
        ("return -1;", 255),
        ("return 0x103;", 3),
        ("exit(5);", 5),
        ("_Exit(6);", 6),
        ("raise(SIGTERM); return 0;", 128 + 15),
    ] {
        dir.compile(&format!("#include <stdlib.h>\n#include <signal.h>\nint main(void) {{ {body} }}"), "main.o");
        dir.kiln(["run", "main.o"]).gives(status, "", "");
    }
    // What `_start` returns, a count of bytes for instance, is none.
    dir.write(
        "seven.s",
        assembly(".globl @_start\n@_start: mov $7, %eax\nret\n", ".globl @_start\n@_start: mov x0, #7\nret\n"),
    );
    dir.kiln(["run", "seven.s"]).prints("");
}

#[test]
fn start_comes_before_main() {
    let dir = Dir::new();
    dir.write("caller.s", caller());
    dir.compile(&format!("{HELPER}int main(void) {{ return 7; }}"), "main.o");
    dir.kiln(["run", "main.o", "caller.s", "--"]).prints("helped\n");
}

#[test]
fn standard_input_is_the_codes() {
    let dir = Dir::new();
    dir.compile(
        "#include <stdio.h>\nint main(void) { int c; while ((c = getchar()) != EOF) putchar(c + 1); return 0; }",
        "main.o",
    );
    dir.kiln(["run", "main.o"]).input("HAL").prints("IBM");
}

/// As any program that prints more than anybody reads.
#[test]
fn code_ends_when_nobody_reads_what_it_writes() {
    let dir = Dir::new();
    dir.compile("#include <stdio.h>\nint main(void) { for (;;) puts(\"y\"); }", "yes.o");
    let mut kiln = dir.kiln(["run", "yes.o"]);
    let mut child = kiln.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut start = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    assert_eq!(start, *b"y\n");
    let until = Instant::now() + Duration::from_secs(20);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it goes on");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(code(status), 128 + 13, "SIGPIPE");
}

/// What an object for another system does by the C library, it does here too.
#[test]
#[cfg(target_os = "linux")]
fn mach_o_object() {
    let dir = Dir::new();
    let text = match Target::host().arch() {
        Arch::X86_64 => {
            "_start: sub $8, %rsp\nlea l_msg(%rip), %rsi\nmov $1, %edi\nmov $3, %edx\ncall _write\nadd $8, %rsp\nret\n"
        }
        Arch::Aarch64 => {
            "_start: stp x29, x30, [sp, #-16]!\nadrp x1, l_msg@PAGE\nadd x1, x1, l_msg@PAGEOFF\nmov x0, #1\nmov x2, #3\n\
             bl _write\nldp x29, x30, [sp], #16\nret\n"
        }
    };
    let text = format!(".globl _start\n.p2align 2\n{text}.section __TEXT,__const\nl_msg: .ascii \"ok\\n\"\n");
    dir.assemble(Target::new(Target::host().arch(), Os::MacOs), &text, "write.o");
    dir.kiln(["run", "write.o"]).prints("ok\n");
}

/// Map, copy, protect, enter, call, unmap: on other systems than Linux the steps are others.
#[test]
#[cfg(target_os = "linux")]
fn narration() {
    let dir = Dir::new();
    let page = dir.page();
    dir.write("return.s", RETURN.replace("ret", &assembly("mov $7, %eax\nret", "mov x0, #7\nret")));
    dir.kiln(["asm", "return.s"]).prints("");
    let (object, text) = (dir.read("return.o").len(), dir.kiln(["flat", "return.o"]).bytes().len());
    let steps = format!(
        "\
kiln: read return.o: {object} bytes, ELF object
kiln: map {page} bytes at <address 1>: rw-
kiln: copied {text} bytes, applied 0 relocations, 0 GOT slots, 0 stubs
kiln: protect {page} bytes at <address 1>: r-x
kiln: entry _start at <address 1>
kiln: call _start(0x0, 0)
kiln: _start returned 0x7
kiln: unmap {page} bytes at <address 1>
"
    );
    dir.kiln(["run", "return.o"]).prints("");
    dir.kiln(["run", "-v", "return.o"]).gives(0, "", &steps);
    dir.kiln(["-v", "run", "return.o"]).gives(0, "", &steps);
    dir.kiln(["run", "return.o", "--verbose"]).gives(0, "", &steps);
}

/// Constants and data of their own, and what is found in this process.
#[test]
#[cfg(target_os = "linux")]
fn narration_in_detail() {
    let dir = Dir::new();
    let page = dir.page();
    let code = assembly(
        "sub $8, %rsp\ncall getpid\nadd $8, %rsp\nxor %eax, %eax\nret\n",
        "stp x29, x30, [sp, #-16]!\nbl getpid\nldp x29, x30, [sp], #16\nmov x0, #0\nret\n",
    );
    let text =
        format!(".globl main\nmain:\n{code}.section .rodata\n.long 1\n.data\n.long 2\n.section .comment\n.long 3\n");
    dir.assemble(Target::host(), &text, "main.o");
    let object = dir.read("main.o").len();
    let arch = Target::host();
    // The call goes by a stub and a slot, which are text and constants.
    let (copied, pages) = match arch.arch() {
        Arch::X86_64 => (16 + 8 + 12 + 4, 3 * page),
        Arch::Aarch64 => (20 + 4 + 12 + 12 + 4, 3 * page),
    };
    dir.kiln(["run", "-vv", "main.o", "x"]).gives(
        0,
        "",
        &format!(
            "\
kiln: read main.o: {object} bytes, ELF object
kiln: situation: {arch}, {} KiB pages
kiln: map {pages} bytes at <address 1>: rw-
kiln: main.o: .comment: not allocated: debug information, comments or notes
kiln: import getpid = <address 2>
kiln: copied {copied} bytes, applied 1 relocations, 1 GOT slots, 1 stubs
kiln: protect {page} bytes at <address 1>: r-x
kiln: protect {page} bytes at <address 3>: r--
kiln: data: 4 bytes at <address 4> stay rw-
kiln: entry main at <address 1>
kiln: call main(2, argv, envp)
kiln: main returned 0
",
            page / 1024
        ),
    );
}

/// Of source, who assembled it is said; of text, where it lies and how long it is.
#[test]
#[cfg(target_os = "linux")]
fn narration_of_source_and_text() {
    let dir = Dir::with_examples();
    let (page, host) = (dir.page(), Target::host());
    dir.kiln(["asm", "-g", "examples/write.S", "-o", "write.o"]).prints("");
    let text = dir.kiln(["flat", "write.o"]).bytes().len();
    let (source, object) = (dir.read("examples/write.S").len(), dir.read("write.o").len());
    let steps = format!(
        "\
kiln: read examples/write.S: {source} bytes, assembly source
kiln: assembled for {host} by `{}-gcc`: {source} bytes of source, {object} bytes of object
kiln: map {page} bytes at <address 1>: rw-
kiln: copied {text} bytes, applied 0 relocations, 0 GOT slots, 0 stubs
kiln: protect {page} bytes at <address 1>: r-x
kiln: entry _start at <address 1>
kiln: call _start(<address 2>, 6)
kiln: _start returned 0x6
kiln: unmap {page} bytes at <address 1>
",
        gnu(host.arch())
    );
    dir.kiln(["run", "-v", "examples/write.S", "Hello"]).gives(0, "Hello\n", &steps);
}

/// Files may be anything that can be read, also what is no file.
#[test]
#[cfg(target_os = "linux")]
fn names_of_files() {
    let dir = Dir::with_examples();
    dir.kiln(["asm", "examples/hello.S", "-o", "-dash.o"]).refuses(
        "\
error: unexpected argument '-d' found

  tip: to pass '-d' as a value, use '-- -d'

Usage: kiln asm [OPTIONS] <FILE>

For more information, try '--help'.
",
    );
    dir.kiln(["asm", "examples/hello.S", "-o", "a b\n.o"]).prints("");
    dir.kiln(["run", "a b\n.o"]).prints("Hello World From Kiln!\n");
    dir.kiln(["run", "/dev/stdin"]).input(dir.read("a b\n.o")).prints("Hello World From Kiln!\n");
}

/// C is compiled first.
#[test]
fn c_source() {
    let dir = Dir::new();
    let text =
        "#include <stdio.h>\nint main(int argc, char **argv) { printf(\"%d %s\\n\", argc, argv[1]); return 3; }\n";
    dir.write("main.c", text);
    dir.kiln(["run", "main.c", "one"]).gives(3, "2 one\n", "");
    dir.write("main.c", "int main(void) { return x; }\n");
    let output = dir.kiln(["run", "main.c"]).output();
    let said = String::from_utf8(output.stderr).unwrap();
    // A Mac's is clang.
    let words = if cfg!(target_os = "macos") {
        "refused it:\nmain.c:1:25: error: use of undeclared identifier 'x'"
    } else {
        "refused it:\nmain.c: In function"
    };
    assert!(said.starts_with("kiln: error: main.c: `") && said.contains(words), "{said}");
    // Under qemu-user a program that is not there starts, and ends with 127.
    if crate::program().1.is_empty() {
        dir.kiln(["run", "main.c"]).env("KILN_CC", "no-such-compiler -x").refuses(&format!(
            "\
kiln: error: main.c: no C compiler here makes objects for {}
  next: set KILN_CC to a C compiler for this target, or leave it unset
",
            Target::host()
        ));
    }
    // A Mac has no compilers of GNU's names, but one that makes objects for other systems.
    let arch = Target::host().arch();
    let (host, elsewhere, arch) = if cfg!(target_os = "macos") {
        ("cc".to_owned(), "clang -target aarch64-linux-gnu".to_owned(), arch)
    } else {
        (format!("{}-gcc", gnu(arch)), format!("{}-gcc", gnu(other(arch))), other(arch))
    };
    dir.write("main.c", "int main(void) { return 0; }\n");
    dir.kiln(["run", "main.c"]).env("KILN_CC", format!("{host} -std=c11")).prints("");
    dir.kiln(["run", "main.c"]).env("KILN_CC", &elsewhere).gives(
        2,
        "",
        &format!(
            "\
kiln: error: main.c: no C compiler here makes objects for {}
`{elsewhere}` makes objects for {}
  next: set KILN_CC to a C compiler for this target, or leave it unset
",
            Target::host(),
            Target::new(arch, kiln::Os::Linux)
        ),
    );
}

fn other(arch: kiln::Arch) -> kiln::Arch {
    if arch == kiln::Arch::X86_64 { kiln::Arch::Aarch64 } else { kiln::Arch::X86_64 }
}

//! What is refused: the whole message, status 2, nothing printed and nothing left.

use std::fs;

use kiln::{Arch, Os, Target};

use crate::{Dir, RETURN, assembly, which};

/// The other architecture, on this system.
fn other() -> Target {
    let host = Target::host();
    let arch = if host.arch() == Arch::X86_64 { Arch::Aarch64 } else { Arch::X86_64 };
    Target::new(arch, host.os())
}

/// `run` and `flat` refuse this file in the same words.
#[track_caller]
fn both_refuse(dir: &Dir, file: &str, error: &str) {
    for command in ["run", "flat"] {
        dir.kiln([command, file]).refuses(error);
    }
}

#[test]
fn files_that_cannot_be_read() {
    let dir = Dir::new();
    both_refuse(
        &dir,
        "lacking.o",
        "\
kiln: error: lacking.o: cannot read the file: No such file or directory (os error 2)
  next: check the path and who may read it
",
    );
    fs::create_dir(dir.path("folder")).unwrap();
    both_refuse(
        &dir,
        "folder",
        "\
kiln: error: folder: cannot read the file: Is a directory (os error 21)
  next: check the path and who may read it
",
    );
    for command in ["asm", "flat", "run"] {
        dir.kiln([command, "lacking/x.s"]).refuses(
            "\
kiln: error: lacking/x.s: cannot read the file: No such file or directory (os error 2)
  next: check the path and who may read it
",
        );
    }
}

#[test]
fn empty_files() {
    let dir = Dir::new();
    for name in ["empty.o", "empty.s", "empty.S", "empty.bin", "empty"] {
        dir.write(name, "");
        both_refuse(&dir, name, &format!("kiln: error: {name}: the file is empty\n  next: make it again\n"));
    }
}

#[test]
fn what_is_no_native_code() {
    let dir = Dir::new();
    for (name, contents, what) in [
        ("README.md", &b"# Kiln\n\nWords.\n"[..], "text"),
        ("main.cc", b"int main(void) { return 0; }\n", "text"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "of no known format"),
        ("code.dat", b"\xc3\x90\0\0", "of no known format"),
        ("script.sh", b"#!/bin/sh\necho ran\n", "a script"),
        ("script.bin", b"#!/bin/sh\necho ran\n", "a script"),
        ("module.wasm", b"\0asm\x01\0\0\0", "WebAssembly"),
        ("Main.class", b"\xca\xfe\xba\xbe\0\0\0\x34\0\x10", "a Java class"),
        ("lto.o", b"BC\xc0\xde\x35\x14\0\0", "LLVM bitcode: compile without -flto"),
        ("cut.o", b"\x7fELF\x02\x01\x01\0", "an ELF file that is cut off"),
        (
            "core",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0\x3e\0",
            "an ELF file that is neither an object nor a program",
        ),
    ] {
        dir.write(name, contents);
        both_refuse(
            &dir,
            name,
            &format!(
                "\
kiln: error: {name}: this is not native code: it is {what}
  next: give assembly (.s, .S), an object file, an archive, or flat machine code (.bin)
"
            ),
        );
    }
}

/// As a compiler really makes it.
#[test]
fn bitcode() {
    let dir = Dir::new();
    dir.write("main.c", "int main(void) { return 0; }\n");
    dir.tool("clang", ["-flto", "-c", "main.c", "-o", "main.o"]);
    both_refuse(
        &dir,
        "main.o",
        "\
kiln: error: main.o: this is not native code: it is LLVM bitcode: compile without -flto
  next: give assembly (.s, .S), an object file, an archive, or flat machine code (.bin)
",
    );
}

#[test]
fn archives() {
    let dir = Dir::with_examples();
    dir.kiln(["asm", "examples/hello.S"]).prints("");
    dir.write("add.s", ".globl add\nadd: ret\n");
    dir.kiln(["asm", "add.s"]).prints("");
    dir.tool("ar", ["rc", "lib.a", "add.o"]);
    dir.kiln(["run", "lib.a"]).refuses(
        "\
kiln: error: lib.a: there is no global symbol `_start` or `main` to enter
  next: make the entry global in the source: `.globl _start`
",
    );
    dir.kiln(["flat", "lib.a"]).refuses(
        "\
kiln: error: lib.a: this is an archive, not an object file or a linked file
  next: add it as an archive, or take the members out with `ar x`
",
    );
    dir.tool("ar", ["rc", "lib.a", "hello.o"]);
    dir.kiln(["run", "lib.a"]).prints("Hello World From Kiln!\n");
    dir.write("main.c", "int one(void);\nint main(void) { return one() - 1; }\n");
    dir.write("one.c", "int one(void) { return 1; }\n");
    let for_linux = format!("{}-gcc", crate::gnu(Target::host().arch()));
    dir.tool(if cfg!(target_os = "macos") { "cc" } else { &for_linux }, ["-c", "one.c"]);
    dir.tool("ar", ["rc", "one.a", "one.o"]);
    dir.kiln(["run", "main.c", "one.a", "--"]).prints("");
}

#[test]
fn another_architecture() {
    let dir = Dir::new();
    let (host, wanted) = (Target::host(), Target::host().arch());
    for os in [Os::Linux, Os::MacOs, Os::Windows] {
        dir.assemble(Target::new(other().arch(), os), RETURN, "other.o");
        let found = other().arch();
        let emulated = match Target::new(found, os) {
            Target::AARCH64_MACOS => {
                "; or run it in an emulated process: `kiln run --target aarch64-apple-darwin other.o`"
            }
            _ => "",
        };
        dir.kiln(["run", "other.o"]).refuses(&format!(
            "\
kiln: error: other.o: the code is for {found}, and {wanted} is wanted
  next: assemble or compile it for {wanted}{emulated}
"
        ));
        // Any may be cut, but not as what it is not.
        dir.kiln(["flat", "other.o", "--target", &host.to_string()])
            .refuses(&format!("kiln: error: other.o: the code is for {found}, and {host} was asked for\n"));
    }
    dir.write("arm.o", [&b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\x28\0\x01"[..], &[0; 64]].concat());
    dir.kiln(["run", "arm.o"]).refuses("kiln: error: arm.o: the file is not 64-bit little-endian ELF\n");
}

/// Wherever it is cut off: never a crash, never a status but 2, nothing run.
#[test]
fn truncated_files() {
    let dir = Dir::with_examples();
    dir.kiln(["asm", "examples/hello.S"]).prints("");
    let object = dir.read("hello.o");
    for (end, run, flat) in [
        (
            40,
            "kiln: error: cut.o: the ELF header: Invalid ELF header size or alignment\n",
            "kiln: error: cut.o: the headers: Invalid ELF header size or alignment\n",
        ),
        (
            object.len() - 1,
            "kiln: error: cut.o: the section table: Invalid ELF section header offset/size/alignment\n",
            "kiln: error: cut.o: the headers: Invalid ELF section header offset/size/alignment\n",
        ),
    ] {
        if cfg!(target_os = "linux") {
            dir.write("cut.o", &object[..end]);
            let next = "  next: the file is damaged or cut off: make it again\n";
            dir.kiln(["run", "cut.o"]).refuses(&format!("{run}{next}"));
            dir.kiln(["flat", "cut.o"]).refuses(&format!("{flat}{next}"));
        }
    }
    for end in (1..object.len()).step_by(object.len() / 12) {
        dir.write("cut.o", &object[..end]);
        for command in ["run", "flat"] {
            let output = dir.kiln([command, "cut.o"]).output();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!((crate::code(output.status), &output.stdout[..]), (2, &b""[..]), "{end}: {stderr}");
            assert!(stderr.starts_with("kiln: error: cut.o: ") && stderr.contains("\n  next: "), "{end}: {stderr}");
        }
    }
}

#[test]
fn no_entry() {
    let dir = Dir::new();
    for text in ["nop\nret\n", "_start: ret\nmain: ret\n"] {
        dir.write("none.s", text);
        dir.kiln(["run", "none.s"]).refuses(
            "\
kiln: error: none.s: there is no global symbol `_start` or `main` to enter
  next: make the entry global in the source: `.globl _start`
",
        );
    }
    dir.write("named.s", assembly(".globl @one, @two\n@one: @two: ret\n", ".globl @one, @two\n@one: @two: ret\n"));
    dir.kiln(["run", "named.s"]).refuses(
        "\
kiln: error: named.s: there is no global symbol `_start` or `main` to enter
  next: enter another one with --entry: one, two
",
    );
    dir.kiln(["run", "--entry", "three", "named.s"]).refuses(
        "\
kiln: error: named.s: there is no global symbol `three` to enter
  next: enter another one with --entry: one, two
",
    );
    dir.assemble(Target::X86_64_LINUX, "nop\nret\n", "none.o");
    dir.kiln(["flat", "none.o", "--entry"]).refuses(
        "\
kiln: error: none.o: there is no symbol `_start` or `main` in the cut
  next: take a named function with --symbol NAME
",
    );
}

#[test]
fn entries_of_flat_code() {
    let dir = Dir::new();
    dir.write("code.bin", [0; 16]);
    dir.kiln(["run", "--entry", "0x10", "code.bin"])
        .refuses("kiln: error: code.bin: `_start`: the entry is at 0x10, and the code has 0x10 bytes\n");
    dir.kiln(["run", "--entry", "other", "code.bin"]).refuses(
        "\
kiln: error: code.bin: there is no global symbol `other` to enter
  next: enter another one with --entry: _start
",
    );
    dir.write("return.s", RETURN);
    dir.kiln(["run", "--entry", "16", "return.s"]).refuses(
        "\
kiln: error: return.s: an offset enters flat code, and this is assembly source
  next: give a symbol's name as --entry
",
    );
    dir.assemble(Target::X86_64_LINUX, RETURN, "return.o");
    dir.kiln(["run", "--entry", "16", "return.o"]).refuses(
        "\
kiln: error: return.o: an offset enters flat code, and this is an ELF object
  next: give a symbol's name as --entry
",
    );
    for option in ["--section", "--symbol"] {
        dir.kiln(["flat", "code.bin", option, "name"])
            .refuses("kiln: error: code.bin: flat code has no names, and `name` was asked for\n");
    }
    dir.kiln(["flat", "code.bin", "--define", "name=1"])
        .refuses("kiln: error: code.bin: flat code is linked already: nothing wants `name`\n");
}

/// All of them at once, with the names that may have been meant.
#[test]
fn undefined_symbols() {
    let dir = Dir::new();
    let text = assembly(
        ".globl @_start\n@_start: call @wirte\ncall @nothing_like_it\nlea @lost(%rip), %rax\ncall @wirte\nret\n",
        ".globl @_start\n@_start: bl @wirte\nbl @nothing_like_it\nbl @lost\nbl @wirte\nret\n",
    );
    dir.assemble(Target::host(), &text, "lacks.o");
    dir.write(
        "one.s",
        assembly(".globl @_start\n@_start: call @helper\nret\n", ".globl @_start\n@_start: bl @helper\nret\n"),
    );
    // In the order of the object's symbol table: for macOS assemblers sort what is undefined.
    let three = if cfg!(target_os = "macos") {
        "\
kiln: error: 3 undefined symbols:
  `lost`, wanted by lacks.o
  `nothing_like_it`, wanted by lacks.o
  `wirte`, wanted by lacks.o (near: write)
"
    } else {
        "\
kiln: error: 3 undefined symbols:
  `wirte`, wanted by lacks.o (near: write)
  `nothing_like_it`, wanted by lacks.o
  `lost`, wanted by lacks.o
"
    };
    let files = "  next: give the files that define them too: `kiln run FILE... --`, or a library: `--lib NAME`\n";
    dir.kiln(["run", "lacks.o"]).refuses(&format!("{three}{files}"));
    dir.kiln(["run", "one.s"]).refuses(&format!("kiln: error: undefined symbol `helper`, wanted by one.s\n{files}"));
    dir.kiln(["run", "--entry", "lost", "one.s", "lacks.o", "--"]).refuses(
        "\
kiln: error: lacks.o: `_start`: is defined in one.s too
  next: leave one of the two out, or make one of the definitions weak
",
    );
    // The likeliest reason, where it is one.
    dir.kiln(["run", "one.s", "lacks.o"]).refuses(
        "\
kiln: error: undefined symbol `helper`, wanted by one.s
  next: `lacks.o` was taken for text; to link it too, end the files with `--`
",
    );
    // An image for later knows nothing of this process.
    let three = three.replace(" (near: write)", "");
    let addresses = "  next: give their addresses: kiln flat lacks.o --define NAME=ADDRESS\n";
    dir.kiln(["flat", "lacks.o"]).refuses(&format!("{three}{addresses}"));
    dir.kiln(["flat", "lacks.o", "--entry"]).refuses(&format!("{three}{addresses}"));
    dir.kiln(["flat", "lacks.o", "-o", "lacks.bin", "--define", "wirte=0x1000", "--define", "lost=0"])
        .refuses(&format!("kiln: error: undefined symbol `nothing_like_it`, wanted by lacks.o\n{addresses}"));
    assert!(!dir.path("lacks.bin").exists());
}

/// Its text may refer to what is not taken along.
#[test]
#[cfg(target_os = "linux")]
fn linked_files_with_more_than_text() {
    let dir = Dir::new();
    let prefix = crate::gnu(Target::host().arch());
    let text = ".globl _start\n_start: ret\n.section .rodata\n.long 1\n.data\n.long 2\n.bss\n.zero 4\n";
    dir.assemble(Target::host(), text, "more.o");
    dir.tool(&format!("{prefix}-ld"), ["-o", "more", "more.o"]);
    dir.kiln(["run", "more"]).refuses(
        "\
kiln: error: more: the text of this linked file cannot be taken out alone: it may refer to .rodata, .data, .bss
  next: give the object files that it was linked from
",
    );
    dir.kiln(["flat", "more", "--base", "0x1000"]).refuses(
        "\
kiln: error: more: a linked file has its addresses already, and 0x1000 was asked for
  next: link the object files that it was made from
",
    );
    dir.kiln(["flat", "more", "--define", "name=1"]).refuses(
        "\
kiln: error: more: a linked file has its symbols already, and `name` was to be defined
  next: link the object files that it was made from
",
    );
    dir.kiln(["flat", "more", "--section", ".bss"])
        .refuses("kiln: error: more: .bss: the section has no contents in the file\n");
    dir.compile("int main(void) { return 0; }", "main.o");
    dir.tool(&format!("{prefix}-gcc"), ["-o", "main", "main.o"]);
    let output = dir.kiln(["run", "main"]).output();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let start = "kiln: error: main: the text of this linked file cannot be taken out alone: it may refer to ";
    assert!(stderr.starts_with(start) && stderr.contains(" other sections\n"), "{stderr}");
}

/// Code that would go wrong here: Windows' convention, and calls of another kernel.
#[test]
#[cfg(target_os = "linux")]
fn another_system() {
    let dir = Dir::with_examples();
    let (host, arch) = (Target::host(), Target::host().arch());
    dir.assemble(Target::new(arch, Os::Windows), RETURN, "windows.o");
    dir.kiln(["run", "windows.o"]).refuses(&format!(
        "\
kiln: error: windows.o: COFF code keeps to the Windows calling convention, and this is {host}
  next: build it for {host}
"
    ));
    let (text, call, offset) = match arch {
        Arch::X86_64 => ("nop\n.globl _start\n_start: syscall\nret\n", "syscall", "0x1"),
        Arch::Aarch64 => ("nop\n.globl _start\n_start: svc #0x80\nret\n", "svc", "0x4"),
    };
    dir.assemble(Target::new(arch, Os::MacOs), text, "apple.o");
    let emulated = match arch {
        Arch::X86_64 => "",
        Arch::Aarch64 => "; or run it in an emulated process: `kiln run --target aarch64-apple-darwin apple.o`",
    };
    dir.kiln(["run", "apple.o"]).refuses(&format!(
        "\
kiln: error: apple.o: __text+{offset}: `{call}` is a system call of another operating system: on {host} it would be some \
other call
  next: build it for {host}, or call the C library's function instead{emulated}
"
    ));
    if arch == Arch::Aarch64 {
        dir.assemble(Target::AARCH64_MACOS, ".globl _main\n_main: b _printf\n", "apple.o");
        dir.kiln(["run", "apple.o"]).refuses(&format!(
            "\
kiln: error: apple.o: `printf`: is variadic, and Apple's calling convention passes such arguments another way than this \
system's
  next: build it for {host}, or define a function of that name that is not variadic{emulated}
"
        ));
    }
}

/// What only runs emulated, where there is no emulator, or another program in its place.
#[test]
#[cfg(target_os = "linux")]
fn without_an_emulator() {
    let dir = Dir::with_examples();
    let run = |target: &str| {
        let kiln = dir.kiln(["run", "--target", target, "examples/hello.S"]);
        kiln.env("PATH", dir.path("")).env("KILN_DARWIN_RUN", "")
    };
    run("aarch64-apple-darwin").refuses(
        "\
kiln: error: `kiln-darwin-run` is not here, which emulates a process of macOS
  next: build it in Kiln's sources with `cargo xtask darwin-run`, and name what that prints in KILN_DARWIN_RUN
",
    );
    run("x86_64-apple-darwin").refuses(
        "\
kiln: error: x86_64-apple-darwin: there is no emulator for it
  next: give aarch64-apple-darwin as --target, or run it on such a machine
",
    );
    run("aarch64-apple-darwin").env("KILN_DARWIN_RUN", "nowhere/run").refuses(
        "\
kiln: error: nowhere/run: there is no such file, which KILN_DARWIN_RUN names
  next: build it with `cargo xtask darwin-run`, or unset KILN_DARWIN_RUN
",
    );
    let other = which("true");
    dir.assemble(Target::AARCH64_MACOS, ".globl _main\n_main: ret\n", "main.o");
    let kiln = dir.kiln(["run", "--target", "aarch64-apple-darwin", "main.o"]);
    kiln.env("KILN_DARWIN_RUN", &other).refuses(&format!(
        "\
kiln: error: {}: cannot say what it has: it is something else, or of another version
  next: build it anew with `cargo xtask darwin-run`
",
        other.display()
    ));
}

#[test]
fn parts_that_do_not_stand_alone() {
    let dir = Dir::new();
    let text = "
.globl _start, f
_start: call f
lea msg(%rip), %rax
mov value(%rip), %eax
ret
f: ret
.data
value: .quad _start
.section .rodata
msg: .long 1
";
    dir.assemble(Target::X86_64_LINUX, text, "parts.o");
    let alone = "  next: leave --section and --symbol out: then the whole image is linked\n";
    for (part, what) in [
        (["--symbol", "_start"], "`_start` cannot be cut out alone: it refers to .data, .rodata, f"),
        (["--section", ".text"], "the section .text cannot be cut out alone: it refers to .data, .rodata"),
        (["--section", ".data"], "the section .data cannot be cut out alone: it refers to _start"),
    ] {
        dir.kiln([&["flat", "parts.o"], &part[..]].concat()).refuses(&format!("kiln: error: parts.o: {what}\n{alone}"));
    }
    dir.kiln(["flat", "parts.o", "--symbol", "g"]).refuses(
        "\
kiln: error: parts.o: there is no symbol `g`
  next: it has msg, value, _start, f
",
    );
    dir.kiln(["flat", "parts.o", "--section", ".nothing"]).refuses(
        "\
kiln: error: parts.o: there is no section .nothing
  next: name one with --section: .text, .data, .rodata
",
    );
    dir.kiln(["flat", "parts.o", "--section", ".symtab"])
        .refuses("kiln: error: parts.o: there is no section .symtab that has contents\n");
    dir.assemble(Target::X86_64_LINUX, ".globl f\nf: ret\n.size f, 100\n", "long.o");
    dir.kiln(["flat", "long.o", "--symbol", "f"])
        .refuses("kiln: error: long.o: .text: `f` reaches beyond its section\n");
    dir.assemble(Target::X86_64_LINUX, "", "nothing.o");
    dir.kiln(["flat", "nothing.o", "-o", "nothing.bin"])
        .refuses("kiln: error: nothing.o: there is nothing to cut: no code and no data\n");
    assert_eq!(dir.names(), ["long.o", "nothing.o", "parts.o"]);
}

/// What cannot be written: no part of it stays.
#[test]
fn output_that_cannot_be_written() {
    let dir = Dir::new();
    dir.assemble(Target::X86_64_LINUX, RETURN, "return.o");
    dir.kiln(["flat", "return.o", "-o", "lacking/out.bin"])
        .refuses("kiln: error: lacking/out.bin: cannot write the file: No such file or directory (os error 2)\n");
    dir.write("return.s", RETURN);
    dir.kiln(["asm", "return.s", "-o", "."])
        .refuses("kiln: error: .: cannot write the file: Is a directory (os error 21)\n");
    // A disk that is full while it is written: a limit on the size of files stands for it. The signal is ignored, as a
    // full disk sends none.
    dir.write("out.bin", "before");
    let said = dir
        .kiln(["flat", "return.o", "-o", "out.bin"])
        .shell(r#"trap '' XFSZ; ulimit -f 0; exec 2>&1; "$@"; echo "status $?""#);
    assert_eq!(said, "kiln: error: out.bin: cannot write the file: File too large (os error 27)\nstatus 2\n");
    assert_eq!(dir.names(), ["return.o", "return.s"], "no half of a file");
}

#[test]
#[cfg(target_os = "linux")] // There is `/dev/full`.
fn streams_that_cannot_be_written() {
    let dir = Dir::new();
    dir.assemble(Target::X86_64_LINUX, RETURN, "return.o");
    for words in [&["flat", "return.o"][..], &["flat", "return.o", "--entry"], &["flat", "return.o", "--emit", "c"]] {
        assert_eq!(
            dir.kiln(words).shell(r#"exec 2>&1; "$@" >/dev/full; echo "status $?""#),
            "kiln: error: standard output: No space left on device (os error 28)\nstatus 2\n"
        );
    }
    // What is no file is not removed, as half a file would be. The link is what would be.
    std::os::unix::fs::symlink("/dev/full", dir.path("full")).unwrap();
    dir.kiln(["flat", "return.o", "-o", "full"])
        .refuses("kiln: error: full: cannot write the file: No space left on device (os error 28)\n");
    assert_eq!(dir.names(), ["full", "return.o"]);
    // Where nothing can be told, the status says it.
    assert_eq!(dir.kiln(["run", "lacking.o"]).shell(r#""$@" 2>/dev/full; echo "status $?""#), "status 2\n");
}

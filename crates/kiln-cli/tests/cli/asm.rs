//! `kiln asm`

use std::fs;

use kiln::{Format, Target};

use crate::{Dir, RETURN, which};

/// Wrong in lines 2 and 4, for every assembler.
const WRONG: &str = "nop\n.error \"first\"\nnop\n.error \"second\"\n";

/// How an object file for `target` begins.
fn magic(target: Target) -> &'static [u8] {
    match target {
        // e_ident: ELF, 64 bits, little-endian, version 1.
        Target::X86_64_LINUX | Target::AARCH64_LINUX => b"\x7fELF\x02\x01\x01",
        // MH_MAGIC_64 and the processor.
        Target::X86_64_MACOS => b"\xcf\xfa\xed\xfe\x07\0\0\x01",
        Target::AARCH64_MACOS => b"\xcf\xfa\xed\xfe\x0c\0\0\x01",
        // The machine.
        Target::X86_64_WINDOWS => &[0x64, 0x86],
        _ => &[0x64, 0xaa],
    }
}

/// The type and the machine of an ELF file; what of Mach-O says that it is an object.
fn kind(target: Target, object: &[u8]) -> Vec<u8> {
    match target.format() {
        Format::Elf => object[16..20].to_vec(),
        Format::MachO => object[12..16].to_vec(),
        Format::Coff => object[16..18].to_vec(),
    }
}

fn expected_kind(target: Target) -> &'static [u8] {
    match target {
        // ET_REL; EM_X86_64 or EM_AARCH64.
        Target::X86_64_LINUX => &[1, 0, 62, 0],
        Target::AARCH64_LINUX => &[1, 0, 183, 0],
        // MH_OBJECT
        Target::X86_64_MACOS | Target::AARCH64_MACOS => &[1, 0, 0, 0],
        // No optional header, which linked files have.
        _ => &[0, 0],
    }
}

#[test]
fn every_target() {
    let dir = Dir::new();
    dir.write("return.s", RETURN);
    dir.write("return.S", format!("#define RETURN ret\n{}", RETURN.replace("ret\n", "RETURN\n")));
    for target in Target::ALL {
        for source in ["return.s", "return.S"] {
            dir.kiln(["asm", source, "-o", "made.o", "--target", &target.to_string()]).prints("");
            let object = dir.read("made.o");
            assert!(object.starts_with(magic(target)), "{target}: {:02x?}", &object[..20]);
            assert_eq!(kind(target, &object), expected_kind(target), "{target}");
        }
    }
}

#[test]
fn names_of_targets() {
    let dir = Dir::new();
    dir.write("return.s", RETURN);
    for (name, target) in [
        ("arm64-apple-macos14", Target::AARCH64_MACOS),
        ("x86_64-pc-windows-gnu", Target::X86_64_WINDOWS),
        ("aarch64-linux-gnu", Target::AARCH64_LINUX),
    ] {
        dir.kiln(["asm", "return.s", "-o", "made.o", "--target", name]).prints("");
        assert!(dir.read("made.o").starts_with(magic(target)), "{name}");
    }
    dir.kiln(["asm", "return.s", "--target", "riscv64gc-unknown-linux-gnu"]).refuses(
        "\
error: invalid value 'riscv64gc-unknown-linux-gnu' for '--target <TRIPLE>': the target `riscv64gc-unknown-linux-gnu` \
is not known; known targets: x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu, aarch64-apple-darwin, \
x86_64-apple-darwin, x86_64-pc-windows-msvc, aarch64-pc-windows-msvc

For more information, try '--help'.
",
    );
    assert_eq!(dir.names(), ["made.o", "return.s"]);
}

#[test]
fn for_this_machine() {
    let dir = Dir::with_examples();
    dir.kiln(["asm", "examples/hello.S", "-o", "hello.o"]).prints("");
    assert!(dir.read("hello.o").starts_with(magic(Target::host())));
    dir.kiln(["run", "hello.o"]).prints("Hello World From Kiln!\n");
}

/// The object's name is the source's, in the folder where the command runs.
#[test]
fn the_name_of_the_object() {
    let dir = Dir::new();
    for source in ["apart/one.s", "apart/two.S", "apart/three", "apart/four.five.s"] {
        dir.write(source, RETURN);
        dir.kiln(["asm", source]).prints("");
    }
    assert_eq!(dir.names(), ["apart", "four.five.o", "one.o", "three.o", "two.o"]);
    // What was there is replaced.
    dir.write("one.o", "old");
    dir.kiln(["asm", "apart/one.s"]).prints("");
    assert_eq!(dir.read("one.o"), dir.read("two.o"));
    dir.write("source.o", RETURN);
    dir.kiln(["asm", "source.o"]).refuses(
        "\
kiln: error: source.o: the object file would take the place of its source
  next: name another file with -o OUT.o
",
    );
    dir.kiln(["asm", "apart/one.s", "-o", "apart/../apart/one.s"]).refuses(
        "\
kiln: error: apart/one.s: the object file would take the place of its source
  next: name another file with -o OUT.o
",
    );
    assert_eq!((dir.read("source.o"), dir.read("apart/one.s")), (RETURN.into(), RETURN.into()));
}

#[test]
fn standard_input() {
    let dir = Dir::new();
    dir.kiln(["asm", "-", "-o", "made.o"]).input(RETURN).prints("");
    dir.kiln(["run", "made.o"]).prints("");
    dir.kiln(["asm", "-"]).input(RETURN).refuses(
        "\
kiln: error: there is no name for the object file
  next: give -o OUT.o
",
    );
    // It has no name that would call for the preprocessor.
    let output = dir.kiln(["asm", "-", "-o", "wrong.o"]).input("#error \"no\"\n.error \"wrong\"\n").output();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("\n<stdin>:2:") && !stderr.contains("<stdin>:1:"), "{stderr}");
    assert_eq!(dir.names(), ["made.o"]);
}

/// What the assembler says, about the user's file and lines. Its words are GNU's here.
#[test]
#[cfg(target_os = "linux")]
fn diagnostics() {
    let dir = Dir::new();
    let prefix = crate::gnu(Target::host().arch());
    dir.write("apart/wrong.s", WRONG);
    dir.write("wrong.S", format!("#define NOTHING\n\nNOTHING\n{WRONG}"));
    dir.write("lacks.S", "nop\n#include \"lacking.h\"\n");
    let expected = format!(
        "\
kiln: error: apart/wrong.s: `{prefix}-as` refused it:
apart/wrong.s:2: Error: first
apart/wrong.s:4: Error: second
"
    );
    for command in ["asm", "run", "flat"] {
        dir.kiln([command, "apart/wrong.s"]).refuses(&expected);
    }
    dir.kiln(["asm", "wrong.S"]).refuses(&format!(
        "\
kiln: error: wrong.S: `{prefix}-gcc` refused it:
wrong.S:5: Error: first
wrong.S:7: Error: second
"
    ));
    dir.kiln(["asm", "lacks.S"]).refuses(&format!(
        "\
kiln: error: lacks.S: `{prefix}-gcc` refused it:
lacks.S:2:10: fatal error: lacking.h: No such file or directory
    2 | #include \"lacking.h\"
      |          ^~~~~~~~~~~
"
    ));
    dir.kiln(["asm", "-", "-o", "wrong.o"]).input(WRONG).refuses(&format!(
        "\
kiln: error: <stdin>: `{prefix}-as` refused it:
<stdin>:2: Error: first
<stdin>:4: Error: second
"
    ));
    assert_eq!(dir.names(), ["apart", "lacks.S", "wrong.S"], "no object is left");
    // Another assembler's words, as it has them.
    dir.kiln(["asm", "apart/wrong.s", "--target", "aarch64-apple-darwin"]).refuses(
        "\
kiln: error: apart/wrong.s: `clang` refused it:
apart/wrong.s:2:1: error: first
.error \"first\"
^
apart/wrong.s:4:1: error: second
.error \"second\"
^
",
    );
}

#[test]
#[cfg(target_os = "linux")]
fn warnings() {
    let dir = Dir::new();
    dir.write("careful.s", format!("{RETURN}.warning \"look here\"\n"));
    let warning = "kiln: warning: careful.s:4: Warning: look here\n";
    dir.kiln(["asm", "careful.s"]).gives(0, "", warning);
    dir.kiln(["run", "careful.s"]).gives(0, "", warning);
    dir.kiln(["flat", "careful.s", "-o", "careful.bin"]).gives(0, "", warning);
    assert_eq!(dir.names(), ["careful.bin", "careful.o", "careful.s"]);
}

#[test]
#[cfg(target_os = "linux")]
fn another_assembler() {
    let dir = Dir::new();
    let host = Target::host();
    dir.write("return.s", RETURN);
    for words in ["clang", &format!("clang -target {}", host.llvm_triple()), which("llvm-mc").to_str().unwrap()] {
        dir.kiln(["asm", "return.s"]).env("KILN_AS", words).prints("");
        dir.kiln(["run", "return.o"]).prints("");
        let source = RETURN.len();
        let object = dir.read("return.o").len();
        dir.kiln(["asm", "return.s", "-v"]).env("KILN_AS", words).gives(
            0,
            "",
            &format!("kiln: assembled for {host} by `{words}`: {source} bytes of source, {object} bytes of object\n"),
        );
        fs::remove_file(dir.path("return.o")).unwrap();
    }
    dir.write("return.S", RETURN);
    let as_ = format!("{}-as", crate::gnu(host.arch()));
    dir.kiln(["asm", "return.S"]).env("KILN_AS", &as_).refuses(&format!(
        "\
kiln: error: KILN_AS names `{as_}`, which has no preprocessor
  next: set KILN_AS to a C compiler, or rename the file to `.s` if it needs no preprocessor
"
    ));
    for (words, said) in [
        (
            "no-such-assembler -x",
            "\
kiln: error: KILN_AS names `no-such-assembler`, and there is no such program
  next: set KILN_AS to a program in PATH or to the path of one, or leave it unset
",
        ),
        ("true", "kiln: error: return.s: `true` wrote no object\n"),
        ("false", "kiln: error: return.s: `false` refused it without a word (exit status: 1)\n"),
    ] {
        dir.kiln(["asm", "return.s"]).env("KILN_AS", words).refuses(said);
    }
    let (format, arch) = (host.format(), host.arch());
    dir.kiln(["asm", "return.s"]).env("KILN_AS", "clang -target arm64-apple-macos11.0").refuses(&format!(
        "\
kiln: error: return.s: no assembler here makes {format} for {arch} ({host}):
`clang -target arm64-apple-macos11.0` makes Mach-O for arm64
  next: set KILN_AS to an assembler for this target, or leave it unset
"
    ));
    assert_eq!(dir.names(), ["return.S", "return.s"]);
}

/// Without any assembler it says what was looked for, and what to install; objects need none.
#[test]
#[cfg(target_os = "linux")]
fn no_assembler() {
    let dir = Dir::new();
    dir.write("return.s", RETURN);
    dir.kiln(["asm", "return.s"]).prints("");
    fs::create_dir(dir.path("empty")).unwrap();
    let (host, prefix) = (Target::host(), crate::gnu(Target::host().arch()));
    let looked = format!(
        "no assembler for {host}: looked in PATH for `{prefix}-as`, `as`, `clang`, `clang-<version>`, `llvm-mc`, \
         `llvm-mc-<version>`, `zig`, the Python package `ziglang`"
    );
    // What to type, each system says in its own way.
    let first = |command: &str| {
        let output = dir.kiln([command, "return.s"]).env("PATH", dir.path("empty")).output();
        assert_eq!((crate::code(output.status), &output.stdout[..]), (2, &b""[..]));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.lines().nth(1).unwrap().starts_with("  next: install "), "{stderr}");
        stderr.lines().next().unwrap().to_owned()
    };
    assert_eq!(first("asm"), format!("kiln: error: {looked}"));
    assert_eq!(first("run"), format!("kiln: error: return.s: {looked}"));
    dir.kiln(["run", "return.o"]).env("PATH", dir.path("empty")).prints("");
}

#[test]
fn what_is_no_source() {
    let dir = Dir::new();
    dir.assemble(Target::X86_64_LINUX, RETURN, "made.o");
    dir.assemble(Target::AARCH64_MACOS, RETURN, "made.macho");
    dir.write("lib.a", "!<arch>\n");
    dir.write("script", "#!/bin/sh\n");
    dir.write("picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    for (name, what) in [
        ("made.o", "an ELF object"),
        ("made.macho", "a Mach-O object"),
        ("lib.a", "an archive"),
        ("script", "a script"),
        ("picture", "of no known format"),
    ] {
        dir.kiln(["asm", name, "-o", "out.o"]).refuses(&format!(
            "\
kiln: error: {name}: this is no assembly source: it is {what}
  next: give a source file (.s, or .S for the C preprocessor)
"
        ));
    }
    dir.write("empty.s", "");
    dir.kiln(["asm", "empty.s"]).refuses("kiln: error: empty.s: the file is empty\n");
    dir.write("wide.s", b"n\0o\0p\0");
    dir.kiln(["asm", "wide.s"])
        .refuses("kiln: error: wide.s: offset 0x1: a NUL byte: this is not assembly source, or it is in UTF-16\n");
    assert!(!dir.path("out.o").exists());
}

//! `kiln doctor`: what signed programs may do, and what this process may.

use kiln::{Situation, Strategy};
use kiln_codesign::{Entitlements, Signing, Value};
use serde_json::json;

use crate::Dir;
use crate::signatures::fixture;

/// A folder with the program `hello`, signed so.
fn signed(hardened: bool, entitlements: &[&str]) -> Dir {
    let mut all = Entitlements::new();
    entitlements.iter().for_each(|name| all.set(&format!("com.apple.security.cs.{name}")));
    let dir = Dir::new();
    let signing = Signing::ad_hoc("hello").hardened(hardened).entitlements(all);
    dir.write("hello", signing.sign(&fixture("arm64")).unwrap());
    dir
}

/// The line that is the same for every native arm64 program.
const RWX: &str = "  rwx, no MAP_JIT  refused: mmap fails with EACCES: no native arm64 process gets such memory, however it is signed\n";

#[test]
fn as_the_linker_signs() {
    let dir = Dir::new();
    dir.write("hello", fixture("arm64"));
    dir.kiln(["doctor", "hello"]).prints(&format!(
        "\
hello (arm64): signed ad hoc by the linker, not hardened, no entitlements
  seal             works: the process is not hardened
  thread toggle    works: the process is not hardened
  toggle callback  works: the process is not hardened; without jit-write-allowlist no list is checked
{RWX}  Kiln takes seal for modules, thread toggle for small functions
  allow-jit: not needed, for the program is not hardened
"
    ));
}

/// `codesign` with the entitlement and without `--options runtime`.
#[test]
fn as_the_proof_of_concept_signs() {
    signed(false, &["allow-jit"]).kiln(["doctor", "hello"]).prints(&format!(
        "\
hello (arm64): signed ad hoc, not hardened, allow-jit
  seal             works: the process is not hardened
  thread toggle    works: the process is not hardened
  toggle callback  works: the process is not hardened; without jit-write-allowlist no list is checked
{RWX}  Kiln takes seal for modules, thread toggle for small functions
  allow-jit: not needed, for the program is not hardened
  it is as free without allow-jit, so that it runs proves nothing: sign with --hardened (codesign --options runtime)
"
    ));
}

const HARDENED: &str = "\
hardened, no entitlements
  seal             killed at the first execution: the process is hardened and lacks \
com.apple.security.cs.allow-unsigned-executable-memory: mprotect succeeds, but the page has no signature
                   to change it: kiln sign hello --hardened --entitlement allow-unsigned-executable-memory
  thread toggle    refused: mmap fails with EINVAL: the process is hardened and lacks com.apple.security.cs.allow-jit
                   to change it: kiln sign hello --hardened --entitlement allow-jit
  toggle callback  refused: mmap fails with EINVAL: the process is hardened and lacks com.apple.security.cs.allow-jit
                   to change it: kiln sign hello --hardened --entitlement allow-jit
  rwx, no MAP_JIT  refused: mmap fails with EACCES: no native arm64 process gets such memory, however it is signed
  generated code cannot run
  allow-jit: needed, for the program is hardened, and lacking
  next: kiln sign hello --hardened --entitlement allow-jit
";

#[test]
fn hardened_without_a_right() {
    let dir = signed(true, &[]);
    let said = format!("hello (arm64): signed ad hoc, {HARDENED}");
    dir.kiln(["doctor", "hello"]).gives(1, &said, "");
    // What it says to do helps.
    dir.kiln(["sign", "hello", "--hardened", "--entitlement", "allow-jit"]).prints("");
    dir.kiln(["doctor", "hello"]).prints(&format!(
        "\
hello (arm64): signed ad hoc, hardened, allow-jit
  seal             killed at the first execution: the process is hardened and lacks \
com.apple.security.cs.allow-unsigned-executable-memory: mprotect succeeds, but the page has no signature
                   to change it: kiln sign hello --hardened --entitlement allow-jit --entitlement \
allow-unsigned-executable-memory
  thread toggle    works: hardened, with allow-jit
  toggle callback  works: hardened, with allow-jit; without jit-write-allowlist no list is checked
{RWX}  Kiln takes thread toggle for modules, thread toggle for small functions
  allow-jit: needed, for the program is hardened, and there
"
    ));
}

#[test]
fn plans() {
    let dir = signed(false, &[]);
    let hardened = format!("hello (arm64): planned, {HARDENED}");
    dir.kiln(["doctor", "hello", "--plan-for", "hardened"]).gives(1, &hardened, "");
    dir.kiln(["doctor", "--plan-for", "hardened"]).gives(1, &hardened.replace("hello", "PROGRAM"), "");
    dir.kiln(["doctor", "--plan-for", "ad-hoc"]).prints(&format!(
        "\
PROGRAM (arm64): planned, not hardened, no entitlements
  seal             works: the process is not hardened
  thread toggle    works: the process is not hardened
  toggle callback  works: the process is not hardened; without jit-write-allowlist no list is checked
{RWX}  Kiln takes seal for modules, thread toggle for small functions
  allow-jit: not needed, for the program is not hardened
"
    ));
    dir.kiln(["doctor", "--plan-for", "hardened,allow-unsigned-executable-memory"]).prints(&format!(
        "\
PROGRAM (arm64): planned, hardened, allow-unsigned-executable-memory
  seal             works: hardened, with allow-unsigned-executable-memory
  thread toggle    works: hardened, with allow-unsigned-executable-memory, which includes allow-jit, though mmap(2) does \
not say so
  toggle callback  works: hardened, with allow-unsigned-executable-memory, which includes allow-jit, though mmap(2) does \
not say so; without jit-write-allowlist no list is checked
{RWX}  Kiln takes seal for modules, seal for small functions
  allow-jit: not needed beside allow-unsigned-executable-memory
"
    ));
    dir.kiln(["doctor", "--plan-for", "hardened,allow-jit,jit-write-allowlist"]).prints(&format!(
        "\
PROGRAM (arm64): planned, hardened, allow-jit, jit-write-allowlist
  seal             killed at the first execution: the process is hardened and lacks \
com.apple.security.cs.allow-unsigned-executable-memory: mprotect succeeds, but the page has no signature
                   to change it: kiln sign PROGRAM --hardened --entitlement allow-jit --entitlement jit-write-allowlist \
--entitlement allow-unsigned-executable-memory
  thread toggle    killed at pthread_jit_write_protect_np: under com.apple.security.cs.jit-write-allowlist only listed \
functions may write
                   to change it: kiln sign PROGRAM --hardened --entitlement allow-jit
  toggle callback  works: hardened, with allow-jit and jit-write-allowlist: Kiln's function is listed
{RWX}  Kiln takes toggle callback for modules, toggle callback for small functions
  allow-jit: needed, for the program is hardened, and there
"
    ));
    dir.kiln(["doctor", "--plan-for", "hardened,allow-jti"]).refuses(
        "\
kiln: error: there is no entitlement `allow-jti` (near: allow-jit)
  next: a plan is `hardened`, `ad-hoc` and entitlements, separated by commas
",
    );
}

/// A program that lists no functions cannot write under the allow-list.
#[test]
fn an_allow_list_that_is_empty() {
    let dir = signed(true, &["allow-jit", "jit-write-allowlist"]);
    dir.kiln(["doctor", "hello"]).gives(
        1,
        &format!(
            "\
hello (arm64): signed ad hoc, hardened, allow-jit, jit-write-allowlist
  seal             killed at the first execution: the process is hardened and lacks \
com.apple.security.cs.allow-unsigned-executable-memory: mprotect succeeds, but the page has no signature
                   to change it: kiln sign hello --hardened --entitlement allow-jit --entitlement jit-write-allowlist \
--entitlement allow-unsigned-executable-memory
  thread toggle    killed at pthread_jit_write_protect_np: under com.apple.security.cs.jit-write-allowlist only listed \
functions may write
                   to change it: kiln sign hello --hardened --entitlement allow-jit
  toggle callback  killed at pthread_jit_write_with_callback_np: Kiln's function stands in a library, and lists are read \
of what is there at launch
                   to change it: kiln sign hello --hardened --entitlement allow-jit
{RWX}  generated code cannot run
  allow-jit: needed, for the program is hardened, and there
  next: kiln sign hello --hardened --entitlement allow-jit
"
        ),
        "",
    );
}

#[test]
fn programs_that_do_not_start() {
    let dir = Dir::new();
    dir.write("hello", fixture("arm64-unsigned"));
    dir.kiln(["doctor", "hello"]).gives(
        1,
        "\
hello (arm64): not signed
  killed: it is not signed, and macOS runs no unsigned arm64 code
  next: kiln sign hello
",
        "",
    );
    let mut changed = signed(true, &["allow-jit"]).read("hello");
    changed[0x2d8] ^= 1;
    dir.write("it's changed", &changed);
    dir.kiln(["doctor", "it's changed"]).gives(
        1,
        "\
it's changed (arm64): signed ad hoc, hardened, allow-jit
  killed: its signature does not fit it: page 0, at 0x0, was changed after signing
  next: kiln sign 'it'\\''s changed' --hardened --entitlement allow-jit
",
        "",
    );
    changed[0x4001] ^= 1;
    dir.write("hello", &changed);
    dir.kiln(["doctor", "hello"]).gives(
        1,
        "\
hello (arm64): signed ad hoc, hardened, allow-jit
  killed: its signature does not fit it: page 0, at 0x0, was changed after signing (and 1 more)
  next: kiln sign hello --hardened --entitlement allow-jit
",
        "",
    );
    dir.kiln(["sign", "hello", "--hardened", "--entitlement", "allow-jit"]).prints("");
    assert_eq!(dir.kiln(["doctor", "hello"]).output().status.code(), Some(0));
}

#[test]
fn universal_files_and_libraries() {
    let dir = Dir::new();
    dir.write("both", fixture("universal"));
    dir.kiln(["sign", "both", "--hardened"]).prints("");
    dir.kiln(["doctor", "both"]).gives(
        1,
        &format!(
            "\
both (x86_64): signed ad hoc, hardened, no entitlements
  seal             works: under Rosetta, memory may go from writable to executable
  rwx, no MAP_JIT  works: under Rosetta, memory may be writable and executable at once; Kiln makes none
  Kiln takes seal for modules, seal for small functions
  allow-jit: not needed under Rosetta

both (arm64): signed ad hoc, {}",
            HARDENED.replace("hello", "both")
        ),
        "",
    );
    dir.write("libhello.dylib", fixture("dylib"));
    dir.kiln(["doctor", "libhello.dylib"]).prints(
        "\
libhello.dylib (arm64): signed ad hoc by the linker, not hardened, no entitlements
  a library has no process of its own: ask about the program that loads it
",
    );
}

/// What no Mac with Apple silicon runs is said, and does not count beside what one does.
#[test]
fn what_is_for_elsewhere() {
    let dir = Dir::new();
    let mut file = fixture("universal");
    // CPU_TYPE_X86 in the universal header; such a slice's own bytes are not read.
    file[8] = 0;
    dir.write("both", &file);
    dir.kiln(["doctor", "both"]).prints(&format!(
        "\
both (i386): Apple Silicon runs no code for this processor

both (arm64): signed ad hoc by the linker, not hardened, no entitlements
  seal             works: the process is not hardened
  thread toggle    works: the process is not hardened
  toggle callback  works: the process is not hardened; without jit-write-allowlist no list is checked
{RWX}  Kiln takes seal for modules, thread toggle for small functions
  allow-jit: not needed, for the program is not hardened
"
    ));
    let mut file = fixture("arm64");
    let command = file.windows(8).position(|window| window == [0x32, 0, 0, 0, 0x20, 0, 0, 0]).unwrap();
    file[command + 8] = 2;
    dir.write("app", &file);
    dir.kiln(["doctor", "app"]).gives(1, "app (arm64): it is built for iOS, whose rules are others\n", "");
}

/// What the command line for a change must not lose.
#[test]
fn what_else_is_signed_stays() {
    let dir = Dir::new();
    let mut entitlements = Entitlements::new();
    entitlements.set("com.apple.security.device.camera");
    let sign = |dir: &Dir, entitlements: &Entitlements| {
        let signing = Signing::ad_hoc("hello").hardened(true).entitlements(entitlements.clone());
        dir.write("hello", signing.sign(&fixture("arm64")).unwrap());
    };
    let next = |dir: &Dir| {
        let said = String::from_utf8(dir.kiln(["doctor", "hello"]).output().stdout).unwrap();
        said.lines().find_map(|line| line.strip_prefix("  next: ")).map(str::to_owned)
    };
    sign(&dir, &entitlements);
    assert_eq!(
        next(&dir).as_deref(),
        Some("kiln sign hello --hardened --entitlement device.camera --entitlement allow-jit")
    );
    entitlements.insert("org.example.number", Value::Integer(7));
    sign(&dir, &entitlements);
    assert_eq!(
        next(&dir).as_deref(),
        Some("kiln sign hello --hardened --entitlement device.camera --entitlement allow-jit --keep")
    );
    dir.kiln(["sign", "hello", "--keep", "--entitlement", "allow-jit"]).prints("");
    assert_eq!(next(&dir), None);
    let signature = kiln_codesign::Signature::of(&dir.read("hello")).unwrap().unwrap();
    assert!(signature.is_hardened());
    assert_eq!(signature.entitlements().get("org.example.number"), Some(&Value::Integer(7)));
    assert!(signature.entitlements().is_set("com.apple.security.device.camera"));
    dir.write("hello", fixture("arm64.identity"));
    dir.kiln(["doctor", "hello"]).prints(&format!(
        "\
hello (arm64): signed by team EXAMPLE123, not hardened, no entitlements
  seal             works: the process is not hardened
  thread toggle    works: the process is not hardened
  toggle callback  works: the process is not hardened; without jit-write-allowlist no list is checked
{RWX}  Kiln takes seal for modules, thread toggle for small functions
  allow-jit: not needed, for the program is not hardened
"
    ));
}

#[test]
fn for_scripts() {
    let dir = signed(true, &["allow-jit"]);
    let said = dir.kiln(["doctor", "hello", "--json"]).bytes();
    let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
    assert_eq!(said["runs"], true);
    let answer = &said["answers"][0];
    for (field, expected) in [
        ("subject", json!("hello (arm64)")),
        ("situation", json!("aarch64-apple-darwin, 16 KiB pages, hardened, allow-jit")),
        ("library", json!(false)),
        ("elsewhere", json!(null)),
        ("killed", json!(null)),
        ("modules", json!({ "strategy": "thread toggle", "reason": "hardened, with allow-jit" })),
        ("functions", json!({ "strategy": "thread toggle", "reason": "hardened, with allow-jit" })),
        ("runs", json!(true)),
        ("notes", json!(["allow-jit: needed, for the program is hardened, and there"])),
        ("change", json!(null)),
    ] {
        assert_eq!(answer[field], expected, "{field}");
    }
    let signature = &answer["signature"];
    for (field, expected) in [
        ("architecture", json!("arm64")),
        ("flags", json!(0x1_0002)),
        ("flag_names", json!("adhoc,runtime")),
        ("entitlements", json!({ "com.apple.security.cs.allow-jit": true })),
        ("identifier", json!("hello")),
        ("team", json!(null)),
        ("ad_hoc", json!(true)),
        ("linker_signed", json!(false)),
        ("mismatches", json!([])),
    ] {
        assert_eq!(signature[field], expected, "{field}");
    }
    let strategies = answer["strategies"].as_array().unwrap();
    let outcomes: Vec<_> = strategies.iter().map(|row| (&row["strategy"], &row["outcome"], &row["errno"])).collect();
    assert_eq!(
        json!(outcomes),
        json!([
            ["seal", "killed", null],
            ["thread toggle", "works", null],
            ["toggle callback", "works", null],
            ["dual mapping", "absent", null],
            ["protection keys", "absent", null],
            ["rwx, no MAP_JIT", "refused", 13],
        ])
    );
    // Whatever it says, it says why and by whom.
    assert!(strategies.iter().all(|row| !row["reason"].as_str().unwrap().is_empty()));
    assert_eq!(strategies[0]["at"], "the first execution");
    assert!(strategies[0]["source"].as_str().unwrap().starts_with("xnu: "));
    assert!(
        strategies[0]["change"].as_str().unwrap().starts_with("kiln sign hello --hardened --entitlement allow-jit ")
    );
    let cannot = dir.kiln(["doctor", "--plan-for", "hardened", "--json"]).output();
    let said: serde_json::Value = serde_json::from_slice(&cannot.stdout).unwrap();
    assert_eq!((cannot.status.code(), &said["runs"]), (Some(1), &json!(false)));
    assert_eq!(said["answers"][0]["change"], "kiln sign PROGRAM --hardened --entitlement allow-jit");
}

#[test]
fn what_is_no_program_for_macos() {
    let dir = Dir::new();
    dir.kiln(["doctor", "lacking"]).refuses(
        "\
kiln: error: lacking: cannot read the file: No such file or directory (os error 2)
  next: check the path and who may read it
",
    );
    dir.write("text", "words\n");
    dir.kiln(["doctor", "text"]).refuses(
        "\
kiln: error: text: it is text, and only Mach-O files have such signatures
  next: give a program or a library for macOS
",
    );
    dir.write("elf", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0");
    dir.kiln(["doctor", "elf"]).refuses(
        "\
kiln: error: elf: it is a linked ELF file, and only Mach-O files have such signatures
  next: on Linux the signature says nothing: `kiln doctor` asks the live process
",
    );
    let mut damaged = fixture("arm64");
    let start = damaged.windows(4).position(|window| window == [0xfa, 0xde, 0x0c, 0xc0]).unwrap();
    damaged[start] = 0;
    dir.write("damaged", damaged);
    dir.kiln(["doctor", "damaged"])
        .refuses("kiln: error: damaged: the signature: the blob begins with 0xde0cc0, not 0xfade0cc0\n");
}

/// The live process: the library's verdicts, in its words.
#[test]
fn this_process() {
    let dir = Dir::new();
    let output = dir.kiln(["doctor"]).output();
    let said = String::from_utf8(output.stdout).unwrap();
    let situation = Situation::of_this_process();
    let (module, heap) = (situation.choose().unwrap(), situation.choose_for_heap().unwrap());
    assert!(said.starts_with(&format!("this process: {situation}\n")), "{said}");
    for strategy in Strategy::ALL {
        let verdict = situation.verdict(strategy);
        let line = format!("  {:16} {}: {}\n", strategy.to_string(), verdict.outcome(), verdict.reason());
        let shown = *verdict.outcome() != kiln::Outcome::Absent || verdict.remedy().is_some();
        assert_eq!(said.contains(&line), shown, "{line}{said}");
    }
    let taken = format!("\n  Kiln takes {} for modules, {} for small functions\n", module.strategy(), heap.strategy());
    assert!(said.contains(&taken), "{said}");
    assert_eq!(output.status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&dir.kiln(["doctor", "--json"]).bytes()).unwrap();
    assert_eq!(json["answers"][0]["situation"], situation.to_string());
    assert_eq!(json["answers"][0]["signature"], json!(null));
}

/// Linux, whole.
#[test]
#[cfg(all(target_os = "linux", target_arch = "aarch64"))] // Where no processor has protection keys.
fn linux() {
    let situation = Situation::of_this_process();
    Dir::new().kiln(["doctor"]).prints(&format!(
        "\
this process: {situation}
  seal             works: Linux lets memory go from writable to executable
  dual mapping     works: a file of memfd_create can be mapped executable
  protection keys  refused: pkey_alloc fails with EINVAL: this processor or kernel has no protection keys that Kiln can \
use, or they are used up
                   to change it: an x86-64 processor with PKU (pku and ospke in /proc/cpuinfo)
  Kiln takes seal for modules, dual mapping for small functions
"
    ));
}

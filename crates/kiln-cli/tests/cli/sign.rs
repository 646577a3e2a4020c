//! `kiln sign`: what is written, where, and what is refused.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use kiln_codesign::{Signature, slices};

use crate::Dir;
use crate::signatures::fixture;

/// A folder with this fixture as the program `hello`.
fn folder(name: &str) -> Dir {
    let dir = Dir::new();
    dir.write("hello", fixture(name));
    fs::set_permissions(dir.path("hello"), fs::Permissions::from_mode(0o751)).unwrap();
    dir
}

/// A signature in one line.
fn shown(file: &[u8]) -> String {
    let of = |signature: &Signature| {
        let entitlements: Vec<String> =
            signature.entitlements().iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let directory = signature.directory();
        let mismatches = signature.mismatches().len();
        format!("{} {} {} {mismatches}", directory.identifier, directory.flags, entitlements.join(","))
    };
    let slices = slices(file).unwrap();
    let shown = slices.iter().map(|slice| slice.signature().unwrap().as_ref().map_or("none".to_owned(), of));
    shown.collect::<Vec<_>>().join(" | ")
}

#[track_caller]
fn signs(dir: &Dir, words: &[&str], signature: &str) {
    dir.kiln([&["sign", "hello"], words].concat()).prints("");
    assert_eq!(shown(&dir.read("hello")), signature);
    assert_eq!(dir.names(), ["hello"]);
}

const JIT: &str = "com.apple.security.cs.allow-jit=Bool(true)";

#[test]
fn in_place() {
    let dir = folder("arm64");
    assert_eq!(shown(&dir.read("hello")), "arm64 adhoc,linker-signed  0");
    signs(&dir, &[], "hello adhoc  0");
    // Open, so that its number is not given away.
    let old = fs::File::open(dir.path("hello")).unwrap();
    signs(&dir, &["--hardened"], "hello adhoc,runtime  0");
    signs(&dir, &["--hardened", "--entitlement", "allow-jit"], &format!("hello adhoc,runtime {JIT} 0"));
    signs(&dir, &["--hardened", "-e", "com.apple.security.cs.allow-jit"], &format!("hello adhoc,runtime {JIT} 0"));
    let file = fs::metadata(dir.path("hello")).unwrap();
    assert_eq!(file.permissions().mode() & 0o7777, 0o751);
    assert_ne!(
        file.ino(),
        old.metadata().unwrap().ino(),
        "a new file took the place: the system remembers the signature of the old one"
    );
    // The name stays, however the file is called.
    dir.kiln(["sign", "hello", "--hardened", "-e", "allow-jit", "--identifier", "org.example"]).prints("");
    fs::rename(dir.path("hello"), dir.path("other")).unwrap();
    dir.kiln(["sign", "other", "--hardened", "-e", "allow-jit"]).prints("");
    assert_eq!(shown(&dir.read("other")), format!("org.example adhoc,runtime {JIT} 0"));
}

#[test]
fn a_first_signature_and_universal_files() {
    signs(&folder("arm64-unsigned"), &["--hardened"], "hello adhoc,runtime  0");
    signs(&folder("x86_64"), &[], "hello adhoc  0");
    signs(&folder("dylib"), &["--hardened"], "hello adhoc,runtime  0");
    signs(
        &folder("universal"),
        &["--hardened", "-e", "allow-jit"],
        &format!("hello adhoc,runtime {JIT} 0 | hello adhoc,runtime {JIT} 0"),
    );
}

#[test]
fn what_it_says() {
    let dir = folder("arm64");
    dir.kiln(["-v", "sign", "hello", "--hardened", "-e", "allow-jit", "-e", "get-task-allow"]).gives(
        0,
        "",
        "kiln: signed hello: ad hoc, identifier hello, hardened, allow-jit, get-task-allow\n",
    );
    // What is lost is said.
    dir.kiln(["sign", "hello"]).gives(
        0,
        "",
        "\
kiln: warning: hello: the signature that was there had the hardened runtime, allow-jit, get-task-allow; the new one has not
",
    );
    dir.kiln(["sign", "hello"]).prints("");
    dir.kiln(["sign", "hello", "-e", "allow-jit"]).gives(
        0,
        "",
        "kiln: warning: without --hardened nothing is restricted that allow-jit would allow\n",
    );
    dir.write("hello", fixture("arm64.identity"));
    dir.kiln(["sign", "hello"]).gives(
        0,
        "",
        "\
kiln: warning: hello: the signature that was there had the identity of team EXAMPLE123; the new one has not
",
    );
    dir.kiln(["sign", "hello", "--hardened", "-e", "com.apple.security.cs.allow-jot"]).gives(
        0,
        "",
        "kiln: warning: com.apple.security.cs.allow-jot is no entitlement that is known (near: allow-jit)\n",
    );
}

#[test]
fn to_another_file() {
    let dir = folder("arm64");
    dir.kiln(["sign", "hello", "--hardened", "-o", "signed"]).prints("");
    assert_eq!(shown(&dir.read("hello")), "arm64 adhoc,linker-signed  0");
    assert_eq!(shown(&dir.read("signed")), "signed adhoc,runtime  0");
    assert_eq!(fs::metadata(dir.path("signed")).unwrap().permissions().mode() & 0o7777, 0o751);
    // What is there keeps its own mode.
    fs::set_permissions(dir.path("signed"), fs::Permissions::from_mode(0o700)).unwrap();
    dir.kiln(["sign", "hello", "-o", "signed"]).prints("");
    assert_eq!(shown(&dir.read("signed")), "signed adhoc  0");
    assert_eq!(fs::metadata(dir.path("signed")).unwrap().permissions().mode() & 0o7777, 0o700);
    dir.kiln(["sign", "hello", "-o", "hello"]).prints("");
    assert_eq!(shown(&dir.read("hello")), "hello adhoc  0");
    assert_eq!(dir.names(), ["hello", "signed"]);
}

#[test]
fn links() {
    let dir = folder("arm64");
    fs::create_dir(dir.path("real")).unwrap();
    fs::rename(dir.path("hello"), dir.path("real/hello-1.0")).unwrap();
    symlink("real/hello-1.0", dir.path("hello")).unwrap();
    dir.kiln(["sign", "hello"]).prints("");
    assert_eq!(fs::read_link(dir.path("hello")).unwrap().to_str(), Some("real/hello-1.0"));
    assert_eq!(shown(&dir.read("real/hello-1.0")), "hello adhoc  0");
    fs::hard_link(dir.path("real/hello-1.0"), dir.path("second")).unwrap();
    dir.kiln(["sign", "hello", "--hardened"]).gives(
        0,
        "",
        "kiln: warning: hello: the file has other names (hard links), which keep the old one\n",
    );
    assert_eq!(shown(&dir.read("second")), "hello adhoc  0");
    symlink("nowhere", dir.path("dangling")).unwrap();
    dir.kiln(["sign", "hello", "-o", "dangling"]).refuses(
        "\
kiln: error: dangling: cannot read the file: No such file or directory (os error 2)
  next: check the path and who may read it
",
    );
    assert_eq!(dir.names(), ["dangling", "hello", "real", "second"]);
}

#[test]
fn property_lists() {
    let dir = folder("arm64");
    let plist = |key: &str, value: &str| format!("<plist><dict><key>{key}</key>{value}</dict></plist>");
    dir.write("a.plist", plist("org.example.number", "<integer>7</integer>"));
    dir.write("b.entitlements", plist("com.apple.security.cs.allow-jit", "<true/>"));
    dir.write("c.plist", plist("com.apple.security.cs.allow-jit", "<false/>"));
    dir.write("d.plist", plist("org.example.number", "\n<real>7.5</real>"));
    let sign = |words: &[&str]| dir.kiln([&["sign", "hello", "--hardened"], words].concat());
    sign(&["-e", "a.plist", "-e", "b.entitlements", "-e", "allow-jit"]).prints("");
    assert_eq!(shown(&dir.read("hello")), format!("hello adhoc,runtime {JIT},org.example.number=Integer(7) 0"));
    let signed = dir.read("hello");
    sign(&["-e", "allow-jit", "-e", "c.plist"]).refuses(
        "\
kiln: error: the entitlement com.apple.security.cs.allow-jit is asked for with two values
  next: name it once, or take it out of one property list
",
    );
    sign(&["-e", "d.plist"]).refuses(
        "\
kiln: error: d.plist: line 2: `org.example.number`: <real> is no value for an entitlement
  next: entitlements are a <dict> of booleans, integers, strings, arrays and dicts
",
    );
    sign(&["-e", "e.plist"]).refuses(
        "\
kiln: error: e.plist: cannot read the file: No such file or directory (os error 2)
  next: check the path and who may read it
",
    );
    dir.write("f.plist", b"bplist00\xd0");
    sign(&["-e", "f.plist"]).refuses(
        "\
kiln: error: f.plist: this is a binary property list
  next: convert it: plutil -convert xml1 FILE
",
    );
    sign(&["-e", "allow-jti"]).refuses(
        "\
kiln: error: there is no entitlement `allow-jti` (near: allow-jit)
  next: give its full name, such as com.apple.security.cs.allow-jit, or a property list: FILE.plist
",
    );
    assert!(dir.read("hello") == signed);
}

#[test]
fn what_is_kept() {
    let dir = folder("arm64.jit");
    signs(&dir, &["--keep"], &format!("org.example.hello adhoc,runtime {JIT} 0"));
    signs(
        &dir,
        &["--keep", "-e", "org.other"],
        &format!("org.example.hello adhoc,runtime {JIT},org.other=Bool(true) 0"),
    );
    // What is asked for counts.
    dir.write("off.plist", "<dict><key>com.apple.security.cs.allow-jit</key><false/></dict>");
    dir.kiln(["sign", "hello", "--keep", "-e", "off.plist"]).gives(
        0,
        "",
        "kiln: warning: hello: the signature that was there had allow-jit; the new one has not\n",
    );
    assert!(shown(&dir.read("hello")).contains("allow-jit=Bool(false),org.other=Bool(true)"));
    // Nothing is there to keep.
    signs(&folder("x86_64"), &["--keep"], "hello adhoc  0");
    // Slices that are signed in different ways.
    let mut both = fixture("universal.jit");
    let start = both.windows(4).rposition(|window| window == [0xfa, 0xde, 0x0c, 0x02]).unwrap();
    both[start + 13] = 0;
    dir.write("both", both);
    dir.kiln(["sign", "both", "--keep"]).refuses(
        "\
kiln: error: both: the slice for arm64 is signed otherwise than the first
  next: say what to have, without --keep
",
    );
}

#[test]
fn other_files() {
    let dir = Dir::new();
    dir.write("elf", fs::read(env!("CARGO_BIN_EXE_kiln")).unwrap_or_default().get(..64).unwrap());
    if cfg!(target_os = "linux") {
        dir.kiln(["sign", "elf"]).refuses(
            "\
kiln: error: elf: it is a linked ELF file, and only Mach-O files have such signatures
  next: Linux asks for no signature; for macOS, build with --target aarch64-apple-darwin
",
        );
    }
    dir.write("script", "#!/bin/sh\n");
    dir.kiln(["sign", "script"]).refuses(
        "\
kiln: error: script: it is a script, and only Mach-O files have such signatures
  next: sign the interpreter that runs it
",
    );
    dir.assemble(kiln::Target::AARCH64_MACOS, ".globl _f\n_f: ret\n", "f.o");
    dir.kiln(["sign", "f.o"]).refuses(
        "\
kiln: error: f.o: this is an object file, which is not signed
  next: sign what is linked from it
",
    );
    fs::create_dir(dir.path("Hello.app")).unwrap();
    dir.kiln(["sign", "Hello.app"]).refuses(
        "\
kiln: error: Hello.app: this is a folder, and a bundle's seal over its files is not written
  next: sign the executable in it, or the bundle with codesign or rcodesign
",
    );
    dir.kiln(["sign", "lacking"]).refuses(
        "\
kiln: error: lacking: cannot read the file: No such file or directory (os error 2)
  next: check the path and who may read it
",
    );
    dir.write("library", fixture("dylib"));
    dir.kiln(["sign", "library", "--hardened", "-e", "allow-jit"]).refuses(
        "\
kiln: error: library: this is a library, and entitlements belong to the executable that loads it
  next: sign the executable with them, and this without
",
    );
    dir.write("cut", &fixture("arm64")[..0x4100]);
    dir.kiln(["sign", "cut"]).refuses(
        "kiln: error: cut: the load command at 0x100: the segment __LINKEDIT reaches beyond the end of the file\n",
    );
    dir.write("hello", fixture("arm64"));
    dir.kiln(["sign", "hello", "-o", "nowhere/hello"]).refuses(
        "\
kiln: error: nowhere/hello: cannot write the file: No such file or directory (os error 2)
  next: check who may write in its folder, or give -o FILE; what was there is unchanged
",
    );
    dir.kiln(["sign", "hello", "-o", "Hello.app"])
        .refuses("kiln: error: Hello.app: this is no regular file\n  next: give -o FILE\n");
    dir.kiln(["sign", "hello", "--", "--deep"]).refuses(
        "\
kiln: error: what is --deep? Only an identity's tool takes arguments behind --
  next: give --identity NAME, or leave them out
",
    );
    assert!(dir.read("hello") == fixture("arm64"));
    assert_eq!(dir.names(), ["Hello.app", "cut", "elf", "f.o", "hello", "library", "script"]);
}

/// A program that says how it was called and what it was given, and changes the file that stands last.
fn stand_in(dir: &Dir, name: &str, status: i32) {
    let script = format!(
        r#"#!/bin/sh
echo "$@" | sed 's|[^ ]*/\.hello\.[0-9]*\.|.|g' >>said
for word; do
  case $word in *.entitlements) grep key "$word" >>said;; esac
  last=$word
done
echo signed >>"$last"
exit {status}
"#
    );
    dir.write(&format!("bin/{name}"), script);
    fs::set_permissions(dir.path(&format!("bin/{name}")), fs::Permissions::from_mode(0o755)).unwrap();
}

/// The search path with the stand-ins in front; or they alone, with what they call.
fn path(dir: &Dir) -> String {
    format!("{}:{}", dir.path("bin").display(), std::env::var("PATH").unwrap())
}

#[test]
fn identities_are_handed_on() {
    let dir = folder("arm64");
    stand_in(&dir, "codesign", 0);
    stand_in(&dir, "rcodesign", 0);
    dir.write("key.P12", "");
    let sign = |words: &[&str]| dir.kiln([&["sign", "hello"], words].concat()).env("PATH", path(&dir));
    sign(&["--identity", "Developer ID"]).prints("");
    sign(&["--hardened", "-e", "allow-jit", "--identity", "Developer ID", "--", "--timestamp"]).prints("");
    assert_eq!(
        String::from_utf8(dir.read("said")).unwrap(),
        "\
--force --sign Developer ID --identifier hello .kiln
--force --sign Developer ID --identifier hello --options runtime --entitlements .entitlements --timestamp .kiln
\t<key>com.apple.security.cs.allow-jit</key>
"
    );
    // They change a copy, which takes the file's place.
    assert!(dir.read("hello").ends_with(b"signed\nsigned\n"));
    assert_eq!(fs::metadata(dir.path("hello")).unwrap().permissions().mode() & 0o7777, 0o751);
    fs::remove_file(dir.path("said")).unwrap();
    dir.write("hello", fixture("arm64"));
    sign(&["--hardened", "-e", "allow-jit", "--identity", "key.P12", "--", "--for-notarization"]).prints("");
    let key = dir.path("key.P12").canonicalize().unwrap();
    assert_eq!(
        String::from_utf8(dir.read("said")).unwrap(),
        format!(
            "\
sign --p12-file {} --binary-identifier hello --code-signature-flags runtime --entitlements-xml-file .entitlements \
--for-notarization .kiln
\t<key>com.apple.security.cs.allow-jit</key>
",
            key.display()
        )
    );
    assert_eq!(dir.names(), ["bin", "hello", "key.P12", "said"]);
}

#[test]
fn a_tool_that_fails_changes_nothing() {
    let dir = folder("arm64");
    stand_in(&dir, "codesign", 3);
    let output = dir.kiln(["sign", "hello", "-e", "a.b", "--identity", "Me"]).env("PATH", path(&dir)).output();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("kiln: error: codesign --force --sign Me --identifier hello --entitlements /")
            && said.ends_with(".kiln: exit status: 3\n  next: see what it said; the file is unchanged\n"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(dir.read("hello") == fixture("arm64"));
    assert_eq!(dir.names(), ["bin", "hello", "said"]);
}

#[test]
#[cfg(target_os = "linux")] // Elsewhere codesign may be found.
fn no_tool_for_an_identity() {
    let dir = folder("arm64");
    let sign = |identity: &str| dir.kiln(["sign", "hello", "--identity", identity]).env("PATH", dir.path("bin"));
    sign("Developer ID").refuses(
        "\
kiln: error: identity Developer ID: there is no codesign, which knows keychains
  next: sign on macOS with Xcode's command-line tools (xcode-select --install), or give the certificate and its key as a \
file: --identity FILE.p12
",
    );
    sign("key.pem").refuses(
        "\
kiln: error: identity key.pem: there is no rcodesign, which signs with such a file
  next: install it: cargo install apple-codesign
",
    );
    stand_in(&dir, "rcodesign", 0);
    sign("key.pem").refuses(
        "\
kiln: error: identity key.pem: cannot read the file: No such file or directory (os error 2)
  next: check the path and who may read it
",
    );
    // By nobody, in so many words.
    sign("-").prints("");
}

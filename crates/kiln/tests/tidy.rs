//! The design's rules about the source itself.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The Rust files under a folder of the repository, by path from its root.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no source");
    found.sort();
    found
}

/// The library's own files, without its tests.
fn library() -> Vec<(String, String)> {
    let mut files = files("crates/kiln/src");
    files.retain(|(name, _)| !name.ends_with("tests.rs"));
    files
}

/// The sources of what is beside the library.
fn beside() -> Vec<(String, String)> {
    ["crates/kiln-cli/src", "crates/kiln-codesign/src", "crates/corpus/src", "xtask/src"].map(files).concat()
}

/// The lines of a file that are code: not comments, and not the tests at its end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests = text.find("\nmod tests {").unwrap_or(text.len());
    text[..tests].lines().enumerate().filter_map(|(number, line)| {
        let code = line.split("//").next().unwrap_or_default();
        (!code.trim().is_empty()).then_some((number + 1, code))
    })
}

/// Every place where `word` stands in code of the files that `applies` picks.
fn places(files: &[(String, String)], word: &str, applies: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| applies(name)) {
        found.extend(
            code(text)
                .filter(|(_, line)| line.contains(word))
                .map(|(number, line)| format!("{name}:{number}: {}", line.trim())),
        );
    }
    found
}

const PURE: [&str; 5] = ["source", "object", "graph", "layout", "fixup"];

fn is_in(name: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| {
        let inside = name.strip_prefix("crates/kiln/src/").and_then(|name| name.strip_prefix(part));
        inside.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
    })
}

#[test]
fn the_stages_before_memory_are_safe_and_know_no_system() {
    let library = library();
    for word in ["unsafe", "target_os", "target_vendor", "libc", "cfg(unix)"] {
        let found = places(&library, word, |name| is_in(name, &PURE));
        assert!(found.is_empty(), "`{word}` in a pure stage:\n{}", found.join("\n"));
    }
}

#[test]
fn systems_are_named_in_one_place() {
    let found = places(&library(), "target_os", |name| !is_in(name, &["memory/sys", "register"]));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A thunk keeps registers, which each architecture has others of; the rights to protection keys are a register of one.
const ARCHITECTURES: [&str; 5] = ["fixup", "memory/icache", "memory/sys/keys", "target", "register/storage/thunk"];

#[test]
fn architectures_are_named_where_their_arithmetic_is() {
    let library = library();
    for word in ["target_arch", "X86_64", "x86_64", "Aarch64", "AARCH64", "aarch64", "arm64"] {
        let mut found = places(&library, word, |name| !is_in(name, &ARCHITECTURES));
        // A section type of the format, whose name says where it came from.
        found.retain(|place| !place.contains("SHT_X86_64_UNWIND"));
        // The names of functions in a compiler's library.
        found.retain(|place| !place.contains("\"__aarch64_\""));
        assert!(found.is_empty(), "`{word}` outside {ARCHITECTURES:?}:\n{}", found.join("\n"));
    }
}

#[test]
fn unsafe_stands_in_few_files_which_say_why() {
    let mut all = [library(), beside()].concat();
    all.retain(|(name, _)| !name.ends_with("tests.rs"));
    let mut allowed = Vec::new();
    for (name, text) in &all {
        let permission = text.lines().find(|line| line.starts_with("#![allow(unsafe_code)]"));
        match permission {
            Some(line) => {
                assert!(line.contains("// "), "{name}: no reason beside the permission");
                assert!(text.contains("unsafe"), "{name}: a permission that nothing needs");
                allowed.push(&**name);
            }
            None => assert!(!text.contains("allow(unsafe_code)") || name.ends_with("lib.rs"), "{name}"),
        }
    }
    assert_eq!(
        allowed,
        [
            "crates/kiln/src/function/mod.rs",
            "crates/kiln/src/linker.rs",
            "crates/kiln/src/memory/heap/block.rs",
            "crates/kiln/src/memory/heap/block/dead.rs",
            "crates/kiln/src/memory/heap/mod.rs",
            "crates/kiln/src/memory/heap/region.rs",
            "crates/kiln/src/memory/heap/room.rs",
            "crates/kiln/src/memory/heap/shard.rs",
            "crates/kiln/src/memory/heap/sync.rs",
            "crates/kiln/src/memory/icache.rs",
            "crates/kiln/src/memory/slot.rs",
            "crates/kiln/src/memory/staged.rs",
            "crates/kiln/src/memory/sys/apple.rs",
            "crates/kiln/src/memory/sys/apple/jit.rs",
            "crates/kiln/src/memory/sys/barrier.rs",
            "crates/kiln/src/memory/sys/files.rs",
            "crates/kiln/src/memory/sys/forks.rs",
            "crates/kiln/src/memory/sys/keys.rs",
            "crates/kiln/src/memory/sys/linux.rs",
            "crates/kiln/src/memory/sys/linux/probe.rs",
            "crates/kiln/src/memory/sys/miri.rs",
            "crates/kiln/src/memory/sys/unix.rs",
            "crates/kiln/src/module/library.rs",
            "crates/kiln/src/module/mod.rs",
            "crates/kiln/src/register/apple.rs",
            "crates/kiln/src/register/debugger/mod.rs",
            "crates/kiln/src/register/exit.rs",
            "crates/kiln/src/register/indirect.rs",
            "crates/kiln/src/register/linux.rs",
            "crates/kiln/src/register/profiler/dump.rs",
            "crates/kiln/src/register/profiler/mod.rs",
            "crates/kiln/src/register/storage/blocks.rs",
            "crates/kiln/src/register/storage/thunk.rs",
            "crates/kiln/src/register/threads.rs",
            "crates/kiln/src/register/tools.rs",
            "crates/kiln/src/register/unwind.rs",
            "crates/kiln-cli/src/call/invoke.rs",
            "crates/kiln-cli/src/call/trampoline.rs",
            "crates/kiln-cli/src/call/trampoline/again.rs",
            "crates/kiln-cli/src/crash/alloc.rs",
            "crates/kiln-cli/src/crash/context.rs",
            "crates/kiln-cli/src/crash/images.rs",
            "crates/kiln-cli/src/crash/mod.rs",
            "crates/kiln-cli/src/crash/raw.rs",
            "crates/kiln-cli/src/emulate/emulator.rs",
            "crates/kiln-cli/src/memory.rs",
            "crates/kiln-cli/src/run.rs",
            "crates/kiln-cli/src/supervise.rs",
        ],
        "a new file with unsafe code is a decision: enter it here"
    );
}

/// What reads and writes signatures takes bytes and gives bytes: it opens no file, asks no system, and has no unsafe code.
#[test]
fn signatures_are_bytes() {
    let files = files("crates/kiln-codesign/src");
    assert!(files.iter().any(|(name, text)| name.ends_with("lib.rs") && text.contains("#![forbid(unsafe_code)]")));
    for word in ["unsafe {", "std::fs", "std::io", "std::env", "std::process", "target_os", "target_arch"] {
        let found = places(&files, word, |name| !name.ends_with("tests.rs"));
        assert!(found.is_empty(), "`{word}`:\n{}", found.join("\n"));
    }
}

#[test]
fn there_is_no_writable_and_executable_protection() {
    let found = places(&library(), "PROT_EXEC", |_| true);
    // The value for text, and Apple's mapping, of which each thread sees one side.
    assert_eq!(found.len(), 2, "{}", found.join("\n"));
    assert!(found.iter().any(|place| place.contains("PROT_READ | libc::PROT_EXEC,")));
    assert!(found.iter().any(|place| place.contains("MAP_JIT")));
}

#[test]
fn the_command_uses_the_public_api() {
    let command = files("crates/kiln-cli/src");
    let mut found = places(&command, "path = \"../", |_| true);
    // What tests share has nothing of the library's inside.
    found.retain(|place| !place.contains("decode/tests.rs:1: #[path = \"../../../kiln/tests/common/"));
    assert!(found.is_empty(), "{}", found.join("\n"));
    let manifest = fs::read_to_string(root().join("crates/kiln-cli/Cargo.toml")).unwrap();
    let dependency = "kiln = { path = \"../kiln\", features = [\"debug-info\"] }";
    assert!(manifest.contains(dependency), "no features that open the inside");
}

#[test]
fn the_architecture_page_names_files_that_exist() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut named = 0;
    for word in page.split('`').skip(1).step_by(2) {
        let is_path = word.contains('/') && !word.contains([' ', '*', '<', ':']) && !word.starts_with('-');
        if is_path {
            assert!(root().join(word).exists(), "ARCHITECTURE.md names `{word}`");
            named += 1;
        }
    }
    assert!(named > 20, "the page names the files: {named}");
    for (name, _) in library() {
        assert!(page.contains(&name), "ARCHITECTURE.md does not name `{name}`");
    }
}

/// The last column of the table names test functions and fixtures.
#[test]
fn the_behaviours_of_other_linkers_name_tests_that_exist() {
    let page = fs::read_to_string(root().join("crates/kiln/tests/BEHAVIOURS.md")).unwrap();
    let sources: String = files("crates/kiln").into_iter().map(|(_, text)| text).collect();
    let mut named = 0;
    for line in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| behaviour")) {
        let tests = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for name in tests.split('`').skip(1).step_by(2) {
            named += 1;
            let is_fixture = || {
                let folders = fs::read_dir(root().join("crates/kiln/tests/relocations")).unwrap();
                folders.map(|folder| folder.unwrap().path().join(name)).any(|path| path.exists())
            };
            assert!(sources.contains(&format!("fn {name}(")) || is_fixture(), "there is no test `{name}`");
        }
    }
    assert!(named > 40, "{named}");
}

/// What nobody here can see on hardware names what will confirm it: tests, scripts and steps that exist, or that there are none.
#[test]
fn the_claims_to_be_confirmed_name_what_exists() {
    let page = fs::read_to_string(root().join("PLATFORM.md")).unwrap();
    let (_, section) = page.split_once("## To be confirmed on hardware").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let workflow = fs::read_to_string(root().join(".github/workflows/ci.yml")).unwrap();
    let sources: String = files("crates").into_iter().map(|(_, text)| text).collect();
    let mut claims = 0;
    for line in section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what |")) {
        let confirmed = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        claims += 1;
        if confirmed.starts_with("no step") {
            continue;
        }
        let mut named = 0;
        for name in confirmed.split('`').skip(1).step_by(2) {
            let last = name.rsplit("::").next().unwrap();
            let is_script = name.starts_with(".ci/");
            let is_variable = name.contains('=');
            let exists = match name.rsplit_once('/') {
                _ if is_script => root().join(name.split(' ').next().unwrap()).exists(),
                _ if is_variable => sources.contains(name.split('=').next().unwrap()),
                Some(_) => root().join("crates/kiln").join(name).exists(),
                None => {
                    sources.contains(&format!("fn {last}("))
                        || root().join(format!("crates/kiln/src/{}.rs", name.replace("::", "/"))).exists()
                }
            };
            assert!(exists, "PLATFORM.md: `{name}` would confirm a claim, and does not exist: {line}");
            named += 1;
        }
        for step in confirmed.split('"').skip(1).step_by(2) {
            // A name that is cut says so.
            let parts: Vec<&str> = step.split('…').filter(|part| !part.is_empty()).collect();
            assert!(parts.iter().all(|part| workflow.contains(part)), "there is no step \"{step}\": {line}");
            named += 1;
        }
        assert!(named > 0, "nothing would confirm it: {line}");
    }
    assert!(claims >= 15, "{claims}");
}

#[test]
fn the_pipeline_is_declared_in_its_order() {
    let root_module = fs::read_to_string(root().join("crates/kiln/src/lib.rs")).unwrap();
    let stages = ["source", "object", "graph", "layout", "fixup", "memory", "register", "module", "function"];
    let places: Vec<usize> = stages.iter().map(|stage| root_module.find(&format!("mod {stage};")).unwrap()).collect();
    assert!(places.is_sorted(), "lib.rs declares the stages in the order of the pipeline");
}

#[test]
fn files_are_small() {
    let sources = [library(), beside()].concat();
    let tests = [files("crates/kiln/tests"), files("crates/kiln-codesign/tests")].concat();
    for (files, limit) in [(sources, 500), (tests, 800)] {
        for (name, text) in files {
            let lines = text.split("\nmod tests {").next().unwrap_or_default().lines().count();
            assert!(lines <= limit, "{name} has {lines} lines: split it");
        }
    }
}

#[test]
fn nothing_is_left_to_do() {
    let all = [files("crates"), files("xtask/src")].concat();
    for word in ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!(", "dbg!(", "#[ignore"] {
        let words: Vec<_> = all
            .iter()
            .filter(|(name, text)| !name.ends_with("tidy.rs") && text.contains(word))
            .map(|(name, _)| &**name)
            .collect();
        assert!(words.is_empty(), "`{word}` in {}", words.join(", "));
    }
}

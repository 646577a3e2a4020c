//! `cargo xtask licences`: every dependency's licence is a permissive one, and the library depends on few crates.
//!
//! cargo-deny (deny.toml) checks the same licences and more where it is installed; this needs nothing but cargo.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Result, cargo, metadata, output, root};

/// The licences that dependencies may have, tests' and tools' dependencies too. deny.toml has the same list.
const ALLOWED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// The crates that the library may depend on, directly or not, on any target: whoever uses Kiln builds and trusts them.
const LIBRARY: [&str; 7] = ["libc", "memchr", "object", "once_cell", "pin-project-lite", "tracing", "tracing-core"];

pub(crate) fn check() -> Result<()> {
    let metadata = metadata(&root(), &["--locked"])?;
    let (dependencies, mut offenders) = check_licences(&metadata)?;
    let mut tree = cargo();
    tree.args(["tree", "--locked", "-p", "kiln", "-e", "normal,build", "--target", "all", "--prefix", "none"]);
    let library = output(tree.current_dir(root()))?;
    offenders.extend(check_library(&library));
    if !offenders.is_empty() {
        return Err(format!("licences:\n  {}", offenders.join("\n  ")));
    }
    println!("licences: {dependencies} dependencies, all permissive; the library's are among {}", LIBRARY.join(", "));
    Ok(())
}

/// The number of dependencies, and a line for each whose licence is not allowed.
fn check_licences(metadata: &Value) -> Result<(usize, Vec<String>)> {
    let packages = metadata["packages"].as_array().ok_or("cargo metadata: no packages")?;
    let (mut dependencies, mut offenders) = (0, Vec::new());
    let members = metadata["workspace_members"].as_array().ok_or("cargo metadata: no workspace_members")?;
    for package in packages.iter().filter(|package| !members.contains(&package["id"])) {
        dependencies += 1;
        let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
        match package["license"].as_str().map(|licence| (licence, allowed(licence))) {
            None => offenders.push(format!("{name}: states no licence expression")),
            Some((_, Ok(true))) => {}
            Some((licence, Ok(false))) => offenders.push(format!("{name}: {licence}: not on the list of xtask")),
            Some((licence, Err(why))) => offenders.push(format!("{name}: {licence}: {why}")),
        }
    }
    Ok((dependencies, offenders))
}

/// A line for each crate that the library may not depend on, from what `cargo tree` printed without its branches.
fn check_library(tree: &str) -> Vec<String> {
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let unexpected = crates.into_iter().filter(|name| *name != "kiln" && !LIBRARY.contains(name));
    unexpected.map(|name| format!("{name}: kiln depends on it, and it is not on the list of xtask")).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// Whether a licence expression (SPDX specification, annex D) can be met with allowed licences alone. The `/` of old
/// manifests is read as `OR`.
fn allowed(expression: &str) -> Result<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = &words[..];
    let allowed = any(&mut words)?;
    match words {
        [] => Ok(allowed),
        [word, ..] => Err(format!("`{word}` is not expected there")),
    }
}

/// `all OR all…`
fn any(words: &mut &[&str]) -> Result<bool> {
    let mut allowed = all(words)?;
    while take(words, "OR") {
        allowed |= all(words)?;
    }
    Ok(allowed)
}

/// `one AND one…`
fn all(words: &mut &[&str]) -> Result<bool> {
    let mut allowed = one(words)?;
    while take(words, "AND") {
        allowed &= one(words)?;
    }
    Ok(allowed)
}

/// `(any)`, `licence`, or `licence WITH exception`, which is on the list as such or not allowed.
fn one(words: &mut &[&str]) -> Result<bool> {
    if take(words, "(") {
        let allowed = any(words)?;
        return if take(words, ")") { Ok(allowed) } else { Err("a parenthesis is not closed".into()) };
    }
    let licence = name(words)?;
    if take(words, "WITH") {
        let exception = name(words)?;
        return Ok(ALLOWED.contains(&format!("{licence} WITH {exception}").as_str()));
    }
    // `+`: this version or a later one, so this one will do.
    Ok(ALLOWED.contains(&licence.strip_suffix('+').unwrap_or(licence)))
}

fn name<'a>(words: &mut &[&'a str]) -> Result<&'a str> {
    match words.split_first() {
        Some((word, rest)) if !["OR", "AND", "WITH", "(", ")"].contains(word) => {
            *words = rest;
            Ok(word)
        }
        Some((word, _)) => Err(format!("`{word}` stands where a name is expected")),
        None => Err("the expression ends where a name is expected".into()),
    }
}

fn take(words: &mut &[&str], wanted: &str) -> bool {
    match words.split_first() {
        Some((word, rest)) if *word == wanted => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expressions() {
        let rows = [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("mit", false),
            ("MIT OR Apache-2.0", true),
            ("GPL-2.0-only OR MIT", true),
            ("GPL-2.0-only OR MPL-2.0", false),
            ("MIT AND Zlib", true),
            ("MIT AND MPL-2.0", false),
            // AND binds more tightly than OR.
            ("MIT OR ISC AND MPL-2.0", true),
            ("MPL-2.0 AND ISC OR MIT", true),
            ("(MIT OR ISC) AND MPL-2.0", false),
            ("MPL-2.0 AND (ISC OR MIT)", false),
            ("((MIT OR MPL-2.0) AND (Unicode-3.0))", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
            ("MPL-2.0 AND Apache-2.0 WITH LLVM-exception", false),
            // An exception is allowed by name.
            ("MIT WITH Classpath-exception-2.0", false),
            ("GPL-2.0-only WITH LLVM-exception", false),
            ("Apache-2.0+", true),
            ("LGPL-2.1+", false),
            ("MIT/Apache-2.0", true),
            ("Apache-2.0 / MIT", true),
            ("GPL-2.0/MPL-2.0", false),
            ("Unlicense/MIT", true),
        ];
        for (expression, expected) in rows {
            assert_eq!(allowed(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression() {
        for expression in
            ["", "OR", "MIT OR", "AND MIT", "MIT ISC", "(MIT", "MIT)", "()", "MIT WITH", "MIT OR (", "WITH MIT"]
        {
            assert!(allowed(expression).is_err(), "{expression}");
        }
        assert_eq!(allowed("(MIT OR ISC"), Err("a parenthesis is not closed".to_owned()));
        assert_eq!(allowed("MIT ISC"), Err("`ISC` is not expected there".to_owned()));
    }

    #[test]
    fn offenders_are_named() {
        let metadata = json!({
            "packages": [
                { "name": "kiln", "version": "0.1.0", "id": "here", "license": null },
                { "name": "good", "version": "1.0.0", "id": "a", "license": "MIT" },
                { "name": "viral", "version": "2.0.0", "id": "b", "license": "AGPL-3.0-only" },
                { "name": "file", "version": "3.0.0", "id": "c", "license": null },
                { "name": "odd", "version": "4.0.0", "id": "d", "license": "MIT OR" },
            ],
            "workspace_members": ["here"],
        });
        let (dependencies, offenders) = check_licences(&metadata).unwrap_or_default();
        assert_eq!(dependencies, 4);
        assert_eq!(
            offenders,
            [
                "viral 2.0.0: AGPL-3.0-only: not on the list of xtask",
                "file 3.0.0: states no licence expression",
                "odd 4.0.0: MIT OR: the expression ends where a name is expected",
            ]
        );
    }

    #[test]
    fn the_library_stays_light() {
        let tree = "kiln v0.1.0 (/somewhere/crates/kiln)\nlibc v0.2.191\nobject v0.40.0\nmemchr v2.8.3\n\nobject v0.40.0 (*)\n";
        assert_eq!(check_library(tree), [""; 0]);
        let heavier = format!("{tree}regex v1.0.0\nregex v1.0.0 (*)\n");
        assert_eq!(check_library(&heavier), ["regex: kiln depends on it, and it is not on the list of xtask"]);
    }

    /// deny.toml says what `ALLOWED` says.
    #[test]
    fn cargo_deny_has_the_same_list() {
        let deny = include_str!("../../deny.toml");
        let (_, rest) = deny.split_once("\nallow = [").unwrap_or_default();
        let (list, _) = rest.split_once(']').unwrap_or_default();
        let names: Vec<&str> = list.split(',').map(|name| name.trim().trim_matches('"')).collect();
        assert_eq!(names.strip_suffix(&[""]).unwrap_or(&names), ALLOWED);
    }
}

//! Entitlements as users name them: `allow-jit`, a full name, or a property list.

use std::path::Path;

use kiln_codesign::{Entitlements, Value};

use crate::Failure;
use crate::asm::read;

/// The prefix of the hardened runtime's names.
pub(crate) const HARDENED: &str = "com.apple.security.cs.";

/// The entitlements that these words ask for together: names, which become true, and files.
pub(crate) fn entitlements(words: &[String]) -> Result<Entitlements, Failure> {
    let mut all = Entitlements::new();
    for word in words {
        let asked = if is_file(word) { from_file(Path::new(word))? } else { from_name(word)? };
        for (name, value) in asked.iter() {
            let before = all.insert(name, value.clone());
            if before.is_some_and(|before| before != *value) {
                return Err(Failure::new(format!("the entitlement {name} is asked for with two values"))
                    .next("name it once, or take it out of one property list"));
            }
        }
    }
    Ok(all)
}

/// A name has no such end, and no folder.
fn is_file(word: &str) -> bool {
    word.contains('/') || [".plist", ".entitlements", ".xml"].iter().any(|end| word.ends_with(end))
}

fn from_file(path: &Path) -> Result<Entitlements, Failure> {
    Entitlements::from_xml(&read(path)?).map_err(|error| {
        let failure = Failure::new(format!("{}: {error}", path.display()));
        failure.next(
            error.next_step().unwrap_or("entitlements are a <dict> of booleans, integers, strings, arrays and dicts"),
        )
    })
}

fn from_name(word: &str) -> Result<Entitlements, Failure> {
    let mut one = Entitlements::new();
    one.set(&full_name(word)?);
    Ok(one)
}

/// The full name of an entitlement: of a short one that is known, or the word itself if it has a dot.
pub(crate) fn full_name(word: &str) -> Result<String, Failure> {
    let known: Vec<(&str, String)> = Entitlements::known().collect();
    if let Some((_, full)) = known.iter().find(|(short, full)| *short == word || full == word) {
        return Ok(full.clone());
    }
    let near = near(word, &known);
    if word.contains('.') && !word.starts_with('.') && !word.ends_with('.') {
        // Apple's own are all known here; others' names are theirs to choose.
        if word.starts_with(HARDENED) {
            let near = if near.is_empty() { String::new() } else { format!(" (near: {})", near.join(", ")) };
            tracing::warn!("{word} is no entitlement that is known{near}");
        }
        return Ok(word.to_owned());
    }
    let failure = Failure::new(if near.is_empty() {
        format!("there is no entitlement `{word}`")
    } else {
        format!("there is no entitlement `{word}` (near: {})", near.join(", "))
    });
    Err(failure.next(format!("give its full name, such as {HARDENED}allow-jit, or a property list: FILE.plist")))
}

/// The short names that this one may have meant: those that hold it, or are few edits away, the nearest first.
fn near<'k>(word: &str, known: &[(&'k str, String)]) -> Vec<&'k str> {
    let word = word.rsplit('.').next().unwrap_or(word);
    let far = |name: &str| if name.contains(word) && word.len() > 2 { 0 } else { distance(word, name) };
    let mut near: Vec<(usize, &str)> = known.iter().map(|(name, _)| (far(name), *name)).collect();
    near.retain(|(far, _)| *far <= word.len().max(3) / 3);
    near.sort();
    near.into_iter().map(|(_, name)| name).take(3).collect()
}

/// How many letters must be added, dropped or changed (Levenshtein's distance).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.bytes().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

/// A name as this command shows it: the short one, where there is one.
pub(crate) fn short_name(full: &str) -> &str {
    Entitlements::known().find(|(_, known)| known == full).map_or(full, |(short, _)| short)
}

/// An entitlement as one word: its name, with its value unless that is true.
pub(crate) fn shown(name: &str, value: &Value) -> String {
    match value {
        Value::Bool(true) => short_name(name).to_owned(),
        Value::Bool(false) => format!("{}=false", short_name(name)),
        Value::Integer(number) => format!("{}={number}", short_name(name)),
        Value::String(text) => format!("{}={text:?}", short_name(name)),
        Value::Array(values) => format!("{}=[{} values]", short_name(name), values.len()),
        Value::Dictionary(values) => format!("{}={{{} values}}", short_name(name), values.len()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let full = |word: &str| full_name(word).map_err(|failure| failure.message);
        assert_eq!(full("allow-jit"), Ok("com.apple.security.cs.allow-jit".to_owned()));
        assert_eq!(full("com.apple.security.cs.allow-jit"), Ok("com.apple.security.cs.allow-jit".to_owned()));
        assert_eq!(full("get-task-allow"), Ok("com.apple.security.get-task-allow".to_owned()));
        assert_eq!(full("device.camera"), Ok("com.apple.security.device.camera".to_owned()));
        assert_eq!(full("org.example.mine"), Ok("org.example.mine".to_owned()));
        for (word, message) in [
            ("allow-jti", "there is no entitlement `allow-jti` (near: allow-jit)"),
            (
                "jit",
                "there is no entitlement `jit` (near: allow-jit, jit-write-allowlist, jit-write-allowlist-freeze-late)",
            ),
            ("alow-unsigned-memory", "there is no entitlement `alow-unsigned-memory`"),
            ("unsigned", "there is no entitlement `unsigned` (near: allow-unsigned-executable-memory)"),
            ("", "there is no entitlement ``"),
            (".", "there is no entitlement `.`"),
        ] {
            assert_eq!(full(word), Err(message.to_owned()));
        }
    }

    #[test]
    fn distances() {
        for (from, to, far) in [("", "", 0), ("", "ab", 2), ("ab", "", 2), ("kitten", "sitting", 3), ("abc", "acb", 2)]
        {
            assert_eq!(distance(from, to), far, "{from} {to}");
        }
    }

    #[test]
    fn files_are_told_from_names() {
        assert!(is_file("jit.plist") && is_file("./jit") && is_file("app.entitlements"));
        assert!(!is_file("allow-jit") && !is_file("com.apple.security.cs.allow-jit"));
    }
}

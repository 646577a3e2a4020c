//! Undefined symbols, and names near misspelt ones.

use std::collections::{BTreeSet, HashMap};

use super::resolve::Outside;
use super::runtime;
use super::{Asked, LinkGraph, Name, Scope, Symbol, SymbolId, SymbolKind};
use crate::error::Error;

/// The names that `exists` knows among all that are one edit away from `name`: a letter dropped, doubled, changed or
/// added, two letters swapped, an underscore in front. Works where names cannot be listed, only asked for.
fn near_names(name: &str, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    // Mangled and generated names are long, and nobody types them.
    if name.len() > 64 || !name.is_ascii() {
        return Vec::new();
    }
    let mut found = BTreeSet::new();
    let mut consider = |candidate: String| {
        if !candidate.is_empty() && candidate != name && exists(&candidate) {
            found.insert(candidate);
        }
    };
    consider(name.trim_start_matches('_').to_owned());
    for at in 0..=name.len() {
        let (before, after) = name.split_at(at);
        if let Some(rest) = after.get(1..) {
            consider(format!("{before}{rest}"));
            if let (Some(first), Some(second)) = (after.get(..1), after.get(1..2)) {
                consider(format!("{before}{second}{first}{}", &after[2..]));
            }
        }
        for letter in ('a'..='z').chain('0'..='9').chain(['_']) {
            consider(format!("{before}{letter}{after}"));
            if let Some(rest) = after.get(1..) {
                consider(format!("{before}{letter}{rest}"));
            }
        }
    }
    found.into_iter().take(3).collect()
}

/// The error for all undefined symbols at once.
pub(super) fn undefined(
    graph: &LinkGraph<'_>,
    missing: &[SymbolId],
    defined: impl Fn(&[u8]) -> bool,
    outside: Outside<'_>,
) -> Error {
    let mut wanted: Vec<(Name<'_>, &Symbol, Vec<&str>)> = Vec::new();
    let mut index: HashMap<Name<'_>, usize> = HashMap::new();
    for id in missing {
        let symbol = graph.symbol(*id);
        let name = graph.symbol_key(symbol);
        let at = *index.entry(name).or_insert_with(|| {
            wanted.push((name, symbol, Vec::new()));
            wanted.len() - 1
        });
        let input = graph.input_name(symbol.input);
        if !wanted[at].2.contains(&input) {
            wanted[at].2.push(input);
        }
    }
    let exists = |name: &str| defined(name.as_bytes()) || outside(name, Asked::Guess).is_some();
    let lines: Vec<String> = wanted
        .iter()
        .enumerate()
        .map(|(number, (name, symbol, inputs))| {
            let Name { raw, bytes } = name;
            let name = String::from_utf8_lossy(bytes);
            // So many are a missing library, not a slip, and each search asks for thousands of names.
            let near = if number < 8 { near_names(&name, &exists) } else { Vec::new() };
            let hint = if name.is_empty() {
                " (the file gives it no name: it is damaged)".to_owned()
            } else if symbol.kind == SymbolKind::ThreadVariable {
                " (thread-local: an input or another module of Kiln must define it)".to_owned()
            } else if symbol.scope == Scope::Hidden && exists(&name) {
                " (hidden: only the inputs may define it)".to_owned()
            } else if *raw && exists(&name) {
                format!(" (in Mach-O, C's `{name}` is `_{name}`)")
            } else if near.is_empty() {
                String::new()
            } else {
                format!(" (near: {})", near.join(", "))
            };
            format!("`{name}`, wanted by {}{hint}", inputs.join(", "))
        })
        .collect();
    let message = match &lines[..] {
        [one] => format!("undefined symbol {one}"),
        many => format!("{} undefined symbols:\n  {}", many.len(), many.join("\n  ")),
    };
    let mut advice: Vec<&str> = Vec::new();
    for found in wanted.iter().filter_map(|(name, ..)| runtime::advice(std::str::from_utf8(name.bytes).ok()?)) {
        if !advice.contains(&found) {
            advice.push(found);
        }
    }
    let error = Error::undefined(message);
    if advice.is_empty() { error } else { error.help(advice.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::near_names;

    #[test]
    fn one_edit_away() {
        let exists = |name: &str| ["write", "printf", "_start"].contains(&name);
        for (typed, meant) in [
            ("wirte", "write"),
            ("writ", "write"),
            ("wwrite", "write"),
            ("wrote", "write"),
            ("__write", "write"),
            ("start", "_start"),
            ("prinft", "printf"),
        ] {
            assert_eq!(near_names(typed, &exists), [meant], "{typed}");
        }
        assert!(near_names("read", &exists).is_empty());
        assert!(near_names("write", &exists).is_empty());
        assert!(near_names("", &exists).is_empty());
    }
}

//! Names near a misspelt one.

use std::collections::BTreeSet;

/// The names that `exists` knows among all that are one edit away from `name`: a letter dropped, doubled, changed or
/// added, two letters swapped, an underscore in front. Works where names cannot be listed, only asked for.
pub(crate) fn near_names(name: &str, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
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

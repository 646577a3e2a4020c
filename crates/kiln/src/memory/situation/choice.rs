//! The strategy for a situation: the first of a list that works.

use super::macos::SIGN;
use super::{Situation, Strategy, Verdict};
use crate::error::{Error, Result};
use crate::target::Os;

/// A strategy, why it is the one, and what was ruled out before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    chosen: Verdict,
    ruled_out: Vec<Verdict>,
}

impl Choice {
    /// How memory becomes executable.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.chosen.strategy()
    }

    /// Why this way: a clause without a full stop.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.chosen.reason()
    }

    /// What would have been better and does not work here.
    #[must_use]
    pub fn ruled_out(&self) -> &[Verdict] {
        &self.ruled_out
    }
}

impl Situation {
    /// The strategy for modules in this situation: a pure function of it.
    ///
    /// Seal where that works; else dual mapping on Linux, where the text is a file in memory that was never writable in this
    /// process, and the toggle or its callback on Apple Silicon.
    ///
    /// # Errors
    ///
    /// Nothing is possible; the error says why, and what would change it.
    pub fn choose(&self) -> Result<Choice> {
        self.first_that_works(match self.target.os() {
            Os::Linux => &[Strategy::Seal, Strategy::DualMapping],
            _ => &[Strategy::Seal, Strategy::ThreadToggle, Strategy::ToggleCallback],
        })
    }

    /// The strategy for many small functions in this situation: a pure function of it.
    ///
    /// On Linux dual mapping, where publishing needs no system call; on Apple Silicon the toggle, for the same reason; seal
    /// where they do not work, and in a hardened process that has the right to all unsigned memory but not `allow-jit`
    /// itself: Apple's documents disagree on `MAP_JIT` there.
    ///
    /// # Errors
    ///
    /// Nothing is possible; the error says why, and what would change it.
    pub fn choose_for_heap(&self) -> Result<Choice> {
        self.first_that_works(match self.target.os() {
            Os::Linux => &[Strategy::DualMapping, Strategy::Seal],
            _ if self.macos.hardened && !self.macos.allow_jit => {
                &[Strategy::Seal, Strategy::ThreadToggle, Strategy::ToggleCallback]
            }
            _ => &[Strategy::ThreadToggle, Strategy::ToggleCallback, Strategy::Seal],
        })
    }

    fn first_that_works(&self, order: &[Strategy]) -> Result<Choice> {
        if self.target.os() == Os::Windows {
            return Err(Error::unsupported("code cannot be loaded on Windows yet"));
        }
        let mut ruled_out = Vec::new();
        for strategy in order {
            let verdict = self.verdict(*strategy);
            if verdict.is_working() {
                return Ok(Choice { chosen: verdict, ruled_out });
            }
            ruled_out.push(verdict);
        }
        Err(self.nothing_works(&ruled_out))
    }

    /// What the verdicts come to when none of them is good.
    fn nothing_works(&self, verdicts: &[Verdict]) -> Error {
        // What a system does not have at all explains nothing, unless it could be had.
        let counts = |verdict: &&Verdict| *verdict.outcome() != super::Outcome::Absent || verdict.remedy().is_some();
        let mut reasons = String::new();
        for verdict in verdicts.iter().filter(counts) {
            let separator = if reasons.is_empty() { ": " } else { "; " };
            reasons += &format!("{separator}{}: {}: {}", verdict.strategy(), verdict.outcome(), verdict.reason());
        }
        let error = Error::not_allowed(format!("this process may not run generated code{reasons}"));
        // The least that must change comes first: on Apple Silicon the right to MAP_JIT memory, not the one to all unsigned
        // memory.
        let toggle = if self.macos.jit_write_allowlist { Strategy::ToggleCallback } else { Strategy::ThreadToggle };
        let mut verdicts: Vec<&Verdict> = verdicts.iter().collect();
        if self.target.os() == Os::MacOs {
            verdicts.sort_by_key(|verdict| (verdict.strategy() != toggle, verdict.strategy() == Strategy::Seal));
        }
        let mut remedies: Vec<&str> = Vec::new();
        for remedy in verdicts.into_iter().filter_map(Verdict::remedy) {
            let command = remedy.strip_prefix(SIGN).unwrap_or(remedy);
            if !remedies.iter().any(|there| there.ends_with(command)) {
                remedies.push(if remedies.is_empty() { remedy } else { command });
            }
        }
        if self.target.os() == Os::MacOs && self.macos.hardened {
            remedies.push("leave out --hardened, if the program is not to be notarized");
        }
        if remedies.is_empty() { error } else { error.help(remedies.join("; or ")) }
    }
}

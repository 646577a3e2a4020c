//! What this process is allowed, and the strategy that follows.

use std::fmt;
use std::sync::OnceLock;

use super::sys;
use crate::error::{Error, Result};
use crate::target::{Os, Target};

/// What the operating system lets a process do with generated code.
///
/// [`of_this_process`](Situation::of_this_process) asks the system, once, without executing anything; a situation can also
/// be described, for [`choose`](Situation::choose) to say what would work there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Situation {
    /// The target that the process runs on.
    pub target: Target,
    /// The size of a page, in bytes.
    pub page_size: u64,
    /// macOS: the process is x86-64 code that Rosetta translates.
    pub translated: bool,
    /// macOS: the process runs with the hardened runtime (`CS_RUNTIME`), or its code pages are enforced
    /// (`CS_ENFORCEMENT`).
    pub hardened: bool,
    /// macOS: signed with `com.apple.security.cs.allow-jit`.
    pub allow_jit: bool,
    /// macOS: signed with `com.apple.security.cs.allow-unsigned-executable-memory`, or with
    /// `com.apple.security.cs.disable-executable-page-protection`, which includes it.
    pub allow_unsigned_executable_memory: bool,
    /// macOS: signed with `com.apple.security.cs.jit-write-allowlist`, so that the plain toggle ends the process.
    pub jit_write_allowlist: bool,
    /// Linux: memory that was writable can never become executable (`PR_SET_MDWE`, systemd's
    /// `MemoryDenyWriteExecute`).
    pub deny_write_execute: bool,
}

/// How memory becomes executable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Strategy {
    /// Mapped writable, then made executable once, and never back.
    Seal,
    /// `MAP_JIT` memory, which each thread sees either writable or executable, and switches for itself.
    ThreadToggle,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Strategy::Seal => "seal",
            Strategy::ThreadToggle => "thread toggle",
        })
    }
}

/// A strategy, and why it is the one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    strategy: Strategy,
    reason: &'static str,
}

impl Choice {
    /// How memory becomes executable.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Why this way: a clause without a full stop.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

impl Situation {
    /// A process of `target` that nothing restricts.
    #[must_use]
    pub fn unrestricted(target: Target) -> Situation {
        Situation {
            target,
            page_size: target.max_page_size(),
            translated: false,
            hardened: false,
            allow_jit: false,
            allow_unsigned_executable_memory: false,
            jit_write_allowlist: false,
            deny_write_execute: false,
        }
    }

    /// The situation of the running process. It is asked for once; later changes (a debugger that attaches, a
    /// `prctl`) are not seen.
    #[must_use]
    pub fn of_this_process() -> &'static Situation {
        static SITUATION: OnceLock<Situation> = OnceLock::new();
        SITUATION.get_or_init(|| {
            let situation = sys::situation();
            tracing::debug!(
                "situation: {}, {} KiB pages{}{}",
                situation.target,
                situation.page_size / 1024,
                if situation.hardened { ", hardened" } else { "" },
                if situation.allow_jit { ", allow-jit" } else { "" }
            );
            situation
        })
    }

    /// The strategy for this situation: a pure function of it.
    ///
    /// # Errors
    ///
    /// Nothing is possible; the error says why, and what would change it.
    pub fn choose(&self) -> Result<Choice> {
        let choice = |strategy, reason| Ok(Choice { strategy, reason });
        match self.target.os() {
            Os::Linux if self.deny_write_execute => {
                Err(Error::not_allowed("this process may not make memory executable that was writable (PR_SET_MDWE)")
                    .help("start it without MemoryDenyWriteExecute or PR_SET_MDWE"))
            }
            Os::Linux => choice(Strategy::Seal, "Linux lets memory go from writable to executable"),
            Os::MacOs => self.choose_macos(),
            Os::Windows => Err(Error::unsupported("code cannot be loaded on Windows yet")),
        }
    }

    fn choose_macos(&self) -> Result<Choice> {
        let choice = |strategy, reason| Ok(Choice { strategy, reason });
        let apple_silicon = self.target.is_apple_silicon();
        if self.translated {
            return choice(Strategy::Seal, "under Rosetta, memory may go from writable to executable");
        }
        if !self.hardened {
            return choice(Strategy::Seal, "the process is not hardened");
        }
        if self.allow_unsigned_executable_memory {
            return choice(Strategy::Seal, "hardened, with allow-unsigned-executable-memory");
        }
        if self.jit_write_allowlist {
            return Err(Error::not_allowed(
                "this process has the entitlement com.apple.security.cs.jit-write-allowlist, under which the thread \
                 toggle ends the process, and the listed callback is not supported yet",
            )
            .help("sign the program without com.apple.security.cs.jit-write-allowlist"));
        }
        if self.allow_jit && apple_silicon {
            return choice(Strategy::ThreadToggle, "hardened, with allow-jit");
        }
        let entitlement = if apple_silicon { "allow-jit" } else { "allow-unsigned-executable-memory" };
        Err(Error::not_allowed(format!(
            "this process is hardened and not entitled to run generated code: its first execution would be an \
             uncatchable kill (per XNU, osfmk/vm/vm_fault.c); it lacks com.apple.security.cs.{entitlement}"
        ))
        .help(format!("sign the program with the entitlement com.apple.security.cs.{entitlement}")))
    }
}

/// Whether an entitlements property list (XML) sets the boolean `key`.
#[allow(dead_code, reason = "called on macOS, tested everywhere")]
pub(super) fn entitlement(plist: &str, key: &str) -> bool {
    let Some((_, after)) = plist.split_once(&format!("<key>{key}</key>")) else { return false };
    after.trim_start().starts_with("<true/>")
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    fn macos(target: Target, edit: impl FnOnce(&mut Situation)) -> Situation {
        let mut situation = Situation::unrestricted(target);
        edit(&mut situation);
        situation
    }

    /// One row for each situation that has an answer of its own.
    #[test]
    fn the_choice_by_situation() {
        use Strategy::{Seal, ThreadToggle};
        let silicon = Target::AARCH64_MACOS;
        let intel = Target::X86_64_MACOS;
        let rows: Vec<(Situation, Result<Strategy, &str>)> = vec![
            (Situation::unrestricted(Target::X86_64_LINUX), Ok(Seal)),
            (Situation::unrestricted(Target::AARCH64_LINUX), Ok(Seal)),
            (macos(Target::X86_64_LINUX, |s| s.deny_write_execute = true), Err("PR_SET_MDWE")),
            (macos(silicon, |_| ()), Ok(Seal)),
            // Entitlements mean nothing to a process that is not hardened.
            (macos(silicon, |s| s.allow_jit = true), Ok(Seal)),
            (macos(silicon, |s| s.hardened = true), Err("lacks com.apple.security.cs.allow-jit")),
            (macos(silicon, |s| (s.hardened, s.allow_jit) = (true, true)), Ok(ThreadToggle)),
            (macos(silicon, |s| (s.hardened, s.allow_unsigned_executable_memory) = (true, true)), Ok(Seal)),
            (
                macos(silicon, |s| (s.hardened, s.allow_jit, s.allow_unsigned_executable_memory) = (true, true, true)),
                Ok(Seal),
            ),
            (
                macos(silicon, |s| (s.hardened, s.allow_jit, s.jit_write_allowlist) = (true, true, true)),
                Err("jit-write-allowlist"),
            ),
            (macos(intel, |_| ()), Ok(Seal)),
            (macos(intel, |s| s.translated = true), Ok(Seal)),
            (macos(intel, |s| (s.hardened, s.allow_jit) = (true, true)), Err("allow-unsigned-executable-memory")),
            (macos(intel, |s| (s.hardened, s.allow_unsigned_executable_memory) = (true, true)), Ok(Seal)),
            (Situation::unrestricted(Target::X86_64_WINDOWS), Err("Windows")),
        ];
        for (situation, expected) in rows {
            match (situation.choose(), expected) {
                (Ok(choice), Ok(strategy)) => assert_eq!(choice.strategy(), strategy, "{situation:?}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{situation:?}: {error}"),
                (got, expected) => panic!("{situation:?}: {got:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn this_process_may_load_code() {
        assert!(Situation::of_this_process().choose().is_ok());
        assert!(Situation::of_this_process().page_size.is_power_of_two());
    }

    #[test]
    fn entitlements_are_read_from_xml() {
        let plist = "<?xml version=\"1.0\"?><plist><dict>\n<key>com.apple.security.cs.allow-jit</key>\n\t<true/>\
                     <key>other</key><false/></dict></plist>";
        assert!(entitlement(plist, "com.apple.security.cs.allow-jit"));
        assert!(!entitlement(plist, "other"));
        assert!(!entitlement(plist, "com.apple.security.cs"));
        assert!(!entitlement("", "other"));
    }
}

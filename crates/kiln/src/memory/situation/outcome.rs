//! Strategies, and what comes of them.

use std::fmt;

/// How memory becomes executable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Strategy {
    /// Mapped writable, then made executable once, and never back.
    Seal,
    /// Apple Silicon: `MAP_JIT` memory, which each thread sees either writable or executable, and switches for itself.
    ThreadToggle,
    /// The same memory, written by a function that the program's file lists as allowed to.
    ToggleCallback,
    /// Linux: memory with two addresses, written through one and executed through the other.
    DualMapping,
    /// Linux on x86-64: memory with two addresses, of which only a thread that is writing just then may use the writable one.
    ProtectionKeys,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Strategy; 5] = [
        Strategy::Seal,
        Strategy::ThreadToggle,
        Strategy::ToggleCallback,
        Strategy::DualMapping,
        Strategy::ProtectionKeys,
    ];
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Strategy::Seal => "seal",
            Strategy::ThreadToggle => "thread toggle",
            Strategy::ToggleCallback => "toggle callback",
            Strategy::DualMapping => "dual mapping",
            Strategy::ProtectionKeys => "protection keys",
        })
    }
}

/// What comes of a [`Strategy`] in a [`Situation`](crate::Situation).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Generated code runs.
    Works,
    /// A call of the system fails, before anything has run.
    Refused {
        /// The function that fails.
        call: &'static str,
        /// The error number, as that system counts.
        errno: i32,
    },
    /// The system ends the process, which cannot catch it.
    Killed {
        /// The step at which it happens.
        at: &'static str,
    },
    /// That system has no such thing, or Kiln does not do it there.
    Absent,
}

pub(super) const EPERM: i32 = 1;
pub(super) const EACCES: i32 = 13;
pub(super) const EINVAL: i32 = 22;

/// `works`, `refused: mprotect fails with EACCES`, `killed at the first execution`, `not there`.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Outcome::Works => f.write_str("works"),
            Outcome::Refused { call, errno } => write!(f, "refused: {call} fails with {}", ErrorName(errno)),
            Outcome::Killed { at } => write!(f, "killed at {at}"),
            Outcome::Absent => f.write_str("not there"),
        }
    }
}

/// An error number by name, where Linux and macOS have the same one.
pub(super) struct ErrorName(pub(super) i32);

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            EPERM => "EPERM",
            2 => "ENOENT",
            12 => "ENOMEM",
            EACCES => "EACCES",
            EINVAL => "EINVAL",
            23 => "ENFILE",
            24 => "EMFILE",
            28 => "ENOSPC",
            30 => "EROFS",
            other => return write!(f, "error {other}"),
        })
    }
}

/// What comes of a strategy, why, who says so, and what would change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    strategy: Strategy,
    outcome: Outcome,
    reason: String,
    source: &'static str,
    remedy: Option<String>,
}

impl Verdict {
    pub(super) fn new(
        strategy: Strategy,
        outcome: Outcome,
        reason: impl Into<String>,
        source: &'static str,
    ) -> Verdict {
        Verdict { strategy, outcome, reason: reason.into(), source, remedy: None }
    }

    pub(super) fn works(strategy: Strategy, reason: impl Into<String>, source: &'static str) -> Verdict {
        Verdict::new(strategy, Outcome::Works, reason, source)
    }

    pub(super) fn absent(strategy: Strategy, reason: impl Into<String>, source: &'static str) -> Verdict {
        Verdict::new(strategy, Outcome::Absent, reason, source)
    }

    pub(super) fn remedied_by(mut self, remedy: impl Into<String>) -> Verdict {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same of another strategy, which comes to what this one comes to.
    pub(super) fn of(self, strategy: Strategy) -> Verdict {
        Verdict { strategy, ..self }
    }

    /// What was asked about.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// What comes of it.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Whether generated code runs.
    #[must_use]
    pub fn is_working(&self) -> bool {
        self.outcome == Outcome::Works
    }

    /// Why: a clause without a full stop.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Where it is written: files of the system's source, a manual, a report. Empty where this is about Kiln itself.
    #[must_use]
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// The smallest change with which it would work, if there is one: a clause without a full stop.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }
}

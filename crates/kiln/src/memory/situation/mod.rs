//! What this process is allowed, and what follows for each strategy.

mod choice;
mod linux;
mod macos;
mod outcome;

use std::fmt;
use std::sync::OnceLock;

pub use choice::Choice;
pub use linux::{Answer, LinuxRules};
#[allow(unused_imports, reason = "called on macOS")]
pub(super) use macos::entitlements;
pub use macos::{JitCallback, MacOsRules};
pub use outcome::{Outcome, Strategy, Verdict};

use super::sys;
use crate::target::{Arch, Os, Target};

/// What the operating system lets a process do with generated code.
///
/// [`of_this_process`](Situation::of_this_process) asks the system, once, without executing anything. A situation can also be
/// described, on any host: [`unrestricted`](Situation::unrestricted), [`macos`](Situation::macos), and the fields. What follows
/// is a pure function of it: [`verdict`](Situation::verdict) for one strategy, [`choose`](Situation::choose) for modules,
/// [`choose_for_heap`](Situation::choose_for_heap) for a [`CodeHeap`](crate::CodeHeap).
///
/// ```
/// use kiln::{Arch, Outcome, Situation, Strategy};
///
/// const CS_RUNTIME: u32 = 0x1_0000;
/// let plain = Situation::macos(Arch::Aarch64, CS_RUNTIME, []);
/// assert_eq!(*plain.verdict(Strategy::Seal).outcome(), Outcome::Killed { at: "the first execution" });
/// assert!(plain.choose().is_err());
///
/// let entitled = Situation::macos(Arch::Aarch64, CS_RUNTIME, ["com.apple.security.cs.allow-jit"]);
/// assert_eq!(entitled.choose()?.strategy(), Strategy::ThreadToggle);
/// # Ok::<(), kiln::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Situation {
    /// The target that the process runs on.
    pub target: Target,
    /// The size of a page, in bytes.
    pub page_size: u64,
    /// What counts on macOS; elsewhere it says nothing.
    pub macos: MacOsRules,
    /// What counts on Linux; elsewhere it says nothing.
    pub linux: LinuxRules,
}

impl Situation {
    /// A process of `target` that nothing restricts, with the largest pages of that target.
    #[must_use]
    pub fn unrestricted(target: Target) -> Situation {
        Situation {
            target,
            page_size: target.max_page_size(),
            macos: MacOsRules::default(),
            linux: LinuxRules::unrestricted(target.arch()),
        }
    }

    /// A process on macOS whose program is signed so: the code-signing flags that the process gets (`CS_…` of XNU's
    /// `osfmk/kern/cs_blobs.h`) or that stand in the signature, which have the same values, and the names of the
    /// entitlements that are true.
    #[must_use]
    pub fn macos<'e>(arch: Arch, flags: u32, entitlements: impl IntoIterator<Item = &'e str>) -> Situation {
        Situation {
            macos: MacOsRules::signed(flags, entitlements),
            ..Situation::unrestricted(Target::new(arch, Os::MacOs))
        }
    }

    /// The situation of the running process. It is asked for once; later changes (a debugger that attaches, a
    /// `prctl`, a new seccomp filter) are not seen.
    #[must_use]
    pub fn of_this_process() -> &'static Situation {
        static SITUATION: OnceLock<Situation> = OnceLock::new();
        SITUATION.get_or_init(|| {
            let situation = sys::situation();
            tracing::debug!("situation: {situation}");
            situation
        })
    }

    /// What comes of `strategy` in this situation, and why: a pure function of both.
    #[must_use]
    pub fn verdict(&self, strategy: Strategy) -> Verdict {
        match self.target.os() {
            Os::Linux => self.linux.verdict(strategy),
            Os::MacOs => self.macos.verdict(strategy, self.target),
            Os::Windows => Verdict::absent(strategy, "code cannot be loaded on Windows yet", ""),
        }
    }

    /// [`verdict`](Situation::verdict) for every strategy, in the order of [`Strategy::ALL`].
    #[must_use]
    pub fn verdicts(&self) -> [Verdict; 5] {
        Strategy::ALL.map(|strategy| self.verdict(strategy))
    }
}

/// One line: target, page size, and each restriction or right that is there.
impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} KiB pages", self.target, self.page_size / 1024)?;
        match self.target.os() {
            Os::Linux => self.linux.describe(f),
            Os::MacOs => self.macos.describe(f),
            Os::Windows => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;

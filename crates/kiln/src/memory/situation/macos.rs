//! macOS: what a program's signature lets its process do. Nothing here was measured on Apple hardware; each row names its source.

use std::fmt;

use super::outcome::{EINVAL, Outcome, Strategy, Verdict};
use crate::target::Target;

/// What counts on macOS. The default is a process that is not hardened and has no entitlements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MacOsRules {
    /// The process is x86-64 code that Rosetta translates.
    pub translated: bool,
    /// The process runs with the hardened runtime (`CS_RUNTIME`), or its code pages are enforced (`CS_ENFORCEMENT`).
    pub hardened: bool,
    /// A debugger is or was attached (`CS_DEBUGGED`), which relaxes enforcement: the verdicts are those without it.
    pub debugged: bool,
    /// Signed with `com.apple.security.cs.allow-jit`.
    pub allow_jit: bool,
    /// Signed with `com.apple.security.cs.allow-unsigned-executable-memory`, or with
    /// `com.apple.security.cs.disable-executable-page-protection`, which includes it.
    pub allow_unsigned_executable_memory: bool,
    /// Signed with `com.apple.security.cs.jit-write-allowlist`: the plain toggle ends the process, and only listed
    /// functions may write.
    pub jit_write_allowlist: bool,
    /// Signed with `com.apple.security.cs.jit-write-allowlist-freeze-late`: the list is open until the program closes it.
    pub jit_write_allowlist_freeze_late: bool,
    /// Signed with `com.apple.security.cs.single-jit`: the process may map `MAP_JIT` memory once.
    pub single_jit: bool,
    /// Whether the system calls Kiln's function that writes to `MAP_JIT` memory.
    pub jit_callback: JitCallback,
}

/// Whether `pthread_jit_write_with_callback_np` calls Kiln's function under the entitlement `jit-write-allowlist`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum JitCallback {
    /// The function stands in the main program, whose list the system reads at launch.
    #[default]
    Listed,
    /// The program has a list of its own that comes first, and the system reads one list of each file.
    Hidden,
    /// It stands in a library, and the system reads no list of a library that is loaded later.
    InLibrary,
    /// The system has no `pthread_jit_write_with_callback_np`: it is older than macOS 11.4.
    Missing,
}

const ALLOW_JIT: &str = "allow-jit";
const ALLOW_UNSIGNED: &str = "allow-unsigned-executable-memory";
/// What stands in front of a command that signs.
pub(super) const SIGN: &str = "sign the program: ";

impl MacOsRules {
    pub(super) fn signed<'e>(flags: u32, entitlements: impl IntoIterator<Item = &'e str>) -> MacOsRules {
        // xnu: osfmk/kern/cs_blobs.h
        const CS_ENFORCEMENT: u32 = 0x1000;
        const CS_RUNTIME: u32 = 0x1_0000;
        const CS_DEBUGGED: u32 = 0x1000_0000;
        let mut rules = MacOsRules {
            hardened: flags & (CS_RUNTIME | CS_ENFORCEMENT) != 0,
            debugged: flags & CS_DEBUGGED != 0,
            ..MacOsRules::default()
        };
        for name in entitlements {
            match name.strip_prefix("com.apple.security.cs.") {
                Some(ALLOW_JIT) => rules.allow_jit = true,
                Some(ALLOW_UNSIGNED | "disable-executable-page-protection") => {
                    rules.allow_unsigned_executable_memory = true;
                }
                Some("jit-write-allowlist") => rules.jit_write_allowlist = true,
                Some("jit-write-allowlist-freeze-late") => rules.jit_write_allowlist_freeze_late = true,
                Some("single-jit") => rules.single_jit = true,
                _ => {}
            }
        }
        rules
    }

    pub(super) fn verdict(&self, strategy: Strategy, target: Target) -> Verdict {
        let verdict = self.outcome(strategy, target);
        match self.remedy(&verdict, target) {
            Some(remedy) => verdict.remedied_by(remedy),
            None => verdict,
        }
    }

    /// What comes of a strategy, without what would change it.
    fn outcome(&self, strategy: Strategy, target: Target) -> Verdict {
        let native = target.is_apple_silicon() && !self.translated;
        match strategy {
            Strategy::Seal => self.seal(),
            Strategy::ThreadToggle | Strategy::ToggleCallback if !native => Verdict::absent(
                strategy,
                "threads have a view of their own on Apple Silicon only: elsewhere MAP_JIT memory is writable and executable \
                 at once",
                "libpthread: man/pthread_jit_write_protect_np.3",
            ),
            Strategy::ThreadToggle => self.toggle(),
            Strategy::ToggleCallback => self.callback(),
            Strategy::DualMapping if self.translated => Verdict::absent(
                strategy,
                "Rosetta misses what is written through another address than the one that runs",
                "dotnet/runtime#106819",
            ),
            Strategy::DualMapping => {
                Verdict::absent(strategy, "Kiln gives memory two addresses on Linux only: here it has the toggle", "")
            }
            Strategy::ProtectionKeys => Verdict::absent(strategy, "macOS has no protection keys for programs", ""),
        }
    }

    fn seal(&self) -> Verdict {
        let works = |reason, source| Verdict::works(Strategy::Seal, reason, source);
        if self.translated {
            return works(
                "under Rosetta, memory may go from writable to executable",
                "Apple, About the Rosetta translation environment",
            );
        }
        if !self.hardened {
            return works("the process is not hardened", "xnu: bsd/kern/kern_cs.c");
        }
        if self.allow_unsigned_executable_memory {
            return works("hardened, with allow-unsigned-executable-memory", "Apple, Hardened Runtime");
        }
        Verdict::new(
            Strategy::Seal,
            Outcome::Killed { at: "the first execution" },
            format!(
                "the process is hardened and lacks com.apple.security.cs.{ALLOW_UNSIGNED}: mprotect succeeds, but the page has \
                 no signature"
            ),
            "xnu: osfmk/vm/vm_fault.c, bsd/kern/kern_cs.c (cs_invalid_page); LuaJIT#1334",
        )
    }

    /// Why `MAP_JIT` memory cannot be mapped, if it cannot. That the right to all unsigned memory includes the one to this
    /// is per Apple, Developer Forums 775520 and 776290; mmap(2) says the opposite, so nothing is chosen that relies on it.
    fn jit_mapping(&self, strategy: Strategy) -> Option<Verdict> {
        if !self.hardened || self.allow_jit || self.allow_unsigned_executable_memory {
            return None;
        }
        Some(Verdict::new(
            strategy,
            Outcome::Refused { call: "mmap", errno: EINVAL },
            format!("the process is hardened and lacks com.apple.security.cs.{ALLOW_JIT}"),
            "xnu: bsd/kern/kern_mman.c",
        ))
    }

    /// Why `MAP_JIT` memory can be mapped.
    fn jit_right(&self) -> String {
        let right = match (self.hardened, self.allow_jit) {
            (false, _) => "the process is not hardened",
            (true, true) => "hardened, with allow-jit",
            (true, false) => {
                "hardened, with allow-unsigned-executable-memory, which includes allow-jit, though mmap(2) does not say so"
            }
        };
        format!("{right}{}", if self.single_jit { "; under single-jit such memory is mapped once" } else { "" })
    }

    fn toggle(&self) -> Verdict {
        if let Some(refused) = self.jit_mapping(Strategy::ThreadToggle) {
            return refused;
        }
        if self.jit_write_allowlist {
            return Verdict::new(
                Strategy::ThreadToggle,
                Outcome::Killed { at: "pthread_jit_write_protect_np" },
                "under com.apple.security.cs.jit-write-allowlist only listed functions may write",
                "libpthread: src/pthread.c (pthread_jit_write_protect_np)",
            );
        }
        Verdict::works(Strategy::ThreadToggle, self.jit_right(), "libpthread: man/pthread_jit_write_protect_np.3")
    }

    fn callback(&self) -> Verdict {
        if self.jit_callback == JitCallback::Missing {
            return Verdict::absent(
                Strategy::ToggleCallback,
                "this system has no pthread_jit_write_with_callback_np",
                "libpthread: include/pthread/pthread.h",
            );
        }
        if let Some(refused) = self.jit_mapping(Strategy::ToggleCallback) {
            return refused;
        }
        if !self.jit_write_allowlist {
            return Verdict::works(
                Strategy::ToggleCallback,
                format!("{}; without jit-write-allowlist no list is checked", self.jit_right()),
                "libpthread: include/pthread/pthread.h",
            );
        }
        let killed = |reason: &str| {
            Verdict::new(
                Strategy::ToggleCallback,
                Outcome::Killed { at: "pthread_jit_write_with_callback_np" },
                reason,
                "libpthread: src/pthread.c (pthread_jit_write_with_callback_np)",
            )
        };
        if self.jit_write_allowlist_freeze_late {
            return killed(
                "under com.apple.security.cs.jit-write-allowlist-freeze-late the program itself must call \
                 pthread_jit_write_freeze_callbacks_np once before, and nothing shows whether it did",
            );
        }
        if self.jit_callback == JitCallback::Hidden {
            return killed("the program lists functions of its own, and the system reads one list of each file");
        }
        if self.jit_callback == JitCallback::InLibrary {
            return killed("Kiln's function stands in a library, and lists are read of what is there at launch");
        }
        Verdict::works(
            Strategy::ToggleCallback,
            format!("{} and jit-write-allowlist: Kiln's function is listed", self.jit_right()),
            "libpthread: include/pthread/pthread.h",
        )
    }

    /// What would make a strategy work that does not.
    fn remedy(&self, verdict: &Verdict, target: Target) -> Option<String> {
        if verdict.is_working() {
            return None;
        }
        let strategy = verdict.strategy();
        let signing = || Some(format!("{SIGN}{}", self.signing(strategy, target)?));
        match (strategy, verdict.outcome(), self.jit_callback) {
            (Strategy::ToggleCallback, Outcome::Absent, JitCallback::Missing) => {
                Some("update to macOS 11.4 or later".to_owned())
            }
            (Strategy::ToggleCallback, Outcome::Killed { .. }, _) if self.jit_write_allowlist_freeze_late => signing(),
            (Strategy::ToggleCallback, Outcome::Killed { .. }, JitCallback::Hidden) => {
                Some("link the program without PTHREAD_JIT_WRITE_ALLOW_CALLBACKS_NP".to_owned())
            }
            (Strategy::ToggleCallback, Outcome::Killed { .. }, JitCallback::InLibrary) => {
                Some("link Kiln into the main program".to_owned())
            }
            (Strategy::ThreadToggle, Outcome::Killed { .. }, _) if self.callback().is_working() => {
                Some(format!("use the toggle callback, or {}", signing()?))
            }
            _ => signing(),
        }
    }

    /// The command for the smallest change of entitlements after which a strategy works.
    fn signing(&self, strategy: Strategy, target: Target) -> Option<String> {
        type Edit = fn(&mut MacOsRules);
        const SMALL: [Edit; 4] = [
            |rules| rules.allow_jit = true,
            |rules| rules.jit_write_allowlist_freeze_late = false,
            |rules| {
                rules.jit_write_allowlist = false;
                rules.jit_write_allowlist_freeze_late = false;
            },
            |rules| rules.allow_unsigned_executable_memory = true,
        ];
        let pairs =
            SMALL.iter().enumerate().flat_map(|(at, one)| SMALL[at + 1..].iter().map(move |two| vec![one, two]));
        for edits in SMALL.iter().map(|edit| vec![edit]).chain(pairs) {
            let mut rules = self.clone();
            edits.into_iter().for_each(|edit| edit(&mut rules));
            if rules.outcome(strategy, target).is_working() {
                return Some(rules.command());
            }
        }
        None
    }

    /// The command that signs the program so.
    fn command(&self) -> String {
        let mut command = format!("kiln sign PROGRAM{}", if self.hardened { " --hardened" } else { "" });
        for (there, name) in [
            (self.jit_write_allowlist, "jit-write-allowlist"),
            (self.jit_write_allowlist_freeze_late, "jit-write-allowlist-freeze-late"),
            (self.single_jit, "single-jit"),
            (self.allow_jit, ALLOW_JIT),
            (self.allow_unsigned_executable_memory, ALLOW_UNSIGNED),
        ] {
            if there {
                command += " --entitlement ";
                command += name;
            }
        }
        command
    }

    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (there, word) in [
            (self.translated, "translated by Rosetta"),
            (self.hardened, "hardened"),
            (self.debugged, "debugged"),
            (self.allow_jit, ALLOW_JIT),
            (self.allow_unsigned_executable_memory, ALLOW_UNSIGNED),
            (self.jit_write_allowlist, "jit-write-allowlist"),
            (self.jit_write_allowlist_freeze_late, "jit-write-allowlist-freeze-late"),
            (self.single_jit, "single-jit"),
        ] {
            if there {
                write!(f, ", {word}")?;
            }
        }
        Ok(())
    }
}

/// The names of the entitlements that a property list (XML) sets to true.
#[allow(dead_code, reason = "called on macOS, tested everywhere")]
pub(in crate::memory) fn entitlements(plist: &str) -> impl Iterator<Item = &str> {
    plist.split("<key>").skip(1).filter_map(|rest| {
        let (name, value) = rest.split_once("</key>")?;
        value.trim_start().starts_with("<true/>").then_some(name)
    })
}

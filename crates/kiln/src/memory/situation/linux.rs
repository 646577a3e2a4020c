//! Linux: what the kernel answered when it was asked for memory, and what may have made it refuse.

use std::fmt;

use super::outcome::{EACCES, EPERM, ErrorName, Outcome, Strategy, Verdict};
use crate::target::Arch;

/// What counts on Linux: what the kernel answers, and the restrictions that explain a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinuxRules {
    /// `PR_SET_MDWE` (Linux 6.3; systemd's `MemoryDenyWriteExecute` uses it since version 254): memory never becomes executable
    /// that was not from the start.
    pub deny_write_execute: bool,
    /// PaX's `MPROTECT` is on for the process, which does the same.
    pub pax_mprotect: bool,
    /// SELinux enforces its policy, which may refuse `execmem`. (`execmod` is about private mappings of files, which Kiln
    /// does not make executable.)
    pub selinux_enforcing: bool,
    /// A seccomp filter judges the system calls of this thread: a container's, or systemd's `MemoryDenyWriteExecute` before 254.
    pub seccomp_filter: bool,
    /// `vm.memfd_noexec`: 0, 1 (`memfd` files are not executable by default), or 2 (none may be). That is about `execve`:
    /// Kiln asks for files that no program can be started from, which every value lets it map.
    pub memfd_noexec: u8,
    /// `/dev/shm` is mounted `noexec`.
    pub shm_noexec: bool,
    /// To making private memory executable that was writable: what [`Strategy::Seal`] needs.
    pub seal: Answer,
    /// To mapping a file of `memfd_create` executable: what [`Strategy::DualMapping`] needs.
    pub memfd: Answer,
    /// To mapping a file in `/dev/shm` executable: what it does with instead. Asked for only where `memfd` was refused.
    pub shm: Answer,
    /// To making a protection key and putting memory under it: what [`Strategy::ProtectionKeys`] needs.
    pub protection_keys: Answer,
}

/// What the kernel answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// It did what was asked.
    Allowed,
    /// It refused.
    Refused {
        /// The function that failed.
        call: &'static str,
        /// Its error number.
        errno: i32,
    },
    /// It ends the process: a seccomp filter has it so.
    Killed {
        /// The function that ends it.
        call: &'static str,
    },
}

impl Answer {
    /// What comes of it, if that is not good.
    fn refusal(self) -> Option<Outcome> {
        match self {
            Answer::Allowed => None,
            Answer::Refused { call, errno } => Some(Outcome::Refused { call, errno }),
            Answer::Killed { call } => Some(Outcome::Killed { at: call }),
        }
    }
}

/// Why a call is refused, who says so, and what would change it.
struct Cause {
    reason: &'static str,
    source: &'static str,
    remedy: &'static str,
}

impl LinuxRules {
    pub(super) fn unrestricted(arch: Arch) -> LinuxRules {
        let protection_keys = if arch.has_protection_keys() {
            Answer::Allowed
        } else {
            Answer::Refused { call: "pkey_alloc", errno: super::outcome::EINVAL }
        };
        LinuxRules {
            deny_write_execute: false,
            pax_mprotect: false,
            selinux_enforcing: false,
            seccomp_filter: false,
            memfd_noexec: 0,
            shm_noexec: false,
            seal: Answer::Allowed,
            memfd: Answer::Allowed,
            shm: Answer::Allowed,
            protection_keys,
        }
    }

    pub(super) fn verdict(&self, strategy: Strategy) -> Verdict {
        match strategy {
            Strategy::Seal => match self.gain_of_execution() {
                None => {
                    Verdict::works(strategy, "Linux lets memory go from writable to executable", "linux: mm/mprotect.c")
                }
                Some((refusal, cause)) => refused(strategy, refusal, cause),
            },
            Strategy::DualMapping => self.dual_mapping(),
            Strategy::ProtectionKeys => self.keys(),
            Strategy::ThreadToggle | Strategy::ToggleCallback => {
                Verdict::absent(strategy, "only Apple Silicon has MAP_JIT memory", "xnu: bsd/kern/kern_mman.c")
            }
        }
    }

    /// Why private memory cannot become executable, if it cannot.
    fn gain_of_execution(&self) -> Option<(Outcome, Cause)> {
        const REFUSED: Outcome = Outcome::Refused { call: "mprotect", errno: EACCES };
        if self.deny_write_execute {
            let cause = Cause {
                reason: "this process may not make memory executable that was writable (PR_SET_MDWE)",
                source: "linux: include/linux/mman.h (map_deny_write_exec); prctl(2)",
                remedy: "start it without PR_SET_MDWE or systemd's MemoryDenyWriteExecute",
            };
            return Some((REFUSED, cause));
        }
        if self.pax_mprotect {
            let cause = Cause {
                reason: "PaX lets no memory of this process become executable (MPROTECT)",
                source: "PaX, docs/mprotect.txt",
                remedy: "turn MPROTECT off for the program: paxctl -m PROGRAM",
            };
            return Some((REFUSED, cause));
        }
        let refusal = self.seal.refusal()?;
        Some((refusal, self.cause(refusal, "execmem")))
    }

    /// What probably refused a call: SELinux says `EACCES`, filters mostly `EPERM`.
    fn cause(&self, refusal: Outcome, permission: &'static str) -> Cause {
        let is_access = matches!(refusal, Outcome::Refused { errno: EACCES, .. });
        if self.selinux_enforcing && (is_access || !self.seccomp_filter) {
            return Cause {
                reason: if permission == "execmem" {
                    "SELinux refuses this process execmem"
                } else {
                    "SELinux refuses this process to execute such a file"
                },
                source: "linux: security/selinux/hooks.c (file_map_prot_check)",
                remedy: if permission == "execmem" {
                    "allow its domain execmem in the policy: ausearch -m avc, audit2allow"
                } else {
                    "allow its domain to map and execute files of tmpfs: ausearch -m avc, audit2allow"
                },
            };
        }
        if self.seccomp_filter {
            return Cause {
                reason: if matches!(refusal, Outcome::Killed { .. }) {
                    "a seccomp filter ends the process that asks for it"
                } else {
                    "a seccomp filter refuses it"
                },
                source: "seccomp(2); systemd.exec(5), MemoryDenyWriteExecute",
                remedy: "start it without that filter: systemd's MemoryDenyWriteExecute or SystemCallFilter, or a container's profile",
            };
        }
        Cause {
            reason: "a security module or a limit of this system refuses it",
            source: "",
            remedy: "see the kernel's log and the rules for this program (AppArmor, a sandbox)",
        }
    }

    fn dual_mapping(&self) -> Verdict {
        let Some(refusal) = self.memfd.refusal() else {
            return Verdict::works(
                Strategy::DualMapping,
                "a file of memfd_create can be mapped executable",
                "memfd_create(2); linux: mm/mmap.c",
            );
        };
        if self.shm == Answer::Allowed {
            let memfd = match refusal {
                Outcome::Refused { call, errno } => format!("{call} fails with {}", ErrorName(errno)),
                _ => "memfd_create ends the process".to_owned(),
            };
            return Verdict::works(
                Strategy::DualMapping,
                format!("{memfd}, and a file in /dev/shm can be mapped executable"),
                "linux: mm/mmap.c",
            );
        }
        let mut cause = self.cause(refusal, "execute");
        if self.shm_noexec && matches!(self.shm, Answer::Refused { errno: EPERM, .. }) {
            cause.remedy = "allow memfd_create, or mount /dev/shm without noexec";
        }
        refused(Strategy::DualMapping, refusal, cause)
    }

    fn keys(&self) -> Verdict {
        let strategy = Strategy::ProtectionKeys;
        if let Some(refusal) = self.protection_keys.refusal() {
            return Verdict::new(
                strategy,
                refusal,
                "this processor or kernel has no protection keys that Kiln can use, or they are used up",
                "pkeys(7)",
            )
            .remedied_by("an x86-64 processor with PKU (pku and ospke in /proc/cpuinfo)");
        }
        // Else it is the dual mapping, whose executable side no key concerns.
        let dual = self.dual_mapping();
        if !dual.is_working() {
            return dual.of(strategy);
        }
        let reason = format!("the processor has protection keys, and {}", dual.reason());
        Verdict::works(strategy, reason, "pkeys(7); memfd_create(2)")
    }

    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (there, word) in [
            (self.deny_write_execute, "PR_SET_MDWE"),
            (self.pax_mprotect, "PaX MPROTECT"),
            (self.selinux_enforcing, "SELinux enforcing"),
            (self.seccomp_filter, "seccomp filter"),
            (self.shm_noexec, "/dev/shm noexec"),
        ] {
            if there {
                write!(f, ", {word}")?;
            }
        }
        if self.memfd_noexec > 0 {
            write!(f, ", vm.memfd_noexec={}", self.memfd_noexec)?;
        }
        for (what, answer) in [("seal", self.seal), ("memfd", self.memfd)] {
            match answer {
                Answer::Allowed => {}
                Answer::Refused { call, errno } => write!(f, ", {what} refused ({call}: {})", ErrorName(errno))?,
                Answer::Killed { call } => write!(f, ", {what} refused ({call} ends the process)")?,
            }
        }
        Ok(())
    }
}

fn refused(strategy: Strategy, refusal: Outcome, cause: Cause) -> Verdict {
    Verdict::new(strategy, refusal, cause.reason, cause.source).remedied_by(cause.remedy)
}

//! One row for each situation that has an answer of its own, on every host.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::outcome::{EACCES, EINVAL, EPERM};
use super::*;
use Outcome::{Absent, Works};
use Strategy::{DualMapping, ProtectionKeys, Seal, ThreadToggle, ToggleCallback};

const CS_ENFORCEMENT: u32 = 0x1000;
const CS_RUNTIME: u32 = 0x1_0000;
/// What Apple's linker leaves: `CS_ADHOC | CS_LINKER_SIGNED`.
const LINKER_SIGNED: u32 = 0x2_0002;
const KILLED: Outcome = Outcome::Killed { at: "the first execution" };
const TOGGLE_KILLS: Outcome = Outcome::Killed { at: "pthread_jit_write_protect_np" };
const CALLBACK_KILLS: Outcome = Outcome::Killed { at: "pthread_jit_write_with_callback_np" };

fn silicon(flags: u32, entitlements: &[&str]) -> Situation {
    mac(Arch::Aarch64, flags, entitlements)
}

fn mac(arch: Arch, flags: u32, entitlements: &[&str]) -> Situation {
    let names: Vec<String> = entitlements.iter().map(|name| format!("com.apple.security.cs.{name}")).collect();
    Situation::macos(arch, flags, names.iter().map(String::as_str))
}

fn with(mut situation: Situation, edit: impl FnOnce(&mut Situation)) -> Situation {
    edit(&mut situation);
    situation
}

fn linux(edit: impl FnOnce(&mut LinuxRules)) -> Situation {
    with(Situation::unrestricted(Target::X86_64_LINUX), |situation| edit(&mut situation.linux))
}

const fn refused(call: &'static str, errno: i32) -> Outcome {
    Outcome::Refused { call, errno }
}

const fn no(call: &'static str, errno: i32) -> Answer {
    Answer::Refused { call, errno }
}

/// Outcomes by `Strategy::ALL`; the choice for modules and for the heap, or a part of the error that both give.
type Row = (Situation, [Outcome; 5], Result<(Strategy, Strategy), &'static str>);

fn check(rows: Vec<Row>) {
    for (situation, outcomes, expected) in rows {
        let verdicts = situation.verdicts();
        assert_eq!(verdicts.each_ref().map(|verdict| *verdict.outcome()), outcomes, "{situation}");
        for verdict in &verdicts {
            assert!(!verdict.reason().is_empty() && !verdict.reason().ends_with('.'), "{verdict:?}");
            assert!(!verdict.is_working() || !verdict.source().is_empty(), "{verdict:?}");
            let can_be_changed = matches!(verdict.outcome(), Outcome::Refused { .. } | Outcome::Killed { .. });
            assert!(!can_be_changed || verdict.remedy().is_some(), "{verdict:?}");
        }
        let choices = [situation.choose(), situation.choose_for_heap()];
        match (choices, expected) {
            ([Ok(module), Ok(heap)], Ok(strategies)) => {
                assert_eq!((module.strategy(), heap.strategy()), strategies, "{situation}");
                for choice in [module, heap] {
                    let chosen = situation.verdict(choice.strategy());
                    assert!(chosen.is_working() && chosen.reason() == choice.reason(), "{situation}: {choice:?}");
                    assert!(choice.ruled_out().iter().all(|verdict| !verdict.is_working()), "{situation}: {choice:?}");
                }
            }
            ([Err(module), Err(heap)], Err(part)) => {
                for error in [module, heap] {
                    let help = error.next_step().unwrap_or_default().to_owned();
                    assert!(help.contains(part), "{situation}: {error}: {help}");
                    help_helps(&situation, &help);
                }
            }
            (got, expected) => panic!("{situation}: {got:?}, not {expected:?}"),
        }
    }
}

/// Each command that signs a program, of those that an error names, makes generated code run; and each way is named that does.
fn help_helps(situation: &Situation, help: &str) {
    if situation.target.os() != Os::MacOs {
        return;
    }
    let commands: Vec<&str> =
        help.split("; or ").filter_map(|step| Some(step.split_once("kiln sign PROGRAM")?.1)).collect();
    assert!(help.ends_with("; or leave out --hardened, if the program is not to be notarized"), "{help}");
    assert!(with(situation.clone(), |other| other.macos.hardened = false).choose().is_ok(), "{situation}");
    for command in &commands {
        let entitlements: Vec<&str> = command.split(" --entitlement ").skip(1).collect();
        assert!(command.starts_with(" --hardened"), "{help}");
        let signed = mac(situation.target.arch(), CS_RUNTIME, &entitlements);
        let signed = with(signed, |signed| signed.macos.jit_callback = situation.macos.jit_callback);
        assert!(signed.choose().is_ok() && signed.choose_for_heap().is_ok(), "{situation}: {command}");
    }
    // The right to all unsigned memory always does.
    assert!(
        commands.iter().any(|command| command.contains("--entitlement allow-unsigned-executable-memory")),
        "{help}"
    );
    // The one to MAP_JIT memory where that is enough; other lists may be the program's own.
    let toggles = situation.target.is_apple_silicon();
    let with_less = |command: &&str| command.contains("allow-jit") && !command.contains("allow-unsigned");
    assert_eq!(commands.iter().any(with_less), toggles, "{help}");
}

#[test]
fn apple_silicon() {
    let jit_refused = refused("mmap", EINVAL);
    let hardened = CS_RUNTIME;
    check(vec![
        (silicon(LINKER_SIGNED, &[]), [Works, Works, Works, Absent, Absent], Ok((Seal, ThreadToggle))),
        // Entitlements mean nothing to a process that is not hardened.
        (silicon(LINKER_SIGNED, &["allow-jit"]), [Works, Works, Works, Absent, Absent], Ok((Seal, ThreadToggle))),
        // The allow-list is libpthread's own, which does not ask whether the process is hardened.
        (
            silicon(0, &["jit-write-allowlist"]),
            [Works, TOGGLE_KILLS, Works, Absent, Absent],
            Ok((Seal, ToggleCallback)),
        ),
        (
            silicon(hardened, &[]),
            [KILLED, jit_refused, jit_refused, Absent, Absent],
            Err("kiln sign PROGRAM --hardened --entitlement allow-jit"),
        ),
        (
            silicon(CS_ENFORCEMENT, &[]),
            [KILLED, jit_refused, jit_refused, Absent, Absent],
            Err("kiln sign PROGRAM --hardened --entitlement allow-jit"),
        ),
        (silicon(hardened, &["allow-jit"]), [KILLED, Works, Works, Absent, Absent], Ok((ThreadToggle, ThreadToggle))),
        (
            silicon(hardened, &["allow-jit", "single-jit"]),
            [KILLED, Works, Works, Absent, Absent],
            Ok((ThreadToggle, ThreadToggle)),
        ),
        (
            silicon(hardened, &["allow-unsigned-executable-memory"]),
            [Works, Works, Works, Absent, Absent],
            Ok((Seal, Seal)),
        ),
        (
            silicon(hardened, &["allow-jit", "allow-unsigned-executable-memory"]),
            [Works, Works, Works, Absent, Absent],
            Ok((Seal, ThreadToggle)),
        ),
        (
            silicon(hardened, &["disable-executable-page-protection"]),
            [Works, Works, Works, Absent, Absent],
            Ok((Seal, Seal)),
        ),
        (
            silicon(hardened, &["allow-jit", "jit-write-allowlist"]),
            [KILLED, TOGGLE_KILLS, Works, Absent, Absent],
            Ok((ToggleCallback, ToggleCallback)),
        ),
        (
            silicon(hardened, &["jit-write-allowlist"]),
            [KILLED, jit_refused, jit_refused, Absent, Absent],
            Err("kiln sign PROGRAM --hardened --entitlement jit-write-allowlist --entitlement allow-jit"),
        ),
        (
            silicon(hardened, &["allow-jit", "jit-write-allowlist", "jit-write-allowlist-freeze-late"]),
            [KILLED, TOGGLE_KILLS, CALLBACK_KILLS, Absent, Absent],
            Err(
                "sign the program: kiln sign PROGRAM --hardened --entitlement jit-write-allowlist --entitlement allow-jit; or ",
            ),
        ),
        (
            with(silicon(hardened, &["allow-jit", "jit-write-allowlist"]), |situation| {
                situation.macos.jit_callback = JitCallback::InLibrary;
            }),
            [KILLED, TOGGLE_KILLS, CALLBACK_KILLS, Absent, Absent],
            Err("link Kiln into the main program"),
        ),
        (
            with(silicon(hardened, &["allow-jit", "jit-write-allowlist"]), |situation| {
                situation.macos.jit_callback = JitCallback::Hidden;
            }),
            [KILLED, TOGGLE_KILLS, CALLBACK_KILLS, Absent, Absent],
            Err("without PTHREAD_JIT_WRITE_ALLOW_CALLBACKS_NP"),
        ),
        (
            with(silicon(hardened, &["allow-jit", "jit-write-allowlist"]), |situation| {
                situation.macos.jit_callback = JitCallback::Missing;
            }),
            [KILLED, TOGGLE_KILLS, Absent, Absent, Absent],
            Err("update to macOS 11.4 or later"),
        ),
        // More than one thing is in the way.
        (
            silicon(hardened, &["jit-write-allowlist", "jit-write-allowlist-freeze-late"]),
            [KILLED, jit_refused, jit_refused, Absent, Absent],
            Err(
                "sign the program: kiln sign PROGRAM --hardened --entitlement jit-write-allowlist --entitlement allow-jit; or ",
            ),
        ),
        (
            with(silicon(hardened, &["jit-write-allowlist"]), |situation| {
                situation.macos.jit_callback = JitCallback::Hidden;
            }),
            [KILLED, jit_refused, jit_refused, Absent, Absent],
            Err("sign the program: kiln sign PROGRAM --hardened --entitlement allow-jit; or "),
        ),
        // What a debugger relaxes is not counted on.
        (
            silicon(hardened | 0x1000_0000, &["allow-jit"]),
            [KILLED, Works, Works, Absent, Absent],
            Ok((ThreadToggle, ThreadToggle)),
        ),
    ]);
}

#[test]
fn macos_on_intel() {
    let nothing = "kiln sign PROGRAM --hardened --entitlement allow-unsigned-executable-memory";
    let intel = |flags, entitlements: &[&str]| mac(Arch::X86_64, flags, entitlements);
    let rosetta = |flags| with(intel(flags, &[]), |situation| situation.macos.translated = true);
    check(vec![
        (intel(0, &[]), [Works, Absent, Absent, Absent, Absent], Ok((Seal, Seal))),
        (rosetta(0), [Works, Absent, Absent, Absent, Absent], Ok((Seal, Seal))),
        (rosetta(CS_RUNTIME), [Works, Absent, Absent, Absent, Absent], Ok((Seal, Seal))),
        (intel(CS_RUNTIME, &[]), [KILLED, Absent, Absent, Absent, Absent], Err(nothing)),
        (
            intel(CS_RUNTIME, &["allow-jit"]),
            [KILLED, Absent, Absent, Absent, Absent],
            Err("--entitlement allow-jit --"),
        ),
        (
            intel(CS_RUNTIME, &["allow-unsigned-executable-memory"]),
            [Works, Absent, Absent, Absent, Absent],
            Ok((Seal, Seal)),
        ),
    ]);
}

#[test]
fn linux_by_what_restricts_it() {
    let seal_refused = refused("mprotect", EACCES);
    let no_keys = refused("pkey_alloc", EINVAL);
    let arm = Situation::unrestricted(Target::AARCH64_LINUX);
    check(vec![
        (linux(|_| ()), [Works, Absent, Absent, Works, Works], Ok((Seal, DualMapping))),
        (arm, [Works, Absent, Absent, Works, no_keys], Ok((Seal, DualMapping))),
        // A file in memory was never writable private memory.
        (
            linux(|rules| rules.deny_write_execute = true),
            [seal_refused, Absent, Absent, Works, Works],
            Ok((DualMapping, DualMapping)),
        ),
        (
            linux(|rules| rules.pax_mprotect = true),
            [seal_refused, Absent, Absent, Works, Works],
            Ok((DualMapping, DualMapping)),
        ),
        (
            linux(|rules| {
                rules.deny_write_execute = true;
                rules.memfd = no("memfd_create", EPERM);
                rules.shm = no("mmap", EPERM);
                rules.shm_noexec = true;
            }),
            [seal_refused, Absent, Absent, refused("memfd_create", EPERM), refused("memfd_create", EPERM)],
            Err("allow memfd_create, or mount /dev/shm without noexec"),
        ),
        (
            linux(|rules| {
                rules.selinux_enforcing = true;
                rules.seal = no("mprotect", EACCES);
            }),
            [seal_refused, Absent, Absent, Works, Works],
            Ok((DualMapping, DualMapping)),
        ),
        (
            linux(|rules| {
                rules.selinux_enforcing = true;
                rules.seal = no("mprotect", EACCES);
                rules.memfd = no("mmap", EACCES);
                rules.shm = no("mmap", EACCES);
            }),
            [seal_refused, Absent, Absent, refused("mmap", EACCES), refused("mmap", EACCES)],
            Err("allow its domain execmem in the policy"),
        ),
        (
            linux(|rules| {
                rules.seccomp_filter = true;
                rules.seal = no("mprotect", EPERM);
            }),
            [refused("mprotect", EPERM), Absent, Absent, Works, Works],
            Ok((DualMapping, DualMapping)),
        ),
        (
            linux(|rules| {
                rules.seccomp_filter = true;
                rules.memfd = no("memfd_create", EPERM);
            }),
            [Works, Absent, Absent, Works, Works],
            Ok((Seal, DualMapping)),
        ),
        (
            linux(|rules| {
                rules.seccomp_filter = true;
                rules.memfd = no("memfd_create", EPERM);
                rules.shm = no("mmap", EPERM);
            }),
            [Works, Absent, Absent, refused("memfd_create", EPERM), refused("memfd_create", EPERM)],
            Ok((Seal, Seal)),
        ),
        (
            linux(|rules| {
                rules.seccomp_filter = true;
                rules.seal = no("mprotect", EPERM);
                rules.memfd = no("memfd_create", EPERM);
                rules.shm = no("mmap", EPERM);
            }),
            [
                refused("mprotect", EPERM),
                Absent,
                Absent,
                refused("memfd_create", EPERM),
                refused("memfd_create", EPERM),
            ],
            Err("start it without that filter"),
        ),
        // A filter that does not refuse.
        (
            linux(|rules| {
                rules.seccomp_filter = true;
                rules.seal = Answer::Killed { call: "mprotect" };
                rules.memfd = Answer::Killed { call: "memfd_create" };
            }),
            [Outcome::Killed { at: "mprotect" }, Absent, Absent, Works, Works],
            Ok((DualMapping, DualMapping)),
        ),
        (
            linux(|rules| {
                rules.seccomp_filter = true;
                rules.seal = Answer::Killed { call: "mprotect" };
                rules.memfd = Answer::Killed { call: "memfd_create" };
                rules.shm = Answer::Killed { call: "mmap" };
            }),
            [
                Outcome::Killed { at: "mprotect" },
                Absent,
                Absent,
                Outcome::Killed { at: "memfd_create" },
                Outcome::Killed { at: "memfd_create" },
            ],
            Err("start it without that filter"),
        ),
        // Refused, and nothing that is known explains it.
        (
            linux(|rules| {
                rules.seal = no("mprotect", EACCES);
                rules.memfd = no("mmap", EACCES);
                rules.shm = no("open", 2);
            }),
            [seal_refused, Absent, Absent, refused("mmap", EACCES), refused("mmap", EACCES)],
            Err("see the kernel's log"),
        ),
        // About starting programs, not about mapping.
        (linux(|rules| rules.memfd_noexec = 2), [Works, Absent, Absent, Works, Works], Ok((Seal, DualMapping))),
        (
            linux(|rules| {
                rules.shm_noexec = true;
                rules.shm = no("mmap", EPERM);
            }),
            [Works, Absent, Absent, Works, Works],
            Ok((Seal, DualMapping)),
        ),
        (
            linux(|rules| rules.protection_keys = no("pkey_mprotect", EPERM)),
            [Works, Absent, Absent, Works, refused("pkey_mprotect", EPERM)],
            Ok((Seal, DualMapping)),
        ),
        (
            linux(|rules| rules.protection_keys = no("pkey_alloc", 28)),
            [Works, Absent, Absent, Works, refused("pkey_alloc", 28)],
            Ok((Seal, DualMapping)),
        ),
    ]);
}

#[test]
fn windows_runs_nothing() {
    let situation = Situation::unrestricted(Target::X86_64_WINDOWS);
    assert!(situation.verdicts().iter().all(|verdict| *verdict.outcome() == Absent));
    assert!(situation.choose().unwrap_err().is_unsupported());
    assert!(situation.choose_for_heap().unwrap_err().is_unsupported());
}

#[test]
fn a_refusal_names_each_way_and_why() {
    let error = silicon(CS_RUNTIME, &[]).choose().unwrap_err();
    assert!(error.is_not_allowed());
    assert_eq!(
        error.to_string(),
        "this process may not run generated code: seal: killed at the first execution: the process is hardened and lacks \
         com.apple.security.cs.allow-unsigned-executable-memory: mprotect succeeds, but the page has no signature; \
         thread toggle: refused: mmap fails with EINVAL: the process is hardened and lacks com.apple.security.cs.allow-jit; \
         toggle callback: refused: mmap fails with EINVAL: the process is hardened and lacks com.apple.security.cs.allow-jit"
    );
    assert_eq!(
        error.next_step(),
        Some(
            "sign the program: kiln sign PROGRAM --hardened --entitlement allow-jit; or kiln sign PROGRAM --hardened \
             --entitlement allow-unsigned-executable-memory; or leave out --hardened, if the program is not to be notarized"
        )
    );
}

#[test]
fn what_is_kept_apart_is_said() {
    let choice = linux(|rules| rules.deny_write_execute = true).choose().unwrap();
    assert_eq!(choice.ruled_out().len(), 1);
    assert_eq!(choice.ruled_out()[0].strategy(), Seal);
    assert!(choice.ruled_out()[0].reason().contains("PR_SET_MDWE"));
    let shm = linux(|rules| rules.memfd = no("memfd_create", EPERM)).choose_for_heap().unwrap();
    assert_eq!(shm.reason(), "memfd_create fails with EPERM, and a file in /dev/shm can be mapped executable");
    let keys = linux(|_| ()).verdict(ProtectionKeys);
    assert_eq!(keys.reason(), "the processor has protection keys, and a file of memfd_create can be mapped executable");
    // Never chosen, whatever else is refused.
    assert!(linux(|rules| rules.memfd_noexec = 1).choose_for_heap().unwrap().strategy() != ProtectionKeys);
}

#[test]
fn a_situation_is_one_line() {
    assert_eq!(
        silicon(CS_RUNTIME, &["allow-jit", "single-jit"]).to_string(),
        "aarch64-apple-darwin, 16 KiB pages, hardened, allow-jit, single-jit"
    );
    let restricted = linux(|rules| {
        rules.deny_write_execute = true;
        rules.seal = no("mprotect", EACCES);
        rules.memfd_noexec = 2;
    });
    assert_eq!(
        restricted.to_string(),
        "x86_64-unknown-linux-gnu, 4 KiB pages, PR_SET_MDWE, vm.memfd_noexec=2, seal refused (mprotect: EACCES)"
    );
    assert_eq!(Situation::unrestricted(Target::AARCH64_LINUX).to_string(), "aarch64-unknown-linux-gnu, 64 KiB pages");
}

/// The tests run as any program does, or signed in one of the ways that `apple_silicon` lists.
#[test]
fn this_process_may_load_code() {
    let situation = Situation::of_this_process();
    let MacOsRules { hardened, allow_jit, allow_unsigned_executable_memory, .. } = situation.macos;
    let may = !hardened || allow_jit || allow_unsigned_executable_memory;
    assert_eq!((situation.choose().is_ok(), situation.choose_for_heap().is_ok()), (may, may), "{situation:?}");
    assert!(situation.page_size.is_power_of_two());
    assert_eq!(situation.target, Target::host());
    if situation.target.is_apple_silicon() {
        assert_eq!(situation.page_size, 0x4000);
    }
}

#[test]
fn entitlements_are_read_from_xml() {
    let plist = "<?xml version=\"1.0\"?><plist><dict>\n<key>com.apple.security.cs.allow-jit</key>\n\t<true/>\
                 <key>other</key><false/><key>groups</key><array><string>x</string></array><key>last</key><true/></dict></plist>";
    assert_eq!(entitlements(plist).collect::<Vec<_>>(), ["com.apple.security.cs.allow-jit", "last"]);
    assert_eq!(entitlements("").count(), 0);
    assert_eq!(entitlements("<key>").count(), 0);
}

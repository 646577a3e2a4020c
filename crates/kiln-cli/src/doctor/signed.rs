//! What a signature, there or planned, lets a process do on Apple Silicon.

use kiln::{Arch, Contents, JitCallback, Outcome, Situation, Strategy};
use kiln_codesign::{Entitlements, Flags, Mismatch, Signature, Slice, Value};

use super::{Answer, Barred, Row, row};
use crate::Failure;
use crate::entitle::{HARDENED, full_name, short_name};
use crate::sign::about;

/// What counts of a signature.
pub(super) struct Signed {
    pub(super) architecture: String,
    pub(super) flags: Flags,
    pub(super) entitlements: Entitlements,
    /// The signature itself; none if it is planned or there is none.
    pub(super) signature: Option<Signature>,
    /// Whether the program lists Kiln's function as one that may write to `MAP_JIT` memory.
    callback: JitCallback,
}

/// A signing that does not exist yet, of a program for Apple Silicon.
pub(super) fn planned(plan: &[String]) -> Result<Answer, Failure> {
    let (flags, entitlements) = parse(plan)?;
    let signed = Signed {
        architecture: "arm64".to_owned(),
        flags,
        entitlements,
        signature: None,
        callback: JitCallback::Listed,
    };
    Ok(answer("PROGRAM (arm64)".to_owned(), "PROGRAM", signed, None, Vec::new()))
}

/// `hardened`, `ad-hoc` (which says nothing more), and entitlements.
fn parse(plan: &[String]) -> Result<(Flags, Entitlements), Failure> {
    let (mut flags, mut entitlements) = (Flags::ADHOC, Entitlements::new());
    for word in plan {
        match word.trim() {
            "ad-hoc" => {}
            "hardened" => flags.0 |= Flags::RUNTIME.0,
            name => entitlements.set(&full_name(name).map_err(|failure| {
                Failure::new(failure.message)
                    .next("a plan is `hardened`, `ad-hoc` and entitlements, separated by commas")
            })?),
        }
    }
    Ok((flags, entitlements))
}

/// One slice of a file, as it is signed, or as it is planned to be.
pub(super) fn slice(file: &str, slice: &Slice<'_>, several: bool, plan: Option<&[String]>) -> Result<Answer, Failure> {
    let architecture = slice.architecture();
    let of_slice = |error: kiln_codesign::Error| {
        about(&if several { format!("{file}: the slice for {architecture}") } else { file.to_owned() }, error)
    };
    let who = format!("{file} ({architecture})");
    if let Some(why) = elsewhere(slice).map_err(of_slice)? {
        let flags = Flags::default();
        let signed = Signed {
            architecture,
            flags,
            entitlements: Entitlements::new(),
            signature: None,
            callback: JitCallback::InLibrary,
        };
        return Ok(answer(who, file, signed, Some(Barred::Elsewhere(why)), Vec::new()));
    }
    let signature = slice.signature().map_err(of_slice)?;
    let (flags, entitlements, signature) = match (plan, signature) {
        (Some(plan), _) => {
            let (flags, entitlements) = parse(plan)?;
            (flags, entitlements, None)
        }
        (None, Some(signature)) => (signature.flags(), signature.entitlements().clone(), Some(signature)),
        (None, None) => (Flags::default(), Entitlements::new(), None),
    };
    let mut notes = Vec::new();
    let broken = signature.as_ref().and_then(broken);
    let barred = match (slice.is_executable(), plan, broken) {
        (false, ..) => Some(Barred::Library),
        (true, Some(_), _) => None,
        (true, None, Some(why)) if slice.is_arm64() => Some(Barred::Killed(why)),
        (true, None, Some(why)) => {
            notes.push(format!("{why}; whether Rosetta runs it all the same is not known"));
            None
        }
        // What Rosetta translates need not be signed (Apple, macOS Big Sur 11.0.1 release notes).
        (true, None, None) if signature.is_none() && slice.is_arm64() => {
            Some(Barred::Killed("it is not signed, and macOS runs no unsigned arm64 code".to_owned()))
        }
        (true, None, None) => None,
    };
    let signed = Signed { callback: callback(slice), architecture, flags, entitlements, signature };
    Ok(answer(who, file, signed, barred, notes))
}

/// Why no Mac with Apple silicon runs the slice, whatever it is signed with.
fn elsewhere(slice: &Slice<'_>) -> Result<Option<String>, kiln_codesign::Error> {
    if !slice.is_arm64() && !slice.is_x86_64() {
        return Ok(Some("Apple Silicon runs no code for this processor".to_owned()));
    }
    let platform = slice.platform()?.filter(|platform| platform != "macOS" && platform != "Mac Catalyst");
    Ok(platform.map(|platform| format!("it is built for {platform}, whose rules are others")))
}

/// Why the code is not what was signed.
fn broken(signature: &Signature) -> Option<String> {
    let breaks = |mismatch: &&Mismatch| !matches!(mismatch, Mismatch::Unreadable(..) | Mismatch::Entitlements);
    let first = signature.mismatches().iter().find(breaks)?;
    let more = signature.mismatches().iter().filter(breaks).count() - 1;
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    Some(format!("its signature does not fit it: {first}{more}"))
}

/// Whether Kiln's function is in the program's list of those that may write, which ends at its first null pointer. What
/// cannot be read is taken to have none; where the listed functions have no names any more, Kiln's is taken to be one.
fn callback(slice: &Slice<'_>) -> JitCallback {
    let Ok(contents) = Contents::read("", slice.bytes(), Arch::Aarch64) else { return JitCallback::InLibrary };
    let Some(list) = contents.sections().iter().find(|section| section.is("__DATA_CONST,__pth_jit_func")) else {
        return JitCallback::InLibrary;
    };
    // A pointer that the loader slides: an address, or under chained fixups 36 bits of it or of its distance from the header
    // (dyld: include/mach-o/fixup-chains.h).
    const TARGET: u64 = (1 << 36) - 1;
    let address = |symbol: &kiln::Symbol| contents.sections()[symbol.section].address.wrapping_add(symbol.offset);
    let header = contents.symbols().iter().find(|symbol| symbol.name == "__mh_execute_header");
    let header = header.map_or(0x1_0000_0000, address);
    let names = |entry: u64| {
        let is = move |address: u64| address & TARGET == entry || address.checked_sub(header) == Some(entry);
        contents.symbols().iter().filter(move |symbol| is(address(symbol))).map(|symbol| &*symbol.name)
    };
    let entries = list.data.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap_or_default()));
    for entry in entries.take_while(|entry| *entry != 0).map(|entry| entry & TARGET) {
        let is_kilns = |name: &str| name.contains("kiln") && name.contains("write_listed");
        if names(entry).next().is_none() || names(entry).any(is_kilns) {
            return JitCallback::Listed;
        }
    }
    JitCallback::Hidden
}

fn answer(who: String, file: &str, signed: Signed, barred: Option<Barred>, more: Vec<String>) -> Answer {
    let mut answer = Answer {
        who,
        situation: None,
        rows: Vec::new(),
        notes: [more, notes(&signed, matches!(barred, Some(Barred::Library)))].concat(),
        change: None,
        barred,
        signed: None,
    };
    match &answer.barred {
        Some(Barred::Library | Barred::Elsewhere(_)) => {}
        Some(Barred::Killed(_)) => answer.change = Some(command(file, &signed, &[])),
        None => {
            let situation = signed.situation(&[]);
            let change = |works: &dyn Fn(&Situation) -> bool| signed.change(file, works);
            let of_strategy = |strategy| change(&|situation| situation.verdict(strategy).is_working());
            answer.rows = Strategy::ALL.map(|strategy| row(&situation, strategy, of_strategy)).into();
            answer.rows.extend(writable_and_executable(&situation));
            answer.notes.extend(allow_jit(&situation));
            answer.notes.extend(proves_nothing(&situation, &signed));
            if situation.choose().is_err() {
                answer.change = change(&|situation| situation.choose().is_ok());
            }
            answer.situation = Some(situation);
        }
    }
    answer.signed = Some(signed);
    answer
}

/// Entitlements more and fewer.
#[derive(Clone, Copy)]
enum Edit {
    Add(&'static str),
    Remove(&'static str),
}

/// What may be added or taken away, one or two at a time, before the right to all unsigned memory comes into it.
const EDITS: [Edit; 3] =
    [Edit::Add("allow-jit"), Edit::Remove("jit-write-allowlist-freeze-late"), Edit::Remove("jit-write-allowlist")];

/// A larger right.
const UNSIGNED: Edit = Edit::Add("allow-unsigned-executable-memory");

impl Signed {
    /// The names of the entitlements that are true, after some edits.
    fn names(&self, edits: &[Edit]) -> Vec<String> {
        let set = self.entitlements.iter().filter(|(_, value)| **value == Value::Bool(true));
        let mut names: Vec<String> = set.map(|(name, _)| name.to_owned()).collect();
        for edit in edits {
            match edit {
                Edit::Add(name) => names.push(format!("{HARDENED}{name}")),
                Edit::Remove(name) => names.retain(|there| there.strip_prefix(HARDENED) != Some(*name)),
            }
        }
        names
    }

    /// What a process of it meets on Apple Silicon, after some edits.
    fn situation(&self, edits: &[Edit]) -> Situation {
        let arch = if self.architecture.starts_with("arm64") { Arch::Aarch64 } else { Arch::X86_64 };
        let mut situation = Situation::macos(arch, self.flags.0, self.names(edits).iter().map(String::as_str));
        situation.macos.translated = arch == Arch::X86_64;
        if situation.macos.jit_write_allowlist {
            situation.macos.jit_callback = self.callback;
        }
        situation
    }

    /// The command for the smallest change of entitlements after which this works.
    fn change(&self, file: &str, works: &dyn Fn(&Situation) -> bool) -> Option<String> {
        let pairs = EDITS.iter().enumerate().flat_map(|(at, one)| EDITS[at + 1..].iter().map(|two| vec![*one, *two]));
        let small: Vec<Vec<Edit>> = EDITS.iter().map(|edit| vec![*edit]).chain(pairs).collect();
        let large = std::iter::once(vec![UNSIGNED]).chain(EDITS.iter().map(|edit| vec![UNSIGNED, *edit]));
        let mut tried = small.into_iter().chain(large);
        tried.find(|edits| works(&self.situation(edits))).map(|edits| command(file, self, &edits))
    }
}

/// The command line that signs a file as it is signed, but for some edits.
fn command(file: &str, signed: &Signed, edits: &[Edit]) -> String {
    let mut command = format!("kiln sign {}", quoted(file));
    if signed.flags.contains(Flags::RUNTIME) {
        command += " --hardened";
    }
    for name in signed.names(edits) {
        command += " --entitlement ";
        command += &quoted(short_name(&name));
    }
    // What is not simply true cannot be said by its name; what is kept cannot be taken away.
    if signed.entitlements.iter().any(|(_, value)| *value != Value::Bool(true)) {
        let removes = edits.iter().any(|edit| matches!(edit, Edit::Remove(_)));
        command += if removes { " --entitlement FILE.plist" } else { " --keep" };
    }
    if signed.signature.as_ref().is_some_and(|signature| signature.cms_len() > 0) {
        command += " --identity IDENTITY";
    }
    command
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The way that Kiln never takes, for those who come with it; where the answer is known.
pub(super) fn writable_and_executable(situation: &Situation) -> Option<Row> {
    const EACCES: i32 = 13;
    let strategy = "rwx, no MAP_JIT".to_owned();
    if situation.macos.translated {
        return Some(Row {
            strategy,
            outcome: Outcome::Works,
            reason: "under Rosetta, memory may be writable and executable at once; Kiln makes none".to_owned(),
            source: "Apple, About the Rosetta translation environment".to_owned(),
            change: None,
        });
    }
    situation.target.is_apple_silicon().then(|| Row {
        strategy,
        outcome: Outcome::Refused { call: "mmap", errno: EACCES },
        reason: "no native arm64 process gets such memory, however it is signed".to_owned(),
        source: "xnu: osfmk/vm/vm_map.c (vm_map_enter); sljit#99".to_owned(),
        change: None,
    })
}

/// The proof of concept's question: does one need `allow-jit`?
pub(super) fn allow_jit(situation: &Situation) -> Option<String> {
    let rules = &situation.macos;
    let answer = match (rules.translated, rules.hardened) {
        (true, _) => "not needed under Rosetta",
        _ if !situation.target.is_apple_silicon() => return None,
        (_, false) => "not needed, for the program is not hardened",
        _ if rules.allow_unsigned_executable_memory => "not needed beside allow-unsigned-executable-memory",
        _ if rules.allow_jit => "needed, for the program is hardened, and there",
        _ => "needed, for the program is hardened, and lacking",
    };
    Some(format!("allow-jit: {answer}"))
}

/// Rights that lift what nothing imposes: the proof of concept's recipe.
fn proves_nothing(situation: &Situation, signed: &Signed) -> Option<String> {
    let lifting: Vec<&str> = (signed.entitlements.iter())
        .filter_map(|(name, _)| name.strip_prefix(HARDENED))
        .filter(|name| !name.starts_with("jit-write-allowlist"))
        .collect();
    if situation.macos.hardened || situation.macos.translated || lifting.is_empty() {
        return None;
    }
    Some(format!(
        "it is as free without {}, so that it runs proves nothing: sign with --hardened (codesign --options runtime)",
        lifting.join(", ")
    ))
}

fn notes(signed: &Signed, library: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if library && !signed.entitlements.is_empty() {
        notes.push("its entitlements mean nothing: those of the program that loads it count".to_owned());
    }
    if signed.architecture == "arm64e" {
        notes.push("macOS starts arm64e programs of Apple's own only".to_owned());
    }
    if let Some(signature) = &signed.signature {
        let void = |mismatch: &&Mismatch| matches!(mismatch, Mismatch::Unreadable(..) | Mismatch::Entitlements);
        notes.extend(signature.mismatches().iter().filter(void).map(Mismatch::to_string));
        if !signature.outside().is_empty() {
            notes.push(format!("sealed beside the file, and not compared: {}", signature.outside().join(", ")));
        }
    }
    notes
}

//! `kiln sign`

mod place;
mod tool;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use kiln::Kind;
use kiln_codesign::{Entitlements, Signature, Signing, slices};

use crate::asm::read;
use crate::entitle::{HARDENED, entitlements, shown};
use crate::{Failure, args, described};
use place::Place;
use tool::Tool;

/// What is asked for.
struct Wanted {
    identifier: String,
    hardened: bool,
    entitlements: Entitlements,
    /// The identity and the tool that has it; none for an ad-hoc signature.
    tool: Option<Tool>,
    /// More arguments for the tool.
    more: Vec<OsString>,
}

pub(crate) fn sign(args: args::Sign) -> Result<ExitCode, Failure> {
    let name = args.file.display().to_string();
    let mut asked = entitlements(&args.entitlement)?;
    let tool = match args.identity.as_deref() {
        None | Some("-") => None,
        Some(identity) => Some(Tool::for_identity(identity)?),
    };
    if let (None, Some(extra)) = (&tool, args.more.first()) {
        return Err(Failure::new(format!(
            "what is {}? Only an identity's tool takes arguments behind --",
            extra.display()
        ))
        .next("give --identity NAME, or leave them out"));
    }
    if args.file.is_dir() {
        return Err(Failure::new(format!(
            "{name}: this is a folder, and a bundle's seal over its files is not written"
        ))
        .next("sign the executable in it, or the bundle with codesign or rcodesign"));
    }
    let place = Place::find(&args.file, args.output.as_deref())?;
    let bytes = read(&args.file)?;
    let before = signatures(&name, &bytes)?;
    let mut hardened = args.hardened;
    if args.keep {
        hardened |= keep(&name, &before, &mut asked)?;
    }
    let wanted = Wanted {
        identifier: args.identifier.unwrap_or_else(|| identifier(&before, place.name())),
        hardened,
        entitlements: asked,
        tool,
        more: args.more,
    };
    warn_of_nothing(&wanted);
    warn_of_losses(&name, &wanted, &before);
    match &wanted.tool {
        None => place.put(&ad_hoc(&name, &bytes, &wanted)?)?,
        Some(tool) => place.put_by(&bytes, |copy| tool.sign(copy, &wanted))?,
    }
    tracing::info!("signed {}: {}", place.shown(), summary(&wanted));
    Ok(ExitCode::SUCCESS)
}

/// Adds the entitlements that are there to those that are asked for, which count where both name one; returns whether what is
/// there is hardened. The slices must agree, since they are all signed alike.
fn keep(name: &str, before: &[(String, Signature)], asked: &mut Entitlements) -> Result<bool, Failure> {
    let Some((_, first)) = before.first() else { return Ok(false) };
    let same =
        |other: &Signature| other.is_hardened() == first.is_hardened() && other.entitlements() == first.entitlements();
    if let Some((architecture, _)) = before.iter().find(|(_, other)| !same(other)) {
        return Err(Failure::new(format!("{name}: the slice for {architecture} is signed otherwise than the first"))
            .next("say what to have, without --keep"));
    }
    for (name, value) in first.entitlements().iter() {
        if asked.get(name).is_none() {
            asked.insert(name, value.clone());
        }
    }
    Ok(first.is_hardened())
}

fn ad_hoc(name: &str, bytes: &[u8], wanted: &Wanted) -> Result<Vec<u8>, Failure> {
    let signing =
        Signing::ad_hoc(&wanted.identifier).hardened(wanted.hardened).entitlements(wanted.entitlements.clone());
    signing.sign(bytes).map_err(|error| about(name, error))
}

/// An error of the signatures' crate, which does not know the file's name.
pub(crate) fn about(name: &str, error: kiln_codesign::Error) -> Failure {
    let next = error.next_step().map(str::to_owned);
    Failure { message: format!("{name}: {error}"), next }
}

/// What each slice is signed with, by architecture.
fn signatures(name: &str, bytes: &[u8]) -> Result<Vec<(String, Signature)>, Failure> {
    let slices = mach_o(name, bytes)?;
    let mut found = Vec::new();
    for slice in slices {
        // A signature that cannot be read is replaced as well as another.
        if let Ok(Some(signature)) = slice.signature() {
            found.push((slice.architecture(), signature));
        }
    }
    Ok(found)
}

/// The slices of a Mach-O file; of another one, what it is.
pub(crate) fn mach_o<'a>(name: &str, bytes: &'a [u8]) -> Result<Vec<kiln_codesign::Slice<'a>>, Failure> {
    let next = match Kind::of(bytes) {
        Kind::Object(kiln::Format::MachO) | Kind::Linked(kiln::Format::MachO) | Kind::Universal => {
            return slices(bytes).map_err(|error| about(name, error));
        }
        Kind::Other(what) if what.contains("Mach-O") => return slices(bytes).map_err(|error| about(name, error)),
        Kind::Linked(kiln::Format::Elf) => {
            "Linux asks for no signature; for macOS, build with --target aarch64-apple-darwin"
        }
        Kind::Other("a script") => "sign the interpreter that runs it",
        _ => "give a program or a library for macOS",
    };
    let what = described(Kind::of(bytes));
    Err(Failure::new(format!("{name}: it is {what}, and only Mach-O files have such signatures")).next(next))
}

/// The name that the code is known by stays what somebody chose; the linker's is the file's of that time.
fn identifier(before: &[(String, Signature)], file_name: &str) -> String {
    let chosen = before.iter().find(|(_, signature)| !signature.is_linker_signed());
    chosen.map_or_else(|| file_name.to_owned(), |(_, signature)| signature.directory().identifier.clone())
}

/// Entitlements of the hardened runtime without it.
fn warn_of_nothing(wanted: &Wanted) {
    let lifted: Vec<String> = (wanted.entitlements.iter())
        .filter(|(name, _)| name.starts_with(HARDENED))
        .map(|(name, value)| shown(name, value))
        .collect();
    if !wanted.hardened && !lifted.is_empty() {
        tracing::warn!("without --hardened nothing is restricted that {} would allow", lifted.join(", "));
    }
}

/// What the signature that was there had, and the new one will not.
fn warn_of_losses(name: &str, wanted: &Wanted, before: &[(String, Signature)]) {
    let mut lost: Vec<String> = Vec::new();
    for (_, signature) in before {
        let mut lose = |what: String| {
            if !lost.contains(&what) {
                lost.push(what);
            }
        };
        if signature.cms_len() > 0 && wanted.tool.is_none() {
            lose(
                signature
                    .team()
                    .map_or_else(|| "an identity".to_owned(), |team| format!("the identity of team {team}")),
            );
        }
        if signature.is_hardened() && !wanted.hardened {
            lose("the hardened runtime".to_owned());
        }
        for (name, value) in signature.entitlements().iter() {
            if wanted.entitlements.get(name) != Some(value) {
                lose(shown(name, value));
            }
        }
        for what in signature.outside() {
            lose(format!("the seal over the bundle's {what}"));
        }
    }
    if !lost.is_empty() {
        tracing::warn!("{name}: the signature that was there had {}; the new one has not", lost.join(", "));
    }
}

fn summary(wanted: &Wanted) -> String {
    let mut words = vec![match &wanted.tool {
        None => "ad hoc".to_owned(),
        Some(tool) => tool.to_string(),
    }];
    words.push(format!("identifier {}", wanted.identifier));
    if wanted.hardened {
        words.push("hardened".to_owned());
    }
    words.extend(wanted.entitlements.iter().map(|(name, value)| shown(name, value)));
    words.join(", ")
}

/// A file's name, for people and for tools.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

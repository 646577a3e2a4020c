//! The answers, for people and for scripts.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use kiln::Outcome;
use kiln_codesign::{Signature, Value};
use serde_json::{Map, json};

use super::signed::Signed;
use super::{Answer, Barred, Row, all_run};
use crate::Failure;
use crate::entitle::shown;

/// Width of the strategies' names.
const NAMES: usize = 16;

pub(super) fn print(output: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::new(format!("standard output: {error}")))
}

pub(super) fn text(answers: &[Answer]) -> String {
    answers.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(answer: &Answer) -> String {
    let bold = Style::new().bold();
    let about = match (&answer.barred, &answer.signed, &answer.situation) {
        (Some(Barred::Elsewhere(why)), ..) => why.clone(),
        (_, Some(signed), _) => signed_as(signed),
        (_, None, Some(situation)) => situation.to_string(),
        (_, None, None) => String::new(),
    };
    let mut out = format!("{bold}{}{bold:#}: {about}\n", answer.who);
    for row in answer.rows.iter().filter(|row| row.outcome != Outcome::Absent || row.change.is_some()) {
        out += &format!("  {:NAMES$} {}: {}\n", row.strategy, coloured(&row.outcome), row.reason);
        if let Some(change) = &row.change {
            out += &format!("  {:NAMES$} to change it: {change}\n", "");
        }
    }
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    match (&answer.barred, answer.choice()) {
        (Some(Barred::Elsewhere(_)), _) => {}
        (Some(Barred::Library), _) => {
            out += "  a library has no process of its own: ask about the program that loads it\n";
        }
        (Some(Barred::Killed(why)), _) => out += &format!("  {red}killed{red:#}: {why}\n"),
        (None, Some(Ok((module, heap)))) => {
            out +=
                &format!("  Kiln takes {} for modules, {} for small functions\n", module.strategy(), heap.strategy());
        }
        (None, _) => out += &format!("  {red}generated code cannot run{red:#}\n"),
    }
    for note in &answer.notes {
        out += &format!("  {note}\n");
    }
    if let Some(change) = &answer.change {
        let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        out += &format!("  {cyan}next{cyan:#}: {change}\n");
    }
    out
}

fn coloured(outcome: &Outcome) -> String {
    let colour = match outcome {
        Outcome::Works => AnsiColor::Green,
        Outcome::Refused { .. } => AnsiColor::Yellow,
        _ => AnsiColor::Red,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{outcome}{style:#}")
}

/// A signature in one line.
fn signed_as(signed: &Signed) -> String {
    let mut words = vec![match &signed.signature {
        None if signed.flags.0 == 0 => return "not signed".to_owned(),
        None => "planned".to_owned(),
        Some(signature) => signer(signature),
    }];
    words.push(if signed.flags.0 & 0x1_0000 != 0 { "hardened" } else { "not hardened" }.to_owned());
    if signed.entitlements.is_empty() {
        words.push("no entitlements".to_owned());
    }
    words.extend(signed.entitlements.iter().map(|(name, value)| shown(name, value)));
    words.join(", ")
}

fn signer(signature: &Signature) -> String {
    match signature.team() {
        _ if signature.is_linker_signed() => "signed ad hoc by the linker".to_owned(),
        _ if signature.is_ad_hoc() => "signed ad hoc".to_owned(),
        Some(team) => format!("signed by team {team}"),
        None => "signed with an identity".to_owned(),
    }
}

pub(super) fn json(answers: &[Answer]) -> String {
    let of = |answer: &Answer| {
        let choice = answer.choice().and_then(Result::ok);
        let chosen =
            |choice: &kiln::Choice| json!({ "strategy": choice.strategy().to_string(), "reason": choice.reason() });
        json!({
            "subject": answer.who,
            "situation": answer.situation.as_ref().map(ToString::to_string),
            "signature": answer.signed.as_ref().map(signature),
            "elsewhere": match &answer.barred { Some(Barred::Elsewhere(why)) => Some(why), _ => None },
            "library": matches!(answer.barred, Some(Barred::Library)),
            "killed": match &answer.barred { Some(Barred::Killed(why)) => Some(why), _ => None },
            "strategies": answer.rows.iter().map(row).collect::<Vec<_>>(),
            "modules": choice.as_ref().map(|(module, _)| chosen(module)),
            "functions": choice.as_ref().map(|(_, heap)| chosen(heap)),
            "runs": answer.runs(),
            "notes": answer.notes,
            "change": answer.change,
        })
    };
    let whole = json!({ "runs": all_run(answers), "answers": answers.iter().map(of).collect::<Vec<_>>() });
    format!("{whole:#}\n")
}

fn row(row: &Row) -> serde_json::Value {
    let (outcome, call, errno) = match row.outcome {
        Outcome::Works => ("works", None, None),
        Outcome::Refused { call, errno } => ("refused", Some(call), Some(errno)),
        Outcome::Killed { at } => ("killed", Some(at), None),
        _ => ("absent", None, None),
    };
    json!({
        "strategy": row.strategy, "outcome": outcome, "at": call, "errno": errno,
        "reason": row.reason, "source": row.source, "change": row.change,
    })
}

fn signature(signed: &Signed) -> serde_json::Value {
    let entitlements: Map<String, serde_json::Value> =
        signed.entitlements.iter().map(|(name, value)| (name.to_owned(), plain(value))).collect();
    let of = |read: fn(&Signature) -> serde_json::Value| signed.signature.as_ref().map(read);
    json!({
        "architecture": signed.architecture,
        "flags": signed.flags.0,
        "flag_names": signed.flags.to_string(),
        "entitlements": entitlements,
        "identifier": of(|signature| json!(signature.directory().identifier)),
        "team": of(|signature| json!(signature.team())),
        "ad_hoc": of(|signature| json!(signature.is_ad_hoc())),
        "linker_signed": of(|signature| json!(signature.is_linker_signed())),
        "cdhash": of(|signature| json!(signature.cdhash().iter().map(|byte| format!("{byte:02x}")).collect::<String>())),
        "mismatches": of(|signature| json!(signature.mismatches().iter().map(ToString::to_string).collect::<Vec<_>>())),
    })
}

fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(set) => json!(set),
        Value::Integer(number) => json!(number),
        Value::String(text) => json!(text),
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Dictionary(values) => values.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
    }
}

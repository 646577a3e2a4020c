//! `kiln doctor`: what a process may do with generated code, and why.

mod say;
mod signed;

use std::path::Path;
use std::process::ExitCode;

use kiln::{Choice, Outcome, Situation, Strategy};

use crate::asm::read;
use crate::sign::mach_o;
use crate::{Failure, args};
use signed::Signed;

/// Generated code cannot run.
const CANNOT: u8 = 1;

/// Whose question is answered: the live process, a file's slice, a signing that is planned.
struct Answer {
    /// Who, in a few words.
    who: String,
    /// The system's rules for it; none where no process of it exists.
    situation: Option<Situation>,
    /// What is known of its signature.
    signed: Option<Signed>,
    /// What comes of each strategy.
    rows: Vec<Row>,
    /// Why no process of it runs, or it has none of its own.
    barred: Option<Barred>,
    /// What else a reader should know, a sentence each.
    notes: Vec<String>,
    /// The smallest change after which generated code runs.
    change: Option<String>,
}

/// Why a file has no process of its own.
enum Barred {
    /// It is killed before it has run anything.
    Killed(String),
    /// It is a library, whose host counts.
    Library,
    /// It is for another system or another processor.
    Elsewhere(String),
}

/// What comes of one way to make code executable.
struct Row {
    strategy: String,
    outcome: Outcome,
    reason: String,
    source: String,
    change: Option<String>,
}

impl Answer {
    fn choice(&self) -> Option<Result<(Choice, Choice), kiln::Error>> {
        let situation = self.situation.as_ref()?;
        Some(situation.choose().and_then(|module| Ok((module, situation.choose_for_heap()?))))
    }

    /// Whether generated code runs, where that is asked: of no library, and of nothing that is for elsewhere.
    fn runs(&self) -> Option<bool> {
        match &self.barred {
            Some(Barred::Killed(_)) => Some(false),
            Some(Barred::Library | Barred::Elsewhere(_)) => None,
            None => Some(self.choice().is_some_and(|choice| choice.is_ok())),
        }
    }
}

pub(crate) fn doctor(args: args::Doctor) -> Result<ExitCode, Failure> {
    let answers = match (&args.binary, &args.plan_for) {
        (None, None) => vec![this_process()],
        (None, Some(plan)) => vec![signed::planned(plan)?],
        (Some(binary), plan) => of_file(binary, plan.as_deref())?,
    };
    let output = if args.json { say::json(&answers) } else { say::text(&answers) };
    say::print(&output)?;
    Ok(if all_run(&answers) { ExitCode::SUCCESS } else { ExitCode::from(CANNOT) })
}

/// Whether generated code runs in whatever is for this system; and something is.
fn all_run(answers: &[Answer]) -> bool {
    let elsewhere = |answer: &Answer| matches!(answer.barred, Some(Barred::Elsewhere(_)));
    answers.iter().all(|answer| answer.runs() != Some(false)) && !answers.iter().all(elsewhere)
}

fn this_process() -> Answer {
    let situation = Situation::of_this_process().clone();
    let change = situation.choose().err().and_then(|error| error.next_step().map(str::to_owned));
    let mut rows: Vec<Row> = Strategy::ALL.map(|strategy| row(&situation, strategy, |_| None)).into();
    rows.extend(signed::writable_and_executable(&situation));
    let mut notes: Vec<String> = signed::allow_jit(&situation).into_iter().collect();
    if situation.macos.debugged {
        notes.push("a debugger is or was attached, which relaxes the rules: this is what holds without it".to_owned());
    }
    let situation = Some(situation);
    Answer { who: "this process".to_owned(), situation, signed: None, rows, barred: None, notes, change }
}

/// What comes of a strategy; `change` finds a command for what does not work.
fn row(situation: &Situation, strategy: Strategy, change: impl FnOnce(Strategy) -> Option<String>) -> Row {
    let verdict = situation.verdict(strategy);
    let found = if verdict.is_working() { None } else { change(strategy) };
    Row {
        strategy: strategy.to_string(),
        outcome: *verdict.outcome(),
        reason: verdict.reason().to_owned(),
        source: verdict.source().to_owned(),
        change: found.or_else(|| verdict.remedy().map(str::to_owned)),
    }
}

fn of_file(path: &Path, plan: Option<&[String]>) -> Result<Vec<Answer>, Failure> {
    let name = path.display().to_string();
    let bytes = read(path)?;
    let slices = mach_o(&name, &bytes).map_err(|failure| match failure.next {
        Some(next) if next.starts_with("Linux") => Failure {
            next: Some("on Linux the signature says nothing: `kiln doctor` asks the live process".to_owned()),
            ..failure
        },
        next => Failure { next, ..failure },
    })?;
    let several = slices.len() > 1;
    slices.iter().map(|slice| signed::slice(&name, slice, several, plan)).collect()
}

//! The help of the command as a whole, with its subcommands in groups; shell completions and manual pages. All of it comes
//! from the definitions of the arguments.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anstyle::Style;
use clap::{Command, CommandFactory};

use crate::{Failure, args};

/// The subcommands by what they are for. One that is not named here stands in the last group.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Run code", &["run", "call"]),
    ("Look at code", &["disasm", "inspect"]),
    ("Make code", &["asm", "flat"]),
    ("Ship it for macOS", &["doctor", "sign"]),
];
const LAST: &str = "More";

/// The definitions, as they are parsed and shown.
pub(crate) fn command() -> Command {
    let command = args::Arguments::command();
    let groups = groups(&command);
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{HEADING}Options:{HEADING:#}\n{{options}}{{after-help}}"
    );
    command.help_template(template)
}

/// As clap writes its own headings.
const HEADING: Style = Style::new().bold().underline();
const LITERAL: Style = Style::new().bold();

fn groups(command: &Command) -> String {
    let is_in = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let others = command.get_subcommands().map(Command::get_name).filter(|name| !is_in(name));
    let others: Vec<&str> = others.collect();
    let width = command.get_subcommands().map(|one| one.get_name().len()).max().unwrap_or_default();
    let mut text = String::new();
    for (heading, names) in GROUPS.iter().map(|(heading, names)| (*heading, *names)).chain([(LAST, &others[..])]) {
        let found: Vec<&Command> = names.iter().filter_map(|name| command.find_subcommand(name)).collect();
        if found.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{HEADING}{heading}:{HEADING:#}");
        for one in found {
            let about = one.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {LITERAL}{:<width$}{LITERAL:#}  {about}", one.get_name());
        }
        text.push('\n');
    }
    text
}

pub(crate) fn completions(args: args::Completions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "kiln", &mut script);
    let mut stdout = std::io::stdout();
    let written = stdout.write_all(&script).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::new(format!("standard output: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(args: args::Man) -> Result<ExitCode, Failure> {
    let folder = &args.directory;
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::new(format!("{}: cannot make the folder: {error}", folder.display())))?;
    clap_mangen::generate_to(args::Arguments::command(), folder)
        .map_err(|error| Failure::new(format!("{}: cannot write the pages: {error}", folder.display())))?;
    Ok(ExitCode::SUCCESS)
}

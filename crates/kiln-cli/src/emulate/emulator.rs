//! The emulator: where it is, what it has, and how what it ran came to its end.
#![allow(unsafe_code)] // A file that another program is to inherit.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use crate::{Failure, crash, report};

const PROGRAM: &str = "kiln-darwin-run";
const VARIABLE: &str = "KILN_DARWIN_RUN";

/// What it says first: the version of what the options and the report mean.
const INTERFACE: &str = "interface 1";

/// Emulation could not go on: what the program did is not modelled, or ends a process on a Mac.
const STOPPED: u8 = 125;

pub(super) struct Emulator(PathBuf);

impl Emulator {
    /// The one that `KILN_DARWIN_RUN` names, else the one beside this command, else the first one on `PATH`.
    pub(super) fn find() -> Result<Emulator, Failure> {
        if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
            return match Path::new(&named).is_file() {
                true => Ok(Emulator(named.into())),
                false => {
                    Err(Failure::new(format!("{}: there is no such file, which {VARIABLE} names", named.display()))
                        .next(format!("build it with `cargo xtask darwin-run`, or unset {VARIABLE}")))
                }
            };
        }
        let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(PROGRAM)));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&path).map(|folder| folder.join(PROGRAM));
        beside.into_iter().chain(on_path).find(|file| file.is_file()).map(Emulator).ok_or_else(|| {
            Failure::new(format!("`{PROGRAM}` is not here, which emulates a process of macOS")).next(format!(
                "build it in Kiln's sources with `cargo xtask darwin-run`, and name what that prints in {VARIABLE}"
            ))
        })
    }

    fn cannot(&self, what: &str, error: impl std::fmt::Display) -> Failure {
        Failure::new(format!("{}: cannot {what}: {error}", self.0.display()))
            .next("build it anew with `cargo xtask darwin-run`")
    }

    /// What its model of libSystem has, by symbol.
    pub(super) fn names(&self) -> Result<Vec<String>, Failure> {
        let output = Command::new(&self.0).arg("--imports").output().map_err(|error| self.cannot("be run", error))?;
        let text = String::from_utf8(output.stdout).unwrap_or_default();
        let (version, names) = text.split_once('\n').unwrap_or_default();
        if !output.status.success() || !version.starts_with(PROGRAM) || !version.ends_with(INTERFACE) {
            return Err(self.cannot("say what it has", "it is something else, or of another version"));
        }
        Ok(names.lines().filter(|name| name.starts_with('_')).map(str::to_owned).collect())
    }

    /// Runs a program with these arguments, and ends as it ends.
    pub(super) fn run(
        &self,
        program: &Path,
        argv0: &OsStr,
        arguments: &[OsString],
        limit: Option<f64>,
    ) -> Result<ExitCode, Failure> {
        let told = program.with_file_name("..report");
        let file = File::create(&told).map_err(|error| self.cannot("report", error))?;
        // SAFETY: the descriptor is the file's, which is open.
        unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) };
        let mut command = Command::new(&self.0);
        command.arg("--argv0").arg(argv0).arg("--report-fd").arg(file.as_raw_fd().to_string());
        command.arg("--").arg(program).args(arguments);
        tracing::info!("emulated by {}", self.0.display());
        let mut child = command.spawn().map_err(|error| self.cannot("be run", error))?;
        drop(file);
        let status = wait(&mut child, limit).map_err(|error| self.cannot("be waited for", error))?;
        let name = argv0.display();
        let Some(status) = status else {
            let seconds = limit.unwrap_or_default();
            report(&Failure::new(format!("{name}: not back after {seconds} s")));
            return Ok(ExitCode::from(crash::TIMED_OUT));
        };
        // Nothing is told of a program that ends by itself, with whatever status.
        let told = std::fs::read_to_string(&told).unwrap_or_default();
        let mut words = told.trim_end().splitn(3, ' ');
        let (end, words) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
        Ok(match (status.code(), status.signal()) {
            (Some(_), _) if end == "verdict" => {
                report(&Failure::new(format!("{name}: emulation cannot go on: {words}")));
                ExitCode::from(STOPPED)
            }
            (Some(status), _) => ExitCode::from(status as u8),
            (None, signal) => {
                let signal = signal.unwrap_or_default();
                let place = if words.is_empty() { String::new() } else { format!(" at {words}") };
                report(&Failure::new(format!("{name}: ended by {}{place}", crash::name(signal))));
                ExitCode::from((128 + signal) as u8)
            }
        })
    }
}

/// Waits for its end, at most so many seconds; then ends it.
fn wait(child: &mut Child, limit: Option<f64>) -> io::Result<Option<ExitStatus>> {
    let Some(limit) = limit.map(Duration::from_secs_f64) else { return child.wait().map(Some) };
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5).min(limit));
    }
}

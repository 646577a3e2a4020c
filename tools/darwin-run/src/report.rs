//! How the emulated process ended, for whoever started the emulator: the exit status alone does not tell a program's own
//! 84 from the emulator's. A line on a descriptor of its own, where `--report-fd` names one.

use std::fs::{File, OpenOptions};
use std::io::Write;

use crate::verdict::Verdict;

/// Where to say it, and the process whose end it is.
pub(crate) struct Report {
    to: File,
    process: u32,
}

impl Report {
    /// Takes the descriptor over: the emulated program does not see it, nor do those that it starts.
    pub(crate) fn take(descriptor: i32) -> Result<Report, String> {
        let to = take(descriptor, OpenOptions::new().write(true)).map_err(|error| format!("--report-fd: {error}"))?;
        Ok(Report { to, process: std::process::id() })
    }

    /// `verdict STATUS WORDS`
    pub(crate) fn verdict(&self, verdict: &Verdict) {
        self.say(&format!("verdict {} {verdict}\n", verdict.status()));
    }

    /// `signal NUMBER PLACE`, with the host's number.
    pub(crate) fn signal(&self, number: i32, place: &str) {
        self.say(&format!("signal {number} {place}\n"));
    }

    fn say(&self, line: &str) {
        // A copy that the program made of itself is not the one that is waited for.
        if self.process == std::process::id() {
            // Where nobody listens any more, the status still says it.
            let _ = (&self.to).write_all(line.as_bytes());
        }
    }
}

/// What a descriptor that was inherited leads to, opened anew, so that it ends with this program.
pub(crate) fn take(descriptor: i32, options: &OpenOptions) -> std::io::Result<File> {
    let file = options.open(format!("/dev/fd/{descriptor}"))?;
    crate::kernel::host::close(descriptor);
    Ok(file)
}

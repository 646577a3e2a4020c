//! What is said of work that takes longer than a second: on standard error, if that is a terminal, on one line that goes away when
//! the work is done. While the user's code runs nothing is said: the terminal is its own.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// From when on, and how often, something is said.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most characters of a line: wrapped, it would not go away.
const WIDTH: usize = 78;

/// Work that is under way, until this is dropped. Nothing of it is left then: no line, and no thread.
pub(crate) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

/// Says `what` is being done, if it takes long.
pub(crate) fn of(what: String) -> Progress {
    if !is_shown() {
        return Progress(None);
    }
    let (done, waits) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut seconds = 0;
        while waits.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            seconds += 1;
            say(&what, seconds);
        }
        if seconds > 0 {
            clear();
        }
    });
    Progress(Some((done, thread)))
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.0.take() {
            drop(done);
            // It does not panic, and if it did, nothing but the line would be wrong.
            let _ = thread.join();
        }
    }
}

/// Whether anybody sees it.
fn is_shown() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|terminal| terminal != "dumb")
}

/// Shows the line. The cursor goes back to its beginning, so that what others write takes its place.
fn say(what: &str, seconds: u64) {
    let line: String = format!("kiln: {what}: {seconds} s").chars().take(WIDTH).collect();
    write(&format!("\r\x1b[K{line}\r"));
}

/// Takes the line away.
fn clear() {
    write("\r\x1b[K");
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Whom nobody can tell, nobody tells.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// The linking that is under way: it ends where the library calls back, in front of the first code that runs.
static LINKING: Mutex<Option<Progress>> = Mutex::new(None);

/// Linking begins.
pub(crate) fn linking() {
    *LINKING.lock().unwrap_or_else(PoisonError::into_inner) = Some(of("linking".to_owned()));
}

/// Linking is done.
pub(crate) fn linked() {
    LINKING.lock().unwrap_or_else(PoisonError::into_inner).take();
}

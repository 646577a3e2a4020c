//! Peak memory and mappings, of one load in a process of its own.

use std::process::Command;

use crate::candidates::Candidate;
use crate::jobs::{self, Job};

/// What the process that measures is called with, then the candidate and the job.
pub(crate) const MEASURE: &str = "--measure";

/// `None`: it cannot be told.
#[derive(Default)]
pub(crate) struct Memory {
    /// In bytes.
    pub(crate) peak: Option<u64>,
    /// How many mappings the process has more than before.
    pub(crate) mappings: Option<i64>,
}

/// Loads once in another process.
pub(crate) fn measure(candidate: &str, job: &Job) -> Memory {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args([MEASURE, candidate, &job.name]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut numbers = text.split_whitespace().map(|word| word.parse::<i64>().ok());
    let peak = numbers.next().flatten().and_then(|peak| u64::try_from(peak).ok());
    Memory { peak, mappings: numbers.next().flatten() }
}

/// Loads once here, and prints the two numbers.
pub(crate) fn measure_here(name: &str, job: &str) {
    // A buffer that is freed must go back to the system at once, or it hides what is used later.
    // SAFETY: a setting of the allocator.
    #[cfg(target_os = "linux")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10)
    };
    let before = status("VmRSS:");
    let job = Job::named(job);
    let size = if name == "floor" { jobs::image_size(&job) } else { 0 };
    let Some(candidate) = Candidate::new(name, &job, size) else { return };
    if candidate.is_a_process() {
        // The kernel counts what this process had when it forked to the child.
        let job = job.without_objects();
        (candidate.load(&job).unwrap().take_down)();
        println!("{} -", children());
        return;
    }
    // 5: forget the peak (Linux, Documentation/filesystems/proc.rst).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let mappings = mappings();
    let loaded = candidate.load(&job).unwrap();
    println!("{} {}", status("VmHWM:").saturating_sub(before), self::mappings() - mappings);
    (loaded.take_down)();
}

/// A line of /proc/self/status, in bytes.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn mappings() -> i64 {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count() as i64
}

/// What the largest child had resident at most, in bytes.
fn children() -> u64 {
    // SAFETY: a structure of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: it has room for the answer.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage) }, 0);
    usage.ru_maxrss as u64 * 1024
}

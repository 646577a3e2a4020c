//! Object bytes → callable: Kiln beside the floor (map, copy, protect), other linkers in memory, and linkers of files
//! with `dlopen`.
//!
//!     cargo xtask corpus                          # makes what is loaded, and says which peers there are
//!     cargo bench -p kiln --bench load            # or only some: `-- sqlite3 generated-1000 frames`
//!
//! Of Debian's packages, the peers need `llvm-22-dev`, `libtcc-dev`, `binutils`, `lld` and `mold`; who is missing is left
//! out. The candidates take turns in one run. A load begins with the object's bytes (in memory; those that read files find
//! them in the page cache) and ends with the answer of the first call; taking it down again is not counted. The answer is
//! checked each time. Each turn of a candidate is two loads: the first meets caches that the others have filled, the second is
//! "warm", right behind the first. Peak memory and mappings are those of one load in a process of its own: the peak is what was
//! resident at most beyond what was before the inputs were read, so it includes them; of a linker that is a process of
//! its own, it is that process's.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code, and maps memory by hand for the floor.

mod candidates;
mod frames;
mod jobs;
mod memory;

use std::time::Duration;

use candidates::{CANDIDATES, Candidate};
use jobs::Job;

/// How long a candidate may take for one job, about, in all its rounds.
const BUDGET: Duration = Duration::from_millis(1500);
const ROUNDS: usize = 101;

fn main() {
    candidates::open_mathematics();
    let run = || match std::env::args().skip_while(|word| word != memory::MEASURE).nth(1) {
        Some(candidate) => memory::measure_here(&candidate, &std::env::args().next_back().unwrap()),
        None => compare(),
    };
    // JITLink and the generated functions recurse deeply.
    std::thread::Builder::new().stack_size(1 << 30).spawn(run).unwrap().join().unwrap();
}

fn compare() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    println!(
        "{:<16} {:<10} {:>12} {:>7} {:>7} {:>12} {:>7} {:>7} {:>8} {:>8} {:>8}",
        "object",
        "candidate",
        "median",
        "/ floor",
        "/ kiln",
        "warm",
        "/ floor",
        "/ kiln",
        "peak MB",
        "mappings",
        "ns each"
    );
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    for name in jobs::NAMES.iter().filter(|name| is_asked(name)) {
        let job = Job::named(name);
        let size = jobs::image_size(&job);
        println!("{name:<16} {}", job.described(size));
        let candidates: Vec<Candidate> =
            CANDIDATES.iter().filter_map(|name| Candidate::new(name, &job, size)).collect();
        let medians = take_turns(&job, candidates);
        let of = |wanted: &str| medians.iter().find(|(name, _)| *name == wanted).map(|(_, times)| *times);
        let (floor, kiln) = (of("floor"), of("kiln"));
        for (candidate, times) in &medians {
            let ratio = |to: Option<[Duration; 2]>, which: usize| {
                to.map_or(String::new(), |to| format!("{:.2}", times[which].as_secs_f64() / to[which].as_secs_f64()))
            };
            let [time, warm] = times;
            // Once more takes as long again.
            let quick = *time < Duration::from_secs(5);
            let memory = if quick { memory::measure(candidate, &job) } else { memory::Memory::default() };
            println!(
                "{:<16} {candidate:<10} {:>9.3} ms {:>7} {:>7} {:>9.3} ms {:>7} {:>7} {:>8} {:>8} {:>8}",
                "",
                time.as_secs_f64() * 1e3,
                ratio(floor, 0),
                ratio(kiln, 0),
                warm.as_secs_f64() * 1e3,
                ratio(floor, 1),
                ratio(kiln, 1),
                memory.peak.map_or(String::new(), |peak| format!("{:.1}", peak as f64 / 1e6)),
                memory.mappings.map_or(String::new(), |mappings| mappings.to_string()),
                // What must not grow with the number of objects.
                if job.objects.len() > 1 {
                    (time.as_nanos() / job.objects.len() as u128).to_string()
                } else {
                    String::new()
                }
            );
        }
    }
    if is_asked(frames::NAME) {
        frames::compare();
    }
}

/// The medians, of first and of warm loads, of all candidates that can do the job.
fn take_turns(job: &Job, candidates: Vec<Candidate>) -> Vec<(&'static str, [Duration; 2])> {
    let load = |candidate: &Candidate| {
        let loaded = candidate.load(job)?;
        (loaded.take_down)();
        Some(loaded.time)
    };
    // The first time shows how many rounds there may be.
    let mut runs: Vec<(Candidate, usize, [Vec<Duration>; 2])> = Vec::new();
    for candidate in candidates {
        let Some(time) = load(&candidate) else { continue };
        let rounds = (BUDGET.as_secs_f64() / time.as_secs_f64()) as usize;
        let warm = if time < BUDGET { load(&candidate).unwrap_or(time) } else { time };
        runs.push((candidate, rounds.min(ROUNDS), [vec![time], vec![warm]]));
    }
    for round in 0..ROUNDS {
        for (candidate, rounds, times) in &mut runs {
            // Spread over all rounds.
            if (round + 1) * *rounds / ROUNDS > round * *rounds / ROUNDS {
                times.iter_mut().for_each(|times| times.extend(load(candidate)));
            }
        }
    }
    runs.into_iter().map(|(candidate, _, times)| (candidate.name, times.map(median))).collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

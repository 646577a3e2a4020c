//! Object bytes → callable: Kiln beside the floor (map, copy, protect) and beside `ld -shared` with `dlopen`.
//!
//!     cargo xtask corpus                     # builds target/corpus/zlib.o
//!     cargo bench -p kiln --bench load
//!
//! The candidates take turns in one run; the medians and their ratios to the floor are printed.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code, and maps memory by hand for the floor.

use std::ffi::CString;
use std::fmt::Write;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kiln::{Linker, Target};

const ROUNDS: usize = 201;

fn main() {
    let corpus = target_directory().join("corpus");
    let mut report = String::new();
    writeln!(report, "{:<8} {:<22} {:>12} {:>8}", "object", "candidate", "median", "ratio").unwrap();
    for (name, function) in [("zlib", "zlibVersion")] {
        let path = corpus.join(format!("{name}.o"));
        let bytes = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask corpus` first", path.display()));
        let size = image_size(&bytes);
        let shared = std::env::temp_dir().join(format!("kiln-bench-{}.so", std::process::id()));
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            times[0].push(timed(|| floor(&bytes, size)));
            times[1].push(timed(|| load(&bytes, function)));
        }
        for _ in 0..ROUNDS / 10 {
            times[2].push(timed(|| link_and_open(&path, &shared, function)));
        }
        let _ = std::fs::remove_file(&shared);
        let medians = times.map(median);
        for (candidate, time) in ["map, copy, protect", "kiln", "ld -shared + dlopen"].iter().zip(medians) {
            let ratio = time.as_secs_f64() / medians[0].as_secs_f64();
            writeln!(report, "{name:<8} {candidate:<22} {:>9.3} ms {ratio:>8.2}", time.as_secs_f64() * 1e3).unwrap();
        }
        writeln!(report, "{name:<8} {} bytes in the file, {size} in memory", bytes.len()).unwrap();
    }
    print!("{report}");
}

fn target_directory() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("CARGO_TARGET_DIR").map_or(workspace.join("target"), |target| workspace.join(target))
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn linker<'a>(bytes: &'a [u8]) -> Linker<'a> {
    let mut linker = Linker::new(Target::host());
    linker.add_object("corpus.o", bytes).unwrap();
    linker
}

/// How many bytes the object has in memory.
fn image_size(bytes: &[u8]) -> usize {
    // SAFETY: nothing of it is called.
    let module = unsafe { linker(bytes).load() }.unwrap();
    let addresses = module.exports().map(|(_, address)| address as usize);
    let (low, high) = addresses.fold((usize::MAX, 0), |(low, high), address| (low.min(address), high.max(address)));
    high - low
}

fn load(bytes: &[u8], function: &str) {
    // SAFETY: the object is a library that a C compiler made.
    let module = unsafe { linker(bytes).load() }.unwrap();
    // SAFETY: the function takes nothing and returns a string.
    let function = unsafe { module.function::<extern "C" fn() -> *const u8>(function) }.unwrap();
    assert!(!function.call().is_null());
}

/// What every loader has to do at least.
fn floor(bytes: &[u8], size: usize) {
    let size = size.min(bytes.len());
    // SAFETY: new memory wherever the kernel likes.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANON,
            -1,
            0,
        )
    };
    assert_ne!(start, libc::MAP_FAILED);
    // SAFETY: both have `size` bytes.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), start.cast(), size) };
    // SAFETY: our own pages.
    assert_eq!(unsafe { libc::mprotect(start, size, libc::PROT_READ | libc::PROT_EXEC) }, 0);
    black_box(start);
    // SAFETY: our own pages.
    assert_eq!(unsafe { libc::munmap(start, size) }, 0);
}

fn link_and_open(object: &Path, shared: &Path, function: &str) {
    let status = Command::new("ld").arg("-shared").arg(object).arg("-o").arg(shared).status().unwrap();
    assert!(status.success());
    let path = CString::new(shared.to_str().unwrap()).unwrap();
    // SAFETY: a library without initializers.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    assert!(!library.is_null());
    let name = CString::new(function).unwrap();
    // SAFETY: a handle and a name that are good.
    assert!(!unsafe { libc::dlsym(library, name.as_ptr()) }.is_null());
    // SAFETY: nothing of it is used any more.
    unsafe { libc::dlclose(library) };
}

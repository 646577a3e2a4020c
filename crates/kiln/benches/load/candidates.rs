//! Who loads.

use std::ffi::{CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kiln_corpus::{JITLINK, TCC};

use crate::jobs::{Job, linker};

pub(crate) const CANDIDATES: [&str; 7] = ["floor", "kiln", "tcc", "jitlink", "ld", "ld.lld", "mold"];

type Call = extern "C" fn(u64, u64) -> u64;

pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    how: How,
}

enum How {
    /// What every loader has to do at least, for so many bytes.
    Floor(usize),
    Kiln,
    Tcc(PathBuf),
    JitLink(JitLink),
    /// `-shared`, and `dlopen`.
    Linker,
}

/// A load that gave the right answer.
pub(crate) struct Loaded {
    /// From the objects to the answer.
    pub(crate) time: Duration,
    pub(crate) take_down: Box<dyn FnOnce()>,
}

impl Candidate {
    /// `None`: it is not installed, or the job is not for it.
    pub(crate) fn new(name: &str, job: &Job, size: usize) -> Option<Candidate> {
        let name = CANDIDATES.iter().find(|candidate| **candidate == name)?;
        let how = match *name {
            "floor" => How::Floor(size),
            "kiln" => How::Kiln,
            _ if job.paths.is_empty() => return None,
            "tcc" => How::Tcc(TCC.make().ok()?),
            "jitlink" => How::JitLink(JitLink::open(&JITLINK.make().ok()?)),
            linker => {
                Command::new(linker).arg("--version").stdout(Stdio::null()).status().ok()?;
                How::Linker
            }
        };
        Some(Candidate { name, how })
    }

    /// Whether it works in another process.
    pub(crate) fn is_a_process(&self) -> bool {
        matches!(self.how, How::Tcc(_) | How::Linker)
    }

    /// Loads, and checks the answer. `None`: it cannot.
    pub(crate) fn load(&self, job: &Job) -> Option<Loaded> {
        match &self.how {
            How::Floor(size) => Some(floor(job, *size)),
            How::Kiln => Some(kiln(job)),
            How::Tcc(program) => tcc(program, job),
            How::JitLink(library) => library.load(job),
            How::Linker => link_and_open(self.name, job),
        }
    }
}

fn kiln(job: &Job) -> Loaded {
    let start = Instant::now();
    // SAFETY: the objects are a library that a C compiler made.
    let module = unsafe { linker(job).load() }.unwrap();
    // SAFETY: the function is of this type, or takes less.
    let function = unsafe { module.function::<Call>(&job.symbol) }.unwrap();
    job.check(function.call(job.arguments[0], job.arguments[1]));
    let time = start.elapsed();
    Loaded { time, take_down: Box::new(|| drop((function, module))) }
}

/// Maps `size` bytes, copies as many, an equal share of each object's, and changes one protection.
fn floor(job: &Job, size: usize) -> Loaded {
    let begin = Instant::now();
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
    // SAFETY: new memory wherever the kernel likes.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), size, protection, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    // SAFETY: readable, writable, zeros, and nobody else's.
    let mut rest = unsafe { std::slice::from_raw_parts_mut(start.cast::<u8>(), size) };
    let share = size.div_ceil(job.objects.len());
    for object in &job.objects {
        let len = share.min(rest.len()).min(object.len());
        let (place, behind) = rest.split_at_mut(len);
        place.copy_from_slice(&object[..len]);
        rest = behind;
    }
    // SAFETY: our own pages, which nobody writes to any more.
    assert_eq!(unsafe { libc::mprotect(start, size, libc::PROT_READ | libc::PROT_EXEC) }, 0);
    let time = begin.elapsed();
    let take_down = move || {
        // SAFETY: our own pages.
        assert_eq!(unsafe { libc::munmap(start, size) }, 0);
    };
    Loaded { time, take_down: Box::new(take_down) }
}

/// Links with Tiny C in a process that measures itself.
fn tcc(program: &Path, job: &Job) -> Option<Loaded> {
    let mut command = Command::new(program);
    // The first time it meets cold caches.
    command.arg("2").arg(&job.symbol).args(job.arguments.map(|number| number.to_string())).args(&job.paths);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (time, answer) = text.lines().nth(1)?.split_once(' ').unwrap();
    job.check(answer.parse().unwrap());
    Some(Loaded { time: Duration::from_nanos(time.parse().unwrap()), take_down: Box::new(|| ()) })
}

/// The linker makes a shared library, which the system's loader opens.
fn link_and_open(linker: &str, job: &Job) -> Option<Loaded> {
    let shared = kiln_corpus::folder().join(format!("{}-{}.so", job.name, std::process::id()));
    // So many words do not fit a command line.
    let list = shared.with_extension("list");
    std::fs::write(&list, job.paths.iter().map(|path| format!("{}\n", path.display())).collect::<String>()).unwrap();
    let start = Instant::now();
    let words = [format!("-o{}", shared.display()), format!("@{}", list.display())];
    let status = Command::new(linker).arg("-shared").args(words).status().unwrap();
    let loaded = status.success().then(|| {
        let (library, function) = open(&shared, &job.symbol, libc::RTLD_LOCAL);
        // SAFETY: the function is of this type, or takes less.
        let function = unsafe { std::mem::transmute::<*mut c_void, Call>(function) };
        job.check(function(job.arguments[0], job.arguments[1]));
        let close = move || {
            // SAFETY: nothing of it is used any more.
            unsafe { libc::dlclose(library) };
        };
        Loaded { time: start.elapsed(), take_down: Box::new(close) }
    });
    std::fs::remove_file(&list).unwrap();
    let _ = std::fs::remove_file(&shared);
    loaded
}

/// A shared library, and a symbol of it.
fn open(path: &Path, symbol: &str, scope: i32) -> (*mut c_void, *mut c_void) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    let name = CString::new(symbol).unwrap();
    // SAFETY: what its initializers do, if it has any, is right in any process.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | scope) };
    assert!(!library.is_null(), "{path:?} cannot be opened");
    // SAFETY: a handle and a name that are good.
    let address = unsafe { libc::dlsym(library, name.as_ptr()) };
    assert!(!address.is_null(), "{path:?} has no {symbol}");
    (library, address)
}

/// Has the C library's mathematics in the process, which the libraries want.
pub(crate) fn open_mathematics() {
    open("libm.so.6".as_ref(), "pow", libc::RTLD_GLOBAL);
}

/// `benches/peers/jitlink.cpp`
struct JitLink {
    load: PeerLoad,
    unload: PeerUnload,
}

type PeerLoad = unsafe extern "C" fn(
    usize,
    *const *const c_char,
    *const *const u8,
    *const usize,
    *const c_char,
    *mut *mut c_void,
) -> *mut c_void;
type PeerUnload = unsafe extern "C" fn(*mut c_void);

impl JitLink {
    fn open(library: &Path) -> JitLink {
        let load = open(library, "peer_load", libc::RTLD_LOCAL).1;
        let unload = open(library, "peer_unload", libc::RTLD_LOCAL).1;
        JitLink {
            // SAFETY: the file says so.
            load: unsafe { std::mem::transmute::<*mut c_void, PeerLoad>(load) },
            // SAFETY: the file says so.
            unload: unsafe { std::mem::transmute::<*mut c_void, PeerUnload>(unload) },
        }
    }

    fn load(&self, job: &Job) -> Option<Loaded> {
        let names: Vec<CString> =
            job.paths.iter().map(|path| CString::new(path.as_os_str().as_bytes()).unwrap()).collect();
        let names: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let bytes: Vec<*const u8> = job.objects.iter().map(|object| object.as_ptr()).collect();
        let sizes: Vec<usize> = job.objects.iter().map(Vec::len).collect();
        let symbol = CString::new(&*job.symbol).unwrap();
        let mut address = std::ptr::null_mut();
        let start = Instant::now();
        // SAFETY: three lists of as many entries, whose objects live until `unload`, a name, and room for an address.
        let handle = unsafe {
            (self.load)(names.len(), names.as_ptr(), bytes.as_ptr(), sizes.as_ptr(), symbol.as_ptr(), &mut address)
        };
        if handle.is_null() {
            return None;
        }
        // SAFETY: the function is of this type, or takes less.
        let function = unsafe { std::mem::transmute::<*mut c_void, Call>(address) };
        job.check(function(job.arguments[0], job.arguments[1]));
        let time = start.elapsed();
        let unload = self.unload;
        let take_down = move || {
            // SAFETY: what `load` gave, once.
            unsafe { unload(handle) };
        };
        Some(Loaded { time, take_down: Box::new(take_down) })
    }
}

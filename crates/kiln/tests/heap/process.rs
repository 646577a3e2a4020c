//! What the rest of the process does meanwhile: fork, signals, exit.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use kiln::{Code, CodeHeap, Function, HeapOptions};

use super::{call, emulated, heaps, returns};

/// Runs `child` in a forked child, and tells how it ended. `parent` runs when the child has begun, and before it goes on.
pub(super) fn forked(child: impl FnOnce() -> bool, parent: impl FnOnce()) -> i32 {
    let mut ready = [0; 2];
    let mut go = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ready.as_mut_ptr()) }, 0);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::pipe(go.as_mut_ptr()) }, 0);
    let mut byte = [0u8];
    // SAFETY: the child only does what these tests are about, and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // A child that waits for a lock for ever is a failure too.
        // SAFETY: ends this process after a while.
        unsafe { libc::alarm(20) };
        // SAFETY: a byte of our own.
        unsafe { libc::write(ready[1], byte.as_ptr().cast(), 1) };
        // SAFETY: as above.
        unsafe { libc::read(go[0], byte.as_mut_ptr().cast(), 1) };
        let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(false);
        // SAFETY: ends the child at once, without the parent's cleaning up.
        unsafe { libc::_exit(if good { 0 } else { 1 }) };
    }
    // SAFETY: a byte of our own.
    unsafe { libc::read(ready[0], byte.as_mut_ptr().cast(), 1) };
    parent();
    // SAFETY: as above.
    unsafe { libc::write(go[1], byte.as_ptr().cast(), 1) };
    let mut status = 0;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    for fd in ready.into_iter().chain(go) {
        // SAFETY: descriptors made above.
        unsafe { libc::close(fd) };
    }
    status
}

/// Runs `body` in a new process, of this program, in which nothing but the test `name` runs, and gives how that ended. `body`
/// runs there alone, not here.
pub(super) fn in_a_process_of_its_own(name: &str, body: impl FnOnce()) {
    const ONLY: &str = "KILN_TEST_ONLY";
    if std::env::var(ONLY).is_ok_and(|only| only == name) {
        return body();
    }
    let triple = kiln::Target::host().to_string().to_uppercase().replace('-', "_");
    let runner = std::env::var(format!("CARGO_TARGET_{triple}_RUNNER")).unwrap_or_default();
    let program = std::env::current_exe().unwrap();
    let words: Vec<&str> = runner.split_whitespace().chain([program.to_str().unwrap()]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(["--exact", name, "--nocapture", "--test-threads=1"]);
    let output = command.env(ONLY, name).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn publish(heap: &CodeHeap, numbers: std::ops::Range<u32>) -> Vec<(u32, Code)> {
    numbers.map(|number| (number, heap.publish(&returns(number, 1000)).unwrap())).collect()
}

fn all_are_whole(codes: &[(u32, Code)]) -> bool {
    codes.iter().all(|(number, code)| call(code) == *number)
}

#[test]
fn a_child_keeps_the_code_and_publishes_its_own() {
    for (name, heap) in heaps() {
        let inherited = publish(&heap, 0..200);
        let (odd, even): (Vec<_>, Vec<_>) = inherited.iter().cloned().partition(|(number, _)| number % 2 == 1);
        drop(inherited);
        let parents = std::cell::RefCell::new((Some(odd), Vec::new()));
        let child = || {
            // The parent has freed the odd ones, and published others, meanwhile: not here.
            let (Some(odd), _) = parents.take() else { return false };
            let mut good = all_are_whole(&odd) && all_are_whole(&even);
            let own = publish(&heap, 1000..1300);
            good &= all_are_whole(&own) && all_are_whole(&odd);
            drop(odd);
            let more = publish(&heap.clone(), 2000..2300);
            good &= all_are_whole(&own) && all_are_whole(&more) && all_are_whole(&even);
            good && heap.stats().codes == own.len() + more.len()
        };
        let parent = || {
            let (odd, published) = &mut *parents.borrow_mut();
            *odd = None;
            *published = publish(&heap, 5000..5400);
            assert!(all_are_whole(published) && all_are_whole(&even), "{name}");
        };
        // The child's `parents` is its own copy.
        assert_eq!(forked(child, parent), 0, "{name}: the child's result");
        let (_, published) = parents.take();
        assert!(all_are_whole(&even) && all_are_whole(&published), "{name}: what the child did is not seen");
    }
}

#[test]
fn a_child_of_a_child_publishes_too() {
    for (name, heap) in heaps() {
        let first = publish(&heap, 0..20);
        let status = forked(
            || {
                let second = publish(&heap, 20..40);
                let status = forked(
                    || {
                        let third = publish(&heap, 40..60);
                        all_are_whole(&first) && all_are_whole(&second) && all_are_whole(&third)
                    },
                    || drop(publish(&heap, 60..80)),
                );
                status == 0 && all_are_whole(&first) && all_are_whole(&second)
            },
            || (),
        );
        assert_eq!(status, 0, "{name}");
        assert!(all_are_whole(&first));
    }
}

#[test]
fn forks_may_come_while_other_threads_publish() {
    for (name, heap) in &heaps() {
        let stop = &std::sync::atomic::AtomicBool::new(false);
        let kept = publish(heap, 0..10);
        let dropped = std::cell::Cell::new(Some(publish(heap, 0..10)));
        std::thread::scope(|scope| {
            for thread in 0..2u32 {
                scope.spawn(move || {
                    let mut round = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let codes = publish(heap, thread * 1_000_000 + round..thread * 1_000_000 + round + 20);
                        assert!(all_are_whole(&codes));
                        round += 20;
                    }
                });
            }
            for round in 0..if emulated() { 3 } else { 30 } {
                let child = || {
                    // Another thread's lock may be held in this copy for ever.
                    drop(dropped.take());
                    all_are_whole(&kept) && all_are_whole(&publish(heap, round..round + 50))
                };
                let status = forked(child, || ());
                stop.store(status != 0, Ordering::Relaxed);
                assert_eq!(status, 0, "{name}: child {round}");
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert!(all_are_whole(&kept));
    }
}

#[test]
fn a_draft_is_of_the_process_that_made_it() {
    let heap = CodeHeap::new(HeapOptions::new()).unwrap();
    let draft = std::cell::Cell::new(Some(heap.draft(16, 16).unwrap()));
    let child = || {
        let error = draft.take().map(kiln::Draft::publish);
        error.is_some_and(|result| {
            result.unwrap_err().to_string() == "a draft is published by the process that made it, not by its child"
        })
    };
    assert_eq!(forked(child, || ()), 0);
    let mut draft = draft.take().unwrap();
    draft.bytes().copy_from_slice(&returns(3, 16));
    assert_eq!(call(&draft.publish().unwrap()), 3);
}

static HANDLED: AtomicUsize = AtomicUsize::new(0);
static WRONG: AtomicU32 = AtomicU32::new(0);
/// A function of each heap, and the number of the heap that is tried.
static FUNCTIONS: [OnceLock<Function<extern "C" fn() -> u32>>; 3] = [const { OnceLock::new() }; 3];
static TRIED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handler(_: libc::c_int) {
    let Some(function) = FUNCTIONS[TRIED.load(Ordering::Relaxed)].get() else { return };
    if function.clone().call() != 77 {
        WRONG.fetch_add(1, Ordering::Relaxed);
    }
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Publishes or frees while no `SIGUSR1` is delivered, where a handler would see the memory as the thread that it interrupts
/// does: writable, under the toggle.
fn undisturbed<T>(by_toggle: bool, act: impl FnOnce() -> T) -> T {
    if !by_toggle {
        return act();
    }
    // SAFETY: all zeros is a value of it.
    let mut signals: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: a set of our own.
    unsafe { libc::sigemptyset(&raw mut signals) };
    // SAFETY: as above.
    unsafe { libc::sigaddset(&raw mut signals, libc::SIGUSR1) };
    // SAFETY: as above; the old set is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, std::ptr::null_mut()) };
    let result = act();
    // SAFETY: as above.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const signals, std::ptr::null_mut()) };
    result
}

/// Signals come at any moment of publishing and freeing; their handler runs code of the same heap.
#[test]
fn a_signal_handler_runs_code_while_its_thread_publishes() {
    // SAFETY: a handler that only calls and counts.
    let before = unsafe { libc::signal(libc::SIGUSR1, handler as *const () as libc::sighandler_t) };
    assert_ne!(before, libc::SIG_ERR);
    // SAFETY: this thread.
    let thread = unsafe { libc::pthread_self() };
    for (at, (name, heap)) in heaps().into_iter().enumerate() {
        let code = heap.publish(&returns(77, 16)).unwrap();
        // SAFETY: the function's type.
        FUNCTIONS[at].set(unsafe { code.function() }).unwrap();
        TRIED.store(at, Ordering::Relaxed);
        let enough = HANDLED.load(Ordering::Relaxed) + 300;
        let by_toggle = name != "seal" && super::by_toggle();
        let stop = &std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // SAFETY: the thread waits for this one.
                    unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
                    std::thread::sleep(std::time::Duration::from_micros(20));
                }
            });
            for round in 0.. {
                let codes = undisturbed(by_toggle, || publish(&heap, round * 10..round * 10 + 10));
                assert!(all_are_whole(&codes), "{name}");
                undisturbed(by_toggle, || drop(codes));
                if HANDLED.load(Ordering::Relaxed) > enough {
                    break;
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(WRONG.load(Ordering::Relaxed), 0, "{name}");
    }
}

/// `exit` runs the destructors of the C library while other threads go on publishing and freeing: no crash, no hang.
#[test]
fn the_process_may_exit_while_threads_publish() {
    in_a_process_of_its_own("process::the_process_may_exit_while_threads_publish", || {
        for (name, heap) in heaps() {
            for _ in 0..5 {
                let child = || {
                    for thread in 0..3 {
                        let heap = heap.clone();
                        std::thread::spawn(move || {
                            for round in 0.. {
                                assert!(all_are_whole(&publish(
                                    &heap,
                                    thread * 1000 + round..thread * 1000 + round + 20
                                )));
                            }
                        });
                    }
                    let deadline = std::time::Instant::now() + std::time::Duration::from_millis(20);
                    while std::time::Instant::now() < deadline {
                        assert!(all_are_whole(&publish(&heap, 0..20)));
                    }
                    // With all of its handlers, not `_exit`. 3, so that it is no other end.
                    std::process::exit(3);
                };
                let status = forked(child, || ());
                assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 3, "{name}: {status:#x}");
            }
        }
    });
}

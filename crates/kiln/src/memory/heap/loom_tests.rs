//! The concurrent parts in every order that threads can run in, and with every value that the memory model lets a load have: loom
//! runs each test again and again until all are tried (`.ci/loom`).

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread;

use super::sync::{Lock, SetOnce};
use super::*;
use crate::memory::sys::injection;

/// Tries all orders in which at most two, or so, of a thread's turns end before the thread waits for another.
fn model(preemptions: usize, run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 100_000;
    builder.check(run);
}

/// The value of a lock is one thread's at a time, and each sees what the one before has done.
#[test]
fn a_lock_excludes() {
    model(3, || {
        let lock = Arc::new(Lock::new((0, 0)));
        let add = |lock: &Lock<(u32, u32)>| {
            let mut value = lock.lock();
            value.0 += 1;
            thread::yield_now();
            value.1 += 1;
        };
        let other = {
            let lock = Arc::clone(&lock);
            thread::spawn(move || add(&lock))
        };
        add(&lock);
        other.join().unwrap();
        assert_eq!(*lock.lock(), (2, 2));
    });
}

/// Two set it at once: one wins, both get the winner's value, whole, and the loser's is dropped.
#[test]
fn what_is_set_once_is_whole_for_all() {
    model(3, || {
        let cell = Arc::new(SetOnce::new());
        let made = Arc::new(());
        let set = |cell: &SetOnce<(UnsafeCell<u32>, Arc<()>)>, made: &Arc<()>, number| {
            let value = Arc::new((UnsafeCell::new(0), Arc::clone(made)));
            // SAFETY: nobody else has it yet.
            value.0.with_mut(|value| unsafe { *value = number });
            // SAFETY: nobody writes to it any more.
            cell.get_or_set(value).0.with(|value| unsafe { *value })
        };
        let other = {
            let (cell, made) = (Arc::clone(&cell), Arc::clone(&made));
            thread::spawn(move || set(&cell, &made, 1))
        };
        // SAFETY: nobody writes to what is in the cell.
        let seen = cell.get().map(|value| value.0.with(|value| unsafe { *value }));
        let here = set(&cell, &made, 2);
        let there = other.join().unwrap();
        assert!(here == there && (1..=2).contains(&here) && seen.is_none_or(|seen| seen == here));
        assert_eq!(Arc::strong_count(&made), 2);
        drop(cell);
        assert_eq!(Arc::strong_count(&made), 1);
    });
}

fn heap() -> CodeHeap {
    CodeHeap::new(HeapOptions::new().strategy(Strategy::DualMapping)).unwrap()
}

/// Two threads have a handle, run the code, and drop it: the last frees it, and everything that was done with it comes before.
#[test]
fn code_is_freed_after_its_last_use() {
    model(3, || {
        let heap = heap();
        let code = heap.publish(&[0xc3; 16]).unwrap();
        let other = {
            let code = code.clone();
            thread::spawn(move || code.hold.use_contents())
        };
        code.hold.use_contents();
        let again = code.clone();
        drop(code);
        again.hold.use_contents();
        drop(again);
        other.join().unwrap();
        assert_eq!(heap.stats().codes, 0);
    });
}

/// Whatever the order in which two threads publish and free: their code is apart, and all is free in the end.
#[test]
fn two_threads_publish_and_free() {
    model(2, || {
        let heap = heap();
        // There is a block, and room in its window.
        drop(heap.publish(&[0xc3; 16]).unwrap());
        let other = {
            let heap = heap.clone();
            thread::spawn(move || heap.publish(&[0x90; 16]).unwrap())
        };
        let code = heap.publish(&[0xc3; 16]).unwrap();
        code.hold.use_contents();
        let address = code.address();
        let freed = thread::spawn(move || drop(code));
        let others = other.join().unwrap();
        assert_ne!(others.address(), address);
        // SAFETY: code can be read.
        assert_eq!(unsafe { others.address().cast::<[u8; 16]>().read() }, [0x90; 16]);
        freed.join().unwrap();
        assert_eq!(heap.stats().codes, 1);
        drop(others);
        assert_eq!(heap.stats().codes, 0);
    });
}

/// The heap ends in one thread while another drops the last of its code: the block goes once, whoever is last.
#[test]
fn the_heap_ends_while_its_last_code_does() {
    model(3, || {
        let live = injection::live();
        let heap = heap();
        let code = heap.publish(&[0xc3; 16]).unwrap();
        let other = thread::spawn(move || {
            code.hold.use_contents();
            drop(code);
        });
        drop(heap);
        other.join().unwrap();
        assert_eq!(injection::live(), live, "all is unmapped");
    });
}

/// A thread frees so much that a barrier is due, while another publishes: what is reused is nobody else's.
#[test]
fn room_is_reused_while_another_thread_publishes() {
    model(2, || {
        let heap = heap();
        let long = heap.publish(&[0x90; 60 << 10]).unwrap();
        let longer = heap.publish(&[0x90; 60 << 10]).unwrap();
        let kept = heap.publish(&[0xc3; 16]).unwrap();
        drop(long);
        let other = {
            let heap = heap.clone();
            thread::spawn(move || heap.publish(&[0x90; 32]).unwrap())
        };
        // More than 64 KiB are waiting with it.
        drop(longer);
        let new = heap.publish(&[0xc3; 32]).unwrap();
        let others = other.join().unwrap();
        let mut ranges = [&kept, &new, &others].map(|code| (code.address() as usize, code.len()));
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{ranges:?}");
        assert_eq!(heap.stats().codes, 3);
    });
}

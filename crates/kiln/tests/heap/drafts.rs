//! Code that is written when its address is known.

use kiln::{CodeHeap, Draft, Function, HeapOptions};

use super::{call, heaps, returns};

/// A call, from the last instruction of `from`, of `to`: what a tail call is.
fn jump(from: &mut Draft, to: usize) {
    let at = from.address() as usize;
    if cfg!(target_arch = "x86_64") {
        // jmp rel32
        let distance = to as i64 - (at as i64 + 5);
        let mut code = vec![0xe9];
        code.extend(i32::try_from(distance).unwrap().to_le_bytes());
        from.bytes()[..5].copy_from_slice(&code);
    } else {
        // b
        let words = (to as i64 - at as i64) / 4;
        assert!((-(1 << 25)..1 << 25).contains(&words));
        let b = 0x1400_0000 | (words as u32 & 0x3ff_ffff);
        from.bytes()[..4].copy_from_slice(&b.to_le_bytes());
    }
}

#[test]
fn drafts_refer_to_each_other() {
    for (name, heap) in heaps() {
        let mut drafts: Vec<Draft> = (0..100).map(|_| heap.draft(32, 16).unwrap()).collect();
        let addresses: Vec<usize> = drafts.iter().map(|draft| draft.address() as usize).collect();
        // Each jumps to the next, and the last returns.
        for (draft, next) in drafts.iter_mut().zip(&addresses[1..]) {
            let trap: &[u8] = if cfg!(target_arch = "x86_64") { &[0xcc; 4] } else { &[0, 0, 0x20, 0xd4] };
            assert_eq!(draft.bytes(), trap.repeat(8));
            jump(draft, *next);
        }
        drafts[99].bytes()[..16].copy_from_slice(&returns(1234, 16));
        let codes = heap.publish_all(drafts).unwrap();
        for (code, address) in codes.iter().zip(addresses) {
            assert_eq!(code.address() as usize, address, "{name}");
            assert_eq!(call(code), 1234);
        }
    }
}

#[test]
fn a_draft_lies_where_it_should() {
    for (_, heap) in heaps() {
        let page = kiln::Situation::of_this_process().page_size as usize;
        let mut kept = Vec::new();
        for align in (0..=page.ilog2()).map(|log| 1 << log) {
            for len in [1, 15, 17, 100, 5_000] {
                let draft = heap.draft(len, align).unwrap();
                assert_eq!(draft.address() as usize % align, 0);
                assert_eq!(draft.len(), len);
                kept.push(draft);
            }
        }
        let used = heap.stats();
        assert_eq!(used.codes, kept.len());
        drop(kept);
        assert_eq!(heap.stats().codes, 0, "an unpublished draft is free again");
        assert!(heap.publish_all(Vec::new()).unwrap().is_empty());
    }
}

#[test]
fn many_are_published_together() {
    for (name, heap) in heaps() {
        let codes: Vec<Vec<u8>> = (0..1000).map(|number| returns(number, 16 + number as usize * 7 % 5_000)).collect();
        for _ in 0..3 {
            let slices: Vec<&[u8]> = codes.iter().map(Vec::as_slice).collect();
            let published = heap.publish_many(&slices).unwrap();
            assert_eq!(heap.stats().codes, 1000);
            for ((number, code), published) in (0..).zip(&codes).zip(&published) {
                assert_eq!((call(published), published.len()), (number, code.len()), "{name}");
            }
        }
        let with_none: Vec<&[u8]> = codes[..100].iter().map(Vec::as_slice).chain([&[][..]]).collect();
        assert_eq!(heap.publish_many(&with_none).unwrap_err().to_string(), "there is no code to publish");
        assert_eq!(heap.stats().codes, 0, "none is left behind");
        assert!(heap.publish_many(&[]).unwrap().is_empty());
    }
}

#[test]
fn one_draft_is_published_alone() {
    for (_, heap) in heaps() {
        let mut draft = heap.draft(16, 64).unwrap();
        draft.bytes().copy_from_slice(&returns(5, 16));
        let code = draft.publish().unwrap();
        assert_eq!(call(&code), 5);
    }
}

#[test]
fn drafts_of_two_heaps_are_published_together() {
    let (one, other) = (heaps().remove(0).1, CodeHeap::new(HeapOptions::new()).unwrap());
    let mut drafts = vec![one.draft(16, 16).unwrap(), other.draft(16, 16).unwrap()];
    for (number, draft) in (0..).zip(&mut drafts) {
        draft.bytes().copy_from_slice(&returns(number, 16));
    }
    let codes = one.publish_all(drafts).unwrap();
    drop((one, other));
    assert_eq!((call(&codes[0]), call(&codes[1])), (0, 1));
    // SAFETY: the function's type.
    let function: Function<extern "C" fn() -> u32> = unsafe { codes[1].function() };
    drop(codes);
    assert_eq!(function.call(), 1);
}

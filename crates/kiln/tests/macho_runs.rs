//! Mach-O objects as `clang` makes them for macOS, run on Linux: functions that need nothing but C's plain functions mean the same by
//! both systems' conventions. They are compared with the same source, compiled for this system.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it.
#![cfg(target_os = "linux")]

#[path = "life/compile.rs"]
mod compile;

use compile::{Compiler, compile};
use kiln::{Function, Linker, Module, Target};

const SOURCE: &str = r#"
    typedef unsigned long u64;
    extern void *memcpy(void *, const void *, u64);
    extern u64 strlen(const char *);
    static const char *const words[] = { "one", "three", "seventeen", "" };
    static u64 state = 88172645463325252ul;
    static u64 next(void) { state ^= state << 13; state ^= state >> 7; return state ^= state << 17; }
    struct pair { double x, y; };
    static struct pair turn(struct pair p) { struct pair q = { -p.y, p.x }; return q; }
    static u64 apply(u64 (*f)(u64), u64 n) { return f(f(n)); }
    static u64 twice(u64 n) { return 2 * n; }
    static u64 square(u64 n) { return n * n; }
    static u64 (*const table[2])(u64) = { twice, square };
    static void sort(u64 *a, long n) {
        for (long i = 1; i < n; i++)
            for (long j = i; j > 0 && a[j - 1] > a[j]; j--) { u64 t = a[j]; a[j] = a[j - 1]; a[j - 1] = t; }
    }
    static u64 chosen(u64 n) {
        switch (n % 9) {
            case 0: return 11; case 1: return n; case 2: return 3 * n; case 3: return n / 7; case 4: return ~n;
            case 5: return n << 9; case 6: return 1; default: return n - 1;
        }
    }
    u64 run(u64 seed) {
        u64 a[40], b[40], crc = ~0ul;
        state = seed | 1;
        for (int i = 0; i < 40; i++) a[i] = next();
        sort(a, 40);
        memcpy(b, a, sizeof a);
        for (int i = 0; i < 40; i++) {
            crc ^= b[i] + chosen(b[i]) + apply(table[i & 1], b[i]) + strlen(words[i & 3]);
            for (int bit = 0; bit < 64; bit++) crc = crc >> 1 ^ (-(crc & 1) & 0xc96c5795d7870f42ul);
        }
        struct pair p = { 1.5, (double)(seed % 1000) };
        for (int i = 0; i < 3; i++) p = turn(p);
        return crc + (u64)(long)(1000 * p.x + p.y);
    }
"#;

fn load(object: &[u8]) -> Module {
    let mut linker = Linker::new(Target::host());
    linker.add_object("run.o", object).unwrap();
    // SAFETY: the source above.
    unsafe { linker.load() }.unwrap()
}

type Run = extern "C" fn(u64) -> u64;

fn run(object: &[u8]) -> Function<Run> {
    // SAFETY: the function's type.
    unsafe { load(object).function::<Run>("run") }.unwrap()
}

#[test]
fn what_needs_nothing_of_the_system_means_the_same() {
    let own = run(&compile(Compiler::Gcc, "c", SOURCE, &["-O0"]));
    for options in [&["-O0"][..], &["-O1"], &["-O2"], &["-O3"], &["-Os"], &["-O2", "-fno-pic"]] {
        // The value that Apple's functions look for behind their arrays is one of macOS's library.
        let options = [options, &["-fno-stack-protector"]].concat();
        let object = compile(Compiler::ClangForMacOs, "c", SOURCE, &options);
        assert_eq!(object[..4], [0xcf, 0xfa, 0xed, 0xfe], "a Mach-O file");
        let apples = run(&object);
        for seed in [0, 1, 42, 0xffff_ffff, u64::MAX] {
            assert_eq!(apples.call(seed), own.call(seed), "{options:?}, {seed}");
        }
    }
}

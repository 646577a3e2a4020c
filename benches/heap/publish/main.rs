//! Publishing small functions: Kiln's heap beside the floor and its peers, in one run.
//!
//!     cargo bench --manifest-path benches/heap/Cargo.toml
//!     KILN_ASMJIT=FOLDER cargo bench --manifest-path benches/heap/Cargo.toml    # AsmJit too, from its sources
//!
//! The candidates take turns; medians of the rounds, in nanoseconds for one function, of the thread's own time: what the
//! machine does meanwhile for others is not counted. Sizes are 16 to 4096 bytes, log-uniform, or 64.

mod call;
mod candidates;
mod memory;
mod threads;

use std::hint::black_box;

use candidates::*;

pub const MANY: usize = 10_000;
const ROUNDS: usize = 9;

/// Something that publishes functions.
pub trait Heap {
    type Code;
    /// How many functions are published at once: as many as one has patience for.
    const MANY: usize = MANY;
    /// Whether what was freed is used again.
    const FREES: bool = true;
    const NAME: &'static str;
    fn new() -> Self;
    fn publish(&mut self, code: &[u8]) -> Self::Code;
    fn address(code: &Self::Code) -> usize;
    fn free(&mut self, code: Self::Code);
    /// Everything was freed; the next round begins.
    fn again(&mut self) {}
    /// A batch was published: it is to be executable now.
    fn finish(&mut self) {}
}

/// The sizes of the functions: 16 to 4096 bytes, log-uniform, always the same.
pub fn sizes(count: usize) -> Vec<usize> {
    let mut state = 42u64;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count).map(|_| (16.0 * 256f64.powf(next())) as usize).collect()
}

/// What stands for code: it returns at once.
pub static CODE: [u8; 4096] = {
    let mut code = [0x90; 4096];
    #[cfg(target_arch = "x86_64")]
    {
        code[0] = 0xc3;
    }
    #[cfg(target_arch = "aarch64")]
    {
        [code[0], code[1], code[2], code[3]] = 0xd65f_03c0u32.to_le_bytes();
    }
    code
};

pub fn run(address: usize) {
    // SAFETY: code that returns at once stands there.
    let function: extern "C" fn() = unsafe { std::mem::transmute(address) };
    function();
}

/// The time that this thread has run, in the kernel too, in nanoseconds.
pub fn thread_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the time where it should.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

pub fn nanoseconds(count: usize, run: impl FnOnce()) -> f64 {
    let start = thread_time();
    run();
    (thread_time() - start) / count as f64
}

/// Figures of one round, by row.
#[derive(Default, Clone)]
struct Figures {
    first: f64,
    mix: f64,
    mix_free: f64,
    small: f64,
    small_free: f64,
    churn: f64,
}

fn round<H: Heap>() -> Figures {
    let sizes = sizes(H::MANY);
    let mut figures = Figures::default();
    let mut codes: Vec<H::Code> = Vec::with_capacity(H::MANY);
    let publish = |heap: &mut H, codes: &mut Vec<H::Code>, sizes: &[usize]| {
        nanoseconds(sizes.len(), || {
            for &size in sizes {
                codes.push(heap.publish(black_box(&CODE[..size])));
            }
            heap.finish();
        })
    };
    let free = |heap: &mut H, codes: &mut Vec<H::Code>| {
        nanoseconds(H::MANY, || codes.drain(..).for_each(|code| heap.free(code)))
    };
    // First use: fresh memory, and each function is called once.
    let mut heap = H::new();
    figures.first = publish(&mut heap, &mut codes, &sizes);
    figures.first += nanoseconds(H::MANY, || codes.iter().for_each(|code| run(H::address(code))));
    for _ in 0..3 {
        figures.mix_free = free(&mut heap, &mut codes);
        heap.again();
        figures.mix = publish(&mut heap, &mut codes, &sizes);
    }
    free(&mut heap, &mut codes);
    drop(heap);
    // 64 bytes, steadily.
    let mut heap = H::new();
    let small = vec![64; H::MANY];
    publish(&mut heap, &mut codes, &small);
    for _ in 0..4 {
        figures.small_free = free(&mut heap, &mut codes);
        heap.again();
        figures.small = publish(&mut heap, &mut codes, &small);
    }
    free(&mut heap, &mut codes);
    drop(heap);
    if H::FREES {
        figures.churn = churn::<H>(&sizes);
    }
    figures
}

/// The oldest of 1000 is freed whenever one is published: one of each.
fn churn<H: Heap>(sizes: &[usize]) -> f64 {
    let mut heap = H::new();
    let mut live: std::collections::VecDeque<H::Code> = std::collections::VecDeque::with_capacity(1001);
    for &size in sizes.iter().cycle().take(1000) {
        live.push_back(heap.publish(&CODE[..size]));
    }
    let mut pass = |sizes: &[usize]| {
        nanoseconds(sizes.len(), || {
            for &size in sizes {
                if let Some(code) = live.pop_front() {
                    heap.free(code);
                }
                live.push_back(heap.publish(black_box(&CODE[..size])));
            }
        })
    };
    pass(sizes);
    pass(sizes);
    let figure = pass(sizes);
    for code in live {
        heap.free(code);
    }
    figure
}

fn main() {
    type Round = fn() -> Figures;
    let mut candidates: Vec<(&str, Round)> = Vec::new();
    macro_rules! candidates {
        ($($name:ident),*) => { $(candidates.push(($name::NAME, round::<$name>));)* };
    }
    candidates!(Floor, MapEach, ProtectToggle, DualBare, Kiln, KilnMany, KilnBuffer, KilnBatch, KilnHuge, KilnSeal);
    #[cfg(asmjit)]
    candidates!(AsmJitDual, AsmJitDefault);
    candidates!(JitAllocatorDual, Dynasm, CraneliftEach, CraneliftBatch);
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    candidates.retain(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| name.contains(&**wanted)));
    let mut all: Vec<Vec<Figures>> = vec![Vec::new(); candidates.len()];
    for _ in 0..ROUNDS {
        for (figures, (_, round)) in all.iter_mut().zip(&candidates) {
            figures.push(round());
        }
    }
    let median = |figures: &[Figures], of: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = figures.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!("ns for one function              first use   steady     free   steady     free     FIFO");
    println!("                                       mix      mix      mix     64 B     64 B    churn");
    for ((name, _), figures) in candidates.iter().zip(&all) {
        let columns: [fn(&Figures) -> f64; 6] =
            [|f| f.first, |f| f.mix, |f| f.mix_free, |f| f.small, |f| f.small_free, |f| f.churn];
        let columns = columns.map(|of| median(figures, of));
        let [first, rest @ ..] = columns.map(|value| if value == 0.0 { "-".to_owned() } else { format!("{value:.1}") });
        println!("{name:<32} {first:>9} {}", rest.map(|value| format!("{value:>8}")).join(" "));
    }
    if wanted.is_empty() {
        memory::report();
        threads::report();
        call::report();
    }
}

//! Where the calling conventions put arguments.
//!
//! Sources: *System V Application Binary Interface, AMD64 Architecture Processor Supplement*, 3.2.3; *Procedure Call
//! Standard for the Arm 64-bit Architecture* (AAPCS64), 6.8.2; Apple, *Writing ARM64 code for Apple platforms*.

use kiln::{Arch, Target};

/// How a system calls functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Convention {
    /// x86-64 on Linux and macOS.
    SystemV,
    /// arm64 on Linux.
    Aapcs64,
    /// arm64 on Apple's systems: arguments are packed on the stack, and variadic ones are all there.
    Apple,
}

impl Convention {
    pub(crate) fn of(target: Target) -> Convention {
        match target.arch() {
            Arch::X86_64 => Convention::SystemV,
            Arch::Aarch64 if target.is_apple_silicon() => Convention::Apple,
            Arch::Aarch64 => Convention::Aapcs64,
        }
    }

    /// How many registers take integers.
    fn integers(self) -> usize {
        if self == Convention::SystemV { 6 } else { 8 }
    }
}

/// One argument. Integers narrower than 64 bits are extended already, as the caller's duty is on Apple's systems and as
/// compilers do everywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Passed {
    pub(crate) bits: u64,
    /// In bytes.
    pub(crate) size: usize,
    pub(crate) is_float: bool,
    pub(crate) variadic: bool,
}

/// What registers and stack hold when the function is entered.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Placed {
    pub(crate) integers: [u64; 8],
    pub(crate) floats: [u64; 8],
    /// How many of `floats` are used, which variadic functions on x86-64 are told.
    pub(crate) float_count: usize,
    /// The stack from the stack pointer on: whole words, an even number of them.
    pub(crate) stack: Vec<u64>,
}

pub(crate) fn place(convention: Convention, arguments: &[Passed]) -> Placed {
    let mut placed = Placed::default();
    let mut integers = 0;
    let mut stack: Vec<u8> = Vec::new();
    for argument in arguments {
        let on_stack = convention == Convention::Apple && argument.variadic;
        if argument.is_float && placed.float_count < 8 && !on_stack {
            placed.floats[placed.float_count] = argument.bits;
            placed.float_count += 1;
        } else if !argument.is_float && integers < convention.integers() && !on_stack {
            placed.integers[integers] = argument.bits;
            integers += 1;
        } else {
            let packed = convention == Convention::Apple && !argument.variadic;
            let size = if packed { argument.size } else { 8 };
            stack.resize(stack.len().next_multiple_of(size), 0);
            stack.extend_from_slice(&argument.bits.to_le_bytes()[..size]);
        }
    }
    stack.resize(stack.len().next_multiple_of(16), 0);
    let words =
        stack.chunks_exact(8).map(|word| word.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)));
    placed.stack = words.collect();
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(bits: u64, size: usize) -> Passed {
        Passed { bits, size, is_float: false, variadic: false }
    }

    fn float(bits: u64, size: usize) -> Passed {
        Passed { bits, size, is_float: true, variadic: false }
    }

    fn variadic(passed: Passed) -> Passed {
        Passed { variadic: true, ..passed }
    }

    #[test]
    fn registers_first() {
        let arguments: Vec<Passed> = (1..=10).flat_map(|n| [int(n, 8), float(100 + n, 8)]).collect();
        let system_v = place(Convention::SystemV, &arguments);
        assert_eq!(system_v.integers, [1, 2, 3, 4, 5, 6, 0, 0]);
        assert_eq!(system_v.floats, [101, 102, 103, 104, 105, 106, 107, 108]);
        assert_eq!(system_v.float_count, 8);
        assert_eq!(system_v.stack, [7, 8, 9, 109, 10, 110]);
        for convention in [Convention::Aapcs64, Convention::Apple] {
            let arm64 = place(convention, &arguments);
            assert_eq!(arm64.integers, [1, 2, 3, 4, 5, 6, 7, 8]);
            assert_eq!(arm64.floats, system_v.floats);
            assert_eq!(arm64.stack, [9, 109, 10, 110]);
        }
    }

    /// Apple, "Pass arguments to functions correctly": each takes the room of its own type.
    #[test]
    fn apple_packs_the_stack() {
        let mut arguments = vec![int(0, 8); 8];
        arguments.extend([int(0x11, 1), int(0x2222, 2), int(0x33, 1), int(0x4444_4444, 4), int(0x55, 8), int(0x66, 1)]);
        assert_eq!(
            place(Convention::Apple, &arguments).stack,
            [0x0000_0033_2222_0011, 0x0000_0000_4444_4444, 0x55, 0x66]
        );
        assert_eq!(place(Convention::Aapcs64, &arguments).stack, [0x11, 0x2222, 0x33, 0x4444_4444, 0x55, 0x66]);
        let floats: Vec<Passed> = (0..8).map(|n| float(n, 8)).chain([float(0xaaaa_aaaa, 4), float(0xbb, 4)]).collect();
        assert_eq!(place(Convention::Apple, &floats).stack, [0x0000_00bb_aaaa_aaaa, 0]);
    }

    /// Apple, "Update code that passes arguments to variadic functions".
    #[test]
    fn variadic_arguments() {
        let arguments = [int(1, 8), variadic(int(2, 4)), variadic(float(3, 8)), variadic(int(4, 4))];
        let apple = place(Convention::Apple, &arguments);
        assert_eq!((apple.integers[0], apple.integers[1], apple.float_count), (1, 0, 0));
        assert_eq!(apple.stack, [2, 3, 4, 0]);
        for convention in [Convention::SystemV, Convention::Aapcs64] {
            let placed = place(convention, &arguments);
            assert_eq!((placed.integers[..3].to_vec(), placed.floats[0]), (vec![1, 2, 4], 3));
            assert_eq!((placed.float_count, placed.stack.len()), (1, 0));
        }
        // Behind packed ones they begin on a word.
        let mut arguments = vec![int(0, 8); 8];
        arguments.extend([int(7, 1), variadic(int(8, 4))]);
        assert_eq!(place(Convention::Apple, &arguments).stack, [7, 8]);
    }
}

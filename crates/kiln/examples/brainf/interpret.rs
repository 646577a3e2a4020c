//! Two interpreters, for comparison.

use crate::Io;
use crate::steps::{Step, TAPE};

/// One command at a time, as they stand in the text.
pub(crate) fn text(text: &[u8], io: &mut Io) -> Result<(), String> {
    let jumps = jumps(text, |byte| (*byte == b'[', *byte == b']'))?;
    let (mut tape, mut at, mut pc) = (vec![0u8; TAPE], 0usize, 0);
    while let Some(byte) = text.get(pc) {
        match byte {
            b'>' => at = (at + 1) % TAPE,
            b'<' => at = (at + TAPE - 1) % TAPE,
            b'+' => tape[at] = tape[at].wrapping_add(1),
            b'-' => tape[at] = tape[at].wrapping_sub(1),
            b'.' => io.output.push(tape[at]),
            b',' => tape[at] = io.next(),
            b'[' if tape[at] == 0 => pc = jumps[pc],
            b']' if tape[at] != 0 => pc = jumps[pc],
            _ => {}
        }
        pc += 1;
    }
    Ok(())
}

/// Where each beginning of a loop finds its end, and each end its beginning.
fn jumps<T>(steps: &[T], kind: impl Fn(&T) -> (bool, bool)) -> Result<Vec<usize>, String> {
    let mut jumps = vec![0; steps.len()];
    let mut open = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        match kind(step) {
            (true, _) => open.push(at),
            (_, true) => {
                let begin = open.pop().ok_or("a `]` without its `[`")?;
                (jumps[begin], jumps[at]) = (at, begin);
            }
            _ => {}
        }
    }
    if open.is_empty() { Ok(jumps) } else { Err("a `[` without its `]`".into()) }
}

/// One step at a time, of the same steps that are compiled: with all that the compiler has found out, so that the compiled program
/// is faster by nothing but being compiled.
pub(crate) fn steps(steps: &[Step], io: &mut Io) -> Result<(), String> {
    let jumps = jumps(steps, |step| (*step == Step::Begin, matches!(step, Step::End | Step::EndOnce)))?;
    let (mut tape, mut place, mut pc) = (vec![0u8; TAPE], 0u16, 0);
    while let Some(step) = steps.get(pc) {
        let cell = |at: i16| usize::from(place.wrapping_add_signed(at));
        match *step {
            Step::Move(by) => place = place.wrapping_add_signed(by),
            Step::Add { at, by } => tape[cell(at)] = tape[cell(at)].wrapping_add(by),
            Step::Set { at, to } => tape[cell(at)] = to,
            Step::AddTimes { from, to, times } => {
                let sum = tape[cell(from)].wrapping_mul(times);
                tape[cell(to)] = tape[cell(to)].wrapping_add(sum);
            }
            Step::Write { at } => io.output.push(tape[cell(at)]),
            Step::Read { at } => tape[cell(at)] = io.next(),
            Step::Scan(by) => {
                while tape[usize::from(place)] != 0 {
                    place = place.wrapping_add_signed(by);
                }
            }
            Step::Begin if tape[usize::from(place)] == 0 => pc = jumps[pc],
            Step::End if tape[usize::from(place)] != 0 => pc = jumps[pc],
            Step::Begin | Step::End | Step::EndOnce => {}
        }
        pc += 1;
    }
    Ok(())
}

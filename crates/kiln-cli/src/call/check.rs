//! The checked call: what the calling convention asks of a function, looked at after it and whenever it calls out.
//!
//! Sources: *System V ABI, AMD64 Supplement*, 3.2.1 and 3.2.2; AAPCS64, 6.1 and 6.4.5; Apple, *Writing ARM64 code for
//! Apple platforms* (`x18`).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use kiln::{Code, CodeHeap, Contents, Format, HeapOptions, Linker, Module, Target, TargetAddr};

use super::invoke::process_symbol;
use super::trampoline::{Frame, SAVED, SAVED_VECTORS};
use crate::Failure;
use crate::inputs::Input;

/// What a guard writes when the stack is misaligned: the number of the function that was called, from 1, and where the
/// call returns to.
static MISALIGNED: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Functions of this process that the code calls, each with a guard in front that looks at the stack pointer.
#[derive(Default)]
pub(super) struct Guards {
    wanted: bool,
    guards: Vec<(String, Code)>,
}

impl Guards {
    /// Guards for whatever `inputs` call in this process.
    pub(super) fn of(inputs: &[Input]) -> Result<Guards, Failure> {
        let (mut undefined, mut defined) = (BTreeSet::new(), BTreeSet::new());
        for input in inputs {
            let Ok(contents) = Contents::read(&input.name, &input.bytes, Target::host().arch()) else { continue };
            let macho = contents.target().format() == Format::MachO;
            let plain = |name: &String| match name.strip_prefix('_').filter(|_| macho) {
                Some(name) => name.to_owned(),
                None => name.clone(),
            };
            undefined.extend(contents.undefined().iter().map(plain));
            defined.extend(contents.symbols().iter().map(|symbol| plain(&symbol.name)));
        }
        let heap = CodeHeap::new(HeapOptions::new())?;
        let executable = executable();
        let mut guards = Vec::new();
        for name in undefined.difference(&defined) {
            // Variables are not called.
            let address = process_symbol(name).filter(|address| executable.iter().any(|range| range.contains(address)));
            if let Some(address) = address {
                let number = guards.len() as u32 + 1;
                guards.push((name.clone(), heap.publish(&guard(number, address as u64))?));
            }
        }
        Ok(Guards { wanted: true, guards })
    }

    /// Has the code call the guards.
    pub(super) fn define(&self, linker: &mut Linker<'_>) {
        for (name, code) in &self.guards {
            linker.define_address(name, TargetAddr(code.address() as usize as u64));
        }
    }

    /// What was broken: each a sentence about the function.
    pub(super) fn problems(&self, frame: &Frame, module: &Module) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.wanted {
            return problems;
        }
        let after = &frame.after;
        let (pointer, frame_pointer) =
            if cfg!(target_arch = "x86_64") { (("rsp", 4), ("rbp", 5)) } else { (("sp", 31), ("x29", 29)) };
        let mut changed = |name: &str, before: u64, after: u64| {
            if before != after {
                problems.push(format!(
                    "changed {name}, which it must leave as it was: {before:#x} before, {after:#x} after"
                ));
            }
        };
        for ((name, number), before) in SAVED.iter().zip(frame.kept) {
            changed(name, before, after.general[*number]);
        }
        for (number, before) in SAVED_VECTORS.zip(&frame.kept[SAVED.len()..]) {
            changed(&format!("d{number}"), *before, after.vector[number][0]);
        }
        changed(frame_pointer.0, frame.frame_pointer(), after.general[frame_pointer.1]);
        let (before, behind) = (frame.stack_pointer, after.general[pointer.1]);
        if before != behind {
            let by = behind.wrapping_sub(before) as i64;
            problems.push(format!(
                "left {} {} by {} bytes",
                pointer.0,
                if by > 0 { "too high" } else { "too low" },
                by.unsigned_abs()
            ));
        }
        if cfg!(target_arch = "x86_64") {
            if after.flags & 0x400 != 0 {
                problems.push("left the direction flag set: the next string instruction would go backwards".to_owned());
            }
            // Without the flags that say which exceptions there were.
            if (frame.control ^ after.control) & !0x3f != 0 {
                problems.push(format!(
                    "changed the control bits of mxcsr: {:#x} before, {:#x} after",
                    frame.control, after.control
                ));
            }
        } else {
            if frame.control != after.control {
                problems.push(format!("changed fpcr: {:#x} before, {:#x} after", frame.control, after.control));
            }
            // The kernel may zero it at any time, so only what the function has put there is seen.
            if Target::host().is_apple_silicon() && after.general[18] != 0 {
                problems.push(format!("put {:#x} into x18, which the system keeps for itself", after.general[18]));
            }
        }
        let [number, back] = MISALIGNED.each_ref().map(|field| field.load(Ordering::SeqCst));
        if let Some((name, _)) = number.checked_sub(1).and_then(|index| self.guards.get(index as usize)) {
            let place = match module.symbol_at(back as usize as *const ()) {
                Some((symbol, offset)) => format!("`{symbol}`+{offset:#x}"),
                None => format!("{back:#x}"),
            };
            problems.push(format!(
                "called `{name}` with a stack pointer that is no multiple of 16 (the call returns to {place})"
            ));
        }
        problems
    }
}

/// Machine code that notes a misaligned stack pointer and goes on to `target`.
fn guard(number: u32, target: u64) -> Vec<u8> {
    let record = MISALIGNED.as_ptr() as usize as u64;
    let mut code = Vec::new();
    if cfg!(target_arch = "x86_64") {
        code.extend([0x4c, 0x8d, 0x5c, 0x24, 0x08]); // lea 8(%rsp), %r11
        code.extend([0x41, 0xf6, 0xc3, 0x0f]); // test $15, %r11b
        code.extend([0x74, 0x19]); // je good
        code.extend([0x49, 0xbb]); // movabs $record, %r11
        code.extend(record.to_le_bytes());
        code.extend([0x41, 0xc7, 0x03]); // movl $number, (%r11)
        code.extend(number.to_le_bytes());
        code.extend([0x4c, 0x8b, 0x14, 0x24]); // mov (%rsp), %r10
        code.extend([0x4d, 0x89, 0x53, 0x08]); // mov %r10, 8(%r11)
        code.extend([0x49, 0xbb]); // good: movabs $target, %r11
        code.extend(target.to_le_bytes());
        code.extend([0x41, 0xff, 0xe3]); // jmp *%r11
    } else {
        let words: [u32; 10] = [
            0x9100_03f0,                          // mov x16, sp
            0xf240_0e1f,                          // tst x16, #15
            0x5800_0111,                          // ldr x17, target
            0x5400_0041,                          // b.ne bad
            0xd61f_0220,                          // br x17
            0x5800_00f0,                          // bad: ldr x16, record
            0x5280_0009 | (number & 0xffff) << 5, // mov w9, #number
            0xa900_7a09,                          // stp x9, x30, [x16]
            0xd61f_0220,                          // br x17
            0xd503_201f,                          // nop
        ];
        code.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        code.extend(target.to_le_bytes());
        code.extend(record.to_le_bytes());
    }
    code
}

/// Where this process may execute. Only Linux says so in a file; elsewhere nothing is guarded.
fn executable() -> Vec<std::ops::Range<usize>> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let range = |line: &str| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        words.next().filter(|protection| protection.contains('x'))?;
        Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
    };
    maps.lines().filter_map(range).collect()
}

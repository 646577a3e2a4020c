//! Loads the code, calls the function, and says what came of it: in a child of the command.
#![allow(unsafe_code)] // Code that the user vouches for by running the command on it, and the C library's tables.

use std::ffi::CString;
use std::io::Write;
use std::num::NonZeroUsize;

use anstyle::Style;
use kiln::{Linker, Module, Target};
use serde_json::{Value, json};

use super::arguments::{Arguments, Buffer};
use super::check::Guards;
use super::place::{Convention, place};
use super::signature::{Scalar, Signature, Type};
use super::time::{self, Times};
use super::trampoline::{Frame, Registers};
use crate::crash::Watch;
use crate::{Failure, args, memory};

/// The exit status of a call that broke the calling convention.
const BROKEN: i32 = 1;

pub(super) fn load(linker: Linker<'_>) -> kiln::Result<Module> {
    // SAFETY: whoever runs this command on a file vouches for the code in it.
    unsafe { linker.load() }
}

/// The address of a symbol of this process: of the program or of a library that it has loaded.
pub(super) fn process_symbol(name: &str) -> Option<usize> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name ends in NUL, and `RTLD_DEFAULT` is a handle that is always valid.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address as usize)
}

/// One call, or many to measure.
pub(super) struct Job<'j> {
    pub(super) args: &'j args::Call,
    pub(super) name: &'j str,
    pub(super) address: usize,
    pub(super) signature: &'j Signature,
    pub(super) guards: &'j Guards,
}

impl Job<'_> {
    /// Makes the call and prints what came of it. The exit status.
    pub(super) fn run(&self, module: &Module, arguments: &Arguments, watch: Watch) -> Result<i32, Failure> {
        let placed = place(Convention::of(Target::host()), &arguments.passed);
        let call = |frame: &mut Frame| {
            // SAFETY: the user vouches for the function and its signature, and `placed` lives. One call is made at a time.
            unsafe { frame.call() }
        };
        let mut frame = Frame::new(self.address, &placed);
        tracing::info!("call {} at {:#x}", self.name, self.address);
        call(&mut frame);
        let mut times = None;
        if self.args.time || self.args.repeat.is_some() {
            // The first call warms up, and gives the result.
            let repeat = self.args.repeat.map(|repeat| NonZeroUsize::new(repeat.get() - 1));
            if let Some(register) = frame.lost() {
                return Err(Failure::new(format!(
                    "`{}` cannot be timed: it does not leave {register} as it was",
                    self.name
                ))
                .next("see what else it breaks with --check"));
            }
            let run = |count: NonZeroUsize, really: bool| {
                // SAFETY: as above; it keeps the registers that it must.
                unsafe { frame.repeat(count, really) }
            };
            if repeat != Some(None) {
                times = Some(time::measure(repeat.flatten(), &run));
            }
        }
        // SAFETY: flushes what the code has written, so that it stands in front of the result.
        unsafe { libc::fflush(std::ptr::null_mut()) };
        drop(watch);
        let problems = self.guards.problems(&frame, module);
        let text = if self.args.json {
            self.as_json(&frame, arguments, times, &problems)
        } else {
            self.as_text(&frame, arguments, times)
        };
        let mut stdout = anstream::stdout().lock();
        // Whoever has closed standard output does not want it.
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        for problem in problems.iter().filter(|_| !self.args.json) {
            crate::report(&Failure::new(format!("`{}` {problem}", self.name)));
        }
        Ok(if problems.is_empty() { 0 } else { BROKEN })
    }

    fn as_text(&self, frame: &Frame, arguments: &Arguments, times: Option<Times>) -> String {
        let mut text = String::new();
        if let Some(result) = self.result(&frame.after) {
            text += &format!("{}\n", shown(&result));
        }
        for buffer in &arguments.buffers {
            text += &format!("{}: {}\n", buffer.name, elements(buffer, &arguments.contents(buffer)));
        }
        if let Some(times) = times {
            text += &format!(
                "{:.2} ns per call ({:.2} to {:.2}), median of {} calls; the loop alone takes {:.2} ns\n",
                times.median, times.least, times.most, times.calls, times.alone
            );
        }
        if self.args.regs {
            let quiet = Style::new().dimmed();
            for (name, value, float) in named(&frame.after) {
                let float = float.map_or(String::new(), |float| format!("  {quiet}{float:?}{quiet:#}"));
                text += &format!("{name:<6} {value}{float}\n");
            }
        }
        text
    }

    fn as_json(&self, frame: &Frame, arguments: &Arguments, times: Option<Times>, problems: &[String]) -> String {
        let buffers: Vec<Value> = (arguments.buffers.iter())
            .map(|buffer| {
                let values = values(buffer, &arguments.contents(buffer));
                json!({ "name": buffer.name, "element": buffer.element.to_string(), "values": values })
            })
            .collect();
        let mut object = json!({
            "function": self.name,
            "signature": self.signature.to_string(),
            "result": self.result(&frame.after).unwrap_or(Value::Null),
            "buffers": buffers,
        });
        if let Some(times) = times {
            object["time"] = json!({
                "calls": times.calls, "median_ns": times.median, "least_ns": times.least, "most_ns": times.most,
                "loop_ns": times.alone,
            });
        }
        if self.args.regs {
            object["registers"] =
                named(&frame.after).into_iter().map(|(name, value, _)| (name, json!(value))).collect();
        }
        if self.args.check {
            object["problems"] = json!(problems);
        }
        format!("{object}\n")
    }

    /// What the function returned. `None`: nothing.
    fn result(&self, after: &Registers) -> Option<Value> {
        let (integer, float) = (after.general[0], after.vector[0][0]);
        match self.signature.result {
            Type::Void | Type::Bytes | Type::Buffer(..) => None,
            Type::Str => Some(match memory::text(integer) {
                Some(text) => json!(text),
                None if integer == 0 => Value::Null,
                None => json!({ "pointer": format!("{integer:#x}"), "problem": "there is no text that ends in NUL" }),
            }),
            Type::Scalar(kind @ (Scalar::F32 | Scalar::F64)) => Some(value(kind, float)),
            Type::Scalar(kind) => Some(value(kind, integer)),
        }
    }
}

/// A value as it is printed.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "null".to_owned(),
        Value::Object(_) => {
            format!("{} ({})", value["pointer"].as_str().unwrap_or("?"), value["problem"].as_str().unwrap_or("?"))
        }
        other => other.to_string(),
    }
}

/// What the lower bits of a register mean.
fn value(kind: Scalar, bits: u64) -> Value {
    // Not every such value is a number of JSON's.
    let float = |value: f64, text: String| {
        if value.is_finite() { serde_json::from_str(&text).unwrap_or(json!(text)) } else { json!(text) }
    };
    let unused = 64 - 8 * kind.size() as u32;
    match kind {
        Scalar::Bool => json!(bits & 0xff != 0),
        Scalar::F32 => {
            let value = f32::from_bits(bits as u32);
            float(f64::from(value), format!("{value:?}"))
        }
        Scalar::F64 => {
            let value = f64::from_bits(bits);
            float(value, format!("{value:?}"))
        }
        Scalar::Ptr => json!(format!("{bits:#x}")),
        Scalar::Int(_, true) => json!((bits as i64) << unused >> unused),
        Scalar::Int(_, false) => json!(bits << unused >> unused),
    }
}

fn values(buffer: &Buffer, bytes: &[u8]) -> Vec<Value> {
    let element = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        value(buffer.element, u64::from_le_bytes(word))
    };
    bytes.chunks_exact(buffer.element.size()).map(element).collect()
}

/// A buffer as it is printed: text if it is text up to a NUL, else its elements.
fn elements(buffer: &Buffer, bytes: &[u8]) -> String {
    let is_bytes = buffer.element.size() == 1 && buffer.element != Scalar::Bool;
    let end = bytes.iter().position(|byte| *byte == 0).filter(|_| is_bytes);
    let printable = |byte: &u8| (0x20..0x7f).contains(byte) || b"\n\t\r".contains(byte);
    if let Some(end) = end.filter(|end| *end > 0)
        && bytes[..end].iter().all(printable)
        && bytes[end..].iter().all(|byte| *byte == 0)
    {
        return format!("{:?}", String::from_utf8_lossy(&bytes[..end]));
    }
    let values: Vec<String> = values(buffer, bytes).iter().map(shown).collect();
    format!("[{}]", values.join(", "))
}

/// The registers by name, the vector ones also as the number that their lower half may be.
fn named(registers: &Registers) -> Vec<(String, String, Option<f64>)> {
    #[cfg(target_arch = "x86_64")]
    const GENERAL: [&str; 16] =
        ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
    #[cfg(target_arch = "aarch64")]
    const GENERAL: [&str; 32] = [
        "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
        "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",
    ];
    #[cfg(target_arch = "x86_64")]
    const VECTOR: (&str, usize, &str) = ("xmm", 16, "rflags");
    #[cfg(target_arch = "aarch64")]
    const VECTOR: (&str, usize, &str) = ("v", 32, "nzcv");
    let general = GENERAL.iter().zip(&registers.general);
    // The call itself goes through it.
    let general = general.filter(|(name, _)| **name != "x16");
    let mut named: Vec<_> = general.map(|(name, value)| ((*name).to_owned(), format!("{value:#x}"), None)).collect();
    named.push((VECTOR.2.to_owned(), format!("{:#x}", registers.flags), None));
    for (number, [low, high]) in registers.vector.iter().enumerate().take(VECTOR.1) {
        let float = Some(f64::from_bits(*low)).filter(|float| *low != 0 && (float.is_normal() || float.is_infinite()));
        named.push((format!("{}{number}", VECTOR.0), format!("{high:#018x}_{low:016x}"), float));
    }
    named
}

//! What a signal means, in words.

use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind, Register};
use kiln::{Arch, Module, Permission, SectionPlace, Target};

use super::context::{Facts, NAMES};
use super::images::{self, Region};
use super::{SIGNALS, TIMEOUT};
use crate::{decode, memory};

/// Below this, an address is taken for null and a distance.
const NULL: u64 = 0x1_0000;

/// What a report says of the fault itself.
pub(super) struct Meaning {
    /// What happened.
    pub(super) what: String,
    /// The address that could not be accessed.
    pub(super) address: Option<u64>,
}

pub(super) fn of(facts: &Facts, module: Option<&Module>, regions: &[Region]) -> Meaning {
    let pc = facts.registers.pc;
    let known = SIGNALS.iter().find(|(number, ..)| *number == facts.signal);
    let plain = known.map_or("", |(.., meaning)| *meaning).to_owned();
    let at = |what: String| Meaning { what, address: facts.address };
    if let Some(sender) = facts.sender.filter(|_| ![libc::SIGABRT, TIMEOUT].contains(&facts.signal)) {
        return at(match u32::try_from(sender) {
            Ok(sender) if sender == std::process::id() || sender == parent() => {
                "it was sent, by this process".to_owned()
            }
            _ => format!("it was sent, by process {sender}"),
        });
    }
    match facts.signal {
        libc::SIGSEGV | libc::SIGBUS => match facts.address {
            Some(address) => at(access(facts, address, module, regions)),
            None => no_address(facts).unwrap_or_else(|| at(plain)),
        },
        libc::SIGFPE => at(division(facts).unwrap_or(plain)),
        libc::SIGILL => at(match instruction(pc).as_deref() {
            Some(text) if text.starts_with("ud2") || text.starts_with("udf") => {
                format!("an instruction that is there to stop: {text}")
            }
            Some(text) if !text.starts_with('.') => format!("an instruction that this processor does not have: {text}"),
            _ => plain,
        }),
        _ => at(plain),
    }
}

/// The process that this one is a copy of.
fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

/// The text of the instruction at an address.
fn instruction(address: u64) -> Option<String> {
    let bytes = memory::read(address, 16);
    decode::lines(Target::host().arch(), &bytes, address).into_iter().next().map(|line| line.text)
}

/// A fault at an address.
fn access(facts: &Facts, address: u64, module: Option<&Module>, regions: &[Region]) -> String {
    let registers = &facts.registers;
    let explain = |address: u64| module.and_then(|module| module.explain(address as usize as *const ()));
    let protection = |address: u64| {
        regions.iter().find(|region| region.range.contains(&address)).map(|region| region.protection.as_str())
    };
    let behind = |distance: u64| if distance == 0 { String::new() } else { format!(", {distance:#x} bytes behind it") };
    // An instruction that cannot be fetched.
    if registers.pc == address {
        if address < NULL {
            return format!("a call or jump through a null pointer{}", behind(address));
        }
        return match (explain(address), protection(address)) {
            (Some(explained), _) if explained.permission != Some(Permission::Text) => {
                "a call or jump into data, which is never executable (W^X)".to_owned()
            }
            (_, Some(_)) => "a call or jump into memory that is not executable".to_owned(),
            (_, None) => "a call or jump to where nothing is".to_owned(),
        };
    }
    let write = facts.write.unwrap_or_else(|| {
        let text = instruction(registers.pc).unwrap_or_default();
        // arm64's stores, and the atomic operations that store.
        ["st", "cas", "swp", "ldadd", "ldclr", "ldset", "ldeor"].iter().any(|store| text.starts_with(store))
    });
    let kind = if write { "write" } else { "read" };
    if address < NULL {
        return format!("a {kind} through a null pointer{}", behind(address));
    }
    if let Some(explained) = explain(address) {
        match explained.permission {
            Some(Permission::Text) if write => return "a write to code, which is never writable (W^X)".to_owned(),
            Some(Permission::Const) if write => return "a write to constants".to_owned(),
            _ => {}
        }
    }
    let sp = registers.sp();
    let is_stack =
        |address: u64| regions.iter().any(|region| region.name == "[stack]" && region.range.contains(&address));
    let near = address.abs_diff(sp) < 0x1_0000;
    let readable = protection(address).is_some_and(|protection| protection.starts_with('r'));
    if near && !readable && !regions.is_empty() {
        // Where the stack is, or where it would have grown to.
        let above = regions.iter().any(|region| {
            region.range.start > address
                && region.range.start - address < 0x10_0000
                && region.protection.starts_with("rw")
        });
        if above || is_stack(sp) {
            return "the stack is used up: a recursion without end, or too much in it".to_owned();
        }
        return format!("the stack pointer leads to no memory: {} is {sp:#x}", stack_pointer());
    }
    // Darwin says so, and with this code, of each access that a page does not allow (xnu: bsd/dev/arm/unix_signal.c).
    let by_page = cfg!(target_os = "macos") && protection(address).is_some();
    if facts.signal == libc::SIGBUS && !by_page {
        let misaligned = facts.code == libc::BUS_ADRALN;
        return format!(
            "a {kind} {}",
            if misaligned { "at a misaligned address" } else { "beyond the end of a mapped file" }
        );
    }
    match protection(address) {
        Some(protection) if protection.starts_with("r-") && write => {
            "a write to memory that may only be read".to_owned()
        }
        Some(_) => format!("a {kind} of memory that may not be accessed"),
        None => format!("a {kind} where nothing is"),
    }
}

fn stack_pointer() -> &'static str {
    if cfg!(target_arch = "x86_64") { "rsp" } else { "sp" }
}

/// The instruction at the place of the fault, on x86-64.
fn faulting(facts: &Facts) -> Option<Instruction> {
    if Target::host().arch() != Arch::X86_64 {
        return None;
    }
    let bytes = memory::read(facts.registers.pc, 16);
    let instruction = Decoder::with_ip(64, &bytes, facts.registers.pc, DecoderOptions::NONE).decode();
    (!instruction.is_invalid()).then_some(instruction)
}

/// The value of a register of x86-64.
fn value(facts: &Facts, register: Register) -> Option<u64> {
    if register == Register::RIP {
        return Some(facts.registers.pc);
    }
    // The segments of thread-local storage have bases that no register shows; the others have none.
    if register.is_segment_register() {
        return (![Register::FS, Register::GS].contains(&register)).then_some(0);
    }
    let name = format!("{:?}", register.full_register()).to_ascii_lowercase();
    let number = NAMES.iter().position(|known| *known == name)?;
    let value = facts.registers.general[number];
    Some(match register.size() {
        4 => value & 0xffff_ffff,
        2 => value & 0xffff,
        1 => value & 0xff,
        _ => value,
    })
}

/// A fault of which the processor says no address: it can be computed.
fn no_address(facts: &Facts) -> Option<Meaning> {
    let instruction = faulting(facts)?;
    let operand = (0..instruction.op_count()).find(|at| instruction.op_kind(*at) == OpKind::Memory);
    let Some(operand) = operand else {
        let text = format!("{:?}", instruction.mnemonic()).to_ascii_lowercase();
        return Some(Meaning {
            what: format!("`{text}` is not for programs, or jumps to no address that can be"),
            address: None,
        });
    };
    let address = instruction.try_virtual_address(operand, 0, |register, _, _| value(facts, register))?;
    if !(address as i64) << 16 >> 16 == !(address as i64) {
        let mnemonic = format!("{:?}", instruction.mnemonic()).to_ascii_lowercase();
        if !address.is_multiple_of(16) {
            let by_stack = [Register::RSP, Register::RBP].contains(&instruction.memory_base());
            let why = if by_stack { ": the stack pointer was no multiple of 16 at a call" } else { "" };
            return Some(Meaning {
                what: format!("a misaligned address, where `{mnemonic}` wants a multiple of its size{why}"),
                address: Some(address),
            });
        }
        return None;
    }
    Some(Meaning { what: "an address that no pointer can have".to_owned(), address: Some(address) })
}

/// What was wrong with a division on x86-64.
fn division(facts: &Facts) -> Option<String> {
    let instruction = faulting(facts)?;
    let name = format!("{:?}", instruction.mnemonic());
    if !["Div", "Idiv"].contains(&&*name) {
        return None;
    }
    let divisor = match instruction.op_kind(0) {
        OpKind::Register => value(facts, instruction.op_register(0))?,
        OpKind::Memory => {
            let address = instruction.try_virtual_address(0, 0, |register, _, _| value(facts, register))?;
            let bytes = memory::read(address, instruction.memory_size().size());
            bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
        }
        _ => return None,
    };
    Some(if divisor == 0 { "a division by zero".to_owned() } else { "a division whose result does not fit".to_owned() })
}

/// What is at an address, in words.
pub(super) fn what_is_at(address: u64, module: Option<&Module>, regions: &[Region]) -> Option<String> {
    if let Some(explained) = module.and_then(|module| module.explain(address as usize as *const ())) {
        let permission = explained.permission.map_or(String::new(), |permission| format!(" ({permission})"));
        if let Some(made) = explained.made {
            return Some(format!("{made}{permission}"));
        }
        let symbol = explained.symbol.map(|(symbol, offset)| plus(symbol, offset as u64));
        let place = explained.place.map(|place| in_input(&place));
        let parts: Vec<String> = symbol.into_iter().chain(place).collect();
        return Some(format!("{}{permission}", parts.join(", ")));
    }
    if let Some(file) = images::file_at(address) {
        return Some(match file.symbol {
            Some((symbol, offset)) => format!("{} in {}", plus(&symbol, offset), file.file),
            None => format!("{:#x} in {}", address.wrapping_sub(file.base), file.file),
        });
    }
    if regions.is_empty() {
        return None;
    }
    Some(match regions.iter().find(|region| region.range.contains(&address)) {
        Some(region) if region.name.is_empty() => {
            format!("memory ({})", &region.protection[..3.min(region.protection.len())])
        }
        Some(region) => format!("{} ({})", region.name, &region.protection[..3.min(region.protection.len())]),
        None => "not mapped".to_owned(),
    })
}

/// A place in an input, of which flat code has no sections.
pub(super) fn in_input(place: &SectionPlace<'_>) -> String {
    match place.section {
        "" => format!("{:#x} of {}", place.offset, place.input),
        section => format!("{section}+{:#x} of {}", place.offset, place.input),
    }
}

/// A symbol and what is behind it.
pub(super) fn plus(symbol: &str, offset: u64) -> String {
    format!("`{symbol}`+{offset:#x}")
}

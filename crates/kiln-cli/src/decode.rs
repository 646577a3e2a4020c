//! Machine code as text: one line for each instruction, and data directives for what is none.
//!
//! The decoders are other people's (`iced-x86`, `yaxpeax-arm`). What stands here is the walk, which loses no byte, and
//! for arm64 corrections where the decoder prints something else than what the bits say: each was found by assembling
//! its text again, so do not take one out before that comes back equal.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;

use iced_x86::{
    Decoder, DecoderOptions, Formatter, FormatterOptions, GasFormatter, Instruction, IntelFormatter, OpKind, Register,
    SymbolResolver, SymbolResult,
};
use kiln::Arch;

mod a64;
#[cfg(test)]
mod tests;

/// One instruction, or a few bytes that are none.
pub(crate) struct Line<'a> {
    /// Where it stands in the code.
    pub(crate) offset: usize,
    /// What it consists of; never empty.
    pub(crate) bytes: &'a [u8],
    /// The instruction, or `.byte` or `.inst`.
    pub(crate) text: String,
    /// The address that it refers to, relative to its own.
    pub(crate) target: Option<u64>,
}

/// How x86-64 is written. arm64 has one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum Syntax {
    /// GNU's, AT&T's: the destination is last.
    #[default]
    Gas,
    /// Intel's: the destination is first.
    Intel,
}

/// Decodes `code`, which stands at `address`, from its start: every byte of it is in exactly one line, in order.
///
/// x86-64 is in AT&T syntax. Branch targets and the like are addresses, in hexadecimal.
pub(crate) fn lines<'a>(arch: Arch, code: &'a [u8], address: u64) -> Vec<Line<'a>> {
    named_lines(arch, code, address, Syntax::Gas, &|_, _| None)
}

/// As [`lines`], where `name` may give a name for the address that a field stands for. It is given the offsets in `code`
/// of the field and of what distances are counted from: the end of the instruction, and for arm64, where only such
/// fields are named, its start.
pub(crate) fn named_lines<'a>(
    arch: Arch,
    code: &'a [u8],
    address: u64,
    syntax: Syntax,
    name: &dyn Fn(usize, usize) -> Option<String>,
) -> Vec<Line<'a>> {
    let mut x86_64 = X86::new(syntax);
    let mut lines = Vec::new();
    let mut offset = 0;
    while offset < code.len() {
        let rest = &code[offset..];
        let at = address.wrapping_add(offset as u64);
        let (len, text, target) = match arch {
            Arch::X86_64 => x86_64.line(rest, at, &|field, end| name(offset + field, offset + end)),
            Arch::Aarch64 => aarch64(rest, at, name(offset, offset)),
        };
        // A length of zero would never end, and one beyond the end would panic: neither is the decoders' to decide.
        let len = len.clamp(1, rest.len());
        lines.push(Line { offset, bytes: &rest[..len], text, target });
        offset += len;
    }
    lines
}

/// What x86-64 code is written with.
struct X86 {
    formatter: Box<dyn Formatter>,
    names: Rc<RefCell<Names>>,
    intel: bool,
}

/// The names for the instruction that is being written.
#[derive(Default)]
struct Names {
    displacement: Option<String>,
    immediate: Option<String>,
}

struct Resolver(Rc<RefCell<Names>>);

impl SymbolResolver for Resolver {
    fn symbol(
        &mut self,
        instruction: &Instruction,
        _operand: u32,
        operand: Option<u32>,
        address: u64,
        _size: u32,
    ) -> Option<SymbolResult<'_>> {
        let names = self.0.borrow();
        let name = match instruction.op_kind(operand?) {
            OpKind::Memory => names.displacement.clone(),
            _ => names.immediate.clone(),
        };
        Some(SymbolResult::with_string(address, name?))
    }
}

impl X86 {
    /// The formatter, set to what `objdump` prints.
    fn new(syntax: Syntax) -> X86 {
        fn set(options: &mut FormatterOptions) {
            options.set_uppercase_hex(false);
            options.set_small_hex_numbers_in_decimal(false);
            options.set_branch_leading_zeros(false);
            options.set_rip_relative_addresses(true);
            options.set_show_zero_displacements(true);
            options.set_show_useless_prefixes(true);
            options.set_show_branch_size(false);
        }
        let names = Rc::new(RefCell::new(Names::default()));
        let resolver = Box::new(Resolver(Rc::clone(&names)));
        let formatter: Box<dyn Formatter> = match syntax {
            Syntax::Gas => {
                let mut gas = GasFormatter::with_options(Some(resolver), None);
                set(gas.options_mut());
                Box::new(gas)
            }
            Syntax::Intel => {
                let mut intel = IntelFormatter::with_options(Some(resolver), None);
                set(intel.options_mut());
                intel.options_mut().set_hex_prefix("0x");
                intel.options_mut().set_hex_suffix("");
                Box::new(intel)
            }
        };
        X86 { formatter, names, intel: syntax == Syntax::Intel }
    }

    /// The length, the text and the target of the instruction that `code` starts with; one byte of data if it starts with
    /// none.
    fn line(
        &mut self,
        code: &[u8],
        address: u64,
        name: &dyn Fn(usize, usize) -> Option<String>,
    ) -> (usize, String, Option<u64>) {
        let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
        let mut instruction = decoder.decode();
        if instruction.is_invalid() {
            // One byte only: the next may start an instruction.
            return (1, byte_directive(&code[..1]), None);
        }
        let fields = decoder.get_constant_offsets(&instruction);
        let named = |has: bool, offset: usize| if has { name(offset, instruction.len()) } else { None };
        let names = Names {
            displacement: named(fields.has_displacement(), fields.displacement_offset()),
            immediate: named(fields.has_immediate(), fields.immediate_offset()),
        };
        let (names_memory, names_branch) = (names.displacement.is_some(), names.immediate.is_some());
        *self.names.borrow_mut() = names;
        // The scale of an index that is not there would leave its comma behind: `(%rdi,)`.
        if instruction.memory_index() == Register::None {
            instruction.set_memory_index_scale(1);
        }
        let mut text = String::new();
        self.formatter.format(&instruction, &mut text);
        let mut target = None;
        if instruction.is_ip_rel_memory_operand() && !names_memory {
            target = Some(instruction.ip_rel_memory_address());
            let _ = write!(text, " {} {:#x}", if self.intel { ";" } else { "#" }, instruction.ip_rel_memory_address());
        } else if instruction.op_count() == 1 && instruction.op0_kind() == OpKind::NearBranch64 && !names_branch {
            target = Some(instruction.near_branch_target());
        }
        (instruction.len(), text, target)
    }
}

/// The length, the text and the target of the instruction that `code` starts with; data if it starts with none.
fn aarch64(code: &[u8], address: u64, name: Option<String>) -> (usize, String, Option<u64>) {
    let Some(bytes) = code.first_chunk::<4>() else {
        return (code.len(), byte_directive(code), None);
    };
    let word = u32::from_le_bytes(*bytes);
    let Some((mut text, target)) = a64::text(word, address) else {
        return (4, format!(".inst {word:#010x}"), None);
    };
    // The target is the last operand.
    let (Some(_), Some(name), Some(at)) = (target, name, text.rfind("0x")) else { return (4, text, target) };
    text.truncate(at);
    text.push_str(&name);
    (4, text, None)
}

/// `bytes` as data for the assembler.
fn byte_directive(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
    format!(".byte {}", bytes.join(", "))
}

//! Machine code as text: one line for each instruction, and data directives for what is none.
//!
//! The decoders are other people's (`iced-x86`, `yaxpeax-arm`). What stands here is the walk, which loses no byte, and
//! for arm64 corrections where the decoder prints something else than what the bits say: each was found by assembling
//! its text again, so do not take one out before that comes back equal.

use std::fmt::Write as _;

use iced_x86::{Decoder, DecoderOptions, Formatter as _, GasFormatter, Register};
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
}

/// Decodes `code`, which stands at `address`, from its start: every byte of it is in exactly one line, in order.
///
/// x86-64 is in AT&T syntax. Branch targets and the like are addresses, in hexadecimal.
pub(crate) fn lines<'a>(arch: Arch, code: &'a [u8], address: u64) -> Vec<Line<'a>> {
    let mut formatter = gas();
    let mut lines = Vec::new();
    let mut offset = 0;
    while offset < code.len() {
        let rest = &code[offset..];
        let at = address.wrapping_add(offset as u64);
        let (len, text) = match arch {
            Arch::X86_64 => x86_64(&mut formatter, rest, at),
            Arch::Aarch64 => aarch64(rest, at),
        };
        // A length of zero would never end, and one beyond the end would panic: neither is the decoders' to decide.
        let len = len.clamp(1, rest.len());
        lines.push(Line { offset, bytes: &rest[..len], text });
        offset += len;
    }
    lines
}

/// The formatter of AT&T syntax, set to what `objdump` prints.
fn gas() -> GasFormatter {
    let mut formatter = GasFormatter::new();
    let options = formatter.options_mut();
    options.set_uppercase_hex(false);
    options.set_small_hex_numbers_in_decimal(false);
    options.set_branch_leading_zeros(false);
    options.set_rip_relative_addresses(true);
    options.set_show_zero_displacements(true);
    options.set_show_useless_prefixes(true);
    formatter
}

/// The length and the text of the instruction that `code` starts with; one byte of data if it starts with none.
fn x86_64(formatter: &mut GasFormatter, code: &[u8], address: u64) -> (usize, String) {
    let mut instruction = Decoder::with_ip(64, code, address, DecoderOptions::NONE).decode();
    if instruction.is_invalid() {
        // One byte only: the next may start an instruction.
        return (1, byte_directive(&code[..1]));
    }
    // The scale of an index that is not there would leave its comma behind: `(%rdi,)`.
    if instruction.memory_index() == Register::None {
        instruction.set_memory_index_scale(1);
    }
    let mut text = String::new();
    formatter.format(&instruction, &mut text);
    if instruction.is_ip_rel_memory_operand() {
        let _ = write!(text, " # {:#x}", instruction.ip_rel_memory_address());
    }
    (instruction.len(), text)
}

/// The length and the text of the instruction that `code` starts with; data if it starts with none.
fn aarch64(code: &[u8], address: u64) -> (usize, String) {
    let Some(bytes) = code.first_chunk::<4>() else {
        return (code.len(), byte_directive(code));
    };
    let word = u32::from_le_bytes(*bytes);
    (4, a64::text(word, address).unwrap_or_else(|| format!(".inst {word:#010x}")))
}

/// `bytes` as data for the assembler.
fn byte_directive(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
    format!(".byte {}", bytes.join(", "))
}

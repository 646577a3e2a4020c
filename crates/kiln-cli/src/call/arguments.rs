//! The words of the command line become what is passed.

use super::place::Passed;
use super::signature::{Parameter, Scalar, Signature, Type};

/// What a call passes, and the memory that its pointers lead to.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) passed: Vec<Passed>,
    /// Strings and buffers. Their addresses are in `passed`: none is moved or grown any more.
    memory: Vec<Box<[u64]>>,
    /// What is printed after the call.
    pub(crate) buffers: Vec<Buffer>,
}

/// Memory that the function may write to.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(crate) name: String,
    pub(crate) element: Scalar,
    pub(crate) count: usize,
    memory: usize,
}

/// Why the words are not arguments of the function.
pub(crate) struct Mismatch(pub(crate) String);

impl Arguments {
    /// Reads `words` as arguments for `signature`. Out-buffers take no word; what is left at the end goes to `...`.
    pub(crate) fn read(signature: &Signature, words: &[String]) -> Result<Arguments, Mismatch> {
        let mut arguments = Arguments::default();
        let mut words = words.iter();
        for (index, parameter) in signature.parameters.iter().enumerate() {
            let variadic = signature.fixed.is_some_and(|fixed| index >= fixed);
            let what = described(parameter, index);
            if let Type::Buffer(element, count) = parameter.kind {
                let name = parameter.name.clone().unwrap_or_else(|| format!("argument {}", index + 1));
                arguments.buffer(name, element, &vec![0; count * element.size()], variadic);
                continue;
            }
            let Some(word) = words.next() else {
                return Err(Mismatch(format!("{what} is missing")));
            };
            arguments.one(parameter, index, word, variadic).map_err(|why| Mismatch(format!("{what}: {why}")))?;
        }
        for word in words {
            if signature.fixed.is_none() {
                return Err(Mismatch(format!("`{word}` is one argument too many")));
            }
            let kind = inferred(word);
            let index = arguments.passed.len();
            let parameter = Parameter { name: None, kind };
            arguments.one(&parameter, index, word, true).map_err(|why| Mismatch(format!("`{word}`: {why}")))?;
        }
        Ok(arguments)
    }

    fn one(&mut self, parameter: &Parameter, index: usize, word: &str, variadic: bool) -> Result<(), String> {
        match parameter.kind {
            Type::Void | Type::Buffer(..) => {}
            Type::Str => {
                let mut bytes = word.as_bytes().to_vec();
                bytes.push(0);
                let (address, _) = self.keep(&bytes);
                self.pass(Scalar::Ptr, address, variadic);
            }
            Type::Bytes => {
                let bytes = bytes(word)?;
                let (address, _) = self.keep(&bytes);
                self.pass(Scalar::Ptr, address, variadic);
                self.pass(Scalar::Int(8, false), bytes.len() as u64, variadic);
            }
            Type::Scalar(Scalar::Ptr) => match array(word)? {
                Some((element, bytes)) => {
                    let name = parameter.name.clone().unwrap_or_else(|| format!("argument {}", index + 1));
                    self.buffer(name, element, &bytes, variadic);
                }
                None => {
                    let bits = scalar(Scalar::Ptr, word)
                        .map_err(|why| format!("{why}, or memory for it: `[u8; 64]` or `i32[1, 2, 3]`"))?;
                    self.pass(Scalar::Ptr, bits, variadic);
                }
            },
            Type::Scalar(kind) => {
                let bits = scalar(kind, word)?;
                self.pass(kind, bits, variadic);
            }
        }
        Ok(())
    }

    fn buffer(&mut self, name: String, element: Scalar, bytes: &[u8], variadic: bool) {
        let count = bytes.len() / element.size();
        let (address, memory) = self.keep(bytes);
        self.buffers.push(Buffer { name, element, count, memory });
        self.pass(Scalar::Ptr, address, variadic);
    }

    /// Keeps bytes in memory that is aligned for everything, and gives their address.
    fn keep(&mut self, bytes: &[u8]) -> (u64, usize) {
        // Room for the end of a 16-byte read, and two words more to align to 16 bytes.
        let mut memory = vec![0u64; bytes.len().div_ceil(8) + 2].into_boxed_slice();
        let start = word_offset(&memory);
        for (word, chunk) in memory[start..].iter_mut().zip(bytes.chunks(8)) {
            let mut full = [0; 8];
            full[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_le_bytes(full);
        }
        let address = memory[start..].as_ptr() as usize as u64;
        self.memory.push(memory);
        (address, self.memory.len() - 1)
    }

    /// C passes what is variadic as at least `int`, and as `double`.
    fn pass(&mut self, kind: Scalar, bits: u64, variadic: bool) {
        let (bits, kind) = match kind {
            Scalar::F32 if variadic => (f64::from(f32::from_bits(bits as u32)).to_bits(), Scalar::F64),
            _ => (bits, kind),
        };
        let is_float = matches!(kind, Scalar::F32 | Scalar::F64);
        self.passed.push(Passed { bits, size: kind.size(), is_float, variadic });
    }

    /// The bytes of a buffer as they are now.
    pub(crate) fn contents(&self, buffer: &Buffer) -> Vec<u8> {
        let memory = &self.memory[buffer.memory];
        let words = memory[word_offset(memory)..].iter();
        let mut bytes: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(buffer.count * buffer.element.size());
        bytes
    }
}

/// The first word of `memory` that is aligned to 16 bytes.
fn word_offset(memory: &[u64]) -> usize {
    usize::from(!(memory.as_ptr() as usize).is_multiple_of(16))
}

fn described(parameter: &Parameter, index: usize) -> String {
    match &parameter.name {
        Some(name) => format!("argument {} (`{name}`, {})", index + 1, parameter.kind),
        None => format!("argument {} ({})", index + 1, parameter.kind),
    }
}

/// What a variadic argument is, by the look of it.
fn inferred(word: &str) -> Type {
    if scalar(Scalar::Int(8, true), word).is_ok() || scalar(Scalar::Int(8, false), word).is_ok() {
        Type::Scalar(Scalar::Int(8, true))
    } else if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) && word.parse::<f64>().is_ok() {
        Type::Scalar(Scalar::F64)
    } else {
        Type::Str
    }
}

/// The bits of a value, extended to 64.
fn scalar(kind: Scalar, word: &str) -> Result<u64, String> {
    let number = |text: &str| -> Option<i128> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let digits = digits.replace('_', "");
        let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(hex) => i128::from(u64::from_str_radix(hex, 16).ok()?),
            None => i128::from(digits.parse::<u64>().ok()?),
        };
        Some(sign * value)
    };
    match kind {
        Scalar::Bool => match word {
            "true" | "1" => Ok(1),
            "false" | "0" => Ok(0),
            _ => Err(format!("`{word}` is neither true nor false")),
        },
        Scalar::F32 => {
            word.parse::<f32>().map(|value| u64::from(value.to_bits())).map_err(|_| format!("`{word}` is no number"))
        }
        Scalar::F64 => word.parse::<f64>().map(f64::to_bits).map_err(|_| format!("`{word}` is no number")),
        Scalar::Ptr => number(word)
            .and_then(|value| u64::try_from(value).ok())
            .or_else(|| matches!(word, "null" | "NULL").then_some(0))
            .ok_or_else(|| format!("`{word}` is no address")),
        Scalar::Int(size, signed) => {
            let character = word.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).and_then(|c| {
                let mut characters = c.chars();
                characters.next().filter(|c| characters.next().is_none() && c.is_ascii())
            });
            let value = match character {
                Some(character) => Some(i128::from(u32::from(character))),
                None => number(word),
            };
            let Some(value) = value else { return Err(format!("`{word}` is no whole number")) };
            let bits = u32::from(size) * 8;
            let (low, high) =
                if signed { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) };
            if !(low..=high).contains(&value) {
                return Err(format!("{word} is not in {low}..={high}"));
            }
            Ok(value as u64)
        }
    }
}

/// Text as it stands, `hex:…`, or `@FILE`.
fn bytes(word: &str) -> Result<Vec<u8>, String> {
    if let Some(path) = word.strip_prefix('@') {
        return std::fs::read(path).map_err(|error| format!("{path}: cannot read the file: {error}"));
    }
    let Some(hex) = word.strip_prefix("hex:") else { return Ok(word.as_bytes().to_vec()) };
    let digits: Vec<u32> = hex.chars().filter(|c| !c.is_whitespace()).map_while(|c| c.to_digit(16)).collect();
    if !hex.chars().all(|c| c.is_whitespace() || c.is_ascii_hexdigit()) || !digits.len().is_multiple_of(2) {
        return Err(format!("`{word}` is no pairs of hexadecimal digits"));
    }
    Ok(digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

/// Memory for a pointer: `[u8; 64]`, all zero, or `i32[1, 2, 3]`. `None`: the word is something else.
fn array(word: &str) -> Result<Option<(Scalar, Vec<u8>)>, String> {
    if word.starts_with('[') {
        let buffer = Signature::parse(&format!("void({word})"))?;
        let Some(Parameter { kind: Type::Buffer(element, count), .. }) = buffer.parameters.first() else {
            return Err(format!("`{word}` is no buffer"));
        };
        return Ok(Some((*element, vec![0; count * element.size()])));
    }
    let parts =
        word.split_once('[').and_then(|(element, rest)| Some((Scalar::parse(element)?, rest.strip_suffix(']')?)));
    let Some((element, list)) = parts else { return Ok(None) };
    let mut bytes = Vec::new();
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        bytes.extend_from_slice(&scalar(element, item)?.to_le_bytes()[..element.size()]);
    }
    Ok(Some((element, bytes)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(signature: &str, words: &[&str]) -> Result<Arguments, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Arguments::read(&Signature::parse(signature).unwrap(), &words).map_err(|Mismatch(why)| why)
    }

    fn bits(signature: &str, words: &[&str]) -> Vec<u64> {
        read(signature, words).unwrap().passed.iter().map(|passed| passed.bits).collect()
    }

    #[test]
    fn values() {
        assert_eq!(bits("void(i8, u8, i64)", &["-1", "255", "-0x10"]), [u64::MAX, 255, 0u64.wrapping_sub(16)]);
        assert_eq!(bits("void(i8, u64)", &["'a'", "0xffff_ffff_ffff_ffff"]), [97, u64::MAX]);
        assert_eq!(bits("void(f32, f64, bool)", &["1.5", "-2", "true"]), [0x3fc0_0000, (-2f64).to_bits(), 1]);
        assert_eq!(bits("void(ptr, ptr)", &["0x1000", "null"]), [0x1000, 0]);
        // As C does it, `float` becomes `double` in front of which `...` stands.
        assert_eq!(bits("void(i32, ..., f32)", &["1", "1.5"]), [1, 1.5f64.to_bits()]);
        let inferred = read("void(...)", &["7", "1.5", "-x", "0x10"]).unwrap();
        assert_eq!(inferred.passed.iter().map(|one| one.is_float).collect::<Vec<_>>(), [false, true, false, false]);
        assert!(inferred.passed.iter().all(|one| one.variadic));
    }

    #[test]
    fn memory() {
        let arguments =
            read("void(str, bytes, [u16; 3], ptr, ptr)", &["hi", "hex:00ff", "u8[1,2]", "[f32; 2]"]).unwrap();
        assert_eq!(arguments.passed.len(), 6);
        assert_eq!(arguments.passed[2].bits, 2);
        assert!([0, 1, 3, 4, 5].iter().all(|at| arguments.passed[*at].bits.is_multiple_of(16)));
        let contents: Vec<Vec<u8>> = arguments.buffers.iter().map(|buffer| arguments.contents(buffer)).collect();
        assert_eq!(contents, [vec![0; 6], vec![1, 2], vec![0; 8]]);
        assert_eq!(arguments.buffers[1].name, "argument 4");
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for (signature, words, said) in [
            ("void(i8)", &["128"][..], "argument 1 (i8): 128 is not in -128..=127"),
            ("void(n: u8)", &["-1"], "argument 1 (`n`, u8): -1 is not in 0..=255"),
            ("void(i32)", &["two"], "argument 1 (i32): `two` is no whole number"),
            ("void(f64)", &["two"], "argument 1 (f64): `two` is no number"),
            ("void(bool)", &["yes"], "argument 1 (bool): `yes` is neither true nor false"),
            ("void(i32, i32)", &["1"], "argument 2 (i32) is missing"),
            ("void(i32)", &["1", "2"], "`2` is one argument too many"),
            ("void(bytes)", &["hex:123"], "argument 1 (bytes): `hex:123` is no pairs of hexadecimal digits"),
            (
                "void(ptr)",
                &["text"],
                "argument 1 (ptr): `text` is no address, or memory for it: `[u8; 64]` or `i32[1, 2, 3]`",
            ),
            ("void(ptr)", &["u8[256]"], "argument 1 (ptr): 256 is not in 0..=255"),
        ] {
            assert_eq!(read(signature, words).unwrap_err(), said);
        }
    }
}

//! The language in which `--sig` says what a function takes and returns: `i64(i64, ptr, [u8; 64], ..., f64)`.

use std::fmt;

/// What is passed or returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Type {
    Void,
    Scalar(Scalar),
    /// A string that ends in NUL.
    Str,
    /// A pointer, and the number of bytes there: two arguments.
    Bytes,
    /// A pointer to so many elements, all zero, which are printed after the call.
    Buffer(Scalar, usize),
}

/// A single value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scalar {
    Bool,
    /// So many bytes; signed or not.
    Int(u8, bool),
    F32,
    F64,
    Ptr,
}

const SCALARS: [(&str, Scalar); 12] = [
    ("bool", Scalar::Bool),
    ("i8", Scalar::Int(1, true)),
    ("i16", Scalar::Int(2, true)),
    ("i32", Scalar::Int(4, true)),
    ("i64", Scalar::Int(8, true)),
    ("u8", Scalar::Int(1, false)),
    ("u16", Scalar::Int(2, false)),
    ("u32", Scalar::Int(4, false)),
    ("u64", Scalar::Int(8, false)),
    ("f32", Scalar::F32),
    ("f64", Scalar::F64),
    ("ptr", Scalar::Ptr),
];

/// The largest buffer, in bytes.
const MAX_BUFFER: usize = 1 << 30;

impl Scalar {
    pub(crate) fn size(self) -> usize {
        match self {
            Scalar::Bool => 1,
            Scalar::Int(size, _) => usize::from(size),
            Scalar::F32 => 4,
            Scalar::F64 | Scalar::Ptr => 8,
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Scalar> {
        SCALARS.iter().find(|(name, _)| *name == word).map(|(_, scalar)| *scalar)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = SCALARS.iter().find(|(_, scalar)| scalar == self).map_or("?", |(name, _)| name);
        f.write_str(name)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Void => f.write_str("void"),
            Type::Scalar(scalar) => scalar.fmt(f),
            Type::Str => f.write_str("str"),
            Type::Bytes => f.write_str("bytes"),
            Type::Buffer(element, count) => write!(f, "[{element}; {count}]"),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: Option<String>,
    pub(crate) kind: Type,
}

/// What a function takes and returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Signature {
    pub(crate) result: Type,
    pub(crate) parameters: Vec<Parameter>,
    /// Of a variadic function, how many of the parameters are fixed.
    pub(crate) fixed: Option<usize>,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.result)?;
        let mut separator = "";
        for (index, parameter) in self.parameters.iter().enumerate() {
            if self.fixed == Some(index) {
                write!(f, "{separator}...")?;
                separator = ", ";
            }
            f.write_str(separator)?;
            if let Some(name) = &parameter.name {
                write!(f, "{name}: ")?;
            }
            parameter.kind.fmt(f)?;
            separator = ", ";
        }
        if self.fixed == Some(self.parameters.len()) {
            write!(f, "{separator}...")?;
        }
        f.write_str(")")
    }
}

impl Signature {
    /// Reads `RESULT(PARAMETER, …)`. What is wrong is said with the column where it stands.
    pub(crate) fn parse(text: &str) -> Result<Signature, String> {
        let mut words = Words { text, at: 0 };
        let result = words.kind()?;
        if let Type::Bytes | Type::Buffer(..) = result {
            return Err(format!("`{result}` cannot be returned: give `ptr`"));
        }
        words.expect("(")?;
        let (mut parameters, mut fixed) = (Vec::new(), None);
        while !words.take(")") {
            if !parameters.is_empty() || fixed.is_some() {
                words.expect(",")?;
            }
            if words.take("...") {
                if fixed.is_some() {
                    return Err(words.wrong("`...` stands once"));
                }
                fixed = Some(parameters.len());
                continue;
            }
            let mut name = None;
            let before = words.at;
            if let Some(word) = words.word() {
                if words.take(":") {
                    name = Some(word.to_owned());
                } else {
                    words.at = before;
                }
            }
            let kind = words.kind()?;
            if kind == Type::Void {
                // C's way to say that there are none.
                if parameters.is_empty() && name.is_none() && words.take(")") {
                    break;
                }
                return Err(words.wrong("`void` is no parameter"));
            }
            parameters.push(Parameter { name, kind });
        }
        words.space();
        if words.at != text.len() {
            return Err(words.wrong("nothing may follow"));
        }
        Ok(Signature { result, parameters, fixed })
    }
}

/// The words of a signature.
struct Words<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Words<'t> {
    fn space(&mut self) {
        self.at = self.text.len() - self.text[self.at..].trim_start().len();
    }

    fn take(&mut self, what: &str) -> bool {
        self.space();
        let found = self.text[self.at..].starts_with(what);
        self.at += if found { what.len() } else { 0 };
        found
    }

    fn expect(&mut self, what: &str) -> Result<(), String> {
        if self.take(what) { Ok(()) } else { Err(self.wrong(&format!("`{what}` is expected"))) }
    }

    fn word(&mut self) -> Option<&'t str> {
        self.space();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        (end > 0).then(|| &rest[..end])
    }

    fn wrong(&self, what: &str) -> String {
        format!("{what} at column {} of `{}`", self.text[..self.at].chars().count() + 1, self.text)
    }

    fn kind(&mut self) -> Result<Type, String> {
        self.space();
        let start = self.at;
        if self.take("[") {
            let element = match self.kind()? {
                Type::Scalar(scalar) => scalar,
                other => return Err(format!("a buffer of `{other}` cannot be had")),
            };
            self.expect(";")?;
            let count = self.word().and_then(|word| word.parse::<usize>().ok());
            let Some(count) = count else { return Err(self.wrong("the number of elements is expected")) };
            if count.checked_mul(element.size()).is_none_or(|bytes| bytes > MAX_BUFFER) {
                return Err(self.wrong("a buffer has 1 GiB at most"));
            }
            self.expect("]")?;
            return Ok(Type::Buffer(element, count));
        }
        let word = self.word().unwrap_or_default();
        match word {
            "void" => Ok(Type::Void),
            "str" => Ok(Type::Str),
            "bytes" => Ok(Type::Bytes),
            "struct" | "union" => {
                Err(format!("a {word} by value is not passed: write a function in C that takes a pointer to it"))
            }
            _ => Scalar::parse(word).map(Type::Scalar).ok_or_else(|| {
                self.at = start;
                let names: Vec<&str> = SCALARS.iter().map(|(name, _)| *name).collect();
                self.wrong(&format!("a type is expected (void, {}, str, bytes, [u8; 64])", names.join(", ")))
            }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn written_as_read() {
        for text in [
            "i64(i64, i64)",
            "void()",
            "f32(f64, bool, ptr, u8)",
            "str(str, bytes)",
            "i32(out: [u8; 64], n: u64)",
            "i32(str, ..., i32, f64)",
            "i32(str, ...)",
            "i32(..., i32)",
        ] {
            assert_eq!(Signature::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Signature::parse(" i64 ( a :i64,b: [ f32;2 ] ) ").unwrap().to_string(), "i64(a: i64, b: [f32; 2])");
        assert_eq!(Signature::parse("void(void)").unwrap().to_string(), "void()");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, said) in [
            (
                "",
                "a type is expected (void, bool, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, ptr, str, bytes, [u8; 64]) at column 1 of ``",
            ),
            ("i64", "`(` is expected at column 4 of `i64`"),
            ("i64(i64", "`,` is expected at column 8 of `i64(i64`"),
            ("i64(i64) x", "nothing may follow at column 10 of `i64(i64) x`"),
            ("i64(void, i64)", "`void` is no parameter at column 9 of `i64(void, i64)`"),
            ("i64(..., ...)", "`...` stands once at column 13 of `i64(..., ...)`"),
            ("bytes()", "`bytes` cannot be returned: give `ptr`"),
            ("i64([u8; x])", "the number of elements is expected at column 11 of `i64([u8; x])`"),
            ("i64([u8; 2000000000])", "a buffer has 1 GiB at most at column 20 of `i64([u8; 2000000000])`"),
            ("i64(struct p)", "a struct by value is not passed: write a function in C that takes a pointer to it"),
        ] {
            assert_eq!(Signature::parse(text).unwrap_err(), said);
        }
        assert!(Signature::parse("i64(i128)").unwrap_err().ends_with("at column 5 of `i64(i128)`"));
    }
}

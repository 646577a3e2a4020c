//! The one error type: opaque, with a cause chain, and always *where*.

use std::error::Error as StdError;
use std::fmt;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed: where (input, section, offset, symbol), what, and what to do next.
///
/// `Display` is one line for one problem: `hello.o: .text+0x8: …`; several undefined symbols are a line each. What to do
/// next is [`next_step`](Error::next_step), apart from it, so that a program can show it its own way. The underlying error, where
/// there is one, is its [`source`](StdError::source).
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    input: Option<String>,
    section: Option<String>,
    offset: Option<u64>,
    symbol: Option<String>,
    message: String,
    help: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// The input breaks its format's rules.
    Malformed,
    /// The input asks for what Kiln does not do.
    Unsupported,
    /// A symbol has no definition, or the asked one does not exist.
    Undefined,
    /// A symbol has two definitions.
    Duplicate,
    /// A value does not fit where a relocation wants it.
    Range,
    /// No assembler, or it refused.
    Assembler,
    /// The operating system refused.
    System,
    /// What the process is allowed does not suffice.
    NotAllowed,
}

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            input: None,
            section: None,
            offset: None,
            symbol: None,
            message: message.into(),
            help: None,
            source: None,
        }))
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Error {
        Error::new(Kind::Malformed, message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Error {
        Error::new(Kind::Unsupported, message)
    }

    pub(crate) fn undefined(message: impl Into<String>) -> Error {
        Error::new(Kind::Undefined, message)
    }

    pub(crate) fn duplicate(message: impl Into<String>) -> Error {
        Error::new(Kind::Duplicate, message)
    }

    pub(crate) fn range(message: impl Into<String>) -> Error {
        Error::new(Kind::Range, message)
    }

    pub(crate) fn assembler(message: impl Into<String>) -> Error {
        Error::new(Kind::Assembler, message)
    }

    pub(crate) fn not_allowed(message: impl Into<String>) -> Error {
        Error::new(Kind::NotAllowed, message)
    }

    /// A call of the operating system that failed: what was tried, and why not.
    pub(crate) fn system(tried: impl Into<String>, source: std::io::Error) -> Error {
        Error::new(Kind::System, tried).caused_by(source)
    }

    pub(crate) fn input(mut self, name: impl Into<String>) -> Error {
        self.0.input.get_or_insert(name.into());
        self
    }

    pub(crate) fn section(mut self, name: impl Into<String>) -> Error {
        self.0.section.get_or_insert(name.into());
        self
    }

    pub(crate) fn offset(mut self, offset: u64) -> Error {
        self.0.offset.get_or_insert(offset);
        self
    }

    pub(crate) fn symbol(mut self, name: impl Into<String>) -> Error {
        self.0.symbol.get_or_insert(name.into());
        self
    }

    pub(crate) fn help(mut self, next: impl Into<String>) -> Error {
        self.0.help.get_or_insert(next.into());
        self
    }

    pub(crate) fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Error {
        self.0.source = Some(Box::new(source));
        self
    }

    /// What to do next, if there is a next step that depends on this error alone: a sentence without a full stop.
    #[must_use]
    pub fn next_step(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The input (a file's name, usually) that the error is about.
    #[must_use]
    pub fn input_name(&self) -> Option<&str> {
        self.0.input.as_deref()
    }

    /// The section that the error is about.
    #[must_use]
    pub fn section_name(&self) -> Option<&str> {
        self.0.section.as_deref()
    }

    /// The offset in bytes, into the section if there is one, else into the input.
    #[must_use]
    pub fn byte_offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The symbol that the error is about.
    #[must_use]
    pub fn symbol_name(&self) -> Option<&str> {
        self.0.symbol.as_deref()
    }

    /// The input breaks the rules of its format.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.0.kind == Kind::Malformed
    }

    /// The input is well formed, or may be, but asks for what Kiln does not do.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.0.kind == Kind::Unsupported
    }

    /// A symbol is defined nowhere.
    #[must_use]
    pub fn is_undefined(&self) -> bool {
        self.0.kind == Kind::Undefined
    }

    /// A symbol is defined twice.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.0.kind == Kind::Duplicate
    }

    /// A distance or an address does not fit into the field that a relocation names.
    #[must_use]
    pub fn is_out_of_range(&self) -> bool {
        self.0.kind == Kind::Range
    }

    /// There is no assembler for the target, or it refused the text.
    #[must_use]
    pub fn is_assembler(&self) -> bool {
        self.0.kind == Kind::Assembler
    }

    /// The operating system refused a call.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.0.kind == Kind::System
    }

    /// This process is not allowed what the operation needs; see [`Situation`](crate::Situation).
    #[must_use]
    pub fn is_not_allowed(&self) -> bool {
        self.0.kind == Kind::NotAllowed
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { input, section, offset, symbol, message, source, .. } = &*self.0;
        if let Some(input) = input {
            write!(f, "{input}: ")?;
        }
        match (section, offset) {
            (Some(section), Some(offset)) => write!(f, "{section}+{offset:#x}: ")?,
            (Some(section), None) => write!(f, "{section}: ")?,
            (None, Some(offset)) => write!(f, "offset {offset:#x}: ")?,
            (None, None) => {}
        }
        if let Some(symbol) = symbol {
            write!(f, "`{symbol}`: ")?;
        }
        f.write_str(message)?;
        if let Some(source) = source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)?;
        if let Some(help) = self.next_step() {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

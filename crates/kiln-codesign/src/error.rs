//! The one error type.

use std::fmt;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a file or a property list was refused: what, where, and what to do next where that is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    offset: Option<u64>,
    message: String,
    next: Option<String>,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Error {
        Error { offset: None, message: message.into(), next: None }
    }

    /// About the bytes at an offset, in bytes, from the start of the slice (of a file that is not universal: of the file).
    pub(crate) fn at(mut self, offset: usize) -> Error {
        self.offset.get_or_insert(offset as u64);
        self
    }

    pub(crate) fn next(mut self, next: impl Into<String>) -> Error {
        self.next.get_or_insert(next.into());
        self
    }

    /// Says what the error is about, in front of the message.
    pub(crate) fn about(mut self, what: impl fmt::Display) -> Error {
        self.message = match self.offset.take() {
            Some(offset) => format!("{what}: offset {offset:#x}: {}", self.message),
            None => format!("{what}: {}", self.message),
        };
        self
    }

    /// What to do next, if that depends on this error alone: a sentence without a full stop.
    #[must_use]
    pub fn next_step(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.offset {
            write!(f, "offset {offset:#x}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        match &self.next {
            Some(next) => write!(f, " ({next})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

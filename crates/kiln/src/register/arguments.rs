//! The arguments of the program that a module is, or is a part of.

use std::ffi::{CString, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

use crate::error::{Error, Result};

/// Arguments as C has them.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    /// What the pointers point to, which moving does not move.
    strings: Vec<CString>,
    /// Addresses of the strings, and 0.
    pointers: Vec<usize>,
}

impl Arguments {
    /// # Errors
    ///
    /// A word holds a NUL byte, or there are too many.
    pub(crate) fn new<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Result<Arguments> {
        let mut strings = Vec::new();
        for word in words {
            let string = CString::new(word.as_ref().as_bytes());
            strings.push(string.map_err(|_| Error::malformed("an argument holds a NUL byte"))?);
        }
        if c_int::try_from(strings.len()).is_err() {
            return Err(Error::unsupported("there are too many arguments"));
        }
        Ok(Arguments::of(strings))
    }

    /// Those of this process.
    pub(crate) fn of_this_process() -> Arguments {
        Arguments::of(std::env::args_os().filter_map(|word| CString::new(word.as_bytes()).ok()).collect())
    }

    fn of(strings: Vec<CString>) -> Arguments {
        let pointers = strings.iter().map(|string| string.as_ptr() as usize).chain([0]).collect();
        Arguments { strings, pointers }
    }

    /// `argc` and `argv`. They live as long as `self`.
    pub(crate) fn as_c(&self) -> (c_int, *const *const c_char) {
        (self.strings.len() as c_int, self.pointers.as_ptr().cast())
    }
}

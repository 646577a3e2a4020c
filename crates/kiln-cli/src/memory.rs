//! Memory that may not be there, read without a fault.
#![allow(unsafe_code)] // The kernel is given addresses that nobody vouches for, and says if they are bad.

/// What can be read of the `len` bytes at `address`. A signal handler may ask, if it may allocate.
pub(crate) fn read(address: u64, len: usize) -> Vec<u8> {
    let mut pipe = [-1; 2];
    // SAFETY: the two numbers are written to an array that lives.
    if unsafe { libc::pipe(pipe.as_mut_ptr()) } != 0 {
        return Vec::new();
    }
    let [reads, writes] = pipe;
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let at = address.wrapping_add(bytes.len() as u64);
        // To the end of the page at most, so that one that is not there hides nothing in front of it; and no more than a
        // pipe holds.
        let chunk = (len - bytes.len()).min(4096 - (at % 4096) as usize);
        // SAFETY: the kernel reads the memory, and returns an error where that cannot be done.
        let written = unsafe { libc::write(writes, at as usize as *const libc::c_void, chunk) };
        let Some(written) = usize::try_from(written).ok().filter(|written| *written > 0) else { break };
        let start = bytes.len();
        bytes.resize(start + written, 0);
        // SAFETY: room for as many bytes as were written.
        let got = unsafe { libc::read(reads, bytes[start..].as_mut_ptr().cast(), written) };
        if got != written as isize {
            bytes.truncate(start);
            break;
        }
    }
    for end in pipe {
        // SAFETY: made above, and not used any more.
        unsafe { libc::close(end) };
    }
    bytes
}

/// The longest text that is printed, in bytes.
const MAX_TEXT: usize = 1 << 20;

/// The text at `address`, up to its NUL. `None`: it has none within a mebibyte, or the memory ends before.
pub(crate) fn text(address: u64) -> Option<String> {
    let mut text = Vec::new();
    while text.len() < MAX_TEXT {
        let at = address.wrapping_add(text.len() as u64);
        let chunk = 4096 - (at % 4096) as usize;
        let bytes = read(at, chunk);
        match bytes.iter().position(|byte| *byte == 0) {
            Some(end) => {
                text.extend_from_slice(&bytes[..end]);
                return Some(String::from_utf8_lossy(&text).into_owned());
            }
            None if bytes.len() < chunk => return None,
            None => text.extend_from_slice(&bytes),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_read() {
        let bytes: Vec<u8> = (0..100_000u32).map(|n| n as u8 | 1).chain([0]).collect();
        let address = bytes.as_ptr() as usize as u64;
        assert_eq!(read(address, bytes.len()), bytes);
        assert_eq!(text(address).map(|text| text.is_empty()), Some(false));
        assert_eq!(text(c"words".as_ptr() as usize as u64).as_deref(), Some("words"));
        for nowhere in [0, 8, 0xffff_ffff_ffff_fff0, 0x1234_5678_1234_5678] {
            assert_eq!((read(nowhere, 16), text(nowhere)), (Vec::new(), None));
        }
    }
}

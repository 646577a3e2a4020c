//! The code of a linked file, taken out of it as flat code.

use super::{Contents, Section};
use crate::error::{Error, Result};
use crate::target::{Arch, Format};

/// From where arm64 code counts (`ADRP`), on every system.
pub(crate) const PAGE: u64 = 0x1000;

/// The bytes of a linked file's text section, behind as many zeros as put it where it was linked to stand in its page,
/// and the offset in them at which it is entered.
///
/// # Errors
///
/// The file has anything else that the text may refer to: the text alone would find other things there. It has no text,
/// or is entered elsewhere, or is for another architecture.
pub(crate) fn text_of(name: &str, bytes: &[u8], arch: Arch) -> Result<(Vec<u8>, Option<usize>)> {
    let contents = Contents::read(name, bytes, arch)?;
    let found = contents.target().arch();
    if found != arch {
        return Err(Error::unsupported(format!("the code is for {found}, and {arch} is wanted"))
            .help(format!("build it for {arch}"))
            .input(name));
    }
    alone(&contents).map_err(|error| error.input(name))
}

fn alone(contents: &Contents<'_>) -> Result<(Vec<u8>, Option<usize>)> {
    let Some(text) = contents.text() else {
        return Err(Error::unsupported("the linked file has no text section, or several executable ones")
            .help("give the object files that it was linked from"));
    };
    let is_text = |section: &Section<'_>| (section.address, &section.name) == (text.address, &text.name);
    let others: Vec<&str> = (contents.sections().iter())
        .filter(|section| section.loaded && !is_text(section))
        .map(|section| &*section.name)
        .collect();
    if !others.is_empty() {
        return Err(Error::unsupported(format!(
            "the text of this linked file cannot be taken out alone: it may refer to {}{}",
            others[..others.len().min(4)].join(", "),
            if others.len() > 4 { format!(" and {} other sections", others.len() - 4) } else { String::new() }
        ))
        .help("give the object files that it was linked from"));
    }
    let entry = match contents.entry() {
        None => None,
        Some(entry) => match entry.checked_sub(text.address).filter(|offset| *offset < text.data.len() as u64) {
            Some(offset) => Some(offset as usize),
            None => {
                return Err(Error::unsupported(format!("the file is entered at {entry:#x}, outside its text"))
                    .section(&text.name));
            }
        },
    };
    if contents.target().format() == Format::Coff {
        return Err(Error::unsupported("linked Windows files are not run")
            .help("give the object files that it was linked from"));
    }
    let before = (text.address % PAGE) as usize;
    let mut code = vec![0; before];
    code.extend_from_slice(text.data);
    Ok((code, entry.map(|entry| before + entry)))
}

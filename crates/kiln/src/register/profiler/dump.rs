//! The dump: records of functions with their code and their lines, and with times, so that perf tells what stood at an address
//! one after the other (linux: tools/perf/Documentation/jitdump-specification.txt).
#![allow(unsafe_code)] // Reads the code that it was given.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::map::one_line;
use super::{Lines, Named, options};
use crate::register::bytes::Bytes;
use crate::register::sys;

const MAGIC: u32 = 0x4a69_5444;
const VERSION: u32 = 1;
const HEADER: u32 = 40;

const CODE_LOAD: u32 = 0;
const CODE_DEBUG_INFO: u32 = 2;
const CODE_CLOSE: u32 = 3;

/// The name by which it is known, in a folder that the user says.
pub(super) fn path(folder: &Path, process: u32) -> PathBuf {
    folder.join(format!("jit-{process}.dump"))
}

#[derive(Debug)]
pub(super) struct Dump {
    file: File,
    /// How many functions were written.
    count: u64,
    #[allow(dead_code, reason = "held: where profilers learn of the file")]
    marker: sys::Marker,
}

impl Dump {
    /// Makes the file, and tells profilers of it.
    pub(super) fn open(path: &Path, machine: u16) -> io::Result<Dump> {
        let mut file = options().read(true).write(true).truncate(true).open(path)?;
        let mut header = Bytes(Vec::with_capacity(HEADER as usize));
        for word in [MAGIC, VERSION, HEADER, u32::from(machine), 0, std::process::id()] {
            header.u32(word);
        }
        // The time, and no flags: it is not the processor's own.
        header.u64s(&[sys::profilers_clock(), 0]);
        file.write_all(&header.0)?;
        let marker = sys::Marker::new(&file)?;
        Ok(Dump { file, count: 0, marker })
    }

    /// Adds functions, in one step.
    ///
    /// # Safety
    ///
    /// The functions' code can be read.
    pub(super) unsafe fn write(&mut self, functions: &[Named], lines: &Lines) -> io::Result<()> {
        let mut records = Bytes(Vec::new());
        let (process, thread) = (std::process::id(), sys::thread_number());
        let mut count = self.count;
        for Named { name, address, size } in functions {
            let (start, end) = (*address as u64, (*address + *size) as u64);
            let behind = |address: u64| lines.partition_point(|(line, ..)| *line < address);
            let lines = &lines[behind(start)..behind(end)];
            if !lines.is_empty() {
                // In front of the function that they are of.
                let mut entries = Bytes(Vec::new());
                for (address, file, line) in lines {
                    entries.u64s(&[*address]);
                    entries.u32(*line);
                    entries.u32(0);
                    entries.put(one_line(file).as_bytes());
                    entries.put(&[0]);
                }
                prefix(&mut records, CODE_DEBUG_INFO, 16 + entries.0.len());
                records.u64s(&[start, lines.len() as u64]);
                records.put(&entries.0);
            }
            // SAFETY: by the caller's word.
            let code = unsafe { std::slice::from_raw_parts(*address as *const u8, *size) };
            let name = one_line(name);
            prefix(&mut records, CODE_LOAD, 40 + name.len() + 1 + code.len());
            records.u32(process);
            records.u32(thread);
            records.u64s(&[start, start, *size as u64, count]);
            records.put(name.as_bytes());
            records.put(&[0]);
            records.put(code);
            count += 1;
        }
        self.file.write_all(&records.0)?;
        self.count = count;
        Ok(())
    }

    /// Says that nothing follows.
    pub(super) fn close(mut self) {
        let mut record = Bytes(Vec::new());
        prefix(&mut record, CODE_CLOSE, 0);
        // At the end of the process, nobody could be told.
        let _ = self.file.write_all(&record.0);
    }
}

/// What every record begins with.
fn prefix(records: &mut Bytes, kind: u32, size: usize) {
    records.u32(kind);
    records.u32(16 + size as u32);
    records.u64s(&[sys::profilers_clock()]);
}

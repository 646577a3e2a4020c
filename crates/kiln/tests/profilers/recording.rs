//! A recording of perf's, made here: a process maps its dump, and is seen at some addresses afterwards.
//!
//! Source: linux: tools/perf/Documentation/perf.data-file-format.txt, include/uapi/linux/perf_event.h.

use std::path::Path;

const MMAP: u32 = 1;
const COMM: u32 = 3;
const SAMPLE: u32 = 9;
/// In the program, not in the kernel.
const USER: u16 = 2;

/// `process` maps `dump`, and is at each of `addresses` after the time `last`, in nanoseconds.
pub(crate) fn of(process: u32, dump: &Path, last: u64, addresses: &[u64]) -> Vec<u8> {
    let mut events = Vec::new();
    let both = u64::from(process) << 32 | u64::from(process);
    let text = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize((bytes.len() + 1).next_multiple_of(8), 0);
        bytes
    };
    let numbers = |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let mut event = |kind: u32, body: &[Vec<u8>]| {
        let body = body.concat();
        events.extend(kind.to_le_bytes());
        events.extend(USER.to_le_bytes());
        events.extend((8 + body.len() as u16).to_le_bytes());
        events.extend(body);
    };
    // What is no sample ends with process and time.
    let identity = |time: u64| numbers(&[both, time]);
    event(COMM, &[numbers(&[both]), text("made"), identity(1)]);
    event(MMAP, &[numbers(&[both, 0x1000, 0x1000, 0]), text(dump.to_str().unwrap()), identity(2)]);
    for (index, address) in (1..).zip(addresses) {
        event(SAMPLE, &[numbers(&[*address, both, last + 1000 * index])]);
    }

    const ATTRIBUTE: u64 = 112;
    const HEADER: u64 = 104;
    let data_at = HEADER + ATTRIBUTE + 16;
    let mut file = b"PERFILE2".to_vec();
    // Sizes; the places of attributes, data and event types; no features.
    file.extend(numbers(&[HEADER, ATTRIBUTE + 16, HEADER, ATTRIBUTE + 16, data_at, events.len() as u64]));
    file.extend([0; 6 * 8]);
    // An event of software, the clock; address, process and time of each sample.
    file.extend(numbers(&[ATTRIBUTE << 32 | 1, 0, 1_000_000, 1 | 2 | 4, 0]));
    // mmap, comm, sample_id_all, use_clockid
    file.extend(numbers(&[1 << 8 | 1 << 9 | 1 << 18 | 1 << 25, 0, 0, 0, 0, 0]));
    // CLOCK_MONOTONIC
    file.extend(numbers(&[1 << 32, 0, 0]));
    assert_eq!(file.len() as u64, HEADER + ATTRIBUTE);
    file.extend(numbers(&[0, 0]));
    file.extend(events);
    file
}

//! What call frame information says, by whichever linker: each function's range, its personality and its language's data, and how
//! its frames are undone.

use std::collections::BTreeMap;

use gimli::{BaseAddresses, CieOrFde, EhFrame, LittleEndian, Pointer, UnwindSection};

use crate::inputs::{Home, Input, Place};
use crate::unwind_info;
use crate::world::World;

/// A description, in the inputs' terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) length: u64,
    pub(crate) personality: Option<String>,
    pub(crate) data: Option<String>,
    /// From which offset in the function on, and by which rules.
    pub(crate) rows: Vec<(u64, String)>,
}

/// A place of an input, or an address outside, as text that sorts.
fn shown(place: &Place, inputs: &[Input]) -> String {
    match place.home {
        Home::Section(input, section) => {
            format!("{} {}+{:#x}", inputs[input].name, inputs[input].section(section).full_name, place.offset)
        }
        _ => format!("{:#x}", place.offset),
    }
}

/// All descriptions of an image, by their functions.
pub(crate) fn of(world: &World, inputs: &[Input]) -> BTreeMap<String, Frame> {
    let mut frames = BTreeMap::new();
    for (start, size) in &world.frames {
        // Blocks of a table may stand apart by their alignment.
        let table: Vec<u8> = (*start..start + size).map(|at| world.bytes(at).map_or(0, |bytes| bytes[0])).collect();
        read(world, inputs, *start, &table, &mut frames);
    }
    frames
}

/// What an image's `__unwind_info` says otherwise than these descriptions, which were made of the same tables; and of how many
/// functions it says the same.
pub(crate) fn compact(
    world: &World,
    inputs: &[Input],
    own: &BTreeMap<String, Frame>,
    x86: bool,
) -> (Vec<String>, Vec<Frame>) {
    let (mut wrong, mut same) = (Vec::new(), Vec::new());
    let Some((start, base)) = world.unwind_info else { return (wrong, same) };
    let entries = unwind_info::read(world, start, base);
    let name = |at: u64| shown(&world.identify(at), inputs);
    for (place, frame) in own {
        // Neighbours that say the same are one entry.
        let holds = |entry: &&unwind_info::Entry| {
            let begins = name(entry.function);
            begins.split('+').next() == place.split('+').next() && number(&begins) <= number(place)
        };
        let Some(entry) = entries.iter().filter(holds).max_by_key(|entry| entry.function) else {
            wrong.push(format!("{}: {place}: no entry", world.linker));
            continue;
        };
        let Some(rules) = unwind_info::rules(entry.encoding, x86) else { continue };
        let theirs = Frame {
            length: frame.length,
            personality: entry.personality.map(name),
            data: entry.data.map(name),
            rows: vec![(0, rules)],
        };
        match theirs == *frame {
            true => same.push(theirs),
            false => wrong
                .push(format!("{}: {place}: {:#010x}: {theirs:#?}, and here {frame:#?}", world.linker, entry.encoding)),
        }
    }
    (wrong, same)
}

fn number(place: &str) -> u64 {
    let (_, offset) = place.rsplit_once("+0x").unwrap();
    u64::from_str_radix(offset, 16).unwrap()
}

fn read(world: &World, inputs: &[Input], start: u64, table: &[u8], frames: &mut BTreeMap<String, Frame>) {
    let section = EhFrame::new(table, LittleEndian);
    let bases = BaseAddresses::default().set_eh_frame(start);
    let mut entries = section.entries(&bases);
    let name = |at: u64| shown(&world.identify(at), inputs);
    let pointed = |pointer: Pointer| match pointer {
        Pointer::Direct(at) => at,
        Pointer::Indirect(at) => world.word(at).unwrap_or_else(|| panic!("no word at {at:#x}")),
    };
    while let Some(entry) = entries.next().unwrap() {
        let CieOrFde::Fde(partial) = entry else { continue };
        let description = partial.parse(EhFrame::cie_from_offset).unwrap();
        let function = description.initial_address();
        // Of a function that is not there.
        if description.len() == 0 || function == 0 {
            continue;
        }
        let (mut rows, mut context) = (Vec::new(), gimli::UnwindContext::new());
        let mut undone = description.rows(&section, &bases, &mut context).unwrap();
        while let Some(row) = undone.next_row().unwrap() {
            let mut rules: Vec<String> =
                row.registers().map(|(register, rule)| format!("{}={rule:?}", register.0)).collect();
            rules.sort();
            let rules = format!("{:?} {}", row.cfa(), rules.join(" "));
            let offset = row.start_address() - function;
            if rows.last().is_none_or(|(_, last)| *last != rules) {
                rows.push((offset, rules));
            }
        }
        let frame = Frame {
            length: description.len(),
            personality: description.cie().personality().map(|pointer| name(pointed(pointer))),
            data: description.lsda().map(|pointer| name(pointed(pointer))),
            rows,
        };
        assert_eq!(frames.insert(name(function), frame), None, "{}: {} twice", world.linker, name(function));
    }
}

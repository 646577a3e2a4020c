//! LLVM's JITLink as a program. Its checker says what stands at an address: it evaluates expressions, and prints both sides of those
//! that do not hold. So none here does.

use std::collections::HashMap;
use std::fmt::Write;
use std::process::Command;

use kiln::Format;

use crate::Case;
use crate::inputs::{Input, Place};
use crate::world::{Piece, Threads, World};

/// What it calls the tables of its own that have addresses of thread-local variables.
const THREADS: [&str; 2] = ["$__TLSINFO", "$__TLSDESC"];
/// Functions of its runtime, which are not there, and somewhere.
const RUNTIME: [&str; 3] = ["__tls_get_addr", "__tlsdesc_resolver", "__tlv_bootstrap"];

/// A block of its graph.
struct Block {
    address: u64,
    size: u64,
    align: u64,
    align_offset: u64,
    zeros: bool,
    /// Names of symbols in it, and how far in.
    symbols: Vec<(String, u64, bool)>,
}

/// What it makes of the objects. The error is its own.
pub(crate) fn link(case: &Case, inputs: &[Input]) -> Result<World, String> {
    let prefix = if case.target.format() == Format::MachO { "_" } else { "" };
    let entry = &*format!("{prefix}{}", case.entry);
    let graphs = run(case, entry, &["-show-graphs=.*"])?;
    let mut world = World::new("llvm-jitlink-22");
    let mut blocks = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        let header = format!("LinkGraph \"{}\"", input.name);
        let text = graphs.split("\nLink graph ").map(|text| text.split_once('\n').map_or("", |(_, rest)| rest));
        let Some(text) = text.into_iter().find(|text| text.starts_with(&header)) else {
            return Err(format!("{}: no graph", input.name));
        };
        for (name, own) in sections(text) {
            if own.is_empty() {
                continue;
            }
            for (symbol, offset, is_local) in own.iter().flat_map(|block| {
                block.symbols.iter().map(move |(name, offset, local)| (name, block.address + offset, *local))
            }) {
                if symbol == "_GLOBAL_OFFSET_TABLE_" {
                    world.got = Some(offset);
                } else if !is_local {
                    world.symbols.insert(symbol.clone(), offset);
                }
            }
            if THREADS.contains(&name) || name.ends_with("__thread_vars") {
                world.threads = Some(Threads::Image);
            }
            if let Some(section) = input.sections.iter().find(|section| section.full_name == name) {
                world.pieces.insert((number, section.index), pieces(number, section.index, inputs, &own));
            }
            if name.ends_with("eh_frame")
                && let (Some(first), Some(last)) = (own.first(), own.last())
            {
                world.frames.push((first.address, last.address + last.size - first.address));
            }
            if name.ends_with("__unwind_info") {
                // The header that it makes stands first.
                world.unwind_info = own.first().map(|table| (table.address, case.base));
            }
            // What has no place in memory has small addresses.
            blocks.extend(own.into_iter().filter(|block| block.address >= case.base));
        }
    }
    world.memory = memory(case, entry, &world, &blocks)?;
    literals(&world, inputs);
    Ok(world.complete())
}

fn run(case: &Case, entry: &str, options: &[&str]) -> Result<String, String> {
    // It does not always end when it fails.
    let mut command = Command::new("timeout");
    command.args(["60", "llvm-jitlink-22", "-noexec", "-slab-allocate=4Mb", "-slab-page-size=4096"]);
    command.args([&format!("-slab-address={:#x}", case.base), "-entry", entry]).args(options);
    let outside = case.outside();
    command.args(outside.iter().map(|(name, address)| format!("-abs={name}={address:#x}")));
    let is_known = |name: &&&str| !outside.iter().any(|(known, _)| known == **name);
    command.args(RUNTIME.iter().filter(is_known).map(|name| format!("-abs={name}={:#x}", case.base + (48 << 20))));
    command.args(case.objects.iter().map(|(name, _)| name));
    case.run(&mut command)
}

/// The sections of a graph that is printed.
fn sections(text: &str) -> Vec<(&str, Vec<Block>)> {
    let mut found: Vec<(&str, Vec<Block>)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("section ") {
            found.push((name.trim_end_matches(':'), Vec::new()));
        } else if line.starts_with("Absolute symbols") || line.starts_with("External symbols") {
            break;
        }
        let Some((_, blocks)) = found.last_mut() else { continue };
        if let Some(block) = line.strip_prefix("  block ") {
            let number = |key: &str| {
                let rest = block.split_once(key).map_or("", |(_, rest)| rest);
                number(rest.split(',').next().unwrap_or_default())
            };
            blocks.push(Block {
                address: self::number(block.split(' ').next().unwrap()),
                size: number("size = "),
                align: number(", align = "),
                align_offset: number("alignment-offset = "),
                zeros: block.ends_with("zero-fill"),
                symbols: Vec::new(),
            });
        } else if let (Some((_, rest)), Some(block)) = (line.split_once(" (block + "), blocks.last_mut())
            && let (Some((offset, rest)), true) = (rest.split_once("): size"), line.contains("linkage: "))
        {
            let name = rest.rsplit_once("-   ").map_or("", |(_, name)| name);
            block.symbols.push((name.to_owned(), number(offset), rest.contains("scope: local")));
        }
    }
    found
}

fn number(text: &str) -> u64 {
    let text = text.trim();
    text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u64::from_str_radix(hex, 16)).unwrap()
}

/// Which parts of the section the blocks are: by the symbols in them, else one behind the other.
fn pieces(input: usize, section: usize, inputs: &[Input], blocks: &[Block]) -> Vec<Piece> {
    let (mut pieces, mut next) = (Vec::new(), 0u64);
    let offsets: HashMap<&str, u64> = (inputs[input].symbols.iter())
        .filter_map(|symbol| match &symbol.place {
            Some(Place { home: crate::inputs::Home::Section(_, home), offset }) if *home == section => {
                Some((&*symbol.name, *offset as u64))
            }
            _ => None,
        })
        .collect();
    for block in blocks {
        let known = block.symbols.iter().find_map(|(name, at, _)| Some(offsets.get(&**name)?.wrapping_sub(*at)));
        let behind = next + (block.align_offset.wrapping_sub(next) & (block.align.max(1) - 1));
        let offset = known.unwrap_or(behind);
        pieces.push(Piece { offset, size: block.size, address: block.address });
        next = offset + block.size;
    }
    pieces.sort_by_key(|piece| piece.offset);
    pieces
}

/// That blocks without names are the parts that they were taken for, where it can be seen: in strings.
fn literals(world: &World, inputs: &[Input]) {
    for ((input, section), pieces) in &world.pieces {
        let section = inputs[*input].section(*section);
        for piece in pieces.iter().filter(|_| section.name == "__cstring") {
            let own = &section.data[piece.offset as usize..][..piece.size as usize];
            assert_eq!(Some(own), world.bytes(piece.address).map(|bytes| &bytes[..own.len()]), "{}", section.name);
        }
    }
}

/// Reads all blocks. A place is said by its distance from a symbol, by which the checker finds its own copy.
fn memory(case: &Case, entry: &str, world: &World, blocks: &[Block]) -> Result<Vec<(u64, Vec<u8>)>, String> {
    let anchor = *world.symbols.get(entry).ok_or_else(|| format!("`{entry}` is nowhere"))?;
    // A word that is 1 says nothing, since that is what it is compared with.
    let mut words: HashMap<u64, u64> = HashMap::new();
    let mut text = String::new();
    for block in blocks.iter().filter(|block| !block.zeros) {
        for at in (block.address & !7..block.address + block.size).step_by(8) {
            if words.insert(at, 1).is_none() {
                let distance = at.wrapping_sub(anchor);
                writeln!(text, "# jitlink-check: *{{8}}({entry} + {distance:#x}) = 0x1").unwrap();
            }
        }
    }
    std::fs::write(case.folder.join("checks"), text).unwrap();
    let said = match run(case, entry, &["-check=checks"]) {
        Ok(text) | Err(text) => text,
    };
    for line in said.lines() {
        let read = line.strip_prefix("Expression '*{8}(").and_then(|rest| {
            let (distance, rest) = rest.split_once(" + ")?.1.split_once(") = 0x1' is false: ")?;
            Some((number(distance), number(rest.strip_suffix(" != 0x1")?)))
        });
        match read {
            Some((distance, word)) => *words.get_mut(&anchor.wrapping_add(distance)).unwrap() = word,
            None if line.ends_with("Some checks in checks failed") => {}
            None => return Err(said),
        }
    }
    let mut memory = Vec::new();
    for block in blocks {
        let mut bytes = Vec::new();
        for at in (block.address & !7..block.address + block.size).step_by(8) {
            bytes.extend(words.get(&at).filter(|_| !block.zeros).copied().unwrap_or_default().to_le_bytes());
        }
        bytes.drain(..(block.address & 7) as usize);
        bytes.truncate(block.size as usize);
        memory.push((block.address, bytes));
    }
    Ok(memory)
}

/// Whether it says that it does not do such things at all.
pub(crate) fn refuses(error: &str) -> bool {
    error.contains("nsupported")
}

//! Names for where sections begin and end, which no input defines: the linker does.

use std::collections::HashMap;

use super::{LinkGraph, Name, Permission, Place, Role, SectionId, Symbol};
use crate::target::Format;

/// What lies between two such names.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) sections: Vec<SectionId>,
    /// Whether nothing else may stand between them: they are read as one array.
    pub(crate) contiguous: bool,
    /// A segment in place of sections, and whether with the zeros at its end.
    pub(crate) segment: Option<(Permission, bool)>,
    /// Whether the room for common symbols is a part: ld64 makes `__DATA,__common` of them.
    pub(crate) commons: bool,
}

/// All that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    pub(crate) list: Vec<Bound>,
    known: HashMap<Vec<u8>, u32>,
}

/// What a name bounds: which sections, and whether they must stand together.
enum Wanted<'n> {
    /// ELF's `__start_NAME` and `__stop_NAME`, for names that C can write (GNU ld, "Input Section Example").
    Elf(&'n [u8]),
    /// Mach-O's `section$start$SEGMENT$SECTION` and `segment$start$SEGMENT` (ld64, `resolveUndefines`).
    MachO { segment: &'n [u8], section: Option<&'n [u8]> },
    /// ELF's names for the ends of what is loaded (GNU ld, "Source Code Reference"; *end(3)*).
    Segment(Permission, bool),
}

impl Bounds {
    /// Whether the host may mean something else by a name of this form, which is not reserved.
    pub(super) fn gives_way(graph: &LinkGraph<'_>, symbol: &Symbol) -> bool {
        matches!(graph.symbol_key(symbol).bytes, b"end" | b"edata" | b"etext") && is_elf(graph, symbol.input)
    }

    /// The place that a name means by its form. `None`: it is an ordinary name.
    pub(crate) fn place(&mut self, graph: &LinkGraph<'_>, live: &[bool], symbol: &Symbol) -> Option<Place> {
        let name = graph.symbol_key(symbol);
        let (wanted, end) = end_of_segment(name).filter(|_| is_elf(graph, symbol.input)).or_else(|| parse(name))?;
        let key: Vec<u8> = match &wanted {
            Wanted::Elf(section) => section.to_vec(),
            Wanted::MachO { segment, section } => [segment, &b","[..], section.unwrap_or_default()].concat(),
            Wanted::Segment(permission, zeros) => format!("{permission},{zeros}").into_bytes(),
        };
        if let Some(&index) = self.known.get(&key) {
            return Some(Place::Bound { index, end });
        }
        let sections: Vec<SectionId> = (0u32..)
            .zip(&graph.sections)
            .filter(|(index, section)| {
                let format = graph.inputs[section.input as usize].format;
                let name = graph.bytes(section.input, section.name);
                live[*index as usize]
                    && match wanted {
                        Wanted::Elf(wanted) => format == Some(Format::Elf) && name == wanted,
                        Wanted::MachO { segment, section: wanted } => {
                            format == Some(Format::MachO)
                                && graph.bytes(section.input, section.segment) == segment
                                && wanted.is_none_or(|wanted| wanted == name)
                        }
                        Wanted::Segment(..) => false,
                    }
            })
            .map(|(index, _)| SectionId(index))
            .collect();
        // In ELF the name is then like any other; Mach-O's linker makes an empty section.
        if sections.is_empty() && matches!(wanted, Wanted::Elf(_)) {
            return None;
        }
        let index = self.list.len() as u32;
        self.known.insert(key, index);
        let contiguous = !matches!(wanted, Wanted::MachO { section: None, .. } | Wanted::Segment(..));
        let segment = match wanted {
            Wanted::Segment(permission, zeros) => Some((permission, zeros)),
            Wanted::Elf(_) | Wanted::MachO { .. } => None,
        };
        let commons = match wanted {
            Wanted::MachO { segment, section } => {
                segment == b"__DATA" && section.is_none_or(|name| name == b"__common")
            }
            Wanted::Elf(_) | Wanted::Segment(..) => false,
        };
        self.list.push(Bound { sections, contiguous, segment, commons });
        Some(Place::Bound { index, end })
    }
}

fn is_elf(graph: &LinkGraph<'_>, input: u32) -> bool {
    graph.inputs[input as usize].format == Some(Format::Elf)
}

fn end_of_segment(name: Name<'_>) -> Option<(Wanted<'static>, bool)> {
    let (permission, zeros, end) = match name.bytes {
        b"__executable_start" => (Permission::Text, true, false),
        b"_etext" | b"__etext" | b"etext" => (Permission::Text, true, true),
        b"_edata" | b"edata" | b"__bss_start" => (Permission::Data, false, true),
        b"_end" | b"end" => (Permission::Data, true, true),
        _ => return None,
    };
    Some((Wanted::Segment(permission, zeros), end))
}

fn parse(name: Name<'_>) -> Option<(Wanted<'_>, bool)> {
    let Name { raw, bytes } = name;
    if !raw {
        let start = bytes.strip_prefix(b"__start_").map(|rest| (rest, false));
        let (rest, end) = start.or_else(|| bytes.strip_prefix(b"__stop_").map(|rest| (rest, true)))?;
        let identifier = |rest: &[u8]| {
            rest.first().is_some_and(|first| !first.is_ascii_digit())
                && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        return identifier(rest).then_some((Wanted::Elf(rest), end));
    }
    let mut words = bytes.split(|byte| *byte == b'$');
    let (what, side, segment, section) = (words.next()?, words.next()?, words.next()?, words.next());
    let end = match side {
        b"start" => false,
        b"end" => true,
        _ => return None,
    };
    match (what, section, words.next()) {
        (b"section", Some(_), None) => Some((Wanted::MachO { segment, section }, end)),
        (b"segment", None, None) => Some((Wanted::MachO { segment, section: None }, end)),
        _ => None,
    }
}

/// The sections of the image in the order in which they stand in their segments: first those that must stand together,
/// then what the inputs hold, then zeros, and last what may be far away. And, of these, those with call frame information.
pub(super) fn order(graph: &LinkGraph<'_>, live: &[bool], bounds: &Bounds) -> (Vec<SectionId>, Vec<SectionId>) {
    let together = bounds.list.iter().filter(|bound| bound.contiguous);
    let mut order: Vec<SectionId> = Vec::with_capacity(graph.sections.len());
    order.extend(together.flat_map(|bound| &bound.sections));
    order.extend(graph.apart(Role::FunctionTable).filter(|id| live[id.0 as usize]));
    let mut placed: Vec<SectionId> = order.clone();
    placed.sort_unstable();
    let is_frames = |id: &SectionId| graph.section(*id).role == Role::Unwind;
    let mut frames: Vec<SectionId> = order.iter().copied().filter(is_frames).collect();
    // What comes behind the inputs' contents, each with its call frame information.
    let mut behind: [(Vec<SectionId>, Vec<SectionId>); 3] = Default::default();
    for (index, section) in (0u32..).zip(&graph.sections) {
        let id = SectionId(index);
        if !live[index as usize] || !placed.is_empty() && placed.binary_search(&id).is_ok() {
            continue;
        }
        let (order, frames) = match (section.large, section.data.is_none()) {
            (false, false) => (&mut order, &mut frames),
            (large, zeros) => {
                let (order, frames) = &mut behind[2 * usize::from(large) + usize::from(zeros) - 1];
                (order, frames)
            }
        };
        order.push(id);
        if section.role == Role::Unwind {
            frames.push(id);
        }
    }
    for (sections, of_frames) in behind {
        order.extend(sections);
        frames.extend(of_frames);
    }
    (order, frames)
}

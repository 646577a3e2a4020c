//! COMDAT groups: of sections that several inputs carry, one copy is in the image.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use super::{LinkGraph, Name, Role, Section, SectionId, Span};
use crate::error::{Error, Result};

/// Sections that are in the image together or not at all (*System V ABI*, "Section Groups"; *PE Format*, "COMDAT
/// Sections").
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) input: u32,
    /// What groups of different inputs are compared by.
    pub(crate) name: Span,
    pub(crate) rule: Rule,
    /// Into [`LinkGraph::members`].
    pub(crate) members: Range<u32>,
}

/// Which of several groups of one name counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// The first.
    First,
    /// There must be one alone.
    Only,
    /// The first, and the others must be as large.
    SameSize,
    /// The first, and the others must hold the same bytes.
    SameContents,
    /// The largest.
    Largest,
}

/// By [`SectionId`]: whether the section is in the image.
///
/// # Errors
///
/// Groups of one name that their rule does not allow beside each other.
pub(crate) fn live_sections(graph: &LinkGraph<'_>) -> Result<Vec<bool>> {
    let mut live = vec![true; graph.sections.len()];
    if graph.partial {
        live = graph.sections.iter().map(|section| section.live).collect();
    }
    let mut kept: HashMap<Name<'_>, &Group> = HashMap::with_capacity(graph.groups.len());
    for group in &graph.groups {
        let members = graph.members(group);
        if !members.iter().any(|member| live[member.0 as usize]) {
            continue;
        }
        let name = Name { raw: false, bytes: graph.bytes(group.input, group.name) };
        let loser = match kept.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(group);
                continue;
            }
            Entry::Occupied(mut entry) => {
                if second_counts(graph, entry.get(), group)? {
                    entry.insert(group)
                } else {
                    group
                }
            }
        };
        for member in graph.members(loser) {
            live[member.0 as usize] = false;
        }
    }
    // A section that goes with a discarded one goes too, and those that go with it.
    loop {
        let mut changed = false;
        for (follower, leader) in &graph.follows {
            if live[follower.0 as usize] && !live[leader.0 as usize] {
                live[follower.0 as usize] = false;
                changed = true;
            }
        }
        if !changed {
            return Ok(live);
        }
    }
}

fn second_counts(graph: &LinkGraph<'_>, first: &Group, second: &Group) -> Result<bool> {
    let leader = |group: &Group| graph.members(group).first().map(|id| graph.section(*id));
    let size = |group: &Group| leader(group).map_or(0, |section| section.size);
    let contents = |group: &Group| {
        let section = leader(group)?;
        section.data.map(|data| graph.bytes(section.input, data))
    };
    let problem = match second.rule {
        Rule::First => return Ok(false),
        Rule::Largest => return largest(graph, first, second, leader(first).zip(leader(second))),
        Rule::Only => "is defined in",
        Rule::SameSize if size(first) != size(second) => "has another size in",
        Rule::SameContents if contents(first) != contents(second) => "has other contents in",
        Rule::SameSize | Rule::SameContents => return Ok(false),
    };
    let other = graph.input_name(first.input);
    Err(Error::duplicate(format!("{problem} {other} too, and the COMDAT section allows no difference"))
        .symbol(String::from_utf8_lossy(graph.bytes(second.input, second.name)))
        .input(graph.input_name(second.input))
        .help("compile both files from the same sources, with the same options"))
}

/// Whether the second of two copies is the larger one. A tentative definition (of a thread-local variable) must hold for both.
fn largest(
    graph: &LinkGraph<'_>,
    first: &Group,
    second: &Group,
    leaders: Option<(&Section, &Section)>,
) -> Result<bool> {
    let Some((one, two)) = leaders else { return Ok(false) };
    let second_counts = two.size > one.size;
    let (winner, loser) = if second_counts { (two, one) } else { (one, two) };
    if winner.align < loser.align && winner.role == Role::ThreadLocal {
        let other = graph.input_name(first.input);
        return Err(Error::unsupported(format!(
            "is a tentative definition of a thread-local variable, and has another size and alignment in {other}"
        ))
        .symbol(String::from_utf8_lossy(graph.bytes(second.input, second.name)))
        .input(graph.input_name(second.input))
        .help("compile with -fno-common, and define it in one file"));
    }
    Ok(second_counts)
}

impl LinkGraph<'_> {
    fn members(&self, group: &Group) -> &[SectionId] {
        &self.members[group.members.start as usize..group.members.end as usize]
    }
}

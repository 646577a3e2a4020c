//! A linked image as a program for macOS: a page in front of it for the header and for code that enters it, and what dyld needs
//! to know to set its pointers.

use std::collections::BTreeMap;

use kiln::{Audit, Permission, PlannedRelocation, TargetAddr, Way};

use super::file::{
    EXECUTE, File, HEADER, PAGE, Pointers, READ, Section, Segment, THREAD_LOCAL_REGULAR, WRITE, page_above,
};
use super::opcodes::Pointer;
use super::{begin, begin::adrp};
use crate::Failure;

/// Where the image stands: behind the page of the header.
pub(super) const IMAGE: TargetAddr = TargetAddr(HEADER + PAGE);
/// Where it is linked once more: whatever is another then is a pointer.
pub(super) const MOVED: TargetAddr = TargetAddr(2 * HEADER + PAGE);
/// In the header's page, the code that enters the image, and behind it the first initializer, and the offsets of all.
const GLUE: u64 = 0x1000;
const BEGIN: u64 = GLUE + 0x40;
const INITIALIZERS: u64 = (BEGIN + begin::CODE).next_multiple_of(8);

/// How a program is entered.
pub(super) enum Entry {
    /// `main(argc, argv, envp, apple)`, at this address.
    Main(TargetAddr),
    /// `_start(text, length)`, at this address, with this text.
    Start(TargetAddr, Option<Vec<u8>>),
}

/// What libSystem has. While the program is linked, each symbol has an address that nothing else can have: so the linker keeps
/// to its GOT, and a pointer says what it is of.
pub(super) struct Imports<'n>(&'n [String]);

impl<'n> Imports<'n> {
    const START: u64 = 0x7000_0000_0000;
    /// As far as pointers may lead behind a symbol, half of it in front.
    const ROOM: u64 = 1 << 24;

    pub(super) fn new(names: &'n [String]) -> Imports<'n> {
        Imports(names)
    }

    fn address(index: usize) -> u64 {
        Imports::START + Imports::ROOM * (index as u64 + 1)
    }

    /// The symbols as C writes them, with those addresses.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (String, TargetAddr)> + use<'n> {
        let names = self.0.iter().enumerate();
        names.map(|(index, name)| (name[1..].to_owned(), TargetAddr(Imports::address(index))))
    }

    /// The symbol that an address is of, and how many bytes behind it.
    fn at(&self, address: u64) -> Option<(&'n str, i64)> {
        let half = Imports::ROOM / 2;
        let index = (address.checked_sub(Imports::START)? + half) / Imports::ROOM;
        let index = usize::try_from(index.checked_sub(1)?).ok()?;
        let name = self.0.get(index)?;
        Some((name, address.wrapping_sub(Imports::address(index)) as i64))
    }
}

/// Makes the program, not signed yet. `moved` is the same plan at [`MOVED`].
///
/// # Errors
///
/// Something in the image cannot be in a program for macOS; the error names it.
pub(super) fn write(
    audit: &Audit,
    moved: &kiln::Plan,
    entry: &Entry,
    imports: &Imports<'_>,
) -> Result<Vec<u8>, Failure> {
    let plan = audit.plan();
    if let Some(finalizer) = plan.finalizers().next() {
        return Err(Failure::new(format!(
            "a program for Apple Silicon has no list of finalizers (__mod_term_func), as one has for {finalizer}"
        ))
        .next("register the function with atexit instead"));
    }
    let mut parts: BTreeMap<u64, Segment<'_>> = BTreeMap::new();
    let mut end = IMAGE.0;
    let mut text_end = IMAGE.0;
    for (permission, range) in plan.segments() {
        let (start, stop) = (range.start.0, range.end.0);
        if permission == Permission::Text {
            text_end = stop.max(IMAGE.0);
        }
        if start == stop {
            continue;
        }
        end = end.max(stop);
        let bytes = plan.bytes_at(range.start).and_then(|bytes| bytes.get(..(stop - start) as usize));
        let (name, protection, is_constant) = match permission {
            Permission::Text => continue,
            // Slots of functions that are chosen are set when dyld has sealed what it seals.
            Permission::Const => ("__DATA_CONST", READ | WRITE, plan.indirect().is_empty()),
            Permission::Data => ("__DATA", READ | WRITE, false),
        };
        let bytes = without_zeros(bytes.unwrap_or_default());
        let sections = Vec::new();
        parts.insert(
            start,
            Segment { name, addresses: start..stop, bytes, offset: 0, protection, is_constant, sections },
        );
    }
    let own = page_above(end);
    let (bytes, own_sections, table) = own_data(plan, entry, own);
    let mut first = header_page(plan, entry, own, table)?;
    if let Some(bytes) = plan.bytes_at(IMAGE) {
        first.extend_from_slice(bytes.get(..(text_end - IMAGE.0) as usize).unwrap_or_default());
    }
    if !bytes.is_empty() {
        let addresses = own..own + bytes.len() as u64;
        let (name, bytes, protection, sections) = ("__KILN", &bytes[..], READ | WRITE, own_sections);
        parts.insert(own, Segment { name, addresses, bytes, offset: 0, protection, is_constant: false, sections });
    }
    for section in plan.sections().iter().filter(|section| section.size > 0 && is_descriptors(&section.name)) {
        const THREAD_LOCAL_VARIABLES: u32 = 0x13;
        let addresses = section.address.0..section.address.0 + section.size;
        if let Some(segment) = parts.values_mut().find(|segment| segment.addresses.contains(&addresses.start)) {
            segment.sections.push(Section { name: "__thread_vars", addresses, kind: THREAD_LOCAL_VARIABLES });
        }
    }
    let mut segments: Vec<Segment<'_>> = parts.into_values().collect();
    let mut sections = vec![Section { name: "__text", addresses: HEADER + GLUE..text_end, kind: 0x8000_0400 }];
    let initializers = plan.initializers().len() as u64 + u64::from(table.is_some());
    if initializers > 0 {
        const INIT_FUNC_OFFSETS: u32 = 0x16;
        let start = HEADER + INITIALIZERS;
        sections[0].addresses.end = start;
        sections.push(Section {
            name: "__init_offsets",
            addresses: start..start + 4 * initializers,
            kind: INIT_FUNC_OFFSETS,
        });
        sections.push(Section { name: "__image", addresses: IMAGE.0..text_end, kind: 0x8000_0400 });
    }
    segments.insert(
        0,
        Segment {
            name: "__TEXT",
            addresses: HEADER..text_end,
            bytes: &first,
            offset: 0,
            protection: READ | EXECUTE,
            is_constant: false,
            sections,
        },
    );
    let mut pointers = pointers(audit, moved, imports, &segments)?;
    if let (Some(table), Some(words)) = (table, begin::table(plan)) {
        for (index, _) in (0u64..).zip(&words).filter(|(index, word)| *index == 0 || **word != 0) {
            let at = pointer(audit, &segments, table + 8 * index)?;
            match index {
                0 => pointers.outside.push((at, "___register_frame", 0)),
                _ => pointers.own.push(at),
            }
        }
    }
    let entry = match entry {
        Entry::Main(address) => address.0 - HEADER,
        Entry::Start(..) => GLUE,
    };
    Ok(File::new(segments).finish(plan, &pointers, entry))
}

/// What need not be in the file, since memory is zero.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    let filled = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..filled]
}

/// The page in front of the image, without the header: the code that calls `_start` with the text that lies at `text`, the
/// initializer that goes through the table, if there is one, and the offsets of the initializers from the header.
fn header_page(plan: &kiln::Plan, entry: &Entry, text: u64, table: Option<u64>) -> Result<Vec<u8>, Failure> {
    let mut page = vec![0; PAGE as usize];
    let mut put = |at: u64, words: &[u32]| {
        for (to, word) in page[at as usize..].chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
    };
    if let Entry::Start(start, words) = entry {
        let at = HEADER + GLUE;
        let length = words.as_ref().map_or(0, Vec::len) as u32;
        let low = (start.0 & 0xfff) as u32;
        let code: [u32; 11] = [
            0xa9bf_7bfd,                                                       // stp x29, x30, [sp, #-16]!
            0x9100_03fd,                                                       // mov x29, sp
            if words.is_some() { adrp(at + 8, 0, text) } else { 0xd280_0000 }, // mov x0, #0
            0x5280_0001 | (length & 0xffff) << 5,                              // mov w1, #length
            0x72a0_0001 | (length >> 16) << 5,                                 // movk w1, #length >> 16, lsl #16
            adrp(at + 20, 16, start.0),                                        // adrp x16, start
            0x9100_0210 | low << 10,                                           // add x16, x16, #low
            0xd63f_0200,                                                       // blr x16
            0x5280_0000,                                                       // mov w0, #0
            0xa8c1_7bfd,                                                       // ldp x29, x30, [sp], #16
            0xd65f_03c0,                                                       // ret
        ];
        put(GLUE, &code);
    }
    if let Some(table) = table {
        put(BEGIN, &begin::code(HEADER + BEGIN, table));
    }
    // The own one is the first.
    let functions = table.map(|_| BEGIN).into_iter().chain(plan.initializers().map(|function| function.0 - HEADER));
    let offsets: Vec<u32> = functions.map(|offset| offset as u32).collect();
    let (count, room) = (offsets.len(), (PAGE - INITIALIZERS) as usize / 4);
    if count > room {
        return Err(Failure::new(format!(
            "{count} initializers are more than a program made here has room for: {room}"
        ))
        .next("link the program with a linker, and run that"));
    }
    put(INITIALIZERS, &offsets);
    Ok(page)
}

/// Whether a section holds descriptors of thread-local variables, in which dyld sets the function that finds them.
fn is_descriptors(name: &str) -> bool {
    name == "__thread_vars" || name.ends_with(",__thread_vars")
}

/// What the image does not have: the text for `_start`, the table of what is to be done first, with its address, and the
/// initial block of thread-local variables, whole, which dyld copies for each thread.
fn own_data(plan: &kiln::Plan, entry: &Entry, start: u64) -> (Vec<u8>, Vec<Section>, Option<u64>) {
    let mut bytes = match entry {
        Entry::Start(_, Some(text)) => text.clone(),
        _ => Vec::new(),
    };
    let table = begin::table(plan).map(|words| {
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let at = start + bytes.len() as u64;
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        at
    });
    let Some(block) = plan.thread_block() else { return (bytes, Vec::new(), table) };
    bytes.resize(bytes.len().next_multiple_of(block.align.clamp(16, PAGE) as usize), 0);
    let at = bytes.len();
    let template = plan.bytes_at(block.template.start).unwrap_or_default();
    let filled = (block.template.end.0 - block.template.start.0) as usize;
    bytes.extend_from_slice(template.get(..filled).unwrap_or_default());
    bytes.resize(at + block.size as usize, 0);
    let addresses = start + at as u64..start + bytes.len() as u64;
    (bytes, vec![Section { name: "__thread_data", addresses, kind: THREAD_LOCAL_REGULAR }], table)
}

/// Finds the pointers of the image: to places of its own by what is another when it stands elsewhere, to others by what
/// linking did.
fn pointers<'n>(
    audit: &Audit,
    moved: &kiln::Plan,
    imports: &Imports<'n>,
    segments: &[Segment<'_>],
) -> Result<Pointers<'n>, Failure> {
    let plan = audit.plan();
    let mut found = Pointers { own: Vec::new(), outside: Vec::new() };
    for (index, (here, there)) in plan.image().iter().zip(moved.image()).enumerate() {
        if here == there {
            continue;
        }
        // The two images are 4 GiB apart, and smaller than that: the fifth byte tells.
        let address = (plan.base().0 + index as u64).wrapping_sub(4);
        let word = |plan: &kiln::Plan| {
            index.checked_sub(4).and_then(|start| plan.image().get(start..)?.first_chunk().copied())
        };
        let [here, there] = [plan, moved].map(|plan| word(plan).map_or(0, u64::from_le_bytes));
        // The highest byte is the program's own: names of types have a bit there, which dyld leaves alone.
        let high = here << 8 >> 40;
        if here.wrapping_add(moved.base().0 - plan.base().0) != there || high != plan.base().0 >> 32 {
            return Err(Failure::new(format!(
                "{}: what stands here depends on where the program is loaded, and is no 64-bit address",
                place(plan, address + 4)
            ))
            .next("let the code count with distances, or keep a 64-bit address"));
        }
        found.own.push(pointer(audit, segments, address)?);
    }
    let slots = audit.entries().iter().filter(|entry| !entry.is_stub).map(|slot| slot.address);
    let fields =
        audit.relocations().iter().filter(|field| field.kind == "ARM64_RELOC_UNSIGNED").map(|field| field.address);
    for address in slots.chain(fields) {
        let bytes = plan.bytes_at(address).and_then(|bytes| bytes.first_chunk());
        if let Some((name, addend)) = imports.at(bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))) {
            found.outside.push((pointer(audit, segments, address.0)?, name, addend));
        }
    }
    for relocation in audit.relocations() {
        check(relocation, plan, imports)?;
    }
    Ok(found)
}

/// The place of a pointer for dyld.
fn pointer(audit: &Audit, segments: &[Segment<'_>], address: u64) -> Result<Pointer, Failure> {
    let plan = audit.plan();
    let mut sections = segments.iter().flat_map(|segment| &segment.sections);
    // What threads copy is not the image's own template.
    let in_program = match (plan.thread_block(), sections.find(|section| section.kind == THREAD_LOCAL_REGULAR)) {
        (Some(block), Some(copy)) if (block.template.start.0..block.template.end.0).contains(&address) => {
            address - block.template.start.0 + copy.addresses.start
        }
        _ => address,
    };
    // The first one is the text.
    let number = segments.iter().position(|segment| segment.addresses.contains(&in_program)).unwrap_or_default();
    if number == 0 {
        let relocation = audit.relocations().iter().find(|relocation| relocation.address.0 == address);
        let symbol = relocation.map(|relocation| format!(" of `{}`", relocation.symbol)).unwrap_or_default();
        return Err(Failure::new(format!(
            "{}: the address{symbol} stands in the text, where a program for macOS cannot have one: it is loaded anywhere, and its \
             text is signed",
            place(plan, address)
        ))
        .next("load the address with adrp and add, or keep it in a data section"));
    }
    // Behind __PAGEZERO.
    Ok(Pointer { segment: number as u8 + 1, offset: in_program - segments[number].addresses.start })
}

/// A place of the image as its input has it.
fn place(plan: &kiln::Plan, address: u64) -> String {
    let holds =
        |section: &&kiln::PlannedSection| (section.address.0..section.address.0 + section.size).contains(&address);
    match plan.sections().iter().find(holds) {
        Some(section) => format!("{}: {}+{:#x}", section.input, section.name, address - section.address.0),
        None => format!("the image at {address:#x}"),
    }
}

/// Whether dyld can have what a relocation asks for.
fn check(relocation: &PlannedRelocation, plan: &kiln::Plan, imports: &Imports<'_>) -> Result<(), Failure> {
    let PlannedRelocation { kind, symbol, address, .. } = relocation;
    let direct = matches!(relocation.way, Way::Direct | Way::Relaxed) && imports.at(relocation.target.0).is_some();
    if direct && *kind != "ARM64_RELOC_UNSIGNED" {
        return Err(Failure::new(format!(
            "{}: {kind}: `{symbol}` is outside of the program, and may be too far to be reached without the GOT",
            place(plan, address.0)
        ))
        .next("let the code read the address from the GOT: @GOTPAGE and @GOTPAGEOFF"));
    }
    Ok(())
}

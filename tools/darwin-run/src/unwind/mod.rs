//! `<unwind.h>`: the Itanium ABI's two phases over what the program's unwind tables say, with the program's own
//! personality functions.

mod compact;
mod cursor;
mod dwarf;

use std::collections::{BTreeMap, HashMap};

use crate::machine::{Answer, Function, Machine, Stop};
use cursor::Cursor;

pub(crate) const FUNCTIONS: &[(&str, Function)] = &[
    ("__Unwind_RaiseException", raise),
    ("__Unwind_Resume", resume),
    ("__Unwind_Backtrace", backtrace),
    ("__Unwind_DeleteException", delete),
    ("__Unwind_GetIP", |m| Ok(context(m)?.cursor.pc)),
    ("__Unwind_GetIPInfo", |m| {
        let exact = context(m)?.cursor.exact;
        m.memory.put_u32(m.x(1), u32::from(exact))?;
        Ok(context(m)?.cursor.pc)
    }),
    ("__Unwind_GetCFA", |m| Ok(context(m)?.cursor.sp)),
    ("__Unwind_GetGR", |m| {
        let number = m.x(1);
        Ok(context(m)?.cursor.get(number))
    }),
    ("__Unwind_SetGR", |m| {
        let (number, value) = (m.x(1), m.x(2));
        context(m)?.cursor.set(number, value);
        Ok(0)
    }),
    ("__Unwind_SetIP", |m| {
        let pc = m.x(1);
        context(m)?.cursor.pc = pc;
        Ok(0)
    }),
    ("__Unwind_GetLanguageSpecificData", |m| Ok(context(m)?.frame.data)),
    ("__Unwind_GetRegionStart", |m| Ok(context(m)?.frame.start)),
    ("__Unwind_GetTextRelBase", |_| Ok(0)),
    ("__Unwind_GetDataRelBase", |_| Ok(0)),
    ("__Unwind_FindEnclosingFunction", |m| {
        let pc = m.x(0);
        Ok(Frame::find(m, pc)?.map_or(0, |frame| frame.start))
    }),
    ("___register_frame", |m| {
        let entry = m.x(0);
        if let Some((start, end)) = dwarf::range(m, entry) {
            m.library.unwind.frames.insert(start, (end, entry));
            m.library.unwind.starts.insert(entry, start);
        }
        Ok(0)
    }),
    ("___deregister_frame", |m| {
        let entry = m.x(0);
        if let Some(start) = m.library.unwind.starts.remove(&entry) {
            m.library.unwind.frames.remove(&start);
        }
        Ok(0)
    }),
];

/// What programs register at run time, and where unwinding stands.
#[derive(Default)]
pub(crate) struct Registered {
    /// By a function's start: its end, and the address of its FDE. One each, as Apple's libunwind takes them.
    frames: BTreeMap<u64, (u64, u64)>,
    /// By an FDE's address: its function's start.
    starts: HashMap<u64, u64>,
    contexts: Vec<Context>,
}

/// What a personality function is asked about.
struct Context {
    cursor: Cursor,
    frame: Frame,
}

/// What the tables say about a function.
#[derive(Clone, Default, Debug)]
struct Frame {
    start: u64,
    /// The language-specific data; 0: none.
    data: u64,
    personality: u64,
    how: How,
}

/// How its caller's registers are found.
#[derive(Clone, Copy, Default, Debug)]
enum How {
    /// By Apple's compact encoding.
    Compact(u32),
    /// By the FDE at this address, which lies in a section at that address and of that size.
    Dwarf { entry: u64, section: (u64, u64) },
    #[default]
    Unknown,
}

impl Frame {
    /// Of the function that holds `pc`.
    fn find(m: &Machine, pc: u64) -> Result<Option<Frame>, Stop> {
        if m.image.contains(pc)
            && let Some(frame) = compact::find(m, pc)?
        {
            return Ok(Some(frame));
        }
        let before = m.library.unwind.frames.range(..=pc).next_back();
        let holding = before.filter(|(_, (end, _))| pc < *end);
        Ok(holding.and_then(|(_, &(_, entry))| dwarf::registered(m, entry, pc)))
    }
}

fn context(m: &mut Machine) -> Result<&mut Context, Stop> {
    m.library.unwind.contexts.last_mut().ok_or(Stop::Killed(crate::machine::signals::SIGABRT))
}

/// For a model of a personality function: the place that it is asked about, and its function's start and table.
pub(crate) fn asked(m: &mut Machine) -> Result<(u64, u64, u64), Stop> {
    let context = context(m)?;
    Ok((context.cursor.place(), context.frame.start, context.frame.data))
}

/// Says that the frame goes on at `pc`, with these in the first registers.
pub(crate) fn land(m: &mut Machine, pc: u64, registers: [u64; 2]) -> Result<(), Stop> {
    let cursor = &mut context(m)?.cursor;
    cursor.pc = pc;
    cursor.x[..2].copy_from_slice(&registers);
    Ok(())
}

/// Reason codes.
const FATAL_PHASE1: u64 = 3;
const END_OF_STACK: u64 = 5;
pub(crate) const HANDLER_FOUND: u64 = 6;
pub(crate) const INSTALL_CONTEXT: u64 = 7;
pub(crate) const CONTINUE: u64 = 8;
/// Actions.
pub(crate) const SEARCH: u64 = 1;
const CLEANUP: u64 = 2;
const HANDLER: u64 = 4;

/// Offsets in `_Unwind_Exception`.
const CLEANUP_FUNCTION: u64 = 8;
const STOP_FUNCTION: u64 = 16;
const HANDLER_FRAME: u64 = 24;

/// Asks the personality function of a frame; gives its answer and what it left in the registers.
fn ask(m: &mut Machine, frame: &Frame, cursor: &Cursor, actions: u64, exception: u64) -> Result<(u64, Cursor), Stop> {
    if frame.personality == 0 {
        return Ok((CONTINUE, cursor.clone()));
    }
    let class = m.memory.u64(exception)?;
    m.library.unwind.contexts.push(Context { cursor: cursor.clone(), frame: frame.clone() });
    // The context itself is nothing that a program looks into.
    const OPAQUE: u64 = 0x6b69_6c6e;
    let answer = m.call(frame.personality, &[1, actions, class, exception, OPAQUE]);
    let after = m.library.unwind.contexts.pop().map_or_else(|| cursor.clone(), |context| context.cursor);
    Ok((answer?, after))
}

/// `_Unwind_RaiseException`: looks for a frame that catches, then unwinds up to it.
pub(crate) fn raise(m: &mut Machine) -> Answer {
    let exception = m.x(0);
    m.memory.put_u64(exception + STOP_FUNCTION, 0)?;
    m.memory.put_u64(exception + HANDLER_FRAME, 0)?;
    let mut cursor = Cursor::of_caller(m);
    loop {
        let Some(frame) = Frame::find(m, cursor.place())? else { return Ok(END_OF_STACK) };
        match ask(m, &frame, &cursor, SEARCH, exception)?.0 {
            HANDLER_FOUND => break,
            CONTINUE => {}
            _ => return Ok(FATAL_PHASE1),
        }
        if !cursor.step(m, &frame)? {
            return Ok(END_OF_STACK);
        }
    }
    m.memory.put_u64(exception + HANDLER_FRAME, cursor.sp)?;
    unwind(m, exception, cursor.sp)
}

/// `_Unwind_Resume`: after a cleanup.
fn resume(m: &mut Machine) -> Answer {
    let exception = m.x(0);
    let handler = m.memory.u64(exception + HANDLER_FRAME)?;
    unwind(m, exception, handler)
}

/// The second phase, up to the frame with this stack pointer.
fn unwind(m: &mut Machine, exception: u64, handler: u64) -> Answer {
    const FATAL_PHASE2: u64 = 2;
    let mut cursor = Cursor::of_caller(m);
    loop {
        let Some(frame) = Frame::find(m, cursor.place())? else { return Ok(FATAL_PHASE2) };
        let actions = CLEANUP | if cursor.sp == handler { HANDLER } else { 0 };
        match ask(m, &frame, &cursor, actions, exception)? {
            (INSTALL_CONTEXT, after) => {
                after.install(m);
                return Err(Stop::Jumped);
            }
            (CONTINUE, _) if cursor.sp != handler => {}
            _ => return Ok(FATAL_PHASE2),
        }
        if !cursor.step(m, &frame)? {
            return Ok(END_OF_STACK);
        }
    }
}

/// `_Unwind_Backtrace(function, argument)`
fn backtrace(m: &mut Machine) -> Answer {
    let (function, argument) = (m.x(0), m.x(1));
    let mut cursor = Cursor::of_caller(m);
    loop {
        let Some(frame) = Frame::find(m, cursor.place())? else { return Ok(END_OF_STACK) };
        m.library.unwind.contexts.push(Context { cursor: cursor.clone(), frame: frame.clone() });
        let answer = m.call(function, &[0, argument]);
        m.library.unwind.contexts.pop();
        if answer? as u32 != 0 {
            return Ok(FATAL_PHASE1);
        }
        if !cursor.step(m, &frame)? {
            return Ok(END_OF_STACK);
        }
    }
}

pub(crate) fn delete(m: &mut Machine) -> Answer {
    const FOREIGN_EXCEPTION_CAUGHT: u64 = 1;
    let exception = m.x(0);
    let cleanup = m.memory.u64(exception + CLEANUP_FUNCTION)?;
    if cleanup != 0 {
        m.call(cleanup, &[FOREIGN_EXCEPTION_CAUGHT, exception])?;
    }
    Ok(0)
}

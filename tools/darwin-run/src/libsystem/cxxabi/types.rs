//! Types at run time: what a handler of one type catches of another one (Itanium C++ ABI: Run-Time Type Information; LLVM:
//! libcxxabi/src/private_typeinfo.cpp).

use std::sync::LazyLock;

use crate::libsystem::DATA;
use crate::machine::{Machine, Stop};
use crate::memory::Memory;
use crate::verdict::Fault;

/// The tables of functions that the descriptions of types begin with; which one it is says what the type is.
const TABLES: [(&str, Kind); 7] = [
    ("__ZTVN10__cxxabiv117__class_type_infoE", Kind::Class),
    ("__ZTVN10__cxxabiv120__si_class_type_infoE", Kind::OneBase),
    ("__ZTVN10__cxxabiv121__vmi_class_type_infoE", Kind::Bases),
    ("__ZTVN10__cxxabiv119__pointer_type_infoE", Kind::Pointer),
    ("__ZTVN10__cxxabiv123__fundamental_type_infoE", Kind::Other),
    ("__ZTVN10__cxxabiv116__enum_type_infoE", Kind::Other),
    ("__ZTVN10__cxxabiv120__function_type_infoE", Kind::Other),
];
const TABLES_AT: u64 = 0x400;
const TABLE_SIZE: u64 = 0x40;
/// Pointers to a table lead behind its first two words.
const HEAD: u64 = 16;

/// The types of the language itself, by their names: each is described with a pointer to it and one to it as a constant.
const TYPES: [&str; 18] = ["v", "b", "c", "a", "h", "s", "t", "i", "j", "l", "m", "x", "y", "f", "d", "e", "w", "Dn"];
const TYPES_AT: u64 = 0x800;
const TYPE_SIZE: u64 = 0x80;
const POINTER: u64 = 0x10;
const TO_CONSTANT: u64 = 0x30;
const NAMES: u64 = 0x50;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Class,
    /// A class with one base, which is public and lies at its start.
    OneBase,
    Bases,
    Pointer,
    Other,
}

/// What programs import, with its offset among the variables.
pub(crate) static VARIABLES: LazyLock<Vec<(String, u64)>> = LazyLock::new(|| {
    let tables = (0..).zip(TABLES).map(|(index, (name, _))| (name.to_owned(), TABLES_AT + TABLE_SIZE * index));
    let types = (0..).zip(TYPES).flat_map(|(index, name)| {
        let at = TYPES_AT + TYPE_SIZE * index;
        [("", 0), ("P", POINTER), ("PK", TO_CONSTANT)]
            .map(|(prefix, offset)| (format!("__ZTI{prefix}{name}"), at + offset))
    });
    tables.chain(types).collect()
});

/// Writes the descriptions of the language's own types.
pub(crate) fn prepare(memory: &Memory) -> Result<(), Fault> {
    let table = |kind: usize| (DATA + TABLES_AT + TABLE_SIZE * kind as u64 + HEAD).to_le_bytes();
    const POINTERS: usize = 3;
    const FUNDAMENTAL: usize = 4;
    for (index, name) in (0..).zip(TYPES) {
        let at = DATA + TYPES_AT + TYPE_SIZE * index;
        let mut names = at + NAMES;
        for (prefix, offset, flags) in [("", 0, None), ("P", POINTER, Some(0u64)), ("PK", TO_CONSTANT, Some(1))] {
            memory.poke(at + offset, &table(if flags.is_some() { POINTERS } else { FUNDAMENTAL }))?;
            memory.poke(at + offset + 8, &names.to_le_bytes())?;
            if let Some(flags) = flags {
                memory.poke(at + offset + 16, &flags.to_le_bytes())?;
                memory.poke(at + offset + 24, &at.to_le_bytes())?;
            }
            let text = format!("{prefix}{name}\0");
            memory.poke(names, text.as_bytes())?;
            names += text.len() as u64;
        }
    }
    Ok(())
}

fn kind(m: &Machine, described: u64) -> Result<Kind, Stop> {
    let table = m.memory.u64(described)?.wrapping_sub(DATA + TABLES_AT + HEAD);
    let known = TABLES.get((table / TABLE_SIZE) as usize).filter(|_| table % TABLE_SIZE == 0);
    Ok(known.map_or(Kind::Other, |(_, kind)| *kind))
}

/// The highest bit of a name's address: others may describe the same type.
const NOT_UNIQUE: u64 = 1 << 63;

/// The address of a type's name, as it is mangled.
pub(super) fn name(m: &Machine, described: u64) -> Result<u64, Stop> {
    Ok(m.memory.u64(described + 8)? & !NOT_UNIQUE)
}

/// Whether two descriptions are of the same type: by the names' addresses, and, as on arm64, by the names where both are
/// not the only ones.
fn same(m: &Machine, one: u64, other: u64) -> Result<bool, Stop> {
    let names = [m.memory.u64(one + 8)?, m.memory.u64(other + 8)?];
    if one == other || names[0] == names[1] {
        return Ok(true);
    }
    if names[0] & names[1] & NOT_UNIQUE == 0 {
        return Ok(false);
    }
    Ok(m.memory.string(name(m, one)?)? == m.memory.string(name(m, other)?)?)
}

/// Where the part of a thrown object is that a handler of type `wanted` gets. `None`: it does not catch it.
pub(super) fn can_catch(m: &Machine, wanted: u64, thrown: u64, object: u64) -> Result<Option<u64>, Stop> {
    match (kind(m, wanted)?, kind(m, thrown)?) {
        (Kind::Pointer, Kind::Pointer) => pointer(m, wanted, thrown, m.memory.u64(object)?),
        _ if same(m, wanted, thrown)? => Ok(Some(object)),
        (Kind::Class | Kind::OneBase | Kind::Bases, Kind::OneBase | Kind::Bases) => base(m, wanted, thrown, object),
        _ => Ok(None),
    }
}

/// Offsets in the description of a pointer's type.
const FLAGS: u64 = 16;
const POINTEE: u64 = 24;

/// Handlers of pointers may add `const` and the like, and take pointers to bases, or to anything.
fn pointer(m: &Machine, wanted: u64, thrown: u64, value: u64) -> Result<Option<u64>, Stop> {
    const QUALIFIERS: u32 = 0x7;
    let [to, from] = [m.memory.u32(wanted + FLAGS)?, m.memory.u32(thrown + FLAGS)?];
    if from & !to & QUALIFIERS != 0 {
        return Ok(None);
    }
    let [wanted, thrown] = [m.memory.u64(wanted + POINTEE)?, m.memory.u64(thrown + POINTEE)?];
    let is_anything = wanted == DATA + TYPES_AT;
    if is_anything || same(m, wanted, thrown)? {
        return Ok(Some(value));
    }
    match (kind(m, wanted)?, kind(m, thrown)?) {
        (Kind::Class | Kind::OneBase | Kind::Bases, Kind::OneBase | Kind::Bases) => {
            if value == 0 {
                Ok(Some(0))
            } else {
                base(m, wanted, thrown, value)
            }
        }
        _ => Ok(None),
    }
}

/// Where the one public base of this type is in an object.
fn base(m: &Machine, wanted: u64, class: u64, object: u64) -> Result<Option<u64>, Stop> {
    let mut found = Vec::new();
    bases(m, wanted, class, object, 0, &mut found)?;
    found.sort_unstable();
    found.dedup();
    Ok(if let [one] = found[..] { Some(one) } else { None })
}

fn bases(m: &Machine, wanted: u64, class: u64, object: u64, depth: u32, found: &mut Vec<u64>) -> Result<(), Stop> {
    const DEEPEST: u32 = 100;
    if same(m, wanted, class)? {
        found.push(object);
        return Ok(());
    }
    if depth > DEEPEST {
        return Err(crate::libsystem::not_modelled("classes of more than 100 levels"));
    }
    match kind(m, class)? {
        Kind::OneBase => bases(m, wanted, m.memory.u64(class + 16)?, object, depth + 1, found),
        Kind::Bases => {
            const VIRTUAL: u64 = 1;
            const PUBLIC: u64 = 2;
            for index in 0..u64::from(m.memory.u32(class + 20)?) {
                let entry = class + 24 + 16 * index;
                let (kind, how) = (m.memory.u64(entry)?, m.memory.u64(entry + 8)?);
                if how & PUBLIC == 0 {
                    continue;
                }
                let offset = how as i64 >> 8;
                let offset = if how & VIRTUAL != 0 {
                    m.memory.u64(m.memory.u64(object)?.wrapping_add_signed(offset))? as i64
                } else {
                    offset
                };
                bases(m, wanted, kind, object.wrapping_add_signed(offset), depth + 1, found)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

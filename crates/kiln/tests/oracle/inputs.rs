//! What objects hold, read without Kiln: sections, symbols, and the fields that relocations change.

use std::collections::HashMap;

use object::{Object, ObjectSection, ObjectSymbol, SymbolSection};

use crate::rules::{self, Field};

/// Something that addresses count from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Home {
    /// A section of an input, by both numbers.
    Section(usize, usize),
    /// A symbol that the linker places: a common one.
    Symbol(String),
    /// 0.
    Outside,
}

/// A place, wherever linkers put it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Place {
    pub(crate) home: Home,
    pub(crate) offset: i64,
}

#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) index: usize,
    pub(crate) name: String,
    /// With the segment, where the format has such.
    pub(crate) full_name: String,
    /// In the file.
    pub(crate) address: u64,
    pub(crate) size: u64,
    pub(crate) data: Vec<u8>,
    pub(crate) align: u64,
    pub(crate) is_thread_zeros: bool,
}

#[derive(Debug)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    /// `None`: it is not defined here, or common.
    pub(crate) place: Option<Place>,
    pub(crate) is_common: bool,
    pub(crate) is_global: bool,
    pub(crate) is_weak: bool,
    pub(crate) size: u64,
}

/// An object.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) sections: Vec<Section>,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) fields: Vec<Field>,
}

impl Input {
    pub(crate) fn section(&self, index: usize) -> &Section {
        self.sections.iter().find(|section| section.index == index).unwrap()
    }
}

/// The inputs, with every relocation's symbol found.
pub(crate) fn read(objects: &[(String, Vec<u8>)], outside: &[(String, u64)]) -> Vec<Input> {
    let mut inputs: Vec<Input> = objects.iter().enumerate().map(|(number, object)| one(number, object)).collect();
    let mut globals: HashMap<String, Place> = HashMap::new();
    let place = |name: &String, symbol: &Symbol| match symbol.is_common {
        true => Place { home: Home::Symbol(name.clone()), offset: 0 },
        false => symbol.place.clone().unwrap(),
    };
    // A strong definition counts before a common one, and that one before a weak one.
    let rank = |symbol: &&Symbol| if symbol.is_weak { 2 } else { usize::from(symbol.is_common) };
    for wanted in 0..3 {
        for symbol in inputs.iter().flat_map(|input| &input.symbols).filter(|symbol| symbol.is_global) {
            if (symbol.is_common || symbol.place.is_some()) && rank(&symbol) == wanted {
                globals.entry(symbol.name.clone()).or_insert_with(|| place(&symbol.name, symbol));
            }
        }
    }
    for (name, address) in outside {
        globals.entry(name.clone()).or_insert(Place { home: Home::Outside, offset: *address as i64 });
    }
    let mut fields = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        let resolve = |index: usize| {
            let symbol = &input.symbols[index];
            match (&symbol.place, symbol.is_global) {
                (Some(place), false) => Some(place.clone()),
                _ => globals.get(&symbol.name).cloned(),
            }
        };
        fields.push(rules::fields(number, input, &resolve));
    }
    for (input, fields) in inputs.iter_mut().zip(fields) {
        input.fields = fields;
    }
    inputs
}

fn one(number: usize, (name, bytes): &(String, Vec<u8>)) -> Input {
    let file = object::File::parse(&bytes[..]).unwrap();
    let section = |section: object::Section<'_, '_>| {
        let (own, segment) = (section.name().unwrap().to_owned(), section.segment_name().unwrap());
        Section {
            index: section.index().0,
            full_name: segment.map_or(own.clone(), |segment| format!("{segment},{own}")),
            name: own,
            address: section.address(),
            size: section.size(),
            data: section.data().unwrap_or_default().to_vec(),
            align: section.align(),
            is_thread_zeros: section.kind() == object::SectionKind::UninitializedTls,
        }
    };
    let sections: Vec<Section> = file.sections().map(section).collect();
    // By their numbers in the file, from 0 on.
    let mut symbols: Vec<Symbol> = Vec::new();
    for symbol in file.symbols() {
        let place = match symbol.section() {
            SymbolSection::Section(index) => {
                let start = sections.iter().find(|section| section.index == index.0).unwrap().address;
                Some(Place { home: Home::Section(number, index.0), offset: (symbol.address() - start) as i64 })
            }
            SymbolSection::Absolute => Some(Place { home: Home::Outside, offset: symbol.address() as i64 }),
            _ => None,
        };
        let none =
            || Symbol { name: String::new(), place: None, is_common: false, is_global: false, is_weak: false, size: 0 };
        symbols.resize_with(symbol.index().0, none);
        symbols.push(Symbol {
            name: symbol.name().unwrap().to_owned(),
            place,
            is_common: symbol.is_common(),
            is_global: symbol.is_global(),
            is_weak: symbol.is_weak(),
            size: symbol.size(),
        });
    }
    Input { name: name.clone(), bytes: bytes.clone(), sections, symbols, fields: Vec::new() }
}

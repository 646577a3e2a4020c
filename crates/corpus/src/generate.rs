//! Any number of objects: one object of the C compiler, with other names.

use std::fs;

use crate::{Compiler, Result, at};

/// How many functions each object has; each has three relocations.
pub const FUNCTIONS: usize = 10;

/// An object as the compiler made it, and where the numbers stand in it.
#[derive(Debug)]
pub struct Template {
    object: Vec<u8>,
    own: Vec<usize>,
    next: Vec<usize>,
    value: usize,
}

/// Stand in the names for an object's number, and for that of the object which it calls. Seven characters.
const OWN: &str = "OWN____";
const NEXT: &str = "NEXT___";

/// Stands for the number in the object's data.
const VALUE: u64 = 0x4b69_6c6e_6b69_6c6e;

impl Template {
    /// Has the compiler make the object.
    ///
    /// Function `f` of object `o` takes a depth. At depth 0 it returns `f + 1`, which it reads from a table of its
    /// object's; else it asks the same function of the next object at one depth less, and returns three times the answer
    /// plus the next object's number, which it reads from that object's data.
    ///
    /// # Errors
    ///
    /// The compiler is missing.
    pub fn new(compiler: &Compiler<'_>) -> Result<Template> {
        let mut text = format!("extern unsigned long corpus_value_{NEXT};\n");
        text += &format!("unsigned long corpus_value_{OWN} = {VALUE:#x};\n");
        text += "static unsigned long table[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};\n";
        for number in 0..FUNCTIONS {
            text += &format!(
                "unsigned long corpus_function_{NEXT}_{number}(unsigned long);\n\
                 unsigned long corpus_function_{OWN}_{number}(unsigned long depth) {{\n\
                 \treturn depth ? 3 * corpus_function_{NEXT}_{number}(depth - 1) + corpus_value_{NEXT}\n\
                 \t\t: ((volatile unsigned long *)table)[{number}];\n}}\n"
            );
        }
        let path = compiler.object("generated", "c", &text, &[])?;
        let object = fs::read(&path).map_err(at(&path))?;
        let places = |pattern: &[u8]| -> Vec<usize> {
            object.windows(pattern.len()).enumerate().filter(|(_, at)| *at == pattern).map(|(at, _)| at).collect()
        };
        let (own, next) = (places(OWN.as_bytes()), places(NEXT.as_bytes()));
        let value = places(&VALUE.to_le_bytes());
        match (own.len(), next.len(), &value[..]) {
            (11, 11, &[value]) => Ok(Template { own, next, value, object }),
            found => Err(format!("{}: the names are not where they should be: {found:?}", path.display())),
        }
    }

    /// Object `number` of `count`; the last one calls the first.
    #[must_use]
    pub fn object(&self, number: usize, count: usize) -> Vec<u8> {
        let mut object = self.object.clone();
        let mut put = |place: usize, bytes: &[u8]| object[place..place + bytes.len()].copy_from_slice(bytes);
        for place in &self.own {
            put(*place, digits(number).as_bytes());
        }
        for place in &self.next {
            put(*place, digits((number + 1) % count).as_bytes());
        }
        put(self.value, &(number as u64).to_le_bytes());
        object
    }

    /// The name of a function.
    #[must_use]
    pub fn function(object: usize, function: usize) -> String {
        format!("corpus_function_{}_{function}", digits(object))
    }
}

fn digits(number: usize) -> String {
    format!("{number:07}")
}

/// What function `function` of object 0 of `count` returns at a depth.
#[must_use]
pub fn answer(function: usize, count: usize, depth: usize) -> u64 {
    let values = (1..=depth).rev().map(|number| (number % count) as u64);
    values.fold(function as u64 + 1, |answer, value| answer.wrapping_mul(3).wrapping_add(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        assert_eq!(answer(4, 10, 0), 5);
        // Object 0 adds the value of object 1 to three times what that one says: 3 * 5 + 2, and then 3 * 17 + 1.
        assert_eq!(answer(4, 10, 2), 52);
    }

    #[test]
    fn objects_differ_by_their_numbers() -> Result<()> {
        let template = Template::new(&Compiler::BENCH)?;
        let object = template.object(41, 42);
        let has = |name: &str| object.windows(name.len()).any(|part| part == name.as_bytes());
        assert!(has(&Template::function(41, 9)) && has("corpus_function_0000000_9") && has("corpus_value_0000041"));
        assert!(!has(OWN) && !has(NEXT));
        assert_eq!(object.len(), template.object.len());
        Ok(())
    }
}

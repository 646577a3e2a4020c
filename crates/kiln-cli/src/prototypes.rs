//! The prototypes of functions, from debug information (DWARF 5, sections 3.3 and 5).

use gimli::{AttributeValue, DebuggingInformationEntry, Dwarf, Reader as _, Unit, UnitOffset, constants as dw};

use crate::call::signature::{Parameter, Scalar, Signature, Type};
use crate::debug::Reader;

/// A function as its source declares it.
pub(crate) struct Prototype {
    /// Its name in the source.
    pub(crate) name: String,
    /// Its name in the symbol table, where that differs.
    linkage_name: Option<String>,
    /// The declaration, in C's words.
    pub(crate) declaration: String,
    /// How it is called, or why it cannot be.
    pub(crate) signature: Result<Signature, String>,
}

impl Prototype {
    /// Whether `name` means this function: as the source has it, or the symbol table.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name || self.linkage_name.as_deref() == Some(name)
    }

    /// The name of its symbol.
    pub(crate) fn symbol(&self) -> &str {
        self.linkage_name.as_deref().unwrap_or(&self.name)
    }
}

type Entry = DebuggingInformationEntry<Reader>;

/// The functions that are defined in what `dwarf` describes, in its order. What cannot be read is left out.
pub(crate) fn of(dwarf: &Dwarf<Reader>) -> Vec<Prototype> {
    let mut prototypes = Vec::new();
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let Ok(unit) = dwarf.unit(header) else { continue };
        let types = Types { dwarf, unit: &unit };
        let mut entries = unit.entries();
        while let Ok(Some(entry)) = entries.next_dfs() {
            if entry.tag() == dw::DW_TAG_subprogram
                && (entry.attr_value(dw::DW_AT_low_pc).is_some() || entry.attr_value(dw::DW_AT_ranges).is_some())
            {
                let offset = entry.offset();
                prototypes.extend(types.prototype(offset));
            }
        }
    }
    prototypes
}

struct Types<'d> {
    dwarf: &'d Dwarf<Reader>,
    unit: &'d Unit<Reader>,
}

/// What a type is to a caller, and how C writes it: what stands in front of a name and what behind it.
struct Kind {
    passed: Result<Type, String>,
    before: String,
    behind: String,
}

/// How deep a type may refer to others: more is a circle, which only damaged information has.
const MAX_DEPTH: usize = 32;

impl Types<'_> {
    fn entry(&self, offset: UnitOffset) -> Option<Entry> {
        self.unit.entry(offset).ok()
    }

    fn text(&self, entry: &Entry, name: gimli::DwAt) -> Option<String> {
        let text = self.dwarf.attr_string(self.unit, entry.attr_value(name)?).ok()?;
        Some(text.to_string_lossy().ok()?.into_owned())
    }

    fn reference(entry: &Entry, name: gimli::DwAt) -> Option<UnitOffset> {
        match entry.attr_value(name)? {
            AttributeValue::UnitRef(offset) => Some(offset),
            _ => None,
        }
    }

    /// An attribute of a function, or of the declaration that its definition refers to.
    fn inherited<T>(&self, entry: &Entry, get: &dyn Fn(&Entry) -> Option<T>) -> Option<T> {
        get(entry).or_else(|| {
            let declaration = Self::reference(entry, dw::DW_AT_specification)
                .or_else(|| Self::reference(entry, dw::DW_AT_abstract_origin))?;
            get(&self.entry(declaration)?)
        })
    }

    fn prototype(&self, offset: UnitOffset) -> Option<Prototype> {
        let function = self.entry(offset)?;
        let name = self.inherited(&function, &|entry| self.text(entry, dw::DW_AT_name))?;
        let linkage_name = self.inherited(&function, &|entry| self.text(entry, dw::DW_AT_linkage_name));
        let result = self.inherited(&function, &|entry| Self::reference(entry, dw::DW_AT_type));
        let result = self.kind(result, 0);
        let prototyped = self.inherited(&function, &|entry| entry.attr_value(dw::DW_AT_prototyped)).is_some();
        let (mut parameters, mut shown, mut fixed) = (Vec::new(), Vec::new(), None);
        let mut refused = result.passed.as_ref().err().map(|why| format!("it returns {why}"));
        let mut tree = self.unit.entries_tree(Some(offset)).ok()?;
        let mut children = tree.root().ok()?.children();
        while let Ok(Some(child)) = children.next() {
            let entry = child.entry();
            if entry.tag() == dw::DW_TAG_unspecified_parameters {
                // Old C's `()` says nothing, which is not the same as `...`.
                if prototyped || !parameters.is_empty() {
                    fixed = Some(parameters.len());
                    shown.push("...".to_owned());
                }
            } else if entry.tag() == dw::DW_TAG_formal_parameter {
                let name = self.inherited(entry, &|entry| self.text(entry, dw::DW_AT_name));
                let kind = self.inherited(entry, &|entry| Self::reference(entry, dw::DW_AT_type));
                let kind = self.kind(kind, 0);
                let place = name.clone().unwrap_or_default();
                shown.push(format!("{}{place}{}", spaced(&kind.before, &place), kind.behind));
                match kind.passed {
                    Ok(kind) => parameters.push(Parameter { name, kind }),
                    Err(why) => {
                        let name =
                            name.map_or_else(|| format!("parameter {}", shown.len()), |name| format!("`{name}`"));
                        refused.get_or_insert(format!("{name} is {why}"));
                    }
                }
            }
        }
        let list = if shown.is_empty() && prototyped { "void".to_owned() } else { shown.join(", ") };
        let declaration = format!("{}{name}({list}){}", spaced(&result.before, &name), result.behind);
        let signature = match (refused, result.passed) {
            (None, Ok(result)) => Ok(Signature { result, parameters, fixed }),
            (Some(why), _) | (None, Err(why)) => Err(why),
        };
        Some(Prototype { name, linkage_name, declaration, signature })
    }

    /// What the type at `offset` is; none is C's `void`.
    fn kind(&self, offset: Option<UnitOffset>, depth: usize) -> Kind {
        let plain = |passed, name: &str| Kind { passed, before: name.to_owned(), behind: String::new() };
        let Some(offset) = offset else { return plain(Ok(Type::Void), "void") };
        let Some(entry) = self.entry(offset).filter(|_| depth < MAX_DEPTH) else {
            return plain(Err("a type that the debug information does not say".to_owned()), "?");
        };
        let name = self.text(&entry, dw::DW_AT_name);
        let inner = || self.kind(Self::reference(&entry, dw::DW_AT_type), depth + 1);
        let tagged = |tag: &str| match &name {
            Some(name) => format!("{tag} {name}"),
            None => tag.to_owned(),
        };
        let aggregate = |tag: &str| {
            let shown = tagged(tag);
            plain(Err(format!("a {tag} (`{shown}`) passed by value")), &shown)
        };
        match entry.tag() {
            dw::DW_TAG_base_type => {
                let name = name.unwrap_or_else(|| "?".to_owned());
                plain(base(&entry, &name), &name)
            }
            dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type | dw::DW_TAG_rvalue_reference_type => {
                let pointee = Self::reference(&entry, dw::DW_AT_type);
                let passed = if self.is_text(pointee, 0) { Type::Str } else { Type::Scalar(Scalar::Ptr) };
                let Kind { mut before, mut behind, .. } = self.kind(pointee, depth + 1);
                let star = if entry.tag() == dw::DW_TAG_pointer_type { "*" } else { "&" };
                // A pointer to what has something behind its name stands in parentheses.
                if behind.is_empty() {
                    before = format!("{}{star}", spaced(&before, star));
                } else {
                    before = format!("{before} ({star}");
                    behind = format!("){behind}");
                }
                Kind { passed: Ok(passed), before, behind }
            }
            dw::DW_TAG_typedef => Kind { before: name.unwrap_or_default(), behind: String::new(), ..inner() },
            dw::DW_TAG_const_type | dw::DW_TAG_volatile_type | dw::DW_TAG_restrict_type | dw::DW_TAG_atomic_type => {
                let word = match entry.tag() {
                    dw::DW_TAG_const_type => "const",
                    dw::DW_TAG_volatile_type => "volatile",
                    dw::DW_TAG_restrict_type => "restrict",
                    _ => "_Atomic",
                };
                let kind = inner();
                // Of a pointer the word stands behind the star, of anything else in front.
                let before = if kind.before.ends_with('*') {
                    format!("{}{word}", kind.before)
                } else {
                    format!("{word} {}", kind.before)
                };
                Kind { before, ..kind }
            }
            dw::DW_TAG_enumeration_type => {
                let size = entry.attr_value(dw::DW_AT_byte_size).and_then(|size| size.udata_value()).unwrap_or(4);
                let signed = match inner().passed {
                    Ok(Type::Scalar(Scalar::Int(_, signed))) => signed,
                    _ => false,
                };
                let passed = u8::try_from(size).ok().filter(|size| [1, 2, 4, 8].contains(size));
                let passed = passed.map(|size| Type::Scalar(Scalar::Int(size, signed)));
                plain(passed.ok_or_else(|| format!("an enumeration of {size} bytes")), &tagged("enum"))
            }
            dw::DW_TAG_subroutine_type => {
                let Kind { before, behind, .. } = inner();
                let mut shown = Vec::new();
                if let Ok(mut tree) = self.unit.entries_tree(Some(offset))
                    && let Ok(root) = tree.root()
                {
                    let mut children = root.children();
                    while let Ok(Some(child)) = children.next() {
                        if child.entry().tag() == dw::DW_TAG_formal_parameter {
                            let kind = self.kind(Self::reference(child.entry(), dw::DW_AT_type), depth + 1);
                            shown.push(kind.before + &kind.behind);
                        } else if child.entry().tag() == dw::DW_TAG_unspecified_parameters {
                            shown.push("...".to_owned());
                        }
                    }
                }
                let passed = Err("a function passed by value".to_owned());
                Kind { passed, before, behind: format!("({}){behind}", shown.join(", ")) }
            }
            dw::DW_TAG_array_type => {
                let Kind { before, behind, .. } = inner();
                Kind { passed: Err("an array passed by value".to_owned()), before, behind: format!("[]{behind}") }
            }
            dw::DW_TAG_structure_type => aggregate("struct"),
            dw::DW_TAG_class_type => aggregate("class"),
            dw::DW_TAG_union_type => aggregate("union"),
            other => {
                plain(Err(format!("a type ({other}) that is not passed")), &name.unwrap_or_else(|| "?".to_owned()))
            }
        }
    }

    /// Whether a pointer to the type is C's way to pass text: to constant characters.
    fn is_text(&self, offset: Option<UnitOffset>, depth: usize) -> bool {
        let constant =
            offset.and_then(|offset| self.entry(offset)).filter(|entry| entry.tag() == dw::DW_TAG_const_type);
        let Some(constant) = constant.filter(|_| depth < MAX_DEPTH) else { return false };
        let of = Self::reference(&constant, dw::DW_AT_type).and_then(|offset| self.entry(offset));
        of.is_some_and(|of| {
            of.tag() == dw::DW_TAG_base_type && self.text(&of, dw::DW_AT_name).as_deref() == Some("char")
        })
    }
}

/// How a base type is passed.
fn base(entry: &Entry, name: &str) -> Result<Type, String> {
    let size = entry.attr_value(dw::DW_AT_byte_size).and_then(|size| size.udata_value()).unwrap_or(0);
    let encoding = match entry.attr_value(dw::DW_AT_encoding) {
        Some(AttributeValue::Encoding(encoding)) => encoding,
        _ => gimli::DwAte(0),
    };
    let scalar = match (encoding, size) {
        (dw::DW_ATE_boolean, 1) => Scalar::Bool,
        (dw::DW_ATE_float, 4) => Scalar::F32,
        (dw::DW_ATE_float, 8) => Scalar::F64,
        (dw::DW_ATE_signed | dw::DW_ATE_signed_char, 1 | 2 | 4 | 8) => Scalar::Int(size as u8, true),
        (dw::DW_ATE_unsigned | dw::DW_ATE_unsigned_char | dw::DW_ATE_UTF, 1 | 2 | 4 | 8) => {
            Scalar::Int(size as u8, false)
        }
        _ => return Err(format!("of the type `{name}`, which `kiln call` does not pass")),
    };
    Ok(Type::Scalar(scalar))
}

/// What stands in front of a name, with a space unless it ends in a star.
fn spaced(before: &str, name: &str) -> String {
    if name.is_empty() || before.ends_with(['*', '&', '(']) { before.to_owned() } else { format!("{before} ") }
}

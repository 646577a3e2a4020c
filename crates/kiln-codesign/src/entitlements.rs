//! Entitlements: what a program asks the system for, as a dictionary.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::{der, plist};

/// The value of an entitlement: what both of its encodings can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// Text.
    String(String),
    /// Several values, in their order.
    Array(Vec<Value>),
    /// Values by name.
    Dictionary(BTreeMap<String, Value>),
}

/// A program's entitlements, by full name.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Entitlements(pub(crate) BTreeMap<String, Value>);

/// The prefixes of the short names, and the names: those of the hardened runtime and of the sandbox that Apple documents, and
/// the ones for JIT compilers (Apple, *Hardened Runtime*, *App Sandbox*, *Porting just-in-time compilers to Apple silicon*).
const KNOWN: [(&str, &[&str]); 2] = [
    (
        "com.apple.security.cs.",
        &[
            "allow-dyld-environment-variables",
            "allow-jit",
            "allow-unsigned-executable-memory",
            "debugger",
            "disable-executable-page-protection",
            "disable-library-validation",
            "jit-write-allowlist",
            "jit-write-allowlist-freeze-late",
            "single-jit",
        ],
    ),
    (
        "com.apple.security.",
        &[
            "app-sandbox",
            "automation.apple-events",
            "device.audio-input",
            "device.bluetooth",
            "device.camera",
            "device.usb",
            "files.downloads.read-only",
            "files.downloads.read-write",
            "files.user-selected.executable",
            "files.user-selected.read-only",
            "files.user-selected.read-write",
            "get-task-allow",
            "hypervisor",
            "inherit",
            "network.client",
            "network.server",
            "personal-information.addressbook",
            "personal-information.calendars",
            "personal-information.location",
            "personal-information.photos-library",
            "virtualization",
        ],
    ),
];

impl Entitlements {
    /// No entitlements.
    #[must_use]
    pub fn new() -> Entitlements {
        Entitlements::default()
    }

    /// The full names that this crate knows, each with its short one: `allow-jit` for `com.apple.security.cs.allow-jit`.
    pub fn known() -> impl Iterator<Item = (&'static str, String)> {
        KNOWN.into_iter().flat_map(|(prefix, names)| names.iter().map(move |name| (*name, format!("{prefix}{name}"))))
    }

    /// Reads a property list: XML in UTF-8 with a dictionary of booleans, integers, strings, arrays and dictionaries.
    ///
    /// # Errors
    ///
    /// It is something else, or malformed; or it holds what entitlements cannot (real numbers, dates, data), or a name twice.
    /// The error names the line.
    pub fn from_xml(xml: &[u8]) -> Result<Entitlements> {
        plist::read(xml).map(Entitlements)
    }

    /// The property list, indented by tabs, without a newline at its end.
    #[must_use]
    pub fn to_xml(&self) -> String {
        plist::write(&self.0)
    }

    /// Reads the DER encoding of Apple's CoreEntitlements.
    ///
    /// # Errors
    ///
    /// It is malformed, not in the one form that DER allows, or its names are not sorted.
    pub fn from_der(der: &[u8]) -> Result<Entitlements> {
        der::read(der).map(Entitlements)
    }

    /// The DER encoding of Apple's CoreEntitlements: names in their byte order.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        der::write(&self.0)
    }

    /// Sets the boolean of this name to true.
    pub fn set(&mut self, name: &str) {
        self.insert(name, Value::Bool(true));
    }

    /// Gives an entitlement a value, and returns the one that it had.
    pub fn insert(&mut self, name: &str, value: Value) -> Option<Value> {
        self.0.insert(name.to_owned(), value)
    }

    /// The value of an entitlement.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether the boolean of this full name is there and true.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name) == Some(&Value::Bool(true))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names and their values, in byte order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

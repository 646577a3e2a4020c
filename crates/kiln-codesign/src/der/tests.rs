//! The encodings are written out by hand, from the grammar at the head of the module.
#![allow(clippy::unwrap_used)]

use super::*;

fn one(value: Value) -> BTreeMap<String, Value> {
    BTreeMap::from([("key".to_owned(), value)])
}

/// The encoding of `{ "key": value }`, where `value` is the value's own.
fn wrapped(value: &[u8]) -> Vec<u8> {
    let entry = [&[0x30, 5 + value.len() as u8, 0x0c, 3][..], b"key", value].concat();
    [&[0x70, 5 + entry.len() as u8, 0x02, 1, 1, 0xb0, entry.len() as u8], &entry[..]].concat()
}

#[test]
fn values() {
    let text = |text: &str| Value::String(text.to_owned());
    let rows: [(Value, &[u8]); 15] = [
        (Value::Bool(false), &[1, 1, 0]),
        (Value::Bool(true), &[1, 1, 0xff]),
        (Value::Integer(0), &[2, 1, 0]),
        (Value::Integer(42), &[2, 1, 42]),
        (Value::Integer(128), &[2, 2, 0, 128]),
        (Value::Integer(-1), &[2, 1, 0xff]),
        (Value::Integer(-129), &[2, 2, 0xff, 0x7f]),
        (Value::Integer(i64::MIN), &[2, 8, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        (Value::Integer(i64::MAX), &[2, 8, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
        (text(""), &[0x0c, 0]),
        (text("é"), &[0x0c, 2, 0xc3, 0xa9]),
        (Value::Array(vec![]), &[0x30, 0]),
        (Value::Array(vec![Value::Bool(true), text("foo")]), &[0x30, 8, 1, 1, 0xff, 0x0c, 3, b'f', b'o', b'o']),
        (Value::Dictionary(BTreeMap::new()), &[0xb0, 0]),
        (Value::Dictionary(one(Value::Bool(false))), &[0xb0, 10, 0x30, 8, 0x0c, 3, b'k', b'e', b'y', 1, 1, 0]),
    ];
    for (value, bytes) in rows {
        let values = one(value);
        assert_eq!(write(&values), wrapped(bytes), "{values:?}");
        assert_eq!(read(&wrapped(bytes)).unwrap(), values);
    }
    assert_eq!(write(&BTreeMap::new()), [0x70, 5, 2, 1, 1, 0xb0, 0]);
    assert_eq!(read(&[0x70, 5, 2, 1, 1, 0xb0, 0]).unwrap(), BTreeMap::new());
}

#[test]
fn names_are_sorted_and_lengths_short() {
    let long = "x".repeat(300);
    let values = BTreeMap::from([
        ("b".to_owned(), Value::String(long.clone())),
        ("aa".to_owned(), Value::Bool(true)),
        ("B".to_owned(), Value::Bool(true)),
    ]);
    let der = write(&values);
    let mut expected = vec![0x70, 0x82, 0x01, 0x4f, 2, 1, 1, 0xb0, 0x82, 0x01, 0x48];
    expected.extend([0x30, 6, 0x0c, 1, b'B', 1, 1, 0xff]);
    expected.extend([0x30, 7, 0x0c, 2, b'a', b'a', 1, 1, 0xff]);
    expected.extend([0x30, 0x82, 0x01, 0x33, 0x0c, 1, b'b', 0x0c, 0x82, 0x01, 0x2c]);
    expected.extend(long.as_bytes());
    assert_eq!(der.len(), expected.len());
    assert_eq!(der, expected);
    assert_eq!(read(&der).unwrap(), values);
}

#[test]
fn what_is_refused() {
    let error = |der: &[u8]| read(der).unwrap_err().to_string();
    let rows: [(&[u8], &str); 9] = [
        (&[1, 1, 1], "offset 0xe: a value of kind 0x01, which entitlements do not have"),
        (&[1, 1], "offset 0xe: the data is cut off"),
        (&[2, 2, 0, 1], "offset 0xe: a value of kind 0x02, which entitlements do not have"),
        (&[2, 0], "offset 0xe: a value of kind 0x02, which entitlements do not have"),
        (&[0x0c, 1, 0xff], "offset 0x10: text that is not UTF-8"),
        (&[4, 1, 0], "offset 0xe: a value of kind 0x04, which entitlements do not have"),
        (&[0x0c, 0x81, 1, b'x'], "offset 0xf: a length that is not in its shortest form"),
        (&[0x0c, 0x80, 0, 0], "offset 0xf: a length that is not in its shortest form"),
        (&[1, 1, 0, 0], "offset 0x11: something follows the end"),
    ];
    for (value, expected) in rows {
        assert_eq!(error(&wrapped(value)), expected, "{value:?}");
    }
    assert_eq!(error(&[]), "offset 0x0: the data is cut off");
    assert_eq!(error(&[0x31, 0]), "offset 0x0: an element of kind 0x31 instead of 0x70");
    assert_eq!(error(&[0x70, 5, 2, 1, 2, 0xb0, 0]), "offset 0x4: the version is not 1");
    assert_eq!(error(&[0x70, 5, 2, 1, 1, 0xb0, 0, 0]), "offset 0x7: something follows the end");
    assert_eq!(error(&[0x70, 6, 2, 1, 1, 0xb0, 0, 0]), "offset 0x7: something follows the end");
    let entry = |name: u8| [0x30, 6, 0x0c, 1, name, 1, 1, 0xff];
    for (first, second) in [(b'b', b'a'), (b'a', b'a')] {
        let der = [&[0x70, 21, 2, 1, 1, 0xb0, 16][..], &entry(first), &entry(second)].concat();
        assert_eq!(error(&der), "offset 0xf: the name `a` is not in its place");
    }
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| {
        let mut value = element(SEQUENCE, &[]);
        for _ in 1..depth {
            value = element(SEQUENCE, &value);
        }
        let entry = element(SEQUENCE, &[element(UTF8_STRING, b"key"), value].concat());
        element(APPLICATION_16, &[element(INTEGER, &[1]), element(CONTEXT_16, &entry)].concat())
    };
    assert!(read(&nested(DEPTH)).is_ok());
    assert!(read(&nested(DEPTH + 1)).unwrap_err().to_string().ends_with("values lie too deep in each other"));
    assert!(read(&nested(100_000)).is_err());
}

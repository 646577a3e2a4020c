#![allow(clippy::unwrap_used)]

use super::*;

const WHOLE: &str = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
<dict>
\t<key>a &lt;&amp;&gt; b</key>
\t<string>&lt;&amp;&gt; é</string>
\t<key>array</key>
\t<array>
\t\t<integer>-7</integer>
\t\t<array/>
\t\t<dict/>
\t</array>
\t<key>dict</key>
\t<dict>
\t\t<key>inner</key>
\t\t<false/>
\t</dict>
\t<key>true</key>
\t<true/>
</dict>
</plist>";

fn whole() -> BTreeMap<String, Value> {
    let inner = BTreeMap::from([("inner".to_owned(), Value::Bool(false))]);
    BTreeMap::from([
        ("a <&> b".to_owned(), Value::String("<&> é".to_owned())),
        (
            "array".to_owned(),
            Value::Array(vec![Value::Integer(-7), Value::Array(vec![]), Value::Dictionary(BTreeMap::new())]),
        ),
        ("dict".to_owned(), Value::Dictionary(inner)),
        ("true".to_owned(), Value::Bool(true)),
    ])
}

#[test]
fn written_and_read() {
    assert_eq!(write(&whole()), WHOLE);
    assert_eq!(read(WHOLE.as_bytes()).unwrap(), whole());
    assert_eq!(write(&BTreeMap::new()), format!("{HEAD}<dict/>\n</plist>"));
}

#[test]
fn however_it_is_laid_out() {
    for text in [
        "<dict><key>k</key><string>v</string></dict>",
        "\u{feff}<plist><dict>\r\n<!-- why\n-- not -->\r\n<key>k</key> <string >v</string\n></dict></plist>\n<!-- end -->",
        "<plist version='1.0'><dict ><key>k</key><string>&#118;</string></dict></plist>",
        "<dict><key>&#x6b;</key><string>v</string></dict>",
    ] {
        assert_eq!(read(text.as_bytes()).unwrap(), BTreeMap::from([("k".to_owned(), Value::String("v".to_owned()))]));
    }
    for text in ["<dict/>", "<dict></dict>", "<plist><dict/></plist>"] {
        assert_eq!(read(text.as_bytes()).unwrap(), BTreeMap::new());
    }
    let truth = BTreeMap::from([("k".to_owned(), Value::Bool(true))]);
    assert_eq!(read(b"<dict><key>k</key><true></true></dict>").unwrap(), truth);
}

#[test]
fn what_is_refused() {
    for (text, expected) in [
        ("", "line 1: the end where a property list is expected"),
        ("hello", "line 1: text where a property list is expected"),
        ("<plist>", "line 1: the end where a dictionary is expected"),
        ("<plist/>", "line 1: <plist> is no value of a property list"),
        ("<array/>", "line 1: entitlements are a <dict>, and this is <array>"),
        ("<plist>\n<true/></plist>", "line 2: entitlements are a <dict>, and this is <true>"),
        ("<dict>\n<key>k</key>\n<real>1.5</real></dict>", "line 3: `k`: <real> is no value for an entitlement"),
        ("<dict><key>k</key><date>2026</date></dict>", "line 1: `k`: <date> is no value for an entitlement"),
        (
            "<dict><key>k</key><array>\n<data>AA==</data></array></dict>",
            "line 2: `k`: <data> is no value for an entitlement",
        ),
        ("<dict><key>k</key><set/></dict>", "line 1: `k`: <set> is no value of a property list"),
        ("<dict><key>k</key><integer>1e3</integer></dict>", "line 1: `k`: `1e3` is no integer of 64 bits"),
        (
            "<dict><key>k</key><integer>9223372036854775808</integer></dict>",
            "line 1: `k`: `9223372036854775808` is no integer of 64 bits",
        ),
        ("<dict>\n<key>k</key><true/>\n<key>k</key><false/></dict>", "line 3: `k` has two values"),
        ("<dict><key>k</key></dict>", "line 1: `k`: </dict> where a value is expected"),
        ("<dict><true/></dict>", "line 1: <true> where a <key> is expected"),
        ("<dict></array>", "line 1: <array> where a <key> is expected"),
        ("<dict>", "line 1: the end where </dict> is expected"),
        ("<dict>text</dict>", "line 1: text where </dict> is expected"),
        ("<dict><key>k<b>x</b></key></dict>", "line 1: <b> inside of <key>"),
        ("<dict><key>k</key><string>&nbsp;</string></dict>", "line 1: `&nbsp;` is not known"),
        ("<dict><key>k</key><string>a & b</string></dict>", "line 1: `& b;` is not known"),
        ("<dict><key>k</key><string>&#xd800;</string></dict>", "line 1: `&#xd800;` is not known"),
        ("<plist><dict/></array>", "line 1: <array> where </plist> is expected"),
        ("<dict/><dict/>", "line 1: something follows the end"),
        ("<dict/><!-- no end", "line 1: a comment does not end"),
        ("<!DOCTYPE plist [ <!ENTITY x 'y'> ]><dict/>", "line 1: a document type that declares something of its own"),
    ] {
        assert_eq!(read(text.as_bytes()).unwrap_err().to_string(), expected, "{text}");
    }
    let error = read(b"<dict>\n\xff").unwrap_err();
    assert_eq!(error.to_string(), "line 2: the text is not UTF-8");
    let error = read(b"bplist00\xd0").unwrap_err();
    assert_eq!(format!("{error:?}"), "this is a binary property list (convert it: plutil -convert xml1 FILE)");
}

#[test]
fn depth_is_limited() {
    let nested =
        |depth: usize| format!("<dict><key>k</key>{}{}</dict>", "<array>".repeat(depth), "</array>".repeat(depth));
    // The outermost dictionary is one level.
    assert!(read(nested(DEPTH - 1).as_bytes()).is_ok());
    assert_eq!(
        read(nested(DEPTH).as_bytes()).unwrap_err().to_string(),
        "line 1: `k`: values lie too deep in each other"
    );
    assert!(read(nested(100_000).as_bytes()).is_err());
}

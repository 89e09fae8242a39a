//! Decoding of records and manifest heads: total, lossless for accepted input, and with errors that
//! name the wrong member.
//!
//! `formats/*.json` have every member of a format. `PROPTEST_CASES` sets the number of inputs of
//! each property.
#![cfg(not(target_arch = "wasm32"))]

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use selvedge::site::codec::{decode, decode_object, encode};
use selvedge::site::config::SiteConfig;
use selvedge::site::deployment::manifest::Head;
use selvedge::site::media::config::MediaConfig;
use selvedge::site::records::live::LiveRecord;
use selvedge::site::records::site::{HostRecord, SiteRecord};

const HEAD: &str = include_str!("formats/head.json");
const LIVE: &str = include_str!("formats/live.json");
const SITE: &str = include_str!("formats/site.json");
const HOST: &str = include_str!("formats/host.json");
const MEDIA: &str = include_str!("formats/media.json");

/// An edit of a text: position, number of characters removed, and replacement.
type Edit = (Index, usize, &'static str);

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let pieces = "|{|}|[|]|,|:|\"|null|true|0|-1|1.5|1e3|18446744073709551616|\\|\\u00e9|\\ud83d|\
                  \u{1}|\u{feff}|é|\"a\":1,|\"all\":null,";
    let pieces: Vec<&str> = pieces.split('|').collect();
    prop::collection::vec((any::<Index>(), 0..3_usize, select(pieces)), 0..3)
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (at, count, piece) in edits {
        let at = at.index(characters.len() + 1);
        let end = (at + count).min(characters.len());
        characters.splice(at..end, piece.chars());
    }
    characters.into_iter().collect()
}

/// Collects pointers to every member of every object in a value.
fn members(value: &Value, at: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                members(value, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(object) => {
            for (name, value) in object {
                found.push((at.to_owned(), name.clone()));
                members(value, &format!("{at}/{}", name.replace('/', "~1")), found);
            }
        }
        _ => {}
    }
}

/// Returns the value of a text with one member removed or replaced.
fn changed(text: &str, which: Index, replacement: Option<Value>) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap();
    let mut found = Vec::new();
    members(&value, "", &mut found);
    let (parent, name) = &found[which.index(found.len())];
    let object = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match replacement {
        Some(other) => object.insert(name.clone(), other),
        None => object.remove(name),
    };
    value
}

/// Returns whether everything in `part` is in `whole`, except for empty members.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(name, part)| {
            let is_empty = part.is_null() || *part == json!([]);
            whole.get(name).map_or(is_empty, |whole| holds(whole, part))
        }),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(a, b)| holds(a, b))
        }
        _ => whole == part,
    }
}

type Checked = Result<(), TestCaseError>;

/// Decodes a text that may be invalid; an accepted value must survive encoding.
fn check_text<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &[u8]) -> Checked {
    if let Ok(value) = decode_object::<T>(text) {
        prop_assert_eq!(decode_object::<T>(encode(&value).as_bytes()), Ok(value));
    }
    Ok(())
}

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    text: &str,
    edits: &[Edit],
    which: Index,
    other: &Option<Value>,
) -> Checked {
    check_text::<T>(edited(text, edits).as_bytes())?;
    let without = changed(text, which, None);
    if let Ok(value) = decode_object::<T>(without.to_string().as_bytes()) {
        prop_assert!(holds(&json!(value), &without), "{} of {without}", encode(&value));
    }
    check_text::<T>(changed(text, which, other.clone()).to_string().as_bytes())
}

fn other() -> impl Strategy<Value = Option<Value>> {
    let values = [json!(null), json!(0), json!(-1), json!(1.5), json!(""), json!([]), json!({})];
    prop_oneof![
        select(values.to_vec()),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
    .prop_map(Some)
}

proptest! {
    #[test]
    fn edited_formats_are_decoded_without_loss(edits in edits(), which: Index, other in other()) {
        check::<Head>(HEAD, &edits, which, &other)?;
        check::<LiveRecord>(LIVE, &edits, which, &other)?;
        check::<SiteRecord>(SITE, &edits, which, &other)?;
        check::<HostRecord>(HOST, &edits, which, &other)?;
        check::<MediaConfig>(MEDIA, &edits, which, &other)?;
    }

    #[test]
    fn any_bytes_are_decoded_without_loss(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        check_text::<Head>(&bytes)?;
        check_text::<LiveRecord>(&bytes)?;
        check_text::<SiteRecord>(&bytes)?;
        check_text::<HostRecord>(&bytes)?;
        check_text::<MediaConfig>(&bytes)?;
    }

    #[test]
    fn any_text_is_encoded(by: String) {
        let mut record: LiveRecord = decode(LIVE.as_bytes()).unwrap();
        record.by = by;
        prop_assert_eq!(decode(encode(&record).as_bytes()), Ok(record));
    }
}

#[test]
fn unknown_members_are_ignored() {
    for (text, decodes) in [
        (HEAD, decodes::<Head> as fn(&str) -> bool),
        (LIVE, decodes::<LiveRecord>),
        (SITE, decodes::<SiteRecord>),
        (HOST, decodes::<HostRecord>),
        (MEDIA, decodes::<MediaConfig>),
    ] {
        assert!(decodes(text), "{text}");
        for unknown in [r#""later":{"a":[1.5,null]},"#, &deep(r#""later":"#, 100_000, ",")] {
            assert!(decodes(&text.replacen('{', &format!("{{{unknown}"), 1)), "{unknown:.80}");
        }
    }
}

fn decodes<T: DeserializeOwned>(text: &str) -> bool {
    decode_object::<T>(text.as_bytes()).is_ok()
}

/// Arrays within arrays.
fn deep(before: &str, levels: usize, after: &str) -> String {
    [before, &"[".repeat(levels), &"]".repeat(levels), after].concat()
}

#[track_caller]
fn check_error<T: DeserializeOwned + Debug>(text: &str, expected: &str) {
    let error = decode_object::<T>(text.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}: {text:.80}");
    assert!(error.len() <= 500, "{error}");
}

#[test]
fn errors_name_the_member() {
    for (text, expected) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{", "EOF while parsing an object"),
        (r#"{"host" 1}"#, "expected `:` at line 1 column 9"),
        ("[]", "must be an object"),
        (r#" ["a.test","aa","production"]"#, "must be an object"),
        ("7", "invalid type: integer `7`"),
        ("{}", "missing field `host`"),
        (r#"{"host":1}"#, "host: invalid type: integer `1`, expected a string"),
        (r#"{"host":"a.test","host":"b.test"}"#, "duplicate field `host`"),
        (r#"{"host":"a/b"}"#, "host: "),
        (r#"{"host":"a/b" }"#, "host: "),
        (r#"{"host":"a/b" , "site":"aa"}"#, "host: "),
        ("{\n\"site\":\"aa\",\n\"host\":\"a/b\"\n}", "host: "),
        (r#"{"host":["a.test"]}"#, "host: invalid type: sequence"),
        (r#"{"host":}"#, "expected value at line 1 column 9"),
        (r#"{"site":"aa","stage":"b","host":"a/"#, "host: EOF while parsing a string"),
        (r#"{"host":"a.test","site":"A","stage":"b"}"#, "site: \"A\" is not a site name"),
        (r#"{"host":"a.test","site":"aa","stage":7}"#, "stage: invalid type: integer `7`"),
        (r#"{"host":"a.test","site":"aa","stage":"b"} {}"#, "trailing characters"),
    ] {
        check_error::<HostRecord>(text, expected);
    }
    for (text, expected) in [
        (r#"{"edge_ttl":4294967296}"#, "edge_ttl: invalid value: integer `4294967296`"),
        (r#"{"edge_ttl":1e3}"#, "edge_ttl: invalid type: floating point `1000.0`"),
        (r#"{"redirect_status":301}"#, "redirect_status: must be 307 or 308"),
        (r#"{"html":"other"}"#, "html: unknown variant `other`, expected one of"),
        (r#"{"actions":[{"prefix":"/"}]}"#, "actions[0]: missing field `upstream`"),
        (
            r#"{"collections":[{"name":"a","prefix":"/","fresh":1}]}"#,
            "collections[0].fresh: invalid type",
        ),
        (r#"{"stages":{"qa":{"kind":7}}}"#, "stages.qa.kind: "),
        (
            r#"{"redirects":[["/a","/b",301],["/a","/b"]]}"#,
            "redirects[1]: invalid length 2, expected a path, a target and a status",
        ),
        (r#"{"redirects":[["/a","/b",304]]}"#, "redirects[0]: 304 is not the status"),
        (
            r#"{"redirects":[["/a","/b",301],["/a","/b",304],["/a","/b",301]]}"#,
            "redirects[1]: 304 is not the status",
        ),
        (
            r#"{"headers":[{"for":"/*","origin":"selector","ops":[{"sets":["a","b"]}]}]}"#,
            "headers[0].ops[0]",
        ),
    ] {
        check_error::<SiteConfig>(text, expected);
    }
}

#[test]
fn counts_and_depths_are_bounded() {
    let list = |value: &str, count| vec![value; count].join(",");
    let redirects = |count| format!(r#"{{"redirects":[{}]}}"#, list(r#"["/a","/b",301]"#, count));
    assert!(decodes::<SiteConfig>(&redirects(20_000)));
    check_error::<SiteConfig>(&redirects(20_001), "redirects: more than 20000 redirects");
    check_error::<SiteConfig>(&redirects(21_001), "redirects[21000]: more than 21000 values");
    let rule = r#"{"for":"/*","origin":"selector","ops":[]}"#;
    let headers = |count| format!(r#"{{"headers":[{}]}}"#, list(rule, count));
    assert!(decodes::<SiteConfig>(&headers(1_000)));
    check_error::<SiteConfig>(&headers(1_001), "headers[1000]: more than 1000 values");
    // The other members of a ban are buffered, so their depth is limited.
    let bans = |levels| {
        let ban = deep(r#"{"at_ms":1,"all":null,"later":"#, levels, "}");
        LIVE.replace(r#"{"at_ms":1,"all":null}"#, &ban)
    };
    assert!(decodes::<LiveRecord>(&bans(100)));
    check_error::<LiveRecord>(&bans(100_000), "bans[0].later");
}

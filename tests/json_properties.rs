//! What is stored as JSON, read and written by the core and by serde: the same values, the same
//! bytes, whatever is damaged.
//!
//! The types here are what serde makes of the formats; they know nothing of the core's own.
//! `PROPTEST_CASES` says how many inputs each property gets.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use selvedge::site::json::{FromJson, ToJson, read, written};
use selvedge::site::json_parser::{DEPTH_MAX, Json, VALUES_MAX, parse};
use selvedge::site::live::LiveRecord;
use selvedge::site::manifest::Head;
use selvedge::site::record::{HostRecord, SiteRecord};

#[derive(Serialize, Deserialize)]
struct StoredHead {
    paths: u64,
    bytes: u64,
    config: StoredConfig,
    #[serde(default)]
    not_found_pages: BTreeMap<String, StoredAsset>,
    #[serde(default)]
    application_page: Option<StoredAsset>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    application_path: Option<String>,
    #[serde(default)]
    shards: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredAsset {
    class: String,
    media_type: String,
    representations: Vec<StoredRepresentation>,
}

#[derive(Serialize, Deserialize)]
struct StoredRepresentation {
    coding: String,
    length: u64,
    hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(default)]
struct StoredConfig {
    html: String,
    not_found: String,
    redirect_status: u16,
    fingerprint: String,
    profile: String,
    edge_ttl: u32,
    stages: BTreeMap<String, StoredStage>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<StoredAction>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    collections: Vec<StoredCollection>,
    redirects: Vec<(String, String, u16)>,
    headers: Vec<StoredRule>,
}

impl Default for StoredConfig {
    fn default() -> Self {
        Self {
            html: "auto-trailing-slash".into(),
            not_found: "404-page".into(),
            redirect_status: 307,
            fingerprint: "auto".into(),
            profile: "default".into(),
            edge_ttl: 86_400,
            stages: BTreeMap::new(),
            actions: Vec::new(),
            collections: Vec::new(),
            redirects: Vec::new(),
            headers: Vec::new(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredStage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edge_ttl: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct StoredAction {
    prefix: String,
    upstream: String,
    #[serde(default)]
    first: bool,
    #[serde(default = "number::<1_800>")]
    cap: u32,
    #[serde(default = "number::<10>")]
    timeout: u32,
    #[serde(default = "number::<30>")]
    idle_timeout: u32,
    #[serde(default)]
    heuristic: bool,
    #[serde(default = "never")]
    set_cookie: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    methods: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredCollection {
    name: String,
    prefix: String,
    #[serde(default = "number::<300>")]
    edge_ttl: u32,
    #[serde(default = "number::<3_600>")]
    stale_while_revalidate: u32,
    #[serde(default = "number::<86_400>")]
    stale_if_error: u32,
    #[serde(default = "browser")]
    browser: String,
    #[serde(default)]
    fresh: bool,
    #[serde(default = "public")]
    access: String,
    #[serde(default = "inert")]
    active: String,
}

#[derive(Serialize, Deserialize)]
struct StoredRule {
    r#for: String,
    origin: String,
    ops: Vec<StoredOp>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredOp {
    Set(String, String),
    Append(String, String),
    Unset(String),
}

#[derive(Serialize, Deserialize)]
struct StoredLive {
    site: String,
    stage: String,
    kind: String,
    deployment: String,
    seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activated_seq: Option<u64>,
    activated_ms: u64,
    by: String,
    #[serde(default)]
    retained: Vec<StoredRetained>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bans: Vec<StoredBan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site_created_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct StoredRetained {
    deployment: String,
    activated_ms: u64,
    superseded_ms: u64,
    #[serde(default)]
    rolled_back: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredBan {
    at_ms: u64,
    #[serde(flatten)]
    scope: StoredScope,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredScope {
    All,
    Path(String),
    Prefix(String),
    Tag(String),
    Collection(String),
}

#[derive(Serialize, Deserialize)]
struct StoredSite {
    site: String,
    created_ms: u64,
    #[serde(default)]
    tokens: Vec<StoredToken>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<StoredKey>,
    #[serde(default)]
    hosts: Vec<StoredHostEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    takedowns: Vec<StoredTakedown>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deletion: Option<StoredDeletion>,
}

#[derive(Serialize, Deserialize)]
struct StoredTakedown {
    path: String,
    at_ms: u64,
    by: String,
}

#[derive(Serialize, Deserialize)]
struct StoredDeletion {
    at_ms: u64,
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unserved_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct StoredToken {
    id: String,
    name: String,
    hash: String,
    scopes: Vec<String>,
    created_ms: u64,
    #[serde(default)]
    expires_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    id: String,
    name: String,
    hash: String,
    created_ms: u64,
    #[serde(default)]
    expires_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct StoredHostEntry {
    host: String,
    stage: String,
}

#[derive(Serialize, Deserialize)]
struct StoredHost {
    host: String,
    site: String,
    stage: String,
}

fn number<const N: u32>() -> u32 {
    N
}

fn never() -> String {
    "never".into()
}

fn browser() -> String {
    "public, max-age=0, must-revalidate".into()
}

fn public() -> String {
    "public".into()
}

fn inert() -> String {
    "inert".into()
}

/// One of these texts.
fn one_of(texts: &'static [&'static str]) -> BoxedStrategy<Value> {
    select(texts).prop_map(Value::from).boxed()
}

fn any_number() -> BoxedStrategy<Value> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()].prop_map(Value::from).boxed()
}

fn small_number() -> BoxedStrategy<Value> {
    any::<u32>().prop_map(Value::from).boxed()
}

fn flag() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}

/// Any text at all, those that are written with escapes more often.
fn text() -> BoxedStrategy<Value> {
    let escaped = select(vec!["\"", "\\", "/", "\u{8}", "\u{c}", "\n", "\r", "\t", "\0", "\u{1f}"]);
    let character =
        prop_oneof![escaped.prop_map(str::to_owned), any::<char>().prop_map(String::from)];
    let texts = prop::collection::vec(character, 0..6);
    texts.prop_map(|texts| Value::from(texts.concat())).boxed()
}

fn or_null(value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop_oneof![3 => value, 1 => Just(Value::Null)].boxed()
}

fn list(value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop::collection::vec(value, 0..4).prop_map(Value::from).boxed()
}

type Members = Vec<(&'static str, bool, BoxedStrategy<Value>)>;

/// An object; members that are not required are there now and then.
fn object(members: Members) -> BoxedStrategy<Value> {
    let members = members.into_iter().map(|(name, required, value)| {
        let value = value.prop_map(move |value| (name, value));
        if required { value.prop_map(Some).boxed() } else { prop::option::of(value).boxed() }
    });
    let members: Vec<_> = members.collect();
    let named = |members: Vec<Option<(&str, Value)>>| -> Map<String, Value> {
        members.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect()
    };
    members.prop_map(move |members| Value::Object(named(members))).boxed()
}

fn hash() -> BoxedStrategy<Value> {
    any::<[u8; 32]>()
        .prop_map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
        .boxed()
}

fn deployment() -> BoxedStrategy<Value> {
    "d[a-z2-7]{25}".prop_map(Value::from).boxed()
}

fn site() -> BoxedStrategy<Value> {
    one_of(&["aa", "my-site", "012345678901234567890123456789"])
}

fn stage() -> BoxedStrategy<Value> {
    one_of(&["production", "pr-7", "a", "01234567890123456789"])
}

fn kind() -> BoxedStrategy<Value> {
    one_of(&["permanent", "sandbox"])
}

fn host() -> BoxedStrategy<Value> {
    one_of(&["www.example.com", "a.test", "localhost"])
}

fn asset() -> BoxedStrategy<Value> {
    let class = one_of(&["html", "fingerprinted", "other"]);
    let media_type = one_of(&["text/html; charset=utf-8", "a/b"]);
    let of = |coding: BoxedStrategy<Value>| {
        object(vec![
            ("coding", true, coding),
            ("length", true, any_number()),
            ("hash", true, hash()),
        ])
    };
    let others = prop::collection::vec(of(one_of(&["gzip", "br", "zstd"])), 0..3);
    let representations = (of(one_of(&["identity"])), others)
        .prop_map(|(identity, others)| Value::from([vec![identity], others].concat()));
    object(vec![
        ("class", true, class),
        ("media_type", true, media_type),
        ("representations", true, representations.boxed()),
    ])
}

fn action() -> BoxedStrategy<Value> {
    let upstreams = &["https://a.test", "http://127.0.0.1:9000", "service:NAME"];
    object(vec![
        ("prefix", true, one_of(&["/api/", "/", "/caf%C3%A9/"])),
        ("upstream", true, one_of(upstreams)),
        ("first", false, flag()),
        ("cap", false, small_number()),
        ("timeout", false, small_number()),
        ("idle_timeout", false, small_number()),
        ("heuristic", false, flag()),
        ("set_cookie", false, one_of(&["never", "store"])),
        ("methods", false, list(text())),
    ])
}

fn collection() -> BoxedStrategy<Value> {
    object(vec![
        ("name", true, one_of(&["public", "a", "a-b"])),
        ("prefix", true, one_of(&["/public/", "/"])),
        ("edge_ttl", false, small_number()),
        ("stale_while_revalidate", false, small_number()),
        ("stale_if_error", false, small_number()),
        ("browser", false, text()),
        ("fresh", false, flag()),
        ("access", false, one_of(&["public", "key"])),
        ("active", false, one_of(&["inert", "serve"])),
    ])
}

fn redirect() -> BoxedStrategy<Value> {
    let rules = [("/a", "/b", 301), ("/old/*", "/new/:splat", 200), ("/é", "https://a.test/", 308)];
    select(rules.to_vec()).prop_map(|(from, to, status)| json!([from, to, status])).boxed()
}

fn rule() -> BoxedStrategy<Value> {
    let ops = [
        json!({ "set": ["x-a", "1 \"é\""] }),
        json!({ "append": ["link", "</a>"] }),
        json!({ "unset": "x-b" }),
    ];
    object(vec![
        ("for", true, one_of(&["/*", "/a/*", "/file"])),
        ("origin", true, one_of(&["headers-file", "selector"])),
        ("ops", true, list(select(ops.to_vec()).boxed())),
    ])
}

fn config() -> BoxedStrategy<Value> {
    let settings = object(vec![
        ("kind", false, or_null(kind())),
        ("profile", false, or_null(one_of(&["default", "short"]))),
        ("edge_ttl", false, or_null(small_number())),
    ]);
    let stages = prop::collection::btree_map("[a-z]{1,3}", settings, 0..3)
        .prop_map(|stages| Value::Object(stages.into_iter().collect()));
    let modes = &[
        "auto-trailing-slash",
        "force-trailing-slash",
        "drop-trailing-slash",
        "rewrite",
        "default-root",
        "none",
    ];
    object(vec![
        ("html", false, one_of(modes)),
        ("not_found", false, one_of(&["404-page", "single-page-application", "none"])),
        ("redirect_status", false, select(vec![307, 308]).prop_map(Value::from).boxed()),
        ("fingerprint", false, one_of(&["auto", "listed", "none"])),
        ("profile", false, one_of(&["default", "short"])),
        ("edge_ttl", false, small_number()),
        ("stages", false, stages.boxed()),
        ("actions", false, list(action())),
        ("collections", false, list(collection())),
        ("redirects", false, list(redirect())),
        ("headers", false, list(rule())),
    ])
}

fn head() -> BoxedStrategy<Value> {
    let pages = prop::collection::btree_map("/[a-zé\"]{0,2}", asset(), 0..3)
        .prop_map(|pages| Value::Object(pages.into_iter().collect()));
    object(vec![
        ("paths", true, any_number()),
        ("bytes", true, any_number()),
        ("config", true, config()),
        ("not_found_pages", false, pages.boxed()),
        ("application_page", false, or_null(asset())),
        ("application_path", false, or_null(text())),
        ("shards", false, list(hash())),
        ("unknown", false, text()),
    ])
}

fn live_record() -> BoxedStrategy<Value> {
    let retained = object(vec![
        ("deployment", true, deployment()),
        ("activated_ms", true, any_number()),
        ("superseded_ms", true, any_number()),
        ("rolled_back", false, flag()),
    ]);
    let ban = prop_oneof![
        object(vec![("at_ms", true, any_number()), ("all", true, Just(Value::Null).boxed())]),
        object(vec![("at_ms", true, any_number()), ("path", true, text())]),
        object(vec![("at_ms", true, any_number()), ("prefix", true, text())]),
        object(vec![("at_ms", true, any_number()), ("tag", true, text())]),
        object(vec![("at_ms", true, any_number()), ("collection", true, one_of(&["public"]))]),
    ];
    object(vec![
        ("site", true, site()),
        ("stage", true, stage()),
        ("kind", true, kind()),
        ("deployment", true, deployment()),
        ("seq", true, any_number()),
        ("activated_seq", false, or_null(any_number())),
        ("activated_ms", true, any_number()),
        ("by", true, text()),
        ("retained", false, list(retained)),
        ("bans", false, list(ban.boxed())),
        ("site_created_ms", false, or_null(any_number())),
    ])
}

fn site_record() -> BoxedStrategy<Value> {
    let scopes = list(one_of(&["publish", "purge", "write", "read"]));
    let common = || {
        vec![
            ("id", true, text()),
            ("name", true, text()),
            ("hash", true, hash()),
            ("created_ms", true, any_number()),
            ("expires_ms", false, or_null(any_number())),
        ]
    };
    let mut token = common();
    token.push(("scopes", true, scopes));
    let takedown = object(vec![
        ("path", true, one_of(&["/a.pdf", "/private/*", "/caf%C3%A9", "/"])),
        ("at_ms", true, any_number()),
        ("by", true, text()),
    ]);
    let deletion = object(vec![
        ("at_ms", true, any_number()),
        ("by", true, text()),
        ("unserved_ms", false, or_null(any_number())),
    ]);
    object(vec![
        ("site", true, site()),
        ("created_ms", true, any_number()),
        ("tokens", false, list(object(token))),
        ("keys", false, list(object(common()))),
        ("hosts", false, list(object(vec![("host", true, host()), ("stage", true, stage())]))),
        ("takedowns", false, list(takedown)),
        ("deletion", false, or_null(deletion)),
    ])
}

fn host_record() -> BoxedStrategy<Value> {
    object(vec![("host", true, host()), ("site", true, site()), ("stage", true, stage())])
}

/// An edit of a text: where, how many characters go, and what comes in their place.
type Edit = (Index, usize, String);

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let pieces = [
        "",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"\"",
        "null",
        "true",
        "false",
        "0",
        "00",
        "-1",
        "1.5",
        "1e3",
        "18446744073709551616",
        "\\",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\ud83d",
        "\\u12",
        " ",
        "\n",
        "\t",
        "\u{1}",
        "\u{feff}",
        "é",
        "a",
        "none",
        "\"a\":1,",
        "\"all\":null,",
    ];
    let piece = select(pieces.to_vec()).prop_map(str::to_owned);
    prop::collection::vec((any::<Index>(), 0..3_usize, piece), 0..3)
}

fn edited(text: &str, edits: Vec<Edit>) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (at, count, piece) in edits {
        let at = at.index(characters.len() + 1);
        let end = (at + count).min(characters.len());
        characters.splice(at..end, piece.chars());
    }
    characters.into_iter().collect()
}

/// Whole: the core writes the bytes that serde writes. Damaged: what the core still takes, serde
/// takes too, as the same value.
fn agree<Own: FromJson + ToJson, Stored: Serialize + DeserializeOwned>(
    value: &Value,
    edits: Vec<Edit>,
) -> Result<(), TestCaseError> {
    let text = value.to_string();
    let stored: Stored = serde_json::from_str(&text).unwrap();
    let own: Own =
        read(text.as_bytes()).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
    prop_assert_eq!(written(&own), serde_json::to_string(&stored).unwrap());

    let damaged = edited(&text, edits);
    if let Ok(own) = read::<Own>(damaged.as_bytes()) {
        let stored: Result<Stored, _> = serde_json::from_str(&damaged);
        let stored = stored.map_err(|e| TestCaseError::fail(format!("{e}: {damaged}")))?;
        let again = serde_json::to_string(&stored).unwrap();
        let again: Own = read(again.as_bytes()).unwrap();
        prop_assert_eq!(written(&again), written(&own), "{}", damaged);
    }
    Ok(())
}

proptest! {
    #[test]
    fn heads(value in head(), edits in edits()) {
        agree::<Head, StoredHead>(&value, edits)?;
    }

    #[test]
    fn live_records(value in live_record(), edits in edits()) {
        agree::<LiveRecord, StoredLive>(&value, edits)?;
    }

    #[test]
    fn site_records(value in site_record(), edits in edits()) {
        agree::<SiteRecord, StoredSite>(&value, edits)?;
    }

    #[test]
    fn host_records(value in host_record(), edits in edits()) {
        agree::<HostRecord, StoredHost>(&value, edits)?;
    }

    #[test]
    fn the_grammar_is_that_of_serde(value in anything(), edits in edits(), pretty: bool) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        let text = edited(&text, edits);
        match (parse(text.as_bytes()), serde_json::from_str::<Value>(&text)) {
            (Ok(own), Ok(other)) => prop_assert_eq!(as_value(&own), other),
            (Ok(_), Err(error)) => prop_assert!(false, "{}: {}", error, text),
            (Err(error), Ok(other)) => {
                prop_assert!(!only_whole_numbers(&other), "{}: {}", error, text);
            }
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let same = parse(&bytes).is_ok() <= serde_json::from_slice::<Value>(&bytes).is_ok();
        prop_assert!(same);
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![text(), any_number(), flag(), Just(Value::Null)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let members = prop::collection::btree_map("[a-z\"\\\\é]{0,3}", inner.clone(), 0..4);
        let object = members.prop_map(|members| Value::Object(members.into_iter().collect()));
        prop_oneof![list(inner.boxed()), object.boxed()]
    })
}

fn as_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => (*value).into(),
        Json::Integer(value) => (*value).into(),
        Json::Text(text) => text.as_ref().into(),
        Json::List(list) => list.iter().map(as_value).collect(),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.to_string(), as_value(value)));
            Value::Object(members.collect())
        }
    }
}

/// Whether all numbers are of the kind that the core takes.
fn only_whole_numbers(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_u64(),
        Value::Array(list) => list.iter().all(only_whole_numbers),
        Value::Object(members) => members.values().all(only_whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[test]
fn bounds() {
    let nested = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
    assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert!(parse(nested(DEPTH_MAX + 1).as_bytes()).is_err());
    let list = |values: usize| format!("[{}]", vec!["0"; values].join(","));
    assert!(parse(list(VALUES_MAX - 1).as_bytes()).is_ok());
    assert!(parse(list(VALUES_MAX).as_bytes()).is_err());
}

#[test]
fn errors_name_the_place() {
    let rows = [
        ("", "byte 0: expected a value"),
        ("{", "byte 1: expected a name in quotes"),
        ("[1", "byte 2: expected , or ]"),
        ("{\"a\" 1}", "byte 5: expected :"),
        ("{} {}", "byte 3: something follows"),
        ("[1.5]", "byte 2: numbers are whole, from 0 to 18446744073709551615"),
        ("\"\\x\"", "byte 3: this is no escape"),
        ("[]", "must be an object"),
        ("{}", "host: is missing"),
        ("{\"host\":1}", "host: must be a string"),
        ("{\"host\":\"a.test\",\"host\":\"b.test\"}", "host: is there twice"),
        ("{\"host\":\"a/b\"}", "host: must be a hostname"),
    ];
    for (text, expected) in rows {
        let error = read::<HostRecord>(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
    assert_eq!(parse(b"[\xff]").unwrap_err().to_string(), "byte 1: this is not UTF-8");
}

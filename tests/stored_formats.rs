//! The JSON in stores: records of earlier versions are decoded, and encoded to the same bytes.
//!
//! Deployment ids are hashes of such bytes, and records are compared after they are written. The
//! expected texts and ids are from before the formats were serde derives.
#![cfg(not(target_arch = "wasm32"))]

use std::fs::File;
use std::io::Read;
use std::path::Path;

use data_encoding::BASE64;
use flate2::read::GzDecoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use selvedge::site::codec::{decode, encode};
use selvedge::site::config::SiteConfig;
use selvedge::site::deployment::asset::{Asset, Class, Representation};
use selvedge::site::deployment::manifest::{Head, Manifest, ManifestBuilder};
use selvedge::site::ids::ContentHash;
use selvedge::site::media::config::MediaConfig;
use selvedge::site::records::live::LiveRecord;
use selvedge::site::records::site::{HostRecord, SiteRecord};
use selvedge::wire::coding::Coding;

#[track_caller]
fn check<T: DeserializeOwned + Serialize>(text: &str) {
    let value: T = decode(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(encode(&value), text);
}

#[test]
fn every_member_is_encoded_as_before() {
    check::<SiteConfig>(include_str!("formats/config.json").trim_end());
    check::<LiveRecord>(include_str!("formats/live.json").trim_end());
    check::<SiteRecord>(include_str!("formats/site.json").trim_end());
    check::<HostRecord>(include_str!("formats/host.json").trim_end());
    check::<Head>(include_str!("formats/head.json").trim_end());
    check::<MediaConfig>(include_str!("formats/media.json").trim_end());
}

#[test]
fn empty_members_are_omitted_as_before() {
    check::<SiteConfig>(
        r#"{"html":"auto-trailing-slash","not_found":"404-page","redirect_status":307,"fingerprint":"auto","profile":"default","edge_ttl":86400,"stages":{},"redirects":[],"headers":[]}"#,
    );
    check::<LiveRecord>(
        r#"{"site":"aa","stage":"pr-7","kind":"sandbox","deployment":"djqh5rkiagr7q2u2rcbno6e67d","seq":1,"activated_ms":2,"by":"","retained":[]}"#,
    );
    check::<SiteRecord>(r#"{"site":"aa","created_ms":3,"tokens":[],"hosts":[]}"#);
    check::<SiteRecord>(
        r#"{"site":"aa","created_ms":3,"tokens":[],"hosts":[],"deletion":{"at_ms":1,"by":"root"}}"#,
    );
}

#[test]
fn a_deployment_keeps_its_id() {
    let of = |coding| Representation { coding, length: 3, hash: ContentHash::of(b"abc") };
    let page = vec![of(Coding::Identity), of(Coding::Brotli)];
    let build = |config: &str| {
        let mut builder = ManifestBuilder::new(decode(config.as_bytes()).unwrap());
        for path in ["/index.html", "/404.html", "/a/404.html", "/app.html"] {
            let asset = Asset::new(Class::Html, "text/html; charset=utf-8", page.clone());
            builder.insert(path, asset.unwrap());
        }
        let script = Asset::new(Class::Fingerprinted, "text/javascript", page.clone());
        builder.insert("/assets/app-0123abcd.js", script.unwrap());
        builder.build().unwrap().id.to_string()
    };
    assert_eq!(build("{}"), "dlp3kfd4pii2ybtpvja7nikqki");
    assert_eq!(build(include_str!("formats/config.json")), "drf4jwzr5gnnjaqdbsydu4qoq3");
}

#[test]
fn records_of_earlier_versions_are_kept() {
    for (store, records) in [("r2-0.1", 10), ("kv-0.1", 10)] {
        let file = format!("tests/e2e/stores/{store}.json.gz");
        let file = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
        let saved: Value = serde_json::from_str(&text).unwrap();
        let checked = saved["entries"].as_array().unwrap().iter().filter(|entry| {
            let bytes = BASE64.decode(entry["base64"].as_str().unwrap().as_bytes()).unwrap();
            check_entry(entry["key"].as_str().unwrap(), &bytes)
        });
        assert_eq!(checked.count(), records, "{store}");
    }
}

/// Checks the value of a key and returns whether it is JSON.
fn check_entry(key: &str, bytes: &[u8]) -> bool {
    let text = || str::from_utf8(bytes).unwrap();
    match key.split('/').collect::<Vec<_>>().as_slice() {
        ["live", ..] => check::<LiveRecord>(text()),
        ["site", ..] => check::<SiteRecord>(text()),
        ["host", ..] => check::<HostRecord>(text()),
        ["dep", _, id] => {
            let manifest = Manifest::parse(bytes).unwrap();
            assert_eq!(manifest.id().as_str(), *id);
            let head = encode(manifest.head());
            assert_eq!(bytes[8..][..head.len()], *head.as_bytes(), "{key}");
        }
        ["blob" | "obj", ..] => return false,
        _ => panic!("{key}: unknown"),
    }
    true
}

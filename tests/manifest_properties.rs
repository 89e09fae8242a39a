//! Manifests that tenants upload: parsing and lookups are total.
//!
//! `make fuzz` runs these with a million cases each.
#![cfg(not(target_arch = "wasm32"))]

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use selvedge::site::config::SiteConfig;
use selvedge::site::deployment::asset::{Asset, Class, Representation};
use selvedge::site::deployment::manifest::{BuiltManifest, Manifest, ManifestBuilder, ShardPlace};
use selvedge::site::deployment::shard::{self, Shard};
use selvedge::site::ids::ContentHash;
use selvedge::site::records::live::LiveRecord;
use selvedge::site::records::site::{SiteRecord, TokenText};
use selvedge::wire::coding::Coding;

fn asset() -> impl Strategy<Value = Asset> {
    let codings = proptest::sample::subsequence(vec![Coding::Gzip, Coding::Brotli], 0..=2);
    (any::<[u8; 32]>(), any::<u64>(), codings, 0..3_u8).prop_map(
        |(hash, length, codings, class)| {
            let all = [Coding::Identity].into_iter().chain(codings);
            let of = |coding| Representation { coding, length, hash: ContentHash(hash) };
            Asset::new(Class::from_code(class), "text/plain", all.map(of).collect()).unwrap()
        },
    )
}

fn build(files: &[(String, Asset)]) -> BuiltManifest {
    let mut builder = ManifestBuilder::new(SiteConfig::default());
    files.iter().for_each(|(path, asset)| builder.insert(path, asset.clone()));
    builder.build().unwrap()
}

/// Looks up all paths and others in anything that can be parsed.
fn ask(bytes: &[u8], paths: &[String]) {
    if let Ok(manifest) = Manifest::parse(bytes) {
        for path in paths.iter().map(String::as_str).chain(["", "/", "/404.html", "//", "/a/b/"]) {
            if let Some(ShardPlace::Inline(shard)) = manifest.shard_of(path) {
                shard.lookup(path);
            }
            manifest.not_found_page(path, &|_| true);
        }
    }
    if let Ok(shard) = Shard::parse(bytes.to_vec()) {
        paths.iter().for_each(|path| drop(shard.lookup(path)));
        shard.iter().for_each(drop);
    }
}

/// Bytes with some of them changed, taken out or put in.
fn damaged(bytes: &[u8], damage: &[(u8, prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (kind, at, byte) in damage {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        match kind % 4 {
            0 => bytes[at] = *byte,
            1 => bytes[at] ^= 1 << (byte % 8),
            2 => bytes.truncate(at),
            _ => bytes.insert(at, *byte),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inserted_paths_are_found_and_no_others(
        files in btree_map("/[a-c/.]{0,6}(index|404)?(\\.html)?", asset(), 0..40),
        other in "/[a-d/.]{0,8}",
    ) {
        let files: Vec<_> = files.into_iter().collect();
        let manifest = Manifest::parse(&build(&files).root).unwrap();
        let lookup = |path: &str| match manifest.shard_of(path) {
            Some(ShardPlace::Inline(shard)) => shard.lookup(path),
            _ => None,
        };
        for (path, asset) in &files {
            prop_assert_eq!(lookup(path), Some(asset.clone()));
        }
        let expected = files.iter().find(|(path, _)| *path == other);
        prop_assert_eq!(lookup(&other), expected.map(|(_, asset)| asset.clone()));
    }

    #[test]
    fn damaged_manifests_do_not_panic(
        files in btree_map("/[a-c/]{0,6}(\\.html)?", asset(), 0..20),
        damage in vec(any::<(u8, prop::sample::Index, u8)>(), 1..8),
    ) {
        let files: Vec<_> = files.into_iter().collect();
        let paths: Vec<_> = files.iter().map(|(path, _)| path.clone()).collect();
        ask(&damaged(&build(&files).root, &damage), &paths);
        let entries = files.iter().map(|(path, asset)| (path.as_str(), asset));
        ask(&damaged(&shard::write(entries).unwrap(), &damage), &paths);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(
        magic in prop::sample::select(vec!["SVM1", "SVS1", ""]),
        rest in vec(any::<u8>(), 0..200),
    ) {
        ask(&[magic.as_bytes(), &rest].concat(), &["/".to_owned(), "/a".to_owned()]);
    }

    #[test]
    fn arbitrary_bytes_are_not_a_record(bytes in vec(any::<u8>(), 0..100), text in ".{0,80}") {
        let (site, stage) = ("www".parse().unwrap(), "production".parse().unwrap());
        prop_assert!(LiveRecord::parse(&bytes, &site, &stage).is_none());
        prop_assert!(SiteRecord::parse(&bytes, &site).is_none());
        TokenText::parse(&text);
    }
}

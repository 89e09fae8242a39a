//! Synthetic sites: as many paths as asked for, of the shapes that real sites have.

use selvedge::site::config::SiteConfig;
use selvedge::site::deployment::asset::{Asset, Class, Representation};
use selvedge::site::deployment::fingerprint::may_be_fingerprinted;
use selvedge::site::deployment::manifest::{BuiltManifest, ManifestBuilder};
use selvedge::site::ids::ContentHash;
use selvedge::wire::coding::Coding;

/// The sizes that are measured.
pub const SIZES: [usize; 3] = [100, 10_000, 1_000_000];

/// How many contents the files of a site share.
const SHARED_CONTENTS: usize = 8;
/// About how long each of them is.
const SHARED_BYTES: usize = 1_000;

const WORDS: [&str; 16] = [
    "guide", "reference", "install", "release", "network", "storage", "module", "example", "quick",
    "start", "format", "header", "cache", "route", "image", "index",
];

/// The paths of a site, `/`-rooted; the first ones are `/index.html`, `/404.html`, `/page.html`.
///
/// Of ten others, five are pages in folders, two are pages, two are fingerprinted, one is an image.
pub fn paths(count: usize) -> impl Iterator<Item = String> {
    let named = ["/index.html", "/404.html", "/page.html"].map(str::to_owned);
    let others = (0..count.saturating_sub(named.len())).map(|n| {
        let bits = mixed(n as u64);
        let word = |shift: u32| WORDS[(bits >> shift) as usize % WORDS.len()];
        match n % 10 {
            0..=4 => format!("/docs/{}/{}-{n}/index.html", word(0), word(8)),
            5 | 6 => format!("/blog/{}/{}-{}-{n}.html", 2_000 + bits % 30, word(16), word(24)),
            7 | 8 => format!("/assets/{}-{n}.{:010x}.js", word(32), bits >> 24),
            _ => format!("/images/{}/{}-{n}.png", word(40), word(48)),
        }
    });
    named.into_iter().chain(others).take(count)
}

/// The address of a file under the default `html` rules.
pub fn address(path: &str) -> &str {
    path.trim_end_matches("index.html").trim_end_matches(".html")
}

/// The bytes of a file: short, and different for each path.
pub fn content(path: &str) -> Vec<u8> {
    format!("<!doctype html><title>{path}</title>\n").into_bytes()
}

/// Contents for a site whose files share them, so that one of any size fits into memory.
pub fn shared_contents() -> Vec<Vec<u8>> {
    let page = |n| format!("<!doctype html><title>{n}</title>{:x<1$}\n", "", SHARED_BYTES);
    (0..SHARED_CONTENTS).map(|n| page(n).into_bytes()).collect()
}

/// The identity representation that these bytes are.
pub fn identity(bytes: &[u8]) -> Representation {
    let hash = ContentHash::of(bytes);
    Representation { coding: Coding::Identity, length: bytes.len() as u64, hash }
}

/// The manifest of a site of this many paths, each with a content of its own.
pub fn manifest(count: usize) -> BuiltManifest {
    built(count, |path| identity(&content(path)))
}

/// The manifest of a site of this many paths that share these contents.
pub fn shared_manifest(count: usize, contents: &[Vec<u8>]) -> BuiltManifest {
    let identities: Vec<_> = contents.iter().map(|bytes| identity(bytes)).collect();
    built(count, |path| identities[path.len() % identities.len()])
}

fn built(count: usize, identity: impl Fn(&str) -> Representation) -> BuiltManifest {
    let mut builder = ManifestBuilder::new(SiteConfig::default());
    paths(count).for_each(|path| builder.insert(&path, asset(&path, identity(&path))));
    builder.build().expect("a manifest within its bounds")
}

/// The asset at a path, of an identity representation only.
fn asset(path: &str, identity: Representation) -> Asset {
    let (class, media_type) = match path.rsplit_once('.') {
        _ if may_be_fingerprinted(path) => (Class::Fingerprinted, "text/javascript; charset=utf-8"),
        Some((_, "html")) => (Class::Html, "text/html; charset=utf-8"),
        Some((_, "png")) => (Class::Other, "image/png"),
        _ => (Class::Other, "application/octet-stream"),
    };
    Asset::new(class, media_type, vec![identity]).expect("an asset that can be sent")
}

/// A number with the bits of another well mixed (SplitMix64).
pub fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_site_has_as_many_paths_as_asked_for_all_different() {
        for count in [1, 3, 4, 100, 10_000] {
            assert_eq!(paths(count).collect::<BTreeSet<_>>().len(), count);
        }
    }
}

//! Storage keys. No other module builds one.
//!
//! Nothing that a client sends becomes a key unless it passed a name's grammar or was found in a
//! manifest. Keys of two sites can't collide: a site name has no `/`, and is followed by one in
//! every key of the site except its record.

use std::fmt;

use crate::site::collection::{CollectionName, ObjectName};
use crate::site::ids::{ContentHash, DeploymentId, SiteName, StageName};
use crate::wire::host::Hostname;
use crate::wire::time::UnixMillis;

/// A storage key, valid in R2 and in KV: printable ASCII, at most 512 bytes, never `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The record of a site: tokens and hostnames.
pub fn site(site: &SiteName) -> Key {
    Key(format!("site/{site}"))
}

/// The record of a custom hostname: the site and stage that it serves.
pub fn host(host: &Hostname) -> Key {
    Key(format!("host/{host}"))
}

/// The live record of a stage.
pub fn live(site: &SiteName, stage: &StageName) -> Key {
    Key(format!("live/{site}/{stage}"))
}

/// The manifest root of a deployment.
pub fn deployment(site: &SiteName, deployment: &DeploymentId) -> Key {
    Key(format!("dep/{site}/{deployment}"))
}

/// A blob: a representation or a shard of a manifest.
pub fn blob(site: &SiteName, hash: &ContentHash) -> Key {
    let mut key = String::with_capacity(6 + 30 + 64);
    key.push_str("blob/");
    key.push_str(site.as_str());
    key.push('/');
    hash.push_hex(&mut key);
    Key(key)
}

/// An object of a collection.
pub fn object(site: &SiteName, collection: &CollectionName, name: &ObjectName) -> Key {
    Key(format!("obj/{site}/{collection}/{name}"))
}

/// The prefix of a collection's objects with names that begin with `prefix`.
pub fn object_prefix(site: &SiteName, collection: &CollectionName, prefix: &str) -> String {
    format!("obj/{site}/{collection}/{prefix}")
}

/// A rendition: the first hash names the version of its source, the second covers everything that
/// decides its bytes.
pub fn rendition(site: &SiteName, source: &ContentHash, hash: &ContentHash) -> Key {
    Key([&renditions_prefix(site, source), hash.hex().as_str()].concat())
}

/// The prefix of the renditions of one version of a source.
pub fn renditions_prefix(site: &SiteName, source: &ContentHash) -> String {
    format!("derived/{site}/{source}/")
}

/// Names the cache entries of a stage, apart from those of an earlier site of the same name.
#[derive(Debug, Clone, Copy)]
pub struct StoredFor<'a> {
    pub stage: &'a StageName,
    /// `None` for a live record of an earlier version, which lacks it.
    pub site_created_ms: Option<UnixMillis>,
}

/// A stored response of a stage, in the edge tier only; the hash covers everything that selects it.
pub fn stored(site: &SiteName, of: &StoredFor<'_>, hash: &ContentHash) -> Key {
    let stage = of.stage;
    match of.site_created_ms {
        Some(UnixMillis(created)) => Key(format!("res/{site}/{stage}/{created}/{hash}")),
        None => Key(format!("res/{site}/{stage}/{hash}")),
    }
}

/// A variant of a stored response, in the edge tier only.
pub fn variant(stored: &Key, hash: &ContentHash) -> Key {
    Key(format!("{stored}/{hash}"))
}

/// The lock of a stored response that is being refreshed in this data centre.
pub fn refresh_lock(stored: &Key) -> Key {
    Key(format!("{stored}/lock"))
}

/// The prefix of all site records.
pub fn sites_prefix() -> &'static str {
    "site/"
}

/// The prefix of a site's live records.
pub fn live_prefix(site: &SiteName) -> String {
    format!("live/{site}/")
}

/// Returns the prefixes of a site's keys other than its records, each with its name in messages.
pub fn content_prefixes(site: &SiteName) -> [(&'static str, String); 4] {
    let below = |kind: &str| format!("{kind}/{site}/");
    [
        ("deployments", below("dep")),
        ("objects", below("obj")),
        ("renditions", below("derived")),
        ("blobs", below("blob")),
    ]
}

/// Returns a key from a listing by prefix; `None` if it lacks the prefix.
pub fn listed(prefix: &str, key: String) -> Option<Key> {
    key.starts_with(prefix).then_some(Key(key))
}

/// The prefix of a site's blobs with hashes that begin with `digits`.
pub fn blob_prefix(site: &SiteName, digits: &HexPrefix) -> String {
    format!("blob/{site}/{}", digits.0)
}

/// The first lower-case hexadecimal digits of hashes, to narrow a listing; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HexPrefix(String);

impl HexPrefix {
    /// Four digits split a site's blobs 65,536 ways: more than a million paths need.
    pub const DIGITS_MAX: usize = 4;

    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (digits && text.len() <= Self::DIGITS_MAX).then(|| Self(text.to_owned()))
    }

    pub fn matches(&self, hash: &ContentHash) -> bool {
        hash.hex().starts_with(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_sites_do_not_collide() {
        let (a, ab) = (SiteName::parse("aa").unwrap(), SiteName::parse("aab").unwrap());
        let (hash, all) = (ContentHash::of(b"x"), HexPrefix::parse("").unwrap());
        assert_ne!(blob(&a, &hash), blob(&ab, &hash));
        assert!(!blob(&ab, &hash).as_str().starts_with(&blob_prefix(&a, &all)));
        assert!(!rendition(&ab, &hash, &hash).as_str().starts_with(&renditions_prefix(&a, &hash)));
        assert!(!live(&ab, &StageName::production()).as_str().starts_with(&live_prefix(&a)));
    }

    #[test]
    fn cache_entries_of_an_earlier_site_of_the_same_name_are_not_found() {
        let (site, stage) = (SiteName::parse("aa").unwrap(), StageName::production());
        let of = |created: Option<u64>| {
            let site_created_ms = created.map(UnixMillis);
            stored(&site, &StoredFor { stage: &stage, site_created_ms }, &ContentHash::of(b"x"))
        };
        assert!(of(None) != of(Some(1)) && of(Some(1)) != of(Some(2)));
    }

    #[test]
    fn prefixes_match_hashes() {
        let hash = ContentHash::of(b"");
        for (text, matches) in [("", true), ("e3b0", true), ("e3b1", false)] {
            assert_eq!(HexPrefix::parse(text).map(|p| p.matches(&hash)), Some(matches), "{text}");
        }
        for text in ["E3", "e3b0c", "g", "/", ".."] {
            assert_eq!(HexPrefix::parse(text), None, "{text}");
        }
    }
}

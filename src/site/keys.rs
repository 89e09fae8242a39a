//! Storage keys: the only place where one is made.
//!
//! Not addresses: nothing that a client sends becomes a key unless it passed through a name's
//! grammar or a lookup in a manifest. The invariant is that keys of two sites can't meet: a site's
//! name has no `/`, and stands between two of them in every key of the site but the last part.

use std::fmt;

use crate::site::collection::{CollectionName, ObjectName};
use crate::site::ids::{ContentHash, DeploymentId, SiteName, StageName};
use crate::wire::host::Hostname;
use crate::wire::time::UnixMillis;

/// A storage key, valid in R2 and in KV: printable ASCII, at most 512 bytes, never `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// The key as text.
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

/// The record of a custom hostname: which site and stage it serves.
pub fn host(host: &Hostname) -> Key {
    Key(format!("host/{}", host.as_str()))
}

/// The live record of a stage: which deployment it serves.
pub fn live(site: &SiteName, stage: &StageName) -> Key {
    Key(format!("live/{site}/{stage}"))
}

/// The manifest root of a deployment.
pub fn deployment(site: &SiteName, deployment: &DeploymentId) -> Key {
    Key(format!("dep/{site}/{deployment}"))
}

/// A blob: bytes of a representation, or a shard of a manifest.
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

/// What the objects of a collection begin with whose names begin with a text.
pub fn object_prefix(site: &SiteName, collection: &CollectionName, prefix: &str) -> String {
    format!("obj/{site}/{collection}/{prefix}")
}

/// Names the cache entries of a stage, apart from those of an earlier site of the same name.
#[derive(Debug, Clone, Copy)]
pub struct StoredFor<'a> {
    /// The stage.
    pub stage: &'a StageName,
    /// When the site was created; `None` for a live record that does not say.
    pub site_created_ms: Option<UnixMillis>,
}

/// A stored response of a stage, in the edge tier only; the hash is of all that selects it.
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

/// What says that somebody in this data centre refreshes a stored response.
pub fn refresh_lock(stored: &Key) -> Key {
    Key(format!("{stored}/lock"))
}

/// What the keys of all sites begin with.
pub fn sites_prefix() -> &'static str {
    "site/"
}

/// What the live records of a site begin with.
pub fn live_prefix(site: &SiteName) -> String {
    format!("live/{site}/")
}

/// Returns the prefixes of a site's keys other than its records, each with a name for people.
pub fn content_prefixes(site: &SiteName) -> [(&'static str, String); 3] {
    let below = |kind: &str| format!("{kind}/{site}/");
    [("deployments", below("dep")), ("objects", below("obj")), ("blobs", below("blob"))]
}

/// A key that a listing by prefix gave; `None` if it does not have the prefix.
pub fn listed(prefix: &str, key: String) -> Option<Key> {
    key.starts_with(prefix).then_some(Key(key))
}

/// What a site's blobs begin with whose hashes begin with these hexadecimal digits.
pub fn blob_prefix(site: &SiteName, digits: &HexPrefix) -> String {
    format!("blob/{site}/{}", digits.0)
}

/// The first few hexadecimal digits of hashes: how a listing is narrowed.
///
/// # Shape
/// At most [`HexPrefix::DIGITS_MAX`] lower-case hexadecimal digits; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HexPrefix(String);

impl HexPrefix {
    /// Four digits split a site's blobs 65,536 ways: more than a million paths need.
    pub const DIGITS_MAX: usize = 4;

    /// The prefix, `None` when it is anything but up to four lower-case digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (digits && text.len() <= Self::DIGITS_MAX).then(|| Self(text.to_owned()))
    }

    /// Whether a hash begins with the prefix.
    pub fn matches(&self, hash: &ContentHash) -> bool {
        hash.hex().starts_with(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_sites_never_meet() {
        let (a, ab) = (SiteName::parse("aa").unwrap(), SiteName::parse("aab").unwrap());
        let hash = ContentHash::of(b"x");
        assert_ne!(blob(&a, &hash), blob(&ab, &hash));
        assert!(
            !blob(&ab, &hash)
                .as_str()
                .starts_with(&blob_prefix(&a, &HexPrefix::parse("").unwrap()))
        );
        assert!(!live(&ab, &StageName::production()).as_str().starts_with(&live_prefix(&a)));
    }

    #[test]
    fn a_site_of_the_same_name_finds_no_cache_entry_of_an_earlier_one() {
        let (site, stage, hash) =
            (SiteName::parse("aa").unwrap(), StageName::production(), ContentHash::of(b"x"));
        let of = |created: Option<u64>| {
            let site_created_ms = created.map(UnixMillis);
            stored(&site, &StoredFor { stage: &stage, site_created_ms }, &hash)
        };
        assert!(of(None) != of(Some(1)) && of(Some(1)) != of(Some(2)));
    }

    #[test]
    fn prefixes() {
        let hash = ContentHash::of(b"");
        for (text, matches) in [("", true), ("e3b0", true), ("e3b1", false)] {
            assert_eq!(HexPrefix::parse(text).map(|p| p.matches(&hash)), Some(matches), "{text}");
        }
        for text in ["E3", "e3b0c", "g", "/", ".."] {
            assert_eq!(HexPrefix::parse(text), None, "{text}");
        }
    }
}

//! Bans: invalidations in the live record, tested at lookup.
//!
//! A response that was requested before a ban is never used after it, even if it arrived later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::site::collection::{CollectionName, OBJECT_LIFE_SECS_MAX, ObjectName};
use crate::wire::time::UnixMillis;

/// Maximum number of bans per stage. Beyond it, bans of objects are merged into one per collection;
/// if there are still too many, the oldest are merged into a ban of everything.
pub const BANS_MAX: usize = 500;
/// Maximum number of bans of single objects per collection. Beyond it, they are merged into one of
/// the collection: with names of 400 bytes the record stays below 32 KiB.
pub const OBJECT_BANS_MAX: usize = 64;
/// Maximum length of a path, prefix or tag in bytes.
pub const BAN_BYTES_MAX: usize = 2_048;
/// Maximum difference between the clocks of two data centres. A response requested this shortly
/// after a ban may really have been requested before it.
pub const CLOCK_SKEW_MS: u64 = 2_000;
/// How long a ban is kept: the maximum life of a cache entry, and two minutes for clock skew and
/// for bans that are dated ahead because KV shows writes late.
pub const BAN_LIFE_MS: u64 = (OBJECT_LIFE_SECS_MAX as u64 + 120) * 1_000;

/// The stored responses that a ban invalidates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BanScope {
    All,
    Path(String),
    /// All decoded paths that begin with this text.
    Prefix(String),
    Tag(String),
    Collection(CollectionName),
    Object(BannedObject),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BannedObject {
    pub collection: CollectionName,
    pub name: ObjectName,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    pub at_ms: UnixMillis,
    #[serde(flatten)]
    pub scope: BanScope,
}

/// A stored response, as bans see it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The decoded path.
    pub path: &'a str,
    /// Tags, separated by commas or white space.
    pub tags: &'a str,
    pub collection: Option<&'a CollectionName>,
    pub object: Option<&'a ObjectName>,
    pub requested_ms: UnixMillis,
}

/// Whether one of the bans matches a response that was requested before it.
pub fn is_banned(bans: &[Ban], subject: &Subject<'_>) -> bool {
    bans.iter().any(|ban| {
        subject.requested_ms <= ban.at_ms.plus(CLOCK_SKEW_MS) && ban.scope.matches(subject)
    })
}

/// Adds a ban to a list and drops those that it makes superfluous.
pub fn with(bans: &[Ban], ban: Ban) -> Vec<Ban> {
    let now = ban.at_ms;
    let mut kept: Vec<Ban> = bans
        .iter()
        .filter(|old| now.since(old.at_ms) <= BAN_LIFE_MS && !ban.scope.covers(&old.scope))
        .cloned()
        .collect();
    kept.push(ban);
    merge_objects(&mut kept, OBJECT_BANS_MAX);
    if kept.len() > BANS_MAX {
        merge_objects(&mut kept, 0);
    }
    if let Some(excess) = kept.len().checked_sub(BANS_MAX).filter(|excess| *excess > 0) {
        // The newest of the merged bans is as late as all of them.
        let merged: Vec<Ban> = kept.drain(..=excess).collect();
        let at_ms = merged.iter().map(|ban| ban.at_ms).max().unwrap_or(now);
        kept.insert(0, Ban { at_ms, scope: BanScope::All });
    }
    kept
}

/// Whether another ban of a scope at an instant would change nothing.
pub fn is_covered(bans: &[Ban], scope: &BanScope, at_ms: UnixMillis) -> bool {
    bans.iter().any(|ban| ban.at_ms >= at_ms && ban.scope.covers(scope))
}

/// Merges the bans of objects of each collection that has more than `objects_max` of them. The
/// merged ban has the time of the newest.
fn merge_objects(bans: &mut Vec<Ban>, objects_max: usize) {
    let mut found: BTreeMap<CollectionName, (usize, UnixMillis)> = BTreeMap::new();
    for ban in bans.iter() {
        if let BanScope::Object(object) = &ban.scope {
            let (count, at_ms) = found.entry(object.collection.clone()).or_default();
            (*count, *at_ms) = (count.saturating_add(1), ban.at_ms.max(*at_ms));
        }
    }
    for (collection, (_, at_ms)) in found.into_iter().filter(|(_, (n, _))| *n > objects_max) {
        let scope = BanScope::Collection(collection);
        bans.retain(|ban| ban.at_ms > at_ms || !scope.covers(&ban.scope));
        bans.push(Ban { at_ms, scope });
    }
}

impl BanScope {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Path(path) => subject.path == path,
            Self::Prefix(prefix) => subject.path.starts_with(prefix.as_str()),
            Self::Tag(tag) => tags(subject.tags).any(|one| one == tag),
            Self::Collection(name) => subject.collection == Some(name),
            Self::Object(object) => {
                subject.collection == Some(&object.collection)
                    && subject.object == Some(&object.name)
            }
        }
    }

    /// Whether a later ban of this scope makes an earlier one superfluous.
    fn covers(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::All, _) => true,
            (Self::Prefix(prefix), Self::Path(path) | Self::Prefix(path)) => {
                path.starts_with(prefix.as_str())
            }
            (Self::Collection(name), Self::Object(object)) => object.collection == *name,
            _ => self == earlier,
        }
    }
}

impl TryFrom<String> for BannedObject {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, &'static str> {
        let parsed = text.split_once('/').and_then(|(collection, name)| {
            let collection = CollectionName::parse(collection).ok()?;
            Some(Self { collection, name: ObjectName::parse(name).ok()? })
        });
        parsed.ok_or("must be a collection's name, a slash and an object's name")
    }
}

impl From<BannedObject> for String {
    /// Returns `<collection>/<name>`; the name of a collection has no slash.
    fn from(object: BannedObject) -> String {
        [object.collection.as_str(), "/", object.name.as_str()].concat()
    }
}

pub fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ', '\t']).filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::codec;

    fn ban(at: u64, scope: BanScope) -> Ban {
        Ban { at_ms: UnixMillis(at), scope }
    }

    fn path(text: &str) -> BanScope {
        BanScope::Path(text.to_owned())
    }

    #[test]
    fn bans_match_what_was_requested_before_them() {
        let content = CollectionName::parse("content").unwrap();
        let name = ObjectName::parse("a.json").unwrap();
        let subject = Subject {
            path: "/content/a.json",
            tags: "blog, news",
            collection: Some(&content),
            object: Some(&name),
            requested_ms: UnixMillis(10_000),
        };
        let rows = [
            (BanScope::All, true),
            (path("/content/a.json"), true),
            (path("/content/a"), false),
            (BanScope::Prefix("/content/".into()), true),
            (BanScope::Prefix("/public/".into()), false),
            (BanScope::Tag("news".into()), true),
            (BanScope::Tag("new".into()), false),
            (collection("content"), true),
            (collection("public"), false),
            (object("content", "a.json"), true),
            (object("content", "a"), false),
            (object("content", "a.json/b"), false),
            (object("public", "a.json"), false),
        ];
        for (scope, banned) in rows {
            let bans = [ban(10_000, scope.clone())];
            assert_eq!(is_banned(&bans, &subject), banned, "{scope:?}");
            let before = [ban(10_000 - CLOCK_SKEW_MS, scope.clone())];
            assert_eq!(is_banned(&before, &subject), banned, "{scope:?}, within the skew");
            let long_before = [ban(9_999 - CLOCK_SKEW_MS, scope)];
            assert!(!is_banned(&long_before, &subject));
        }
    }

    fn object(collection: &str, name: &str) -> BanScope {
        let collection = CollectionName::parse(collection).unwrap();
        BanScope::Object(BannedObject { collection, name: ObjectName::parse(name).unwrap() })
    }

    fn collection(name: &str) -> BanScope {
        BanScope::Collection(CollectionName::parse(name).unwrap())
    }

    #[test]
    fn many_bans_of_objects_are_merged_into_one_of_their_collection() {
        let mut bans = vec![ban(1, path("/a")), ban(2, object("other", "x"))];
        for n in 0..OBJECT_BANS_MAX as u64 {
            bans = with(&bans, ban(10 + n, object("public", &n.to_string())));
        }
        assert_eq!(bans.len(), OBJECT_BANS_MAX + 2, "the maximum");
        bans = with(&bans, ban(1_000, object("public", "0")));
        assert_eq!(bans.len(), OBJECT_BANS_MAX + 2, "the same object again");
        bans = with(&bans, ban(2_000, object("public", "last")));
        let merged =
            [ban(1, path("/a")), ban(2, object("other", "x")), ban(2_000, collection("public"))];
        assert_eq!(bans, merged);
        bans = with(&bans, ban(3_000, object("public", "a")));
        assert_eq!(bans.len(), 4, "later bans of objects are separate again");
        assert_eq!(with(&bans, ban(4_000, collection("public"))).len(), 3);
        for n in 0..10_000 {
            bans = with(&bans, ban(5_000 + n, object("public", &n.to_string())));
            assert!(bans.len() <= OBJECT_BANS_MAX + 3, "{n}");
        }
        assert!(bans.iter().all(|ban| ban.scope != BanScope::All));
    }

    #[test]
    fn collections_are_merged_before_everything_is_banned() {
        let mut bans = Vec::new();
        for n in 0..10 {
            for m in 0..OBJECT_BANS_MAX as u64 {
                let scope = object(&format!("c{n}"), &m.to_string());
                bans = with(&bans, ban(n * 100 + m, scope));
                assert!(bans.len() <= BANS_MAX);
            }
        }
        assert!(bans.iter().all(|ban| ban.scope != BanScope::All), "{bans:?}");
        assert!(bans.contains(&ban(63, collection("c0"))), "{bans:?}");
    }

    #[test]
    fn a_later_ban_of_the_collection_keeps_its_time() {
        let mut bans = vec![ban(9_000, collection("a"))];
        for n in 0..=OBJECT_BANS_MAX as u64 {
            bans = with(&bans, ban(n, object("a", &n.to_string())));
        }
        assert!(is_covered(&bans, &collection("a"), UnixMillis(9_000)), "{bans:?}");
    }

    #[test]
    fn coverage() {
        let bans = [ban(10, object("a", "x")), ban(20, collection("b"))];
        let rows = [
            (object("a", "x"), 10, true),
            (object("a", "x"), 11, false),
            (object("a", "y"), 10, false),
            (object("b", "y"), 20, true),
            (object("b", "y"), 21, false),
            (collection("a"), 10, false),
            (BanScope::All, 0, false),
        ];
        for (scope, at, expected) in rows {
            assert_eq!(is_covered(&bans, &scope, UnixMillis(at)), expected, "{scope:?} {at}");
        }
    }

    #[test]
    fn the_json_form_of_objects() {
        let of = ban(5, object("a-b", "x/y%20z.png"));
        let text = codec::encode(&of);
        assert_eq!(text, r#"{"at_ms":5,"object":"a-b/x/y%20z.png"}"#);
        assert_eq!(codec::decode::<Ban>(text.as_bytes()).ok(), Some(of));
        for object in ["a", "a/", "/x", "A/x", "a/../x", ""] {
            let text = format!(r#"{{"at_ms":5,"object":"{object}"}}"#);
            assert!(codec::decode::<Ban>(text.as_bytes()).is_err(), "{object}");
        }
    }

    #[test]
    fn the_number_of_bans_is_bounded() {
        let mut bans = Vec::new();
        for n in 0..BANS_MAX as u64 {
            bans = with(&bans, ban(n, path(&format!("/{n}"))));
        }
        assert_eq!(bans.len(), BANS_MAX);
        bans = with(&bans, ban(1_000, path("/last")));
        assert_eq!(bans.len(), BANS_MAX);
        assert_eq!(bans[0], ban(1, BanScope::All), "the two oldest are merged");
        bans = with(&bans, ban(2_000, path("/last")));
        assert_eq!(bans.iter().filter(|b| b.scope == path("/last")).count(), 1);
        assert_eq!(with(&bans, ban(3_000, BanScope::All)).len(), 1);
        let late = with(&bans, ban(BAN_LIFE_MS + 2_001, path("/x")));
        assert_eq!(late.len(), 1, "expired bans are dropped");
    }
}

//! Bans: what was invalidated, and when. They stand in the live record.
//!
//! Not deletions: nothing is looked for when a ban is made; it is tested when something stored is
//! looked up. The invariant is that what was asked for before a ban is never used after it, a
//! refresh that was under way included.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::site::collection::{CollectionName, OBJECT_LIFE_SECS_MAX, ObjectName};
use crate::wire::time::UnixMillis;

/// Most bans of a stage. With more, those of objects become one of each collection, and if that is
/// not enough the oldest become one of everything.
pub const BANS_MAX: usize = 500;
/// Most bans of single objects of a collection, each of which has a ban written for it. With more,
/// they become one of the collection: a record of names of 400 bytes stays below 32 KiB.
pub const OBJECT_BANS_MAX: usize = 64;
/// Longest path, prefix or tag of a ban in bytes.
pub const BAN_BYTES_MAX: usize = 2_048;
/// How far the clocks of two data centres may be apart: what was asked for this shortly after a
/// ban may have been asked for before it.
pub const CLOCK_SKEW_MS: u64 = 2_000;
/// How long a ban is kept: as long as any cache entry lives, and two minutes for clocks that differ
/// and bans that are dated ahead because the store shows writes late.
pub const BAN_LIFE_MS: u64 = (OBJECT_LIFE_SECS_MAX as u64 + 120) * 1_000;

/// What is invalidated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BanScope {
    /// Everything.
    All,
    /// What is at a decoded path.
    Path(String),
    /// What is below a decoded path, or begins with it.
    Prefix(String),
    /// What has a tag.
    Tag(String),
    /// What is of a collection.
    Collection(CollectionName),
    /// One object of a collection.
    Object(BannedObject),
}

/// An object, named by its collection and its name within it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BannedObject {
    /// The collection.
    pub collection: CollectionName,
    /// The object.
    pub name: ObjectName,
}

/// An invalidation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// When it was made.
    pub at_ms: UnixMillis,
    /// What it is of.
    #[serde(flatten)]
    pub scope: BanScope,
}

/// What is stored, as bans see it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its decoded path.
    pub path: &'a str,
    /// Its tags, separated by commas or white space.
    pub tags: &'a str,
    /// Its collection, where it is of one.
    pub collection: Option<&'a CollectionName>,
    /// Its name within the collection.
    pub object: Option<&'a ObjectName>,
    /// When it was asked for.
    pub requested_ms: UnixMillis,
}

/// Whether a ban is of a subject that was asked for before it.
pub fn is_banned(bans: &[Ban], subject: &Subject<'_>) -> bool {
    bans.iter().any(|ban| {
        subject.requested_ms <= ban.at_ms.plus(CLOCK_SKEW_MS) && ban.scope.matches(subject)
    })
}

/// The bans to keep after another was made.
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
        // The newest of those that are given up is as late as all of them.
        let given_up: Vec<Ban> = kept.drain(..=excess).collect();
        let at_ms = given_up.iter().map(|ban| ban.at_ms).max().unwrap_or(now);
        kept.insert(0, Ban { at_ms, scope: BanScope::All });
    }
    kept
}

/// Whether bans cover a scope at an instant: another ban of it would change nothing.
pub fn is_covered(bans: &[Ban], scope: &BanScope, at_ms: UnixMillis) -> bool {
    bans.iter().any(|ban| ban.at_ms >= at_ms && ban.scope.covers(scope))
}

/// Makes one ban of each collection that has more than so many bans of its objects. The newest of
/// them is as late as all of them.
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

    /// Whether a later ban of this makes an earlier one of that superfluous.
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
    /// Returns `<collection>/<name>`: a collection's name has no slash.
    fn from(object: BannedObject) -> String {
        [object.collection.as_str(), "/", object.name.as_str()].concat()
    }
}

/// The tags of a list.
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
    fn what_was_asked_for_before_a_ban_is_banned() {
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
            (BanScope::Collection(content.clone()), true),
            (BanScope::Collection(CollectionName::parse("public").unwrap()), false),
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

    /// Many single writes invalidate their collection, and nothing else.
    #[test]
    fn bans_of_objects_become_one_of_their_collection() {
        let mut bans = vec![ban(1, path("/a")), ban(2, object("other", "x"))];
        for n in 0..OBJECT_BANS_MAX as u64 {
            bans = with(&bans, ban(10 + n, object("public", &n.to_string())));
        }
        assert_eq!(bans.len(), OBJECT_BANS_MAX + 2, "as many as there may be");
        bans = with(&bans, ban(1_000, object("public", "0")));
        assert_eq!(bans.len(), OBJECT_BANS_MAX + 2, "the same object again");
        bans = with(&bans, ban(2_000, object("public", "last")));
        let merged =
            [ban(1, path("/a")), ban(2, object("other", "x")), ban(2_000, collection("public"))];
        assert_eq!(bans, merged);
        bans = with(&bans, ban(3_000, object("public", "a")));
        assert_eq!(bans.len(), 4, "a later object is apart again");
        assert_eq!(with(&bans, ban(4_000, collection("public"))).len(), 3);
        for n in 0..10_000 {
            bans = with(&bans, ban(5_000 + n, object("public", &n.to_string())));
            assert!(bans.len() <= OBJECT_BANS_MAX + 3, "{n}");
        }
        assert!(bans.iter().all(|ban| ban.scope != BanScope::All));
    }

    /// Before everything is given up, the collections that were written to are.
    #[test]
    fn many_collections_are_given_up_before_everything() {
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

    /// Later bans keep their own time.
    #[test]
    fn a_later_ban_of_the_collection_stays() {
        let mut bans = vec![ban(9_000, collection("a"))];
        for n in 0..=OBJECT_BANS_MAX as u64 {
            bans = with(&bans, ban(n, object("a", &n.to_string())));
        }
        assert!(is_covered(&bans, &collection("a"), UnixMillis(9_000)), "{bans:?}");
    }

    #[test]
    fn what_is_covered() {
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
    fn objects_are_written_and_read() {
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
    fn bans_stay_few() {
        let mut bans = Vec::new();
        for n in 0..BANS_MAX as u64 {
            bans = with(&bans, ban(n, path(&format!("/{n}"))));
        }
        assert_eq!(bans.len(), BANS_MAX);
        bans = with(&bans, ban(1_000, path("/last")));
        assert_eq!(bans.len(), BANS_MAX);
        assert_eq!(bans[0], ban(1, BanScope::All), "the two oldest became one");
        bans = with(&bans, ban(2_000, path("/last")));
        assert_eq!(bans.iter().filter(|b| b.scope == path("/last")).count(), 1);
        assert_eq!(with(&bans, ban(3_000, BanScope::All)).len(), 1);
        let late = with(&bans, ban(BAN_LIFE_MS + 2_001, path("/x")));
        assert_eq!(late.len(), 1, "nothing that old is stored any more");
    }
}

//! Bans: what was invalidated, and when. They stand in the live record.
//!
//! Not deletions: nothing is looked for when a ban is made; it is tested when something stored is
//! looked up. The invariant is that what was asked for before a ban is never used after it, a
//! refresh that was under way included.

use crate::site::collection::{CollectionName, OBJECT_LIFE_SECS_MAX};
use crate::site::json::{FromJson, Reader, ToJson, write_object};
use crate::wire::time::UnixMillis;

/// Most bans of a stage; with more, the oldest become one of everything.
pub const BANS_MAX: usize = 500;
/// Longest path, prefix or tag of a ban in bytes.
pub const BAN_BYTES_MAX: usize = 2_048;
/// How far the clocks of two data centres may be apart: what was asked for this shortly after a
/// ban may have been asked for before it.
pub const CLOCK_SKEW_MS: u64 = 2_000;
/// How long a ban is kept: nothing that is stored is of use for longer.
pub const BAN_LIFE_MS: u64 = OBJECT_LIFE_SECS_MAX as u64 * 1_000;

const SCOPES: &str = "must be of one of all, path, prefix, tag, collection";

/// What is invalidated.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

/// An invalidation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// When it was made.
    pub at_ms: UnixMillis,
    /// What it is of.
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
    if let Some(excess) = kept.len().checked_sub(BANS_MAX).filter(|excess| *excess > 0) {
        // The newest of those that are given up is as late as all of them.
        let given_up: Vec<Ban> = kept.drain(..=excess).collect();
        let at_ms = given_up.iter().map(|ban| ban.at_ms).max().unwrap_or(now);
        kept.insert(0, Ban { at_ms, scope: BanScope::All });
    }
    kept
}

impl BanScope {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Path(path) => subject.path == path,
            Self::Prefix(prefix) => subject.path.starts_with(prefix.as_str()),
            Self::Tag(tag) => tags(subject.tags).any(|one| one == tag),
            Self::Collection(name) => subject.collection == Some(name),
        }
    }

    /// Whether a later ban of this makes an earlier one of that superfluous.
    fn covers(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::All, _) => true,
            (Self::Prefix(prefix), Self::Path(path) | Self::Prefix(path)) => {
                path.starts_with(prefix.as_str())
            }
            _ => self == earlier,
        }
    }
}

impl BanScope {
    /// The scope as the member of an object: its name, and of what.
    fn member(&self) -> (&str, &dyn ToJson) {
        match self {
            Self::All => ("all", &()),
            Self::Path(path) => ("path", path),
            Self::Prefix(prefix) => ("prefix", prefix),
            Self::Tag(tag) => ("tag", tag),
            Self::Collection(name) => ("collection", name),
        }
    }

    /// The scope that a member of an object is, `None` when its name is of none.
    fn of_member(name: &str, value: Reader<'_>) -> Option<Option<Self>> {
        let text = || String::from_json(value);
        Some(match name {
            "all" => <()>::from_json(value).map(|()| Self::All),
            "path" => text().map(Self::Path),
            "prefix" => text().map(Self::Prefix),
            "tag" => text().map(Self::Tag),
            "collection" => CollectionName::from_json(value).map(Self::Collection),
            _ => return None,
        })
    }
}

impl ToJson for BanScope {
    /// The name alone where it says all.
    fn write_json(&self, text: &mut String) {
        match self {
            Self::All => self.member().0.write_json(text),
            _ => write_object(text, &[self.member()]),
        }
    }
}

impl ToJson for Ban {
    fn write_json(&self, text: &mut String) {
        write_object(text, &[("at_ms", &self.at_ms), self.scope.member()]);
    }
}

impl FromJson for BanScope {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        if json.is_text("all") {
            return Some(Self::All);
        }
        let mut members = json.members()?;
        let (Some((name, value)), None) = (members.next(), members.next()) else {
            return json.wrong(SCOPES);
        };
        Self::of_member(name, value).unwrap_or_else(|| json.wrong(SCOPES))
    }
}

impl FromJson for Ban {
    fn from_json(json: Reader<'_>) -> Option<Self> {
        let mut members = json.members()?;
        let scope = members.find_map(|(name, value)| BanScope::of_member(name, value));
        let scope = scope.unwrap_or_else(|| json.wrong(SCOPES))?;
        Some(Self { at_ms: json.member("at_ms")?, scope })
    }
}

/// The tags of a list.
pub fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ', '\t']).filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(at: u64, scope: BanScope) -> Ban {
        Ban { at_ms: UnixMillis(at), scope }
    }

    fn path(text: &str) -> BanScope {
        BanScope::Path(text.to_owned())
    }

    #[test]
    fn what_was_asked_for_before_a_ban_is_banned() {
        let content = CollectionName::parse("content").unwrap();
        let subject = Subject {
            path: "/content/a.json",
            tags: "blog, news",
            collection: Some(&content),
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

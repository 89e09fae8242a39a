//! Collections: mutable objects of a site under a path prefix, outside deployments.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::site::action::PathPrefix;
use crate::site::rules::header_policy::check_value;
use crate::site::rules::mistake::Mistake;
use crate::wire::path::{self, RequestPath};
use crate::wire::text::text_form;
use crate::wire::time::DeltaSeconds;

/// Maximum number of collections: each request is compared with all of them.
pub const COLLECTIONS_MAX: usize = 32;
/// Longest name of a collection in bytes: it is part of every key of its objects.
pub const COLLECTION_BYTES_MAX: usize = 32;
/// Longest object name in bytes, percent-encoded: KV accepts keys of 512 bytes.
pub const OBJECT_BYTES_MAX: usize = 400;
/// Default time that edges keep an object: five minutes.
pub const EDGE_TTL_SECS_DEFAULT: u32 = 300;
/// Default time that an object is then served while it is revalidated.
pub const STALE_SECS_DEFAULT: u32 = 3_600;
/// Default time that an object is then served if the store fails: a day.
pub const IF_ERROR_SECS_DEFAULT: u32 = 86_400;
/// Longest sum of an object's windows: 30 days. A ban is kept as long.
pub const OBJECT_LIFE_SECS_MAX: u32 = 30 * 86_400;
/// Default `Cache-Control` for browsers: revalidate each time.
pub const BROWSER_DEFAULT: &str = "public, max-age=0, must-revalidate";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    pub name: CollectionName,
    pub prefix: PathPrefix,
    /// How long an edge copy is fresh.
    #[serde(default = "default_edge_ttl")]
    pub edge_ttl: DeltaSeconds,
    /// How long a stale copy is used while it is revalidated in the background.
    #[serde(default = "default_stale")]
    pub stale_while_revalidate: DeltaSeconds,
    /// How long a stale copy is used if the store fails.
    #[serde(default = "default_if_error")]
    pub stale_if_error: DeltaSeconds,
    /// The `Cache-Control` that clients get.
    #[serde(default = "default_browser")]
    pub browser: String,
    /// Whether the fresh host serves it too.
    #[serde(default)]
    pub fresh: bool,
    #[serde(default)]
    pub access: Access,
    #[serde(default)]
    pub active: ActiveContent,
}

fn default_edge_ttl() -> DeltaSeconds {
    DeltaSeconds(EDGE_TTL_SECS_DEFAULT)
}

fn default_stale() -> DeltaSeconds {
    DeltaSeconds(STALE_SECS_DEFAULT)
}

fn default_if_error() -> DeltaSeconds {
    DeltaSeconds(IF_ERROR_SECS_DEFAULT)
}

fn default_browser() -> String {
    BROWSER_DEFAULT.to_owned()
}

impl Collection {
    /// Returns a collection with default settings.
    pub fn new(name: CollectionName, prefix: PathPrefix) -> Self {
        Self {
            name,
            prefix,
            edge_ttl: default_edge_ttl(),
            stale_while_revalidate: default_stale(),
            stale_if_error: default_if_error(),
            browser: default_browser(),
            fresh: false,
            access: Access::default(),
            active: ActiveContent::default(),
        }
    }

    /// Checks the sum of the windows and the header for browsers.
    pub fn check(&self) -> Result<(), CollectionError> {
        if self.windows_secs() > u64::from(OBJECT_LIFE_SECS_MAX) {
            return Err(CollectionError::Windows);
        }
        check_value(&self.browser).map_err(CollectionError::Browser)
    }

    /// Returns how long an edge copy may be used, all windows together, in seconds.
    pub fn windows_secs(&self) -> u64 {
        let windows = [self.edge_ttl, self.stale_while_revalidate, self.stale_if_error];
        windows.iter().fold(0, |sum, window| window.seconds().saturating_add(sum))
    }
}

/// Read access on the site's own hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    #[default]
    Public,
    /// Only the fresh host serves the objects, to clients with a key.
    Key,
}

/// The treatment of content that a browser would run: HTML, SVG, XML and scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActiveContent {
    /// Served so that a browser does not run it.
    #[default]
    Inert,
    Serve,
}

/// The name of a collection: `[a-z0-9]([a-z0-9-]*[a-z0-9])?`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CollectionName(String);

text_form!(CollectionName, CollectionError);

impl CollectionName {
    pub fn parse(text: &str) -> Result<Self, CollectionError> {
        let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let whole = (1..=COLLECTION_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain);
        let framed = !text.starts_with('-') && !text.ends_with('-');
        (whole && framed).then(|| Self(text.to_owned())).ok_or(CollectionError::Name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an object within its collection: a canonical, percent-encoded path without its first
/// slash and without a slash at the end. So no two names are one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ObjectName(String);

impl ObjectName {
    /// Converts a decoded path below the prefix of its collection.
    pub fn of_decoded(rest: &str) -> Result<Self, CollectionError> {
        Self::parse(&path::encode(rest))
    }

    /// Parses a percent-encoded name and canonicalises it.
    pub fn parse(text: &str) -> Result<Self, CollectionError> {
        let raw = ["/", text].concat();
        let parsed = RequestPath::parse(&raw).map_err(|_| CollectionError::Object)?;
        let name = parsed.canonical().trim_start_matches('/').to_owned();
        let fits = (1..=OBJECT_BYTES_MAX).contains(&name.len());
        (fits && !name.ends_with('/')).then_some(Self(name)).ok_or(CollectionError::Object)
    }

    /// Returns the percent-encoded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectionError {
    Name,
    Object,
    /// Another collection has the name.
    Taken,
    /// The windows sum up to more than [`OBJECT_LIFE_SECS_MAX`].
    Windows,
    Browser(Mistake),
}

impl fmt::Display for CollectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Browser(error) => return write!(f, "`browser` {error}"),
            Self::Taken => "another collection has this name",
            Self::Windows => "the windows of a collection are 30 days at most, all together",
            Self::Name => {
                "a collection's name is 1 to 32 of a-z, 0-9 and hyphens, not at either end"
            }
            Self::Object => {
                "an object's name is a path of 1 to 400 bytes, without \"..\", backslash, control \
                 characters or a slash at its end"
            }
        })
    }
}

impl std::error::Error for CollectionError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::codec;

    #[test]
    fn names_are_checked() {
        for text in ["a", "public", "a-b", "0"] {
            assert!(CollectionName::parse(text).is_ok(), "{text}");
        }
        for text in ["", "-a", "a-", "A", "a/b", "a.b", "é", &"a".repeat(33)] {
            assert!(CollectionName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn windows_and_headers_are_checked() {
        let check = |members: &str| {
            let json = format!(r#"{{"name":"a","prefix":"/a"{members}}}"#);
            codec::decode::<Collection>(json.as_bytes()).unwrap().check()
        };
        let windows = |last: u32| {
            let (first, rest) = (u32::MAX, OBJECT_LIFE_SECS_MAX - 20);
            assert!(check(&format!(r#","edge_ttl":{first}"#)).is_err());
            let each = format!(r#","edge_ttl":{rest},"stale_while_revalidate":10"#);
            check(&format!(r#"{each},"stale_if_error":{last}"#))
        };
        assert_eq!(check(""), Ok(()));
        assert_eq!(windows(10), Ok(()));
        assert_eq!(windows(11), Err(CollectionError::Windows));
        for (value, error) in [
            ("", "`browser` has no value"),
            (" a", "`browser` begins or ends with a space"),
            ("a\\r\\nb: c", "`browser` has '\\r' in its value, which no header can have"),
        ] {
            let found = check(&format!(r#","browser":"{value}""#));
            assert_eq!(found.unwrap_err().to_string(), error, "{value}");
        }
    }

    #[test]
    fn object_names_are_canonical() {
        let rows = [
            ("a.png", Some("a.png")),
            ("a//b", Some("a/b")),
            ("a b", Some("a%20b")),
            ("%61", Some("a")),
            ("é", Some("%C3%A9")),
            ("", None),
            ("/", None),
            ("a/", None),
            ("../a", None),
            ("a/./b", None),
            ("a%00", None),
            ("a\\b", None),
            ("%zz", None),
        ];
        for (text, expected) in rows {
            let name = ObjectName::parse(text).ok();
            assert_eq!(name.as_ref().map(ObjectName::as_str), expected, "{text:?}");
        }
        assert!(ObjectName::parse(&"a".repeat(OBJECT_BYTES_MAX)).is_ok());
        assert!(ObjectName::parse(&"a".repeat(OBJECT_BYTES_MAX + 1)).is_err());
    }
}

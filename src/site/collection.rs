//! Collections: mutable objects of a site under a path prefix.
//!
//! Not assets: no deployment holds them, and whether one exists is for the store to say. The
//! invariant is that an object's name is a canonical path, so that no two names are one key.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::site::action::PathPrefix;
use crate::site::rules::header_policy::{FieldError, check_value};
use crate::wire::path::{self, RequestPath};
use crate::wire::time::DeltaSeconds;

/// Most collections of a site: each request is compared with all of them.
pub const COLLECTIONS_MAX: usize = 32;
/// Longest name of a collection in bytes.
pub const COLLECTION_BYTES_MAX: usize = 32;
/// Longest object name in bytes, percent-encoded: KV takes keys of 512 bytes.
pub const OBJECT_BYTES_MAX: usize = 400;
/// How long edges keep an object, unless the site says otherwise: five minutes.
pub const EDGE_TTL_SECS_DEFAULT: u32 = 300;
/// How long an object is served after that while it is validated, unless the site says otherwise.
pub const STALE_SECS_DEFAULT: u32 = 3_600;
/// How long an object is served after that when the store fails: a day.
pub const IF_ERROR_SECS_DEFAULT: u32 = 86_400;
/// Longest time that an edge copy of an object is of any use, all windows together: 30 days. A ban
/// is kept as long.
pub const OBJECT_LIFE_SECS_MAX: u32 = 30 * 86_400;
/// What browsers are told, unless the site says otherwise: to ask each time.
pub const BROWSER_DEFAULT: &str = "public, max-age=0, must-revalidate";

/// Mutable objects under a path prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// The name, which the admin API and the command line use.
    pub name: CollectionName,
    /// The paths that it answers.
    pub prefix: PathPrefix,
    /// How long an edge copy is used as it is.
    #[serde(default = "default_edge_ttl")]
    pub edge_ttl: DeltaSeconds,
    /// How long after that it is used while it is validated behind the response.
    #[serde(default = "default_stale")]
    pub stale_while_revalidate: DeltaSeconds,
    /// How long after `edge_ttl` it is used when the store fails.
    #[serde(default = "default_if_error")]
    pub stale_if_error: DeltaSeconds,
    /// The `Cache-Control` that clients get.
    #[serde(default = "default_browser")]
    pub browser: String,
    /// Whether it is served on the fresh host too.
    #[serde(default)]
    pub fresh: bool,
    /// Who may read it on the site's own hosts.
    #[serde(default)]
    pub access: Access,
    /// What is done with content that a browser would run.
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
    /// A collection of which nothing else is said.
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

    /// Nothing, when its windows are within their bound and clients can be told what it says.
    ///
    /// # Errors
    /// [`CollectionError::Windows`], [`CollectionError::Browser`].
    pub fn check(&self) -> Result<(), CollectionError> {
        if self.windows_secs() > u64::from(OBJECT_LIFE_SECS_MAX) {
            return Err(CollectionError::Windows);
        }
        check_value(&self.browser).map_err(CollectionError::Browser)
    }

    /// How long an edge copy may be of use, all windows together.
    ///
    /// # Units
    /// Seconds.
    pub fn windows_secs(&self) -> u64 {
        let windows = [self.edge_ttl, self.stale_while_revalidate, self.stale_if_error];
        windows.iter().fold(0, |sum, window| window.seconds().saturating_add(sum))
    }
}

/// Who may read a collection on the site's own hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Everybody.
    #[default]
    Public,
    /// Nobody: its objects are on the fresh host only, for those with a key.
    Key,
}

/// What is done with content that a browser would run: HTML, SVG, XML, scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActiveContent {
    /// It is served so that it can do nothing.
    #[default]
    Inert,
    /// It is served as what it is.
    Serve,
}

/// The name of a collection.
///
/// # Shape
/// `[a-z0-9]([a-z0-9-]*[a-z0-9])?`, 1 to [`COLLECTION_BYTES_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CollectionName(String);

impl CollectionName {
    /// The name that a text is.
    ///
    /// # Errors
    /// [`CollectionError::Name`] when the text breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, CollectionError> {
        let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let whole = (1..=COLLECTION_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain);
        let framed = !text.starts_with('-') && !text.ends_with('-');
        (whole && framed).then(|| Self(text.to_owned())).ok_or(CollectionError::Name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CollectionName {
    type Error = CollectionError;
    fn try_from(text: String) -> Result<Self, CollectionError> {
        Self::parse(&text)
    }
}

impl From<CollectionName> for String {
    fn from(name: CollectionName) -> String {
        name.0
    }
}

/// The name of an object within its collection.
///
/// # Shape
/// The canonical percent-encoding of a path without its first slash: segments joined by `/`, none
/// of them empty, `.` or `..`; at most [`OBJECT_BYTES_MAX`] bytes of ASCII; no slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ObjectName(String);

impl ObjectName {
    /// The name that a decoded path below its collection's prefix is.
    ///
    /// # Errors
    /// [`CollectionError::Object`] when it can't be a path, or is too long.
    pub fn of_decoded(rest: &str) -> Result<Self, CollectionError> {
        Self::parse(&path::encode(rest))
    }

    /// The name that a percent-encoded text is; other spellings of it are the same name.
    ///
    /// # Errors
    /// [`CollectionError::Object`] when it can't be a path, or is too long.
    pub fn parse(text: &str) -> Result<Self, CollectionError> {
        let raw = ["/", text].concat();
        let parsed = RequestPath::parse(&raw).map_err(|_| CollectionError::Object)?;
        let name = parsed.canonical().trim_start_matches('/').to_owned();
        let fits = (1..=OBJECT_BYTES_MAX).contains(&name.len());
        (fits && !name.ends_with('/')).then_some(Self(name)).ok_or(CollectionError::Object)
    }

    /// The name as text, percent-encoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a name is none, or a collection can't be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionError {
    /// It is no collection's.
    Name,
    /// It is no object's.
    Object,
    /// Another collection has it.
    Taken,
    /// The windows are longer than [`OBJECT_LIFE_SECS_MAX`] together.
    Windows,
    /// What clients are told is no field value.
    Browser(FieldError),
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
    fn names() {
        for text in ["a", "public", "a-b", "0"] {
            assert!(CollectionName::parse(text).is_ok(), "{text}");
        }
        for text in ["", "-a", "a-", "A", "a/b", "a.b", "é", &"a".repeat(33)] {
            assert!(CollectionName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn bounds() {
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
            ("", FieldError::Empty),
            (" a", FieldError::Margin),
            ("a\\r\\nset-cookie: b", FieldError::ValueCharacter('\r')),
        ] {
            let found = check(&format!(r#","browser":"{value}""#));
            assert_eq!(found, Err(CollectionError::Browser(error)), "{value}");
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

//! Names of sites, stages, deployments and contents.
//!
//! Not lookups: a well-formed name may name nothing. The invariant is the grammar: every
//! value of these types is safe in a hostname label, in a storage key and in a header. They are
//! parts of keys that every request looks up, so a clone allocates nothing.

use std::fmt;
use std::sync::Arc;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest site name in bytes: `<deployment>--<site>` must fit a 63-byte DNS label.
pub const SITE_BYTES_MAX: usize = 30;
/// Shortest site name in bytes: one-letter labels are too easily mistyped hostnames.
pub const SITE_BYTES_MIN: usize = 2;
/// Longest stage name in bytes: shorter than a deployment id, so that the two can't be confused.
pub const STAGE_BYTES_MAX: usize = 20;
/// Length of a deployment id: `d` and 25 base32 digits, 125 bits of SHA-256.
pub const DEPLOYMENT_BYTES: usize = 26;
/// The stage that `<site>.<base>` serves.
pub const PRODUCTION: &str = "production";
/// The label that selects the uncached host of a site; no stage may have it.
pub const FRESH: &str = "fresh";

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    kind: &'static str,
    input: String,
    rule: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no {}: {}", self.input, self.kind, self.rule)
    }
}

impl std::error::Error for NameError {}

macro_rules! name {
    ($type:ident, $kind:literal, $rule:literal, $accepts:path) => {
        impl $type {
            /// The name as a value of its type.
            ///
            /// # Errors
            /// [`NameError`] when the text breaks the grammar; it names the rule.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                if $accepts(text) {
                    return Ok(Self(text.into()));
                }
                let input = text.chars().take(80).collect();
                Err(NameError { kind: $kind, input, rule: $rule })
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        text_form!($type, |name: $type| name.as_str().to_owned());
    };
}

/// What `#[serde(try_from = "String", into = "String")]` asks for.
macro_rules! text_form {
    ($type:ty, $written:expr) => {
        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                ($written)(value)
            }
        }
    };
}

/// A site: the tenant that owns hostnames, tokens, stages and deployments.
///
/// # Shape
/// `[a-z0-9]([a-z0-9-]*[a-z0-9])?`, [`SITE_BYTES_MIN`] to [`SITE_BYTES_MAX`] bytes, no `--`.
///
/// # Example
/// ```
/// use selvedge::site::ids::SiteName;
/// assert!(SiteName::parse("www").is_ok());
/// assert!(SiteName::parse("a--b").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SiteName(Arc<str>);
name!(
    SiteName,
    "site name",
    "use 2 to 30 of a-z, 0-9 and single hyphens, not at either end",
    is_site
);

/// A stage: a named way to serve a site.
///
/// # Shape
/// The grammar of a site name, 1 to [`STAGE_BYTES_MAX`] bytes, not `fresh`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StageName(Arc<str>);
name!(
    StageName,
    "stage name",
    "use 1 to 20 of a-z, 0-9 and single hyphens, not at either end, and not \"fresh\"",
    is_stage
);

impl StageName {
    /// The stage that a site's own hostname serves.
    pub fn production() -> Self {
        Self(PRODUCTION.into())
    }

    /// Whether this is the stage that search engines may index.
    pub fn is_production(&self) -> bool {
        &*self.0 == PRODUCTION
    }
}

/// A deployment: an immutable published set, named by its content.
///
/// # Shape
/// `d` and 25 digits of lower-case base32 (RFC 4648 §6): the first 125 bits of the SHA-256 of
/// the manifest root.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeploymentId(Arc<str>);
name!(
    DeploymentId,
    "deployment id",
    "it is 26 characters, a d and 25 of a-z and 2-7; `selvedge deployments` lists them",
    is_deployment
);

impl DeploymentId {
    /// The id of the deployment whose manifest root is these bytes.
    pub fn of_root(root: &[u8]) -> Self {
        let mut id = String::from("d");
        BASE32_NOPAD.encode_append(&Sha256::digest(root), &mut id);
        id.make_ascii_lowercase();
        id.truncate(DEPLOYMENT_BYTES);
        Self(id.into())
    }
}

/// The SHA-256 of some bytes: how blobs are named.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash that 64 lower-case hexadecimal digits spell.
    ///
    /// # Errors
    /// [`NameError`] for any other text, upper case included: one hash has one spelling.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError {
            kind: "content hash",
            input: text.chars().take(80).collect(),
            rule: "it is 64 lower-case hexadecimal digits",
        };
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| wrong())?;
        let mut hash = [0; 32];
        HEXLOWER.decode_mut(digits, &mut hash).map_err(|_| wrong())?;
        Ok(Self(hash))
    }

    /// The hash as 64 lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        let mut text = String::with_capacity(64);
        self.push_hex(&mut text);
        text
    }

    /// Appends the 64 digits to a text.
    pub fn push_hex(&self, text: &mut String) {
        HEXLOWER.encode_append(&self.0, text);
    }

    /// The first 32 hexadecimal digits: what an entity tag shows.
    ///
    /// 128 bits are enough to tell contents apart, and half the bytes on the wire.
    pub fn short_hex(&self) -> String {
        let mut text = String::with_capacity(32);
        HEXLOWER.encode_append(self.0.first_chunk::<16>().unwrap_or(&[0; 16]), &mut text);
        text
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

text_form!(ContentHash, |hash: ContentHash| hash.hex());

fn is_site(text: &str) -> bool {
    (SITE_BYTES_MIN..=SITE_BYTES_MAX).contains(&text.len()) && is_label(text)
}

fn is_stage(text: &str) -> bool {
    (1..=STAGE_BYTES_MAX).contains(&text.len()) && is_label(text) && text != FRESH
}

fn is_deployment(text: &str) -> bool {
    let rest = text.strip_prefix('d');
    text.len() == DEPLOYMENT_BYTES
        && rest.is_some_and(|rest| rest.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')))
}

fn is_label(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.as_bytes().windows(2).any(|pair| pair == b"--")
}

/// Names a stage of a site.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StageKey(pub SiteName, pub StageName);

/// Names a deployment of a site.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeploymentKey(pub SiteName, pub DeploymentId);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accepts: impl Fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(accepts(text), "{text:?} should be accepted");
        }
        for text in bad {
            assert!(!accepts(text), "{text:?} should be refused");
        }
    }

    #[test]
    fn site_names() {
        check(
            |t| SiteName::parse(t).is_ok(),
            &["ab", "a1", "my-site", "012345678901234567890123456789"],
            &[
                "",
                "a",
                "-a",
                "a-",
                "a--b",
                "A1",
                "a.b",
                "a_b",
                "é",
                "a b",
                "0123456789012345678901234567890",
            ],
        );
    }

    #[test]
    fn stage_names() {
        check(
            |t| StageName::parse(t).is_ok(),
            &["a", "production", "pr-12", "01234567890123456789"],
            &["", "fresh", "-", "a--b", "012345678901234567890", "Prod"],
        );
    }

    #[test]
    fn deployment_ids() {
        let id = DeploymentId::of_root(b"");
        assert_eq!(id.as_str(), "d4oymiquy7qobjgx36tejs35ze");
        check(
            |t| DeploymentId::parse(t).is_ok(),
            &["dabcdefghijklmnopqrstuvwxy"],
            &["", "d", "eabcdefghijklmnopqrstuvwxy", "dabcdefghijklmnopqrstuvwx1"],
        );
        assert!(!is_stage(id.as_str()), "a deployment can't be taken for a stage");
    }

    #[test]
    fn hashes_have_one_spelling() {
        let hash = ContentHash::of(b"");
        assert!(hash.hex().starts_with("e3b0c44298fc1c14"));
        assert_eq!(ContentHash::parse(&hash.hex()), Ok(hash));
        assert!(ContentHash::parse(&hash.hex().to_uppercase()).is_err());
        assert!(ContentHash::parse("e3").is_err());
        assert_eq!(hash.short_hex(), &hash.hex()[..32]);
    }
}

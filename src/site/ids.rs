//! Names of sites, stages and deployments, and hashes of contents.
//!
//! Every value is safe in a hostname label, a storage key and a header. Names are shared, because
//! each request builds keys from them.

use std::fmt;
use std::sync::Arc;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::wire::text::text_form;

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
/// The label of a site's uncached host; no stage may have it.
pub const FRESH: &str = "fresh";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    kind: &'static str,
    input: String,
    rule: &'static str,
}

impl NameError {
    fn new(kind: &'static str, input: &str, rule: &'static str) -> Self {
        Self { kind, input: input.chars().take(80).collect(), rule }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a {}: {}", self.input, self.kind, self.rule)
    }
}

impl std::error::Error for NameError {}

macro_rules! name {
    ($(#[$docs:meta])* $type:ident, $kind:literal, $accepts:path, $rule:literal) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            pub fn parse(text: &str) -> Result<Self, NameError> {
                match $accepts(text) {
                    true => Ok(Self(text.into())),
                    false => Err(NameError::new($kind, text, $rule)),
                }
            }

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

        text_form!($type, NameError);
    };
}

name!(
    /// The name of a site: `[a-z0-9]([a-z0-9-]*[a-z0-9])?` without `--`.
    SiteName,
    "site name",
    is_site,
    "use 2 to 30 of a-z, 0-9 and single hyphens, not at either end"
);

name!(
    /// The name of a stage, in the grammar of a site name.
    StageName,
    "stage name",
    is_stage,
    "use 1 to 20 of a-z, 0-9 and single hyphens, not at either end, and not \"fresh\""
);

name!(
    /// `d` and the first 125 bits of the SHA-256 of the manifest root, in lower-case base32 (RFC
    /// 4648 section 6).
    DeploymentId,
    "deployment id",
    is_deployment,
    "it is 26 characters, a d and 25 of a-z and 2-7; `selvedge deployments` lists them"
);

impl StageName {
    pub fn production() -> Self {
        Self(PRODUCTION.into())
    }

    /// Returns whether search engines may index the stage.
    pub fn is_production(&self) -> bool {
        &*self.0 == PRODUCTION
    }
}

impl DeploymentId {
    pub fn of_root(root: &[u8]) -> Self {
        let mut id = String::from("d");
        BASE32_NOPAD.encode_append(&Sha256::digest(root), &mut id);
        id.make_ascii_lowercase();
        id.truncate(DEPLOYMENT_BYTES);
        Self(id.into())
    }
}

/// The SHA-256 of some bytes, which names a blob.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash(pub [u8; 32]);

text_form!(ContentHash, NameError);

impl ContentHash {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Parses 64 hexadecimal digits. Upper case is rejected: a hash has one spelling.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let rule = "it is 64 lower-case hexadecimal digits";
        let wrong = || NameError::new("content hash", text, rule);
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| wrong())?;
        let mut hash = [0; 32];
        HEXLOWER.decode_mut(digits, &mut hash).map_err(|_| wrong())?;
        Ok(Self(hash))
    }

    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    pub fn push_hex(&self, text: &mut String) {
        HEXLOWER.encode_append(&self.0, text);
    }

    /// Returns the first 32 hexadecimal digits, for entity tags: 128 bits are enough to tell
    /// contents apart, in half the bytes.
    pub fn short_hex(&self) -> String {
        HEXLOWER.encode(self.0.first_chunk::<16>().unwrap_or(&[0; 16]))
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
        && !text.contains("--")
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StageKey(pub SiteName, pub StageName);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeploymentKey(pub SiteName, pub DeploymentId);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T>(parse: fn(&str) -> Result<T, NameError>, accepted: &[&str], rejected: &[&str]) {
        accepted.iter().for_each(|text| assert!(parse(text).is_ok(), "{text:?}"));
        rejected.iter().for_each(|text| assert!(parse(text).is_err(), "{text:?}"));
    }

    #[test]
    fn names_are_checked() {
        check(
            SiteName::parse,
            &["ab", "a1", "my-site", "www", "012345678901234567890123456789"],
            &["", "a", "-a", "a-", "a--b", "A1", "a.b", "a_b", "é", "a b"],
        );
        check(SiteName::parse, &[], &["0123456789012345678901234567890"]);
        check(
            StageName::parse,
            &["a", "production", "pr-12", "01234567890123456789"],
            &["", "fresh", "-", "a--b", "012345678901234567890", "Prod"],
        );
        check(
            DeploymentId::parse,
            &["dabcdefghijklmnopqrstuvwxy"],
            &["", "d", "eabcdefghijklmnopqrstuvwxy", "dabcdefghijklmnopqrstuvwx1"],
        );
    }

    #[test]
    fn a_deployment_is_not_a_stage() {
        let id = DeploymentId::of_root(b"");
        assert_eq!(id.as_str(), "d4oymiquy7qobjgx36tejs35ze");
        assert!(!is_stage(id.as_str()));
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

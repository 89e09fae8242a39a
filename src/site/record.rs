//! The record of a site, its tokens, and the record of a custom hostname.
//!
//! Not secrets: a token is kept as the hash of its text. The invariant is that a token opens the
//! site that it was made for and no other, for its scopes and no others, until it expires.

use serde::{Deserialize, Serialize};

use crate::site::ids::{ContentHash, SiteName, StageName};
use crate::wire::host::Hostname;
use crate::wire::time::UnixMillis;

/// Most tokens of a site: the record is read with every admin call.
pub const TOKENS_MAX: usize = 100;
/// Most custom hostnames of a site.
pub const HOSTS_MAX: usize = 200;
/// Longest token name in bytes; it is shown in lists and in the live record.
pub const TOKEN_NAME_BYTES_MAX: usize = 80;
/// What every site token begins with, so that secret scanners can find a leaked one.
pub const TOKEN_PREFIX: &str = "slv_";

/// What a token may do; no scope implies another, but that publishing includes reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Upload, commit, activate, promote and roll back.
    Publish,
    /// Invalidate.
    Purge,
    /// Write objects of collections.
    Write,
    /// See deployments and settings.
    Read,
}

/// A site's token, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Names the token in lists, and in its text.
    pub id: String,
    /// What its maker called it.
    pub name: String,
    /// SHA-256 of the text.
    pub hash: ContentHash,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_ms: UnixMillis,
    /// From when on it opens nothing.
    #[serde(default)]
    pub expires_ms: Option<UnixMillis>,
}

/// A custom hostname of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    /// The hostname.
    pub host: Hostname,
    /// The stage that it serves.
    pub stage: StageName,
}

/// A site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRecord {
    /// The site's name.
    pub site: SiteName,
    /// When it was made.
    pub created_ms: UnixMillis,
    /// Its tokens.
    #[serde(default)]
    pub tokens: Vec<Token>,
    /// Its custom hostnames.
    #[serde(default)]
    pub hosts: Vec<HostEntry>,
}

/// What a custom hostname serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// The hostname itself, so that a record read under another key is no record.
    pub host: Hostname,
    /// The site.
    pub site: SiteName,
    /// The stage.
    pub stage: StageName,
}

/// The parts of a site token's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenText<'a> {
    /// The site that it claims to be of.
    pub site: SiteName,
    /// The token's id.
    pub id: &'a str,
    text: &'a str,
}

impl<'a> TokenText<'a> {
    /// The parts of a text, `None` when it is no site token.
    ///
    /// # Shape
    /// `slv_<site>_<id>_<secret>`: a site's name has no underscore.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix(TOKEN_PREFIX)?.splitn(3, '_');
        let site = SiteName::parse(parts.next()?).ok()?;
        let id = parts.next()?;
        let secret = parts.next()?;
        (!id.is_empty() && !secret.is_empty()).then_some(Self { site, id, text })
    }
}

impl SiteRecord {
    /// The record that these bytes are, of this site.
    pub fn parse(bytes: &[u8], site: &SiteName) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        (record.site == *site).then_some(record)
    }

    /// The record as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The token that a text is, when it is one of this site's and has not expired.
    pub fn token(&self, text: &TokenText<'_>, now: UnixMillis) -> Option<&Token> {
        let hash = ContentHash::of(text.text.as_bytes());
        self.tokens.iter().find(|token| {
            token.id == text.id
                && equal_in_constant_time(&token.hash.0, &hash.0)
                && token.expires_ms.is_none_or(|expires| now < expires)
        })
    }
}

impl Token {
    /// Whether the token may do what a scope names.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
            || (scope == Scope::Read && self.scopes.contains(&Scope::Publish))
    }
}

impl HostRecord {
    /// The record that these bytes are, of this hostname.
    pub fn parse(bytes: &[u8], host: &Hostname) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        (record.host == *host).then_some(record)
    }

    /// The record as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Whether two secrets are the same text, in a time that tells nothing of either.
///
/// Hashes are compared, so that not even the length shows.
pub fn is_same_secret(one: &str, other: &str) -> bool {
    let (one, other) = (ContentHash::of(one.as_bytes()), ContentHash::of(other.as_bytes()));
    equal_in_constant_time(&one.0, &other.0)
}

fn equal_in_constant_time(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let difference = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> SiteRecord {
        let token = |id: &str, scopes: &[Scope], expires_ms| Token {
            id: id.to_owned(),
            name: id.to_owned(),
            hash: ContentHash::of(format!("slv_aa_{id}_secret").as_bytes()),
            scopes: scopes.to_vec(),
            created_ms: UnixMillis(0),
            expires_ms,
        };
        SiteRecord {
            site: SiteName::parse("aa").unwrap(),
            created_ms: UnixMillis(0),
            tokens: vec![
                token("pub", &[Scope::Publish], None),
                token("old", &[Scope::Publish], Some(UnixMillis(10))),
            ],
            hosts: vec![],
        }
    }

    #[track_caller]
    fn check(text: &str, now: u64, expected: Option<&str>) {
        let record = record();
        let parsed = TokenText::parse(text);
        let found = parsed.as_ref().and_then(|text| record.token(text, UnixMillis(now)));
        assert_eq!(found.map(|token| token.id.as_str()), expected, "{text} at {now}");
    }

    #[test]
    fn only_the_exact_unexpired_text_opens() {
        check("slv_aa_pub_secret", 0, Some("pub"));
        check("slv_aa_pub_secreT", 0, None);
        check("slv_aa_pub_secret ", 0, None);
        check("slv_aa_pub_", 0, None);
        check("slv_aa_pub", 0, None);
        check("slv_aa_old_secret", 9, Some("old"));
        check("slv_aa_old_secret", 10, None);
        check("slv_aa_none_secret", 0, None);
        check("slv_bb_pub_secret", 0, None);
        check("", 0, None);
    }

    #[test]
    fn scopes_do_not_imply_each_other() {
        let token = &record().tokens[0];
        assert!(token.allows(Scope::Publish) && token.allows(Scope::Read));
        assert!(!token.allows(Scope::Purge) && !token.allows(Scope::Write));
    }

    #[test]
    fn secrets() {
        assert!(is_same_secret("abc", "abc"));
        assert!(!is_same_secret("abc", "abd") && !is_same_secret("abc", "ab"));
    }
}

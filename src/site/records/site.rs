//! The record of a site, with its tokens and keys, and the record of a custom hostname.
//!
//! Tokens and keys are stored as hashes. A token allows its scopes on one site, a key reads on the
//! fresh host of one site, and neither can stand in for the other.

use serde::{Deserialize, Serialize};

use crate::site::codec;
use crate::site::ids::{ContentHash, SiteName, StageName};
use crate::site::records::takedown::Takedown;
use crate::wire::host::Hostname;
use crate::wire::time::UnixMillis;

/// Maximum number of tokens per site: every admin call reads the record.
pub const TOKENS_MAX: usize = 100;
pub const HOSTS_MAX: usize = 200;
/// Maximum number of keys per site: the fresh host searches them with every request.
pub const KEYS_MAX: usize = 100;
/// Maximum length of the name of a token or a key in bytes: lists and live records contain it.
pub const TOKEN_NAME_BYTES_MAX: usize = 80;
/// Prefix of site tokens, so that secret scanners can find leaked ones.
pub const TOKEN_PREFIX: &str = "slv_";
/// Prefix of keys of the fresh host, for the same reason.
pub const KEY_PREFIX: &str = "slk_";

/// A permission of a token. No scope implies another, except that publishing includes reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Upload, commit, activate, promote and roll back.
    Publish,
    /// Invalidate stored responses.
    Purge,
    /// Write objects of collections.
    Write,
    /// Read deployments and settings.
    Read,
}

/// A token, or a key of the fresh host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Identifies the credential in lists and in its text.
    pub id: String,
    pub name: String,
    pub hash: ContentHash,
    /// `None` for a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Scope>>,
    pub created_ms: UnixMillis,
    pub expires_ms: Option<UnixMillis>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    pub host: Hostname,
    pub stage: StageName,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRecord {
    pub site: SiteName,
    pub created_ms: UnixMillis,
    #[serde(default)]
    pub tokens: Vec<Credential>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Credential>,
    #[serde(default)]
    pub hosts: Vec<HostEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takedowns: Vec<Takedown>,
    /// Set while the site is being deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Deletion>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    pub at_ms: UnixMillis,
    /// Name of the token that began it.
    pub by: String,
    /// When the last live record was found deleted. The name is released once no isolate can still
    /// use one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unserved_ms: Option<UnixMillis>,
}

/// The site and the stage that a custom hostname serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// Detects a record that was read under another key.
    pub host: Hostname,
    pub site: SiteName,
    pub stage: StageName,
}

/// The text of a token or a key: `<prefix><site>_<id>_<secret>`. A site name has no underscore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenText<'a> {
    /// The site that the text claims to be of.
    pub site: SiteName,
    pub id: &'a str,
    text: &'a str,
}

impl<'a> TokenText<'a> {
    /// Parses the text of a site token.
    pub fn parse(text: &'a str) -> Option<Self> {
        Self::parts(TOKEN_PREFIX, text)
    }

    /// Parses the text of a key of a fresh host.
    pub fn parse_key(text: &'a str) -> Option<Self> {
        Self::parts(KEY_PREFIX, text)
    }

    fn parts(prefix: &str, text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix(prefix)?.splitn(3, '_');
        let site = SiteName::parse(parts.next()?).ok()?;
        let id = parts.next()?;
        let secret = parts.next()?;
        (!id.is_empty() && !secret.is_empty()).then_some(Self { site, id, text })
    }

    /// Finds the unexpired credential with this text.
    pub fn find<'c>(&self, among: &'c [Credential], now: UnixMillis) -> Option<&'c Credential> {
        let hash = ContentHash::of(self.text.as_bytes());
        among.iter().find(|credential| {
            credential.id == self.id
                && equal_in_constant_time(&credential.hash.0, &hash.0)
                && credential.expires_ms.is_none_or(|expires| now < expires)
        })
    }
}

impl SiteRecord {
    /// Parses the record of a site; `None` for that of another one.
    pub fn parse(bytes: &[u8], site: &SiteName) -> Option<Self> {
        let record: Self = codec::decode_record(bytes)?;
        (record.site == *site).then_some(record)
    }

    pub fn new(site: SiteName, created_ms: UnixMillis) -> Self {
        Self {
            site,
            created_ms,
            tokens: Vec::new(),
            keys: Vec::new(),
            hosts: Vec::new(),
            takedowns: Vec::new(),
            deletion: None,
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self).into_bytes()
    }
}

impl Credential {
    pub fn allows(&self, scope: Scope) -> bool {
        let scopes = self.scopes.as_deref().unwrap_or_default();
        scopes.contains(&scope) || (scope == Scope::Read && scopes.contains(&Scope::Publish))
    }
}

impl HostRecord {
    /// Parses the record of a hostname; `None` for that of another one.
    pub fn parse(bytes: &[u8], host: &Hostname) -> Option<Self> {
        let record: Self = codec::decode_record(bytes)?;
        (record.host == *host).then_some(record)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self).into_bytes()
    }
}

/// Compares two secrets in constant time. Hashing hides their lengths too.
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

    fn credential(id: &str, prefix: &str, expires_ms: Option<u64>) -> Credential {
        Credential {
            id: id.to_owned(),
            name: id.to_owned(),
            hash: ContentHash::of(format!("{prefix}aa_{id}_secret").as_bytes()),
            scopes: Some(vec![Scope::Publish]),
            created_ms: UnixMillis(0),
            expires_ms: expires_ms.map(UnixMillis),
        }
    }

    #[test]
    fn a_record_of_an_earlier_version_still_parses() {
        let text = br#"{"site":"aa","created_ms":3,"tokens":[],"hosts":[]}"#;
        let site = SiteName::parse("aa").unwrap();
        let record = SiteRecord::parse(text, &site).unwrap();
        assert_eq!(record, SiteRecord::new(site, UnixMillis(3)));
        assert_eq!(record.to_bytes(), text, "unset members are left out");
    }

    #[test]
    fn only_the_exact_unexpired_text_is_a_token() {
        let tokens = [credential("pub", "slv_", None), credential("old", "slv_", Some(10))];
        let rows = [
            ("slv_aa_pub_secret", 0, Some("pub")),
            ("slv_aa_pub_secreT", 0, None),
            ("slv_aa_pub_secret ", 0, None),
            ("slv_aa_pub_", 0, None),
            ("slv_aa_pub", 0, None),
            ("slv_aa_old_secret", 9, Some("old")),
            ("slv_aa_old_secret", 10, None),
            ("slv_aa_none_secret", 0, None),
            ("slv_bb_pub_secret", 0, None),
            ("", 0, None),
        ];
        for (text, now, expected) in rows {
            let parsed = TokenText::parse(text);
            let found = parsed.and_then(|text| text.find(&tokens, UnixMillis(now)));
            assert_eq!(found.map(|token| token.id.as_str()), expected, "{text} at {now}");
        }
    }

    #[test]
    fn keys_and_tokens_are_not_interchangeable() {
        let keys = [credential("build", "slk_", Some(10))];
        let rows = [
            ("slk_aa_build_secret", 9, true),
            ("slk_aa_build_secret", 10, false),
            ("slk_aa_build_secreT", 0, false),
            ("slk_bb_build_secret", 0, false),
            ("slk_aa_other_secret", 0, false),
            ("slv_aa_build_secret", 0, false),
            ("slk_aa_build_", 0, false),
        ];
        for (text, now, opens) in rows {
            let parsed = TokenText::parse_key(text);
            let found = parsed.and_then(|text| text.find(&keys, UnixMillis(now)));
            assert_eq!(found.is_some(), opens, "{text} at {now}");
        }
        assert_eq!(TokenText::parse("slk_aa_pub_secret"), None);
        assert_eq!(TokenText::parse_key("slv_aa_pub_secret"), None);
    }

    #[test]
    fn scopes_do_not_imply_each_other() {
        let token = credential("pub", "slv_", None);
        assert!(token.allows(Scope::Publish) && token.allows(Scope::Read));
        assert!(!token.allows(Scope::Purge) && !token.allows(Scope::Write));
    }

    #[test]
    fn secrets() {
        assert!(is_same_secret("abc", "abc"));
        assert!(!is_same_secret("abc", "abd") && !is_same_secret("abc", "ab"));
    }
}

//! Signed URLs: `s` is an HMAC-SHA256 of the host, the path and all other parameters.
//!
//! Each site has its own key, derived from the operator's secret. The creation time of the site is
//! part of it, so signatures do not outlive a site whose name is used again.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;

use crate::site::ids::SiteName;
use crate::site::media::error::MediaError;
use crate::site::media::parameter::Role;
use crate::site::records::site::is_same_secret;
use crate::wire::hmac::hmac_sha256;
use crate::wire::query;
use crate::wire::time::{UnixMillis, UnixSeconds};

const NO_KEY: &str = "this server signs no URLs, because it has no MEDIA_SECRET";
const WRONG: &str = "the signature belongs to another URL; sign this one";
const EXPIRED: &str = "the signature has expired; sign the URL again";

/// The key that signs the URLs of one site.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// Derives the key of a site.
    pub fn of_site(secret: &str, site: &SiteName, created: UnixMillis) -> Self {
        let created = created.0.to_string();
        let message = [site.as_str(), "/", &created].map(str::as_bytes);
        Self(hmac_sha256(secret.as_bytes(), &message))
    }

    /// Parses the text form, base64url without padding.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    pub fn text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// Returns the value of `s` for a URL: its hostname in lower case and without a port, its path
    /// in canonical encoding, and its query. The order of the query does not matter; `s` in it is
    /// ignored.
    pub fn sign(&self, host: &str, path: &str, query: &str) -> String {
        let query = signed_query(query);
        let message = [host, "\n", path, "\n", &query].map(str::as_bytes);
        BASE64URL_NOPAD.encode(&hmac_sha256(&self.0, &message))
    }
}

/// Returns whether a query has a signature.
pub fn is_signed(query: &str) -> bool {
    value(query, "s").is_some()
}

/// Checks the signature of a URL, and returns when it expires. `key` is `None` if the operator has
/// set no secret.
///
/// # Errors
/// [`MediaError`] for a missing, wrong or expired signature.
pub fn verify(
    key: Option<&SigningKey>,
    host: &str,
    path: &str,
    query: &str,
    now: UnixSeconds,
) -> Result<Option<UnixSeconds>, MediaError> {
    let key = key.ok_or(Role::Signature.disallowed(NO_KEY))?;
    let given = value(query, "s").unwrap_or_default();
    if !is_same_secret(&key.sign(host, path, query), &given) {
        return Err(Role::Signature.disallowed(WRONG));
    }
    let Some(expiry) = value(query, "exp") else { return Ok(None) };
    let is_number = expiry.bytes().all(|byte| byte.is_ascii_digit());
    let expiry = expiry.parse().ok().filter(|_| is_number);
    let expiry = UnixSeconds(expiry.ok_or(Role::Expiry.bad())?);
    match now < expiry {
        true => Ok(Some(expiry)),
        false => Err(Role::Expiry.disallowed(EXPIRED)),
    }
}

/// Returns the last value of a parameter, unless it is empty.
fn value(query: &str, name: &str) -> Option<String> {
    let values = query::pairs(query).filter(|(other, _)| other == name);
    values.last().map(|(_, value)| value).filter(|value| !value.is_empty())
}

/// Returns a query in the form that is signed: sorted, the last value of each parameter, without
/// the signature.
fn signed_query(query: &str) -> String {
    let mut values: BTreeMap<String, String> = query::pairs(query).collect();
    values.remove("s");
    let pair =
        |(name, value): (String, String)| [query::encode(&name), query::encode(&value)].join("=");
    values.into_iter().map(pair).collect::<Vec<_>>().join("&")
}

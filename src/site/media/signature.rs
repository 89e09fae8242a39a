//! Signed URLs: `s` is an HMAC-SHA256 of the host, the path and all other parameters.
//!
//! Each site has its own key, derived from the operator's secret. The creation time of the site is
//! part of it, so signatures do not outlive a site whose name is used again.

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
        let query = canonical_query(query);
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
pub fn canonical_query(query: &str) -> String {
    let mut values: Vec<(String, String)> = Vec::new();
    for (name, value) in query::pairs(query).filter(|(name, _)| name != "s") {
        let place = values.binary_search_by(|(known, _)| known.cmp(&name));
        match place.map(|at| values.get_mut(at)) {
            Ok(known) => known.into_iter().for_each(|known| known.1.clone_from(&value)),
            Err(at) => values.insert(at, (name, value)),
        }
    }
    let mut text = String::new();
    for (name, value) in values {
        for part in ["&", &query::encode(&name), "=", &query::encode(&value)] {
            text.push_str(part);
        }
    }
    text.split_off(text.len().min(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "operator secret";
    const HOST: &str = "shop.cdn.test";
    const PATH: &str = "/_media/a.jpg";
    const QUERY: &str = "w=801&txt=Zo%C3%AB+%26%20co&exp=1800000000&txt-font=/f.ttf";

    fn key() -> SigningKey {
        let site = SiteName::parse("shop").unwrap();
        SigningKey::of_site(SECRET, &site, UnixMillis(1_700_000_000_000))
    }

    fn checked(query: &str, now: u64) -> Result<Option<UnixSeconds>, MediaError> {
        verify(Some(&key()), HOST, PATH, query, UnixSeconds(now))
    }

    /// Computed with Python's `hmac`.
    #[test]
    fn keys_and_signatures() {
        let text = "Y4uh2O6qWBsAF40k7yJN7U-xlAzBOlSxgx3CB6UYLUo";
        assert_eq!(key().text(), text);
        assert!(SigningKey::parse(text) == Some(key()));
        let site = SiteName::parse("shop").unwrap();
        let again = SigningKey::of_site(SECRET, &site, UnixMillis(1_700_000_000_001));
        assert_eq!(again.text(), "zcjaMHdYqcYChidjhMcW0kg3DBLrrWuZrdfbn0wTIY8");
        let signature = key().sign(HOST, "/_media/a%20b.jpg", "");
        assert_eq!(signature, "HEGASlosorwAc4t4vS3tsxcDREcX9RGP5bMJQa4AsjM");
        let signature = key().sign(HOST, PATH, QUERY);
        assert_eq!(signature, "ieisFDitG31fGsxIafuvRPf0VG9DJMdtS_jb1Dav0Pw");
    }

    #[test]
    fn keys_have_32_bytes() {
        for text in [
            "",
            "AAAA",
            "Y4uh2O6qWBsAF40k7yJN7U-xlAzBOlSxgx3CB6UYLUoA",
            "Y4uh2O6qWBsAF40k7yJN7U-xlAzBOlSxgx3CB6UYLUo=",
            "!",
        ] {
            assert!(SigningKey::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn one_set_of_parameters_has_one_signature() {
        let signature = key().sign(HOST, PATH, QUERY);
        for query in [
            "exp=1800000000&txt-font=%2Ff.ttf&%74xt=Zo%c3%ab%20%26+co&w=801",
            "w=1&w=801&exp=1800000000&txt-font=/f.ttf&txt=Zo%C3%AB+%26%20co",
            "s=x&&w=801&exp=1800000000&txt-font=/f.ttf&txt=Zo%C3%AB+%26%20co&s=y",
        ] {
            assert_eq!(key().sign(HOST, PATH, query), signature, "{query}");
        }
    }

    #[test]
    fn any_change_needs_another_signature() {
        let signature = key().sign(HOST, PATH, QUERY);
        let wrong = Err(Role::Signature.disallowed(WRONG));
        let signed = format!("{QUERY}&s={signature}");
        assert_eq!(checked(&signed, 0), Ok(Some(UnixSeconds(1_800_000_000))));
        for query in [
            QUERY.to_owned(),
            format!("{QUERY}&s="),
            format!("{QUERY}&s={signature}="),
            format!("{QUERY}&s={}", signature.to_lowercase()),
            format!("{QUERY}&s={}", &signature[..42]),
            format!("{signed}&s=x"),
            format!("{signed}&w=802"),
            format!("{signed}&exp=1900000000"),
            format!("{signed}&utm_source=x"),
            format!("{signed}&mark=/a.png"),
            signed.replace("w=801", "w=80"),
            signed.replace("exp=1800000000&", ""),
        ] {
            assert_eq!(checked(&query, 0), wrong, "{query}");
        }
        let now = UnixSeconds(0);
        for (host, path) in [
            ("other.cdn.test", PATH),
            ("shop.cdn.test\n", PATH),
            (HOST, "/_media/b.jpg"),
            (HOST, "/_media/a.jpg/"),
        ] {
            assert_eq!(verify(Some(&key()), host, path, &signed, now), wrong, "{host}{path}");
        }
        let other = SigningKey([0; 32]);
        assert_eq!(verify(Some(&other), HOST, PATH, &signed, now), wrong);
        let without_key = Err(Role::Signature.disallowed(NO_KEY));
        assert_eq!(verify(None, HOST, PATH, &signed, now), without_key);
    }

    #[test]
    fn signatures_expire() {
        let expired = Err(Role::Expiry.disallowed(EXPIRED));
        let bad = Err(Role::Expiry.bad());
        for (expiry, now, expected) in [
            ("100", 99, Ok(Some(UnixSeconds(100)))),
            ("100", 100, expired),
            ("0", 0, expired),
            ("", u64::MAX, Ok(None)),
            ("18446744073709551615", 1, Ok(Some(UnixSeconds(u64::MAX)))),
            ("18446744073709551616", 1, bad),
            ("+100", 1, bad),
            ("soon", 1, bad),
        ] {
            let query = format!("exp={}", query::encode(expiry));
            let signed = format!("{query}&s={}", key().sign(HOST, PATH, &query));
            assert_eq!(checked(&signed, now), expected, "{expiry:?}");
        }
        assert!(is_signed("a&s=b") && !is_signed("s=") && !is_signed("s=a&s") && !is_signed("S=a"));
    }
}

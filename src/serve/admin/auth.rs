//! Who calls, and what they may do.
//!
//! Not sessions: every call carries its token. The invariant is that only `Authorization` counts,
//! that comparing takes the same time whatever is compared, and that a refusal tells nothing.

use crate::serve::admin::error::AdminError;
use crate::serve::ask::{Ask, Field};
use crate::serve::deadline;
use crate::serve::ports::Ports;
use crate::serve::tiers::Tiers;
use crate::site::ids::SiteName;
use crate::site::keys;
use crate::site::record::{Scope, SiteRecord, Token, TokenText, is_same_secret};

/// Longest token in bytes; ours have about 90, and hashing endless ones would be work for nothing.
pub const TOKEN_BYTES_MAX: usize = 256;

/// Who calls.
#[derive(Debug, Clone)]
pub enum Caller {
    /// The operator.
    Root,
    /// Who has a token of a site.
    Site(SiteName, Token),
}

impl Caller {
    /// Nothing, when the caller may do this to a site.
    pub fn may(&self, site: &SiteName, scope: Scope) -> Result<(), AdminError> {
        match self {
            Self::Root => Ok(()),
            Self::Site(own, token) if own == site && token.allows(scope) => Ok(()),
            Self::Site(..) => Err(AdminError::Forbidden),
        }
    }

    /// Nothing, when the caller is the operator.
    pub fn is_root(&self) -> Result<(), AdminError> {
        match self {
            Self::Root => Ok(()),
            Self::Site(..) => Err(AdminError::Forbidden),
        }
    }

    /// The name that records show.
    pub fn name(&self) -> &str {
        match self {
            Self::Root => "root",
            Self::Site(_, token) => &token.name,
        }
    }
}

/// Who calls.
///
/// # Errors
/// [`AdminError::Unauthorized`] for everything but exactly one valid bearer token.
///
/// # Source
/// RFC 6750 §2.1
pub async fn caller<P: Ports>(tiers: &Tiers<P>, ask: &Ask<'_>) -> Result<Caller, AdminError> {
    let value = ask.headers.field(Field::Authorization).ok_or(AdminError::Unauthorized)?;
    let text = bearer(&value).ok_or(AdminError::Unauthorized)?;
    let settings = tiers.ports.settings();
    if settings.admin_token.as_deref().is_some_and(|root| is_same_secret(root, text)) {
        return Ok(Caller::Root);
    }
    let text = TokenText::parse(text).ok_or(AdminError::Unauthorized)?;
    let key = keys::site(&text.site);
    let ms = settings.deadlines.admin_ms;
    let value = deadline::read(&tiers.ports, ms, &key).await?;
    let record = value.and_then(|value| SiteRecord::parse(&value.bytes, &text.site));
    let record = record.ok_or(AdminError::Unauthorized)?;
    let token = record.token(&text, tiers.ports.now()).ok_or(AdminError::Unauthorized)?;
    Ok(Caller::Site(text.site, token.clone()))
}

/// The token of a field value that holds exactly one; two lines come joined by a comma.
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'+');
    let whole = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX && token.bytes().all(plain);
    (scheme.eq_ignore_ascii_case("bearer") && whole).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token_and_nothing_else() {
        let rows = [
            ("Bearer abc", Some("abc")),
            ("bearer a-b_c.d", Some("a-b_c.d")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer  abc", None),
            ("Bearer abc ", None),
            ("Bearer a, Bearer b", None),
            ("Basic abc", None),
            ("Token abc", None),
            ("Bearer a%00", None),
            ("", None),
        ];
        for (value, expected) in rows {
            assert_eq!(bearer(value), expected, "{value:?}");
        }
        let long = format!("Bearer {}", "a".repeat(TOKEN_BYTES_MAX + 1));
        assert_eq!(bearer(&long), None);
    }
}

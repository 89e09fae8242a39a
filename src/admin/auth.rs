//! Who calls, and what they may do.
//!
//! Not sessions: every call carries its token. The invariant is that only `Authorization` counts,
//! that comparing takes the same time whatever is compared, and that a refusal tells nothing.

use crate::admin::error::AdminError;
use crate::cache::tiers::Tiers;
use crate::ports::Ports;
use crate::ports::deadline;
use crate::serve::request::{Request, RequestHeader};
use crate::site::ids::SiteName;
use crate::site::keys;
use crate::site::records::site::{Scope, SiteRecord, Token, TokenText, is_same_secret};
use crate::wire::bearer::bearer;

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
pub async fn caller<P: Ports>(tiers: &Tiers<P>, ask: &Request<'_>) -> Result<Caller, AdminError> {
    let value = ask.headers.value(RequestHeader::Authorization).ok_or(AdminError::Unauthorized)?;
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

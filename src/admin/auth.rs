//! Identifies the caller and checks its permissions.
//!
//! Only the `Authorization` header counts, secrets are compared in constant time, and every
//! refusal is the same.

use crate::admin::calls::Access;
use crate::admin::error::{AdminError, Result};
use crate::cache::tiers::Tiers;
use crate::ports::Ports;
use crate::ports::deadline::persistently;
use crate::serve::request::{Request, RequestHeader};
use crate::site::ids::SiteName;
use crate::site::keys;
use crate::site::records::site::{Credential, SiteRecord, TokenText, is_same_secret};
use crate::wire::bearer::bearer;

#[derive(Debug, Clone)]
pub enum Caller {
    Anonymous,
    Root,
    /// The holder of a token of a site.
    Site(SiteName, Credential),
}

impl Caller {
    /// Whether the caller may make a call, on a site if the call is on one.
    pub fn may(&self, access: Access, site: Option<&SiteName>) -> bool {
        match (access, self) {
            (Access::Anyone, _) | (_, Self::Root) | (Access::AnyToken, Self::Site(..)) => true,
            (Access::Scope(scope), Self::Site(own, token)) => {
                site == Some(own) && token.allows(scope)
            }
            (Access::Root, Self::Site(..)) | (_, Self::Anonymous) => false,
        }
    }

    /// Returns the name shown in records.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Root => "root",
            Self::Site(_, token) => &token.name,
        }
    }
}

/// Identifies the caller of a request (RFC 6750 section 2.1).
///
/// # Errors
/// [`AdminError::Unauthorized`] without exactly one valid bearer token.
pub async fn caller<P: Ports>(tiers: &Tiers<P>, request: &Request<'_>) -> Result<Caller> {
    let value =
        request.headers.value(RequestHeader::Authorization).ok_or(AdminError::Unauthorized)?;
    let text = bearer(&value).ok_or(AdminError::Unauthorized)?;
    let settings = tiers.ports.settings();
    if settings.admin_token.as_deref().is_some_and(|root| is_same_secret(root, text)) {
        return Ok(Caller::Root);
    }
    let text = TokenText::parse(text).ok_or(AdminError::Unauthorized)?;
    let ms = settings.deadlines.admin_ms;
    let key = keys::site(&text.site);
    let value = persistently(&tiers.ports, ms, || tiers.ports.read(&key)).await?;
    let record = value.and_then(|value| SiteRecord::parse(&value.bytes, &text.site));
    let record = record.ok_or(AdminError::Unauthorized)?;
    let token = text.find(&record.tokens, tiers.ports.now()).ok_or(AdminError::Unauthorized)?;
    Ok(Caller::Site(text.site, token.clone()))
}

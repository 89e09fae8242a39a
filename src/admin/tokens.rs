//! A site's tokens: making, listing, revoking.
//!
//! Not their use, which is [`super::auth`]. The invariant is that a token's text is shown once,
//! when it is made, and kept nowhere.

use data_encoding::BASE64URL_NOPAD;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::admin::error::AdminError;
use crate::admin::{Answer, Call};
use crate::ports::{Fault, Ports};
use crate::site::ids::{ContentHash, SiteName};
use crate::site::records::site::{Scope, TOKEN_NAME_BYTES_MAX, TOKEN_PREFIX, TOKENS_MAX, Token};
use crate::wire::time::UnixMillis;

/// Length of a token's id: 40 bits tell a hundred tokens apart.
const ID_CHARS: usize = 8;

#[derive(Deserialize)]
struct NewToken {
    name: String,
    scopes: Vec<Scope>,
    expires_secs: Option<u64>,
}

/// A token as the API shows it: without its hash, and with its text only when it is made.
#[derive(Serialize)]
pub struct TokenView<'a> {
    id: &'a str,
    name: &'a str,
    scopes: &'a [Scope],
    created_ms: UnixMillis,
    expires_ms: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl<'a> TokenView<'a> {
    /// Returns the view of a token that was made earlier.
    pub fn of(token: &'a Token) -> Self {
        let Token { id, name, scopes, created_ms, expires_ms, .. } = token;
        Self { id, name, scopes, created_ms: *created_ms, expires_ms: *expires_ms, token: None }
    }
}

impl<P: Ports> Call<'_, P> {
    /// Lists a site's tokens, or makes one.
    pub async fn tokens(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::GET, Method::POST])?;
        if !self.ask.is_read() {
            return self.make_token(site).await;
        }
        let (record, _) = self.site_record(site).await?.ok_or(AdminError::NotFound("site"))?;
        let tokens: Vec<_> = record.tokens.iter().map(TokenView::of).collect();
        Ok(Answer::json(200, &json!({ "tokens": tokens })))
    }

    /// Revokes a token.
    pub async fn revoke_token(&self, site: &SiteName, id: &str) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::DELETE])?;
        self.update_site(site, &mut |record| {
            let before = record.tokens.len();
            record.tokens.retain(|token| token.id != id);
            let revoked = record.tokens.len() < before;
            revoked.then_some(()).ok_or(AdminError::NotFound("token"))
        })
        .await?;
        Ok(Answer::json(200, &json!({ "revoked": true })))
    }

    async fn make_token(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        let wanted: NewToken = self.json().await?;
        showable(&wanted.name)?;
        if wanted.scopes.is_empty() {
            return Err(AdminError::Invalid(
                "a token without a scope opens nothing",
                "name one or more of publish, purge, write, read",
            ));
        }
        let now = self.tiers.ports.now();
        let expires_ms = expiry(now, wanted.expires_secs)?;
        let (id, text) = self.new_secret(TOKEN_PREFIX, site)?;
        let token = Token {
            id,
            name: wanted.name,
            hash: ContentHash::of(text.as_bytes()),
            scopes: wanted.scopes,
            created_ms: now,
            expires_ms,
        };
        self.update_site(site, &mut |record| {
            if record.tokens.len() >= TOKENS_MAX {
                return Err(AdminError::Invalid("too many tokens", "revoke one first"));
            }
            record.tokens.push(token.clone());
            Ok(())
        })
        .await?;
        Ok(Answer::json(201, &TokenView { token: Some(text), ..TokenView::of(&token) }))
    }

    /// The id and the text of a new token or key: `<prefix><site>_<id>_<secret>`.
    pub fn new_secret(
        &self,
        prefix: &str,
        site: &SiteName,
    ) -> Result<(String, String), AdminError> {
        let random = self.tiers.ports.random().ok_or(AdminError::Unavailable(Fault::Failed))?;
        let random = BASE64URL_NOPAD.encode(&random);
        let (id, secret) = random.split_at_checked(ID_CHARS).unwrap_or_default();
        // The id stands between underscores, which base64url has too.
        let id = id.replace(['_', '-'], "x");
        let text = format!("{prefix}{site}_{id}_{secret}");
        Ok((id, text))
    }
}

/// Nothing, when lists can show a name.
pub fn showable(name: &str) -> Result<(), AdminError> {
    let printable = name.chars().all(|c| !c.is_control());
    if name.is_empty() || name.len() > TOKEN_NAME_BYTES_MAX || !printable {
        return Err(AdminError::Invalid("the name can't be shown", "use 1 to 80 characters"));
    }
    Ok(())
}

/// When something expires that is made now, `None` for never.
///
/// # Errors
/// [`AdminError::Invalid`] for a lifetime of 0: it would be shown once and never open anything.
pub fn expiry(
    now: UnixMillis,
    expires_secs: Option<u64>,
) -> Result<Option<UnixMillis>, AdminError> {
    match expires_secs {
        Some(0) => Err(AdminError::Invalid(
            "`expires_secs` must be at least 1",
            "leave it out for no expiry; to end a token or a key now, revoke it",
        )),
        _ => Ok(expires_secs.map(|secs| now.plus(secs.saturating_mul(1_000)))),
    }
}

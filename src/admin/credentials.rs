//! Creates, lists and revokes the tokens of a site and the keys of its fresh host.
//!
//! The response that creates one is the only place where its text appears; the site record has the
//! hash of it.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::admin::error::{AdminError, Invalid, Missing, Result};
use crate::admin::handler::{Answer, Handler};
use crate::admin::records::{add, remove};
use crate::ports::{Fault, Ports};
use crate::site::ids::ContentHash;
use crate::site::records::site::{
    ApiKey, KEY_PREFIX, KEYS_MAX, Scope, TOKEN_NAME_BYTES_MAX, TOKEN_PREFIX, TOKENS_MAX, Token,
};
use crate::wire::time::UnixMillis;

/// Length of an id: 40 bits distinguish a hundred tokens.
const ID_CHARS: usize = 8;

#[derive(Deserialize)]
struct NewToken {
    name: String,
    scopes: Vec<Scope>,
    expires_secs: Option<u64>,
}

#[derive(Deserialize)]
struct NewKey {
    name: String,
    expires_secs: Option<u64>,
}

/// A token or a key without its hash.
#[derive(Serialize)]
pub struct CredentialView<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<&'a [Scope]>,
    created_ms: UnixMillis,
    expires_ms: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

impl<'a> From<&'a Token> for CredentialView<'a> {
    fn from(token: &'a Token) -> Self {
        let Token { id, name, scopes, created_ms, expires_ms, .. } = token;
        let (created_ms, expires_ms) = (*created_ms, *expires_ms);
        Self { id, name, scopes: Some(scopes), created_ms, expires_ms, token: None, key: None }
    }
}

impl<'a> From<&'a ApiKey> for CredentialView<'a> {
    fn from(key: &'a ApiKey) -> Self {
        let ApiKey { id, name, created_ms, expires_ms, .. } = key;
        let (created_ms, expires_ms) = (*created_ms, *expires_ms);
        Self { id, name, scopes: None, created_ms, expires_ms, token: None, key: None }
    }
}

struct Secret {
    id: String,
    text: String,
    hash: ContentHash,
    created_ms: UnixMillis,
    expires_ms: Option<UnixMillis>,
}

impl<P: Ports> Handler<'_, P> {
    pub async fn list_tokens(&self) -> Result<Answer<P>> {
        let record = self.site_record().await?;
        let tokens: Vec<_> = record.tokens.iter().map(CredentialView::from).collect();
        Ok(Answer::json(200, &json!({ "tokens": tokens })))
    }

    pub async fn list_keys(&self) -> Result<Answer<P>> {
        let record = self.site_record().await?;
        let keys: Vec<_> = record.keys.iter().map(CredentialView::from).collect();
        Ok(Answer::json(200, &json!({ "keys": keys })))
    }

    pub async fn create_token(&self) -> Result<Answer<P>> {
        let NewToken { name, scopes, expires_secs } = self.json().await?;
        if scopes.is_empty() {
            return Err(Invalid::NoScope.into());
        }
        let Secret { id, text, hash, created_ms, expires_ms } =
            self.new_secret(TOKEN_PREFIX, &name, expires_secs)?;
        let token = Token { id, name, hash, scopes, created_ms, expires_ms };
        self.update_site(&mut |record| {
            add(&mut record.tokens, token.clone(), TOKENS_MAX, Invalid::TooManyTokens)
        })
        .await?;
        let view = CredentialView { token: Some(&text), ..CredentialView::from(&token) };
        Ok(Answer::json(201, &view))
    }

    pub async fn create_key(&self) -> Result<Answer<P>> {
        let NewKey { name, expires_secs } = self.json().await?;
        let Secret { id, text, hash, created_ms, expires_ms } =
            self.new_secret(KEY_PREFIX, &name, expires_secs)?;
        let key = ApiKey { id, name, hash, created_ms, expires_ms };
        self.update_site(&mut |record| {
            add(&mut record.keys, key.clone(), KEYS_MAX, Invalid::TooManyKeys)
        })
        .await?;
        let view = CredentialView { key: Some(&text), ..CredentialView::from(&key) };
        Ok(Answer::json(201, &view))
    }

    pub async fn revoke_token(&self, id: &str) -> Result<Answer<P>> {
        self.update_site(&mut |record| {
            remove(&mut record.tokens, Missing::Token, |token| token.id == id)
        })
        .await?;
        Ok(Answer::json(200, &json!({ "revoked": true })))
    }

    pub async fn revoke_key(&self, id: &str) -> Result<Answer<P>> {
        self.update_site(&mut |record| remove(&mut record.keys, Missing::Key, |key| key.id == id))
            .await?;
        Ok(Answer::json(200, &json!({ "revoked": true })))
    }

    /// Makes the secret `<prefix><site>_<id>_<random>`, for a name and a lifetime that are valid.
    fn new_secret(&self, prefix: &str, name: &str, expires_secs: Option<u64>) -> Result<Secret> {
        let is_printable = name.chars().all(|c| !c.is_control());
        if !(1..=TOKEN_NAME_BYTES_MAX).contains(&name.len()) || !is_printable {
            return Err(Invalid::CredentialName.into());
        }
        if expires_secs == Some(0) {
            return Err(Invalid::Expiry.into());
        }
        let random = self.tiers.ports.random().ok_or(AdminError::Unavailable(Fault::Failed))?;
        let random = BASE64URL_NOPAD.encode(&random);
        let (id, secret) = random.split_at_checked(ID_CHARS).unwrap_or_default();
        // An underscore ends the id, and base64url has underscores.
        let id = id.replace(['_', '-'], "x");
        let text = format!("{prefix}{}_{id}_{secret}", self.site);
        let (hash, created_ms) = (ContentHash::of(text.as_bytes()), self.tiers.ports.now());
        let expires_ms = expires_secs.map(|secs| created_ms.plus(secs.saturating_mul(1_000)));
        Ok(Secret { id, text, hash, created_ms, expires_ms })
    }
}

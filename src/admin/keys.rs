//! The keys of a site's fresh host: making, listing, revoking.
//!
//! Not their use, which is [`crate::serve::objects::fresh_host`]. The invariant is that of tokens:
//! a key's text is shown once, when it is made, and kept nowhere.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::admin::error::AdminError;
use crate::admin::tokens::{expiry, showable};
use crate::admin::{Answer, Call};
use crate::ports::Ports;
use crate::site::ids::{ContentHash, SiteName};
use crate::site::records::site::{ApiKey, KEY_PREFIX, KEYS_MAX};
use crate::wire::time::UnixMillis;

#[derive(Deserialize)]
struct NewKey {
    name: String,
    expires_secs: Option<u64>,
}

/// A key as the API shows it: without its hash, and with its text only when it is made.
#[derive(Serialize)]
struct KeyView<'a> {
    id: &'a str,
    name: &'a str,
    created_ms: UnixMillis,
    expires_ms: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl<'a> KeyView<'a> {
    fn of(key: &'a ApiKey) -> Self {
        let ApiKey { id, name, created_ms, expires_ms, .. } = key;
        Self { id, name, created_ms: *created_ms, expires_ms: *expires_ms, key: None }
    }
}

impl<P: Ports> Call<'_, P> {
    /// Lists a site's keys, or makes one.
    pub async fn keys(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::GET, Method::POST])?;
        if !self.ask.is_read() {
            return self.make_key(site).await;
        }
        let (record, _) = self.site_record(site).await?.ok_or(AdminError::NotFound("site"))?;
        let keys: Vec<_> = record.keys.iter().map(KeyView::of).collect();
        Ok(Answer::json(200, &json!({ "keys": keys })))
    }

    /// Revokes a key.
    pub async fn revoke_key(&self, site: &SiteName, id: &str) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::DELETE])?;
        self.update_site(site, &mut |record| {
            let before = record.keys.len();
            record.keys.retain(|key| key.id != id);
            let revoked = record.keys.len() < before;
            revoked.then_some(()).ok_or(AdminError::NotFound("key"))
        })
        .await?;
        Ok(Answer::json(200, &json!({ "revoked": true })))
    }

    async fn make_key(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        let wanted: NewKey = self.json().await?;
        showable(&wanted.name)?;
        let now = self.tiers.ports.now();
        let expires_ms = expiry(now, wanted.expires_secs)?;
        let (id, text) = self.new_secret(KEY_PREFIX, site)?;
        let key = ApiKey {
            id,
            name: wanted.name,
            hash: ContentHash::of(text.as_bytes()),
            created_ms: now,
            expires_ms,
        };
        self.update_site(site, &mut |record| {
            if record.keys.len() >= KEYS_MAX {
                return Err(AdminError::Invalid("too many keys", "revoke one first"));
            }
            record.keys.push(key.clone());
            Ok(())
        })
        .await?;
        Ok(Answer::json(201, &KeyView { key: Some(text), ..KeyView::of(&key) }))
    }
}

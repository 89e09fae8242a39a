//! Creates, lists and revokes the tokens of a site and the keys of its fresh host.
//!
//! The response that creates one is the only place where its text appears; the site record has the
//! hash of it.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::admin::error::{AdminError, Invalid, Missing, Result};
use crate::admin::handler::{Handler, respond};
use crate::admin::records::{add, remove};
use crate::ports::{Fault, Ports};
use crate::serve::draft::Draft;
use crate::site::ids::ContentHash;
use crate::site::records::site::{
    Credential, KEY_PREFIX, KEYS_MAX, Scope, SiteRecord, TOKEN_NAME_BYTES_MAX, TOKEN_PREFIX,
    TOKENS_MAX,
};
use crate::wire::time::UnixMillis;

/// Length of an id: 40 bits distinguish a hundred tokens.
const ID_CHARS: usize = 8;

pub struct Kind {
    /// The name of the list in responses.
    plural: &'static str,
    prefix: &'static str,
    list: fn(&mut SiteRecord) -> &mut Vec<Credential>,
    max: usize,
    full: Invalid,
    missing: Missing,
    shown: fn(String) -> Text,
}

pub const TOKENS: Kind = Kind {
    plural: "tokens",
    prefix: TOKEN_PREFIX,
    list: |record| &mut record.tokens,
    max: TOKENS_MAX,
    full: Invalid::TooManyTokens,
    missing: Missing::Token,
    shown: Text::Token,
};

pub const KEYS: Kind = Kind {
    plural: "keys",
    prefix: KEY_PREFIX,
    list: |record| &mut record.keys,
    max: KEYS_MAX,
    full: Invalid::TooManyKeys,
    missing: Missing::Key,
    shown: Text::Key,
};

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

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Text {
    Token(String),
    Key(String),
}

/// A credential without its hash.
#[derive(Serialize)]
pub struct CredentialView<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<&'a [Scope]>,
    created_ms: UnixMillis,
    expires_ms: Option<UnixMillis>,
    #[serde(flatten)]
    text: Option<Text>,
}

impl<'a> From<&'a Credential> for CredentialView<'a> {
    fn from(credential: &'a Credential) -> Self {
        let Credential { id, name, scopes, created_ms, expires_ms, .. } = credential;
        let (scopes, created_ms, expires_ms) = (scopes.as_deref(), *created_ms, *expires_ms);
        Self { id, name, scopes, created_ms, expires_ms, text: None }
    }
}

impl<P: Ports> Handler<'_, P> {
    pub async fn list_credentials(&self, kind: &Kind) -> Result<Draft<P>> {
        let mut record = self.site_record().await?;
        let views: Vec<_> = (kind.list)(&mut record).iter().map(CredentialView::from).collect();
        Ok(respond(200, &json!({ kind.plural: views })))
    }

    pub async fn create_token(&self) -> Result<Draft<P>> {
        let NewToken { name, scopes, expires_secs } = self.json().await?;
        if scopes.is_empty() {
            return Err(Invalid::NoScope.into());
        }
        self.create_credential(&TOKENS, name, Some(scopes), expires_secs).await
    }

    pub async fn create_key(&self) -> Result<Draft<P>> {
        let NewKey { name, expires_secs } = self.json().await?;
        self.create_credential(&KEYS, name, None, expires_secs).await
    }

    pub async fn revoke_credential(&self, kind: &Kind, id: &str) -> Result<Draft<P>> {
        self.update_site(&mut |record| {
            remove((kind.list)(record), kind.missing, |credential| credential.id == id)
        })
        .await?;
        Ok(respond(200, &json!({ "revoked": true })))
    }

    /// Creates a credential with the text `<prefix><site>_<id>_<random>`.
    async fn create_credential(
        &self,
        kind: &Kind,
        name: String,
        scopes: Option<Vec<Scope>>,
        expires_secs: Option<u64>,
    ) -> Result<Draft<P>> {
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
        let text = format!("{}{}_{id}_{secret}", kind.prefix, self.site);
        let (hash, created_ms) = (ContentHash::of(text.as_bytes()), self.tiers.ports.now());
        let expires_ms = expires_secs.map(|secs| created_ms.plus(secs.saturating_mul(1_000)));
        let credential = Credential { id, name, hash, scopes, created_ms, expires_ms };
        self.update_site(&mut |record| {
            add((kind.list)(record), credential.clone(), kind.max, kind.full)
        })
        .await?;
        let text = Some((kind.shown)(text));
        Ok(respond(201, &CredentialView { text, ..CredentialView::from(&credential) }))
    }
}

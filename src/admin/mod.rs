//! The admin API, `/.selvedge/` on the base host.
//!
//! Not a part of serving: it may be slow, it is never cached, and it says nothing to who has no
//! token. The invariant is that a caller is known before a site is looked at, so that nobody
//! without a token can tell which sites exist.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice
    )
)]

pub mod auth;
pub mod blobs;
pub mod deletion;
pub mod deployments;
pub mod error;
pub mod forget;
pub mod invalidate;
pub mod keys;
pub mod objects;
pub mod purge;
pub mod sites;
pub mod stages;
pub mod takedowns;
pub mod tokens;
pub mod uploads;

use std::pin::Pin;

use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin::auth::Caller;
use crate::admin::error::AdminError;
use crate::cache::tiers::Tiers;
use crate::ports::{ObjectMeta, Ports};
use crate::serve::request::{Ask, RequestHeader};
use crate::serve::response::{Reply, ReplyBody};
use crate::serve::route::RESERVED;
use crate::site::api::{Limits, Server};
use crate::site::codec;
use crate::site::deployment::manifest::{PATHS_MAX, ROOT_BYTES_MAX};
use crate::site::ids::{ContentHash, DeploymentId, NameError, SiteName, StageName};
use crate::site::records::site::Scope;
use crate::wire::headers::Headers;

/// Largest JSON body in bytes: ten thousand hashes and some air.
pub const JSON_BYTES_MAX: usize = 1024 * 1024;

/// What a call answers with.
pub enum Answer<P: Ports> {
    /// JSON, encoded.
    Json(u16, String),
    /// Bytes as they are stored.
    Bytes(ReplyBody<P>, u64),
    /// An object with what is known of it.
    Object(ObjectMeta, ReplyBody<P>),
}

impl<P: Ports> Answer<P> {
    /// Returns an answer with a JSON body.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        Self::Json(status, codec::encode(body))
    }
}

#[derive(Serialize)]
struct Health<'a> {
    ok: bool,
    missing_binding: Option<&'a str>,
    invalid_vars: &'a [&'static str],
    admin: bool,
}

/// A call, with what every handler of it needs.
pub struct Call<'a, P: Ports> {
    /// The tiers; handlers read the store itself.
    pub tiers: &'a Tiers<P>,
    /// The request.
    pub ask: &'a Ask<'a>,
    /// Who calls.
    pub caller: Caller,
}

/// A call under way. Boxed, so that a request that is no call does not carry room for one.
type Handler<'a, P> = Pin<Box<dyn Future<Output = Result<Answer<P>, AdminError>> + 'a>>;

/// The reply to a request below the reserved prefix.
pub async fn answer<P: Ports>(tiers: &Tiers<P>, ask: &Ask<'_>) -> Reply<P> {
    match dispatch(tiers, ask).await {
        Ok(Answer::Json(status, json)) => json_reply(status, json, None),
        Ok(Answer::Bytes(body, length)) => {
            let mut headers = admin_headers("application/octet-stream", length);
            headers.set("content-disposition", "attachment");
            Reply { status: 200, headers, body }
        }
        Ok(Answer::Object(meta, body)) => {
            let mut headers = admin_headers("application/octet-stream", meta.length);
            objects::object_headers(&meta, &mut headers);
            Reply { status: 200, headers, body }
        }
        Err(error) => json_reply(error.status(), error.body(), Some(&error)),
    }
}

async fn dispatch<P: Ports>(tiers: &Tiers<P>, ask: &Ask<'_>) -> Result<Answer<P>, AdminError> {
    let path = ask.path.decoded().strip_prefix(RESERVED).unwrap_or_default();
    if path == "health" {
        return health(tiers, ask);
    }
    let mut segments = path.split('/');
    if segments.next() != Some("v1") {
        return Err(AdminError::NotFound("call"));
    }
    let caller = auth::caller(tiers, ask).await?;
    let call = Call { tiers, ask, caller };
    let segments: Vec<&str> = segments.collect();
    // A path of another spelling is another path: the API has no canonical redirects. The name of
    // an object is the same however it is spelled.
    let is_object = matches!(segments.as_slice(), ["sites", _, "collections", _, "objects", ..]);
    if !ask.path.is_canonical() && !is_object {
        return Err(AdminError::NotFound("call"));
    }
    match segments.as_slice() {
        [] => call.about(),
        ["sites"] => call.sites().await,
        ["sites", site, rest @ ..] => {
            let site = parsed(SiteName::parse(site))?;
            call.of_site(&site, rest).await
        }
        _ => Err(AdminError::NotFound("call")),
    }
}

impl<P: Ports> Call<'_, P> {
    async fn of_site(&self, site: &SiteName, rest: &[&str]) -> Result<Answer<P>, AdminError> {
        let scope = match rest {
            [] if self.ask.method == Method::GET => Scope::Read,
            ["deployments"] | ["deployments", _] if self.ask.method == Method::GET => Scope::Read,
            ["stages", _] => Scope::Read,
            ["takedowns"] if self.ask.is_read() => Scope::Read,
            ["purge"] => Scope::Purge,
            ["blobs", ..]
            | ["deployments", ..]
            | ["stages", ..]
            | ["promote"]
            | ["keys", ..]
            | ["takedowns"] => Scope::Publish,
            ["collections", _, "invalidate"] => Scope::Write,
            ["collections", _, "objects", ..] if self.ask.is_read() => Scope::Read,
            ["collections", _, "objects", ..] => Scope::Write,
            _ => return self.of_site_as_root(site, rest).await,
        };
        self.caller.may(site, scope)?;
        // A site's own token shows that the site exists; the root token does not.
        if matches!(rest, ["blobs", ..]) && !self.ask.is_read() && self.caller.is_root().is_ok() {
            self.site_exists(site).await?;
        }
        let answer: Handler<'_, P> = match rest {
            [] => Box::pin(self.site(site)),
            ["blobs", "missing"] => Box::pin(self.missing_blobs(site)),
            ["blobs"] => Box::pin(self.store_blobs(site)),
            ["blobs", hash] => Box::pin(self.blob(site, parsed(ContentHash::parse(hash))?)),
            ["collections", collection, "objects", name @ ..] => {
                Box::pin(self.objects(site, collection, name))
            }
            ["collections", collection, "invalidate"] => {
                Box::pin(self.invalidate_objects(site, collection))
            }
            ["deployments"] => Box::pin(self.deployments(site)),
            ["deployments", id] => {
                Box::pin(self.deployment(site, parsed(DeploymentId::parse(id))?))
            }
            ["keys"] => Box::pin(self.keys(site)),
            ["keys", id] => Box::pin(self.revoke_key(site, id)),
            ["promote"] => Box::pin(self.promote(site)),
            ["takedowns"] => Box::pin(self.takedowns(site)),
            ["purge"] => Box::pin(self.purge(site)),
            ["stages", stage] => Box::pin(self.stage(site, parsed(StageName::parse(stage))?)),
            ["stages", stage, "activate"] => {
                Box::pin(self.activate(site, parsed(StageName::parse(stage))?))
            }
            ["stages", stage, "rollback"] => {
                Box::pin(self.rollback(site, parsed(StageName::parse(stage))?))
            }
            _ => return Err(AdminError::NotFound("call")),
        };
        answer.await
    }

    async fn of_site_as_root(
        &self,
        site: &SiteName,
        rest: &[&str],
    ) -> Result<Answer<P>, AdminError> {
        self.caller.is_root()?;
        let answer: Handler<'_, P> = match rest {
            [] => Box::pin(self.make_or_delete_site(site)),
            ["tokens"] => Box::pin(self.tokens(site)),
            ["tokens", id] => Box::pin(self.revoke_token(site, id)),
            ["hosts"] => Box::pin(self.hosts(site)),
            ["hosts", host] => Box::pin(self.host(site, host)),
            _ => return Err(AdminError::NotFound("call")),
        };
        answer.await
    }

    fn about(&self) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::GET])?;
        let settings = self.tiers.ports.settings();
        let server = Server {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            store: settings.store.as_str().to_owned(),
            base_domain: settings.base_domain.as_str().to_owned(),
            live_bound_secs: self.permanent_bound_secs(),
            allowed_origins: Some(settings.allowed_origins.clone()),
            limits: Limits {
                blob_bytes_max: settings.store.blob_bytes_max(),
                batch_bytes_max: blobs::BATCH_BYTES_MAX as u64,
                batch_blobs_max: blobs::BATCH_BLOBS_MAX,
                missing_hashes_max: blobs::MISSING_HASHES_MAX,
                root_bytes_max: ROOT_BYTES_MAX,
                paths_max: PATHS_MAX,
            },
        };
        Ok(Answer::json(200, &server))
    }

    /// Nothing, when the method is one of these.
    pub fn allow(&self, methods: &'static [Method]) -> Result<(), AdminError> {
        let asked = &self.ask.method;
        let asked = if *asked == Method::HEAD { &Method::GET } else { asked };
        if methods.contains(asked) { Ok(()) } else { Err(AdminError::MethodNotAllowed(methods)) }
    }

    /// Reads the request's body, a JSON object; an empty body is `{}`.
    pub async fn json<T: DeserializeOwned>(&self) -> Result<T, AdminError> {
        let body = self.tiers.ports.request_body(JSON_BYTES_MAX).await?;
        let body = if body.is_empty() { b"{}" } else { body.as_slice() };
        codec::decode_object(body).map_err(AdminError::Json)
    }

    /// The length of the request's body.
    pub fn content_length(&self) -> Result<u64, AdminError> {
        let length = self.ask.headers.value(RequestHeader::ContentLength);
        length.and_then(|text| text.parse().ok()).ok_or(AdminError::Invalid(
            "the length is not known",
            "send Content-Length; the store takes no body of unknown length",
        ))
    }

    /// The address of a host of this very server.
    pub fn address(&self, label: &str) -> String {
        let port = self.ask.authority.rsplit_once(':').map(|(_, port)| port);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let base = self.tiers.ports.settings().base_domain.as_str();
        format!("{}://{label}.{base}{port}/", self.ask.scheme.as_str())
    }
}

/// Whether the worker could serve: for probes, without a token, and telling nothing else.
fn health<P: Ports>(tiers: &Tiers<P>, ask: &Ask<'_>) -> Result<Answer<P>, AdminError> {
    if !ask.is_read() {
        return Err(AdminError::MethodNotAllowed(&[Method::GET]));
    }
    let settings = tiers.ports.settings();
    let missing = tiers.ports.missing_binding();
    let status = if missing.is_none() { 200 } else { 503 };
    let health = Health {
        ok: missing.is_none(),
        missing_binding: missing,
        invalid_vars: &settings.invalid,
        admin: settings.admin_token.is_some(),
    };
    Ok(Answer::json(status, &health))
}

fn parsed<T>(name: Result<T, NameError>) -> Result<T, AdminError> {
    name.map_err(AdminError::Name)
}

fn json_reply<P: Ports>(status: u16, json: String, error: Option<&AdminError>) -> Reply<P> {
    let mut bytes = json.into_bytes();
    bytes.push(b'\n');
    let mut headers = admin_headers("application/json", bytes.len() as u64);
    match error {
        Some(AdminError::Unauthorized) => headers.set("www-authenticate", "Bearer"),
        Some(AdminError::NotStored(_) | AdminError::Unavailable(_)) => {
            headers.set("retry-after", "2")
        }
        Some(AdminError::MethodNotAllowed(methods)) => {
            let allow: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
            headers.set("allow", allow.join(", "));
        }
        _ => {}
    }
    Reply { status, headers, body: ReplyBody::Bytes(bytes) }
}

fn admin_headers(media_type: &'static str, length: u64) -> Headers {
    let mut headers = Headers::with_capacity(8);
    headers.set("content-type", media_type);
    headers.set("content-length", length.to_string());
    headers.set("cache-control", "no-store");
    headers.set("x-content-type-options", "nosniff");
    headers.set("cache-status", "selvedge; fwd=bypass; detail=admin");
    headers
}

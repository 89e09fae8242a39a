//! Actions: the response of an upstream, from its cache entry if it may be used.
//!
//! [`crate::cache::freshness`] decides whether it may; [`upstream`] makes the upstream's request.
//!
//! ```text
//!  lookup ── fresh ──────────────────────────────────────────────> cache entry
//!     │ └─── stale-while-revalidate ── refresh behind ───────────> cache entry
//!     │ └─── stale ── validate ── 304 ── update ─────────────────> cache entry
//!     │                  │ └───── failure ── stale-if-error? cache entry : 502, 504
//!     └ miss ─────────── fetch ─── response ── store if allowed ─> response
//! ```

pub mod upstream;
mod partial;
mod read;
mod store;
mod write;

use http::Method;

use crate::cache::entry::Entry;
use crate::cache::freshness::Freshness;
use crate::cache::freshness::admit::{Exchange, Extent, Policy};
use crate::cache::tiers::Tiers;
use crate::cache::variants::Variants;
use crate::ports::bodies::ResponseBody;
use crate::ports::{Fault, Ports, UpstreamRequest, UpstreamResponse};
use crate::serve::actions::upstream::{CONDITIONS, Client};
use crate::serve::cached::CacheScope;
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::request::Request;
use crate::site::action::Action;
use crate::site::ids::{ContentHash, SiteName};
use crate::site::keys::{self, Key, StoredFor};
use crate::site::records::ban::{Ban, Subject};
use crate::wire::cache_control::RequestDirectives;
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::headers::Headers;
use crate::wire::time::UnixMillis;

/// Returns the response to a request for an action.
pub async fn respond<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    scope: &CacheScope<'_>,
    action: &Action,
) -> Draft<P> {
    let settings = tiers.ports.settings();
    if !action.takes(request.method.as_str()) {
        return not_allowed(&action.methods);
    }
    let client = tiers.ports.request_headers();
    if !settings.allowed_origins.contains(&action.upstream) {
        return Draft::error(HttpError::BadGateway).detail("upstream-not-allowed");
    }
    if upstream::is_loop(&client) {
        return Draft::error(HttpError::LoopDetected).detail("loop");
    }
    let ip = settings.client_ip_field.as_deref().and_then(|name| client.value(name));
    let told = Client { headers: &client, ip, root_token: settings.admin_token.as_deref() };
    let upstream_request = upstream::upstream_request(action, request, &told);
    let Some(of) = scope.stored_for else {
        let upstream_request = as_the_client_asks(upstream_request, request, &client);
        return match fetch(&tiers.ports, &upstream_request).await {
            Ok(response) => relayed(response, CacheStatus::forward(Forward::Bypass)),
            Err(fault) => lost(fault),
        };
    };
    let cached = CachedAction {
        entries: Variants {
            tiers: tiers.clone(),
            key: key(scope.site, &of, request, &upstream_request.url),
            request: upstream_request.headers.clone(),
        },
        directives: RequestDirectives::parse(client.value("cache-control").unwrap_or_default()),
        has_authorization: upstream_request.headers.contains("authorization"),
        client,
        upstream_request,
        authority: upstream::forwarded_host(request),
        policy: Policy::of(action),
    };
    match request.is_read() {
        true => cached.read(request, scope.bans).await,
        false => Box::pin(cached.write(request, scope, action)).await,
    }
}

/// Returns a 405; an action without a list of methods takes all that a fetch can send.
fn not_allowed<P: Ports>(methods: &[String]) -> Draft<P> {
    let mut draft = Draft::error(HttpError::MethodNotAllowed);
    let allow = match methods {
        [] => "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned(),
        methods => methods.join(", "),
    };
    draft.headers.set("allow", allow);
    draft
}

/// Returns the error for an upstream that did not respond.
fn lost<P: Ports>(fault: Fault) -> Draft<P> {
    match fault {
        Fault::TimedOut => Draft::error(HttpError::GatewayTimeout).detail("upstream-timeout"),
        Fault::Missing => Draft::error(HttpError::BadGateway).detail("upstream-missing"),
        Fault::Failed | Fault::Busy => Draft::error(HttpError::BadGateway).detail("upstream-lost"),
    }
}

/// Returns an upstream's response as it came; a status outside 200 to 599 is an error of the
/// upstream.
fn relayed<P: Ports>(response: UpstreamResponse<P::Body>, cache_status: CacheStatus) -> Draft<P> {
    if !(200..=599).contains(&response.status) {
        return Draft::error(HttpError::BadGateway).detail("upstream-status");
    }
    let body = response.body.map_or(ResponseBody::Empty, ResponseBody::Stream);
    Draft { cache_status, ..Draft::new(response.status, response.headers, body) }
}

/// Returns the cache key, which covers every part of the address that the upstream gets.
fn key(site: &SiteName, of: &StoredFor<'_>, request: &Request<'_>, url: &str) -> Key {
    let host = upstream::forwarded_host(request);
    let selected = [request.scheme.as_str(), " ", &host, " ", url].concat();
    keys::stored(site, of, &ContentHash::of(selected.as_bytes()))
}

/// Sends a request; the response has only the headers that are for the client.
async fn fetch<P: Ports>(
    ports: &P,
    upstream_request: &UpstreamRequest,
) -> Result<UpstreamResponse<P::Body>, Fault> {
    let mut response = ports.fetch(upstream_request).await?;
    response.headers = upstream::response_headers(&response.headers);
    Ok(response)
}

/// Returns the request with the client's method, conditions and range.
fn as_the_client_asks(
    mut upstream_request: UpstreamRequest,
    request: &Request<'_>,
    client: &Headers,
) -> UpstreamRequest {
    upstream_request.method = request.method.as_str().to_owned();
    for name in CONDITIONS {
        if let Some(value) = client.value(name) {
            upstream_request.headers.set(name, value.to_owned());
        }
    }
    upstream_request
}

/// An action of a stage that caches.
#[derive(Clone)]
struct CachedAction<P: Ports> {
    entries: Variants<P>,
    client: Headers,
    /// The request on behalf of any client: without conditions or a range.
    upstream_request: UpstreamRequest,
    directives: RequestDirectives,
    has_authorization: bool,
    authority: String,
    policy: Policy,
}

impl<P: Ports> CachedAction<P> {
    /// Returns the request whose response is for this client only.
    fn own_request(&self, request: &Request<'_>) -> UpstreamRequest {
        as_the_client_asks(self.upstream_request.clone(), request, &self.client)
    }

    fn judge(&self, request: &Request<'_>, bans: &[Ban], entry: &Entry) -> Freshness {
        let subject = Subject {
            path: request.path.decoded(),
            tags: entry.headers.value("cache-tag").unwrap_or_default(),
            collection: None,
            object: None,
            requested_ms: entry.timing.requested_ms,
        };
        entry.timing.judge_under(bans, &subject, self.now())
    }

    fn exchange<'a>(
        &'a self,
        status: u16,
        headers: &'a Headers,
        requested_ms: UnixMillis,
    ) -> Exchange<'a> {
        Exchange {
            method: &Method::GET,
            authority: &self.authority,
            has_authorization: self.has_authorization,
            directives: self.directives,
            status,
            headers,
            is_own_content_location: false,
            extent: Extent::Whole,
            requested_ms,
            received_ms: self.now(),
        }
    }

    fn ports(&self) -> &P {
        &self.entries.tiers.ports
    }

    fn now(&self) -> UnixMillis {
        self.ports().now()
    }
}

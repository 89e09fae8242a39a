//! Actions: the response of an upstream, from the edge tier where it may be used, else asked for.
//!
//! Not where it is decided whether it may: that is [`crate::cache::freshness`]'s, and what goes
//! over the wire is [`crate::serve::actions::upstream`]'s. The invariant is that a client gets what
//! the upstream said to a request like its own, not older than the cap, or a gateway's error.
//!
//! ```text
//!  lookup ── fresh ──────────────────────────────────────────────> stored response
//!     │ └─── stale, in its window ── refresh behind ─────────────> stored response
//!     │ └─── stale ── validate ── 304 ── freshen ────────────────> stored response
//!     │                  │ └───── lost or failing ── may be stale? stored response : 502, 504
//!     └ nothing ──────── ask ──── response ── may be stored? keep > response
//! ```

pub mod upstream;
mod keep;
mod read;
mod write;

use http::Method;

use crate::cache::entry::Entry;
use crate::cache::freshness::Freshness;
use crate::cache::freshness::admit::{Exchange, Extent, Policy};
use crate::cache::tiers::Tiers;
use crate::cache::variants;
use crate::ports::{EdgeContent, Fault, Ports, UpstreamRequest, UpstreamResponse};
use crate::serve::actions::upstream::{CONDITIONS, Client};
use crate::serve::outcome::Outcome;
use crate::serve::request::Request;
use crate::site::action::Action;
use crate::site::ids::{ContentHash, SiteName};
use crate::site::keys::{self, Key, StoredFor};
use crate::site::records::ban::{Ban, Subject};
use crate::wire::cache_control::RequestDirectives;
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::headers::Headers;
use crate::wire::time::UnixMillis;

/// What is known of an action's request before anybody is asked.
pub struct Route<'a> {
    /// The action.
    pub action: &'a Action,
    /// The site.
    pub site: &'a SiteName,
    /// The stage whose responses may be stored; `None` where nothing is.
    pub stored_for: Option<StoredFor<'a>>,
    /// The bans of the live record.
    pub bans: &'a [Ban],
}

/// The outcome of a request to an action.
pub async fn answer<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    route: &Route<'_>,
) -> Outcome<P> {
    let settings = tiers.ports.settings();
    if !route.action.takes(request.method.as_str()) {
        return Outcome::not_allowed(&route.action.methods);
    }
    let client = tiers.ports.request_headers();
    if !settings.allowed_origins.contains(&route.action.upstream) {
        return Outcome::gateway_error(502, "upstream-not-allowed");
    }
    if upstream::is_loop(&client) {
        return Outcome::gateway_error(508, "loop");
    }
    let ip = settings.client_ip_field.as_deref().and_then(|name| client.value(name));
    let told = Client { headers: &client, ip, root_token: settings.admin_token.as_deref() };
    let upstream_request = upstream::upstream_request(route.action, request, &told);
    let Some(of) = route.stored_for else {
        let upstream_request = as_the_client_asks(upstream_request, request, &client);
        return match fetch(&tiers.ports, &upstream_request).await {
            Ok(response) => Outcome::relayed(response, CacheStatus::forward(Forward::Bypass)),
            Err(fault) => Outcome::lost(fault),
        };
    };
    let plan = Plan {
        tiers: tiers.clone(),
        key: key(route.site, &of, request, &upstream_request.url),
        directives: RequestDirectives::parse(client.value("cache-control").unwrap_or_default()),
        has_authorization: upstream_request.headers.contains("authorization"),
        client,
        upstream_request,
        authority: upstream::forwarded_host(request),
        policy: Policy::of(route.action),
    };
    match request.is_read() {
        true => plan.read(request, route.bans).await,
        false => Box::pin(plan.write(request, route)).await,
    }
}

/// Under what the responses to a URL are stored: all that an upstream is told of the address.
fn key(site: &SiteName, of: &StoredFor<'_>, request: &Request<'_>, url: &str) -> Key {
    let selected =
        [request.scheme.as_str(), " ", &upstream::forwarded_host(request), " ", url].concat();
    keys::stored(site, of, &ContentHash::of(selected.as_bytes()))
}

/// What an upstream answers, with those of its headers that are for the client.
async fn fetch<P: Ports>(
    ports: &P,
    upstream_request: &UpstreamRequest,
) -> Result<UpstreamResponse<P::Body>, Fault> {
    let mut response = ports.fetch(upstream_request).await?;
    response.headers = upstream::response_headers(&response.headers);
    Ok(response)
}

/// The request with the client's own method and conditions.
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

/// All that is needed to ask an upstream for one URL, now or behind a response.
#[derive(Clone)]
struct Plan<P: Ports> {
    tiers: Tiers<P>,
    key: Key,
    client: Headers,
    upstream_request: UpstreamRequest,
    directives: RequestDirectives,
    has_authorization: bool,
    authority: String,
    policy: Policy,
}

impl<P: Ports> Plan<P> {
    /// The request of this client, which may be answered for no other.
    fn own_request(&self, request: &Request<'_>) -> UpstreamRequest {
        as_the_client_asks(self.upstream_request.clone(), request, &self.client)
    }

    fn keep(&self, stored: Entry, content: EdgeContent<P>) -> impl Future<Output = bool> {
        variants::keep(&self.tiers, &self.key, stored, content, &self.upstream_request.headers)
    }

    /// What may be done with a stored response now.
    fn judge(&self, request: &Request<'_>, bans: &[Ban], stored: &Entry) -> Freshness {
        let subject = Subject {
            path: request.path.decoded(),
            tags: stored.headers.value("cache-tag").unwrap_or_default(),
            collection: None,
            object: None,
            requested_ms: stored.timing.requested_ms,
        };
        stored.timing.judge_under(bans, &subject, self.now())
    }

    fn exchange<'a>(
        &'a self,
        status: u16,
        headers: &'a Headers,
        asked_ms: UnixMillis,
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
            requested_ms: asked_ms,
            received_ms: self.now(),
        }
    }

    fn now(&self) -> UnixMillis {
        self.tiers.ports.now()
    }
}

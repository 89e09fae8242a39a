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

use crate::cache::entry::StoredResponse;
use crate::cache::freshness::Freshness;
use crate::cache::freshness::admit::{Exchange, Extent, Policy};
use crate::cache::tiers::Tiers;
use crate::cache::variants;
use crate::ports::{EdgeContent, Fault, Ports, UpstreamRequest, UpstreamResponse};
use crate::serve::actions::upstream::{CONDITIONS, Client};
use crate::serve::outcome::Outcome;
use crate::serve::request::Ask;
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
pub async fn answer<P: Ports>(tiers: &Tiers<P>, ask: &Ask<'_>, route: &Route<'_>) -> Outcome<P> {
    let settings = tiers.ports.settings();
    if !route.action.takes(ask.method.as_str()) {
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
    let request = upstream::request(route.action, ask, &told);
    let Some(of) = route.stored_for else {
        let request = as_the_client_asks(request, ask, &client);
        return match fetch(&tiers.ports, &request).await {
            Ok(response) => Outcome::relayed(response, CacheStatus::forward(Forward::Bypass)),
            Err(fault) => Outcome::lost(fault),
        };
    };
    let plan = Plan {
        tiers: tiers.clone(),
        key: key(route.site, &of, ask, &request.url),
        directives: RequestDirectives::parse(client.value("cache-control").unwrap_or_default()),
        has_authorization: request.headers.contains("authorization"),
        client,
        request,
        authority: upstream::forwarded_host(ask),
        policy: Policy::of(route.action),
    };
    match ask.is_read() {
        true => plan.read(ask, route.bans).await,
        false => Box::pin(plan.write(ask, route)).await,
    }
}

/// Under what the responses to a URL are stored: all that an upstream is told of the address.
fn key(site: &SiteName, of: &StoredFor<'_>, ask: &Ask<'_>, url: &str) -> Key {
    let selected = [ask.scheme.as_str(), " ", &upstream::forwarded_host(ask), " ", url].concat();
    keys::stored(site, of, &ContentHash::of(selected.as_bytes()))
}

/// What an upstream answers, with those of its headers that are for the client.
async fn fetch<P: Ports>(
    ports: &P,
    request: &UpstreamRequest,
) -> Result<UpstreamResponse<P::Body>, Fault> {
    let mut response = ports.fetch(request).await?;
    response.headers = upstream::response_headers(&response.headers);
    Ok(response)
}

/// The request with the client's own method and conditions.
fn as_the_client_asks(
    mut request: UpstreamRequest,
    ask: &Ask<'_>,
    client: &Headers,
) -> UpstreamRequest {
    request.method = ask.method.as_str().to_owned();
    for name in CONDITIONS {
        if let Some(value) = client.value(name) {
            request.headers.set(name, value.to_owned());
        }
    }
    request
}

/// All that is needed to ask an upstream for one URL, now or behind a response.
#[derive(Clone)]
struct Plan<P: Ports> {
    tiers: Tiers<P>,
    key: Key,
    client: Headers,
    request: UpstreamRequest,
    directives: RequestDirectives,
    has_authorization: bool,
    authority: String,
    policy: Policy,
}

impl<P: Ports> Plan<P> {
    /// The request of this client, which may be answered for no other.
    fn own_request(&self, ask: &Ask<'_>) -> UpstreamRequest {
        as_the_client_asks(self.request.clone(), ask, &self.client)
    }

    fn keep(&self, stored: StoredResponse, content: EdgeContent<P>) -> impl Future<Output = bool> {
        variants::keep(&self.tiers, &self.key, stored, content, &self.request.headers)
    }

    /// What may be done with a stored response now.
    fn judge(&self, ask: &Ask<'_>, bans: &[Ban], stored: &StoredResponse) -> Freshness {
        let subject = Subject {
            path: ask.path.decoded(),
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

//! Every other method of an action: passed on, and what it changes is given up.

use http::Method;

use crate::cache::freshness::admit::{Exchange, admit};
use crate::cache::variants;
use crate::ports::Ports;
use crate::serve::actions::upstream;
use crate::serve::actions::{Plan, Route, fetch, key};
use crate::serve::outcome::Outcome;
use crate::serve::request::Request;
use crate::site::keys::Key;
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::headers::Headers;
use crate::wire::path::RequestPath;

impl<P: Ports> Plan<P> {
    /// Every other method: passed on, and what is stored given up when it did something.
    ///
    /// # Source
    /// RFC 9111 §4.4; §4 and RFC 9110 §9.3.3 for a POST whose response stands for a later GET.
    pub(super) async fn write(&self, request: &Request<'_>, route: &Route<'_>) -> Outcome<P> {
        let asked_ms = self.now();
        let upstream_request = self.own_request(request);
        let status = CacheStatus::forward(Forward::Method);
        let response = match fetch(&self.tiers.ports, &upstream_request).await {
            Ok(response) => response,
            Err(fault) => return Outcome::lost(fault),
        };
        let is_safe = matches!(
            request.method.as_str(),
            "OPTIONS" | "TRACE" | "PROPFIND" | "REPORT" | "QUERY"
        );
        if is_safe || response.status >= 400 {
            return Outcome::relayed(response, status);
        }
        let now = self.now();
        variants::give_up(&self.tiers, &self.key, now).await;
        for name in ["location", "content-location"] {
            let path = response.headers.value(name).and_then(|to| upstream::own_path(to, request));
            if let Some(key) = path.and_then(|path| key_of_path(route, request, &path)) {
                variants::give_up(&self.tiers, &key, now).await;
            }
        }
        if request.method != Method::POST || !stands_for_get(request, &response.headers) {
            return Outcome::relayed(response, status);
        }
        // Stored as if it had been asked for after what it did.
        let exchange = Exchange {
            method: &Method::POST,
            is_own_content_location: true,
            ..self.exchange(response.status, &response.headers, asked_ms)
        };
        let Ok(mut timing) = admit(&self.policy, &exchange) else {
            return Outcome::relayed(response, status);
        };
        timing.requested_ms = now.plus(1);
        self.store(request, response, timing, Forward::Method, None).await
    }
}

/// Whether a response to POST is what a GET of the same URL would get.
fn stands_for_get(request: &Request<'_>, headers: &Headers) -> bool {
    let location = headers.value("content-location");
    let named = location.and_then(|to| upstream::own_path(to, request));
    named == Some(request.with_query(request.path.canonical()))
}

/// Under what the responses to another path of the same action are stored.
fn key_of_path(route: &Route<'_>, request: &Request<'_>, reference: &str) -> Option<Key> {
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let path = RequestPath::parse(path).ok()?;
    let other = Request { method: request.method.clone(), path: &path, query, ..*request };
    if !route.action.prefix.holds(path.decoded()) {
        return None;
    }
    let url = upstream::url(route.action, &other);
    Some(key(route.site, &route.stored_for?, &other, &url))
}

//! Methods other than GET and HEAD: forwarded, and cache entries that they change invalidated.

use http::Method;

use crate::cache::freshness::admit::{Exchange, admit};
use crate::cache::variants::Variants;
use crate::ports::Ports;
use crate::serve::actions::{CachedAction, fetch, key, lost, relayed, upstream};
use crate::serve::cached::CacheScope;
use crate::serve::draft::Draft;
use crate::serve::request::Request;
use crate::site::action::Action;
use crate::site::keys::Key;
use crate::wire::cache_status::{CacheStatus, Forward};
use crate::wire::headers::Headers;
use crate::wire::path::RequestPath;

impl<P: Ports> CachedAction<P> {
    /// Forwards a request and invalidates the URL if an unsafe method succeeds.
    ///
    /// # Source
    /// RFC 9111 section 4.4; section 4 and RFC 9110 section 9.3.3 for a POST whose response can be
    /// reused for a later GET
    pub(super) async fn write(
        &self,
        request: &Request<'_>,
        scope: &CacheScope<'_>,
        action: &Action,
    ) -> Draft<P> {
        let asked_ms = self.now();
        let status = CacheStatus::forward(Forward::Method);
        let response = match fetch(self.ports(), &self.own_request(request)).await {
            Ok(response) => response,
            Err(fault) => return lost(fault),
        };
        let method = request.method.as_str();
        let is_safe = matches!(method, "OPTIONS" | "TRACE" | "PROPFIND" | "REPORT" | "QUERY");
        if is_safe || response.status >= 400 {
            return relayed(response, status);
        }
        let now = self.now();
        self.entries.invalidate(now).await;
        for name in ["location", "content-location"] {
            let path = response.headers.value(name).and_then(|to| upstream::own_path(to, request));
            if let Some(key) = path.and_then(|path| key_of_path(scope, action, request, &path)) {
                Variants { key, ..self.entries.clone() }.invalidate(now).await;
            }
        }
        if request.method != Method::POST || !stands_for_get(request, &response.headers) {
            return relayed(response, status);
        }
        // Stored as if it had been requested after the invalidation.
        let exchange = Exchange {
            method: &Method::POST,
            is_own_content_location: true,
            ..self.exchange(response.status, &response.headers, asked_ms)
        };
        let Ok(mut timing) = admit(&self.policy, &exchange) else {
            return relayed(response, status);
        };
        timing.requested_ms = now.plus(1);
        self.store(request, response, timing, Forward::Method, None).await
    }
}

/// Returns whether a response to POST can be reused for a GET of the same URL.
fn stands_for_get(request: &Request<'_>, headers: &Headers) -> bool {
    let location = headers.value("content-location");
    let named = location.and_then(|to| upstream::own_path(to, request));
    named == Some(request.with_query(request.path.canonical()))
}

/// Returns the cache key of another path of the same action.
fn key_of_path(
    scope: &CacheScope<'_>,
    action: &Action,
    request: &Request<'_>,
    reference: &str,
) -> Option<Key> {
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let path = RequestPath::parse(path).ok()?;
    if !action.prefix.holds(path.decoded()) {
        return None;
    }
    let other = Request { method: request.method.clone(), path: &path, query, ..*request };
    let url = upstream::url(action, &other);
    Some(key(scope.site, &scope.stored_for?, &other, &url))
}

//! The header stage of a site's responses.
//!
//! Whatever the site's rules say, each has an explicit `Cache-Control`, `Cache-Status`, and the
//! headers that protect the client.

use crate::cache::live::Live;
use crate::cache::tiers::{Tier, Tiers};
use crate::cache::windows::Use;
use crate::ports::Ports;
use crate::serve::objects::describe;
use crate::serve::request::Request;
use crate::site::collection::Collection;
use crate::site::config::{Profile, SHORT_TTL_SECS, SiteConfig, StageKind, StagePolicy};
use crate::site::deployment::asset::Class;
use crate::site::ids::{DeploymentId, StageName};
use crate::wire::cache_status::{CacheStatus, Forward, State};
use crate::wire::date;
use crate::wire::headers::Headers;
use crate::wire::media_type::is_document;
use crate::wire::url::Scheme;

/// For fingerprinted files (RFC 8246 section 2).
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const NO_STORE: &str = "no-store";
/// The policy of an SVG image, whose scripts must not run.
const SANDBOX: &str = "sandbox";
/// For a mutable source that says nothing of caching: caches downstream must not guess.
const UNSPECIFIED: &str = "private, no-cache";
/// A year over HTTPS (RFC 6797 section 6.1), without subdomains: those are other sites.
const HSTS: &str = "max-age=31536000";

/// Headers that tell caches how long they may keep a response (RFC 9111 section 5.2, RFC 9213
/// section 2).
const CACHING: [&str; 4] =
    ["cache-control", "cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"];

/// How long a response may be cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As an asset of this class; the site's rules may say otherwise.
    Of(Class),
    /// As a page, whatever the site's rules say of the path, because another file is served there.
    Fallback,
    /// Not at all, whatever the site's rules say.
    Never,
}

/// The site, stage and request that decide the headers of a response.
pub struct SiteHeaders<'a, P: Ports> {
    tiers: &'a Tiers<P>,
    request: &'a Request<'a>,
    config: &'a SiteConfig,
    policy: StagePolicy,
    /// `None` at a deployment's own address.
    stage: Option<&'a StageName>,
    is_indexed: bool,
    deployment: &'a DeploymentId,
    live: Option<&'a Live>,
}

impl<'a, P: Ports> SiteHeaders<'a, P> {
    pub fn new(
        tiers: &'a Tiers<P>,
        request: &'a Request<'a>,
        config: &'a SiteConfig,
        stage: Option<&'a StageName>,
        deployment: &'a DeploymentId,
        live: Option<&'a Live>,
    ) -> Self {
        let policy = stage.map_or_else(|| config.deployment_policy(), |stage| config.policy(stage));
        let is_indexed = stage.is_some_and(StageName::is_production);
        Self { tiers, request, config, policy, stage, is_indexed, deployment, live }
    }

    /// Keeps search engines from indexing the response.
    pub fn not_indexed(self) -> Self {
        Self { is_indexed: false, ..self }
    }

    pub fn apply(
        &self,
        status: u16,
        headers: &mut Headers,
        file: Option<&str>,
        lifetime: Lifetime,
    ) {
        let policy = self.cache_control(lifetime);
        headers.set("cache-control", policy.clone());
        self.apply_rules(headers, file);
        if !matches!(lifetime, Lifetime::Of(_)) || !headers.contains("cache-control") {
            headers.set("cache-control", policy);
        }
        self.complete(headers, &self.cache_status(status));
    }

    /// Completes the headers of a rendition, of its source in its place, or of an error. The site's
    /// rules change its lifetime unless that is `fixed`.
    pub fn apply_rendition(
        &self,
        headers: &mut Headers,
        source: Option<&str>,
        fixed: bool,
        cache_status: &CacheStatus,
    ) {
        let own = headers.value("cache-control").unwrap_or(NO_STORE).to_owned();
        self.apply_rules(headers, source);
        if fixed || !headers.contains("cache-control") {
            headers.set("cache-control", own);
        }
        if headers.value("content-type").is_some_and(is_document) {
            describe::add_policy(SANDBOX, headers);
        }
        self.complete(headers, cache_status);
    }

    /// Adds what every response of an asset has, whatever the site's rules say.
    fn complete(&self, headers: &mut Headers, cache_status: &CacheStatus) {
        self.forbid_storing_in_sandbox(headers);
        headers.set("x-content-type-options", "nosniff");
        self.protect(headers);
        headers.set("cache-status", cache_status.text());
        let now = self.tiers.ports.now();
        if let (State::Hit, Some(live)) = (cache_status.state, self.live) {
            headers.set("age", (now.since(live.read_ms) / 1_000).to_string());
        }
        headers.set("selvedge-deployment", self.deployment_and_stage());
        headers.set("date", date::format_imf(now.seconds()));
    }

    /// Completes the headers of a mutable source, whose own lifetime stands.
    ///
    /// Site rules can't change its caching headers: they could make a response meant for one client
    /// cacheable for all.
    pub fn apply_mutable(
        &self,
        headers: &mut Headers,
        collection: Option<&Collection>,
        cache_status: &CacheStatus,
    ) {
        let sent = CACHING.map(|name| headers.value(name).map(str::to_owned));
        self.apply_rules(headers, None);
        for (name, value) in CACHING.iter().zip(sent) {
            match value {
                Some(value) => headers.set(*name, value),
                None => headers.remove(name),
            }
        }
        if !headers.contains("cache-control") && !headers.contains("expires") {
            headers.set("cache-control", UNSPECIFIED);
        }
        self.forbid_storing_in_sandbox(headers);
        if !headers.contains("x-content-type-options") {
            headers.set("x-content-type-options", "nosniff");
        }
        self.protect(headers);
        // RFC 9211 section 2: each cache on the way adds its member at the end.
        headers.append("cache-status", cache_status.text());
        headers.set("selvedge-deployment", self.deployment_and_stage());
        if !headers.contains("date") {
            headers.set("date", date::format_imf(self.tiers.ports.now().seconds()));
        }
        if let Some(collection) = collection {
            describe::keep_inert(collection, headers);
        }
    }

    fn apply_rules(&self, headers: &mut Headers, file: Option<&str>) {
        let (host, path) = (self.request.host.as_str(), self.request.path.decoded());
        self.config.headers.apply(host, path, file, !self.is_indexed, headers);
    }

    pub fn cache_control(&self, lifetime: Lifetime) -> String {
        match (lifetime, self.policy.profile) {
            (Lifetime::Never, _) => NO_STORE.to_owned(),
            (Lifetime::Of(Class::Fingerprinted), _) => IMMUTABLE.to_owned(),
            (_, Profile::Short) => {
                format!("public, max-age={SHORT_TTL_SECS}, s-maxage={SHORT_TTL_SECS}")
            }
            // Both `s-maxage` (RFC 9111 section 5.2.2.10) and `must-revalidate` forbid stale reuse.
            (_, Profile::Default) => format!(
                "public, max-age=0, s-maxage={}, must-revalidate",
                self.policy.edge_ttl.seconds()
            ),
        }
    }

    /// Prevents caching on a sandbox stage, which only shows the lifetime of permanent stages.
    fn forbid_storing_in_sandbox(&self, headers: &mut Headers) {
        if self.policy.kind == StageKind::Sandbox {
            let permanent = headers.value("cache-control").unwrap_or(NO_STORE).to_owned();
            headers.set("x-cache-control", permanent);
            headers.set("cache-control", NO_STORE);
        }
    }

    fn protect(&self, headers: &mut Headers) {
        let is_secure = self.request.scheme == Scheme::Https;
        let permanent = self.policy.kind == StageKind::Permanent;
        if is_secure && permanent && !headers.contains("strict-transport-security") {
            headers.set("strict-transport-security", HSTS);
        }
        if !self.is_indexed {
            headers.set("x-robots-tag", "noindex");
        }
    }

    fn deployment_and_stage(&self) -> String {
        let stage = self.stage.map_or("none", StageName::as_str);
        [self.deployment.as_str(), ";stage=", stage].concat()
    }

    /// Returns the member of Cache-Status for an asset (RFC 9211 section 2). Its `ttl` counts how
    /// long the live record may still be used without reading the store.
    fn cache_status(&self, status: u16) -> CacheStatus {
        let tier = self.tiers.slowest();
        let detail = Some(tier.as_str());
        let hit =
            CacheStatus { ttl: self.live.map(|live| self.ttl_secs(live)), ..CacheStatus::hit() };
        if self.live.is_some_and(|live| live.use_of == Use::StaleIfError) {
            return CacheStatus { detail: Some("stale-if-error"), ..hit };
        }
        if self.policy.kind != StageKind::Permanent {
            return CacheStatus { detail, ..CacheStatus::forward(Forward::Bypass) };
        }
        if tier != Tier::Store {
            return CacheStatus { detail, ..hit };
        }
        // RFC 9211 section 2.5; a part is not the response that a later request gets.
        let stored = self.tiers.is_kept() && status != 206;
        CacheStatus { stored, detail, ..CacheStatus::forward(Forward::UriMiss) }
    }

    fn ttl_secs(&self, live: &Live) -> i64 {
        let (now, stale_ms) = (self.tiers.ports.now(), self.tiers.ports.settings().live.stale_ms);
        let until = live.read_ms.plus(stale_ms);
        let left = i64::try_from(now.0.abs_diff(until.0) / 1_000).unwrap_or(i64::MAX);
        if now > until { left.saturating_neg() } else { left }
    }
}

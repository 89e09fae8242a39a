//! The header stage: the one ordered place that every response of a site passes.
//!
//! Not where representations are chosen. The invariant is that every response leaves with an
//! explicit `Cache-Control`, with `Cache-Status`, and with what protects the client, whatever the
//! site's own rules say.

use crate::cache::live::Live;
use crate::cache::tiers::Tier;
use crate::cache::windows::Use;
use crate::site::config::{Profile, SHORT_TTL_SECS, SiteConfig, StageKind, StagePolicy};
use crate::site::deployment::asset::Class;
use crate::site::ids::DeploymentId;
use crate::wire::cache_status::{CacheStatus, Forward, State};
use crate::wire::date;
use crate::wire::headers::Headers;
use crate::wire::time::UnixMillis;

/// What fingerprinted files are sent with: a year, and never asked for again (RFC 8246 §2).
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// What must not be kept by anybody (RFC 9111 §5.2.2.5).
const NO_STORE: &str = "no-store";
/// What a source is sent with that says nothing of caching: caches further on must not guess.
const UNSAID: &str = "private, no-cache";
/// A year over HTTPS only (RFC 6797 §6.1); subdomains are other sites' business.
const HSTS: &str = "max-age=31536000";

/// Headers that tell caches how long they may keep a response (RFC 9111 §5.2, RFC 9213 §2).
const CACHING: [&str; 4] =
    ["cache-control", "cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"];

/// How long a response may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As an asset of this class that the path really names; the site's rules may differ.
    Of(Class),
    /// As a page, whatever the site's rules say of the path: a stand-in for what is not there.
    StandIn,
    /// Not at all, whatever the site's rules say.
    Never,
}

/// Where and under what policy a response is made.
pub struct HeaderStage<'a> {
    /// The hostname, as site rules may name it.
    pub host: &'a str,
    /// The decoded path, which selects site rules.
    pub path: &'a str,
    /// The file that answers, where one does; rules may select it too.
    pub file: Option<&'a str>,
    /// The site's configuration.
    pub config: &'a SiteConfig,
    /// The stage's policy.
    pub policy: StagePolicy,
    /// The stage's name, `None` at a deployment's own address.
    pub stage: Option<&'a str>,
    /// Whether search engines may index what is here.
    pub is_indexed: bool,
    /// Whether the client came over HTTPS.
    pub is_secure: bool,
    /// The deployment that the response is of.
    pub deployment: &'a DeploymentId,
    /// The live record that decided, where one did.
    pub live: Option<&'a Live>,
    /// How long the live record may still be used, from when it was read, in milliseconds.
    pub live_stale_ms: u64,
    /// The slowest tier that was needed.
    pub tier: Tier,
    /// Whether this isolate keeps all that was read for the response.
    pub is_kept: bool,
    /// The time.
    pub now: UnixMillis,
}

impl HeaderStage<'_> {
    /// The headers of a response, given its status and those of its representation.
    pub fn apply(&self, status: u16, mut headers: Headers, lifetime: Lifetime) -> Headers {
        let policy = self.cache_control(lifetime);
        headers.set("cache-control", policy.clone());
        let rules = &self.config.headers;
        rules.apply(self.host, self.path, self.file, !self.is_indexed, &mut headers);
        if !matches!(lifetime, Lifetime::Of(_)) || !headers.contains("cache-control") {
            headers.set("cache-control", policy);
        }
        self.sandbox(&mut headers);
        self.protect(&mut headers);
        self.tell(status, &mut headers);
        headers
    }

    /// The headers of a response of a mutable source, whose own lifetimes stand.
    ///
    /// Site rules can't change what it says of caching: that would let them store what is one
    /// client's.
    pub fn apply_mutable(&self, mut headers: Headers, cache_status: &CacheStatus) -> Headers {
        let said = CACHING.map(|name| headers.value(name).map(str::to_owned));
        let rules = &self.config.headers;
        rules.apply(self.host, self.path, self.file, !self.is_indexed, &mut headers);
        for (name, value) in CACHING.iter().zip(said) {
            match value {
                Some(value) => headers.set(*name, value),
                None => headers.remove(name),
            }
        }
        if !headers.contains("cache-control") && !headers.contains("expires") {
            headers.set("cache-control", UNSAID);
        }
        self.sandbox(&mut headers);
        if headers.contains("x-content-type-options") {
            self.protect_all_but_type(&mut headers);
        } else {
            self.protect(&mut headers);
        }
        // RFC 9211 §2: each cache on the way adds its member at the end.
        headers.append("cache-status", cache_status.text());
        headers.set("selvedge-deployment", self.deployment_and_stage());
        if !headers.contains("date") {
            headers.set("date", date::format_imf(self.now.seconds()));
        }
        headers
    }

    fn cache_control(&self, lifetime: Lifetime) -> String {
        match (lifetime, self.policy.profile) {
            (Lifetime::Never, _) => NO_STORE.to_owned(),
            (Lifetime::Of(Class::Fingerprinted), _) => IMMUTABLE.to_owned(),
            (_, Profile::Short) => {
                format!("public, max-age={SHORT_TTL_SECS}, s-maxage={SHORT_TTL_SECS}")
            }
            // `s-maxage` forbids stale reuse (RFC 9111 §5.2.2.10); so does `must-revalidate`.
            (_, Profile::Default) => format!(
                "public, max-age=0, s-maxage={}, must-revalidate",
                self.policy.edge_ttl.seconds()
            ),
        }
    }

    fn sandbox(&self, headers: &mut Headers) {
        if self.policy.kind != StageKind::Sandbox {
            return;
        }
        let permanent = headers.value("cache-control").unwrap_or(NO_STORE).to_owned();
        headers.set("x-cache-control", permanent);
        headers.set("cache-control", NO_STORE);
    }

    fn protect(&self, headers: &mut Headers) {
        headers.set("x-content-type-options", "nosniff");
        self.protect_all_but_type(headers);
    }

    fn protect_all_but_type(&self, headers: &mut Headers) {
        let permanent = self.policy.kind == StageKind::Permanent;
        if self.is_secure && permanent && !headers.contains("strict-transport-security") {
            headers.set("strict-transport-security", HSTS);
        }
        if !self.is_indexed {
            headers.set("x-robots-tag", "noindex");
        }
    }

    fn tell(&self, status: u16, headers: &mut Headers) {
        let cache_status = self.cache_status(status);
        headers.set("cache-status", cache_status.text());
        if let (State::Hit, Some(live)) = (cache_status.state, self.live) {
            headers.set("age", (self.now.since(live.read_ms) / 1_000).to_string());
        }
        headers.set("selvedge-deployment", self.deployment_and_stage());
        headers.set("date", date::format_imf(self.now.seconds()));
    }

    fn deployment_and_stage(&self) -> String {
        [self.deployment.as_str(), ";stage=", self.stage.unwrap_or("none")].concat()
    }

    /// How the response came about.
    ///
    /// # Source
    /// RFC 9211 §2; `ttl` is how long the decision may still be used without asking the store.
    fn cache_status(&self, status: u16) -> CacheStatus {
        let permanent = self.policy.kind == StageKind::Permanent;
        let ttl = self.live.map(|live| self.ttl_secs(live));
        let detail = Some(self.tier.as_str());
        match (self.live.map(|live| live.use_of), self.tier) {
            (Some(Use::StaleIfError), _) => CacheStatus {
                state: State::Hit,
                ttl,
                stored: false,
                detail: Some("stale-if-error"),
            },
            _ if !permanent => CacheStatus {
                state: State::Forward(Forward::Bypass),
                ttl: None,
                stored: false,
                detail,
            },
            (_, Tier::Store) => CacheStatus {
                state: State::Forward(Forward::UriMiss),
                ttl: None,
                // RFC 9211 §2.5; a part is not the response that a later request gets.
                stored: self.is_kept && status != 206,
                detail,
            },
            _ => CacheStatus { state: State::Hit, ttl, stored: false, detail },
        }
    }

    fn ttl_secs(&self, live: &Live) -> i64 {
        let until = live.read_ms.plus(self.live_stale_ms);
        let left = self.now.since(UnixMillis(0)).abs_diff(until.0) / 1_000;
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        if self.now > until { left.saturating_neg() } else { left }
    }
}

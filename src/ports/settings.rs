//! The operator's settings: the worker's variables, parsed once per isolate.
//!
//! An invalid variable falls back to its default, and the health report names it.

use std::str::FromStr;

use crate::ports::limiter::Rate;
use crate::site::action::Upstream;
use crate::site::ids::SiteName;
use crate::wire::host::Hostname;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// Strongly consistent, with compare-and-swap.
    R2,
    /// Eventually consistent.
    Kv,
}

impl StoreKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::R2 => "r2",
            Self::Kv => "kv",
        }
    }

    /// Maximum number of keys deleted at once. R2 takes 1,000 in one operation. In KV, each is an
    /// operation, of which a request has 1,000, and all must end before the deadline.
    pub fn deletes_max(self) -> usize {
        match self {
            Self::R2 => 1_000,
            Self::Kv => 250,
        }
    }

    /// Largest blob in bytes: the value limit of KV, and less than the platform's 100 MB for the
    /// body of a request.
    pub fn blob_bytes_max(self) -> u64 {
        match self {
            Self::R2 => 95 * 1024 * 1024,
            Self::Kv => 25 * 1024 * 1024,
        }
    }
}

/// Highest ages at which the live record is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveWindows {
    /// Without asking the store.
    pub fresh_ms: u64,
    /// While it is refreshed behind the response. Bounds the time that a deploy takes.
    pub stale_ms: u64,
    /// While the store fails.
    pub if_error_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Reading a record or a manifest.
    pub read_ms: u64,
    /// Opening a blob.
    pub blob_ms: u64,
    /// A lookup in the edge tier. A slower one is not worth waiting for.
    pub edge_ms: u64,
    /// An operation of the admin API on the store.
    pub admin_ms: u64,
    /// Streaming in a large blob.
    pub upload_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSettings {
    /// The keys of all sites' signatures are derived from it. Without one no signature is valid.
    pub secret: Option<String>,
    /// For a rendition to be made.
    pub deadline_ms: u64,
    /// Limit of renditions to be made for one client of a site without a signature, if the runtime
    /// has no rate limiter.
    pub rate: Rate,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Parent domain of the hostnames of all sites.
    pub base_domain: Hostname,
    /// The site served on the base domain itself.
    pub default_site: Option<SiteName>,
    pub store: StoreKind,
    /// Whether http redirects to https.
    pub https_only: bool,
    /// The root token. Without one the admin API is closed.
    pub admin_token: Option<String>,
    pub live: LiveWindows,
    pub deadlines: Deadlines,
    /// The request header in which the platform sends the client's address.
    pub client_ip_field: Option<String>,
    /// Upstreams that sites may name in their actions.
    pub allowed_origins: Vec<Upstream>,
    /// Limit for each key on the fresh host if the runtime has no rate limiter.
    pub fresh_rate: Rate,
    pub media: MediaSettings,
    /// Budget of the memory tier.
    pub memory_bytes_max: usize,
    /// Names of the invalid variables.
    pub invalid: Vec<&'static str>,
}

impl Settings {
    /// Parses the variables that `var` looks up.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let mut vars = Vars { var, invalid: Vec::new() };
        let base_domain = vars.parsed("BASE_DOMAIN", |text| Hostname::parse(text).ok());
        let base_domain = base_domain.unwrap_or_else(Hostname::localhost);
        // There are no certificates for localhost; every other domain is public.
        let is_public = base_domain != Hostname::localhost();
        let mut settings = Self {
            base_domain,
            default_site: vars.parsed("DEFAULT_SITE", |text| SiteName::parse(text).ok()),
            store: vars
                .parsed("STORE", |text| match text {
                    "r2" => Some(StoreKind::R2),
                    "kv" => Some(StoreKind::Kv),
                    _ => None,
                })
                .unwrap_or(StoreKind::R2),
            https_only: vars.number("HTTPS_ONLY", is_public),
            admin_token: (vars.var)("ADMIN_TOKEN").filter(|token| !token.is_empty()),
            live: vars.live_windows(),
            deadlines: Deadlines {
                read_ms: vars.number("READ_DEADLINE_MS", 1_000_u32).into(),
                blob_ms: vars.number("BLOB_DEADLINE_MS", 1_500_u32).into(),
                edge_ms: vars.number("EDGE_DEADLINE_MS", 100_u32).into(),
                admin_ms: vars.number("ADMIN_DEADLINE_MS", 30_000_u32).into(),
                upload_ms: vars.number("UPLOAD_DEADLINE_MS", 300_000_u32).into(),
            },
            client_ip_field: vars.parsed("CLIENT_IP_FIELD", header_name),
            allowed_origins: vars.parsed("ALLOWED_ORIGINS", upstreams).unwrap_or_default(),
            fresh_rate: Rate::per_minute(vars.number("FRESH_LIMIT_PER_MINUTE", 600_u32)),
            media: MediaSettings {
                secret: (vars.var)("MEDIA_SECRET").filter(|secret| !secret.is_empty()),
                deadline_ms: vars.number("MEDIA_DEADLINE_MS", 20_000_u32).into(),
                rate: Rate::per_minute(vars.number("MEDIA_LIMIT_PER_MINUTE", 1_200_u32)),
            },
            memory_bytes_max: vars.number("MEMORY_BYTES_MAX", 32 * 1024 * 1024),
            invalid: Vec::new(),
        };
        settings.invalid = vars.invalid;
        settings
    }

    /// Returns the time in seconds after which a deploy to a permanent stage is live everywhere.
    pub fn live_bound_secs(&self) -> u64 {
        self.live.stale_ms / 1_000
    }
}

fn header_name(text: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    text.bytes().all(plain).then(|| text.to_ascii_lowercase())
}

/// Parses a list separated by white space or commas. Returns `None` if an entry is invalid.
fn upstreams(list: &str) -> Option<Vec<Upstream>> {
    let entries = list.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty());
    entries.map(|entry| Upstream::parse(entry).ok()).collect()
}

struct Vars<F> {
    var: F,
    invalid: Vec<&'static str>,
}

impl<F: Fn(&str) -> Option<String>> Vars<F> {
    fn parsed<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = (self.var)(name).filter(|text| !text.is_empty())?;
        let parsed = parse(text.trim());
        if parsed.is_none() {
            self.invalid.push(name);
        }
        parsed
    }

    fn live_windows(&mut self) -> LiveWindows {
        let mut ms =
            |name, default: u32| u64::from(self.number(name, default)).saturating_mul(1_000);
        let fresh_ms = ms("LIVE_FRESH_SECS", 5);
        let stale_ms = ms("LIVE_STALE_SECS", 30).max(fresh_ms);
        LiveWindows {
            fresh_ms,
            stale_ms,
            if_error_ms: ms("LIVE_IF_ERROR_SECS", 86_400).max(stale_ms),
        }
    }

    fn number<T: FromStr>(&mut self, name: &'static str, default: T) -> T {
        self.parsed(name, |text| text.parse().ok()).unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_invalid_variables() {
        let settings = Settings::from_vars(|_| None);
        assert_eq!(settings.live.fresh_ms, 5_000);
        assert_eq!(settings.live_bound_secs(), 30);
        assert_eq!(settings.store, StoreKind::R2);
        assert_eq!(settings.base_domain.as_str(), "localhost");
        let settings = Settings::from_vars(|name| match name {
            "STORE" => Some("s3".to_owned()),
            "LIVE_FRESH_SECS" => Some("60".to_owned()),
            "HTTPS_ONLY" => Some("true".to_owned()),
            _ => None,
        });
        assert_eq!(settings.invalid, ["STORE"]);
        assert_eq!(settings.live.stale_ms, 60_000, "the windows stay in order");
        assert!(settings.https_only);
    }

    #[test]
    fn https_only_is_the_default_except_on_localhost() {
        let rows = [
            (None, None, false),
            (None, Some("true"), true),
            (None, Some("false"), false),
            (Some("localhost"), None, false),
            (Some("LOCALHOST."), None, false),
            (Some("localhost"), Some("true"), true),
            (Some("localhost"), Some("false"), false),
            (Some("example.com"), None, true),
            (Some("example.com"), Some(""), true),
            (Some("example.com"), Some("true"), true),
            (Some("example.com"), Some("false"), false),
            (Some("example.com"), Some(" false "), false),
            // An invalid value leaves the default, and so the safer of the two.
            (Some("example.com"), Some("off"), true),
            (Some("example.com"), Some("0"), true),
            (Some("localhost"), Some("on"), false),
            (Some("localhost.example.com"), None, true),
            (Some("not a host"), None, false),
        ];
        for (base, https_only, expected) in rows {
            let settings = Settings::from_vars(|name| match name {
                "BASE_DOMAIN" => base.map(str::to_owned),
                "HTTPS_ONLY" => https_only.map(str::to_owned),
                _ => None,
            });
            assert_eq!(settings.https_only, expected, "{base:?} {https_only:?}");
        }
    }

    #[test]
    fn an_invalid_upstream_allows_none() {
        for (list, allowed, invalid) in [
            ("", 0, 0),
            ("https://a.test", 1, 0),
            (" https://a.test,service:B\n\thttp://127.0.0.1:9000 , ", 3, 0),
            ("https://a.test, *", 0, 1),
            ("https://*.a.test", 0, 1),
            ("https://a.test/path", 0, 1),
        ] {
            let settings =
                Settings::from_vars(|name| (name == "ALLOWED_ORIGINS").then(|| list.to_owned()));
            let found = (settings.allowed_origins.len(), settings.invalid.len());
            assert_eq!(found, (allowed, invalid), "{list:?}");
        }
    }
}

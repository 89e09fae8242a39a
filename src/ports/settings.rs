//! The operator's settings: what the worker's variables say, parsed once per isolate.
//!
//! Not a site's configuration, which comes with each deployment. A variable that can't be
//! understood falls back to its default and is named in the health report.

use std::str::FromStr;

use crate::ports::limiter::Rate;
use crate::site::action::Upstream;
use crate::site::ids::SiteName;
use crate::wire::host::Hostname;

/// Where everything is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// An R2 bucket: strongly consistent, with compare-and-swap. The default.
    R2,
    /// A KV namespace: shows writes late.
    Kv,
}

impl StoreKind {
    /// The name in settings and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::R2 => "r2",
            Self::Kv => "kv",
        }
    }

    /// Maximum number of keys deleted at once: R2 takes a thousand in one operation; for KV each is
    /// an operation, of which a request has a thousand, and it has to end in time.
    pub fn deletes_max(self) -> usize {
        match self {
            Self::R2 => 1_000,
            Self::Kv => 250,
        }
    }

    /// Largest blob in bytes: KV's value limit, and below the platform's 100 MB request body.
    pub fn blob_bytes_max(self) -> u64 {
        match self {
            Self::R2 => 95 * 1024 * 1024,
            Self::Kv => 25 * 1024 * 1024,
        }
    }
}

/// How long the live record may be used without asking the store.
///
/// # Units
/// Milliseconds of age, each from when the record was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveWindows {
    /// Up to here as it is.
    pub fresh_ms: u64,
    /// Up to here as it is, while it is refreshed behind the response: the bound for a deploy.
    pub stale_ms: u64,
    /// Up to here when the store fails.
    pub if_error_ms: u64,
}

/// Deadlines of the awaits on the request path.
///
/// # Units
/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Reading a record or a manifest.
    pub read_ms: u64,
    /// Opening a blob.
    pub blob_ms: u64,
    /// A lookup in the edge tier: slower than this, the store is the better bet.
    pub edge_ms: u64,
    /// An operation of the admin API on the store.
    pub admin_ms: u64,
    /// Streaming one large blob in.
    pub upload_ms: u64,
}

/// Everything that the operator decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The domain below which every site has its hostname.
    pub base_domain: Hostname,
    /// The site that the base domain itself serves.
    pub default_site: Option<SiteName>,
    /// Where everything is stored.
    pub store: StoreKind,
    /// Whether http is answered with a redirect to https. On by default, except on `localhost`.
    pub https_only: bool,
    /// The root token; without one the admin API is closed.
    pub admin_token: Option<String>,
    /// Windows of the live record.
    pub live: LiveWindows,
    /// Deadlines.
    pub deadlines: Deadlines,
    /// The request field that the platform writes the client's address into, where it does.
    pub client_ip_field: Option<String>,
    /// Upstreams that sites may name in their actions.
    pub allowed_origins: Vec<Upstream>,
    /// Requests a minute of one key on the fresh host, where the runtime has no limiter.
    pub fresh_rate: Rate,
    /// Budget of the memory tier in bytes.
    pub memory_bytes_max: usize,
    /// Variables that could not be understood.
    pub invalid: Vec<&'static str>,
}

impl Settings {
    /// The settings that a lookup of variables gives.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let mut vars = Vars { var, invalid: Vec::new() };
        let base_domain = vars.parsed("BASE_DOMAIN", |text| Hostname::parse(text).ok());
        let base_domain = base_domain.unwrap_or_else(Hostname::localhost);
        // There are no certificates for localhost; every other domain is public.
        let is_public = base_domain != Hostname::localhost();
        let second = 1_000;
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
            live: LiveWindows {
                fresh_ms: vars.number("LIVE_FRESH_SECS", 5_u32).into(),
                stale_ms: vars.number("LIVE_STALE_SECS", 30_u32).into(),
                if_error_ms: vars.number("LIVE_IF_ERROR_SECS", 86_400_u32).into(),
            },
            deadlines: Deadlines {
                read_ms: vars.number("READ_DEADLINE_MS", 1_000_u32).into(),
                blob_ms: vars.number("BLOB_DEADLINE_MS", 1_500_u32).into(),
                edge_ms: vars.number("EDGE_DEADLINE_MS", 100_u32).into(),
                admin_ms: vars.number("ADMIN_DEADLINE_MS", 30_000_u32).into(),
                upload_ms: vars.number("UPLOAD_DEADLINE_MS", 300_000_u32).into(),
            },
            client_ip_field: vars.parsed("CLIENT_IP_FIELD", field_name),
            allowed_origins: vars.parsed("ALLOWED_ORIGINS", upstreams).unwrap_or_default(),
            fresh_rate: Rate::per_minute(vars.number("FRESH_LIMIT_PER_MINUTE", 600_u32)),
            memory_bytes_max: vars.number("MEMORY_BYTES_MAX", 32 * 1024 * 1024),
            invalid: Vec::new(),
        };
        let live = &mut settings.live;
        for window in [&mut live.fresh_ms, &mut live.stale_ms, &mut live.if_error_ms] {
            *window = window.saturating_mul(second);
        }
        live.stale_ms = live.stale_ms.max(live.fresh_ms);
        live.if_error_ms = live.if_error_ms.max(live.stale_ms);
        settings.invalid = vars.invalid;
        settings
    }

    /// The bound within which a deploy to a permanent stage is in force everywhere, in seconds.
    pub fn live_bound_secs(&self) -> u64 {
        self.live.stale_ms / 1_000
    }
}

/// A field name, lower-case.
fn field_name(text: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    text.bytes().all(plain).then(|| text.to_ascii_lowercase())
}

/// The upstreams of a list, separated by white space or commas; `None` when one is none.
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

    fn number<T: FromStr>(&mut self, name: &'static str, default: T) -> T {
        self.parsed(name, |text| text.parse().ok()).unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_what_can_not_be_understood() {
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
            // A value that can't be read leaves the default, and so the safer of the two.
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
    fn one_upstream_that_is_none_allows_nothing() {
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

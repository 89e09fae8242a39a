//! One rendition: its key, its validators, and where it comes from.

use crate::cache::entry::Entry;
use crate::cache::flight::{Flight, Turn};
use crate::cache::variants::Variants;
use crate::ports::bodies::ResponseBody;
use crate::ports::limiter::Admission;
use crate::ports::{Ports, RateLimit};
use crate::serve::cached::{self, CacheScope};
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::headers::IMMUTABLE;
use crate::serve::limit::admission;
use crate::serve::media::asked::Asked;
use crate::serve::media::failure::Failure;
use crate::serve::media::source::{Part, Source};
use crate::serve::request::Request;
use crate::serve::site_request::SiteRequest;
use crate::site::deployment::asset::Class;
use crate::site::ids::ContentHash;
use crate::site::keys;
use crate::site::media::config::MediaConfig;
use crate::site::media::grammar::Authority;
use crate::site::media::plan::{ENGINE_VERSION, RenderError};
use crate::wire::cache_status::CacheStatus;
use crate::wire::headers::Headers;
use crate::wire::precondition::{Validators, Verdict};
use crate::wire::time::UnixMillis;

/// How often requests look that wait for another in this isolate, in milliseconds.
const FLIGHT_POLL_MS: u64 = 20;
/// How long a request waits for another isolate of the data centre that makes the same: most
/// renditions take less than a second.
const LOCK_MS: u64 = 2_000;
/// How often it looks. Each time costs two lookups, of which a small plan allows a request fifty.
const LOCK_POLL_MS: u64 = 250;

/// A rendition that a request asks for.
pub(super) struct Rendition<'a, P: Ports> {
    pub request: &'a Request<'a>,
    pub config: &'a MediaConfig,
    pub asked: &'a Asked,
    pub scope: CacheScope<'a>,
    pub source: &'a Source<'a>,
    /// The overlays, then the font.
    pub parts: Vec<Part>,
    /// Covers everything that decides the rendition's bytes.
    pub hash: ContentHash,
    pub entries: Variants<P>,
}

impl<'a, P: Ports> Rendition<'a, P> {
    pub fn new(
        of: &'a SiteRequest<'_, P>,
        config: &'a MediaConfig,
        asked: &'a Asked,
        source: &'a Source<'a>,
        parts: Vec<Part>,
    ) -> Self {
        let mut text = asked.canonical.clone();
        text.push('\n');
        text.push_str(&ENGINE_VERSION.to_string());
        for hash in [&source.hash].into_iter().chain(parts.iter().map(|part| &part.hash)) {
            text.push('\n');
            hash.push_hex(&mut text);
        }
        let hash = ContentHash::of(text.as_bytes());
        let scope = of.cache_scope();
        let key = keys::rendition(scope.site, &source.hash, &hash);
        let entries = Variants { tiers: of.tiers.unhurried(), key, request: Headers::new() };
        Self { request: of.request, config, asked, scope, source, parts, hash, entries }
    }

    pub fn ports(&self) -> &P {
        &self.entries.tiers.ports
    }

    pub fn now(&self) -> UnixMillis {
        self.ports().now()
    }

    pub fn etag(&self) -> String {
        ["\"", &self.hash.short_hex(), "\""].concat()
    }

    /// Returns the response, from the first place that has it.
    pub async fn respond(&self) -> Result<Draft<P>, Failure> {
        let etag = self.etag();
        let validators = Validators { etag: &etag, last_modified: None };
        match self.request.evaluate(&validators, self.now().seconds()) {
            Verdict::Proceed => {}
            Verdict::NotModified => {
                let mut headers = Headers::with_capacity(16);
                headers.set("etag", etag);
                self.describe(&mut headers);
                let cache_status = hit();
                return Ok(Draft { cache_status, ..Draft::new(304, headers, ResponseBody::Empty) });
            }
            Verdict::PreconditionFailed => return Ok(Draft::error(HttpError::PreconditionFailed)),
        }
        if self.asked.request.is_personal {
            self.admit().await?;
            return self.made(None).await;
        }
        let started_ms = self.now();
        let until = started_ms.plus(self.ports().settings().media.deadline_ms);
        let (flights, key) = (&self.entries.tiers.memory.flights, &self.entries.key);
        loop {
            if let Some(found) = self.kept().await {
                return found;
            }
            match flights.take_turn(key, self.now(), until.max(self.now().plus(LOCK_MS))) {
                Turn::Lead(flight) => return Box::pin(self.lead(Some(flight))).await,
                Turn::Pass => return Box::pin(self.lead(None)).await,
                Turn::Wait => {}
            }
            while flights.is_in_flight(key, self.now()) && self.now() < until {
                self.ports().sleep(FLIGHT_POLL_MS).await;
            }
            if flights.is_answered(key, started_ms) || self.now() >= until {
                let found = self.kept().await;
                let found = if found.is_some() { found } else { self.stored(None).await };
                // It failed, or could not be kept: to make it as often as it is asked for would
                // only make that worse.
                return found.unwrap_or(Err(Failure::Unavailable("media-busy")));
            }
        }
    }

    /// Finds the rendition in the store, or makes it. Other requests wait for the flight.
    async fn lead(&self, flight: Option<Flight>) -> Result<Draft<P>, Failure> {
        match self.stored(flight.as_ref()).await {
            Some(found) => found,
            None => self.unstored(flight).await,
        }
    }

    async fn unstored(&self, flight: Option<Flight>) -> Result<Draft<P>, Failure> {
        let until = self.now().plus(LOCK_MS);
        if let Err(failure) = self.admit().await {
            note_answer(flight.as_ref(), self.now());
            return Err(failure);
        }
        while !self.entries.claim(LOCK_MS).await && self.now() < until {
            self.ports().sleep(LOCK_POLL_MS).await;
            if let Some(found) = self.kept().await {
                note_answer(flight.as_ref(), self.now());
                return found;
            }
        }
        self.made(flight).await
    }

    /// Decides whether the rendition may be made: there is a media worker, and the client has a
    /// signature or has not asked for too many.
    async fn admit(&self) -> Result<(), Failure> {
        if !self.ports().has_media() {
            return Err(Failure::Unbound);
        }
        if self.asked.request.authority == Authority::Signed {
            return Ok(());
        }
        let settings = self.ports().settings();
        let address = settings.client_ip_field.as_deref();
        let address =
            address.and_then(|name| self.ports().request_headers().value(name).map(str::to_owned));
        let name = format!("media/{}/{}", self.scope.site, address.unwrap_or_default());
        match admission(&self.entries.tiers, RateLimit::Media, &name).await {
            Admission::Pass => Ok(()),
            Admission::Wait(secs) => Err(Failure::Limited(secs)),
        }
    }

    /// Returns the response for a rendition that is there, or for a refusal that was kept.
    pub fn found(&self, entry: Entry, body: ResponseBody<P>) -> Result<Draft<P>, Failure> {
        if let Some(error) = RenderError::of_status(entry.status) {
            return Err(error.into());
        }
        let mut draft = cached::respond(self.ports(), self.request, entry, body, hit());
        draft.headers.remove("age");
        if draft.error.is_none() {
            self.describe(&mut draft.headers);
        }
        Ok(draft)
    }

    /// Adds the headers that depend on the URL and the site, not on the bytes.
    pub fn describe(&self, headers: &mut Headers) {
        headers.set("cache-control", self.lifetime());
        if self.asked.request.is_negotiated() {
            headers.set("vary", "accept");
        }
    }

    fn lifetime(&self) -> String {
        let mut secs = self.config.browser_ttl.seconds();
        if let Some(expiry) = self.asked.expiry {
            secs = secs.min(expiry.0.saturating_sub(self.now().seconds().0));
        } else if self.is_immutable() {
            return IMMUTABLE.to_owned();
        }
        let audience = if self.asked.request.is_personal { "private" } else { "public" };
        format!("{audience}, max-age={secs}")
    }

    /// Whether the URL never gets another rendition. A preset can change with every deployment, an
    /// overlay or a font unless it is fingerprinted.
    fn is_immutable(&self) -> bool {
        let version = self.asked.request.version.as_deref();
        let is_this_version =
            version.is_some_and(|digits| self.source.hash.hex().starts_with(digits));
        (is_this_version || self.source.is_fingerprinted())
            && !self.asked.request.has_preset
            && self.parts.iter().all(|part| part.class == Class::Fingerprinted)
    }
}

fn hit() -> CacheStatus {
    CacheStatus { detail: Some("derived"), ..CacheStatus::hit() }
}

/// Tells those who wait for a flight that nothing more will come.
pub(super) fn note_answer(flight: Option<&Flight>, now: UnixMillis) {
    if let Some(flight) = flight {
        flight.note_answer(now);
    }
}

//! Makes a rendition: streams its parts to the media worker, and holds what comes back.

use crate::cache::flight::Flight;
use crate::ports::bodies::ResponseBody;
use crate::ports::deadline::within;
use crate::ports::join::join_all;
use crate::ports::{Fault, Object, Ports, UpstreamResponse};
use crate::serve::draft::Draft;
use crate::serve::media::failure::Failure;
use crate::serve::media::rendition::{Rendition, note_answer};
use crate::serve::media::source::{Part, Place};
use crate::serve::objects::uncached;
use crate::serve::present::{Found, Open, present};
use crate::site::keys;
use crate::site::media::plan::{self, RenderError};
use crate::site::media::transformation::{Format, Wanted};
use crate::wire::cache_status::{CacheStatus, Forward};

/// Largest rendition: 16 megapixels of a photograph in any format but PNG.
const RENDITION_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A rendition that the media worker has made.
struct Made<H> {
    format: Format,
    held: H,
    length: u64,
    /// The media worker's `Server-Timing`.
    timing: Option<String>,
}

impl<P: Ports> Rendition<'_, P> {
    /// Makes the rendition and keeps it, unless it is for one client only.
    pub async fn made(&self, flight: Option<Flight>) -> Result<Draft<P>, Failure> {
        let asked_ms = self.now();
        let made = match Box::pin(self.render()).await {
            Ok(made) => made,
            Err(Failure::Refused(error)) if !self.asked.request.is_personal => {
                self.keep_refusal(error, asked_ms, flight);
                return Err(Failure::Refused(error));
            }
            Err(failure) => {
                note_answer(flight.as_ref(), self.now());
                return Err(failure);
            }
        };
        let entry = self.entry(made.format.media_type(), made.length, asked_ms);
        let stored = !self.asked.request.is_personal;
        if stored {
            self.keep(&entry, &made.held, flight);
        }
        let reason = if stored { Forward::UriMiss } else { Forward::Bypass };
        let cache_status =
            CacheStatus { stored, detail: Some("media"), ..CacheStatus::forward(reason) };
        let mut headers = entry.headers;
        self.describe(&mut headers);
        if let Some(timing) = made.timing {
            headers.set("server-timing", timing);
        }
        if !stored {
            headers.remove("accept-ranges");
        }
        let found = Found { status: 200, headers, length: Some(made.length) };
        // Only stored renditions have ranges.
        let (mut draft, open) = present(self.request, found, None, self.now().seconds());
        if open == Open::Whole {
            draft.body = ResponseBody::Held(made.held, None);
        }
        Ok(Draft { cache_status, ..draft })
    }

    async fn render(&self) -> Result<Made<P::Held>, Failure> {
        let ports = self.ports();
        let deadline_ms = ports.settings().media.deadline_ms;
        let until = self.now().plus(deadline_ms);
        let parts = self.parts.iter().map(|part| part.length);
        let lengths: Vec<u64> = [self.source.length].into_iter().chain(parts).collect();
        let target = plan::target(&self.asked.canonical, &lengths);
        let length = lengths.iter().fold(0_u64, |sum, one| sum.saturating_add(*one));
        let body = ports.join(self.bodies().await?, length)?;
        let response =
            ports.render(&target, body, deadline_ms).await.map_err(|fault| match fault {
                Fault::Missing => Failure::Unbound,
                Fault::TimedOut => Failure::Unavailable("media-timeout"),
                Fault::Failed | Fault::Busy => Failure::Unavailable("media-failed"),
            })?;
        self.read(response, until.since(self.now())).await
    }

    /// Holds the response of the media worker, if it is a rendition as it was asked for.
    async fn read(
        &self,
        response: UpstreamResponse<P::Body>,
        ms: u64,
    ) -> Result<Made<P::Held>, Failure> {
        const BROKEN: Failure = Failure::Unavailable("media-failed");
        let ports = self.ports();
        if let Some(error) = RenderError::of_status(response.status) {
            return Err(error.into());
        }
        let value = |name| response.headers.value(name);
        let format = value("content-type").and_then(Format::of_media_type).ok_or(BROKEN)?;
        let length = value("content-length").and_then(|text| text.parse().ok()).ok_or(BROKEN)?;
        let is_wanted = match self.asked.request.transformation.format {
            Wanted::Format(wanted) => wanted == format,
            Wanted::Auto { .. } => true,
        };
        let body = response.body.filter(|_| response.status == 200 && is_wanted && length > 0);
        if length > RENDITION_BYTES_MAX {
            return Err(RenderError::TooComplex.into());
        }
        let held = ports.hold_body(body.ok_or(BROKEN)?, length);
        let held = within(ports, ms, held).await.map_err(|_| BROKEN)?;
        if ports.held_length(&held) != length {
            return Err(BROKEN);
        }
        let timing = response.headers.value("server-timing").map(str::to_owned);
        Ok(Made { format, held, length, timing })
    }

    /// Opens the source, the overlays and the font, all at once.
    async fn bodies(&self) -> Result<Vec<P::Body>, Failure> {
        let parts = self.parts.iter().map(|part| self.open(Some(part)));
        join_all([self.open(None)].into_iter().chain(parts)).await.into_iter().collect()
    }

    /// Opens a part, or the source.
    async fn open(&self, part: Option<&Part>) -> Result<P::Body, Failure> {
        let (tiers, site) = (&self.entries.tiers, self.scope.site);
        if let (None, Place::Object { collection, name, etag, .. }) = (part, &self.source.place) {
            let key = keys::object(site, &collection.name, name);
            return match uncached::open(tiers, &key, None, None).await? {
                Some(Object::Found(meta, body)) if meta.etag == *etag => Ok(body),
                _ => Err(Failure::Changed),
            };
        }
        let hash = part.map_or(&self.source.hash, |part| &part.hash);
        let opened = tiers.open(&keys::blob(site, hash), None).await;
        opened.map_err(|_| Failure::Unavailable("store"))
    }
}

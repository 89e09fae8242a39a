//! Renditions: images that the media worker makes of the assets and objects of a site.
//!
//! Everything that decides a rendition's bytes is in its key, so a stored one is never out of date.
//! No step looks further than it must:
//!
//! ```text
//!  URL ── source, overlays, font ── key ── preconditions ── memory ── edge ── store ── render
//!   400, 403      404, 413, 415             304, 412          hit     hit     hit     200, store
//! ```

mod asked;
mod source;
mod rendition;
mod tiers;
mod render;
mod failure;
mod original;

use http::Method;

use crate::ports::Ports;
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::media::asked::Asked;
use crate::serve::media::failure::{Failure, url_error};
use crate::serve::media::rendition::Rendition;
use crate::serve::response::Response;
use crate::serve::site_request::SiteRequest;
use crate::site::media::address::Address;
use crate::site::media::config::{MediaConfig, OnError};
use crate::site::media::error::MediaError;

impl<P: Ports> SiteRequest<'_, P> {
    /// Returns the response for a URL of a rendition.
    pub(in crate::serve) async fn media(
        &self,
        config: &MediaConfig,
        address: Result<Address<'_>, MediaError>,
    ) -> Result<Response<P>, HttpError> {
        if self.request.method == Method::OPTIONS {
            return Ok(self.finish_rendition(Draft::options(), None, true));
        }
        if !self.request.is_read() {
            return Ok(self.error(HttpError::MethodNotAllowed));
        }
        let asked = address.and_then(|address| Ok((self.asked(config, &address)?, address)));
        let (asked, address) = match asked {
            Ok(asked) => asked,
            Err(error) => return Ok(self.finish_rendition(url_error(error), None, true)),
        };
        let found = self.respond_to(config, &asked, &address.source, true).await?;
        match found {
            Some(response) => Ok(response),
            // Its version came from a cache entry, and the store has another by now.
            None => {
                let found = self.respond_to(config, &asked, &address.source, false).await?;
                found.ok_or(HttpError::Unavailable)
            }
        }
    }

    /// Returns the response, `None` if the source changed under the request.
    async fn respond_to(
        &self,
        config: &MediaConfig,
        asked: &Asked,
        path: &str,
        cached: bool,
    ) -> Result<Option<Response<P>>, HttpError> {
        let Some(source) = self.source(path, cached).await? else {
            return self.missing_resource().await.map(Some);
        };
        let finish = |draft, fixed| Ok(Some(self.finish_rendition(draft, Some(path), fixed)));
        let made = &asked.request.transformation;
        if let Some(error) = source.refusal() {
            return finish(Failure::Refused(error).draft(), true);
        }
        if source.is_svg() && asked.request.is_negotiated() && asked.request.is_plain() {
            if let Some(draft) = self.original(&source).await? {
                return finish(draft, false);
            }
            return Ok(None);
        }
        let fonts = made.text.iter().map(|text| &text.font);
        let mut parts = Vec::new();
        for path in made.overlays.iter().map(|overlay| &overlay.path).chain(fonts) {
            let Some(part) = self.part(path).await? else {
                return self.missing_resource().await.map(Some);
            };
            if let Some(error) = part.refusal() {
                return finish(Failure::Refused(error).draft(), true);
            }
            parts.push(part);
        }
        let rendition = Rendition::new(self, config, asked, &source, parts);
        let failure = match Box::pin(rendition.respond()).await {
            Ok(draft) => return finish(draft, asked.request.is_personal),
            Err(Failure::Changed) => return Ok(None),
            Err(failure) => failure,
        };
        let is_wanted = failure == Failure::Unbound
            || (config.onerror == OnError::Original && failure.is_of_rendering());
        if is_wanted
            && asked.request.is_plain()
            && let Some(draft) = self.stand_in(&source, asked).await?
        {
            return finish(draft, true);
        }
        finish(failure.draft(), true)
    }
}

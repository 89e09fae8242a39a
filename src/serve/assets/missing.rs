//! The response where no asset is: a retained file, an application's page, or a 404.

use crate::cache::tiers::Unavailable;
use crate::ports::Ports;
use crate::serve::error::HttpError;
use crate::serve::headers::Lifetime;
use crate::serve::response::Response;
use crate::serve::site_request::SiteRequest;
use crate::site::config::NotFoundMode;
use crate::site::deployment::asset::Asset;
use crate::site::deployment::manifest::APPLICATION_PAGES;

impl<P: Ports> SiteRequest<'_, P> {
    pub(in crate::serve) async fn missing(&self) -> Result<Response<P>, HttpError> {
        let request = self.request;
        if request.is_read()
            && let Some(response) = self.retained().await?
        {
            return Ok(response);
        }
        let head = self.manifest.head();
        match head.config.not_found {
            NotFoundMode::SinglePageApplication if request.is_read() && request.is_navigation() => {
                if let Some(page) = &head.application_page
                    && self.shows_application_page(page).await?
                {
                    return self.page(200, page, Lifetime::Fallback).await;
                }
            }
            NotFoundMode::Page => {
                let shows = |folder: &str| {
                    self.serving.view.is_none() || !self.hides(&[folder, "404.html"].concat())
                };
                if let Some(page) = self.manifest.not_found_page(request.path.decoded(), &shows) {
                    return self.page(404, page, Lifetime::Never).await;
                }
            }
            NotFoundMode::SinglePageApplication | NotFoundMode::None => {}
        }
        Ok(self.error(HttpError::NotFound))
    }

    /// Returns the response where something is missing that is no route of an application: an
    /// object, or the source of a rendition.
    pub(in crate::serve) async fn missing_resource(&self) -> Result<Response<P>, HttpError> {
        match self.manifest.head().config.not_found {
            NotFoundMode::Page => self.missing().await,
            NotFoundMode::SinglePageApplication | NotFoundMode::None => {
                Ok(self.error(HttpError::NotFound))
            }
        }
    }

    /// Returns whether a file that the fallback page may be has its content and is not taken down.
    async fn shows_application_page(&self, page: &Asset) -> Result<bool, Unavailable> {
        if self.serving.view.as_ref().is_none_or(|view| view.hides_nothing()) {
            return Ok(true);
        }
        let configured = self.manifest.head().application_path.as_deref();
        for file in configured.into_iter().chain(APPLICATION_PAGES) {
            let table = self.shard(&self.manifest, file).await?;
            let found = self.shown(&table, file);
            if found.is_some_and(|found| found.identity().hash == page.identity().hash) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

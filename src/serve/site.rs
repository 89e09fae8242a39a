//! Serves a deployment: redirects, actions, renditions, collections, assets.

use http::Method;

use crate::cache::tiers::Tiers;
use crate::ports::Ports;
use crate::serve::assets::resolve::Resolution;
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::headers::Lifetime;
use crate::serve::request::Request;
use crate::serve::response::Response;
use crate::serve::site_request::{Serving, SiteRequest};
use crate::serve::{actions, objects};
use crate::site::action::Action;
use crate::site::collection::Access;
use crate::site::media::address::address;
use crate::site::rules::RedirectOutcome;
use crate::wire::path;

/// Returns the response of a deployment.
///
/// # Errors
/// [`HttpError::Unavailable`] if something that the deployment names can't be read, and
/// [`HttpError::Misdirected`] if there is no such deployment.
pub async fn serve<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    serving: Serving,
) -> Result<Response<P>, HttpError> {
    // 6. The manifest.
    let manifest = tiers.manifest(&serving.site, &serving.id).await?;
    let manifest = manifest.ok_or(match serving.live {
        None => HttpError::Misdirected,
        // Nothing deletes a live deployment: the store returned inconsistent data.
        Some(_) => HttpError::Unavailable,
    })?;
    SiteRequest { tiers, request, serving: &serving, manifest }.respond().await
}

impl<P: Ports> SiteRequest<'_, P> {
    async fn respond(&self) -> Result<Response<P>, HttpError> {
        let config = &self.manifest.head().config;
        let requested = self.request.path.decoded();
        // 7. Redirect rules.
        let host = self.request.host.as_str();
        let resolution = match config.redirects.resolve(host, requested, self.request.query) {
            Some(RedirectOutcome::Location { status, location }) => {
                return Ok(self.redirect(status, location));
            }
            Some(RedirectOutcome::Rewrite { path }) => self.resolve_rewritten(&path).await?,
            None => {
                // 8. Actions that come first, renditions, collections, assets, other actions.
                if let Some(action) = self.action(|action| action.first) {
                    return Ok(self.act(action).await);
                }
                let query = self.request.query.unwrap_or_default();
                if let Some(media) = &config.media
                    && let Some(address) = address(requested, query, media)
                {
                    return Box::pin(self.media(media, address)).await;
                }
                if config.is_of_collection(requested) {
                    return self.object().await;
                }
                self.resolve().await?
            }
        };
        if resolution == Resolution::Missing
            && let Some(action) = self.action(|action| !action.first)
        {
            return Ok(self.act(action).await);
        }
        // 9. The method. `present` and `finish` do the rest.
        match (resolution, &self.request.method) {
            (Resolution::Missing, _) => self.missing().await,
            (_, &Method::OPTIONS) => Ok(self.finish(Draft::options(), None, Lifetime::Never)),
            _ if !self.request.is_read() => Ok(self.error(HttpError::MethodNotAllowed)),
            (Resolution::Redirect(to), _) => {
                let location = self.request.with_query(path::encode(&to));
                Ok(self.redirect(config.redirect_status.into(), location))
            }
            (Resolution::Asset { file, asset }, _) => self.asset(&file, &asset).await,
        }
    }

    /// Returns the first action whose prefix holds the path.
    fn action(&self, is_meant: impl Fn(&Action) -> bool) -> Option<&Action> {
        let path = self.request.path.decoded();
        let mut actions = self.manifest.head().config.actions.iter();
        actions.find(|action| is_meant(action) && action.prefix.holds(path))
    }

    async fn act(&self, action: &Action) -> Response<P> {
        let scope = self.cache_scope();
        // Boxed, as all that is not an asset: it must not make every request's future larger.
        let draft = Box::pin(actions::respond(self.tiers, self.request, &scope, action)).await;
        self.finish_mutable(draft, None)
    }

    /// Returns the object of a collection; below its prefix nothing else is looked for.
    async fn object(&self) -> Result<Response<P>, HttpError> {
        let config = &self.manifest.head().config;
        let found = config.collection(self.request.path.decoded());
        if let Some((collection, name)) = found
            && collection.access == Access::Public
        {
            let scope = self.cache_scope();
            let object = objects::respond(self.tiers, self.request, &scope, collection, &name);
            if let Some(draft) = Box::pin(object).await? {
                return Ok(self.finish_mutable(draft, Some(collection)));
            }
        }
        self.missing_resource().await
    }
}

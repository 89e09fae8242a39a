//! A request to a deployment of a site.

use std::rc::Rc;

use crate::cache::live::Live;
use crate::cache::tiers::Tiers;
use crate::ports::Ports;
use crate::serve::cached::CacheScope;
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::headers::{Lifetime, SiteHeaders};
use crate::serve::request::Request;
use crate::serve::response::{Response, Stage, finish};
use crate::site::collection::Collection;
use crate::site::config::StageKind;
use crate::site::deployment::asset::Class;
use crate::site::deployment::manifest::Manifest;
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::keys::StoredFor;
use crate::site::records::view::SiteView;

/// The deployment to serve. It is selected once, so that no response mixes two.
pub struct Serving {
    pub site: SiteName,
    pub id: DeploymentId,
    /// `None` at a deployment's own address.
    pub stage: Option<StageName>,
    /// The live record that named the deployment.
    pub live: Option<Live>,
    /// The site, if its takedowns hide files: at a deployment's own address.
    pub view: Option<Rc<SiteView>>,
}

pub struct SiteRequest<'a, P: Ports> {
    pub tiers: &'a Tiers<P>,
    pub request: &'a Request<'a>,
    pub serving: &'a Serving,
    pub manifest: Rc<Manifest>,
}

impl<P: Ports> SiteRequest<'_, P> {
    /// Completes the response of an asset, or one that the site gives in its place.
    pub fn finish(&self, draft: Draft<P>, file: Option<&str>, lifetime: Lifetime) -> Response<P> {
        let stage = Stage::Asset { site: self.headers(), file, lifetime };
        finish(self.request.recipient(), draft, stage)
    }

    /// Completes the response of an object or an upstream.
    pub fn finish_mutable(&self, draft: Draft<P>, of: Option<&Collection>) -> Response<P> {
        let stage = Stage::Mutable { site: self.headers(), collection: of };
        finish(self.request.recipient(), draft, stage)
    }

    /// Completes a rendition, its source in its place, or an error of either.
    pub fn finish_rendition(
        &self,
        draft: Draft<P>,
        source: Option<&str>,
        fixed: bool,
    ) -> Response<P> {
        let stage = Stage::Rendition { site: self.headers(), source, fixed };
        finish(self.request.recipient(), draft, stage)
    }

    pub fn error(&self, error: HttpError) -> Response<P> {
        self.finish(Draft::error(error), None, Lifetime::Never)
    }

    pub fn redirect(&self, status: u16, location: String) -> Response<P> {
        let draft = Draft::redirect(status, location);
        self.finish(draft, None, Lifetime::Of(Class::Other))
    }

    /// Returns the cache entries that may be used: none at a deployment's own address, which has no
    /// live record and so no bans.
    pub(in crate::serve) fn cache_scope(&self) -> CacheScope<'_> {
        let config = &self.manifest.head().config;
        let live = self.serving.live.as_ref();
        let stage = self.serving.stage.as_ref();
        let caching = stage.filter(|stage| config.policy(stage).kind == StageKind::Permanent);
        let site_created_ms = live.and_then(|live| live.record.site_created_ms);
        CacheScope {
            site: &self.serving.site,
            stored_for: caching.map(|stage| StoredFor { stage, site_created_ms }),
            bans: live.map_or(&[], |live| &live.record.bans),
        }
    }

    /// Returns the lifetime of an asset, as far as no rule of the site says otherwise.
    pub(in crate::serve) fn asset_lifetime(&self, class: Class) -> String {
        self.headers().cache_control(Lifetime::Of(class))
    }

    fn headers(&self) -> SiteHeaders<'_, P> {
        let Serving { id, stage, live, .. } = self.serving;
        let config = &self.manifest.head().config;
        SiteHeaders::new(self.tiers, self.request, config, stage.as_ref(), id, live.as_ref())
    }
}

//! Fingerprinted files of earlier deployments, for pages that were opened before a deploy.

use std::rc::Rc;

use crate::cache::windows::{self, Current};
use crate::ports::Ports;
use crate::serve::error::HttpError;
use crate::serve::response::Response;
use crate::serve::site_request::{Serving, SiteRequest};
use crate::site::deployment::asset::Asset;
use crate::site::deployment::manifest::Manifest;
use crate::site::ids::DeploymentId;

/// Maximum number of retained deployments that one request searches: each may cost two reads in a
/// cold isolate. Three deploys a day for the 30 days of retention stay below it.
const RETAINED_LOOKUPS_MAX: usize = 100;

/// A file of an earlier deployment.
pub(in crate::serve) struct Retained {
    id: DeploymentId,
    manifest: Rc<Manifest>,
    pub asset: Asset,
}

impl<P: Ports> SiteRequest<'_, P> {
    pub(super) async fn retained(&self) -> Result<Option<Response<P>>, HttpError> {
        let path = self.request.path.decoded();
        if !self.request.path.is_canonical() {
            return Ok(None);
        }
        let Some(Retained { id, manifest, asset }) = self.retained_asset(path).await? else {
            return Ok(None);
        };
        let serving = Serving {
            site: self.serving.site.clone(),
            id,
            stage: self.serving.stage.clone(),
            live: self.serving.live.clone(),
            view: None,
        };
        let retained = SiteRequest { serving: &serving, manifest, ..*self };
        retained.asset(path, &asset).await.map(Some)
    }

    /// Returns the file at a path of an earlier deployment, unless a takedown hides it.
    pub(in crate::serve) async fn retained_asset(
        &self,
        path: &str,
    ) -> Result<Option<Retained>, HttpError> {
        let Some(live) = &self.serving.live else { return Ok(None) };
        if !self.manifest.head().config.may_be_fingerprinted(path) {
            return Ok(None);
        }
        let site = &self.serving.site;
        for earlier in live.record.retained.iter().take(RETAINED_LOOKUPS_MAX) {
            let manifest = self.tiers.manifest(site, &earlier.deployment).await?;
            let Some(manifest) = manifest else { continue };
            let asset = self.shard(&manifest, path).await?.lookup(path);
            let Some(asset) = asset.filter(|a| a.class().outlives_deployment()) else { continue };
            if Box::pin(self.is_taken_down(path)).await? {
                return Ok(None);
            }
            return Ok(Some(Retained { id: earlier.deployment.clone(), manifest, asset }));
        }
        Ok(None)
    }

    async fn is_taken_down(&self, path: &str) -> Result<bool, HttpError> {
        let found = windows::current(self.tiers, &self.serving.site).await?;
        let view = found.map(Current::decided).transpose()?;
        Ok(view.is_none_or(|view| view.record.hides(path)))
    }
}

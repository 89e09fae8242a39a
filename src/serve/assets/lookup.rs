//! Looks paths up in the manifest. Nothing else decides whether a file exists.

use std::rc::Rc;

use crate::cache::tiers::Unavailable;
use crate::ports::Ports;
use crate::serve::assets::resolve::{Resolution, resolve, resolve_rewritten};
use crate::serve::error::HttpError;
use crate::serve::site_request::SiteRequest;
use crate::site::deployment::asset::Asset;
use crate::site::deployment::manifest::{Manifest, ShardPlace};
use crate::site::deployment::shard::Shard;

/// The part of a manifest that holds a path, kept alive as long as the lookup.
pub enum Table {
    Empty,
    Inline(Rc<Manifest>),
    Shard(Rc<Shard>),
}

impl Table {
    pub fn lookup(&self, path: &str) -> Option<Asset> {
        match self {
            Self::Empty => None,
            Self::Shard(shard) => shard.lookup(path),
            Self::Inline(manifest) => match manifest.shard_of(path) {
                Some(ShardPlace::Inline(shard)) => shard.lookup(path),
                Some(ShardPlace::Blob(_)) | None => None,
            },
        }
    }
}

impl<P: Ports> SiteRequest<'_, P> {
    pub(in crate::serve) async fn resolve(&self) -> Result<Resolution, Unavailable> {
        let shard = self.shard(&self.manifest, self.request.path.decoded()).await?;
        let mode = self.manifest.head().config.html;
        Ok(resolve(mode, self.request.path, &|path| self.shown(&shard, path)))
    }

    pub(in crate::serve) async fn resolve_rewritten(
        &self,
        to: &str,
    ) -> Result<Resolution, Unavailable> {
        let shard = self.shard(&self.manifest, to).await?;
        let mode = self.manifest.head().config.html;
        Ok(resolve_rewritten(mode, to, &|path| self.shown(&shard, path)))
    }

    /// Returns the asset at an exact path of the deployment, or of one that is retained.
    pub(in crate::serve) async fn file(&self, path: &str) -> Result<Option<Asset>, HttpError> {
        let table = self.shard(&self.manifest, path).await?;
        match self.shown(&table, path) {
            Some(asset) => Ok(Some(asset)),
            None => Ok(self.retained_asset(path).await?.map(|retained| retained.asset)),
        }
    }

    /// Returns the asset at a path, unless a takedown hides it.
    pub(super) fn shown(&self, table: &Table, path: &str) -> Option<Asset> {
        if self.hides(path) { None } else { table.lookup(path) }
    }

    pub(super) fn hides(&self, path: &str) -> bool {
        self.serving.view.as_ref().is_some_and(|view| view.hides(path))
    }

    pub(super) async fn shard(
        &self,
        manifest: &Rc<Manifest>,
        path: &str,
    ) -> Result<Table, Unavailable> {
        match manifest.shard_of(path) {
            None => Ok(Table::Empty),
            Some(ShardPlace::Inline(_)) => Ok(Table::Inline(manifest.clone())),
            Some(ShardPlace::Blob(hash)) => {
                self.tiers.shard(&self.serving.site, &hash).await.map(Table::Shard)
            }
        }
    }
}

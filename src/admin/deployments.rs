//! Deployments: committing one, reading one back, listing what stages serve.
//!
//! Not activation: a committed deployment has an address of its own and is live nowhere. The
//! invariant is that a deployment is written once, after what it names.

use http::Method;
use serde_json::json;
use std::collections::BTreeMap;

use crate::admin::error::AdminError;
use crate::admin::{Answer, Call};
use crate::ports::Ports;
use crate::ports::deadline;
use crate::serve::response::ReplyBody;
use crate::site::api::{Committed, StageView};
use crate::site::deployment::manifest::{Manifest, ROOT_BYTES_MAX, ShardPlace};
use crate::site::ids::{ContentHash, DeploymentId, SiteName, StageName};
use crate::site::keys;
use crate::site::records::live::LiveRecord;

/// Most blobs whose presence a commit checks: the publisher has checked them all, this guards
/// against one that did not, within the fifty operations that a small plan allows a request.
const CHECKS_MAX: usize = 24;

impl<P: Ports> Call<'_, P> {
    /// What every stage serves.
    pub async fn deployments(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::GET])?;
        self.site_exists(site).await?;
        Ok(Answer::json(200, &json!({ "stages": self.stages(site).await? })))
    }

    /// Reads the live record of every stage, as the API shows them.
    pub async fn stages(
        &self,
        site: &SiteName,
    ) -> Result<BTreeMap<StageName, StageView>, AdminError> {
        let records = self.live_records(site).await?.into_iter();
        Ok(records.map(|(stage, record)| (stage, self.view(record))).collect())
    }

    /// The live record of every stage, as the store has them.
    pub async fn live_records(
        &self,
        site: &SiteName,
    ) -> Result<Vec<(StageName, LiveRecord)>, AdminError> {
        let prefix = keys::live_prefix(site);
        let mut records = Vec::new();
        for key in self.list_all(&prefix).await? {
            let stage = key.strip_prefix(&prefix).and_then(|name| StageName::parse(name).ok());
            let Some(stage) = stage else { continue };
            if let Some((record, _)) = self.live_record(site, &stage).await? {
                records.push((stage, record));
            }
        }
        Ok(records)
    }

    /// Gives a deployment's manifest root, commits one, or forgets it.
    pub async fn deployment(
        &self,
        site: &SiteName,
        id: DeploymentId,
    ) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::GET, Method::PUT, Method::DELETE])?;
        match self.ask.method {
            Method::PUT => self.commit(site, &id).await,
            Method::DELETE => self.forget(site, &id).await,
            _ => self.root(site, &id).await,
        }
    }

    async fn root(&self, site: &SiteName, id: &DeploymentId) -> Result<Answer<P>, AdminError> {
        let root = self.stored_root(site, id).await?;
        let root = root.ok_or(AdminError::NotFound("deployment"))?;
        let length = root.len() as u64;
        Ok(Answer::Bytes(ReplyBody::Bytes(root), length))
    }

    async fn commit(&self, site: &SiteName, id: &DeploymentId) -> Result<Answer<P>, AdminError> {
        let takedowns = self.usable_site(site).await?.takedowns;
        let ports = &self.tiers.ports;
        let root = ports.request_body(ROOT_BYTES_MAX).await?;
        let manifest = Manifest::parse(&root).map_err(AdminError::Manifest)?;
        if manifest.id() != id {
            return Err(AdminError::OtherDeployment(manifest.id().clone()));
        }
        let allowed = &ports.settings().allowed_origins;
        let mut actions = manifest.head().config.actions.iter();
        if let Some(action) = actions.find(|action| !allowed.contains(&action.upstream)) {
            return Err(AdminError::UpstreamNotAllowed(action.upstream.clone()));
        }
        let missing = self.missing_of(site, &manifest).await?;
        if !missing.is_empty() {
            return Err(AdminError::MissingBlobs(missing));
        }
        self.store_root(site, id, &root).await?;
        let url = self.address(&format!("{id}--{site}"));
        let takedowns = takedowns.into_iter().map(|takedown| takedown.path).collect();
        Ok(Answer::json(201, &Committed { deployment: id.clone(), url, takedowns }))
    }

    /// Blobs that a manifest names and the store lacks, of an even sample.
    async fn missing_of(
        &self,
        site: &SiteName,
        manifest: &Manifest,
    ) -> Result<Vec<ContentHash>, AdminError> {
        let named: Vec<ContentHash> = match manifest.shard_of("/") {
            Some(ShardPlace::Inline(shard)) => shard
                .iter()
                .map(|(_, asset)| asset.identity())
                .filter(|r| r.length > 0)
                .map(|r| r.hash)
                .collect(),
            Some(ShardPlace::Blob(_)) | None => manifest.head().shards.clone(),
        };
        let step = named.len().div_ceil(CHECKS_MAX).max(1);
        let mut missing = Vec::new();
        for hash in named.into_iter().step_by(step) {
            let key = keys::blob(site, &hash);
            let ports = &self.tiers.ports;
            let ms = ports.settings().deadlines.admin_ms;
            let found = deadline::list(ports, ms, key.as_str(), None).await?;
            if !found.keys.iter().any(|found| found == key.as_str()) {
                missing.push(hash);
            }
        }
        Ok(missing)
    }
}

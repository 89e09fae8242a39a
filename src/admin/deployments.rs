//! Commits, returns and forgets deployments.
//!
//! A deployment is written once, after the blobs that it names. Forgetting one removes its root and
//! its entries among the retained deployments; its blobs stay, because others may share them.

use serde_json::json;

use crate::admin::error::{AdminError, Missing, Result};
use crate::admin::handler::{Handler, octets, respond};
use crate::ports::Ports;
use crate::ports::bodies::ResponseBody;
use crate::ports::deadline::persistently;
use crate::serve::draft::Draft;
use crate::site::api::Committed;
use crate::site::deployment::manifest::{Manifest, ROOT_BYTES_MAX, ShardPlace};
use crate::site::ids::{ContentHash, DeploymentId, DeploymentKey, StageName};
use crate::site::keys;
use crate::site::records::live::{Change, LiveRecord};

/// Maximum number of blobs that a commit looks for. The publisher has checked them all; this
/// catches one that did not, within the fifty operations that a small plan allows a request.
const CHECKS_MAX: usize = 24;

impl<P: Ports> Handler<'_, P> {
    /// Returns the manifest root.
    pub async fn get_deployment(&self, id: DeploymentId) -> Result<Draft<P>> {
        let root = self.stored_root(&id).await?;
        let root = root.ok_or(Missing::Deployment)?;
        let length = root.len() as u64;
        Ok(octets(ResponseBody::Bytes(root), length))
    }

    pub async fn commit_deployment(&self, id: DeploymentId) -> Result<Draft<P>> {
        let takedowns = self.usable_site().await?.takedowns;
        let root = self.tiers.ports.request_body(ROOT_BYTES_MAX).await?;
        let manifest = Manifest::parse(&root)?;
        if *manifest.id() != id {
            return Err(AdminError::OtherDeployment(manifest.id().clone()));
        }
        let allowed = &self.settings().allowed_origins;
        let mut actions = manifest.head().config.actions.iter();
        if let Some(action) = actions.find(|action| !allowed.contains(&action.upstream)) {
            return Err(AdminError::UpstreamNotAllowed(action.upstream.clone()));
        }
        let missing = self.missing_of(&manifest).await?;
        if !missing.is_empty() {
            return Err(AdminError::MissingBlobs(missing));
        }
        self.store_root(&id, &root).await?;
        let url = self.address(&format!("{id}--{}", self.site));
        let takedowns = takedowns.into_iter().map(|takedown| takedown.path).collect();
        Ok(respond(201, &Committed { deployment: id, url, takedowns }))
    }

    /// Looks for an even sample of the blobs that a manifest names; returns the missing ones.
    async fn missing_of(&self, manifest: &Manifest) -> Result<Vec<ContentHash>> {
        let named: Vec<ContentHash> = match manifest.shard_of("/") {
            Some(ShardPlace::Inline(shard)) => {
                let identities = shard.iter().map(|(_, asset)| asset.identity());
                identities.filter(|blob| blob.length > 0).map(|blob| blob.hash).collect()
            }
            Some(ShardPlace::Blob(_)) | None => manifest.head().shards.clone(),
        };
        let step = named.len().div_ceil(CHECKS_MAX).max(1);
        let (ports, ms) = self.store();
        let mut missing = Vec::new();
        for hash in named.into_iter().step_by(step) {
            let key = keys::blob(&self.site, &hash);
            let found = persistently(ports, ms, || ports.list(key.as_str(), None)).await?;
            if !found.keys.iter().any(|found| found == key.as_str()) {
                missing.push(hash);
            }
        }
        Ok(missing)
    }

    /// Forgets a deployment that no stage serves.
    pub async fn forget_deployment(&self, id: DeploymentId) -> Result<Draft<P>> {
        self.usable_site().await?;
        let records = self.live_records().await?;
        refuse_live(&records, &id)?;
        let root = self.stored_root(&id).await?;
        let mut found = root.is_some();
        for record in records.iter().filter(|record| record.names(&id)) {
            found |= self.drop_retained(&record.stage, &id).await?;
        }
        if !found {
            return Err(Missing::Deployment.into());
        }
        if let Some(root) = root {
            self.delete_root(&id, &root).await?;
        }
        let forgotten = json!({
            "deployment": id,
            "forgotten": true,
            "by": self.caller.name(),
            "at_ms": self.tiers.ports.now(),
            "effective_within_secs": self.permanent_bound_secs(),
        });
        Ok(respond(200, &forgotten))
    }

    /// Removes a deployment from the retained ones of a stage; returns whether it was there.
    async fn drop_retained(&self, stage: &StageName, id: &DeploymentId) -> Result<bool> {
        let change = |record: &LiveRecord| {
            if record.deployment == *id {
                return Err(AdminError::StillLive(vec![stage.clone()]));
            }
            Ok(match record.without_retained(id) {
                Some(without) => Change::Write(without),
                None => Change::Already(record.clone()),
            })
        };
        match self.update_live(stage, &change).await {
            Ok(Change::Write(_)) => Ok(true),
            Ok(Change::Already(_)) | Err(AdminError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes a root, and restores it if a concurrent activation made the deployment live.
    async fn delete_root(&self, id: &DeploymentId, root: &[u8]) -> Result<()> {
        self.delete(&keys::deployment(&self.site, id)).await?;
        self.tiers.memory.deployments.forget(&DeploymentKey(self.site.clone(), id.clone()));
        let still_live = self.live_records().await.and_then(|records| refuse_live(&records, id));
        if still_live.is_err() {
            self.store_root(id, root).await?;
        }
        still_live
    }
}

fn refuse_live(records: &[LiveRecord], id: &DeploymentId) -> Result<()> {
    let serving = records.iter().filter(|record| record.deployment == *id);
    let stages: Vec<_> = serving.map(|record| record.stage.clone()).collect();
    if stages.is_empty() { Ok(()) } else { Err(AdminError::StillLive(stages)) }
}

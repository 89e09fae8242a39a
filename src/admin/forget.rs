//! Forgetting a deployment: it loses its address and its place among the retained ones.
//!
//! Its blobs stay in the store, where other deployments may share them. An activation that runs at
//! the same time wins: the later of the two finds the other and restores the root.

use serde::Serialize;

use crate::admin::error::AdminError;
use crate::admin::{Answer, Call};
use crate::ports::deadline::persistently;
use crate::ports::{Condition, Ports};
use crate::site::ids::DeploymentKey;
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::keys;
use crate::site::records::live::{Change, LiveRecord};
use crate::wire::time::UnixMillis;

#[derive(Serialize)]
struct Forgotten<'a> {
    deployment: &'a DeploymentId,
    forgotten: bool,
    by: &'a str,
    at_ms: UnixMillis,
    effective_within_secs: u64,
}

impl<P: Ports> Call<'_, P> {
    /// Forgets a deployment that no stage serves.
    pub async fn forget(
        &self,
        site: &SiteName,
        id: &DeploymentId,
    ) -> Result<Answer<P>, AdminError> {
        self.site_exists(site).await?;
        let records = self.live_records(site).await?;
        refuse_live(&records, id)?;
        let root = self.stored_root(site, id).await?;
        let mut found = root.is_some();
        for (stage, _) in records.iter().filter(|(_, record)| record.names(id)) {
            found |= self.drop_retained(site, stage, id).await?;
        }
        if !found {
            return Err(AdminError::NotFound("deployment"));
        }
        if let Some(root) = root {
            self.delete_root(site, id, &root).await?;
        }
        let forgotten = Forgotten {
            deployment: id,
            forgotten: true,
            by: self.caller.name(),
            at_ms: self.tiers.ports.now(),
            effective_within_secs: self.permanent_bound_secs(),
        };
        Ok(Answer::json(200, &forgotten))
    }

    /// Removes a deployment from the retained ones of a stage; returns whether it was there.
    async fn drop_retained(
        &self,
        site: &SiteName,
        stage: &StageName,
        id: &DeploymentId,
    ) -> Result<bool, AdminError> {
        let change = |current: Option<&LiveRecord>| {
            let record = current.ok_or(AdminError::NotFound("stage"))?;
            if record.deployment == *id {
                return Err(AdminError::StillLive(vec![stage.clone()]));
            }
            Ok(match record.without_retained(id) {
                Some(without) => Change::Write(without),
                None => Change::Already(record.clone()),
            })
        };
        match self.change_live(site, stage, &change).await {
            Ok(Change::Write(_)) => Ok(true),
            Ok(Change::Already(_)) | Err(AdminError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn delete_root(
        &self,
        site: &SiteName,
        id: &DeploymentId,
        root: &[u8],
    ) -> Result<(), AdminError> {
        let ports = &self.tiers.ports;
        let (key, ms) = (keys::deployment(site, id), ports.settings().deadlines.admin_ms);
        persistently(ports, ms, || ports.delete(&key)).await?;
        self.tiers.memory.deployments.forget(&DeploymentKey(site.clone(), id.clone()));
        // A stage may have made it live after it was found to be live nowhere.
        let still_live =
            self.live_records(site).await.and_then(|records| refuse_live(&records, id));
        if still_live.is_err() {
            self.store_root(site, id, root).await?;
        }
        still_live
    }

    /// Reads the manifest root of a deployment from the store itself: memory and the edge tier may
    /// still have that of a forgotten one.
    pub async fn stored_root(
        &self,
        site: &SiteName,
        id: &DeploymentId,
    ) -> Result<Option<Vec<u8>>, AdminError> {
        let ports = &self.tiers.ports;
        let (key, ms) = (keys::deployment(site, id), ports.settings().deadlines.admin_ms);
        Ok(persistently(ports, ms, || ports.read(&key)).await?.map(|value| value.bytes))
    }

    /// Writes the manifest root of a deployment.
    pub async fn store_root(
        &self,
        site: &SiteName,
        id: &DeploymentId,
        root: &[u8],
    ) -> Result<(), AdminError> {
        let ports = &self.tiers.ports;
        let (key, ms) = (keys::deployment(site, id), ports.settings().deadlines.admin_ms);
        let written = persistently(ports, ms, || ports.write(&key, root, &Condition::Any)).await;
        written.map(drop).map_err(AdminError::of_write)
    }
}

fn refuse_live(records: &[(StageName, LiveRecord)], id: &DeploymentId) -> Result<(), AdminError> {
    let serving = records.iter().filter(|(_, record)| record.deployment == *id);
    let stages: Vec<_> = serving.map(|(stage, _)| stage.clone()).collect();
    if stages.is_empty() { Ok(()) } else { Err(AdminError::StillLive(stages)) }
}

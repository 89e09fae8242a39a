//! Activates deployments: publish, rollback and promotion.
//!
//! Of two concurrent changes one wins, and the other gets a 409 that names the winner.

use std::collections::BTreeMap;

use futures_util::future::join;
use serde::Deserialize;
use serde_json::json;

use crate::admin::error::{AdminError, Missing, Result};
use crate::admin::handler::{Handler, respond};
use crate::ports::{Fault, Ports};
use crate::serve::draft::Draft;
use crate::site::api::{Activate, Activated, StageView};
use crate::site::deployment::manifest::Manifest;
use crate::site::ids::{DeploymentId, StageName};
use crate::site::keys;
use crate::site::records::live::{Activation, Change, LiveRecord, Move};

#[derive(Deserialize)]
struct RollBack {
    deployment: Option<DeploymentId>,
}

#[derive(Deserialize)]
struct Promote {
    from: StageName,
    to: StageName,
}

impl<P: Ports> Handler<'_, P> {
    pub async fn get_stage(&self, stage: StageName) -> Result<Draft<P>> {
        let record = self.live_record(&stage).await?;
        Ok(respond(200, &self.view(record)))
    }

    /// Lists the live and the retained deployments of every stage.
    pub async fn list_deployments(&self) -> Result<Draft<P>> {
        self.usable_site().await?;
        Ok(respond(200, &json!({ "stages": self.stage_views().await? })))
    }

    pub async fn activate(&self, stage: StageName) -> Result<Draft<P>> {
        let Activate { deployment, expected_seq } = self.json().await?;
        self.make_live(&stage, &deployment, Move::Forward, expected_seq).await
    }

    pub async fn roll_back(&self, stage: StageName) -> Result<Draft<P>> {
        let body: RollBack = self.json().await?;
        let current = self.live_record(&stage).await?;
        let target = body.deployment.as_ref().or(current.rollback_target());
        let target = target.ok_or(AdminError::NothingToRollBack)?;
        self.make_live(&stage, target, Move::Back, Some(current.seq)).await
    }

    pub async fn promote(&self) -> Result<Draft<P>> {
        let Promote { from, to } = self.json().await?;
        let from = self.live_record(&from).await?;
        self.make_live(&to, &from.deployment, Move::Forward, None).await
    }

    pub async fn stage_views(&self) -> Result<BTreeMap<StageName, StageView>> {
        let records = self.live_records().await?.into_iter();
        Ok(records.map(|record| (record.stage.clone(), self.view(record))).collect())
    }

    fn view(&self, record: LiveRecord) -> StageView {
        let url = self.address(&self.stage_label(&record.stage));
        let deployment_url = self.address(&format!("{}--{}", record.deployment, self.site));
        StageView {
            stage: record.stage,
            kind: record.kind,
            deployment: record.deployment,
            seq: record.seq,
            activated_ms: record.activated_ms,
            by: record.by,
            retained: record.retained,
            url,
            deployment_url,
        }
    }

    async fn make_live(
        &self,
        stage: &StageName,
        deployment: &DeploymentId,
        direction: Move,
        expected_seq: Option<u64>,
    ) -> Result<Draft<P>> {
        let site_record = self.usable_site().await?;
        let root = self.stored_root(deployment).await?;
        let root = root.ok_or(Missing::Deployment)?;
        let manifest = Manifest::parse_as(deployment, &root);
        let manifest = manifest.map_err(|_| AdminError::Unavailable(Fault::Failed))?;
        let activation = Activation {
            site: &self.site,
            stage,
            kind: manifest.head().config.policy(stage).kind,
            deployment,
            direction,
            by: self.caller.name(),
            now: self.tiers.ports.now(),
            site_created_ms: site_record.created_ms,
        };
        let change = |current: Option<&LiveRecord>| {
            let is_expected = |seq| current.map_or(seq == 0, |record| record.is_still(seq));
            match activation.apply(current) {
                Change::Write(_) if !expected_seq.is_none_or(is_expected) => {
                    Err(current.cloned().into())
                }
                change => Ok(change),
            }
        };
        let (record, changed) = match self.change_live(stage, &change).await? {
            Change::Write(record) => {
                self.confirm(&record, &root).await?;
                (record, true)
            }
            Change::Already(record) => (record, false),
        };
        let effective_within_secs = self.bound_secs(record.kind);
        let live = self.view(record);
        Ok(respond(200, &Activated { live, changed, effective_within_secs }))
    }

    /// Makes sure that nothing which a new live record needs was deleted meanwhile.
    ///
    /// Forgetting a deployment and deleting a site look for live records after they deleted
    /// something, so the later of the two sees the other.
    async fn confirm(&self, record: &LiveRecord, root: &[u8]) -> Result<()> {
        let stored = self.stored_root(&record.deployment);
        let (current, stored) = join(self.is_current(record), stored).await;
        if !current? {
            self.withdraw(record).await?;
            return Err(AdminError::BeingDeleted);
        }
        if stored?.is_some() {
            return Ok(());
        }
        self.store_root(&record.deployment, root).await?;
        if self.is_current(record).await? {
            return Ok(());
        }
        self.withdraw(record).await?;
        // A new site of the same name may have the same deployment by now.
        if self.usable_site().await.is_err() {
            self.delete(&keys::deployment(&self.site, &record.deployment)).await?;
        }
        Err(AdminError::BeingDeleted)
    }

    /// Whether the site of a live record still exists and is not being deleted.
    async fn is_current(&self, record: &LiveRecord) -> Result<bool> {
        let found = self.versioned_site().await?;
        Ok(found.is_some_and(|(site, _)| {
            site.deletion.is_none() && record.site_created_ms == Some(site.created_ms)
        }))
    }
}

//! Stages: making a deployment live, rolling back, promoting.
//!
//! The only place that writes a live record, and the only write that changes what is served;
//! [`super::purge`] makes its changes through here. The invariant is compare-and-swap: of two
//! changes at once one wins, and the other is told who won.

use futures_util::future::join;
use http::Method;
use serde::Deserialize;

use crate::admin::error::AdminError;
use crate::admin::{Answer, Call};
use crate::cache::live;
use crate::ports::deadline::{self, persistently, within};
use crate::ports::settings::StoreKind;
use crate::ports::{Condition, Fault, Ports, Written};
use crate::site::api::{Activate, Activated, StageView};
use crate::site::config::StageKind;
use crate::site::deployment::manifest::Manifest;
use crate::site::ids::StageKey;
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::keys;
use crate::site::records::live::{Activation, Change, LiveRecord, Move};

/// Tries of a change that did not say what it expects to replace.
const TRIES_MAX: usize = 5;
/// How late KV may show a write, in seconds, beyond our own bound.
pub const KV_LAG_SECS: u64 = 60;

#[derive(Deserialize)]
struct Rollback {
    deployment: Option<DeploymentId>,
}

#[derive(Deserialize)]
struct Promote {
    from: StageName,
    to: StageName,
}

impl<P: Ports> Call<'_, P> {
    /// What a stage serves.
    pub async fn stage(&self, site: &SiteName, stage: StageName) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::GET])?;
        let found = self.live_record(site, &stage).await?;
        let (record, _) = found.ok_or(AdminError::NotFound("stage"))?;
        Ok(Answer::json(200, &self.view(record)))
    }

    /// Makes a deployment live.
    pub async fn activate(
        &self,
        site: &SiteName,
        stage: StageName,
    ) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::POST])?;
        let body: Activate = self.json().await?;
        self.change(site, &stage, &body.deployment, Move::Forward, body.expected_seq).await
    }

    /// Returns to an earlier deployment.
    pub async fn rollback(
        &self,
        site: &SiteName,
        stage: StageName,
    ) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::POST])?;
        let body: Rollback = self.json().await?;
        let current = self.live_record(site, &stage).await?;
        let (current, _) = current.ok_or(AdminError::NotFound("stage"))?;
        let target = body.deployment.as_ref().or(current.rollback_target());
        let target = target.ok_or(AdminError::NothingToRollBack)?;
        self.change(site, &stage, target, Move::Back, Some(current.seq)).await
    }

    /// Makes live on one stage what is live on another.
    pub async fn promote(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::POST])?;
        let body: Promote = self.json().await?;
        let from = self.live_record(site, &body.from).await?;
        let (from, _) = from.ok_or(AdminError::NotFound("stage"))?;
        self.change(site, &body.to, &from.deployment, Move::Forward, None).await
    }

    /// The live record of a stage as the store has it, with its version.
    pub async fn live_record(
        &self,
        site: &SiteName,
        stage: &StageName,
    ) -> Result<Option<(LiveRecord, String)>, AdminError> {
        let ports = &self.tiers.ports;
        let (key, ms) = (keys::live(site, stage), ports.settings().deadlines.admin_ms);
        let value = deadline::read(ports, ms, &key).await?;
        let Some(value) = value else { return Ok(None) };
        // A record that can't be read is replaced by the next activation, not guessed at.
        Ok(LiveRecord::parse(&value.bytes, site, stage).map(|record| (record, value.version)))
    }

    /// Returns a live record as the API shows it.
    pub fn view(&self, record: LiveRecord) -> StageView {
        let label = match record.stage.is_production() {
            true => record.site.to_string(),
            false => format!("{}--{}", record.stage, record.site),
        };
        let deployment_label = format!("{}--{}", record.deployment, record.site);
        StageView {
            stage: record.stage,
            kind: record.kind,
            deployment: record.deployment,
            seq: record.seq,
            activated_ms: record.activated_ms,
            by: record.by,
            retained: record.retained,
            url: self.address(&label),
            deployment_url: self.address(&deployment_label),
        }
    }

    /// Within how many seconds a change to a permanent stage is in force everywhere.
    pub fn permanent_bound_secs(&self) -> u64 {
        let settings = self.tiers.ports.settings();
        let lag = match settings.store {
            StoreKind::R2 => 0,
            StoreKind::Kv => KV_LAG_SECS,
        };
        settings.live_bound_secs().saturating_add(lag)
    }

    /// Within how many seconds a change to a stage is in force everywhere.
    pub fn bound_secs(&self, kind: StageKind) -> u64 {
        match (kind, self.tiers.ports.settings().store) {
            (StageKind::Permanent, _) => self.permanent_bound_secs(),
            (StageKind::Sandbox, StoreKind::R2) => 0,
            (StageKind::Sandbox, StoreKind::Kv) => KV_LAG_SECS,
        }
    }

    async fn change(
        &self,
        site: &SiteName,
        stage: &StageName,
        deployment: &DeploymentId,
        direction: Move,
        expected_seq: Option<u64>,
    ) -> Result<Answer<P>, AdminError> {
        let site_record = self.usable_site(site).await?;
        let root = self.stored_root(site, deployment).await?;
        let root = root.ok_or(AdminError::NotFound("deployment"))?;
        let manifest = Manifest::parse_as(deployment, &root);
        let manifest = manifest.map_err(|_| AdminError::Unavailable(Fault::Failed))?;
        let activation = Activation {
            site,
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
                    Err(AdminError::LostRace(current.cloned().map(Box::new)))
                }
                change => Ok(change),
            }
        };
        Ok(match self.change_live(site, stage, &change).await? {
            Change::Write(record) => {
                self.confirm(&record, &root).await?;
                self.changed(record, true)
            }
            Change::Already(record) => self.changed(record, false),
        })
    }

    /// Makes sure that what a live record that was just written needs was not deleted meanwhile.
    ///
    /// Forgetting a deployment and deleting a site look for live records after they deleted
    /// something, so the later of the two sees the other.
    async fn confirm(&self, record: &LiveRecord, root: &[u8]) -> Result<(), AdminError> {
        let LiveRecord { site, deployment, .. } = record;
        let stored = self.stored_root(site, deployment);
        let (current, stored) = join(self.is_current(record), stored).await;
        if !current? {
            self.withdraw(record).await?;
            return Err(AdminError::BeingDeleted);
        }
        if stored?.is_some() {
            return Ok(());
        }
        self.store_root(site, deployment, root).await?;
        if self.is_current(record).await? {
            return Ok(());
        }
        self.withdraw(record).await?;
        if self.usable_site(site).await.is_ok() {
            // A site of the same name may have the same deployment by now.
            return Err(AdminError::BeingDeleted);
        }
        let ports = &self.tiers.ports;
        let (key, ms) = (keys::deployment(site, deployment), ports.settings().deadlines.admin_ms);
        persistently(ports, ms, || ports.delete(&key)).await?;
        Err(AdminError::BeingDeleted)
    }

    /// Whether the site of a live record is there still, and not being deleted.
    async fn is_current(&self, record: &LiveRecord) -> Result<bool, AdminError> {
        let found = self.site_record(&record.site).await?;
        Ok(found.is_some_and(|(site, _)| {
            site.deletion.is_none() && record.site_created_ms == Some(site.created_ms)
        }))
    }

    /// Deletes the live record of a stage if it is of the same site, which is gone.
    async fn withdraw(&self, record: &LiveRecord) -> Result<(), AdminError> {
        let LiveRecord { site, stage, .. } = record;
        let found = self.live_record(site, stage).await?;
        if found.is_some_and(|(found, _)| found.site_created_ms == record.site_created_ms) {
            let ports = &self.tiers.ports;
            let (key, ms) = (keys::live(site, stage), ports.settings().deadlines.admin_ms);
            persistently(ports, ms, || ports.delete(&key)).await?;
        }
        self.tiers.memory.live.forget(&StageKey(site.clone(), stage.clone()));
        Ok(())
    }

    /// Changes the live record of a stage, whoever else changes it at the same time; what came of
    /// it is kept in memory at once.
    pub async fn change_live(
        &self,
        site: &SiteName,
        stage: &StageName,
        change: &dyn Fn(Option<&LiveRecord>) -> Result<Change, AdminError>,
    ) -> Result<Change, AdminError> {
        for _ in 0..TRIES_MAX {
            let current = self.live_record(site, stage).await?;
            match change(current.as_ref().map(|(record, _)| record))? {
                Change::Already(record) => return Ok(Change::Already(record)),
                Change::Write(record) => {
                    let version = current.map(|(_, version)| version);
                    if self.swap(&record, version).await? == Written::Done {
                        let now = self.tiers.ports.now();
                        live::keep(&self.tiers.ports, &self.tiers.memory, record.clone(), now);
                        return Ok(Change::Write(record));
                    }
                }
            }
        }
        let current = self.live_record(site, stage).await?;
        Err(AdminError::LostRace(current.map(|(record, _)| Box::new(record))))
    }

    /// Writes a record in place of the one with this version.
    ///
    /// A write whose outcome is unknown, and any write to KV, is decided by reading back.
    async fn swap(
        &self,
        record: &LiveRecord,
        version: Option<String>,
    ) -> Result<Written, AdminError> {
        let ports = &self.tiers.ports;
        let (key, settings) = (keys::live(&record.site, &record.stage), ports.settings());
        let condition = version.map_or(Condition::Absent, Condition::Is);
        let bytes = record.to_bytes();
        let write = ports.write(&key, &bytes, &condition);
        let written = within(ports, settings.deadlines.admin_ms, write).await;
        match (written, settings.store) {
            (Ok(written), StoreKind::R2) => return Ok(written),
            (Ok(Written::Lost), StoreKind::Kv) => return Ok(Written::Lost),
            (Ok(Written::Done), StoreKind::Kv) | (Err(_), _) => {}
        }
        let found = self.live_record(&record.site, &record.stage).await?;
        match (found, written) {
            (Some((found, _)), _) if found == *record => Ok(Written::Done),
            (_, Err(fault)) => Err(AdminError::of_write(fault)),
            (_, Ok(_)) => Ok(Written::Lost),
        }
    }

    fn changed(&self, record: LiveRecord, changed: bool) -> Answer<P> {
        let effective_within_secs = self.bound_secs(record.kind);
        let live = self.view(record);
        Answer::json(200, &Activated { live, changed, effective_within_secs })
    }
}

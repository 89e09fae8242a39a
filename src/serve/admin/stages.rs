//! Stages: making a deployment live, rolling back, promoting.
//!
//! The only place that writes a live record, and the only write that changes what is served. The
//! invariant is compare-and-swap: of two changes at once one wins, and the other is told who won.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::serve::admin::error::AdminError;
use crate::serve::admin::{Answer, Call};
use crate::serve::deadline::{persistently, within};
use crate::serve::live;
use crate::serve::ports::{Condition, Ports, Written};
use crate::serve::settings::StoreKind;
use crate::site::config::StageKind;
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::keys;
use crate::site::live::{Activation, Change, LiveRecord, Move};
use crate::wire::method::Method;

/// Tries of a change that did not say what it expects to replace.
const TRIES_MAX: usize = 5;
/// How late KV may show a write, in seconds, beyond our own bound.
const KV_LAG_SECS: u64 = 60;

#[derive(Deserialize)]
struct Activate {
    deployment: DeploymentId,
    #[serde(default)]
    expected_seq: Option<u64>,
}

#[derive(Deserialize)]
struct Rollback {
    #[serde(default)]
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
        self.allow(&[Method::Get])?;
        let found = self.live_record(site, &stage).await?;
        let (record, _) = found.ok_or(AdminError::NotFound("stage"))?;
        Ok(Answer::Json(200, self.view(&record)))
    }

    /// Makes a deployment live.
    pub async fn activate(
        &self,
        site: &SiteName,
        stage: StageName,
    ) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::Post])?;
        let body: Activate = self.json().await?;
        self.change(site, &stage, &body.deployment, Move::Forward, body.expected_seq).await
    }

    /// Returns to an earlier deployment.
    pub async fn rollback(
        &self,
        site: &SiteName,
        stage: StageName,
    ) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::Post])?;
        let body: Rollback = self.json().await?;
        let current = self.live_record(site, &stage).await?;
        let (current, _) = current.ok_or(AdminError::NotFound("stage"))?;
        let target = body.deployment.as_ref().or(current.rollback_target());
        let target = target.ok_or(AdminError::NothingToRollBack)?;
        self.change(site, &stage, target, Move::Back, Some(current.seq)).await
    }

    /// Makes live on one stage what is live on another.
    pub async fn promote(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::Post])?;
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
        let value = persistently(ports, ms, || ports.read(&key)).await?;
        let Some(value) = value else { return Ok(None) };
        // A record that can't be read is replaced by the next activation, not guessed at.
        Ok(LiveRecord::parse(&value.bytes, site, stage).map(|record| (record, value.version)))
    }

    /// A live record as the API shows it.
    pub fn view(&self, record: &LiveRecord) -> Value {
        let label = match record.stage.is_production() {
            true => record.site.to_string(),
            false => format!("{}--{}", record.stage, record.site),
        };
        json!({
            "stage": record.stage,
            "kind": record.kind,
            "deployment": record.deployment,
            "seq": record.seq,
            "activated_ms": record.activated_ms,
            "by": record.by,
            "retained": record.retained,
            "url": self.address(&label),
            "deployment_url": self.address(&format!("{}--{}", record.deployment, record.site)),
        })
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

    async fn change(
        &self,
        site: &SiteName,
        stage: &StageName,
        deployment: &DeploymentId,
        direction: Move,
        expected_seq: Option<u64>,
    ) -> Result<Answer<P>, AdminError> {
        self.site_exists(site).await?;
        let manifest = self.tiers.manifest(site, deployment).await?;
        let manifest = manifest.ok_or(AdminError::NotFound("deployment"))?;
        let activation = Activation {
            site,
            stage,
            kind: manifest.head().config.policy(stage).kind,
            deployment,
            direction,
            by: self.caller.name(),
            now: self.tiers.ports.now(),
        };
        for _ in 0..TRIES_MAX {
            let current = self.live_record(site, stage).await?;
            let seq = current.as_ref().map_or(0, |(record, _)| record.seq);
            match activation.apply(current.as_ref().map(|(record, _)| record)) {
                Change::Already(record) => return Ok(self.changed(&record, false)),
                Change::Write(_) if expected_seq.is_some_and(|expected| expected != seq) => {
                    return Err(AdminError::LostRace(current.map(|(record, _)| Box::new(record))));
                }
                Change::Write(record) => {
                    let version = current.map(|(_, version)| version);
                    if self.swap(&record, version).await? == Written::Done {
                        let now = self.tiers.ports.now();
                        live::keep(&self.tiers.ports, &self.tiers.memory, record.clone(), now);
                        return Ok(self.changed(&record, true));
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
            (_, Err(fault)) => Err(fault.into()),
            (_, Ok(_)) => Ok(Written::Lost),
        }
    }

    fn changed(&self, record: &LiveRecord, changed: bool) -> Answer<P> {
        let bound_secs = match (record.kind, self.tiers.ports.settings().store) {
            (StageKind::Permanent, _) => self.permanent_bound_secs(),
            (StageKind::Sandbox, StoreKind::R2) => 0,
            (StageKind::Sandbox, StoreKind::Kv) => KV_LAG_SECS,
        };
        let mut view = self.view(record);
        if let Some(members) = view.as_object_mut() {
            members.insert("changed".to_owned(), json!(changed));
            members.insert("effective_within_secs".to_owned(), json!(bound_secs));
        }
        Answer::Json(200, view)
    }
}

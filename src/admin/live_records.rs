//! Reads live records and changes them by compare-and-swap.
//!
//! This is the only code that writes them.

use crate::admin::error::{AdminError, Missing, Result};
use crate::admin::handler::Handler;
use crate::admin::records::TRIES_MAX;
use crate::cache::live;
use crate::ports::settings::StoreKind;
use crate::ports::{Condition, Ports, Written};
use crate::site::ids::{StageKey, StageName};
use crate::site::keys;
use crate::site::records::live::{Change, LiveRecord};

impl<P: Ports> Handler<'_, P> {
    /// Reads the live record of a stage and its version.
    ///
    /// A record that can't be parsed counts as none, so that the next activation replaces it.
    pub async fn versioned_live(&self, stage: &StageName) -> Result<Option<(LiveRecord, String)>> {
        let value = self.read(&keys::live(&self.site, stage)).await?;
        Ok(value.and_then(|value| {
            let record = LiveRecord::parse(&value.bytes, &self.site, stage)?;
            Some((record, value.version))
        }))
    }

    pub async fn live_record(&self, stage: &StageName) -> Result<LiveRecord> {
        let found = self.versioned_live(stage).await?;
        found.map(|(record, _)| record).ok_or(AdminError::NotFound(Missing::Stage))
    }

    /// Reads the live records of all stages.
    pub async fn live_records(&self) -> Result<Vec<LiveRecord>> {
        let mut records = Vec::new();
        for stage in self.stage_names().await? {
            records.extend(self.versioned_live(&stage).await?.map(|(record, _)| record));
        }
        Ok(records)
    }

    /// Changes the live record of a stage, retrying against concurrent changes, and keeps the new
    /// one in memory.
    pub async fn change_live(
        &self,
        stage: &StageName,
        change: &dyn Fn(Option<&LiveRecord>) -> Result<Change>,
    ) -> Result<Change> {
        for _ in 0..TRIES_MAX {
            let current = self.versioned_live(stage).await?;
            let record = match change(current.as_ref().map(|(record, _)| record))? {
                Change::Write(record) => record,
                already => return Ok(already),
            };
            let version = current.map(|(_, version)| version);
            if self.swap(&record, version).await? == Written::Done {
                let now = self.tiers.ports.now();
                live::keep(&self.tiers.ports, &self.tiers.memory, record.clone(), now);
                return Ok(Change::Write(record));
            }
        }
        let winner = self.versioned_live(stage).await?;
        Err(winner.map(|(record, _)| record).into())
    }

    /// Like [`Handler::change_live`], for a stage that must have a live record.
    pub async fn update_live(
        &self,
        stage: &StageName,
        change: &dyn Fn(&LiveRecord) -> Result<Change>,
    ) -> Result<Change> {
        let change = |current: Option<&LiveRecord>| change(current.ok_or(Missing::Stage)?);
        self.change_live(stage, &change).await
    }

    /// Replaces the record that has a version, or creates it.
    ///
    /// If the result is unknown, and after any write to KV, the record is read back.
    async fn swap(&self, record: &LiveRecord, version: Option<String>) -> Result<Written> {
        let key = keys::live(&record.site, &record.stage);
        let condition = version.map_or(Condition::Absent, Condition::Is);
        let written = self.write_once(&key, &record.to_bytes(), &condition).await;
        match (&written, self.settings().store) {
            (Ok(_), StoreKind::R2) | (Ok(Written::Lost), StoreKind::Kv) => return written,
            (Ok(Written::Done), StoreKind::Kv) | (Err(_), _) => {}
        }
        match self.versioned_live(&record.stage).await? {
            Some((found, _)) if found == *record => Ok(Written::Done),
            _ => written.map(|_| Written::Lost),
        }
    }

    /// Deletes the live record of a stage if it still belongs to the same, deleted site.
    pub async fn withdraw(&self, record: &LiveRecord) -> Result<()> {
        let LiveRecord { site, stage, .. } = record;
        let found = self.versioned_live(stage).await?;
        if found.is_some_and(|(found, _)| found.site_created_ms == record.site_created_ms) {
            self.delete(&keys::live(site, stage)).await?;
        }
        self.tiers.memory.live.forget(&StageKey(site.clone(), stage.clone()));
        Ok(())
    }
}

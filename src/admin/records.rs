//! Reads and writes the store, and changes site records and live records by compare-and-swap.
//!
//! This is the only code that writes live records.

use crate::admin::error::{AdminError, Invalid, Missing, Result};
use crate::admin::handler::Handler;
use crate::cache::live;
use crate::ports::deadline::{persistently, within};
use crate::ports::settings::StoreKind;
use crate::ports::{Condition, Ports, Versioned, Written};
use crate::site::ids::{DeploymentId, StageKey, StageName};
use crate::site::keys::{self, Key};
use crate::site::records::live::{Change, LiveRecord};
use crate::site::records::site::SiteRecord;
use crate::site::records::view::SiteView;

/// Maximum number of attempts at a compare-and-swap.
const TRIES_MAX: usize = 5;
/// Maximum number of pages of a listing, at a thousand keys each.
const LIST_PAGES_MAX: usize = 40;

impl<P: Ports> Handler<'_, P> {
    pub async fn read(&self, key: &Key) -> Result<Option<Versioned>> {
        let (ports, ms) = self.store();
        Ok(persistently(ports, ms, || ports.read(key)).await?)
    }

    /// Writes without retrying: a conditional write that is retried would lose against itself.
    pub async fn write_once(
        &self,
        key: &Key,
        bytes: &[u8],
        condition: &Condition,
    ) -> Result<Written> {
        let (ports, ms) = self.store();
        within(ports, ms, ports.write(key, bytes, condition)).await.map_err(AdminError::of_write)
    }

    pub async fn delete(&self, key: &Key) -> Result<()> {
        let (ports, ms) = self.store();
        Ok(persistently(ports, ms, || ports.delete(key)).await?)
    }

    /// Returns the stages of the site that have a live record.
    pub async fn stage_names(&self) -> Result<Vec<StageName>> {
        let prefix = keys::live_prefix(&self.site);
        let keys = list_all(&self.tiers.ports, &prefix).await?;
        let stage = |key: &String| StageName::parse(key.strip_prefix(&prefix)?).ok();
        Ok(keys.iter().filter_map(stage).collect())
    }

    /// Reads the manifest root of a deployment from the store itself: memory and the edge tier may
    /// still have that of a forgotten one.
    pub async fn stored_root(&self, id: &DeploymentId) -> Result<Option<Vec<u8>>> {
        let value = self.read(&keys::deployment(&self.site, id)).await?;
        Ok(value.map(|value| value.bytes))
    }

    pub async fn store_root(&self, id: &DeploymentId, root: &[u8]) -> Result<()> {
        let (ports, ms) = self.store();
        let key = keys::deployment(&self.site, id);
        let written = persistently(ports, ms, || ports.write(&key, root, &Condition::Any)).await;
        written.map(drop).map_err(AdminError::of_write)
    }

    pub async fn versioned_site(&self) -> Result<Option<(SiteRecord, String)>> {
        let found = self.read(&keys::site(&self.site)).await?;
        Ok(found.and_then(|value| {
            let record = SiteRecord::parse(&value.bytes, &self.site)?;
            Some((record, value.version))
        }))
    }

    pub async fn site_record(&self) -> Result<SiteRecord> {
        let found = self.versioned_site().await?;
        found.map(|(record, _)| record).ok_or(AdminError::NotFound(Missing::Site))
    }

    /// Reads the site record, unless the site is being deleted.
    pub async fn usable_site(&self) -> Result<SiteRecord> {
        let record = self.site_record().await?;
        if record.deletion.is_some() { Err(AdminError::BeingDeleted) } else { Ok(record) }
    }

    /// Changes the site record by compare-and-swap, unless the site is being deleted.
    pub async fn update_site(
        &self,
        change: &mut dyn FnMut(&mut SiteRecord) -> Result<()>,
    ) -> Result<()> {
        self.change_site(&mut |record| match record.deletion {
            Some(_) => Err(AdminError::BeingDeleted),
            None => change(record),
        })
        .await
    }

    pub async fn change_site(
        &self,
        change: &mut dyn FnMut(&mut SiteRecord) -> Result<()>,
    ) -> Result<()> {
        let key = keys::site(&self.site);
        for _ in 0..TRIES_MAX {
            let found = self.versioned_site().await?;
            let (mut record, version) = found.ok_or(Missing::Site)?;
            change(&mut record)?;
            let condition = Condition::Is(version);
            if self.write_once(&key, &record.to_bytes(), &condition).await? == Written::Done {
                let view = SiteView::of(Some(record));
                self.tiers.memory.sites.keep(self.site.clone(), view, self.tiers.ports.now());
                return Ok(());
            }
        }
        Err(AdminError::RecordChanged)
    }
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

/// Returns the keys with a prefix, at most 40,000.
pub async fn list_all<P: Ports>(ports: &P, prefix: &str) -> Result<Vec<String>> {
    let ms = ports.settings().deadlines.admin_ms;
    let mut keys = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..LIST_PAGES_MAX {
        let page = persistently(ports, ms, || ports.list(prefix, cursor.as_deref())).await?;
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(keys)
}

/// Adds an item to a list of a record, unless the list is full.
pub fn add<T>(items: &mut Vec<T>, item: T, max: usize, full: Invalid) -> Result<()> {
    if items.len() >= max {
        return Err(AdminError::Invalid(full));
    }
    items.push(item);
    Ok(())
}

/// Removes the matching items from a list of a record, which must have at least one.
pub fn remove<T>(items: &mut Vec<T>, missing: Missing, matches: impl Fn(&T) -> bool) -> Result<()> {
    let before = items.len();
    items.retain(|item| !matches(item));
    if items.len() < before { Ok(()) } else { Err(AdminError::NotFound(missing)) }
}

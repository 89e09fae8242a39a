//! Deleting a site, a bounded batch per call, until nothing of it is left.
//!
//! The site record goes last and names the deletion until then, so that any call can continue it.
//! The name is released only when no isolate can still use a live record of the site. Otherwise a
//! new site of the same name would show the old one for a moment.

use crate::admin::error::AdminError;
use crate::admin::{Answer, Call};
use crate::ports::Ports;
use crate::ports::deadline::{persistently, within};
use crate::site::api::DeletionStep;
use crate::site::ids::StageKey;
use crate::site::ids::{SiteName, StageName};
use crate::site::keys::{self, Key};
use crate::site::records::ban::CLOCK_SKEW_MS;
use crate::site::records::site::{Deletion, HostRecord, SiteRecord};
use crate::wire::query;

/// Maximum number of custom hostnames that one call removes: each is a read and a delete.
const HOSTS_PER_CALL: usize = 15;

/// The result of one call.
struct Step {
    /// The kind of thing that it deleted, or `waiting`.
    phase: &'static str,
    deleted: usize,
    /// Seconds until the next call can do something.
    wait_secs: u64,
    done: bool,
}

impl Step {
    fn deleted(phase: &'static str, deleted: usize) -> Self {
        Self { phase, deleted, wait_secs: 0, done: false }
    }
}

impl<P: Ports> Call<'_, P> {
    /// Deletes a site, or continues to.
    pub async fn delete_site(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        let (record, _) = self.site_record(site).await?.ok_or(AdminError::NotFound("site"))?;
        if record.deletion.is_none() {
            self.check_default_site(site)?;
            self.mark_deleted(site).await?;
        }
        let step = self.delete_some(site).await?;
        let Step { phase, deleted, wait_secs, done } = step;
        let step = DeletionStep {
            site: site.clone(),
            done,
            phase: phase.to_owned(),
            deleted: deleted as u64,
            wait_secs,
            effective_within_secs: self.permanent_bound_secs(),
        };
        Ok(Answer::json(200, &step))
    }

    fn check_default_site(&self, site: &SiteName) -> Result<(), AdminError> {
        let is_default = self.tiers.ports.settings().default_site.as_ref() == Some(site);
        let allowed = self.ask.query.and_then(|query| query::value(query, "allow_default"));
        let refused = is_default && allowed.as_deref() != Some("true");
        if refused { Err(AdminError::DefaultSite) } else { Ok(()) }
    }

    /// From here on no token or key of the site opens anything.
    async fn mark_deleted(&self, site: &SiteName) -> Result<(), AdminError> {
        let (by, at_ms) = (self.caller.name().to_owned(), self.tiers.ports.now());
        self.change_site(site, &mut |record| {
            if record.deletion.is_none() {
                record.tokens.clear();
                record.keys.clear();
                record.takedowns.clear();
                record.deletion = Some(Deletion { at_ms, by: by.clone(), unserved_ms: None });
            }
            Ok(())
        })
        .await
    }

    async fn delete_some(&self, site: &SiteName) -> Result<Step, AdminError> {
        let (record, _) = self.site_record(site).await?.ok_or(AdminError::NotFound("site"))?;
        if !record.hosts.is_empty() {
            return self.delete_hosts(site, &record).await;
        }
        let deleted = self.delete_live(site).await?;
        if deleted > 0 {
            return Ok(Step::deleted("stages", deleted));
        }
        let unserved_ms = match record.deletion.and_then(|deletion| deletion.unserved_ms) {
            Some(unserved_ms) => unserved_ms,
            None => {
                let now = self.tiers.ports.now();
                self.note_unserved(site, true).await?;
                now
            }
        };
        for (phase, prefix) in keys::content_prefixes(site) {
            let deleted = self.delete_batch(&prefix).await?.len();
            if deleted > 0 {
                return Ok(Step::deleted(phase, deleted));
            }
        }
        let bound_ms = self.permanent_bound_secs().saturating_mul(1_000);
        let hold_ms = bound_ms.saturating_add(CLOCK_SKEW_MS);
        let left_ms = hold_ms.saturating_sub(self.tiers.ports.now().since(unserved_ms));
        if left_ms > 0 {
            let wait_secs = left_ms.div_ceil(1_000);
            return Ok(Step { phase: "waiting", deleted: 0, wait_secs, done: false });
        }
        self.release(site).await?;
        Ok(Step { phase: "site", deleted: 1, wait_secs: 0, done: true })
    }

    async fn delete_hosts(&self, site: &SiteName, record: &SiteRecord) -> Result<Step, AdminError> {
        let hosts: Vec<_> = record.hosts.iter().take(HOSTS_PER_CALL).cloned().collect();
        for entry in &hosts {
            let key = keys::host(&entry.host);
            let owner = self.read_versioned(&key).await?;
            let owner = owner.and_then(|(bytes, _)| HostRecord::parse(&bytes, &entry.host));
            if owner.is_some_and(|owner| owner.site == *site) {
                self.delete(&key).await?;
            }
            self.tiers.memory.hosts.forget(&entry.host);
        }
        self.change_site(site, &mut |record| {
            record.hosts.retain(|entry| !hosts.iter().any(|gone| gone.host == entry.host));
            Ok(())
        })
        .await?;
        Ok(Step::deleted("hosts", hosts.len()))
    }

    /// Deletes live records. An activation that was under way can have added one after the last
    /// call, which starts the wait anew.
    async fn delete_live(&self, site: &SiteName) -> Result<usize, AdminError> {
        let prefix = keys::live_prefix(site);
        let deleted = self.delete_batch(&prefix).await?;
        for key in &deleted {
            let stage = key.as_str().strip_prefix(&prefix);
            if let Some(stage) = stage.and_then(|stage| StageName::parse(stage).ok()) {
                self.tiers.memory.live.forget(&StageKey(site.clone(), stage));
            }
        }
        if !deleted.is_empty() {
            self.note_unserved(site, false).await?;
        }
        Ok(deleted.len())
    }

    async fn note_unserved(&self, site: &SiteName, is_unserved: bool) -> Result<(), AdminError> {
        let unserved_ms = is_unserved.then_some(self.tiers.ports.now());
        self.change_site(site, &mut |record| {
            let deletion = record.deletion.as_mut().ok_or(AdminError::NotFound("deletion"))?;
            deletion.unserved_ms = unserved_ms;
            Ok(())
        })
        .await
    }

    /// Deletes the record itself. No store deletes on a condition, so it is looked at just before;
    /// and a delete that did not answer is not repeated, since the name may be in use again.
    async fn release(&self, site: &SiteName) -> Result<(), AdminError> {
        let found = self.site_record(site).await?;
        if found.is_none_or(|(record, _)| record.deletion.is_none()) {
            return Err(AdminError::NotFound("site"));
        }
        let ports = &self.tiers.ports;
        let (key, ms) = (keys::site(site), ports.settings().deadlines.admin_ms);
        within(ports, ms, ports.delete(&key)).await?;
        self.tiers.memory.sites.forget(site);
        Ok(())
    }

    /// Deletes some of the keys with a prefix; returns which.
    async fn delete_batch(&self, prefix: &str) -> Result<Vec<Key>, AdminError> {
        let ports = &self.tiers.ports;
        let settings = ports.settings();
        let ms = settings.deadlines.admin_ms;
        let page = persistently(ports, ms, || ports.list(prefix, None)).await?;
        let listed = page.keys.into_iter().filter_map(|key| keys::listed(prefix, key));
        let batch: Vec<Key> = listed.take(settings.store.deletes_max()).collect();
        if !batch.is_empty() {
            persistently(ports, ms, || ports.delete_all(&batch)).await?;
        }
        Ok(batch)
    }

    async fn delete(&self, key: &Key) -> Result<(), AdminError> {
        let ports = &self.tiers.ports;
        let ms = ports.settings().deadlines.admin_ms;
        Ok(persistently(ports, ms, || ports.delete(key)).await?)
    }
}

//! Deletes a site, a bounded batch per call, until nothing of it is left.
//!
//! The site record goes last and names the deletion until then, so that any call can continue it.
//! The name is released only when no isolate can still use a live record of the site. Otherwise a
//! new site of the same name would show the old one for a moment.

use crate::admin::error::{AdminError, Missing, Result};
use crate::admin::handler::{Handler, respond};
use crate::ports::Ports;
use crate::ports::deadline::{persistently, within};
use crate::serve::draft::Draft;
use crate::site::api::DeletionStep;
use crate::site::ids::{StageKey, StageName};
use crate::site::keys::{self, Key};
use crate::site::records::ban::CLOCK_SKEW_MS;
use crate::site::records::site::{Deletion, SiteRecord};

/// Maximum number of custom hostnames that one call removes: each is a read and a delete.
const HOSTS_PER_CALL: usize = 15;

impl<P: Ports> Handler<'_, P> {
    /// Deletes a part of the site, and marks it as being deleted if it isn't yet.
    pub async fn delete_site(&self) -> Result<Draft<P>> {
        if self.site_record().await?.deletion.is_none() {
            self.check_default_site()?;
            self.mark_deleted().await?;
        }
        let step = self.delete_some().await?;
        Ok(respond(200, &step))
    }

    fn check_default_site(&self) -> Result<()> {
        let is_default = self.settings().default_site.as_ref() == Some(&self.site);
        let is_allowed = self.query("allow_default").as_deref() == Some("true");
        if is_default && !is_allowed { Err(AdminError::DefaultSite) } else { Ok(()) }
    }

    /// Marks the site as being deleted. From here on its tokens and keys are invalid.
    async fn mark_deleted(&self) -> Result<()> {
        let (by, at_ms) = (self.caller.name(), self.tiers.ports.now());
        self.change_site(&mut |record| {
            if record.deletion.is_none() {
                record.tokens.clear();
                record.keys.clear();
                record.takedowns.clear();
                record.deletion = Some(Deletion { at_ms, by: by.to_owned(), unserved_ms: None });
            }
            Ok(())
        })
        .await
    }

    fn step(&self, phase: &str, deleted: usize) -> DeletionStep {
        DeletionStep {
            site: self.site.clone(),
            done: false,
            phase: phase.to_owned(),
            deleted: deleted as u64,
            wait_secs: 0,
            effective_within_secs: self.permanent_bound_secs(),
        }
    }

    async fn delete_some(&self) -> Result<DeletionStep> {
        let record = self.site_record().await?;
        if !record.hosts.is_empty() {
            return Ok(self.step("hosts", self.delete_hosts(&record).await?));
        }
        let deleted = self.delete_live().await?;
        if deleted > 0 {
            return Ok(self.step("stages", deleted));
        }
        let unserved_ms = match record.deletion.and_then(|deletion| deletion.unserved_ms) {
            Some(unserved_ms) => unserved_ms,
            None => {
                let now = self.tiers.ports.now();
                self.note_unserved(true).await?;
                now
            }
        };
        for (phase, prefix) in keys::content_prefixes(&self.site) {
            let deleted = self.delete_batch(&prefix).await?.len();
            if deleted > 0 {
                return Ok(self.step(phase, deleted));
            }
        }
        let bound_ms = self.permanent_bound_secs().saturating_mul(1_000);
        let hold_ms = bound_ms.saturating_add(CLOCK_SKEW_MS);
        let left_ms = hold_ms.saturating_sub(self.tiers.ports.now().since(unserved_ms));
        if left_ms > 0 {
            let wait_secs = left_ms.div_ceil(1_000);
            return Ok(DeletionStep { wait_secs, ..self.step("waiting", 0) });
        }
        self.release().await?;
        Ok(DeletionStep { done: true, ..self.step("site", 1) })
    }

    async fn delete_hosts(&self, record: &SiteRecord) -> Result<usize> {
        let hosts: Vec<_> = record.hosts.iter().take(HOSTS_PER_CALL).collect();
        for entry in &hosts {
            let (owner, _) = self.host_record(&entry.host).await?;
            if owner.is_some_and(|owner| owner.site == self.site) {
                self.delete(&keys::host(&entry.host)).await?;
            }
            self.tiers.memory.hosts.forget(&entry.host);
        }
        self.change_site(&mut |record| {
            record.hosts.retain(|entry| !hosts.iter().any(|gone| gone.host == entry.host));
            Ok(())
        })
        .await?;
        Ok(hosts.len())
    }

    /// Deletes live records. A concurrent activation can have added one since the last call, which
    /// restarts the wait.
    async fn delete_live(&self) -> Result<usize> {
        let prefix = keys::live_prefix(&self.site);
        let deleted = self.delete_batch(&prefix).await?;
        for key in &deleted {
            let stage = key.as_str().strip_prefix(&prefix);
            if let Some(stage) = stage.and_then(|stage| StageName::parse(stage).ok()) {
                self.tiers.memory.live.forget(&StageKey(self.site.clone(), stage));
            }
        }
        if !deleted.is_empty() {
            self.note_unserved(false).await?;
        }
        Ok(deleted.len())
    }

    async fn note_unserved(&self, is_unserved: bool) -> Result<()> {
        let unserved_ms = is_unserved.then_some(self.tiers.ports.now());
        self.change_site(&mut |record| {
            let deletion = record.deletion.as_mut();
            deletion.ok_or(Missing::Deletion)?.unserved_ms = unserved_ms;
            Ok(())
        })
        .await
    }

    /// Deletes the site record. No store deletes conditionally, so it is read just before. A delete
    /// that got no answer is not retried, because the name may be in use again.
    async fn release(&self) -> Result<()> {
        if self.site_record().await?.deletion.is_none() {
            return Err(Missing::Site.into());
        }
        let (ports, ms) = self.store();
        within(ports, ms, ports.delete(&keys::site(&self.site))).await?;
        self.tiers.memory.sites.forget(&self.site);
        Ok(())
    }

    /// Deletes some of the keys with a prefix; returns them.
    async fn delete_batch(&self, prefix: &str) -> Result<Vec<Key>> {
        let (ports, ms) = self.store();
        let page = persistently(ports, ms, || ports.list(prefix, None)).await?;
        let listed = page.keys.into_iter().filter_map(|key| keys::listed(prefix, key));
        let batch: Vec<Key> = listed.take(self.settings().store.deletes_max()).collect();
        if !batch.is_empty() {
            persistently(ports, ms, || ports.delete_all(&batch)).await?;
        }
        Ok(batch)
    }
}

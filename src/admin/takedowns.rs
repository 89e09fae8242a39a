//! Takes paths down: hides published files of retained deployments and on deployment addresses.
//!
//! A takedown does not change what stages serve live, so the response names the stages that still
//! serve a hidden file.

use serde::Deserialize;
use serde_json::json;

use crate::admin::error::{Invalid, Missing, Result};
use crate::admin::handler::{Handler, respond};
use crate::admin::records::{add, remove};
use crate::ports::Ports;
use crate::serve::draft::Draft;
use crate::site::api::TakenDown;
use crate::site::deployment::manifest::{Manifest, ShardPlace};
use crate::site::ids::{DeploymentId, StageName};
use crate::site::records::takedown::{TAKEDOWNS_MAX, Takedown, TakedownPath};

/// Maximum number of shards of a live deployment that are searched for files below a folder. Each
/// is a read, and a small plan allows a request fifty operations.
const SHARDS_MAX: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTakedown {
    path: TakedownPath,
}

impl<P: Ports> Handler<'_, P> {
    pub async fn list_takedowns(&self) -> Result<Draft<P>> {
        let takedowns = self.usable_site().await?.takedowns;
        Ok(respond(200, &json!({ "takedowns": takedowns })))
    }

    pub async fn take_down(&self) -> Result<Draft<P>> {
        let NewTakedown { path } = self.json().await?;
        let by = self.caller.name().to_owned();
        let new = Takedown { path, at_ms: self.tiers.ports.now(), by };
        let mut known = None;
        self.update_site(&mut |record| {
            known = record.takedowns.iter().find(|known| known.path == new.path).cloned();
            let full = Invalid::TooManyTakedowns;
            match known {
                Some(_) => Ok(()),
                None => add(&mut record.takedowns, new.clone(), TAKEDOWNS_MAX, full),
            }
        })
        .await?;
        let changed = known.is_none();
        let takedown = known.unwrap_or(new);
        let (live_on, unchecked) = self.stages_serving(&takedown.path).await?;
        let effective_within_secs = self.permanent_bound_secs();
        let status = if changed { 201 } else { 200 };
        let taken_down = TakenDown { takedown, changed, effective_within_secs, live_on, unchecked };
        Ok(respond(status, &taken_down))
    }

    pub async fn undo_takedown(&self) -> Result<Draft<P>> {
        let path = self.query("path").and_then(|text| TakedownPath::parse(&text));
        let path = path.ok_or(Invalid::TakedownPath)?;
        self.update_site(&mut |record| {
            remove(&mut record.takedowns, Missing::Takedown, |takedown| takedown.path == path)
        })
        .await?;
        let undone = json!({
            "path": path,
            "undone": true,
            "effective_within_secs": self.permanent_bound_secs(),
        });
        Ok(respond(200, &undone))
    }

    /// Returns the stages whose live deployment has a hidden file, and those that are unknown.
    async fn stages_serving(
        &self,
        path: &TakedownPath,
    ) -> Result<(Vec<StageName>, Vec<StageName>)> {
        let (mut live_on, mut unchecked) = (Vec::new(), Vec::new());
        for record in self.live_records().await? {
            match self.serves(&record.deployment, path).await {
                Ok(Some(true)) => live_on.push(record.stage),
                Ok(Some(false)) => {}
                Ok(None) | Err(_) => unchecked.push(record.stage),
            }
        }
        Ok((live_on, unchecked))
    }

    /// Whether a deployment has a hidden file; `None` if it is missing or too large to search.
    async fn serves(&self, id: &DeploymentId, path: &TakedownPath) -> Result<Option<bool>> {
        let manifest = self.tiers.manifest(&self.site, id).await?;
        let Some(manifest) = manifest else { return Ok(None) };
        match path.files() {
            Some(files) => self.has_one(&manifest, &files).await.map(Some),
            None if manifest.head().shards.len() > SHARDS_MAX => Ok(None),
            None => self.has_below(&manifest, path).await.map(Some),
        }
    }

    async fn has_one(&self, manifest: &Manifest, files: &[String]) -> Result<bool> {
        for file in files {
            let found = match manifest.shard_of(file) {
                None => None,
                Some(ShardPlace::Inline(shard)) => shard.lookup(file),
                Some(ShardPlace::Blob(hash)) => {
                    self.tiers.shard(&self.site, &hash).await?.lookup(file)
                }
            };
            if found.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn has_below(&self, manifest: &Manifest, path: &TakedownPath) -> Result<bool> {
        if let Some(ShardPlace::Inline(shard)) = manifest.shard_of("/") {
            return Ok(shard.iter().any(|(file, _)| path.hides(file)));
        }
        for hash in &manifest.head().shards {
            if self.tiers.shard(&self.site, hash).await?.iter().any(|(file, _)| path.hides(file)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

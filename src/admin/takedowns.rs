//! Takedowns: hiding published files of retained deployments and on deployment addresses.
//!
//! A takedown does not change what stages serve live, so the answer names the stages that still
//! serve a hidden file.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::admin::error::AdminError;
use crate::admin::{Answer, Call};
use crate::cache::tiers::Unavailable;
use crate::ports::Ports;
use crate::site::api::TakenDown;
use crate::site::deployment::manifest::{Manifest, ShardPlace};
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::records::takedown::{TAKEDOWNS_MAX, Takedown, TakedownPath};
use crate::wire::query;

/// Maximum number of shards of a live deployment that are searched for files below a folder. Each
/// is a read, and a small plan allows a request fifty operations.
const SHARDS_MAX: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTakedown {
    path: TakedownPath,
}

#[derive(Serialize)]
struct Undone<'a> {
    path: &'a TakedownPath,
    undone: bool,
    effective_within_secs: u64,
}

/// Whether a stage serves a file that a takedown names.
enum Serves {
    Yes,
    No,
    /// The deployment is too large to search, or could not be read.
    Unknown,
}

impl<P: Ports> Call<'_, P> {
    /// Lists a site's takedowns, makes one, or undoes one.
    pub async fn takedowns(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        self.allow(&[Method::GET, Method::POST, Method::DELETE])?;
        match self.ask.method {
            Method::POST => self.take_down(site).await,
            Method::DELETE => self.undo_takedown(site).await,
            _ => {
                let takedowns = self.usable_site(site).await?.takedowns;
                Ok(Answer::json(200, &json!({ "takedowns": takedowns })))
            }
        }
    }

    async fn take_down(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        let wanted: NewTakedown = self.json().await?;
        let by = self.caller.name().to_owned();
        let new = Takedown { path: wanted.path, at_ms: self.tiers.ports.now(), by };
        let mut current = new.clone();
        let mut is_new = true;
        self.update_site(site, &mut |record| {
            let known = record.takedowns.iter().find(|known| known.path == new.path);
            (current, is_new) = (known.unwrap_or(&new).clone(), known.is_none());
            if is_new && record.takedowns.len() >= TAKEDOWNS_MAX {
                let hint = "take down a folder as /private/* instead, or undo some";
                return Err(AdminError::Invalid("the site has 500 takedowns already", hint));
            }
            if is_new {
                record.takedowns.push(new.clone());
            }
            Ok(())
        })
        .await?;
        let (live_on, unchecked) = self.stages_serving(site, &current.path).await?;
        let taken_down = TakenDown {
            takedown: current,
            changed: is_new,
            effective_within_secs: self.permanent_bound_secs(),
            live_on,
            unchecked,
        };
        Ok(Answer::json(if is_new { 201 } else { 200 }, &taken_down))
    }

    async fn undo_takedown(&self, site: &SiteName) -> Result<Answer<P>, AdminError> {
        let text = self.ask.query.and_then(|query| query::value(query, "path"));
        let path = text.and_then(|text| TakedownPath::parse(&text)).ok_or(AdminError::Invalid(
            "the query names no path",
            "add ?path= with the path as the list shows it, percent-encoded",
        ))?;
        self.update_site(site, &mut |record| {
            let before = record.takedowns.len();
            record.takedowns.retain(|takedown| takedown.path != path);
            let undone = record.takedowns.len() < before;
            undone.then_some(()).ok_or(AdminError::NotFound("takedown"))
        })
        .await?;
        let effective_within_secs = self.permanent_bound_secs();
        let undone = Undone { path: &path, undone: true, effective_within_secs };
        Ok(Answer::json(200, &undone))
    }

    /// Returns the stages whose live deployment has a hidden file, and those that are unknown.
    async fn stages_serving(
        &self,
        site: &SiteName,
        path: &TakedownPath,
    ) -> Result<(Vec<StageName>, Vec<StageName>), AdminError> {
        let (mut live_on, mut unchecked) = (Vec::new(), Vec::new());
        for (stage, record) in self.live_records(site).await? {
            match self.serves(site, &record.deployment, path).await {
                Ok(Serves::Yes) => live_on.push(stage),
                Ok(Serves::No) => {}
                Ok(Serves::Unknown) | Err(_) => unchecked.push(stage),
            }
        }
        Ok((live_on, unchecked))
    }

    async fn serves(
        &self,
        site: &SiteName,
        id: &DeploymentId,
        path: &TakedownPath,
    ) -> Result<Serves, Unavailable> {
        let Some(manifest) = self.tiers.manifest(site, id).await? else {
            return Ok(Serves::Unknown);
        };
        let is_there = match path.files() {
            Some(files) => self.has_one(site, &manifest, &files).await?,
            None if manifest.head().shards.len() > SHARDS_MAX => return Ok(Serves::Unknown),
            None => self.has_below(site, &manifest, path).await?,
        };
        Ok(if is_there { Serves::Yes } else { Serves::No })
    }

    async fn has_one(
        &self,
        site: &SiteName,
        manifest: &Manifest,
        files: &[String],
    ) -> Result<bool, Unavailable> {
        for file in files {
            let found = match manifest.shard_of(file) {
                None => None,
                Some(ShardPlace::Inline(shard)) => shard.lookup(file),
                Some(ShardPlace::Blob(hash)) => self.tiers.shard(site, &hash).await?.lookup(file),
            };
            if found.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn has_below(
        &self,
        site: &SiteName,
        manifest: &Manifest,
        path: &TakedownPath,
    ) -> Result<bool, Unavailable> {
        if let Some(ShardPlace::Inline(shard)) = manifest.shard_of("/") {
            return Ok(shard.iter().any(|(file, _)| path.hides(file)));
        }
        for hash in &manifest.head().shards {
            if self.tiers.shard(site, hash).await?.iter().any(|(file, _)| path.hides(file)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

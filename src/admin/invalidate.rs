//! Invalidates the edge copies of objects: a ban on every permanent stage of the site.
//!
//! Whether a stage's live deployment has the collection makes no difference: copies from an earlier
//! deployment would come back with a rollback. Bans are dated after the object is stored, so a
//! refresh that read the old object is banned with it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::admin::collections::ObjectId;
use crate::admin::error::{AdminError, Invalid, Result};
use crate::admin::handler::{Handler, respond};
use crate::cache::live;
use crate::ports::{Fault, Ports};
use crate::serve::draft::Draft;
use crate::site::collection::{CollectionName, ObjectName};
use crate::site::config::StageKind;
use crate::site::ids::StageName;
use crate::site::records::ban::{Ban, BanScope, BannedObject, OBJECT_BANS_MAX, is_covered};
use crate::site::records::live::{Change, LiveRecord};
use crate::wire::time::UnixMillis;

/// Pauses between attempts to write a live record, in milliseconds: R2 takes about one write a
/// second of a key. Up to twice as long each, so that writers don't stay in step.
const PAUSES_MS: [u64; 4] = [200, 400, 800, 1_600];

/// Rejects unknown members: a misspelt one would invalidate the whole collection.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invalidate {
    names: Option<Vec<String>>,
}

/// The members of a response that describe the edge copies of a changed object.
#[derive(Serialize)]
pub struct CopiesView {
    invalidated: bool,
    effective_within_secs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<Warning>,
}

#[derive(Serialize)]
struct Warning {
    code: &'static str,
    message: String,
    hint: &'static str,
}

impl<P: Ports> Handler<'_, P> {
    /// Invalidates objects of a collection by name, or all of them.
    pub async fn invalidate_objects(&self, collection: CollectionName) -> Result<Draft<P>> {
        let Invalidate { names } = self.json().await?;
        let scopes = scopes(&collection, names.as_deref())?;
        self.served(&collection).await?;
        self.ban_everywhere(&scopes).await?;
        let invalidated = json!({
            "collection": collection,
            "invalidated": true,
            "effective_within_secs": self.permanent_bound_secs(),
        });
        Ok(respond(200, &invalidated))
    }

    /// Whether a change is to invalidate edge copies: true unless `?invalidate=false`.
    pub fn invalidates(&self) -> Result<bool> {
        match self.query("invalidate").as_deref() {
            None | Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(Invalid::InvalidateFlag.into()),
        }
    }

    /// Invalidates the edge copies of a changed object, unless the caller asked not to.
    ///
    /// The change is made already, so a failure becomes a warning. `ttl_secs` is the bound without
    /// an invalidation.
    pub async fn invalidate_copies(
        &self,
        object: &ObjectId,
        invalidates: bool,
        ttl_secs: u64,
    ) -> CopiesView {
        let left =
            CopiesView { invalidated: false, effective_within_secs: ttl_secs, warning: None };
        if !invalidates {
            return left;
        }
        let (collection, name) = (object.collection.clone(), object.name.clone());
        let scope = BanScope::Object(BannedObject { collection, name });
        let Err(error) = self.ban_everywhere(&[scope]).await else {
            let effective_within_secs = self.permanent_bound_secs();
            return CopiesView { invalidated: true, effective_within_secs, warning: None };
        };
        let warning = Warning {
            code: "not-invalidated",
            message: format!("the change is made, but edge copies are not invalidated: {error}"),
            hint: "run selvedge purge with --collection or --path, or send the change again",
        };
        CopiesView { warning: Some(warning), ..left }
    }

    /// Bans scopes on every permanent stage.
    async fn ban_everywhere(&self, scopes: &[BanScope]) -> Result<()> {
        let since_ms = self.dated();
        let _entered = self.tiers.memory.pending_bans.enter(&self.site, scopes);
        // Most sites have no other stage, and this one must not depend on a listing.
        let production = StageName::production();
        let mut outcome = self.ban_on(&production, scopes, since_ms).await;
        let stages = self.stage_names().await?;
        for stage in stages.iter().filter(|stage| **stage != production) {
            let banned = self.ban_on(stage, scopes, since_ms).await;
            outcome = outcome.and(banned);
        }
        outcome
    }

    /// Bans scopes on a stage, retrying against concurrent changes.
    async fn ban_on(
        &self,
        stage: &StageName,
        scopes: &[BanScope],
        since_ms: UnixMillis,
    ) -> Result<()> {
        let change = |record: &LiveRecord| {
            let is_done = |scope| is_covered(&record.bans, scope, since_ms);
            if record.kind == StageKind::Sandbox || scopes.iter().all(is_done) {
                return Ok(Change::Already(record.clone()));
            }
            let (at_ms, all) = (self.dated(), self.tiers.memory.pending_bans.of(&self.site));
            Ok(Change::Write(record.banned(all.into_iter().map(|scope| Ban { at_ms, scope }))))
        };
        let mut pauses_ms = PAUSES_MS.iter();
        loop {
            match self.update_live(stage, &change).await.map_err(AdminError::of_ban) {
                Ok(Change::Already(record)) if record.kind == StageKind::Permanent => {
                    // Another request wrote the ban; this isolate must apply it at once too.
                    let (ports, now) = (&self.tiers.ports, self.tiers.ports.now());
                    live::keep(ports, &self.tiers.memory, record, now);
                    return Ok(());
                }
                Ok(_) | Err(AdminError::NotFound(_)) => return Ok(()),
                Err(error) => match pauses_ms.next() {
                    Some(pause_ms) if is_passing(&error) => self.pause(*pause_ms).await,
                    _ => return Err(error),
                },
            }
        }
    }

    /// Returns the time of a ban that is made now. KV may return the old object for a while after a
    /// write, so the ban covers reads until then.
    fn dated(&self) -> UnixMillis {
        self.tiers.ports.now().plus(self.lag_secs().saturating_mul(1_000))
    }

    async fn pause(&self, ms: u64) {
        let random = self.tiers.ports.random().map_or(0, |[first, ..]| u64::from(first));
        let more_ms = ms.saturating_mul(random) / 256;
        self.tiers.ports.sleep(ms.saturating_add(more_ms)).await;
    }
}

/// Whether a failed write of a live record is worth another attempt.
fn is_passing(error: &AdminError) -> bool {
    matches!(
        error,
        AdminError::NotStored(Fault::Failed) | AdminError::Unavailable(Fault::Failed | Fault::Busy)
    )
}

/// Returns the scopes of a ban: objects by name, or their collection.
fn scopes(collection: &CollectionName, names: Option<&[String]>) -> Result<Vec<BanScope>> {
    let whole = || vec![BanScope::Collection(collection.clone())];
    let Some(names) = names else { return Ok(whole()) };
    if names.is_empty() {
        return Err(Invalid::NoNames.into());
    }
    let objects = names.iter().map(|name| {
        let name = ObjectName::parse(name)?;
        Ok(BanScope::Object(BannedObject { collection: collection.clone(), name }))
    });
    let objects: Vec<BanScope> = objects.collect::<Result<_>>()?;
    Ok(if objects.len() > OBJECT_BANS_MAX { whole() } else { objects })
}

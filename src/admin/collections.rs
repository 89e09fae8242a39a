//! Finds the collection that an object belongs to.

use crate::admin::error::{AdminError, Missing, Result};
use crate::admin::handler::Handler;
use crate::ports::Ports;
use crate::site::collection::{Access, Collection, CollectionName, ObjectName};
use crate::site::config::STAGES_MAX;
use crate::site::ids::{SiteName, StageName};
use crate::site::keys::{self, Key};
use crate::wire::path;

pub struct ObjectId {
    pub collection: CollectionName,
    pub name: ObjectName,
    pub key: Key,
}

impl ObjectId {
    pub fn parse(site: &SiteName, collection: &str, name: &str) -> Result<Self> {
        let (collection, name) =
            (CollectionName::parse(collection)?, ObjectName::of_decoded(name)?);
        let key = keys::object(site, &collection, &name);
        Ok(Self { collection, name, key })
    }
}

/// A collection, and a stage that serves it.
pub struct Served {
    stage: StageName,
    collection: Collection,
}

impl<P: Ports> Handler<'_, P> {
    /// Finds a collection that the live deployment of some stage has.
    pub async fn served(&self, name: &CollectionName) -> Result<Served> {
        self.find_served(name).await?.ok_or(AdminError::NotFound(Missing::Collection))
    }

    /// Returns the error for a missing object: the collection may be missing too.
    pub async fn absent(&self, object: &ObjectId) -> AdminError {
        match self.served(&object.collection).await {
            Ok(_) => AdminError::NotFound(Missing::Object),
            Err(error) => error,
        }
    }

    /// Finds a collection on the first stage that has it, beginning with production.
    pub async fn find_served(&self, name: &CollectionName) -> Result<Option<Served>> {
        let production = StageName::production();
        if let Some(served) = self.served_on(&production, name).await? {
            return Ok(Some(served));
        }
        let stages = self.stage_names().await?;
        for stage in stages.iter().filter(|stage| **stage != production).take(STAGES_MAX) {
            if let Some(served) = self.served_on(stage, name).await? {
                return Ok(Some(served));
            }
        }
        self.usable_site().await?;
        Ok(None)
    }

    async fn served_on(&self, stage: &StageName, name: &CollectionName) -> Result<Option<Served>> {
        let Some((record, _)) = self.versioned_live(stage).await? else { return Ok(None) };
        let manifest = self.tiers.manifest(&self.site, &record.deployment).await?;
        let Some(manifest) = manifest else { return Ok(None) };
        let mut collections = manifest.head().config.collections.iter();
        let collection = collections.find(|collection| collection.name == *name).cloned();
        Ok(collection.map(|collection| Served { stage: stage.clone(), collection }))
    }

    pub fn object_url(&self, Served { stage, collection }: &Served, name: &ObjectName) -> String {
        let label = match collection.access {
            Access::Key => format!("fresh--{}", self.site),
            Access::Public => self.stage_label(stage),
        };
        let prefix = path::encode(collection.prefix.as_str());
        [&self.address(&label), prefix.trim_start_matches('/'), name.as_str()].concat()
    }

    /// Seconds until a change to an object is in force everywhere, if its edge copies are not
    /// invalidated.
    pub fn copies_ttl_secs(&self, Served { collection, .. }: &Served) -> u64 {
        let (ttl, stale) = (collection.edge_ttl, collection.stale_while_revalidate);
        u64::from(ttl.0).saturating_add(u64::from(stale.0)).saturating_add(self.lag_secs())
    }
}

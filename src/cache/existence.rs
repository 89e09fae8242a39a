//! Whether a site or a deployment exists, read from the store within the windows of a live record.
//!
//! A manifest never changes, so memory and the edge tier keep it long after the deployment was
//! deleted: having it does not prove that the deployment exists. The site's view is read by the
//! fresh host, deployment addresses and hits in retained deployments only.

use std::rc::Rc;

use crate::cache::memory::{Content, ContentKey, Memory};
use crate::cache::record_map::RecordMap;
use crate::cache::windows::{Current, RecordKey, Use};
use crate::ports::deadline::persistently;
use crate::ports::{Fault, Ports, Result};
use crate::site::config::StageKind;
use crate::site::deployment::manifest::{Manifest, ROOT_BYTES_MAX};
use crate::site::ids::{DeploymentKey, SiteName};
use crate::site::keys;
use crate::site::records::site::SiteRecord;
use crate::site::records::view::SiteView;

impl Current<SiteView> {
    /// Fails if only an old record says that the site does not exist: it may have been created
    /// since.
    pub fn decided(self) -> Result<Self> {
        let is_doubtful = !self.record.exists && self.use_of == Use::StaleIfError;
        if is_doubtful { Err(Fault::Failed) } else { Ok(self) }
    }
}

impl<P: Ports> RecordKey<P> for SiteName {
    type Record = SiteView;

    fn map(memory: &Memory<P::Held>) -> &RecordMap<Self, SiteView> {
        &memory.sites
    }

    /// A site that does not exist is looked up for every request: a new one is seen at once.
    fn kind(view: &SiteView) -> StageKind {
        if view.exists { StageKind::Permanent } else { StageKind::Sandbox }
    }

    async fn read(
        &self,
        ports: &P,
        memory: &Memory<P::Held>,
        ms: u64,
    ) -> Result<Option<Current<SiteView>>> {
        let read_ms = ports.now();
        let key = keys::site(self);
        let record = match persistently(ports, ms, || ports.read(&key)).await? {
            Some(value) => Some(SiteRecord::parse(&value.bytes, self).ok_or(Fault::Failed)?),
            None => None,
        };
        let record = memory.sites.keep(self.clone(), SiteView::of(record), read_ms);
        Ok(Some(Current { record, read_ms, use_of: Use::Read }))
    }
}

impl<P: Ports> RecordKey<P> for DeploymentKey {
    type Record = ();

    fn map(memory: &Memory<P::Held>) -> &RecordMap<Self, ()> {
        &memory.deployments
    }

    fn kind((): &()) -> StageKind {
        StageKind::Permanent
    }

    /// Reads the whole root, because a cold isolate needs it anyway.
    async fn read(
        &self,
        ports: &P,
        memory: &Memory<P::Held>,
        ms: u64,
    ) -> Result<Option<Current<()>>> {
        let Self(site, id) = self;
        let read_ms = ports.now();
        let key = keys::deployment(site, id);
        let Some(root) = persistently(ports, ms, || ports.read(&key)).await? else {
            memory.deployments.forget(self);
            return Ok(None);
        };
        if memory.manifest(site, id).is_none() {
            let root = Some(root.bytes).filter(|root| root.len() <= ROOT_BYTES_MAX);
            let manifest = root.and_then(|root| Manifest::parse_as(id, &root).ok());
            let manifest = Rc::new(manifest.ok_or(Fault::Failed)?);
            let key = ContentKey::Manifest(site.clone(), id.clone());
            memory.keep(key, Content::Manifest(manifest));
        }
        let record = memory.deployments.keep(self.clone(), (), read_ms);
        Ok(Some(Current { record, read_ms, use_of: Use::Read }))
    }
}

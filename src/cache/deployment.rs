//! Whether a deployment exists, checked in the store within the windows of a live record.
//!
//! The manifest never changes, so memory and the edge tier keep it long after the deployment was
//! deleted: having it does not prove that the deployment exists.

use std::rc::Rc;

use crate::cache::memory::{Content, ContentKey, Memory};
use crate::cache::record_map::RecordMap;
use crate::cache::windows::{Current, RecordKey, Use};
use crate::ports::deadline::persistently;
use crate::ports::{Fault, Ports};
use crate::site::config::StageKind;
use crate::site::deployment::manifest::{Manifest, ROOT_BYTES_MAX};
use crate::site::ids::DeploymentKey;
use crate::site::keys;

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
    ) -> Result<Option<Current<()>>, Fault> {
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

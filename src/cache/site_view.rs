//! Reads the site's view within the windows of a live record.
//!
//! Only the fresh host, deployment addresses and hits in retained deployments read it.

use crate::cache::memory::Memory;
use crate::cache::record_map::RecordMap;
use crate::cache::windows::{Current, RecordKey, Use};
use crate::ports::deadline::persistently;
use crate::ports::{Fault, Ports};
use crate::site::config::StageKind;
use crate::site::ids::SiteName;
use crate::site::keys;
use crate::site::records::site::SiteRecord;
use crate::site::records::view::SiteView;

impl Current<SiteView> {
    /// Fails if only an old record says that the site does not exist: it may have been created
    /// since.
    pub fn decided(self) -> Result<Self, Fault> {
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
    ) -> Result<Option<Current<SiteView>>, Fault> {
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

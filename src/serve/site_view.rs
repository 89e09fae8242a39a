//! The part of the site record that requests depend on: API keys, takedowns, and whether the site
//! exists.
//!
//! Only the fresh host, deployment addresses and hits in retained deployments read it.

use crate::serve::deadline;
use crate::serve::memory::Memory;
use crate::serve::ports::{Fault, Ports};
use crate::serve::record_map::RecordMap;
use crate::serve::windows::{Current, RecordKey, Use};
use crate::site::config::StageKind;
use crate::site::ids::SiteName;
use crate::site::keys;
use crate::site::record::{ApiKey, SiteRecord};
use crate::site::takedown::{self, Takedown};

/// A site as requests see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteView {
    /// The keys of the fresh host; none if the site does not exist.
    pub keys: Vec<ApiKey>,
    /// Whether the site exists and is not being deleted.
    pub exists: bool,
    takedowns: Vec<Takedown>,
}

impl SiteView {
    /// Returns the view of a record, or of a site without one.
    pub fn of(record: Option<SiteRecord>) -> Self {
        match record.filter(|record| record.deletion.is_none()) {
            Some(record) => Self { keys: record.keys, exists: true, takedowns: record.takedowns },
            None => Self { keys: Vec::new(), exists: false, takedowns: Vec::new() },
        }
    }

    /// Whether a published file must not be served from a retained deployment, or on a deployment's
    /// own address.
    pub fn hides(&self, file: &str) -> bool {
        !self.exists || takedown::is_hidden(&self.takedowns, file)
    }

    /// Whether no file is hidden.
    pub fn hides_nothing(&self) -> bool {
        self.exists && self.takedowns.is_empty()
    }
}

impl Current<SiteView> {
    /// Fails if all that is known of the site is old and says that it does not exist: it may have
    /// been created since.
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
        let record = match deadline::read(ports, ms, &keys::site(self)).await? {
            Some(value) => Some(SiteRecord::parse(&value.bytes, self).ok_or(Fault::Failed)?),
            None => None,
        };
        let record = memory.sites.keep(self.clone(), SiteView::of(record), read_ms);
        Ok(Some(Current { record, read_ms, use_of: Use::Read }))
    }
}

//! The part of the site record that requests depend on: API keys, takedowns, and whether the site
//! exists.

use crate::site::records::site::{Credential, SiteRecord};
use crate::site::records::takedown::{self, Takedown};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteView {
    /// Keys of the fresh host.
    pub keys: Vec<Credential>,
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

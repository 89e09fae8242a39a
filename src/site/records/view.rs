//! The part of the site record that requests depend on: API keys, takedowns, and whether the site
//! exists.

use crate::site::records::site::{Credential, SiteRecord};
use crate::site::records::takedown::{self, Takedown};
use crate::wire::time::UnixMillis;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteView {
    /// Keys of the fresh host.
    pub keys: Vec<Credential>,
    /// Whether the site exists and is not being deleted.
    pub exists: bool,
    /// `None` if the site does not exist.
    pub created_ms: Option<UnixMillis>,
    takedowns: Vec<Takedown>,
}

impl SiteView {
    /// Returns the view of a record, or of a site without one.
    pub fn of(record: Option<SiteRecord>) -> Self {
        match record.filter(|record| record.deletion.is_none()) {
            Some(SiteRecord { keys, takedowns, created_ms, .. }) => {
                Self { keys, exists: true, created_ms: Some(created_ms), takedowns }
            }
            None => {
                Self { keys: Vec::new(), exists: false, created_ms: None, takedowns: Vec::new() }
            }
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

//! Reads the server's limits and the live records of its stages.

use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::site::api::{Server, StageView};
use crate::site::ids::{SiteName, StageName};

impl Client {
    /// # Errors
    /// [`Failure`] as of [`Client::call`].
    pub fn server(&self) -> Result<Server, Failure> {
        self.get("")
    }

    /// Returns what a stage serves, `None` if nothing was ever deployed to it.
    ///
    /// # Errors
    /// [`Failure`] as of [`Client::call`].
    pub fn live(&self, site: &SiteName, stage: &StageName) -> Result<Option<StageView>, Failure> {
        self.find(&format!("/sites/{site}/stages/{stage}"))
    }
}

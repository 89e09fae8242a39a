//! What the admin API answers, as values.
//!
//! Members that are not known here are passed over: a newer server may say more.

use serde::{Deserialize, Serialize};

use crate::publish::client::Client;
use crate::publish::failure::Failure;
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::records::live::Retained;

/// What the server is and takes.
#[derive(Debug, Clone, Deserialize)]
pub struct Server {
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// What it stores in: `r2` or `kv`.
    #[serde(default)]
    pub store: String,
    /// The largest things that it takes.
    pub limits: Limits,
    /// How long a change may take to be seen everywhere, in seconds.
    #[serde(default)]
    pub live_bound_secs: u64,
    /// Upstreams that actions may name; `None` of a server that does not tell.
    #[serde(default)]
    pub allowed_origins: Option<Vec<String>>,
}

/// The largest things that a server takes.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Limits {
    /// A blob, in bytes.
    pub blob_bytes_max: u64,
    /// A batch of blobs, in bytes.
    pub batch_bytes_max: u64,
    /// A batch of blobs, in blobs.
    pub batch_blobs_max: usize,
    /// Hashes in one question for missing blobs.
    pub missing_hashes_max: usize,
}

/// What a stage serves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LiveView {
    /// The stage.
    pub stage: StageName,
    /// `permanent` or `sandbox`.
    #[serde(default)]
    pub kind: String,
    /// The deployment.
    pub deployment: DeploymentId,
    /// Goes up by one with every change.
    pub seq: u64,
    /// When it became live, in milliseconds since 1970.
    #[serde(default)]
    pub activated_ms: u64,
    /// The token that made it live.
    #[serde(default)]
    pub by: String,
    /// What was live before, newest first.
    #[serde(default)]
    pub retained: Vec<Retained>,
}

/// What a change of the live deployment answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Activated {
    /// What the stage serves now.
    #[serde(flatten)]
    pub live: LiveView,
    /// Whether it served something else before.
    #[serde(default)]
    pub changed: bool,
    /// How long the change may take to be seen everywhere, in seconds.
    #[serde(default)]
    pub effective_within_secs: u64,
    /// The stage's address.
    #[serde(default)]
    pub url: String,
}

/// What a commit answers.
#[derive(Debug, Clone, Deserialize)]
pub struct Committed {
    /// The deployment's own address.
    #[serde(default)]
    pub url: String,
    /// Paths that are taken down.
    #[serde(default)]
    pub takedowns: Vec<String>,
}

impl Client {
    /// What the server is and takes.
    ///
    /// # Errors
    /// [`Failure`] as of [`Client::call`].
    pub fn server(&self) -> Result<Server, Failure> {
        self.get("")
    }

    /// What a stage serves, `None` when nothing was ever deployed to it.
    ///
    /// # Errors
    /// [`Failure`] as of [`Client::call`].
    pub fn live(&self, site: &SiteName, stage: &StageName) -> Result<Option<LiveView>, Failure> {
        self.find(&format!("/sites/{site}/stages/{stage}"))
    }
}

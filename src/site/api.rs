//! Requests and responses of the admin API that the worker and the command line share.
//!
//! Members that a server of another version leaves out have defaults; members that it adds are
//! ignored.

use serde::{Deserialize, Serialize};

use crate::site::action::Upstream;
use crate::site::config::StageKind;
use crate::site::ids::{ContentHash, DeploymentId, SiteName, StageName};
use crate::site::records::ban::BanScope;
use crate::site::records::live::Retained;
use crate::site::records::takedown::{Takedown, TakedownPath};
use crate::wire::time::UnixMillis;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Server {
    #[serde(default)]
    pub version: String,
    /// `r2` or `kv`.
    #[serde(default)]
    pub store: String,
    #[serde(default)]
    pub base_domain: String,
    /// Maximum number of seconds until a change is in force everywhere.
    #[serde(default)]
    pub live_bound_secs: u64,
    /// Upstreams that actions may name; `None` if the server does not list them.
    #[serde(default)]
    pub allowed_origins: Option<Vec<Upstream>>,
    pub limits: Limits,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Limits {
    pub blob_bytes_max: u64,
    pub batch_bytes_max: u64,
    pub batch_blobs_max: usize,
    pub missing_hashes_max: usize,
    #[serde(default)]
    pub root_bytes_max: usize,
    #[serde(default)]
    pub paths_max: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StageView {
    pub stage: StageName,
    pub kind: StageKind,
    pub deployment: DeploymentId,
    /// Increases with every change.
    pub seq: u64,
    #[serde(default)]
    pub activated_ms: UnixMillis,
    /// Name of the token that activated the deployment.
    #[serde(default)]
    pub by: String,
    /// Earlier deployments, newest first.
    #[serde(default)]
    pub retained: Vec<Retained>,
    #[serde(default)]
    pub url: String,
    #[serde(default)]
    pub deployment_url: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Activate {
    pub deployment: DeploymentId,
    /// The sequence number that the stage must have: 0 for a new stage, `None` for any.
    pub expected_seq: Option<u64>,
}

/// The response to an activation, a rollback or a promotion.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Activated {
    #[serde(flatten)]
    pub live: StageView,
    /// Whether the stage served something else before.
    #[serde(default)]
    pub changed: bool,
    #[serde(default)]
    pub effective_within_secs: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Committed {
    pub deployment: DeploymentId,
    #[serde(default)]
    pub url: String,
    /// All takedowns of the site.
    #[serde(default)]
    pub takedowns: Vec<TakedownPath>,
}

/// Asks which of some blobs a site lacks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MissingQuestion {
    /// The hexadecimal digits that all of the hashes begin with.
    pub prefix: String,
    pub hashes: Vec<ContentHash>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MissingBlobs {
    pub missing: Vec<ContentHash>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Purged {
    pub stage: StageName,
    /// The sequence number of the stage after the purge.
    pub seq: u64,
    #[serde(default)]
    pub at_ms: UnixMillis,
    pub scope: BanScope,
    #[serde(default)]
    pub effective_within_secs: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakenDown {
    /// The new takedown, or the existing one of the same path.
    #[serde(flatten)]
    pub takedown: Takedown,
    #[serde(default)]
    pub changed: bool,
    #[serde(default)]
    pub effective_within_secs: u64,
    /// Stages whose live deployment has a hidden file.
    #[serde(default)]
    pub live_on: Vec<StageName>,
    /// Stages whose live deployment was not searched.
    #[serde(default)]
    pub unchecked: Vec<StageName>,
}

/// Whether a site has renditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaAccess {
    /// Whether the server has a media worker.
    pub enabled: bool,
    /// The key that signs the site's URLs; `None` if the operator has set no secret.
    #[serde(default)]
    pub key: Option<String>,
}

/// The response to one call of a deletion.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeletionStep {
    pub site: SiteName,
    /// Whether nothing is left.
    #[serde(default)]
    pub done: bool,
    /// The kind of thing that was deleted, or `waiting`.
    #[serde(default)]
    pub phase: String,
    #[serde(default)]
    pub deleted: u64,
    /// Seconds until another call can make progress.
    #[serde(default)]
    pub wait_secs: u64,
    #[serde(default)]
    pub effective_within_secs: u64,
}

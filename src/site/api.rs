//! Requests and answers of the admin API that the worker and the command line share.
//!
//! Members that a server of another version leaves out have defaults; members that it adds are
//! ignored.

use serde::{Deserialize, Serialize};

use crate::site::ids::{ContentHash, DeploymentId, SiteName, StageName};
use crate::site::records::ban::BanScope;
use crate::site::records::takedown::Takedown;
use crate::wire::time::UnixMillis;

/// The request of an activation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Activate {
    /// The deployment to make live.
    pub deployment: DeploymentId,
    /// The sequence number that the stage must have: 0 for a new stage, `None` for any.
    pub expected_seq: Option<u64>,
}

/// The request for those of some blobs that a site lacks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MissingQuestion {
    /// The hexadecimal digits that all of the hashes begin with.
    pub prefix: String,
    /// The hashes.
    pub hashes: Vec<ContentHash>,
}

/// The answer to a [`MissingQuestion`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MissingBlobs {
    /// The hashes of blobs that the site lacks.
    pub missing: Vec<ContentHash>,
}

/// The answer to a purge.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Purged {
    /// The stage.
    pub stage: StageName,
    /// The sequence number of the stage after it.
    pub seq: u64,
    /// When it was made.
    #[serde(default)]
    pub at_ms: UnixMillis,
    /// What was invalidated.
    pub scope: BanScope,
    /// Seconds until it is in force everywhere, at most.
    #[serde(default)]
    pub effective_within_secs: u64,
}

/// The answer to a takedown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakenDown {
    /// The takedown; the first one of its path if there were several.
    #[serde(flatten)]
    pub takedown: Takedown,
    /// Whether the path was not taken down before.
    #[serde(default)]
    pub changed: bool,
    /// Seconds until it is in force everywhere, at most.
    #[serde(default)]
    pub effective_within_secs: u64,
    /// Stages that serve a hidden file live.
    #[serde(default)]
    pub live_on: Vec<StageName>,
    /// Stages that may serve a hidden file live.
    #[serde(default)]
    pub unchecked: Vec<StageName>,
}

/// The answer to one call of a deletion.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeletionStep {
    /// The site.
    pub site: SiteName,
    /// Whether nothing is left.
    #[serde(default)]
    pub done: bool,
    /// The kind of thing that was deleted, or `waiting`.
    #[serde(default)]
    pub phase: String,
    /// How many things were deleted.
    #[serde(default)]
    pub deleted: u64,
    /// Seconds until the next call can do something.
    #[serde(default)]
    pub wait_secs: u64,
    /// Seconds until the deletion is in force everywhere, at most.
    #[serde(default)]
    pub effective_within_secs: u64,
}

//! Options of a publish.

use std::path::PathBuf;

use crate::publish::encode::Effort;
use crate::site::ids::{SiteName, StageName};

/// How far a publish goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Activate,
    /// The deployment has its address, and the stage is unchanged.
    Commit,
    DryRun,
}

/// Reaction to another publish that changed the stage meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLostRace {
    Refuse,
    Replace,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CachePlace {
    User,
    At(PathBuf),
    Nowhere,
}

#[derive(Debug, Clone)]
pub struct PublishOptions {
    pub folder: PathBuf,
    /// Created if it doesn't exist and the token allows it.
    pub site: SiteName,
    pub stage: StageName,
    pub config_file: Option<PathBuf>,
    pub effort: Effort,
    pub cache: CachePlace,
    pub allow_secrets: bool,
    pub extent: Extent,
    pub on_lost_race: OnLostRace,
}

//! A site's configuration, compiled from `selvedge.toml` and the rule files into the manifest.
//!
//! After [`SiteConfig::check`], a configuration can't produce a response that a runtime rejects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::site::action::{ACTIONS_MAX, Action};
use crate::site::collection::{COLLECTIONS_MAX, Collection, CollectionError, ObjectName};
use crate::site::deployment::fingerprint::may_be_fingerprinted;
use crate::site::ids::StageName;
use crate::site::media::check::check as check_media;
use crate::site::media::config::MediaConfig;
use crate::site::rules::mistake::Mistake;
use crate::site::rules::{HeaderRules, Redirects, check_count};
use crate::wire::path::file_extension;
use crate::wire::time::DeltaSeconds;

/// Default time that edges keep the responses of a permanent stage: a day.
pub const EDGE_TTL_SECS_DEFAULT: u32 = 86_400;
/// Lifetime of the `short` profile, in browsers and at the edge: a minute.
pub const SHORT_TTL_SECS: u32 = 60;
/// Maximum number of stages in a configuration, because tenants upload it.
pub const STAGES_MAX: usize = 64;

/// How a path without an exact file finds its page (`docs/configuration.md` has the table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HtmlMode {
    /// `/a` for `a.html`, `/a/` for `a/index.html`.
    #[default]
    AutoTrailingSlash,
    /// `/a/` for both.
    ForceTrailingSlash,
    /// `/a` for both.
    DropTrailingSlash,
    /// Both at either address, without a redirect.
    Rewrite,
    /// `a/index.html` first, then `a.html`, without a redirect.
    DefaultRoot,
    /// Exact paths only.
    None,
}

/// The response if nothing is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotFoundMode {
    /// The nearest `404.html` up the tree.
    #[default]
    #[serde(rename = "404-page")]
    Page,
    /// `/200.html`, else `/index.html`, with 200 for navigations; 404 for everything else.
    SinglePageApplication,
    /// A built-in response.
    None,
}

/// The lifetimes that a permanent stage sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Browsers revalidate, edges keep a copy for `edge_ttl`.
    #[default]
    Default,
    /// A minute everywhere.
    Short,
}

/// How the publisher recognised fingerprinted files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fingerprints {
    /// By their names and those of other files: see [`crate::site::deployment::fingerprint`].
    #[default]
    Auto,
    /// By the site's path patterns: any file may be one.
    Listed,
    None,
}

/// Whether a stage is cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageKind {
    Permanent,
    Sandbox,
}

impl StageKind {
    /// Returns the kind of a stage that no configuration describes.
    pub fn default_for(stage: &StageName) -> Self {
        if stage.is_production() { Self::Permanent } else { Self::Sandbox }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Sandbox => "sandbox",
        }
    }
}

/// The settings of one stage that differ from the site's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<StageKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge_ttl: Option<DeltaSeconds>,
}

/// The configuration that serving needs; `docs/configuration.md` describes every key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteConfig {
    pub html: HtmlMode,
    pub not_found: NotFoundMode,
    /// The status of redirects to canonical paths.
    pub redirect_status: CanonicalStatus,
    pub fingerprint: Fingerprints,
    pub profile: Profile,
    /// How long edges keep copies on permanent stages with the default profile.
    pub edge_ttl: DeltaSeconds,
    pub stages: BTreeMap<StageName, StageSettings>,
    /// In order. Omitted if empty, so that ids of deployments without actions have not changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// In order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<Collection>,
    /// Renditions, if the site has a `[media]` table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaConfig>,
    pub redirects: Redirects,
    pub headers: HeaderRules,
}

impl Default for SiteConfig {
    fn default() -> Self {
        Self {
            html: HtmlMode::default(),
            not_found: NotFoundMode::default(),
            redirect_status: CanonicalStatus::default(),
            fingerprint: Fingerprints::default(),
            profile: Profile::default(),
            edge_ttl: DeltaSeconds(EDGE_TTL_SECS_DEFAULT),
            stages: BTreeMap::new(),
            actions: Vec::new(),
            collections: Vec::new(),
            media: None,
            redirects: Redirects::default(),
            headers: HeaderRules::default(),
        }
    }
}

/// The status of a redirect to a canonical path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum CanonicalStatus {
    /// 307: never cached, so that a change of the configuration takes effect at once.
    #[default]
    Temporary,
    /// 308: cached by browsers.
    Permanent,
}

impl From<CanonicalStatus> for u16 {
    fn from(status: CanonicalStatus) -> u16 {
        match status {
            CanonicalStatus::Temporary => 307,
            CanonicalStatus::Permanent => 308,
        }
    }
}

impl TryFrom<u16> for CanonicalStatus {
    type Error = &'static str;
    fn try_from(status: u16) -> Result<Self, &'static str> {
        match status {
            307 => Ok(Self::Temporary),
            308 => Ok(Self::Permanent),
            _ => Err("must be 307 or 308"),
        }
    }
}

/// The resolved configuration of one stage of one deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagePolicy {
    pub kind: StageKind,
    pub profile: Profile,
    pub edge_ttl: DeltaSeconds,
}

impl SiteConfig {
    /// Returns the policy of a stage.
    pub fn policy(&self, stage: &StageName) -> StagePolicy {
        let settings = self.stages.get(stage).cloned().unwrap_or_default();
        StagePolicy {
            kind: settings.kind.unwrap_or_else(|| StageKind::default_for(stage)),
            profile: settings.profile.unwrap_or(self.profile),
            edge_ttl: settings.edge_ttl.unwrap_or(self.edge_ttl),
        }
    }

    /// Returns the first collection with a prefix that covers a decoded path, and the object.
    pub fn collection(&self, path: &str) -> Option<(&Collection, ObjectName)> {
        let collection = self.collections.iter().find(|one| one.prefix.holds(path))?;
        let name = ObjectName::of_decoded(collection.prefix.rest(path)?).ok()?;
        Some((collection, name))
    }

    /// Returns whether a path is in a collection, with or without an object.
    pub fn is_of_collection(&self, path: &str) -> bool {
        self.collections.iter().any(|one| one.prefix.holds(path))
    }

    /// Returns whether a path may be a fingerprinted file of an earlier deployment.
    pub fn may_be_fingerprinted(&self, path: &str) -> bool {
        match self.fingerprint {
            Fingerprints::Auto => may_be_fingerprinted(path),
            Fingerprints::Listed => !matches!(file_extension(path), None | Some("html" | "htm")),
            Fingerprints::None => false,
        }
    }

    /// Returns the policy of a deployment's own host, which never changes.
    pub fn deployment_policy(&self) -> StagePolicy {
        StagePolicy { kind: StageKind::Permanent, profile: self.profile, edge_ttl: self.edge_ttl }
    }

    /// Checks every rule; the worker repeats this check of the publisher, because tenants upload
    /// manifests.
    pub fn check(&self) -> Result<(), Mistake> {
        for (count, what, max) in [
            (self.stages.len(), "stages", STAGES_MAX),
            (self.actions.len(), "actions", ACTIONS_MAX),
            (self.collections.len(), "collections", COLLECTIONS_MAX),
        ] {
            check_count(count, what, max)?;
        }
        for action in &self.actions {
            let mistake = |error| {
                let message = format!("the action `{}`: {error}", action.prefix.as_str());
                Mistake::new(message, "Keep within that.")
            };
            action.check().map_err(mistake)?;
        }
        for (index, collection) in self.collections.iter().enumerate() {
            let mut before = self.collections.iter().take(index);
            let taken = before.any(|other| other.name == collection.name);
            let checked = if taken { Err(CollectionError::Taken) } else { collection.check() };
            let mistake = |error| {
                let message = format!("the collection `{}`: {error}", collection.name);
                Mistake::new(message, "Keep within that.")
            };
            checked.map_err(mistake)?;
        }
        self.media.as_ref().map_or(Ok(()), check_media)?;
        self.redirects.check()?;
        self.headers.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::codec;

    #[test]
    fn uploaded_configurations_are_checked() {
        let action = r#"{"prefix":"/a","upstream":"https://a.test""#;
        let list = |one: &str, count| vec![one; count].join(",");
        let actions = |count| format!(r#"{{"actions":[{}]}}"#, list(&format!("{action}}}"), count));
        let collections = |count: usize| {
            let one = |n| format!(r#"{{"name":"c{n}","prefix":"/c"}}"#);
            format!(r#"{{"collections":[{}]}}"#, (0..count).map(one).collect::<Vec<_>>().join(","))
        };
        let rows = [
            ("{}".to_owned(), true),
            (actions(ACTIONS_MAX), true),
            (actions(ACTIONS_MAX + 1), false),
            (collections(COLLECTIONS_MAX), true),
            (collections(COLLECTIONS_MAX + 1), false),
            (format!(r#"{{"actions":[{action},"cap":1801}}]}}"#), false),
            (r#"{"collections":[{"name":"a","prefix":"/a","browser":""}]}"#.to_owned(), false),
            (
                r#"{"collections":[{"name":"a","prefix":"/a"},{"name":"a","prefix":"/b"}]}"#
                    .to_owned(),
                false,
            ),
        ];
        for (json, is_good) in rows {
            let config: SiteConfig = codec::decode(json.as_bytes()).unwrap();
            assert_eq!(config.check().is_ok(), is_good, "{json}");
        }
        for json in [
            r#"{"actions":[{"prefix":"/.selvedge/","upstream":"https://a.test"}]}"#,
            r#"{"actions":[{"prefix":"/a/../b","upstream":"https://a.test"}]}"#,
            r#"{"actions":[{"prefix":"/a","upstream":"https://a.test/b"}]}"#,
            r#"{"collections":[{"name":"../a","prefix":"/a"}]}"#,
            r#"{"collections":[{"name":"a","prefix":"a"}]}"#,
        ] {
            assert!(codec::decode::<SiteConfig>(json.as_bytes()).is_err(), "{json}");
        }
    }
}

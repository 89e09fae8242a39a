//! The configuration of a publish.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::publish::config::media::PresetFile;
use crate::publish::config::routes::Route;
use crate::publish::failure::{Findings, Problem};
use crate::site::action::Upstream;
use crate::site::config::{NotFoundMode, SiteConfig};
use crate::site::rules::RedirectRule;
use crate::site::rules::pattern::Pattern;
use crate::site::source::diagnostic::{Diagnostic, Located, Severity};
use crate::site::source::type_rule::TypeRule;

/// The configuration of a folder, with everything that is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    pub config: SiteConfig,
    pub publish: PublishSettings,
    pub not_found: NotFound,
    pub html_is_set: bool,
    /// Page of the single-page application, if a catch-all line names it.
    pub application_page: Option<String>,
    pub redirects: Vec<Located<RedirectRule>>,
    pub types: Vec<Located<TypeRule>>,
    /// In the order in which a request tries them.
    pub routes: Vec<Located<Route>>,
    pub upstreams: Vec<Located<Upstream>>,
    pub preset_files: Vec<Located<PresetFile>>,
    pub diagnostics: Vec<Diagnostic>,
    pub files: Vec<PathBuf>,
}

impl Loaded {
    pub fn findings(&self) -> Findings {
        let [problems, warnings, notes] =
            [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
                let found = self.diagnostics.iter().filter(|found| found.severity == severity);
                found.map(Problem::from).collect()
            });
        Findings { problems, warnings, notes }
    }
}

/// Settings that concern publishing only, and are not part of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishSettings {
    pub ignore: Vec<String>,
    pub include: Vec<String>,
    /// By file extension, in lower case, without the dot.
    pub types: BTreeMap<String, String>,
    pub fingerprint: Fingerprint,
    pub without_public: bool,
}

/// Files whose names change with their content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fingerprint {
    #[default]
    Auto,
    None,
    Patterns(Vec<Pattern>),
}

/// Settings for paths without a file.
#[derive(Debug, Clone, Default)]
pub struct NotFound {
    pub mode: Option<NotFoundMode>,
    pub page: Option<Located<Box<str>>>,
}

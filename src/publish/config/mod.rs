//! A site's configuration, found and read for a publish.
//!
//! Three sources, in this order, later ones adding rules after those of earlier ones:
//! `selvedge.toml` in the published folder or beside it; `_redirects` and `_headers` at the root
//! of the folder; `app.config.yaml` and `ext.config.yaml` in the folder or beside it.
//!
//! It never stops at a mistake: all are returned, and whether to publish is the caller's to say.

pub mod app_config;
pub mod nearest;
pub mod not_found;
pub mod protected;
pub mod public;
pub mod review;
pub mod routes;
pub mod selvedge_toml;
pub mod sources;
pub mod toml_source;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::publish::config::not_found::NotFound;
use crate::publish::config::routes::Route;
use crate::publish::config::sources::Sources;
use crate::publish::failure::Problem;
use crate::site::action::Upstream;
use crate::site::config::{Fingerprints, NotFoundMode, SiteConfig};
use crate::site::rules::header_op::Touch;
use crate::site::rules::pattern::Pattern;
use crate::site::rules::{HeaderRule, RedirectRule};
use crate::site::source::diagnostic::{Diagnostic, Located, Report, Severity};
use crate::site::source::fallback::Fallback;
use crate::site::source::type_rule::TypeRule;
use crate::site::source::{headers_file, redirects_file};

/// Longest configuration file: more rules than a deployment can carry.
pub const CONFIG_FILE_BYTES_MAX: u64 = 8 << 20;

/// Files at the root of a published folder that are never served: they configure.
pub const CONFIG_FILE_NAMES: [&str; 7] = [
    selvedge_toml::FILE_NAME,
    redirects_file::FILE_NAME,
    headers_file::FILE_NAME,
    "app.config.yaml",
    "ext.config.yaml",
    ".selvedgeignore",
    ".assetsignore",
];

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    pub config: SiteConfig,
    pub publish: PublishSettings,
    pub not_found: NotFound,
    pub html_is_set: bool,
    /// The file that is the page of the single-page application, where it is not the usual one.
    pub application_page: Option<String>,
    pub types: Vec<Located<TypeRule>>,
    /// What answers beside assets, in the order in which a request tries it.
    pub routes: Vec<Located<Route>>,
    pub upstreams: Vec<Located<Upstream>>,
    pub diagnostics: Vec<Diagnostic>,
    pub files: Vec<PathBuf>,
}

impl Loaded {
    /// Returns whether something is wrong that stops a publish.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Returns the errors, the warnings and the notes.
    pub fn by_severity(&self) -> [Vec<Problem>; 3] {
        [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
            let found = self.diagnostics.iter().filter(|found| found.severity == severity);
            found.map(Problem::from).collect()
        })
    }
}

/// What concerns publishing only, and is not carried in a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishSettings {
    pub ignore: Vec<String>,
    pub include: Vec<String>,
    /// Media types by file extension, lower-case, without its dot.
    pub types: BTreeMap<String, String>,
    pub fingerprint: Fingerprint,
    pub without_public: bool,
}

/// Which files have names that change with their content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fingerprint {
    #[default]
    Auto,
    None,
    Patterns(Vec<Pattern>),
}

/// Returns the configuration of a folder, from the `selvedge.toml` named by `explicit` if given.
pub fn load(folder: &Path, explicit: Option<&Path>) -> Loaded {
    let mut loader = Loader::default();
    loader.selvedge_toml(folder, explicit);
    let redirects_path = folder.join(redirects_file::FILE_NAME);
    if let Some(text) = loader.read(&redirects_path, Absence::Fine) {
        let read = redirects_file::parse(&shown(&redirects_path), &text);
        loader.redirects.extend(read.rules);
        loader.fallbacks.extend(read.fallbacks);
        loader.loaded.diagnostics.extend(read.diagnostics);
    }
    let headers_path = folder.join(headers_file::FILE_NAME);
    if let Some(text) = loader.read(&headers_path, Absence::Fine) {
        let read = headers_file::parse(&shown(&headers_path), &text);
        loader.headers.extend(read.rules);
        loader.loaded.types.extend(read.types);
        loader.touches.extend(read.touches);
        loader.loaded.diagnostics.extend(read.diagnostics);
    }
    for name in app_config::FILE_NAMES {
        loader.app_config(folder, name);
    }
    loader.finish(folder)
}

#[derive(Default)]
struct Loader {
    loaded: Loaded,
    redirects: Vec<Located<RedirectRule>>,
    fallbacks: Vec<Located<Fallback>>,
    not_found: Option<Located<NotFoundMode>>,
    headers: Vec<Located<HeaderRule>>,
    touches: Vec<Located<Touch>>,
    sources: Sources,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Absence {
    Fine,
    Mistake,
}

impl Loader {
    fn selvedge_toml(&mut self, folder: &Path, explicit: Option<&Path>) {
        let inside = folder.join(selvedge_toml::FILE_NAME);
        let beside = beside(folder, selvedge_toml::FILE_NAME);
        let path = match explicit {
            Some(path) => path.to_owned(),
            None if inside.is_file() && beside.is_file() => {
                let message = format!("{} exists too, and only one can count", shown(&beside));
                let remedy = "Remove one of them, or name the one that counts by --config.";
                self.error(&inside, message, remedy);
                inside
            }
            None if beside.is_file() => beside,
            None => inside,
        };
        let absence = if explicit.is_some() { Absence::Mistake } else { Absence::Fine };
        let Some(text) = self.read(&path, absence) else { return };
        let (read, found) = selvedge_toml::parse(&shown(&path), &text);
        self.loaded.config = read.config;
        self.loaded.config.fingerprint = match read.publish.fingerprint {
            Fingerprint::Auto => Fingerprints::Auto,
            Fingerprint::None => Fingerprints::None,
            Fingerprint::Patterns(_) => Fingerprints::Listed,
        };
        self.loaded.publish = read.publish;
        self.loaded.html_is_set = read.html_is_set;
        self.redirects = read.redirects;
        self.fallbacks = read.fallbacks;
        self.not_found = read.not_found;
        self.headers = read.headers;
        self.loaded.types = read.header_types;
        self.touches = read.touches;
        self.sources = read.sources;
        self.loaded.diagnostics.extend(found);
    }

    fn app_config(&mut self, folder: &Path, name: &str) {
        let inside = folder.join(name);
        let path = if inside.is_file() { inside } else { beside(folder, name) };
        let Some(text) = self.read(&path, Absence::Fine) else { return };
        for include in self.app_config_text(&path, &text) {
            let path = path.with_file_name("").join(include);
            let Some(text) = self.read(&path, Absence::Fine) else { continue };
            self.app_config_text(&path, &text);
        }
    }

    /// Takes what a file says, and returns the files that it includes.
    fn app_config_text(&mut self, path: &Path, text: &str) -> Vec<String> {
        let (read, found) = app_config::parse(&shown(path), text);
        self.headers.extend(read.headers);
        self.loaded.types.extend(read.types);
        self.touches.extend(read.touches);
        self.loaded.diagnostics.extend(found);
        read.includes
    }

    fn read(&mut self, path: &Path, absence: Absence) -> Option<String> {
        if self.loaded.files.iter().any(|read| read == path) {
            return None;
        }
        match std::fs::metadata(path) {
            Ok(found) if found.len() > CONFIG_FILE_BYTES_MAX => {
                let message = format!("longer than {CONFIG_FILE_BYTES_MAX} bytes");
                self.error(path, message, "Write fewer rules with `*` or `:name`.");
                return None;
            }
            Err(error) if error.kind() == ErrorKind::NotFound && absence == Absence::Fine => {
                return None;
            }
            _ => {}
        }
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.error(
                    path,
                    format!("can't be read: {error}"),
                    "Name a file that can be read.",
                );
                return None;
            }
        };
        self.loaded.files.push(path.to_owned());
        let text = String::from_utf8(bytes);
        if text.is_err() {
            self.error(path, "not UTF-8".to_owned(), "Save it as UTF-8.");
        }
        text.ok()
    }

    fn error(&mut self, path: &Path, message: String, remedy: &str) {
        let mut report = Report::new(&shown(path));
        report.error(1, message, remedy);
        self.loaded.diagnostics.extend(report.into_diagnostics());
    }

    fn finish(mut self, folder: &Path) -> Loaded {
        let html = self.loaded.config.html;
        let mut found = Vec::new();
        let (written, fallbacks) = (self.not_found.as_ref(), self.fallbacks);
        let not_found = not_found::settle(written, fallbacks, &mut self.redirects, &mut found);
        self.loaded.config.not_found = not_found.mode.unwrap_or_default();
        self.loaded.not_found = not_found;
        let sources = routes::within_limits(self.sources, &mut found);
        self.loaded.routes = routes::in_order(&sources);
        routes::shadows(&self.loaded.routes, &self.redirects, &mut found);
        let Sources { actions, collections, upstreams } = sources;
        let config = &mut self.loaded.config;
        config.actions = actions.into_iter().map(|located| located.rule).collect();
        config.collections = collections.into_iter().map(|located| located.rule).collect();
        self.loaded.upstreams = upstreams;
        let is_file = |path: &str| folder.join(path.trim_start_matches('/')).is_file();
        let site = review::Site { html, is_file: &is_file };
        self.loaded.config.redirects = review::redirects(self.redirects, &site, &mut found);
        let has_actions = !self.loaded.config.actions.is_empty();
        protected::review(&self.touches, &self.headers, has_actions, &mut found);
        self.loaded.config.headers = review::header_rules(self.headers, &mut found);
        let diagnostics = &mut self.loaded.diagnostics;
        let mut files: Vec<String> = Vec::new();
        diagnostics.extend(found);
        for diagnostic in diagnostics.iter() {
            if !files.contains(&diagnostic.file) {
                files.push(diagnostic.file.clone());
            }
        }
        let place = |file: &String| files.iter().position(|known| known == file);
        diagnostics.sort_by_key(|diagnostic| (place(&diagnostic.file), diagnostic.line));
        self.loaded
    }
}

/// Returns the path of a file in the folder that holds a folder.
pub fn beside(folder: &Path, name: &str) -> PathBuf {
    match folder.file_name() {
        Some(_) => folder.with_file_name(name),
        None => folder.join("..").join(name),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

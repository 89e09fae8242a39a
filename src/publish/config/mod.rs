//! Finds and reads a site's configuration.
//!
//! In this order, and the rules of each file come after those of the files before it:
//! `selvedge.toml` in the published folder or beside it; `_redirects` and `_headers` at the root of
//! the folder; `app.config.yaml` and `ext.config.yaml` in the folder or beside it.
//!
//! All mistakes are returned, so that they can be reported at once.

pub mod settings;
pub mod selvedge_toml;
pub mod toml_source;
pub mod sources;
pub mod media;
pub mod app_config;
pub mod redirects;
pub mod headers;
pub mod routes;
pub mod not_found;
pub mod public;
pub mod nearest;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::publish::config::selvedge_toml::SelvedgeToml;
use crate::publish::config::settings::{Fingerprint, Loaded};
use crate::publish::config::sources::Sources;
use crate::site::config::Fingerprints;
use crate::site::source::diagnostic::{Diagnostic, Report};
use crate::site::source::{headers_file, redirects_file};

/// Maximum length of a configuration file: more rules than a deployment can carry.
const CONFIG_FILE_BYTES_MAX: u64 = 8 << 20;

/// Files that configure a site or its publishing. They are never served, wherever they are.
pub const CONFIG_FILE_NAMES: [&str; 7] = [
    selvedge_toml::FILE_NAME,
    redirects_file::FILE_NAME,
    headers_file::FILE_NAME,
    "app.config.yaml",
    "ext.config.yaml",
    ".selvedgeignore",
    ".assetsignore",
];

/// Returns the configuration of a folder, from the `selvedge.toml` named by `explicit` if given.
pub fn load(folder: &Path, explicit: Option<&Path>) -> Loaded {
    let mut loader = Loader::default();
    loader.selvedge_toml(folder, explicit);
    let redirects_path = folder.join(redirects_file::FILE_NAME);
    if let Some(text) = loader.read(&redirects_path, Absence::Fine) {
        let file = redirects_file::parse(&shown(&redirects_path), &text);
        loader.read.redirects.extend(file.rules);
        loader.read.fallbacks.extend(file.fallbacks);
        loader.diagnostics.extend(file.diagnostics);
    }
    let headers_path = folder.join(headers_file::FILE_NAME);
    if let Some(text) = loader.read(&headers_path, Absence::Fine) {
        let (lines, found) = headers_file::parse(&shown(&headers_path), &text);
        loader.read.headers.extend(lines);
        loader.diagnostics.extend(found);
    }
    for name in app_config::FILE_NAMES {
        loader.app_config(folder, name);
    }
    loader.finish(folder)
}

#[derive(Default)]
struct Loader {
    /// The `selvedge.toml`, and the rules of the other files after its own.
    read: SelvedgeToml,
    diagnostics: Vec<Diagnostic>,
    files: Vec<PathBuf>,
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
        self.read = read;
        self.diagnostics.extend(found);
    }

    fn app_config(&mut self, folder: &Path, name: &str) {
        let inside = folder.join(name);
        let path = if inside.is_file() { inside } else { beside(folder, name) };
        for include in self.app_config_file(&path) {
            self.app_config_file(&path.with_file_name("").join(include));
        }
    }

    /// Reads a file, and returns the files that it includes.
    fn app_config_file(&mut self, path: &Path) -> Vec<String> {
        let Some(text) = self.read(path, Absence::Fine) else { return Vec::new() };
        let (file, found) = app_config::parse(&shown(path), &text);
        self.read.headers.extend(file.headers);
        self.diagnostics.extend(found);
        file.includes
    }

    fn read(&mut self, path: &Path, absence: Absence) -> Option<String> {
        if self.files.iter().any(|read| read == path) {
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
                let remedy = "Check that it exists, and its permissions.";
                self.error(path, format!("can't be read: {error}"), remedy);
                return None;
            }
        };
        self.files.push(path.to_owned());
        let text = String::from_utf8(bytes);
        if text.is_err() {
            self.error(path, "not UTF-8".to_owned(), "Save it as UTF-8.");
        }
        text.ok()
    }

    fn error(&mut self, path: &Path, message: String, remedy: &str) {
        let mut report = Report::new(&shown(path));
        report.error(1, message, remedy);
        self.diagnostics.extend(report.into_diagnostics());
    }

    /// Reviews the rules of all files together.
    fn finish(self, folder: &Path) -> Loaded {
        let Self { read, mut diagnostics, files } = self;
        let SelvedgeToml { mut config, publish, redirects: mut redirect_rules, headers, .. } = read;
        config.fingerprint = match publish.fingerprint {
            Fingerprint::Auto => Fingerprints::Auto,
            Fingerprint::None => Fingerprints::None,
            Fingerprint::Patterns(_) => Fingerprints::Listed,
        };
        let written = read.not_found.as_ref();
        let not_found =
            not_found::settle(written, read.fallbacks, &mut redirect_rules, &mut diagnostics);
        config.not_found = not_found.mode.unwrap_or_default();
        let sources = routes::within_limits(read.sources, &mut diagnostics);
        let routes = routes::in_order(&sources);
        routes::shadows(&routes, &redirect_rules, &mut diagnostics);
        let Sources { actions, collections, upstreams } = sources;
        config.actions = actions.into_iter().map(|located| located.rule).collect();
        config.collections = collections.into_iter().map(|located| located.rule).collect();
        let is_file = |path: &str| folder.join(path.trim_start_matches('/')).is_file();
        let site = redirects::SiteFiles { html: config.html, is_file: &is_file };
        let redirects = redirects::within_limits(redirect_rules, &mut diagnostics);
        config.redirects = redirects::review(&redirects, &site, &mut diagnostics);
        let has_actions = !config.actions.is_empty();
        let (header_rules, types) = headers::review(headers, has_actions, &mut diagnostics);
        config.headers = header_rules;
        sort(&mut diagnostics);
        Loaded {
            config,
            publish,
            not_found,
            html_is_set: read.html_is_set,
            application_page: None,
            redirects,
            types,
            routes,
            upstreams,
            preset_files: read.preset_files,
            diagnostics,
            files,
        }
    }
}

/// Sorts by file, in the order of their first diagnostics, then by line.
fn sort(diagnostics: &mut [Diagnostic]) {
    let mut files: Vec<String> = Vec::new();
    for diagnostic in diagnostics.iter() {
        if !files.contains(&diagnostic.file) {
            files.push(diagnostic.file.clone());
        }
    }
    let place = |file: &String| files.iter().position(|known| known == file);
    diagnostics.sort_by_key(|diagnostic| (place(&diagnostic.file), diagnostic.line));
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

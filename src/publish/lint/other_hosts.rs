//! Recognises files at the root of the folder that configure other hosts.
//!
//! Selvedge does not read them. Publishing them would expose them, and drop their rules silently.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::publish::config;
use crate::publish::failure::Problem;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    Refused,
    LeftOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostFile {
    name: &'static str,
    pub treatment: Treatment,
    message: &'static str,
    hint: &'static str,
}

const HOST_FILES: [HostFile; 10] = [
    HostFile {
        name: "_worker.js",
        treatment: Treatment::Refused,
        message: "is server code for Cloudflare Pages, and would not run here",
        hint: "deploy it as a worker and name it in [[actions]] of selvedge.toml; here, leave it \
               out: [publish] ignore = [\"/_worker.js\"]",
    },
    left_out(
        "_routes.json",
        "configures functions of Cloudflare Pages: it is neither read nor published",
        "write an [[actions]] block in selvedge.toml for each path that an upstream answers",
    ),
    left_out(
        "netlify.toml",
        "configures Netlify: it is neither read nor published",
        "move its redirects to _redirects and its headers to _headers, in Netlify's syntax",
    ),
    left_out(
        "vercel.json",
        "configures Vercel: it is neither read nor published",
        "write redirects and rewrites in _redirects, headers in _headers; for cleanUrls and \
         trailingSlash see `html` in selvedge.toml",
    ),
    left_out(
        "staticwebapp.config.json",
        "configures Azure Static Web Apps: it is neither read nor published",
        "write routes in _redirects, headers in _headers; navigationFallback is \
         not_found = \"single-page-application\" in selvedge.toml",
    ),
    left_out(
        "firebase.json",
        "configures Firebase Hosting: it is neither read nor published",
        "write redirects and rewrites in _redirects, headers in _headers; for cleanUrls and \
         trailingSlash see `html` in selvedge.toml",
    ),
    left_out(
        ".htaccess",
        "configures Apache: it is neither read nor published",
        "write redirects in _redirects, headers in _headers",
    ),
    left_out(
        "web.config",
        "configures IIS: it is neither read nor published",
        "write redirects in _redirects, headers in _headers, media types in [types] of \
         selvedge.toml",
    ),
    left_out(
        "AUTH",
        "holds passwords for Surge: it is neither read nor published",
        "let an upstream check the login: [[actions]] with first = true in selvedge.toml",
    ),
    left_out(
        "CNAME",
        "names a hostname for GitHub Pages: it is neither read nor published",
        "map the hostname: selvedge hosts --site SITE add HOST",
    ),
];

const fn left_out(name: &'static str, message: &'static str, hint: &'static str) -> HostFile {
    HostFile { name, treatment: Treatment::LeftOut, message, hint }
}

/// Files beside the published folder, and words that show that they hold rules.
const BESIDE: [(&str, &[&str]); 4] = [
    ("netlify.toml", &["[[redirects]]", "[[headers]]"]),
    ("vercel.json", &["\"redirects\"", "\"rewrites\"", "\"headers\"", "\"routes\""]),
    ("firebase.json", &["\"redirects\"", "\"rewrites\"", "\"headers\""]),
    ("staticwebapp.config.json", &["\"routes\"", "\"navigationFallback\"", "\"globalHeaders\""]),
];
const BESIDE_BYTES_MAX: u64 = 256 * 1024;

/// Returns a note for each file beside the folder whose rules are not applied.
///
/// For folders without any configuration: with one, the author made a decision.
pub fn beside(folder: &Path) -> Vec<Problem> {
    let found = BESIDE.iter().filter_map(|(name, words)| {
        let path = config::beside(folder, name);
        let mut text = String::new();
        File::open(&path).ok()?.take(BESIDE_BYTES_MAX).read_to_string(&mut text).ok()?;
        let line = text.lines().position(|line| words.iter().any(|word| line.contains(word)))?;
        Some(Problem {
            path: None,
            file: Some(path.display().to_string()),
            line: Some(line.saturating_add(1)),
            message: "these rules are for another host, and are ignored here".to_owned(),
            hint: HostFile::of(name)?.hint.to_owned(),
        })
    });
    found.collect()
}

impl HostFile {
    pub fn of(name: &str) -> Option<&'static Self> {
        HOST_FILES.iter().find(|file| file.name == name)
    }

    pub fn problem(&self) -> Problem {
        Problem::of_path(&format!("/{}", self.name), self.message, self.hint)
    }
}

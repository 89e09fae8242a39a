//! Files at the root of the folder that configure other hosts.
//!
//! Selvedge does not read them. Publishing them would show the public what its author meant for a
//! host, and their rules would be missing without a word.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::publish::config;
use crate::publish::failure::Problem;

/// Treatment of a configuration file of another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    Refused,
    LeftOut,
}

/// A file that another host reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    name: &'static str,
    pub treatment: Treatment,
    message: &'static str,
    hint: &'static str,
}

const FOREIGN: [Foreign; 10] = [
    Foreign {
        name: "_worker.js",
        treatment: Treatment::Refused,
        message: "is server code for Cloudflare Pages, which nothing would run here",
        hint: "deploy it as a worker and name it in [[actions]] of selvedge.toml; here, leave it \
               out: [publish] ignore = [\"/_worker.js\"]",
    },
    left_out(
        "_routes.json",
        "configures functions of Cloudflare Pages: it is not read and not published",
        "write an [[actions]] block in selvedge.toml for each path that an upstream answers",
    ),
    left_out(
        "netlify.toml",
        "configures Netlify: it is not read and not published",
        "move its redirects to _redirects and its headers to _headers, in Netlify's syntax",
    ),
    left_out(
        "vercel.json",
        "configures Vercel: it is not read and not published",
        "write redirects and rewrites in _redirects, headers in _headers; for cleanUrls and \
         trailingSlash see `html` in selvedge.toml",
    ),
    left_out(
        "staticwebapp.config.json",
        "configures Azure Static Web Apps: it is not read and not published",
        "write routes in _redirects, headers in _headers; navigationFallback is \
         not_found = \"single-page-application\" in selvedge.toml",
    ),
    left_out(
        "firebase.json",
        "configures Firebase Hosting: it is not read and not published",
        "write redirects and rewrites in _redirects, headers in _headers; for cleanUrls and \
         trailingSlash see `html` in selvedge.toml",
    ),
    left_out(
        ".htaccess",
        "configures Apache: it is not read and not published",
        "write redirects in _redirects, headers in _headers",
    ),
    left_out(
        "web.config",
        "configures IIS: it is not read and not published",
        "write redirects in _redirects, headers in _headers, media types in [types] of \
         selvedge.toml",
    ),
    left_out(
        "AUTH",
        "holds passwords for Surge: it is not read and not published",
        "let an upstream check the login: [[actions]] with first = true in selvedge.toml",
    ),
    left_out(
        "CNAME",
        "names a hostname for GitHub Pages: it is not read and not published",
        "map the hostname: selvedge hosts --site SITE add HOST",
    ),
];

const fn left_out(name: &'static str, message: &'static str, hint: &'static str) -> Foreign {
    Foreign { name, treatment: Treatment::LeftOut, message, hint }
}

/// Files beside the published folder, and the words by which they change what is served.
const BESIDE: [(&str, &[&str]); 4] = [
    ("netlify.toml", &["[[redirects]]", "[[headers]]"]),
    ("vercel.json", &["\"redirects\"", "\"rewrites\"", "\"headers\"", "\"routes\""]),
    ("firebase.json", &["\"redirects\"", "\"rewrites\"", "\"headers\""]),
    ("staticwebapp.config.json", &["\"routes\"", "\"navigationFallback\"", "\"globalHeaders\""]),
];
/// Maximum number of bytes read of such a file.
const BESIDE_BYTES_MAX: u64 = 256 * 1024;

/// Returns a note for each file beside the folder whose rules are missing here.
///
/// For folders without any configuration: with one, somebody moved the rules or does not want
/// them.
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
            message: "these rules are for another host, and are not read here".to_owned(),
            hint: Foreign::of(name)?.hint.to_owned(),
        })
    });
    found.collect()
}

impl Foreign {
    /// Returns what is known of a file or folder at the root.
    pub fn of(name: &str) -> Option<&'static Self> {
        FOREIGN.iter().find(|foreign| foreign.name == name)
    }

    /// Returns the problem to report.
    pub fn problem(&self) -> Problem {
        Problem::of_path(&format!("/{}", self.name), self.message, self.hint)
    }
}

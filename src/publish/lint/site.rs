//! Checks a site as a whole: sources instead of a build, a missing index, links that redirect.
//!
//! A check is silent where the configuration shows that the author made a decision.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::publish::config::routes::RouteKind;
use crate::publish::config::settings::Loaded;
use crate::publish::failure::{Findings, Problem};
use crate::publish::ingest::IngestedFile;
use crate::publish::lint::html::{link_path, tags};
use crate::publish::lint::other_hosts;
use crate::site::config::{HtmlMode, NotFoundMode};
use crate::site::deployment::manifest::APPLICATION_PAGES;
use crate::site::source::fallback::page_files;
use crate::wire::media_type::is_html;
use crate::wire::path::file_extension;

/// Maximum number of pages and functions read: enough to see the style of a generator.
const PAGES_MAX: usize = 20;
/// Maximum number of bytes read of each: in most pages, navigation comes before content.
const PAGE_BYTES_MAX: u64 = 64 * 1024;

/// Files at the root of a source folder, but not of a built site.
const SOURCE_FILES: [&str; 8] = [
    "Cargo.toml", "go.mod", "pyproject.toml", "Gemfile", "_config.yml", "mkdocs.yml", "book.toml",
    "angular.json",
];
/// Folders that generators build into. `public` is last: for some it holds sources.
const BUILD_FOLDERS: [&str; 10] = [
    "dist", "build", "out", "_site", ".output/public", "site", "book", "docs", "browser", "public",
];
/// Maximum number of folders looked at below `dist`: Angular builds into `dist/NAME/browser`.
const APPLICATIONS_MAX: usize = 16;

/// Folder of functions of Cloudflare Pages, and a word that each of them exports.
const FUNCTIONS: (&str, &str) = ("/functions/", "onRequest");
const FUNCTION_EXTENSIONS: [&str; 5] = ["js", "mjs", "jsx", "ts", "tsx"];

pub fn check(folder: &Path, loaded: &Loaded, files: &[IngestedFile], findings: &mut Findings) {
    let paths = files.iter().map(|file| file.scanned.path.as_str()).collect();
    let site = Site { folder, loaded, files, paths };
    findings.warnings.extend(site.server_code());
    if let Some(marker) = site.source_marker() {
        findings.warnings.push(site.source(&marker));
        return;
    }
    findings.warnings.extend(site.no_index());
    findings.notes.extend(site.deep_links());
    findings.notes.extend(site.html_links());
    if loaded.files.is_empty() {
        findings.notes.extend(other_hosts::beside(folder));
    }
}

struct Site<'a> {
    folder: &'a Path,
    loaded: &'a Loaded,
    files: &'a [IngestedFile],
    paths: BTreeSet<&'a str>,
}

impl Site<'_> {
    fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Returns the evidence that the folder holds sources.
    fn source_marker(&self) -> Option<String> {
        if self.folder.join("node_modules").is_dir() {
            return Some("node_modules".to_owned());
        }
        let has_sources = self.paths.iter().any(|path| path.starts_with("/src/"));
        if self.has("/package.json") && has_sources {
            return Some("package.json and src".to_owned());
        }
        let marker = SOURCE_FILES.iter().find(|name| self.has(&format!("/{name}")));
        marker.map(|name| (*name).to_owned())
    }

    fn source(&self, marker: &str) -> Problem {
        let build = self.build_folder();
        let hint = match build {
            Some(build) => {
                format!("publish its output folder: {}", self.folder.join(build).display())
            }
            None if self.folder.join(".next").is_dir() => {
                "write output: \"export\" in the configuration of Next.js, build, and publish out"
                    .to_owned()
            }
            None => "build the site, and publish the output folder".to_owned(),
        };
        let message = format!(
            "{} looks like the source of a site, not a build: it holds {marker}",
            self.folder.display()
        );
        Problem { message, hint, ..Problem::default() }
    }

    /// Returns a folder below this one that a generator may have built.
    fn build_folder(&self) -> Option<String> {
        let has_index = |name: &String| self.folder.join(name).join("index.html").is_file();
        let usual = BUILD_FOLDERS.iter().map(|name| (*name).to_owned()).find(has_index);
        usual.or_else(|| {
            let entries = std::fs::read_dir(self.folder.join("dist")).ok()?;
            let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
            let mut names: Vec<String> = names.take(APPLICATIONS_MAX).collect();
            names.sort();
            let mut below = names
                .iter()
                .flat_map(|name| [format!("dist/{name}/browser"), format!("dist/{name}")]);
            below.find(has_index)
        })
    }

    /// Finds functions that another host would run. Here they are served as files.
    fn server_code(&self) -> Option<Problem> {
        let (folder, export) = FUNCTIONS;
        let is_function = |file: &&IngestedFile| {
            let path = file.scanned.path.as_str();
            let extension = file_extension(path).unwrap_or_default();
            path.starts_with(folder) && FUNCTION_EXTENSIONS.contains(&extension)
        };
        let mut functions = self.files.iter().filter(is_function).take(PAGES_MAX);
        let function = functions.find(|file| read(file).is_some_and(|text| text.contains(export)));
        function.map(|file| {
            Problem::of_path(
                &file.scanned.path,
                "looks like server code for Cloudflare Pages: it is not run, and anyone can read it",
                "leave it out: [publish] ignore = [\"/functions\"] in selvedge.toml",
            )
        })
    }

    /// Finds that `/` answers 404.
    fn no_index(&self) -> Option<Problem> {
        let config = &self.loaded.config;
        let is_application = config.not_found == NotFoundMode::SinglePageApplication
            && (self.loaded.application_page.is_some()
                || APPLICATION_PAGES.iter().any(|page| self.has(page)));
        let is_answered = self.has("/index.html")
            || config.html == HtmlMode::None
            || is_application
            || config.redirects.matching("", "/").is_some()
            || self.loaded.routes.iter().any(|route| route.rule.prefix.as_str() == "/");
        if is_answered {
            return None;
        }
        let hint = match self.build_folder() {
            Some(build) => format!("did you mean {}?", self.folder.join(build).display()),
            None => "name the folder that holds index.html, or redirect / in _redirects".to_owned(),
        };
        let message = format!("{} has no index.html: / answers 404", self.folder.display());
        Some(Problem { message, hint, ..Problem::default() })
    }

    /// Finds a single-page application whose other routes answer 404.
    fn deep_links(&self) -> Option<Problem> {
        let is_decided = self.loaded.not_found.mode.is_some()
            || self.loaded.config.not_found != NotFoundMode::Page
            || self.loaded.config.redirects.rules().iter().any(|rule| rule.status() == 200)
            || self.loaded.routes.iter().any(|route| {
                route.rule.prefix.as_str() == "/" && route.rule.kind != RouteKind::Collection
            });
        let mut pages = self.pages();
        let (page, None) = (pages.next()?, pages.next()) else { return None };
        if is_decided || page.scanned.path != "/index.html" {
            return None;
        }
        let html = read(page)?;
        let is_module = tags(&html).any(|tag| {
            let kind = tag.attribute("type").unwrap_or_default();
            tag.is("script")
                && tag.attribute("src").is_some()
                && kind.eq_ignore_ascii_case("module")
        });
        is_module.then(|| {
            Problem::of_path(
                "/index.html",
                "is the only page and loads an application, whose other routes answer 404",
                "if it has other routes, write not_found = \"single-page-application\" in selvedge.toml",
            )
        })
    }

    /// Finds pages whose links to each other are redirected.
    fn html_links(&self) -> Option<Problem> {
        let is_redirected = match self.loaded.config.html {
            HtmlMode::AutoTrailingSlash
            | HtmlMode::ForceTrailingSlash
            | HtmlMode::DropTrailingSlash => true,
            HtmlMode::Rewrite | HtmlMode::DefaultRoot | HtmlMode::None => false,
        };
        if !is_redirected || self.loaded.html_is_set {
            return None;
        }
        let (mut with, mut without) = (0_usize, 0_usize);
        let mut example: Option<(String, String)> = None;
        for page in self.pages().take(PAGES_MAX) {
            let Some(html) = read(page) else { continue };
            for (href, path) in links(&page.scanned.path, &html) {
                if path.ends_with(".html") && self.has(&path) {
                    with += 1;
                    example.get_or_insert_with(|| (page.scanned.path.clone(), href));
                } else if page_files(&path)
                    .iter()
                    .any(|file| file.ends_with(".html") && self.has(file))
                {
                    without += 1;
                }
            }
        }
        let (path, href) = example?;
        if with < without {
            return None;
        }
        let message = format!(
            "links to `{href}`: each link that ends in .html is redirected, and costs a round trip"
        );
        let hint = "write html = \"rewrite\" in selvedge.toml: pages are served at both addresses";
        Some(Problem::of_path(&path, message, hint))
    }

    fn pages(&self) -> impl Iterator<Item = &IngestedFile> {
        self.files.iter().filter(|file| is_html(&file.media_type))
    }
}

/// Returns the links of a page to paths of the site, as written and resolved.
fn links(page: &str, html: &str) -> Vec<(String, String)> {
    let mut base = page.to_owned();
    let mut links = Vec::new();
    for tag in tags(html) {
        let Some(href) = tag.attribute("href") else { continue };
        if tag.is("base") {
            base = link_path(page, href).unwrap_or(base);
        } else if tag.is("a")
            && let Some(path) = link_path(&base, href)
        {
            links.push((href.to_owned(), path));
        }
    }
    links
}

/// Returns the beginning of a file; `None` if it is gone by now.
fn read(file: &IngestedFile) -> Option<String> {
    let mut bytes = Vec::new();
    let file = File::open(&file.scanned.file).ok()?;
    file.take(PAGE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

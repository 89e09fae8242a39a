//! Warnings of the publisher, compared with the behaviour of the pipeline.
//!
//! A folder is read as `selvedge publish` reads it, and every address that its files could have is
//! requested.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use selvedge::publish::config::load;
use selvedge::publish::config::settings::Loaded;
use selvedge::publish::lint::unreachable;
use selvedge::site::source::diagnostic::Severity;

use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Response};
use super::support::world::World;

/// Hops after which a redirect counts as endless; browsers give up at about 20.
const HOPS_MAX: usize = 20;

struct Site {
    isolate: Isolate,
    loaded: Loaded,
    files: Vec<String>,
}

impl Site {
    /// Publishes files, each of which holds its own path, with configuration files.
    fn new(config: &[(&str, &str)], files: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("warnings-{number}"));
        let _ = fs::remove_dir_all(&root);
        for (name, text) in config {
            fs::create_dir_all(root.join("site")).unwrap();
            fs::write(root.join("site").join(name), text).unwrap();
        }
        let mut folder = Folder::default();
        for path in files {
            let place = root.join("site").join(path.trim_start_matches('/'));
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, path).unwrap();
            folder = folder.file(path, path);
        }
        let loaded = load(&root.join("site"), None);
        folder.config = loaded.config.clone();
        let world = World::new();
        publish(&world, "www", "production", &folder);
        fs::remove_dir_all(&root).unwrap();
        let files = files.iter().map(|path| (*path).to_owned()).collect();
        Self { isolate: Isolate::new(&world), loaded, files }
    }

    fn ask(&self, path: &str) -> Response {
        let url = format!("https://www.cdn.test{path}");
        self.isolate.ask("GET", &url).header("sec-fetch-mode", "navigate").send()
    }

    /// The response after redirects within the site; `None` where they don't end.
    fn follow(&self, path: &str) -> Option<Response> {
        let mut path = path.to_owned();
        for _ in 0..HOPS_MAX {
            let response = self.ask(&path);
            match response.has("location") {
                Some(location) if location.starts_with('/') => path = location.to_owned(),
                _ => return Some(response),
            }
        }
        None
    }

    /// Every address that a file or a rule could have.
    fn addresses(&self) -> BTreeSet<String> {
        let mut addresses = BTreeSet::from(["/missing".to_owned(), "/missing/below".to_owned()]);
        for file in &self.files {
            let page = file.strip_suffix("index.html").or_else(|| file.strip_suffix(".html"));
            let bare = page.unwrap_or(file).trim_end_matches('/');
            let endings = ["", "/", "/index", "/index.html", ".html"];
            addresses.extend(endings.map(|ending| format!("{bare}{ending}")));
            addresses.insert(file.clone());
        }
        let rules = self.loaded.config.redirects.rules().iter();
        for rule in rules {
            addresses.insert(rule.from().example_path());
            // A splat stands for any file.
            let splat = rule.from().as_str().strip_suffix('*');
            addresses.extend(
                splat
                    .into_iter()
                    .flat_map(|prefix| {
                        let named = self.files.iter().map(|file| file.trim_start_matches('/'));
                        named.filter_map(move |file| {
                            let name = file.rsplit('/').next()?;
                            Some([format!("{prefix}{file}"), format!("{prefix}{name}")])
                        })
                    })
                    .flatten(),
            );
        }
        addresses.retain(|address| address.starts_with('/'));
        addresses
    }

    fn reachable(&self) -> BTreeSet<String> {
        let found = self.addresses();
        let found = found.iter().filter_map(|address| self.follow(address));
        found.map(|response| response.text().to_owned()).collect()
    }

    /// The files that warnings say can't be reached.
    fn warned(&self) -> BTreeSet<String> {
        let of = |path: &&String| {
            let rules = &self.loaded.config.redirects;
            !unreachable::by_redirects(rules, &[path], &[]).is_empty()
                || unreachable::by_routes(&self.loaded.routes, rules, &[path])
                    .iter()
                    .any(|warning| warning.message.contains("can't be reached"))
        };
        self.files.iter().filter(of).cloned().collect()
    }
}

const FILES: [&str; 8] = [
    "/index.html", "/about.html", "/docs/index.html", "/docs/guide.html", "/docs/data.json",
    "/app.js", "/404.html", "/content/page.html",
];

#[test]
fn files_that_cannot_be_reached() {
    let redirects = [
        "",
        "/app.js /other.js 301",
        "/docs/* /about 301",
        "/docs/* /about.html 200",
        "/docs* /about 301",
        "/about /docs/ 302",
        "/about* /docs/ 302",
        "/content/* /docs/:splat 200",
        "/content/* /docs/:splat\n/docs/* /content/:splat 200",
        "/* /docs/:splat 200",
        "/* /:splat 200",
        "/* /app.js 200",
        "/* /index.html 200",
        "/* /index.html 200!",
        "/404* / 302",
        "/docs/:page /:page 302",
        "/start /docs/guide.html 200\n/docs/* /about 302",
        "/:page/guide* /about 302",
    ];
    let routes = [
        "",
        "[[collections]]\nname = \"content\"\nprefix = \"/content/\"\n",
        "[[collections]]\nname = \"docs\"\nprefix = \"/docs/\"\n",
    ];
    let modes = ["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "rewrite"];
    let mut warnings = 0;
    for mode in modes {
        for (lines, routes) in redirects.iter().flat_map(|l| routes.map(|routes| (l, routes))) {
            let toml = format!("html = \"{mode}\"\n{routes}");
            let site = Site::new(&[("_redirects", lines), ("selvedge.toml", &toml)], &FILES);
            let (warned, reachable) = (site.warned(), site.reachable());
            let name = format!("{mode}, {lines:?}, {routes:?}");
            let untrue: Vec<_> = warned.intersection(&reachable).collect();
            assert!(untrue.is_empty(), "{name}: can be reached: {untrue:?}");
            warnings += warned.len();
        }
    }
    assert!(warnings > 50, "{warnings}");
}

#[test]
fn a_rewrite_answers_at_once_and_never_redirects() {
    for mode in ["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"] {
        let lines = "/app/* /index.html 200\n/page /about.html 200\n/about /about.html 200\n";
        let toml = format!("html = \"{mode}\"");
        let site = Site::new(&[("_redirects", lines), ("selvedge.toml", &toml)], &FILES);
        assert_eq!(site.loaded.diagnostics, [], "{mode}");
        for (path, expected) in
            [("/app/a/b", "/index.html"), ("/page", "/about.html"), ("/about", "/about.html")]
        {
            let response = site.ask(path);
            assert_eq!((response.status, response.text()), (200, expected), "{mode} {path}");
        }
    }
}

#[test]
fn redirects_that_never_end() {
    let rows = [
        ("/a /b\n/b /a", true),
        ("/about /about.html", true),
        ("/about /about.html 200", false),
        ("/about /about/ 200", false),
        ("/gone /gone.html", false),
        ("/docs /docs/index.html", false),
        ("/docs/ /docs/index.html", true),
        ("/docs/index.html /docs/", false),
        ("/x/* /x/more/:splat", true),
        ("/* /index.html", true),
        ("/* /index.html 200", false),
        ("/* /index.html 200!", false),
        ("/* /docs/:splat 200", false),
    ];
    for (lines, expected) in rows {
        let site = Site::new(&[("_redirects", lines)], &FILES);
        let is_said =
            site.loaded.diagnostics.iter().any(|found| {
                found.severity == Severity::Error && found.message.contains("never ends")
            });
        let is_endless = site.addresses().iter().any(|path| site.follow(path).is_none());
        assert_eq!((is_said, is_endless), (expected, expected), "{lines}");
    }
}

#[test]
fn a_rewrite_of_everything_hides_scripts_and_a_catch_all_line_does_not() {
    let hides = |lines: &str| {
        let site = Site::new(&[("_redirects", lines)], &FILES);
        let mut diagnostics = site.loaded.diagnostics.iter();
        let is_said = diagnostics.any(|found| found.message.contains("hides every file"));
        assert_eq!(site.ask("/deep/link").status, 200, "{lines}");
        assert_eq!(is_said, site.ask("/app.js").text() != "/app.js", "{lines}");
        is_said
    };
    assert!(hides("/* /index.html 200!"));
    assert!(hides("/* /docs/data.json 200"));
    assert!(!hides("/* /index.html 200"));
    assert!(!hides("/* / 200"));
    assert!(!hides("/* /about 200"));
}

#[test]
fn rules_that_never_fire() {
    let lines = "/docs/* /about\n/docs/guide /late\n/x/:y /about\n/x/y /late\n/z /about\n/z /late";
    let site = Site::new(&[("_redirects", lines)], &FILES);
    let warned =
        site.loaded.diagnostics.iter().filter(|found| found.message.contains("never fires"));
    assert_eq!(warned.map(|found| found.line).collect::<Vec<_>>(), [2, 4, 6]);
    for path in ["/docs/guide", "/x/y", "/z"] {
        assert_eq!(site.ask(path).field("location"), "/about", "{path}");
    }
}

#[test]
fn unset_headers_that_are_sent_all_the_same() {
    let lines = "/*\n  ! X-Content-Type-Options\n  ! Strict-Transport-Security\n  \
                 ! Cache-Control\n  ! X-Robots-Tag\n";
    let site = Site::new(&[("_headers", lines)], &FILES);
    let plain = Site::new(&[], &FILES);
    assert_eq!(site.loaded.diagnostics.len(), 4);
    for path in ["/", "/app.js", "/missing"] {
        let names = ["x-content-type-options", "strict-transport-security", "cache-control"];
        for name in names {
            let (found, usual) = (site.ask(path), plain.ask(path));
            assert!(found.has(name).is_some(), "{path} {name}");
            assert_eq!(found.has(name), usual.has(name), "{path} {name}");
        }
    }
}

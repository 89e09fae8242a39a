//! Output of other tools, and configuration of other hosts.

use std::fs;

use selvedge::publish::failure::Problem;
use selvedge::site::config::NotFoundMode;
use selvedge::site::deployment::asset::Class;

use super::Folder;
use super::server::Server;

const APPLICATION: &str =
    "<!doctype html><div id=app></div><script type=\"module\" crossorigin src=\"/a.js\"></script>";

/// Publishes files, and returns the server with the warnings and notes.
#[track_caller]
fn published(files: &[(&str, &str)]) -> (Server, Vec<Problem>, Vec<Problem>) {
    let (folder, server) = (written(files), Server::start());
    let published = folder.publish(&server).unwrap();
    (server, published.warnings, published.notes)
}

fn written(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    for (name, text) in files {
        match name.strip_prefix("../") {
            Some(name) => fs::write(folder.0.join(name), text).unwrap(),
            None => folder.write(name, text.as_bytes()),
        }
    }
    folder
}

/// Checks whether the site is a single-page application, and its page.
#[track_caller]
fn check_application(files: &[(&str, &str)], page: Option<&str>, notes: usize) {
    let (server, warnings, found) = published(files);
    let manifest = server.manifest("www");
    let head = manifest.head();
    let is_application = head.config.not_found == NotFoundMode::SinglePageApplication;
    assert_eq!(is_application, page.is_some(), "{files:?}");
    let expected = page.and_then(|page| server.asset("www", page));
    assert_eq!(head.application_page, expected, "{files:?}");
    assert_eq!(page.is_some(), expected.is_some(), "{files:?}");
    assert_eq!((warnings.len(), found.len()), (0, notes), "{files:?}: {warnings:?} {found:?}");
}

const INDEX: (&str, &str) = ("index.html", "home");
const FALLBACK: (&str, &str) = ("200.html", "shell");
const NOT_FOUND: (&str, &str) = ("404.html", "missing");

#[test]
fn the_page_of_a_single_page_application() {
    let rule = |text| ("_redirects", text);
    let toml = |text| ("../selvedge.toml", text);
    let spa = toml("not_found = \"single-page-application\"");
    check_application(&[INDEX], None, 0);
    check_application(&[INDEX, NOT_FOUND], None, 0);
    check_application(&[INDEX, spa], Some("/index.html"), 0);
    check_application(&[INDEX, rule("/* /index.html 200")], Some("/index.html"), 1);
    check_application(&[INDEX, rule("/* / 200")], Some("/index.html"), 1);
    check_application(&[INDEX, rule("/* /index 200")], Some("/index.html"), 1);
    check_application(&[INDEX, FALLBACK], Some("/200.html"), 1);
    check_application(&[INDEX, FALLBACK, NOT_FOUND], Some("/200.html"), 1);
    check_application(&[INDEX, FALLBACK, spa], Some("/200.html"), 0);
    check_application(&[INDEX, FALLBACK, rule("/* /200.html 200")], Some("/200.html"), 1);
    check_application(&[INDEX, FALLBACK, rule("/* /200 200")], Some("/200.html"), 1);
    check_application(&[INDEX, FALLBACK, rule("/* /index.html 200")], Some("/index.html"), 1);
    check_application(
        &[INDEX, ("app/index.html", "app"), rule("/* /app/ 200")],
        Some("/app/index.html"),
        1,
    );
    check_application(&[INDEX, FALLBACK, toml("not_found = \"404-page\"")], None, 0);
    check_application(&[INDEX, FALLBACK, toml("not_found = \"none\"")], None, 0);
    check_application(&[INDEX, FALLBACK, NOT_FOUND, rule("/* /404.html 404")], None, 0);
    check_application(&[INDEX, ("docs/200.html", "shell")], None, 0);
}

#[test]
fn a_catch_all_line_names_an_existing_page() {
    let folder = written(&[INDEX, ("_redirects", "/old /new\n/* /app.html 200\n")]);
    let failure = folder.publish(&Server::start()).unwrap_err();
    let problem = &failure.problems[0];
    assert_eq!((failure.problems.len(), problem.line), (1, Some(2)), "{failure}");
    assert!(problem.message.contains("/app.html"), "{failure}");
}

/// Checks warnings and notes by a part of their texts.
#[track_caller]
fn check_hints(files: &[(&str, &str)], warnings: &[&str], notes: &[&str]) {
    let (_, found_warnings, found_notes) = published(files);
    for (found, expected) in [(&found_warnings, warnings), (&found_notes, notes)] {
        let names: Vec<_> = files.iter().map(|(name, _)| name).collect();
        assert_eq!(found.len(), expected.len(), "{names:?}: {found:?}");
        for (problem, part) in found.iter().zip(expected) {
            let shown = problem.to_string();
            assert!(shown.contains(part), "{names:?}: {shown}");
            assert!(!problem.hint.is_empty(), "{names:?}: {shown}");
        }
    }
}

#[test]
fn an_application_without_configuration() {
    let (app, script) = (("index.html", APPLICATION), ("a.js", "run()"));
    let hint = &["not_found = \"single-page-application\""][..];
    check_hints(&[app, script], &[], hint);
    check_hints(&[app, script, ("package.json", "{}")], &[], hint);
    check_hints(&[app, script, NOT_FOUND], &[], &[]);
    check_hints(&[app, script, ("about.html", "about")], &[], &[]);
    check_hints(&[app, script, ("../selvedge.toml", "not_found = \"404-page\"")], &[], &[]);
    check_hints(&[app, script, ("../selvedge.toml", "not_found = \"none\"")], &[], &[]);
    check_hints(&[app, script, ("_redirects", "/app/* /index.html 200")], &[], &[]);
    check_hints(&[INDEX, script], &[], &[]);
    check_hints(&[("index.html", "<script src=/a.js></script>"), script], &[], &[]);
    check_hints(&[("index.html", "<script type=module>inline()</script>"), script], &[], &[]);
}

#[test]
fn links_that_end_in_html() {
    let home = ("index.html", "<a href=\"guide/intro.html#top\">1</a> <a href='index.html'>2</a>");
    let intro = ("guide/intro.html", "<a href=../index.html>home</a>");
    let hint = &["html = \"rewrite\""][..];
    check_hints(&[home, intro], &[], hint);
    for mode in ["rewrite", "default-root", "none", "auto-trailing-slash"] {
        let toml = format!("html = \"{mode}\"");
        check_hints(&[home, intro, ("../selvedge.toml", &toml)], &[], &[]);
    }
    let clean = ("index.html", "<a href=/guide/intro>1</a> <a href=guide/intro>2</a>");
    check_hints(&[clean, ("guide/intro.html", "<a href=/>home</a>")], &[], &[]);
    let mixed = ("index.html", "<a href=/guide/intro>1</a><a href=/>2</a><a href=index.html>3</a>");
    check_hints(&[mixed, ("guide/intro.html", "")], &[], &[]);
    let elsewhere = "<a href=https://a.test/x.html>1</a><a href=gone.html>2</a>\
                     <link rel=canonical href=/guide/intro.html><!-- <a href=index.html> -->";
    check_hints(&[("index.html", elsewhere), ("guide/intro.html", "")], &[], &[]);
    let late = format!("{}<a href=index.html>late</a>", " ".repeat(64 * 1024));
    check_hints(&[("index.html", &late)], &[], &[]);
    let based = "<base href=/guide/><a href=intro.html>1</a>";
    check_hints(&[("index.html", based), ("guide/intro.html", "")], &[], hint);
}

#[test]
fn folders_without_an_index() {
    let file = ("data.json", "{}");
    check_hints(&[file], &["has no index.html: / answers 404"], &[]);
    check_hints(&[("dist/index.html", "home"), file], &["did you mean"], &[]);
    check_hints(&[("browser/index.html", "home"), file], &["site/browser"], &[]);
    check_hints(&[("_redirects", "/ /data.json"), file], &[], &[]);
    check_hints(&[FALLBACK, file], &[], &["200.html"]);
    let everything = "[[collections]]\nname = \"all\"\nprefix = \"/\"\n";
    let (_, warnings, _) = published(&[file, ("../selvedge.toml", everything)]);
    assert!(!warnings.iter().any(|found| found.message.contains("index.html")), "{warnings:?}");
}

#[test]
fn source_folders() {
    let package = ("package.json", "{}");
    let main = ("src/main.ts", "run()");
    check_hints(&[INDEX, package, main], &["package.json and src"], &[]);
    check_hints(&[("index.html", APPLICATION), package, main], &["package.json and src"], &[]);
    check_hints(&[INDEX, package, main, ("dist/index.html", "built")], &["site/dist"], &[]);
    check_hints(
        &[INDEX, package, main, ("dist/app/browser/index.html", "built")],
        &["site/dist/app/browser"],
        &[],
    );
    check_hints(
        &[INDEX, package, main, (".output/public/index.html", "built")],
        &[".output/public"],
        &[],
    );
    check_hints(&[INDEX, package, main, (".next/build", "1")], &["output: \"export\""], &[]);
    check_hints(&[INDEX, ("node_modules/a/index.js", "")], &["node_modules"], &[]);
    check_hints(&[INDEX, ("Cargo.toml", "")], &["Cargo.toml"], &[]);
    check_hints(&[INDEX, ("_config.yml", ""), ("_site/index.html", "")], &["site/_site"], &[]);
    check_hints(&[INDEX, package], &[], &[]);
    check_hints(&[INDEX, main], &[], &[]);
    check_hints(&[INDEX, ("docs/Cargo.toml", "")], &[], &[]);
}

#[test]
fn files_of_other_hosts_are_left_out_with_a_warning() {
    let names = [
        "_routes.json", "netlify.toml", "vercel.json", "staticwebapp.config.json", "firebase.json",
        ".htaccess", "web.config", "AUTH", "CNAME",
    ];
    for name in names {
        let (server, warnings, _) = published(&[INDEX, (name, "secret")]);
        assert_eq!(warnings.len(), 1, "{name}: {warnings:?}");
        assert_eq!(warnings[0].path.as_deref(), Some(&*format!("/{name}")));
        assert!(server.asset("www", &format!("/{name}")).is_none(), "{name}");
        let below = format!("examples/{name}");
        let (server, warnings, _) = published(&[INDEX, (&below, "an example")]);
        assert_eq!(warnings, [], "{below}");
        let is_hidden = name.starts_with('.');
        assert_eq!(server.asset("www", &format!("/{below}")).is_none(), is_hidden, "{below}");
        let toml = format!("[publish]\ninclude = [\"/{name}\"]");
        let (server, warnings, _) = published(&[INDEX, (name, "x"), ("../selvedge.toml", &toml)]);
        assert_eq!(warnings, [], "{name}");
        assert!(server.asset("www", &format!("/{name}")).is_some(), "{name} is included");
        let toml = format!("[publish]\nignore = [\"{name}\"]");
        let (server, warnings, _) = published(&[INDEX, (name, "x"), ("../selvedge.toml", &toml)]);
        assert_eq!(warnings, [], "{name}");
        assert!(server.asset("www", &format!("/{name}")).is_none(), "{name} is ignored");
    }
}

#[test]
fn functions_of_other_hosts_cause_a_warning() {
    let function = "export async function onRequest(context) { return fetch(context.env.KEY); }";
    let warning = &["/functions/api/[id].ts: looks like server code"][..];
    check_hints(&[INDEX, ("functions/api/[id].ts", function)], warning, &[]);
    check_hints(&[INDEX, ("functions/math.js", "export const add = 1")], &[], &[]);
    check_hints(&[INDEX, ("functions/index.html", function)], &[], &[]);
    check_hints(&[INDEX, ("docs/functions/api.js", function)], &[], &[]);
    let ignore = ("../selvedge.toml", "[publish]\nignore = [\"/functions\"]");
    check_hints(&[INDEX, ("functions/api.js", function), ignore], &[], &[]);
}

#[test]
fn rules_for_other_hosts_beside_the_folder() {
    let netlify = ("../netlify.toml", "[build]\n\n[[redirects]]\nfrom = \"/a\"\n");
    check_hints(&[INDEX, netlify], &[], &["netlify.toml:3: "]);
    let vercel = ("../vercel.json", "{\n \"rewrites\": []\n}");
    check_hints(&[INDEX, vercel], &[], &["vercel.json:2: "]);
    check_hints(&[INDEX, ("../netlify.toml", "[build]\ncommand = \"x\"\n")], &[], &[]);
    check_hints(&[INDEX, netlify, ("_redirects", "/a /b")], &[], &[]);
    check_hints(&[INDEX, netlify, ("../selvedge.toml", "")], &[], &[]);
}

#[test]
fn server_code_is_refused() {
    for name in ["_worker.js", "_worker.js/index.js"] {
        let failure = written(&[INDEX, (name, "secret")]).publish(&Server::start()).unwrap_err();
        assert_eq!(failure.problems.len(), 1, "{failure}");
        assert_eq!(failure.problems[0].path.as_deref(), Some("/_worker.js"));
        let ignore = ("../selvedge.toml", "[publish]\nignore = [\"/_worker.js\"]");
        let (server, warnings, _) = published(&[INDEX, (name, "secret"), ignore]);
        assert_eq!(warnings, []);
        assert!(server.asset("www", &format!("/{name}")).is_none());
    }
}

#[test]
fn content_types_of_header_rules() {
    let headers = "/.well-known/apple-app-site-association\n  Content-Type: application/json\n\
                   /data/*\n  Content-Type: application/ld+json\n\
                   /source.html\n  ! Content-Type\n  Content-Type: text/plain; charset=utf-8\n\
                   /about\n  Content-Type: text/html; charset=iso-8859-1\n";
    let json = "{}".repeat(400);
    let (server, warnings, _) = published(&[
        INDEX,
        ("_headers", headers),
        (".well-known/apple-app-site-association", &json),
        ("data/a.json", "{}"),
        ("source.html", "<b>"),
        ("about.html", "<b>"),
    ]);
    assert_eq!(warnings, []);
    let association = "/.well-known/apple-app-site-association";
    let rows = [
        (association, "application/json", Class::Other),
        ("/data/a.json", "application/ld+json", Class::Other),
        ("/source.html", "text/plain; charset=utf-8", Class::Other),
        ("/about.html", "text/html; charset=iso-8859-1", Class::Html),
        ("/index.html", "text/html; charset=utf-8", Class::Html),
    ];
    for (path, media_type, class) in rows {
        let asset = server.asset("www", path).unwrap();
        assert_eq!((asset.media_type(), asset.class()), (media_type, class), "{path}");
    }
    assert!(server.bytes("www", association, "br").is_some(), "encoded as JSON is");
}

#[test]
fn riskier_content_types_are_ignored_with_a_warning() {
    let toml = "[[headers]]\nfor = \"/*\"\nset = { Content-Type = \"text/html\" }\n";
    let headers = "/gone\n  Content-Type: text/plain\n";
    let (server, warnings, _) = published(&[
        INDEX,
        ("page", "<script>"),
        ("data.txt", "<script>"),
        ("_headers", headers),
        ("../selvedge.toml", toml),
    ]);
    let shown: Vec<String> = warnings.iter().map(Problem::to_string).collect();
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown[0].contains("selvedge.toml:3: ") && shown[0].contains("[types]"), "{shown:?}");
    assert!(shown[0].contains("/data.txt, /page"), "{shown:?}");
    assert!(shown[1].contains("_headers:2: ") && shown[1].contains("no file"), "{shown:?}");
    let media_type = |path| server.asset("www", path).unwrap().media_type().to_owned();
    assert_eq!(media_type("/page"), "application/octet-stream");
    assert_eq!(media_type("/data.txt"), "text/plain; charset=utf-8");
    assert_eq!(media_type("/index.html"), "text/html");
}

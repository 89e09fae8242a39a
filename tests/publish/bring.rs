//! Folders as other tools build them and other hosts configure them.

use std::fs;

use selvedge::publish::failure::Problem;
use selvedge::site::asset::Class;
use selvedge::site::config::NotFoundMode;

use super::Folder;
use super::server::Server;

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

/// Checks the mode and which file is the page of the application.
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
fn a_catch_all_line_names_a_page_that_is_there() {
    let folder = written(&[INDEX, ("_redirects", "/old /new\n/* /app.html 200\n")]);
    let failure = folder.publish(&Server::start()).unwrap_err();
    let problem = &failure.problems[0];
    assert_eq!((failure.problems.len(), problem.line), (1, Some(2)), "{failure}");
    assert!(problem.message.contains("/app.html"), "{failure}");
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

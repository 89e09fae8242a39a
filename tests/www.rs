//! The site that ships: what its names and its policy promise. Whether it is served well is judged end to end.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use selvedge::publish::config::load;
use selvedge::publish::fingerprint::judge;
use selvedge::site::deployment::asset::Class;
use selvedge::site::media::address::address;
use selvedge::site::media::config::MediaConfig;
use selvedge::site::media::grammar::{Authority, parse};
use sha2::{Digest, Sha256};

const PAGES: [&str; 3] = ["index.html", "gallery.html", "404.html"];

fn www() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("www")
}

fn text(name: &str) -> String {
    fs::read_to_string(www().join(name)).unwrap_or_else(|cause| panic!("{name}: {cause}"))
}

/// Every value of `name="…"` in a page.
fn attribute<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let opening = format!(" {name}=\"");
    page.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn fingerprints_are_those_of_the_content() {
    let mut seen = Vec::new();
    for entry in fs::read_dir(www().join("assets")).expect("www/assets is a folder") {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name");
        let digest = Sha256::digest(fs::read(&path).expect("the file can be read"));
        let expected: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
        let fingerprint = name.split('.').nth(1);
        assert_eq!(fingerprint, Some(expected.as_str()), "rename {name} after its content");
        seen.push(format!("/assets/{name}"));
    }
    assert_eq!(seen.len(), 4, "a script and a style sheet of two pages");
    let paths: Vec<&str> = seen.iter().map(String::as_str).collect();
    let classes = judge(&paths, &HashSet::new());
    assert_eq!(classes, [Class::Fingerprinted; 4], "browsers keep {seen:?} for a year");
}

#[test]
fn pages_name_only_what_is_published() {
    for page_name in PAGES {
        let page = text(page_name);
        for link in attribute(&page, "href").into_iter().chain(attribute(&page, "src")) {
            let file = link.trim_start_matches('/');
            let known = link.starts_with('#')
                || link.starts_with("/_media/")
                || link == "/"
                || link == "/no-such-page"
                || www().join(file).is_file()
                || www().join(format!("{file}.html")).is_file();
            assert!(known, "{page_name} names {link}, which is not there");
        }
    }
}

fn media() -> MediaConfig {
    let loaded = load(&www(), None);
    assert!(loaded.findings().problems.is_empty() && loaded.findings().warnings.is_empty());
    loaded.config.media.expect("www/selvedge.toml has [media]")
}

/// Returns the URLs of renditions in a page, as browsers read them.
fn renditions(page: &str) -> Vec<String> {
    let candidates = attribute(page, "srcset").into_iter().flat_map(|list| list.split(','));
    let urls = candidates.filter_map(|candidate| candidate.split_whitespace().next());
    let all = attribute(page, "href").into_iter().chain(attribute(page, "src")).chain(urls);
    all.filter(|url| url.starts_with("/_media/")).map(|url| url.replace("&amp;", "&")).collect()
}

#[test]
fn anybody_may_ask_for_the_renditions_of_the_gallery() {
    let config = media();
    let urls = renditions(&text("gallery.html"));
    assert!(urls.len() > 30, "{urls:?}");
    for url in urls {
        let (path, query) = url.split_once('?').unwrap_or((&url, ""));
        let found = address(path, query, &config).and_then(Result::ok).expect("a rendition");
        assert!(www().join(found.source.trim_start_matches('/')).is_file(), "{url}");
        if let Err(error) = parse(&found.query, &config, None, Authority::Anyone) {
            panic!("{url}: {error}");
        }
    }
}

#[test]
fn the_gallery_shows_twelve_forms_with_the_url_of_each() {
    let page = text("gallery.html");
    let mut seen = HashSet::new();
    for figure in page.split("<figure").skip(1) {
        let (figure, _) = figure.split_once("</figure>").expect("the end of the figure");
        let link = attribute(figure, "href")[0];
        let (_, code) = figure.split_once("<code>").expect("a URL in the caption");
        let (code, _) = code.split_once("</code>").expect("the end of the URL");
        let shown: String = code
            .split('<')
            .map(|part| part.rsplit_once('>').map_or(part, |(_, text)| text))
            .collect();
        assert_eq!(shown, link);
        let image = attribute(figure, "src");
        assert!(image.is_empty() || image == [link], "{link}");
        seen.insert(link);
    }
    assert_eq!(seen.len(), 12);
}

#[test]
fn the_gallery_quotes_its_configuration() {
    let page = text("gallery.html");
    let (_, rest) = page.split_once("<code>[media.presets").expect("an excerpt");
    let (excerpt, _) = rest.split_once("</code>").expect("the end of the excerpt");
    assert!(text("selvedge.toml").contains(&format!("[media.presets{excerpt}\n")));
}

#[test]
fn pages_satisfy_their_own_policy() {
    assert!(text("_headers").contains("Content-Security-Policy: default-src 'none'"));
    for page_name in PAGES {
        let page = text(page_name);
        for forbidden in ["<style", " style=", "<script>", " onclick=", "javascript:", "//"] {
            assert!(
                !page.contains(forbidden) || is_example(&page, forbidden),
                "{page_name}: {forbidden}"
            );
        }
    }
}

/// The one address in the text: what to type into a terminal when scripts are off.
fn is_example(page: &str, forbidden: &str) -> bool {
    forbidden == "//" && page.matches("//").count() == page.matches("curl -sI http://").count()
}

//! Publishes real folders to the worker's admin API, over ports in memory.

#![cfg(not(target_arch = "wasm32"))]

mod commands;
mod fingerprints;
mod interrupted;
mod media;
mod objects;
mod other_builds;
mod presets;
mod removal;
mod server;
mod unreachable_server;

#[path = "../serving/support/mod.rs"]
#[expect(dead_code, reason = "the rest is for tests/serving")]
mod support;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use selvedge::publish::client::Client;
use selvedge::publish::client::backoff::Backoff;
use selvedge::publish::encode::Effort;
use selvedge::publish::failure::{Ending, Failure};
use selvedge::publish::options::{CachePlace, Extent, OnLostRace, PublishOptions};
use selvedge::publish::progress::Silent;
use selvedge::publish::run::{Published, publish as publish_to};
use selvedge::site::ids::{SiteName, StageName};
use serde_json::Value;

use server::{Fault, Server};
use support::world::ROOT_TOKEN;

/// A temporary folder with a `site` to publish and a `cache`.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("selvedge-publish-{}-{number}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        let _ = fs::remove_dir_all(&folder.0);
        fs::create_dir_all(folder.site()).unwrap();
        folder
    }

    /// Returns a folder with pages, a script and noise.
    fn filled() -> Self {
        let folder = Self::new();
        for n in 0..20 {
            folder.write(&format!("page{n}.html"), page(n).as_bytes());
        }
        folder.write("index.html", page(100).as_bytes());
        folder.write("docs/index.html", page(101).as_bytes());
        folder.write("assets/app.3f2a91bc.js", page(102).as_bytes());
        folder.write("assets/noise.png", &noise(5_000));
        folder
    }

    fn site(&self) -> PathBuf {
        self.0.join("site")
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let file = self.site().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    fn options(&self) -> PublishOptions {
        PublishOptions {
            folder: self.site(),
            site: SiteName::parse("www").unwrap(),
            stage: StageName::production(),
            config_file: None,
            effort: Effort::Fast,
            cache: CachePlace::At(self.0.join("cache")),
            allow_secrets: false,
            extent: Extent::Activate,
            on_lost_race: OnLostRace::Refuse,
        }
    }

    fn publish(&self, server: &Server) -> Result<Published, Failure> {
        publish(&self.options(), server, 6)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn publish(
    options: &PublishOptions,
    server: &Server,
    attempts_max: u32,
) -> Result<Published, Failure> {
    publish_to(options, &client(server, attempts_max), &Silent)
}

/// Returns a client whose retries don't wait.
fn client(server: &Server, attempts_max: u32) -> Client {
    let backoff = Backoff {
        attempts_max,
        first_millis: 1,
        longest_millis: 4,
        retry_after_second_millis: 10,
        ..Backoff::default()
    };
    Client::new(&server.url, ROOT_TOKEN, backoff).unwrap()
}

fn page(n: u32) -> String {
    format!("<!doctype html><title>{n}</title>{}", format!("<p>page {n}, line</p>\n").repeat(50))
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = bytes as u64;
    let next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

#[test]
fn publish_serves_the_files_of_the_folder() {
    let (folder, server) = (Folder::filled(), Server::start());
    let published = folder.publish(&server).unwrap();
    assert_eq!((published.files, published.activated, published.seq), (24, true, Some(1)));
    assert_eq!(published.blobs_kept, 0);
    let noise_bytes = server.bytes("www", "/assets/noise.png", "identity").unwrap();
    assert_eq!(noise_bytes, noise(5_000));
    assert_eq!(server.bytes("www", "/assets/noise.png", "br"), None, "noise is not encoded");
    let expected = page(101).into_bytes();
    let of = |coding| server.bytes("www", "/docs/index.html", coding).unwrap();
    assert_eq!(of("identity"), expected);
    let mut decoded = Vec::new();
    flate2::read::GzDecoder::new(&of("gzip")[..]).read_to_end(&mut decoded).unwrap();
    assert_eq!(decoded, expected, "gzip");
    let zstd = server.bytes("www", "/docs/index.html", "zstd");
    assert_eq!(zstd, None, "not shorter than Brotli, so it would never be sent");
    decoded.clear();
    brotli::BrotliDecompress(&mut &of("br")[..], &mut decoded).unwrap();
    assert_eq!(decoded, expected, "br");
}

#[test]
fn only_changed_files_are_sent() {
    let (folder, server) = (Folder::filled(), Server::start());
    let first = folder.publish(&server).unwrap();
    for cache in [folder.options().cache, CachePlace::Nowhere] {
        server.reset();
        let options = PublishOptions { cache, ..folder.options() };
        let again = publish(&options, &server, 1).unwrap();
        assert_eq!(again.deployment, first.deployment);
        assert_eq!((again.blobs_sent, again.changed, again.seq), (0, false, Some(1)));
        assert_eq!(server.received(), 0);
    }
    folder.write("page7.html", page(77).as_bytes());
    let edited = folder.publish(&server).unwrap();
    assert_eq!(edited.blobs_sent, 3, "the page and its two encodings");
    assert_eq!((edited.changed, edited.seq), (true, Some(2)));
    folder.write("page7.html", page(7).as_bytes());
    let back = folder.publish(&server).unwrap();
    assert_eq!((back.deployment, back.blobs_sent), (first.deployment, 0));
}

#[test]
fn a_large_site_has_shards_and_asks_little() {
    let (folder, server) = (Folder::new(), Server::start());
    for n in 0..2_500 {
        folder.write(&format!("d{}/page{n}.html", n % 50), page(n).as_bytes());
    }
    let first = folder.publish(&server).unwrap();
    assert!(first.blobs_sent > 7_500, "{}", first.blobs_sent);
    folder.write("d7/page7.html", b"edited");
    server.reset();
    let edited = folder.publish(&server).unwrap();
    assert_eq!(edited.blobs_sent, 2, "the page, too short to be encoded, and its shard");
    let fetched = |state: &mut server::State| {
        state
            .requests
            .iter()
            .filter(|request| request.starts_with("GET") && request.contains("/blobs/"))
            .count()
    };
    assert_eq!(server.with(fetched), 1, "only the shard that differs is fetched");
    assert_eq!(server.bytes("www", "/d7/page7.html", "identity").unwrap(), b"edited");
}

#[cfg(unix)]
#[test]
fn all_problems_are_reported_before_anything_is_sent() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    let (folder, server) = (Folder::filled(), Server::start());
    let site = folder.site();
    let outside = folder.0.join("outside");
    fs::create_dir_all(outside.join("deep")).unwrap();
    fs::write(outside.join("secret.txt"), "secret").unwrap();
    folder.write("huge.bin", &vec![0; (1 << 20) + 1]);
    folder.write("just.bin", &vec![0; 1 << 20]);
    folder.write("caf\u{e9}.html", b"composed");
    folder.write("cafe\u{301}.html", b"decomposed");
    folder.write(".selvedge/x", b"reserved");
    folder.write("a\\b.txt", b"backslash");
    folder.write("a\nb.txt", b"control");
    folder.write("keys/server.pem", b"-----BEGIN PRIVATE KEY-----\nMIIE\n");
    folder.write("_redirects", b"/a /b 999\n");
    fs::write(site.join(std::ffi::OsStr::from_bytes(b"bad\xff.txt")), "x").unwrap();
    symlink(outside.join("secret.txt"), site.join("leak.txt")).unwrap();
    symlink(&outside, site.join("leak")).unwrap();
    symlink(site.join("nowhere"), site.join("broken")).unwrap();
    symlink("..", site.join("docs/loop")).unwrap();
    symlink("index.html", site.join("same.html")).unwrap();
    let failure = folder.publish(&server).unwrap_err();
    let found: Vec<String> = failure.problems.iter().map(ToString::to_string).collect();
    let expected = [
        ("/huge.bin", "has 1048577 bytes"),
        (
            "/caf\u{e9}.html: ",
            "composed (NFC, \u{e9} is U+00E9), one decomposed (NFD, \u{e9} is U+0065",
        ),
        ("$'cafe\\u0301.html'", "keep the composed one"),
        ("/.selvedge", "answered by Selvedge itself"),
        ("backslash", "/a"),
        ("control character", "/a"),
        ("/keys/server.pem", "holds a private key"),
        ("_redirects:1", ""),
        ("not UTF-8", "/bad"),
        ("/leak.txt", "out of the folder"),
        ("/leak: ", "out of the folder"),
        ("/broken", "can't be read"),
        ("/docs/loop", "loop of symbolic links"),
    ];
    for (one, other) in expected {
        let is_there = found.iter().any(|line| line.contains(one) && line.contains(other));
        assert!(is_there, "{one} {other} in {found:#?}");
    }
    assert_eq!(found.len(), expected.len() - 1, "the twins are one: {found:#?}");
    assert_eq!((failure.ending, &*failure.code), (Ending::Refused, "invalid-folder"));
    assert!(failure.problems.iter().all(|problem| !problem.hint.is_empty()), "{found:#?}");
    assert!(server.keys("").is_empty(), "nothing was created or sent");
}

#[cfg(unix)]
#[test]
fn ignored_files_and_followed_links() {
    let (folder, server) = (Folder::new(), Server::start());
    let names = [
        ("index.html", true),
        (".env", false),
        (".git/config", false),
        (".well-known/security.txt", true),
        (".nojekyll", false),
        (".htaccess", true),
        ("node_modules/x/index.js", false),
        (".DS_Store", false),
        ("a/Thumbs.db", false),
        ("a/b.psd", false),
        ("a/kept.txt", true),
        ("drafts/x.html", false),
        ("_headers", false),
        ("a/_headers", false),
        ("app.config.yaml", false),
        (".selvedgeignore", false),
        ("a b/é?#%41.txt", true),
    ];
    names.iter().for_each(|(name, _)| folder.write(name, b"# x\n"));
    folder.write(".selvedgeignore", b"drafts/\n");
    let toml = b"[publish]\nignore = [\"*.psd\"]\ninclude = [\".htaccess\"]\n";
    fs::write(folder.0.join("selvedge.toml"), toml).unwrap();
    std::os::unix::fs::symlink("a", folder.site().join("linked")).unwrap();
    let published = folder.publish(&server).unwrap();
    for (name, is_served) in names {
        let found = server.bytes("www", &format!("/{name}"), "identity");
        assert_eq!(found.is_some(), is_served, "{name}");
    }
    assert!(server.bytes("www", "/linked/kept.txt", "identity").is_some());
    assert_eq!(published.files, 6);
    let warnings = &published.warnings;
    assert_eq!(warnings.len(), 3, "a/_headers, twice, and node_modules: {warnings:?}");
}

#[test]
fn upstreams_are_checked_before_anything_is_sent() {
    let (folder, server) = (Folder::filled(), Server::start());
    let toml = |text: &str| fs::write(folder.0.join("selvedge.toml"), text).unwrap();
    toml("[[actions]]\nprefix = \"/a\"\norigin = \"https://other.test\"\n");
    for extent in [Extent::DryRun, Extent::Activate] {
        server.reset();
        let options = PublishOptions { extent, ..folder.options() };
        let failure = publish(&options, &server, 1).unwrap_err();
        let problem = &failure.problems[0];
        assert_eq!((failure.problems.len(), problem.line), (1, Some(3)), "{failure}");
        assert!(problem.message.contains("https://other.test"), "{failure}");
        let changed = server.with(|state| state.requests.iter().any(|r| !r.starts_with("GET ")));
        assert!(!changed, "{extent:?}");
    }
    let docs = "[[actions]]\nprefix = \"/docs\"\norigin = \"https://api.test/\"\nfirst = true\n";
    toml(docs);
    let published = folder.publish(&server).unwrap();
    let warnings = &published.warnings;
    assert_eq!((warnings.len(), warnings[0].line), (1, Some(2)), "{warnings:?}");
    assert!(warnings[0].message.ends_with(": /docs/index.html"), "{warnings:?}");
}

#[test]
fn an_empty_folder_and_a_missing_one() {
    let (folder, server) = (Folder::new(), Server::start());
    folder.write(".hidden", b"x");
    let failure = folder.publish(&server).unwrap_err();
    assert!(failure.problems[0].message.contains("nothing to publish"), "{failure}");
    let options = PublishOptions { folder: folder.0.join("none"), ..folder.options() };
    assert_eq!(publish(&options, &server, 1).unwrap_err().ending, Ending::Refused);
}

#[test]
fn private_keys_need_permission_each_time() {
    let (folder, server) = (Folder::new(), Server::start());
    folder.write("test.key", b"-----BEGIN PRIVATE KEY-----\nMIIE\n");
    let allowed = PublishOptions { allow_secrets: true, ..folder.options() };
    assert!(publish(&allowed, &server, 1).unwrap().activated);
    assert_eq!(&*folder.publish(&server).unwrap_err().code, "invalid-folder");
}

fn command(folder: &Folder, url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    command
        .args(arguments)
        .current_dir(&folder.0)
        .env("XDG_CACHE_HOME", folder.0.join("user-cache"))
        .env("SELVEDGE_URL", url)
        .env("SELVEDGE_TOKEN", ROOT_TOKEN)
        .env_remove("SELVEDGE_SITE")
        .env_remove("SELVEDGE_MEDIA_KEY");
    command
}

fn selvedge(folder: &Folder, url: &str, arguments: &[&str]) -> Output {
    command(folder, url, arguments).output().unwrap()
}

/// Runs a command, checks its exit code and parts of its output, and returns the output.
#[track_caller]
fn check(
    folder: &Folder,
    server: &Server,
    arguments: &[&str],
    code: i32,
    parts: &[&str],
) -> String {
    let output = selvedge(folder, &server.url, arguments);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    for part in parts {
        assert!(text.contains(part), "{arguments:?}: {part} in {text}");
    }
    text
}

/// Returns standard output, then standard error.
fn text(output: &Output) -> String {
    String::from_utf8([&*output.stdout, &*output.stderr].concat()).unwrap()
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "one object: {text}");
    serde_json::from_str(&text).unwrap()
}

//! Publishes real folders to a server in memory.

#![cfg(not(target_arch = "wasm32"))]

mod fingerprints;
mod objects;
mod other_builds;
mod removal;
mod server;
mod stored;
mod unreachable_server;

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

use server::{Fault, Server, WINNER};

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
    let backoff = Backoff {
        attempts_max,
        first_millis: 1,
        longest_millis: 4,
        retry_after_second_millis: 10,
        ..Backoff::default()
    };
    let client = Client::new(&server.url, "root", backoff).unwrap();
    publish_to(options, &client, &Silent)
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
        assert!(server.with(|state| state.received.is_empty()));
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

#[test]
fn an_interrupted_publish_changes_nothing_and_can_be_resumed() {
    let (folder, server) = (Folder::filled(), Server::start());
    server.with(|state| state.batch_bytes_max = 4_000);
    folder.publish(&server).unwrap();
    let mut crash_at = 0;
    loop {
        for n in 0..6 {
            folder.write(&format!("page{n}.html"), &noise(1_500 + crash_at * 6 + n));
        }
        let before = server.live("www", "production");
        server.fail(
            move |number, _, _| if number >= crash_at { Fault::LostRequest } else { Fault::None },
        );
        let interrupted = publish(&folder.options(), &server, 1);
        let Err(failure) = interrupted else { break };
        assert_eq!(failure.ending, Ending::Failed, "{failure}");
        assert_eq!(server.live("www", "production"), before, "crash at request {crash_at}");
        let sent_before = server.with(|state| state.received.len());
        server.reset();
        let rest = folder.publish(&server).unwrap();
        assert_eq!(rest.blobs_sent + sent_before, 6, "crash at request {crash_at}");
        crash_at += 1;
    }
    assert!(crash_at >= 9, "every step was interrupted: {crash_at}");
}

#[test]
fn a_request_whose_answer_is_lost_is_retried() {
    let (folder, server) = (Folder::filled(), Server::start());
    for lost in 0..20 {
        folder.write("index.html", format!("version {lost}").as_bytes());
        server.fail_at(lost, Fault::LostAnswer);
        let published = folder.publish(&server).unwrap();
        assert!(published.activated, "answer {lost} lost");
        let live = server.live("www", "production").unwrap();
        assert_eq!(live, (published.deployment.to_string(), lost as u64 + 1));
    }
}

#[test]
fn busy_and_flaky_servers() {
    for status in [429, 500, 502, 503, 504] {
        let (folder, server) = (Folder::filled(), Server::start());
        server.fail(
            move |number, _, _| if number % 3 == 0 { Fault::Status(status) } else { Fault::None },
        );
        assert!(folder.publish(&server).unwrap().activated, "{status}");
    }
    let (folder, server) = (Folder::filled(), Server::start());
    server.with(|state| state.batch_bytes_max = 2_000);
    let mut random = 7_u32;
    server.fail(move |_, _, _| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match (random >> 16) % 20 {
            0 => Fault::LostRequest,
            1 => Fault::LostAnswer,
            _ => Fault::None,
        }
    });
    assert!(folder.publish(&server).unwrap().activated);
    server.fail(|_, _, _| Fault::Status(503));
    let failure = folder.publish(&server).unwrap_err();
    assert_eq!((failure.ending, &*failure.code), (Ending::Failed, "unavailable"));
    assert_eq!(failure.why.as_deref(), Some("6 attempts were made"));
    // A full store stays full, so there are only a few attempts.
    server.fail_where(Fault::Refused("not-stored"), |_, path| {
        path.contains("/blobs") && !path.ends_with("/missing")
    });
    folder.write("page1.html", page(999).as_bytes());
    let failure = folder.publish(&server).unwrap_err();
    assert_eq!((failure.ending, &*failure.code), (Ending::Failed, "not-stored"));
    assert_eq!(failure.why.as_deref(), Some("3 attempts were made"));
}

#[test]
fn a_lost_race_names_the_winner() {
    let (folder, server) = (Folder::filled(), Server::start());
    folder.publish(&server).unwrap();
    folder.write("index.html", b"mine");
    server.fail_where(Fault::LostRace, |_, path| path.ends_with("/missing"));
    let result = folder.publish(&server);
    let failure = result.unwrap_err();
    assert_eq!((failure.ending, &*failure.code), (Ending::Refused, "lost-race"));
    assert!(failure.message.contains("someone") && failure.message.contains(WINNER), "{failure}");
    assert_eq!(failure.to_json()["error"]["winner"]["seq"], 2);
    assert_eq!(server.live("www", "production").unwrap().0, WINNER);
    server.reset();
    let forced = PublishOptions { on_lost_race: OnLostRace::Replace, ..folder.options() };
    assert_eq!(publish(&forced, &server, 1).unwrap().seq, Some(3));
}

#[test]
fn dry_runs_and_publishes_without_activation() {
    let (folder, server) = (Folder::filled(), Server::start());
    let options = |extent| PublishOptions { extent, ..folder.options() };
    let dry = publish(&options(Extent::DryRun), &server, 1).unwrap();
    assert!(dry.dry_run && !dry.activated && dry.blobs_sent > 24);
    let only_reads = |request: &String| request.starts_with("GET") || request.ends_with("/missing");
    assert!(server.with(|state| state.requests.iter().all(only_reads) && state.sites.is_empty()));
    let stored = publish(&options(Extent::Commit), &server, 1).unwrap();
    assert_eq!((stored.blobs_sent, stored.activated), (dry.blobs_sent, false));
    assert!(stored.deployment_url.is_some() && stored.url.is_none());
    assert_eq!(server.live("www", "production"), None);
    assert_eq!(publish(&options(Extent::DryRun), &server, 1).unwrap().blobs_sent, 0);
    let live = publish(&options(Extent::Activate), &server, 1).unwrap();
    assert_eq!((live.blobs_sent, live.activated), (0, true));
}

#[test]
fn large_blobs_are_sent_alone_and_lost_packs_encoded_again() {
    let (folder, server) = (Folder::filled(), Server::start());
    server.with(|state| state.batch_bytes_max = 3_000);
    let options = PublishOptions { extent: Extent::DryRun, ..folder.options() };
    publish(&options, &server, 1).unwrap();
    for entry in fs::read_dir(folder.0.join("cache")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "pack") {
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        }
    }
    assert!(folder.publish(&server).unwrap().activated);
    let alone = |state: &mut server::State| {
        state.requests.iter().filter(|r| r.starts_with("PUT") && r.contains("/blobs/")).count()
    };
    assert_eq!(server.with(alone), 1, "the noise");
    assert_eq!(server.bytes("www", "/page1.html", "identity").unwrap(), page(1).as_bytes());
    assert!(server.bytes("www", "/page1.html", "br").is_some());
}

#[test]
fn a_file_that_changes_meanwhile_is_read_again() {
    let (folder, server) = (Folder::filled(), Server::start());
    let file = folder.site().join("page3.html");
    let mut is_done = false;
    server.fail(move |_, _, path| {
        if path.ends_with("/missing") && !is_done {
            is_done = true;
            fs::write(&file, "changed meanwhile").unwrap();
        }
        Fault::None
    });
    folder.publish(&server).unwrap();
    let found = server.bytes("www", "/page3.html", "identity").unwrap();
    assert_eq!(found, b"changed meanwhile");
}

#[test]
fn a_file_that_vanishes_is_reported() {
    let (folder, server) = (Folder::filled(), Server::start());
    let file = folder.site().join("page3.html");
    server.fail(move |_, _, path| {
        if path.ends_with("/missing") {
            let _ = fs::remove_file(&file);
        }
        Fault::None
    });
    let failure = folder.publish(&server).unwrap_err();
    assert_eq!(&*failure.code, "vanished");
    assert!(failure.message.contains("/page3.html"), "{failure}");
    assert_eq!(server.live("www", "production"), None);
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
    assert!(server.with(|state| state.sites.is_empty()), "nothing was created or sent");
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
        .env("SELVEDGE_TOKEN", "root")
        .env_remove("SELVEDGE_SITE");
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

#[test]
fn json_output() {
    let (folder, server) = (Folder::filled(), Server::start());
    let publish = ["publish", "site", "--site", "www", "--json"];
    let output = selvedge(&folder, &server.url, &publish);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let object = json(&output);
    let members = [
        "deployment", "site", "stage", "url", "deployment_url", "files", "bytes", "blobs_sent",
        "bytes_sent", "blobs_kept", "activated", "seq", "effective_within_secs", "warnings",
        "notes", "seconds",
    ];
    for member in members {
        assert!(!object[member].is_null(), "{member} in {object}");
    }
    let list = selvedge(&folder, &server.url, &["deployments", "--site", "www", "--json"]);
    assert_eq!(json(&list)["stages"]["production"]["deployment"], object["deployment"]);
    folder.write("_redirects", b"/a /b 999\n");
    let refused = selvedge(&folder, &server.url, &publish);
    assert_eq!(refused.status.code(), Some(1));
    let problem = &json(&refused)["error"]["problems"][0];
    assert_eq!(problem["line"], 1);
    assert!(problem["file"].as_str().unwrap().ends_with("_redirects"));
}

#[test]
fn purges() {
    let (folder, server) = (Folder::filled(), Server::start());
    folder.publish(&server).unwrap();
    let by = "in force everywhere within 30 s, by Tue, 14 Nov 2023 22:13:50 GMT";
    let rows: [(&[&str], &str); 5] = [
        (&["--all"], "production: purged everything (seq 2)"),
        (&["--path", "/content/a b"], "purged /content/a b (seq 3)"),
        (&["--prefix", "/content/"], "purged all paths that begin with /content/ (seq 4)"),
        (&["--tag", "blog:7"], "purged everything tagged blog:7 (seq 5)"),
        (&["--collection", "content"], "purged the collection content (seq 6)"),
    ];
    for (arguments, words) in rows {
        let arguments = [&["purge", "--site", "www"], arguments].concat();
        let output = selvedge(&folder, &server.url, &arguments);
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(text.contains(words) && text.contains(by), "{text}");
    }
    let purge = ["purge", "--site", "www", "--tag", "x", "--json"];
    let object = json(&selvedge(&folder, &server.url, &purge));
    assert_eq!((object["scope"]["tag"].as_str(), object["seq"].as_u64()), (Some("x"), Some(7)));
    let wrong: [&[&str]; 4] = [
        &[],
        &["--all", "--tag", "x"],
        &["--collection", "/content/"],
        &["--all", "--stage", "staging"],
    ];
    for arguments in wrong {
        let arguments = [&["purge", "--site", "www"], arguments].concat();
        check(&folder, &server, &arguments, 1, &[]);
    }
    // The first answer is lost. A repeated purge is harmless.
    server.fail_at(0, Fault::LostAnswer);
    check(&folder, &server, &["purge", "--site", "www", "--all"], 0, &[]);
}

#[test]
fn the_built_in_collection_gives_way_to_files() {
    type Files<'a> = &'a [(&'a str, &'a str)];
    let rows: [(Files, &[&str], Option<&str>); 5] = [
        (&[], &["public"], None),
        (&[("public/a.txt", "a")], &[], Some("note: /public/a.txt: is served at /public/")),
        (&[("public.html", "a")], &[], Some("note: /public.html: is served at /public/")),
        (&[("public/a.txt", "a"), ("selvedge.toml", "public = false")], &[], None),
        (
            &[("selvedge.toml", "[[collections]]\nname = \"docs\"\nprefix = \"/public/\"")],
            &["docs"],
            None,
        ),
    ];
    for (files, expected, note) in rows {
        let (folder, server) = (Folder::filled(), Server::start());
        for (name, text) in files {
            folder.write(name, text.as_bytes());
        }
        let output = selvedge(&folder, &server.url, &["publish", "site", "--site", "www"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        let named = said.lines().find(|line| line.starts_with("note: /public"));
        assert_eq!(named.is_some(), note.is_some(), "{said}");
        assert!(note.is_none_or(|note| named.is_some_and(|line| line.starts_with(note))), "{said}");
        let manifest = server.manifest("www");
        let collections = &manifest.head().config.collections;
        let names: Vec<&str> = collections.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, expected, "{files:?}");
    }
}

#[test]
fn keys_are_created_listed_and_revoked() {
    let (folder, server) = (Folder::filled(), Server::start());
    folder.publish(&server).unwrap();
    let keys = |arguments: &[&str]| {
        let arguments = [&["keys", "--site", "www"], arguments].concat();
        let output = selvedge(&folder, &server.url, &arguments);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(keys(&[]), (Some(0), "none\n".into()));
    let made = keys(&["create", "--name", "build", "--expires", "30d"]);
    assert_eq!(made, (Some(0), "slk_www_id0_secret\n".into()), "the text alone, for scripts");
    let (code, listed) = keys(&["list"]);
    assert!(code == Some(0) && listed.contains("build") && !listed.contains("secret"), "{listed}");
    assert_eq!(keys(&["revoke", "id0"]), (Some(0), "id0 is revoked\n".into()));
    assert_eq!(keys(&["revoke", "id0"]).0, Some(1));
    assert_eq!(keys(&["create", "--name", "x", "--expires", "never"]).0, Some(1));
}

#[test]
fn exit_codes_and_messages() {
    let (folder, server) = (Folder::filled(), Server::start());
    let nobody = "http://127.0.0.1:9";
    let forever = ["tokens", "--site", "www", "create", "--name", "x", "--scope", "read"];
    let at_once = [&forever[..], &["--expires", "0s"]].concat();
    let rows: [(&str, &[&str], i32, &str); 10] = [
        (&server.url, &at_once, 1, "must be at least 1s; leave it out for no expiry"),
        (&server.url, &["publish", "site", "--site", "www"], 0, "Published 24 files"),
        (&server.url, &["publish", "site/docs", "--site", "one"], 0, "Published 1 file ("),
        (&server.url, &["publish", "site/docs", "--site", "one"], 0, "Already live: 1 file"),
        (&server.url, &["publish", "none", "--site", "www"], 1, "is not a folder"),
        (&server.url, &["publish", "site"], 1, "--site"),
        (&server.url, &["publish", "site", "--site", "a--b"], 1, "is not a site name"),
        (&server.url, &["rollback", "--site", "www"], 1, "no deployment to return to"),
        (&server.url, &["deployments", "--site", "nosuch"], 1, "there is no site `nosuch`"),
        (nobody, &["publish", "site", "--site", "www"], 2, "is `make dev` running"),
    ];
    for (url, arguments, code, words) in rows {
        let output = selvedge(&folder, url, arguments);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
    let help = selvedge(&folder, &server.url, &["publish", "--help"]);
    assert!(String::from_utf8_lossy(&help.stdout).contains("Ctrl-C is safe"));
    assert!(Path::new(&folder.0).join("user-cache/selvedge").is_dir());
}

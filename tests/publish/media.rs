//! `selvedge media`, and renditions after other commands.

use std::collections::BTreeMap;

use selvedge::publish::media::selection::Choice;
use selvedge::publish::media::warm::{WarmOptions, Warmed, warm as warm_with};

use super::support::media::Manner;
use super::*;

const NO_SECRET: &[(&str, &str)] = &[];

/// A folder with images, and with `[media]` and these lines.
fn gallery(toml: &str) -> Folder {
    let folder = Folder::new();
    folder.write("index.html", page(1).as_bytes());
    for name in ["photos/a.jpg", "photos/b c.jpg", "logo.png"] {
        folder.write(name, name.as_bytes());
    }
    configure(&folder, &format!("[media]\n{toml}"));
    folder
}

fn configure(folder: &Folder, toml: &str) {
    fs::write(folder.0.join("selvedge.toml"), toml).unwrap();
}

/// Sends a GET as a visitor.
fn visit(server: &Server, url: &str) -> support::response::Response {
    let url = url.to_owned();
    server.within(move |world| {
        let isolate = support::response::Isolate::new(world);
        isolate.ask("GET", &url).send()
    })
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn signed_urls_are_served() {
    let (folder, server) = (gallery(""), Server::start());
    folder.publish(&server).unwrap();
    for target in [
        "https://www.cdn.test/_media/photos/a.jpg?w=801&blur=9",
        "https://www.cdn.test/_media/photos/b c.jpg?rot=90",
        "https://www.cdn.test/_media/photos/a.jpg?rot=180&exp=1",
    ] {
        assert_eq!(visit(&server, target).status, 403, "{target}");
        let sign = ["media", "sign", target, "--expires", "1h"];
        let output = selvedge(&folder, &server.url, &sign);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let printed = stdout(&output);
        let url = printed.strip_suffix('\n').unwrap();
        assert!(!url.contains(char::is_whitespace), "the URL alone: {printed}");
        assert_eq!(visit(&server, url).status, 200, "{url}");
        assert_eq!(visit(&server, &url.replace("s=", "s=A")).status, 403, "{url}");
        // The same key, without a server.
        let key = stdout(&selvedge(&folder, &server.url, &["media", "key", "--site", "www"]));
        let offline = command(&folder, "http://127.0.0.1:9", &["media", "sign", url])
            .env("SELVEDGE_MEDIA_KEY", key.trim())
            .env_remove("SELVEDGE_TOKEN")
            .output()
            .unwrap();
        assert_eq!(stdout(&offline), printed);
    }
    let sign = ["media", "sign", "https://www.cdn.test/_media/logo.png?w=9", "--json"];
    let object = json(&selvedge(&folder, &server.url, &sign));
    assert!(object["url"].as_str().unwrap().contains("?w=9&s="), "{object}");
    assert!(object["expires_ms"].is_null() && object["warnings"] == Value::Array(vec![]));
}

#[test]
fn signing_refuses_and_warns() {
    let (folder, server) = (gallery("[media.presets.thumb]\nw = 300"), Server::start());
    folder.publish(&server).unwrap();
    server.admin("PUT", "/sites/www/hosts/www.shop.test", serde_json::json!({}));
    let plain = PublishOptions { site: SiteName::parse("plain").unwrap(), ..folder.options() };
    configure(&folder, "");
    publish(&plain, &server, 1).unwrap();
    let rows: [(&[&str], i32, &str); 13] = [
        (&["https://www.cdn.test/photos/a.jpg"], 1, "neither below /_media/ nor of an adapter"),
        (&["/_media/photos/a.jpg"], 1, "a scheme and a host"),
        (&["https://www.cdn.test/_media/a.jpg?w=4097"], 0, "refused as it is: `w` must be"),
        (&["https://www.cdn.test/_media/a.jpg?p=thumb"], 0, "&s="),
        (&["https://www.cdn.test/_media/a.jpg?p=none"], 0, "the name of a preset"),
        (&["https://www.cdn.test/_next/image?url=/a.jpg&w=9"], 0, "`adapters`"),
        (&["https://none--www.cdn.test/_media/a.jpg"], 0, "nothing with [media] is published"),
        (&["https://plain.cdn.test/_media/a.jpg"], 0, "nothing with [media] is published"),
        (&["https://fresh--www.cdn.test/_media/a.jpg"], 1, "serves no renditions"),
        (&["https://www.shop.test/_media/a.jpg"], 1, "add --site NAME"),
        (&["https://www.shop.test/_media/a.jpg?rot=90", "--site", "www"], 0, "rot=90&s="),
        (&["https://other.test/_media/a.jpg", "--site", "www"], 1, "hosts --site www add"),
        (&["https://www.cdn.test/_media/a.jpg", "--site", "plain"], 1, "of the site www, not"),
    ];
    for (arguments, code, words) in rows {
        check(&folder, &server, &[&["media", "sign"], arguments].concat(), code, &[words]);
    }
    let a = "https://www.cdn.test/_media/a.jpg";
    check(&folder, &server, &["media", "sign", a, "--key", "short"], 1, &["43 of A-Z"]);
    check(&folder, &server, &["media", "sign", a, "--expires", "0s"], 1, &["at least 1s"]);
    let gone = "https://gone.cdn.test/_media/a.jpg";
    check(&folder, &server, &["media", "sign", gone], 1, &["there is no site `gone`"]);
}

#[test]
fn missing_parts_of_the_server_are_named() {
    let (folder, server) = (gallery(""), Server::with_vars(NO_SECRET));
    assert_eq!(folder.publish(&server).unwrap().warnings, []);
    let a = "https://www.cdn.test/_media/photos/a.jpg";
    let remedy = ["has no MEDIA_SECRET", "wrangler secret put MEDIA_SECRET"];
    check(&folder, &server, &["media", "sign", a], 1, &remedy);
    check(&folder, &server, &["media", "key", "--site", "www"], 1, &remedy);
    configure(&folder, "[media]\nmode = \"signed\"");
    let warnings = folder.publish(&server).unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].message.contains("MEDIA_SECRET"), "{warnings:?}");
    server.within(|world| world.missing.set(Some("MEDIA")));
    configure(&folder, "[media]");
    for extent in [Extent::DryRun, Extent::Commit, Extent::Activate] {
        let options = PublishOptions { extent, ..folder.options() };
        let warnings = publish(&options, &server, 1).unwrap().warnings;
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert!(warning.message.contains("no media worker"), "{warning}");
        assert!(warning.hint.contains("MEDIA in wrangler.toml"), "{warning}");
    }
    configure(&folder, "");
    server.reset();
    assert_eq!(folder.publish(&server).unwrap().warnings, []);
    let asked = server.with(|state| state.requests.iter().any(|at| at.ends_with("/media")));
    assert!(!asked, "sites without [media] don't ask");
}

/// Makes renditions with retries that don't wait.
fn warm(server: &Server, presets: &[&str], widths: &[u16]) -> Result<Warmed, Failure> {
    let options = WarmOptions {
        site: SiteName::parse("www").unwrap(),
        stage: StageName::production(),
        choice: Choice {
            presets: presets.iter().map(|&name| name.to_owned()).collect(),
            widths: widths.to_vec(),
            ..Choice::default()
        },
        is_dry_run: false,
    };
    warm_with(&options, &client(server, 3), &Silent)
}

/// Tells the media worker how to answer.
fn answer_with(server: &Server, manner: &'static str) {
    server.within(move |world| *world.manner.borrow_mut() = Manner::parse(manner).unwrap());
}

const CARD: &str = "[media.presets.card]\nw = 300";

#[test]
fn warm_makes_what_visitors_ask_for() {
    let (folder, server) = (gallery(CARD), Server::start());
    folder.publish(&server).unwrap();
    let stored = || server.keys("derived/www/").len();
    let warm = ["media", "warm", "--site", "www"];
    let dry = check(
        &folder,
        &server,
        &[&warm[..], &["--dry-run"]].concat(),
        0,
        &[
            "/_media/photos/b%20c.jpg?p=card&s=",
            "image/avif,image/webp,*/*",
            "Would ask for 9 renditions of 3 images",
        ],
    );
    assert_eq!((dry.lines().count(), stored()), (10, 0), "{dry}");
    check(&folder, &server, &warm, 0, &["Made 9 renditions of 3 images", "0 were there"]);
    assert_eq!(stored(), 9);
    check(&folder, &server, &warm, 0, &["Made nothing: 9 renditions of 3 images were there"]);
    // A new image is made, the others are not made again.
    folder.write("photos/new.jpg", b"new");
    folder.publish(&server).unwrap();
    let some = [&warm[..], &["--path", "/photos/", "--format", "avif,jpg", "--json"]].concat();
    let object = json(&selvedge(&folder, &server.url, &some));
    assert_eq!(
        (&object["images"], &object["made"], &object["kept"]),
        (&3.into(), &2.into(), &4.into())
    );
    answer_with(&server, "503");
    for (accept, expected) in
        [("image/avif,image/webp,image/*,*/*;q=0.8", 200), ("image/*", 200), ("image/webp", 503)]
    {
        let visit = server.within(move |world| {
            let isolate = support::response::Isolate::new(world);
            let url = "https://www.cdn.test/_media/photos/new.jpg?p=card";
            isolate.ask("GET", url).header("accept", accept).send()
        });
        assert_eq!(visit.status, expected, "{accept}: stored, or asked of the media worker");
    }
}

#[test]
fn warm_needs_a_choice_that_visitors_have() {
    let (folder, server) = (gallery(CARD), Server::start());
    let warm = |more: &[&str], code, words: &str| {
        check(
            &folder,
            &server,
            &[&["media", "warm", "--site", "www"], more].concat(),
            code,
            &[words],
        )
    };
    warm(&[], 1, "there is no site `www`");
    folder.publish(&server).unwrap();
    let rows: [(&[&str], i32, &str); 9] = [
        (&["--stage", "staging"], 1, "nothing is published on staging"),
        (&["--preset", "none"], 1, "the deployment has card"),
        (&["--width", "641"], 1, "641 is not in `widths`"),
        (&["--width", "wide"], 1, "invalid value"),
        (&["--format", "png"], 1, "invalid value"),
        (&["--path", "/none/"], 1, "it has /logo.png, /photos/a.jpg"),
        (&["--path", "[z-a]"], 1, "is not a pattern"),
        (&["--preset", "card", "--width", "64,640", "--dry-run"], 0, "18 renditions"),
        (
            &["--width", "64", "--width", "640", "--path", "*.png", "--dry-run"],
            0,
            "6 renditions of 1",
        ),
    ];
    for (more, code, words) in rows {
        warm(more, code, words);
    }
    configure(&folder, "[media]");
    folder.publish(&server).unwrap();
    warm(&[], 1, "choose widths: --width");
    server.within(|world| world.missing.set(Some("MEDIA")));
    warm(&["--width", "64"], 1, "no media worker");
    configure(&folder, "");
    folder.publish(&server).unwrap();
    server.within(|world| world.missing.set(None));
    warm(&["--width", "64"], 1, "has no [media] table");
    assert!(server.keys("derived/").is_empty());
}

#[test]
fn warm_reports_images_that_cannot_be_transformed() {
    let (folder, server) = (gallery(CARD), Server::start());
    folder.publish(&server).unwrap();
    answer_with(&server, "415");
    let failure = warm(&server, &[], &[64]).unwrap_err();
    assert_eq!((failure.ending, &*failure.code), (Ending::Refused, "not-made"));
    assert_eq!(failure.message, "9 of 9 renditions could not be made");
    let [_, problem, _] = failure.problems.as_slice() else { panic!("{failure}") };
    assert_eq!(problem.path.as_deref(), Some("/photos/a.jpg"));
    let expected = "w=64 (avif) and 2 more: 415: the file is broken";
    assert!(problem.message.starts_with(expected), "{failure}");
    answer_with(&server, "");
    assert_eq!(failure.to_json()["error"]["made"], 0);
    // The isolates of the test remember no refusal.
    assert_eq!(warm(&server, &[], &[64]).unwrap().made, 9);
}

#[test]
fn warm_waits_for_a_busy_server_and_gives_up_on_a_broken_one() {
    let (folder, server) = (gallery(CARD), Server::start());
    folder.publish(&server).unwrap();
    let is_media = |path: &str| path.starts_with("/_media/");
    let mut asked = BTreeMap::<String, u32>::new();
    server.fail_where(Fault::Status(429), move |_, path| {
        let count = asked.entry(path.to_owned()).or_default();
        *count += 1;
        is_media(path) && *count <= 2
    });
    assert_eq!(warm(&server, &["card"], &[]).unwrap().made, 9, "three attempts");
    server.fail_where(Fault::LostRequest, {
        let mut count = 0;
        move |_, path| {
            count += u32::from(is_media(path));
            is_media(path) && count == 1
        }
    });
    assert_eq!(warm(&server, &["card"], &[]).unwrap().kept, 9);
    server.reset();
    answer_with(&server, "503");
    let none = warm(&server, &[], &[64, 96, 128]).unwrap_err();
    assert_eq!((none.ending, &*none.code), (Ending::Failed, "unavailable"), "{none}");
    assert!(none.to_string().contains("detail=media-busy"), "{none}");
    let asked =
        server.with(|state| state.requests.iter().filter(|at| at.contains("/_media/")).count());
    assert!(asked <= 3 * (8 + 3), "{asked} of 81: up to three are in flight when it gives up");
    // One of many is a rendition that failed, not a broken server.
    server.fail_where(Fault::Status(503), move |_, path| path.contains("b%20c.jpg?w=64"));
    answer_with(&server, "");
    let one = warm(&server, &[], &[64]).unwrap_err();
    assert_eq!((one.ending, one.problems.len()), (Ending::Failed, 1), "{one}");
    assert_eq!(
        (&one.to_json()["error"]["made"], one.message.as_str()),
        (&6.into(), "3 of 9 renditions could not be made")
    );
    server.fail_where(Fault::LostRequest, move |_, path| is_media(path));
    let away = warm(&server, &[], &[64]).unwrap_err();
    assert_eq!((away.ending, &*away.code), (Ending::Failed, "unreachable"), "{away}");
    assert!(away.message.contains("--www.cdn.test` can't be reached"), "{away}");
}

#[test]
fn signed_requests_have_no_rate_limit() {
    for (vars, is_limited) in [(&[("MEDIA_SECRET", "secret")][..], false), (NO_SECRET, true)] {
        let (folder, server) = (gallery(CARD), Server::with_vars(vars));
        folder.publish(&server).unwrap();
        server.within(|world| world.limit_per_minute.set(Some(2)));
        let made = warm(&server, &["card"], &[]);
        assert_eq!(made.is_err(), is_limited, "{made:?}");
    }
}

#[test]
fn removals_know_renditions() {
    let (folder, server) = (gallery(CARD), Server::start());
    let first = folder.publish(&server).unwrap().deployment;
    warm(&server, &["card"], &[]).unwrap();
    folder.write("index.html", b"second");
    folder.publish(&server).unwrap();
    let old = format!("https://{first}--www.cdn.test/_media/photos/a.jpg?p=card");
    let live = "https://www.cdn.test/_media/photos/a.jpg?p=card";
    assert_eq!((visit(&server, &old).status, visit(&server, live).status), (200, 200));
    let takedown = ["takedown", "/photos/*", "--site", "www", "--yes"];
    check(&folder, &server, &takedown, 0, &["STILL SERVED live on production"]);
    assert_eq!((visit(&server, &old).status, visit(&server, live).status), (404, 200));
    let missed = warm(&server, &["card"], &[]).unwrap_err();
    assert!(missed.to_string().contains("is it taken down?"), "{missed}");
    fs::remove_dir_all(folder.site().join("photos")).unwrap();
    folder.publish(&server).unwrap();
    assert_eq!(visit(&server, live).status, 404);
    let forget = ["deployments", "forget", first.as_str(), "--site", "www", "--yes"];
    check(&folder, &server, &forget, 0, &["is forgotten"]);
    assert_eq!(visit(&server, &old).status, 421);
    assert_eq!(server.keys("derived/www/").len(), 9);
    check(&folder, &server, &["sites", "delete", "www", "--yes"], 0, &["deleting renditions"]);
    assert!(server.keys("derived/").is_empty());
}

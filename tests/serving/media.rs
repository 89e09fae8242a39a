//! Renditions: many requests at once, many URLs, and signed ones.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use selvedge::ports::Fault;
use selvedge::site::ids::ContentHash;
use selvedge::site::media::signature::SigningKey;

use super::support::acting::{came, together};
use super::support::folder::{Folder, publish};
use super::support::media::Manner;
use super::support::response::{Isolate, Request, Response};
use super::support::world::{EdgeTemper, Op, Trouble, World};

const HOST: &str = "www.cdn.test";
const CONFIG: &str = r#"{"media":{}}"#;
const PHOTO: &str = "photo";

fn world(vars: &[(&str, &str)]) -> World {
    let world = World::with_vars(vars);
    let files = [("/a.jpg", PHOTO), ("/index.html", "home"), ("/font.ttf", "font")];
    publish(&world, "www", "production", &Folder::new(&files).configured(CONFIG));
    world
}

fn warm(world: &World) -> Isolate {
    let isolate = Isolate::new(world);
    isolate.get(HOST, "/");
    world.log.take();
    isolate
}

fn ask(isolate: &Isolate, query: &str) -> Request {
    isolate.ask("GET", &format!("https://{HOST}/_media/a.jpg?{query}"))
}

fn renders(world: &World) -> usize {
    world.log.borrow().iter().filter(|logged| logged.op == Op::Render).count()
}

fn manner(world: &World, text: &str) {
    *world.manner.borrow_mut() = Manner::parse(text).unwrap();
}

fn statuses(responses: &[Response], status: u16) -> usize {
    responses.iter().filter(|response| response.status == status).count()
}

#[test]
fn a_thousand_requests_at_once_make_one_rendition() {
    for (made, count, is_kept) in [
        ("after=300", 1_000, true),
        ("after=1900 size=100000", 100, true),
        ("after=9000", 100, true),
        // Not held in memory.
        ("after=300 size=1100000", 50, true),
        // With nowhere to find it, the others are told to come back.
        ("after=300 size=1100000", 50, false),
    ] {
        let world = world(&[]);
        let isolate = warm(&world);
        manner(&world, made);
        if !is_kept {
            world.temper.set(EdgeTemper::AlwaysEmpty);
            world.trouble(Op::Write, "derived/", Trouble::Before(Fault::Failed));
        }
        let responses = together(&world, (0..count).map(|_| ask(&isolate, "w=256")).collect());
        assert_eq!(renders(&world), 1, "{made}");
        let served = if is_kept { count } else { 1 };
        assert_eq!(statuses(&responses, 200), served, "{made}");
        assert_eq!(statuses(&responses, 503), count - served, "{made}");
        let mut good = responses.iter().filter(|response| response.status == 200);
        assert!(good.all(|it| it.text().starts_with("jpg 256x of photo")), "{made}");
        assert_eq!(responses.iter().filter(|response| came(response) == "media").count(), 1);
    }
}

#[test]
fn isolates_of_a_data_centre_wait_for_each_other() {
    let world = world(&[]);
    let one = warm(&world);
    let isolates: Vec<_> = (0..10).map(|_| one.neighbour()).collect();
    isolates.iter().for_each(|isolate| drop(isolate.get(HOST, "/")));
    world.log.take();
    manner(&world, "after=300");
    let of =
        |isolate: &Isolate| -> Vec<Request> { (0..10).map(|_| ask(isolate, "w=256")).collect() };
    let later = isolates.iter().flat_map(of).map(|request| (20, request));
    let all = [(0, ask(&one, "w=256"))].into_iter().chain(later).map(|(after_ms, request)| {
        let world = world.clone();
        async move {
            world.wait(after_ms).await;
            request.response().await
        }
    });
    let responses: Vec<_> = world.run_all(all.collect()).into_iter().flatten().collect();
    assert_eq!(statuses(&responses, 200), 101);
    assert_eq!(renders(&world), 1);
}

#[test]
fn a_leader_whose_client_goes_away_lets_another_lead() {
    for gone_ms in [0, 1, 100, 299] {
        let world = world(&[]);
        let isolate = warm(&world);
        manner(&world, "after=300");
        let patience = |at: usize| if at == 0 { gone_ms } else { 60_000 };
        let requests = (0..50).map(|at| (at, ask(&isolate, "w=256").response()));
        let requests = requests.map(|(at, asked)| world.abandoned(patience(at), asked));
        let responses = world.run_all(requests.collect());
        let responses: Vec<_> = responses.into_iter().flatten().flatten().collect();
        assert_eq!(statuses(&responses, 200), 49, "gone after {gone_ms} ms");
        assert!(renders(&world) <= 2, "gone after {gone_ms} ms");
    }
}

#[test]
fn failures_are_shared_too() {
    for (made, status) in
        [("415 after=300", 415), ("503 after=300", 503), ("failed after=300", 503)]
    {
        let world = world(&[]);
        let isolate = warm(&world);
        manner(&world, made);
        let responses = together(&world, (0..1_000).map(|_| ask(&isolate, "w=256")).collect());
        assert_eq!((renders(&world), statuses(&responses, status)), (1, 1_000), "{made}");
    }
}

/// Neither the store nor the media worker hears of them, and nothing is kept.
#[test]
fn ten_thousand_bad_urls_cost_nothing() {
    let world = world(&[]);
    let isolate = warm(&world);
    for number in 0..10_000 {
        let query = match number % 5 {
            0 => format!("w={}", 4_097 + number),
            1 => format!("txt=hello{number}"),
            2 => format!("w=256&h={}", 258 + number % 3_000),
            3 => format!("w=256&s={number}"),
            _ => format!("p=preset{number}"),
        };
        let response = ask(&isolate, &query).send();
        assert!(matches!(response.status, 400 | 403), "{query}: {}", response.render());
    }
    assert_eq!(world.log.take(), []);
    for number in 0..10_000 {
        let url = format!("https://{HOST}/_media/none-{number}.jpg?w=256");
        assert_eq!(isolate.ask("GET", &url).send().status, 404);
    }
    assert_eq!(world.log.take(), []);
}

/// Of one source there are at most as many renditions as the site's lists allow.
#[test]
fn different_good_urls_make_a_bounded_number_of_renditions() {
    let world = world(&[("MEDIA_LIMIT_PER_MINUTE", "1000000")]);
    let isolate = warm(&world);
    for width in 1..=4_096 {
        let response = ask(&isolate, &format!("w={width}&x={width}")).send();
        assert_eq!(response.status, 200, "{width}");
    }
    assert_eq!(renders(&world), 15);
    assert_eq!(world.keys("derived/www/").len(), 15);
}

#[test]
fn the_store_keeps_at_most_256_renditions_of_a_version() {
    for (before, is_stored) in [(255, true), (256, false), (300, false)] {
        let world = world(&[]);
        let prefix = format!("derived/www/{}/", ContentHash::of(PHOTO.as_bytes()));
        for number in 0..before {
            world.store(&format!("{prefix}{number}"), b"x");
        }
        world.store(&format!("derived/www/{}/x", ContentHash::of(b"")), b"x");
        let isolate = warm(&world);
        let response = ask(&isolate, "w=256").send();
        assert_eq!(response.text(), "jpg 256x of photo");
        let count = world.keys(&prefix).len();
        assert_eq!(count, before + usize::from(is_stored));
        assert_eq!(came(&ask(&isolate.neighbour(), "w=256").send()), "derived", "at the edge");
        // One that is stored already is written again after a purge.
        assert_eq!(isolate.admin("POST", "/sites/www/purge", b"{\"all\":true}").status, 200);
        world.pass_ms(40_000);
        assert_eq!(came(&ask(&isolate, "w=256").send()), "media");
        assert_eq!(world.keys(&prefix).len(), count);
    }
}

/// Returns a signed query.
fn signed(key: &SigningKey, host: &str, query: &str) -> String {
    format!("{query}&s={}", key.sign(host, "/_media/a.jpg", query))
}

fn signing_key(world: &World) -> SigningKey {
    let access = Isolate::new(world).admin("GET", "/sites/www/media", b"").json();
    assert_eq!(access["enabled"], true);
    SigningKey::parse(access["key"].as_str().unwrap()).unwrap()
}

#[test]
fn signed_urls_may_ask_for_more() {
    let vars = [("MEDIA_SECRET", "secret"), ("MEDIA_LIMIT_PER_MINUTE", "1")];
    let world = world(&vars);
    let isolate = warm(&world);
    let key = signing_key(&world);
    world.log.take();
    let queries = [
        ("w=200", "jpg 200x of photo"),
        ("q=95&w=200", "jpg 200x of photo"),
        ("blur=10&w=201", "jpg 201x of photo"),
        ("txt=Ann&txt-font=/font.ttf&w=202", "jpg 202x of photo in font: Ann"),
    ];
    for (query, text) in queries {
        assert_eq!(ask(&isolate, &format!("{query}&s=x")).send().status, 403);
        assert_eq!(ask(&isolate, &signed(&key, "cdn.test", query)).send().status, 403);
        // The signature is of the parameters in any order, not of the port or the case of the host.
        let query = signed(&key, HOST, query);
        let response = ask(&isolate, &query).send();
        assert_eq!((response.status, response.text()), (200, text), "{}", response.render());
        assert_eq!(response.field("cache-control"), "public, max-age=300");
        assert_eq!(came(&ask(&isolate.neighbour(), &query).send()), "derived");
    }
    assert_eq!(world.keys("derived/").len(), 4);
}

#[test]
fn signatures_expire() {
    let world = world(&[("MEDIA_SECRET", "secret")]);
    let isolate = warm(&world);
    let key = signing_key(&world);
    let now_secs = world.now().seconds().0;
    let version = &ContentHash::of(PHOTO.as_bytes()).hex()[..12];
    for (left_secs, lifetime) in [(1_000, "public, max-age=300"), (100, "public, max-age=100")] {
        let query = format!("exp={}&v={version}&w=200", now_secs + left_secs);
        let query = signed(&key, HOST, &query);
        assert_eq!(ask(&isolate, &query).send().field("cache-control"), lifetime);
    }
    let query = signed(&key, HOST, &format!("exp={}&w=200", now_secs + 1));
    assert_eq!(ask(&isolate, &query).send().status, 200);
    world.pass_ms(1_000);
    assert_eq!(ask(&isolate, &query).send().status, 403);
}

#[test]
fn signatures_are_of_one_site() {
    let world = world(&[("MEDIA_SECRET", "secret")]);
    let key = signing_key(&world);
    let folder = Folder::new(&[("/a.jpg", PHOTO)]).configured(CONFIG);
    let built = publish(&world, "other", "production", &folder);
    let isolate = Isolate::new(&world);
    let asked = |host: &str| {
        let query = signed(&key, host, "q=90&w=256");
        isolate.ask("GET", &format!("https://{host}/_media/a.jpg?{query}")).send().status
    };
    assert_eq!(asked("other.cdn.test"), 403);
    assert_eq!(asked(&format!("{}--other.cdn.test", built.id)), 403);
    let built = publish(&world, "www", "staging", &folder);
    assert_eq!(asked(HOST), 200);
    assert_eq!(asked("staging--www.cdn.test"), 200);
    assert_eq!(asked(&format!("{}--www.cdn.test", built.id)), 200);
}

#[test]
fn without_a_secret_nothing_is_signed() {
    let world = world(&[]);
    let isolate = Isolate::new(&world);
    let access = isolate.admin("GET", "/sites/www/media", b"");
    assert_eq!(access.json(), serde_json::json!({"enabled": true, "key": null}));
    let response = ask(&isolate, "w=256&s=x").send();
    assert_eq!(response.status, 403);
    assert!(response.text().contains("MEDIA_SECRET"), "{}", response.text());
    world.missing.set(Some("MEDIA"));
    assert_eq!(isolate.admin("GET", "/sites/www/media", b"").json()["enabled"], false);
}

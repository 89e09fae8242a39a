//! Servers that are down, silent or broken: the command ends in time and explains the cause.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use selvedge::publish::client::Client;
use selvedge::publish::client::backoff::Backoff;
use selvedge::publish::client::payload::Payload;
use selvedge::publish::clock;
use selvedge::publish::failure::Ending;
use selvedge::publish::progress::Silent;
use selvedge::publish::run::publish;

use super::server::{Fault, Server};
use super::support::world::ROOT_TOKEN;
use super::{Folder, noise, selvedge, text};

/// Maximum duration of a command without an answer from the server.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Starts a server that treats each connection the same way, and returns its `host:port`.
fn fake(treat: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let treat = treat.clone();
            thread::spawn(move || treat(stream.unwrap()));
        }
    });
    address
}

/// Starts a server that answers every request with the same bytes.
fn saying(answer: &'static [u8]) -> String {
    fake(move |mut stream| {
        let _ = stream.read(&mut [0; 4_096]);
        let _ = stream.write_all(answer);
    })
}

fn black_hole() -> String {
    fake(|mut stream| {
        // Connections are accepted but never read.
        let _held = &mut stream;
        loop {
            thread::park();
        }
    })
}

/// Starts a server that answers with a TLS alert, also to plain HTTP.
fn speaking_tls() -> String {
    fake(|mut stream| {
        let mut first = [0; 4_096];
        let read = stream.read(&mut first).unwrap_or(0);
        let description = if first[..read].first() == Some(&0x16) { 40 } else { 70 };
        let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, description]);
    })
}

#[test]
fn every_error_has_a_cause_and_a_hint() {
    const HTML: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
    const NOT_FOUND: &[u8] = b"HTTP/1.1 404 No\r\nContent-Length: 6\r\n\r\n<html>";
    const TO_HTTPS: &[u8] = b"HTTP/1.1 308 X\r\nLocation: https://cdn.test/.selvedge/v1/sites\r\n\
                              Content-Length: 0\r\n\r\n";
    const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 X\r\nContent-Length: 58\r\n\r\n\
          {\"error\":{\"code\":\"unauthorized\",\"message\":\"m\",\"hint\":\"h\"}}";
    const FORBIDDEN: &[u8] = b"HTTP/1.1 403 X\r\nContent-Length: 55\r\n\r\n\
          {\"error\":{\"code\":\"forbidden\",\"message\":\"m\",\"hint\":\"h\"}}";
    let (root, own) = ("root", "slv_blog_abc_secret");
    let rows = [
        ("http://127.0.0.1:9".into(), root, 2, "cannot connect to", "is `make dev` running"),
        ("http://nosuch.invalid".into(), root, 2, "cannot resolve the host name", "spelling"),
        ("http://www.localhost:9".into(), root, 2, "cannot", "localhost:9"),
        (
            format!("https://{}", saying(NOT_FOUND)),
            root,
            1,
            "speaks http, not https",
            "--url http:",
        ),
        (format!("http://{}", speaking_tls()), root, 1, "speaks https, not http", "--url https:"),
        (format!("https://{}", speaking_tls()), root, 2, "secure connection", "certificate"),
        (format!("http://{}", saying(HTML)), root, 2, "is not a Selvedge server", "check --url"),
        (format!("http://{}", saying(NOT_FOUND)), root, 1, "answered 404", "address of a site"),
        (format!("http://{}", saying(TO_HTTPS)), root, 1, "redirects", "--url https://cdn.test\n"),
        (format!("http://{}", saying(UNAUTHORIZED)), root, 1, "be the root token", ".dev.vars"),
        (format!("http://{}", saying(UNAUTHORIZED)), own, 1, "of the site `blog`", "expired"),
        (format!("http://{}", saying(FORBIDDEN)), own, 1, "of the site `blog`", "of this site"),
        (String::new(), root, 1, "URL is empty", "SELVEDGE_URL"),
        ("http://127.0.0.1:9".into(), "", 1, "the token is empty", "SELVEDGE_TOKEN"),
        ("http://127.0.0.1:9".into(), "a b", 1, "characters that no token has", "copy it again"),
    ];
    let folder = &Folder::filled();
    thread::scope(|scope| {
        for (url, token, code, message, hint) in &rows {
            scope.spawn(move || {
                let arguments =
                    ["publish", "site", "--site", "www", "--url", url, "--token", token];
                let output = selvedge(folder, url, &arguments);
                let text = text(&output);
                assert_eq!(output.status.code(), Some(*code), "{url}: {text}");
                assert!(text.contains(message) && text.contains(hint), "{url}: {text}");
            });
        }
    });
}

#[test]
fn no_command_waits_longer_than_half_a_minute() {
    let dying = |fault: Fault| {
        let (folder, server) = (Folder::filled(), Server::start());
        server.with(|state| state.batch_bytes_max = 4_000);
        server.fail(move |number, _, _| if number >= 8 { fault } else { Fault::None });
        (folder, server)
    };
    let whole = || (Folder::filled(), Server::start());
    let ((folder, _), publish) = (whole(), ["publish", "site", "--site", "www"]);
    let (silent, dead) = (dying(Fault::Silence), dying(Fault::Death));
    let put = ["objects", "put", "site/index.html", "--site", "www", "--collection", "public"];
    let get = ["objects", "get", "x", "--site", "www", "--collection", "public", "-o", "y"];
    let hole = format!("http://{}", black_hole());
    let tls_hole = format!("https://{}", black_hole());
    let no_answer = "has not answered for 25 s";
    let rows: [(&Folder, &str, &[&str], &str); 8] = [
        (&folder, "http://127.0.0.1:9", &publish, "connection refused"),
        (&folder, &hole, &publish, no_answer),
        (&folder, &hole, &put, no_answer),
        (&folder, &hole, &get, no_answer),
        (&folder, &hole, &["deployments", "--site", "www"], no_answer),
        (&folder, &tls_hole, &publish, "timed out"),
        (&silent.0, &silent.1.url, &publish, no_answer),
        (&dead.0, &dead.1.url, &publish, "connection refused"),
    ];
    thread::scope(|scope| {
        for (folder, url, arguments, words) in rows {
            scope.spawn(move || {
                let started = clock::now();
                let output = selvedge(folder, url, arguments);
                let (took, text) = (started.elapsed(), text(&output));
                assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
                assert!(text.contains(words) && text.contains(url), "{arguments:?}: {text}");
                assert!(took < SILENCE_MAX, "{arguments:?} at {url}: {took:?}\n{text}");
            });
        }
    });
    for (folder, server) in [silent, dead] {
        let kept = server.received();
        let server = server.restart();
        let output = selvedge(&folder, &server.url, &[&publish[..], &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let sent = server.received();
        assert!(kept > 0 && sent > 0);
        assert_eq!(server.keys("blob/www/").len(), kept + sent, "none twice");
    }
}

fn impatient(url: &str) -> Client {
    let backoff = Backoff {
        first_millis: 1,
        longest_millis: 4,
        silence_millis_max: 500,
        ..Backoff::default()
    };
    Client::new(url, ROOT_TOKEN, backoff).unwrap()
}

#[test]
fn a_silent_server_ends_a_publish_that_can_be_resumed() {
    for silent_at in 0..8 {
        let (folder, server) = (Folder::filled(), Server::start());
        server.with(|state| state.batch_bytes_max = 8_000);
        server.fail(move |number, _, _| match number >= silent_at {
            true => Fault::Silence,
            false => Fault::None,
        });
        let started = clock::now();
        let client = impatient(&server.url);
        let failure = publish(&folder.options(), &client, &Silent).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(20), "{silent_at}: {failure}");
        assert_eq!((failure.ending, &*failure.code), (Ending::Failed, "unreachable"), "{failure}");
        assert_eq!(failure.to_string().contains("are kept"), silent_at > 1, "{failure}");
        assert_eq!(server.live("www", "production"), None);
    }
}

#[test]
fn a_gateway_error_is_not_a_sign_of_life() {
    const BAD_GATEWAY: &[u8] = b"HTTP/1.1 502 X\r\nContent-Length: 6\r\n\r\n<html>";
    let slow = fake(|mut stream| {
        let _ = stream.read(&mut [0; 4_096]);
        thread::sleep(Duration::from_millis(300));
        let _ = stream.write_all(BAD_GATEWAY);
    });
    let started = clock::now();
    let failure = impatient(&format!("http://{slow}")).server().unwrap_err();
    assert_eq!((failure.ending, &*failure.code), (Ending::Failed, "unreachable"), "{failure}");
    assert!(failure.to_string().contains("answered 502"), "{failure}");
    assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
}

#[test]
fn repeated_bytes_are_not_a_sign_of_life() {
    let taking = fake(|mut stream| {
        // About 300 ms for all of it, and then no answer.
        let mut piece = vec![0; 1 << 20];
        for _ in 0..15 {
            thread::sleep(Duration::from_millis(20));
            let _ = stream.read(&mut piece);
        }
    });
    let started = clock::now();
    let payload = noise(15 << 20);
    let client = impatient(&format!("http://{taking}"));
    let failure = client.call("POST", "/x", Payload::Bytes(&payload)).unwrap_err();
    assert_eq!((failure.ending, &*failure.code), (Ending::Failed, "unreachable"), "{failure}");
    // Eight attempts would take 2.4 s.
    assert!(started.elapsed() < Duration::from_millis(1_800), "{:?}", started.elapsed());
}

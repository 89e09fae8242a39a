//! Publishes that are interrupted, raced or disturbed: nothing is served by halves.

use super::*;

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
        let sent_before = server.received();
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
    let (winner, _) = server.live("www", "production").unwrap();
    assert!(failure.message.contains(&format!("root activated {winner}")), "{failure}");
    assert_eq!(failure.to_json()["error"]["winner"]["seq"], 2);
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
    assert!(server.with(|state| state.requests.iter().all(only_reads)));
    assert!(server.keys("").is_empty());
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

//! Files that look fingerprinted and change all the same.

use selvedge::publish::options::{Extent, PublishOptions};
use selvedge::site::deployment::asset::Class;

use super::server::Server;
use super::{Folder, publish};

const SCRIPT: &str = "assets/app.3f2a91bc.js";
const PATH: &str = "/assets/app.3f2a91bc.js";

fn class(server: &Server) -> Class {
    server.asset("www", PATH).unwrap().class()
}

#[test]
fn changed_content_under_the_same_name_is_not_fingerprinted() {
    let (folder, server) = (Folder::filled(), Server::start());
    let first = folder.publish(&server).unwrap();
    assert_eq!((class(&server), first.fingerprinted), (Class::Fingerprinted, 1));
    assert!(first.warnings.is_empty(), "{:?}", first.warnings);

    folder.write(SCRIPT, b"changed");
    let changed = folder.publish(&server).unwrap();
    assert_eq!((class(&server), changed.fingerprinted), (Class::Mutable, 0));
    let [warning] = &changed.warnings[..] else { panic!("{:?}", changed.warnings) };
    assert_eq!(warning.path.as_deref(), Some(PATH));
    assert!(warning.message.contains("changed under the same name"), "{warning}");
    assert!(warning.hint.contains("up to a year"), "{warning}");

    // It stays so, without another warning: unchanged, beside other changes, and changed again.
    assert_eq!(folder.publish(&server).unwrap().deployment, changed.deployment);
    folder.write("new.txt", b"new");
    assert!(folder.publish(&server).unwrap().warnings.is_empty());
    assert_eq!(class(&server), Class::Mutable);
    folder.write(SCRIPT, b"changed again");
    assert!(folder.publish(&server).unwrap().warnings.is_empty());
    assert_eq!(class(&server), Class::Mutable);

    // A file that was gone in between starts anew.
    std::fs::remove_file(folder.site().join(SCRIPT)).unwrap();
    folder.publish(&server).unwrap();
    folder.write(SCRIPT, b"anew");
    folder.publish(&server).unwrap();
    assert_eq!(class(&server), Class::Fingerprinted);
}

/// A doubtful name was never `immutable`, so there is no old copy to warn about.
#[test]
fn a_changed_retained_file_gets_no_warning() {
    let (folder, server) = (Folder::filled(), Server::start());
    let theme = || server.asset("www", "/assets/theme-DarkMode.css").unwrap().class();
    folder.write("assets/theme-DarkMode.css", b"a {}");
    folder.publish(&server).unwrap();
    assert_eq!(theme(), Class::Retained);
    folder.write("assets/theme-DarkMode.css", b"b {}");
    let changed = folder.publish(&server).unwrap();
    assert!(changed.warnings.is_empty(), "{:?}", changed.warnings);
    assert_eq!(theme(), Class::Mutable);
}

#[test]
fn changed_content_is_noticed_in_shards_too() {
    let (folder, server) = (Folder::filled(), Server::start());
    for n in 0..2_000 {
        folder.write(&format!("many/{n}.txt"), b"x");
    }
    folder.publish(&server).unwrap();
    folder.write(SCRIPT, b"changed");
    let changed = folder.publish(&server).unwrap();
    assert_eq!((class(&server), changed.warnings.len()), (Class::Mutable, 1));
}

#[test]
fn a_dry_run_lists_fingerprinted_files_and_warns() {
    let (folder, server) = (Folder::filled(), Server::start());
    let dry = PublishOptions { extent: Extent::DryRun, ..folder.options() };
    let listed = publish(&dry, &server, 1).unwrap();
    assert_eq!(listed.fingerprinted_files, Some(vec![PATH.to_owned()]));
    assert_eq!(folder.publish(&server).unwrap().fingerprinted_files, None);
    folder.write(SCRIPT, b"changed");
    let warned = publish(&dry, &server, 1).unwrap();
    assert_eq!((warned.fingerprinted, warned.warnings.len()), (0, 1));
}

#[test]
fn patterns_of_the_site_follow_the_same_rule() {
    let (folder, server) = (Folder::filled(), Server::start());
    folder.write("selvedge.toml", b"fingerprint = [\"/assets/*\"]\n");
    assert_eq!(folder.publish(&server).unwrap().fingerprinted, 2);
    folder.write("assets/noise.png", b"other noise");
    let changed = folder.publish(&server).unwrap();
    assert_eq!((changed.fingerprinted, changed.warnings.len()), (1, 1));
}

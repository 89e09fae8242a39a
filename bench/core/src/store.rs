//! What a store holds of a site that is published and live: keys and values.
//!
//! Not a publisher: nothing is scanned, encoded or uploaded. The invariant is that the keys are
//! made by `site::keys` and the values by what publishing writes them with.

use selvedge::site::config::StageKind;
use selvedge::site::deployment::manifest::Manifest;
use selvedge::site::ids::{ContentHash, SiteName, StageName};
use selvedge::site::keys::{self, Key};
use selvedge::site::records::live::LiveRecord;
use selvedge::site::records::site::SiteRecord;
use selvedge::wire::time::UnixMillis;

use crate::site;

/// A site as the store holds it.
pub struct Stored {
    /// The manifest.
    pub manifest: Manifest,
    /// Every key with its value.
    pub values: Vec<(Key, Vec<u8>)>,
}

/// The site `bench`, live on its production stage, with this many paths of shared contents.
pub fn stored(count: usize) -> Stored {
    let (name, stage) = (SiteName::parse("bench").expect("a name"), StageName::production());
    let contents = site::shared_contents();
    let built = site::shared_manifest(count, &contents);
    let manifest = Manifest::parse(&built.root).expect("a manifest");
    let contents = contents.into_iter().map(|bytes| (ContentHash::of(&bytes), bytes));
    let blobs = contents.chain(built.shards);
    let mut values: Vec<_> = blobs.map(|(hash, bytes)| (keys::blob(&name, &hash), bytes)).collect();
    values.push((keys::deployment(&name, manifest.id()), built.root));
    values.push((keys::live(&name, &stage), live(&name, &stage, &manifest).to_bytes()));
    values.push((keys::site(&name), record(&name).to_bytes()));
    Stored { manifest, values }
}

fn live(site: &SiteName, stage: &StageName, manifest: &Manifest) -> LiveRecord {
    LiveRecord {
        site: site.clone(),
        stage: stage.clone(),
        kind: StageKind::Permanent,
        deployment: manifest.id().clone(),
        seq: 1,
        activated_ms: UnixMillis(1_000),
        by: "bench".to_owned(),
        retained: Vec::new(),
        activated_seq: None,
        bans: Vec::new(),
        site_created_ms: None,
    }
}

fn record(site: &SiteName) -> SiteRecord {
    SiteRecord::new(site.clone(), UnixMillis(1_000))
}

//! What deciding costs natively: canonicalise, parse a host, look a path up, answer a request.

use std::hint::black_box;

use divan::Bencher;
use selvedge::serve::assets::resolve::resolve;
use selvedge::site::config::HtmlMode;
use selvedge::site::deployment::manifest::{Manifest, ShardPlace};
use selvedge::site::deployment::shard::Shard;
use selvedge::wire::host::parse_authority;
use selvedge::wire::path::RequestPath;
use selvedge_bench::site::{self, SIZES};
use selvedge_bench::world::World;

/// Paths that are looked up one after the other: a hot set.
const SAMPLE: usize = 64;

fn main() {
    divan::main();
}

#[divan::bench(args = ["/docs/guide/quick-1/", "/a%20b/%C3%A9t%C3%A9.html", "/a//b/./../c"])]
fn canonicalise(path: &str) -> bool {
    RequestPath::parse(black_box(path)).is_ok()
}

#[divan::bench(args = ["bench.localhost:8787", "staging--a-long-name.cdn.example.com."])]
fn host(authority: &str) -> bool {
    parse_authority(black_box(authority)).is_ok()
}

/// A manifest with all its shards at hand.
struct Table {
    manifest: Manifest,
    shards: Vec<Shard>,
}

impl Table {
    fn of(count: usize) -> Self {
        let built = site::manifest(count);
        let manifest = Manifest::parse(&built.root).expect("a manifest");
        let shards = built.shards.into_iter();
        let shards = shards.map(|(_, bytes)| Shard::parse(bytes).expect("a shard")).collect();
        Self { manifest, shards }
    }

    fn shard(&self, path: &str) -> Option<&Shard> {
        match self.manifest.shard_of(path)? {
            ShardPlace::Inline(shard) => Some(shard),
            ShardPlace::Blob(hash) => {
                let at = self.manifest.head().shards.iter().position(|shard| *shard == hash)?;
                self.shards.get(at)
            }
        }
    }
}

/// From a path to its asset, for each path of a hot set, the shard at hand.
#[divan::bench(args = SIZES, sample_count = 200)]
fn lookup_64(bencher: Bencher, count: usize) {
    let table = Table::of(count);
    let step = (count / SAMPLE).max(1);
    let sample: Vec<_> = site::paths(count)
        .step_by(step)
        .take(SAMPLE)
        .map(|path| {
            let path = RequestPath::parse(site::address(&path)).expect("a path");
            let shard = table.shard(path.decoded()).expect("a shard");
            (path, shard)
        })
        .collect();
    bencher.bench_local(|| {
        for (path, shard) in &sample {
            let lookup = |path: &str| shard.lookup(path);
            black_box(resolve(HtmlMode::AutoTrailingSlash, black_box(path), &lookup));
        }
    });
}

/// A whole request with everything in memory, by what comes of it.
#[divan::bench(args = ["200", "304", "307", "404"])]
fn decide(bencher: Bencher, status: &str) {
    let world = World::of(100);
    decided(bencher, &world, status);
}

/// A hot page of a site of this many paths.
#[divan::bench(args = SIZES)]
fn decide_200_of(bencher: Bencher, count: usize) {
    let world = World::of(count);
    decided(bencher, &world, "200");
}

fn decided(bencher: Bencher, world: &World, status: &str) {
    let (path, tag) = match status {
        "200" => ("/page", None),
        "304" => ("/page", Some(world.tag())),
        "307" => ("/page.html", None),
        _ => ("/nothing/here", None),
    };
    assert_eq!(world.ask(path, tag).status().to_string(), status);
    bencher.bench_local(|| world.ask(black_box(path), tag).status());
}

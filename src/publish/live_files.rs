//! Reads the files of a deployment from the server.

use std::collections::{HashMap, HashSet};

use crate::publish::client::Client;
use crate::publish::client::payload::Payload;
use crate::publish::failure::Failure;
use crate::publish::parallel::in_flight;
use crate::site::deployment::asset::Asset;
use crate::site::deployment::manifest::{Blob, Manifest, ShardPlace};
use crate::site::deployment::shard::Shard;
use crate::site::ids::{ContentHash, DeploymentId, SiteName};

/// A deployment, except for the shards that are known already.
#[derive(Debug)]
pub struct LiveFiles {
    pub manifest: Manifest,
    shards: Vec<Shard>,
    named: HashSet<ContentHash>,
}

impl LiveFiles {
    /// Reads a deployment. Shards in `known` are not fetched.
    pub fn read(
        client: &Client,
        site: &SiteName,
        id: &DeploymentId,
        known: &[Blob],
    ) -> Result<Self, Failure> {
        let manifest = manifest(client, site, id)?;
        let mut named: HashSet<_> = manifest.head().shards.iter().copied().collect();
        let known: HashMap<_, _> = known.iter().map(|(hash, bytes)| (*hash, bytes)).collect();
        let (shared, other): (Vec<_>, Vec<_>) =
            manifest.head().shards.iter().copied().partition(|hash| known.contains_key(hash));
        for bytes in shared.iter().filter_map(|hash| known.get(hash)) {
            name_all(&mut named, &Shard::parse((*bytes).clone()).map_err(|_| broken(id))?);
        }
        let shards = in_flight(&other, |hash| {
            let path = format!("/sites/{site}/blobs/{hash}");
            let bytes = client.call("GET", &path, Payload::Empty)?.body;
            let is_intact = ContentHash::of(&bytes) == *hash;
            Shard::parse(bytes).ok().filter(|_| is_intact).ok_or_else(|| broken(id))
        })?;
        let mut read = Self { manifest, shards, named };
        let Self { manifest, shards, named } = &mut read;
        inline(manifest).into_iter().chain(shards.iter()).for_each(|shard| name_all(named, shard));
        Ok(read)
    }

    /// Returns the files, except for those in known shards.
    pub fn files(&self) -> impl Iterator<Item = (&str, Asset)> {
        inline(&self.manifest).into_iter().chain(&self.shards).flat_map(Shard::iter)
    }

    /// Returns whether the deployment has a blob.
    pub fn names(&self, hash: &ContentHash) -> bool {
        self.named.contains(hash)
    }

    /// Returns the number of its blobs.
    pub fn count(&self) -> usize {
        self.named.len()
    }
}

/// Reads the root of a deployment, which has its configuration.
pub fn manifest(client: &Client, site: &SiteName, id: &DeploymentId) -> Result<Manifest, Failure> {
    let path = format!("/sites/{site}/deployments/{id}");
    let root = client.call("GET", &path, Payload::Empty)?.body;
    Manifest::parse_as(id, &root).map_err(|_| broken(id))
}

fn broken(id: &DeploymentId) -> Failure {
    let hint = "publish the site again; if that doesn't help, use the command line of the server's \
                version";
    Failure::failed("bad-answer", format!("the deployment {id} can't be read"), hint)
}

/// Returns the only shard of a small deployment, which is part of its root.
fn inline(manifest: &Manifest) -> Option<&Shard> {
    match manifest.shard_of("/") {
        Some(ShardPlace::Inline(shard)) => Some(shard),
        Some(ShardPlace::Blob(_)) | None => None,
    }
}

fn name_all(named: &mut HashSet<ContentHash>, shard: &Shard) {
    for (_, asset) in shard.iter() {
        named.extend(asset.representations().iter().map(|representation| representation.hash));
    }
}

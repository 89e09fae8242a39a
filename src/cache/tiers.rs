//! Reading through the tiers: memory, then edge, then store.
//!
//! Not policy: what may be stale is decided in [`crate::cache::windows`]; all that is read here is
//! named by its content. The invariant is best effort: an edge tier that is empty, slow, broken or
//! lying changes how long an answer takes, never what it is; of a stream only the length is vouched
//! for, since wasm never sees its bytes.

use std::cell::Cell;
use std::rc::Rc;

use crate::cache::memory::{Content, ContentKey, HELD_BYTES_MAX, Memory};
use crate::ports::body::ResponseBody;
use crate::ports::deadline::{self, persistently, within};
use crate::ports::settings::StoreKind;
use crate::ports::{EdgeContent, Fault, Part, Ports};
use crate::site::deployment::asset::Representation;
use crate::site::deployment::manifest::{Manifest, ROOT_BYTES_MAX};
use crate::site::deployment::shard::{SHARD_BYTES_MAX, Shard};
use crate::site::ids::{ContentHash, DeploymentId, SiteName};
use crate::site::keys::{self, Key};
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// How long the edge tier may keep what never changes: 30 days, then it is read again.
const CONTENT_TTL: DeltaSeconds = DeltaSeconds(30 * 24 * 60 * 60);

/// How long one request waits for the store, all reads together, in milliseconds: with everything
/// down a client has its 503 within two seconds.
const STORE_BUDGET_MS: u64 = 1_900;

/// The slowest tier that had a part in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// This isolate.
    Memory,
    /// The runtime's Cache API.
    Edge,
    /// R2 or KV.
    Store,
}

impl Tier {
    /// The name in `Cache-Status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Edge => "edge",
            Self::Store => "store",
        }
    }
}

/// Why content that should be there could not be had: the answer is 503, never 404.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// The store failed.
    Store(Fault),
    /// The store says that there is nothing where the manifest says that there is.
    Absent,
    /// What the store gave is not what its name says.
    Corrupt,
}

/// The tiers as one request sees them.
pub struct Tiers<P: Ports> {
    /// The world.
    pub ports: P,
    /// The isolate's memory.
    pub memory: Rc<Memory<P::Held>>,
    slowest: Cell<Tier>,
    is_kept: Cell<bool>,
    started_ms: UnixMillis,
}

impl<P: Ports> Clone for Tiers<P> {
    fn clone(&self) -> Self {
        let (ports, memory) = (self.ports.clone(), self.memory.clone());
        let (slowest, is_kept) = (self.slowest.clone(), self.is_kept.clone());
        Self { ports, memory, slowest, is_kept, started_ms: self.started_ms }
    }
}

impl<P: Ports> Tiers<P> {
    /// The tiers, before anything was read.
    pub fn new(ports: P, memory: Rc<Memory<P::Held>>) -> Self {
        let started_ms = ports.now();
        let (slowest, is_kept) = (Cell::new(Tier::Memory), Cell::new(true));
        Self { ports, memory, slowest, is_kept, started_ms }
    }

    /// How long a read of the store may take: its deadline, within what the request has left.
    pub fn store_ms(&self, deadline_ms: u64) -> u64 {
        let spent_ms = self.ports.now().since(self.started_ms);
        deadline_ms.min(STORE_BUDGET_MS.saturating_sub(spent_ms))
    }

    /// The slowest tier that was needed so far.
    pub fn slowest(&self) -> Tier {
        self.slowest.get()
    }

    /// Notes that a tier was needed.
    pub fn note(&self, tier: Tier) {
        self.slowest.set(self.slowest.get().max(tier));
    }

    /// Returns whether this isolate keeps all that was read so far: what is put into the edge tier
    /// behind the response may yet fail.
    pub fn is_kept(&self) -> bool {
        self.is_kept.get()
    }

    fn keep(&self, key: ContentKey, content: Content<P::Held>) {
        if !self.memory.keep(key, content) {
            self.is_kept.set(false);
        }
    }

    /// The manifest of a deployment, `None` where there is no such deployment.
    ///
    /// # Errors
    /// [`Unavailable`] when no tier could say.
    pub async fn manifest(
        &self,
        site: &SiteName,
        id: &DeploymentId,
    ) -> Result<Option<Rc<Manifest>>, Unavailable> {
        if let Some(manifest) = self.memory.manifest(site, id) {
            return Ok(Some(manifest));
        }
        let parse = |bytes: &[u8]| Manifest::parse_as(id, bytes).ok();
        let key = keys::deployment(site, id);
        let found = Box::pin(self.content(&key, ROOT_BYTES_MAX, parse)).await?;
        Ok(found.map(|manifest| {
            let manifest = Rc::new(manifest);
            let key = ContentKey::Manifest(site.clone(), id.clone());
            self.keep(key, Content::Manifest(manifest.clone()));
            manifest
        }))
    }

    /// A shard that a manifest names.
    ///
    /// # Errors
    /// [`Unavailable`] when no tier has it, or all that have it have something else.
    pub async fn shard(
        &self,
        site: &SiteName,
        hash: &ContentHash,
    ) -> Result<Rc<Shard>, Unavailable> {
        if let Some(shard) = self.memory.shard(site, hash) {
            return Ok(shard);
        }
        let parse = |bytes: &[u8]| {
            let intact = ContentHash::of(bytes) == *hash;
            intact.then(|| Shard::parse(bytes.to_vec()).ok()).flatten()
        };
        let key = keys::blob(site, hash);
        let found = Box::pin(self.content(&key, SHARD_BYTES_MAX, parse)).await?;
        let shard = Rc::new(found.ok_or(Unavailable::Absent)?);
        let key = ContentKey::Shard(site.clone(), *hash);
        self.keep(key, Content::Shard(shard.clone()));
        Ok(shard)
    }

    /// The body of a representation, or of a part of it.
    ///
    /// # Errors
    /// [`Unavailable`] when no tier has it.
    pub async fn body(
        &self,
        site: &SiteName,
        representation: &Representation,
        part: Option<Part>,
    ) -> Result<ResponseBody<P>, Unavailable> {
        if representation.length == 0 {
            return Ok(ResponseBody::Empty);
        }
        if let Some(held) = self.memory.blob(site, &representation.hash) {
            return Ok(ResponseBody::Held(held, part));
        }
        let is_small = representation.length <= HELD_BYTES_MAX;
        // What the edge tier has is hashed before it is believed, and so has to be held.
        if is_small
            && (self.edge_keeps()
                || self.memory.admits(&representation.hash, representation.length))
        {
            // Boxed from here on, and below: the warm path carries no cold state.
            let held = Box::pin(self.held(site, representation)).await?;
            return Ok(ResponseBody::Held(held, part));
        }
        Box::pin(self.streamed(site, representation, part)).await.map(ResponseBody::Stream)
    }

    /// Whether the edge tier has copies of what never changes.
    ///
    /// KV keeps copies in each data centre by itself: a lookup here first would only come on top.
    fn edge_keeps(&self) -> bool {
        let is_kv = self.ports.settings().store == StoreKind::Kv;
        !is_kv && self.memory.edge_is_open(self.ports.now())
    }

    async fn content<T>(
        &self,
        key: &Key,
        bytes_max: usize,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Unavailable> {
        let from_edge = match self.edge_keeps() {
            true => self.edge(self.ports.edge_read(key)).await,
            false => None,
        };
        if let Some(parsed) = from_edge.as_deref().and_then(&parse) {
            self.note(Tier::Edge);
            return Ok(Some(parsed));
        }
        self.note(Tier::Store);
        let ms = self.store_ms(self.ports.settings().deadlines.read_ms);
        let read = deadline::read(&self.ports, ms, key).await;
        let Some(value) = read.map_err(Unavailable::Store)? else { return Ok(None) };
        if value.bytes.len() > bytes_max {
            return Err(Unavailable::Corrupt);
        }
        let parsed = parse(&value.bytes).ok_or(Unavailable::Corrupt)?;
        self.put_behind(key, EdgeContent::Bytes(value.bytes));
        Ok(Some(parsed))
    }

    async fn held(
        &self,
        site: &SiteName,
        representation: &Representation,
    ) -> Result<P::Held, Unavailable> {
        let key = keys::blob(site, &representation.hash);
        let from_edge = match self.edge_keeps() {
            true => self.edge(self.edge_blob(&key, representation)).await,
            false => None,
        };
        let held = match from_edge {
            Some(held) => {
                self.note(Tier::Edge);
                held
            }
            None => {
                self.note(Tier::Store);
                let ms = self.store_ms(self.ports.settings().deadlines.blob_ms);
                let read = persistently(&self.ports, ms, || self.ports.hold(&key)).await;
                let held = read.map_err(Unavailable::Store)?.ok_or(Unavailable::Absent)?;
                // The store checked the hash when it took the bytes.
                if self.ports.held_length(&held) != representation.length {
                    return Err(Unavailable::Corrupt);
                }
                self.put_behind(&key, EdgeContent::Held(held.clone()));
                held
            }
        };
        let bytes = usize::try_from(representation.length).unwrap_or(usize::MAX);
        if self.memory.admits(&representation.hash, representation.length) {
            let content_key = ContentKey::Blob(site.clone(), representation.hash);
            self.keep(content_key, Content::Blob(held.clone(), bytes));
        } else {
            self.is_kept.set(false);
        }
        Ok(held)
    }

    /// What the edge tier has of a blob, where it is what its name says: it may be anything.
    async fn edge_blob(&self, key: &Key, of: &Representation) -> Result<Option<P::Held>, Fault> {
        let Some(held) = self.ports.edge_hold(key).await? else { return Ok(None) };
        let intact = self.ports.held_length(&held) == of.length
            && self.ports.digest(&held).await? == of.hash;
        Ok(intact.then_some(held))
    }

    async fn streamed(
        &self,
        site: &SiteName,
        representation: &Representation,
        part: Option<Part>,
    ) -> Result<P::Body, Unavailable> {
        let key = keys::blob(site, &representation.hash);
        self.is_kept.set(false);
        if part.is_none()
            && self.edge_keeps()
            && let Some(body) = self.edge(self.ports.edge_open(&key)).await
        {
            self.note(Tier::Edge);
            return Ok(body);
        }
        self.note(Tier::Store);
        let ms = self.store_ms(self.ports.settings().deadlines.blob_ms);
        let opened = persistently(&self.ports, ms, || self.ports.open(&key, part)).await;
        let body = opened.map_err(Unavailable::Store)?.ok_or(Unavailable::Absent)?;
        // A stream is split only for a copy that will be taken.
        if part.is_some() || !self.edge_keeps() {
            return Ok(body);
        }
        let (body, copy) = self.ports.share(body).map_err(Unavailable::Store)?;
        self.put_behind(&key, EdgeContent::Stream(copy, representation.length));
        Ok(body)
    }

    /// What the edge tier has; nothing when it fails, is slow, or is not worth asking.
    pub async fn edge<T>(
        &self,
        lookup: impl Future<Output = Result<Option<T>, Fault>>,
    ) -> Option<T> {
        let now = self.ports.now();
        if !self.memory.edge_is_open(now) {
            return None;
        }
        let found = within(&self.ports, self.ports.settings().deadlines.edge_ms, lookup).await;
        self.memory.note_edge(found.is_ok(), self.ports.now());
        found.ok().flatten()
    }

    fn put_behind(&self, key: &Key, content: EdgeContent<P>) {
        if !self.edge_keeps() {
            return;
        }
        let (ports, key) = (self.ports.clone(), key.clone());
        let put = async move { ports.edge_put(&key, content, CONTENT_TTL).await };
        self.ports.behind(put);
    }
}

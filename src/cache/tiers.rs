//! Reads immutable content through the tiers: memory, then edge, then store.
//!
//! An edge tier that is empty, slow, broken or inconsistent delays a response, but never changes
//! it. Only the length of a stream is checked, because wasm never sees its bytes.

use std::cell::Cell;
use std::rc::Rc;

use crate::cache::memory::{Content, ContentKey, HELD_BYTES_MAX, Memory};
use crate::ports::bodies::ResponseBody;
use crate::ports::deadline::{persistently, within};
use crate::ports::settings::StoreKind;
use crate::ports::{EdgeContent, Fault, Part, Ports, Result};
use crate::site::deployment::asset::Representation;
use crate::site::deployment::manifest::{Manifest, ROOT_BYTES_MAX};
use crate::site::deployment::shard::{SHARD_BYTES_MAX, Shard};
use crate::site::ids::{ContentHash, DeploymentId, SiteName};
use crate::site::keys::{self, Key};
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// How long the edge tier keeps immutable content: 30 days.
const CONTENT_TTL: DeltaSeconds = DeltaSeconds(30 * 24 * 60 * 60);

/// How long one request waits for the store, all reads together. So with everything down, a client
/// gets its 503 within two seconds.
const STORE_BUDGET_MS: u64 = 1_900;

/// A tier, from the fastest to the slowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    Memory,
    Edge,
    Store,
}

impl Tier {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Edge => "edge",
            Self::Store => "store",
        }
    }
}

/// Why content that should exist could not be read. The response is 503, never 404.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    Store(Fault),
    /// The store does not have content that a manifest names.
    Absent,
    /// The content does not match its name.
    Corrupt,
}

impl From<Fault> for Unavailable {
    fn from(fault: Fault) -> Self {
        Self::Store(fault)
    }
}

/// The tiers as one request sees them.
pub struct Tiers<P: Ports> {
    pub ports: P,
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
    pub fn new(ports: P, memory: Rc<Memory<P::Held>>) -> Self {
        let started_ms = ports.now();
        let (slowest, is_kept) = (Cell::new(Tier::Memory), Cell::new(true));
        Self { ports, memory, slowest, is_kept, started_ms }
    }

    /// Returns the tiers for work that takes longer than reads: each read has its own deadline.
    pub fn unhurried(&self) -> Self {
        Self { started_ms: UnixMillis(u64::MAX), ..self.clone() }
    }

    /// Returns how long a read of the store may take: its deadline, or the rest of the budget.
    pub fn store_ms(&self, deadline_ms: u64) -> u64 {
        let spent_ms = self.ports.now().since(self.started_ms);
        deadline_ms.min(STORE_BUDGET_MS.saturating_sub(spent_ms))
    }

    pub fn slowest(&self) -> Tier {
        self.slowest.get()
    }

    pub fn note(&self, tier: Tier) {
        self.slowest.set(self.slowest.get().max(tier));
    }

    /// Returns whether this isolate keeps everything that was read so far. Background writes to the
    /// edge tier do not count: they may fail.
    pub fn is_kept(&self) -> bool {
        self.is_kept.get()
    }

    fn keep(&self, key: ContentKey, content: Content<P::Held>) {
        if !self.memory.keep(key, content) {
            self.is_kept.set(false);
        }
    }

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
        // To be hashed, a blob of the edge tier has to be held.
        if is_small
            && (self.edge_keeps()
                || self.memory.admits(&representation.hash, representation.length))
        {
            // Boxed here and below: the warm path carries no cold state.
            let held = Box::pin(self.held(site, representation)).await?;
            return Ok(ResponseBody::Held(held, part));
        }
        Box::pin(self.streamed(site, representation, part)).await.map(ResponseBody::Stream)
    }

    /// Returns whether immutable content is kept in the edge tier. KV caches values in each data
    /// centre by itself: looking in the edge tier first would only add a lookup.
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
        let from_edge = self.edge_content(self.ports.edge_hold(key)).await;
        let from_edge = from_edge.map(|held| self.ports.held_bytes(held));
        if let Some(parsed) = from_edge.as_deref().and_then(&parse) {
            self.note(Tier::Edge);
            return Ok(Some(parsed));
        }
        self.note(Tier::Store);
        let ms = self.store_ms(self.ports.settings().deadlines.read_ms);
        let read = persistently(&self.ports, ms, || self.ports.read(key)).await?;
        let Some(value) = read else { return Ok(None) };
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
        let held = match self.edge_content(self.edge_blob(&key, representation)).await {
            Some(held) => {
                self.note(Tier::Edge);
                held
            }
            None => {
                self.note(Tier::Store);
                let ms = self.store_ms(self.ports.settings().deadlines.blob_ms);
                let read = persistently(&self.ports, ms, || self.ports.hold(&key)).await?;
                let held = read.ok_or(Unavailable::Absent)?;
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

    /// Reads a blob from the edge tier and checks its hash, because anything may be stored there.
    async fn edge_blob(&self, key: &Key, of: &Representation) -> Result<Option<P::Held>> {
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
            && let Some(found) = self.edge_content(self.ports.edge_find(&key)).await
        {
            self.note(Tier::Edge);
            return Ok(found.body);
        }
        self.note(Tier::Store);
        let body = self.open(&key, part).await?;
        // Share the stream only if the copy will be kept.
        if part.is_some() || !self.edge_keeps() {
            return Ok(body);
        }
        let (body, copy) = self.ports.share(body)?;
        self.put_behind(&key, EdgeContent::Stream(copy, representation.length));
        Ok(body)
    }

    /// Opens a blob of the store.
    pub async fn open(&self, key: &Key, part: Option<Part>) -> Result<P::Body, Unavailable> {
        let ms = self.store_ms(self.ports.settings().deadlines.blob_ms);
        let opened = persistently(&self.ports, ms, || self.ports.open(key, part)).await?;
        opened.ok_or(Unavailable::Absent)
    }

    /// Like [`edge`](Self::edge), but `None` if immutable content is not kept there.
    async fn edge_content<T>(&self, lookup: impl Future<Output = Result<Option<T>>>) -> Option<T> {
        if self.edge_keeps() { self.edge(lookup).await } else { None }
    }

    /// Runs a lookup in the edge tier; `None` if it fails, times out, or the breaker is open.
    pub async fn edge<T>(&self, lookup: impl Future<Output = Result<Option<T>>>) -> Option<T> {
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
        self.ports.behind(async move {
            // Best effort: without an entry the store is read again.
            let _ = ports.edge_keep(&key, "", content, CONTENT_TTL).await;
        });
    }
}

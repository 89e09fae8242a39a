//! The ports, over memory.

use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use selvedge::serve::ports::{
    BodyFault, Condition, EdgeContent, Fault, Listing, Part, Ports, Upload, Versioned, Written,
};
use selvedge::serve::settings::{Settings, StoreKind};
use selvedge::site::ids::ContentHash;
use selvedge::site::keys::Key;
use selvedge::wire::time::{DeltaSeconds, UnixMillis};

use super::world::{Bytes, Colo, Op, Trouble, World};

/// Keys of one page of a listing: few, so that paging is always tested.
const LIST_PAGE_KEYS: usize = 7;

/// The world as one request of one isolate sees it.
#[derive(Clone)]
pub struct SimPorts {
    pub world: World,
    pub colo: Colo,
    pub isolate: usize,
    pub body: Bytes,
    pub settings: Rc<Settings>,
}

impl SimPorts {
    /// Enters an operation: waits for its turn, is written down, meets what was scripted for it.
    async fn enter(&self, op: Op, key: &str) -> Result<Option<Trouble>, Fault> {
        poll_fn(|_| if self.world.take_ticket() { Poll::Ready(()) } else { Poll::Pending }).await;
        let trouble = self.world.note(op, key, self.isolate);
        match trouble {
            Some(Trouble::Hang) => pending().await,
            Some(Trouble::Slow(ms)) => self.sleep(ms).await,
            Some(Trouble::Before(fault)) => return Err(fault),
            _ => {}
        }
        Ok(trouble)
    }

    async fn leave<T>(&self, trouble: Option<Trouble>, value: T) -> Result<T, Fault> {
        match trouble {
            Some(Trouble::After(fault)) => Err(fault),
            Some(Trouble::HangAfter) => pending().await,
            _ => Ok(value),
        }
    }

    async fn value(&self, op: Op, key: &str) -> Result<Option<Bytes>, Fault> {
        let trouble = self.enter(op, key).await?;
        let history = self.world.history(key);
        let current = history.last().cloned();
        let value = match trouble {
            Some(Trouble::Null) => None,
            Some(Trouble::Older(back)) => {
                history.len().checked_sub(back + 1).and_then(|at| history.get(at).cloned())
            }
            Some(Trouble::Truncated) => {
                current.map(|bytes| Rc::new(bytes[..bytes.len() / 2].to_vec()))
            }
            Some(Trouble::Garbage) => current.map(|bytes| Rc::new(vec![b'{'; bytes.len()])),
            _ => current,
        };
        self.leave(trouble, value).await
    }

    async fn put(&self, op: Op, key: &str, bytes: &[u8]) -> Result<(), Fault> {
        let trouble = self.enter(op, key).await?;
        self.world.store(key, bytes);
        self.leave(trouble, ()).await
    }

    async fn edge_value(&self, op: Op, key: &Key) -> Result<Option<Bytes>, Fault> {
        let trouble = self.enter(op, key.as_str()).await?;
        let found = self.world.edge_lookup(&self.colo, key.as_str());
        let found = match trouble {
            Some(Trouble::Null) => None,
            Some(Trouble::Truncated) => {
                found.map(|bytes| Rc::new(bytes[..bytes.len() / 2].to_vec()))
            }
            Some(Trouble::Garbage) => found.map(|bytes| Rc::new(vec![b'{'; bytes.len()])),
            _ => found,
        };
        self.leave(trouble, found).await
    }
}

fn version(bytes: &[u8]) -> String {
    ContentHash::of(bytes).hex()
}

fn holds(condition: &Condition, current: Option<&Bytes>) -> bool {
    match condition {
        Condition::Any => true,
        Condition::Absent => current.is_none(),
        Condition::Is(wanted) => current.is_some_and(|bytes| version(bytes) == *wanted),
    }
}

impl Ports for SimPorts {
    type Body = Bytes;
    type Held = Bytes;

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn missing_binding(&self) -> Option<&'static str> {
        self.world.missing_binding()
    }

    fn now(&self) -> UnixMillis {
        self.world.now()
    }

    async fn sleep(&self, ms: u64) {
        let until = self.world.now().plus(ms);
        poll_fn(|_| {
            if self.world.now() >= until {
                return Poll::Ready(());
            }
            self.world.set_timer(until);
            Poll::Pending
        })
        .await;
    }

    fn behind(&self, task: impl Future<Output = ()> + 'static) {
        self.world.push_behind(Box::pin(task));
    }

    fn random(&self) -> Option<[u8; 39]> {
        let mut bytes = [0; 39];
        bytes.fill_with(|| self.world.chance() as u8);
        Some(bytes)
    }

    async fn read(&self, key: &Key) -> Result<Option<Versioned>, Fault> {
        let found = self.value(Op::Read, key.as_str()).await?;
        Ok(found.map(|bytes| Versioned { bytes: bytes.to_vec(), version: version(&bytes) }))
    }

    async fn write(
        &self,
        key: &Key,
        bytes: &[u8],
        condition: &Condition,
    ) -> Result<Written, Fault> {
        // KV checks by reading first, so that somebody can come between.
        if self.settings.store == StoreKind::Kv && *condition != Condition::Any {
            let current = self.value(Op::Read, key.as_str()).await?;
            if !holds(condition, current.as_ref()) {
                return Ok(Written::Lost);
            }
            return self.put(Op::Write, key.as_str(), bytes).await.map(|()| Written::Done);
        }
        let trouble = self.enter(Op::Write, key.as_str()).await?;
        let kept = holds(condition, self.world.history(key.as_str()).last());
        if kept {
            self.world.store(key.as_str(), bytes);
        }
        self.leave(trouble, if kept { Written::Done } else { Written::Lost }).await
    }

    async fn delete(&self, key: &Key) -> Result<(), Fault> {
        let trouble = self.enter(Op::Delete, key.as_str()).await?;
        self.world.remove(key.as_str());
        self.leave(trouble, ()).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        let trouble = self.enter(Op::List, prefix).await?;
        let mut keys = self.world.keys(prefix);
        keys.retain(|key| cursor.is_none_or(|cursor| key.as_str() > cursor));
        let more = keys.len() > LIST_PAGE_KEYS;
        keys.truncate(LIST_PAGE_KEYS);
        let cursor = if more { keys.last().cloned() } else { None };
        self.leave(trouble, Listing { keys, cursor }).await
    }

    async fn open(&self, key: &Key, part: Option<Part>) -> Result<Option<Bytes>, Fault> {
        let Some(bytes) = self.value(Op::Open, key.as_str()).await? else { return Ok(None) };
        let Some(part) = part else { return Ok(Some(bytes)) };
        let (first, end) = (part.first as usize, (part.first + part.length) as usize);
        bytes.get(first..end).map(|part| Some(Rc::new(part.to_vec()))).ok_or(Fault::Failed)
    }

    async fn hold(&self, key: &Key) -> Result<Option<Bytes>, Fault> {
        self.value(Op::Hold, key.as_str()).await
    }

    async fn store_blob(
        &self,
        key: &Key,
        bytes: &[u8],
        hash: &ContentHash,
    ) -> Result<Upload, Fault> {
        if ContentHash::of(bytes) != *hash {
            return self.enter(Op::Upload, key.as_str()).await.map(|_| Upload::Mismatch);
        }
        self.put(Op::Upload, key.as_str(), bytes).await.map(|()| Upload::Stored)
    }

    async fn store_request_body(
        &self,
        key: &Key,
        length: u64,
        hash: &ContentHash,
    ) -> Result<Upload, Fault> {
        if self.body.len() as u64 != length {
            return Ok(Upload::Mismatch);
        }
        let body = self.body.clone();
        self.store_blob(key, &body, hash).await
    }

    async fn request_body(&self, bytes_max: usize) -> Result<Vec<u8>, BodyFault> {
        if self.body.len() > bytes_max {
            return Err(BodyFault::TooLarge(bytes_max as u64));
        }
        Ok(self.body.to_vec())
    }

    async fn edge_read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.edge_value(Op::EdgeLookup, key).await?.map(|bytes| bytes.to_vec()))
    }

    async fn edge_hold(&self, key: &Key) -> Result<Option<Bytes>, Fault> {
        self.edge_value(Op::EdgeLookup, key).await
    }

    async fn edge_open(&self, key: &Key) -> Result<Option<Bytes>, Fault> {
        self.edge_value(Op::EdgeLookup, key).await
    }

    async fn edge_put(&self, key: &Key, content: EdgeContent<Self>, ttl: DeltaSeconds) {
        let bytes = match content {
            EdgeContent::Bytes(bytes) => Rc::new(bytes),
            EdgeContent::Held(bytes) => bytes,
            // A stream that was cut off is not kept: its length is announced.
            EdgeContent::Stream(bytes, length) if bytes.len() as u64 == length => bytes,
            EdgeContent::Stream(..) => return,
        };
        if self.enter(Op::EdgePut, key.as_str()).await.is_ok() {
            self.world.edge_store(&self.colo, key.as_str(), bytes, ttl);
        }
    }

    fn held_length(&self, held: &Bytes) -> u64 {
        held.len() as u64
    }

    fn held_bytes(&self, held: &Bytes) -> Vec<u8> {
        held.to_vec()
    }

    fn share(&self, body: Bytes) -> Result<(Bytes, Bytes), Fault> {
        Ok((body.clone(), body))
    }
}

/// What an edge tier holds: bytes, and until when.
pub type EdgeTier = BTreeMap<String, (Bytes, UnixMillis)>;

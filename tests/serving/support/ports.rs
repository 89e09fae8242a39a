//! The ports, over memory.

use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use selvedge::ports::deadline::within;
use selvedge::ports::settings::{Settings, StoreKind};
use selvedge::ports::{
    BodyFault, Condition, EdgeContent, Fault, Found, Listing, Object, ObjectMeta, ObjectPage,
    ObjectWritten, Part, Ports, Upload, UploadedPart, UpstreamRequest, UpstreamResponse, Versioned,
    Written,
};
use selvedge::site::ids::ContentHash;
use selvedge::site::keys::Key;
use selvedge::wire::headers::Headers;
use selvedge::wire::time::{DeltaSeconds, UnixMillis};

use super::objects::{etag_of, object, object_of, upload_key};
use super::upstream::{End, Stream};
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
    pub headers: Headers,
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

    fn forget_upload(&self, key: &Key, upload: &str) {
        for part in self.world.keys(&format!("upload/{upload}/{key}/")) {
            self.world.remove(&part);
        }
    }

    async fn edge_entry(&self, op: Op, key: &Key) -> Result<Option<EdgeEntry>, Fault> {
        let trouble = self.enter(op, key.as_str()).await?;
        let mut found = self.world.edge_lookup(&self.colo, key.as_str());
        if let Some(entry) = &mut found {
            match trouble {
                Some(Trouble::Truncated) => {
                    entry.bytes = Rc::new(entry.bytes[..entry.bytes.len() / 2].to_vec());
                }
                Some(Trouble::Garbage) => {
                    entry.head = entry.head.replace(' ', "{");
                    entry.bytes = Rc::new(vec![b'{'; entry.bytes.len()]);
                }
                _ => {}
            }
        }
        let found = found.filter(|_| trouble != Some(Trouble::Null));
        self.leave(trouble, found).await
    }

    async fn edge_value(&self, key: &Key) -> Result<Option<Bytes>, Fault> {
        Ok(self.edge_entry(Op::EdgeLookup, key).await?.map(|entry| entry.bytes))
    }

    /// Keeps an entry; a stream that is not as long as it says is not kept, and nobody is told.
    async fn edge_keep(
        &self,
        op: Op,
        key: &Key,
        head: &str,
        content: EdgeContent<Self>,
        ttl: DeltaSeconds,
    ) -> Result<(), Fault> {
        let trouble = self.enter(op, key.as_str()).await?;
        let bytes = match content {
            EdgeContent::Bytes(bytes) => Some(Rc::new(bytes)),
            EdgeContent::Held(bytes) => Some(bytes),
            EdgeContent::Stream(stream, length) => {
                stream.whole().filter(|b| b.len() as u64 == length)
            }
        };
        if let Some(bytes) = bytes.filter(|_| trouble != Some(Trouble::Null)) {
            self.world.edge_store(&self.colo, key.as_str(), head, bytes, ttl);
        }
        self.leave(trouble, ()).await
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
    type Body = Stream;
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
        self.world.wait(ms).await;
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

    /// KV deletes one key after the other, so that some can be gone when it fails.
    async fn delete_all(&self, keys: &[Key]) -> Result<(), Fault> {
        assert!(keys.len() <= self.settings.store.deletes_max());
        if self.settings.store == StoreKind::Kv {
            for key in keys {
                self.delete(key).await?;
            }
            return Ok(());
        }
        let first = keys.first().map_or("", |key| key.as_str());
        let trouble = self.enter(Op::Delete, first).await?;
        for key in keys {
            self.world.remove(key.as_str());
        }
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

    async fn open(&self, key: &Key, part: Option<Part>) -> Result<Option<Stream>, Fault> {
        let Some(bytes) = self.value(Op::Open, key.as_str()).await? else { return Ok(None) };
        let stream = Stream::of(bytes);
        let Some(part) = part else { return Ok(Some(stream)) };
        stream.part(part).filter(|part| part.end == End::Whole).map(Some).ok_or(Fault::Failed)
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
        Ok(self.edge_value(key).await?.map(|bytes| bytes.to_vec()))
    }

    async fn edge_hold(&self, key: &Key) -> Result<Option<Bytes>, Fault> {
        self.edge_value(key).await
    }

    async fn edge_open(&self, key: &Key) -> Result<Option<Stream>, Fault> {
        Ok(self.edge_value(key).await?.map(Stream::of))
    }

    async fn edge_put(&self, key: &Key, content: EdgeContent<Self>, ttl: DeltaSeconds) {
        let _ = self.edge_keep(Op::EdgePut, key, "", content, ttl).await;
    }

    async fn stored_find(&self, key: &Key) -> Result<Option<Found<Stream>>, Fault> {
        let found = self.edge_entry(Op::StoredFind, key).await?;
        Ok(found.map(|entry| Found { head: entry.head, body: Stream::of(entry.bytes) }))
    }

    async fn stored_keep(
        &self,
        key: &Key,
        head: &str,
        content: EdgeContent<Self>,
        ttl: DeltaSeconds,
    ) -> Result<(), Fault> {
        self.edge_keep(Op::StoredKeep, key, head, content, ttl).await
    }

    fn request_headers(&self) -> Headers {
        self.headers.clone()
    }

    async fn fetch(&self, request: &UpstreamRequest) -> Result<UpstreamResponse<Stream>, Fault> {
        let answer = async {
            let trouble = self.enter(Op::Fetch, &request.url).await?;
            let answer = self.world.answer(request).ok_or(Fault::Missing)?;
            self.sleep(answer.delay_ms).await;
            self.leave(trouble, answer.response(&request.method)?).await
        };
        within(self, request.timeout_ms, answer).await
    }

    async fn hold_body(&self, body: Stream, bytes_max: u64) -> Result<Bytes, Fault> {
        body.whole().filter(|bytes| bytes.len() as u64 <= bytes_max).ok_or(Fault::Failed)
    }

    fn cut(&self, body: Stream, part: Part) -> Result<Stream, Fault> {
        body.part(part).ok_or(Fault::Failed)
    }

    fn held_of(&self, bytes: &[u8]) -> Bytes {
        Rc::new(bytes.to_vec())
    }

    async fn object_read(
        &self,
        key: &Key,
        known_etag: Option<&str>,
        part: Option<Part>,
    ) -> Result<Option<Object<Stream>>, Fault> {
        let Some(value) = self.value(Op::Open, key.as_str()).await? else { return Ok(None) };
        let (meta, body) = object_of(&value).ok_or(Fault::Failed)?;
        if known_etag == Some(&meta.etag) {
            return Ok(Some(Object::NotModified(meta)));
        }
        let body = match part {
            None => body,
            Some(part) => {
                let (first, end) = (part.first as usize, (part.first + part.length) as usize);
                body.get(first..end).ok_or(Fault::Failed)?
            }
        };
        let body = Stream::of(Rc::new(body.to_vec()));
        self.world.count_body();
        Ok(Some(Object::Found(meta, body)))
    }

    async fn object_meta(&self, key: &Key) -> Result<Option<ObjectMeta>, Fault> {
        let Some(value) = self.value(Op::Read, key.as_str()).await? else { return Ok(None) };
        object_of(&value).map(|(meta, _)| Some(meta)).ok_or(Fault::Failed)
    }

    async fn object_write(
        &self,
        key: &Key,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> Result<ObjectWritten, Fault> {
        let etag = etag_of(&self.body);
        let holds = |value: Option<&Bytes>| {
            let found = value.and_then(|value| object_of(value)).map(|(meta, _)| meta.etag);
            match condition {
                Condition::Any => true,
                Condition::Absent => found.is_none(),
                Condition::Is(wanted) => found.as_ref() == Some(wanted),
            }
        };
        let value = object(meta, &self.body);
        // KV checks by reading first, so that somebody can come between.
        if self.settings.store == StoreKind::Kv && *condition != Condition::Any {
            let current = self.value(Op::Read, key.as_str()).await?;
            if !holds(current.as_ref()) {
                return Ok(ObjectWritten::Lost);
            }
            self.put(Op::Write, key.as_str(), &value).await?;
            return Ok(ObjectWritten::Done(etag));
        }
        let trouble = self.enter(Op::Write, key.as_str()).await?;
        let kept = holds(self.world.history(key.as_str()).last());
        if kept {
            self.world.store(key.as_str(), &value);
        }
        let written = if kept { ObjectWritten::Done(etag) } else { ObjectWritten::Lost };
        self.leave(trouble, written).await
    }

    async fn object_list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> Result<ObjectPage, Fault> {
        let trouble = self.enter(Op::List, prefix).await?;
        let mut keys = self.world.keys(prefix);
        keys.retain(|key| cursor.is_none_or(|cursor| key.as_str() > cursor));
        let more = keys.len() > count_max as usize;
        keys.truncate(count_max as usize);
        let cursor = if more { keys.last().cloned() } else { None };
        let meta = |key: &String| Some(object_of(self.world.history(key).last()?)?.0);
        let objects = keys.iter().filter_map(|key| Some((key.clone(), meta(key)?))).collect();
        self.leave(trouble, ObjectPage { objects, cursor }).await
    }

    async fn upload_begin(&self, key: &Key, meta: &ObjectMeta) -> Result<String, Fault> {
        let trouble = self.enter(Op::Upload, key.as_str()).await?;
        let upload = format!("u{}", self.world.chance());
        self.world.store(&upload_key(key, &upload, 0), &object(meta, b""));
        self.leave(trouble, upload).await
    }

    async fn upload_part(
        &self,
        key: &Key,
        upload: &str,
        number: u16,
    ) -> Result<Option<String>, Fault> {
        let trouble = self.enter(Op::Upload, key.as_str()).await?;
        let is_known = !self.world.history(&upload_key(key, upload, 0)).is_empty();
        if is_known {
            self.world.store(&upload_key(key, upload, number), &self.body);
        }
        self.leave(trouble, is_known.then(|| etag_of(&self.body))).await
    }

    async fn upload_finish(
        &self,
        key: &Key,
        upload: &str,
        parts: &[UploadedPart],
    ) -> Result<Option<ObjectMeta>, Fault> {
        let trouble = self.enter(Op::Upload, key.as_str()).await?;
        let last = |number| self.world.history(&upload_key(key, upload, number)).pop();
        let stored = parts.iter().map(|part| last(part.number).filter(|b| etag_of(b) == part.etag));
        let whole: Option<Vec<Bytes>> = stored.collect();
        let (Some(head), Some(whole)) = (last(0), whole) else { return Ok(None) };
        let (meta, _) = object_of(&head).ok_or(Fault::Failed)?;
        let body: Vec<u8> = whole.iter().flat_map(|part| part.to_vec()).collect();
        self.world.store(key.as_str(), &object(&meta, &body));
        self.forget_upload(key, upload);
        let meta = ObjectMeta { length: body.len() as u64, etag: etag_of(&body), ..meta };
        self.leave(trouble, Some(meta)).await
    }

    async fn upload_drop(&self, key: &Key, upload: &str) -> Result<(), Fault> {
        let trouble = self.enter(Op::Upload, key.as_str()).await?;
        self.forget_upload(key, upload);
        self.leave(trouble, ()).await
    }

    async fn limit(&self, key: &str) -> Result<bool, Fault> {
        let trouble = self.enter(Op::Limit, key).await?;
        let passes = self.world.limit(key).ok_or(Fault::Missing)?;
        self.leave(trouble, passes).await
    }

    fn held_length(&self, held: &Bytes) -> u64 {
        held.len() as u64
    }

    fn held_bytes(&self, held: &Bytes) -> Vec<u8> {
        held.to_vec()
    }

    async fn digest(&self, held: &Bytes) -> Result<ContentHash, Fault> {
        Ok(ContentHash::of(held))
    }

    fn share(&self, body: Stream) -> Result<(Stream, Stream), Fault> {
        Ok((body.clone(), body))
    }
}

/// What an edge tier holds under a key: bytes, what we said of them, and until when.
#[derive(Debug, Clone)]
pub struct EdgeEntry {
    pub head: String,
    pub bytes: Bytes,
    pub until: UnixMillis,
}

pub type EdgeTier = BTreeMap<String, EdgeEntry>;

//! The ports, over memory.

use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use selvedge::ports::deadline::within;
use selvedge::ports::settings::{Settings, StoreKind};
use selvedge::ports::{
    Blob, Bodies, BodyFault, Clock, Condition, EdgeCache, EdgeContent, EdgeEntry, Fault, Fetch,
    Isolate, Listing, Media, Object, ObjectBody, ObjectMeta, ObjectPage, ObjectWritten, Part,
    Ports, RateLimit, Result, Store, Upload, UploadedPart, UpstreamRequest, UpstreamResponse,
    Versioned, Written,
};
use selvedge::site::ids::ContentHash;
use selvedge::site::keys::Key;
use selvedge::site::media::plan::Plan;
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
    /// Starts an operation: waits for its turn, logs it, and applies the trouble scripted for it.
    async fn enter(&self, op: Op, key: &str) -> Result<Option<Trouble>> {
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

    async fn leave<T>(&self, trouble: Option<Trouble>, value: T) -> Result<T> {
        match trouble {
            Some(Trouble::After(fault)) => Err(fault),
            Some(Trouble::HangAfter) => pending().await,
            _ => Ok(value),
        }
    }

    async fn value(&self, op: Op, key: &Key) -> Result<Option<Bytes>> {
        let trouble = self.enter(op, key.as_str()).await?;
        let history = self.world.history(key.as_str());
        let current = history.last().cloned();
        let value = match trouble {
            Some(Trouble::Null) => None,
            Some(Trouble::Older(back)) => {
                history.len().checked_sub(back + 1).and_then(|at| history.get(at).cloned())
            }
            Some(trouble) => current.map(|bytes| damaged(trouble, bytes)),
            None => current,
        };
        self.leave(trouble, value).await
    }

    /// Writes a value if `version` of the current one meets the condition. Returns whether it did.
    async fn put(
        &self,
        key: &Key,
        bytes: &[u8],
        condition: &Condition,
        version: impl Fn(&[u8]) -> Option<String>,
    ) -> Result<bool> {
        let holds = |current: Option<&Bytes>| {
            let current = current.and_then(|bytes| version(bytes));
            match condition {
                Condition::Any => true,
                Condition::Absent => current.is_none(),
                Condition::Is(wanted) => current.as_ref() == Some(wanted),
            }
        };
        // KV checks by reading first, so that another write can come between.
        let checks_first = self.settings.store == StoreKind::Kv && *condition != Condition::Any;
        if checks_first && !holds(self.value(Op::Read, key).await?.as_ref()) {
            return Ok(false);
        }
        let trouble = self.enter(Op::Write, key.as_str()).await?;
        let is_met = checks_first || holds(self.world.history(key.as_str()).last());
        if is_met {
            self.world.store(key.as_str(), bytes);
        }
        self.leave(trouble, is_met).await
    }

    /// Lists keys, and the cursor of the next page.
    async fn page(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: usize,
    ) -> Result<(Vec<String>, Option<String>)> {
        let trouble = self.enter(Op::List, prefix).await?;
        let mut keys = self.world.keys(prefix);
        keys.retain(|key| cursor.is_none_or(|cursor| key.as_str() > cursor));
        let more = keys.len() > count_max;
        keys.truncate(count_max);
        let cursor = if more { keys.last().cloned() } else { None };
        self.leave(trouble, (keys, cursor)).await
    }

    fn forget_upload(&self, key: &Key, upload: &str) {
        for part in self.world.keys(&format!("upload/{upload}/{key}/")) {
            self.world.remove(&part);
        }
    }

    async fn edge_entry(&self, key: &Key) -> Result<Option<StoredEntry>> {
        let op = if is_response(key) { Op::StoredFind } else { Op::EdgeLookup };
        let trouble = self.enter(op, key.as_str()).await?;
        let mut found = self.world.edge_lookup(&self.colo, key.as_str());
        if let (Some(entry), Some(trouble)) = (&mut found, trouble) {
            entry.bytes = damaged(trouble, entry.bytes.clone());
            if trouble == Trouble::Garbage {
                entry.head = entry.head.replace(' ', "{");
            }
        }
        let found = found.filter(|_| trouble != Some(Trouble::Null));
        self.leave(trouble, found).await
    }
}

/// Returns whether the edge tier holds a cached response under this key, not a copy of the store.
fn is_response(key: &Key) -> bool {
    key.as_str().starts_with("res/")
}

fn damaged(trouble: Trouble, bytes: Bytes) -> Bytes {
    match trouble {
        Trouble::Truncated => Rc::new(bytes[..bytes.len() / 2].to_vec()),
        Trouble::Garbage => Rc::new(vec![b'{'; bytes.len()]),
        _ => bytes,
    }
}

fn version(bytes: &[u8]) -> String {
    ContentHash::of(bytes).hex()
}

impl Ports for SimPorts {}

impl Isolate for SimPorts {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn behind(&self, task: impl Future<Output = ()> + 'static) {
        self.world.behind.borrow_mut().push_back(Box::pin(task));
    }

    fn random(&self) -> Option<[u8; 39]> {
        let mut bytes = [0; 39];
        bytes.fill_with(|| self.world.chance() as u8);
        Some(bytes)
    }

    async fn limit(&self, _: RateLimit, key: &str) -> Result<bool> {
        let trouble = self.enter(Op::Limit, key).await?;
        let passes = self.world.limit(key).ok_or(Fault::Missing)?;
        self.leave(trouble, passes).await
    }

    fn request_headers(&self) -> Headers {
        self.headers.clone()
    }

    async fn request_body(&self, bytes_max: usize) -> Result<Vec<u8>, BodyFault> {
        if self.body.len() > bytes_max {
            return Err(BodyFault::TooLarge(bytes_max as u64));
        }
        Ok(self.body.to_vec())
    }
}

impl Clock for SimPorts {
    fn now(&self) -> UnixMillis {
        self.world.now()
    }

    async fn sleep(&self, ms: u64) {
        self.world.wait(ms).await;
    }
}

impl Store for SimPorts {
    fn missing_binding(&self) -> Option<&'static str> {
        self.world.missing.get()
    }

    async fn read(&self, key: &Key) -> Result<Option<Versioned>> {
        let found = self.value(Op::Read, key).await?;
        Ok(found.map(|bytes| Versioned { bytes: bytes.to_vec(), version: version(&bytes) }))
    }

    async fn write(&self, key: &Key, bytes: &[u8], condition: &Condition) -> Result<Written> {
        let is_met = self.put(key, bytes, condition, |bytes| Some(version(bytes))).await?;
        Ok(if is_met { Written::Done } else { Written::Lost })
    }

    /// KV deletes one key after the other, so that some can be gone when it fails.
    async fn delete_all(&self, keys: &[Key]) -> Result<()> {
        assert!(keys.len() <= self.settings.store.deletes_max());
        let at_once = if self.settings.store == StoreKind::Kv { 1 } else { keys.len().max(1) };
        for keys in keys.chunks(at_once) {
            let trouble = self.enter(Op::Delete, keys[0].as_str()).await?;
            keys.iter().for_each(|key| self.world.remove(key.as_str()));
            self.leave(trouble, ()).await?;
        }
        Ok(())
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing> {
        let (keys, cursor) = self.page(prefix, cursor, LIST_PAGE_KEYS).await?;
        Ok(Listing { keys, cursor })
    }

    async fn open(&self, key: &Key, part: Option<Part>) -> Result<Option<Stream>> {
        let Some(bytes) = self.value(Op::Open, key).await? else { return Ok(None) };
        let stream = Stream::of(bytes);
        let Some(part) = part else { return Ok(Some(stream)) };
        stream.part(part).filter(|part| part.end == End::Whole).map(Some).ok_or(Fault::Failed)
    }

    async fn hold(&self, key: &Key) -> Result<Option<Bytes>> {
        self.value(Op::Hold, key).await
    }

    async fn store_blob(&self, key: &Key, blob: Blob<'_>, hash: &ContentHash) -> Result<Upload> {
        let bytes = match blob {
            Blob::Bytes(bytes) => bytes,
            Blob::RequestBody(length) if self.body.len() as u64 == length => &self.body,
            Blob::RequestBody(_) => return Ok(Upload::Mismatch),
        };
        let trouble = self.enter(Op::Upload, key.as_str()).await?;
        if ContentHash::of(bytes) != *hash {
            return Ok(Upload::Mismatch);
        }
        self.world.store(key.as_str(), bytes);
        self.leave(trouble, Upload::Stored).await
    }

    async fn object_read(
        &self,
        key: &Key,
        known_etag: Option<&str>,
        part: Option<Part>,
    ) -> Result<Option<Object<Stream>>> {
        let Some(value) = self.value(Op::Open, key).await? else { return Ok(None) };
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
        self.world.bodies.set(self.world.bodies.get() + 1);
        Ok(Some(Object::Found(meta, Stream::of(Rc::new(body.to_vec())))))
    }

    async fn object_meta(&self, key: &Key) -> Result<Option<ObjectMeta>> {
        let Some(value) = self.value(Op::Read, key).await? else { return Ok(None) };
        object_of(&value).map(|(meta, _)| Some(meta)).ok_or(Fault::Failed)
    }

    async fn object_write(
        &self,
        key: &Key,
        body: ObjectBody<'_, Bytes>,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> Result<ObjectWritten> {
        let body = match body {
            ObjectBody::RequestBody => &self.body,
            ObjectBody::Held(bytes) => bytes,
        };
        let etag = |bytes: &[u8]| Some(object_of(bytes)?.0.etag);
        let is_met = self.put(key, &object(meta, body), condition, etag).await?;
        Ok(if is_met { ObjectWritten::Done(etag_of(body)) } else { ObjectWritten::Lost })
    }

    async fn object_list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> Result<ObjectPage> {
        let (keys, cursor) =
            self.page(prefix, cursor, LIST_PAGE_KEYS.min(count_max as usize)).await?;
        let meta = |key: &String| Some(object_of(self.world.history(key).last()?)?.0);
        let objects = keys.iter().filter_map(|key| Some((key.clone(), meta(key)?))).collect();
        Ok(ObjectPage { objects, cursor })
    }

    async fn upload_begin(&self, key: &Key, meta: &ObjectMeta) -> Result<String> {
        let trouble = self.enter(Op::Upload, key.as_str()).await?;
        let upload = format!("u{}", self.world.chance());
        self.world.store(&upload_key(key, &upload, 0), &object(meta, b""));
        self.leave(trouble, upload).await
    }

    async fn upload_part(&self, key: &Key, upload: &str, number: u16) -> Result<Option<String>> {
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
    ) -> Result<Option<ObjectMeta>> {
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

    async fn upload_drop(&self, key: &Key, upload: &str) -> Result<()> {
        let trouble = self.enter(Op::Upload, key.as_str()).await?;
        self.forget_upload(key, upload);
        self.leave(trouble, ()).await
    }
}

impl EdgeCache for SimPorts {
    async fn edge_find(&self, key: &Key) -> Result<Option<EdgeEntry<Stream>>> {
        let found = self.edge_entry(key).await?;
        Ok(found.map(|entry| EdgeEntry { head: entry.head, body: Stream::of(entry.bytes) }))
    }

    async fn edge_hold(&self, key: &Key) -> Result<Option<Bytes>> {
        Ok(self.edge_entry(key).await?.map(|entry| entry.bytes))
    }

    /// A stream that is not as long as it says is not kept, and the caller does not learn of it.
    async fn edge_keep(
        &self,
        key: &Key,
        head: &str,
        content: EdgeContent<Self>,
        ttl: DeltaSeconds,
    ) -> Result<()> {
        let op = if is_response(key) { Op::StoredKeep } else { Op::EdgePut };
        let trouble = self.enter(op, key.as_str()).await?;
        let bytes = match content {
            EdgeContent::Bytes(bytes) => Some(Rc::new(bytes)),
            EdgeContent::Held(bytes) => Some(bytes),
            EdgeContent::Stream(stream, length) => {
                stream.whole().filter(|bytes| bytes.len() as u64 == length)
            }
        };
        if let Some(bytes) = bytes.filter(|_| trouble != Some(Trouble::Null)) {
            self.world.edge_store(&self.colo, key.as_str(), head, bytes, ttl);
        }
        self.leave(trouble, ()).await
    }
}

impl Fetch for SimPorts {
    async fn fetch(&self, request: &UpstreamRequest) -> Result<UpstreamResponse<Stream>> {
        let answer = async {
            let trouble = self.enter(Op::Fetch, &request.url).await?;
            let answer = self.world.answer(request).ok_or(Fault::Missing)?;
            self.sleep(answer.delay_ms).await;
            self.leave(trouble, answer.response(&request.method)?).await
        };
        within(self, request.timeout_ms, answer).await
    }
}

impl Media for SimPorts {
    fn has_media(&self) -> bool {
        self.world.missing.get() != Some("MEDIA")
    }

    async fn render(
        &self,
        target: &str,
        parts: Stream,
        timeout_ms: u64,
    ) -> Result<UpstreamResponse<Stream>> {
        let plan = target.split_once('?').and_then(|(_, query)| Plan::parse(query));
        let answer = async {
            let trouble = self.enter(Op::Render, target).await?;
            let manner = self.world.manner.borrow().clone();
            self.sleep(manner.delay_ms).await;
            let answer = manner.answer(&plan.ok_or(Fault::Failed)?, parts)?;
            self.leave(trouble, answer).await
        };
        within(self, timeout_ms, answer).await
    }
}

impl Bodies for SimPorts {
    type Body = Stream;
    type Held = Bytes;

    async fn hold_body(&self, body: Stream, bytes_max: u64) -> Result<Bytes> {
        body.whole().filter(|bytes| bytes.len() as u64 <= bytes_max).ok_or(Fault::Failed)
    }

    fn cut(&self, body: Stream, part: Part) -> Result<Stream> {
        body.part(part).ok_or(Fault::Failed)
    }

    fn share(&self, body: Stream) -> Result<(Stream, Stream)> {
        Ok((body.clone(), body))
    }

    fn join(&self, bodies: Vec<Stream>, length: u64) -> Result<Stream> {
        let is_whole = bodies.iter().all(|body| body.end == End::Whole);
        let bytes: Vec<u8> = bodies.iter().flat_map(|body| body.bytes.to_vec()).collect();
        let end = if is_whole && bytes.len() as u64 == length { End::Whole } else { End::Cut };
        Ok(Stream { bytes: Rc::new(bytes), end })
    }

    fn held_of(&self, bytes: &[u8]) -> Bytes {
        Rc::new(bytes.to_vec())
    }

    fn held_length(&self, held: &Bytes) -> u64 {
        held.len() as u64
    }

    fn held_bytes(&self, held: Bytes) -> Vec<u8> {
        held.to_vec()
    }

    async fn digest(&self, held: &Bytes) -> Result<ContentHash> {
        Ok(ContentHash::of(held))
    }
}

/// An entry of an edge tier.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    pub head: String,
    pub bytes: Bytes,
    pub until: UnixMillis,
}

pub type EdgeTier = BTreeMap<String, StoredEntry>;

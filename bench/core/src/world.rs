//! A world in memory: ports that answer at once, so that what is timed is deciding.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use selvedge::cache::memory::Memory;
use selvedge::pipeline::handle;
use selvedge::ports::settings::Settings;
use selvedge::ports::{
    Blob, Bodies, BodyFault, Clock, Condition, EdgeCache, EdgeContent, EdgeEntry, Fault, Fetch,
    Isolate, Listing, Media, Object, ObjectBody, ObjectMeta, ObjectPage, ObjectWritten, Part, Ports, RateLimit, Result, Store,
    Upload, UploadedPart, UpstreamRequest, UpstreamResponse, Versioned, Written,
};
use selvedge::serve::request::{RequestHeader, RequestHeaders};
use selvedge::serve::response::Response;
use selvedge::site::ids::ContentHash;
use selvedge::site::keys::Key;
use selvedge::wire::headers::Headers;
use selvedge::wire::time::{DeltaSeconds, UnixMillis};

use crate::store;

/// The site's hostname.
pub const HOST: &str = "bench.localhost";

/// Ports over a map, at a time that stands still.
#[derive(Clone)]
pub struct InMemory(Rc<Inner>);

struct Inner {
    settings: Settings,
    values: HashMap<String, Rc<[u8]>>,
}

/// A worker's isolate with one site, published and live.
pub struct World {
    ports: InMemory,
    memory: Rc<Memory<Rc<[u8]>>>,
    tag: OnceCell<String>,
}

impl World {
    /// A world whose site has this many paths.
    pub fn of(count: usize) -> Self {
        let stored = store::stored(count);
        let values = stored.values.into_iter();
        let values = values.map(|(key, bytes)| (key.as_str().to_owned(), bytes.into())).collect();
        let settings = Settings::from_vars(|_| None);
        let memory = Rc::new(Memory::new(settings.memory_bytes_max));
        let ports = InMemory(Rc::new(Inner { settings, values }));
        let world = Self { ports, memory, tag: OnceCell::new() };
        let tag = world.ask("/page", None).headers().value("etag").map(str::to_owned);
        world.tag.get_or_init(|| tag.expect("a page with an entity tag"));
        world
    }

    /// The entity tag of `/page`.
    pub fn tag(&self) -> &str {
        self.tag.get().map_or("", String::as_str)
    }

    /// Returns the response to a GET of a path.
    pub fn ask(&self, path: &str, if_none_match: Option<&str>) -> Response<InMemory> {
        let url = format!("http://{HOST}{path}");
        let headers = SentHeaders { if_none_match };
        let (ports, memory) = (self.ports.clone(), self.memory.clone());
        ready(handle(ports, memory, "GET", &url, &headers))
    }
}

/// What a future gives that waits for nothing.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a port did not answer at once"),
    }
}

struct SentHeaders<'a> {
    if_none_match: Option<&'a str>,
}

impl RequestHeaders for SentHeaders<'_> {
    fn value(&self, header: RequestHeader) -> Option<String> {
        match header {
            RequestHeader::Host => Some(HOST.to_owned()),
            RequestHeader::AcceptEncoding => Some("br, gzip".to_owned()),
            RequestHeader::IfNoneMatch => self.if_none_match.map(str::to_owned),
            _ => None,
        }
    }
}

impl InMemory {
    fn value(&self, key: &Key) -> Option<Rc<[u8]>> {
        self.0.values.get(key.as_str()).cloned()
    }
}

impl Ports for InMemory {}

impl Isolate for InMemory {
    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn behind(&self, _: impl Future<Output = ()> + 'static) {}

    fn random(&self) -> Option<[u8; 39]> {
        None
    }

    async fn limit(&self, _: RateLimit, _: &str) -> Result<bool> {
        Err(Fault::Missing)
    }

    fn request_headers(&self) -> Headers {
        Headers::new()
    }

    async fn request_body(&self, _: usize) -> Result<Vec<u8>, BodyFault> {
        Err(BodyFault::Broken)
    }
}

impl Clock for InMemory {
    fn now(&self) -> UnixMillis {
        UnixMillis(1_800_000_000_000)
    }

    async fn sleep(&self, _: u64) {}
}

impl Bodies for InMemory {
    type Body = Rc<[u8]>;
    type Held = Rc<[u8]>;

    async fn hold_body(&self, _: Rc<[u8]>, _: u64) -> Result<Rc<[u8]>> {
        Err(Fault::Missing)
    }

    fn cut(&self, _: Rc<[u8]>, _: Part) -> Result<Rc<[u8]>> {
        Err(Fault::Missing)
    }

    fn share(&self, body: Rc<[u8]>) -> Result<(Rc<[u8]>, Rc<[u8]>)> {
        Ok((body.clone(), body))
    }

    fn join(&self, _: Vec<Rc<[u8]>>, _: u64) -> Result<Rc<[u8]>> {
        Err(Fault::Missing)
    }

    fn held_of(&self, _: &[u8]) -> Rc<[u8]> {
        Rc::default()
    }

    fn held_length(&self, held: &Rc<[u8]>) -> u64 {
        held.len() as u64
    }

    fn held_bytes(&self, held: Rc<[u8]>) -> Vec<u8> {
        held.to_vec()
    }

    async fn digest(&self, held: &Rc<[u8]>) -> Result<ContentHash> {
        Ok(ContentHash::of(held))
    }
}

impl Store for InMemory {
    fn missing_binding(&self) -> Option<&'static str> {
        None
    }

    async fn read(&self, key: &Key) -> Result<Option<Versioned>> {
        let version = String::new();
        Ok(self.value(key).map(|bytes| Versioned { bytes: bytes.to_vec(), version }))
    }

    async fn write(&self, _: &Key, _: &[u8], _: &Condition) -> Result<Written> {
        Err(Fault::Failed)
    }

    async fn delete_all(&self, _: &[Key]) -> Result<()> {
        Err(Fault::Failed)
    }

    async fn list(&self, _: &str, _: Option<&str>) -> Result<Listing> {
        Err(Fault::Failed)
    }

    async fn open(&self, key: &Key, _: Option<Part>) -> Result<Option<Rc<[u8]>>> {
        Ok(self.value(key))
    }

    async fn hold(&self, key: &Key) -> Result<Option<Rc<[u8]>>> {
        Ok(self.value(key))
    }

    async fn store_blob(&self, _: &Key, _: Blob<'_>, _: &ContentHash) -> Result<Upload> {
        Err(Fault::Failed)
    }

    async fn object_read(
        &self,
        _: &Key,
        _: Option<&str>,
        _: Option<Part>,
    ) -> Result<Option<Object<Rc<[u8]>>>> {
        Err(Fault::Missing)
    }

    async fn object_meta(&self, _: &Key) -> Result<Option<ObjectMeta>> {
        Err(Fault::Missing)
    }

    async fn object_write(
        &self,
        _: &Key,
        _: ObjectBody<'_, Rc<[u8]>>,
        _: &ObjectMeta,
        _: &Condition,
    ) -> Result<ObjectWritten> {
        Err(Fault::Missing)
    }

    async fn object_list(&self, _: &str, _: Option<&str>, _: u32) -> Result<ObjectPage> {
        Err(Fault::Missing)
    }

    async fn upload_begin(&self, _: &Key, _: &ObjectMeta) -> Result<String> {
        Err(Fault::Missing)
    }

    async fn upload_part(&self, _: &Key, _: &str, _: u16) -> Result<Option<String>> {
        Err(Fault::Missing)
    }

    async fn upload_finish(
        &self,
        _: &Key,
        _: &str,
        _: &[UploadedPart],
    ) -> Result<Option<ObjectMeta>> {
        Err(Fault::Missing)
    }

    async fn upload_drop(&self, _: &Key, _: &str) -> Result<()> {
        Err(Fault::Missing)
    }
}

impl EdgeCache for InMemory {
    async fn edge_find(&self, _: &Key) -> Result<Option<EdgeEntry<Rc<[u8]>>>> {
        Ok(None)
    }

    async fn edge_hold(&self, _: &Key) -> Result<Option<Rc<[u8]>>> {
        Ok(None)
    }

    async fn edge_keep(
        &self,
        _: &Key,
        _: &str,
        _: EdgeContent<Self>,
        _: DeltaSeconds,
    ) -> Result<()> {
        Err(Fault::Missing)
    }
}

impl Media for InMemory {
    fn has_media(&self) -> bool {
        false
    }

    async fn render(
        &self,
        _: &str,
        _: Rc<[u8]>,
        _: u64,
    ) -> Result<UpstreamResponse<Rc<[u8]>>> {
        Err(Fault::Missing)
    }
}

impl Fetch for InMemory {
    async fn fetch(&self, _: &UpstreamRequest) -> Result<UpstreamResponse<Rc<[u8]>>> {
        Err(Fault::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_answers_what_the_benchmarks_ask() {
        let world = World::of(100);
        let rows = [("/page", None, 200), ("/page.html", None, 307), ("/nothing", None, 404)];
        for (path, tag, status) in rows {
            assert_eq!(world.ask(path, tag).status(), status, "{path}");
        }
        assert_eq!(world.ask("/page", Some(world.tag())).status(), 304);
    }
}

//! A world in memory: ports that fail, lag and lie on command, under a clock that tests set.
//!
//! It decides nothing that the product decides: a store is a map, the edge tier is a map, and what
//! goes on behind a response waits until a test lets it run.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use selvedge::serve::ask::{Field, Headers};
use selvedge::serve::memory::Memory;
use selvedge::serve::pipeline::handle;
use selvedge::serve::ports::{
    BodyFault, Condition, EdgeContent, Fault, Listing, Part, Ports, Upload, Versioned, Written,
};
use selvedge::serve::reply::{Reply, ReplyBody};
use selvedge::serve::settings::Settings;
use selvedge::site::asset::{Asset, Class, Representation, has_fingerprint};
use selvedge::site::config::SiteConfig;
use selvedge::site::ids::{ContentHash, DeploymentId};
use selvedge::site::keys::Key;
use selvedge::site::manifest::{BuiltManifest, ManifestBuilder};
use selvedge::wire::coding::Coding;
use selvedge::wire::media_type;
use selvedge::wire::time::{DeltaSeconds, UnixMillis};

/// The root token of every world.
pub const ROOT: &str = "root-token";
/// The base domain of every world.
pub const BASE: &str = "cdn.test";
/// When every world begins: 2026-11-21 00:00:00 UTC.
pub const START_MS: u64 = 1_795_219_200_000;

/// What becomes of an operation of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done.
    Done,
    /// It fails, and nothing happened.
    Fails,
    /// It fails, but it happened.
    FailsAfter,
    /// It is refused for being one too many.
    Busy,
    /// It never answers, and nothing happened.
    Hangs,
    /// A read says that there is nothing.
    Nothing,
    /// A read gives half of the bytes.
    Half,
}

/// An operation of a port: `store read`, `store write`, `edge read`, `edge put`, ...; and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    pub name: &'static str,
    pub key: String,
}

type Plan = Box<dyn FnMut(&Op) -> Fate>;
type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Inner {
    settings: RefCell<Rc<Settings>>,
    now_ms: Cell<u64>,
    store: RefCell<BTreeMap<String, Rc<Vec<u8>>>>,
    edge: RefCell<BTreeMap<String, Rc<Vec<u8>>>>,
    behind: RefCell<Vec<Task>>,
    log: RefCell<Vec<Op>>,
    plan: RefCell<Plan>,
    random: Cell<u8>,
}

/// The world; clones are the same one.
#[derive(Clone)]
pub struct World(Rc<Inner>);

/// The ports of one request in a world.
#[derive(Clone)]
pub struct Port {
    world: World,
    settings: Rc<Settings>,
    body: Rc<Vec<u8>>,
}

/// An isolate: a memory of its own in a shared world.
#[derive(Clone)]
pub struct Isolate {
    pub world: World,
    memory: Rc<Memory<Rc<Vec<u8>>>>,
}

/// A response, as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A request, as a client sends it.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: String,
    pub url: String,
    pub fields: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Ask {
    pub fn get(host: &str, path: &str) -> Self {
        Self::of("GET", host, path)
    }

    pub fn of(method: &str, host: &str, path: &str) -> Self {
        let fields = HashMap::from([("host".to_owned(), host.to_owned())]);
        let url = format!("http://{host}{path}");
        Self { method: method.to_owned(), url, fields, body: Vec::new() }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(name.to_lowercase(), value.to_owned());
        self
    }

    pub fn over_https(mut self) -> Self {
        self.url = self.url.replacen("http://", "https://", 1);
        self
    }
}

impl Headers for Ask {
    fn field(&self, field: Field) -> Option<String> {
        self.fields.get(field.name()).cloned()
    }
}

impl Answer {
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What may not differ between two responses to the same request.
    pub fn lasting(&self) -> Self {
        let passing = ["date", "age", "cache-status"];
        let fields = self.fields.iter().filter(|(n, _)| !passing.contains(&n.as_str()));
        Self { fields: fields.cloned().collect(), ..self.clone() }
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// A world whose operator set these variables.
    pub fn with(vars: &[(&str, &str)]) -> Self {
        let fixed = [("BASE_DOMAIN", BASE), ("ADMIN_TOKEN", ROOT), ("DEFAULT_SITE", "www")];
        let settings = Settings::from_vars(|name| {
            let own = vars.iter().find(|(n, _)| *n == name);
            own.or(fixed.iter().find(|(n, _)| *n == name)).map(|(_, v)| (*v).to_owned())
        });
        Self(Rc::new(Inner {
            settings: RefCell::new(Rc::new(settings)),
            now_ms: Cell::new(START_MS),
            store: RefCell::default(),
            edge: RefCell::default(),
            behind: RefCell::default(),
            log: RefCell::default(),
            plan: RefCell::new(Box::new(|_| Fate::Done)),
            random: Cell::new(1),
        }))
    }

    pub fn isolate(&self) -> Isolate {
        let memory = Memory::new(self.0.settings.borrow().memory_bytes_max);
        Isolate { world: self.clone(), memory: Rc::new(memory) }
    }

    pub fn now_ms(&self) -> u64 {
        self.0.now_ms.get()
    }

    pub fn advance_ms(&self, ms: u64) {
        self.0.now_ms.set(self.0.now_ms.get() + ms);
    }

    /// What becomes of operations from now on.
    pub fn plan(&self, plan: impl FnMut(&Op) -> Fate + 'static) {
        *self.0.plan.borrow_mut() = Box::new(plan);
    }

    /// Every operation is done from now on.
    pub fn heal(&self) {
        self.plan(|_| Fate::Done);
    }

    /// The operations since the last call.
    pub fn take_log(&self) -> Vec<Op> {
        std::mem::take(&mut self.0.log.borrow_mut())
    }

    /// Lets everything that goes on behind responses run to its end, or to where it hangs.
    pub fn run_behind(&self) {
        loop {
            let tasks = std::mem::take(&mut *self.0.behind.borrow_mut());
            if tasks.is_empty() {
                return;
            }
            for mut task in tasks {
                // One that hangs is ended by the runtime.
                let _ = poll(task.as_mut());
            }
        }
    }

    /// What was begun behind responses is lost: the runtime ended it.
    pub fn cut_behind(&self) {
        self.0.behind.borrow_mut().clear();
    }

    pub fn empty_edge(&self) {
        self.0.edge.borrow_mut().clear();
    }

    pub fn store(&self) -> BTreeMap<String, Rc<Vec<u8>>> {
        self.0.store.borrow().clone()
    }

    pub fn set_store(&self, store: BTreeMap<String, Rc<Vec<u8>>>) {
        *self.0.store.borrow_mut() = store;
    }

    fn fate(&self, name: &'static str, key: &str) -> Fate {
        let op = Op { name, key: key.to_owned() };
        let fate = (self.0.plan.borrow_mut())(&op);
        self.0.log.borrow_mut().push(op);
        fate
    }

    /// What an operation gives under its fate; `change` is made when the fate lets it happen.
    async fn act<T>(
        &self,
        name: &'static str,
        key: &str,
        change: impl FnOnce() -> T,
    ) -> Result<T, Fault> {
        match self.fate(name, key) {
            Fate::Fails => Err(Fault::Failed),
            Fate::Busy => Err(Fault::Busy),
            Fate::Hangs => pending().await,
            Fate::FailsAfter => {
                change();
                Err(Fault::Failed)
            }
            Fate::Done | Fate::Nothing | Fate::Half => Ok(change()),
        }
    }

    /// What a read gives under its fate.
    async fn look(
        &self,
        name: &'static str,
        key: &str,
        map: &RefCell<BTreeMap<String, Rc<Vec<u8>>>>,
    ) -> Result<Option<Rc<Vec<u8>>>, Fault> {
        let found = map.borrow().get(key).cloned();
        match self.fate(name, key) {
            Fate::Done => Ok(found),
            Fate::Fails | Fate::FailsAfter => Err(Fault::Failed),
            Fate::Busy => Err(Fault::Busy),
            Fate::Hangs => pending().await,
            Fate::Nothing => Ok(None),
            Fate::Half => Ok(found.map(|bytes| Rc::new(bytes[..bytes.len() / 2].to_vec()))),
        }
    }
}

impl Isolate {
    /// The response to a request.
    pub fn ask(&self, ask: &Ask) -> Answer {
        let port = Port {
            world: self.world.clone(),
            settings: self.world.0.settings.borrow().clone(),
            body: Rc::new(ask.body.clone()),
        };
        let reply = handle(port, self.memory.clone(), &ask.method, &ask.url, ask);
        rendered(block_on(reply))
    }

    pub fn get(&self, host: &str, path: &str) -> Answer {
        self.ask(&Ask::get(host, path))
    }

    /// A call of the admin API.
    pub fn call(&self, method: &str, path: &str, token: &str, body: &[u8]) -> Answer {
        let mut ask = Ask::of(method, BASE, &format!("/.selvedge/v1{path}"))
            .with("authorization", &format!("Bearer {token}"))
            .with("content-length", &body.len().to_string());
        ask.body = body.to_vec();
        self.ask(&ask)
    }

    /// Publishes files to a stage by the whole protocol; the deployment comes back.
    pub fn publish(&self, site: &str, stage: &str, site_files: &SiteFiles) -> DeploymentId {
        let built = site_files.build();
        self.expect("PUT", &format!("/sites/{site}"), &[]);
        self.upload(site, site_files, &built);
        self.activate(site, stage, &built.id);
        built.id
    }

    /// Sends the blobs and commits the deployment.
    pub fn upload(&self, site: &str, site_files: &SiteFiles, built: &BuiltManifest) {
        for batch in site_files.blobs(built).chunks(100) {
            let body: Vec<u8> = batch.iter().flat_map(|bytes| frame(bytes)).collect();
            self.expect("POST", &format!("/sites/{site}/blobs"), &body);
        }
        self.expect("PUT", &format!("/sites/{site}/deployments/{}", built.id), &built.root);
    }

    pub fn activate(&self, site: &str, stage: &str, id: &DeploymentId) {
        let body = format!("{{\"deployment\":\"{id}\"}}");
        let path = format!("/sites/{site}/stages/{stage}/activate");
        self.expect("POST", &path, body.as_bytes());
    }

    #[track_caller]
    fn expect(&self, method: &str, path: &str, body: &[u8]) {
        let answer = self.call(method, path, ROOT, body);
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
        self.world.run_behind();
    }
}

/// A site to be published: files by path, and what is configured.
#[derive(Debug, Clone, Default)]
pub struct SiteFiles {
    pub files: BTreeMap<String, Vec<u8>>,
    pub codings: BTreeMap<(String, Coding), Vec<u8>>,
    pub config: SiteConfig,
}

impl SiteFiles {
    /// Files that each hold their own path.
    pub fn named(paths: &[&str]) -> Self {
        Self::of(&paths.iter().map(|path| (*path, *path)).collect::<Vec<_>>())
    }

    pub fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        Self { files: files.collect(), ..Self::default() }
    }

    pub fn with(mut self, config: SiteConfig) -> Self {
        self.config = config;
        self
    }

    /// Gives a file a representation in a coding. The bytes are any: nothing here decodes them.
    pub fn coded(mut self, path: &str, coding: Coding, bytes: &str) -> Self {
        self.codings.insert((path.to_owned(), coding), bytes.as_bytes().to_vec());
        self
    }

    pub fn build(&self) -> BuiltManifest {
        let mut builder = ManifestBuilder::new(self.config.clone());
        for (path, bytes) in &self.files {
            builder.insert(path, self.asset(path, bytes));
        }
        builder.build().expect("a site within the bounds")
    }

    /// Every blob that a deployment of these files names.
    pub fn blobs(&self, built: &BuiltManifest) -> Vec<Vec<u8>> {
        let shards = built.shards.iter().map(|(_, bytes)| bytes.clone());
        self.files.values().chain(self.codings.values()).cloned().chain(shards).collect()
    }

    fn asset(&self, path: &str, bytes: &[u8]) -> Asset {
        let media_type = media_type::of_path(path);
        let class = match path {
            _ if media_type::is_html(media_type) => Class::Html,
            path if has_fingerprint(path) => Class::Fingerprinted,
            _ => Class::Other,
        };
        let of = |coding, bytes: &[u8]| Representation {
            coding,
            length: bytes.len() as u64,
            hash: ContentHash::of(bytes),
        };
        let mut representations = vec![of(Coding::Identity, bytes)];
        let codings = self.codings.iter().filter(|((p, _), _)| p == path);
        representations.extend(codings.map(|((_, coding), bytes)| of(*coding, bytes)));
        Asset::new(class, media_type, representations).expect("an asset")
    }
}

/// A frame of a batch of blobs.
pub fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a small blob").to_le_bytes();
    [&ContentHash::of(bytes).0[..], &length, bytes].concat()
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// What a future gives that waits for nothing but the ports of a world, which are ready or hang.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..1_000 {
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return output;
        }
    }
    panic!("an await without a deadline");
}

fn rendered(reply: Reply<Port>) -> Answer {
    let fields = reply.fields.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let body = match reply.body {
        ReplyBody::Empty => Vec::new(),
        ReplyBody::Text(text) => text.as_bytes().to_vec(),
        ReplyBody::Bytes(bytes) => bytes,
        ReplyBody::Held(held, None) => held.to_vec(),
        ReplyBody::Held(held, Some(part)) => cut(&held, part).to_vec(),
        ReplyBody::Stream(stream) => stream.to_vec(),
    };
    Answer { status: reply.status, fields, body }
}

fn cut(bytes: &[u8], part: Part) -> &[u8] {
    &bytes[part.first as usize..(part.first + part.length) as usize]
}

impl Ports for Port {
    type Body = Rc<Vec<u8>>;
    type Held = Rc<Vec<u8>>;

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn missing_binding(&self) -> Option<&'static str> {
        None
    }

    fn now(&self) -> UnixMillis {
        UnixMillis(self.world.0.now_ms.get())
    }

    /// Time passes at once: what is waited for this long has not answered by then.
    async fn sleep(&self, ms: u64) {
        self.world.advance_ms(ms);
    }

    fn behind(&self, task: impl Future<Output = ()> + 'static) {
        self.world.0.behind.borrow_mut().push(Box::pin(task));
    }

    fn random(&self) -> Option<[u8; 39]> {
        let next = self.world.0.random.get();
        self.world.0.random.set(next.wrapping_add(1));
        Some([next; 39])
    }

    async fn read(&self, key: &Key) -> Result<Option<Versioned>, Fault> {
        let found = self.world.look("store read", key.as_str(), &self.world.0.store).await?;
        Ok(found.map(|bytes| Versioned {
            bytes: bytes.to_vec(),
            version: ContentHash::of(&bytes).hex(),
        }))
    }

    async fn write(
        &self,
        key: &Key,
        bytes: &[u8],
        condition: &Condition,
    ) -> Result<Written, Fault> {
        let change = || {
            let mut store = self.world.0.store.borrow_mut();
            let current = store.get(key.as_str()).map(|bytes| ContentHash::of(bytes).hex());
            let holds = match condition {
                Condition::Any => true,
                Condition::Absent => current.is_none(),
                Condition::Is(version) => current.as_ref() == Some(version),
            };
            if !holds {
                return Written::Lost;
            }
            store.insert(key.to_string(), Rc::new(bytes.to_vec()));
            Written::Done
        };
        self.world.act("store write", key.as_str(), change).await
    }

    async fn delete(&self, key: &Key) -> Result<(), Fault> {
        let change = || drop(self.world.0.store.borrow_mut().remove(key.as_str()));
        self.world.act("store delete", key.as_str(), change).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        const PAGE_KEYS: usize = 1_000;
        let change = || {
            let store = self.world.0.store.borrow();
            let after = |key: &&String| cursor.is_none_or(|cursor| key.as_str() > cursor);
            let matching = store.keys().filter(|key| key.starts_with(prefix)).filter(after);
            let keys: Vec<String> = matching.take(PAGE_KEYS).cloned().collect();
            let cursor = (keys.len() == PAGE_KEYS).then(|| keys.last().cloned()).flatten();
            Listing { keys, cursor }
        };
        self.world.act("store list", prefix, change).await
    }

    async fn open(&self, key: &Key, part: Option<Part>) -> Result<Option<Self::Body>, Fault> {
        let found = self.world.look("store open", key.as_str(), &self.world.0.store).await?;
        Ok(found.map(|bytes| match part {
            None => bytes,
            Some(part) => Rc::new(cut(&bytes, part).to_vec()),
        }))
    }

    async fn hold(&self, key: &Key) -> Result<Option<Self::Held>, Fault> {
        self.world.look("store hold", key.as_str(), &self.world.0.store).await
    }

    async fn store_blob(
        &self,
        key: &Key,
        bytes: &[u8],
        hash: &ContentHash,
    ) -> Result<Upload, Fault> {
        let change = || {
            if ContentHash::of(bytes) != *hash {
                return Upload::Mismatch;
            }
            let mut store = self.world.0.store.borrow_mut();
            store.insert(key.to_string(), Rc::new(bytes.to_vec()));
            Upload::Stored
        };
        self.world.act("store blob", key.as_str(), change).await
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
        self.store_blob(key, &self.body, hash).await
    }

    async fn request_body(&self, bytes_max: usize) -> Result<Vec<u8>, BodyFault> {
        match self.body.len() <= bytes_max {
            true => Ok(self.body.to_vec()),
            false => Err(BodyFault::TooLarge(bytes_max as u64)),
        }
    }

    async fn edge_read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        let found = self.world.look("edge read", key.as_str(), &self.world.0.edge).await?;
        Ok(found.map(|bytes| bytes.to_vec()))
    }

    async fn edge_hold(&self, key: &Key) -> Result<Option<Self::Held>, Fault> {
        self.world.look("edge hold", key.as_str(), &self.world.0.edge).await
    }

    async fn edge_open(&self, key: &Key) -> Result<Option<Self::Body>, Fault> {
        self.world.look("edge open", key.as_str(), &self.world.0.edge).await
    }

    async fn edge_put(&self, key: &Key, content: EdgeContent<Self>, _ttl: DeltaSeconds) {
        let bytes = match content {
            EdgeContent::Bytes(bytes) => Rc::new(bytes),
            EdgeContent::Held(held) => held,
            EdgeContent::Stream(stream, _) => stream,
        };
        let put = || drop(self.world.0.edge.borrow_mut().insert(key.to_string(), bytes));
        // Puts resolve whether or not they stored anything.
        let _ = self.world.act("edge put", key.as_str(), put).await;
    }

    fn held_length(&self, held: &Self::Held) -> u64 {
        held.len() as u64
    }

    fn held_bytes(&self, held: &Self::Held) -> Vec<u8> {
        held.to_vec()
    }

    fn share(&self, body: Self::Body) -> Result<(Self::Body, Self::Body), Fault> {
        Ok((body.clone(), body))
    }
}

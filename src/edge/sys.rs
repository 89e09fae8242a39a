//! Bindings of the runtime's own types, direct, for what every request touches.
//!
//! Not a wrapper: only what is called is bound. The `worker` crate would bind all of it, but its
//! types cost a crossing or two per call, and its glue more than all of ours.

// What is bound here is documented where it comes from: the names are JavaScript's own.
#![allow(missing_docs)]

use std::rc::Rc;

use js_sys::{ArrayBuffer, Promise, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::edge::task;
use crate::serve::ask::{Field, Headers};

#[wasm_bindgen]
extern "C" {
    /// The request that the runtime hands over.
    #[derive(Clone)]
    pub type Request;
    /// The request's body, `null` where there is none.
    #[wasm_bindgen(method, getter)]
    pub fn body(this: &Request) -> JsValue;

    /// What lives as long as a request and what goes on behind its response.
    pub type ExecutionContext;
    #[wasm_bindgen(method, js_name = waitUntil)]
    pub fn wait_until(this: &ExecutionContext, promise: &Promise);

    /// An R2 bucket or a KV namespace: what the two have in common.
    pub type Store;
    #[wasm_bindgen(method, catch, js_name = get)]
    pub fn read(this: &Store, key: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = get)]
    pub fn read_with(this: &Store, key: &str, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getWithMetadata)]
    pub fn read_described(this: &Store, key: &str, kind: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn head(this: &Store, key: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn put(this: &Store, key: &str, value: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = put)]
    pub fn put_with(
        this: &Store,
        key: &str,
        value: &JsValue,
        options: &JsValue,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn delete(this: &Store, key: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn list(this: &Store, options: &JsValue) -> Result<Promise, JsValue>;

    /// A rate limiter.
    pub type RateLimiter;
    #[wasm_bindgen(method, catch)]
    pub fn limit(this: &RateLimiter, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createMultipartUpload)]
    pub fn begin_upload(this: &Store, key: &str, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = resumeMultipartUpload)]
    pub fn resume_upload(this: &Store, key: &str, id: &str) -> Result<R2Upload, JsValue>;

    /// An upload in parts, and what it says of a part.
    pub type R2Upload;
    #[wasm_bindgen(method, getter, js_name = uploadId)]
    pub fn id(this: &R2Upload) -> String;
    #[wasm_bindgen(method, getter)]
    pub fn etag(this: &R2Upload) -> String;
    #[wasm_bindgen(method, catch, js_name = uploadPart)]
    pub fn part(this: &R2Upload, number: u16, value: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn complete(this: &R2Upload, parts: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn abort(this: &R2Upload) -> Result<Promise, JsValue>;

    /// A page of a listing; R2 has `objects` with a `key`, KV has `keys` with a `name`.
    pub type Page;
    #[wasm_bindgen(method, getter)]
    pub fn objects(this: &Page) -> Option<Vec<R2Object>>;
    #[wasm_bindgen(method, getter)]
    pub fn keys(this: &Page) -> Option<Vec<KvKey>>;
    #[wasm_bindgen(method, getter, js_name = objects)]
    pub fn r2_objects(this: &Page) -> JsValue;
    #[wasm_bindgen(method, getter, js_name = keys)]
    pub fn kv_keys(this: &Page) -> JsValue;
    #[wasm_bindgen(method, getter)]
    pub fn cursor(this: &Page) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub fn truncated(this: &Page) -> Option<bool>;
    #[wasm_bindgen(method, getter)]
    pub fn list_complete(this: &Page) -> Option<bool>;

    pub type KvKey;
    #[wasm_bindgen(method, getter)]
    pub fn name(this: &KvKey) -> String;

    /// A value of KV with its metadata.
    pub type Described;
    #[wasm_bindgen(method, getter)]
    pub fn value(this: &Described) -> JsValue;
    #[wasm_bindgen(method, getter)]
    pub fn metadata(this: &Described) -> JsValue;

    /// An object of R2 with its body.
    pub type R2Object;
    #[wasm_bindgen(method, getter)]
    pub fn body(this: &R2Object) -> JsValue;
    #[wasm_bindgen(method, getter)]
    pub fn key(this: &R2Object) -> String;
    #[wasm_bindgen(method, getter)]
    pub fn etag(this: &R2Object) -> String;
    #[wasm_bindgen(method, catch, js_name = arrayBuffer)]
    pub fn array_buffer(this: &R2Object) -> Result<Promise, JsValue>;

    /// A stream that is passed on.
    pub type ReadableStream;
    #[wasm_bindgen(method, catch)]
    pub fn tee(this: &ReadableStream) -> Result<js_sys::Array, JsValue>;

    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn get_reader(this: &ReadableStream) -> Result<Reader, JsValue>;

    /// Reads a stream chunk by chunk.
    pub type Reader;
    #[wasm_bindgen(method, catch)]
    fn read(this: &Reader) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn cancel(this: &Reader) -> Result<Promise, JsValue>;

    type Chunk;
    #[wasm_bindgen(method, getter)]
    fn done(this: &Chunk) -> bool;
    #[wasm_bindgen(method, getter)]
    fn value(this: &Chunk) -> Uint8Array;

    /// A response, of the cache or our own.
    pub type Response;
    #[wasm_bindgen(constructor, catch)]
    pub fn new(body: &JsValue, init: &JsValue) -> Result<Response, JsValue>;
    #[wasm_bindgen(method, getter)]
    pub fn body(this: &Response) -> JsValue;
    #[wasm_bindgen(method, getter)]
    pub fn headers(this: &Response) -> ResponseHeaders;

    pub type ResponseHeaders;
    #[wasm_bindgen(method)]
    pub fn get(this: &ResponseHeaders, name: &str) -> Option<String>;
    #[wasm_bindgen(method, catch, js_name = arrayBuffer)]
    pub fn array_buffer(this: &Response) -> Result<Promise, JsValue>;

    /// The runtime's cache.
    pub type Cache;
    #[wasm_bindgen(method, catch, js_name = match)]
    pub fn lookup(this: &Cache, url: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn put(this: &Cache, url: &str, response: &Response) -> Result<Promise, JsValue>;

    type CacheStorage;
    #[wasm_bindgen(thread_local_v2, js_name = caches)]
    static CACHES: Option<CacheStorage>;
    #[wasm_bindgen(method, getter)]
    fn default(this: &CacheStorage) -> Cache;

}

#[wasm_bindgen(module = "/src/edge/glue.js")]
extern "C" {
    /// What serving reads of every request, in one crossing.
    fn ask(request: &Request) -> String;
    /// A header field that few requests are read for.
    fn header(request: &Request, name: &str) -> String;
    /// What R2 says of objects, in one crossing.
    #[wasm_bindgen(js_name = r2Objects)]
    pub fn r2_objects(found: &JsValue) -> String;
    /// What the metadata of KV's keys say of objects, in one crossing.
    #[wasm_bindgen(js_name = kvObjects)]
    pub fn kv_objects(keys: &JsValue) -> String;
    /// Builds a `Response` in one crossing.
    pub fn respond(status: u16, block: &str, body: &JsValue) -> JsValue;
    /// Asks an upstream; the fetcher is `null` for the network.
    #[wasm_bindgen(catch)]
    pub fn forward(
        fetcher: &JsValue,
        url: &str,
        method: &str,
        block: &str,
        body: &JsValue,
        timeout_ms: f64,
    ) -> Result<Promise, JsValue>;
    /// All header fields of a request.
    pub fn fields(request: &Request) -> String;
    /// The status and the header fields of a response.
    pub fn describe(response: &Response) -> String;
    /// A body with a deadline between its parts; its length is negative where it is not known.
    #[wasm_bindgen(catch)]
    pub fn guard(body: &JsValue, idle_ms: f64, length: f64) -> Result<JsValue, JsValue>;
    /// All of a body.
    #[wasm_bindgen(catch)]
    pub fn hold(body: &JsValue, bytes_max: f64) -> Result<Promise, JsValue>;
    /// A part of a body.
    #[wasm_bindgen(catch)]
    pub fn cut(body: &JsValue, first: f64, length: f64) -> Result<JsValue, JsValue>;
    /// The SHA-256 of a buffer, as a buffer.
    #[wasm_bindgen(catch)]
    pub fn sha256(buffer: &ArrayBuffer) -> Result<Promise, JsValue>;
    /// The promise of a task, which `finish` fulfils.
    pub fn promised(task: u32) -> JsValue;
    /// Fulfils the promise of a task.
    pub fn finish(task: u32, value: &JsValue);
    /// Wakes a task when a promise settles.
    pub fn wait(promise: &Promise, task: u32, slot: u32);
    /// Wakes a task after some milliseconds.
    pub fn timer(ms: f64, task: u32);
    /// Wakes a task when what runs now has come to a stop.
    pub fn soon(task: u32);
    /// Hands a panic's message to the entry module, which replaces the instance.
    pub fn panicked(message: &str);
}

/// The cache of this data centre, where the runtime has one.
pub fn default_cache() -> Option<Cache> {
    CACHES.with(|caches| caches.as_ref().map(CacheStorage::default))
}

/// The lines before the header fields: the method and the URL.
const FIELDS_AT: usize = 2;
/// All lines of a request's text.
const LINES: usize = FIELDS_AT + Field::USUAL.len();

/// What serving may read of a request: the usual brought over in one crossing, the rest when asked.
pub struct RequestText {
    text: String,
    /// Where each line begins, and the end of the last.
    starts: [usize; LINES + 1],
    request: Rc<Request>,
}

impl RequestText {
    /// The text of a request; nothing at all when a value holds a line feed, which no runtime
    /// lets through, and the empty URL is a 400.
    pub fn of(request: Rc<Request>) -> Self {
        let text = ask(&request);
        let mut starts = [0; LINES + 1];
        let mut count: usize = 0;
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at);
        for end in ends.chain([text.len()]) {
            count = count.saturating_add(1);
            if let Some(start) = starts.get_mut(count) {
                *start = end.saturating_add(1);
            }
        }
        if count != LINES {
            starts = [1; LINES + 1];
        }
        Self { text, starts, request }
    }

    /// The method.
    pub fn method(&self) -> &str {
        self.line(0)
    }

    /// The URL, as the runtime has it.
    pub fn url(&self) -> &str {
        self.line(1)
    }

    fn line(&self, number: usize) -> &str {
        let (start, next) = (self.starts.get(number), self.starts.get(number.saturating_add(1)));
        let line = start.zip(next).and_then(|(start, next)| {
            // The line feed between the two is in neither.
            self.text.get(*start..next.saturating_sub(1))
        });
        line.unwrap_or_default()
    }
}

impl Headers for RequestText {
    fn field(&self, field: Field) -> Option<String> {
        let number = field as usize;
        let value = match number < Field::USUAL.len() {
            true => self.line(FIELDS_AT.saturating_add(number)).to_owned(),
            false => header(&self.request, field.name()),
        };
        // An empty field says as much as an absent one, for all that are read here.
        (!value.is_empty()).then_some(value)
    }
}

/// The bytes of a buffer, copied into wasm to be parsed.
pub fn copied(buffer: &ArrayBuffer) -> Vec<u8> {
    js_sys::Uint8Array::new(buffer).to_vec()
}

/// A reader of a stream.
pub fn reader(stream: &JsValue) -> Result<Reader, JsValue> {
    stream.unchecked_ref::<ReadableStream>().get_reader()
}

/// The next chunk of a stream, `None` at its end.
pub async fn next_chunk(reader: &Reader) -> Result<Option<Uint8Array>, JsValue> {
    let chunk: Chunk = settled(reader.read()).await?.unchecked_into();
    Ok((!chunk.done()).then(|| chunk.value()))
}

/// Stops reading; how that goes is of no interest.
pub fn cancel(reader: &Reader) {
    drop(reader.cancel());
}

/// Stops a stream that nobody reads.
pub fn discard(stream: &JsValue) {
    if let Ok(reader) = reader(stream) {
        cancel(&reader);
    }
}

/// An object with these members.
pub fn object<const N: usize>(members: [(&str, JsValue); N]) -> Result<JsValue, JsValue> {
    let object = js_sys::Object::new();
    for (name, value) in members {
        js_sys::Reflect::set(&object, &name.into(), &value)?;
    }
    Ok(object.into())
}

/// What a call to the runtime gave in the end, whether it threw at once or its promise did later.
pub async fn settled(call: Result<Promise, JsValue>) -> Result<JsValue, JsValue> {
    task::settled(&call?).await
}

/// A page of a store's keys.
pub async fn page(store: &Store, prefix: &str, cursor: Option<&str>) -> Result<Page, JsValue> {
    let cursor = cursor.map_or(JsValue::UNDEFINED, JsValue::from);
    let options = object([("prefix", prefix.into()), ("cursor", cursor)])?;
    settled(store.list(&options)).await.map(JsCast::unchecked_into)
}

//! Bindings of the runtime's own types, direct, for what every request touches.
//!
//! Not a wrapper: only what is called is bound. The `worker` crate would bind all of it, but its
//! types cost a crossing or two per call, and its glue more than all of ours.

// What is bound here is documented where it comes from: the names are JavaScript's own.
#![allow(missing_docs)]

use std::rc::Rc;

use js_sys::{Array, ArrayBuffer, Promise, Uint8Array};
use wasm_bindgen::prelude::*;

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

    /// A stream that is passed on.
    pub type ReadableStream;
    #[wasm_bindgen(method, catch)]
    pub fn tee(this: &ReadableStream) -> Result<Array, JsValue>;
}

#[wasm_bindgen(module = "/src/edge/glue.js")]
extern "C" {
    /// What serving reads of every request, in one crossing.
    fn ask(request: &Request) -> String;
    /// A header field that few requests are read for.
    fn header(request: &Request, name: &str) -> String;
    /// Builds a `Response` in one crossing.
    pub fn respond(status: u16, block: &str, body: &JsValue) -> JsValue;
    /// Asks an upstream; through a service binding, or the network where there is no name of one.
    pub fn forward(
        env: &JsValue,
        service: Option<&str>,
        url: &str,
        method: &str,
        block: &str,
        body: &JsValue,
        timeout_ms: f64,
        idle_ms: f64,
    ) -> Promise;
    /// All header fields of a request.
    pub fn fields(request: &Request) -> String;
    /// All of a body, `null` when it is longer.
    pub fn hold(body: &JsValue, bytes_max: f64) -> Promise;
    /// Whether a rate limiter lets a request pass.
    pub fn limit(env: &JsValue, name: &str, key: &str) -> Promise;
    /// What the reason of a promise that failed is to us.
    pub fn fault(reason: &JsValue) -> u32;
    /// A part of a body.
    #[wasm_bindgen(catch)]
    pub fn cut(body: &JsValue, first: f64, length: f64) -> Result<JsValue, JsValue>;
    /// The SHA-256 of a buffer, as a buffer.
    pub fn sha256(buffer: &ArrayBuffer) -> Promise;
    /// Gives the memory of a buffer back.
    fn release(buffer: &ArrayBuffer);
    /// The promise of a task, which `finish` fulfils.
    pub fn promised(task: u32) -> JsValue;
    /// Ends a task: its timer is stopped, and its promise fulfilled where it has one.
    pub fn finish(task: u32, value: &JsValue);
    /// Forgets a task of a request that is gone.
    pub fn forget(task: u32);
    /// Wakes a task when a promise settles.
    pub fn wait(promise: &Promise, task: u32, slot: u32);
    /// Wakes a task after some milliseconds.
    pub fn timer(ms: f64, task: u32);
    /// Wakes a task when what runs now has come to a stop.
    pub fn soon(task: u32);
    /// Tells the entry module of a panic; it replaces the instance.
    pub fn panicked();
}

#[wasm_bindgen(module = "/src/edge/stores.js")]
extern "C" {
    /// An R2 bucket or a KV namespace, behind the same methods.
    pub type Store;
    pub fn bucket(env: &JsValue, name: &str) -> Option<Store>;
    pub fn namespace(env: &JsValue, name: &str) -> Option<Store>;
    #[wasm_bindgen(method)]
    pub fn read(this: &Store, key: &str) -> Promise;
    #[wasm_bindgen(method)]
    pub fn hold(this: &Store, key: &str) -> Promise;
    #[wasm_bindgen(method)]
    pub fn open(this: &Store, key: &str, first: f64, length: f64) -> Promise;
    #[wasm_bindgen(method)]
    pub fn write(this: &Store, key: &str, bytes: &Uint8Array, condition: Option<&str>) -> Promise;
    #[wasm_bindgen(method, js_name = writeChecked)]
    pub fn write_checked(this: &Store, key: &str, body: &JsValue, hash: &str) -> Promise;
    #[wasm_bindgen(method)]
    pub fn delete(this: &Store, key: &str) -> Promise;
    #[wasm_bindgen(method, js_name = deleteAll)]
    pub fn delete_all(this: &Store, keys: &Array) -> Promise;
    #[wasm_bindgen(method)]
    pub fn list(this: &Store, prefix: &str, cursor: Option<&str>) -> Promise;
    #[wasm_bindgen(method, js_name = objectRead)]
    pub fn object_read(
        this: &Store,
        key: &str,
        etag: Option<&str>,
        first: f64,
        length: f64,
    ) -> Promise;
    #[wasm_bindgen(method, js_name = objectMeta)]
    pub fn object_meta(this: &Store, key: &str) -> Promise;
    #[wasm_bindgen(method, js_name = objectWrite)]
    pub fn object_write(
        this: &Store,
        key: &str,
        body: &JsValue,
        length: f64,
        media_type: &str,
        tags: &str,
        written_ms: f64,
        condition: Option<&str>,
    ) -> Promise;
    #[wasm_bindgen(method, js_name = objectList)]
    pub fn object_list(this: &Store, prefix: &str, cursor: Option<&str>, count_max: u32)
    -> Promise;
    #[wasm_bindgen(method, js_name = uploadBegin)]
    pub fn upload_begin(this: &Store, key: &str, media_type: &str, tags: &str) -> Promise;
    #[wasm_bindgen(method, js_name = uploadPart)]
    pub fn upload_part(this: &Store, key: &str, id: &str, number: u16, body: &JsValue) -> Promise;
    #[wasm_bindgen(method, js_name = uploadFinish)]
    pub fn upload_finish(this: &Store, key: &str, id: &str, parts: &Array) -> Promise;
    #[wasm_bindgen(method, js_name = uploadDrop)]
    pub fn upload_drop(this: &Store, key: &str, id: &str) -> Promise;

    /// What we said of what the edge tier keeps, and its body.
    pub fn kept(url: &str) -> Promise;
    /// The bytes of what the edge tier keeps.
    #[wasm_bindgen(js_name = keptBytes)]
    pub fn kept_bytes(url: &str) -> Promise;
    /// Keeps a body in the edge tier.
    pub fn keep(url: &str, head: &str, body: &JsValue, length: f64, ttl_secs: f64) -> Promise;
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
    Uint8Array::new(buffer).to_vec()
}

/// As [`copied`], of a buffer that nobody else has: its memory is given back at once.
pub fn taken(buffer: &ArrayBuffer) -> Vec<u8> {
    let bytes = copied(buffer);
    release(buffer);
    bytes
}

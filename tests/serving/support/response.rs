//! Requests to an isolate, and the responses with what must hold for every one of them.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use selvedge::cache::memory::Memory;
use selvedge::pipeline::handle;
use selvedge::ports::bodies::ResponseBody;
use selvedge::serve::request::{RequestHeader, RequestHeaders};
use selvedge::serve::response;
use selvedge::site::ids::ContentHash;
use selvedge::wire::headers::Headers;

use super::ports::SimPorts;
use super::upstream::End;
use super::world::{Bytes, Colo, ROOT_TOKEN, World};

/// Longest body that a rendered response shows.
const SHOWN_BYTES_MAX: usize = 300;
/// Details of the errors that are cached: the URL of a rendition gets them again.
const LASTING: [&str; 5] = [
    "detail=bad-parameter", "detail=disallowed", "detail=too-large", "detail=unsupported",
    "detail=too-complex",
];

/// An isolate of a data centre.
#[derive(Clone)]
pub struct Isolate {
    pub world: World,
    pub colo: Colo,
    pub memory: Rc<Memory<Bytes>>,
    pub number: usize,
}

impl Isolate {
    /// Returns a cold isolate in another data centre.
    pub fn new(world: &World) -> Self {
        Self::within(world, &Rc::new(RefCell::default()))
    }

    /// A cold isolate in a data centre.
    pub fn within(world: &World, colo: &Colo) -> Self {
        let memory = Rc::new(Memory::new(world.settings.memory_bytes_max));
        world.isolates.set(world.isolates.get() + 1);
        let number = world.isolates.get();
        Self { world: world.clone(), colo: colo.clone(), memory, number }
    }

    /// A cold isolate beside this one.
    pub fn neighbour(&self) -> Self {
        Self::within(&self.world, &self.colo)
    }

    pub fn ask(&self, method: &str, url: &str) -> Request {
        Request {
            isolate: self.clone(),
            method: method.to_owned(),
            url: url.to_owned(),
            lines: Vec::new(),
            body: Rc::default(),
            is_relayed: false,
        }
    }

    /// GET over HTTPS; what goes on behind the response is done with before it returns.
    #[track_caller]
    pub fn get(&self, host: &str, path: &str) -> Response {
        self.ask("GET", &format!("https://{host}{path}")).send()
    }

    /// A call of the admin API by the operator.
    #[track_caller]
    pub fn admin(&self, method: &str, call: &str, body: &[u8]) -> Response {
        self.admin_call(method, call, body).send()
    }

    pub fn admin_call(&self, method: &str, call: &str, body: &[u8]) -> Request {
        let request = self.ask(method, &format!("https://cdn.test/.selvedge/v1{call}"));
        request.header("authorization", &format!("Bearer {ROOT_TOKEN}")).body(body)
    }
}

/// A request that was not sent yet.
#[derive(Clone)]
pub struct Request {
    isolate: Isolate,
    method: String,
    url: String,
    lines: Vec<(String, String)>,
    body: Bytes,
    is_relayed: bool,
}

struct Lines(Vec<(String, String)>);

impl RequestHeaders for Lines {
    fn value(&self, header: RequestHeader) -> Option<String> {
        let of_name = |(name, _): &&(String, String)| name.eq_ignore_ascii_case(header.name());
        let values: Vec<_> = self.0.iter().filter(of_name).map(|(_, v)| v.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

impl Request {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.lines.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.lines.retain(|(known, _)| known != name);
        self
    }

    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = Rc::new(body.to_vec());
        self.header("content-length", &body.len().to_string())
    }

    /// For an upstream, whose status, lifetimes and unknown lengths are its own.
    pub fn relayed(self) -> Self {
        Self { is_relayed: true, ..self }
    }

    /// The response, `None` when there never is one.
    #[track_caller]
    pub fn try_send(self) -> Option<Response> {
        let world = self.isolate.world.clone();
        world.run(self.response())
    }

    /// The response under way.
    pub fn response(self) -> impl Future<Output = Response> + 'static {
        let (method, is_relayed) = (self.method.clone(), self.is_relayed);
        let shown = format!("{} {}", self.method, self.url);
        let response = self.future();
        async move {
            let response = Response::of(response.await);
            match is_relayed {
                false => response.check(&shown, &method),
                true => response.check_relayed(&shown, &method),
            }
            response
        }
    }

    /// The response; what goes on behind it is left for later.
    #[track_caller]
    pub fn send_only(self) -> Response {
        let shown = format!("{} {}", self.method, self.url);
        self.try_send().unwrap_or_else(|| panic!("{shown}: never answered"))
    }

    /// The response, after what goes on behind it.
    #[track_caller]
    pub fn send(self) -> Response {
        let world = self.isolate.world.clone();
        let response = self.send_only();
        world.settle();
        response
    }

    /// The request under way.
    pub fn future(self) -> impl Future<Output = response::Response<SimPorts>> + 'static {
        let Isolate { world, colo, memory, number } = self.isolate;
        let settings = world.settings.clone();
        let mut headers = Headers::new();
        for (name, value) in &self.lines {
            headers.append(name.clone(), value.clone());
        }
        let ports = SimPorts { world, colo, isolate: number, body: self.body, headers, settings };
        let (method, url, headers) = (self.method, self.url, Lines(self.lines));
        async move { handle(ports, memory, &method, &url, &headers).await }
    }
}

/// A response, with its body read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the client sees that it did not get all of it.
    pub is_cut: bool,
}

impl Response {
    pub fn of(response: response::Response<SimPorts>) -> Self {
        let (status, headers, body) = response.into_parts();
        let length = headers.value("content-length").and_then(|text| text.parse().ok());
        let is_cut = match &body {
            ResponseBody::Stream(stream) => {
                let differs = length.is_some_and(|length: usize| length != stream.bytes.len());
                stream.end != End::Whole || differs
            }
            _ => false,
        };
        let body = match body {
            ResponseBody::Empty => Vec::new(),
            ResponseBody::Text(text) => text.as_bytes().to_vec(),
            ResponseBody::Bytes(bytes) => bytes,
            ResponseBody::Stream(stream) => stream.bytes.to_vec(),
            ResponseBody::Held(bytes, None) => bytes.to_vec(),
            ResponseBody::Held(bytes, Some(part)) => {
                bytes[part.first as usize..(part.first + part.length) as usize].to_vec()
            }
        };
        let headers = headers.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        Self { status, headers, body, is_cut }
    }

    /// The value of a field, or nothing.
    pub fn field(&self, name: &str) -> &str {
        self.has(name).unwrap_or_default()
    }

    pub fn has(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or("<not text>")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of an error of the admin API.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Returns the response without the headers that depend on when and how it was answered.
    pub fn lasting(&self) -> Self {
        let passing = ["date", "age", "cache-status"];
        let mut lasting = self.clone();
        lasting.headers.retain(|(name, _)| !passing.contains(&name.as_str()));
        lasting
    }

    /// The response as text.
    pub fn render(&self) -> String {
        let mut text = format!("{}\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push('\n');
        match std::str::from_utf8(&self.body) {
            Ok("") => {}
            Ok(body) if body.len() <= SHOWN_BYTES_MAX => {
                text.push_str(body.trim_end_matches('\n'));
                text.push('\n');
            }
            _ => {
                let hash = ContentHash::of(&self.body).short_hex();
                text.push_str(&format!("<{} bytes, {hash}>\n", self.body.len()));
            }
        }
        text
    }

    /// Checks what holds for every response there is.
    #[track_caller]
    fn check(&self, shown: &str, method: &str) {
        let of = format!("{shown}: {self:?}");
        assert!(self.status != 500 && !self.is_cut, "{of}");
        self.check_headers(&of);
        assert!(self.has("cache-control").is_some(), "{of}");
        if self.status >= 400 {
            let lasts = LASTING.iter().any(|detail| self.field("cache-status").ends_with(detail));
            let expected = if lasts { "public, max-age=60" } else { "no-store" };
            let header = if self.has("x-cache-control").is_some() {
                "x-cache-control"
            } else {
                "cache-control"
            };
            assert_eq!(self.field(header), expected, "{of}");
        }
        if self.status == 503 && !shown.ends_with("/health") {
            assert!(self.has("retry-after").is_some(), "{of}");
        }
        assert!(self.has("content-length").is_some() || matches!(self.status, 204 | 304), "{of}");
        self.check_length(&of, method);
    }

    /// Checks what holds for what an upstream answered, too.
    #[track_caller]
    fn check_relayed(&self, shown: &str, method: &str) {
        let of = format!("{shown}: {self:?}");
        self.check_headers(&of);
        if !self.is_cut {
            self.check_length(&of, method);
        }
    }

    #[track_caller]
    fn check_headers(&self, of: &str) {
        assert!((200..600).contains(&self.status), "{of}");
        for (at, (name, value)) in self.headers.iter().enumerate() {
            let again = self.headers.iter().skip(at + 1).any(|(other, _)| other == name);
            assert!(!again || name == "set-cookie", "{name} twice in {of}");
            assert!(http::HeaderName::from_bytes(name.as_bytes()).is_ok(), "{name} in {of}");
            assert!(http::HeaderValue::from_str(value).is_ok(), "{name} in {of}");
        }
        for name in ["cache-status", "x-content-type-options"] {
            assert!(self.has(name).is_some(), "no {name} in {of}");
        }
    }

    #[track_caller]
    fn check_length(&self, of: &str, method: &str) {
        let length = self.has("content-length");
        match (self.status, method) {
            (204, _) => assert!(self.body.is_empty() && length.is_none(), "{of}"),
            (304, _) | (_, "HEAD") => assert!(self.body.is_empty(), "{of}"),
            _ => assert!(length.is_none_or(|it| it == self.body.len().to_string()), "{of}"),
        }
    }
}

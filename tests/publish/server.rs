//! The worker's admin API behind a socket, over ports in memory. It fails on request.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use selvedge::ports::Fault as StoreFault;
use selvedge::site::collection::ObjectName;
use selvedge::site::deployment::asset::Asset;
use selvedge::site::deployment::manifest::{Manifest, ShardPlace};
use selvedge::site::deployment::shard::Shard;
use selvedge::site::ids::ContentHash;
use serde_json::{Value, json};

use super::support::folder::{Folder, publish};
use super::support::response::{Isolate, Response};
use super::support::world::{Op, ROOT_TOKEN, Trouble, World};

/// The base domain of the world.
const BASE: &str = "cdn.test";

/// The treatment of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// This status, without effect.
    Status(u16),
    /// 503 with this code, without effect.
    Refused(&'static str),
    /// The connection is closed, without effect.
    LostRequest,
    /// The request takes effect, and the connection is closed.
    LostAnswer,
    /// Neither this nor any further request is answered.
    Silence,
    /// The connection is closed, and the server stops listening.
    Death,
    /// The request takes effect after another publish activated its deployment on production.
    LostRace,
    /// The request takes effect while no live record can be written.
    Stuck,
}

type Faults = Box<dyn FnMut(usize, &str, &str) -> Fault + Send>;
type Job = Box<dyn FnOnce(&World) + Send>;

pub struct State {
    /// Method and path of every request.
    pub requests: Vec<String>,
    pub blob_bytes_max: u64,
    pub batch_bytes_max: u64,
    /// Objects changed without invalidating their edge copies.
    pub left: BTreeSet<String>,
    /// Number of names in each call to invalidate; `None` for the whole collection.
    pub invalidations: Vec<Option<usize>>,
    is_silent: bool,
    is_dead: bool,
    faults: Faults,
}

#[derive(Clone)]
pub struct Server {
    pub url: String,
    state: Arc<Mutex<State>>,
    /// The thread of the world, which can't move between threads.
    world: Sender<Job>,
}

struct Call {
    method: String,
    host: String,
    path: String,
    lines: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Server {
    pub fn start() -> Self {
        Self::with_vars(&[("MEDIA_SECRET", "secret")])
    }

    pub fn with_vars(vars: &'static [(&'static str, &'static str)]) -> Self {
        let (world, jobs) = mpsc::channel::<Job>();
        thread::spawn(move || {
            let own = [("DEFAULT_SITE", "default"), ("ALLOWED_ORIGINS", "https://api.test")];
            let world = World::with_vars(&[&own, vars].concat());
            jobs.into_iter().for_each(|job| job(&world));
        });
        let state = State {
            requests: Vec::new(),
            blob_bytes_max: 1 << 20,
            batch_bytes_max: 8 << 20,
            left: BTreeSet::new(),
            invalidations: Vec::new(),
            is_silent: false,
            is_dead: false,
            faults: Box::new(|_, _, _| Fault::None),
        };
        Self::listen(Arc::new(Mutex::new(state)), world)
    }

    /// Forgets the requests so far, and answers all further ones.
    pub fn reset(&self) {
        self.fail(|_, _, _| Fault::None);
    }

    /// Treats the request with this number, from 0 on, in another way.
    pub fn fail_at(&self, at: usize, fault: Fault) {
        self.fail(move |number, _, _| if number == at { fault } else { Fault::None });
    }

    /// Treats requests in another way by their method and path.
    pub fn fail_where(
        &self,
        fault: Fault,
        mut is_treated: impl FnMut(&str, &str) -> bool + Send + 'static,
    ) {
        self.fail(move |_, method, path| match is_treated(method, path) {
            true => fault,
            false => Fault::None,
        });
    }

    /// Listens again after a [`Fault::Death`], at another address, with the same state.
    pub fn restart(&self) -> Self {
        self.with(|state| (state.is_silent, state.is_dead) = (false, false));
        self.reset();
        Self::listen(self.state.clone(), self.world.clone())
    }

    fn listen(state: Arc<Mutex<State>>, world: Sender<Job>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, state, world };
        let accepting = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, server) = (stream.unwrap(), accepting.clone());
                if server.with(|state| state.is_dead) {
                    return;
                }
                thread::spawn(move || server.serve(stream));
            }
        });
        server
    }

    pub fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a function in the world behind the socket.
    pub fn within<R: Send + 'static>(&self, act: impl FnOnce(&World) -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        self.world.send(Box::new(move |world| drop(sender.send(act(world))))).unwrap();
        receiver.recv().unwrap()
    }

    /// Faults see the number of the request from now on, its method and its path.
    pub fn fail(&self, faults: impl FnMut(usize, &str, &str) -> Fault + Send + 'static) {
        self.with(|state| {
            state.faults = Box::new(faults);
            state.requests.clear();
        });
        self.within(|world| drop(world.log.take()));
    }

    /// Makes a call that is not counted.
    pub fn admin(&self, method: &str, path: &str, body: Value) -> Response {
        let call = Call {
            method: method.to_owned(),
            host: BASE.to_owned(),
            path: format!("/.selvedge/v1{path}"),
            lines: vec![("authorization".into(), format!("Bearer {ROOT_TOKEN}"))],
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        };
        self.answer(call, Fault::None)
    }

    pub fn keys(&self, prefix: &'static str) -> Vec<String> {
        self.within(move |world| world.keys(prefix))
    }

    /// Returns the number of blobs received since the last call to [`Self::fail`].
    pub fn received(&self) -> usize {
        self.within(|world| world.log.borrow().iter().filter(|at| at.op == Op::Upload).count())
    }

    /// Returns the deployment and the sequence number of a stage.
    pub fn live(&self, site: &str, stage: &str) -> Option<(String, u64)> {
        let found = self.admin("GET", &format!("/sites/{site}/stages/{stage}"), Value::Null);
        (found.status == 200).then(|| {
            let live = found.json();
            (live["deployment"].as_str().unwrap().to_owned(), live["seq"].as_u64().unwrap())
        })
    }

    /// Returns the manifest that production serves.
    pub fn manifest(&self, site: &str) -> Manifest {
        let (id, _) = self.live(site, "production").unwrap();
        let root = self.admin("GET", &format!("/sites/{site}/deployments/{id}"), Value::Null);
        Manifest::parse(&root.body).unwrap()
    }

    pub fn asset(&self, site: &str, path: &str) -> Option<Asset> {
        match self.manifest(site).shard_of(path)? {
            ShardPlace::Inline(shard) => shard.lookup(path),
            ShardPlace::Blob(hash) => Shard::parse(self.blob(site, &hash)).unwrap().lookup(path),
        }
    }

    /// Returns the bytes served at a path in a coding.
    pub fn bytes(&self, site: &str, path: &str, coding: &str) -> Option<Vec<u8>> {
        let asset = self.asset(site, path)?;
        let found = asset.representations().iter().find(|r| r.coding.token() == coding)?;
        let bytes = self.blob(site, &found.hash);
        assert_eq!((bytes.len() as u64, ContentHash::of(&bytes)), (found.length, found.hash));
        Some(bytes)
    }

    fn blob(&self, site: &str, hash: &ContentHash) -> Vec<u8> {
        self.admin("GET", &format!("/sites/{site}/blobs/{hash}"), Value::Null).body
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        while let Some(call) = read_call(&mut reader) {
            let (fault, is_silent) = self.with(|state| {
                let number = state.requests.len();
                state.requests.push(format!("{} {}", call.method, call.path));
                let fault = (state.faults)(number, &call.method, &call.path);
                state.is_silent |= fault == Fault::Silence;
                state.is_dead |= fault == Fault::Death;
                (fault, state.is_silent)
            });
            if is_silent {
                // The thread ends with the process.
                loop {
                    thread::park();
                }
            }
            let answer = match fault {
                Fault::Refused(code) => error(503, code),
                Fault::Status(status) => error(status, "unavailable"),
                Fault::LostRequest => return,
                Fault::Death => {
                    // Lets the listener see it.
                    let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
                    return;
                }
                _ => self.answer(call, fault),
            };
            if fault == Fault::LostAnswer || send(&mut writer, &answer).is_err() {
                return;
            }
        }
    }

    fn answer(&self, call: Call, fault: Fault) -> Response {
        let Call { method, host, path, lines, body } = call;
        let (target, sent) = (path.clone(), body.clone());
        let mut response = self.within(move |world| {
            match fault {
                Fault::LostRace => {
                    let winner = Folder::new(&[("/index.html", "winner")]);
                    publish(world, "www", "production", &winner);
                }
                Fault::Stuck => {
                    world.trouble(Op::Write, "live/", Trouble::Before(StoreFault::Failed))
                }
                _ => {}
            }
            let call = Isolate::new(world).ask(&method, &format!("https://{host}{target}"));
            let call = lines.iter().fold(call, |call, (name, value)| call.header(name, value));
            let mut response = call.body(&body).send();
            world.heal();
            // Nobody waits for a deletion: the clock moves instead.
            let mut answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
            if let Some(secs) = answer["wait_secs"].as_u64() {
                world.pass_ms(secs * 1_000);
                answer["wait_secs"] = json!(0);
                response = json_response(200, &answer);
            }
            response
        });
        self.with(|state| match path.split_once("/collections/public/") {
            Some((_, call)) if response.status < 300 => state.note_copies(call, &sent, &response),
            None if path == "/.selvedge/v1" => response = state.limited(&response.json()),
            _ => {}
        });
        response
    }
}

impl State {
    fn note_copies(&mut self, call: &str, sent: &[u8], response: &Response) {
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let is_invalidated = answer["invalidated"].as_bool();
        if let Some(object) = call.strip_prefix("objects/") {
            let name = object.split('?').next().unwrap();
            assert_eq!(ObjectName::parse(name).unwrap().as_str(), name, "names are canonical");
            if is_invalidated == Some(false) {
                self.left.insert(name.to_owned());
            }
        } else if is_invalidated == Some(true) {
            let sent: Value = serde_json::from_slice(sent).unwrap();
            let names = sent["names"].as_array();
            self.invalidations.push(names.map(Vec::len));
            let is_named = |left: &String| names.is_none_or(|names| names.contains(&json!(left)));
            self.left.retain(|left| !is_named(left));
        }
    }

    /// Returns the description of the server, with its own limits.
    fn limited(&self, server: &Value) -> Response {
        let mut server = server.clone();
        server["limits"]["blob_bytes_max"] = json!(self.blob_bytes_max);
        server["limits"]["batch_bytes_max"] = json!(self.batch_bytes_max);
        json_response(200, &server)
    }
}

fn error(status: u16, code: &str) -> Response {
    let error = json!({ "code": code, "message": "try later", "hint": "a hint" });
    let mut response = json_response(status, &json!({ "error": error }));
    response.headers.push(("retry-after".into(), "2".into()));
    response
}

fn json_response(status: u16, body: &Value) -> Response {
    let body = body.to_string().into_bytes();
    let headers = vec![("content-length".into(), body.len().to_string())];
    Response { status, headers, body, is_cut: false }
}

fn send(writer: &mut TcpStream, response: &Response) -> std::io::Result<()> {
    let mut bytes = format!("HTTP/1.1 {} X\r\n", response.status).into_bytes();
    for (name, value) in &response.headers {
        write!(bytes, "{name}: {value}\r\n")?;
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&response.body);
    writer.write_all(&bytes)
}

fn read_call(reader: &mut impl BufRead) -> Option<Call> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut parts = line.split(' ').map(str::to_owned);
    let (method, path) = (parts.next()?, parts.next()?);
    let (mut host, mut length, mut lines) = (BASE.to_owned(), 0, Vec::<(String, String)>::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let name = name.to_ascii_lowercase();
        assert!(name != "transfer-encoding", "every length is known");
        assert!(lines.iter().all(|(known, _)| *known != name), "{name} twice");
        match name.as_str() {
            "content-length" => length = value.parse().ok()?,
            // Commands send calls to the socket's own.
            "host" if value.ends_with(BASE) => host = value.to_owned(),
            "host" => {}
            _ => lines.push((name, value.to_owned())),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Call { method, host, path, lines, body })
}

//! An in-memory server of the admin API that fails on request.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use selvedge::site::deployment::asset::Asset;
use selvedge::site::deployment::manifest::{Manifest, ShardPlace};
use selvedge::site::deployment::shard::Shard;
use selvedge::site::ids::{ContentHash, DeploymentId};
use serde_json::{Value, json};

use super::stored::{Lines, Objects};

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
    /// The request takes effect after another publish activated [`WINNER`] on production.
    LostRace,
}

pub const WINNER: &str = "dwwwwwwwwwwwwwwwwwwwwwwwww";

type Faults = Box<dyn FnMut(usize, &str, &str) -> Fault + Send>;

#[derive(Default)]
pub struct Site {
    /// Objects of the collection `public`.
    pub objects: Objects,
    pub blobs: BTreeMap<ContentHash, Vec<u8>>,
    pub roots: BTreeMap<String, Vec<u8>>,
    pub stages: BTreeMap<String, (String, u64)>,
    pub keys: Vec<Value>,
    pub takedowns: Vec<String>,
    /// Calls left until the site is deleted; `None` unless a deletion has begun.
    pub deletion: Option<u64>,
}

pub struct State {
    pub sites: BTreeMap<String, Site>,
    /// Method and path of every request.
    pub requests: Vec<String>,
    /// Hashes of blobs received, in order.
    pub received: Vec<ContentHash>,
    pub blob_bytes_max: u64,
    pub batch_bytes_max: u64,
    pub is_silent: bool,
    pub is_dead: bool,
    faults: Faults,
}

#[derive(Clone)]
pub struct Server {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub fn start() -> Self {
        Self::listen(Arc::new(Mutex::new(State {
            sites: BTreeMap::new(),
            requests: Vec::new(),
            received: Vec::new(),
            blob_bytes_max: 1 << 20,
            batch_bytes_max: 8 << 20,
            is_silent: false,
            is_dead: false,
            faults: Box::new(|_, _, _| Fault::None),
        })))
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
        Self::listen(self.state.clone())
    }

    fn listen(state: Arc<Mutex<State>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, state };
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

    /// Faults see the number of the request from now on, its method and its path.
    pub fn fail(&self, faults: impl FnMut(usize, &str, &str) -> Fault + Send + 'static) {
        self.with(|state| {
            state.faults = Box::new(faults);
            state.requests.clear();
            state.received.clear();
        });
    }

    pub fn live(&self, site: &str, stage: &str) -> Option<(String, u64)> {
        self.with(|state| state.sites.get(site)?.stages.get(stage).cloned())
    }

    /// Returns the manifest that production serves.
    pub fn manifest(&self, site: &str) -> Manifest {
        self.with(|state| {
            let site = &state.sites[site];
            let (id, _) = &site.stages["production"];
            Manifest::parse(&site.roots[id]).unwrap()
        })
    }

    pub fn asset(&self, site: &str, path: &str) -> Option<Asset> {
        let manifest = self.manifest(site);
        self.with(|state| match manifest.shard_of(path)? {
            ShardPlace::Inline(shard) => shard.lookup(path),
            ShardPlace::Blob(hash) => {
                let bytes = state.sites[site].blobs[&hash].clone();
                Shard::parse(bytes).unwrap().lookup(path)
            }
        })
    }

    /// Returns the bytes served at a path in a coding; every blob is checked.
    pub fn bytes(&self, site: &str, path: &str, coding: &str) -> Option<Vec<u8>> {
        let asset = self.asset(site, path)?;
        self.with(|state| {
            let site = &state.sites[site];
            let found = asset.representations().iter().find(|r| r.coding.token() == coding)?;
            let bytes = site.blobs[&found.hash].clone();
            assert_eq!((bytes.len() as u64, ContentHash::of(&bytes)), (found.length, found.hash));
            Some(bytes)
        })
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        while let Some((method, path, lines, body)) = read_request(&mut reader) {
            let answer = self.with(|state| {
                let number = state.requests.len();
                state.requests.push(format!("{method} {path}"));
                match (state.faults)(number, &method, &path) {
                    Fault::None => Some(state.answer(&method, &path, &lines, &body)),
                    Fault::Refused(code) => Some((503, error(code, "try later"))),
                    Fault::Status(status) => Some((status, error("unavailable", "try later"))),
                    Fault::LostRequest => None,
                    Fault::Silence => {
                        state.is_silent = true;
                        None
                    }
                    Fault::Death => {
                        state.is_dead = true;
                        None
                    }
                    Fault::LostRace => {
                        let stages = &mut state.sites.get_mut("www").unwrap().stages;
                        let seq = stages.get("production").map_or(0, |(_, seq)| *seq);
                        stages.insert("production".into(), (WINNER.into(), seq + 1));
                        Some(state.answer(&method, &path, &lines, &body))
                    }
                    Fault::LostAnswer => {
                        state.answer(&method, &path, &lines, &body);
                        None
                    }
                }
            });
            let (is_silent, is_dead) = self.with(|state| (state.is_silent, state.is_dead));
            if is_silent {
                // The thread ends with the process.
                loop {
                    thread::park();
                }
            }
            if is_dead {
                // Lets the listener see it.
                let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
                return;
            }
            let Some((status, body)) = answer else { return };
            let head = format!(
                "HTTP/1.1 {status} X\r\nRetry-After: 2\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let body = if method == "HEAD" { Vec::new() } else { body };
            if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body)).is_err() {
                return;
            }
        }
    }
}

impl State {
    fn answer(&mut self, method: &str, path: &str, lines: &Lines, body: &[u8]) -> (u16, Vec<u8>) {
        let path = path.strip_prefix("/.selvedge/v1").unwrap();
        if path == "/sites/www/collections/public/invalidate" {
            let site = self.sites.entry("www".to_owned()).or_default();
            return site.objects.invalidate(body);
        }
        if let Some(target) = path.strip_prefix("/sites/www/collections/public/objects") {
            let site = self.sites.entry("www".to_owned()).or_default();
            return site.objects.answer(method, target, lines, body);
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let not_found = || (404, error("not-found", "there is no such thing"));
        match (method, segments.as_slice()) {
            ("GET", []) => ok(&json!({
                "version": "0.1.0", "store": "r2", "live_bound_secs": 30,
                "allowed_origins": ["https://api.test"], "limits": {
                    "blob_bytes_max": self.blob_bytes_max, "batch_bytes_max": self.batch_bytes_max,
                    "batch_blobs_max": 256, "missing_hashes_max": 10_000, "paths_max": 1_000_000}
            })),
            ("GET", ["sites"]) => ok(&json!({"sites": self.sites.keys().collect::<Vec<_>>()})),
            ("PUT", ["sites", name]) => {
                self.sites.entry((*name).to_owned()).or_default();
                ok(&json!({ "site": name }))
            }
            ("DELETE", ["sites", name]) => self.delete_site(name, query),
            (_, ["sites", name, "takedowns"]) => {
                let Some(site) = self.sites.get_mut(*name) else { return not_found() };
                site.takedowns(method, query, &value).unwrap_or_else(not_found)
            }
            (_, ["sites", name, rest @ ..]) => {
                let Some(site) = self.sites.get_mut(*name) else {
                    return (404, error("not-found", "there is no such site"));
                };
                let answer = site.answer(method, rest, body, &value, &mut self.received);
                answer.unwrap_or_else(not_found)
            }
            _ => not_found(),
        }
    }
}

impl State {
    /// Deletes a site in three calls: a batch, a wait, and the end.
    fn delete_site(&mut self, name: &str, query: &str) -> (u16, Vec<u8>) {
        let Some(site) = self.sites.get_mut(name) else {
            return (404, error("not-found", "there is no such site"));
        };
        if name == "default" && query != "allow_default=true" && site.deletion.is_none() {
            return (409, error("default-site", "this is the DEFAULT_SITE"));
        }
        let left = site.deletion.map_or(2, |left| left - 1);
        site.deletion = Some(left);
        if left == 0 {
            self.sites.remove(name);
        }
        let phase = ["site", "waiting", "blobs"][left as usize];
        let deleted = [1, 0, 1_000][left as usize];
        ok(&json!({"site": name, "done": left == 0, "phase": phase, "deleted": deleted,
            "wait_secs": 0, "effective_within_secs": 30}))
    }
}

impl Site {
    fn takedowns(&mut self, method: &str, query: &str, value: &Value) -> Option<(u16, Vec<u8>)> {
        let path = match method {
            "DELETE" => selvedge::wire::query::value(query, "path").unwrap(),
            _ => value["path"].as_str().unwrap_or_default().to_owned(),
        };
        let known = self.takedowns.iter().position(|known| *known == path);
        match method {
            "GET" => {
                let view = |path: &String| json!({"path": path, "at_ms": 0, "by": "someone"});
                let views: Vec<_> = self.takedowns.iter().map(view).collect();
                Some(ok(&json!({ "takedowns": views })))
            }
            "POST" => {
                if known.is_none() {
                    self.takedowns.push(path.clone());
                }
                let live_on = if path == "/index.html" { vec!["production"] } else { vec![] };
                let unchecked = if path == "/large/*" { vec!["staging"] } else { vec![] };
                Some(ok(&json!({"path": path, "at_ms": 0, "by": "someone",
                    "changed": known.is_none(), "effective_within_secs": 30,
                    "live_on": live_on, "unchecked": unchecked})))
            }
            _ => {
                self.takedowns.remove(known?);
                Some(ok(&json!({"path": path, "undone": true, "effective_within_secs": 30})))
            }
        }
    }

    fn answer(
        &mut self,
        method: &str,
        rest: &[&str],
        body: &[u8],
        value: &Value,
        received: &mut Vec<ContentHash>,
    ) -> Option<(u16, Vec<u8>)> {
        match (method, rest) {
            ("GET", []) => Some(ok(&json!({"site": "x"}))),
            ("POST", ["blobs", "missing"]) => {
                let prefix = value["prefix"].as_str().unwrap();
                let asked = value["hashes"].as_array().unwrap().iter().map(|h| h.as_str().unwrap());
                let asked: BTreeSet<_> = asked.map(|h| ContentHash::parse(h).unwrap()).collect();
                assert!(asked.iter().all(|hash| hash.hex().starts_with(prefix)));
                let missing = asked.iter().filter(|hash| !self.blobs.contains_key(hash));
                Some(ok(&json!({"missing": missing.collect::<Vec<_>>()})))
            }
            ("POST", ["blobs"]) => {
                let mut rest = body;
                let mut stored = 0;
                while let Some((hash, tail)) = rest.split_first_chunk::<32>() {
                    let (length, tail) = tail.split_first_chunk::<4>().unwrap();
                    let (blob, tail) = tail.split_at(u32::from_le_bytes(*length) as usize);
                    assert_eq!(ContentHash::of(blob).0, *hash);
                    self.blobs.insert(ContentHash(*hash), blob.to_vec());
                    received.push(ContentHash(*hash));
                    (rest, stored) = (tail, stored + 1);
                }
                Some(ok(&json!({ "stored": stored })))
            }
            ("PUT", ["blobs", hash]) => {
                let hash = ContentHash::parse(hash).unwrap();
                if ContentHash::of(body) != hash {
                    return Some((422, error("hash-mismatch", "not these bytes")));
                }
                self.blobs.insert(hash, body.to_vec());
                received.push(hash);
                Some(ok(&json!({})))
            }
            ("GET", ["blobs", hash]) => {
                Some((200, self.blobs.get(&ContentHash::parse(hash).unwrap())?.clone()))
            }
            ("PUT", ["deployments", id]) => {
                assert_eq!(DeploymentId::of_root(body).as_str(), *id);
                let manifest = Manifest::parse(body).unwrap();
                assert!(manifest.head().shards.iter().all(|hash| self.blobs.contains_key(hash)));
                self.roots.insert((*id).to_owned(), body.to_vec());
                Some(ok(&json!({"deployment": id, "url": format!("http://{id}--x/"),
                    "takedowns": self.takedowns})))
            }
            ("GET", ["deployments", id]) => Some((200, self.roots.get(*id)?.clone())),
            ("DELETE", ["deployments", id]) => {
                let live_on: Vec<_> =
                    self.stages.iter().filter(|(_, (live, _))| live == id).collect();
                if let [(stage, _), ..] = live_on.as_slice() {
                    let message = format!("the deployment is live on {stage}");
                    return Some((409, error("still-live", &message)));
                }
                self.roots.remove(*id)?;
                Some(ok(&json!({"deployment": id, "forgotten": true,
                    "effective_within_secs": 30})))
            }
            ("GET", ["deployments"]) => {
                let stages = self.stages.keys().map(|stage| (stage.clone(), self.live(stage)));
                Some(ok(&json!({"stages": stages.collect::<BTreeMap<_, _>>()})))
            }
            ("GET", ["stages", stage]) => {
                self.stages.contains_key(*stage).then(|| ok(&self.live(stage)))
            }
            ("POST", ["purge"]) => {
                let (_, seq) = self.stages.get_mut(value["stage"].as_str()?)?;
                *seq += 1;
                let scope = match value["all"].as_bool() {
                    Some(true) => json!("all"),
                    _ => {
                        let mut scope = value.clone();
                        scope.as_object_mut()?.remove("stage");
                        scope
                    }
                };
                Some(ok(&json!({
                    "stage": value["stage"], "seq": *seq, "at_ms": 1_700_000_000_000_u64,
                    "scope": scope, "effective_within_secs": 30})))
            }
            ("GET", ["keys"]) => Some(ok(&json!({"keys": self.keys}))),
            ("POST", ["keys"]) => {
                let id = format!("id{}", self.keys.len());
                let key = json!({"id": id, "name": value["name"], "created_ms": 0,
                    "expires_ms": value["expires_secs"]});
                self.keys.push(key.clone());
                let mut shown = key;
                shown["key"] = json!(format!("slk_www_{id}_secret"));
                Some(ok(&shown))
            }
            ("DELETE", ["keys", id]) => {
                let before = self.keys.len();
                self.keys.retain(|key| key["id"] != *id);
                (self.keys.len() < before).then(|| ok(&json!({"revoked": true})))
            }
            ("POST", ["stages", stage, "activate"]) => Some(self.activate(stage, value)),
            _ => None,
        }
    }

    fn live(&self, stage: &str) -> Value {
        let (deployment, seq) = &self.stages[stage];
        json!({"stage": stage, "kind": "permanent", "deployment": deployment, "seq": seq,
               "activated_ms": 1_700_000_000_000_u64, "by": "someone", "retained": []})
    }

    fn activate(&mut self, stage: &str, value: &Value) -> (u16, Vec<u8>) {
        let wanted = value["deployment"].as_str().unwrap().to_owned();
        assert!(self.roots.contains_key(&wanted), "activated before it was committed");
        let current = self.stages.get(stage).cloned();
        let seq = current.as_ref().map_or(0, |(_, seq)| *seq);
        let changed = current.as_ref().is_none_or(|(deployment, _)| *deployment != wanted);
        if changed && value["expected_seq"].as_u64().is_some_and(|expected| expected != seq) {
            let mut lost: Value = serde_json::from_slice(&error("lost-race", "too late")).unwrap();
            lost["error"]["winner"] = self.live(stage);
            return (409, lost.to_string().into_bytes());
        }
        if changed {
            self.stages.insert(stage.to_owned(), (wanted, seq + 1));
        }
        let mut answer = self.live(stage);
        answer["changed"] = json!(changed);
        answer["effective_within_secs"] = json!(30);
        answer["url"] = json!("http://x/");
        ok(&answer)
    }
}

pub fn ok(value: &Value) -> (u16, Vec<u8>) {
    (200, value.to_string().into_bytes())
}

pub fn error(code: &str, message: &str) -> Vec<u8> {
    json!({"error": {"code": code, "message": message, "hint": "a hint"}}).to_string().into_bytes()
}

fn read_request(reader: &mut impl BufRead) -> Option<(String, String, Lines, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut parts = line.split(' ').map(str::to_owned);
    let (method, path) = (parts.next()?, parts.next()?);
    let (mut length, mut lines) = (0, Lines::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            length = value.parse().ok()?;
        }
        assert!(name != "transfer-encoding", "every length is known");
        assert!(!lines.contains_key(&name), "{name} twice");
        lines.insert(name, value.to_owned());
    }
    assert!(lines["authorization"].starts_with("Bearer "));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((method, path, lines, body))
}

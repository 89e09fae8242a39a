//! A simulated world: one store, data centres with an edge tier each, isolates with memory.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use selvedge::ports::settings::Settings;
use selvedge::ports::{Fault, UpstreamRequest};
use selvedge::wire::time::{DeltaSeconds, UnixMillis};
use serde::Deserialize;

use super::media::Manner;
use super::ports::{EdgeTier, StoredEntry};
use super::upstream::{Answer, Answers};

pub type Bytes = Rc<Vec<u8>>;
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// When every world begins: 2 January 2026, 03:04:05.
pub const START_MS: u64 = 1_767_323_045_000;
/// The root token of every world.
pub const ROOT_TOKEN: &str = "root-token-of-the-tests";

/// An operation on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    Read,
    Write,
    Delete,
    List,
    Open,
    Hold,
    Upload,
    EdgeLookup,
    EdgePut,
    StoredFind,
    StoredKeep,
    Fetch,
    Limit,
    Render,
}

impl Op {
    /// Whether it is not on the store.
    pub fn is_edge(self) -> bool {
        use Op::{EdgeLookup, EdgePut, Fetch, Limit, Render, StoredFind, StoredKeep};
        matches!(self, EdgeLookup | EdgePut | StoredFind | StoredKeep | Fetch | Limit | Render)
    }
}

/// A fault that is scripted for operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Fails without an effect.
    Before(Fault),
    /// Takes effect, then fails.
    After(Fault),
    /// Never answers, without an effect.
    Hang,
    /// Takes effect, then never answers.
    HangAfter,
    /// Takes so many milliseconds.
    Slow(u64),
    /// Finds nothing.
    Null,
    /// Finds the value of so many writes ago.
    Older(usize),
    /// Finds half of the value.
    Truncated,
    /// Finds other bytes of the same length.
    Garbage,
}

/// The operations that meet a fault: after `skip` of them, `times` at most, at random in `percent`.
pub struct Script {
    pub op: Option<Op>,
    pub key_prefix: &'static str,
    pub skip: usize,
    pub times: usize,
    pub percent: u64,
    pub trouble: Trouble,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EdgeTemper {
    #[default]
    Keeps,
    AlwaysEmpty,
    /// A percentage of lookups evict the entry.
    Vanishing(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    pub op: Op,
    pub key: String,
    pub isolate: usize,
}

/// A data centre: its edge tier.
pub type Colo = Rc<RefCell<EdgeTier>>;

#[derive(Default)]
pub struct State {
    pub now_ms: Cell<u64>,
    pub timers: RefCell<Vec<UnixMillis>>,
    pub behind: RefCell<VecDeque<Task>>,
    pub scripts: RefCell<Vec<Script>>,
    pub log: RefCell<Vec<Logged>>,
    pub temper: Cell<EdgeTemper>,
    /// Number of isolates so far.
    pub isolates: Cell<usize>,
    /// The binding that the worker does not have.
    pub missing: Cell<Option<&'static str>>,
    /// The limit per minute of the runtime's rate limiters, if it has them.
    pub limit_per_minute: Cell<Option<u32>>,
    /// How the media worker answers.
    pub manner: RefCell<Manner>,
    pub fetched: RefCell<Vec<UpstreamRequest>>,
    /// Number of bodies of objects that the store sent.
    pub bodies: Cell<usize>,
    store: RefCell<BTreeMap<String, Vec<Bytes>>>,
    tickets: Cell<Option<usize>>,
    seed: Cell<u64>,
    limited: RefCell<BTreeMap<(String, u64), u32>>,
    upstream: RefCell<Option<Answers>>,
}

/// The store, the clock, the network and random numbers; isolates share it.
#[derive(Clone)]
pub struct World {
    pub settings: Rc<Settings>,
    state: Rc<State>,
}

impl Deref for World {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl World {
    /// A world on R2 with nothing in it, at `cdn.test`.
    pub fn new() -> Self {
        Self::with_vars(&[])
    }

    pub fn with_vars(vars: &[(&str, &str)]) -> Self {
        let settings = Settings::from_vars(|name| {
            let own = vars.iter().find(|(known, _)| *known == name);
            match (own, name) {
                (Some((_, value)), _) => Some((*value).to_owned()),
                (None, "BASE_DOMAIN") => Some("cdn.test".to_owned()),
                (None, "DEFAULT_SITE") => Some("www".to_owned()),
                (None, "ADMIN_TOKEN") => Some(ROOT_TOKEN.to_owned()),
                // Both schemes are asked for; what the default is has cases of its own.
                (None, "HTTPS_ONLY") => Some("false".to_owned()),
                _ => None,
            }
        });
        assert!(settings.invalid.is_empty(), "{:?}", settings.invalid);
        let (now_ms, seed) = (Cell::new(START_MS), Cell::new(0x9e37_79b9_7f4a_7c15));
        let state = State { now_ms, seed, ..State::default() };
        Self { settings: Rc::new(settings), state: Rc::new(state) }
    }

    /// Whether the runtime's limiter lets a request pass; `None` without a limiter.
    pub fn limit(&self, key: &str) -> Option<bool> {
        let limit = self.limit_per_minute.get()?;
        let minute = self.now().seconds().0 / 60;
        let mut limited = self.limited.borrow_mut();
        let count = limited.entry((key.to_owned(), minute)).or_default();
        *count += 1;
        Some(*count <= limit)
    }

    // Time.

    pub fn now(&self) -> UnixMillis {
        UnixMillis(self.now_ms.get())
    }

    pub fn pass_ms(&self, ms: u64) {
        self.now_ms.set(self.now_ms.get() + ms);
    }

    pub async fn wait(&self, ms: u64) {
        let until = self.now().plus(ms);
        poll_fn(|_| {
            if self.now() >= until {
                return Poll::Ready(());
            }
            self.timers.borrow_mut().push(until);
            Poll::Pending
        })
        .await;
    }

    // Chance.

    pub fn set_seed(&self, seed: u64) {
        self.seed.set(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
    }

    pub fn chance(&self) -> u64 {
        let mut x = self.seed.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.seed.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    fn happens(&self, percent: u64) -> bool {
        percent >= 100 || self.chance() % 100 < percent
    }

    // Trouble.

    /// Scripts a fault for all operations of a kind.
    pub fn trouble(&self, op: impl Into<Option<Op>>, key_prefix: &'static str, trouble: Trouble) {
        let (op, skip, times, percent) = (op.into(), 0, usize::MAX, 100);
        let script = Script { op, key_prefix, skip, times, percent, trouble };
        self.scripts.borrow_mut().push(script);
    }

    pub fn heal(&self) {
        self.scripts.borrow_mut().clear();
    }

    /// Logs an operation, and returns the fault that is scripted for it.
    pub fn note(&self, op: Op, key: &str, isolate: usize) -> Option<Trouble> {
        self.log.borrow_mut().push(Logged { op, key: key.to_owned(), isolate });
        for script in self.scripts.borrow_mut().iter_mut() {
            let matches = script.op.is_none_or(|wanted| wanted == op)
                && key.starts_with(script.key_prefix)
                && !(script.op.is_none() && op.is_edge());
            if !matches || script.times == 0 || !self.happens(script.percent) {
                continue;
            }
            if script.skip > 0 {
                script.skip -= 1;
                continue;
            }
            script.times -= 1;
            return Some(script.trouble);
        }
        None
    }

    // The store.

    pub fn history(&self, key: &str) -> Vec<Bytes> {
        self.store.borrow().get(key).cloned().unwrap_or_default()
    }

    pub fn store(&self, key: &str, bytes: &[u8]) {
        let mut store = self.store.borrow_mut();
        store.entry(key.to_owned()).or_default().push(Rc::new(bytes.to_vec()));
    }

    pub fn remove(&self, key: &str) {
        self.store.borrow_mut().remove(key);
    }

    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let store = self.store.borrow();
        store.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    /// The latest value of each key.
    pub fn snapshot(&self) -> BTreeMap<String, Bytes> {
        let store = self.store.borrow();
        store.iter().filter_map(|(k, v)| Some((k.clone(), v.last()?.clone()))).collect()
    }

    pub fn restore(&self, snapshot: &BTreeMap<String, Bytes>) {
        *self.store.borrow_mut() =
            snapshot.iter().map(|(k, v)| (k.clone(), vec![v.clone()])).collect();
    }

    // The edge tier.

    pub fn edge_lookup(&self, colo: &Colo, key: &str) -> Option<StoredEntry> {
        match self.temper.get() {
            EdgeTemper::AlwaysEmpty => return None,
            EdgeTemper::Vanishing(percent) if self.happens(percent) => {
                colo.borrow_mut().remove(key);
            }
            EdgeTemper::Vanishing(_) | EdgeTemper::Keeps => {}
        }
        let tier = colo.borrow();
        tier.get(key).filter(|entry| self.now() < entry.until).cloned()
    }

    pub fn edge_store(&self, colo: &Colo, key: &str, head: &str, bytes: Bytes, ttl: DeltaSeconds) {
        let entry =
            StoredEntry { head: head.to_owned(), bytes, until: self.now().plus(ttl.millis()) };
        colo.borrow_mut().insert(key.to_owned(), entry);
    }

    // Upstreams.

    pub fn on_fetch(&self, answers: impl Fn(&UpstreamRequest, &World) -> Answer + 'static) {
        *self.upstream.borrow_mut() = Some(Rc::new(answers));
    }

    /// Logs a request to an upstream, and returns its answer.
    pub fn answer(&self, request: &UpstreamRequest) -> Option<Answer> {
        self.fetched.borrow_mut().push(request.clone());
        let answers = self.upstream.borrow().clone()?;
        Some(answers(request, self))
    }

    pub fn fetches(&self) -> usize {
        self.fetched.borrow().len()
    }

    // Tasks.

    /// Runs the tasks behind responses; one that never ends is dropped.
    pub fn settle(&self) {
        loop {
            let Some(task) = self.behind.borrow_mut().pop_front() else { return };
            self.run(task);
        }
    }

    /// Drops the tasks behind responses, and returns their number.
    pub fn cut_behind(&self) -> usize {
        self.behind.take().len()
    }

    /// Runs a future, moving the clock while all tasks sleep; `None` if it can't end.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = Box::pin(future);
        loop {
            self.timers.borrow_mut().clear();
            if let Poll::Ready(value) = poll(future.as_mut()) {
                return Some(value);
            }
            let next = self.timers.borrow().iter().min().copied()?;
            self.now_ms.set(next.0.max(self.now_ms.get()));
        }
    }

    /// Runs futures and the tasks behind them concurrently; `None` for one that can't end.
    pub fn run_all<T>(&self, futures: Vec<impl Future<Output = T>>) -> Vec<Option<T>> {
        let mut values: Vec<Option<T>> = futures.iter().map(|_| None).collect();
        let mut open: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
        let mut behind = self.behind.take();
        loop {
            self.timers.borrow_mut().clear();
            let mut has_ended = false;
            for (future, value) in open.iter_mut().zip(&mut values) {
                let polled = future.as_mut().map(|future| poll(future.as_mut()));
                if let Some(Poll::Ready(given)) = polled {
                    (*value, *future, has_ended) = (Some(given), None, true);
                }
            }
            has_ended |= !self.behind.borrow().is_empty();
            behind.append(&mut self.behind.take());
            let before = behind.len();
            behind.retain_mut(|task| poll(task.as_mut()).is_pending());
            if has_ended || behind.len() < before {
                continue;
            }
            let next = self.timers.borrow().iter().min().copied();
            match next {
                Some(next) if !(open.iter().all(Option::is_none) && behind.is_empty()) => {
                    self.now_ms.set(next.0.max(self.now_ms.get()));
                }
                _ => return values,
            }
        }
    }

    /// A future that is dropped after a time, as when its client disconnects.
    pub fn abandoned<T>(
        &self,
        ms: u64,
        future: impl Future<Output = T>,
    ) -> impl Future<Output = Option<T>> {
        let (world, until, mut future) = (self.clone(), self.now().plus(ms), Box::pin(future));
        poll_fn(move |cx| {
            if world.now() >= until {
                return Poll::Ready(None);
            }
            world.timers.borrow_mut().push(until);
            future.as_mut().poll(cx).map(Some)
        })
    }

    /// Polls a future, which may start so many operations.
    pub fn step<T>(
        &self,
        future: Pin<&mut (impl Future<Output = T> + ?Sized)>,
        operations: usize,
    ) -> Poll<T> {
        self.tickets.set(Some(operations));
        let polled = poll(future);
        self.tickets.set(None);
        polled
    }

    pub fn take_ticket(&self) -> bool {
        match self.tickets.get() {
            None => true,
            Some(0) => false,
            Some(left) => {
                self.tickets.set(Some(left - 1));
                true
            }
        }
    }
}

fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

//! Ends all calls to a server that has been silent for too long.
//!
//! Timeouts of single calls don't bound a command, because of retries, pauses and parallel calls.
//! The watchdog measures how long the calls of one client waited without a sign of life: a
//! response, bytes of one, or bytes of an upload taken for the first time. Past the limit it shuts
//! the agent down, so that all calls fail at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use ureq::Agent;

use crate::publish::clock;

const POLL: Duration = Duration::from_millis(50);
/// Minimum time to connect for an attempt near the limit.
const LEFT_MIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Watchdog {
    limit: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Number of calls that wait for the server now.
    waiting: usize,
    /// When they began to wait, or when the server was last heard.
    since: Instant,
    /// Silence measured before `since`.
    before: Duration,
    was_heard: bool,
    is_expired: bool,
}

impl State {
    fn silence(&self, now: Instant) -> Duration {
        let current = if self.waiting > 0 { now - self.since } else { Duration::ZERO };
        self.before + current
    }
}

impl Watchdog {
    /// Returns a watchdog that shuts the agent down after `limit` of silence.
    pub fn start(agent: &Agent, limit: Duration) -> Self {
        let state = State {
            waiting: 0,
            since: clock::now(),
            before: Duration::ZERO,
            was_heard: false,
            is_expired: false,
        };
        let state = Arc::new(Mutex::new(state));
        let (watched, agent) = (Arc::downgrade(&state), agent.clone());
        // Without a thread, the timeouts of single calls remain.
        let _ = thread::Builder::new().spawn(move || watch(&watched, limit, agent));
        Self { limit, state }
    }

    /// Runs a function that waits for the server; its time counts as silence.
    pub fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.change(|state, now| {
            if state.waiting == 0 {
                state.since = now;
            }
            state.waiting += 1;
        });
        let result = wait();
        self.change(|state, now| {
            if state.waiting == 1 {
                state.before = state.silence(now);
            }
            state.waiting = state.waiting.saturating_sub(1);
        });
        result
    }

    /// Records a sign of life; one from the server itself if `is_response`.
    pub fn heard(&self, is_response: bool) {
        self.change(|state, now| {
            (state.before, state.since) = (Duration::ZERO, now);
            state.was_heard |= is_response;
        });
    }

    pub fn was_heard(&self) -> bool {
        self.lock().was_heard
    }

    pub fn is_expired(&self) -> bool {
        self.lock().is_expired
    }

    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns how long the server may be silent from now, at least a second.
    pub fn left(&self) -> Duration {
        let silence = self.lock().silence(clock::now());
        self.limit.saturating_sub(silence).max(LEFT_MIN.min(self.limit))
    }

    fn change(&self, change: impl FnOnce(&mut State, Instant)) {
        change(&mut self.lock(), clock::now());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn watch(watched: &Weak<Mutex<State>>, limit: Duration, agent: Agent) {
    loop {
        thread::sleep(POLL);
        let Some(state) = watched.upgrade() else { return };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.silence(clock::now()) >= limit {
            state.is_expired = true;
            drop(state);
            return agent.shutdown();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(100);

    fn silence(watchdog: &Watchdog) -> Duration {
        watchdog.lock().silence(clock::now())
    }

    #[test]
    fn only_waiting_without_a_sign_of_life_counts() {
        let watchdog = Watchdog::start(&Agent::new_with_defaults(), Duration::from_secs(60));
        thread::sleep(STEP);
        assert_eq!(silence(&watchdog), Duration::ZERO, "local work");
        watchdog.waiting(|| thread::sleep(STEP));
        let first = silence(&watchdog);
        assert!(first >= STEP);
        thread::sleep(STEP);
        assert_eq!(silence(&watchdog), first, "local work in between");
        watchdog.waiting(|| thread::sleep(STEP));
        assert!(silence(&watchdog) >= first + STEP, "a second call goes on counting");
        watchdog.waiting(|| {
            watchdog.heard(false);
            assert!(silence(&watchdog) < STEP);
        });
        assert!(!watchdog.was_heard() && !watchdog.is_expired());
        watchdog.heard(true);
        assert!(watchdog.was_heard());
    }

    #[test]
    fn parallel_calls_count_once() {
        let watchdog = Watchdog::start(&Agent::new_with_defaults(), Duration::from_secs(60));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| watchdog.waiting(|| thread::sleep(STEP * 3)));
            }
        });
        assert!((STEP * 3..STEP * 12).contains(&silence(&watchdog)), "{:?}", silence(&watchdog));
    }

    #[test]
    fn the_agent_is_shut_down_past_the_limit() {
        let agent = Agent::new_with_defaults();
        let watchdog = Watchdog::start(&agent, STEP);
        watchdog.waiting(|| thread::sleep(STEP * 5));
        assert!(watchdog.is_expired());
        let error = agent.get("http://127.0.0.1:9/").call().unwrap_err();
        let kind = match error {
            ureq::Error::Io(cause) => Some(cause.kind()),
            _ => None,
        };
        assert_eq!(kind, Some(std::io::ErrorKind::NotConnected));
    }
}

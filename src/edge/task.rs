//! Tasks: futures of ours that wait for promises of the runtime.
//!
//! Not an executor for anything else: a task is polled on the spot, and again whenever a promise or
//! a timer that it waits for settles, so that there is nothing to wake and no queue. The invariant
//! is that a promise settles into the task that asked for it or into nothing: a task that is gone,
//! and an await that was given up, are not there to be found.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use js_sys::{Date, Promise};
use wasm_bindgen::prelude::*;

use crate::edge::sys;

/// What a task gives: a response, or nothing of interest.
type Work = Pin<Box<dyn Future<Output = JsValue>>>;

/// A task that waits.
struct Task {
    id: u32,
    work: Work,
    /// When its timer goes off, in milliseconds since 1970; 0 where none is set.
    timer_ms: f64,
}

/// A promise that is waited for, and what it gave.
struct Slot {
    id: u32,
    outcome: Option<Result<JsValue, JsValue>>,
}

/// The slot of a timer, which has no outcome.
const TIMER: u32 = 0;
/// Most tasks that wait; beyond, those whose request must be long over are dropped.
const TASKS_MAX: usize = 4_096;

thread_local! {
    /// In the order in which they came to wait.
    static TASKS: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
    static SLOTS: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
    static LAST_ID: Cell<u32> = const { Cell::new(TIMER) };
    /// The task that is being polled, and when its timer goes off.
    static CURRENT: Cell<(u32, f64)> = const { Cell::new((0, 0.0)) };
    /// The time of this poll; 0 until somebody asks.
    static NOW_MS: Cell<f64> = const { Cell::new(0.0) };
}

/// What a future gives when it is ready at once, else a promise of it.
pub fn run(work: impl Future<Output = JsValue> + 'static) -> JsValue {
    let mut task = Task { id: next_id(), work: Box::pin(work), timer_ms: 0.0 };
    match poll(&mut task) {
        Poll::Ready(value) if task.timer_ms == 0.0 => value,
        Poll::Ready(value) => {
            sys::finish(task.id, &JsValue::UNDEFINED);
            value
        }
        Poll::Pending => {
            let promise = sys::promised(task.id);
            keep(task);
            promise
        }
    }
}

/// A promise of a future's end; it begins when the current one has come to a stop.
pub fn run_later(work: impl Future<Output = JsValue> + 'static) -> JsValue {
    let task = Task { id: next_id(), work: Box::pin(work), timer_ms: 0.0 };
    let promise = sys::promised(task.id);
    sys::soon(task.id);
    keep(task);
    promise
}

/// Goes on with a task: a promise of its settled, or its timer went off.
#[wasm_bindgen]
pub fn wake(task: u32, slot: u32, is_fulfilled: bool, value: JsValue) {
    if slot != TIMER {
        let outcome = if is_fulfilled { Ok(value) } else { Err(value) };
        let is_wanted = SLOTS.with_borrow_mut(|slots| {
            let slot = slots.iter_mut().find(|waiting| waiting.id == slot);
            slot.map(|slot| slot.outcome = Some(outcome)).is_some()
        });
        if !is_wanted {
            return;
        }
    }
    let found = TASKS.with_borrow_mut(|tasks| {
        let at = tasks.iter().position(|waiting| waiting.id == task)?;
        Some(tasks.remove(at))
    });
    let Some(mut task) = found else { return };
    if slot == TIMER {
        task.timer_ms = 0.0;
    }
    match poll(&mut task) {
        Poll::Ready(value) => sys::finish(task.id, &value),
        Poll::Pending => keep(task),
    }
}

/// What a promise gives in the end.
pub fn settled(promise: &Promise) -> Settled {
    let id = next_id();
    SLOTS.with_borrow_mut(|slots| slots.push(Slot { id, outcome: None }));
    sys::wait(promise, CURRENT.get().0, id);
    Settled(id)
}

/// A promise that is waited for.
pub struct Settled(u32);

impl Future for Settled {
    type Output = Result<JsValue, JsValue>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        SLOTS.with_borrow_mut(|slots| {
            let slot = slots.iter_mut().find(|waiting| waiting.id == self.0);
            match slot.and_then(|slot| slot.outcome.take()) {
                Some(outcome) => Poll::Ready(outcome),
                None => Poll::Pending,
            }
        })
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        SLOTS.with_borrow_mut(|slots| {
            if let Some(at) = slots.iter().position(|waiting| waiting.id == self.0) {
                slots.swap_remove(at);
            }
        });
    }
}

/// The time, the same throughout a poll: the runtime's clock stands still while we compute.
pub fn now_ms() -> f64 {
    if NOW_MS.get() == 0.0 {
        NOW_MS.set(Date::now());
    }
    NOW_MS.get()
}

/// Ready after some milliseconds.
///
/// A task has one timer, for the earliest of all that it waits for: most awaits are over long
/// before their deadline, and the next one finds a timer that is set already.
pub fn sleep(ms: u64) -> impl Future<Output = ()> {
    let until_ms = now_ms() + ms as f64;
    std::future::poll_fn(move |_| {
        let now_ms = now_ms();
        if now_ms >= until_ms {
            return Poll::Ready(());
        }
        let (task, timer_ms) = CURRENT.get();
        if timer_ms == 0.0 || timer_ms > until_ms {
            sys::timer(until_ms - now_ms, task);
            CURRENT.set((task, until_ms));
        }
        Poll::Pending
    })
}

fn poll(task: &mut Task) -> Poll<JsValue> {
    NOW_MS.set(0.0);
    let outer = CURRENT.replace((task.id, task.timer_ms));
    let polled = task.work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    (_, task.timer_ms) = CURRENT.replace(outer);
    polled
}

/// A client that went away takes its promises along, and its task is never woken again: when there
/// are very many, the half that waits the longest, which comes first, is of such.
fn keep(task: Task) {
    let forgotten = TASKS.with_borrow_mut(|tasks| {
        let old = if tasks.len() >= TASKS_MAX { TASKS_MAX / 2 } else { 0 };
        let forgotten: Vec<Task> = tasks.drain(..old).collect();
        tasks.push(task);
        forgotten
    });
    forgotten.iter().for_each(|task| sys::forget(task.id));
    // Dropped out here: what a task holds may look into the tables itself.
    drop(forgotten);
}

fn next_id() -> u32 {
    let id = LAST_ID.get().checked_add(1).unwrap_or(TIMER + 1);
    LAST_ID.set(id);
    id
}

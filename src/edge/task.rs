//! The executor: runs one task for each request, and one for each piece of work behind a response.
//!
//! A task is polled once on the spot, so that a response that is ready needs no promise and no turn
//! of the event loop. A task has a single timer, for the earliest of its deadlines.
//!
//! `JsFuture` makes two closures for each promise and frees them only when the promise settles,
//! which it never does once the client is gone. Promises obtained here go through [`settled`]: it
//! makes none, polls the task on the spot, and forgets a dropped future at once. The futures of
//! `worker` contain `JsFuture` and are woken through the waker.
//!
//! `wasm_bindgen_futures` only ever polls in a microtask. `worker::Delay` keeps the first waker it
//! sees and sets a timer for each delay.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use js_sys::{Date, Promise};
use wasm_bindgen::prelude::*;

use crate::edge::bindings::{fault, global};
use crate::ports::Result;

/// A task's future; its value is a response, or nothing of interest.
type Work = Pin<Box<dyn Future<Output = JsValue>>>;

/// A running timer: when it fires, in milliseconds since 1970, and its handle.
type Timer = Option<(f64, i32)>;

struct Task {
    id: u32,
    work: Work,
    waker: Waker,
    timer: Timer,
}

/// An awaited promise and its outcome.
struct Slot {
    id: u32,
    outcome: Option<Result<JsValue, JsValue>>,
}

struct Id(u32);

impl Wake for Id {
    fn wake(self: Arc<Self>) {
        soon(self.0);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        soon(self.0);
    }
}

/// Maximum number of waiting tasks. Beyond this, those that have waited longest are dropped: their
/// requests must be over.
const TASKS_MAX: usize = 4_096;

#[wasm_bindgen(module = "/src/edge/glue.js")]
extern "C" {
    fn promised(task: u32) -> JsValue;
    fn fulfil(task: u32, value: &JsValue);
    fn forget(task: u32);
    fn soon(task: u32);
    fn wait(promise: &Promise, task: u32, slot: u32);
}

/// The slot of a wake-up without an outcome.
const NO_SLOT: u32 = 0;

thread_local! {
    /// In the order in which they began to wait.
    static TASKS: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
    static SLOTS: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
    static LAST_ID: Cell<u32> = const { Cell::new(NO_SLOT) };
    /// The task that is being polled, and its timer.
    static CURRENT: Cell<(u32, Timer)> = const { Cell::new((0, None)) };
    /// The time of this poll; 0 until it is read.
    static NOW_MS: Cell<f64> = const { Cell::new(0.0) };
    static RING: Closure<dyn Fn(u32)> = Closure::new(ring);
}

/// Returns the output of a future that is ready at once, otherwise a promise of it.
pub fn run(work: impl Future<Output = JsValue> + 'static) -> JsValue {
    let mut task = task(Box::pin(work));
    match polled(&mut task) {
        Poll::Ready(value) => value,
        Poll::Pending => {
            let promise = promised(task.id);
            keep(task);
            promise
        }
    }
}

/// Returns a promise of a future's output. The future starts when the current task has stopped.
pub fn run_later(work: impl Future<Output = JsValue> + 'static) -> JsValue {
    let task = task(Box::pin(work));
    let promise = promised(task.id);
    soon(task.id);
    keep(task);
    promise
}

/// Runs a future beside the current task.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    let mut task = task(Box::pin(async {
        work.await;
        JsValue::UNDEFINED
    }));
    if polled(&mut task).is_pending() {
        keep(task);
    }
}

fn task(work: Work) -> Task {
    let id = next_id();
    Task { id, work, waker: Waker::from(Arc::new(Id(id))), timer: None }
}

fn next_id() -> u32 {
    let id = LAST_ID.get().checked_add(1).unwrap_or(NO_SLOT + 1);
    LAST_ID.set(id);
    id
}

/// Polls a waiting task, after noting the outcome of a promise. Called by glue.js.
#[wasm_bindgen]
pub fn poll(id: u32, slot: u32, is_fulfilled: bool, value: JsValue) {
    if slot != NO_SLOT && !note(slot, if is_fulfilled { Ok(value) } else { Err(value) }) {
        return;
    }
    let found = TASKS.with_borrow_mut(|tasks| {
        let at = tasks.iter().position(|task| task.id == id)?;
        Some(tasks.remove(at))
    });
    let Some(mut task) = found else { return };
    match polled(&mut task) {
        Poll::Ready(value) => fulfil(task.id, &value),
        Poll::Pending => keep(task),
    }
}

/// Stores an outcome for the future that waits for it. Returns whether there still is one.
fn note(slot: u32, outcome: Result<JsValue, JsValue>) -> bool {
    SLOTS.with_borrow_mut(|slots| {
        let slot = slots.iter_mut().find(|waiting| waiting.id == slot);
        slot.map(|slot| slot.outcome = Some(outcome)).is_some()
    })
}

pub fn settled(promise: &Promise) -> Settled {
    let id = next_id();
    SLOTS.with_borrow_mut(|slots| slots.push(Slot { id, outcome: None }));
    wait(promise, CURRENT.get().0, id);
    Settled(id)
}

/// Awaits the promise that a call returned.
pub async fn fulfilled(promise: Result<Promise, JsValue>) -> Result<JsValue> {
    settled(&promise.map_err(fault)?).await.map_err(fault)
}

/// An awaited promise. It belongs to the task that called [`settled`].
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

fn ring(id: u32) {
    TASKS.with_borrow_mut(|tasks| {
        if let Some(task) = tasks.iter_mut().find(|task| task.id == id) {
            task.timer = None;
        }
    });
    soon(id);
}

fn polled(task: &mut Task) -> Poll<JsValue> {
    NOW_MS.set(0.0);
    let outer = CURRENT.replace((task.id, task.timer));
    let polled = task.work.as_mut().poll(&mut Context::from_waker(&task.waker));
    (_, task.timer) = CURRENT.replace(outer);
    if let (Poll::Ready(_), Some((_, handle))) = (&polled, task.timer) {
        global().clear_timeout_with_handle(handle);
    }
    polled
}

/// Keeps a task until it is woken. When its client goes away, a task's promises never settle.
fn keep(task: Task) {
    let forgotten = TASKS.with_borrow_mut(|tasks| {
        let old = if tasks.len() >= TASKS_MAX { TASKS_MAX / 2 } else { 0 };
        let forgotten: Vec<Task> = tasks.drain(..old).collect();
        tasks.push(task);
        forgotten
    });
    forgotten.iter().for_each(|task| forget(task.id));
    // Dropped here, because dropping a future may access the table.
    drop(forgotten);
}

/// Returns the time. It is the same throughout a poll: the runtime's clock stands still meanwhile.
pub fn now_ms() -> f64 {
    if NOW_MS.get() == 0.0 {
        NOW_MS.set(Date::now());
    }
    NOW_MS.get()
}

pub fn sleep(ms: u64) -> impl Future<Output = ()> {
    let until_ms = now_ms() + ms as f64;
    poll_fn(move |_| {
        if now_ms() >= until_ms {
            return Poll::Ready(());
        }
        let (id, timer) = CURRENT.get();
        if timer.is_none_or(|(at_ms, _)| at_ms > until_ms) {
            CURRENT.set((id, set_timer(id, timer, until_ms)));
        }
        Poll::Pending
    })
}

fn set_timer(id: u32, earlier: Timer, until_ms: f64) -> Timer {
    if let Some((_, handle)) = earlier {
        global().clear_timeout_with_handle(handle);
    }
    let handle = RING.with(|ring| {
        global().set_timeout_with_callback_and_timeout_and_arguments_1(
            ring.as_ref().unchecked_ref(),
            (until_ms - now_ms()) as i32,
            &id.into(),
        )
    });
    handle.ok().map(|handle| (until_ms, handle))
}

/// Returns the output of a future, or `None` if it takes longer than `ms`.
pub async fn within<T>(ms: u64, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut deadline = None;
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            let deadline = deadline.get_or_insert_with(|| Box::pin(sleep(ms)));
            deadline.as_mut().poll(cx).map(|()| None)
        }
    })
    .await
}

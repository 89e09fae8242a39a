//! The executor: runs one task for each request, and one for each piece of work behind a response.
//!
//! A task is polled once on the spot, so that a response that is ready needs no promise and no turn
//! of the event loop. Its waker polls it again in a microtask. A task has a single timer, for the
//! earliest of its deadlines.
//!
//! `wasm_bindgen_futures` only ever polls in a microtask. `worker::Delay` keeps the first waker it
//! sees and a timer for each delay, which costs a tenth of a read of the store.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use js_sys::Date;
use wasm_bindgen::prelude::*;

use crate::edge::bindings::global;

/// A task's future; its value is a response, or nothing of interest.
type Work = Pin<Box<dyn Future<Output = JsValue>>>;

/// A running timer: when it fires, in milliseconds since 1970, and its handle.
type Timer = Option<(f64, i32)>;

/// A waiting task.
struct Task {
    id: u32,
    work: Work,
    waker: Waker,
    timer: Timer,
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
}

thread_local! {
    /// In the order in which they began to wait.
    static TASKS: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
    static LAST_ID: Cell<u32> = const { Cell::new(0) };
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
    let id = LAST_ID.get().wrapping_add(1);
    LAST_ID.set(id);
    Task { id, work, waker: Waker::from(Arc::new(Id(id))), timer: None }
}

/// Polls a waiting task. One that is gone was woken twice.
#[wasm_bindgen]
pub fn poll(id: u32) {
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

/// Waits for some milliseconds.
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

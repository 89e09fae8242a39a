//! A timer that may be polled by one task and awaited by another.
//!
//! Timers elsewhere keep the first waker that they are polled with; ours is polled once with an
//! empty one, on the way to finding out whether a promise is needed at all.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wasm_bindgen::prelude::*;

use crate::edge::sys::{clear_timeout, set_timeout};

#[derive(Default)]
struct State {
    is_over: bool,
    waker: Option<Waker>,
}

/// Ready after some milliseconds; the timer is taken back when it is dropped.
pub struct Sleep {
    ms: u64,
    state: Rc<RefCell<State>>,
    timer: Option<(JsValue, Closure<dyn FnMut()>)>,
}

impl Sleep {
    /// A timer that starts when it is first polled.
    pub fn new(ms: u64) -> Self {
        Self { ms, state: Rc::default(), timer: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        {
            let mut state = self.state.borrow_mut();
            if state.is_over {
                return Poll::Ready(());
            }
            state.waker = Some(cx.waker().clone());
        }
        if self.timer.is_none() {
            let state = self.state.clone();
            let callback = Closure::new(move || {
                let waker = {
                    let mut state = state.borrow_mut();
                    state.is_over = true;
                    state.waker.take()
                };
                if let Some(waker) = waker {
                    waker.wake();
                }
            });
            let function = callback.as_ref().unchecked_ref();
            let id = set_timeout(function, self.ms as f64);
            self.timer = Some((id, callback));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((id, _)) = &self.timer {
            clear_timeout(id);
        }
    }
}

//! The rim: the only place that knows a runtime. wasm32 only.
//!
//! Not decisions: they are [`crate::serve`]'s. Here a JavaScript request becomes an
//! [`Ask`](crate::serve::ask::Ask), ports become KV, R2 and the Cache API, and a reply becomes a
//! `Response`. The invariant is that nothing here panics and nothing is copied that only passes.

pub mod runtime;
pub mod respond;
pub mod r2;
pub mod kv;
pub mod cache;
pub mod sleep;
pub mod sys;

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::edge::runtime::Runtime;
use crate::edge::sys::{ExecutionContext, Request};
use crate::serve::memory::Memory;
use crate::serve::pipeline::handle;
use crate::serve::settings::Settings;

/// What an isolate keeps between requests.
struct Isolate {
    settings: Rc<Settings>,
    memory: Rc<Memory<ArrayBuffer>>,
}

thread_local! {
    static ISOLATE: OnceCell<Isolate> = const { OnceCell::new() };
    static HOOKED: Cell<bool> = const { Cell::new(false) };
}

/// The response to a request: a `Response` where nothing was waited for, else a promise of one.
///
/// The future is polled once on the spot. A hit in memory, a 304, a redirect or a 404 is ready
/// then, and spares the runtime a promise and a turn of its loop.
///
/// Not called `fetch`: the generated module has one scope, and loads itself with the global one.
#[wasm_bindgen]
pub fn serve(request: Request, env: JsValue, context: ExecutionContext) -> JsValue {
    if !HOOKED.replace(true) {
        std::panic::set_hook(Box::new(|info| sys::panicked(&info.to_string())));
    }
    let mut answer = Box::pin(answer(request, env, context));
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => response,
        Poll::Pending => promise_of(answer),
    }
}

async fn answer(request: Request, env: JsValue, context: ExecutionContext) -> JsValue {
    let (settings, memory) = ISOLATE.with(|isolate| {
        let isolate = isolate.get_or_init(|| {
            let settings = Rc::new(Settings::from_vars(|name| runtime::var(&env, name)));
            let memory = Rc::new(Memory::new(settings.memory_bytes_max));
            Isolate { settings, memory }
        });
        (isolate.settings.clone(), isolate.memory.clone())
    });
    let text = sys::RequestText::of(&request);
    let runtime = Runtime::new(request, env, context, settings);
    let reply = handle(runtime, memory, text.method(), text.url(), &text).await;
    respond::response(reply)
}

fn promise_of(answer: Pin<Box<impl Future<Output = JsValue> + 'static>>) -> JsValue {
    // The promise polls again at once, with a waker of its own; nothing that was registered with
    // the first, empty one is relied on.
    future_to_promise(async move { Ok(answer.await) }).into()
}

//! The rim: the only place that knows a runtime. wasm32 only.
//!
//! Not decisions: they are [`crate::serve`]'s. Here a JavaScript request becomes an
//! [`Ask`](crate::serve::ask::Ask), ports become KV, R2 and the Cache API, and a reply becomes a
//! `Response`. The invariant is that nothing here panics and nothing is copied that only passes.

pub mod runtime;
pub mod block;
pub mod respond;
pub mod asked;
pub mod upstream;
pub mod task;
pub mod sys;

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;

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
        std::panic::set_hook(Box::new(|info| {
            console_error_panic_hook::hook(info);
            sys::panicked();
        }));
    }
    task::run(answer(request, env, context))
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
    let request = Rc::new(request);
    let text = sys::RequestText::of(request.clone());
    let runtime = Runtime::new(request, env, context, settings);
    let reply = handle(runtime, memory, text.method(), text.url(), &text).await;
    respond::response(reply)
}

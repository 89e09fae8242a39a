//! The rim: the only code that knows the runtime. wasm32 only.
//!
//! It decides nothing. It turns the runtime's `Request` into ours, implements the ports over KV,
//! R2, the Cache API and `fetch`, and turns our response into the runtime's. Nothing here panics,
//! and bodies that are only passed on are not copied.
//!
//! Bindings come from `worker` and `web_sys`. Where those lack something, a comment says what.

pub mod runtime;
mod store;
pub mod request;
pub mod response;
pub mod headers;
mod r2;
mod kv;
mod cache;
mod upstream;
mod media;
pub mod streams;
pub mod bindings;
pub mod bytes;
pub mod task;

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;
use web_sys::Request;
use worker::Env;
use worker::worker_sys::Context;

use crate::cache::memory::Memory;
use crate::edge::request::RequestText;
use crate::edge::runtime::Runtime;
use crate::pipeline::handle;
use crate::ports::settings::Settings;

struct Isolate {
    settings: Rc<Settings>,
    memory: Rc<Memory<ArrayBuffer>>,
}

thread_local! {
    static ISOLATE: OnceCell<Isolate> = const { OnceCell::new() };
    static HOOKED: Cell<bool> = const { Cell::new(false) };
}

#[wasm_bindgen(module = "/src/edge/glue.js")]
extern "C" {
    fn panicked();
}

/// Returns the `Response` if it is ready without waiting, otherwise a promise of it.
///
/// A hit in memory, a 304, a redirect and a 404 are ready on the first poll. `worker`'s
/// `#[event(fetch)]` always returns a promise, which costs such a response up to a third more.
///
/// Not called `fetch`: the generated module has one scope, and loads itself with the global one.
#[wasm_bindgen]
pub fn serve(request: Request, text: String, env: Env, context: Context) -> JsValue {
    if !HOOKED.replace(true) {
        std::panic::set_hook(Box::new(|info| {
            console_error_panic_hook::hook(info);
            panicked();
        }));
    }
    task::run(answer(request, text, env, context))
}

async fn answer(request: Request, text: String, env: Env, context: Context) -> JsValue {
    let (settings, memory) = ISOLATE.with(|isolate| {
        let isolate = isolate.get_or_init(|| {
            let settings = Rc::new(Settings::from_vars(|name| bindings::var(&env, name)));
            let memory = Rc::new(Memory::new(settings.memory_bytes_max));
            Isolate { settings, memory }
        });
        (isolate.settings.clone(), isolate.memory.clone())
    });
    // A second reference; `request.clone()` would be JavaScript's, which copies the body.
    let text = RequestText::new(text, Clone::clone(&request));
    let runtime = Runtime::new(request, env, context, settings);
    response::response(handle(runtime, memory, text.method(), text.url(), &text).await)
}

//! The bindings of the environment, the global scope, and errors of the runtime.

use js_sys::{Error, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::WorkerGlobalScope;
use worker::Env;

use crate::ports::{Fault, Result};

thread_local! {
    static GLOBAL: WorkerGlobalScope = js_sys::global().unchecked_into();
}

pub fn global() -> WorkerGlobalScope {
    GLOBAL.with(Clone::clone)
}

/// Returns the object bound to `name`.
///
/// Bypasses `Env::get_binding`, which compares `constructor.name`: a wrapper that a simulator puts
/// around a binding may have another name, and each look costs four more calls.
pub fn bound<T: JsCast>(env: &Env, name: &str) -> Result<T> {
    let binding = Reflect::get(env, &name.into()).map_err(fault)?;
    if binding.is_object() { Ok(binding.unchecked_into()) } else { Err(Fault::Missing) }
}

/// Returns the variable `name` if it is a string.
///
/// Bypasses `Env::var`, which reads the `constructor` of any value and traps on `null`.
pub fn var(env: &Env, name: &str) -> Option<String> {
    Reflect::get(env, &name.into()).ok()?.as_string()
}

/// Classifies an error of the runtime.
pub fn fault(error: impl Into<JsValue>) -> Fault {
    let error: JsValue = error.into();
    let Some(error) = error.dyn_ref::<Error>() else { return Fault::Failed };
    let message = String::from(error.message());
    // KV says `KV GET failed: 429` when a key is read or written too often.
    if message.starts_with("KV ") && message.contains("429") {
        Fault::Busy
    } else if error.name() == "TimeoutError" {
        Fault::TimedOut
    } else {
        Fault::Failed
    }
}

/// Returns whether the message of an error contains one of R2's error codes.
pub fn has_code(error: &JsValue, codes: &[&str]) -> bool {
    let message = error.dyn_ref::<Error>().map(|error| String::from(error.message()));
    message.is_some_and(|message| codes.iter().any(|code| message.contains(code)))
}

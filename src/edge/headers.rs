//! Headers to and from `web_sys::Headers`.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;

use crate::wire::headers::Headers;

pub fn to_runtime(headers: &Headers) -> Result<web_sys::Headers, JsValue> {
    let built = web_sys::Headers::new()?;
    for (name, value) in headers.iter() {
        built.append(name, value)?;
    }
    Ok(built)
}

/// Reads all headers. The runtime lists each `Set-Cookie` line separately.
pub fn from_runtime(headers: &web_sys::Headers) -> Headers {
    let read = Rc::new(RefCell::new(Headers::with_capacity(24)));
    let collected = read.clone();
    let append = Closure::<dyn FnMut(String, String)>::new(move |value, name: String| {
        collected.borrow_mut().append(name, value);
    });
    // `for_each` is one call; iterating costs six for each header.
    let _ = headers.for_each(append.as_ref().unchecked_ref());
    drop(append);
    Rc::try_unwrap(read).map(RefCell::into_inner).unwrap_or_default()
}

//! Header fields to and from `web_sys::Headers`.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::Headers;

use crate::wire::fields::Fields;

/// Builds `Headers` from fields.
pub fn headers(fields: &Fields) -> Result<Headers, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in fields.iter() {
        headers.append(name, value)?;
    }
    Ok(headers)
}

/// Reads all fields. The runtime lists each `Set-Cookie` line separately.
pub fn fields(headers: &Headers) -> Fields {
    let fields = Rc::new(RefCell::new(Fields::with_capacity(24)));
    let collected = fields.clone();
    let append = Closure::<dyn FnMut(String, String)>::new(move |value, name: String| {
        collected.borrow_mut().append(name, value);
    });
    // `for_each` is one call; iterating costs six for each field.
    let _ = headers.for_each(append.as_ref().unchecked_ref());
    drop(append);
    Rc::try_unwrap(fields).map(RefCell::into_inner).unwrap_or_default()
}

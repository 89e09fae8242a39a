//! The media worker, a service binding. It has no address, so no client reaches it.

use wasm_bindgen::prelude::*;
use web_sys::RequestInit;

use crate::edge::bindings::bound;
use crate::edge::runtime::Runtime;
use crate::edge::upstream::send;
use crate::ports::{Media, Result, UpstreamResponse};

const BINDING: &str = "MEDIA";
/// A service binding sends every host to its worker.
const ORIGIN: &str = "https://media";

impl Media for Runtime {
    fn has_media(&self) -> bool {
        bound::<JsValue>(&self.env, BINDING).is_ok()
    }

    async fn render(
        &self,
        target: &str,
        parts: JsValue,
        timeout_ms: u64,
    ) -> Result<UpstreamResponse<JsValue>> {
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&parts);
        let url = [ORIGIN, target].concat();
        send(&bound(&self.env, BINDING)?, &url, &init, timeout_ms, timeout_ms).await
    }
}

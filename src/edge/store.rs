//! The store: an R2 bucket or a KV namespace, whichever the settings choose.

use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;

use crate::edge::bindings::bound;
use crate::edge::kv::Kv;
use crate::edge::r2::R2;
use crate::edge::runtime::Runtime;
use crate::ports::settings::StoreKind;
use crate::ports::{
    Blob, Condition, Fault, Listing, Object, ObjectBody, ObjectMeta, ObjectPage, ObjectWritten,
    Part, Result, Store, Upload, UploadedPart, Versioned, Written,
};
use crate::site::ids::ContentHash;
use crate::site::keys::Key;

const BUCKET: &str = "BUCKET";
const NAMESPACE: &str = "STORE_KV";

/// Implements methods of the port by those of the same name of the store.
macro_rules! forward {
    (to either: $(fn $method:ident($($argument:ident: $type:ty),*) -> $value:ty;)*) => {
        $(async fn $method(&self, $($argument: $type),*) -> Result<$value> {
            match self.settings.store {
                StoreKind::R2 => bucket(self)?.$method($($argument),*).await,
                StoreKind::Kv => namespace(self)?.$method($($argument),*).await,
            }
        })*
    };
    (to bucket: $(fn $method:ident($($argument:ident: $type:ty),*) -> $value:ty;)*) => {
        $(async fn $method(&self, $($argument: $type),*) -> Result<$value> {
            match self.settings.store {
                StoreKind::R2 => bucket(self)?.$method($($argument),*).await,
                StoreKind::Kv => Err(Fault::Missing),
            }
        })*
    };
}

fn bucket(runtime: &Runtime) -> Result<R2<'_>> {
    Ok(R2 { bucket: bound(&runtime.env, BUCKET)?, request: &runtime.request })
}

fn namespace(runtime: &Runtime) -> Result<Kv<'_>> {
    Ok(Kv { namespace: bound(&runtime.env, NAMESPACE)?, request: &runtime.request })
}

impl Store for Runtime {
    fn missing_binding(&self) -> Option<&'static str> {
        let name = match self.settings.store {
            StoreKind::R2 => BUCKET,
            StoreKind::Kv => NAMESPACE,
        };
        bound::<JsValue>(&self.env, name).is_err().then_some(name)
    }

    forward! { to either:
        fn read(key: &Key) -> Option<Versioned>;
        fn write(key: &Key, bytes: &[u8], condition: &Condition) -> Written;
        fn delete_all(keys: &[Key]) -> ();
        fn list(prefix: &str, cursor: Option<&str>) -> Listing;
        fn open(key: &Key, part: Option<Part>) -> Option<JsValue>;
        fn hold(key: &Key) -> Option<ArrayBuffer>;
        fn store_blob(key: &Key, blob: Blob<'_>, hash: &ContentHash) -> Upload;
        fn object_read(
            key: &Key, known_etag: Option<&str>, part: Option<Part>
        ) -> Option<Object<JsValue>>;
        fn object_meta(key: &Key) -> Option<ObjectMeta>;
        fn object_write(
            key: &Key, body: ObjectBody<'_, ArrayBuffer>, meta: &ObjectMeta, condition: &Condition
        ) -> ObjectWritten;
        fn object_list(prefix: &str, cursor: Option<&str>, count_max: u32) -> ObjectPage;
    }

    // KV has no multipart uploads.
    forward! { to bucket:
        fn upload_begin(key: &Key, meta: &ObjectMeta) -> String;
        fn upload_part(key: &Key, upload: &str, number: u16) -> Option<String>;
        fn upload_finish(key: &Key, upload: &str, parts: &[UploadedPart]) -> Option<ObjectMeta>;
        fn upload_drop(key: &Key, upload: &str) -> ();
    }
}

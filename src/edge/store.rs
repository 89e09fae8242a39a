//! The store: an R2 bucket or a KV namespace, whichever the settings choose.

use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;
use worker::{Bucket, Data};

use crate::edge::bindings::bound;
use crate::edge::kv::{Kv, KvNamespace};
use crate::edge::r2::{self, R2};
use crate::edge::runtime::Runtime;
use crate::ports::settings::StoreKind;
use crate::ports::{
    Blob, Condition, Fault, Listing, Object, ObjectMeta, ObjectPage, ObjectWritten, Objects, Part,
    Store, Upload, UploadedPart, Uploads, Versioned, Written,
};
use crate::site::ids::ContentHash;
use crate::site::keys::Key;

const BUCKET: &str = "BUCKET";
const NAMESPACE: &str = "STORE_KV";

enum Either {
    R2(R2),
    Kv(Kv),
}

/// Implements methods of a port by those of the same name of either store.
macro_rules! forward {
    ($(fn $method:ident($($argument:ident: $type:ty),*) -> $value:ty;)*) => {
        $(async fn $method(&self, $($argument: $type),*) -> Result<$value, Fault> {
            match open(self)? {
                Either::R2(store) => store.$method($($argument),*).await,
                Either::Kv(store) => store.$method($($argument),*).await,
            }
        })*
    };
}

fn open(runtime: &Runtime) -> Result<Either, Fault> {
    Ok(match runtime.settings.store {
        StoreKind::R2 => Either::R2(R2(bound::<Bucket>(&runtime.env, BUCKET)?)),
        StoreKind::Kv => Either::Kv(Kv(bound::<KvNamespace>(&runtime.env, NAMESPACE)?)),
    })
}

/// Returns the bucket. KV has no multipart uploads.
fn bucket(runtime: &Runtime) -> Result<R2, Fault> {
    match open(runtime)? {
        Either::R2(bucket) => Ok(bucket),
        Either::Kv(_) => Err(Fault::Missing),
    }
}

impl Store for Runtime {
    fn missing_binding(&self) -> Option<&'static str> {
        let name = match self.settings.store {
            StoreKind::R2 => BUCKET,
            StoreKind::Kv => NAMESPACE,
        };
        open(self).is_err().then_some(name)
    }

    forward! {
        fn read(key: &Key) -> Option<Versioned>;
        fn write(key: &Key, bytes: &[u8], condition: &Condition) -> Written;
        fn delete_all(keys: &[Key]) -> ();
        fn list(prefix: &str, cursor: Option<&str>) -> Listing;
        fn open(key: &Key, part: Option<Part>) -> Option<JsValue>;
        fn hold(key: &Key) -> Option<ArrayBuffer>;
    }

    async fn store_blob(
        &self,
        key: &Key,
        blob: Blob<'_>,
        hash: &ContentHash,
    ) -> Result<Upload, Fault> {
        let data = match blob {
            Blob::Bytes(bytes) => Data::Bytes(bytes.to_vec()),
            Blob::RequestBody(length) => r2::data(self.request.body(), length),
        };
        match open(self)? {
            Either::R2(store) => store.store_blob(key, data, hash).await,
            Either::Kv(store) => store.store_blob(key, data, hash).await,
        }
    }
}

impl Objects for Runtime {
    forward! {
        fn object_read(
            key: &Key, known_etag: Option<&str>, part: Option<Part>
        ) -> Option<Object<JsValue>>;
        fn object_meta(key: &Key) -> Option<ObjectMeta>;
        fn object_list(prefix: &str, cursor: Option<&str>, count_max: u32) -> ObjectPage;
    }

    async fn object_write(
        &self,
        key: &Key,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> Result<ObjectWritten, Fault> {
        let body = self.request.body();
        match open(self)? {
            Either::R2(store) => store.object_write(key, body, meta, condition).await,
            Either::Kv(store) => store.object_write(key, body, meta, condition).await,
        }
    }
}

impl Uploads for Runtime {
    async fn upload_begin(&self, key: &Key, meta: &ObjectMeta) -> Result<String, Fault> {
        bucket(self)?.upload_begin(key, meta).await
    }

    async fn upload_part(
        &self,
        key: &Key,
        upload: &str,
        number: u16,
    ) -> Result<Option<String>, Fault> {
        let body = self.request.body();
        bucket(self)?.upload_part(key, upload, number, body).await
    }

    async fn upload_finish(
        &self,
        key: &Key,
        upload: &str,
        parts: &[UploadedPart],
    ) -> Result<Option<ObjectMeta>, Fault> {
        bucket(self)?.upload_finish(key, upload, parts).await
    }

    async fn upload_drop(&self, key: &Key, upload: &str) -> Result<(), Fault> {
        bucket(self)?.upload_drop(key, upload).await
    }
}

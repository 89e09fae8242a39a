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

/// Calls the same method of either store.
macro_rules! either {
    ($runtime:expr, $store:ident => $call:expr) => {
        match open($runtime)? {
            Either::R2($store) => $call.await,
            Either::Kv($store) => $call.await,
        }
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

    async fn read(&self, key: &Key) -> Result<Option<Versioned>, Fault> {
        either!(self, store => store.read(key.as_str()))
    }

    async fn write(
        &self,
        key: &Key,
        bytes: &[u8],
        condition: &Condition,
    ) -> Result<Written, Fault> {
        either!(self, store => store.write(key.as_str(), bytes, condition))
    }

    async fn delete_all(&self, keys: &[Key]) -> Result<(), Fault> {
        let keys: Vec<&str> = keys.iter().map(Key::as_str).collect();
        either!(self, store => store.delete(keys))
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        either!(self, store => store.list(prefix, cursor))
    }

    async fn open(&self, key: &Key, part: Option<Part>) -> Result<Option<JsValue>, Fault> {
        either!(self, store => store.open(key.as_str(), part))
    }

    async fn hold(&self, key: &Key) -> Result<Option<ArrayBuffer>, Fault> {
        either!(self, store => store.hold(key.as_str()))
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
        either!(self, store => store.store_blob(key.as_str(), data, hash))
    }
}

impl Objects for Runtime {
    async fn object_read(
        &self,
        key: &Key,
        known_etag: Option<&str>,
        part: Option<Part>,
    ) -> Result<Option<Object<JsValue>>, Fault> {
        either!(self, store => store.object_read(key.as_str(), known_etag, part))
    }

    async fn object_meta(&self, key: &Key) -> Result<Option<ObjectMeta>, Fault> {
        either!(self, store => store.object_meta(key.as_str()))
    }

    async fn object_write(
        &self,
        key: &Key,
        meta: &ObjectMeta,
        condition: &Condition,
    ) -> Result<ObjectWritten, Fault> {
        let body = self.request.body();
        either!(self, store => store.object_write(key.as_str(), body, meta, condition))
    }

    async fn object_list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        count_max: u32,
    ) -> Result<ObjectPage, Fault> {
        either!(self, store => store.object_list(prefix, cursor, count_max))
    }
}

impl Uploads for Runtime {
    async fn upload_begin(&self, key: &Key, meta: &ObjectMeta) -> Result<String, Fault> {
        bucket(self)?.upload_begin(key.as_str(), meta).await
    }

    async fn upload_part(
        &self,
        key: &Key,
        upload: &str,
        number: u16,
    ) -> Result<Option<String>, Fault> {
        let body = self.request.body();
        bucket(self)?.upload_part(key.as_str(), upload, number, body).await
    }

    async fn upload_finish(
        &self,
        key: &Key,
        upload: &str,
        parts: &[UploadedPart],
    ) -> Result<Option<ObjectMeta>, Fault> {
        bucket(self)?.upload_finish(key.as_str(), upload, parts).await
    }

    async fn upload_drop(&self, key: &Key, upload: &str) -> Result<(), Fault> {
        bucket(self)?.upload_drop(key.as_str(), upload).await
    }
}

//! Uploads objects in parts that are larger than one request may carry.
//!
//! The object appears when the upload is finished, all at once. R2 only: KV has no larger values.

use serde::Deserialize;
use serde_json::json;

use crate::admin::collections::ObjectId;
use crate::admin::error::{AdminError, Invalid, Missing, Result};
use crate::admin::handler::{Handler, respond};
use crate::ports::deadline::{persistently, within};
use crate::ports::settings::StoreKind;
use crate::ports::{Ports, UploadedPart};
use crate::serve::draft::Draft;

/// Maximum number of parts of an upload: R2's limit.
const PARTS_MAX: u16 = 10_000;
/// Maximum length of an upload id in bytes; R2's are about 300 long.
const UPLOAD_BYTES_MAX: usize = 1_024;

#[derive(Deserialize)]
struct Finish {
    parts: Vec<UploadedPart>,
}

impl<P: Ports> Handler<'_, P> {
    pub async fn begin_upload(&self, object: ObjectId) -> Result<Draft<P>> {
        self.check_store()?;
        let meta = self.declared(&object, 0)?;
        self.served(&object.collection).await?;
        let (ports, ms) = self.store();
        let upload = within(ports, ms, ports.upload_begin(&object.key, &meta)).await;
        let upload = upload.map_err(AdminError::of_write)?;
        Ok(respond(201, &json!({ "upload": upload })))
    }

    pub async fn put_part(&self, object: ObjectId) -> Result<Draft<P>> {
        let upload = self.upload_id()?;
        let number = self.query("part").and_then(|text| text.parse().ok());
        let number = number.filter(|number| (1..=PARTS_MAX).contains(number));
        let number = number.ok_or(Invalid::PartNumber)?;
        self.check_store()?;
        let (ports, settings) = (&self.tiers.ports, self.settings());
        let length = self.content_length()?;
        if length == 0 {
            return Err(Invalid::PartEmpty.into());
        }
        if length > settings.store.blob_bytes_max() {
            return Err(AdminError::ObjectTooLarge(settings.store));
        }
        let part = ports.upload_part(&object.key, &upload, number);
        let etag = within(ports, settings.deadlines.upload_ms, part).await;
        let etag = etag.map_err(AdminError::of_write)?;
        let etag = etag.ok_or(Missing::Upload)?;
        Ok(respond(200, &UploadedPart { number, etag }))
    }

    /// Makes an object of the parts. No store does so conditionally, so the precondition is checked
    /// first.
    pub async fn finish_upload(&self, object: ObjectId) -> Result<Draft<P>> {
        let upload = self.upload_id()?;
        self.check_store()?;
        let invalidates = self.invalidates()?;
        let Finish { parts } = self.json().await?;
        let is_rising = parts.is_sorted_by(|one, next| one.number < next.number);
        if !is_rising || parts.first().is_none_or(|part| part.number == 0) {
            return Err(Invalid::PartOrder.into());
        }
        let served = self.served(&object.collection).await?;
        self.check_precondition(&object).await?;
        let (ports, ms) = self.store();
        let meta = within(ports, ms, ports.upload_finish(&object.key, &upload, &parts)).await;
        let meta = meta.map_err(AdminError::of_write)?;
        let meta = meta.ok_or(Missing::Upload)?;
        Ok(self.written(&object, &served, &meta.etag, meta.length, invalidates).await)
    }

    pub async fn abort_upload(&self, object: ObjectId) -> Result<Draft<P>> {
        let upload = self.upload_id()?;
        self.check_store()?;
        let (ports, ms) = self.store();
        persistently(ports, ms, || ports.upload_drop(&object.key, &upload)).await?;
        Ok(respond(200, &json!({ "dropped": true })))
    }

    fn upload_id(&self) -> Result<String> {
        let is_id = |id: &String| {
            (1..=UPLOAD_BYTES_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
        };
        self.query("upload").filter(is_id).ok_or(AdminError::NotFound(Missing::Upload))
    }

    fn check_store(&self) -> Result<()> {
        match self.settings().store {
            StoreKind::R2 => Ok(()),
            StoreKind::Kv => Err(AdminError::ObjectTooLarge(StoreKind::Kv)),
        }
    }
}

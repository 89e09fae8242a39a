//! Objects that are larger than one request may carry: uploaded in parts.
//!
//! Not how smaller ones are written. The invariant is that nothing is there before the upload is
//! finished, and all of it at once then. R2 only: KV takes no values as large.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use crate::admin::error::AdminError;
use crate::admin::objects::Target;
use crate::admin::{Answer, Call};
use crate::ports::deadline::{persistently, within};
use crate::ports::settings::StoreKind;
use crate::ports::{Ports, UploadedPart};
use crate::wire::query;

/// Most parts of an upload: R2's limit.
pub const PARTS_MAX: u16 = 10_000;
/// Longest id of an upload in bytes; R2's own have some 300.
const UPLOAD_BYTES_MAX: usize = 1_024;

/// A step of an upload.
pub enum UploadStep {
    /// Begin.
    Begin,
    /// Store a part.
    Part(String, u16),
    /// Make an object of the parts.
    Finish(String),
    /// Give it up.
    Drop(String),
}

#[derive(Deserialize)]
struct Finish {
    parts: Vec<UploadedPart>,
}

impl<P: Ports> Call<'_, P> {
    /// The step that a call is, `None` when it is of no upload.
    pub fn upload_step(&self) -> Result<Option<UploadStep>, AdminError> {
        let parameter = |name| self.ask.query.and_then(|query| query::value(query, name));
        if parameter("uploads").is_some() {
            self.allow(&[Method::POST])?;
            return Ok(Some(UploadStep::Begin));
        }
        let Some(upload) = parameter("upload") else { return Ok(None) };
        let plain = upload.bytes().all(|b| b.is_ascii_graphic());
        if !plain || !(1..=UPLOAD_BYTES_MAX).contains(&upload.len()) {
            return Err(AdminError::NotFound("upload"));
        }
        self.allow(&[Method::PUT, Method::POST, Method::DELETE])?;
        match self.ask.method {
            Method::PUT => {
                let number = parameter("part").and_then(|text| text.parse().ok());
                let number = number.filter(|number| (1..=PARTS_MAX).contains(number));
                let hint = "add part=N to the query, from 1 to 10,000";
                let number = number.ok_or(AdminError::Invalid("the part has no number", hint))?;
                Ok(Some(UploadStep::Part(upload, number)))
            }
            Method::POST => Ok(Some(UploadStep::Finish(upload))),
            _ => Ok(Some(UploadStep::Drop(upload))),
        }
    }

    /// Takes a step of an upload.
    pub async fn upload(
        &self,
        target: &Target<'_>,
        step: UploadStep,
    ) -> Result<Answer<P>, AdminError> {
        let (ports, settings) = (&self.tiers.ports, self.tiers.ports.settings());
        if settings.store == StoreKind::Kv {
            return Err(AdminError::ObjectTooLarge(StoreKind::Kv));
        }
        let ms = settings.deadlines.admin_ms;
        match step {
            UploadStep::Begin => {
                let meta = self.declared(target, 0)?;
                self.served_for(target).await?;
                let upload = within(ports, ms, ports.upload_begin(&target.key, &meta))
                    .await
                    .map_err(AdminError::of_write)?;
                Ok(Answer::json(201, &json!({ "upload": upload })))
            }
            UploadStep::Part(upload, number) => self.upload_part(target, &upload, number).await,
            UploadStep::Finish(upload) => self.upload_finish(target, &upload).await,
            UploadStep::Drop(upload) => {
                persistently(ports, ms, || ports.upload_drop(&target.key, &upload)).await?;
                Ok(Answer::json(200, &json!({ "dropped": true })))
            }
        }
    }

    async fn upload_part(
        &self,
        target: &Target<'_>,
        upload: &str,
        number: u16,
    ) -> Result<Answer<P>, AdminError> {
        let (ports, settings) = (&self.tiers.ports, self.tiers.ports.settings());
        let length = self.content_length()?;
        if length == 0 {
            return Err(AdminError::Invalid("the part is empty", "send its bytes as the body"));
        }
        if length > settings.store.blob_bytes_max() {
            return Err(AdminError::ObjectTooLarge(settings.store));
        }
        let part = ports.upload_part(&target.key, upload, number);
        let etag = within(ports, settings.deadlines.upload_ms, part)
            .await
            .map_err(AdminError::of_write)?;
        let etag = etag.ok_or(AdminError::NotFound("upload"))?;
        Ok(Answer::json(200, &UploadedPart { number, etag }))
    }

    /// Makes an object of the parts. No store does so on a condition: it is checked just before.
    async fn upload_finish(
        &self,
        target: &Target<'_>,
        upload: &str,
    ) -> Result<Answer<P>, AdminError> {
        let ports = &self.tiers.ports;
        let invalidates = self.invalidates()?;
        let Finish { parts } = self.json().await?;
        let rising = parts.is_sorted_by(|one, next| one.number < next.number);
        let first = parts.first().map_or(0, |part| part.number);
        if !rising || first == 0 {
            let hint = "all parts in the order of their numbers, each once";
            return Err(AdminError::Invalid("the parts are not in order", hint));
        }
        let served = self.served_for(target).await?;
        self.precondition_holds(target).await?;
        let finish = ports.upload_finish(&target.key, upload, &parts);
        let meta = within(ports, ports.settings().deadlines.admin_ms, finish)
            .await
            .map_err(AdminError::of_write)?;
        let meta = meta.ok_or(AdminError::NotFound("upload"))?;
        let copies = self.invalidate_target(target, invalidates).await;
        Ok(self.written(target, &served, &meta.etag, meta.length, &copies))
    }
}

//! The context of a call on a site; the other modules implement its operations.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin::auth::Caller;
use crate::admin::error::{Invalid, Result};
use crate::cache::tiers::Tiers;
use crate::ports::Ports;
use crate::ports::bodies::ResponseBody;
use crate::ports::settings::{Settings, StoreKind};
use crate::serve::draft::Draft;
use crate::serve::request::{Request, RequestHeader};
use crate::site::codec;
use crate::site::config::StageKind;
use crate::site::ids::{SiteName, StageName};
use crate::wire::headers::Headers;
use crate::wire::query;

/// Maximum length of a JSON request body in bytes: enough for 10,000 hashes.
const JSON_BYTES_MAX: usize = 1024 * 1024;
/// Seconds that KV may take to show a write, on top of the bound of live records.
const KV_LAG_SECS: u64 = 60;

pub fn respond<P: Ports>(status: u16, body: &impl Serialize) -> Draft<P> {
    json_draft(status, codec::encode(body))
}

pub fn json_draft<P: Ports>(status: u16, mut json: String) -> Draft<P> {
    json.push('\n');
    let headers = described("application/json", json.len() as u64);
    Draft::new(status, headers, ResponseBody::Bytes(json.into_bytes()))
}

/// Returns a response with stored bytes.
pub fn octets<P: Ports>(body: ResponseBody<P>, length: u64) -> Draft<P> {
    let mut headers = described("application/octet-stream", length);
    headers.set("content-disposition", "attachment");
    Draft::new(200, headers, body)
}

fn described(media_type: &'static str, length: u64) -> Headers {
    let mut headers = Headers::with_capacity(8);
    headers.set("content-type", media_type);
    headers.set("content-length", length.to_string());
    headers
}

pub struct Handler<'a, P: Ports> {
    /// Handlers read the store itself, not its cached copies.
    pub tiers: &'a Tiers<P>,
    pub request: &'a Request<'a>,
    pub caller: Caller,
    pub site: SiteName,
}

impl<P: Ports> Handler<'_, P> {
    /// Returns the ports and the deadline of an operation on the store, in milliseconds.
    pub fn store(&self) -> (&P, u64) {
        let ports = &self.tiers.ports;
        (ports, ports.settings().deadlines.admin_ms)
    }

    pub fn settings(&self) -> &Settings {
        self.tiers.ports.settings()
    }

    /// Reads the request body, a JSON object; an empty body is `{}`.
    pub async fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let body = self.tiers.ports.request_body(JSON_BYTES_MAX).await?;
        let body = if body.is_empty() { b"{}" } else { body.as_slice() };
        Ok(codec::decode_object(body)?)
    }

    pub fn query(&self, name: &str) -> Option<String> {
        self.request.query.and_then(|query| query::value(query, name))
    }

    pub fn content_length(&self) -> Result<u64> {
        let length = self.request.headers.value(RequestHeader::ContentLength);
        let length = length.and_then(|text| text.parse().ok());
        length.ok_or(Invalid::LengthUnknown.into())
    }

    /// Returns the label of a stage's host below the base domain.
    pub fn stage_label(&self, stage: &StageName) -> String {
        let site = &self.site;
        if stage.is_production() { site.to_string() } else { format!("{stage}--{site}") }
    }

    /// Returns the URL of a host below the base domain.
    pub fn address(&self, label: &str) -> String {
        let port = self.request.authority.rsplit_once(':').map(|(_, port)| port);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let base = self.settings().base_domain.as_str();
        format!("{}://{label}.{base}{port}/", self.request.scheme.as_str())
    }

    /// Seconds until a write to the store is visible everywhere.
    pub fn lag_secs(&self) -> u64 {
        lag_secs(self.settings())
    }

    /// Seconds until a change to a permanent stage is in force everywhere.
    pub fn permanent_bound_secs(&self) -> u64 {
        permanent_bound_secs(self.settings())
    }

    /// Seconds until a change to a stage is in force everywhere.
    pub fn bound_secs(&self, kind: StageKind) -> u64 {
        match kind {
            StageKind::Permanent => self.permanent_bound_secs(),
            StageKind::Sandbox => self.lag_secs(),
        }
    }
}

/// Seconds until a change to a permanent stage is in force everywhere.
pub fn permanent_bound_secs(settings: &Settings) -> u64 {
    settings.live_bound_secs().saturating_add(lag_secs(settings))
}

fn lag_secs(settings: &Settings) -> u64 {
    match settings.store {
        StoreKind::R2 => 0,
        StoreKind::Kv => KV_LAG_SECS,
    }
}

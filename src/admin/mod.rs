//! The admin API: `/.selvedge/` on the base domain.
//!
//! Callers are identified before a site is looked at, so that nobody without a token can find out
//! which sites exist.

pub mod calls;
pub mod error;
pub mod auth;
pub mod handler;
pub mod records;
pub mod sites;
pub mod hosts;
pub mod credentials;
pub mod blobs;
pub mod deployments;
pub mod stages;
pub mod takedowns;
pub mod purge;
pub mod media;
pub mod collections;
pub mod object_headers;
pub mod objects;
pub mod uploads;
pub mod invalidate;
pub mod deletion;

use std::pin::Pin;

use serde::Serialize;

use crate::admin::auth::{Caller, caller};
use crate::admin::blobs::{BATCH_BLOBS_MAX, BATCH_BYTES_MAX, MISSING_HASHES_MAX};
use crate::admin::calls::{Operation as Op, Resource};
use crate::admin::collections::ObjectId;
use crate::admin::credentials::{KEYS, TOKENS};
use crate::admin::error::{AdminError, Missing, Result};
use crate::admin::handler::{Handler, json_draft, permanent_bound_secs, respond};
use crate::admin::sites::list_sites;
use crate::cache::tiers::Tiers;
use crate::ports::Ports;
use crate::ports::settings::Settings;
use crate::serve::draft::Draft;
use crate::serve::request::Request;
use crate::serve::response::{Response, Stage, finish};
use crate::site::api::{Limits, Server};
use crate::site::collection::CollectionName;
use crate::site::deployment::manifest::{PATHS_MAX, ROOT_BYTES_MAX};
use crate::site::destination::RESERVED;
use crate::site::ids::{ContentHash, DeploymentId, StageName};

#[derive(Serialize)]
struct HealthReport<'a> {
    ok: bool,
    missing_binding: Option<&'a str>,
    invalid_vars: &'a [&'static str],
    admin: bool,
}

/// Answers a request below the reserved prefix.
pub async fn answer<P: Ports>(tiers: &Tiers<P>, request: &Request<'_>) -> Response<P> {
    let draft = dispatch(tiers, request).await.unwrap_or_else(|error| error_draft(&error));
    finish(request.recipient(), draft.detail("admin"), Stage::Siteless)
}

async fn dispatch<P: Ports>(tiers: &Tiers<P>, request: &Request<'_>) -> Result<Draft<P>> {
    let path = request.path.decoded().strip_prefix(RESERVED).unwrap_or_default();
    let caller = match path.split('/').next() {
        Some("v1") => caller(tiers, request).await?,
        _ => Caller::Anonymous,
    };
    // The API has no canonical redirects. The name of an object is the same however it is spelled.
    let resource = Resource::find(path, request.query)
        .filter(|resource| request.path.is_canonical() || resource.has_spellings())
        .ok_or(Missing::Call)?;
    let site = resource.site()?;
    let Some(call) = resource.call(&request.method) else {
        let is_known = resource.calls().any(|call| caller.may(call.access, site.as_ref()));
        let methods = resource.calls().map(|call| &call.method).collect();
        let refused = AdminError::MethodNotAllowed(methods);
        return Err(if is_known { refused } else { AdminError::Forbidden });
    };
    if !caller.may(call.access, site.as_ref()) {
        return Err(AdminError::Forbidden);
    }
    let Some(site) = site else {
        return match call.operation {
            Op::Health => Ok(health(tiers)),
            Op::About => Ok(respond(200, &about(tiers.ports.settings()))),
            Op::ListSites => list_sites(&tiers.ports).await,
            _ => Err(Missing::Site.into()),
        };
    };
    let handler = Handler { tiers, request, caller, site };
    handler.run(call.operation, resource.after_site()).await
}

impl<P: Ports> Handler<'_, P> {
    async fn run(&self, operation: Op, [one, two]: [&str; 2]) -> Result<Draft<P>> {
        let collection = || CollectionName::parse(one);
        let object = || ObjectId::parse(&self.site, one, two);
        // Boxed, so that a request does not carry room for the largest of them.
        let draft: Pin<Box<dyn Future<Output = Result<Draft<P>>> + '_>> = match operation {
            Op::Health | Op::About | Op::ListSites => return Err(Missing::Call.into()),
            Op::GetSite => Box::pin(self.get_site()),
            Op::CreateSite => Box::pin(self.create_site()),
            Op::DeleteSite => Box::pin(self.delete_site()),
            Op::ListTokens => Box::pin(self.list_credentials(&TOKENS)),
            Op::CreateToken => Box::pin(self.create_token()),
            Op::RevokeToken => Box::pin(self.revoke_credential(&TOKENS, one)),
            Op::ListKeys => Box::pin(self.list_credentials(&KEYS)),
            Op::CreateKey => Box::pin(self.create_key()),
            Op::RevokeKey => Box::pin(self.revoke_credential(&KEYS, one)),
            Op::ListHosts => Box::pin(self.list_hosts()),
            Op::MapHost => Box::pin(self.map_host(one)),
            Op::UnmapHost => Box::pin(self.unmap_host(one)),
            Op::FindMissingBlobs => Box::pin(self.find_missing_blobs()),
            Op::PutBlobs => Box::pin(self.put_blobs()),
            Op::GetBlob => Box::pin(self.get_blob(ContentHash::parse(one)?)),
            Op::PutBlob => Box::pin(self.put_blob(ContentHash::parse(one)?)),
            Op::ListDeployments => Box::pin(self.list_deployments()),
            Op::GetDeployment => Box::pin(self.get_deployment(DeploymentId::parse(one)?)),
            Op::CommitDeployment => Box::pin(self.commit_deployment(DeploymentId::parse(one)?)),
            Op::ForgetDeployment => Box::pin(self.forget_deployment(DeploymentId::parse(one)?)),
            Op::ListTakedowns => Box::pin(self.list_takedowns()),
            Op::TakeDown => Box::pin(self.take_down()),
            Op::UndoTakedown => Box::pin(self.undo_takedown()),
            Op::GetStage => Box::pin(self.get_stage(StageName::parse(one)?)),
            Op::Activate => Box::pin(self.activate(StageName::parse(one)?)),
            Op::RollBack => Box::pin(self.roll_back(StageName::parse(one)?)),
            Op::Promote => Box::pin(self.promote()),
            Op::Purge => Box::pin(self.purge()),
            Op::GetMedia => Box::pin(self.get_media()),
            Op::BeginUpload => Box::pin(self.begin_upload(object()?)),
            Op::PutPart => Box::pin(self.put_part(object()?)),
            Op::FinishUpload => Box::pin(self.finish_upload(object()?)),
            Op::AbortUpload => Box::pin(self.abort_upload(object()?)),
            Op::ListObjects => Box::pin(self.list_objects(collection()?)),
            Op::GetObject => Box::pin(self.get_object(object()?)),
            Op::PutObject => Box::pin(self.put_object(object()?)),
            Op::DeleteObject => Box::pin(self.delete_object(object()?)),
            Op::InvalidateObjects => Box::pin(self.invalidate_objects(collection()?)),
        };
        draft.await
    }
}

/// Returns whether the worker can serve, for probes, and nothing that needs a token.
fn health<P: Ports>(tiers: &Tiers<P>) -> Draft<P> {
    let settings = tiers.ports.settings();
    let missing = tiers.ports.missing_binding();
    let status = if missing.is_none() { 200 } else { 503 };
    let report = HealthReport {
        ok: missing.is_none(),
        missing_binding: missing,
        invalid_vars: &settings.invalid,
        admin: settings.admin_token.is_some(),
    };
    respond(status, &report)
}

fn about(settings: &Settings) -> Server {
    Server {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store: settings.store.as_str().to_owned(),
        base_domain: settings.base_domain.as_str().to_owned(),
        live_bound_secs: permanent_bound_secs(settings),
        allowed_origins: Some(settings.allowed_origins.clone()),
        limits: Limits {
            blob_bytes_max: settings.store.blob_bytes_max(),
            batch_bytes_max: BATCH_BYTES_MAX as u64,
            batch_blobs_max: BATCH_BLOBS_MAX,
            missing_hashes_max: MISSING_HASHES_MAX,
            root_bytes_max: ROOT_BYTES_MAX,
            paths_max: PATHS_MAX,
        },
    }
}

fn error_draft<P: Ports>(error: &AdminError) -> Draft<P> {
    let mut draft = json_draft(error.status(), error.body());
    match error {
        AdminError::Unauthorized => draft.headers.set("www-authenticate", "Bearer"),
        AdminError::NotStored(_) | AdminError::Unavailable(_) => {
            draft.headers.set("retry-after", "2");
        }
        AdminError::MethodNotAllowed(methods) => {
            let allow: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
            draft.headers.set("allow", allow.join(", "));
        }
        _ => {}
    }
    draft
}

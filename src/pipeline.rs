//! From a request to its response, in the steps that the crate's documentation lists.
//!
//! Every path through them ends in a response; a fault ends in 503, never in 404.

use std::rc::Rc;

use http::Method;

use crate::admin;
use crate::cache::live;
use crate::cache::memory::Memory;
use crate::cache::tiers::Tiers;
use crate::ports::deadline::persistently;
use crate::ports::{Fault, Ports};
use crate::serve::deployment_host;
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::objects::fresh_host;
use crate::serve::request::{Recipient, Request, RequestHeader, RequestHeaders};
use crate::serve::response::{Response, Stage, finish};
use crate::serve::site::serve;
use crate::serve::site_request::Serving;
use crate::site::destination::{Destination, is_reserved};
use crate::site::ids::StageName;
use crate::site::keys;
use crate::site::records::site::HostRecord;
use crate::wire::host::{Hostname, parse_authority};
use crate::wire::path::RequestPath;
use crate::wire::url::{self, Scheme};

/// Probes come from inside, possibly without HTTPS.
const HEALTH: &str = "/.selvedge/health";

pub async fn handle<P: Ports>(
    ports: P,
    memory: Rc<Memory<P::Held>>,
    method: &str,
    url: &str,
    headers: &dyn RequestHeaders,
) -> Response<P> {
    match respond(Tiers::new(ports, memory), method, url, headers).await {
        Ok(response) => response,
        Err(error) => {
            let recipient = Recipient { is_head: method == "HEAD", headers };
            finish(recipient, Draft::error(error).detail("constant"), Stage::Siteless)
        }
    }
}

async fn respond<P: Ports>(
    tiers: Tiers<P>,
    method: &str,
    url: &str,
    headers: &dyn RequestHeaders,
) -> Result<Response<P>, HttpError> {
    // 1. The URL and the `Host` name one hostname.
    let parts = url::split(url)?;
    if !url::authority_agrees(&parts, headers.value(RequestHeader::Host).as_deref()) {
        return Err(HttpError::BadRequest);
    }
    let (host, _) = parse_authority(parts.authority).map_err(|_| HttpError::BadRequest)?;
    // 2. The path is canonicalised.
    let path = RequestPath::parse(parts.path)?;
    let request = Request {
        method: Method::from_bytes(method.as_bytes()).map_err(|_| HttpError::BadRequest)?,
        scheme: parts.scheme,
        host: &host,
        authority: parts.authority,
        path: &path,
        query: parts.query,
        headers,
    };
    // 3. The hostname names a destination.
    let destination = Destination::of(&host, &tiers.ports.settings().base_domain);
    let is_named = !matches!(destination, Destination::Nothing | Destination::Custom);
    if is_named && path.decoded() != HEALTH && redirects_to_https(&tiers, &request) {
        return Ok(to_https(&request));
    }
    // 4. `/.selvedge/` is reserved. Boxed: a rare path must not make every request's future larger.
    if is_reserved(path.decoded()) {
        return match destination {
            Destination::Base => Ok(Box::pin(admin::answer(&tiers, &request)).await),
            _ => Err(HttpError::NotFound),
        };
    }
    let (site, stage) = match destination {
        Destination::Fresh(site) => {
            return Ok(Box::pin(fresh_host::respond(&tiers, &request, &site)).await);
        }
        Destination::Deployment(site, id) => {
            return Box::pin(deployment_host::respond(&tiers, &request, site, id)).await;
        }
        Destination::Nothing => return Err(HttpError::Misdirected),
        Destination::Stage(site, stage) => (site, stage),
        Destination::Base => {
            let site = tiers.ports.settings().default_site.clone();
            (site.ok_or(HttpError::Misdirected)?, StageName::production())
        }
        Destination::Custom => {
            let record = custom_host(&tiers, &host).await?.ok_or(HttpError::Misdirected)?;
            (record.site.clone(), record.stage.clone())
        }
    };
    // A custom hostname redirects once it is known to be one.
    if redirects_to_https(&tiers, &request) {
        return Ok(to_https(&request));
    }
    // 5. The live record names the deployment; it is read once.
    let live = live::live(&tiers, &site, &stage).await?.ok_or(HttpError::Misdirected)?;
    let id = live.record.deployment.clone();
    // 6. to 11. in the deployment that it names.
    let serving = Serving { site, id, stage: Some(stage), live: Some(live), view: None };
    serve(&tiers, &request, serving).await
}

/// Returns the record of a custom hostname, which is kept as long as a live record may be used.
async fn custom_host<P: Ports>(
    tiers: &Tiers<P>,
    host: &Hostname,
) -> Result<Option<Rc<HostRecord>>, Fault> {
    let (settings, now) = (tiers.ports.settings(), tiers.ports.now());
    let kept = tiers.memory.hosts.find(host);
    if let Some(kept) = &kept
        && now.since(kept.read_ms) < settings.live.stale_ms
    {
        return Ok(Some(kept.record.clone()));
    }
    let key = keys::host(host);
    let ms = settings.deadlines.read_ms;
    match persistently(&tiers.ports, ms, || tiers.ports.read(&key)).await {
        Ok(value) => {
            let record = value.and_then(|value| HostRecord::parse(&value.bytes, host));
            if record.is_none() {
                tiers.memory.hosts.forget(host);
            }
            Ok(record.map(|record| tiers.memory.hosts.keep(host.clone(), record, now)))
        }
        Err(fault) => kept.map(|kept| Some(kept.record)).ok_or(fault),
    }
}

fn redirects_to_https<P: Ports>(tiers: &Tiers<P>, request: &Request<'_>) -> bool {
    tiers.ports.settings().https_only && request.scheme == Scheme::Http
}

/// Redirects to the same address over HTTPS, on its default port.
fn to_https<P: Ports>(request: &Request<'_>) -> Response<P> {
    let address = format!("https://{}{}", request.host.as_str(), request.path.canonical());
    let draft = Draft::redirect(308, request.with_query(address));
    finish(request.recipient(), draft.detail("https-only"), Stage::Siteless)
}

//! A request, from its URL to its reply.
//!
//! 1. The URL and the `Host` name one hostname, or the answer is 400.
//! 2. The path is canonicalised; nothing after this sees the raw one.
//! 3. The hostname names a place: the admin API, a stage, a deployment, a fresh host, or nothing
//!    (421).
//! 4. `/.selvedge/` is reserved on every host.
//! 5. The live record says which deployment a stage serves; it is read once.
//! 6. The deployment's manifest root gives the configuration.
//! 7. Redirect rules are tried; a rewrite names another path of the same deployment.
//! 8. The path resolves to an asset, a redirect to its canonical address, or nothing.
//! 9. The method is judged where the request ended up.
//! 10. A representation is selected: 200, 206, 304, 412 or 416.
//! 11. The header stage completes the reply; only then is a body opened.
//!
//! Not I/O: what is read comes through [`Tiers`]. The invariant is that every path through these
//! steps ends in a reply; a fault ends in 503, never in 404 and never in a panic.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice
    )
)]

use std::rc::Rc;

use http::Method;

use crate::admin;
use crate::cache::live;
use crate::cache::memory::Memory;
use crate::cache::tiers::Tiers;
use crate::ports::deadline;
use crate::ports::{Fault, Ports};
use crate::serve::constant::Constant;
use crate::serve::deployment_host;
use crate::serve::objects::fresh_host;
use crate::serve::request::{Request, RequestHeader, RequestHeaders, goes_to_a_page};
use crate::serve::response::{Reply, ReplyBody};
use crate::serve::route::{Place, is_reserved, place};
use crate::serve::site::{Serving, serve};
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::keys;
use crate::site::records::site::HostRecord;
use crate::wire::headers::Headers;
use crate::wire::host::{Hostname, parse_authority};
use crate::wire::path::RequestPath;
use crate::wire::url::{self, Scheme};

/// Where probes ask.
const HEALTH: &str = "/.selvedge/health";

/// The reply to a request.
pub async fn handle<P: Ports>(
    ports: P,
    memory: Rc<Memory<P::Held>>,
    method: &str,
    url: &str,
    headers: &dyn RequestHeaders,
) -> Reply<P> {
    let reply = route(Tiers::new(ports, memory), method, url, headers).await;
    let reply = match &reply.body {
        ReplyBody::Constant(..) if goes_to_a_page(headers) => reply.to_person(),
        _ => reply,
    };
    if method == "HEAD" { reply.without_body() } else { reply }
}

async fn route<P: Ports>(
    tiers: Tiers<P>,
    token: &str,
    url: &str,
    headers: &dyn RequestHeaders,
) -> Reply<P> {
    let parts = match url::split(url) {
        Ok(parts) => parts,
        Err(error) if error.is_too_long() => return Constant::TooLong.reply(),
        Err(_) => return Constant::BadRequest.reply(),
    };
    if !url::authority_agrees(&parts, headers.value(RequestHeader::Host).as_deref()) {
        return Constant::BadRequest.reply();
    }
    let Ok((host, _)) = parse_authority(parts.authority) else {
        return Constant::BadRequest.reply();
    };
    let path = match RequestPath::parse(parts.path) {
        Ok(path) => path,
        Err(error) if error.is_too_long() => return Constant::TooLong.reply(),
        Err(_) => return Constant::NotFound.reply(),
    };
    let Ok(method) = Method::from_bytes(token.as_bytes()) else {
        return Constant::BadRequest.reply();
    };
    let request = Request {
        method,
        scheme: parts.scheme,
        host: &host,
        authority: parts.authority,
        path: &path,
        query: parts.query,
        headers,
    };
    let base = &tiers.ports.settings().base_domain;
    let place = place(&host, base);
    let is_named = !matches!(place, Place::Nothing | Place::Custom);
    // Probes come from inside and carry no secret: health answers whatever the scheme.
    if is_named && path.decoded() != HEALTH && redirects_to_https(&tiers, &request) {
        return to_https(&request);
    }
    if is_reserved(path.decoded()) {
        return match place {
            // Boxed: what is rare must not make every request's future larger.
            Place::Base => Box::pin(admin::answer(&tiers, &request)).await,
            _ => Constant::NotFound.reply(),
        };
    }
    if let Place::Fresh(site) = &place {
        return Box::pin(fresh_host::answer(&tiers, &request, site)).await;
    }
    match target(&tiers, &host, place).await {
        Ok(Some(_)) if redirects_to_https(&tiers, &request) => to_https(&request),
        Ok(Some(target)) => at(&tiers, &request, target).await,
        Ok(None) => Constant::Misdirected.reply(),
        Err(_) => Constant::Unavailable.reply(),
    }
}

enum Target {
    Stage(SiteName, StageName),
    Deployment(SiteName, DeploymentId),
}

async fn target<P: Ports>(
    tiers: &Tiers<P>,
    host: &Hostname,
    place: Place,
) -> Result<Option<Target>, Fault> {
    Ok(match place {
        Place::Stage(site, stage) => Some(Target::Stage(site, stage)),
        Place::Deployment(site, id) => Some(Target::Deployment(site, id)),
        Place::Base => {
            let site = tiers.ports.settings().default_site.clone();
            site.map(|site| Target::Stage(site, StageName::production()))
        }
        Place::Custom => {
            let record = custom_host(tiers, host).await?;
            record.map(|record| Target::Stage(record.site.clone(), record.stage.clone()))
        }
        Place::Fresh(_) | Place::Nothing => None,
    })
}

/// What a custom hostname serves; kept as long as a live record may be used.
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
    match deadline::read(&tiers.ports, ms, &key).await {
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

async fn at<P: Ports>(tiers: &Tiers<P>, request: &Request<'_>, target: Target) -> Reply<P> {
    match target {
        Target::Stage(site, stage) => match live::live(tiers, &site, &stage).await {
            Ok(Some(live)) => {
                let id = live.record.deployment.clone();
                let serving =
                    Serving { site, id, stage: Some(stage), live: Some(live), view: None };
                serve(tiers, request, serving).await
            }
            Ok(None) => Constant::Misdirected.reply(),
            Err(_) => Constant::Unavailable.reply(),
        },
        Target::Deployment(site, id) => {
            // Boxed, as all that is rare.
            Box::pin(deployment_host::answer(tiers, request, site, id)).await
        }
    }
}

fn redirects_to_https<P: Ports>(tiers: &Tiers<P>, request: &Request<'_>) -> bool {
    tiers.ports.settings().https_only && request.scheme == Scheme::Http
}

/// The same address over HTTPS, on its default port.
fn to_https<P: Ports>(request: &Request<'_>) -> Reply<P> {
    let address = format!("https://{}{}", request.host.as_str(), request.path.canonical());
    let mut headers = Headers::with_capacity(6);
    headers.set("location", request.with_query(address));
    headers.set("content-length", "0");
    headers.set("cache-control", "no-store");
    headers.set("x-content-type-options", "nosniff");
    headers.set("cache-status", "selvedge; fwd=bypass; detail=https-only");
    Reply { status: 308, headers, body: ReplyBody::Empty }
}

//! The fresh host: collections of the production stage, uncached, for those who have a key.
//!
//! Not a stage: it has no assets, no redirects, no pages. The invariant is that nothing is told
//! without a key, not even whether there is such a site; and that what is told comes from the
//! store itself, is kept nowhere, and may be kept by nobody.

use std::rc::Rc;

use crate::cache::live;
use crate::cache::record_map::Kept;
use crate::cache::tiers::{Tier, Tiers};
use crate::cache::windows::RecordKey;
use crate::ports::deadline::within;
use crate::ports::limiter::{Verdict, WINDOW_SECS};
use crate::ports::{Fault, Ports};
use crate::serve::constant::Constant;
use crate::serve::headers::HeaderStage;
use crate::serve::objects::describe;
use crate::serve::objects::uncached;
use crate::serve::outcome::Outcome;
use crate::serve::request::{Request, RequestHeader};
use crate::serve::response::Reply;
use crate::site::ids::{SiteName, StageName};
use crate::site::records::site::{ApiKey, TokenText};
use crate::site::records::view::SiteView;
use crate::wire::bearer::{TOKEN_BYTES_MAX, bearer};
use crate::wire::url::Scheme;

/// How long a key that is not known yet may be taken for none: it may have just been made. Asking
/// again more often would let who guesses keys keep the store busy.
const NEW_KEY_MS: u64 = 1_000;

/// How every response of a fresh host came about: from no cache, and into none.
const CACHE_STATUS: &str = "selvedge; fwd=bypass; detail=fresh";

/// The reply of a site's fresh host.
pub async fn answer<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    site: &SiteName,
) -> Reply<P> {
    let key = match key(tiers, request, site).await {
        Ok(key) => key,
        Err(_) => return constant(Constant::Unavailable),
    };
    let verdict = match &key {
        Some(key) => limited(tiers, site, key).await,
        None => {
            let rate = tiers.ports.settings().fresh_rate;
            tiers.memory.take_refused(rate, tiers.ports.now())
        }
    };
    match (verdict, key) {
        (Verdict::Wait(secs), _) => {
            let mut reply = constant(Constant::TooManyRequests);
            reply.headers.set("retry-after", secs.to_string());
            reply
        }
        (Verdict::Pass, None) => constant(Constant::Unauthorized),
        (Verdict::Pass, Some(_)) => {
            let reply = serve(tiers, request, site).await;
            reply.unwrap_or_else(|_| constant(Constant::Unavailable))
        }
    }
}

/// The key that a request shows, `None` when it shows none that opens anything.
async fn key<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    site: &SiteName,
) -> Result<Option<ApiKey>, Fault> {
    let Some(shown) = shown(request) else { return Ok(None) };
    // What can't be a key of this site is not worth a look at the site.
    let text = TokenText::parse_key(&shown).filter(|text| text.site == *site);
    let Some(text) = text else { return Ok(None) };
    let (now, fresh_ms) = (tiers.ports.now(), tiers.ports.settings().live.fresh_ms);
    let view = view_of(tiers, site, fresh_ms).await?;
    if let Some(key) = text.key_of(&view.keys, now) {
        return Ok(Some(key.clone()));
    }
    let view = view_of(tiers, site, fresh_ms.min(NEW_KEY_MS)).await?;
    Ok(text.key_of(&view.keys, now).cloned())
}

/// The one key that a request shows; two that differ are none.
fn shown(request: &Request<'_>) -> Option<String> {
    let authorization = request.headers.value(RequestHeader::Authorization);
    let api_key = request.headers.value(RequestHeader::XApiKey);
    let fits = |key: &String| key.len() <= TOKEN_BYTES_MAX;
    match (authorization, api_key) {
        (None, api_key) => api_key.filter(fits),
        (Some(value), None) => bearer(&value).map(str::to_owned),
        (Some(value), Some(api_key)) => {
            bearer(&value).filter(|key| *key == api_key).map(str::to_owned)
        }
    }
}

/// The site, whose keys are none where it does not exist.
///
/// They are kept for as long as a live record is used as it is, and for the whole of its bound
/// when the store fails; not longer, so that a revoked key is of no use.
async fn view_of<P: Ports>(
    tiers: &Tiers<P>,
    site: &SiteName,
    fresh_ms: u64,
) -> Result<Rc<SiteView>, Fault> {
    let (settings, now) = (tiers.ports.settings(), tiers.ports.now());
    let kept = tiers.memory.sites.find(site);
    // What was read in the future was read before the clock went back, nobody knows how long.
    let is_within =
        |kept: &Kept<SiteView>, ms: u64| kept.read_ms <= now && now.since(kept.read_ms) < ms;
    if let Some(kept) = kept.as_ref().filter(|kept| is_within(kept, fresh_ms)) {
        return Ok(kept.record.clone());
    }
    let ms = tiers.store_ms(settings.deadlines.read_ms);
    match RecordKey::read(site, &tiers.ports, &tiers.memory, ms).await {
        Ok(found) => found.map(|found| found.record).ok_or(Fault::Failed),
        Err(fault) => {
            let kept = kept.filter(|kept| is_within(kept, settings.live.stale_ms));
            kept.map(|kept| kept.record).ok_or(fault)
        }
    }
}

/// What becomes of a request of a key: the runtime's limiter says, else this isolate's own.
async fn limited<P: Ports>(tiers: &Tiers<P>, site: &SiteName, key: &ApiKey) -> Verdict {
    let (settings, now) = (tiers.ports.settings(), tiers.ports.now());
    // Nothing of the request is in it, so that no other header or spelling gets another limit.
    let name = format!("fresh/{site}/{}", key.id);
    match within(&tiers.ports, settings.deadlines.edge_ms, tiers.ports.limit(&name)).await {
        Ok(true) => Verdict::Pass,
        // It does not say for how long; a window is over at the next full minute at the latest.
        Ok(false) => Verdict::Wait(WINDOW_SECS.saturating_sub(now.seconds().0 % WINDOW_SECS)),
        Err(_) => tiers.memory.take(&name, settings.fresh_rate, now),
    }
}

async fn serve<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    site: &SiteName,
) -> Result<Reply<P>, Fault> {
    let stage = StageName::production();
    let Some(live) = live::live(tiers, site, &stage).await? else {
        return Ok(constant(Constant::NotFound));
    };
    let manifest = tiers.manifest(site, &live.record.deployment).await;
    let manifest = manifest.ok().flatten().ok_or(Fault::Failed)?;
    let config = &manifest.head().config;
    let named =
        config.collection(request.path.decoded()).filter(|(collection, _)| collection.fresh);
    let outcome = match &named {
        Some((collection, name)) => {
            tiers.note(Tier::Store);
            uncached::read(tiers, request, site, collection, name).await?
        }
        None => None,
    };
    let mut outcome = outcome.unwrap_or_else(|| Outcome::constant(Constant::NotFound));
    outcome.headers.set("cache-control", "no-store");
    let header_stage = HeaderStage {
        host: request.host.as_str(),
        path: request.path.decoded(),
        file: None,
        config,
        policy: config.policy(&stage),
        stage: Some(stage.as_str()),
        is_indexed: false,
        is_secure: request.scheme == Scheme::Https,
        deployment: &live.record.deployment,
        live: Some(&live),
        live_stale_ms: tiers.ports.settings().live.stale_ms,
        tier: tiers.slowest(),
        is_kept: tiers.is_kept(),
        now: tiers.ports.now(),
    };
    let mut headers = header_stage.apply_mutable(outcome.headers, &outcome.cache_status);
    if let Some((collection, _)) = named {
        describe::keep_inert(collection, &mut headers);
    }
    headers.set("cache-status", CACHE_STATUS);
    Ok(Reply { status: outcome.status, headers, body: outcome.body })
}

/// A constant, where nothing of a site is to be told.
fn constant<P: Ports>(constant: Constant) -> Reply<P> {
    let mut reply = constant.reply();
    reply.headers.set("cache-status", CACHE_STATUS);
    reply
}

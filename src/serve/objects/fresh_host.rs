//! The fresh host: collections of the production stage, uncached, for clients with an API key.
//!
//! Without a valid key, nothing can be learned, not even whether there is such a site.

use std::rc::Rc;

use crate::cache::live;
use crate::cache::record_map::Kept;
use crate::cache::tiers::{Tier, Tiers};
use crate::cache::windows::RecordKey;
use crate::ports::limiter::Admission;
use crate::ports::{Fault, Ports, RateLimit, Result};
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::headers::SiteHeaders;
use crate::serve::limit::admission;
use crate::serve::objects::uncached;
use crate::serve::request::{Request, RequestHeader};
use crate::serve::response::{Response, Stage, finish};
use crate::site::ids::{SiteName, StageName};
use crate::site::records::site::{Credential, TokenText};
use crate::site::records::view::SiteView;
use crate::wire::bearer::{TOKEN_BYTES_MAX, bearer};

/// How long an unknown key is refused without reading the site again: it may be new. Guessing keys
/// must not keep the store busy.
const NEW_KEY_MS: u64 = 1_000;

/// The `detail` of Cache-Status for all responses of a fresh host.
const DETAIL: &str = "fresh";

/// Returns the response of a site's fresh host.
pub async fn respond<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    site: &SiteName,
) -> Response<P> {
    let draft = match refusal(tiers, request, site).await {
        Ok(None) => match serve(tiers, request, site).await {
            Ok(response) => return response,
            Err(error) => Draft::error(error),
        },
        Ok(Some(refusal)) => refusal,
        Err(error) => Draft::error(error),
    };
    finish(request.recipient(), draft.detail(DETAIL), Stage::Siteless)
}

/// Returns the refusal of a request without a valid key, or with one used too often.
async fn refusal<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    site: &SiteName,
) -> Result<Option<Draft<P>>, HttpError> {
    let key = key(tiers, request, site).await?;
    let admission = match &key {
        Some(key) => {
            let name = format!("fresh/{site}/{}", key.id);
            admission(tiers, RateLimit::Fresh, &name).await
        }
        None => {
            let rate = tiers.ports.settings().fresh_rate;
            tiers.memory.take_refused(rate, tiers.ports.now())
        }
    };
    Ok(match (admission, key) {
        (Admission::Wait(secs), _) => {
            let mut draft = Draft::error(HttpError::TooManyRequests);
            draft.headers.set("retry-after", secs.to_string());
            Some(draft)
        }
        (Admission::Pass, None) => Some(Draft::error(HttpError::Unauthorized)),
        (Admission::Pass, Some(_)) => None,
    })
}

/// Returns the valid key of a request, if it has one.
async fn key<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    site: &SiteName,
) -> Result<Option<Credential>> {
    let Some(shown) = shown(request) else { return Ok(None) };
    // A token that can't be a key of this site costs no read.
    let text = TokenText::parse_key(&shown).filter(|text| text.site == *site);
    let Some(text) = text else { return Ok(None) };
    let (now, fresh_ms) = (tiers.ports.now(), tiers.ports.settings().live.fresh_ms);
    let view = view_of(tiers, site, fresh_ms).await?;
    if let Some(key) = text.find(&view.keys, now) {
        return Ok(Some(key.clone()));
    }
    let view = view_of(tiers, site, fresh_ms.min(NEW_KEY_MS)).await?;
    Ok(text.find(&view.keys, now).cloned())
}

/// Returns the key in the headers; two that differ count as none.
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

/// Returns the site's keys; none if it does not exist.
///
/// They are kept for as long as a live record is fresh, and for the whole of its bound if the store
/// fails. Not longer, so that a revoked key stops working.
async fn view_of<P: Ports>(
    tiers: &Tiers<P>,
    site: &SiteName,
    fresh_ms: u64,
) -> Result<Rc<SiteView>> {
    let (settings, now) = (tiers.ports.settings(), tiers.ports.now());
    let kept = tiers.memory.sites.find(site);
    // A record read in the future was read before the clock went back, at an unknown time.
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

async fn serve<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    site: &SiteName,
) -> Result<Response<P>, HttpError> {
    let stage = StageName::production();
    let live = live::live(tiers, site, &stage).await?.ok_or(HttpError::NotFound)?;
    let deployment = &live.record.deployment;
    let manifest = tiers.manifest(site, deployment).await?.ok_or(HttpError::Unavailable)?;
    let config = &manifest.head().config;
    let named =
        config.collection(request.path.decoded()).filter(|(collection, _)| collection.fresh);
    let draft = match &named {
        Some((collection, name)) => {
            tiers.note(Tier::Store);
            uncached::read(tiers, request, site, collection, name).await?
        }
        None => None,
    };
    let mut draft = draft.unwrap_or_else(|| Draft::error(HttpError::NotFound));
    draft.headers.set("cache-control", "no-store");
    let collection = named.as_ref().map(|(collection, _)| *collection);
    let site = SiteHeaders::new(tiers, request, config, Some(&stage), deployment, Some(&live));
    let stage = Stage::Mutable { site: site.not_indexed(), collection };
    Ok(finish(request.recipient(), draft.detail(DETAIL), stage))
}

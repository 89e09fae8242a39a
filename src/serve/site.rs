//! A site's answer: from a deployment and a request to a reply.
//!
//! Not where the deployment is chosen: it is given, once, so that no response mixes two. The
//! invariant is that existence is decided by the manifest and by nothing else.

use std::rc::Rc;

use http::Method;

use crate::cache::live::Live;
use crate::cache::tiers::{Tiers, Unavailable};
use crate::cache::windows::{self, Current};
use crate::ports::{Part, Ports};
use crate::serve::actions::{self, Route};
use crate::serve::assets::represent::{self, Selection};
use crate::serve::assets::resolve::{Resolution, resolve, resolve_rewritten};
use crate::serve::constant::Constant;
use crate::serve::headers::{HeaderStage, Lifetime};
use crate::serve::objects;
use crate::serve::objects::describe;
use crate::serve::request::{Request, RequestHeader};
use crate::serve::response::{Reply, ReplyBody};
use crate::site::action::Action;
use crate::site::collection::Access;
use crate::site::config::{NotFoundMode, StageKind, StagePolicy};
use crate::site::deployment::asset::{Asset, Class, Representation};
use crate::site::deployment::manifest::{APPLICATION_PAGES, Manifest, ShardPlace};
use crate::site::deployment::shard::Shard;
use crate::site::ids::{DeploymentId, SiteName, StageName};
use crate::site::keys::StoredFor;
use crate::site::records::ban::Ban;
use crate::site::records::view::SiteView;
use crate::site::rules::RedirectOutcome;
use crate::wire::coding::{self, Coding};
use crate::wire::headers::Headers;
use crate::wire::path;
use crate::wire::range;
use crate::wire::url::Scheme;

/// Most retained deployments that one request looks into: each may cost two reads in a cold
/// isolate. Three deploys a day for the 30 days that they are retained stay below it.
const RETAINED_LOOKUPS_MAX: usize = 100;

/// What is to be served.
pub struct Serving {
    /// The site.
    pub site: SiteName,
    /// The deployment.
    pub id: DeploymentId,
    /// The stage, `None` at a deployment's own address.
    pub stage: Option<StageName>,
    /// The live record that named the deployment.
    pub live: Option<Live>,
    /// The site, where its takedowns hide files: at a deployment's own address.
    pub view: Option<Rc<SiteView>>,
}

/// The reply of a deployment to a request.
pub async fn serve<P: Ports>(
    tiers: &Tiers<P>,
    request: &Request<'_>,
    serving: Serving,
) -> Reply<P> {
    let manifest = match tiers.manifest(&serving.site, &serving.id).await {
        Ok(Some(manifest)) => manifest,
        // A deployment's own address may be of none; a live one that is gone is a store that lies.
        Ok(None) if serving.live.is_none() => return Constant::Misdirected.reply(),
        Ok(None) | Err(_) => return Constant::Unavailable.reply(),
    };
    let answer = Answer { tiers, request, serving: &serving, manifest };
    answer.reply().await.unwrap_or_else(|_| Constant::Unavailable.reply())
}

struct Answer<'a, P: Ports> {
    tiers: &'a Tiers<P>,
    request: &'a Request<'a>,
    serving: &'a Serving,
    manifest: Rc<Manifest>,
}

impl<P: Ports> Answer<'_, P> {
    async fn reply(&self) -> Result<Reply<P>, Unavailable> {
        let config = &self.manifest.head().config;
        let requested = self.request.path.decoded();
        let rule =
            config.redirects.resolve(self.request.host.as_str(), requested, self.request.query);
        let resolution = match rule {
            Some(RedirectOutcome::Location { status, location }) => {
                return Ok(self.redirect(status, location));
            }
            Some(RedirectOutcome::Rewrite { path }) => self.resolve_rewritten(&path).await?,
            None => {
                if let Some(action) = self.action(|action| action.first) {
                    return Ok(self.act(action).await);
                }
                if config.is_of_collection(requested) {
                    return self.object().await;
                }
                self.resolve().await?
            }
        };
        if resolution == Resolution::Missing
            && let Some(action) = self.action(|action| !action.first)
        {
            return Ok(self.act(action).await);
        }
        match (resolution, &self.request.method) {
            (Resolution::Missing, _) => self.missing().await,
            (_, &Method::OPTIONS) => Ok(self.options()),
            _ if !self.request.is_read() => Ok(self.constant(Constant::MethodNotAllowed)),
            (Resolution::Redirect(to), _) => {
                let location = self.request.with_query(path::encode(&to));
                Ok(self.redirect(config.redirect_status.into(), location))
            }
            (Resolution::Asset { file, asset }, _) => self.asset(&file, &asset).await,
        }
    }

    /// The first action whose prefix holds the path.
    fn action(&self, is_meant: impl Fn(&Action) -> bool) -> Option<&Action> {
        let path = self.request.path.decoded();
        let mut actions = self.manifest.head().config.actions.iter();
        actions.find(|action| is_meant(action) && action.prefix.holds(path))
    }

    async fn act(&self, action: &Action) -> Reply<P> {
        let route = Route {
            action,
            site: &self.serving.site,
            stored_for: self.stored_for(),
            bans: self.bans(),
        };
        let outcome = Box::pin(actions::answer(self.tiers, self.request, &route)).await;
        let headers = self.stage(None).apply_mutable(outcome.headers, &outcome.cache_status);
        Reply { status: outcome.status, headers, body: outcome.body }
    }

    /// The object of a collection, or that there is none: nothing else is looked for.
    async fn object(&self) -> Result<Reply<P>, Unavailable> {
        let config = &self.manifest.head().config;
        let found = config.collection(self.request.path.decoded());
        let found = found.filter(|(collection, _)| collection.access == Access::Public);
        let Some((collection, name)) = found else { return self.no_object().await };
        let route = objects::Route {
            collection,
            name: &name,
            site: &self.serving.site,
            stored_for: self.stored_for(),
            bans: self.bans(),
        };
        let outcome = Box::pin(objects::answer(self.tiers, self.request, &route)).await;
        let Some(outcome) = outcome.map_err(Unavailable::Store)? else {
            return self.no_object().await;
        };
        let mut headers = self.stage(None).apply_mutable(outcome.headers, &outcome.cache_status);
        describe::keep_inert(collection, &mut headers);
        Ok(Reply { status: outcome.status, headers, body: outcome.body })
    }

    async fn no_object(&self) -> Result<Reply<P>, Unavailable> {
        match self.manifest.head().config.not_found {
            NotFoundMode::Page => self.missing().await,
            // An object that is not there is no route of an application.
            NotFoundMode::SinglePageApplication | NotFoundMode::None => {
                Ok(self.constant(Constant::NotFound))
            }
        }
    }

    /// The stage whose copies of mutable sources may be kept.
    ///
    /// A deployment's own address has no live record, and so no bans.
    fn stored_for(&self) -> Option<StoredFor<'_>> {
        let is_permanent = self.policy().kind == StageKind::Permanent;
        let stage = self.serving.stage.as_ref().filter(|_| is_permanent)?;
        let live = self.serving.live.as_ref();
        let site_created_ms = live.and_then(|live| live.record.site_created_ms);
        Some(StoredFor { stage, site_created_ms })
    }

    fn bans(&self) -> &[Ban] {
        self.serving.live.as_ref().map_or(&[], |live| &live.record.bans)
    }

    async fn resolve(&self) -> Result<Resolution, Unavailable> {
        let shard = self.shard(&self.manifest, self.request.path.decoded()).await?;
        let mode = self.manifest.head().config.html;
        Ok(resolve(mode, self.request.path, &|path| self.shown(&shard, path)))
    }

    async fn resolve_rewritten(&self, to: &str) -> Result<Resolution, Unavailable> {
        let shard = self.shard(&self.manifest, to).await?;
        let mode = self.manifest.head().config.html;
        Ok(resolve_rewritten(mode, to, &|path| self.shown(&shard, path)))
    }

    /// Returns the asset at a path, unless a takedown hides it here.
    fn shown(&self, table: &Table, path: &str) -> Option<Asset> {
        if self.hides(path) { None } else { table.lookup(path) }
    }

    fn hides(&self, path: &str) -> bool {
        self.serving.view.as_ref().is_some_and(|view| view.hides(path))
    }

    async fn shard(&self, manifest: &Rc<Manifest>, path: &str) -> Result<Table, Unavailable> {
        match manifest.shard_of(path) {
            None => Ok(Table::Empty),
            Some(ShardPlace::Inline(_)) => Ok(Table::Inline(manifest.clone())),
            Some(ShardPlace::Blob(hash)) => {
                self.tiers.shard(&self.serving.site, &hash).await.map(Table::Shard)
            }
        }
    }

    async fn asset(&self, file: &str, asset: &Asset) -> Result<Reply<P>, Unavailable> {
        let now = self.tiers.ports.now().seconds();
        let lifetime = Lifetime::Of(asset.class());
        match represent::select(self.request, asset, now) {
            Selection::PreconditionFailed => Ok(self.constant(Constant::PreconditionFailed)),
            Selection::NotModified(of) => {
                let headers = representation_headers(asset, &of);
                Ok(self.finish(304, Some(file), headers, lifetime, ReplyBody::Empty))
            }
            Selection::Full(of) => {
                let mut headers = representation_headers(asset, &of);
                headers.set("content-length", of.length.to_string());
                let body = self.body(&of, None).await?;
                Ok(self.finish(200, Some(file), headers, lifetime, body))
            }
            Selection::Part { of, first, last } => {
                let length = last.saturating_sub(first).saturating_add(1);
                let mut headers = representation_headers(asset, &of);
                headers.set("content-range", range::content_range(first, last, of.length));
                headers.set("content-length", length.to_string());
                let body = self.body(&of, Some(Part { first, length })).await?;
                Ok(self.finish(206, Some(file), headers, lifetime, body))
            }
            Selection::Unsatisfiable { length } => {
                let mut headers = Constant::RangeNotSatisfiable.headers();
                headers.set("content-range", range::content_range_unsatisfied(length));
                let body = Constant::RangeNotSatisfiable.into();
                Ok(self.finish(416, Some(file), headers, Lifetime::Never, body))
            }
        }
    }

    async fn missing(&self) -> Result<Reply<P>, Unavailable> {
        if self.request.is_read()
            && let Some(reply) = self.retained().await?
        {
            return Ok(reply);
        }
        let head = self.manifest.head();
        match head.config.not_found {
            NotFoundMode::SinglePageApplication
                if self.request.is_read() && self.request.is_navigation() =>
            {
                match &head.application_page {
                    Some(page) if self.shows_application_page(page).await? => {
                        self.page(200, page, Lifetime::StandIn).await
                    }
                    Some(_) | None => Ok(self.constant(Constant::NotFound)),
                }
            }
            NotFoundMode::Page => {
                let path = self.request.path.decoded();
                let shows = |folder: &str| {
                    self.serving.view.is_none() || !self.hides(&[folder, "404.html"].concat())
                };
                match self.manifest.not_found_page(path, &shows) {
                    Some(page) => self.page(404, page, Lifetime::Never).await,
                    None => Ok(self.constant(Constant::NotFound)),
                }
            }
            NotFoundMode::SinglePageApplication | NotFoundMode::None => {
                Ok(self.constant(Constant::NotFound))
            }
        }
    }

    /// A fingerprinted file of an earlier deployment, for pages that were opened before.
    async fn retained(&self) -> Result<Option<Reply<P>>, Unavailable> {
        let path = self.request.path.decoded();
        let Some(live) = &self.serving.live else { return Ok(None) };
        let possible = self.manifest.head().config.may_be_fingerprinted(path);
        if !possible || !self.request.path.is_canonical() {
            return Ok(None);
        }
        for earlier in live.record.retained.iter().take(RETAINED_LOOKUPS_MAX) {
            let site = &self.serving.site;
            let manifest = self.tiers.manifest(site, &earlier.deployment).await?;
            let Some(manifest) = manifest else { continue };
            let asset = self.shard(&manifest, path).await?.lookup(path);
            let Some(asset) = asset.filter(|a| a.class().outlives_deployment()) else { continue };
            if Box::pin(self.is_taken_down(path)).await? {
                return Ok(None);
            }
            let serving = Serving {
                site: site.clone(),
                id: earlier.deployment.clone(),
                stage: self.serving.stage.clone(),
                live: self.serving.live.clone(),
                view: None,
            };
            let answer =
                Answer { tiers: self.tiers, request: self.request, serving: &serving, manifest };
            return answer.asset(path, &asset).await.map(Some);
        }
        Ok(None)
    }

    /// Whether the site's takedowns hide a file of its retained deployments.
    async fn is_taken_down(&self, path: &str) -> Result<bool, Unavailable> {
        let found = windows::current(self.tiers, &self.serving.site).await;
        let found = found.and_then(|view| view.map(Current::decided).transpose());
        let view = found.map_err(Unavailable::Store)?;
        Ok(view.is_none_or(|view| view.record.hides(path)))
    }

    /// Returns whether the fallback page may be served here: whether a file that it can be has its
    /// content and is not hidden.
    async fn shows_application_page(&self, page: &Asset) -> Result<bool, Unavailable> {
        if self.serving.view.as_ref().is_none_or(|view| view.hides_nothing()) {
            return Ok(true);
        }
        let own = self.manifest.head().application_path.as_deref();
        for file in own.into_iter().chain(APPLICATION_PAGES) {
            let table = self.shard(&self.manifest, file).await?;
            let found = self.shown(&table, file);
            if found.is_some_and(|found| found.identity().hash == page.identity().hash) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A page that stands in for what is not there: never a 304, never a part.
    async fn page(
        &self,
        status: u16,
        page: &Asset,
        lifetime: Lifetime,
    ) -> Result<Reply<P>, Unavailable> {
        let accept_encoding = self.request.headers.value(RequestHeader::AcceptEncoding);
        let available = page.representations().iter().map(|r| (r.coding, r.length));
        let of = page.representation(coding::negotiate(accept_encoding.as_deref(), available));
        let mut headers = representation_headers(page, &of);
        headers.remove("accept-ranges");
        if lifetime == Lifetime::Never {
            headers.remove("etag");
        }
        headers.set("content-length", of.length.to_string());
        let body = self.body(&of, None).await?;
        Ok(self.finish(status, None, headers, lifetime, body))
    }

    async fn body(
        &self,
        of: &Representation,
        part: Option<Part>,
    ) -> Result<ReplyBody<P>, Unavailable> {
        if self.request.method == Method::HEAD {
            return Ok(ReplyBody::Empty);
        }
        self.tiers.body(&self.serving.site, of, part).await
    }

    fn options(&self) -> Reply<P> {
        let mut headers = Headers::with_capacity(12);
        // A 204 has no `Content-Length` (RFC 9110 §8.6).
        headers.set("allow", "GET, HEAD, OPTIONS");
        self.finish(204, None, headers, Lifetime::Never, ReplyBody::Empty)
    }

    fn redirect(&self, status: u16, location: String) -> Reply<P> {
        let mut headers = Headers::with_capacity(12);
        headers.set("location", location);
        headers.set("content-length", "0");
        self.finish(status, None, headers, Lifetime::Of(Class::Other), ReplyBody::Empty)
    }

    fn constant(&self, constant: Constant) -> Reply<P> {
        self.finish(constant.status(), None, constant.headers(), Lifetime::Never, constant.into())
    }

    fn finish(
        &self,
        status: u16,
        file: Option<&str>,
        headers: Headers,
        lifetime: Lifetime,
        body: ReplyBody<P>,
    ) -> Reply<P> {
        let header_stage = self.stage(file);
        Reply { status, headers: header_stage.apply(status, headers, lifetime), body }
    }

    fn policy(&self) -> StagePolicy {
        let config = &self.manifest.head().config;
        match &self.serving.stage {
            Some(stage) => config.policy(stage),
            None => config.deployment_policy(),
        }
    }

    fn stage<'a>(&'a self, file: Option<&'a str>) -> HeaderStage<'a> {
        let config = &self.manifest.head().config;
        let stage = self.serving.stage.as_ref();
        let settings = self.tiers.ports.settings();
        HeaderStage {
            host: self.request.host.as_str(),
            path: self.request.path.decoded(),
            file,
            config,
            policy: self.policy(),
            stage: stage.map(StageName::as_str),
            is_indexed: stage.is_some_and(StageName::is_production),
            is_secure: self.request.scheme == Scheme::Https,
            deployment: &self.serving.id,
            live: self.serving.live.as_ref(),
            live_stale_ms: settings.live.stale_ms,
            tier: self.tiers.slowest(),
            is_kept: self.tiers.is_kept(),
            now: self.tiers.ports.now(),
        }
    }
}

/// Where a lookup goes: a shard that is kept alive as long as the lookup.
enum Table {
    Empty,
    Inline(Rc<Manifest>),
    Shard(Rc<Shard>),
}

impl Table {
    fn lookup(&self, path: &str) -> Option<Asset> {
        match self {
            Self::Empty => None,
            Self::Shard(shard) => shard.lookup(path),
            Self::Inline(manifest) => match manifest.shard_of(path) {
                Some(ShardPlace::Inline(shard)) => shard.lookup(path),
                Some(ShardPlace::Blob(_)) | None => None,
            },
        }
    }
}

/// The headers that describe a representation, but for its length.
///
/// # Source
/// RFC 9110 §8 and §12.5.5; §15.4.5 for what a 304 repeats: all of these.
fn representation_headers(asset: &Asset, of: &Representation) -> Headers {
    let mut headers = Headers::with_capacity(16);
    headers.set("content-type", asset.media_type().to_owned());
    if of.coding != Coding::Identity {
        headers.set("content-encoding", of.coding.token());
    }
    headers.set("etag", represent::entity_tag(asset, of));
    if asset.is_negotiated() {
        headers.set("vary", "accept-encoding");
    }
    headers.set("accept-ranges", "bytes");
    headers
}

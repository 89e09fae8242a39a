//! From an asset to a response: content negotiation, and the body from the tiers.

use http::Method;

use crate::cache::tiers::Unavailable;
use crate::ports::bodies::ResponseBody;
use crate::ports::{Part, Ports};
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::headers::Lifetime;
use crate::serve::present::{Found, Open, present};
use crate::serve::request::{Request, RequestHeader};
use crate::serve::response::Response;
use crate::serve::site_request::SiteRequest;
use crate::site::deployment::asset::{Asset, Representation};
use crate::wire::coding::{self, Coding};
use crate::wire::headers::Headers;
use crate::wire::range::{self, RangeOutcome};

impl<P: Ports> SiteRequest<'_, P> {
    /// Returns the response to a GET or HEAD of an asset.
    pub(in crate::serve) async fn asset(
        &self,
        file: &str,
        asset: &Asset,
    ) -> Result<Response<P>, HttpError> {
        let draft = self.asset_draft(asset).await?;
        // The rules of a file do not apply if a precondition failed.
        let file = Some(file).filter(|_| draft.status != 412);
        Ok(self.finish(draft, file, Lifetime::Of(asset.class())))
    }

    /// Returns the response to a GET or HEAD of an asset, before the header stage.
    ///
    /// A range is served from the identity representation, so a request with one selects that.
    pub(in crate::serve) async fn asset_draft(
        &self,
        asset: &Asset,
    ) -> Result<Draft<P>, Unavailable> {
        let now = self.tiers.ports.now().seconds();
        let length = asset.identity().length;
        let range = self.request.range();
        let range = range.filter(|range| range::resolve(range, length) != RangeOutcome::Full);
        let mut of = match range {
            Some(_) => asset.identity(),
            None => negotiate(self.request, asset),
        };
        let (mut draft, open) = present(self.request, found(asset, &of), range.as_deref(), now);
        if range.is_some() && open == Open::Whole {
            // If-Range does not hold.
            of = negotiate(self.request, asset);
            draft = found(asset, &of).whole();
        }
        draft.body = match open {
            Open::Nothing => draft.body,
            Open::Whole => self.body(&of, None).await?,
            Open::Part(part) => self.body(&of, Some(part)).await?,
        };
        Ok(draft)
    }

    /// Returns a page that is served in place of a missing one: never a 304 or a part.
    pub(super) async fn page(
        &self,
        status: u16,
        page: &Asset,
        lifetime: Lifetime,
    ) -> Result<Response<P>, HttpError> {
        let of = negotiate(self.request, page);
        let mut draft = Found { status, ..found(page, &of) }.whole();
        draft.headers.remove("accept-ranges");
        if lifetime == Lifetime::Never {
            draft.headers.remove("etag");
        }
        if self.request.method != Method::HEAD {
            draft.body = self.body(&of, None).await?;
        }
        Ok(self.finish(draft, None, lifetime))
    }

    async fn body(
        &self,
        of: &Representation,
        part: Option<Part>,
    ) -> Result<ResponseBody<P>, Unavailable> {
        self.tiers.body(&self.serving.site, of, part).await
    }
}

/// Selects a content coding (RFC 9110 section 12.5.3).
fn negotiate(request: &Request<'_>, asset: &Asset) -> Representation {
    if !asset.is_negotiated() {
        return asset.identity();
    }
    let accept_encoding = request.headers.value(RequestHeader::AcceptEncoding);
    let available = asset.representations().iter().map(|r| (r.coding, r.length));
    asset.representation(coding::negotiate(accept_encoding.as_deref(), available))
}

/// Describes a representation. A 304 repeats all of these headers.
fn found(asset: &Asset, of: &Representation) -> Found {
    let mut headers = Headers::with_capacity(16);
    headers.set("content-type", asset.media_type().to_owned());
    if of.coding != Coding::Identity {
        headers.set("content-encoding", of.coding.token());
    }
    headers.set("etag", entity_tag(asset, of));
    if asset.is_negotiated() {
        headers.set("vary", "accept-encoding");
    }
    headers.set("accept-ranges", "bytes");
    Found { status: 200, headers, length: Some(of.length) }
}

/// Returns the entity tag of a representation. Codings need different strong tags (RFC 9110 section
/// 8.8.3.3), so it is made of the hash of the content and the name of the coding.
fn entity_tag(asset: &Asset, of: &Representation) -> String {
    let mut tag = String::with_capacity(40);
    tag.push('"');
    tag.push_str(&asset.identity().hash.short_hex());
    tag.push_str(of.coding.suffix());
    tag.push('"');
    tag
}

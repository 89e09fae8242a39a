//! The response, which only [`finish`] constructs: none leaves without passing the header stage.

use crate::ports::Ports;
use crate::ports::bodies::ResponseBody;
use crate::serve::draft::Draft;
use crate::serve::error_document;
use crate::serve::headers::{Lifetime, SiteHeaders};
use crate::serve::request::Recipient;
use crate::site::collection::Collection;
use crate::wire::headers::Headers;

/// A response whose length is known before its body is read.
pub struct Response<P: Ports> {
    status: u16,
    headers: Headers,
    body: ResponseBody<P>,
}

impl<P: Ports> Response<P> {
    pub fn status(&self) -> u16 {
        self.status
    }

    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    pub fn into_parts(self) -> (u16, Headers, ResponseBody<P>) {
        (self.status, self.headers, self.body)
    }
}

/// The headers that a response gets besides its own.
pub enum Stage<'a, P: Ports> {
    /// A file of a deployment, or a response that a site gives in its place.
    Asset {
        site: SiteHeaders<'a, P>,
        /// The file, which rules may select too.
        file: Option<&'a str>,
        lifetime: Lifetime,
    },
    /// An object or the response of an upstream: its own lifetime stands.
    Mutable { site: SiteHeaders<'a, P>, collection: Option<&'a Collection> },
    /// A rendition, its source in its place, or an error of either.
    Rendition {
        site: SiteHeaders<'a, P>,
        /// The path of the source, which rules may select too.
        source: Option<&'a str>,
        /// Whether no rule changes its lifetime.
        fixed: bool,
    },
    /// A response that no site had a part in.
    Siteless,
}

/// Completes the headers of a response, selects the form of an error, and drops the body for HEAD.
pub fn finish<P: Ports>(
    recipient: Recipient<'_>,
    draft: Draft<P>,
    stage: Stage<'_, P>,
) -> Response<P> {
    let Draft { status, mut headers, mut body, error, cache_status } = draft;
    match stage {
        Stage::Asset { site, file, lifetime } => {
            let lifetime = if error.is_some() { Lifetime::Never } else { lifetime };
            site.apply(status, &mut headers, file, lifetime);
        }
        Stage::Mutable { site, collection } => {
            site.apply_mutable(&mut headers, collection, &cache_status);
        }
        Stage::Rendition { site, source, fixed } => {
            let fixed = fixed || error.is_some();
            site.apply_rendition(&mut headers, source, fixed, &cache_status);
        }
        Stage::Siteless => {
            headers.set("cache-control", "no-store");
            headers.set("x-content-type-options", "nosniff");
            if error.is_some() {
                headers.set("content-security-policy", "default-src 'none'");
                headers.set("x-robots-tag", "noindex");
            }
            headers.set("cache-status", cache_status.text());
        }
    }
    if let Some(error) = error.filter(|_| recipient.goes_to_a_page()) {
        let document = error_document::of(error);
        headers.set("content-type", error_document::MEDIA_TYPE);
        headers.set("content-length", document.len().to_string());
        // In place of the site's own policy, which is not made for this document.
        headers.set("content-security-policy", error_document::POLICY);
        body = ResponseBody::Bytes(document.into_bytes());
    }
    if recipient.is_head {
        body = ResponseBody::Empty;
    }
    Response { status, headers, body }
}

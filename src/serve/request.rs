//! The request as data.
//!
//! Only the headers listed here are ever read, so no other header of a client can change a
//! response. Bodies stay with the ports.

use http::Method;

use crate::wire::host::Hostname;
use crate::wire::path::{self, RequestPath};
use crate::wire::precondition::{self, Conditions, Validators, Verdict};
use crate::wire::range::{self, RangeOutcome};
use crate::wire::time::UnixSeconds;
use crate::wire::url::Scheme;

/// The request headers that serving reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestHeader {
    AcceptEncoding,
    Host,
    IfMatch,
    IfModifiedSince,
    IfNoneMatch,
    IfUnmodifiedSince,
    Range,
    /// Read for single-page applications and errors only.
    Accept,
    /// Read by the admin API and the fresh host only.
    Authorization,
    /// Read for uploads only.
    ContentLength,
    /// Read only if there is a `Range`.
    IfRange,
    /// Read for single-page applications and errors only.
    SecFetchMode,
    /// Read by the fresh host only.
    XApiKey,
}

impl RequestHeader {
    /// The headers that are read for every request for an asset.
    pub const USUAL: [Self; 7] = [
        Self::AcceptEncoding,
        Self::Host,
        Self::IfMatch,
        Self::IfModifiedSince,
        Self::IfNoneMatch,
        Self::IfUnmodifiedSince,
        Self::Range,
    ];

    /// Returns the name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::AcceptEncoding => "accept-encoding",
            Self::Authorization => "authorization",
            Self::ContentLength => "content-length",
            Self::Host => "host",
            Self::IfMatch => "if-match",
            Self::IfModifiedSince => "if-modified-since",
            Self::IfNoneMatch => "if-none-match",
            Self::IfRange => "if-range",
            Self::IfUnmodifiedSince => "if-unmodified-since",
            Self::Range => "range",
            Self::SecFetchMode => "sec-fetch-mode",
            Self::XApiKey => "x-api-key",
        }
    }
}

pub trait RequestHeaders {
    /// Returns the value of a header, its lines joined by `, `; `None` if it is absent.
    fn value(&self, header: RequestHeader) -> Option<String>;
}

/// A request whose URL and method are well-formed.
pub struct Request<'a> {
    pub method: Method,
    pub scheme: Scheme,
    pub host: &'a Hostname,
    /// The authority as it was sent, port and all.
    pub authority: &'a str,
    pub path: &'a RequestPath,
    /// The query, without its `?`.
    pub query: Option<&'a str>,
    pub headers: &'a dyn RequestHeaders,
}

impl Request<'_> {
    /// Returns whether the method is GET or HEAD.
    pub fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    pub fn recipient(&self) -> Recipient<'_> {
        Recipient { is_head: self.method == Method::HEAD, headers: self.headers }
    }

    /// Evaluates the preconditions (RFC 9110 section 13.2.2).
    pub fn evaluate(&self, current: &Validators<'_>, now: UnixSeconds) -> Verdict {
        let if_match = self.headers.value(RequestHeader::IfMatch);
        let if_none_match = self.headers.value(RequestHeader::IfNoneMatch);
        let modified = self.headers.value(RequestHeader::IfModifiedSince);
        let unmodified = self.headers.value(RequestHeader::IfUnmodifiedSince);
        let conditions = Conditions {
            if_match: if_match.as_deref(),
            if_none_match: if_none_match.as_deref(),
            if_modified_since: modified.as_deref(),
            if_unmodified_since: unmodified.as_deref(),
        };
        precondition::evaluate(self.is_read(), &conditions, current, now)
    }

    /// Appends the query of the request to an address.
    pub fn with_query(&self, mut address: String) -> String {
        if let Some(query) = self.query {
            address.push('?');
            address.push_str(query);
        }
        address
    }

    /// Returns the `Range` header of a GET; with other methods it has no meaning.
    pub fn range(&self) -> Option<String> {
        match self.method {
            Method::GET => self.headers.value(RequestHeader::Range),
            _ => None,
        }
    }

    /// Resolves a range of the current representation, unless `If-Range` does not hold.
    ///
    /// # Source
    /// RFC 9110 sections 13.1.5 and 14.2
    pub fn part(
        &self,
        range: &str,
        current: &Validators<'_>,
        length: u64,
        now: UnixSeconds,
    ) -> RangeOutcome {
        let if_range = self.headers.value(RequestHeader::IfRange);
        match precondition::if_range_holds(if_range.as_deref(), current, now) {
            true => range::resolve(range, length),
            false => RangeOutcome::Full,
        }
    }

    /// Returns whether the client navigates to a page, as opposed to a page loading a part of
    /// itself: by Fetch Metadata, or, without them, if the client accepts HTML and the path has no
    /// file extension.
    pub fn is_navigation(&self) -> bool {
        match self.headers.value(RequestHeader::SecFetchMode) {
            Some(mode) => mode == NAVIGATE,
            None => {
                accepts_html(self.headers) && path::file_extension(self.path.decoded()).is_none()
            }
        }
    }
}

/// The part of a request that decides the form of any response, even to a malformed request.
#[derive(Clone, Copy)]
pub struct Recipient<'a> {
    pub is_head: bool,
    pub headers: &'a dyn RequestHeaders,
}

impl Recipient<'_> {
    /// Returns whether the response will be shown as a page: by Fetch Metadata, or, without them,
    /// if the client accepts HTML by name.
    pub fn goes_to_a_page(&self) -> bool {
        match self.headers.value(RequestHeader::SecFetchMode) {
            Some(mode) => mode == NAVIGATE,
            None => accepts_html(self.headers),
        }
    }
}

/// The `Sec-Fetch-Mode` of a navigation (Fetch Metadata section 2.2).
const NAVIGATE: &str = "navigate";

fn accepts_html(headers: &dyn RequestHeaders) -> bool {
    headers.value(RequestHeader::Accept).is_some_and(|accept| accept.contains("text/html"))
}

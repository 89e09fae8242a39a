//! The request as data: what of it the pipeline may see.
//!
//! Not the request: bodies stay with the ports, and of the headers only the ones listed here
//! are ever read. The invariant is that nothing reaches a decision but these, so that no other
//! header of a client can change what anybody gets.

use http::Method;

use crate::wire::host::Hostname;
use crate::wire::path::RequestPath;
use crate::wire::precondition::{self, Conditions, Validators, Verdict};
use crate::wire::range::{self, RangeOutcome};
use crate::wire::time::UnixSeconds;
use crate::wire::url::Scheme;

/// The request headers that serving reads: the whole list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestHeader {
    /// RFC 9110 §12.5.3.
    AcceptEncoding,
    /// RFC 9110 §7.2.
    Host,
    /// RFC 9110 §13.1.1.
    IfMatch,
    /// RFC 9110 §13.1.3.
    IfModifiedSince,
    /// RFC 9110 §13.1.2.
    IfNoneMatch,
    /// RFC 9110 §13.1.4.
    IfUnmodifiedSince,
    /// RFC 9110 §14.2.
    Range,
    /// RFC 9110 §12.5.1; read for single-page applications and in place of an error only.
    Accept,
    /// RFC 9110 §11.6.2; read by the admin API and the fresh host only.
    Authorization,
    /// RFC 9110 §8.6; read by uploads only.
    ContentLength,
    /// RFC 9110 §13.1.5; read where there is a range only.
    IfRange,
    /// Fetch Metadata; read for single-page applications and in place of an error only.
    SecFetchMode,
    /// A key of the fresh host; read there only.
    XApiKey,
}

impl RequestHeader {
    /// The headers that every request for an asset is read for, in the order of their numbers.
    pub const USUAL: [Self; 7] = [
        Self::AcceptEncoding,
        Self::Host,
        Self::IfMatch,
        Self::IfModifiedSince,
        Self::IfNoneMatch,
        Self::IfUnmodifiedSince,
        Self::Range,
    ];

    /// The field's name, lower-case.
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

/// Where headers come from.
pub trait RequestHeaders {
    /// Returns the value of a header, its lines joined by `, `; `None` when it is absent.
    fn value(&self, header: RequestHeader) -> Option<String>;
}

/// A request for something that a site serves.
pub struct Request<'a> {
    /// The method, case and all; one that no standard knows is its own token.
    pub method: Method,
    /// The scheme that the client used.
    pub scheme: Scheme,
    /// The hostname, folded.
    pub host: &'a Hostname,
    /// The authority as it was sent, to build addresses of this very server.
    pub authority: &'a str,
    /// The path.
    pub path: &'a RequestPath,
    /// The query, without its `?`.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a dyn RequestHeaders,
}

impl Request<'_> {
    /// Whether the method is GET or HEAD.
    pub fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    /// What the preconditions make of the request, given what there is.
    ///
    /// # Source
    /// RFC 9110 §13.2.2
    pub fn evaluate(&self, current: &Validators<'_>, now: UnixSeconds) -> Verdict {
        let field = |name| self.headers.value(name);
        let (if_match, if_none_match) =
            (field(RequestHeader::IfMatch), field(RequestHeader::IfNoneMatch));
        let modified = field(RequestHeader::IfModifiedSince);
        let unmodified = field(RequestHeader::IfUnmodifiedSince);
        let conditions = Conditions {
            if_match: if_match.as_deref(),
            if_none_match: if_none_match.as_deref(),
            if_modified_since: modified.as_deref(),
            if_unmodified_since: unmodified.as_deref(),
        };
        precondition::evaluate(self.is_read(), &conditions, current, now)
    }

    /// An address with the query of the request.
    pub fn with_query(&self, mut address: String) -> String {
        if let Some(query) = self.query {
            address.push('?');
            address.push_str(query);
        }
        address
    }

    /// The `Range` field where it counts: of a GET.
    pub fn range(&self) -> Option<String> {
        match self.method {
            Method::GET => self.headers.value(RequestHeader::Range),
            _ => None,
        }
    }

    /// What part of a representation of some length is asked for, given what there is.
    ///
    /// # Source
    /// RFC 9110 §13.1.5 and §14.2
    pub fn part(&self, current: &Validators<'_>, length: u64, now: UnixSeconds) -> RangeOutcome {
        let Some(range) = self.range() else { return RangeOutcome::Full };
        let if_range = self.headers.value(RequestHeader::IfRange);
        match precondition::if_range_holds(if_range.as_deref(), current, now) {
            true => range::resolve(&range, length),
            false => RangeOutcome::Full,
        }
    }

    /// Whether a person is going to a page, as opposed to a page fetching a part of itself.
    ///
    /// `Sec-Fetch-Mode` where the browser sends it; else a client that accepts HTML and asks for
    /// a path without a file extension.
    pub fn is_navigation(&self) -> bool {
        match self.headers.value(RequestHeader::SecFetchMode) {
            Some(mode) => mode == NAVIGATE,
            None => {
                accepts_html(self.headers)
                    && crate::wire::path::file_extension(self.path.decoded()).is_none()
            }
        }
    }
}

/// The mode of a request that a person makes by going to a page (Fetch Metadata §2.2).
const NAVIGATE: &str = "navigate";

fn accepts_html(headers: &dyn RequestHeaders) -> bool {
    headers.value(RequestHeader::Accept).is_some_and(|accept| accept.contains("text/html"))
}

/// Whether a person is going to a page, whatever its address: for what is shown in place of one.
///
/// `Sec-Fetch-Mode` where the browser sends it, else whether HTML is accepted by name.
pub fn goes_to_a_page(headers: &dyn RequestHeaders) -> bool {
    match headers.value(RequestHeader::SecFetchMode) {
        Some(mode) => mode == NAVIGATE,
        None => accepts_html(headers),
    }
}

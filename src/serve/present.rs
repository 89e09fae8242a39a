//! Decides between 200, 206, 304, 412 and 416, in the order of RFC 9110 section 13.2.2.
//!
//! A source describes the representation that it has as a [`Found`] and opens the body afterwards,
//! if [`Open`] asks for it: a 304, 412, 416 or HEAD never opens one.

use http::Method;

use crate::ports::bodies::ResponseBody;
use crate::ports::{Part, Ports};
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::serve::request::Request;
use crate::wire::date;
use crate::wire::headers::Headers;
use crate::wire::precondition::{Validators, Verdict};
use crate::wire::range::{self, RangeOutcome};
use crate::wire::time::UnixSeconds;

/// A representation whose body has not been opened.
pub struct Found {
    pub status: u16,
    /// All headers of the representation but `Content-Length`; they hold its validators.
    pub headers: Headers,
    /// `None` if unknown: the representation then has no ranges.
    pub length: Option<u64>,
}

/// How much of the body a response needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    Nothing,
    Whole,
    Part(Part),
}

impl Found {
    pub fn whole<P: Ports>(mut self) -> Draft<P> {
        if let Some(length) = self.length {
            self.headers.set("content-length", length.to_string());
        }
        Draft::new(self.status, self.headers, ResponseBody::Empty)
    }
}

/// Returns the response to a GET or HEAD, and how much of the body is to be put into it.
///
/// `range` is the request's `Range` header, if it is to be taken into account.
///
/// # Source
/// RFC 9110 sections 13.2.2, 14.2 and 15.4.5
pub fn present<P: Ports>(
    request: &Request<'_>,
    found: Found,
    range: Option<&str>,
    now: UnixSeconds,
) -> (Draft<P>, Open) {
    let last_modified = found.headers.value("last-modified");
    let validators = Validators {
        etag: found.headers.value("etag").unwrap_or_default(),
        last_modified: last_modified.and_then(|text| date::parse(text, now)),
    };
    match request.evaluate(&validators, now) {
        Verdict::Proceed => {}
        Verdict::NotModified => {
            return (Draft::new(304, found.headers, ResponseBody::Empty), Open::Nothing);
        }
        Verdict::PreconditionFailed => {
            return (Draft::error(HttpError::PreconditionFailed), Open::Nothing);
        }
    }
    let length = found.length.unwrap_or_default();
    let outcome = match range.filter(|_| found.length.is_some()) {
        Some(range) => request.part(range, &validators, length, now),
        None => RangeOutcome::Full,
    };
    match outcome {
        RangeOutcome::Part { first, last } => {
            let part = Part { first, length: last.saturating_sub(first).saturating_add(1) };
            let mut headers = found.headers;
            headers.set("content-range", range::content_range(first, last, length));
            headers.set("content-length", part.length.to_string());
            (Draft::new(206, headers, ResponseBody::Empty), Open::Part(part))
        }
        RangeOutcome::Unsatisfiable => {
            let error = HttpError::RangeNotSatisfiable;
            let mut headers = error.headers();
            headers.set("content-range", range::content_range_unsatisfied(length));
            (Draft::error_with(error, headers), Open::Nothing)
        }
        RangeOutcome::Full if request.method == Method::HEAD => (found.whole(), Open::Nothing),
        RangeOutcome::Full => (found.whole(), Open::Whole),
    }
}

//! From an asset to a representation: content negotiation, preconditions, ranges.
//!
//! Not the bytes: all of it is decided from the manifest, before anything is opened. The invariant
//! is that 304, 412 and 416 are decided here and nowhere else, and need no blob.

use crate::serve::request::{Request, RequestHeader};
use crate::site::deployment::asset::{Asset, Representation};
use crate::wire::coding;
use crate::wire::precondition::{self, Validators, Verdict};
use crate::wire::range::{self, RangeOutcome};
use crate::wire::time::UnixSeconds;

/// What a request for an asset gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All of a representation.
    Full(Representation),
    /// A part of the identity representation, both ends included.
    Part {
        /// The representation.
        of: Representation,
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// What the client has is current.
    NotModified(Representation),
    /// A precondition does not hold.
    PreconditionFailed,
    /// No byte of the range exists.
    Unsatisfiable {
        /// The length of the identity representation.
        length: u64,
    },
}

/// The entity tag of a representation: the content's hash, and the coding's name.
///
/// # Source
/// RFC 9110 §8.8.3.3: representations of one resource in different codings need different
/// strong tags.
pub fn entity_tag(asset: &Asset, representation: &Representation) -> String {
    let mut tag = String::with_capacity(40);
    tag.push('"');
    tag.push_str(&asset.identity().hash.short_hex());
    tag.push_str(representation.coding.suffix());
    tag.push('"');
    tag
}

/// What a GET or HEAD for an asset gets.
///
/// A range is served of the identity representation, so a request with one selects that.
///
/// # Source
/// RFC 9110 §12.5.3 (codings), §13.2.2 (order of preconditions), §14.2 (ranges of GET only)
pub fn select(request: &Request<'_>, asset: &Asset, now: UnixSeconds) -> Selection {
    let range = request.range();
    let ranged = range.as_deref().map(|value| range::resolve(value, asset.identity().length));
    let ranged = ranged.filter(|outcome| *outcome != RangeOutcome::Full);
    let selected = match ranged {
        Some(_) => asset.identity(),
        None => negotiate(request, asset),
    };
    let tag = entity_tag(asset, &selected);
    let validators = Validators { etag: &tag, last_modified: None };
    match request.evaluate(&validators, now) {
        Verdict::NotModified => return Selection::NotModified(selected),
        Verdict::PreconditionFailed => return Selection::PreconditionFailed,
        Verdict::Proceed => {}
    }
    let Some(outcome) = ranged else { return Selection::Full(selected) };
    let if_range = request.headers.value(RequestHeader::IfRange);
    if !precondition::if_range_holds(if_range.as_deref(), &validators, now) {
        return Selection::Full(negotiate(request, asset));
    }
    match outcome {
        RangeOutcome::Part { first, last } => Selection::Part { of: selected, first, last },
        RangeOutcome::Unsatisfiable => Selection::Unsatisfiable { length: selected.length },
        RangeOutcome::Full => Selection::Full(selected),
    }
}

fn negotiate(request: &Request<'_>, asset: &Asset) -> Representation {
    if !asset.is_negotiated() {
        return asset.identity();
    }
    let accept_encoding = request.headers.value(RequestHeader::AcceptEncoding);
    let available = asset.representations().iter().map(|r| (r.coding, r.length));
    asset.representation(coding::negotiate(accept_encoding.as_deref(), available))
}

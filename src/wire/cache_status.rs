//! The Cache-Status field: how this cache handled a request.
//!
//! By hand: every response has one, all its words are constants, and `sfv` writes parameters
//! without the space that ours always had.
//!
//! RFC 9211. Only the member of this cache, and only the parameters that it sends; a member of a
//! cache further back is kept in front of it by whoever appends.

use crate::wire::text::push_number;

/// The name that this cache goes by in the field.
pub const CACHE_NAME: &str = "selvedge";

/// This cache's member of a Cache-Status field.
///
/// # Source
/// RFC 9211 section 2.
///
/// # Example
/// ```
/// use selvedge::wire::cache_status::{CacheStatus, Forward, State};
///
/// let status = CacheStatus {
///     state: State::Forward(Forward::UriMiss),
///     ttl: None,
///     stored: true,
///     detail: Some("store"),
/// };
/// assert_eq!(status.text(), "selvedge; fwd=uri-miss; stored; detail=store");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStatus {
    /// Whether it was a hit, or why it was forwarded.
    pub state: State,
    /// What is left of the freshness lifetime in seconds, below 0 when stale (RFC 9211 section
    /// 2.4).
    pub ttl: Option<i64>,
    /// Whether the response was stored (RFC 9211 section 2.5).
    pub stored: bool,
    /// A word of our own, an RFC 8941 token: the tier that answered, or a reason (RFC 9211 section
    /// 2.8).
    pub detail: Option<&'static str>,
}

/// Whether a request was satisfied by the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was, without going forward (RFC 9211 section 2.1).
    Hit,
    /// It went forward (RFC 9211 section 2.2).
    Forward(Forward),
}

/// Why a request went forward.
///
/// # Source
/// RFC 9211 section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// Nothing was stored for the URI.
    UriMiss,
    /// Something was, but its Vary did not match.
    VaryMiss,
    /// What was stored is stale.
    Stale,
    /// The cache was configured not to handle the request.
    Bypass,
    /// The method's semantics require it.
    Method,
    /// The request's cache directives require it.
    Request,
}

impl Forward {
    /// Returns the token of the `fwd` parameter.
    pub fn token(self) -> &'static str {
        match self {
            Forward::UriMiss => "uri-miss",
            Forward::VaryMiss => "vary-miss",
            Forward::Stale => "stale",
            Forward::Bypass => "bypass",
            Forward::Method => "method",
            Forward::Request => "request",
        }
    }
}

impl CacheStatus {
    /// Returns a hit, with nothing else to say.
    pub fn hit() -> CacheStatus {
        CacheStatus { state: State::Hit, ttl: None, stored: false, detail: None }
    }

    /// Returns a forwarded request, with nothing else to say.
    pub fn forward(reason: Forward) -> CacheStatus {
        CacheStatus { state: State::Forward(reason), ttl: None, stored: false, detail: None }
    }

    /// Returns the member of the field, parameters and all.
    ///
    /// # Source
    /// RFC 9211 section 2.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(64);
        text.push_str(CACHE_NAME);
        match self.state {
            State::Hit => text.push_str("; hit"),
            State::Forward(reason) => {
                text.push_str("; fwd=");
                text.push_str(reason.token());
            }
        }
        if let Some(ttl) = self.ttl {
            text.push_str(if ttl < 0 { "; ttl=-" } else { "; ttl=" });
            push_number(&mut text, ttl.unsigned_abs(), 1);
        }
        if self.stored {
            text.push_str("; stored");
        }
        if let Some(detail) = self.detail {
            text.push_str("; detail=");
            text.push_str(detail);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{CacheStatus, Forward, State};

    #[test]
    fn writes_the_field_value() {
        let hit = State::Hit;
        let rows = [
            (hit, None, false, None, "selvedge; hit"),
            (hit, Some(12), false, Some("memory"), "selvedge; hit; ttl=12; detail=memory"),
            (hit, Some(-3), false, None, "selvedge; hit; ttl=-3"),
            (
                State::Forward(Forward::UriMiss),
                None,
                true,
                Some("store"),
                "selvedge; fwd=uri-miss; stored; detail=store",
            ),
            (State::Forward(Forward::VaryMiss), None, false, None, "selvedge; fwd=vary-miss"),
            (
                State::Forward(Forward::Stale),
                Some(0),
                true,
                None,
                "selvedge; fwd=stale; ttl=0; stored",
            ),
            (State::Forward(Forward::Bypass), None, false, None, "selvedge; fwd=bypass"),
            (State::Forward(Forward::Method), None, false, None, "selvedge; fwd=method"),
            (State::Forward(Forward::Request), None, false, None, "selvedge; fwd=request"),
        ];
        for (state, ttl, stored, detail, expected) in rows {
            assert_eq!(CacheStatus { state, ttl, stored, detail }.text(), expected);
        }
        assert_eq!(CacheStatus::hit().text(), "selvedge; hit");
        assert_eq!(CacheStatus::forward(Forward::Stale).text(), "selvedge; fwd=stale");
    }
}

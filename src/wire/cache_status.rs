//! The `Cache-Status` header (RFC 9211).
//!
//! Written without `sfv`: every response has this header, and `sfv` omits the space between
//! parameters that ours has always had.

use crate::wire::text::push_number;

/// The name of this cache in the header.
pub const CACHE_NAME: &str = "selvedge";

/// The member of this cache in the header (RFC 9211 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStatus {
    pub state: State,
    /// Remaining freshness lifetime in seconds, negative if stale.
    pub ttl: Option<i64>,
    pub stored: bool,
    /// An RFC 8941 token: the tier that served the response, or a reason.
    pub detail: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Hit,
    Forward(Forward),
}

/// The reason why a request was forwarded (RFC 9211 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    UriMiss,
    VaryMiss,
    Stale,
    Bypass,
    Method,
    Request,
}

impl Forward {
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
    pub fn hit() -> CacheStatus {
        CacheStatus { state: State::Hit, ttl: None, stored: false, detail: None }
    }

    pub fn forward(reason: Forward) -> CacheStatus {
        CacheStatus { state: State::Forward(reason), ..CacheStatus::hit() }
    }

    /// Returns the member with its parameters.
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
    use super::Forward::{Bypass, Method, Request, Stale, UriMiss, VaryMiss};
    use super::{CacheStatus, State};

    #[test]
    fn members_are_written_with_their_parameters() {
        let (hit, forward) = (State::Hit, State::Forward);
        let rows = [
            (hit, None, false, None, "hit"),
            (hit, Some(12), false, Some("memory"), "hit; ttl=12; detail=memory"),
            (hit, Some(-3), false, None, "hit; ttl=-3"),
            (forward(UriMiss), None, true, Some("store"), "fwd=uri-miss; stored; detail=store"),
            (forward(VaryMiss), None, false, None, "fwd=vary-miss"),
            (forward(Stale), Some(0), true, None, "fwd=stale; ttl=0; stored"),
            (forward(Bypass), None, false, None, "fwd=bypass"),
            (forward(Method), None, false, None, "fwd=method"),
            (forward(Request), None, false, None, "fwd=request"),
        ];
        for (state, ttl, stored, detail, expected) in rows {
            let text = CacheStatus { state, ttl, stored, detail }.text();
            assert_eq!(text, format!("selvedge; {expected}"));
        }
        assert_eq!(CacheStatus::hit().text(), "selvedge; hit");
        assert_eq!(CacheStatus::forward(Stale).text(), "selvedge; fwd=stale");
    }
}

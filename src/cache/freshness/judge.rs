//! Decides whether a stored response may be used.
//!
//! With age, the result only ever gets stricter. Written by hand because the cap and the stale
//! windows are our own; tests compare the rest with `http-cache-semantics`.

use crate::site::records::ban::{Ban, Subject, is_banned};
use crate::wire::time::{DeltaSeconds, UnixMillis};

/// For how long a stored response may be used, and how.
///
/// `lifetime_ms` and the windows after it are ages, counted from when the response was generated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    pub requested_ms: UnixMillis,
    pub received_ms: UnixMillis,
    /// `corrected_initial_age` (RFC 9111 section 4.2.3).
    pub initial_age_ms: u64,
    /// The freshness lifetime (RFC 9111 section 4.2.1).
    pub lifetime_ms: u64,
    /// How long after that it is used while it is refreshed (RFC 5861 section 3).
    pub while_revalidate_ms: u64,
    /// How long after its lifetime it is used if the source responds with an error (RFC 5861
    /// section 4).
    pub if_error_ms: u64,
    /// How long after its lifetime it is used if the source does not respond (RFC 9111 section
    /// 4.2.4).
    pub if_lost_ms: u64,
    /// The age at which it becomes unusable.
    pub life_ms: u64,
    /// Whether it is validated before each use (RFC 9111 section 5.2.2.4, `no-cache`).
    pub always_validate: bool,
    /// Whether it is never used stale (RFC 9111 section 4.2.4).
    pub never_stale: bool,
}

/// How a stored response may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    Fresh,
    /// Use it, and refresh it in the background.
    StaleWhileRevalidate,
    /// Validate it; use it if that fails in a way that it [bridges](Timing::bridges).
    StaleIfError,
    /// Validate it; never use it otherwise.
    MustValidate,
    Miss,
}

/// How a validation can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A 500, 502, 503 or 504 (RFC 5861 section 4).
    ServerError,
    /// No complete response: no connection, a timeout, or one cut off.
    Lost,
}

impl Timing {
    /// Returns the current age (RFC 9111 section 4.2.3).
    pub fn age_ms(&self, now: UnixMillis) -> u64 {
        self.initial_age_ms.saturating_add(now.since(self.received_ms))
    }

    pub fn judge(&self, now: UnixMillis) -> Freshness {
        let age_ms = self.age_ms(now);
        let after = |window_ms: u64| self.lifetime_ms.saturating_add(window_ms);
        if age_ms >= self.life_ms {
            Freshness::Miss
        } else if self.always_validate {
            Freshness::MustValidate
        } else if age_ms < self.lifetime_ms {
            Freshness::Fresh
        } else if self.never_stale {
            Freshness::MustValidate
        } else if age_ms < after(self.while_revalidate_ms) {
            Freshness::StaleWhileRevalidate
        } else if age_ms < after(self.if_error_ms.max(self.if_lost_ms)) {
            Freshness::StaleIfError
        } else {
            Freshness::MustValidate
        }
    }

    /// Like [`judge`](Self::judge), but a ban makes it a miss.
    pub fn judge_under(&self, bans: &[Ban], subject: &Subject<'_>, now: UnixMillis) -> Freshness {
        if is_banned(bans, subject) { Freshness::Miss } else { self.judge(now) }
    }

    /// Returns whether the response is used after a failed validation.
    pub fn bridges(&self, failure: Failure, now: UnixMillis) -> bool {
        let window_ms = match failure {
            Failure::ServerError => self.if_error_ms,
            Failure::Lost => self.if_lost_ms,
        };
        match self.judge(now) {
            Freshness::Fresh | Freshness::StaleWhileRevalidate => true,
            Freshness::StaleIfError => {
                self.age_ms(now) < self.lifetime_ms.saturating_add(window_ms)
            }
            Freshness::MustValidate | Freshness::Miss => false,
        }
    }

    /// Returns the rest of the freshness lifetime, negative if stale (RFC 9211 section 2.4).
    pub fn ttl_secs(&self, now: UnixMillis) -> i64 {
        let secs = |ms: u64| i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
        secs(self.lifetime_ms).saturating_sub(secs(self.age_ms(now)))
    }

    /// Returns how long after its arrival a tier must keep the response.
    pub fn keep_secs(&self) -> DeltaSeconds {
        let left_ms = self.life_ms.saturating_sub(self.initial_age_ms);
        DeltaSeconds::saturating_from(left_ms.div_ceil(1_000))
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::cache::freshness::admit::{Exchange, Extent, Policy, admit};
    use crate::site::action::SetCookie;
    use crate::wire::cache_control::RequestDirectives;
    use crate::wire::headers::Headers;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    /// Returns the timing of a response; an empty entity tag counts as none.
    fn timing(cache_control: &'static str, etag: &'static str) -> Timing {
        let mut headers = Headers::new();
        headers.set("cache-control", cache_control);
        headers.set("etag", etag);
        let policy = Policy { cap_ms: 1_800_000, heuristic: false, set_cookie: SetCookie::Never };
        let exchange = Exchange {
            method: &Method::GET,
            authority: "a.test",
            has_authorization: false,
            directives: RequestDirectives::default(),
            status: 200,
            headers: &headers,
            is_own_content_location: false,
            extent: Extent::Whole,
            requested_ms: NOW,
            received_ms: NOW,
        };
        admit(&policy, &exchange).unwrap()
    }

    /// On both sides of every boundary, in seconds of age.
    #[test]
    fn windows_are_exact() {
        use Freshness::{Fresh, Miss, MustValidate, StaleIfError, StaleWhileRevalidate};
        let rows: [(&str, &[(u64, Freshness)]); 5] = [
            (
                "max-age=60, stale-while-revalidate=30, stale-if-error=60",
                &[
                    (59, Fresh),
                    (60, StaleWhileRevalidate),
                    (89, StaleWhileRevalidate),
                    (90, StaleIfError),
                    (119, StaleIfError),
                    (120, Miss),
                ],
            ),
            (
                "max-age=60",
                &[(59, Fresh), (60, StaleIfError), (1_799, StaleIfError), (1_800, Miss)],
            ),
            ("max-age=86400", &[(1_799, Fresh), (1_800, Miss)]),
            ("max-age=60, stale-if-error=86400", &[(1_799, StaleIfError), (1_800, Miss)]),
            ("max-age=60, stale-if-error=0", &[(59, Fresh), (60, Miss)]),
        ];
        for (text, ages) in rows {
            let timing = timing(text, "");
            for (age, expected) in ages {
                assert_eq!(timing.judge(NOW.plus(age * 1_000)), *expected, "{text} at {age}");
            }
        }
        let timing = timing("max-age=60, stale-if-error=9", "\"a\"");
        assert_eq!(timing.judge(NOW.plus(69_000)), MustValidate);
        assert_eq!(timing.keep_secs(), DeltaSeconds(1_800));
        assert_eq!((timing.ttl_secs(NOW), timing.ttl_secs(NOW.plus(65_000))), (60, -5));
    }

    #[test]
    fn failures_are_bridged_as_far_as_their_kind_goes() {
        use Failure::{Lost, ServerError};
        let rows = [
            ("max-age=60", ServerError, 59, true),
            ("max-age=60", ServerError, 60, false),
            ("max-age=60", Lost, 1_799, true),
            ("max-age=60", Lost, 1_800, false),
            ("max-age=60, stale-if-error=9", ServerError, 68, true),
            ("max-age=60, stale-if-error=9", ServerError, 69, false),
            ("max-age=60, stale-if-error=9", Lost, 68, true),
            ("max-age=60, stale-if-error=9", Lost, 69, false),
            ("max-age=60, stale-while-revalidate=9", ServerError, 68, true),
            ("max-age=60, stale-while-revalidate=9", ServerError, 69, false),
            ("max-age=60, must-revalidate", Lost, 59, true),
            ("max-age=60, must-revalidate", Lost, 60, false),
            ("max-age=60, proxy-revalidate", Lost, 60, false),
            ("s-maxage=60", Lost, 60, false),
            ("max-age=60, no-cache", Lost, 0, false),
        ];
        for (text, failure, age, expected) in rows {
            let is_bridged = timing(text, "\"a\"").bridges(failure, NOW.plus(age * 1_000));
            assert_eq!(is_bridged, expected, "{text} {failure:?} at {age}");
        }
    }
}

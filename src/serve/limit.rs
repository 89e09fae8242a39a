//! Rate limits: the runtime's limiter, or this isolate's own if that is missing or fails.

use crate::cache::tiers::Tiers;
use crate::ports::deadline::within;
use crate::ports::limiter::{Admission, WINDOW_SECS};
use crate::ports::{Ports, RateLimit};

/// Counts a request under a name. The name contains nothing that a client may spell differently.
pub async fn admission<P: Ports>(tiers: &Tiers<P>, limit: RateLimit, name: &str) -> Admission {
    let (settings, now) = (tiers.ports.settings(), tiers.ports.now());
    let rate = match limit {
        RateLimit::Fresh => settings.fresh_rate,
        RateLimit::Media => settings.media.rate,
    };
    match within(&tiers.ports, settings.deadlines.edge_ms, tiers.ports.limit(limit, name)).await {
        Ok(true) => Admission::Pass,
        // It does not say for how long; its window ends at the next full minute at the latest.
        Ok(false) => Admission::Wait(WINDOW_SECS.saturating_sub(now.seconds().0 % WINDOW_SECS)),
        Err(_) => tiers.memory.take(name, rate, now),
    }
}

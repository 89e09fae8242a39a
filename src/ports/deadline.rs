//! Deadlines and retries: every await on the request path has a deadline.
//!
//! A result that is ready at once costs no timer. Both functions hand a boxed or pinned future to
//! one that is compiled once for each type of result, not once for each call.

use std::future::Future;
use std::pin::{Pin, pin};

use futures_util::future::{Either, poll_immediate, select};

use crate::ports::fault::{Fault, Result};
use crate::ports::isolate::Clock;

/// Number of retries after an immediate failure.
const RETRIES_MAX: u32 = 2;
/// First pause between tries in milliseconds; the second is twice as long.
const RETRY_PAUSE_MS: u64 = 25;

type Attempt<'a, T> = dyn Future<Output = Result<T>> + 'a;

/// Awaits an operation for at most `ms`.
pub async fn within<C: Clock, T>(
    clock: &C,
    ms: u64,
    operation: impl Future<Output = Result<T>>,
) -> Result<T> {
    limited(clock, ms, pin!(operation)).await
}

/// Awaits an operation for at most `ms` in all, and retries it if it fails at once.
///
/// A store that is busy or did not answer in time is not asked again: that would make it worse.
pub async fn persistently<C: Clock, T, F>(
    clock: &C,
    ms: u64,
    mut operation: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut attempt = || -> Pin<Box<Attempt<'_, T>>> { Box::pin(operation()) };
    limited(clock, ms, pin!(retried(clock, &mut attempt))).await
}

async fn retried<'a, C: Clock, T>(
    clock: &C,
    attempt: &mut (dyn FnMut() -> Pin<Box<Attempt<'a, T>>> + '_),
) -> Result<T> {
    let mut pause_ms = RETRY_PAUSE_MS;
    for _ in 0..RETRIES_MAX {
        match attempt().await {
            Err(Fault::Failed) => clock.sleep(pause_ms).await,
            result => return result,
        }
        pause_ms = pause_ms.saturating_mul(2);
    }
    attempt().await
}

async fn limited<C: Clock, T>(
    clock: &C,
    ms: u64,
    mut attempt: Pin<&mut Attempt<'_, T>>,
) -> Result<T> {
    if let Some(result) = poll_immediate(attempt.as_mut()).await {
        return result;
    }
    match select(attempt, pin!(clock.sleep(ms))).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(Fault::TimedOut),
    }
}

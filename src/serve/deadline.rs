//! Deadlines: no await on the request path is without one.
//!
//! Not timers of their own: the port's `sleep` is started only when the answer is not there at
//! once, so that what is ready costs no timer.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::serve::ports::{Fault, Ports};

/// What a future gave, or [`Fault::TimedOut`] when it did not in time.
///
/// # Units
/// Milliseconds.
pub async fn within<P: Ports, T>(
    ports: &P,
    ms: u64,
    future: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let mut future = pin!(future);
    if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        return answer;
    }
    let mut sleep = pin!(ports.sleep(ms));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(answer),
        Poll::Pending => sleep.as_mut().poll(cx).map(|()| Err(Fault::TimedOut)),
    })
    .await
}

/// Tries after the first, where a failure is worth one.
const RETRIES_MAX: u32 = 2;
/// First pause between tries in milliseconds; the second is twice as long.
const RETRY_PAUSE_MS: u64 = 25;

/// What an operation gave within its deadline, tried again when it failed at once.
///
/// A busy store is not asked again, nor is one that did not answer in time: both would be made
/// worse. All tries together end within the deadline of the first.
pub async fn persistently<P: Ports, T, F>(
    ports: &P,
    ms: u64,
    mut operation: impl FnMut() -> F,
) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let tries = async {
        let mut pause_ms = RETRY_PAUSE_MS;
        for _ in 0..RETRIES_MAX {
            match operation().await {
                Err(Fault::Failed) => ports.sleep(pause_ms).await,
                answer => return answer,
            }
            pause_ms = pause_ms.saturating_mul(2);
        }
        operation().await
    };
    within(ports, ms, tries).await
}

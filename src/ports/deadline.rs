//! Deadlines: no await on the request path is without one.
//!
//! Not timers of their own: the port's `sleep` is started only when the answer is not there at
//! once, so that what is ready costs no timer.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};

use futures_util::future::{Either, poll_immediate, select};

use crate::ports::{Fault, Listing, Object, Part, Ports, Versioned};
use crate::site::keys::Key;

/// Tries after the first, where a failure is worth one.
const RETRIES_MAX: u32 = 2;
/// First pause between tries in milliseconds; the second is twice as long.
const RETRY_PAUSE_MS: u64 = 25;

/// A try whose result is put where it is looked for: one type, so that waiting is compiled once.
type Try<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + 'a>>;

/// What a future gave, or [`Fault::TimedOut`] when it did not in time.
///
/// # Units
/// Milliseconds.
pub async fn within<P: Ports, T>(
    ports: &P,
    ms: u64,
    future: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let mut given = None;
    {
        let ended = pin!(async { given = Some(future.await) });
        ends_within(ports, ms, ended).await;
    }
    given.unwrap_or(Err(Fault::TimedOut))
}

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
    let given = Cell::new(None);
    let mut operation = || -> Try<'_> {
        let tried = operation();
        Box::pin(async {
            given.set(Some(tried.await?));
            Ok(())
        })
    };
    tries(ports, ms, &mut operation).await?;
    given.take().ok_or(Fault::Failed)
}

/// A small value, read persistently. One function for all who read one, as those below are.
pub async fn read<P: Ports>(ports: &P, ms: u64, key: &Key) -> Result<Option<Versioned>, Fault> {
    persistently(ports, ms, || ports.read(key)).await
}

/// A page of keys, listed persistently.
pub async fn list<P: Ports>(
    ports: &P,
    ms: u64,
    prefix: &str,
    cursor: Option<&str>,
) -> Result<Listing, Fault> {
    persistently(ports, ms, || ports.list(prefix, cursor)).await
}

/// An object, or a part of it, read persistently.
pub async fn object_read<P: Ports>(
    ports: &P,
    ms: u64,
    key: &Key,
    known_etag: Option<&str>,
    part: Option<Part>,
) -> Result<Option<Object<P::Body>>, Fault> {
    persistently(ports, ms, || ports.object_read(key, known_etag, part)).await
}

async fn tries<'a, P: Ports>(
    ports: &P,
    ms: u64,
    operation: &mut (dyn FnMut() -> Try<'a> + '_),
) -> Result<(), Fault> {
    let all = async {
        let mut pause_ms = RETRY_PAUSE_MS;
        for _ in 0..RETRIES_MAX {
            match operation().await {
                Err(Fault::Failed) => ports.sleep(pause_ms).await,
                outcome => return outcome,
            }
            pause_ms = pause_ms.saturating_mul(2);
        }
        operation().await
    };
    within(ports, ms, all).await
}

/// Whether a future ended in time.
async fn ends_within<P: Ports>(
    ports: &P,
    ms: u64,
    mut future: Pin<&mut dyn Future<Output = ()>>,
) -> bool {
    if poll_immediate(future.as_mut()).await.is_some() {
        return true;
    }
    matches!(select(future, pin!(ports.sleep(ms))).await, Either::Left(_))
}

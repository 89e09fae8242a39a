//! Several calls at a time: the network's latency is waited for once, not for each.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Calls in flight at a time: enough to hide latency, few enough for a worker's own limits.
pub const IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// The results for all items, in their order.
pub fn in_flight<T: Sync, R: Send, E: Send>(
    items: &[T],
    call: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let first_error = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..IN_FLIGHT.get().min(items.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    match call(item) {
                        Ok(result) => lock(&results).push((at, result)),
                        Err(error) => {
                            next.store(items.len(), Ordering::Relaxed);
                            lock(&first_error).get_or_insert(error);
                            return;
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = lock(&first_error).take() {
        return Err(error);
    }
    let mut results = std::mem::take(&mut *lock(&results));
    results.sort_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(in_flight(&items, |n| Ok::<_, ()>(n * 2)).unwrap()[99], 198);
        assert_eq!(in_flight(&[], |n: &u32| Ok::<_, ()>(*n)), Ok(vec![]));
    }

    #[test]
    fn an_error_stops_what_has_not_begun() {
        let items: Vec<u32> = (0..10_000).collect();
        let begun = AtomicUsize::new(0);
        let result = in_flight(&items, |n| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *n == 3 { Err(*n) } else { Ok(()) }
        });
        assert_eq!(result, Err(3));
        assert!(begun.into_inner() < 10_000);
    }
}

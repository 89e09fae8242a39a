//! Makes several calls at a time, to hide the network's latency.

use rayon::ThreadPoolBuilder;
use rayon::iter::{ParallelBridge, ParallelIterator};

/// Enough to hide latency, few enough for the limits of a worker.
const IN_FLIGHT: usize = 4;

/// Calls a function with each item, in order, and returns the results in the same order.
///
/// After the first error, no further item is begun.
pub fn in_flight<T: Sync, R: Send, E: Send>(
    items: &[T],
    call: impl Fn(&T) -> Result<R, E> + Sync + Send,
) -> Result<Vec<R>, E> {
    let call_all = || {
        let numbered = items.iter().enumerate().par_bridge();
        numbered.map(|(at, item)| Ok((at, call(item)?))).collect::<Result<Vec<_>, E>>()
    };
    let mut results = match ThreadPoolBuilder::new().num_threads(IN_FLIGHT).build() {
        Ok(pool) => pool.install(call_all)?,
        // Fall back to the threads of the process.
        Err(_) => call_all()?,
    };
    results.sort_unstable_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_keep_their_order() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(in_flight(&items, |n| Ok::<_, ()>(n * 2)).unwrap()[99], 198);
        assert_eq!(in_flight(&[], |n: &u32| Ok::<_, ()>(*n)), Ok(vec![]));
    }

    #[test]
    fn an_error_stops_further_calls() {
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

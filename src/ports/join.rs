//! Runs futures concurrently within one task.
//!
//! By hand because tasks have a no-op waker: beyond 30 futures, `join_all` of `futures-util` polls
//! only those that were woken, and so would never finish.

use std::future::{Future, poll_fn};
use std::task::Poll;

/// Returns the outputs of all futures, in their order.
pub async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|cx| {
        let mut pending = false;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(value) => *output = Some(value),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

//! Time.

use std::future::Future;

use crate::wire::time::UnixMillis;

pub trait Clock {
    fn now(&self) -> UnixMillis;

    fn sleep(&self, ms: u64) -> impl Future<Output = ()>;
}

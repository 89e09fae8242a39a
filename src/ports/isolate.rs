//! The isolate that a request runs in.

use std::future::Future;

use crate::ports::settings::Settings;

pub trait Isolate {
    fn settings(&self) -> &Settings;

    /// Continues with a task behind the response.
    fn behind(&self, task: impl Future<Output = ()> + 'static);

    /// Returns random bytes, fit for secrets.
    fn random(&self) -> Option<[u8; 39]>;
}

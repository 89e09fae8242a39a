//! The media worker, which makes renditions.

use crate::ports::bodies::Bodies;
use crate::ports::fault::Result;
use crate::ports::upstream::UpstreamResponse;

pub trait Media: Bodies {
    /// Returns whether the media worker is bound.
    fn has_media(&self) -> bool;

    /// Sends a request and its parts, as [`crate::site::media::plan`] describes it.
    async fn render(
        &self,
        target: &str,
        parts: Self::Body,
        timeout_ms: u64,
    ) -> Result<UpstreamResponse<Self::Body>>;
}

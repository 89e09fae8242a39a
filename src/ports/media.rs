//! The media worker, which makes renditions.

use crate::ports::bodies::Bodies;
use crate::ports::fault::Result;
use crate::ports::upstream::UpstreamResponse;
use crate::site::media::plan::Plan;

pub trait Media: Bodies {
    /// Returns whether the media worker is bound.
    fn has_media(&self) -> bool;

    /// Sends a plan and its parts, as [`crate::site::media::plan`] describes it.
    async fn render(
        &self,
        plan: &Plan,
        parts: Self::Body,
        timeout_ms: u64,
    ) -> Result<UpstreamResponse<Self::Body>>;
}

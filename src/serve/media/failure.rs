//! Why there is no rendition, and the response that says so.
//!
//! Errors of the URL and of the source are cached: the same URL gets them again. Their texts are
//! constants, like those of [`crate::serve::error`], but never a document, which would need a
//! `Vary`.

use crate::ports::bodies::ResponseBody;
use crate::ports::{Fault, Ports};
use crate::serve::draft::Draft;
use crate::serve::error::HttpError;
use crate::site::media::error::MediaError;
use crate::site::media::plan::RenderError;
use crate::wire::headers::Headers;

/// The lifetime of errors, and of a source that stands in for its rendition.
pub(super) const SHORT_LIFETIME: &str = "public, max-age=60";
/// How long failures of the media worker are remembered, in milliseconds.
pub(super) const REFUSAL_MS: u64 = 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The source has no such rendition, now or later.
    Refused(RenderError),
    /// There is no media worker.
    Unbound,
    /// Something failed; the `detail` of Cache-Status.
    Unavailable(&'static str),
    /// Too many renditions were made for the client; another is after so many seconds.
    Limited(u64),
    /// The source is not the version that the key is for.
    Changed,
}

impl From<Fault> for Failure {
    fn from(_: Fault) -> Self {
        Self::Unavailable("store")
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Busy => Self::Unavailable("media-busy"),
            RenderError::BadPlan => Self::Unavailable("media-version"),
            RenderError::TooLarge | RenderError::Unsupported | RenderError::TooComplex => {
                Self::Refused(error)
            }
        }
    }
}

impl Failure {
    /// Whether the media worker was asked, or would not have made the rendition.
    pub fn is_of_rendering(self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unavailable(_))
    }

    pub fn draft<P: Ports>(self) -> Draft<P> {
        match self {
            Self::Refused(error) => refused(error),
            Self::Unbound => Draft::error(HttpError::Unavailable).detail("no-media"),
            Self::Unavailable(detail) => Draft::error(HttpError::Unavailable).detail(detail),
            Self::Changed => Draft::error(HttpError::Unavailable).detail("store"),
            Self::Limited(secs) => {
                let mut draft = Draft::error(HttpError::TooManyRequests).detail("media-limit");
                draft.headers.set("retry-after", secs.to_string());
                draft
            }
        }
    }
}

/// Returns the response to a URL that names no rendition.
pub(super) fn url_error<P: Ports>(error: MediaError) -> Draft<P> {
    let detail = match error {
        MediaError::Bad { .. } => "bad-parameter",
        MediaError::Disallowed { .. } => "disallowed",
    };
    text(error.status(), error.to_string()).detail(detail)
}

fn refused<P: Ports>(error: RenderError) -> Draft<P> {
    let (detail, reason) = match error {
        RenderError::TooLarge => {
            ("too-large", "the image has more than 25 MiB, or an overlay or font more than 4 MiB")
        }
        RenderError::TooComplex => {
            ("too-complex", "the image has too many pixels, or needs too much memory to be read")
        }
        _ => ("unsupported", "the file is broken, or not an image of a supported format"),
    };
    text(error.status(), reason.to_owned()).detail(detail)
}

fn text<P: Ports>(status: u16, mut text: String) -> Draft<P> {
    text.push('\n');
    let mut headers = Headers::with_capacity(12);
    headers.set("content-type", "text/plain; charset=utf-8");
    headers.set("content-length", text.len().to_string());
    headers.set("cache-control", SHORT_LIFETIME);
    Draft::new(status, headers, ResponseBody::Bytes(text.into_bytes()))
}

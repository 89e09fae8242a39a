//! Why an image can't be decoded.

use std::io;

use selvedge::site::media::plan::RenderError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Not an image, or of a format or kind that is not decoded.
    Unsupported,
    /// Malformed or truncated.
    Broken,
    TooManyPixels,
    TooManyFrames,
    /// A progressive image of too many passes, each over all of its pixels.
    TooManyScans,
    TooMuchMemory,
}

impl From<Fault> for RenderError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unsupported | Fault::Broken => Self::Unsupported,
            Fault::TooManyPixels
            | Fault::TooManyFrames
            | Fault::TooManyScans
            | Fault::TooMuchMemory => Self::TooComplex,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::OutOfMemory => Self::TooMuchMemory,
            _ => Self::Broken,
        }
    }
}

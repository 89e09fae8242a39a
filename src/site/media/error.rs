//! Why a URL names no rendition. The texts are constants: no byte of a request gets into one.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaError {
    /// 400: a value out of its range.
    Bad { parameter: &'static str, range: &'static str },
    /// 403: not for a URL without a signature.
    Disallowed { parameter: &'static str, remedy: &'static str },
}

impl MediaError {
    pub fn status(self) -> u16 {
        match self {
            Self::Bad { .. } => 400,
            Self::Disallowed { .. } => 403,
        }
    }
}

impl fmt::Display for MediaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parameter, verb, text) = match self {
            Self::Bad { parameter, range } => (parameter, "must be", range),
            Self::Disallowed { parameter, remedy } => (parameter, "is not allowed here:", remedy),
        };
        for part in ["`", parameter, "` ", verb, " ", text] {
            f.write_str(part)?;
        }
        Ok(())
    }
}

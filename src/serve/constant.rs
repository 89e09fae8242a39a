//! Constant answers: what is said when there is nothing of a site's own to say.
//!
//! Not templates: no byte of a request gets into one. All are `no-store`.

use crate::serve::ports::Ports;
use crate::serve::reply::{Reply, ReplyBody};
use crate::wire::fields::Fields;

/// Seconds after which a client may try again when the store failed.
const RETRY_AFTER_SECS: &str = "5";

/// An answer that needs nothing of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constant {
    /// The URL or the `Host` can't be understood.
    BadRequest,
    /// There is no key that opens anything.
    Unauthorized,
    /// The path is a reserved one, or of no form that anything could have.
    NotFound,
    /// The method is not served there.
    MethodNotAllowed,
    /// A precondition does not hold.
    PreconditionFailed,
    /// The path or the URL is too long.
    TooLong,
    /// No byte of the range exists.
    RangeNotSatisfiable,
    /// The hostname is nobody's.
    Misdirected,
    /// The key was used too often.
    TooManyRequests,
    /// The store failed.
    Unavailable,
}

impl Constant {
    /// The status code.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::PreconditionFailed => 412,
            Self::TooLong => 414,
            Self::RangeNotSatisfiable => 416,
            Self::Misdirected => 421,
            Self::TooManyRequests => 429,
            Self::Unavailable => 503,
        }
    }

    /// The body.
    pub fn text(self) -> &'static str {
        match self {
            Self::BadRequest => "400 Bad Request\n",
            Self::Unauthorized => "401 Unauthorized\n",
            Self::NotFound => "404 Not Found\n",
            Self::MethodNotAllowed => "405 Method Not Allowed\n",
            Self::PreconditionFailed => "412 Precondition Failed\n",
            Self::TooLong => "414 URI Too Long\n",
            Self::RangeNotSatisfiable => "416 Range Not Satisfiable\n",
            Self::Misdirected => "421 Misdirected Request\nNo site has this hostname.\n",
            Self::TooManyRequests => "429 Too Many Requests\n",
            Self::Unavailable => "503 Service Unavailable\n",
        }
    }

    /// The fields of the representation: type and length, and what the status asks for.
    pub fn fields(self) -> Fields {
        let mut fields = Fields::with_capacity(12);
        fields.set("content-type", "text/plain; charset=utf-8");
        fields.set("content-length", self.text().len().to_string());
        match self {
            Self::MethodNotAllowed => fields.set("allow", "GET, HEAD, OPTIONS"),
            Self::Unauthorized => fields.set("www-authenticate", "Bearer"),
            Self::Unavailable => fields.set("retry-after", RETRY_AFTER_SECS),
            _ => {}
        }
        fields
    }

    /// The whole answer, for requests that no site is known for.
    pub fn reply<P: Ports>(self) -> Reply<P> {
        let mut fields = self.fields();
        fields.set("cache-control", "no-store");
        fields.set("x-content-type-options", "nosniff");
        fields.set("content-security-policy", "default-src 'none'");
        fields.set("x-robots-tag", "noindex");
        fields.set("cache-status", "selvedge; fwd=bypass; detail=constant");
        Reply { status: self.status(), fields, body: ReplyBody::Text(self.text()) }
    }
}

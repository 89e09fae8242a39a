//! Constant answers: what is said when there is nothing of a site's own to say.
//!
//! Not templates: no byte of a request gets into one. All are `no-store`, so the choice of a form
//! needs no `Vary`.

use crate::ports::Ports;
use crate::serve::error_document;
use crate::serve::response::{Reply, ReplyBody};
use crate::wire::headers::Headers;

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
    /// An upstream gave no usable answer, or may not be asked.
    BadGateway,
    /// The store failed.
    Unavailable,
    /// An upstream did not answer in time.
    GatewayTimeout,
    /// The request has been here before.
    LoopDetected,
}

/// All constants.
pub const CONSTANTS: [Constant; 13] = [
    Constant::BadRequest,
    Constant::Unauthorized,
    Constant::NotFound,
    Constant::MethodNotAllowed,
    Constant::PreconditionFailed,
    Constant::TooLong,
    Constant::RangeNotSatisfiable,
    Constant::Misdirected,
    Constant::TooManyRequests,
    Constant::BadGateway,
    Constant::Unavailable,
    Constant::GatewayTimeout,
    Constant::LoopDetected,
];

/// How a constant is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A line of text: to programs, and to pages that fetch parts of themselves.
    Text,
    /// A document: to a person who goes to a page.
    Document,
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
            Self::BadGateway => 502,
            Self::Unavailable => 503,
            Self::GatewayTimeout => 504,
            Self::LoopDetected => 508,
        }
    }

    /// The body, in a form.
    pub fn body(self, form: Form) -> &'static str {
        match form {
            Form::Text => self.text(),
            Form::Document => error_document::of(self),
        }
    }

    /// The body as text.
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
            Self::BadGateway => "502 Bad Gateway\n",
            Self::Unavailable => "503 Service Unavailable\n",
            Self::GatewayTimeout => "504 Gateway Timeout\n",
            Self::LoopDetected => "508 Loop Detected\n",
        }
    }

    /// The headers of the representation: type and length, and what the status asks for.
    pub fn headers(self) -> Headers {
        let mut headers = Headers::with_capacity(12);
        headers.set("content-type", "text/plain; charset=utf-8");
        headers.set("content-length", self.text().len().to_string());
        match self {
            Self::MethodNotAllowed => headers.set("allow", "GET, HEAD, OPTIONS"),
            Self::Unauthorized => headers.set("www-authenticate", "Bearer"),
            Self::BadGateway | Self::Unavailable | Self::GatewayTimeout => {
                headers.set("retry-after", RETRY_AFTER_SECS);
            }
            _ => {}
        }
        headers
    }

    /// The whole answer, for requests that no site is known for.
    pub fn reply<P: Ports>(self) -> Reply<P> {
        let mut headers = self.headers();
        headers.set("cache-control", "no-store");
        headers.set("x-content-type-options", "nosniff");
        headers.set("content-security-policy", "default-src 'none'");
        headers.set("x-robots-tag", "noindex");
        headers.set("cache-status", "selvedge; fwd=bypass; detail=constant");
        Reply { status: self.status(), headers, body: self.into() }
    }

    /// Describes the document in place of the text. The policy takes the place of a site's own,
    /// which is not made for this document.
    pub fn describe_document(self, headers: &mut Headers) {
        headers.set("content-type", error_document::MEDIA_TYPE);
        headers.set("content-length", self.body(Form::Document).len().to_string());
        headers.set("content-security-policy", error_document::POLICY);
    }
}

impl<P: Ports> From<Constant> for ReplyBody<P> {
    fn from(constant: Constant) -> Self {
        Self::Constant(constant, Form::Text)
    }
}

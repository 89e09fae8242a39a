//! The response as data: a status, headers, and where the body comes from.
//!
//! Not a runtime's response. The invariant is that a reply's length is known before its body is
//! opened, and that one without a body has none to open. A status is a plain number everywhere: it
//! is matched against ranges and written as text, and `http::StatusCode` would wrap each of those.

use crate::ports::{Part, Ports};
use crate::serve::constant::{Constant, Form};
use crate::wire::headers::Headers;

/// Where a body comes from.
pub enum ReplyBody<P: Ports> {
    /// Nowhere: 204, 304, and every answer to HEAD.
    Empty,
    /// A constant, in a form.
    Constant(Constant, Form),
    /// Bytes made for this reply.
    Bytes(Vec<u8>),
    /// Bytes held in the isolate, or a part of them.
    Held(P::Held, Option<Part>),
    /// A stream that is passed on.
    Stream(P::Body),
}

/// A response, decided.
pub struct Reply<P: Ports> {
    /// The status code.
    pub status: u16,
    /// The headers, in order.
    pub headers: Headers,
    /// The body.
    pub body: ReplyBody<P>,
}

impl<P: Ports> Reply<P> {
    /// The same reply to a person who goes to a page: a constant becomes a document.
    pub fn to_person(mut self) -> Self {
        if let ReplyBody::Constant(constant, form) = &mut self.body {
            *form = Form::Document;
            constant.describe_document(&mut self.headers);
        }
        self
    }

    /// The same reply without its body: what HEAD gets.
    ///
    /// # Source
    /// RFC 9110 §9.3.2
    pub fn without_body(self) -> Self {
        Self { body: ReplyBody::Empty, ..self }
    }
}

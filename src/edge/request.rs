//! The request as text.

use web_sys::Request;

use crate::serve::request::{RequestHeader, RequestHeaders};

/// The lines before the headers: the method and the URL.
const HEADERS_AT: usize = 2;
const LINES: usize = HEADERS_AT + RequestHeader::USUAL.len();

/// A request's method, URL and usual headers, as `ask` of glue.js returns them: a line each.
///
/// Reading them one by one through `web_sys` takes nine calls, which adds an eighth to the CPU
/// time of a hot page, a 304 or a 404.
pub struct RequestText {
    text: String,
    /// Where each line starts.
    starts: [usize; LINES],
    request: Request,
}

impl RequestText {
    /// Splits `text` into its lines. If it has another number of them, which no runtime lets
    /// happen, all are empty; serving refuses an empty URL.
    pub fn new(text: String, request: Request) -> Self {
        let mut starts = [0; LINES];
        let mut count = 1;
        for (at, _) in text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n') {
            if let Some(start) = starts.get_mut(count) {
                *start = at + 1;
            }
            count += 1;
        }
        let text = if count == LINES { text } else { String::new() };
        Self { text, starts, request }
    }

    pub fn method(&self) -> &str {
        self.line(0)
    }

    pub fn url(&self) -> &str {
        self.line(1)
    }

    fn line(&self, number: usize) -> &str {
        let start = self.starts.get(number).copied().unwrap_or_default();
        // The line feed between two lines is in neither.
        let end =
            self.starts.get(number + 1).map_or(self.text.len(), |next| next.saturating_sub(1));
        self.text.get(start..end).unwrap_or_default()
    }
}

impl RequestHeaders for RequestText {
    fn value(&self, header: RequestHeader) -> Option<String> {
        let usual = RequestHeader::USUAL.iter().position(|usual| *usual == header);
        let value = match usual {
            Some(number) => self.line(HEADERS_AT + number).to_owned(),
            None => self.request.headers().get(header.name()).ok()??,
        };
        // For every header read here, empty means the same as absent.
        (!value.is_empty()).then_some(value)
    }
}

//! Simulated upstreams and streams.

use std::rc::Rc;

use selvedge::ports::{Fault, Part, Result, UpstreamRequest, UpstreamResponse};
use selvedge::wire::headers::Headers;

use super::world::{Bytes, World};

pub type Answers = Rc<dyn Fn(&UpstreamRequest, &World) -> Answer>;

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Whole,
    /// With an error, before its end.
    Cut,
    /// Never.
    Never,
}

#[derive(Debug, Clone)]
pub struct Stream {
    pub bytes: Bytes,
    pub end: End,
}

impl Stream {
    pub fn of(bytes: Bytes) -> Self {
        Self { bytes, end: End::Whole }
    }

    /// All bytes, if the stream ends.
    pub fn whole(self) -> Option<Bytes> {
        (self.end == End::Whole).then_some(self.bytes)
    }

    /// A part, which is cut off where the stream is cut off.
    pub fn part(self, part: Part) -> Option<Self> {
        let (first, end) = (part.first as usize, (part.first + part.length) as usize);
        let there = self.bytes.len().min(end);
        let bytes = Rc::new(self.bytes.get(first.min(there)..there)?.to_vec());
        let end = if there == end { End::Whole } else { End::Cut };
        Some(Self { bytes, end })
    }
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub body: Stream,
    pub delay_ms: u64,
    pub fault: Option<Fault>,
}

impl Answer {
    /// A status, headers as lines, and a body of known length.
    pub fn new(status: u16, lines: &str, body: impl AsRef<[u8]>) -> Self {
        let body = Stream::of(Rc::new(body.as_ref().to_vec()));
        let mut headers = Headers::new();
        if !matches!(status, 204 | 304) {
            headers.set("content-length", body.bytes.len().to_string());
        }
        let answer = Self { status, headers, body, delay_ms: 0, fault: None };
        lines
            .lines()
            .filter_map(|line| line.trim().split_once(':'))
            .fold(answer, |answer, line| answer.with(line.0, line.1.trim()))
    }

    pub fn fault(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::new(200, "", "") }
    }

    /// Adds a header; Content-Length is replaced.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "content-length" => self.headers.set("content-length", value.to_owned()),
            _ => self.headers.append(name, value.to_owned()),
        }
        self
    }

    pub fn chunked(mut self) -> Self {
        self.headers.remove("content-length");
        self
    }

    pub fn ending(mut self, end: End) -> Self {
        self.body.end = end;
        self
    }

    pub fn after(self, delay_ms: u64) -> Self {
        Self { delay_ms, ..self }
    }

    /// The response as the runtime hands it over: a body of another length than stated is cut off.
    pub fn response(self, method: &str) -> Result<UpstreamResponse<Stream>> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let Self { status, headers, mut body, .. } = self;
        let has_none = method == "HEAD" || matches!(status, 204 | 304);
        let length = headers.value("content-length").and_then(|text| text.parse::<usize>().ok());
        if let Some(length) = length.filter(|length| *length != body.bytes.len()) {
            body.bytes = Rc::new(body.bytes[..length.min(body.bytes.len())].to_vec());
            body.end = End::Cut;
        }
        Ok(UpstreamResponse { status, headers, body: (!has_none).then_some(body) })
    }
}

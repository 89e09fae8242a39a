//! The simulated media worker. It makes no images: a rendition is a text that says how it was made.

use std::rc::Rc;

use selvedge::ports::{Fault, Result, UpstreamResponse};
use selvedge::site::media::plan::Plan;
use selvedge::site::media::transformation::{Format, Wanted};

use super::case_file::{number, words};
use super::faults::fault;
use super::upstream::{Answer, End, Stream};

/// How the media worker answers.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// The status of a refusal.
    pub refusal: Option<u16>,
    pub fault: Option<Fault>,
    pub delay_ms: u64,
    /// How the rendition's stream ends.
    pub end: Option<End>,
    /// Length of the rendition, filled up with dots.
    pub length: usize,
    /// What `Content-Length` says, if it is wrong or missing.
    pub stated: Option<&'static str>,
    pub media_type: Option<&'static str>,
}

impl Manner {
    /// Parses `[STATUS|FAULT] [after=MS] [cut] [endless] [size=N] [stated=N|none] [type=TYPE]`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut manner = Self::default();
        for word in words(text) {
            match word.split_once('=').unwrap_or((&word, "")) {
                ("cut", _) => manner.end = Some(End::Cut),
                ("endless", _) => manner.end = Some(End::Never),
                ("after", ms) => manner.delay_ms = number(ms)?,
                ("size", length) => manner.length = number(length)? as usize,
                ("stated", length) => manner.stated = Some(length.to_owned().leak()),
                ("type", name) => manner.media_type = Some(name.to_owned().leak()),
                (status, _) => match (status.parse(), fault(status)) {
                    (Ok(status), _) => manner.refusal = Some(status),
                    (_, fault @ Some(_)) => manner.fault = fault,
                    _ => return Err(format!("no manner `{word}`")),
                },
            }
        }
        Ok(manner)
    }

    /// Answers as the runtime hands it over.
    pub fn answer(&self, plan: &Plan, parts: Stream) -> Result<UpstreamResponse<Stream>> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if let Some(status) = self.refusal {
            return Answer::new(status, "", "").response("POST");
        }
        // A body that is shorter than it says fails.
        let parts = parts.whole().ok_or(Fault::Failed)?;
        let (media_type, mut text) = rendition(plan, &parts).ok_or(Fault::Failed)?;
        text.extend(std::iter::repeat_n('.', self.length.saturating_sub(text.len())));
        let answer = Answer::new(200, "server-timing: decode;dur=1", text);
        let answer = answer.with("content-type", self.media_type.unwrap_or(media_type));
        let answer = match self.stated {
            Some("none") => answer.chunked(),
            Some(length) => answer.with("content-length", length),
            None => answer,
        };
        answer.ending(self.end.unwrap_or(End::Whole)).response("POST")
    }
}

/// The media type of a rendition, and a text such as `webp 640x of photo + frame "Ann"`.
fn rendition(plan: &Plan, parts: &Rc<Vec<u8>>) -> Option<(&'static str, String)> {
    let Plan { transformation: made, lengths } = plan;
    let (mut rest, mut lengths) = (&parts[..], lengths.iter());
    let mut next = || {
        let (part, after) = rest.split_at_checked(*lengths.next()? as usize)?;
        rest = after;
        Some(String::from_utf8_lossy(part).trim_end().to_owned())
    };
    let format = match made.format {
        Wanted::Format(format) => format,
        Wanted::Auto { avif: true, .. } => Format::Avif,
        Wanted::Auto { webp: true, .. } => Format::Webp,
        Wanted::Auto { .. } => Format::Jpg,
    };
    let side = |side: Option<u16>| side.map(|side| side.to_string()).unwrap_or_default();
    let (width, height) = (side(made.width), side(made.height));
    let name = format!("{format:?}").to_ascii_lowercase();
    let mut text = format!("{name} {width}x{height} of {}", next()?);
    for _ in &made.overlays {
        text.push_str(&format!(" + {}", next()?));
    }
    if let Some(written) = &made.text {
        text.push_str(&format!(" in {}: {}", next()?, written.value));
    }
    rest.is_empty().then(|| (format.media_type(), text))
}

//! Makes the rendition of a plan: what is decoded, at which size, and in which order.
//!
//! Another module draws SVG images and text, and is asked asynchronously. So [`run`] stops with a
//! [`Question`] if it has one, and is called again with the answers to all of them so far. It asks
//! before it decodes anything, so that nothing is decoded twice or kept meanwhile.

use std::ops::{ControlFlow, Range};

use selvedge::site::media::plan::{Plan, RenderError};
use selvedge::site::media::transformation::{Align, Text};

use crate::decode::{decode_each, decode_first};
use crate::drawing::text_svg;
use crate::encode::Encoded;
use crate::fault::Fault;
use crate::image::{Decoded, Frame, Image, Size};
use crate::input::Input;
use crate::parts::Parts;
use crate::probe::{Kind, Probe, probe, sniff};
use crate::render::{DrawnText, Renderer, Source, TooMuchMemory};

/// The body of a request.
pub trait Body {
    fn part(&self, part: &Range<u64>) -> impl Input;
}

/// Asks for something that another module draws. SVG images and fonts are parts of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The size that an SVG image has by itself.
    Size { svg: Range<u64> },
    /// An SVG image, stretched to a size.
    Image { svg: Range<u64>, size: Size },
    /// A document with a line of text, in a box.
    Text { svg: String, font: Range<u64>, size: Size, align: Align },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Size(Size),
    Image(Image),
    Text(DrawnText),
}

/// Why there is no rendition yet.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    Asks(Question),
    Fails(RenderError),
}

impl From<RenderError> for Stop {
    fn from(error: RenderError) -> Self {
        Self::Fails(error)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fails(fault.into())
    }
}

impl From<TooMuchMemory> for Stop {
    fn from(_: TooMuchMemory) -> Self {
        Fault::TooMuchMemory.into()
    }
}

/// How long the steps took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Times {
    pub decode_ms: f64,
    pub compose_ms: f64,
    pub encode_ms: f64,
}

/// Makes a rendition, or stops with a question. `now` returns the time in milliseconds.
pub fn run(
    plan: &Plan,
    body: &impl Body,
    answers: Vec<Answer>,
    now: impl Fn() -> f64,
) -> Result<(Encoded, Times), Stop> {
    let parts = Parts::of(plan)?;
    let mut answers = Answers(answers.into_iter());
    let source = answers.picture(body.part(&parts.source), &parts.source)?;
    let mut renderer = Renderer::new(&plan.transformation, source.described());
    let source = answers.drawn(source, renderer.steps().raster())?;
    let mut overlays = Vec::new();
    for (index, part) in parts.overlays.iter().enumerate() {
        let overlay = answers.picture(body.part(part), part)?;
        let Some(need) = renderer.overlay_need(index, overlay.size()) else { break };
        overlays.push((answers.drawn(overlay, need)?, need));
    }
    if let (Some((text, area)), Some(font)) = (renderer.text_area(), &parts.font) {
        renderer.push_text(answers.text(text, font, area.size)?);
    }

    let start = now();
    for (overlay, need) in overlays {
        renderer.push_overlay(match overlay {
            Picture::Raster { mut input, probe } => decode_first(&mut input, &probe, need)?,
            Picture::Vector { drawing: image, size } => {
                Decoded { frames: vec![still(image)], loops: 0, original: size }
            }
        })?;
    }
    let compose_ms = push_frames(&mut renderer, source, &now)?;
    let decoded = now();
    let encoded = renderer.finish().ok_or(Fault::Broken)?;
    let decode_ms = decoded - start - compose_ms;
    Ok((encoded, Times { decode_ms, compose_ms, encode_ms: now() - decoded }))
}

/// Decodes and composes frame by frame, so that only one is in memory. Returns the milliseconds
/// that composing took.
fn push_frames<I: Input>(
    renderer: &mut Renderer,
    source: Picture<I, Image>,
    now: &impl Fn() -> f64,
) -> Result<f64, Stop> {
    let (is_animation, need) = (renderer.is_animation(), renderer.steps().need());
    let mut compose_ms = 0.0;
    let mut pushed = Ok(());
    let mut push = |frame| {
        let start = now();
        pushed = renderer.push(frame);
        compose_ms += now() - start;
        let goes_on = is_animation && pushed.is_ok();
        if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    match source {
        Picture::Raster { mut input, probe } => {
            decode_each(&mut input, &probe, need, &mut push)?;
        }
        Picture::Vector { drawing: image, .. } => {
            let _ = push(still(image));
        }
    }
    pushed?;
    Ok(compose_ms)
}

fn still(image: Image) -> Frame {
    Frame { image, delay_ms: 0 }
}

/// An image of the body. A `drawing` is the part that is to be drawn, and then an [`Image`].
enum Picture<I, D> {
    Raster { input: I, probe: Probe },
    Vector { drawing: D, size: Size },
}

impl<I, D> Picture<I, D> {
    fn size(&self) -> Size {
        match self {
            Self::Raster { probe, .. } => probe.upright(),
            Self::Vector { size, .. } => *size,
        }
    }

    fn described(&self) -> Source {
        let size = self.size();
        match self {
            Self::Vector { .. } => Source { size, format: "svg", frames: 1, loops: 0 },
            Self::Raster { probe, .. } => {
                let format = match probe.kind {
                    Kind::Jpeg => "jpg",
                    Kind::Png => "png",
                    Kind::Webp => "webp",
                    Kind::Gif => "gif",
                    Kind::Svg => "svg",
                };
                Source { size, format, frames: probe.frames as usize, loops: probe.loops }
            }
        }
    }
}

/// Answers in the order of their questions.
struct Answers(std::vec::IntoIter<Answer>);

impl Answers {
    fn picture<I: Input>(
        &mut self,
        mut input: I,
        part: &Range<u64>,
    ) -> Result<Picture<I, Range<u64>>, Stop> {
        if sniff(&mut input)? != Kind::Svg {
            let probe = probe(&mut input)?;
            return Ok(Picture::Raster { input, probe });
        }
        match self.next(|| Question::Size { svg: part.clone() })? {
            Answer::Size(size) => Ok(Picture::Vector { drawing: part.clone(), size }),
            _ => Err(Stop::Fails(RenderError::BadPlan)),
        }
    }

    fn drawn<I>(
        &mut self,
        picture: Picture<I, Range<u64>>,
        at: Size,
    ) -> Result<Picture<I, Image>, Stop> {
        let (svg, size) = match picture {
            Picture::Raster { input, probe } => return Ok(Picture::Raster { input, probe }),
            Picture::Vector { drawing, size } => (drawing, size),
        };
        match self.next(|| Question::Image { svg, size: at })? {
            Answer::Image(drawing) => Ok(Picture::Vector { drawing, size }),
            _ => Err(Stop::Fails(RenderError::BadPlan)),
        }
    }

    fn text(&mut self, text: &Text, font: &Range<u64>, size: Size) -> Result<DrawnText, Stop> {
        let (font, align) = (font.clone(), text.align);
        match self.next(|| Question::Text { svg: text_svg(text), font, size, align })? {
            Answer::Text(drawn) => Ok(drawn),
            _ => Err(Stop::Fails(RenderError::BadPlan)),
        }
    }

    fn next(&mut self, question: impl FnOnce() -> Question) -> Result<Answer, Stop> {
        self.0.next().ok_or_else(|| Stop::Asks(question()))
    }
}

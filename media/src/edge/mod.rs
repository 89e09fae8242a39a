//! The rim: the only code that knows the runtime. wasm32 only.
//!
//! The entry module calls [`body_bytes`] before it reads a body, and then [`render`]. An error is
//! the status of a [`RenderError`].

use std::arch::wasm32::memory_size;
use std::ops::Range;

use js_sys::{Array, Date, Uint8Array};
use wasm_bindgen::prelude::*;

use selvedge::site::media::plan::{Plan, RenderError};
use selvedge::site::media::transformation::{Along, Format};

use crate::encode::{Encoded, Module, media_type};
use crate::image::{Image, Layout, Size};
use crate::input::Input;
use crate::limits::SIDE_MAX;
use crate::parts::Parts;
use crate::pieces::Pieces;
use crate::pipeline::{Answer, Body, Question, Stop, Times, run};
use crate::render::DrawnText;

/// Size of a page of linear memory.
const PAGE_BYTES: u64 = 65_536;

#[wasm_bindgen]
extern "C" {
    /// What a function of modules/drawing.mjs resolves to.
    type Drawing;
    #[wasm_bindgen(method, getter)]
    fn x(this: &Drawing) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn y(this: &Drawing) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn width(this: &Drawing) -> f64;
    #[wasm_bindgen(method, getter)]
    fn height(this: &Drawing) -> f64;
    #[wasm_bindgen(method, getter)]
    fn rgba(this: &Drawing) -> Option<Uint8Array>;
}

#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// Returns the size of linear memory.
#[wasm_bindgen]
pub fn memory_bytes() -> f64 {
    linear_memory_bytes() as f64
}

fn linear_memory_bytes() -> u64 {
    memory_size::<0>() as u64 * PAGE_BYTES
}

/// Returns the length of the body that belongs to a query.
#[wasm_bindgen]
pub fn body_bytes(query: &str) -> Result<f64, u16> {
    let parts = plan(query).and_then(|plan| Parts::of(&plan));
    parts.map(|parts| parts.bytes as f64).map_err(RenderError::status)
}

/// Makes a rendition. Returns one of
///
/// - `["done", type, timing, bytes]`,
/// - `[encoder, type, timing, pixels, width, height, channels, quality]` for the function `encoder`
///   in modules/,
/// - `[question, ...args]` for a function of modules/drawing.mjs. What that resolves to belongs at
///   the end of `answers` in the next call.
#[wasm_bindgen]
pub fn render(query: &str, body: Uint8Array, answers: Array) -> Result<Array, u16> {
    let plan = plan(query).map_err(RenderError::status)?;
    let answers = answers.iter().map(|drawing| answer(drawing.unchecked_ref()));
    match run(&plan, &Received(&body), answers.collect(), Date::now) {
        Ok((encoded, times)) => Ok(finished(encoded, times)),
        Err(Stop::Asks(question)) => Ok(asked(question, &body)),
        Err(Stop::Fails(error)) => Err(error.status()),
    }
}

fn plan(query: &str) -> Result<Plan, RenderError> {
    Plan::parse(query).ok_or(RenderError::BadPlan)
}

/// A body outside of linear memory. It has less than 4 GiB.
struct Received<'a>(&'a Uint8Array);

impl Body for Received<'_> {
    fn part(&self, part: &Range<u64>) -> impl Input {
        let bytes = view(self.0, part);
        let copy = move |range: Range<u64>, into: &mut [u8]| view(&bytes, &range).copy_to(into);
        Pieces::new(part.end - part.start, copy, linear_memory_bytes)
    }
}

fn view(bytes: &Uint8Array, range: &Range<u64>) -> Uint8Array {
    bytes.subarray(range.start as u32, range.end as u32)
}

fn answer(drawing: &Drawing) -> Answer {
    let whole = |value: f64| value.ceil() as u32;
    let (width, height) = (whole(drawing.width()), whole(drawing.height()));
    let Some(rgba) = drawing.rgba() else {
        let size = Size { width: width.clamp(1, SIDE_MAX), height: height.clamp(1, SIDE_MAX) };
        return Answer::Size(size);
    };
    let image = Image { width, height, layout: Layout::Rgba, pixels: rgba.to_vec() };
    match (drawing.x(), drawing.y()) {
        (Some(x), Some(y)) => Answer::Text(DrawnText { x: x as u32, y: y as u32, image }),
        _ => Answer::Image(image),
    }
}

fn asked(question: Question, body: &Uint8Array) -> Array {
    match question {
        Question::Size { svg } => Array::of2(&"svgSize".into(), &view(body, &svg)),
        Question::Image { svg, size: Size { width, height } } => {
            Array::of4(&"drawSvg".into(), &view(body, &svg), &width.into(), &height.into())
        }
        Question::Text { svg, font, size: Size { width, height }, align } => [
            JsValue::from("drawText"),
            Uint8Array::from(svg.as_bytes()).into(),
            view(body, &font).into(),
            width.into(),
            height.into(),
            along(align.x),
            along(align.y),
        ]
        .iter()
        .collect(),
    }
}

fn along(along: Along) -> JsValue {
    match along {
        Along::Start => "start".into(),
        Along::Middle => "middle".into(),
        Along::End => "end".into(),
    }
}

fn finished(encoded: Encoded, times: Times) -> Array {
    let Times { decode_ms, compose_ms, encode_ms } = times;
    let timing = format!("decode;dur={decode_ms}, resize;dur={compose_ms}, encode;dur={encode_ms}");
    match encoded {
        Encoded::Done { format, bytes } => {
            let bytes = Uint8Array::from(&bytes[..]);
            Array::of4(&"done".into(), &media_type(format).into(), &timing.into(), &bytes)
        }
        Encoded::ForModule { module, image, quality } => {
            let (encoder, format) = match module {
                Module::Webp => ("encodeWebp", Format::Webp),
                Module::Avif => ("encodeAvif", Format::Avif),
            };
            let channels = image.layout.channels() as u32;
            [
                JsValue::from(encoder),
                media_type(format).into(),
                timing.into(),
                Uint8Array::from(&image.pixels[..]).into(),
                image.width.into(),
                image.height.into(),
                channels.into(),
                quality.into(),
            ]
            .iter()
            .collect()
        }
    }
}

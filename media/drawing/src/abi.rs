//! The functions that the module exports; `media/src/edge/modules/drawing.mjs` calls them.
//!
//! The caller writes a document and a font behind each other to `input`, calls one of the
//! functions, and reads `output` and `pixels`. After a trap it drops the instance.

use std::cell::{Cell, RefCell};
use std::panic::set_hook;

use resvg::usvg::Tree;

use crate::text::Along;
use crate::{Drawn, Fault, svg, text};

const DONE: u32 = 0;
const BROKEN: u32 = 1;
const TOO_COMPLEX: u32 = 2;

#[derive(Default)]
struct State {
    input: Vec<u8>,
    /// x, y, width and height.
    output: [f32; 4],
    pixels: Vec<u8>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether the last trap was a panic, a fault of a library. Any other is a bound: of fuel,
/// memory or the stack.
#[unsafe(no_mangle)]
extern "C" fn panicked() -> bool {
    PANICKED.get()
}

/// Returns where to write the input.
#[unsafe(no_mangle)]
extern "C" fn input(bytes: usize) -> *mut u8 {
    set_hook(Box::new(|_| PANICKED.set(true)));
    STATE.with_borrow_mut(|state| {
        state.input = vec![0; bytes];
        state.input.as_mut_ptr()
    })
}

#[unsafe(no_mangle)]
extern "C" fn output() -> *const f32 {
    STATE.with_borrow(|state| state.output.as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn pixels() -> *const u8 {
    STATE.with_borrow(|state| state.pixels.as_ptr())
}

/// Finds an image's own size.
#[unsafe(no_mangle)]
extern "C" fn size(svg_bytes: usize) -> u32 {
    status(parse(svg_bytes).map(|tree| Output {
        area: [0.0, 0.0, tree.size().width(), tree.size().height()],
        pixels: Vec::new(),
    }))
}

#[unsafe(no_mangle)]
extern "C" fn draw(svg_bytes: usize, width: u32, height: u32) -> u32 {
    status(parse(svg_bytes).and_then(|tree| svg::draw(&tree, width, height)).map(Output::from))
}

#[unsafe(no_mangle)]
extern "C" fn draw_text(svg_bytes: usize, width: u32, height: u32, x: u32, y: u32) -> u32 {
    let drawn =
        parse(svg_bytes).and_then(|tree| text::draw(&tree, width, height, along(x), along(y)));
    status(drawn.map(Output::from))
}

/// Parses the input: `svg_bytes` of a document, and the rest is a font.
fn parse(svg_bytes: usize) -> Result<Tree, Fault> {
    let mut input = STATE.with_borrow_mut(|state| std::mem::take(&mut state.input));
    let font = input.split_off(svg_bytes.min(input.len()));
    svg::parse(&input, (!font.is_empty()).then_some(font))
}

fn along(number: u32) -> Along {
    match number {
        0 => Along::Start,
        1 => Along::Middle,
        _ => Along::End,
    }
}

struct Output {
    area: [f32; 4],
    pixels: Vec<u8>,
}

impl From<Drawn> for Output {
    fn from(drawn: Drawn) -> Self {
        // Exact: no side is longer than 4096.
        let area = [drawn.x, drawn.y, drawn.width, drawn.height].map(|number| number as f32);
        Self { area, pixels: drawn.rgba }
    }
}

fn status(result: Result<Output, Fault>) -> u32 {
    match result {
        Ok(output) => {
            STATE.with_borrow_mut(|state| {
                state.output = output.area;
                state.pixels = output.pixels;
            });
            DONE
        }
        Err(Fault::Broken) => BROKEN,
        Err(Fault::TooComplex) => TOO_COMPLEX,
    }
}

// Draws SVG images and text with the module of `media/drawing`.

import { Kept, MEMORY_BYTES_MAX } from "./kept.mjs";

/**
 * Bounds the computing time of a drawing, to a few seconds. `scripts/meter.mjs` counts; 20,000
 * small paths take 32 billion at 1 MP, a blur of all pixels 2.4 billion.
 */
const FUEL = 40_000_000_000n;

/** Why there is no drawing: `isComplex` if it would take too much time, memory or space. */
export class NoDrawing extends Error {
  constructor(isComplex) {
    super(isComplex ? "the drawing is too complex" : "not a drawing");
    this.isComplex = isComplex;
  }
}

function start({ default: module }) {
  const { exports } = new WebAssembly.Instance(module, {});
  return { memory: exports.memory, exports };
}

/** Imported when first needed: few renditions have text or an SVG source. */
const kept = new Kept(() => import("./drawing.wasm"), start);

/** Calls `exports[name]`; resolves to the area of its output and to its pixels. */
function run(name, svg, font, ...args) {
  return kept.use(({ memory, exports }) => {
    exports.fuel.value = FUEL;
    let status;
    try {
      const input = exports.input(svg.length + font.length);
      new Uint8Array(memory.buffer, input, svg.length).set(svg);
      new Uint8Array(memory.buffer, input + svg.length, font.length).set(font);
      status = exports[name](svg.length, ...args);
    } catch {
      exports.fuel.value = FUEL;
      throw new NoDrawing(!exports.panicked());
    }
    if (status !== 0) throw new NoDrawing(status === 2);
    const [x, y, width, height] = new Float32Array(memory.buffer, exports.output(), 4);
    const pixels = () => {
      const view = new Uint8Array(memory.buffer, exports.pixels(), width * height * 4);
      // A large instance is dropped, and leaves its memory to the pixels.
      return memory.buffer.byteLength > MEMORY_BYTES_MAX ? view : view.slice();
    };
    return { x, y, width, height, ...(name !== "size" && { rgba: pixels() }) };
  });
}

const NO_FONT = new Uint8Array(0);

/** Resolves to an image's own `{width, height}`; both may be fractions. `svg` is UTF-8. */
export async function svgSize(svg) {
  const { width, height } = await run("size", svg, NO_FONT);
  return { width, height };
}

/** Resolves to `{width, height, rgba}`: an image stretched to a size, alpha not premultiplied. */
export async function drawSvg(svg, width, height) {
  const { rgba } = await run("draw", svg, NO_FONT, width, height);
  return { width, height, rgba };
}

const ALONG = { start: 0, middle: 1, end: 2 };

/**
 * Resolves to `{x, y, width, height, rgba}`: a document of one line of text in a box of `width` and
 * `height`, smaller if it does not fit, and where in the box its pixels go. `align` is
 * `{x, y}` of "start", "middle" and "end".
 */
export function drawText(svg, font, width, height, align) {
  return run("draw_text", svg, font, width, height, ALONG[align.x], ALONG[align.y]);
}

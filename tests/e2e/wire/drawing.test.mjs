// The drawing module on bare workerd: images and text, and documents that would take hours, or all
// memory, without its bounds.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { drawing } from "../../../scripts/drawing_module.mjs";
import { ROOT } from "../../../scripts/lib.mjs";
import { serveModules } from "../lib/modules.mjs";

const MIB = 2 ** 20;
const MEMORY_MAX = 96 * MIB;
/** A drawing without bounds would take hours; a busy machine takes this long for one with them. */
const MS_MAX = 60_000;

const FRONT = `
import { drawSvg, drawText, svgSize } from "./modules/drawing.mjs";
export async function answer(url, bytes) {
  const [call, svgBytes, ...args] = JSON.parse(new URL(url).searchParams.get("args"));
  const svg = bytes.subarray(0, svgBytes);
  if (call === "size") return ["", await svgSize(svg)];
  const drawn = call === "text"
    ? drawText(svg, bytes.subarray(svgBytes), ...args)
    : drawSvg(svg, ...args);
  const { rgba, ...area } = await drawn;
  return [rgba, area];
}
`;

const FONT = readFileSync(join(ROOT, "tests/fonts/NotoSans-Latin.ttf"));
const RED = [255, 0, 0, 255];

const image = (content, attributes = 'viewBox="0 0 100 100"') =>
  `<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${content}</svg>`;
const square = (attributes = 'fill="red"') => `<rect width="100" height="100" ${attributes}/>`;
/** Joins the results of `part` for 0 up to `count`. */
const chain = (count, part) => Array.from({ length: count }, (_, i) => part(i)).join("");

/** Documents, and what they repeat. */
const BOMBS = {
  "nested use": image(
    `<defs><g id="u0">${square()}</g>` +
      chain(12, (i) => `<g id="u${i + 1}">${`<use href="#u${i}"/>`.repeat(10)}</g>`) +
      '</defs><use href="#u12"/>',
  ),
  "nested patterns": image(
    chain(12, (i) => {
      const inside = square(`fill="url(#p${i + 1})"`).repeat(10);
      return `<pattern id="p${i}" width=".1" height=".1">${inside}</pattern>`;
    }) +
      `<pattern id="p12" width=".1" height=".1">${square()}</pattern>` +
      square('fill="url(#p0)"'),
  ),
  "nested clip paths": image(
    chain(14, (i) => {
      const inside = square(`clip-path="url(#c${i + 1})"`).repeat(8);
      return `<clipPath id="c${i}">${inside}</clipPath>`;
    }) +
      `<clipPath id="c14">${square()}</clipPath>` +
      square('clip-path="url(#c0)"'),
  ),
  "nested markers": image(
    chain(10, (i) => {
      const path = `<path d="M0 0${"L1 1L2 2".repeat(8)}" marker-mid="url(#k${i + 1})"/>`;
      return `<marker id="k${i}">${path}</marker>`;
    }) + '<path d="M0 0L1 1L2 2L3 3" marker-mid="url(#k0)"/>',
  ),
  "a chain of masks": image(
    chain(2000, (i) => `<mask id="m${i}" mask="url(#m${i + 1})">${square()}</mask>`) +
      square('mask="url(#m0)"'),
  ),
  layers: image(chain(30, () => '<g opacity=".9">') + square() + "</g>".repeat(30)),
  turbulence: image(
    '<filter id="f"><feTurbulence numOctaves="1000000000" baseFrequency=".9"/></filter>' +
      square('filter="url(#f)"'),
  ),
  "a filter 1,000 times": image(
    '<filter id="f"><feGaussianBlur stdDeviation="90"/><feMorphology radius="90"/></filter>' +
      square('filter="url(#f)"').repeat(1000),
  ),
  selectors: image(
    `<style>${"g>g+g a{fill:red}".repeat(20_000)}</style>${"<g/>".repeat(100_000)}`,
  ),
  elements: image("<a/>".repeat(1_000_000)),
  "a long path": image(`<path stroke="red" d="M0 0${"h1v1".repeat(900_000)}"/>`),
  "entities in text":
    `<!DOCTYPE svg [<!ENTITY a "${"x".repeat(1e6)}">]>` +
    image(`<text>${"&amp;&a;".repeat(300_000)}</text>`),
  "entities in attributes":
    `<!DOCTYPE svg [<!ENTITY a "${"x".repeat(1e5)}">]>` + image('<g id="&a;"/>'.repeat(200_000)),
  "a gradient that refers on": image(
    chain(20_000, (i) => `<linearGradient id="g${i}" href="#g${i + 1}"/>`) +
      square('fill="url(#g0)"').repeat(5000),
  ),
  "use in a circle": image(
    '<g id="a"><use href="#b"/></g><g id="b"><use href="#c"/></g><g id="c"><use href="#a"/></g>',
  ),
  "patterns in a circle": image(
    chain(3, (i) => {
      const inside = square(`fill="url(#p${(i + 1) % 3})"`);
      return `<pattern id="p${i}" width="9" height="9">${inside}</pattern>`;
    }) + square('fill="url(#p0)"'),
  ),
};

/** Documents that look like bombs, and are none. */
const HARMLESS = {
  dashes: image('<path d="M0 0L1000000 0" stroke="red" stroke-dasharray=".00001"/>'),
  "a recursive mask": image(
    `<mask id="a">${square('mask="url(#b)"')}</mask><mask id="b">${square('mask="url(#a)"')}</mask>` +
      square('mask="url(#a)"'),
  ),
  "a tiny image": image(square(), 'width="1e-9" height="1e-9"'),
};

describe("the drawing module on bare workerd", () => {
  let server;
  before(async () => {
    server = await serveModules(FRONT, [await drawing()]);
  });
  after(() => server?.stop());

  async function call(name, svg, font, ...args) {
    const document = Buffer.from(svg);
    const query = encodeURIComponent(JSON.stringify([name, document.length, ...args]));
    return server.post(`/?args=${query}`, Buffer.concat([document, font]));
  }
  const draw = (svg, width, height) => call("draw", svg, Buffer.alloc(0), width, height);

  async function worksAgain() {
    const { status, bytes } = await draw(image(square()), 2, 2);
    assert.equal(status, 200, bytes.toString());
    assert.deepEqual([...bytes], [RED, RED, RED, RED].flat());
  }

  test("an image is drawn in the size that is asked for, to the same bytes each time", async () => {
    const svg = image('<circle cx="50" cy="50" r="40" fill="red"/>');
    const first = await draw(svg, 60, 30);
    assert.equal(first.status, 200, first.bytes.toString());
    assert.equal(first.bytes.length, 60 * 30 * 4);
    const pixel = (x, y) => [...first.bytes.subarray((y * 60 + x) * 4, (y * 60 + x) * 4 + 4)];
    assert.deepEqual(pixel(30, 15), RED);
    assert.deepEqual(pixel(0, 0), [0, 0, 0, 0]);
    assert.deepEqual((await draw(svg, 60, 30)).bytes, first.bytes);
    assert.equal((await draw("<svg", 1, 1)).status, 500);
    const other = await draw(svg, 60, 30);
    assert.equal(other.instances, first.instances + 1, "a fault drops the instance");
    assert.deepEqual(other.bytes, first.bytes);
  });

  test("an image's own size is found", async () => {
    for (const [attributes, width, height] of [
      ['viewBox="0 0 30 20"', 30, 20],
      ['width="2in" height="10" viewBox="0 0 1 1"', 192, 10],
      ['width="50%" height="10"', 50, 10],
    ]) {
      const found = await call("size", image("", attributes), Buffer.alloc(0));
      assert.deepEqual([found.width, found.height], [width, height], attributes);
    }
  });

  test("text is placed in its box", async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><text font-size="40">Mug</text></svg>';
    const start = await call("text", svg, FONT, 300, 200, { x: "start", y: "start" });
    const end = await call("text", svg, FONT, 300, 200, { x: "end", y: "end" });
    assert.equal(start.status, 200, start.bytes.toString());
    assert.deepEqual([start.x, start.y], [0, 0]);
    assert.deepEqual([end.x + end.width, end.y + end.height], [300, 200]);
    assert.equal(start.bytes.length, start.width * start.height * 4);
    assert.ok(start.bytes.some((byte) => byte > 0));
    const broken = await call("text", svg, FONT.subarray(0, 300), 300, 200, { x: "start", y: "end" });
    assert.match(broken.bytes.toString(), /not a drawing/);
  });

  test("16 MP are drawn, and leave their instance", async () => {
    const large = await draw(image(square()), 4096, 4096);
    assert.equal(large.status, 200, large.bytes.subarray(0, 99).toString());
    assert.deepEqual([...large.bytes.subarray(-4)], RED);
    assert.ok(large.memory <= MEMORY_MAX);
    const next = await draw(image(square()), 1, 1);
    assert.equal(next.instances, large.instances + 1);
    assert.match((await draw(image(square()), 4097, 1)).bytes.toString(), /too complex/);
  });

  for (const [name, svg] of Object.entries(BOMBS)) {
    test(`a bomb of ${name} is refused in bounded time and memory`, async () => {
      const since = Date.now();
      const { status, bytes, memory } = await draw(svg, 2000, 2000);
      assert.equal(status, 500);
      assert.match(bytes.toString(), /too complex/);
      assert.ok(Date.now() - since < MS_MAX, `${Date.now() - since} ms`);
      assert.ok(memory <= MEMORY_MAX, `${memory / MIB} MiB`);
      await worksAgain();
    });
  }

  for (const [name, svg] of Object.entries(HARMLESS)) {
    test(`${name}: no bomb`, async () => {
      const { status, bytes } = await draw(svg, 1000, 1000);
      assert.equal(status, 200, bytes.subarray(0, 99).toString());
    });
  }

  test("what is no image is told apart from what is too complex", async () => {
    for (const broken of ["", "<svg", "<html/>", "\u0000", image("", 'width="0" height="1"')]) {
      assert.match((await draw(broken, 8, 8)).bytes.toString(), /not a drawing/, broken);
    }
  });
});

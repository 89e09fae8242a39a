// The media worker alone: every format in, every format out, and what is no image.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ROOT } from "../../scripts/lib.mjs";
import { get } from "./lib/client.mjs";
import { startMedia } from "./lib/worker.mjs";

const file = (path) => readFileSync(join(ROOT, path));
const image = (name) => file(`tests/media/${name}`);

/** The first bytes of each format. */
const MAGIC = {
  avif: /^....ftypavif/s,
  gif: /^GIF89a/,
  jpg: /^\xff\xd8\xff/,
  png: /^\x89PNG/,
  webp: /^RIFF....WEBP/s,
};
const TYPES = {
  avif: "image/avif",
  gif: "image/gif",
  jpg: "image/jpeg",
  json: "application/json",
  png: "image/png",
  thumbhash: "application/octet-stream",
  webp: "image/webp",
};

describe("the media worker", () => {
  let worker;
  before(async () => (worker = await startMedia()));
  after(() => worker?.stop());

  /** Asks for a rendition of a source, with a canonical transformation. */
  async function render(source, transformation = "fm=jpg", overlays = [], font = null) {
    const parts = [source, ...overlays, ...(font ? [font] : [])];
    const body = Buffer.concat(parts);
    const path = `/render?lengths=${parts.map(({ length }) => length)}&${transformation}`;
    const headers = { "content-length": body.length };
    const options = { method: "POST", headers, body, timeoutMs: 60_000 };
    const { headers: found, ...response } = await get(worker.port, "media", path, options);
    return {
      ...response,
      type: found.value("content-type"),
      timing: found.value("server-timing"),
      modules: Number(found.value("x-module-instances")),
    };
  }

  /** What the worker says about an image. */
  async function facts(bytes) {
    const response = await render(bytes, "fm=json");
    assert.equal(response.status, 200, String(response.status));
    return JSON.parse(response.text);
  }

  test("an image needs no other module", async () => {
    const made = await render(image("photo.jpg"), "fm=jpg&w=100");
    assert.deepEqual([made.status, made.type, made.modules], [200, "image/jpeg", 0]);
    assert.match(made.timing, /^decode;dur=\d+, resize;dur=\d+, encode;dur=\d+$/);
    assert.equal((await facts(made.body)).width, 100);
  });

  const SOURCES = [
    "animated.gif",
    "animated.webp",
    "cmyk.jpg",
    "display-p3.jpg",
    "faded.png",
    "faded.webp",
    "gray.png",
    "photo-16.png",
    "photo.jpg",
    "photo.png",
    "photo.webp",
    "progressive.jpg",
    "rotated.jpg",
    "still.gif",
  ];
  for (const source of SOURCES) {
    test(`${source} becomes every format`, async () => {
      for (const [format, type] of Object.entries(TYPES)) {
        const made = await render(image(source), `fm=${format}&w=48`);
        assert.deepEqual([made.status, made.type], [200, type], format);
        if (MAGIC[format]) assert.match(made.body.toString("latin1"), MAGIC[format], format);
        if (["jpg", "png", "webp", "gif"].includes(format)) {
          assert.equal((await facts(made.body)).width, 48, format);
        }
      }
    });
  }

  test("equal requests give equal bytes", async () => {
    for (const format of Object.keys(TYPES)) {
      const ask = () => render(image("photo.png"), `fm=${format}&w=128`);
      assert.deepEqual((await ask()).body, (await ask()).body, format);
    }
  });

  test("overlays of any format are shown", async () => {
    const plain = await render(image("photo.jpg"), "fm=png&w=200");
    const marked = "fm=png&mark=%2Fover&mark-align=middle%2Ccenter&mark-w=100&w=200";
    for (const name of ["faded.png", "faded.webp", "still.gif"]) {
      const made = await render(image("photo.jpg"), marked, [image(name)]);
      assert.equal(made.status, 200, name);
      assert.notDeepEqual(made.body, plain.body, name);
    }
  });

  const svg = (content, size = 'width="80" height="40"') =>
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" ${size}>${content}</svg>`);
  const RED = svg('<rect width="80" height="40" fill="red"/>');

  test("SVG images are drawn, as source and as overlay", async () => {
    const drawn = await render(RED, "fm=png&w=40");
    assert.deepEqual([drawn.status, drawn.type], [200, "image/png"]);
    const { width, height } = await facts(drawn.body);
    assert.deepEqual([width, height], [40, 20]);
    const [plain, covered] = await Promise.all([
      render(image("photo.jpg"), "fm=png&w=200"),
      render(image("photo.jpg"), "fm=png&mark=%2Fover&mark-w=50&w=200", [RED]),
    ]);
    assert.equal(covered.status, 200);
    assert.notDeepEqual(covered.body, plain.body);
  });

  test("text is drawn in a font of the site", async () => {
    const font = file("tests/fonts/NotoSans-Latin.ttf");
    const text = (value) =>
      `txt=${value}&txt-box=10%2C10%2C150%2C40&txt-color=ffff0000&txt-font=%2Ffont&txt-size=30&w=200`;
    const ask = (value) => render(image("photo.jpg"), `fm=png&${text(value)}`, [], font);
    const [anna, otto] = [await ask("Anna"), await ask("Otto")];
    assert.deepEqual([anna.status, otto.status], [200, 200]);
    assert.notDeepEqual(anna.body, otto.body);
    assert.deepEqual((await ask("Anna")).body, anna.body);
    const cut = font.subarray(0, 100);
    const broken = await render(image("photo.jpg"), `fm=png&${text("Anna")}`, [], cut);
    assert.equal(broken.status, 415);
  });

  test("a transformation that is not canonical is no plan", async () => {
    for (const text of ["fm=jpg&w=0", "w=32&fm=jpg", "fm=jpg&q=75", "fm=jpg&x=1", "mark=%2Fover"]) {
      assert.equal((await render(image("photo.jpg"), text)).status, 400, text);
    }
  });

  const REFUSED = [
    ["a broken SVG image", svg("<rect"), 415],
    ["nothing", Buffer.alloc(0), 415],
    ["text", Buffer.from("no image at all"), 415],
    ["HTML", Buffer.from("<!doctype html><svg></svg>"), 415],
    ["a broken JPEG", image("broken.jpg"), 415],
    ["the first half of a PNG", image("photo.png").subarray(0, 5000), 415],
    ["HEIC", Buffer.from("\0\0\0\x18ftypheic\0\0\0\0heicmif1", "latin1"), 415],
  ];
  for (const [name, bytes, status] of REFUSED) {
    test(`${name}: ${status}, and the next image is rendered`, async () => {
      assert.equal((await render(bytes)).status, status);
      assert.equal((await render(image("photo.jpg"), "fm=jpg&w=32")).status, 200);
    });
  }
});

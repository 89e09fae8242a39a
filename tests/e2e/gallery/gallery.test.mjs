// Renditions in Chromium: the gallery of www/, and sources that a browser shows in its own way.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../scripts/lib.mjs";
import { startBrowser } from "../../frameworks/lib/browser.mjs";
import { AT_ONCE } from "../lib/check.mjs";
import { publish } from "../lib/cli.mjs";
import { start } from "../lib/worker.mjs";

/** Most that two pictures of the same may differ: mean, and in 99 % of channels, of 255 steps. */
const MEAN_MAX = 1;
const MOST_MAX = 4;

const FORMS = 12;
const WIDTHS = [320, 375, 1280];

/** Files of tests/media, and their sizes as they are seen. */
const PICTURES = {
  "rotated.jpg": [180, 120],
  "display-p3.jpg": [180, 120],
  "photo.jpg": [180, 120],
  "cmyk.jpg": [180, 120],
  "photo-16.png": [60, 40],
};
const image = (name) => readFileSync(join(ROOT, "tests/media", name));
const SITE = {
  "index.html": "<!doctype html><title>pictures</title>",
  "selvedge.toml": "[media]\n",
  ...Object.fromEntries(Object.keys(PICTURES).map((name) => [name, image(name)])),
};

let worker;
let bare;
let browser;
before(async () => {
  [worker, bare] = await Promise.all([start({ vars: AT_ONCE }), start({ media: false })]);
  await publish(worker, "www", join(ROOT, "www"));
  await publish(worker, "pictures", SITE);
  await publish(bare, "www", join(ROOT, "www"));
  browser = await startBrowser();
});
after(async () => {
  await browser?.stop();
  await Promise.all([worker?.stop(), bare?.stop()]);
});

const address = (of, site, path) => `http://${site}.localhost:${of.port}${path}`;

/** In the page: scrolls to each image, and waits until it is there or has failed for good. */
async function showAll() {
  const isSettled = (picture) =>
    (picture.complete && picture.naturalWidth > 0) || picture.closest(".failed");
  for (const picture of document.images) {
    picture.scrollIntoView();
    while (!isSettled(picture)) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const isMissing = () => !document.getElementById("missing").hidden;
  const rows = () => document.querySelectorAll("#formats tr").length;
  while (rows() < 3 && !isMissing()) await new Promise((resolve) => setTimeout(resolve, 50));
}

test("the gallery shows twelve forms without an error", async () => {
  const { wrong, types } = await browser.load(address(worker, "www", "/gallery"), showAll);
  assert.deepEqual(wrong, []);
  const seen = await browser.run(() => ({
    images: [...document.images].map((picture) => [picture.currentSrc, picture.naturalWidth]),
    facts: [...document.querySelectorAll("[data-facts]")].map((line) => line.textContent),
    formats: [...document.querySelectorAll("#formats tr")].map((row) => row.innerText),
    isMissing: !document.getElementById("missing").hidden,
  }));
  assert.equal(seen.images.length, FORMS - 1, "the placeholder is drawn");
  for (const [url, width] of seen.images) assert.ok(width > 0, url);
  assert.equal(seen.facts.length, FORMS);
  for (const fact of seen.facts) assert.match(fact, /^(\d+ by \d+, )?[\d.]+ (kB|bytes)/);
  assert.equal(seen.isMissing, false);
  const formats = seen.formats.map((row) => row.split("\t")[1]);
  assert.deepEqual(formats, ["AVIF, as you did", "WebP", "JPEG"]);
  // Chromium reads AVIF, which renditions above 2 megapixels are not made in.
  const sent = seen.images.map(([url]) => types.get(url)).filter(Boolean);
  assert.ok(sent.length > 0 && sent.every((type) => /^image\/(avif|webp)$/.test(type)), sent);
});

test("the placeholder has the colours of the photograph", async () => {
  const [drawn, photo] = await browser.run(() => {
    const mean = (source) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 18 });
      const context = canvas.getContext("2d");
      context.drawImage(source, 0, 0, 32, 18);
      const { data } = context.getImageData(0, 0, 32, 18);
      const sums = [0, 0, 0];
      data.forEach((value, at) => at % 4 < 3 && (sums[at % 4] += value));
      return sums.map((sum) => (sum * 4) / data.length);
    };
    return [document.querySelector("canvas"), document.querySelector("#negotiated img")].map(mean);
  });
  drawn.forEach((channel, at) => assert.ok(Math.abs(channel - photo[at]) < 20, [drawn, photo]));
});

test("a name that is typed appears on the label", async () => {
  const seen = await browser.run(async () => {
    const input = document.getElementById("name");
    const picture = document.querySelector("#personal img");
    const before = picture.currentSrc;
    input.value = "Zoë & Söhne";
    input.dispatchEvent(new Event("input"));
    while (picture.currentSrc === before || !picture.complete) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return [picture.currentSrc, picture.naturalWidth, document.getElementById("shown").textContent];
  });
  const [url, width, shown] = seen;
  assert.match(url, /\?p=tag&name=Zo%C3%AB\+%26\+S%C3%B6hne$/);
  assert.deepEqual([width, shown], [960, "Zo%C3%AB+%26+S%C3%B6hne"]);
});

test("no width makes the page scroll sideways", async () => {
  for (const width of WIDTHS) {
    const [visible, scrolled] = await browser.viewport(width, () => [
      window.innerWidth,
      document.documentElement.scrollWidth,
    ]);
    assert.equal(visible, width);
    assert.ok(scrolled <= width, `${scrolled} pixels at ${width}`);
  }
});

test("without the media worker the page says so", async () => {
  const { text } = await browser.load(address(bare, "www", "/gallery"), showAll);
  assert.match(text, /could not be made/);
  const shown = await browser.run(() => {
    const figures = [...document.querySelectorAll("figure")];
    return figures.map((figure) => figure.classList.contains("failed"));
  });
  // Crops and sizes are the photograph itself.
  assert.deepEqual(shown.slice(0, 5), [false, false, false, false, false]);
  assert.equal(shown.filter(Boolean).length, 6, "presets have no other form");
});

/** In the page: how far a picture is from its rendition as PNG. */
async function difference(name, isConverted) {
  const pixels = async (url, options) => {
    const blob = await (await fetch(url)).blob();
    const bitmap = await createImageBitmap(blob, options);
    const { width, height } = bitmap;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { colorSpace: "srgb" });
    context.drawImage(bitmap, 0, 0);
    return { size: [width, height], data: context.getImageData(0, 0, width, height).data };
  };
  const own = await pixels(`/${name}`, { colorSpaceConversion: isConverted ? "default" : "none" });
  const made = await pixels(`/_media/${name}?fm=png`);
  const steps = [...own.data].map((value, at) => Math.abs(value - made.data[at]));
  return {
    sizes: [own.size, made.size],
    mean: steps.reduce((sum, step) => sum + step, 0) / steps.length,
    most: steps.toSorted((a, b) => a - b)[Math.floor(steps.length * 0.99)],
  };
}

test("orientation and colours are those that the browser shows", async () => {
  await browser.load(address(worker, "pictures", "/"));
  for (const [name, size] of Object.entries(PICTURES)) {
    const { sizes, mean, most } = await browser.run(difference, name, true);
    console.log(`${name}: mean ${mean.toFixed(2)}, 99 % within ${most}`);
    assert.deepEqual(sizes, [size, size], name);
    assert.ok(mean <= MEAN_MAX && most <= MOST_MAX, `${name}: mean ${mean}, 99 % within ${most}`);
  }
  const { mean } = await browser.run(difference, "display-p3.jpg", false);
  assert.ok(mean > 2 * MEAN_MAX, `without its profile, it differs by ${mean} only`);
});

test("each browser gets the best format that it reads", async () => {
  for (const [accept, type] of [
    ["image/avif,image/webp,*/*", "image/avif"],
    ["image/webp,*/*", "image/webp"],
    ["image/*,*/*;q=0.8", "image/jpeg"],
  ]) {
    const { headers } = await worker.get("pictures", "/_media/photo.jpg?w=128", {
      headers: { accept },
    });
    assert.equal(headers.value("content-type"), type);
    assert.equal(headers.value("vary"), "accept");
  }
});

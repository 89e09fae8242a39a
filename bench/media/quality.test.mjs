// `node --test bench/media`

import assert from "node:assert/strict";
import { test } from "node:test";
import sharp from "sharp";
import { judge, ssim } from "./quality.mjs";

const image = (width, height, of) => {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i += 1) {
    data.fill(of(i % width, Math.floor(i / width)), 3 * i, 3 * i + 3);
  }
  return { width, height, data };
};
const waves = (x, y) => 128 + 60 * Math.sin(x / 3) * Math.cos(y / 5);

test("an image equals itself", () => {
  const one = image(64, 48, waves);
  assert.equal(ssim(one, one), 1);
});

test("flat images differ by their means alone", () => {
  const [one, other] = [image(32, 32, () => 100), image(32, 32, () => 120)];
  const c1 = (0.01 * 255) ** 2;
  const expected = (2 * 100 * 120 + c1) / (100 ** 2 + 120 ** 2 + c1);
  assert.ok(Math.abs(ssim(one, other) - expected) < 1e-4);
});

test("more noise is less similar", () => {
  const one = image(64, 64, waves);
  const noisy = (amount) => image(64, 64, (x, y) => waves(x, y) + amount * ((x * 7 + y * 13) % 5));
  assert.ok(ssim(one, noisy(2)) > ssim(one, noisy(6)));
});

test("a resize is judged in the light it was made in", async () => {
  // Black and white pixels in turn are half of the light, which is 188, not 128.
  const { data, ...size } = image(128, 128, (x, y) => ((x + y) % 2 ? 255 : 0));
  const source = await sharp(data, { raw: { ...size, channels: 3 } }).png().toBuffer();
  const score = await judge(source);
  const gray = (value) => image(32, 32, () => value);
  const png = ({ data: raw }) =>
    sharp(raw, { raw: { width: 32, height: 32, channels: 3 } }).png().toBuffer();
  assert.ok((await score(await png(gray(188)), "linear")) > 0.99);
  assert.ok((await score(await png(gray(128)), "gamma")) > 0.99);
  assert.ok((await score(await png(gray(128)), "linear")) < 0.95);
});

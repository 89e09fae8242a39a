// Images that attack what reads them.

import { randomBytes } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";

const MIB = 2 ** 20;

function chunk(name, data) {
  const named = Buffer.concat([Buffer.from(name), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

/** Returns a PNG in RGB that claims this size; `rows` are compressed, `more` are further chunks. */
export function png(width, height, rows, more = []) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const chunks = [chunk("IHDR", header), ...more, chunk("IDAT", rows)];
  const end = chunk("IEND", Buffer.alloc(0));
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...chunks, end]);
}

/** Returns a black PNG. */
export const blackPng = (width, height) =>
  png(width, height, deflateSync(Buffer.alloc((width * 3 + 1) * height)));

/** Returns a PNG of exactly `bytes` bytes, at least 1 MiB, whose pixels are noise. */
export function largePng(bytes) {
  const width = 2048;
  const height = Math.floor((bytes - MIB / 64) / (width * 3 + 1));
  const noise = randomBytes((width * 3 + 1) * height);
  for (let y = 0; y < height; y += 1) noise[y * (width * 3 + 1)] = 0;
  const rows = deflateSync(noise, { level: 0 });
  const rest = bytes - png(width, height, rows).length;
  return png(width, height, rows, [chunk("teSt", Buffer.alloc(rest - 12))]);
}

/** Returns an animated WebP whose frames contain frames, to a depth. */
export function nestedWebp(depth) {
  let inner = Buffer.alloc(0);
  const riff = (name, data) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(data.length);
    return Buffer.concat([Buffer.from(name), length, data]);
  };
  for (let level = 0; level < depth; level += 1) {
    inner = riff("ANMF", Buffer.concat([Buffer.alloc(16), inner]));
  }
  const header = riff("VP8X", Buffer.from([2, 0, 0, 0, 63, 0, 0, 63, 0, 0]));
  const animation = riff("ANIM", Buffer.alloc(6));
  return riff("RIFF", Buffer.concat([Buffer.from("WEBP"), header, animation, inner]));
}

/** Returns a GIF of frames that are one pixel each, on a screen of this size. */
export function gif(width, height, frames) {
  const screen = Buffer.alloc(7);
  screen.writeUInt16LE(width, 0);
  screen.writeUInt16LE(height, 2);
  screen[4] = 0x80;
  const colours = Buffer.from([0, 0, 0, 255, 255, 255]);
  const control = Buffer.from([0x21, 0xf9, 4, 0, 10, 0, 0, 0]);
  const place = Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0]);
  const pixel = Buffer.from([2, 2, 0x44, 1, 0]);
  const pictures = Array.from({ length: frames }, () => [control, place, pixel]).flat();
  return Buffer.concat([Buffer.from("GIF89a"), screen, colours, ...pictures, Buffer.from(";")]);
}

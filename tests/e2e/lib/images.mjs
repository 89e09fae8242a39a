// Generated pixels, and decoders that this project did not write.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../scripts/lib.mjs";

/** Returns pixels with gradients, edges and some noise; `opaque` for 3 channels. */
export function picture(width, height, { opaque = true } = {}) {
  const channels = opaque ? 3 : 4;
  const pixels = new Uint8Array(width * height * channels);
  let seed = 1;
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += channels) {
      seed = (seed * 1664525 + 1013904223) >>> 0;
      const noise = seed >>> 28;
      pixels[at] = (x * 200) / width + noise;
      pixels[at + 1] = (y * 200) / height + noise;
      pixels[at + 2] = (x >> 5) % 2 === (y >> 5) % 2 ? 200 : 60;
      if (!opaque) pixels[at + 3] = (x * 255) / width;
    }
  }
  return pixels;
}

const PACKAGES = join(ROOT, "node_modules/@jsquash");

/** Decodes a WebP or AVIF file with the decoder of its library, to `{width, height, data}`. */
export async function decode(format, bytes) {
  const file = join(PACKAGES, format, "codec/dec", `${format}_dec`);
  const { default: glue } = await import(`${file}.js`);
  const library = await glue({
    instantiateWasm(imports, receive) {
      const instance = new WebAssembly.Instance(
        new WebAssembly.Module(readFileSync(`${file}.wasm`)),
        imports,
      );
      receive(instance);
      return instance.exports;
    },
  });
  const image = format === "avif" ? library.decode(bytes, 8) : library.decode(bytes);
  return { width: image.width, height: image.height, data: image.data };
}

/** Returns the peak signal-to-noise ratio in dB of decoded RGBA to the pixels that were encoded. */
export function similarity(pixels, channels, data) {
  let squares = 0;
  for (let from = 0, to = 0; to < data.length; from += channels, to += 4) {
    for (let c = 0; c < channels; c += 1) squares += (pixels[from + c] - data[to + c]) ** 2;
  }
  return 10 * Math.log10(255 ** 2 / (squares / pixels.length));
}

// Encoders of @jsquash: C libraries that emscripten compiled, with its glue.

import { Kept } from "./kept.mjs";

/**
 * Starts an encoder. The glue fetches and compiles its module, which this runtime forbids, unless
 * it gets an instance. It gets one at once, so `encode` exists when it returns.
 */
function start([{ default: glue }, { default: module }]) {
  let memory;
  const own = {
    print() {},
    printErr() {},
    instantiateWasm(imports, receive) {
      const instance = new WebAssembly.Instance(module, imports);
      memory = Object.values(instance.exports).find((it) => it instanceof WebAssembly.Memory);
      receive(instance);
      return instance.exports;
    },
  };
  // Rejects only if `encode` is missing too.
  glue(own).catch(() => {});
  if (!own.encode) throw new Error("an encoder did not start");
  return { memory, encode: own.encode };
}

/** Returns pixels of `channels` bytes as RGBA; the encoders take nothing else. */
function rgba(pixels, channels) {
  if (channels === 4) return pixels;
  const padded = new Uint8Array((pixels.length / 3) * 4);
  for (let from = 0, to = 0; from < pixels.length; from += 3, to += 4) {
    padded[to] = pixels[from];
    padded[to + 1] = pixels[from + 1];
    padded[to + 2] = pixels[from + 2];
    padded[to + 3] = 255;
  }
  return padded;
}

/** Returns a function that encodes pixels, 3 or 4 `channels` of a byte, without padding. */
export function encoder(load, options) {
  const kept = new Kept(load, start);
  return (pixels, width, height, channels, quality) => {
    if (pixels.length !== width * height * channels) {
      throw new RangeError("the pixels do not have the size of the image");
    }
    return kept.use(({ encode }) => {
      const bytes = encode(rgba(pixels, channels), width, height, { ...options, quality });
      if (!bytes) throw new Error("an encoder refused an image");
      return bytes;
    });
  };
}

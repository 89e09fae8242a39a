// Encodes AVIF with libaom.

import { encoder } from "./emscripten.mjs";

/** 2 MP take 67 MiB of linear memory. */
export const AVIF_PIXELS_MAX = 2_000_000;

/**
 * Speed 8 takes 0.4 s for 2 MP; speed 7 takes 1.8 s and saves nothing. Chroma is halved (4:2:0): in
 * full, it takes 93 MiB and half as long again.
 */
const OPTIONS = {
  bitDepth: 8,
  chromaDeltaQ: false,
  denoiseLevel: 0,
  enableSharpYUV: false,
  qualityAlpha: -1,
  sharpness: 0,
  speed: 8,
  subsample: 1,
  tileColsLog2: 0,
  tileRowsLog2: 0,
  tune: 0,
};

/** Imported when first needed: its 3.5 MB are not worth compiling before. */
const load = () => Promise.all([import("./avif_enc.js"), import("./avif_enc.wasm")]);

/** Resolves to the bytes of an AVIF file. `quality` is from 1 to 100. */
export const encodeAvif = encoder(load, OPTIONS);

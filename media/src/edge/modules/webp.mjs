// Encodes WebP with libwebp.

import { encoder } from "./emscripten.mjs";

/** 6 MP take 66 MiB of linear memory, 4.3 MP 48 MiB. */
export const WEBP_PIXELS_MAX = 6_000_000;

/** The defaults of libwebp, and of sharp. All are named, because its binding demands them. */
const OPTIONS = {
  alpha_compression: 1,
  alpha_filtering: 1,
  alpha_quality: 100,
  autofilter: 0,
  emulate_jpeg_size: 0,
  exact: 0,
  filter_sharpness: 0,
  filter_strength: 60,
  filter_type: 1,
  image_hint: 0,
  lossless: 0,
  low_memory: 0,
  method: 4,
  near_lossless: 100,
  partition_limit: 0,
  partitions: 0,
  pass: 1,
  preprocessing: 0,
  segments: 4,
  show_compressed: 0,
  sns_strength: 50,
  target_PSNR: 0,
  target_size: 0,
  thread_level: 0,
  use_delta_palette: 0,
  use_sharp_yuv: 0,
};

/** Imported when first needed: compiling costs time, and most isolates never encode. */
const load = () => Promise.all([import("./webp_enc_simd.js"), import("./webp_enc_simd.wasm")]);

/** Resolves to the bytes of a WebP file. `quality` is from 1 to 100. */
export const encodeWebp = encoder(load, OPTIONS);

// The files that the media worker imports beside its own module.

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, WASM_TARGET } from "./lib.mjs";
import { meter } from "./meter.mjs";

const PACKAGES = join(ROOT, "node_modules/@jsquash");
const SOURCES = join(ROOT, "media/src/edge/modules");

const OWN = ["avif.mjs", "drawing.mjs", "emscripten.mjs", "kept.mjs", "webp.mjs"];
const ENCODERS = ["avif/codec/enc/avif_enc", "webp/codec/enc/webp_enc_simd"];

/** The package of the drawing module, which cargo builds with the profile `media`. */
export const DRAWING = "selvedge-drawing";

/**
 * Returns each file as `{from, name}`: all go into the folder of the worker's entry module.
 * `isMetered` is set if it is to be metered on the way.
 */
export function modules() {
  const drawing = join(ROOT, "target", WASM_TARGET, "media/selvedge_drawing.wasm");
  return [
    ...OWN.map((name) => ({ from: join(SOURCES, name), name })),
    ...ENCODERS.flatMap((path) => [".js", ".wasm"].map((end) => path + end)).map((path) => ({
      from: join(PACKAGES, path),
      name: path.split("/").at(-1),
    })),
    { from: drawing, name: "drawing.wasm", isMetered: true },
  ];
}

/** Writes all files into `folder`. */
export function copyModules(folder) {
  for (const { from, name, isMetered } of modules()) {
    if (isMetered) writeFileSync(join(folder, name), meter(readFileSync(from)));
    else copyFileSync(from, join(folder, name));
  }
}

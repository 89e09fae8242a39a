// The files that the media worker imports beside its own module.

import { join } from "node:path";
import { ROOT } from "./lib.mjs";

const PACKAGES = join(ROOT, "node_modules/@jsquash");
const SOURCES = join(ROOT, "media/src/edge/modules");

const OWN = ["avif.mjs", "emscripten.mjs", "kept.mjs", "webp.mjs"];
const ENCODERS = ["avif/codec/enc/avif_enc", "webp/codec/enc/webp_enc_simd"];

/** Returns each file as `{from, name}`: all go into the folder of the worker's entry module. */
export function modules() {
  return [
    ...OWN.map((name) => ({ from: join(SOURCES, name), name })),
    ...ENCODERS.flatMap((path) => [".js", ".wasm"].map((end) => path + end)).map((path) => ({
      from: join(PACKAGES, path),
      name: path.split("/").at(-1),
    })),
  ];
}

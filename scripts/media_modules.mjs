// The encoders that the media worker imports when it first needs them.

import { join } from "node:path";
import { ROOT } from "./lib.mjs";

const PACKAGES = join(ROOT, "node_modules/@jsquash");
const ENCODERS = ["avif/codec/enc/avif_enc", "webp/codec/enc/webp_enc_simd"];

/** Returns each file: its path in the build, and where it comes from. */
export function encoders() {
  const paths = ENCODERS.flatMap((path) => [`${path}.js`, `${path}.wasm`]);
  return paths.map((path) => [`modules/${path.split("/").at(-1)}`, join(PACKAGES, path)]);
}

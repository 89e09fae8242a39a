// Builds the module that draws SVG images and text.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, WASM_TARGET, newest, run } from "./lib.mjs";
import { meter } from "./meter.mjs";

/** Linear memory of a media module: beyond 128 MiB, an isolate dies with all its requests. */
const MEMORY_BYTES_MAX = 96 * 1024 * 1024;
/** Flags of the media worker's modules. */
export const MEDIA_FLAGS = [
  "-Ctarget-feature=+simd128",
  `-Clink-arg=--max-memory=${MEMORY_BYTES_MAX}`,
];

/**
 * Compiles and meters the module if its sources changed. Resolves to its path in the build, and
 * where it comes from. Link-time optimisation would save 2 % of its size, wasm-opt 9 %: too little
 * for the time they take.
 */
export async function drawing() {
  const config = `target.${WASM_TARGET}.rustflags=${JSON.stringify(MEDIA_FLAGS)}`;
  const how = ["--profile", "media", "--target", WASM_TARGET, "--config", config];
  await run("cargo", ["build", "--quiet", "--package", "selvedge-drawing", ...how]);
  const compiled = join(ROOT, "target", WASM_TARGET, "media/selvedge_drawing.wasm");
  const metered = compiled.replace(".wasm", ".metered.wasm");
  const inputs = [compiled, join(ROOT, "scripts/meter.mjs")];
  if (!existsSync(metered) || newest(metered) < Math.max(...inputs.map(newest))) {
    writeFileSync(metered, meter(readFileSync(compiled)));
  }
  return ["modules/drawing.wasm", metered];
}

// Checks the workers against bench/budget.json: their sizes, and how long their wasm takes to
// start. The build fails beyond either, so that growth is a decision.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Explained, MEDIA, ROOT, WORKER, filesOf, main, say } from "./lib.mjs";

/** Number of measured starts. The median counts, because the machine may be busy. */
const STARTS = 9;

/** Returns the length of all modules in `folder`, compressed together as a deploy does it. */
export function sizes(folder) {
  const parts = filesOf(folder).map((path) => readFileSync(join(folder, path)));
  const all = Buffer.concat(parts);
  return { bytes: all.length, gzip_bytes: gzipSync(all, { level: 9 }).length };
}

/** Measures how long the glue of `library` takes to instantiate the compiled module. */
export async function measured(built, library) {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-budget-"));
  cpSync(built, folder, { recursive: true });
  // Node treats a `.js` file as a module only if its package says so.
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const module = new WebAssembly.Module(readFileSync(join(folder, `${library}_bg.wasm`)));
  const times = [];
  for (let start = 0; start < STARTS; start += 1) {
    const { initSync } = await import(`${join(folder, `${library}.js`)}?start=${start}`);
    const since = performance.now();
    initSync({ module });
    times.push(performance.now() - since);
  }
  rmSync(folder, { recursive: true, force: true });
  const middle = times.sort((a, b) => a - b)[STARTS >> 1];
  return { instantiation_ms: Number(middle.toFixed(2)) };
}

/** The workers: their names in the budget, their folders and libraries. */
const WORKERS = [
  ["worker", WORKER, "selvedge"],
  ["media", MEDIA, "selvedge_media"],
];

/** Fails if a built worker exceeds its budget. */
export async function budget() {
  const path = "bench/budget.json";
  const budgets = JSON.parse(readFileSync(join(ROOT, path)));
  for (const [name, folder, library] of WORKERS) {
    const { gzip_bytes_max, instantiation_ms_max } = budgets[name];
    const { gzip_bytes } = sizes(folder);
    const { instantiation_ms } = await measured(folder, library);
    if (gzip_bytes > gzip_bytes_max) {
      throw new Explained(
        `build/${name} is ${gzip_bytes} bytes compressed, but ${path} allows ${gzip_bytes_max}; ` +
          "make it smaller, or raise the budget in a commit that says why",
      );
    }
    if (instantiation_ms > instantiation_ms_max) {
      throw new Explained(
        `build/${name} takes ${instantiation_ms} ms to start, ` +
          `but ${path} allows ${instantiation_ms_max}`,
      );
    }
    const share = ((100 * gzip_bytes) / gzip_bytes_max).toFixed(0);
    say(`budget of build/${name}: ${gzip_bytes} bytes (${share} %), ${instantiation_ms} ms`);
  }
}

if (import.meta.main ?? process.argv[1].endsWith("budget.mjs")) main(budget);

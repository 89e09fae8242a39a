// Checks the worker against bench/budget.json: its size, and how long its wasm takes to start. The
// build fails beyond either, so that growth is a decision.

import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Explained, ROOT, WORKER, main, say } from "./lib.mjs";

/** Number of measured starts. The median counts, because the machine may be busy. */
const STARTS = 9;

/** Returns the length of all modules together, compressed as a deploy compresses them. */
export function sizes() {
  const parts = readdirSync(WORKER).map((name) => readFileSync(join(WORKER, name)));
  const all = Buffer.concat(parts);
  return { bytes: all.length, gzip_bytes: gzipSync(all, { level: 9 }).length };
}

/** Measures how long the glue takes to instantiate the compiled module. */
export async function measured() {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-budget-"));
  cpSync(WORKER, folder, { recursive: true });
  // Node treats a `.js` file as a module only if its package says so.
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const module = new WebAssembly.Module(readFileSync(join(folder, "selvedge_bg.wasm")));
  const times = [];
  for (let start = 0; start < STARTS; start += 1) {
    const { initSync } = await import(`${join(folder, "selvedge.js")}?start=${start}`);
    const since = performance.now();
    initSync({ module });
    times.push(performance.now() - since);
  }
  rmSync(folder, { recursive: true, force: true });
  const middle = times.sort((a, b) => a - b)[STARTS >> 1];
  return { instantiation_ms: Number(middle.toFixed(2)) };
}

/** Fails if the built worker exceeds its budget. */
export async function budget() {
  const path = "bench/budget.json";
  const { gzip_bytes_max, instantiation_ms_max } = JSON.parse(readFileSync(join(ROOT, path)));
  const { gzip_bytes } = sizes();
  const { instantiation_ms } = await measured();
  if (gzip_bytes > gzip_bytes_max) {
    throw new Explained(
      `the worker is ${gzip_bytes} bytes compressed, but ${path} allows ${gzip_bytes_max}; ` +
        "make it smaller, or raise the budget in a commit that says why",
    );
  }
  if (instantiation_ms > instantiation_ms_max) {
    throw new Explained(
      `the worker takes ${instantiation_ms} ms to start, ` +
        `but ${path} allows ${instantiation_ms_max}`,
    );
  }
  const share = ((100 * gzip_bytes) / gzip_bytes_max).toFixed(0);
  say(`budget: ${gzip_bytes} bytes (${share} %), started in ${instantiation_ms} ms`);
}

if (import.meta.main ?? process.argv[1].endsWith("budget.mjs")) main(budget);

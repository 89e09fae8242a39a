// Prints, as JSON, how long a new process takes to compile the modules and to make its first
// renditions: node bench/media/cold.mjs FILE

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MEDIA, media, wasmFiles } from "./engines.mjs";

const RENDITIONS = 20;

const source = readFileSync(process.argv[2]);
const asked = { width: 800, format: "jpg", quality: 75 };

async function timed(work) {
  const since = performance.now();
  const result = await work();
  return [performance.now() - since, result];
}

const compile_ms = {};
for (const name of wasmFiles()) {
  const bytes = readFileSync(join(MEDIA, name));
  [compile_ms[name]] = await timed(() => new WebAssembly.Module(bytes));
}
const [load_ms, engine] = await timed(media);
const renditions_ms = [];
for (let i = 0; i < RENDITIONS; i += 1) {
  const [ms, { status }] = await timed(() => engine.render(source, asked));
  if (status !== 200) throw new Error(`status ${status}`);
  renditions_ms.push(ms);
}
console.log(JSON.stringify({ compile_ms, load_ms, renditions_ms }));

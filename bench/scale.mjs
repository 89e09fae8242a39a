// Measures sites with many paths: the isolate's memory, store requests per request, and the cost of
// a random path. Runs the release build on bare workerd with its defaults.
//
//   node bench/scale.mjs [PATHS ...]
//
// The store is another process, which bench/core fills with the product's own code. So the worker
// can be restarted, and its process's memory and CPU time don't include the store's.

import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { ROOT, main, run, step } from "../scripts/lib.mjs";
import { get } from "../tests/e2e/lib/client.mjs";
import { configText, copyBuild, esModule, freePorts, layered } from "../tests/e2e/lib/workerd.mjs";
import { selvedgeModules, serve, variables } from "../tests/e2e/lib/workerd.mjs";
import { workerService, writeStores } from "../tests/e2e/lib/workerd.mjs";
import { CONNECTIONS, load, rotation, rssBytes } from "./measure.mjs";
import { scaleTables } from "./report.mjs";

const SIZES = [100, 10_000, 1_000_000];
const HOST = "bench.localhost";
const MIB = 2 ** 20;

/**
 * Maximum memory of the isolate with the default budget of 32 MiB: in use, and at its highest with
 * garbage. The platform ends isolates at 128 MB.
 */
const MEMORY_MIB_MAX = { used: 64, highest: 122 };
/**
 * Maximum number of store requests. A cold isolate reads the live record, the root and the blob.
 * For a large site it also reads a shard, which misses the target.
 */
const STORE_REQUESTS_MAX = { cold: 3, warm: 0 };
/** Seconds of random paths, measured and before that. */
const [LOAD_SECS, WARM_SECS] = [5, 2];
/** Interval of memory measurements under load. */
const LOOK_MS = 100;

const CACHE = workerService({ modules: [esModule("cache.js")] });

/** Returns a new folder with every module. */
function modules() {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-scale-"));
  copyBuild(folder);
  cpSync(join(ROOT, "bench/workers"), folder, { recursive: true });
  writeStores(folder);
  return folder;
}

async function startStore() {
  const ports = await freePorts("store");
  const store = workerService({ modules: layered("counted.js", "kv.js") });
  const server = await serve(modules(), configText({ store }, ports), ports.store);
  const requests = async () => Number((await get(ports.store, "store", "/.requests")).text);
  return { ...server, port: ports.store, requests };
}

/** Starts the worker; `isGauged` adds a gauge in front of it, and an inspector. */
async function startWorker(store, { isGauged = false } = {}) {
  const vars = variables({ BASE_DOMAIN: "localhost", HTTPS_ONLY: "false", STORE: "kv" });
  const services = {
    store: `external = (address = "127.0.0.1:${store.port}", http = ())`,
    cache: CACHE,
    worker: workerService({
      modules: selvedgeModules({ front: isGauged ? "gauge.js" : null }),
      bindings: ['(name = "STORE_KV", kvNamespace = "store")', ...vars],
      cache: "cache",
    }),
  };
  return started(services, isGauged);
}

function startIdle() {
  const worker = workerService({ modules: [esModule("idle.js")], cache: "cache" });
  return started({ cache: CACHE, worker }, true);
}

async function started(services, isGauged) {
  const { worker, inspector } = await freePorts("worker", "inspector");
  const config = configText(services, { worker }, isGauged ? ["--expose-gc"] : []);
  const args = isGauged ? [`--inspector-addr=127.0.0.1:${inspector}`] : [];
  const server = await serve(modules(), config, worker, "/", args);
  return { ...server, port: worker, inspector };
}

/** Fills the store with a site of this many paths. */
async function fill(store, program, paths) {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-scale-site-"));
  await run(program, [String(paths), folder]);
  const lines = (name) => readFileSync(join(folder, name), "utf8").trimEnd().split("\n");
  const values = readFileSync(join(folder, "values"));
  let at = 0;
  for (const line of lines("index")) {
    const [length, key] = line.split(" ");
    const body = values.subarray(at, (at += Number(length)));
    const path = `/${encodeURIComponent(key)}`;
    const answer = await get(store.port, "store", path, { method: "PUT", body });
    if (answer.status !== 204) throw new Error(`the store refused ${key}: ${answer.status}`);
  }
  const [eachShard, random, unknown] = ["each-shard", "random", "unknown"].map(lines);
  rmSync(folder, { recursive: true, force: true });
  return { eachShard, random, unknown };
}

/** Sends a request; resolves to its entity tag and the number of store requests. */
async function ask(store, worker, path, wanted, headers = {}) {
  const before = await store.requests();
  const answer = await get(worker.port, HOST, path, { headers });
  if (answer.status !== wanted) throw new Error(`${path}: ${answer.status}, not ${wanted}`);
  return { asked: (await store.requests()) - before, etag: answer.headers.value("etag") };
}

/** Counts store requests per request, beginning with a fresh isolate. */
async function storeRequests(store, worker, { unknown }) {
  const cold = await ask(store, worker, "/page", 200);
  const hot = await ask(store, worker, "/page", 200);
  const headers = { "if-none-match": cold.etag };
  const notModified = await ask(store, worker, "/page", 304, headers);
  // The first one reads the 404 page.
  const [first, second] = unknown;
  await ask(store, worker, first, 404);
  const missing = await ask(store, worker, second, 404);
  return {
    cold: cold.asked,
    hot: hot.asked,
    not_modified: notModified.asked,
    unknown: missing.asked,
  };
}

/** Requests every path once. */
async function askAll(worker, paths, status = 200) {
  const left = paths.values();
  const one = async () => {
    for (const path of left) {
      const answer = await get(worker.port, HOST, path);
      if (answer.status !== status) throw new Error(`${path}: ${answer.status}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
}

/** Connects to the inspector, which reports V8's heap usage. */
async function heapOf(worker) {
  const socket = new WebSocket(`ws://127.0.0.1:${worker.inspector}/worker`);
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const usage = () =>
    new Promise((resolve) => {
      socket.once("message", (data) => resolve(JSON.parse(data).result));
      socket.send('{"id":1,"method":"Runtime.getHeapUsage"}');
    });
  return { usage, close: () => socket.terminate() };
}

/** Measures the isolate's memory: the wasm's, V8's heap, and buffers outside the heap. */
async function look(worker, heap, path = "/") {
  const wasm = Number((await get(worker.port, "gauge", path)).text);
  const { usedSize, embedderHeapUsedSize, backingStorageSize } = await heap.usage();
  const [used, buffers] = [usedSize + embedderHeapUsedSize, backingStorageSize];
  return { wasm, heap: used, buffers, together: wasm + used + buffers };
}

/** Measures memory after every shard and many random paths, and its highest value. */
async function memory(store, { eachShard, random }) {
  const worker = await startWorker(store, { isGauged: true });
  const heap = await heapOf(worker);
  await askAll(worker, eachShard);
  const all = askAll(worker, random);
  let highest = 0;
  for (let isOver = false; !isOver; ) {
    isOver = await Promise.race([all.then(() => true), sleep(LOOK_MS, false)]);
    highest = Math.max(highest, (await look(worker, heap)).together);
  }
  const rss = rssBytes(worker.pid);
  // The first collection frees objects, the second their bytes.
  for (let i = 0; i < 2; i += 1) await look(worker, heap, "/gc");
  const found = await look(worker, heap);
  heap.close();
  worker.stop();
  return { ...found, highest, rss };
}

/** Measures the memory of a process with an idle worker after as many requests. */
async function idleRss({ random }) {
  const worker = await startIdle();
  await askAll(worker, random);
  const rss = rssBytes(worker.pid);
  worker.stop();
  return rss;
}

/** Measures CPU time and store requests of random paths. */
async function cost(store, worker, { eachShard, random }) {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-scale-wrk-"));
  const script = rotation(join(folder, "random.lua"), random);
  await askAll(worker, eachShard);
  const { pid, port } = worker;
  const options = { pid, port, path: "/", headers: { Host: HOST }, script };
  await load({ ...options, secs: WARM_SECS });
  const before = await store.requests();
  const { cpu_us, requests } = await load({ ...options, secs: LOAD_SECS });
  const asked = (await store.requests()) - before;
  rmSync(folder, { recursive: true, force: true });
  return { cpu_us: fixed(cpu_us, 1), store_requests: fixed(asked / requests, 2) };
}

const fixed = (value, digits) => Number(value.toFixed(digits));

/** Measures a site of this many paths. */
async function measured(program, paths) {
  const store = await startStore();
  const site = await fill(store, program, paths);
  const worker = await startWorker(store);
  const store_requests = await storeRequests(store, worker, site);
  const random = await cost(store, worker, site);
  worker.stop();
  const bytes = await memory(store, site);
  store.stop();
  const idle = await idleRss(site);
  const mib = (value) => fixed(value / MIB, 1);
  const { rss, ...isolate } = bytes;
  const memory_mib = Object.fromEntries(Object.entries(isolate).map(([k, v]) => [k, mib(v)]));
  const shards = site.eachShard.length;
  return { paths, shards, store_requests, random, memory_mib, rss_grown_mib: mib(rss - idle) };
}

/** Compares the measurements of a site with the targets. */
function targets({ paths, store_requests, memory_mib }) {
  const { cold, warm } = STORE_REQUESTS_MAX;
  const rows = [
    ["memory in use, MiB", memory_mib.together, MEMORY_MIB_MAX.used],
    ["memory at its highest, MiB", memory_mib.highest, MEMORY_MIB_MAX.highest],
    ["store requests, cold", store_requests.cold, cold],
    ["store requests, hot", store_requests.hot, warm],
    ["store requests, 304", store_requests.not_modified, warm],
    ["store requests, unknown path", store_requests.unknown, warm],
  ];
  return rows.map(([what, is, at_most]) => ({ paths, what, is, at_most, holds: is <= at_most }));
}

/** Measures sites of each size; resolves to `{sizes, targets}`. */
export async function scale(sizes = SIZES) {
  const env = { CARGO_TARGET_DIR: join(ROOT, "target/bench") };
  const args = ["build", "--quiet", "--profile", "bench", "--bin", "synthetic-store"];
  await step("synthetic-store", () => run("cargo", args, { cwd: join(ROOT, "bench/core"), env }));
  const program = join(env.CARGO_TARGET_DIR, "release/synthetic-store");
  const found = [];
  for (const paths of sizes) {
    found.push(await step(`${paths} paths`, () => measured(program, paths)));
  }
  return { sizes: found, targets: found.flatMap(targets) };
}

if (import.meta.main ?? process.argv[1].endsWith("scale.mjs")) {
  main(async () => {
    const sizes = process.argv.slice(2).map(Number);
    console.log(scaleTables(await scale(sizes.length ? sizes : undefined)));
    process.exit();
  });
}

// Starts the built worker: on miniflare, with R2 or KV, or on bare workerd, with KV. Which, the
// environment says, so that one list of test files covers them all:
//
//   SELVEDGE_TEST_STORE  r2 (default), kv
//   SELVEDGE_TEST_CACHE  on (default), empty, flaky: what the caches do; see shim.mjs

import { spawn } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Miniflare, NoOpLog, convertV4MiniflareOptions } from "miniflare";
import { get, wire } from "./client.mjs";
import { CACHE_WORKER, KV_WORKER } from "./stores.mjs";

const LIB = dirname(fileURLToPath(import.meta.url));
export const ROOT = resolve(LIB, "../../..");
const WORKER = join(ROOT, "build/worker");
const COMPATIBILITY_DATE = "2026-10-01";

export const STORE = process.env.SELVEDGE_TEST_STORE ?? "r2";
export const CACHE = process.env.SELVEDGE_TEST_CACHE ?? "on";
/** The root token of every worker that is started here. */
export const ROOT_TOKEN = "root-0f1e2d3c4b5a69788796a5b4c3d2e1f0";
export const BASE = "localhost";

/** The shim, which is the entry here, and every module of the worker, with what it is. */
const MODULES = [
  ["shim.mjs", "ESModule"],
  ...readdirSync(WORKER).map((name) => [
    name,
    name.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
  ]),
];

/** Where module `name` is; the shim stands beside the worker only in what is loaded. */
function source(name) {
  return join(name === "shim.mjs" ? LIB : WORKER, name);
}

function bindings({ store, vars, cache }) {
  return {
    BASE_DOMAIN: BASE,
    DEFAULT_SITE: "www",
    HTTPS_ONLY: "false",
    ADMIN_TOKEN: ROOT_TOKEN,
    STORE: store,
    // With empty tiers the isolate remembers nothing either.
    ...(cache === "empty" ? { MEMORY_BYTES_MAX: "0" } : {}),
    ...vars,
  };
}

/** What is undone when the process ends. */
const undo = new Set();
process.once("exit", () => undo.forEach((step) => step()));

/** A temporary folder, removed when the process ends. */
export function scratch(prefix = "selvedge-") {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  undo.add(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A running worker; its requests go to `<site>.<BASE>` and the like. */
class Worker {
  constructor(port, stop) {
    this.port = port;
    this.stop = stop;
    this.url = `http://${BASE}:${port}`;
  }

  /** One well-formed request; `host` may be a site's name alone. */
  get(host, path, options) {
    const full = host.includes(".") || host === BASE || host === "shim" ? host : `${host}.${BASE}`;
    return get(this.port, full, path, options);
  }

  /** One request as exact latin-1 text. */
  wire(text, timeoutMs) {
    return wire(this.port, text, timeoutMs);
  }

  /** A call to the admin API; `body` is sent as JSON unless it is bytes. */
  async api(method, path, body, token = ROOT_TOKEN) {
    const isBytes = Buffer.isBuffer(body);
    const payload = body === undefined || isBytes ? body : JSON.stringify(body);
    const headers = { "content-length": payload ? Buffer.byteLength(payload) : 0 };
    if (token) headers.authorization = `Bearer ${token}`;
    if (payload)
      headers["content-type"] = isBytes ? "application/octet-stream" : "application/json";
    const answer = await get(this.port, BASE, `/.selvedge/v1${path}`, {
      method,
      headers,
      body: payload,
    });
    let json = null;
    try {
      json = JSON.parse(answer.text);
    } catch {
      // Not every answer is JSON; the test that wants it sees the null.
    }
    return { ...answer, json };
  }

  /** Sets what the shim does, and resolves to its state. */
  async shim(settings) {
    const body = settings ? JSON.stringify(settings) : null;
    const answer = await get(this.port, "shim", "/", { method: settings ? "POST" : "GET", body });
    return JSON.parse(answer.text);
  }
}

async function whenReady(worker, cache) {
  for (let tries = 0; ; tries += 1) {
    const health = await worker
      .get(BASE, "/.selvedge/health")
      .catch((error) => ({ text: error.message }));
    if (health.status === 200) break;
    if (tries > 200) throw new Error(`the worker is not ready: ${health.status} ${health.text}`);
    await sleep(50);
  }
  await worker.shim({ reset: true, cache });
  return worker;
}

/**
 * Starts the worker on miniflare. `state` keeps its data in a folder across starts; `vars` are
 * added to its variables; `seed` fills the store: entries of a key, its bytes, and what the store
 * keeps beside them.
 */
export async function start({
  store = STORE,
  cache = CACHE,
  vars = {},
  state = null,
  seed = null,
  cf,
} = {}) {
  const options = convertV4MiniflareOptions({
    name: "selvedge",
    modulesRoot: WORKER,
    modules: MODULES.map(([name, type]) => ({
      type,
      path: join(WORKER, name),
      contents: readFileSync(source(name)),
    })),
    compatibilityDate: COMPATIBILITY_DATE,
    host: "127.0.0.1",
    port: 0,
    log: new NoOpLog(),
    cf: cf ?? false,
    cache: true,
    bindings: bindings({ store, vars, cache }),
    r2Buckets: ["BUCKET"],
    kvNamespaces: ["STORE_KV"],
    ...(state ? { resourcePersistencePath: state } : {}),
    handleRuntimeStdio: quiet,
    handleStructuredLogs: ({ level, message }) => {
      if (process.env.SELVEDGE_TEST_LOG) process.stderr.write(`${level}: ${message}\n`);
    },
  });
  const miniflare = new Miniflare(options);
  const url = await miniflare.ready;
  await fill(miniflare, store, seed ?? []);
  return whenReady(new Worker(Number(url.port), () => miniflare.dispose()), cache);
}

async function fill(miniflare, store, entries) {
  if (!entries.length) return;
  const target =
    store === "kv"
      ? await miniflare.getKVNamespace("STORE_KV")
      : await miniflare.getR2Bucket("BUCKET");
  for (const { key, base64, ...beside } of entries) {
    await target.put(key, Buffer.from(base64, "base64"), beside);
  }
}

function quiet(stdout, stderr) {
  for (const stream of [stdout, stderr]) {
    if (process.env.SELVEDGE_TEST_LOG) stream.pipe(process.stderr, { end: false });
    else stream.resume();
  }
}

/** A port of 127.0.0.1 that nobody listens on now. */
export function freePort() {
  return new Promise((resolved, rejected) => {
    const server = createServer();
    server.on("error", rejected);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolved(port));
    });
  });
}

function capnp({ port, vars, cache }) {
  const text = Object.entries(bindings({ store: "kv", vars, cache }))
    .map(([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`)
    .join(",\n    ");
  const modules = MODULES.map(([name, type]) => {
    const kind = type === "CompiledWasm" ? "wasm" : "esModule";
    const specifier = name === "shim.mjs" ? name : `./${name}`;
    return `(name = "${specifier}", ${kind} = embed "${name}")`;
  }).join(",\n    ");
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "selvedge", worker = .selvedge),
    (name = "kv", worker = .kv),
    (name = "cache", worker = .cache),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", service = "selvedge")],
);
const selvedge :Workerd.Worker = (
  modules = [
    ${modules}
  ],
  compatibilityDate = "${COMPATIBILITY_DATE}",
  bindings = [
    (name = "STORE_KV", kvNamespace = "kv"),
    ${text}
  ],
  cacheApiOutbound = "cache",
);
const kv :Workerd.Worker = (
  modules = [(name = "kv.js", esModule = embed "kv.js")],
  compatibilityDate = "${COMPATIBILITY_DATE}",
);
const cache :Workerd.Worker = (
  modules = [(name = "cache.js", esModule = embed "cache.js")],
  compatibilityDate = "${COMPATIBILITY_DATE}",
);
`;
}

/**
 * Starts the worker on bare workerd, which hands URLs over as they came. Always KV. It may ask
 * upstreams on this machine, as on miniflare.
 */
export async function startBare({ vars = {}, cache = CACHE } = {}) {
  const folder = scratch("selvedge-workerd-");
  mkdirSync(folder, { recursive: true });
  for (const [name] of MODULES) copyFileSync(source(name), join(folder, name));
  writeFileSync(join(folder, "kv.js"), KV_WORKER);
  writeFileSync(join(folder, "cache.js"), CACHE_WORKER);
  const port = await freePort();
  writeFileSync(join(folder, "config.capnp"), capnp({ port, vars, cache }));
  const program = join(ROOT, "node_modules/workerd/bin/workerd");
  const child = spawn(program, ["serve", join(folder, "config.capnp")], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  quiet(child.stdout, child.stderr);
  const ended = new Promise((resolved) => child.once("exit", resolved));
  const kill = () => child.kill("SIGKILL");
  undo.add(kill);
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    undo.delete(kill);
  };
  return whenReady(new Worker(port, stop), cache);
}

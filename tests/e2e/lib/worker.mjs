// Starts the built workers on miniflare, with R2 or KV, or on bare workerd, with KV. The
// environment chooses, so that the same tests cover all of them:
//
//   SELVEDGE_TEST_STORE  r2 (default), kv
//   SELVEDGE_TEST_CACHE  on (default), empty, flaky: the state of the caches; see shim.mjs

import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Miniflare, NoOpLog, convertV4MiniflareOptions } from "miniflare";
import { COMPATIBILITY_DATE, MEDIA, WORKER, filesOf } from "../../../scripts/lib.mjs";
import { get, parsed, wire } from "./client.mjs";
import { configText, copyBuild, esModule, freePorts, selvedgeModules } from "./workerd.mjs";
import { serve, variables, workerService, writeStores } from "./workerd.mjs";

/** The entry module, in front of the worker's own. */
const SHIM = fileURLToPath(new URL("shim.mjs", import.meta.url));

export const STORE = process.env.SELVEDGE_TEST_STORE ?? "r2";
export const CACHE = process.env.SELVEDGE_TEST_CACHE ?? "on";
/** The root token of every worker started here. */
export const ROOT_TOKEN = "root-0f1e2d3c4b5a69788796a5b4c3d2e1f0";
export const BASE = "localhost";

function bindings({ store, vars, cache }) {
  return {
    BASE_DOMAIN: BASE,
    DEFAULT_SITE: "www",
    HTTPS_ONLY: "false",
    ADMIN_TOKEN: ROOT_TOKEN,
    STORE: store,
    // With empty tiers, the isolate's memory is empty too.
    ...(cache === "empty" ? { MEMORY_BYTES_MAX: "0" } : {}),
    ...vars,
  };
}

const temporary = [];
process.once("exit", () => {
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
});

/** Creates a temporary folder, which is removed when the process ends. */
export function scratch(prefix = "selvedge-") {
  temporary.push(mkdtempSync(join(tmpdir(), prefix)));
  return temporary.at(-1);
}

/** A running worker. */
class Worker {
  /** Sets the address, and the function that stops the worker. */
  running(port, stop) {
    this.url = `http://${BASE}:${port}`;
    return Object.assign(this, { port, stop });
  }

  /** Sends a well-formed request; `host` may be just the name of a site. */
  get(host, path, options) {
    const full = host.includes(".") || host === BASE || host === "shim" ? host : `${host}.${BASE}`;
    return get(this.port, full, path, options);
  }

  /** Sends a request as exact latin-1 text. */
  wire(text, timeoutMs) {
    return wire(this.port, text, timeoutMs);
  }

  /** Calls the admin API; `body` is sent as JSON unless it is bytes. */
  async api(method, path, body, token = ROOT_TOKEN) {
    const isBytes = Buffer.isBuffer(body);
    const payload = body === undefined || isBytes ? body : JSON.stringify(body);
    const headers = { "content-length": payload ? Buffer.byteLength(payload) : 0 };
    if (token) headers.authorization = `Bearer ${token}`;
    if (payload)
      headers["content-type"] = isBytes ? "application/octet-stream" : "application/json";
    const options = { method, headers, body: payload };
    const response = await get(this.port, BASE, `/.selvedge/v1${path}`, options);
    return { ...response, json: parsed(response.text) };
  }

  /** Changes the shim's settings, if any are given; resolves to its state. */
  async shim(settings) {
    const body = settings ? JSON.stringify(settings) : null;
    const method = settings ? "POST" : "GET";
    return JSON.parse((await get(this.port, "shim", "/", { method, body })).text);
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

/** Returns the modules of a built worker for miniflare; `front` is an entry module before it. */
function modulesOf(build, front = null) {
  const paths = filesOf(build).sort((a, b) => (b === "index.mjs") - (a === "index.mjs"));
  const module = (name, file) => ({
    type: name.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
    path: join(build, name),
    contents: readFileSync(file),
  });
  const modules = paths.map((path) => module(path, join(build, path)));
  return front ? [module(basename(front), front), ...modules] : modules;
}

/** Variables of the media worker: its responses say how many wasm instances there were. */
const MEDIA_VARS = { SHOWS_INSTANCES: "true" };

const renderer = () => ({
  name: "media",
  compatibilityDate: COMPATIBILITY_DATE,
  modulesRoot: MEDIA,
  modules: modulesOf(MEDIA),
  bindings: MEDIA_VARS,
});

/** Starts the media worker alone; resolves to `{port, stop}`. */
export async function startMedia() {
  const miniflare = new Miniflare(convertV4MiniflareOptions({ ...MINIFLARE, ...renderer() }));
  const { port } = await miniflare.ready;
  return { port: Number(port), stop: () => miniflare.dispose() };
}

/**
 * Starts the worker on miniflare. `state` is a folder that keeps its data across starts. `vars` are
 * added to its variables. `seed` fills the store: keys, bytes, and their metadata. Without `media`,
 * it has no such binding.
 */
export async function start(settings = {}) {
  const { store = STORE, cache = CACHE, vars = {}, state = null, seed = [] } = settings;
  const { media = true } = settings;
  const { compatibilityDate, ...shared } = MINIFLARE;
  const main = {
    name: "selvedge",
    compatibilityDate,
    modulesRoot: WORKER,
    modules: modulesOf(WORKER, SHIM),
    cache: true,
    bindings: bindings({ store, vars, cache }),
    r2Buckets: ["BUCKET"],
    kvNamespaces: ["STORE_KV"],
    ...(media ? { serviceBindings: { MEDIA: "media" } } : {}),
  };
  const options = convertV4MiniflareOptions({
    ...shared,
    workers: media ? [main, renderer()] : [main],
    ...(state ? { resourcePersistencePath: state } : {}),
  });
  const miniflare = new Miniflare(options);
  const url = await miniflare.ready;
  await fill(miniflare, store, seed);
  return whenReady(new Worker().running(Number(url.port), () => miniflare.dispose()), cache);
}

/** Options of every miniflare: any port, and no output unless SELVEDGE_TEST_LOG is set. */
export const MINIFLARE = {
  compatibilityDate: COMPATIBILITY_DATE,
  host: "127.0.0.1",
  port: 0,
  cf: false,
  log: new NoOpLog(),
  handleRuntimeStdio: logged,
  handleStructuredLogs: ({ level, message }) => {
    if (process.env.SELVEDGE_TEST_LOG) process.stderr.write(`${level}: ${message}\n`);
  },
};

function logged(...streams) {
  for (const stream of streams) {
    if (process.env.SELVEDGE_TEST_LOG) stream.pipe(process.stderr, { end: false });
    else stream.resume();
  }
}

async function fill(miniflare, store, entries) {
  if (!entries.length) return;
  const target =
    store === "kv"
      ? await miniflare.getKVNamespace("STORE_KV")
      : await miniflare.getR2Bucket("BUCKET");
  for (const { key, base64, ...metadata } of entries) {
    await target.put(key, Buffer.from(base64, "base64"), metadata);
  }
}

/** Starts the worker on bare workerd with KV. It does not change the URLs that it gets. */
export async function startBare({ vars = {}, cache = CACHE, media = true } = {}) {
  const folder = scratch("selvedge-workerd-");
  copyBuild(folder);
  writeStores(folder);
  copyFileSync(SHIM, join(folder, "shim.mjs"));
  const settings = variables(bindings({ store: "kv", vars, cache }));
  const stores = ['(name = "STORE_KV", kvNamespace = "kv")'];
  const services = {
    selvedge: workerService({
      modules: selvedgeModules({ front: "shim.mjs" }),
      bindings: [...stores, ...(media ? ['(name = "MEDIA", service = "media")'] : []), ...settings],
      cache: "cache",
    }),
    kv: workerService({ modules: [esModule("kv.js")] }),
    cache: workerService({ modules: [esModule("cache.js")] }),
    internet: 'network = (allow = ["public", "private"])',
    ...(media ? { media: mediaService(folder) } : {}),
  };
  const { selvedge: port } = await freePorts("selvedge");
  const config = configText(services, { selvedge: port });
  const { stop } = await serve(folder, config, port, "/.selvedge/health");
  return whenReady(new Worker().running(port, stop), cache);
}

/** Copies the media worker into `folder`; returns its service. */
function mediaService(folder) {
  copyBuild(folder, MEDIA, "media/");
  const modules = selvedgeModules({ build: MEDIA, prefix: "media/" });
  return workerService({ modules, bindings: variables(MEDIA_VARS) });
}

/**
 * A worker that runs during the enclosing suite. `begin` starts it, and `prepare` is called with it
 * before the first test.
 */
export function suiteWorker(begin, prepare = () => {}) {
  const worker = new Worker();
  before(async () => {
    const { port, stop } = await begin();
    await prepare(worker.running(port, stop));
  });
  after(() => worker.stop?.());
  return worker;
}

// Runs every contestant in one workerd process, each on its own port, with the same files, store
// and cache.
//
// Bare workerd has no storage. Two workers that keep everything in memory and speak the protocols
// of the runtime's bindings replace KV and R2. Miniflare's simulators cost several times as much as
// the measured workers.

import { createHash, randomBytes } from "node:crypto";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { CLI, ROOT, run } from "../scripts/lib.mjs";
import { get } from "../tests/e2e/lib/client.mjs";
import { configText, copyBuild, esModule, freePorts, layered } from "../tests/e2e/lib/workerd.mjs";
import { selvedgeModules, serve, variables } from "../tests/e2e/lib/workerd.mjs";
import { workerService, writeStores } from "../tests/e2e/lib/workerd.mjs";

const BENCH = join(ROOT, "bench");
/** The platform's asset worker: from its own npm package, and as miniflare bundles it. */
const ASSET_WORKERS = {
  "asset-worker.mjs": "@cloudflare/workers-shared/dist/asset-worker.mjs",
  "asset-worker-now.mjs": "miniflare/dist/src/workers/assets/assets.worker.js",
};
const TOKEN = "root-of-the-bench-0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/** The site's hostname. */
export const HOST = "bench.localhost";
export const PAGE_BYTES = 10_000;
export const SMALL_BYTES = 1_024;
export const LARGE_BYTES = 1_048_576;
/** Pages and small files that are requested in turn: more than MEMORY_SMALL can hold. */
export const PAGES = 300;
export const SMALLS = 300;
/** Enough for the manifest and a few pages. */
const MEMORY_SMALL = "131072";

/** Prefix of the contestants of another build of Selvedge. */
export const OTHER = "other-";

/** All services. `cache` is the service behind the Cache API, which fails without one. */
const SERVICES = {
  constant: { module: "constant.js" },
  "one-read": { module: "one-read.js" },
  "one-read-r2": { module: "one-read-r2.js" },
  "one-match": { module: "one-match.js", cache: "cache" },
  selvedge: { selvedge: {}, cache: "cache" },
  "selvedge-store": { selvedge: { MEMORY_BYTES_MAX: MEMORY_SMALL } },
  "selvedge-r2": { selvedge: { STORE: "r2", MEMORY_BYTES_MAX: MEMORY_SMALL } },
  "selvedge-edge": { selvedge: { STORE: "r2", MEMORY_BYTES_MAX: MEMORY_SMALL }, cache: "cache" },
  "asset-worker": { assetWorker: "asset-worker.mjs", cache: "cache" },
  "asset-worker-now": { assetWorker: "asset-worker-now.mjs", cache: "cache" },
  "kv-asset-handler": { module: "kv-asset-handler.js", keys: true, cache: "cache" },
  "kv-asset-handler-store": {
    module: "kv-asset-handler.js",
    keys: true,
    vars: { BYPASS_CACHE: "true" },
  },
  store: { plain: "counted.js", over: "kv.js" },
  bucket: { plain: "counted.js", over: "bucket.js" },
  cache: { plain: "conditional.js", over: "cache.js" },
  upstream: { plain: "upstream.js" },
};

/** Returns the files of the site: path -> bytes. */
function siteFiles() {
  const text = (bytes, mark) =>
    Buffer.from(`<!doctype html><title>${mark}</title>`.padEnd(bytes, "x"));
  const files = {
    "index.html": text(PAGE_BYTES, "index"),
    "page.html": text(PAGE_BYTES, "page"),
    "about.html": text(PAGE_BYTES, "about"),
    "404.html": text(SMALL_BYTES, "404"),
    "small.bin": randomBytes(SMALL_BYTES),
    "large.bin": randomBytes(LARGE_BYTES),
  };
  // Random, so that they have no codings and the manifest stays small.
  for (let i = 0; i < PAGES; i += 1) files[`p/${i}.html`] = randomBytes(PAGE_BYTES);
  for (let i = 0; i < SMALLS; i += 1) files[`s/${i}.bin`] = randomBytes(SMALL_BYTES);
  return files;
}

const sha256 = (data) => createHash("sha256").update(data).digest();
const typeOf = (path) =>
  path.endsWith(".html") ? "text/html; charset=utf-8" : "application/octet-stream";
const assetKey = (bytes) => sha256(bytes).subarray(0, 16).toString("hex");

/** Returns the asset worker's manifest: per file 16 bytes of each hash, and 8 zeros. */
function assetManifest(files) {
  const entries = Object.entries(files)
    .map(([path, bytes]) => [sha256(`/${path}`), sha256(bytes)])
    .sort(([a], [b]) => Buffer.compare(a, b));
  const head = 20;
  const manifest = Buffer.alloc(head + 40 * entries.length);
  entries.forEach(([path, content], i) => {
    path.copy(manifest, head + 40 * i, 0, 16);
    content.copy(manifest, head + 40 * i + 16, 0, 16);
  });
  return manifest;
}

/** The service binding of the action's upstream. */
const UPSTREAM = '(name = "UPSTREAM", service = "upstream")';
const CONFIG = '[[actions]]\nprefix = "/action/"\nservice = "UPSTREAM"\n';

const BUCKET = '(name = "BUCKET", r2Bucket = "bucket")';
const namespace = (name) => `(name = "${name}", kvNamespace = "store")`;

function workerText({ cache, ...service }) {
  if (service.over) return workerService({ modules: layered(service.plain, service.over) });
  if (service.plain) return workerService({ modules: [esModule(service.plain)] });
  if (service.selvedge) {
    const vars = {
      BASE_DOMAIN: "localhost",
      DEFAULT_SITE: "bench",
      HTTPS_ONLY: "false",
      STORE: "kv",
      ADMIN_TOKEN: TOKEN,
      ALLOWED_ORIGINS: "service:UPSTREAM",
      ...service.selvedge,
    };
    const bindings = [namespace("STORE_KV"), BUCKET, UPSTREAM, ...variables(vars)];
    const other = service.other ? { build: service.other, prefix: OTHER } : {};
    return workerService({ modules: selvedgeModules(other), bindings, cache });
  }
  if (service.assetWorker) {
    const config = { html_handling: "auto-trailing-slash", not_found_handling: "404-page" };
    return workerService({
      modules: [esModule(service.assetWorker)],
      bindings: [
        namespace("ASSETS_KV_NAMESPACE"),
        '(name = "ASSETS_MANIFEST", data = embed "asset-manifest.bin")',
        `(name = "CONFIG", json = ${JSON.stringify(JSON.stringify(config))})`,
      ],
      cache,
      // The platform's own tools run it with this date and these flags.
      date: "2024-07-31",
      flags: ["nodejs_compat", "enable_ctx_exports"],
    });
  }
  const bindings = [namespace("STORE"), BUCKET, ...variables(service.vars ?? {})];
  if (service.keys) bindings.push('(name = "KEYS", json = embed "keys.json")');
  return workerService({ modules: [esModule(service.module)], bindings, cache });
}

/** Returns the services, including those of another build. */
function servicesWith(other) {
  const ours = Object.entries(SERVICES).filter(([, service]) => service.selvedge && other);
  const others = ours.map(([name, service]) => [OTHER + name, { ...service, other }]);
  return { ...SERVICES, ...Object.fromEntries(others) };
}

function writeModules(folder, files, other) {
  copyBuild(folder);
  if (other) copyBuild(folder, other, OTHER);
  // The bundle of kv-asset-handler.js, below, replaces its source.
  cpSync(join(BENCH, "workers"), folder, { recursive: true });
  for (const [name, path] of Object.entries(ASSET_WORKERS)) {
    copyFileSync(join(ROOT, "node_modules", path), join(folder, name));
  }
  writeStores(folder);
  writeFileSync(join(folder, "asset-manifest.bin"), assetManifest(files));
  const keys = Object.keys(files).map((path) => [path, `kvah/${path}`]);
  writeFileSync(join(folder, "keys.json"), JSON.stringify(Object.fromEntries(keys)));
  buildSync({
    entryPoints: [join(BENCH, "workers/kv-asset-handler.js")],
    outfile: join(folder, "kv-asset-handler.js"),
    bundle: true,
    format: "esm",
    logLevel: "error",
  });
}

async function put(port, path, body, headers) {
  const { status } = await get(port, "localhost", path, { method: "PUT", body, headers });
  if (status >= 300) throw new Error(`the store refused ${path}: ${status}`);
}

/** Stores an object as the runtime's R2 binding does. */
function putObject(port, key, bytes) {
  const asked = Buffer.from(JSON.stringify({ version: 1, method: "put", object: key }));
  const headers = { "cf-r2-metadata-size": String(asked.length) };
  return put(port, "/", Buffer.concat([asked, bytes]), headers);
}

/** Stores every file under the keys of the contestants without a publisher. */
async function fill(ports, files) {
  for (const [path, bytes] of Object.entries(files)) {
    const metadata = JSON.stringify({ contentType: typeOf(path) });
    for (const key of [path, `kvah/${path}`, assetKey(bytes)]) {
      await put(ports.store, `/${encodeURIComponent(key)}`, bytes, { "CF-KV-Metadata": metadata });
    }
    await putObject(ports.bucket, path, bytes);
  }
}

/** Publishes the files with the command line. */
async function publish(port, folder, files) {
  const site = join(folder, "site");
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(join(site, path, ".."), { recursive: true });
    writeFileSync(join(site, path), bytes);
  }
  writeFileSync(join(site, "selvedge.toml"), CONFIG);
  const server = { SELVEDGE_URL: `http://localhost:${port}`, SELVEDGE_TOKEN: TOKEN };
  const env = { ...server, XDG_CACHE_HOME: join(folder, "cache") };
  await run(CLI, ["publish", site, "--site", "bench"], { env });
}

/**
 * Starts all services; resolves to `{pid, ports, requests, stop}`. `other` is the folder of another
 * build.
 */
export async function start(other) {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-bench-"));
  const files = siteFiles();
  writeModules(folder, files, other);
  const running = servicesWith(other);
  const ports = await freePorts(...Object.keys(running));
  const services = Object.entries(running).map(([name, service]) => [name, workerText(service)]);
  const config = configText(Object.fromEntries(services), ports);
  const { pid, stop } = await serve(folder, config, ports.store, "/.requests");
  await fill(ports, files);
  for (const name of ["selvedge", "selvedge-edge"]) await publish(ports[name], folder, files);
  const count = async (port) => Number((await get(port, "localhost", "/.requests")).text);
  const requests = async () => (await count(ports.store)) + (await count(ports.bucket));
  return { pid, ports, requests, stop };
}

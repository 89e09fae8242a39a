// Loads the public HTTP cache tests, starts their origin server, and runs tests through a cache.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { ROOT, freePort } from "../../scripts/lib.mjs";
import { get } from "../e2e/lib/client.mjs";
import { scratch } from "../e2e/lib/worker.mjs";

/** The version that package.json pins. */
export const PINNED = join(ROOT, "node_modules/http-cache-tests");
/** Concurrent tests. Most of them wait, so a small machine can run this many. */
const CONCURRENCY = 25;
/** The timeout of newer versions of the suite; the pinned one has none. */
const REQUEST_MS_MAX = 10_000;
/** Request headers that are sent unless the test sets them. */
const DEFAULT_HEADERS = [
  // Without these, a fetch that bypasses its own cache asks other caches to do the same. The pinned
  // version of the suite does not always send them.
  ["Pragma", "foo"],
  ["Cache-Control", "nothing-to-see-here"],
  // Otherwise miniflare compresses responses, as the platform does, and drops the upstream's
  // length.
  ["Accept-Encoding", "identity"],
];

const load = (path) => import(pathToFileURL(path).href);

/**
 * Loads the suite in `folder`: `{version, engine, groups}`, without tests for browsers. The version
 * includes the number of tests, because the suite adds tests without changing its version.
 */
export async function loadSuite(folder = PINNED) {
  const root = resolve(folder);
  // Newer versions have a separate folder for client and server.
  const inner = join(root, "test-engine");
  const engine = existsSync(inner) ? inner : root;
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const all = (await load(join(root, "tests/index.mjs"))).default;
  const groups = all.map(({ id, name, tests }) => ({
    id,
    name,
    tests: tests.filter((test) => test.browser_only !== true),
  }));
  const count = all.reduce((sum, { tests }) => sum + tests.length, 0);
  return { version: `${version}, ${count} tests`, engine, groups };
}

/** Returns all tests of `suite` by id. */
export function testsById(suite) {
  return new Map(suite.groups.flatMap(({ tests }) => tests.map((test) => [test.id, test])));
}

/** Returns `ids`, each after its direct and indirect dependencies. */
export function withDependencies(suite, ids) {
  const tests = testsById(suite);
  const chosen = new Set();
  const add = (id) => {
    if (chosen.has(id) || !tests.has(id)) return;
    for (const dependency of tests.get(id).depends_on ?? []) add(dependency);
    chosen.add(id);
  };
  ids.forEach(add);
  return [...chosen];
}

/** Starts the suite's origin server; resolves to `{url, stop}`. */
export async function startOrigin(suite) {
  const port = await freePort();
  const env = {
    ...process.env,
    npm_config_protocol: "http",
    npm_config_port: String(port),
    npm_config_pidfile: join(scratch("selvedge-conformance-"), "server.pid"),
  };
  const child = spawn(process.execPath, [join(suite.engine, "server/server.mjs")], {
    cwd: suite.engine,
    env,
    stdio: process.env.SELVEDGE_TEST_LOG ? "inherit" : "ignore",
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = new Promise((resolved) => child.once("exit", resolved));
  const isListening = () => get(port, "localhost", "/").catch(() => null);
  for (let tries = 0; !(await isListening()); tries += 1) {
    if (tries > 200 || child.exitCode !== null) {
      throw new Error(`the suite's server does not listen: exit code ${child.exitCode}`);
    }
    await sleep(50);
  }
  const stop = async () => {
    kill();
    await ended;
    process.off("exit", kill);
  };
  return { url: `http://127.0.0.1:${port}`, stop };
}

/** Wraps `fetch` so that it sends `DEFAULT_HEADERS` and has a timeout. */
function wrapped(fetch) {
  return (url, init = {}) => {
    const headers = [...(init.headers ?? [])];
    const has = (name) => headers.some(([key]) => key.toLowerCase() === name.toLowerCase());
    for (const [name, value] of DEFAULT_HEADERS) if (!has(name)) headers.push([name, value]);
    return fetch(url, { signal: AbortSignal.timeout(REQUEST_MS_MAX), ...init, headers });
  };
}

/**
 * Runs the tests `ids` against the cache at `base`; resolves to their results: `true`, or
 * `[name, message]`. Can run once per process, because the suite keeps its state in its modules.
 */
export async function runTests(suite, base, ids) {
  const [config, client] = await Promise.all(
    ["client/config.mjs", "client/test.mjs"].map((path) => load(join(suite.engine, path))),
  );
  // Older versions take a fetch; newer ones use the global one.
  globalThis.fetch = wrapped(globalThis.fetch);
  config.setFetch?.(globalThis.fetch);
  // The suite appends `/test/...`.
  config.setBaseUrl(base.replace(/\/$/, ""));
  config.setUseBrowserCache(false);
  const tests = testsById(suite);
  const waiting = ids.map((id) => tests.get(id));
  const runTest = client.makeTest ?? client.makeCacheTest;
  const work = async () => {
    for (let test = waiting.shift(); test; test = waiting.shift()) await runTest(test);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return client.testResults;
}

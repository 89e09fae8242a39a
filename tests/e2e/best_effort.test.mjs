// Caches are best effort, and the store may fail: a response is correct, stale within the bound, or
// a constant 503.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AT_ONCE, matches, wellFormed } from "./lib/check.mjs";
import { publish } from "./lib/cli.mjs";
import { RANGE_BYTES } from "./lib/fixture.mjs";
import { scratch, start } from "./lib/worker.mjs";

const FILES = {
  "index.html": `<!doctype html>${"page ".repeat(500)}`,
  "about.html": "<!doctype html>about",
  "range.bin": RANGE_BYTES,
  "404.html": "<!doctype html>nothing here",
  "assets/app.3f2a91bc.js": "app()",
  _redirects: "/old /about 301\n",
  _headers: "/*\n  X-Site: best\n",
};
const REQUESTS = [
  ["/"],
  ["/about"],
  ["/about.html"],
  ["/old"],
  ["/nothing"],
  ["/assets/app.3f2a91bc.js"],
  ["/range.bin"],
  ["/range.bin", { range: "bytes=10-19" }],
  ["/range.bin", { range: "bytes=5000-" }],
  ["/", { "accept-encoding": "gzip" }],
  ["/", { "if-none-match": "*" }],
];

async function look(worker) {
  const found = [];
  for (const [path, headers = {}] of REQUESTS) {
    const response = wellFormed(await worker.get("best", path, { headers }), path);
    const { status, body } = response;
    found.push({ path, status, headers: response.headers.stable(), body: body.toString("base64") });
  }
  return found;
}

/** Calls `work` with a worker that has the site, and a function that requests a path of it. */
async function withWorker(options, work) {
  const worker = await start(options);
  try {
    await publish(worker, "best", FILES);
    return await work(worker, async (path) => wellFormed(await worker.get("best", path), path));
  } finally {
    await worker.stop();
  }
}

test("caches that work, are empty, or lose entries give the same responses", async () => {
  const looks = async (worker) => [await look(worker), await look(worker), await look(worker)];
  const caches = ["on", "empty", "flaky"].map((cache) => withWorker({ cache }, looks));
  const [first, ...others] = (await Promise.all(caches)).flat();
  for (const round of others) assert.deepEqual(round, first);
});

test("a second request is answered by a nearer tier", () =>
  withWorker({ cache: "on" }, async (_, get) => {
    const first = await get("/");
    const second = await get("/");
    matches(second, { "cache-status": /^selvedge; hit; ttl=\d+; detail=(memory|edge)$/ });
    assert.deepEqual(second.headers.stable(), first.headers.stable());
    assert.deepEqual(second.body, first.body);
  }));

test("everything is still there after a restart", async () => {
  const options = { state: scratch("selvedge-state-") };
  const earlier = await withWorker(options, look);
  const worker = await start(options);
  const later = await look(worker).finally(() => worker.stop());
  assert.deepEqual(later, earlier);
});

test("a store that fails: stale responses, or a 503", () =>
  withWorker({ cache: "on", vars: AT_ONCE }, async (worker, get) => {
    const warm = matches(await get("/"), { status: 200 });
    await worker.shim({ failing: 1 });
    const stale = matches(await get("/"), { status: 200, "cache-status": /stale-if-error/ });
    assert.deepEqual(stale.body, warm.body);
    const cold = matches(await get("/range.bin"), { status: 503, "cache-control": "no-store" });
    assert.ok(Number(cold.headers.value("retry-after")) > 0);
    const unknown = wellFormed(await worker.get("nosuch", "/"), "an unknown site");
    assert.equal(unknown.status, 503);
    await worker.shim({ failing: 0 });
    assert.equal((await get("/range.bin")).status, 200);
  }));

test("a store that hangs: a 503 within seconds", () =>
  withWorker({ cache: "empty", vars: AT_ONCE }, async (worker, get) => {
    await worker.shim({ failing: 1, failure: "hang" });
    const since = Date.now();
    assert.equal((await get("/")).status, 503);
    assert.ok(Date.now() - since < 5000, `${Date.now() - since} ms`);
  }));

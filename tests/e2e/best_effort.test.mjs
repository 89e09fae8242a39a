// Caches are best effort, and the store may fail: a response is correct, stale within the bound, or
// a constant 503.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AT_ONCE, matches, wellFormed } from "./lib/check.mjs";
import { publish } from "./lib/cli.mjs";
import { RANGE_BYTES } from "./lib/fixture.mjs";
import { start } from "./lib/worker.mjs";

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

/** A test with its own worker. */
function testWith(name, options, work) {
  test(name, () => withWorker(options, work));
}

async function withWorker(options, work) {
  const worker = await start(options);
  try {
    await publish(worker, "best", FILES);
    return await work(worker, async (path) => wellFormed(await worker.get("best", path), path));
  } finally {
    await worker.stop();
  }
}

describe("best effort", () => {
  test("caches that work, are empty, or lose entries give the same responses", async () => {
    const looks = async (worker) => [await look(worker), await look(worker), await look(worker)];
    const caches = ["on", "empty", "flaky"].map((cache) => withWorker({ cache }, looks));
    const [first, ...others] = (await Promise.all(caches)).flat();
    for (const round of others) assert.deepEqual(round, first);
  });

  const failing = { cache: "on", vars: AT_ONCE };
  testWith("a store that fails: stale responses, or a 503", failing, async (worker, get) => {
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
  });

  const hanging = { cache: "empty", vars: AT_ONCE };
  testWith("a store that hangs: a 503 within seconds", hanging, async (worker, get) => {
    await worker.shim({ failing: 1, failure: "hang" });
    const since = Date.now();
    assert.equal((await get("/")).status, 503);
    assert.ok(Date.now() - since < 5000, `${Date.now() - since} ms`);
  });

  testWith("one store read in ten fails: few errors", { cache: "on" }, async (worker, get) => {
    await worker.shim({ failing: 0.1, seed: 3 });
    let failed = 0;
    for (let i = 0; i < 200; i += 1) {
      const path = i % 2 ? "/about" : "/assets/app.3f2a91bc.js";
      const response = await get(path);
      if (response.status !== 200) failed += 1;
      else assert.equal(response.text, i % 2 ? FILES["about.html"] : FILES[path.slice(1)]);
    }
    assert.ok(failed <= 4, `${failed} of 200 failed`);
  });

  testWith("missing paths read no blob", { cache: "on" }, async (worker, get) => {
    await get("/");
    await get("/nothing");
    await worker.shim({ serving: [] });
    for (let i = 0; i < 50; i += 1) {
      const missing = await worker.get("best", `/nothing-${i}?q=${i}`, { method: "HEAD" });
      assert.equal(missing.status, 404);
      assert.equal((await worker.get("best", `/about.html?${i}`)).status, 307);
    }
    const { serving } = await worker.shim();
    assert.deepEqual(serving.filter((operation) => operation.includes("blob/")), []);
  });
});

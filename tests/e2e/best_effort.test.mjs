// The cache is best effort, and the store may fail: answers are right, stale within the bound, or a
// constant 503, never wrong.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { wellFormed } from "./lib/check.mjs";
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
const ASKED = [
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
  const answers = [];
  for (const [path, headers = {}] of ASKED) {
    const answer = wellFormed(await worker.get("best", path, { headers }), path);
    answers.push({
      path,
      status: answer.status,
      headers: answer.headers.stable(),
      body: answer.body.toString("base64"),
    });
  }
  return answers;
}

async function withWorker(options, work) {
  const worker = await start(options);
  try {
    await publish(worker, "best", FILES);
    return await work(worker);
  } finally {
    await worker.stop();
  }
}

describe("best effort", () => {
  test("the same answers from caches that work, are empty, and lose entries", async () => {
    const [on, empty, flaky] = await Promise.all(
      ["on", "empty", "flaky"].map((cache) =>
        withWorker({ cache }, async (worker) => [
          await look(worker),
          await look(worker),
          await look(worker),
        ]),
      ),
    );
    for (const rounds of [on, empty, flaky]) {
      for (const round of rounds) assert.deepEqual(round, on[0]);
    }
  });

  test("a store that is gone: what was served still is, the rest is a constant 503", async () => {
    await withWorker(
      { cache: "on", vars: { LIVE_FRESH_SECS: "0", LIVE_STALE_SECS: "0" } },
      async (worker) => {
        const warm = await worker.get("best", "/");
        assert.equal(warm.status, 200);
        await worker.shim({ failing: 1 });
        const stale = wellFormed(await worker.get("best", "/"), "stale");
        assert.equal(stale.status, 200);
        assert.deepEqual(stale.body, warm.body);
        assert.match(stale.headers.value("cache-status"), /stale-if-error/);
        const cold = wellFormed(await worker.get("best", "/range.bin"), "cold");
        assert.equal(cold.status, 503);
        assert.equal(cold.headers.value("cache-control"), "no-store");
        assert.ok(Number(cold.headers.value("retry-after")) > 0);
        const stranger = wellFormed(await worker.get("nosuch", "/"), "stranger");
        assert.equal(stranger.status, 503);
        await worker.shim({ failing: 0 });
        assert.equal((await worker.get("best", "/range.bin")).status, 200);
      },
    );
  });

  test("a store that hangs is given up on within two seconds or three", async () => {
    await withWorker(
      { cache: "empty", vars: { LIVE_FRESH_SECS: "0", LIVE_STALE_SECS: "0" } },
      async (worker) => {
        await worker.shim({ failing: 1, failure: "hang" });
        const since = Date.now();
        const answer = wellFormed(await worker.get("best", "/"), "hanging");
        assert.equal(answer.status, 503);
        assert.ok(Date.now() - since < 5000, `${Date.now() - since} ms`);
      },
    );
  });

  test("one store read in ten fails: no wrong byte, and hardly an error", async () => {
    await withWorker({ cache: "on" }, async (worker) => {
      await worker.shim({ failing: 0.1, seed: 3 });
      let failed = 0;
      for (let i = 0; i < 200; i += 1) {
        const [path, text] =
          i % 2 ? ["/about", "<!doctype html>about"] : ["/assets/app.3f2a91bc.js", "app()"];
        const answer = wellFormed(await worker.get("best", path), path);
        if (answer.status === 200) assert.equal(answer.text, text);
        else failed += 1;
      }
      assert.ok(failed <= 4, `${failed} of 200 failed`);
    });
  });

  test("requests for what is not there read no blob", async () => {
    await withWorker({ cache: "on" }, async (worker) => {
      await worker.get("best", "/");
      await worker.get("best", "/nothing");
      await worker.shim({ serving: [] });
      for (let i = 0; i < 50; i += 1) {
        assert.equal(
          (await worker.get("best", `/nothing-${i}?q=${i}`, { method: "HEAD" })).status,
          404,
        );
        assert.equal((await worker.get("best", `/about.html?${i}`)).status, 307);
      }
      const { serving } = await worker.shim();
      assert.deepEqual(
        serving.filter((operation) => operation.includes("blob/")),
        [],
      );
    });
  });
});

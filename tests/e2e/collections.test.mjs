// Collections as visitors see them: edge copies, stale copies, purges, the fresh host and its rate
// limit.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { cacheStatus, isHit, matches, until, wellFormed } from "./lib/check.mjs";
import { command, publish } from "./lib/cli.mjs";
import { BASE, ROOT_TOKEN, STORE, start, suiteWorker } from "./lib/worker.mjs";

const COLLECTIONS = `
[[collections]]
name = "public"
prefix = "/public/"
browser = "public, max-age=60"

[[collections]]
name = "news"
prefix = "/news/"

[[collections]]
name = "quick"
prefix = "/quick/"
edge_ttl = "1s"
stale_while_revalidate = "1h"

[[collections]]
name = "content"
prefix = "/content/"
fresh = true
`;
const FILES = { "index.html": "<!doctype html>collections", "selvedge.toml": COLLECTIONS };
/** A live record is at most a second old. The edge tier is on in every run. */
const OPTIONS = { vars: { LIVE_FRESH_SECS: "1", LIVE_STALE_SECS: "1" }, cache: "on" };
const BOUND_SECS = STORE === "kv" ? 61 : 1;

/** Stored bytes come from the store first, and then from an edge copy. */
const ROUNDS = ["store", "copy"];

/** The suites' workers in turn. */
let worker;

const get = (path, options) => worker.get("aa", path, options);
const fresh = (path, key, options = {}) => {
  const headers = { ...(key ? { "x-api-key": key } : {}), ...options.headers };
  return worker.get(`fresh--aa.${BASE}`, path, { ...options, headers });
};
const run = (...args) => command(worker, args);
const purge = (...args) => run("purge", "--site", "aa", ...args);
const createKey = (site = "aa") => run("keys", "create", "--site", site, "--name", "test");
const makeKey = async (site) => (await createKey(site)).key;

function useWorker(vars = {}) {
  suiteWorker(
    () => start({ ...OPTIONS, vars: { ...OPTIONS.vars, ...vars } }),
    async (started) => {
      worker = started;
      for (const site of ["aa", "bb"]) await publish(worker, site, FILES);
      await publish(worker, "aa", FILES, { stage: "preview" });
    },
  );
}

/**
 * Stores `content` as `/COLLECTION/NAME` of a site. By default, the edge copies stay, as after a
 * bulk write, because these tests observe them.
 */
async function put(path, content, { site = "aa", tags = "", query = "?invalidate=false" } = {}) {
  const [, collection, ...name] = path.split("/");
  const call = `/sites/${site}/collections/${collection}/objects/${name.join("/")}${query}`;
  const headers = {
    authorization: `Bearer ${ROOT_TOKEN}`,
    "content-length": Buffer.byteLength(content),
    "selvedge-tags": tags,
  };
  const options = { method: "PUT", headers, body: content };
  const response = await worker.get(BASE, `/.selvedge/v1${call}`, options);
  assert.equal(response.status, 200, response.text);
  return JSON.parse(response.text);
}

/** Requests `path` until there is an edge copy; resolves to the hit. */
const keep = (path) => until(() => get(path), isHit);

/** Leaves "old" in the edge copy of `path`, and "new" in the store. */
async function overwrite(path, options) {
  await put(path, "old", options);
  assert.equal((await keep(path)).text, "old");
  await put(path, "new", options);
  assert.equal((await get(path)).text, "old", "the edge copy stays");
}

/** Requests `path` until `isDone`, within 3 seconds; then four more times. */
async function changesWithinBound(path, isDone) {
  const since = Date.now();
  await until(() => get(path), isDone);
  assert.ok(Date.now() - since < 3_000, `${Date.now() - since} ms`);
  for (let round = 0; round < 5; round += 1) assert.ok(isDone(await get(path)), `round ${round}`);
}

describe("collections", () => {
  useWorker();

  describe("edge copies", () => {
    test("the store is read once, and Cache-Status names the source", async () => {
      const { etag } = await put("/public/a.txt", "hello");
      const first = wellFormed(await get("/public/a.txt"), "the first response");
      matches(first, { text: "hello", "cache-status": /^selvedge; fwd=uri-miss; stored/ });
      const hit = wellFormed(await keep("/public/a.txt"), "a hit");
      const status = /^selvedge; hit; ttl=(300|29\d); detail=edge$/;
      matches(hit, { "cache-status": status, age: /^\d$/ });
      await worker.shim({ reset: true });
      for (const response of [first, hit, await get("/public/a.txt?query=1")]) {
        matches(response, {
          text: "hello",
          etag,
          "content-type": "text/plain; charset=utf-8",
          "cache-control": "public, max-age=60",
        });
      }
      const { serving } = await worker.shim();
      assert.deepEqual(serving.filter((operation) => operation.includes(" obj/")), []);
    });

    test("ranges, from the store and from a copy", async () => {
      const path = "/public/large.bin";
      const bytes = randomBytes(3_000_000);
      const { etag } = await put(path, bytes);
      const part = (range, more) => get(path, { headers: { range, ...more } });
      const ranges = [
        [1_000_000, 1_999_999],
        [2_999_990, 2_999_999],
        [0, 9],
      ];
      for (const round of ROUNDS) {
        for (const [first, last] of ranges) {
          const what = `${first}-${last}, ${round}`;
          const response = await part(`bytes=${first}-${last}`, { "if-range": etag });
          const range = `bytes ${first}-${last}/3000000`;
          matches(wellFormed(response, what), { status: 206, "content-range": range }, what);
          assert.ok(response.body.equals(bytes.subarray(first, last + 1)), what);
        }
        const beyond = await part("bytes=3000000-");
        matches(beyond, { status: 416, "content-range": "bytes */3000000" }, round);
        const changed = await part("bytes=0-9", { "if-range": '"other"' });
        assert.equal(changed.status, 200, round);
        assert.ok(changed.body.equals(bytes), round);
        assert.ok((await keep(path)).body.equals(bytes), round);
      }
      assert.ok(isHit(await part("bytes=0-9")));
    });
  });

  describe("changes", () => {
    test("a put is visible within the bound", async () => {
      const path = "/public/changed-by-put";
      await put(path, "old");
      assert.equal((await keep(path)).text, "old");
      const report = await put(path, "new", { query: "" });
      assert.deepEqual([report.invalidated, report.effective_within_secs], [true, BOUND_SECS]);
      await changesWithinBound(path, ({ status, text }) => status === 200 && text !== "old");
    });

    test("a delete is visible within the bound", async () => {
      const path = "/public/changed-by-delete";
      await put(path, "old");
      assert.equal((await keep(path)).text, "old");
      await run("objects", "delete", "--site", "aa", "changed-by-delete");
      await changesWithinBound(path, ({ status, text }) => status === 404 && text !== "old");
    });
  });

  describe("stale copies", () => {
    test("the old copy is served at once, and then the new one", async () => {
      await put("/quick/a", "old");
      assert.equal((await keep("/quick/a")).text, "old");
      await put("/quick/a", "new");
      const before = [];
      await until(
        () => get("/quick/a"),
        (response) => response.text === "new" || !before.push(response),
      );
      for (const response of before) {
        assert.equal(response.text, "old");
        assert.ok(isHit(response), "no request waits for the store");
      }
      const stale = before.filter((one) => /stale-while-revalidate/.test(cacheStatus(one)));
      assert.ok(stale.length > 0, before.map(cacheStatus).join("\n"));
      const status = /^selvedge; hit; ttl=(0|-\d+); detail=stale-while-revalidate$/;
      matches(stale[0], { "cache-status": status });
      assert.ok(Number(stale[0].headers.value("age")) >= 1);
      const last = await get("/quick/a");
      assert.equal(last.text, "new");
      assert.ok(isHit(last), cacheStatus(last));
    });
  });

  describe("purges", () => {
    /** name, path, tags, a purge that does not match, a purge that does. */
    const ROWS = [
      ["a tag", "/public/tagged", "x,y", ["--tag", "xy"], ["--tag", "y"]],
      [
        "a path in any spelling",
        "/public/p/a%20b",
        "",
        ["--path", "/public/p/a"],
        ["--path", "/public//p/%61 b"],
      ],
      ["a prefix", "/public/q/a", "", ["--prefix", "/public/qq"], ["--prefix", "/public/q"]],
      ["a collection", "/news/a", "", ["--collection", "quick"], ["--collection", "news"]],
      // This one is last because it bans every copy of the next two seconds.
      ["everything", "/public/z", "", ["--stage", "preview", "--all"], ["--all"]],
    ];
    for (const [name, path, tags, other, scope] of ROWS) {
      test(name, async () => {
        await overwrite(path, { tags });
        await purge(...other);
        assert.equal((await get(path)).text, "old", `${other.join(" ")} does not match`);
        assert.equal((await purge(...scope)).effective_within_secs, BOUND_SECS);
        await changesWithinBound(path, ({ text }) => text === "new");
      });
    }
  });
});

describe("the fresh host", () => {
  useWorker({ FRESH_LIMIT_PER_MINUTE: "600" });

  test("always serves the stored object to clients with a key, and nothing caches it", async () => {
    const key = await makeKey();
    await overwrite("/content/a");
    for (const text of ["new", "newer", "newest"]) {
      if (text !== "new") await put("/content/a", text);
      matches(wellFormed(await fresh("/content/a", key), text), {
        status: 200,
        text,
        "cache-control": "no-store",
        "cache-status": "selvedge; fwd=bypass; detail=fresh",
      });
      assert.equal((await get("/content/a")).text, "old", "the edge copy stays");
    }
    const etag = (await fresh("/content/a", key)).headers.value("etag");
    const rows = [
      [{ headers: { "if-none-match": etag } }, { status: 304 }],
      [{ headers: { range: "bytes=1-2" } }, { status: 206, text: "ew" }],
      [{ method: "HEAD" }, { status: 200, "content-length": "6" }],
    ];
    for (const [options, expected] of rows) {
      matches(await fresh("/content/a", key, options), expected, JSON.stringify(options));
    }
  });
});

describe("the rate limit of the fresh host", () => {
  useWorker({ FRESH_LIMIT_PER_MINUTE: "20" });

  const statuses = async (path, key, methods, retryAfter = null) => {
    const found = [];
    for (const method of methods) {
      const response = await fresh(path, key, { method });
      found.push(response.status);
      if (response.status !== 429) continue;
      matches(wellFormed(response, "429", { method }), { "cache-control": "no-store" });
      if (retryAfter) matches(response, { "retry-after": retryAfter });
    }
    return found;
  };
  const gets = (count) => Array(count).fill("GET");

  test("counts per key, and counts HEAD", async () => {
    const [key, other] = [await makeKey(), await makeKey()];
    await put("/content/a", "content");
    const found = await statuses("/content/a", key, ["GET", "HEAD", "HEAD", "GET"], /^[123]$/);
    assert.deepEqual(found, [200, 200, 429, 429]);
    assert.equal((await fresh("/content/a", other)).status, 200);
    assert.equal((await get("/content/a")).status, 200, "the site itself has no limit");
  });

  test("the runtime's limiter decides if there is one", async () => {
    const key = await makeKey();
    await put("/content/c", "content");
    const ask = async (limit, times) => {
      await worker.shim({ limit });
      return statuses("/content/c", key, gets(times));
    };
    assert.deepEqual(await ask("pass", 4), [200, 200, 200, 200]);
    assert.deepEqual(await ask("refuse", 2), [429, 429]);
    assert.deepEqual(await ask("throw", 3), [200, 200, 429], "the isolate counts for itself");
    await worker.shim({ reset: true });
  });
});

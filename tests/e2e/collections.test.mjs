// Collections as visitors see them: edge copies, changes, and the fresh host.

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
const VARS = { LIVE_FRESH_SECS: "1", LIVE_STALE_SECS: "1", FRESH_LIMIT_PER_MINUTE: "20" };
const BOUND_SECS = STORE === "kv" ? 61 : 1;

let key;
const worker = suiteWorker(
  () => start({ vars: VARS, cache: "on" }),
  async (worker) => {
    await publish(worker, "aa", FILES);
    ({ key } = await run("keys", "create", "--site", "aa", "--name", "test"));
  },
);

const get = (path, options) => worker.get("aa", path, options);
const run = (...args) => command(worker, args);

/**
 * Stores `content` as `/COLLECTION/NAME`. By default, the edge copies stay, as after a bulk write,
 * because these tests observe them.
 */
async function put(path, content, query = "?invalidate=false") {
  const [, collection, name] = path.split("/");
  const call = `/sites/aa/collections/${collection}/objects/${name}${query}`;
  const headers = {
    authorization: `Bearer ${ROOT_TOKEN}`,
    "content-length": Buffer.byteLength(content),
    "selvedge-tags": "x,y",
  };
  const options = { method: "PUT", headers, body: content };
  const response = await worker.get(BASE, `/.selvedge/v1${call}`, options);
  assert.equal(response.status, 200, response.text);
  return JSON.parse(response.text);
}

/** Requests `path` until there is an edge copy; resolves to the hit. */
const keep = (path) => until(() => get(path), isHit);

/** Leaves "old" in the edge copy of `path`, and "new" in the store. */
async function overwrite(path) {
  await put(path, "old");
  assert.equal((await keep(path)).text, "old");
  await put(path, "new");
  assert.equal((await get(path)).text, "old", "the edge copy stays");
}

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
  for (const round of ["store", "copy"]) {
    for (const [first, last] of ranges) {
      const what = `${first}-${last}, ${round}`;
      const response = await part(`bytes=${first}-${last}`, { "if-range": etag });
      const range = `bytes ${first}-${last}/3000000`;
      matches(wellFormed(response, what), { status: 206, "content-range": range }, what);
      assert.ok(response.body.equals(bytes.subarray(first, last + 1)), what);
    }
    const beyond = await part("bytes=3000000-");
    matches(beyond, { status: 416, "content-range": "bytes */3000000" }, round);
    assert.ok((await keep(path)).body.equals(bytes), round);
  }
  assert.ok(isHit(await part("bytes=0-9")));
});

const purge = (tag) => run("purge", "--site", "aa", "--tag", tag);
const WITHIN = { effective_within_secs: BOUND_SECS };
const isNew = ({ text }) => text === "new";
const isGone = ({ status, text }) => status === 404 && text !== "old";

/** name, the change, a part of its report, whether a response shows it. */
const CHANGES = [
  ["put", (name) => put(`/public/${name}`, "new", ""), { invalidated: true, ...WITHIN }, isNew],
  ["delete", (name) => run("objects", "delete", "--site", "aa", name), {}, isGone],
  ["purge", () => purge("y"), WITHIN, isNew],
];
for (const [name, change, expected, isDone] of CHANGES) {
  test(`a ${name} is visible within the bound`, async () => {
    const path = `/public/${name}`;
    await overwrite(path);
    await purge("xy");
    assert.equal((await get(path)).text, "old", "another tag");
    const report = await change(name);
    assert.deepEqual({ ...report, ...expected }, report);
    const since = Date.now();
    await until(() => get(path), isDone);
    assert.ok(Date.now() - since < 3_000, `${Date.now() - since} ms`);
    for (let round = 0; round < 5; round += 1) assert.ok(isDone(await get(path)), `${round}`);
  });
}

test("the old copy is served at once, and then the new one", async () => {
  await overwrite("/quick/a");
  const before = [];
  await until(() => get("/quick/a"), (response) => isNew(response) || !before.push(response));
  for (const response of before) {
    assert.equal(response.text, "old");
    assert.ok(isHit(response), "no request waits for the store");
  }
  const stale = before.find((one) => /stale-while-revalidate/.test(cacheStatus(one)));
  const status = /^selvedge; hit; ttl=(0|-\d+); detail=stale-while-revalidate$/;
  matches(stale, { "cache-status": status, age: /^[1-9]/ });
  const last = matches(await get("/quick/a"), { text: "new" });
  assert.ok(isHit(last), cacheStatus(last));
});

describe("the fresh host", () => {
  const fresh = (options = {}) => {
    const headers = { "x-api-key": key, ...options.headers };
    return worker.get(`fresh--aa.${BASE}`, "/content/a", { ...options, headers });
  };

  test("always serves the stored object to clients with a key, and nothing caches it", async () => {
    await worker.shim({ limit: "pass" });
    await overwrite("/content/a");
    for (const text of ["new", "newer", "newest"]) {
      if (text !== "new") await put("/content/a", text);
      matches(wellFormed(await fresh(), text), {
        status: 200,
        text,
        "cache-control": "no-store",
        "cache-status": "selvedge; fwd=bypass; detail=fresh",
      });
      assert.equal((await get("/content/a")).text, "old", "the edge copy stays");
    }
    const etag = (await fresh()).headers.value("etag");
    matches(await fresh({ headers: { "if-none-match": etag } }), { status: 304 });
    matches(await fresh({ headers: { range: "bytes=1-2" } }), { status: 206, text: "ew" });
    matches(await fresh({ method: "HEAD" }), { status: 200, "content-length": "6" });
  });

  test("the runtime's limiter decides if there is one", async () => {
    const rows = [
      ["pass", [200, 200, 200, 200]],
      ["refuse", [429, 429]],
      // The isolate counts for itself.
      ["throw", [200, 200, 429]],
    ];
    for (const [limit, statuses] of rows) {
      await worker.shim({ limit });
      for (const status of statuses) {
        const response = matches(wellFormed(await fresh(), limit), { status }, limit);
        if (status === 429) matches(response, { "cache-control": "no-store" });
      }
    }
    await worker.shim({ reset: true });
  });
});

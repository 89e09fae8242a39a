// Collections as visitors get them: copies at the edge, what is stale, what is purged, what is
// inert, the fresh host and its limit. Purged by the command line.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { isHit, until, wellFormed } from "./lib/check.mjs";
import { publish, selvedge } from "./lib/cli.mjs";
import { siteToken } from "./lib/fixture.mjs";
import { BASE, ROOT_TOKEN, STORE, start } from "./lib/worker.mjs";

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
name = "brief"
prefix = "/brief/"
edge_ttl = "1s"
stale_while_revalidate = "0s"

[[collections]]
name = "own"
prefix = "/own/"
active = "serve"

[[collections]]
name = "content"
prefix = "/content/"
fresh = true

[[collections]]
name = "secret"
prefix = "/secret/"
fresh = true
access = "key"
`;
const FILES = { "index.html": "<!doctype html>collections", "selvedge.toml": COLLECTIONS };
/** A live record is a second old at the most. */
const SOON = { LIVE_FRESH_SECS: "1", LIVE_STALE_SECS: "1" };
const BOUND_SECS = STORE === "kv" ? 61 : 1;

let worker;

const get = (path, options) => worker.get("aa", path, options);
const fresh = (path, key, options = {}) =>
  worker.get(`fresh--aa.${BASE}`, path, {
    ...options,
    headers: { ...(key ? { "x-api-key": key } : {}), ...options.headers },
  });
const status = ({ headers }) => headers.value("cache-status");

async function command(...args) {
  const result = await selvedge(worker, args);
  assert.equal(result.code, 0, result.stdout + result.stderr);
  return result.json;
}

/**
 * Stores `content` as `/COLLECTION/NAME` of a site and leaves its edge copies, as bulk writers do:
 * what becomes of them by themselves, and by a purge, is tested here.
 */
async function put(path, content, { site = "aa", tags = "", query = "?invalidate=false" } = {}) {
  const [, collection, ...name] = path.split("/");
  const call = `/sites/${site}/collections/${collection}/objects/${name.join("/")}${query}`;
  const answer = await worker.get(BASE, `/.selvedge/v1${call}`, {
    method: "PUT",
    headers: {
      authorization: `Bearer ${ROOT_TOKEN}`,
      "content-length": Buffer.byteLength(content),
      "selvedge-tags": tags,
    },
    body: content,
  });
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

const purge = (...args) => command("purge", "--site", "aa", ...args);
const makeKey = async (site = "aa") =>
  (await command("keys", "create", "--site", site, "--name", "test")).key;

/** Has `path` kept at the edge, and resolves to the hit. */
const keep = (path) => until(() => get(path), isHit);

/** Leaves the old text of `path` at the edge, with a new one in the store. */
async function overwrite(path, options) {
  await put(path, "old", options);
  assert.equal((await keep(path)).text, "old");
  await put(path, "new", options);
  assert.equal((await get(path)).text, "old", "the copy is left");
}

async function begin(vars) {
  // What is kept where is what is tested here: the edge tier is on in every run.
  worker = await start({ vars: { ...SOON, ...vars }, cache: "on" });
  for (const site of ["aa", "bb"]) await publish(worker, site, FILES);
  await publish(worker, "aa", FILES, { stage: "preview" });
}

describe("collections", () => {
  before(() => begin({}));
  after(() => worker.stop());

  describe("copies at the edge", () => {
    test("the store is read once, and every response says where it is from", async () => {
      const { etag } = await put("/public/a.txt", "hello");
      const first = wellFormed(await get("/public/a.txt"), "the first");
      assert.equal(first.text, "hello");
      assert.match(status(first), /^selvedge; fwd=uri-miss; stored/);
      const hit = wellFormed(await keep("/public/a.txt"), "a hit");
      assert.match(status(hit), /^selvedge; hit; ttl=(300|29\d); detail=edge$/);
      assert.match(hit.headers.value("age"), /^\d$/);
      await worker.shim({ reset: true });
      for (const answer of [first, hit, await get("/public/a.txt?query=1")]) {
        assert.equal(answer.text, "hello");
        assert.equal(answer.headers.value("etag"), etag);
        assert.equal(answer.headers.value("content-type"), "text/plain; charset=utf-8");
        assert.equal(answer.headers.value("cache-control"), "public, max-age=60");
      }
      const { serving } = await worker.shim();
      assert.deepEqual(
        serving.filter((operation) => operation.includes(" obj/")),
        [],
      );
    });

    test("HEAD, conditions and other methods, from the store and from a copy", async () => {
      const { etag } = await put("/public/b.txt", "hello");
      for (const round of ["store", "copy"]) {
        const head = await get("/public/b.txt", { method: "HEAD" });
        wellFormed(head, `HEAD, ${round}`, { method: "HEAD" });
        assert.deepEqual([head.status, head.headers.value("content-length")], [200, "5"], round);
        const matched = await get("/public/b.txt", { headers: { "if-none-match": etag } });
        wellFormed(matched, `304, ${round}`);
        assert.equal(matched.status, 304, round);
        assert.equal(matched.headers.value("etag"), etag, round);
        assert.equal(matched.headers.value("cache-control"), "public, max-age=60", round);
        const other = await get("/public/b.txt", { headers: { "if-none-match": '"other"' } });
        assert.deepEqual([other.status, other.text], [200, "hello"], round);
        const failed = await get("/public/b.txt", { headers: { "if-match": '"other"' } });
        assert.equal(failed.status, 412, round);
        const posted = await get("/public/b.txt", { method: "POST", body: "x" });
        assert.equal(posted.status, 405, round);
        assert.match(posted.headers.value("allow"), /GET/, round);
        await keep("/public/b.txt");
      }
    });

    test("ranges, from the store and from a copy", async () => {
      const bytes = randomBytes(3_000_000);
      const { etag } = await put("/public/large.bin", bytes);
      const part = (range, more) => get("/public/large.bin", { headers: { range, ...more } });
      for (const round of ["store", "copy"]) {
        for (const [first, last] of [
          [1_000_000, 1_999_999],
          [2_999_990, 2_999_999],
          [0, 9],
        ]) {
          const what = `${first}-${last}, ${round}`;
          const answer = await part(`bytes=${first}-${last}`, { "if-range": etag });
          wellFormed(answer, what);
          assert.equal(answer.status, 206, what);
          const place = `bytes ${first}-${last}/3000000`;
          assert.equal(answer.headers.value("content-range"), place, what);
          assert.ok(answer.body.equals(bytes.subarray(first, last + 1)), what);
        }
        const beyond = await part("bytes=3000000-");
        assert.equal(beyond.status, 416, round);
        assert.equal(beyond.headers.value("content-range"), "bytes */3000000", round);
        const changed = await part("bytes=0-9", { "if-range": '"other"' });
        assert.equal(changed.status, 200, round);
        assert.ok(changed.body.equals(bytes), round);
        assert.ok((await keep("/public/large.bin")).body.equals(bytes), round);
      }
      assert.ok(isHit(await part("bytes=0-9")));
    });

    test("what is not there is a 404, and there once it was written", async () => {
      for (const path of ["/public/later", "/public/", "/public/a/../b", "/public/%00"]) {
        const missing = wellFormed(await get(path), path);
        assert.equal(missing.status, 404, path);
        assert.equal(missing.headers.value("cache-control"), "no-store", path);
      }
      await put("/public/later", "now");
      assert.equal((await get("/public/later")).text, "now");
    });

    test("of one site are never another's", async () => {
      await put("/public/same", "of aa");
      await put("/public/same", "of bb", { site: "bb" });
      await put("/public/only-bb", "of bb", { site: "bb" });
      for (let round = 0; round < 3; round += 1) {
        for (const site of ["aa", "bb"]) {
          assert.equal((await worker.get(site, "/public/same")).text, `of ${site}`);
        }
        assert.equal((await worker.get("bb", "/public/only-bb")).text, "of bb");
        assert.equal((await get("/public/only-bb")).status, 404);
      }
    });

    test("a sandbox has none", async () => {
      for (const text of ["old", "new"]) {
        await put("/public/sandbox", text);
        const answer = await worker.get("preview--aa", "/public/sandbox");
        assert.equal(answer.text, text);
        assert.equal(answer.headers.value("cache-control"), "no-store");
        assert.match(status(answer), /fwd=bypass/);
      }
    });
  });

  describe("changes", () => {
    const changes = {
      put: (path) => put(path, "new", { query: "" }),
      delete: (path) => command("objects", "delete", "--site", "aa", path.split("/").pop()),
    };
    for (const [name, change] of Object.entries(changes)) {
      test(`a ${name} is seen within the bound`, async () => {
        const path = `/public/changed-by-${name}`;
        await put(path, "old");
        assert.equal((await keep(path)).text, "old");
        const told = await change(path);
        if (name === "put") {
          assert.deepEqual([told.invalidated, told.effective_within_secs], [true, BOUND_SECS]);
        }
        const since = Date.now();
        await until(
          () => get(path),
          ({ text }) => text !== "old",
        );
        assert.ok(Date.now() - since < 3_000, `${Date.now() - since} ms`);
        for (let round = 0; round < 5; round += 1) {
          const { status: code, text } = await get(path);
          assert.deepEqual([code, text !== "old"], [name === "put" ? 200 : 404, true]);
        }
      });
    }
  });

  describe("stale copies", () => {
    test("the old one at once, then the new one", async () => {
      await put("/quick/a", "old");
      assert.equal((await keep("/quick/a")).text, "old");
      await put("/quick/a", "new");
      const before = [];
      await until(
        () => get("/quick/a"),
        (answer) => answer.text === "new" || !before.push(answer),
      );
      for (const answer of before) {
        assert.equal(answer.text, "old");
        assert.ok(isHit(answer), "nobody waits for the store");
      }
      const stale = before.filter((answer) => /stale-while-revalidate/.test(status(answer)));
      assert.ok(stale.length > 0, before.map(status).join("\n"));
      const told = /^selvedge; hit; ttl=(0|-\d+); detail=stale-while-revalidate$/;
      assert.match(status(stale[0]), told);
      assert.ok(Number(stale[0].headers.value("age")) >= 1);
      const last = await get("/quick/a");
      assert.equal(last.text, "new");
      assert.ok(isHit(last), status(last));
    });

    test("without that window it is validated first", async () => {
      await put("/brief/a", "old");
      assert.equal((await keep("/brief/a")).text, "old");
      const validated = await until(
        () => get("/brief/a"),
        (answer) => /validated/.test(status(answer)),
      );
      assert.match(status(validated), /^selvedge; fwd=stale; .*detail=validated$/);
      assert.equal(validated.text, "old");
      await put("/brief/a", "new");
      const changed = await until(
        () => get("/brief/a"),
        (answer) => !isHit(answer),
      );
      assert.equal(changed.text, "new");
    });

    test("a store that fails is bridged", async () => {
      await put("/brief/b", "old");
      await keep("/brief/b");
      await worker.shim({ reset: true, failing: 1 });
      try {
        const bridged = await until(
          () => get("/brief/b"),
          (answer) => !/detail=edge/.test(status(answer)),
        );
        assert.deepEqual([bridged.status, bridged.text], [200, "old"]);
        assert.match(status(bridged), /^selvedge; hit; ttl=(0|-\d+); detail=stale-if-error$/);
        const unknown = await get("/brief/c");
        assert.equal(unknown.status, 503, "never a 404");
      } finally {
        await worker.shim({ reset: true });
      }
    });
  });

  describe("what a browser would run", () => {
    const SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
    /** name, media type, whether it is a document, its media type where it may run. */
    const ROWS = [
      ["a.html", "text/html; charset=utf-8", true, null],
      ["a.svg", "image/svg+xml; charset=utf-8", true, null],
      ["a.xml", "application/xml; charset=utf-8", true, null],
      ["a.js", "text/plain; charset=utf-8", false, "text/javascript; charset=utf-8"],
      ["a.png", "image/png", false, null],
    ];
    for (const [name, type, isDocument, active] of ROWS) {
      test(`${name} is inert, unless the site says otherwise`, async () => {
        await put(`/public/${name}`, "<script>alert(1)</script>");
        await put(`/own/${name}`, "<script>alert(1)</script>");
        for (const round of ["store", "copy"]) {
          const { headers } = await get(`/public/${name}`);
          const policy = headers.value("content-security-policy");
          assert.equal(headers.value("content-type"), type, round);
          assert.equal(policy, isDocument ? SANDBOX : null, round);
          assert.equal(headers.value("x-content-type-options"), "nosniff", round);
          const own = (await get(`/own/${name}`)).headers;
          assert.equal(own.value("content-type"), active ?? type, round);
          assert.equal(own.value("content-security-policy"), null, round);
          await keep(`/public/${name}`);
          await keep(`/own/${name}`);
        }
      });
    }
  });

  describe("purges", () => {
    /** name, what is overwritten, how it is stored, what is purged first in vain, what then. */
    const ROWS = [
      [
        "a tag",
        "/public/tagged",
        "x,y",
        ["--tag", "xy"],
        ["--tag", "y"],
      ],
      [
        "a path, however it is spelled",
        "/public/p/a%20b",
        "",
        ["--path", "/public/p/a"],
        ["--path", "/public//p/%61 b"],
      ],
      ["a prefix", "/public/q/a", "", ["--prefix", "/public/qq"], ["--prefix", "/public/q"]],
      ["a collection", "/news/a", "", ["--collection", "brief"], ["--collection", "news"]],
      // The last: for two seconds nothing that was kept counts.
      ["all", "/public/z", "", ["--stage", "preview", "--all"], ["--all"]],
    ];
    for (const [name, path, tags, other, scope] of ROWS) {
      test(name, async () => {
        await overwrite(path, { tags });
        await purge(...other);
        assert.equal((await get(path)).text, "old", `${other.join(" ")} is not meant`);
        const { effective_within_secs: bound } = await purge(...scope);
        assert.equal(bound, BOUND_SECS);
        const since = Date.now();
        await until(
          () => get(path),
          ({ text }) => text === "new",
        );
        assert.ok(Date.now() - since < 3_000, `${Date.now() - since} ms`);
        for (let round = 0; round < 5; round += 1) assert.equal((await get(path)).text, "new");
      });
    }

    test("one write, and nothing without the scope", async () => {
      const { token } = await siteToken(worker, "aa", ["write", "read", "publish"]);
      await worker.shim({ reset: true });
      const refused = await selvedge(worker, ["purge", "--site", "aa", "--all"], { token });
      assert.equal(refused.code, 1, refused.stdout);
      const isWrite = (operation) => /^(put|delete) /.test(operation);
      assert.deepEqual((await worker.shim()).ops.filter(isWrite), []);
      await purge("--all");
      const writes = (await worker.shim()).ops.filter(isWrite);
      assert.equal(writes.length, 1, writes.join("\n"));
    });
  });
});

describe("the fresh host", () => {
  before(() => begin({ FRESH_LIMIT_PER_MINUTE: "600" }));
  after(() => worker.stop());

  test("the newest, for who has a key, and kept nowhere", async () => {
    const key = await makeKey();
    await overwrite("/content/a");
    for (const text of ["new", "newer", "newest"]) {
      if (text !== "new") await put("/content/a", text);
      const answer = wellFormed(await fresh("/content/a", key), text);
      assert.deepEqual([answer.status, answer.text], [200, text]);
      assert.equal(answer.headers.value("cache-control"), "no-store");
      assert.equal(status(answer), "selvedge; fwd=bypass; detail=fresh");
      assert.equal((await get("/content/a")).text, "old", "nor does it change a copy");
    }
    const etag = (await fresh("/content/a", key)).headers.value("etag");
    const headers = { "if-none-match": etag };
    assert.equal((await fresh("/content/a", key, { headers })).status, 304);
    const part = await fresh("/content/a", key, { headers: { range: "bytes=1-2" } });
    assert.deepEqual([part.status, part.text], [206, "ew"]);
    const head = await fresh("/content/a", key, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.value("content-length")], [200, "6"]);
  });

  test("nothing without a key of this site", async () => {
    const [key, other] = [await makeKey(), await makeKey("bb")];
    await put("/content/b", "content");
    const bearer = (text) => ({ headers: { authorization: `Bearer ${text}` } });
    assert.equal((await fresh("/content/b", null, bearer(key))).text, "content");
    for (const answer of [
      await fresh("/content/b", null),
      await fresh("/content/b", "nope"),
      await fresh("/content/b", other),
      await fresh(`/content/b?key=${key}&x-api-key=${key}`, null),
      await fresh("/content/b", null, bearer(other)),
      await fresh("/content/b", other, bearer(key)),
    ]) {
      wellFormed(answer, "without a key");
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.value("cache-control"), "no-store");
    }
    assert.equal((await fresh("/public/b", key)).status, 404, "not of every collection");
  });

  test("what is for keys is nowhere else", async () => {
    const key = await makeKey();
    await put("/secret/a", "secret");
    assert.equal((await get("/secret/a")).status, 404);
    assert.equal((await fresh("/secret/a", key)).text, "secret");
    assert.equal((await get("/secret/a")).status, 404);
  });

  test("a key that was revoked opens nothing", async () => {
    const { key, id } = await command("keys", "create", "--site", "aa", "--name", "short");
    await put("/content/c", "content");
    assert.equal((await fresh("/content/c", key)).status, 200);
    await command("keys", "revoke", id, "--site", "aa");
    await until(
      () => fresh("/content/c", key),
      (answer) => answer.status === 401,
    );
  });
});

describe("the limit of the fresh host", () => {
  before(() => begin({ FRESH_LIMIT_PER_MINUTE: "20" }));
  after(() => worker.stop());

  test("each key has its own, and HEAD counts", async () => {
    const [key, other] = [await makeKey(), await makeKey()];
    await put("/content/a", "content");
    const statuses = [];
    for (const method of ["GET", "HEAD", "HEAD", "GET"]) {
      const answer = await fresh("/content/a", key, { method });
      statuses.push(answer.status);
      if (answer.status !== 429) continue;
      wellFormed(answer, "429", { method });
      const secs = Number(answer.headers.value("retry-after"));
      assert.ok(secs >= 1 && secs <= 3, `${secs} s`);
      assert.equal(answer.headers.value("cache-control"), "no-store");
    }
    assert.deepEqual(statuses, [200, 200, 429, 429]);
    assert.equal((await fresh("/content/a", other)).status, 200);
    assert.equal((await get("/content/a")).status, 200, "and the site has none");
  });

  test("who has no key uses up nobody's", async () => {
    const key = await makeKey();
    await put("/content/b", "content");
    const statuses = [];
    for (let i = 0; i < 5; i += 1) statuses.push((await fresh("/content/b", "nope")).status);
    assert.deepEqual(statuses, [401, 401, 429, 429, 429]);
    assert.equal((await fresh("/content/b", key)).status, 200);
  });

  test("the runtime's limiter decides where there is one", async () => {
    const key = await makeKey();
    await put("/content/c", "content");
    const ask = async (limit, times) => {
      await worker.shim({ limit });
      const answers = [];
      for (let i = 0; i < times; i += 1) answers.push(await fresh("/content/c", key));
      return answers.map((answer) => answer.status);
    };
    assert.deepEqual(await ask("pass", 4), [200, 200, 200, 200]);
    assert.deepEqual(await ask("refuse", 2), [429, 429]);
    assert.deepEqual(await ask("throw", 3), [200, 200, 429], "the isolate counts for itself");
    await worker.shim({ reset: true });
  });
});

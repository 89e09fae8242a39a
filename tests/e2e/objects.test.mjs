// Objects of collections: the command line and the admin API against the real store.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { AT_ONCE } from "./lib/check.mjs";
import { folder, publish, selvedge } from "./lib/cli.mjs";
import { COLLECTIONS, siteToken } from "./lib/fixture.mjs";
import { BASE, STORE, start } from "./lib/worker.mjs";

const WINDOWS = 'edge_ttl = "1m"\nstale_while_revalidate = "30s"\n';
const LAG = STORE === "kv" ? 60 : 0;

let worker;
before(async () => {
  worker = await start({ vars: AT_ONCE });
  const config = COLLECTIONS + WINDOWS;
  const files = { "index.html": "<!doctype html>objects", "selvedge.toml": config };
  await publish(worker, "objects", files);
  await publish(worker, "others", files);
});
after(() => worker.stop());

const path = (name, collection = "public", site = "objects") =>
  `/.selvedge/v1/sites/${site}/collections/${collection}/objects${name}`;

/** One call of the admin API; the fields of its answer are in `json` where it is JSON. */
async function call(method, name, { body = null, headers = {}, token, ...where } = {}) {
  const authorization = `Bearer ${token ?? (await root())}`;
  const isCounted = body !== null && !headers["transfer-encoding"];
  const length = isCounted ? { "content-length": Buffer.byteLength(body) } : {};
  const answer = await worker.get(BASE, path(name, where.collection, where.site), {
    method,
    body,
    headers: { authorization, ...length, ...headers },
  });
  try {
    return { ...answer, json: JSON.parse(answer.text) };
  } catch {
    return { ...answer, json: null };
  }
}

let owner;
const root = async () => (owner ??= (await siteToken(worker, "objects", ["write", "read"])).token);

const objects = (args, options) =>
  selvedge(worker, ["objects", "--site", "objects", "--collection", "public", ...args], options);

async function done(args, options) {
  const result = await objects(args, options);
  assert.equal(result.code, 0, result.stdout + result.stderr);
  return result.json;
}

describe("the command line", () => {
  test("puts, lists, gets and deletes", async () => {
    const dir = folder({ "a photo.png": randomBytes(100_000), empty: "" });
    const put = await done(["put", join(dir, "a photo.png"), "--tag", "photos"]);
    assert.equal(put.name, "a%20photo.png");
    assert.equal(put.length, 100_000);
    assert.deepEqual([put.invalidated, put.effective_within_secs], [true, LAG]);
    assert.match(put.url, /^http:\/\/objects\.localhost:\d+\/public\/a%20photo\.png$/);
    await done(["put", join(dir, "empty")]);

    const { objects: listed } = await done(["list"]);
    assert.deepEqual(
      listed.map(({ name, length, media_type, tags }) => ({ name, length, media_type, tags })),
      [
        { name: "a%20photo.png", length: 100_000, media_type: "image/png", tags: ["photos"] },
        { name: "empty", length: 0, media_type: "application/octet-stream", tags: [] },
      ],
    );
    assert.equal(listed[0].etag, put.etag);
    assert.ok(Math.abs(listed[0].written_ms - Date.now()) < 60_000, String(listed[0].written_ms));

    const copy = join(dir, "copy");
    for (const name of ["a photo.png", "empty"]) {
      await done(["get", name, "-o", copy]);
      assert.ok(readFileSync(copy).equals(readFileSync(join(dir, name))), name);
    }
    await done(["delete", "a photo.png", "empty"]);
    assert.deepEqual((await done(["list"])).objects, []);
    const again = await objects(["delete", "empty"]);
    assert.equal(again.code, 1);
    assert.equal(again.json.error.code, "not-found");
    assert.equal((await objects(["get", "empty", "-o", `${copy}2`])).code, 1);
    assert.ok(!existsSync(`${copy}2`) && !existsSync(`${copy}2.part`));
  });

  test("puts a folder, and lists more than a page", async () => {
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`in/${i}.txt`, `${i}`]));
    const dir = folder(files);
    const { stored } = await done(["put", dir, "--prefix", "many/"]);
    assert.equal(stored.length, 30);
    const page = await call("GET", "?prefix=many/&limit=20");
    assert.equal(page.json.objects.length, 20);
    const cursor = encodeURIComponent(page.json.cursor);
    const rest = await call("GET", `?prefix=many/&limit=20&cursor=${cursor}`);
    assert.equal(rest.json.objects.length, 10);
    assert.equal(rest.json.cursor, null);
    const names = [...page.json.objects, ...rest.json.objects].map(({ name }) => name);
    assert.deepEqual(names, Object.keys(files).map((name) => `many/${name}`).sort());
    await done(["delete", ...names]);
  });

  test("says what is wrong and changes nothing", async () => {
    const dir = folder({ x: "1" });
    await worker.shim({ reset: true });
    assert.equal((await objects(["put", join(dir, "x"), "../y"])).code, 1);
    const none = await objects(["put", join(dir, "x"), "--collection", "none"]);
    assert.equal(none.code, 1);
    assert.match(none.json.error.hint, /\[\[collections\]\]/);
    const { token } = await siteToken(worker, "others", ["write"]);
    const other = await objects(["put", join(dir, "x")], { token });
    assert.equal(other.json.error.code, "forbidden");
    const { ops } = await worker.shim();
    assert.deepEqual(ops.filter((operation) => operation.includes(" obj/")), []);
  });

  test("puts what is larger than one request, where the store takes it", async () => {
    const large = randomBytes(96 * 1024 * 1024);
    const dir = folder({ "large.bin": large });
    const result = await objects(["put", join(dir, "large.bin"), "--tag", "big"]);
    if (STORE === "kv") {
      assert.equal(result.code, 1);
      assert.equal(result.json.error.code, "too-large");
      return;
    }
    assert.equal(result.code, 0, result.stdout + result.stderr);
    assert.equal(result.json.length, large.length);
    await done(["get", "large.bin", "-o", join(dir, "copy")]);
    assert.ok(readFileSync(join(dir, "copy")).equals(large));
    const { objects: listed } = await done(["list", "--prefix", "large"]);
    assert.deepEqual(listed[0].tags, ["big"]);
    assert.equal(listed[0].etag, result.json.etag);
    await done(["delete", "large.bin"]);
  });
});

describe("the admin API", () => {
  test("writes on a condition", async () => {
    const put = (body, headers) => call("PUT", "/doc", { body, headers });
    assert.equal((await put("1", { "if-match": "*" })).status, 412);
    const first = await put("1", { "if-none-match": "*" });
    assert.equal(first.status, 200);
    const { etag } = first.json;
    assert.match(etag, /^"[^"]+"$/);
    const there = await put("2", { "if-none-match": "*" });
    assert.equal(there.status, 412);
    assert.equal(there.json.error.etag, etag);
    assert.equal((await put("2", { "if-match": '"other"' })).status, 412);
    assert.equal((await call("GET", "/doc")).text, "1");
    const second = await put("2", { "if-match": etag });
    assert.equal(second.status, 200);
    assert.equal((await put("3", { "if-match": etag })).status, 412);
    assert.equal((await put("3", { "if-match": "*" })).status, 200);
    assert.equal((await call("GET", "/doc")).text, "3");
    assert.equal((await call("DELETE", "/doc", { headers: { "if-match": etag } })).status, 412);
    const now = (await call("HEAD", "/doc")).headers.value("etag");
    assert.equal((await call("DELETE", "/doc", { headers: { "if-match": now } })).status, 200);
    assert.equal((await call("GET", "/doc")).status, 404);
  });

  test("gives the bytes as nothing that a browser runs", async () => {
    const headers = { "content-type": "text/html; charset=utf-8", "selvedge-tags": "a, b" };
    await call("PUT", "/%C3%A9.html", { body: "<script>alert(1)</script>", headers });
    for (const method of ["GET", "HEAD"]) {
      const read = await call(method, "/%C3%A9.html");
      assert.equal(read.status, 200);
      assert.equal(read.text, method === "GET" ? "<script>alert(1)</script>" : "");
      assert.equal(read.headers.value("content-length"), "25");
      assert.equal(read.headers.value("content-type"), "application/octet-stream");
      assert.equal(read.headers.value("content-disposition"), "attachment");
      assert.equal(read.headers.value("x-content-type-options"), "nosniff");
      assert.equal(read.headers.value("selvedge-media-type"), "text/html; charset=utf-8");
      assert.equal(read.headers.value("selvedge-tags"), "a,b");
      assert.equal(read.headers.value("cache-control"), "no-store");
    }
    await call("DELETE", "/%C3%A9.html");
  });

  test("keeps collections and sites apart", async () => {
    await call("PUT", "/same", { body: "public" });
    await call("PUT", "/same", { body: "content", collection: "content" });
    const { token } = await siteToken(worker, "others", ["write", "read"]);
    const others = { token, site: "others" };
    await call("PUT", "/same", { body: "others", ...others });
    assert.equal((await call("GET", "/same")).text, "public");
    assert.equal((await call("GET", "/same", { collection: "content" })).text, "content");
    assert.equal((await call("GET", "/same", others)).text, "others");
    assert.equal((await call("GET", "/same", { token })).status, 403);
    const { objects: listed } = (await call("GET", "", others)).json;
    assert.deepEqual(listed.map(({ name }) => name), ["same"]);
    await call("DELETE", "/same");
    assert.equal((await call("GET", "/same")).status, 404);
    assert.equal((await call("GET", "/same", { collection: "content" })).text, "content");
  });

  test("refuses what it can't take", async () => {
    const long = "a".repeat(401);
    const rows = [
      ["PUT", `/${long}`, { body: "x" }, 400],
      ["PUT", "/a/", { body: "x" }, 400],
      ["PUT", "/x", { body: "x", headers: { "content-type": "nonsense" } }, 422],
      ["PUT", "/x", { body: "x", headers: { "selvedge-tags": "a;b" } }, 422],
      ["PUT", "/x", { headers: { "transfer-encoding": "chunked" }, body: "x" }, 422],
      ["PUT", "/x", { body: "x", collection: "none" }, 404],
      ["PUT", "", { body: "x" }, 405],
      ["PATCH", "/x", { body: "x" }, 405],
      ["GET", "?limit=0", {}, 422],
    ];
    for (const [method, name, options, status] of rows) {
      const answer = await call(method, name, options);
      assert.equal(answer.status, status, `${method} ${name}: ${answer.text}`);
      assert.ok(answer.json.error.hint, answer.text);
    }
    assert.deepEqual((await call("GET", "?prefix=x")).json.objects, []);
  });

  test("uploads in parts, where the store takes them", async () => {
    const begun = await call("POST", "/parts?uploads", { headers: { "content-type": "a/b" } });
    if (STORE === "kv") {
      assert.equal(begun.status, 413);
      return;
    }
    assert.equal(begun.status, 201, begun.text);
    const upload = `/parts?upload=${encodeURIComponent(begun.json.upload)}`;
    const bodies = [randomBytes(5 << 20), randomBytes(100)];
    const parts = [];
    for (const [at, body] of bodies.entries()) {
      const part = await call("PUT", `${upload}&part=${at + 1}`, { body });
      assert.equal(part.status, 200, part.text);
      parts.push(part.json);
    }
    assert.equal((await call("GET", "/parts")).status, 404);
    const wrong = JSON.stringify({ parts: [{ part: 3, etag: "no" }] });
    assert.equal((await call("POST", upload, { body: wrong })).status, 404);
    const body = JSON.stringify({ parts });
    const finished = await call("POST", upload, { body });
    assert.equal(finished.status, 200, finished.text);
    assert.equal(finished.json.length, (5 << 20) + 100);
    const read = await call("GET", "/parts");
    assert.ok(read.body.equals(Buffer.concat(bodies)));
    assert.equal(read.headers.value("etag"), finished.json.etag);
    assert.equal((await call("POST", upload, { body })).status, 404);
    const unknown = await call("PUT", "/parts?upload=unknown&part=1", { body: "x" });
    assert.equal(unknown.status, 404, unknown.text);
    await call("DELETE", "/parts");
  });
});

describe("a store that fails now and then", () => {
  test("loses nothing that was said to be stored", async () => {
    await worker.shim({ reset: true, failing: 0.05, seed: 11 });
    const dir = folder(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}`, `${i}`])));
    await done(["put", dir, "--prefix", "through/"]);
    await worker.shim({ reset: true });
    assert.equal((await done(["list", "--prefix", "through/"])).objects.length, 20);
  });
});

describe("without configuration", () => {
  test("a site has the collection public", async () => {
    await publish(worker, "plain", { "index.html": "<!doctype html>plain" });
    const file = join(folder({ "x.png": "pixels" }), "x.png");
    const put = await selvedge(worker, ["objects", "put", file, "--site", "plain"]);
    assert.equal(put.code, 0, put.stderr);
    assert.match(put.json.url, /^http:\/\/plain\.localhost:\d+\/public\/x\.png$/);
    const read = await worker.get("plain", "/public/x.png");
    assert.deepEqual([read.status, read.text], [200, "pixels"]);
    assert.equal(read.headers.value("content-type"), "image/png");
    const missing = await worker.get("plain", "/public/y.png");
    assert.equal(missing.status, 404);
    const deleted = await selvedge(worker, ["objects", "delete", "x.png", "--site", "plain"]);
    assert.equal(deleted.code, 0, deleted.stderr);
    assert.equal((await worker.get("plain", "/public/x.png")).status, 404);
  });

  test("files below /public/ are served, and there is no collection", async () => {
    await publish(worker, "filed", {
      "index.html": "<!doctype html>filed",
      "public/a.txt": "a file",
    });
    assert.equal((await worker.get("filed", "/public/a.txt")).text, "a file");
    const file = join(folder({ x: "x" }), "x");
    const put = await selvedge(worker, ["objects", "put", file, "--site", "filed"]);
    assert.equal(put.code, 1, put.stdout);
    assert.match(put.stdout + put.stderr, /no such collection/);
  });
});

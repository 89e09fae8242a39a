// Objects of collections, written with the command line and the admin API to the real store.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { AT_ONCE, matches } from "./lib/check.mjs";
import { parsed } from "./lib/client.mjs";
import { command, folder, publish, selvedge } from "./lib/cli.mjs";
import { COLLECTIONS, siteToken } from "./lib/fixture.mjs";
import { BASE, STORE, start, suiteWorker } from "./lib/worker.mjs";

const LAG_SECS = STORE === "kv" ? 60 : 0;

let owner;
const worker = suiteWorker(
  () => start({ vars: AT_ONCE }),
  async (worker) => {
    const files = { "index.html": "<!doctype html>objects", "selvedge.toml": COLLECTIONS };
    for (const site of ["objects", "others"]) await publish(worker, site, files);
    owner = (await siteToken(worker, "objects", ["write", "read"])).token;
  },
);

/** Calls the admin API for an object; the response has its body parsed as `json`. */
async function call(method, name, { body = null, headers = {} } = {}) {
  const path = `/.selvedge/v1/sites/objects/collections/public/objects${name}`;
  const length = body === null ? {} : { "content-length": Buffer.byteLength(body) };
  const sent = { authorization: `Bearer ${owner}`, ...length, ...headers };
  const response = await worker.get(BASE, path, { method, body, headers: sent });
  return { ...response, json: parsed(response.text) };
}

const ARGS = ["objects", "--site", "objects", "--collection", "public"];
const objects = (args, options) => selvedge(worker, [...ARGS, ...args], options);
const run = (...args) => command(worker, [...ARGS, ...args]);

describe("the command line", () => {
  test("puts, lists, gets and deletes", async () => {
    const dir = folder({ "a photo.png": randomBytes(100_000), empty: "" });
    const put = await run("put", join(dir, "a photo.png"), "--tag", "photos");
    assert.deepEqual([put.name, put.length], ["a%20photo.png", 100_000]);
    assert.deepEqual([put.invalidated, put.effective_within_secs], [true, LAG_SECS]);
    assert.match(put.url, /^http:\/\/objects\.localhost:\d+\/public\/a%20photo\.png$/);
    await run("put", join(dir, "empty"));

    const { objects: listed } = await run("list");
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
      await run("get", name, "-o", copy);
      assert.ok(readFileSync(copy).equals(readFileSync(join(dir, name))), name);
    }
    await run("delete", "a photo.png", "empty");
    assert.deepEqual((await run("list")).objects, []);
    const again = await objects(["delete", "empty"]);
    assert.deepEqual([again.code, again.json.error.code], [1, "not-found"]);
    assert.equal((await objects(["get", "empty", "-o", `${copy}2`])).code, 1);
    assert.ok(!existsSync(`${copy}2`) && !existsSync(`${copy}2.part`));
  });

  test("puts a folder, and lists more than one page", async () => {
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`in/${i}.txt`, `${i}`]));
    const { stored } = await run("put", folder(files), "--prefix", "many/");
    assert.equal(stored.length, 30);
    const page = await call("GET", "?prefix=many/&limit=20");
    assert.equal(page.json.objects.length, 20);
    const cursor = encodeURIComponent(page.json.cursor);
    const rest = await call("GET", `?prefix=many/&limit=20&cursor=${cursor}`);
    assert.deepEqual([rest.json.objects.length, rest.json.cursor], [10, null]);
    const names = [...page.json.objects, ...rest.json.objects].map(({ name }) => name);
    assert.deepEqual(names, Object.keys(files).map((name) => `many/${name}`).sort());
    await run("delete", ...names);
  });

  test("reports mistakes and changes nothing", async () => {
    const file = join(folder({ x: "1" }), "x");
    await worker.shim({ reset: true });
    assert.equal((await objects(["put", file, "../y"])).code, 1);
    const none = await objects(["put", file, "--collection", "none"]);
    assert.equal(none.code, 1);
    assert.match(none.json.error.hint, /\[\[collections\]\]/);
    const { token } = await siteToken(worker, "others", ["write"]);
    assert.equal((await objects(["put", file], { token })).json.error.code, "forbidden");
    const { ops } = await worker.shim();
    assert.deepEqual(ops.filter((operation) => operation.includes(" obj/")), []);
  });

  test("puts a file larger than one request if the store supports it", async () => {
    const large = randomBytes(96 * 1024 * 1024);
    const dir = folder({ "large.bin": large });
    const args = ["put", join(dir, "large.bin"), "--tag", "big"];
    if (STORE === "kv") {
      const { code, json } = await objects(args);
      return assert.deepEqual([code, json.error.code], [1, "too-large"]);
    }
    const put = await run(...args);
    assert.equal(put.length, large.length);
    await run("get", "large.bin", "-o", join(dir, "copy"));
    assert.ok(readFileSync(join(dir, "copy")).equals(large));
    const [listed] = (await run("list", "--prefix", "large")).objects;
    assert.deepEqual([listed.tags, listed.etag], [["big"], put.etag]);
    await run("delete", "large.bin");
  });
});

describe("the admin API", () => {
  test("evaluates conditions on writes", async () => {
    const put = (body, headers) => call("PUT", "/doc", { body, headers });
    const remove = (etag) => call("DELETE", "/doc", { headers: { "if-match": etag } });
    assert.equal((await put("1", { "if-match": "*" })).status, 412);
    const { etag } = matches(await put("1", { "if-none-match": "*" }), { status: 200 }).json;
    const existing = await put("2", { "if-none-match": "*" });
    assert.deepEqual([existing.status, existing.json.error.etag], [412, etag]);
    const changed = matches(await put("2", { "if-match": etag }), { status: 200 }).json;
    assert.equal((await put("3", { "if-match": etag })).status, 412);
    assert.equal((await call("GET", "/doc")).text, "2");
    assert.equal((await remove(etag)).status, 412);
    assert.equal((await remove(changed.etag)).status, 200);
    assert.equal((await call("GET", "/doc")).status, 404);
  });

  test("accepts uploads in parts if the store supports them", async () => {
    const begun = await call("POST", "/parts?uploads", { headers: { "content-type": "a/b" } });
    if (STORE === "kv") return assert.equal(begun.status, 413);
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
    const finish = (parts) => call("POST", upload, { body: JSON.stringify({ parts }) });
    assert.equal((await finish([{ part: 3, etag: "no" }])).status, 404);
    const finished = await finish(parts);
    assert.equal(finished.status, 200, finished.text);
    assert.equal(finished.json.length, (5 << 20) + 100);
    const read = matches(await call("GET", "/parts"), { etag: finished.json.etag });
    assert.ok(read.body.equals(Buffer.concat(bodies)));
    assert.equal((await finish(parts)).status, 404);
    const unknown = await call("PUT", "/parts?upload=unknown&part=1", { body: "x" });
    assert.equal(unknown.status, 404, unknown.text);
    await call("DELETE", "/parts");
  });
});

test("a store that fails sometimes loses no object that was reported as stored", async () => {
  await worker.shim({ reset: true, failing: 0.05, seed: 11 });
  const dir = folder(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}`, `${i}`])));
  await run("put", dir, "--prefix", "through/");
  await worker.shim({ reset: true });
  assert.equal((await run("list", "--prefix", "through/")).objects.length, 20);
});

test("without configuration a site has the collection public", async () => {
  await publish(worker, "plain", { "index.html": "<!doctype html>plain" });
  const file = join(folder({ "x.png": "pixels" }), "x.png");
  const { url } = await command(worker, ["objects", "put", file, "--site", "plain"]);
  assert.match(url, /^http:\/\/plain\.localhost:\d+\/public\/x\.png$/);
  const expected = { status: 200, text: "pixels", "content-type": "image/png" };
  matches(await worker.get("plain", "/public/x.png"), expected);
  assert.equal((await worker.get("plain", "/public/y.png")).status, 404);
  await command(worker, ["objects", "delete", "x.png", "--site", "plain"]);
  assert.equal((await worker.get("plain", "/public/x.png")).status, 404);
});

// A store that an earlier version wrote is served, rolled back, and published to by this one.
//
// tests/e2e/stores/ holds the whole contents of a store, one for each kind of store and version.
// They are never written again: a format that was released can still be read.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { publish, selvedge } from "./lib/cli.mjs";
import { ROOT, STORE, start } from "./lib/worker.mjs";

const FOLDER = join(ROOT, "tests/e2e/stores");
const VARS = { ALLOWED_ORIGINS: "http://127.0.0.1:9", LIVE_FRESH_SECS: "0", LIVE_STALE_SECS: "0" };

const named = readdirSync(FOLDER).filter((name) => name.startsWith(`${STORE}-`));
assert.ok(named.length > 0, `no fixture for ${STORE}`);

for (const name of named) {
  const written = JSON.parse(gunzipSync(readFileSync(join(FOLDER, name))));
  describe(`a store of version ${written.version}`, () => {
    let worker;
    before(async () => {
      worker = await start({ seed: written.entries, vars: VARS });
    });
    after(() => worker.stop());

    const status = async (host, path, options) => (await worker.get(host, path, options)).status;

    test("is served as before", async () => {
      const index = await worker.get("www", "/");
      assert.match(index.text, /<title>two<\/title>/);
      const encoded = await worker.get("www", "/", { headers: { "accept-encoding": "br" } });
      assert.equal(encoded.headers.value("content-encoding"), "br");
      const etag = { headers: { "if-none-match": index.headers.value("etag") } };
      assert.equal(await status("www", "/", etag), 304);
      assert.equal((await worker.get("www", "/docs/")).headers.value("x-docs"), "yes");
      assert.equal((await worker.get("www", "/docs/a")).headers.value("x-docs"), "yes");
      assert.equal(await status("www", "/docs/a.html"), 308);
      assert.equal((await worker.get("www", "/old/a")).headers.value("location"), "/docs/a");
      assert.equal((await worker.get("www", "/x.foo")).headers.value("content-type"), "text/x-foo");
      assert.match((await worker.get("www", "/nothing")).text, /<title>nothing<\/title>/);
      const script = await worker.get("www", "/assets/app.9c8b7a6d.js");
      assert.match(script.headers.value("cache-control"), /immutable/);
      assert.equal(script.headers.value("x-assets"), "yes");
      assert.match((await worker.get("shop.example.org", "/")).text, /<title>two<\/title>/);
      assert.match((await worker.get("staging--www", "/")).text, /<title>staged<\/title>/);
      const address = await worker.get(`${written.deployments.one}--www`, "/");
      assert.match(address.text, /<title>one<\/title>/);
      // The upstream that its action names is not there.
      assert.ok((await status("www", "/api/x")) >= 502);
    });

    test("finds the scripts of retained deployments, but no documents", async () => {
      const old = await worker.get("www", "/assets/app.3f2a91bc.js");
      assert.match(old.text, /console\.log\('one'\)/);
      assert.match(old.headers.value("cache-control"), /immutable/);
      assert.equal(await status("www", "/Invoice2024.pdf"), 404);
    });

    test("looks paths up in shards", async () => {
      for (const n of [0, 7, 600, 1199]) {
        assert.equal((await worker.get("many", `/p/${n}.txt`)).text, `page ${n % 10}`);
      }
      assert.equal(await status("many", "/p/1200.txt"), 404);
    });

    test("keeps its objects, tokens and keys", async () => {
      assert.match((await worker.get("www", "/content/menu.json")).text, /leek/);
      const key = { headers: { "x-api-key": written.key } };
      assert.match((await worker.get("fresh--www", "/content/menu.json", key)).text, /leek/);
      assert.equal(await status("fresh--www", "/content/menu.json"), 401);
      const own = await worker.api("GET", "/sites/www/deployments", undefined, written.token);
      assert.equal(own.json.stages.production.deployment, written.deployments.two);
      assert.equal(own.json.stages.production.seq, 3);
      const other = await worker.api("GET", "/sites/many/deployments", undefined, written.token);
      assert.equal(other.status, 403);
    });

    test("is rolled back, promoted and published to", async () => {
      const ran = async (...args) => {
        const result = await selvedge(worker, [...args, "--site", "www"], { token: written.token });
        assert.equal(result.code, 0, result.stderr + result.stdout);
        return result.json;
      };
      await ran("rollback");
      assert.match((await worker.get("www", "/")).text, /<title>one<\/title>/);
      await ran("promote", "--from", "staging", "--to", "production");
      assert.match((await worker.get("www", "/")).text, /<title>staged<\/title>/);
      await ran("purge", "--tag", "menu");
      const files = { "index.html": "<!doctype html><title>three</title>" };
      const three = await publish(worker, "www", files, { token: written.token });
      assert.equal(three.seq, 7);
      assert.match((await worker.get("www", "/")).text, /<title>three<\/title>/);
      assert.match((await worker.get("www", "/assets/app.3f2a91bc.js")).text, /'one'/);
      await publish(worker, "many", { "index.html": "many" });
      assert.equal(await status("many", "/p/7.txt"), 404);
    });
  });
}

// A store written by an earlier version can be served, rolled back and published to.
//
// tests/e2e/stores/ holds the whole contents of a store for each kind of store and version. They
// are never rewritten: a released format stays readable.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ROOT } from "../../scripts/lib.mjs";
import { AT_ONCE, matches } from "./lib/check.mjs";
import { command, publish } from "./lib/cli.mjs";
import { STORE, start, suiteWorker } from "./lib/worker.mjs";

const FOLDER = join(ROOT, "tests/e2e/stores");
const OLD_SCRIPT = "/assets/app.3f2a91bc.js";

const names = readdirSync(FOLDER).filter((name) => name.startsWith(`${STORE}-`));
assert.ok(names.length > 0, `no fixture for ${STORE}`);

for (const name of names) {
  const written = JSON.parse(gunzipSync(readFileSync(join(FOLDER, name))));
  describe(`a store of version ${written.version}`, () => {
    const vars = { ...AT_ONCE, ALLOWED_ORIGINS: "http://127.0.0.1:9" };
    const worker = suiteWorker(() => start({ seed: written.entries, vars }));
    /** Checks one response of a host. */
    const check = async (host, path, expected, headers = {}) =>
      matches(await worker.get(host, path, { headers }), expected, `${host}${path}`);
    const title = (text) => new RegExp(`<title>${text}</title>`);

    test("is served as before", async () => {
      const index = await check("www", "/", { text: title("two") });
      const etag = { "if-none-match": index.headers.value("etag") };
      /** host, path, expected response, request headers. */
      const rows = [
        ["www", "/", { "content-encoding": "br" }, { "accept-encoding": "br" }],
        ["www", "/", { status: 304 }, etag],
        ["www", "/docs/", { "x-docs": "yes" }],
        ["www", "/docs/a", { "x-docs": "yes" }],
        ["www", "/docs/a.html", { status: 308 }],
        ["www", "/old/a", { location: "/docs/a" }],
        ["www", "/x.foo", { "content-type": "text/x-foo" }],
        ["www", "/nothing", { text: title("nothing") }],
        ["www", "/assets/app.9c8b7a6d.js", { "cache-control": /immutable/, "x-assets": "yes" }],
        ["shop.example.org", "/", { text: title("two") }],
        ["staging--www", "/", { text: title("staged") }],
        [`${written.deployments.one}--www`, "/", { text: title("one") }],
      ];
      for (const row of rows) await check(...row);
      // The action's upstream does not run.
      assert.ok((await worker.get("www", "/api/x")).status >= 502);
    });

    test("finds the scripts of retained deployments, but no documents", async () => {
      const expected = { text: /console\.log\('one'\)/, "cache-control": /immutable/ };
      await check("www", OLD_SCRIPT, expected);
      await check("www", "/Invoice2024.pdf", { status: 404 });
    });

    test("looks paths up in shards", async () => {
      for (const n of [0, 7, 600, 1199]) {
        await check("many", `/p/${n}.txt`, { text: `page ${n % 10}` });
      }
      await check("many", "/p/1200.txt", { status: 404 });
    });

    test("keeps its objects, tokens and keys", async () => {
      const path = "/content/menu.json";
      await check("www", path, { text: /leek/ });
      await check("fresh--www", path, { text: /leek/ }, { "x-api-key": written.key });
      await check("fresh--www", path, { status: 401 });
      const deployments = (site) =>
        worker.api("GET", `/sites/${site}/deployments`, undefined, written.token);
      const { production } = (await deployments("www")).json.stages;
      assert.deepEqual([production.deployment, production.seq], [written.deployments.two, 3]);
      assert.equal((await deployments("many")).status, 403);
    });

    test("can be rolled back, promoted and published to", async () => {
      const { token } = written;
      const run = (...args) => command(worker, [...args, "--site", "www"], { token });
      await run("rollback");
      await check("www", "/", { text: title("one") });
      await run("promote", "--from", "staging", "--to", "production");
      await check("www", "/", { text: title("staged") });
      await run("purge", "--tag", "menu");
      const files = { "index.html": "<!doctype html><title>three</title>" };
      assert.equal((await publish(worker, "www", files, { token })).seq, 7);
      await check("www", "/", { text: title("three") });
      await check("www", OLD_SCRIPT, { text: /'one'/ });
      await publish(worker, "many", { "index.html": "many" });
      await check("many", "/p/7.txt", { status: 404 });
    });
  });
}

// Takedowns of paths, and deletion of deployments and sites, on the real runtime.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AT_ONCE } from "./lib/check.mjs";
import { command, publish, selvedge } from "./lib/cli.mjs";
import { COLLECTIONS, siteKey } from "./lib/fixture.mjs";
import { BASE, STORE, start, suiteWorker } from "./lib/worker.mjs";

const SCRIPT = "/assets/app.3f2a91bc.js";
const V1 = {
  "index.html": "<!doctype html>one",
  "about.html": "<!doctype html>secret about",
  [SCRIPT.slice(1)]: "secret()",
};
const V2 = { "index.html": "<!doctype html>two" };
/** KV shows writes late, and a deletion waits for that. */
const LAG_SECS = STORE === "kv" ? 60 : 0;
const SKEW_SECS = 2;

describe("removal", () => {
  const worker = suiteWorker(() => start({ vars: AT_ONCE }));

  const run = (...args) => command(worker, args);
  /** Runs a command that must be refused; resolves to the code of its error. */
  const refused = async (...args) => {
    const { code, json, stdout } = await selvedge(worker, args);
    assert.equal(code, 1, stdout);
    return json.error.code;
  };
  const status = async (host, path, headers = {}) =>
    (await worker.get(host, path, { headers })).status;
  const address = ({ deployment }, site) => `${deployment}--${site}.${BASE}`;
  /** Calls DELETE until nothing is left to delete; resolves to all responses. */
  const deleteSite = async (site) => {
    const steps = [];
    do {
      steps.push((await worker.api("DELETE", `/sites/${site}`)).json);
    } while (!steps.at(-1).done && steps.at(-1).wait_secs === 0);
    return steps;
  };

  test("a takedown hides a path in earlier deployments, and can be undone", async () => {
    const site = ["--site", "shop"];
    const first = await publish(worker, "shop", V1);
    await publish(worker, "shop", V2);
    const host = address(first, "shop");
    assert.equal(await status("shop", SCRIPT), 200, "open pages still get the script");
    assert.equal(await status(host, "/about"), 200);

    const made = await run("takedown", SCRIPT, ...site, "--yes");
    assert.deepEqual([made.live_on, made.effective_within_secs], [[], LAG_SECS]);
    await run("takedown", "/about", ...site, "--yes");
    assert.equal(await status("shop", SCRIPT), 404);
    for (const path of [SCRIPT, "/about", "//about"]) {
      assert.equal(await status(host, path), 404, path);
    }
    assert.equal(await status(host, "/"), 200, "other paths stay");
    const { takedowns } = await run("takedown", "--list", ...site);
    assert.deepEqual(takedowns.map(({ path }) => path), [SCRIPT, "/about"]);

    const again = await publish(worker, "shop", V1);
    assert.equal(again.warnings.length, 2, JSON.stringify(again.warnings));
    assert.ok(again.warnings.every(({ hint }) => hint.includes("--undo")));
    assert.equal(await status("shop", SCRIPT), 200, "the live deployment has it again");
    await publish(worker, "shop", V2);

    await run("takedown", "--undo", SCRIPT, ...site);
    assert.equal(await status("shop", SCRIPT), 200);
    assert.equal(await status(host, SCRIPT), 200);
    assert.equal(await status(host, "/about"), 404, "the other is still taken down");
  });

  test("forgetting a deployment removes its address and its files", async () => {
    const first = await publish(worker, "news", V1);
    const second = await publish(worker, "news", V2);
    const host = address(first, "news");
    assert.equal(await status(host, "/about"), 200);
    assert.equal(await status("news", SCRIPT), 200);
    const site = ["--site", "news"];
    const forget = ({ deployment }) => ["deployments", "forget", deployment, ...site, "-y"];
    assert.equal(await refused(...forget(second)), "still-live");
    await run(...forget(first));
    assert.equal(await status(host, "/about"), 421);
    assert.equal(await status("news", SCRIPT), 404);
    assert.equal(await status("news", "/"), 200);
    await refused(...forget(first));
  });

  test("deleting a site removes everything, and a new one shares nothing with it", async () => {
    const config = { "selvedge.toml": `${COLLECTIONS}fresh = true\n` };
    const site = "gone";
    const first = await publish(worker, site, { ...V1, ...config });
    await publish(worker, site, { ...V2, ...config });
    await publish(worker, site, V1, { stage: "staging" });
    await worker.api("PUT", `/sites/${site}/hosts/www.gone.example`, {});
    for (const collection of ["public", "content"]) {
      const path = `/sites/${site}/collections/${collection}/objects/a.txt`;
      assert.equal((await worker.api("PUT", path, Buffer.from("object"))).status, 200);
    }
    const key = { "x-api-key": await siteKey(worker, site) };
    /** host, path, status after the deletion. */
    const addresses = [
      [site, "/", 421],
      [`staging--${site}.${BASE}`, "/about", 421],
      [address(first, site), SCRIPT, 421],
      ["www.gone.example", "/", 421],
      [site, "/public/a.txt", 421],
      [`fresh--${site}.${BASE}`, "/content/a.txt", 401],
    ];
    for (const [host, path] of addresses) {
      assert.equal(await status(host, path, key), 200, host + path);
    }

    const steps = await deleteSite(site);
    const phases = [...new Set(steps.map(({ phase }) => phase))];
    assert.deepEqual(phases, ["hosts", "stages", "deployments", "objects", "blobs", "waiting"]);
    const { wait_secs } = steps.at(-1);
    assert.ok(wait_secs <= LAG_SECS + SKEW_SECS, `${wait_secs}`);
    for (const [host, path, expected] of addresses) {
      assert.equal(await status(host, path, key), expected, host + path);
    }
    assert.equal(await refused("sites", "create", site), "being-deleted");
    // KV's own lag would take a minute.
    if (LAG_SECS > 0) return;

    await run("sites", "delete", site, "--yes");
    assert.equal((await worker.api("DELETE", `/sites/${site}`)).status, 404);
    const published = await publish(worker, site, { ...V2, "new.txt": "new", ...config });
    assert.equal(published.seq, 1);
    assert.equal(await status(site, "/new.txt"), 200);
    assert.equal(await status(site, "/public/a.txt"), 404);
    assert.equal(await status(site, SCRIPT), 404);
  });

  test("a site can have more blobs than one request deletes", async () => {
    const files = Array.from({ length: 1_100 }, (_, n) => [`f/${n}.txt`, `file ${n}`]);
    await publish(worker, "many", Object.fromEntries(files));
    const steps = await deleteSite("many");
    const deleted = steps.reduce((sum, step) => sum + step.deleted, 0);
    assert.ok(deleted >= 1_102, `${deleted}`);
    assert.equal(steps.at(-1).phase, "waiting");
  });

  test("the site of the base domain needs its own confirmation", async () => {
    await publish(worker, "www", V2);
    assert.equal(await refused("sites", "delete", "www", "--yes"), "default-site");
    assert.equal(await status("www", "/"), 200);
  });
});

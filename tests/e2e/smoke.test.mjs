// From nothing to the first page, and what is still there after a restart.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { wellFormed } from "./lib/check.mjs";
import { publish, selvedge } from "./lib/cli.mjs";
import { BASE, ROOT, STORE, scratch, start } from "./lib/worker.mjs";

describe("the site that ships", () => {
  const state = scratch("selvedge-state-");
  let worker;
  let report;

  before(async () => {
    worker = await start({ state });
    report = await publish(worker, "www", join(ROOT, "www"));
  });
  after(() => worker.stop());

  for (const host of [BASE, `www.${BASE}`, `WWW.${BASE}.`]) {
    test(`http://${host}/ shows the welcome page`, async () => {
      const page = wellFormed(await worker.get(host, "/"), host);
      assert.equal(page.status, 200);
      assert.equal(page.headers.value("content-type"), "text/html; charset=utf-8");
      assert.match(page.text, /<!doctype html>/i);
      assert.match(page.headers.value("selvedge-deployment"), new RegExp(`^${report.deployment};`));
    });
  }

  test("every part of the page answers, with the type of its name", async () => {
    const page = await worker.get("www", "/");
    const parts = [...page.text.matchAll(/(?:src|href)="(\/[^"#?]+\.[a-z0-9]+)"/g)].map(
      ([, path]) => path,
    );
    assert.ok(parts.length >= 3, `parts: ${parts}`);
    for (const path of parts) {
      const part = wellFormed(await worker.get("www", path), path);
      assert.equal(part.status, 200, path);
      assert.notEqual(part.headers.value("content-type"), "application/octet-stream", path);
    }
  });

  test("what is not there is the site's own 404 page, never stored", async () => {
    const missing = wellFormed(await worker.get("www", "/nothing/here"), "404");
    assert.equal(missing.status, 404);
    assert.equal(missing.headers.value("cache-control"), "no-store");
    assert.match(missing.text, /<!doctype html>/i);
    assert.ok(!missing.text.includes("nothing/here"));
  });

  test("HEAD sends the fields of GET and no body", async () => {
    for (const path of ["/", "/nothing"]) {
      const got = await worker.get("www", path);
      const head = wellFormed(await worker.get("www", path, { method: "HEAD" }), path, {
        method: "HEAD",
      });
      assert.equal(head.status, got.status, path);
      assert.deepEqual(head.headers.stable(), got.headers.stable(), path);
    }
  });

  test("health, version, and a stranger's call to the admin API", async () => {
    const health = await worker.get(BASE, "/.selvedge/health");
    assert.equal(health.status, 200);
    assert.equal(JSON.parse(health.text).ok, true);
    const about = await worker.api("GET", "");
    assert.equal(about.json.store, STORE);
    assert.equal(about.json.base_domain, BASE);
    const stranger = wellFormed(await worker.api("GET", "", undefined, null), "401");
    assert.equal(stranger.status, 401);
    assert.equal(stranger.json.error.code, "unauthorized");
  });

  test("the command line lists what is there", async () => {
    const sites = await selvedge(worker, ["sites"]);
    assert.equal(sites.code, 0, sites.stderr);
    assert.match(sites.stdout, /"www"/);
    const deployments = await selvedge(worker, ["deployments", "--site", "www"]);
    assert.equal(deployments.code, 0, deployments.stderr);
    assert.match(deployments.stdout, new RegExp(report.deployment));
  });

  test("a restart finds everything again", async () => {
    const earlier = await worker.get("www", "/");
    await worker.stop();
    worker = await start({ state });
    const later = await worker.get("www", "/");
    assert.equal(later.status, 200);
    assert.deepEqual(later.headers.stable(), earlier.headers.stable());
    assert.deepEqual(later.body, earlier.body);
  });
});

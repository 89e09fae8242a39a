// The site that ships, from the first publish to a restart.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ROOT } from "../../scripts/lib.mjs";
import { matches, wellFormed } from "./lib/check.mjs";
import { command, publish } from "./lib/cli.mjs";
import { BASE, STORE, scratch, start } from "./lib/worker.mjs";

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
      matches(wellFormed(await worker.get(host, "/"), host), {
        status: 200,
        text: /<!doctype html>/i,
        "content-type": "text/html; charset=utf-8",
        "selvedge-deployment": new RegExp(`^${report.deployment};`),
      });
    });
  }

  test("every file that the page links to has the type of its name", async () => {
    const { text } = await worker.get("www", "/");
    const links = text.matchAll(/(?:src|href)="(\/[^"#?]+\.[a-z0-9]+)"/g);
    const paths = [...links].map(([, path]) => path);
    assert.ok(paths.length >= 3, `${paths}`);
    for (const path of paths) {
      const file = matches(wellFormed(await worker.get("www", path), path), { status: 200 }, path);
      assert.notEqual(file.headers.value("content-type"), "application/octet-stream", path);
    }
  });

  test("the admin API needs a token, and reports health, sites and deployments", async () => {
    const health = await worker.get(BASE, "/.selvedge/health");
    assert.equal(health.status, 200);
    assert.equal(JSON.parse(health.text).ok, true);
    const about = await worker.api("GET", "");
    assert.deepEqual([about.json.store, about.json.base_domain], [STORE, BASE]);
    const refused = wellFormed(await worker.api("GET", "", undefined, null), "401");
    assert.deepEqual([refused.status, refused.json.error.code], [401, "unauthorized"]);
    assert.match(JSON.stringify(await command(worker, ["sites"])), /"www"/);
    const deployments = await command(worker, ["deployments", "--site", "www"]);
    assert.match(JSON.stringify(deployments), new RegExp(report.deployment));
  });

  test("everything is still there after a restart", async () => {
    const earlier = await worker.get("www", "/");
    await worker.stop();
    worker = await start({ state });
    const later = matches(await worker.get("www", "/"), { status: 200 });
    assert.deepEqual(later.headers.stable(), earlier.headers.stable());
    assert.deepEqual(later.body, earlier.body);
  });
});

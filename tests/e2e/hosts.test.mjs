// The real host alone selects the site, the stage or the deployment, and sites share nothing. The
// site of the base host is the one that ships.

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ROOT } from "../../scripts/lib.mjs";
import { AT_ONCE, matches, wellFormed } from "./lib/check.mjs";
import { command, publish } from "./lib/cli.mjs";
import { sha256, siteToken } from "./lib/fixture.mjs";
import { BASE, STORE, start, suiteWorker } from "./lib/worker.mjs";

const page = (name) => ({ "index.html": `<!doctype html>page ${name}` });
const SECRET = "SECRET of beta";
const CUSTOM = "shop.example.com";

describe("hosts", () => {
  let first;
  const worker = suiteWorker(
    () => start({ vars: AT_ONCE }),
    async (worker) => {
      first = await publish(worker, "alpha", page("alpha 1"));
      await publish(worker, "alpha", page("alpha 2"));
      await publish(worker, "alpha", page("alpha staging"), { stage: "staging" });
      await publish(worker, "beta", { ...page("beta"), "secret.txt": SECRET });
      await publish(worker, "www", join(ROOT, "www"));
      await command(worker, ["hosts", "--site", "alpha", "add", CUSTOM]);
    },
  );
  const get = async (host, path = "/") =>
    wellFormed(await worker.get(host, path), `${host}${path}`);

  test("each host has its own page, and all but production's are noindex", async () => {
    const rows = [
      [`alpha.${BASE}`, /page alpha 2$/, null],
      [`ALPHA.${BASE}`, /page alpha 2$/, null],
      [`alpha.${BASE}:1234`, /page alpha 2$/, null],
      [`alpha.${BASE}.`, /page alpha 2$/, null],
      [`beta.${BASE}`, /page beta$/, null],
      [BASE, /<!doctype html>/i, null],
      [`WWW.${BASE}.`, /<!doctype html>/i, null],
      [CUSTOM, /page alpha 2$/, null],
      ["Shop.Example.COM", /page alpha 2$/, null],
      [`staging--alpha.${BASE}`, /page alpha staging$/, "noindex"],
      [`${first.deployment}--alpha.${BASE}`, /page alpha 1$/, "noindex"],
    ];
    for (const [host, text, robots] of rows) {
      matches(await get(host), { status: 200, text, "x-robots-tag": robots }, host);
    }
  });

  test("every file that the welcome page links to has the type of its name", async () => {
    const page = matches(await get(BASE), { "content-type": "text/html; charset=utf-8" });
    const links = page.text.matchAll(/(?:src|href)="(\/[^"#?]+\.[a-z0-9]+)"/g);
    const paths = [...links].map(([, path]) => path);
    assert.ok(paths.length >= 3, `${paths}`);
    for (const path of paths) {
      const file = matches(await get(BASE, path), { status: 200 }, path);
      assert.notEqual(file.headers.value("content-type"), "application/octet-stream", path);
    }
  });

  test("the admin API needs a token, and reports health, sites and deployments", async () => {
    const health = await worker.get(BASE, "/.selvedge/health");
    assert.deepEqual([health.status, JSON.parse(health.text).ok], [200, true]);
    const about = await worker.api("GET", "");
    assert.deepEqual([about.json.store, about.json.base_domain], [STORE, BASE]);
    const refused = wellFormed(await worker.api("GET", "", undefined, null), "401");
    assert.deepEqual([refused.status, refused.json.error.code], [401, "unauthorized"]);
    assert.match(JSON.stringify(await command(worker, ["sites"])), /"alpha"/);
    const deployments = await command(worker, ["deployments", "--site", "alpha"]);
    assert.match(JSON.stringify(deployments), new RegExp(first.deployment));
  });

  test("an unknown host gets no-store and no site's bytes", async () => {
    for (const label of ["nosuch", "alpha--alpha", "--alpha", "alpha--", "a", "x.alpha"]) {
      const response = await get(`${label}.${BASE}`);
      // A label that begins or ends with a hyphen makes the hostname invalid.
      matches(response, { status: [400, 404, 421], "cache-control": "no-store" }, label);
      assert.ok(!response.text.includes("page "));
      assert.ok(!response.text.includes(`${label}.`));
    }
  });

  test("serving a site touches no key of another in the store or the cache", async () => {
    await worker.shim({ reset: true });
    for (const path of ["/", "/nothing", "/secret.txt", "/x/../y", "/%2e%2e/beta"]) {
      assert.ok(!(await get("alpha", path)).text.includes("beta"), path);
    }
    const { serving, cacheKeys } = await worker.shim();
    assert.deepEqual([...serving, ...cacheKeys].filter((key) => /\bbeta\b/.test(key)), []);
    assert.deepEqual(serving.filter((key) => !/\balpha\b/.test(key) && !/host\//.test(key)), []);
  });

  test("blobs of another site are missing", async () => {
    const body = { prefix: "", hashes: [sha256(SECRET)] };
    for (const [site, expected] of Object.entries({ alpha: body.hashes, beta: [] })) {
      const { token } = await siteToken(worker, site);
      const { json } = await worker.api("POST", `/sites/${site}/blobs/missing`, body, token);
      assert.deepEqual(json.missing, expected);
    }
  });

  test("a hostname can't be taken from another site, and is unknown once removed", async () => {
    const taken = await worker.api("PUT", `/sites/beta/hosts/${CUSTOM}`, { stage: "production" });
    assert.deepEqual([taken.status, taken.json.error.code], [409, "exists"]);
    matches(await get(CUSTOM), { text: /page alpha 2$/ });
    await command(worker, ["hosts", "--site", "alpha", "remove", CUSTOM]);
    assert.equal((await get(CUSTOM)).status, 421);
  });
});

describe("HTTPS_ONLY", () => {
  const worker = suiteWorker(() => start({ vars: { HTTPS_ONLY: "true" } }));

  test("redirects http to the same address over https", async () => {
    // It applies to the admin API too, so nothing can be published here over http.
    const response = matches(await worker.get(BASE, "/a%20b?q=1"), { status: [308, 421] });
    if (response.status === 308) matches(response, { location: `https://${BASE}/a%20b?q=1` });
  });
});

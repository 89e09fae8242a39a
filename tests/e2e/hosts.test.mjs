// Only the real host selects the site, the stage or the deployment.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AT_ONCE, matches, wellFormed } from "./lib/check.mjs";
import { command, publish } from "./lib/cli.mjs";
import { BASE, start, suiteWorker } from "./lib/worker.mjs";

const page = (name) => ({ "index.html": `<!doctype html>page ${name}` });
const CUSTOM = "shop.example.com";

describe("hosts", () => {
  let first;
  const worker = suiteWorker(
    () => start({ vars: AT_ONCE }),
    async (worker) => {
      first = await publish(worker, "alpha", page("alpha 1"));
      await publish(worker, "alpha", page("alpha 2"));
      await publish(worker, "alpha", page("alpha staging"), { stage: "staging" });
      await publish(worker, "beta", page("beta"));
      await publish(worker, "www", page("www"));
      await command(worker, ["hosts", "--site", "alpha", "add", CUSTOM]);
    },
  );
  const get = async (host, path = "/", headers = {}) =>
    wellFormed(await worker.get(host, path, { headers }), `${host}${path}`);

  const HOSTS = [
    ["a site", `alpha.${BASE}`, /page alpha 2$/],
    ["its name in upper case", `ALPHA.${BASE}`, /page alpha 2$/],
    ["with a port", `alpha.${BASE}:1234`, /page alpha 2$/],
    ["with a trailing dot", `alpha.${BASE}.`, /page alpha 2$/],
    ["another site", `beta.${BASE}`, /page beta$/],
    ["the base host", BASE, /page www$/],
    ["a stage", `staging--alpha.${BASE}`, /page alpha staging$/],
    ["a custom hostname", CUSTOM, /page alpha 2$/],
    ["a custom hostname in upper case", "Shop.Example.COM", /page alpha 2$/],
  ];
  for (const [name, host, text] of HOSTS) {
    test(`${name}: ${host}`, async () => {
      matches(await get(host), { status: 200, text });
    });
  }

  test("a deployment has its own address, whatever is live", async () => {
    const response = await get(`${first.deployment}--alpha.${BASE}`);
    matches(response, { status: 200, text: /page alpha 1$/, "x-robots-tag": "noindex" });
  });

  test("all stages but production are noindex", async () => {
    matches(await get("alpha"), { "x-robots-tag": null });
    matches(await get(`staging--alpha.${BASE}`), { "x-robots-tag": "noindex" });
  });

  const UNKNOWN = [
    "nosuch",
    "nosuch--alpha",
    `${"d".padEnd(26, "a")}--nosuch`,
    "alpha--alpha",
    "--alpha",
    "alpha--",
    "constructor",
    "a",
    "x.alpha",
  ];
  for (const label of UNKNOWN) {
    test(`${label}.${BASE} is unknown: no-store, no site's bytes`, async () => {
      const response = await get(`${label}.${BASE}`);
      // A label that begins or ends with a hyphen makes the hostname invalid.
      matches(response, { status: [400, 404, 421], "cache-control": "no-store" });
      assert.ok(!response.text.includes("page "));
      assert.ok(!response.text.includes(`${label}.`));
    });
  }

  test("the fresh host rejects requests without a valid key", async () => {
    for (const headers of [{}, { "x-api-key": "slk_alpha_x_y" }, { authorization: "Bearer x" }]) {
      const response = await get(`fresh--alpha.${BASE}`, "/", headers);
      const expected = { "cache-control": "no-store", "www-authenticate": "Bearer" };
      matches(response, { status: 401, ...expected });
    }
  });

  test("an unmapped host gets a 421", async () => {
    assert.equal((await get("www.example.org")).status, 421);
  });

  const HEADERS = [
    "X-Forwarded-Host",
    "X-Host",
    "X-Original-Host",
    "X-Forwarded-Server",
    "X-Tenant",
    "X-Site",
    "Forwarded",
  ];
  for (const name of HEADERS) {
    test(`${name} selects nothing`, async () => {
      const value = name === "Forwarded" ? `host=beta.${BASE}` : `beta.${BASE}`;
      matches(await get("alpha", "/", { [name]: value }), { text: /page alpha 2$/ });
    });
  }

  test("/.selvedge/ is reserved on every host", async () => {
    const paths = ["/.selvedge/health", "/.selvedge/v1/sites", "/.selvedge", "/.selvedge/"];
    for (const path of [...paths, "/%2eselvedge/v1"]) {
      matches(await get("alpha", path), { status: 404, "cache-control": "no-store" }, path);
    }
  });

  test("a removed hostname is unknown again", async () => {
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

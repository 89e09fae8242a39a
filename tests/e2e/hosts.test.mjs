// Which hostname shows what, and that nothing but the real host decides it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { AT_ONCE, wellFormed } from "./lib/check.mjs";
import { publish, selvedge } from "./lib/cli.mjs";
import { BASE, start } from "./lib/worker.mjs";

const page = (name) => ({ "index.html": `<!doctype html>page ${name}` });

describe("hosts", () => {
  let worker;
  let first;

  before(async () => {
    worker = await start({ vars: AT_ONCE });
    first = await publish(worker, "alpha", page("alpha 1"));
    await publish(worker, "alpha", page("alpha 2"));
    await publish(worker, "alpha", page("alpha staging"), { stage: "staging" });
    await publish(worker, "beta", page("beta"));
    await publish(worker, "www", page("www"));
    const added = await selvedge(worker, ["hosts", "--site", "alpha", "add", "shop.example.com"]);
    assert.equal(added.code, 0, added.stderr);
  });
  after(() => worker.stop());

  const rows = [
    ["a site", `alpha.${BASE}`, "page alpha 2"],
    ["its name in upper case", `ALPHA.${BASE}`, "page alpha 2"],
    ["with a port", `alpha.${BASE}:1234`, "page alpha 2"],
    ["with a trailing dot", `alpha.${BASE}.`, "page alpha 2"],
    ["another site", `beta.${BASE}`, "page beta"],
    ["the base host", BASE, "page www"],
    ["a stage", `staging--alpha.${BASE}`, "page alpha staging"],
    ["a custom hostname", "shop.example.com", "page alpha 2"],
    ["a custom hostname in upper case", "Shop.Example.COM", "page alpha 2"],
  ];
  for (const [name, host, text] of rows) {
    test(`${name}: ${host}`, async () => {
      const answer = wellFormed(await worker.get(host, "/"), host);
      assert.equal(answer.status, 200);
      assert.ok(answer.text.endsWith(text), answer.text);
    });
  }

  test("a deployment has an address of its own, whatever is live", async () => {
    const answer = wellFormed(
      await worker.get(`${first.deployment}--alpha.${BASE}`, "/"),
      "deployment",
    );
    assert.equal(answer.status, 200);
    assert.ok(answer.text.endsWith("page alpha 1"), answer.text);
    assert.equal(answer.headers.value("x-robots-tag"), "noindex");
  });

  test("every stage but production asks not to be indexed", async () => {
    const production = await worker.get("alpha", "/");
    assert.equal(production.headers.value("x-robots-tag"), null);
    const staging = await worker.get(`staging--alpha.${BASE}`, "/");
    assert.equal(staging.headers.value("x-robots-tag"), "noindex");
  });

  const strangers = [
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
  for (const label of strangers) {
    test(`${label}.${BASE} is nobody's: 421, no-store, nobody's bytes`, async () => {
      const answer = wellFormed(await worker.get(`${label}.${BASE}`, "/"), label);
      // A label that begins or ends with a hyphen is no hostname at all.
      assert.ok([400, 404, 421].includes(answer.status), `status ${answer.status}`);
      assert.equal(answer.headers.value("cache-control"), "no-store");
      assert.ok(!answer.text.includes("page "));
      assert.ok(!answer.text.includes(`${label}.`));
    });
  }

  test("the fresh host tells nothing without a key", async () => {
    for (const headers of [{}, { "x-api-key": "slk_alpha_x_y" }, { authorization: "Bearer x" }]) {
      const answer = wellFormed(await worker.get(`fresh--alpha.${BASE}`, "/", { headers }), "fresh");
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.value("cache-control"), "no-store");
      assert.equal(answer.headers.value("www-authenticate"), "Bearer");
    }
  });

  test("a host of nobody at all", async () => {
    const answer = wellFormed(await worker.get("www.example.org", "/"), "stranger");
    assert.equal(answer.status, 421);
  });

  const names = [
    "X-Forwarded-Host",
    "X-Host",
    "X-Original-Host",
    "X-Forwarded-Server",
    "X-Tenant",
    "X-Site",
    "Forwarded",
  ];
  for (const name of names) {
    test(`${name} selects nothing`, async () => {
      const value = name === "Forwarded" ? `host=beta.${BASE}` : `beta.${BASE}`;
      const answer = await worker.get("alpha", "/", { headers: { [name]: value } });
      assert.ok(answer.text.endsWith("page alpha 2"), answer.text);
    });
  }

  test("/.selvedge/ is reserved on every host", async () => {
    const spellings = [
      "/.selvedge/health",
      "/.selvedge/v1/sites",
      "/.selvedge",
      "/.selvedge/",
      "/%2eselvedge/v1",
    ];
    for (const path of spellings) {
      const answer = wellFormed(await worker.get("alpha", path), path);
      assert.equal(answer.status, 404, path);
      assert.equal(answer.headers.value("cache-control"), "no-store", path);
    }
  });

  test("a removed hostname is nobody's again", async () => {
    const removed = await selvedge(worker, [
      "hosts",
      "--site",
      "alpha",
      "remove",
      "shop.example.com",
    ]);
    assert.equal(removed.code, 0, removed.stderr);
    assert.equal((await worker.get("shop.example.com", "/")).status, 421);
  });
});

describe("HTTPS only", () => {
  test("http is answered with a redirect to the same address over https", async () => {
    const worker = await start({ vars: { HTTPS_ONLY: "true" } });
    try {
      // The admin API is held to it as well, so nothing can be published here over http.
      const answer = await worker.get(BASE, "/a%20b?q=1");
      assert.ok([308, 421].includes(answer.status), `status ${answer.status}`);
      if (answer.status === 308)
        assert.equal(answer.headers.value("location"), `https://${BASE}/a%20b?q=1`);
    } finally {
      await worker.stop();
    }
  });
});

// Two sites with the same paths never share a byte, a cache entry or a token.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { AT_ONCE, wellFormed } from "./lib/check.mjs";
import { publish } from "./lib/cli.mjs";
import { sha256, siteToken } from "./lib/fixture.mjs";
import { BASE, start } from "./lib/worker.mjs";

const SHARED = "the same bytes in both sites";
const files = (mark) => ({
  "index.html": `<!doctype html>MARK-${mark}-INDEX`,
  "docs/index.html": `<!doctype html>MARK-${mark}-DOCS`,
  "404.html": `<!doctype html>MARK-${mark}-404`,
  "shared.txt": SHARED,
  [`only-${mark}.txt`]: `MARK-${mark}-SECRET`,
});

describe("isolation", () => {
  let worker;
  let tokens;
  let deployments;

  before(async () => {
    worker = await start({ vars: AT_ONCE });
    const [a, b] = [
      await publish(worker, "aa", files("aa")),
      await publish(worker, "bb", files("bb")),
    ];
    deployments = { aa: a.deployment, bb: b.deployment };
    tokens = { aa: await siteToken(worker, "aa"), bb: await siteToken(worker, "bb") };
  });
  after(() => worker.stop());

  test("the same path, asked by turns, is each site's own", async () => {
    for (let round = 0; round < 3; round += 1) {
      for (const path of [
        "/",
        "/docs/",
        "/nothing",
        "/shared.txt",
        "/only-aa.txt",
        "/only-bb.txt",
      ]) {
        for (const [site, other] of [
          ["aa", "bb"],
          ["bb", "aa"],
        ]) {
          const answer = wellFormed(await worker.get(site, path), `${site}${path}`);
          assert.ok(!answer.text.includes(`MARK-${other}`), `${site}${path}: ${answer.text}`);
          if (path === `/only-${other}.txt`) assert.equal(answer.status, 404);
        }
      }
    }
  });

  test("serving a site touches no key of another, in the store and in the cache", async () => {
    await worker.shim({ reset: true });
    for (const path of [
      "/",
      "/docs/",
      "/nothing",
      "/shared.txt",
      "/only-aa.txt",
      "/x/../y",
      "/%2e%2e/bb",
    ]) {
      await worker.get("aa", path);
    }
    const { serving, cacheKeys } = await worker.shim();
    const foreign = [...serving, ...cacheKeys].filter((key) => /\bbb\b/.test(key));
    assert.deepEqual(foreign, []);
    const unnamed = serving.filter((key) => !/\baa\b/.test(key) && !/host\//.test(key));
    assert.deepEqual(unnamed, []);
  });

  test("a deployment of one site is nothing at another's address", async () => {
    const answer = await worker.get(`${deployments.bb}--aa.${BASE}`, "/");
    assert.ok([404, 421].includes(answer.status), `status ${answer.status}`);
    assert.ok(!answer.text.includes("MARK-"));
  });

  test("a site's token is useless on every other site, whether that exists or not", async () => {
    const deployment = deployments.bb;
    const calls = [
      ["GET", "/sites/SITE"],
      ["GET", "/sites/SITE/deployments"],
      ["GET", `/sites/SITE/deployments/${deployment}`],
      ["GET", "/sites/SITE/stages/production"],
      ["GET", "/sites/SITE/tokens"],
      ["GET", "/sites/SITE/hosts"],
      ["GET", `/sites/SITE/blobs/${sha256("MARK-bb-SECRET")}`],
      ["POST", "/sites/SITE/blobs/missing", { prefix: "", hashes: [sha256("MARK-bb-SECRET")] }],
      ["PUT", `/sites/SITE/blobs/${sha256("x")}`, Buffer.from("x")],
      ["POST", "/sites/SITE/stages/production/activate", { deployment, expected_seq: null }],
      ["POST", "/sites/SITE/stages/production/rollback", { deployment: null }],
      ["POST", "/sites/SITE/promote", { from: "production", to: "sandbox" }],
      ["PUT", "/sites/SITE/hosts/evil.example.com", { stage: "production" }],
      ["POST", "/sites/SITE/tokens", { name: "evil", scopes: ["publish"] }],
    ];
    const earlier = (await worker.api("GET", "/sites/bb")).text;
    for (const [method, path, body] of calls) {
      for (const site of ["bb", "nosuch"]) {
        const target = path.replace("SITE", site);
        const answer = wellFormed(await worker.api(method, target, body, tokens.aa.token), target);
        assert.equal(answer.status, 403, `${method} ${target}: ${answer.text}`);
        assert.equal(answer.json.error.code, "forbidden");
        const stranger = await worker.api(method, target, body, "slv_bb_00000000_nothing");
        assert.equal(stranger.status, 401, `${method} ${target}, without a token`);
      }
    }
    assert.equal((await worker.api("GET", "/sites/bb")).text, earlier);
  });

  test("a site's token can't do what only the root token may", async () => {
    const calls = [
      ["GET", "/sites"],
      ["PUT", "/sites/newone", {}],
      ["POST", "/sites/aa/tokens", { name: "x", scopes: ["publish"] }],
      ["PUT", "/sites/aa/hosts/evil.example.com", { stage: "production" }],
    ];
    for (const [method, path, body] of calls) {
      const answer = await worker.api(method, path, body, tokens.aa.token);
      assert.equal(answer.status, 403, `${method} ${path}`);
    }
  });

  test("a token does what its scopes say and nothing else", async () => {
    const reader = await siteToken(worker, "aa", ["read"]);
    assert.equal(
      (await worker.api("GET", "/sites/aa/deployments", undefined, reader.token)).status,
      200,
    );
    const writing = await worker.api(
      "POST",
      "/sites/aa/stages/production/activate",
      { deployment: deployments.aa, expected_seq: null },
      reader.token,
    );
    assert.equal(writing.status, 403);
  });

  test("a revoked token is a stranger's", async () => {
    const token = await siteToken(worker, "aa", ["read"]);
    assert.equal((await worker.api("DELETE", `/sites/aa/tokens/${token.id}`)).status < 300, true);
    assert.equal(
      (await worker.api("GET", "/sites/aa/deployments", undefined, token.token)).status,
      401,
    );
  });

  test("what another site stores is missing here", async () => {
    const secret = sha256("MARK-bb-SECRET");
    const ask = (token, site) =>
      worker.api("POST", `/sites/${site}/blobs/missing`, { prefix: "", hashes: [secret] }, token);
    const answer = await ask(tokens.aa.token, "aa");
    assert.deepEqual(answer.json.missing, [secret]);
    assert.deepEqual((await ask(tokens.bb.token, "bb")).json.missing, []);
  });

  test("no token is ever shown again", async () => {
    // `slv_<site>_<id>_<secret>`, and a secret may have underscores itself.
    const secret = tokens.aa.token.split("_").slice(3).join("_");
    assert.ok(secret.length > 40, "a secret");
    for (const path of ["/sites/aa", "/sites/aa/tokens"]) {
      const answer = await worker.api("GET", path);
      assert.equal(answer.status, 200);
      assert.ok(!answer.text.includes(secret), path);
    }
  });

  test("a hostname of one site can't be taken by another", async () => {
    const put = (site) =>
      worker.api("PUT", `/sites/${site}/hosts/shop.example.com`, { stage: "production" });
    assert.ok((await put("aa")).status < 300);
    const second = await put("bb");
    assert.equal(second.status, 409);
    assert.equal(second.json.error.code, "exists");
    assert.match((await worker.get("shop.example.com", "/")).text, /MARK-aa-INDEX/);
  });
});

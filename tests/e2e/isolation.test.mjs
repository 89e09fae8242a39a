// Two sites with the same paths never share a byte, a cache entry or a token.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AT_ONCE, wellFormed } from "./lib/check.mjs";
import { publish } from "./lib/cli.mjs";
import { sha256, siteToken } from "./lib/fixture.mjs";
import { BASE, start, suiteWorker } from "./lib/worker.mjs";

const files = (site) => ({
  "index.html": `<!doctype html>MARK-${site}-INDEX`,
  "docs/index.html": `<!doctype html>MARK-${site}-DOCS`,
  "404.html": `<!doctype html>MARK-${site}-404`,
  "shared.txt": "the same bytes in both sites",
  [`only-${site}.txt`]: `MARK-${site}-SECRET`,
});
const SECRET = sha256("MARK-bb-SECRET");

describe("isolation", () => {
  const tokens = {};
  const deployments = {};
  const worker = suiteWorker(
    () => start({ vars: AT_ONCE }),
    async (worker) => {
      for (const site of ["aa", "bb"]) {
        deployments[site] = (await publish(worker, site, files(site))).deployment;
        tokens[site] = (await siteToken(worker, site)).token;
      }
    },
  );

  test("alternating requests for a path get each site's own bytes", async () => {
    const paths = ["/", "/docs/", "/nothing", "/shared.txt", "/only-aa.txt", "/only-bb.txt"];
    for (let round = 0; round < 3; round += 1) {
      for (const path of paths) {
        for (const [site, other] of [
          ["aa", "bb"],
          ["bb", "aa"],
        ]) {
          const response = wellFormed(await worker.get(site, path), `${site}${path}`);
          assert.ok(!response.text.includes(`MARK-${other}`), `${site}${path}: ${response.text}`);
          if (path === `/only-${other}.txt`) assert.equal(response.status, 404);
        }
      }
    }
  });

  test("serving a site touches no key of another in the store or the cache", async () => {
    await worker.shim({ reset: true });
    const paths = ["/", "/docs/", "/nothing", "/shared.txt", "/only-aa.txt"];
    for (const path of [...paths, "/x/../y", "/%2e%2e/bb"]) await worker.get("aa", path);
    const { serving, cacheKeys } = await worker.shim();
    assert.deepEqual([...serving, ...cacheKeys].filter((key) => /\bbb\b/.test(key)), []);
    assert.deepEqual(serving.filter((key) => !/\baa\b/.test(key) && !/host\//.test(key)), []);
  });

  test("a deployment is not served at another site's address", async () => {
    const response = await worker.get(`${deployments.bb}--aa.${BASE}`, "/");
    assert.ok([404, 421].includes(response.status), `status ${response.status}`);
    assert.ok(!response.text.includes("MARK-"));
  });

  test("a site's token is refused for every other site, existing or not", async () => {
    const deployment = deployments.bb;
    const calls = [
      ["GET", ""],
      ["GET", "/deployments"],
      ["GET", `/deployments/${deployment}`],
      ["GET", "/stages/production"],
      ["GET", "/tokens"],
      ["GET", "/hosts"],
      ["GET", `/blobs/${SECRET}`],
      ["POST", "/blobs/missing", { prefix: "", hashes: [SECRET] }],
      ["PUT", `/blobs/${sha256("x")}`, Buffer.from("x")],
      ["POST", "/stages/production/activate", { deployment, expected_seq: null }],
      ["POST", "/stages/production/rollback", { deployment: null }],
      ["POST", "/promote", { from: "production", to: "sandbox" }],
      ["PUT", "/hosts/evil.example.com", { stage: "production" }],
      ["POST", "/tokens", { name: "evil", scopes: ["publish"] }],
    ];
    const earlier = (await worker.api("GET", "/sites/bb")).text;
    for (const [method, path, body] of calls) {
      for (const site of ["bb", "nosuch"]) {
        const target = `/sites/${site}${path}`;
        const response = wellFormed(await worker.api(method, target, body, tokens.aa), target);
        assert.equal(response.status, 403, `${method} ${target}: ${response.text}`);
        assert.equal(response.json.error.code, "forbidden");
        const unknown = await worker.api(method, target, body, "slv_bb_00000000_nothing");
        assert.equal(unknown.status, 401, `${method} ${target}, with an unknown token`);
      }
    }
    assert.equal((await worker.api("GET", "/sites/bb")).text, earlier);
  });

  test("a site's token is refused where the root token is required", async () => {
    const calls = [
      ["GET", "/sites"],
      ["PUT", "/sites/newone", {}],
      ["POST", "/sites/aa/tokens", { name: "x", scopes: ["publish"] }],
      ["PUT", "/sites/aa/hosts/evil.example.com", { stage: "production" }],
    ];
    for (const [method, path, body] of calls) {
      const response = await worker.api(method, path, body, tokens.aa);
      assert.equal(response.status, 403, `${method} ${path}`);
    }
  });

  test("a token has its scopes only, and none once it is revoked", async () => {
    const { id, token } = await siteToken(worker, "aa", ["read"]);
    const read = async () =>
      (await worker.api("GET", "/sites/aa/deployments", undefined, token)).status;
    assert.equal(await read(), 200);
    const body = { deployment: deployments.aa, expected_seq: null };
    const path = "/sites/aa/stages/production/activate";
    assert.equal((await worker.api("POST", path, body, token)).status, 403);
    assert.ok((await worker.api("DELETE", `/sites/aa/tokens/${id}`)).status < 300);
    assert.equal(await read(), 401);
  });

  test("blobs of another site are missing", async () => {
    const missing = async (site) => {
      const body = { prefix: "", hashes: [SECRET] };
      const path = `/sites/${site}/blobs/missing`;
      return (await worker.api("POST", path, body, tokens[site])).json.missing;
    };
    assert.deepEqual(await missing("aa"), [SECRET]);
    assert.deepEqual(await missing("bb"), []);
  });

  test("no token is ever shown again", async () => {
    // `slv_<site>_<id>_<secret>`; the secret may contain underscores.
    const secret = tokens.aa.split("_").slice(3).join("_");
    assert.ok(secret.length > 40, "a secret");
    for (const path of ["/sites/aa", "/sites/aa/tokens"]) {
      const response = await worker.api("GET", path);
      assert.equal(response.status, 200);
      assert.ok(!response.text.includes(secret), path);
    }
  });

  test("a site can't take another site's hostname", async () => {
    const put = (site) =>
      worker.api("PUT", `/sites/${site}/hosts/shop.example.com`, { stage: "production" });
    assert.ok((await put("aa")).status < 300);
    const second = await put("bb");
    assert.deepEqual([second.status, second.json.error.code], [409, "exists"]);
    assert.match((await worker.get("shop.example.com", "/")).text, /MARK-aa-INDEX/);
  });
});

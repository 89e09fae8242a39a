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
    const earlier = (await worker.api("GET", "/sites/bb")).text;
    for (const site of ["bb", "nosuch"]) {
      for (const [method, path, body] of [
        ["PUT", `/blobs/${sha256("x")}`, Buffer.from("x")],
        ["POST", "/stages/production/rollback", { deployment: null }],
      ]) {
        const target = `/sites/${site}${path}`;
        const response = wellFormed(await worker.api(method, target, body, tokens.aa), target);
        assert.deepEqual([response.status, response.json.error.code], [403, "forbidden"], target);
      }
    }
    assert.equal((await worker.api("GET", "/sites/bb")).text, earlier);
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

  test("a site can't take another site's hostname", async () => {
    const put = (site) =>
      worker.api("PUT", `/sites/${site}/hosts/shop.example.com`, { stage: "production" });
    assert.ok((await put("aa")).status < 300);
    const second = await put("bb");
    assert.deepEqual([second.status, second.json.error.code], [409, "exists"]);
    assert.match((await worker.get("shop.example.com", "/")).text, /MARK-aa-INDEX/);
  });
});

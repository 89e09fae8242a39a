// The headers of every kind of response on every kind of stage.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { AT_ONCE, matches, wellFormed } from "./lib/check.mjs";
import { publish } from "./lib/cli.mjs";
import { RANGE_BYTES } from "./lib/fixture.mjs";
import { start, suiteWorker } from "./lib/worker.mjs";

const LONG = "Lorem ipsum dolor sit amet, consectetur adipiscing elit. ".repeat(200);
const HTML = `<!doctype html><title>t</title>${LONG}`;
const FINGERPRINTED = "/assets/app.3f2a91bc.js";

const FILES = {
  "index.html": HTML,
  "about.html": "<!doctype html>about",
  "404.html": "<!doctype html>not found",
  "data.json": JSON.stringify({ text: LONG }),
  "range.bin": RANGE_BYTES,
  "empty.txt": "",
  "assets/app.3f2a91bc.js": `console.log(${JSON.stringify(LONG)});`,
  _redirects: "/old /data.json 301\n/ext https://example.com/x 302\n/perm /about 308\n",
  _headers: "/data.json\n  X-Custom: yes\n  Server: mine\n",
};

const RANGE = { headers: { range: "bytes=0-9" } };

/** name, path, options, status, policy. */
const KINDS = [
  ["HTML 200", "/", {}, 200, "page"],
  ["HTML without extension 200", "/about", {}, 200, "page"],
  ["other 200", "/data.json", {}, 200, "page"],
  ["fingerprinted 200", FINGERPRINTED, {}, 200, "fingerprinted"],
  ["empty 200", "/empty.txt", {}, 200, "page"],
  ["HTML HEAD", "/", { method: "HEAD" }, 200, "page"],
  ["HTML 304", "/", { conditional: true }, 304, "page"],
  ["other 304", "/data.json", { conditional: true }, 304, "page"],
  ["fingerprinted 304", FINGERPRINTED, { conditional: true }, 304, "fingerprinted"],
  ["other 206", "/range.bin", RANGE, 206, "page"],
  ["fingerprinted 206", FINGERPRINTED, RANGE, 206, "fingerprinted"],
  ["HTML 206", "/", RANGE, 206, "page"],
  ["redirect to the canonical path", "/about.html", {}, 307, "page"],
  ["redirect rule", "/old", {}, 301, "page"],
  ["redirect rule to another host", "/ext", {}, 302, "page"],
  ["redirect rule 308", "/perm", {}, 308, "page"],
  ["404", "/nothing", {}, 404, "never"],
  ["404 of a fingerprinted name", "/assets/gone.0a1b2c3d.js", {}, 404, "never"],
  ["404 of a dot segment", "/a/%2e%2e/b", {}, [404, 307, 308], null],
  ["405", "/", { method: "POST" }, 405, "never"],
  ["404 for another method", "/nothing", { method: "POST" }, 404, "never"],
  ["416", "/range.bin", { headers: { range: "bytes=2000-" } }, 416, "never"],
  ["412", "/", { headers: { "if-match": '"nope"' } }, 412, "never"],
  ["204 to OPTIONS", "/", { method: "OPTIONS" }, 204, "never"],
];

const DEFAULT = {
  page: "public, max-age=0, s-maxage=86400, must-revalidate",
  fingerprinted: "public, max-age=31536000, immutable",
  never: "no-store",
};
const SHORT = { ...DEFAULT, page: "public, max-age=60, s-maxage=60" };

/** name, host, Cache-Control by policy, whether it is a sandbox. */
const STAGES = [
  ["permanent, default", "plain", DEFAULT, false],
  ["permanent, short", "short", SHORT, false],
  ["sandbox", "sandbox--plain", DEFAULT, true],
];

const worker = suiteWorker(
  () => start({ vars: AT_ONCE }),
  async (worker) => {
    await publish(worker, "plain", FILES);
    await publish(worker, "plain", FILES, { stage: "sandbox" });
    await publish(worker, "short", { ...FILES, "selvedge.toml": 'profile = "short"\n' });
  },
);

const get = (path, options) => worker.get("plain", path, options);

async function ask(host, path, { conditional, ...options }) {
  if (!conditional) return worker.get(host, path, options);
  const { headers } = await worker.get(host, path);
  return worker.get(host, path, { headers: { "if-none-match": headers.value("etag") } });
}

for (const [stage, host, controls, isSandbox] of STAGES) {
  describe(stage, () => {
    for (const [kind, path, options, status, policy] of KINDS) {
      test(kind, async () => {
        const response = wellFormed(await ask(host, path, options), kind, options);
        matches(response, { status });
        if (policy === null) return;
        const control = controls[policy];
        matches(response, {
          "cache-control": isSandbox ? "no-store" : control,
          "x-cache-control": isSandbox ? control : null,
          "x-robots-tag": isSandbox ? "noindex" : null,
          "selvedge-deployment": /^d[a-z2-7]{25};stage=(production|sandbox)$/,
        });
      });
    }
  });
}

describe("representations", () => {
  test("a coded response decodes to the file and has its own entity tag", async () => {
    const plain = await get("/", { headers: { "accept-encoding": "identity" } });
    matches(plain, { "content-encoding": null, text: HTML });
    const codings = { br: brotliDecompressSync, gzip: gunzipSync };
    for (const [coding, decode] of Object.entries(codings)) {
      const coded = await get("/", { headers: { "accept-encoding": coding } });
      matches(wellFormed(coded, coding), { vary: /^accept-encoding$/i });
      // The runtime may rewrite Accept-Encoding. Content-Encoding must still describe the body.
      if (coded.headers.value("content-encoding") !== coding) continue;
      assert.equal(decode(coded.body).toString(), HTML);
      assert.notEqual(coded.headers.value("etag"), plain.headers.value("etag"));
      assert.ok(coded.body.length < plain.body.length * 0.95);
    }
  });
});

describe("tiers", () => {
  const cached = suiteWorker(
    () => start({ cache: "on" }),
    (worker) => publish(worker, "tiers", { "index.html": "<!doctype html>t" }),
  );

  test("a second request is answered by a nearer tier", async () => {
    const first = await cached.get("tiers", "/");
    const second = await cached.get("tiers", "/");
    matches(second, { "cache-status": /^selvedge; hit; ttl=\d+; detail=(memory|edge)$/ });
    assert.deepEqual(second.headers.stable(), first.headers.stable());
    assert.deepEqual(second.body, first.body);
  });
});

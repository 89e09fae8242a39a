// The headers of every kind of response as the runtime sends them, on permanent stages and on a
// sandbox.

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
  "range.bin": RANGE_BYTES,
  "empty.txt": "",
  "assets/app.3f2a91bc.js": `console.log(${JSON.stringify(LONG)});`,
  _redirects: "/old /data.json 301\n/ext https://example.com/x 302\n",
};

const PAGE = "public, max-age=0, s-maxage=86400, must-revalidate";
const IMMUTABLE = "public, max-age=31536000, immutable";
const NEVER = "no-store";

/** path, options, status, Cache-Control. */
const KINDS = [
  ["/", {}, 200, PAGE],
  ["/empty.txt", {}, 200, PAGE],
  [FINGERPRINTED, {}, 200, IMMUTABLE],
  ["/", { method: "HEAD" }, 200, PAGE],
  ["/", { headers: { "if-none-match": "*" } }, 304, PAGE],
  [FINGERPRINTED, { headers: { "if-none-match": "*" } }, 304, IMMUTABLE],
  ["/range.bin", { headers: { range: "bytes=0-9" } }, 206, PAGE],
  [FINGERPRINTED, { headers: { range: "bytes=0-9" } }, 206, IMMUTABLE],
  ["/about.html", {}, 307, PAGE],
  ["/old", {}, 301, PAGE],
  ["/ext", {}, 302, PAGE],
  ["/nothing", {}, 404, NEVER],
  ["/nothing", { method: "HEAD" }, 404, NEVER],
  ["/nothing", { method: "POST" }, 404, NEVER],
  ["/", { method: "POST" }, 405, NEVER],
  ["/range.bin", { headers: { range: "bytes=2000-" } }, 416, NEVER],
  ["/", { headers: { "if-match": '"nope"' } }, 412, NEVER],
  ["/", { method: "OPTIONS" }, 204, NEVER],
];

/** host, Cache-Control in place of PAGE, whether it is a sandbox. */
const STAGES = [
  ["plain", PAGE, false],
  ["short", "public, max-age=60, s-maxage=60", false],
  ["sandbox--plain", PAGE, true],
];

describe("headers", () => {
  const worker = suiteWorker(
    () => start({ vars: AT_ONCE }),
    async (worker) => {
      await publish(worker, "plain", FILES);
      await publish(worker, "plain", FILES, { stage: "sandbox" });
      await publish(worker, "short", { ...FILES, "selvedge.toml": 'profile = "short"\n' });
    },
  );

  for (const [host, page, isSandbox] of STAGES) {
    for (const [path, options, status, policy] of KINDS) {
      const what = `${options.method ?? "GET"} ${host}${path} ${status}`;
      test(what, async () => {
        const control = policy === PAGE ? page : policy;
        matches(wellFormed(await worker.get(host, path, options), what, options), {
          status,
          "cache-control": isSandbox ? "no-store" : control,
          "x-cache-control": isSandbox ? control : null,
          "x-robots-tag": isSandbox ? "noindex" : null,
          "selvedge-deployment": /^d[a-z2-7]{25};stage=(production|sandbox)$/,
        });
      });
    }
  }

  test("a coded response decodes to the file and has its own entity tag", async () => {
    const get = (coding) => worker.get("plain", "/", { headers: { "accept-encoding": coding } });
    const plain = matches(await get("identity"), { "content-encoding": null, text: HTML });
    const codings = { br: brotliDecompressSync, gzip: gunzipSync };
    for (const [coding, decode] of Object.entries(codings)) {
      const coded = await get(coding);
      matches(wellFormed(coded, coding), { vary: /^accept-encoding$/i });
      // The runtime may rewrite Accept-Encoding. Content-Encoding must still describe the body.
      if (coded.headers.value("content-encoding") !== coding) continue;
      assert.equal(decode(coded.body).toString(), HTML);
      assert.notEqual(coded.headers.value("etag"), plain.headers.value("etag"));
      assert.ok(coded.body.length < plain.body.length * 0.95);
    }
  });
});

// The table of stages and lifetimes, header for header, on every kind of response.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { AT_ONCE, wellFormed } from "./lib/check.mjs";
import { publish } from "./lib/cli.mjs";
import { RANGE_BYTES } from "./lib/fixture.mjs";
import { BASE, start } from "./lib/worker.mjs";

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

const DEFAULT = "public, max-age=0, s-maxage=86400, must-revalidate";
const SHORT = "public, max-age=60, s-maxage=60";
const IMMUTABLE = "public, max-age=31536000, immutable";

/** Every kind of response: what is asked, the status, and whose lifetime it has. */
const KINDS = [
  ["HTML 200", "/", {}, 200, "page"],
  ["HTML by its name 200", "/about", {}, 200, "page"],
  ["other 200", "/data.json", {}, 200, "page"],
  ["fingerprinted 200", FINGERPRINTED, {}, 200, "fingerprinted"],
  ["empty 200", "/empty.txt", {}, 200, "page"],
  ["HTML HEAD", "/", { method: "HEAD" }, 200, "page"],
  ["HTML 304", "/", { conditional: true }, 304, "page"],
  ["other 304", "/data.json", { conditional: true }, 304, "page"],
  ["fingerprinted 304", FINGERPRINTED, { conditional: true }, 304, "fingerprinted"],
  ["other 206", "/range.bin", { headers: { range: "bytes=0-9" } }, 206, "page"],
  ["fingerprinted 206", FINGERPRINTED, { headers: { range: "bytes=0-9" } }, 206, "fingerprinted"],
  ["HTML 206", "/", { headers: { range: "bytes=0-9" } }, 206, "page"],
  ["redirect to the canonical path", "/about.html", {}, 307, "page"],
  ["redirect rule", "/old", {}, 301, "page"],
  ["redirect rule to elsewhere", "/ext", {}, 302, "page"],
  ["redirect rule 308", "/perm", {}, 308, "page"],
  ["404", "/nothing", {}, 404, "never"],
  ["404 of a fingerprinted name", "/assets/gone.0a1b2c3d.js", {}, 404, "never"],
  ["404 of a dot segment", "/a/%2e%2e/b", {}, [404, 307, 308], null],
  ["405", "/", { method: "POST" }, 405, "never"],
  ["404 to a method, where nothing is", "/nothing", { method: "POST" }, 404, "never"],
  ["416", "/range.bin", { headers: { range: "bytes=2000-" } }, 416, "never"],
  ["412", "/", { headers: { "if-match": '"nope"' } }, 412, "never"],
  ["204 to OPTIONS", "/", { method: "OPTIONS" }, 204, "never"],
];

const STAGES = [
  [
    "permanent, default",
    "plain",
    { page: DEFAULT, fingerprinted: IMMUTABLE, never: "no-store" },
    false,
  ],
  [
    "permanent, short",
    "short",
    { page: SHORT, fingerprinted: IMMUTABLE, never: "no-store" },
    false,
  ],
  [
    "sandbox",
    "sandbox--plain",
    { page: DEFAULT, fingerprinted: IMMUTABLE, never: "no-store" },
    true,
  ],
];

let worker;
before(async () => {
  worker = await start({ vars: AT_ONCE });
  await publish(worker, "plain", FILES);
  await publish(worker, "plain", FILES, { stage: "sandbox" });
  await publish(worker, "short", { ...FILES, "selvedge.toml": 'profile = "short"\n' });
});
after(() => worker.stop());

async function ask(host, path, { conditional, ...options }) {
  if (!conditional) return worker.get(host, path, options);
  const { headers } = await worker.get(host, path);
  return worker.get(host, path, { headers: { "if-none-match": headers.value("etag") } });
}

for (const [stage, host, lifetimes, isSandbox] of STAGES) {
  describe(stage, () => {
    for (const [kind, path, options, status, lifetime] of KINDS) {
      test(kind, async () => {
        const answer = wellFormed(await ask(host, path, options), kind, options);
        assert.ok([status].flat().includes(answer.status), `status ${answer.status}`);
        if (lifetime === null) return;
        const { headers } = answer;
        const permanent = lifetimes[lifetime];
        assert.equal(headers.value("cache-control"), isSandbox ? "no-store" : permanent);
        assert.equal(headers.value("x-cache-control"), isSandbox ? permanent : null);
        assert.equal(headers.value("x-robots-tag"), isSandbox ? "noindex" : null);
        assert.match(
          headers.value("selvedge-deployment"),
          /^d[a-z2-7]{25};stage=(production|sandbox)$/,
        );
      });
    }
  });
}

describe("representations", () => {
  test("a 304 carries what the 200 would have", async () => {
    for (const path of ["/", "/data.json", FINGERPRINTED]) {
      const full = await worker.get("plain", path);
      const { headers, status } = await ask("plain", path, { conditional: true });
      assert.equal(status, 304);
      for (const name of ["etag", "cache-control", "vary", "x-custom"]) {
        assert.equal(headers.value(name), full.headers.value(name), `${path}: ${name}`);
      }
    }
  });

  test("a 404 is never a 304, not even to `*`", async () => {
    const answer = await worker.get("plain", "/nothing", { headers: { "if-none-match": "*" } });
    assert.equal(answer.status, 404);
    assert.equal(answer.text, "<!doctype html>not found");
  });

  const ranges = [
    ["bytes=0-0", 206, [0, 1]],
    ["bytes=0-999", 206, [0, 1000]],
    ["bytes=999-", 206, [999, 1000]],
    ["bytes=990-5000", 206, [990, 1000]],
    ["bytes=-1", 206, [999, 1000]],
    ["bytes=-5000", 206, [0, 1000]],
    ["bytes=1000-", 416, null],
    ["bytes=-0", 416, null],
    ["bytes=5-2", 200, [0, 1000]],
    ["bytes=0-1,3-4", 200, [0, 1000]],
    ["items=0-1", 200, [0, 1000]],
    ["bytes=a-b", 200, [0, 1000]],
    ["bytes", 200, [0, 1000]],
  ];
  for (const [range, status, part] of ranges) {
    test(`Range: ${range} -> ${status}`, async () => {
      const answer = wellFormed(
        await worker.get("plain", "/range.bin", { headers: { range } }),
        range,
      );
      assert.equal(answer.status, status);
      const field = answer.headers.value("content-range");
      if (status === 416) return assert.equal(field, "bytes */1000");
      assert.deepEqual(answer.body, RANGE_BYTES.subarray(...part));
      assert.equal(field, status === 206 ? `bytes ${part[0]}-${part[1] - 1}/1000` : null);
    });
  }

  test("a range of an empty file is unsatisfiable", async () => {
    const answer = await worker.get("plain", "/empty.txt", { headers: { range: "bytes=0-" } });
    assert.equal(answer.status, 416);
    assert.equal(answer.headers.value("content-range"), "bytes */0");
  });

  test("Range is for GET, and If-Range must hold", async () => {
    const range = "bytes=0-9";
    const head = await worker.get("plain", "/range.bin", { method: "HEAD", headers: { range } });
    assert.equal(head.status, 200);
    const etag = head.headers.value("etag");
    const held = await worker.get("plain", "/range.bin", { headers: { range, "if-range": etag } });
    assert.equal(held.status, 206);
    const broken = await worker.get("plain", "/range.bin", {
      headers: { range, "if-range": '"other"' },
    });
    assert.equal(broken.status, 200);
    assert.deepEqual(broken.body, RANGE_BYTES);
  });

  test("codings: what is sent decodes to the file, with a tag of its own", async () => {
    const plain = await worker.get("plain", "/", { headers: { "accept-encoding": "identity" } });
    assert.equal(plain.headers.value("content-encoding"), null);
    assert.equal(plain.text, HTML);
    for (const [coding, decode] of [
      ["br", brotliDecompressSync],
      ["gzip", gunzipSync],
    ]) {
      const coded = await worker.get("plain", "/", { headers: { "accept-encoding": coding } });
      wellFormed(coded, coding);
      // The runtime may rewrite Accept-Encoding; what it says it sent must be what it sent.
      const said = coded.headers.value("content-encoding");
      assert.equal(coded.headers.value("vary")?.toLowerCase(), "accept-encoding");
      if (said !== coding) continue;
      assert.equal(decode(coded.body).toString(), HTML);
      assert.notEqual(coded.headers.value("etag"), plain.headers.value("etag"));
      assert.ok(coded.body.length < plain.body.length * 0.95);
    }
  });

  test("site rules set headers, and not the disallowed ones", async () => {
    const { headers } = await worker.get("plain", "/data.json");
    assert.equal(headers.value("x-custom"), "yes");
    assert.notEqual(headers.value("server"), "mine");
    assert.equal((await worker.get("plain", "/")).headers.value("x-custom"), null);
  });

  test("redirects: path-only, with the query kept", async () => {
    const canonical = await worker.get("plain", "/about.html?a=1&b=%20");
    assert.equal(canonical.headers.value("location"), "/about?a=1&b=%20");
    const rule = await worker.get("plain", "/old?x=1");
    assert.equal(rule.headers.value("location"), "/data.json?x=1");
    const outside = await worker.get("plain", "/ext");
    assert.equal(outside.headers.value("location"), "https://example.com/x");
  });

  const methods = ["POST", "PUT", "DELETE", "PATCH", "PURGE", "PROPFIND"];
  for (const method of methods) {
    test(`${method} is not allowed, and says what is`, async () => {
      const answer = await worker.wire(
        `${method} / HTTP/1.1\r\nHost: plain.${BASE}\r\n` +
          "Content-Length: 0\r\nConnection: close\r\n\r\n",
      );
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.value("allow"), "GET, HEAD, OPTIONS");
      assert.equal(answer.headers.value("cache-control"), "no-store");
    });
  }

  test("a path too long is 414, no file is 404, both constant and never stored", async () => {
    for (const [length, status] of [
      [1900, 404],
      [2100, 414],
      [8000, 414],
    ]) {
      const answer = wellFormed(
        await worker.get("plain", `/${"a".repeat(length)}`),
        String(length),
      );
      assert.equal(answer.status, status, String(length));
      assert.equal(answer.headers.value("cache-control"), "no-store");
      assert.ok(!answer.text.includes("aaaa"));
    }
  });

  test("a person gets a document in place of a page, and a script a line of text", async () => {
    for (const [host, path, status] of [
      ["nobody", "/", 421],
      ["plain", "/.selvedge/", 404],
      ["plain", `/${"a".repeat(2100)}`, 414],
    ]) {
      const ask = (at, options) => worker.get(host, at, options);
      const navigate = { headers: { "sec-fetch-mode": "navigate" } };
      const page = wellFormed(await ask(path, navigate), path);
      assert.equal(page.status, status);
      assert.equal(page.headers.value("content-type"), "text/html; charset=utf-8");
      assert.equal(page.headers.value("cache-control"), "no-store");
      assert.match(page.headers.value("content-security-policy"), /style-src 'sha256-[^']{44}'$/);
      assert.match(page.text, new RegExp(`<small>${status} `));
      assert.equal(page.headers.value("content-length"), String(page.body.length));
      const head = await ask(path, { method: "HEAD", ...navigate });
      assert.equal(head.headers.value("content-length"), String(page.body.length));
      const text = await ask(path, { headers: { "sec-fetch-mode": "cors" } });
      assert.equal(text.headers.value("content-type"), "text/plain; charset=utf-8");
    }
  });
});

describe("tiers", () => {
  test("asking again is answered from a nearer tier, and says so", async () => {
    const other = await start({ cache: "on" });
    try {
      await publish(other, "tiers", { "index.html": "<!doctype html>t" });
      const first = await other.get("tiers", "/");
      const second = await other.get("tiers", "/");
      assert.match(
        second.headers.value("cache-status"),
        /^selvedge; hit; ttl=\d+; detail=(memory|edge)$/,
      );
      assert.deepEqual(second.headers.stable(), first.headers.stable());
      assert.deepEqual(second.body, first.body);
    } finally {
      await other.stop();
    }
  });
});

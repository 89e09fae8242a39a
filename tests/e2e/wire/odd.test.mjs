// Odd requests as exact bytes, on bare workerd and on miniflare: however the runtime interprets a
// URL, the response is safe and constant.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { matches } from "../lib/check.mjs";
import { publish } from "../lib/cli.mjs";
import { RANGE_BYTES, SITE_A, SITE_B } from "../lib/fixture.mjs";
import { BASE, start, startBare, suiteWorker } from "../lib/worker.mjs";

const HOST = `aa.${BASE}`;
const raw = (line, ...headers) => `${[line, ...headers, "Connection: close"].join("\r\n")}\r\n\r\n`;
const GET = (target, ...headers) => raw(`GET ${target} HTTP/1.1`, `Host: ${HOST}`, ...headers);
const AT = (host) => raw("GET / HTTP/1.1", `Host: ${host}`);
/** Statuses that the runtime may answer with itself. */
const PLATFORM = [400, 414, 431, 500, 501];
const REDIRECT = [301, 302, 307, 308];

const MANY_HEADERS = Array.from({ length: 200 }, (_, i) => `X-${i}: ${i}`);

/** name, request, safe statuses, part of the body of a 200. */
const ROWS = [
  ["a page", GET("/"), [200], "MARK-A-INDEX"],
  ["absolute form", GET(`http://${HOST}/docs/`), [200], "MARK-A-DOCS"],
  ["absolute form of another site", GET(`http://bb.${BASE}/`), [200, 400, 421], "MARK-A-INDEX"],
  ["literal dot segments", GET("/docs/../index.html"), [200, 404, ...REDIRECT], "MARK-A-INDEX"],
  ["encoded dot segments", GET("/docs/%2e%2e/index.html"), [200, 404, ...REDIRECT], "MARK-A-INDEX"],
  ["mixed dot segments", GET("/docs/.%2E/index.html"), [200, 404, ...REDIRECT], "MARK-A-INDEX"],
  ["a backslash", GET("/docs\\index.html"), [200, 404, ...REDIRECT], "MARK-A-DOCS"],
  ["an encoded backslash", GET("/docs%5cindex.html"), [404]],
  ["an encoded slash", GET("/docs%2findex.html"), [404, ...REDIRECT]],
  ["an encoded NUL", GET("/index.html%00"), [404]],
  ["a control character", GET("/a%1fb"), [404]],
  ["a bad escape", GET("/%zz"), [400, 404]],
  ["half an escape", GET("/%4"), [400, 404]],
  ["overlong UTF-8", GET("/%c0%ae%c0%ae/x"), [400, 404]],
  ["a lone surrogate", GET("/%ed%a0%80"), [400, 404]],
  ["raw UTF-8", GET("/caf\xc3\xa9"), [404, ...PLATFORM, ...REDIRECT]],
  ["raw latin-1", GET("/caf\xe9"), [404, ...PLATFORM]],
  ["runs of slashes", GET("//docs///index.html"), [200, 404, ...REDIRECT], "MARK-A-DOCS"],
  ["a path that looks like a host", GET("//evil.example/%2e%2e"), [404, ...REDIRECT]],
  ["a query that looks like a path", GET("/?/../../b"), [200], "MARK-A-INDEX"],
  ["an empty query", GET("/?"), [200], "MARK-A-INDEX"],
  ["a fragment", GET("/index.html#x"), [200, 400, 404], "MARK-A-INDEX"],
  ["upper-case escapes", GET("/%69ndex.html"), [200, 404, ...REDIRECT], "MARK-A-INDEX"],
  ["300 segments", GET("/a".repeat(300)), [404, 414]],
  ["a path of 1,900 bytes", GET(`/${"a".repeat(1899)}`), [404]],
  ["a path of 2,049 bytes", GET(`/${"a".repeat(2048)}`), [414]],
  ["a path of 20,000 bytes", GET(`/${"a".repeat(19_999)}`), [414, 431]],
  ["a query of 8,193 bytes", GET(`/?${"q".repeat(8193)}`), [400, 414, 431]],
  ["200 headers", GET("/", ...MANY_HEADERS), [200, ...PLATFORM], "MARK-A-INDEX"],
  ["no Host", raw("GET / HTTP/1.1"), PLATFORM],
  ["an empty Host", AT(""), [400, 421, 500, 501]],
  ["two Hosts", raw("GET / HTTP/1.1", `Host: ${HOST}`, `Host: bb.${BASE}`), PLATFORM],
  ["a Host with a path", AT(`${HOST}/x`), [...PLATFORM, 421]],
  ["a Host with a query", AT(`${HOST}?x=`), [...PLATFORM, 421]],
  ["a Host with a fragment", AT(`${HOST}#x`), [...PLATFORM, 421]],
  ["a Host with userinfo", AT(`bb.${BASE}@${HOST}`), [...PLATFORM, 421]],
  ["a Host with a backslash", AT(`${HOST}\\.evil.example`), [...PLATFORM, 421]],
  ["a Host with an escape", AT(HOST.replace(".", "%2e")), [...PLATFORM, 421]],
  ["a wildcard Host", AT(`*.${BASE}`), [...PLATFORM, 421]],
  ["a label of 64 bytes", AT(`${"a".repeat(64)}.${BASE}`), [...PLATFORM, 421]],
  ["a Host of 300 bytes", AT(`${"a.".repeat(150)}${BASE}`), [...PLATFORM, 421]],
  ["an IPv6 Host", AT("[::1]"), [...PLATFORM, 421]],
  ["a bad port", AT(`${HOST}:99999`), [...PLATFORM, 421]],
  ["an empty port", AT(`${HOST}:`), [200, ...PLATFORM], "MARK-A-INDEX"],
  ["HTTP/1.0", raw("GET / HTTP/1.0", `Host: ${HOST}`), [200, ...PLATFORM], "MARK-A-INDEX"],
  ...["POST", "PUT", "DELETE", "PATCH", "PURGE", "PROPFIND"].map((method) => [
    method,
    raw(`${method} / HTTP/1.1`, `Host: ${HOST}`, "Content-Length: 0"),
    [405],
  ]),
  ["POST to a missing path", raw("POST /no HTTP/1.1", `Host: ${HOST}`, "Content-Length: 0"), [404]],
  ["TRACE", raw("TRACE / HTTP/1.1", `Host: ${HOST}`, "X-Secret: s3cret"), [405, 501]],
  ["CONNECT", raw(`CONNECT ${HOST}:80 HTTP/1.1`, `Host: ${HOST}`), [400, 404, 405, 500, 501]],
  ["lower-case get", raw("get / HTTP/1.1", `Host: ${HOST}`), [400, 405, 501]],
  ["an unknown method", raw("FROBNICATE / HTTP/1.1", `Host: ${HOST}`), [400, 405, 501]],
  ["OPTIONS *", raw("OPTIONS * HTTP/1.1", `Host: ${HOST}`), [204, 404, ...PLATFORM]],
  ["GET with a body", `${GET("/", "Content-Length: 3")}abc`, [200, 400], "MARK-A-INDEX"],
];

const RANGES = [
  ["bytes=0-0", 206, [0, 1]],
  ["bytes=-1", 206, [999, 1000]],
  ["BYTES=0-0", 206, [0, 1]],
  ["bytes=0-99999999999999999999", 206, [0, 1000]],
  ["bytes=99999999999999999999-", 416],
  ["bytes=1000-1000", 416],
  ["bytes=-0", 416],
  ["bytes=1-0", 200, [0, 1000]],
  ["bytes=0-0,2-2", 200, [0, 1000]],
  [`bytes=${Array.from({ length: 500 }, () => "0-").join(",")}`, 200, [0, 1000]],
  ["bytes= 0-0", [200, 206]],
  ["bytes=0x0-0x1", 200, [0, 1000]],
  ["bytes=--1", 200, [0, 1000]],
  ["bytes=+0-1", 200, [0, 1000]],
  ["", 200, [0, 1000]],
];

const CONDITIONS = [
  [["If-None-Match: *"], 304],
  [['If-None-Match: "nope"'], 200],
  [["If-None-Match: nonsense"], 200],
  [['If-None-Match: "nope", ETAG'], 304],
  [["If-None-Match: W/ETAG"], 304],
  [["If-Match: *"], 200],
  [["If-Match: ETAG"], 200],
  [["If-Match: W/ETAG"], 412],
  [['If-Match: "nope"'], 412],
  [['If-Match: "nope"', "If-None-Match: *"], 412],
  [["If-Modified-Since: yesterday"], 200],
  [['If-None-Match: "a"', "If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT"], 200],
];

const RUNTIMES = [
  ["bare workerd", () => startBare()],
  ["miniflare", () => start()],
];

for (const [runtime, begin] of RUNTIMES) {
  describe(`odd requests on ${runtime}`, () => {
    const worker = suiteWorker(begin, async (worker) => {
      await publish(worker, "aa", SITE_A);
      await publish(worker, "bb", SITE_B);
    });

    for (const [name, request, statuses, text] of ROWS) {
      test(name, async () => {
        const { body, headers, status } = await worker.wire(request);
        const start = body.slice(0, 200);
        assert.ok(statuses.includes(status), `status ${status}: ${start}`);
        assert.ok(!body.includes("MARK-B"), "another site's bytes");
        assert.ok(!body.includes("s3cret"), "an echo");
        if (status === 200) assert.ok(body.includes(text), start);
        const location = headers.value("location");
        if (location !== null) assert.match(location, /^\/(?![/\\])/, "a path of this host");
        // The response comes from the worker, not from the runtime.
        if (headers.has("cache-status")) {
          assert.ok(headers.has("cache-control") && status < 500);
          if (status >= 400) assert.equal(headers.value("cache-control"), "no-store");
          if (status === 405) assert.equal(headers.value("allow"), "GET, HEAD, OPTIONS");
          assert.ok(!body.includes("aaaa"), "an echo of the path");
        }
      });
    }

    for (const [range, status, part] of RANGES) {
      test(`Range: ${range.slice(0, 40)}`, async () => {
        const response = await worker.wire(GET("/range.bin", `Range: ${range}`));
        matches(response, { status });
        if (part) assert.equal(response.body, RANGE_BYTES.subarray(...part).toString("latin1"));
        if (status === 416) matches(response, { "content-range": "bytes */1000" });
      });
    }

    for (const [conditions, status] of CONDITIONS) {
      test(conditions.join("; "), async () => {
        const etag = (await worker.wire(GET("/range.bin"))).headers.value("etag");
        const headers = conditions.map((header) => header.replace("ETAG", etag));
        const response = matches(await worker.wire(GET("/range.bin", ...headers)), { status });
        if (status === 304) matches(response, { etag });
      });
    }
  });
}

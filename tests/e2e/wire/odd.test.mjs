// Odd requests as exact bytes, other than attacks.test.mjs sends, on bare workerd and on miniflare:
// however the runtime interprets a URL, the response is safe and constant.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { publish } from "../lib/cli.mjs";
import { SITE_A, SITE_B } from "../lib/fixture.mjs";
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
  ["absolute form", GET(`http://${HOST}/docs/`), [200], "MARK-A-DOCS"],
  ["literal dot segments", GET("/docs/../index.html"), [200, 404, ...REDIRECT], "MARK-A-INDEX"],
  ["encoded dot segments", GET("/docs/%2e%2e/index.html"), [200, 404, ...REDIRECT], "MARK-A-INDEX"],
  ["mixed dot segments", GET("/docs/.%2E/index.html"), [200, 404, ...REDIRECT], "MARK-A-INDEX"],
  ["a backslash", GET("/docs\\index.html"), [200, 404, ...REDIRECT], "MARK-A-DOCS"],
  ["an encoded backslash", GET("/docs%5cindex.html"), [404]],
  ["a control character", GET("/a%1fb"), [404]],
  ["overlong UTF-8", GET("/%c0%ae%c0%ae/x"), [400, 404]],
  ["raw latin-1", GET("/caf\xe9"), [404, ...PLATFORM]],
  ["a query that looks like a path", GET("/?/../../b"), [200], "MARK-A-INDEX"],
  ["an empty query", GET("/?"), [200], "MARK-A-INDEX"],
  ["upper-case escapes", GET("/%69ndex.html"), [200, 404, ...REDIRECT], "MARK-A-INDEX"],
  ["300 segments", GET("/a".repeat(300)), [404, 414]],
  ["a path of 1,900 bytes", GET(`/${"a".repeat(1899)}`), [404]],
  ["a path of 2,049 bytes", GET(`/${"a".repeat(2048)}`), [414]],
  ["a query of 8,193 bytes", GET(`/?${"q".repeat(8193)}`), [400, 414, 431]],
  ["200 headers", GET("/", ...MANY_HEADERS), [200, ...PLATFORM], "MARK-A-INDEX"],
  ["a Host with a fragment", AT(`${HOST}#x`), [...PLATFORM, 421]],
  ["a Host with a backslash", AT(`${HOST}\\.evil.example`), [...PLATFORM, 421]],
  ["a Host with an escape", AT(HOST.replace(".", "%2e")), [...PLATFORM, 421]],
  ["a label of 64 bytes", AT(`${"a".repeat(64)}.${BASE}`), [...PLATFORM, 421]],
  ["a Host of 300 bytes", AT(`${"a.".repeat(150)}${BASE}`), [...PLATFORM, 421]],
  ["an IPv6 Host", AT("[::1]"), [...PLATFORM, 421]],
  ["an empty port", AT(`${HOST}:`), [200, ...PLATFORM], "MARK-A-INDEX"],
  ["HTTP/1.0", raw("GET / HTTP/1.0", `Host: ${HOST}`), [200, ...PLATFORM], "MARK-A-INDEX"],
  ["CONNECT", raw(`CONNECT ${HOST}:80 HTTP/1.1`, `Host: ${HOST}`), [400, 404, 405, 500, 501]],
  ["OPTIONS *", raw("OPTIONS * HTTP/1.1", `Host: ${HOST}`), [204, 404, ...PLATFORM]],
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
  });
}

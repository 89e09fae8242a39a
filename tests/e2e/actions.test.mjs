// Actions: what an upstream is asked, what of its answers is kept and for whom, and what a client
// gets when it fails. Time is not waited for: an upstream may say how old its answer is already.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { AT_ONCE, isHit, until } from "./lib/check.mjs";
import { folder, publish, selvedge } from "./lib/cli.mjs";
import { siteToken } from "./lib/fixture.mjs";
import { startOrigin } from "./lib/origin.mjs";
import { ROOT_TOKEN, freePort, start } from "./lib/worker.mjs";

const action = (fields) =>
  Object.entries(fields).reduce(
    (text, [name, value]) => `${text}${name} = ${JSON.stringify(value)}\n`,
    "\n[[actions]]\n",
  );

const files = (actions) => ({
  "selvedge.toml": `html = "rewrite"\n${actions.map(action).join("")}`,
  "index.html": "<!doctype html>a page",
  "api/file.txt": "a file",
  "first/file.txt": "never shown",
});

const asObject = ({ headers }) => Object.fromEntries(headers.lines);

/** The credentials of a user. */
const USER = { authorization: "Bearer of-a-user" };
/** A fresh answer, for the shared caches of everybody. */
const FRESH = { "cache-control": "max-age=60" };
/** An answer that was stale when it came, and may be used while it is refreshed. */
const REFRESHED = {
  "cache-control": "max-age=10, stale-while-revalidate=600",
  age: "11",
  etag: '"old"',
};
/** An answer that was stale when it came. */
const STALE = { "cache-control": "max-age=10", age: "11", etag: '"old"' };

describe("actions", () => {
  let origin;
  let worker;

  const get = (path, options) => worker.get("aa", path, options);

  before(async () => {
    origin = await startOrigin();
    const down = `http://127.0.0.1:${await freePort()}`;
    const vars = { ...AT_ONCE, ALLOWED_ORIGINS: `${origin.url} ${down}` };
    worker = await start({ vars, cache: "on" });
    const actions = [
      { prefix: "/api/", origin: origin.url },
      { prefix: "/slow/", origin: origin.url, timeout: "1s", idle_timeout: "1s" },
      { prefix: "/down/", origin: down },
      { prefix: "/read/", origin: origin.url, methods: ["GET", "HEAD"] },
      { prefix: "/first/", origin: origin.url, first: true },
      { prefix: "/cookies/", origin: origin.url, set_cookie: "store" },
    ];
    for (const site of ["aa", "bb"]) await publish(worker, site, files(actions));
    await publish(worker, "aa", files(actions), { stage: "preview" });
  });
  after(async () => {
    await worker?.stop();
    await origin?.stop();
  });
  beforeEach(() => origin.reset());

  describe("what is passed on", () => {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"]) {
      test(`${method}, with path, query, status and fields`, async () => {
        origin.on("/api/a%20b/c", {
          status: 207,
          headers: { "x-answer": "1", "content-type": "text/x-test" },
          body: "done",
        });
        const hasBody = ["POST", "PUT", "PATCH"].includes(method);
        const body = hasBody ? `body of ${method}` : null;
        const headers = { "x-asked": "2", cookie: "a=b", "content-type": "text/x-asked" };
        const answer = await get("/api/a%20b/c?x=1&y=%2F", { method, headers, body });
        assert.equal(answer.status, 207);
        assert.equal(answer.text, method === "HEAD" ? "" : "done");
        assert.equal(answer.headers.value("x-answer"), "1");
        assert.equal(answer.headers.value("content-type"), "text/x-test");
        const [seen] = origin.asked();
        assert.equal(seen.method, method);
        assert.equal(seen.url, "/api/a%20b/c?x=1&y=%2F");
        assert.equal(seen.body.toString(), body ?? "");
        assert.equal(seen.headers["x-asked"], "2");
        assert.equal(seen.headers.cookie, "a=b");
        assert.equal(seen.headers.host, `127.0.0.1:${origin.port}`);
      });
    }

    test("a body of a megabyte, both ways", async () => {
      const bytes = Buffer.alloc(1 << 20, "0123456789abcdef");
      origin.on("/api/echo", ({ body }) => ({ body }));
      const answer = await get("/api/echo", { method: "POST", body: bytes });
      assert.ok(answer.body.equals(bytes));
    });

    for (const status of [301, 302, 303, 307, 308]) {
      test(`a ${status} is not followed`, async () => {
        const location = "https://elsewhere.example/x?y";
        origin.on("/api/moved", { status, headers: { location } });
        const answer = await get("/api/moved");
        assert.equal(answer.status, status);
        assert.equal(answer.headers.value("location"), location);
        assert.equal(origin.asked().length, 1);
      });
    }

    test("every Set-Cookie is its own line", async () => {
      origin.on("/api/login", { headers: { "set-cookie": ["a=1; Path=/", "b=2; Expires=x, y"] } });
      const { lines } = (await get("/api/login")).headers;
      const cookies = lines.filter(([name]) => name === "set-cookie").map(([, value]) => value);
      assert.deepEqual(cookies, ["a=1; Path=/", "b=2; Expires=x, y"]);
    });

    test("files win, unless the action is first", async () => {
      origin.on("*", { body: "upstream" });
      assert.equal((await get("/api/file.txt")).text, "a file");
      assert.equal((await get("/first/file.txt")).text, "upstream");
      assert.equal((await get("/api/other.txt")).text, "upstream");
      assert.equal((await get("/other.txt")).status, 404);
    });

    test("methods that the action does not take are a 405", async () => {
      origin.on("/read/x", { body: "read" });
      assert.equal((await get("/read/x")).text, "read");
      const refused = await get("/read/x", { method: "POST", body: "x" });
      assert.equal(refused.status, 405);
      assert.match(refused.headers.value("allow"), /GET/);
      assert.equal(origin.asked().length, 1);
    });
  });

  describe("what is not passed on", () => {
    test("fields of a connection, in a request", async () => {
      origin.on("/api/hop", {});
      const headers = {
        connection: "x-hop, keep-alive",
        "x-hop": "1",
        "keep-alive": "timeout=9",
        te: "trailers",
        "proxy-authorization": "Basic eDp5",
        "proxy-connection": "keep-alive",
        "x-end": "2",
      };
      await get("/api/hop", { headers });
      const [seen] = origin.asked();
      for (const name of ["x-hop", "te", "proxy-authorization", "proxy-connection"]) {
        assert.equal(seen.headers[name], undefined, name);
      }
      assert.notEqual(seen.headers["keep-alive"], "timeout=9");
      assert.equal(seen.headers["x-end"], "2");
    });

    test("fields of a connection, in a response, stored or not", async () => {
      const headers = { ...FRESH, connection: "x-hop", "x-hop": "1", "proxy-connection": "close" };
      origin.on("/api/hop", { headers: { ...headers, "x-end": "2" } });
      for (const round of ["first", "stored"]) {
        const answer = asObject(await get("/api/hop"));
        for (const name of ["x-hop", "proxy-connection"]) {
          assert.equal(answer[name], undefined, `${round}: ${name}`);
        }
        assert.equal(answer["x-end"], "2", round);
      }
    });

    test("what a client says of where it came from", async () => {
      origin.on("/api/who", {});
      const headers = {
        forwarded: "for=6.6.6.6;host=evil.example;proto=gopher",
        "x-forwarded-for": "6.6.6.6",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "gopher",
      };
      await get("/api/who", { headers });
      const { headers: seen } = origin.asked()[0];
      assert.doesNotMatch(JSON.stringify(seen), /6\.6\.6\.6|evil|gopher/);
      assert.match(seen["x-forwarded-host"], /^aa\.localhost(:\d+)?$/);
      assert.equal(seen["x-forwarded-proto"], "http");
    });

    test("our own tokens; anybody else's credentials are", async () => {
      origin.on("/api/auth", {});
      const { token } = await siteToken(worker, "aa", ["read"]);
      for (const [credentials, isPassed] of [
        [`Bearer ${ROOT_TOKEN}`, false],
        [`Bearer ${token}`, false],
        [`bearer ${token}`, false],
        ["Bearer of-somebody", true],
        ["Basic eDp5", true],
      ]) {
        origin.seen = [];
        await get("/api/auth", { headers: { authorization: credentials } });
        const passed = origin.asked()[0]?.headers.authorization;
        assert.equal(passed, isPassed ? credentials : undefined, credentials);
      }
    });
  });

  describe("what is kept", () => {
    /** name, fields of the answer, fields of the first request, whether it is used again. */
    const ROWS = [
      ["max-age", FRESH, {}, true],
      ["s-maxage", { "cache-control": "s-maxage=60" }, {}, true],
      ["CDN-Cache-Control", { "cdn-cache-control": "max-age=60" }, {}, true],
      ["nothing said", {}, {}, false],
      ["Last-Modified alone", { "last-modified": "Wed, 01 Jan 2020 00:00:00 GMT" }, {}, false],
      ["no-store", { "cache-control": "no-store, max-age=60" }, {}, false],
      ["private", { "cache-control": "private, max-age=60" }, {}, false],
      ["a cookie", { ...FRESH, "set-cookie": "s=1" }, {}, false],
      ["Vary: *", { ...FRESH, vary: "*" }, {}, false],
      ["Authorization", FRESH, USER, false],
      ["Authorization, public", { "cache-control": "public, max-age=60" }, USER, true],
      ["a day", { "cache-control": "max-age=86400" }, {}, true],
      ["a day, 1,795 s old", { "cache-control": "max-age=86400", age: "1795" }, {}, true],
      ["a day, 1,801 s old", { "cache-control": "max-age=86400", age: "1801" }, {}, false],
      [
        "a day, 1,801 s old, and another day stale",
        { "cache-control": "max-age=86400, stale-while-revalidate=86400", age: "1801" },
        {},
        false,
      ],
    ];
    ROWS.forEach(([name, headers, asked, isKept], at) => {
      test(`${name}: ${isKept ? "kept" : "not kept"}`, async () => {
        const path = `/api/kept-${at}`;
        origin.on(path, (_, n) => ({ headers, body: `answer ${n}` }));
        assert.equal((await get(path, { headers: asked })).text, "answer 1");
        const second = await get(path);
        assert.equal(second.text, isKept ? "answer 1" : "answer 2");
        assert.equal(isHit(second), isKept, second.headers.value("cache-status"));
        assert.equal(second.headers.has("set-cookie"), name === "a cookie");
        if (isKept) assert.ok(Number(second.headers.value("age")) <= 1800);
      });
    });

    test("a cookie, where the site says so", async () => {
      const headers = { ...FRESH, "set-cookie": "shown=1" };
      origin.on("/cookies/a", (_, n) => ({ headers, body: `answer ${n}` }));
      await get("/cookies/a");
      const second = await get("/cookies/a");
      assert.equal(second.text, "answer 1");
      assert.equal(second.headers.value("set-cookie"), "shown=1");
    });

    test("by query, by what Vary names, and by nothing else", async () => {
      const headers = { ...FRESH, vary: "X-Kind" };
      origin.on("/api/vary", (_, n) => ({ headers, body: `answer ${n}` }));
      const ask = async (query, asked) => (await get(`/api/vary${query}`, { headers: asked })).text;
      assert.equal(await ask("", { "x-kind": "a" }), "answer 1");
      assert.equal(await ask("", { "x-kind": "b" }), "answer 2");
      assert.equal(await ask("?q", { "x-kind": "a" }), "answer 3");
      const noise = { "x-other": "1", "x-forwarded-host": "evil.example", cookie: "c=d" };
      assert.equal(await ask("", { "x-kind": "a", ...noise }), "answer 1");
      assert.equal(await ask("", { "x-kind": "b", ...noise }), "answer 2");
      assert.equal(await ask("?q", { "x-kind": "a", ...noise }), "answer 3");
    });

    test("for its own site", async () => {
      origin.on("/api/shared", (_, n) => ({ headers: FRESH, body: `answer ${n}` }));
      for (let round = 0; round < 2; round += 1) {
        assert.equal((await worker.get("aa", "/api/shared")).text, "answer 1");
        assert.equal((await worker.get("bb", "/api/shared")).text, "answer 2");
      }
    });

    test("on a sandbox, nothing", async () => {
      origin.on("/api/sandbox", (_, n) => ({ headers: FRESH, body: `answer ${n}` }));
      for (const text of ["answer 1", "answer 2"]) {
        const answer = await worker.get("preview--aa", "/api/sandbox");
        assert.equal(answer.text, text);
        assert.equal(answer.headers.value("cache-control"), "no-store");
        assert.equal(answer.headers.value("x-cache-control"), FRESH["cache-control"]);
        assert.match(answer.headers.value("cache-status"), /fwd=bypass/);
      }
    });

    for (const [method, status, isDropped] of [
      ["POST", 200, true],
      ["PUT", 204, true],
      ["DELETE", 200, true],
      ["POST", 303, true],
      ["POST", 400, false],
      ["POST", 500, false],
      ["OPTIONS", 200, false],
    ]) {
      test(`until a ${method} with ${status}: ${isDropped ? "gone" : "there"}`, async () => {
        const path = `/api/drop-${method}-${status}`;
        origin.on(path, (request, n) =>
          request.method === "GET" ? { headers: FRESH, body: `answer ${n}` } : { status },
        );
        assert.equal((await get(path)).text, "answer 1");
        assert.equal((await get(path, { method })).status, status);
        assert.equal((await get(path)).text, isDropped ? "answer 3" : "answer 1");
      });
    }

    test("validated with the stored entity tag, and whole for the client", async () => {
      const headers = { "cache-control": "no-cache", etag: '"v1"' };
      origin.on("/api/validated", { headers, body: "whole" }, { status: 304, headers });
      assert.equal((await get("/api/validated")).text, "whole");
      const second = await get("/api/validated");
      assert.deepEqual([second.status, second.text], [200, "whole"]);
      assert.equal(origin.asked()[1].headers["if-none-match"], '"v1"');
    });
  });

  describe("stale-while-revalidate", () => {
    test("the old copy at once, one refresh however many ask, then the new one", async () => {
      let release;
      const held = new Promise((resolved) => (release = resolved));
      origin.on("/api/swr", async (_, n) => {
        if (n === 1) return { headers: REFRESHED, body: "old" };
        await held;
        return { headers: FRESH, body: "new" };
      });
      assert.equal((await get("/api/swr")).text, "old");
      const many = await Promise.all(Array.from({ length: 30 }, () => get("/api/swr")));
      for (const answer of many) {
        assert.equal(answer.text, "old");
        assert.ok(isHit(answer), answer.headers.value("cache-status"));
        assert.ok(Number(answer.headers.value("age")) >= 11);
      }
      await until(
        () => origin.asked("/api/swr").length,
        (count) => count > 1,
      );
      assert.equal(origin.asked("/api/swr").length, 2, "one refresh");
      release();
      await until(
        () => get("/api/swr"),
        ({ text }) => text === "new",
      );
      assert.equal(origin.asked("/api/swr").length, 2, "the new copy is kept");
    });

    test("a refresh that fails leaves the old copy", async () => {
      origin.on("/api/swr-lost", { headers: REFRESHED, body: "old" }, { cut: "before" });
      for (let round = 0; round < 5; round += 1) {
        assert.equal((await get("/api/swr-lost")).text, "old");
      }
    });
  });

  describe("an upstream that fails", () => {
    /** name, path, what comes after the first answer, what the first one says of failures. */
    const FAILURES = [
      ["cuts the connection", "/api/", { cut: "before" }, ""],
      ["says 500", "/api/", { status: 500 }, ", stale-if-error=60"],
      ["says 503", "/api/", { status: 503 }, ", stale-if-error=60"],
      ["does not answer", "/slow/", { delay: 4000 }, ""],
    ];
    for (const [name, prefix, failure, directive] of FAILURES) {
      test(`${name}: the stale copy bridges it`, async () => {
        const path = `${prefix}stale-${name.replaceAll(" ", "-")}`;
        const control = `max-age=10${directive}`;
        origin.on(path, { headers: { ...STALE, "cache-control": control }, body: "old" }, failure);
        assert.equal((await get(path)).text, "old");
        const bridged = await get(path);
        assert.deepEqual([bridged.status, bridged.text], [200, "old"]);
        assert.equal(bridged.headers.value("etag"), '"old"');
        assert.match(bridged.headers.value("cache-status"), /hit; ttl=-\d+; detail=stale-if-error/);
      });

      for (const forbids of ["must-revalidate", "stale-if-error=0", "no-cache"]) {
        test(`${name}: not with ${forbids}`, async () => {
          const path = `${prefix}${forbids}-${name.replaceAll(" ", "-")}`;
          const control = `max-age=10, ${forbids}`;
          origin.on(
            path,
            { headers: { ...STALE, "cache-control": control }, body: "old" },
            failure,
          );
          assert.equal((await get(path)).text, "old");
          const refused = await get(path);
          assert.ok(refused.status >= 500, `status ${refused.status}`);
          assert.notEqual(refused.text, "old");
        });
      }
    }

    /** name, path, the answer, statuses. */
    const ERRORS = [
      ["refuses the connection", "/down/x", null, 502],
      ["cuts before it answers", "/api/cut", { cut: "before" }, 502],
      ["has a status that is none", "/api/999", { status: 999, body: "odd" }, 502],
      ["takes longer than its timeout", "/slow/x", { delay: 4000, body: "late" }, 504],
    ];
    for (const [name, path, answer, status] of ERRORS) {
      test(`${name}: a constant ${status}`, async () => {
        if (answer) origin.on(path, answer);
        const since = Date.now();
        const refused = await get(path);
        assert.equal(refused.status, status);
        assert.equal(refused.headers.value("cache-control"), "no-store");
        if (status === 504) assert.ok(Number(refused.headers.value("retry-after")) > 0);
        assert.ok(Date.now() - since < 3000, `${Date.now() - since} ms`);
        assert.doesNotMatch(refused.text, /127\.0\.0\.1|late/);
      });
    }

    test("a 205 with a body is a 205 without one", async () => {
      origin.on("/api/205", { status: 205, headers: FRESH, body: "none" });
      for (const what of ["miss", "hit"]) {
        const answer = await get("/api/205");
        assert.equal(answer.status, 205, what);
        assert.equal(answer.text, "", what);
      }
    });

    /** name, path, the answer that is cut short. */
    const PARTS = [
      ["cut within", "/api/within", { headers: FRESH, body: "half of it", cut: "within" }],
      ["shorter than it says", "/api/short", { headers: FRESH, body: "half of it", length: 40 }],
      ["paused for too long", "/slow/drip", { headers: FRESH, body: "half of it", drip: 2500 }],
    ];
    for (const [name, path, answer] of PARTS) {
      test(`a body ${name} is never stored, and never looks complete`, async () => {
        origin.on(path, answer, { headers: FRESH, body: "all of it" });
        const first = await get(path).catch(() => null);
        assert.ok(first === null || first.status >= 500, `${first?.status} ${first?.text}`);
        assert.equal((await get(path)).text, "all of it");
      });
    }
  });
});

describe("upstreams that the operator did not allow", () => {
  let origin;
  let worker;

  before(async () => {
    origin = await startOrigin();
    worker = await start({ vars: { ...AT_ONCE, ALLOWED_ORIGINS: origin.url } });
    await publish(worker, "aa", files([]));
  });
  after(async () => {
    await worker?.stop();
    await origin?.stop();
  });

  const NAMES = [
    "http://127.0.0.1:1",
    "https://127.0.0.1",
    "http://localhost",
    "https://internal.example",
    "http://169.254.169.254",
  ];
  for (const name of NAMES) {
    test(`${name} is refused when publishing, and nothing changes`, async () => {
      const before = await worker.get("aa", "/");
      const dir = folder(files([{ prefix: "/api/", origin: name }]));
      const refused = await selvedge(worker, ["publish", dir, "--site", "aa"]);
      assert.equal(refused.code, 1, refused.stdout);
      assert.match(`${refused.stdout}${refused.stderr}`, /ALLOWED_ORIGINS/);
      assert.deepEqual((await worker.get("aa", "/")).headers.stable(), before.headers.stable());
    });
  }

  test("a service that is not listed is refused too", async () => {
    const dir = folder(files([{ prefix: "/api/", service: "STORE" }]));
    assert.equal((await selvedge(worker, ["publish", dir, "--site", "aa"])).code, 1);
  });

  test("the one that is listed is taken", async () => {
    origin.on("/api/x", { body: "allowed" });
    await publish(worker, "aa", files([{ prefix: "/api/", origin: `${origin.url}/` }]));
    assert.equal((await worker.get("aa", "/api/x")).text, "allowed");
  });
});

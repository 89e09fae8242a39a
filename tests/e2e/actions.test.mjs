// Actions with a real upstream: the requests that it gets, and the responses of clients when it
// fails. Nothing waits for time to pass: the upstream sends `Age`.

import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { freePort } from "../../scripts/lib.mjs";
import { AT_ONCE, cacheStatus, isHit, matches, until } from "./lib/check.mjs";
import { folder, publish, selvedge } from "./lib/cli.mjs";
import { siteToken } from "./lib/fixture.mjs";
import { suiteOrigin } from "./lib/origin.mjs";
import { ROOT_TOKEN, start, suiteWorker } from "./lib/worker.mjs";

const action = (keys) => {
  const lines = Object.entries(keys).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`);
  return `\n[[actions]]\n${lines.join("")}`;
};

const files = (actions) => ({
  "selvedge.toml": `html = "rewrite"\n${actions.map(action).join("")}`,
  "index.html": "<!doctype html>a page",
  "api/file.txt": "a file",
  "first/file.txt": "never shown",
});

/** Hop-by-hop headers of a client, and forged ones. */
const NOT_FORWARDED = {
  connection: "x-hop, keep-alive",
  "x-hop": "evil",
  "keep-alive": "timeout=9, evil",
  te: "trailers, evil",
  "proxy-authorization": "Basic evil",
  "proxy-connection": "evil",
  forwarded: "for=6.6.6.6;host=evil.example;proto=evil",
  "x-forwarded-for": "evil",
  "x-forwarded-host": "evil.example",
  "x-forwarded-proto": "evil",
};
/** Headers of a fresh response that shared caches may store. */
const FRESH = { "cache-control": "max-age=60" };
/** Headers of a response that is stale on arrival. */
const STALE = { "cache-control": "max-age=10", age: "11", etag: '"old"' };
/** The same, but it may be used while it is refreshed. */
const REFRESHED = { ...STALE, "cache-control": "max-age=10, stale-while-revalidate=600" };
/** Responds with its number. */
const numbered = (headers) => (_, n) => ({ headers, body: `answer ${n}` });

describe("actions", () => {
  const origin = suiteOrigin();
  /** The address of an upstream that refuses connections. */
  let down;
  const worker = suiteWorker(
    async () => {
      down = `http://127.0.0.1:${await freePort()}`;
      const vars = { ...AT_ONCE, ALLOWED_ORIGINS: `${origin.url} ${down}` };
      return start({ vars, cache: "on" });
    },
    async (worker) => {
      const actions = [
        { prefix: "/api/", origin: origin.url },
        { prefix: "/slow/", origin: origin.url, timeout: "1s", idle_timeout: "1s" },
        { prefix: "/down/", origin: down },
        { prefix: "/first/", origin: `${origin.url}/`, first: true },
      ];
      await publish(worker, "aa", files(actions));
      await publish(worker, "aa", files(actions), { stage: "preview" });
    },
  );
  beforeEach(() => origin.reset());

  const get = (path, options) => worker.get("aa", path, options);
  const textOf = async (path, options) => (await get(path, options)).text;

  describe("forwards", () => {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"]) {
      test(`${method} with path, query, headers, body and status`, async () => {
        const sent = { "x-answer": "1", "content-type": "text/x-test" };
        origin.on("/api/a%20b/c", { status: 207, headers: sent, body: "done" });
        const body = ["POST", "PUT", "PATCH"].includes(method) ? `body of ${method}` : null;
        const headers = { "x-asked": "2", cookie: "a=b", "content-type": "text/x-asked" };
        const options = { method, headers: { ...headers, ...NOT_FORWARDED }, body };
        const response = await get("/api/a%20b/c?x=1&y=%2F", options);
        matches(response, { status: 207, text: method === "HEAD" ? "" : "done", ...sent });
        const [{ headers: seen, ...request }] = origin.asked();
        assert.deepEqual([request.method, request.url], [method, "/api/a%20b/c?x=1&y=%2F"]);
        assert.equal(request.body.toString(), body ?? "");
        assert.equal(seen["x-asked"], "2");
        assert.equal(seen.cookie, "a=b");
        assert.equal(seen.host, `127.0.0.1:${origin.port}`);
        assert.match(seen["x-forwarded-host"], /^aa\.localhost(:\d+)?$/);
        assert.equal(seen["x-forwarded-proto"], "http");
        assert.doesNotMatch(JSON.stringify(seen), /evil/);
      });
    }

    test("a body of a megabyte in both directions", async () => {
      const bytes = Buffer.alloc(1 << 20, "0123456789abcdef");
      origin.on("/api/echo", ({ body }) => ({ body }));
      const response = await get("/api/echo", { method: "POST", body: bytes });
      assert.ok(response.body.equals(bytes));
    });

    test("redirects without following them", async () => {
      const location = "https://elsewhere.example/x?y";
      for (const status of [301, 302, 303, 307, 308]) {
        origin.on(`/api/${status}`, { status, headers: { location } });
        matches(await get(`/api/${status}`), { status, location });
        assert.equal(origin.asked(`/api/${status}`).length, 1);
      }
    });

    test("each Set-Cookie as its own line", async () => {
      const cookies = ["a=1; Path=/", "b=2; Expires=x, y"];
      origin.on("/api/login", { headers: { "set-cookie": cookies } });
      const { lines } = (await get("/api/login")).headers;
      const found = lines.filter(([name]) => name === "set-cookie").map(([, value]) => value);
      assert.deepEqual(found, cookies);
    });

    test("paths without a file, or all paths if the action is first", async () => {
      origin.on("*", { body: "upstream" });
      assert.equal(await textOf("/api/file.txt"), "a file");
      assert.equal(await textOf("/first/file.txt"), "upstream");
      assert.equal(await textOf("/api/other.txt"), "upstream");
      assert.equal((await get("/other.txt")).status, 404);
    });
  });

  describe("does not forward", () => {
    test("hop-by-hop headers of a response, stored or not", async () => {
      const hop = { connection: "x-hop", "x-hop": "1", "proxy-connection": "close" };
      origin.on("/api/hop", { headers: { ...FRESH, ...hop, "x-end": "2" } });
      for (const round of ["first", "stored"]) {
        const expected = { "x-hop": null, "proxy-connection": null, "x-end": "2" };
        matches(await get("/api/hop"), expected, round);
      }
    });

    test("Selvedge's tokens, but other credentials", async () => {
      origin.on("/api/auth", {});
      const { token } = await siteToken(worker, "aa", ["read"]);
      for (const [authorization, isForwarded] of [
        [`Bearer ${ROOT_TOKEN}`, false],
        [`Bearer ${token}`, false],
        [`bearer ${token}`, false],
        ["Bearer of-somebody", true],
        ["Basic eDp5", true],
      ]) {
        origin.seen = [];
        await get("/api/auth", { headers: { authorization } });
        const seen = origin.asked()[0]?.headers.authorization;
        assert.equal(seen, isForwarded ? authorization : undefined, authorization);
      }
    });
  });

  describe("caching", () => {
    test("a response is stored, but not one with a cookie", async () => {
      const cookie = { ...FRESH, "set-cookie": "s=1" };
      origin.on("/api/kept", numbered(FRESH)).on("/api/cookie", numbered(cookie));
      for (const round of [1, 2]) {
        const kept = matches(await get("/api/kept"), { text: "answer 1", "set-cookie": null });
        assert.equal(isHit(kept), round === 2, cacheStatus(kept));
        const other = matches(await get("/api/cookie"), { text: `answer ${round}` });
        assert.ok(!isHit(other) && other.headers.has("set-cookie"), cacheStatus(other));
      }
    });

    test("a sandbox stores nothing", async () => {
      origin.on("/api/sandbox", numbered(FRESH));
      for (const text of ["answer 1", "answer 2"]) {
        matches(await worker.get("preview--aa", "/api/sandbox"), {
          text,
          "cache-control": "no-store",
          "x-cache-control": FRESH["cache-control"],
          "cache-status": /fwd=bypass/,
        });
      }
    });
  });

    describe("stale-while-revalidate", () => {
    test("serves the old copy at once, refreshes it once, then serves the new one", async () => {
      let release;
      const held = new Promise((resolved) => (release = resolved));
      origin.on("/api/swr", async (_, n) => {
        if (n === 1) return { headers: REFRESHED, body: "old" };
        await held;
        return { headers: FRESH, body: "new" };
      });
      assert.equal(await textOf("/api/swr"), "old");
      const many = await Promise.all(Array.from({ length: 30 }, () => get("/api/swr")));
      for (const response of many) {
        assert.equal(response.text, "old");
        assert.ok(isHit(response), cacheStatus(response));
        assert.ok(Number(response.headers.value("age")) >= 11);
      }
      const requests = () => origin.asked("/api/swr").length;
      await until(requests, (count) => count > 1);
      assert.equal(requests(), 2, "one refresh");
      release();
      await until(() => textOf("/api/swr"), (text) => text === "new");
      assert.equal(requests(), 2, "the new copy is stored");
    });
  });

  describe("an upstream that fails", () => {
    const FAILURES = [
      ["/api/stale", { cut: "before" }],
      ["/slow/stale", { delay: 4000 }],
    ];
    for (const [path, failure] of FAILURES) {
      test(`${JSON.stringify(failure)}: the stale copy is served`, async () => {
        origin.on(path, { headers: STALE, body: "old" }, failure);
        assert.equal(await textOf(path), "old");
        const status = /hit; ttl=-\d+; detail=stale-if-error/;
        const expected = { status: 200, text: "old", etag: '"old"', "cache-status": status };
        matches(await get(path), expected);
      });
    }

    /** name, path, the failure, the status. */
    const ERRORS = [
      ["refuses the connection", "/down/x", null, 502],
      ["drops the connection before it answers", "/api/cut", { cut: "before" }, 502],
      ["has an invalid status", "/api/999", { status: 999, body: "odd" }, 502],
      ["times out", "/slow/x", { delay: 4000, body: "late" }, 504],
    ];
    for (const [name, path, failure, status] of ERRORS) {
      test(`${name}: a constant ${status}`, async () => {
        if (failure) origin.on(path, failure);
        const since = Date.now();
        const refused = matches(await get(path), { status, "cache-control": "no-store" });
        if (status === 504) assert.ok(Number(refused.headers.value("retry-after")) > 0);
        assert.ok(Date.now() - since < 3000, `${Date.now() - since} ms`);
        assert.doesNotMatch(refused.text, /127\.0\.0\.1|late/);
      });
    }

    test("sends a body with a 205: the body is dropped", async () => {
      origin.on("/api/205", { status: 205, headers: FRESH, body: "none" });
      for (const round of ["miss", "hit"]) {
        matches(await get("/api/205"), { status: 205, text: "" }, round);
      }
    });

    /** name, path, how the body is truncated. */
    const PARTS = [
      ["is cut off", "/api/within", { cut: "within" }],
      ["is shorter than declared", "/api/short", { length: 40 }],
      ["pauses for too long", "/slow/drip", { drip: 2500 }],
    ];
    for (const [name, path, how] of PARTS) {
      test(`a body that ${name} is never stored, and never looks complete`, async () => {
        const truncated = { headers: FRESH, body: "half of it", ...how };
        origin.on(path, truncated, { headers: FRESH, body: "all of it" });
        const first = await get(path).catch(() => null);
        assert.ok(first === null || first.status >= 500, `${first?.status} ${first?.text}`);
        assert.equal(await textOf(path), "all of it");
      });
    }
  });

  test("publishing an upstream that the operator does not allow is refused", async () => {
    const before = await get("/");
    const dir = folder(files([{ prefix: "/api/", origin: "http://169.254.169.254" }]));
    const refused = await selvedge(worker, ["publish", dir, "--site", "aa"]);
    assert.equal(refused.code, 1, refused.stdout);
    assert.match(`${refused.stdout}${refused.stderr}`, /ALLOWED_ORIGINS/);
    assert.deepEqual((await get("/")).headers.stable(), before.headers.stable());
  });
});

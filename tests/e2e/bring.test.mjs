// Folders as frameworks build them and other hosts configure them, published and asked for.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { AT_ONCE, wellFormed } from "./lib/check.mjs";
import { folder, publish, selvedge } from "./lib/cli.mjs";
import { BASE, start } from "./lib/worker.mjs";

const APPLICATION = '<!doctype html><script type="module" src="/assets/app.js"></script>';
const SCRIPT = "console.log(1)";
const NAVIGATION = { "sec-fetch-mode": "navigate" };

describe("what people bring", () => {
  let worker;
  before(async () => {
    worker = await start({ vars: AT_ONCE });
  });
  after(() => worker.stop());

  const ask = async (site, path, headers = NAVIGATION) =>
    wellFormed(await worker.get(`${site}.${BASE}`, path, { headers }), `${site}${path}`);

  test("a single-page application with a line of Netlify", async () => {
    const files = {
      "index.html": APPLICATION,
      "assets/app.js": SCRIPT,
      _redirects: "/old /new 301\n/*  /index.html  200\n",
    };
    const published = await publish(worker, "spa", files);
    assert.equal(published.warnings.length, 0);
    assert.equal(published.notes.length, 1);
    assert.equal(published.notes[0].line, 2);
    const rows = [
      ["/", NAVIGATION, 200, APPLICATION],
      ["/users/7/edit", NAVIGATION, 200, APPLICATION],
      ["/assets/app.js", {}, 200, SCRIPT],
      ["/assets/gone.js", {}, 404, null],
      ["/old", NAVIGATION, 301, null],
    ];
    for (const [path, headers, status, text] of rows) {
      const answer = await ask("spa", path, headers);
      assert.equal(answer.status, status, path);
      if (text !== null) assert.equal(answer.text, text, path);
    }
  });

  test("an application without configuration gets a hint, and no other answers", async () => {
    const published = await publish(worker, "bare", {
      "index.html": APPLICATION,
      "assets/app.js": SCRIPT,
    });
    assert.equal(published.notes.length, 1);
    assert.match(published.notes[0].hint, /single-page-application/);
    assert.equal((await ask("bare", "/users/7")).status, 404);
  });

  test("200.html answers deep links, beside a 404.html too", async () => {
    await publish(worker, "nuxt", {
      "index.html": "<!doctype html>prerendered",
      "200.html": "<!doctype html>shell",
      "404.html": "<!doctype html>shell of 404",
    });
    const answer = await ask("nuxt", "/users/7");
    assert.deepEqual([answer.status, answer.text], [200, "<!doctype html>shell"]);
    assert.equal((await ask("nuxt", "/")).text, "<!doctype html>prerendered");
    assert.equal((await ask("nuxt", "/gone.png", {})).status, 404);
  });

  test("a media type in _headers", async () => {
    await publish(worker, "types", {
      "index.html": "<!doctype html>home",
      ".well-known/apple-app-site-association": "{}",
      page: "<script>",
      _headers:
        "/.well-known/*\n  Content-Type: application/json\n/page\n  Content-Type: text/html\n",
    });
    const type = async (path) => (await ask("types", path, {})).headers.value("content-type");
    assert.equal(await type("/.well-known/apple-app-site-association"), "application/json");
    assert.equal(await type("/page"), "application/octet-stream");
    assert.equal(await type("/"), "text/html; charset=utf-8");
  });

  test("a password of Netlify is refused, with its line, and nothing is sent", async () => {
    const dir = folder({ "index.html": "home", _headers: "/*\n  Basic-Auth: user:secret\n" });
    const refused = await selvedge(worker, ["publish", dir, "--site", "secret"]);
    assert.equal(refused.code, 1);
    const [problem] = refused.json.error.problems;
    assert.equal(problem.line, 2);
    assert.match(problem.message, /every visitor/);
    assert.doesNotMatch(refused.stdout, /user:secret/);
    assert.equal((await worker.get(`secret.${BASE}`, "/")).status, 421);
  });
});

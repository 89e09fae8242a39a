// Folders as frameworks build them and other hosts configure them.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AT_ONCE, matches, wellFormed } from "./lib/check.mjs";
import { folder, publish, selvedge } from "./lib/cli.mjs";
import { BASE, start, suiteWorker } from "./lib/worker.mjs";

const APPLICATION = '<!doctype html><script type="module" src="/assets/app.js"></script>';
const SCRIPT = "console.log(1)";
const NAVIGATION = { "sec-fetch-mode": "navigate" };

describe("folders written for other hosts", () => {
  const worker = suiteWorker(() => start({ vars: AT_ONCE }));

  /** Checks rows of a path, request headers and the expected response. */
  const check = async (site, rows) => {
    for (const [path, headers, expected] of rows) {
      const response = await worker.get(`${site}.${BASE}`, path, { headers });
      matches(wellFormed(response, `${site}${path}`), expected, path);
    }
  };

  test("a single-page application with Netlify's catch-all line", async () => {
    const { notes, warnings } = await publish(worker, "spa", {
      "index.html": APPLICATION,
      "assets/app.js": SCRIPT,
      _redirects: "/old /new 301\n/*  /index.html  200\n",
    });
    assert.deepEqual([warnings.length, notes.length, notes[0].line], [0, 1, 2]);
    await check("spa", [
      ["/", NAVIGATION, { status: 200, text: APPLICATION }],
      ["/users/7/edit", NAVIGATION, { status: 200, text: APPLICATION }],
      ["/assets/app.js", {}, { status: 200, text: SCRIPT }],
      ["/assets/gone.js", {}, { status: 404 }],
      ["/old", NAVIGATION, { status: 301 }],
    ]);
  });

  test("200.html answers deep links, even beside a 404.html", async () => {
    await publish(worker, "nuxt", {
      "index.html": "<!doctype html>prerendered",
      "200.html": "<!doctype html>shell",
      "404.html": "<!doctype html>shell of 404",
    });
    await check("nuxt", [
      ["/users/7", NAVIGATION, { status: 200, text: "<!doctype html>shell" }],
      ["/", NAVIGATION, { text: "<!doctype html>prerendered" }],
      ["/gone.png", {}, { status: 404 }],
    ]);
  });

  test("Netlify's Basic-Auth is refused with its line, and nothing is published", async () => {
    const dir = folder({ "index.html": "home", _headers: "/*\n  Basic-Auth: user:secret\n" });
    const { code, json, stdout } = await selvedge(worker, ["publish", dir, "--site", "secret"]);
    assert.equal(code, 1);
    const [problem] = json.error.problems;
    assert.equal(problem.line, 2);
    assert.match(problem.message, /every visitor/);
    assert.doesNotMatch(stdout, /user:secret/);
    assert.equal((await worker.get(`secret.${BASE}`, "/")).status, 421);
  });
});

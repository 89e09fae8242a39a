// A rollback restores bytes, headers, redirects and 404 rules.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AT_ONCE } from "./lib/check.mjs";
import { command, publish } from "./lib/cli.mjs";
import { start, suiteWorker } from "./lib/worker.mjs";

const V1 = {
  "index.html": "<!doctype html>one",
  "same.txt": "the same",
  "gone.html": "<!doctype html>gone later",
  "folder/index.html": "<!doctype html>a folder",
  "assets/app.1f2a91bc.js": "one()",
  "404.html": "<!doctype html>nothing, says one",
  _redirects: "/go /same.txt 301\n/moved/* /folder/:splat 302\n",
  _headers: "/*\n  X-Version: one\n",
};
const V2 = {
  "index.html": "<!doctype html>two",
  "same.txt": "the same",
  "folder.html": "<!doctype html>a page now",
  "assets/app.2f2a91bc.js": "two()",
  "selvedge.toml":
    'html = "drop-trailing-slash"\nnot_found = "single-page-application"\nprofile = "short"\n',
  _redirects: "/go /index.html 302\n",
  _headers: "/*\n  X-Version: two\n  X-More: yes\n",
};
const PATHS = [
  "/",
  "/index.html",
  "/same.txt",
  "/gone",
  "/gone.html",
  "/folder",
  "/folder/",
  "/folder/index.html",
  "/go",
  "/moved/x?q=1",
  "/nothing",
  "/nothing/at/all",
  "/404",
  "/assets/app.1f2a91bc.js",
];

const worker = suiteWorker(() => start({ vars: AT_ONCE }));

async function look() {
  const found = [];
  const headers = { accept: "text/html", "sec-fetch-mode": "navigate" };
  for (const path of PATHS) {
    for (const method of ["GET", "HEAD"]) {
      const response = await worker.get("shop", path, { method, headers });
      const { status, text } = response;
      found.push({ path, method, status, headers: response.headers.stable(), text });
    }
  }
  return found;
}

test("after v1, v2 and a rollback, every path answers as under v1", async () => {
  const rollback = (...to) => command(worker, ["rollback", "--site", "shop", ...to]);
  const first = (await publish(worker, "shop", V1)).deployment;
  const under1 = await look();
  const second = (await publish(worker, "shop", V2)).deployment;
  const under2 = await look();
  assert.notDeepEqual(under2, under1);
  await rollback();
  assert.deepEqual(await look(), under1);
  await rollback(second);
  assert.deepEqual(await look(), under2);
  await rollback(first);
  assert.deepEqual(await look(), under1);
});

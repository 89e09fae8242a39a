// A rollback restores bytes, headers, redirects and 404 rules.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AT_ONCE, matches } from "./lib/check.mjs";
import { command, publish } from "./lib/cli.mjs";
import { BASE, start, suiteWorker } from "./lib/worker.mjs";

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
const STAGE = "/sites/shop/stages/production";

describe("rollback", () => {
  let first;
  let second;
  const worker = suiteWorker(
    () => start({ vars: AT_ONCE }),
    async (worker) => {
      first = (await publish(worker, "shop", V1)).deployment;
    },
  );

  const look = async () => {
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
  };
  const run = (name, ...args) => command(worker, [name, "--site", "shop", ...args]);
  const live = async () => (await worker.api("GET", STAGE)).json;

  test("after v1, v2 and a rollback, every path answers as under v1", async () => {
    const under1 = await look();
    second = (await publish(worker, "shop", V2)).deployment;
    const under2 = await look();
    assert.notDeepEqual(under2, under1);
    await run("rollback");
    assert.deepEqual(await look(), under1);
    await run("rollback", second);
    assert.deepEqual(await look(), under2);
    await run("rollback", first);
    assert.deepEqual(await look(), under1);
  });

  test("only fingerprinted files stay available after a deploy", async () => {
    await publish(worker, "shop", V2);
    matches(await worker.get("shop", "/assets/app.1f2a91bc.js"), {
      status: 200,
      text: "one()",
      "cache-control": "public, max-age=31536000, immutable",
    });
    const page = await worker.get("shop", "/gone", { headers: { accept: "*/*" } });
    assert.notEqual(page.text, V1["gone.html"]);
  });

  test("a promotion makes one stage serve another's deployment", async () => {
    await publish(worker, "shop", V1, { stage: "sandbox" });
    await run("promote", "--from", "sandbox", "--to", "production");
    const { text } = await worker.get(`sandbox--shop.${BASE}`, "/");
    const deployment = new RegExp(`^${first};stage=production`);
    matches(await worker.get("shop", "/"), { text, "selvedge-deployment": deployment });
  });

  test("sequence numbers grow, and a stale `expected_seq` loses to a named winner", async () => {
    const { seq } = await live();
    const activate = (deployment) =>
      worker.api("POST", `${STAGE}/activate`, { deployment, expected_seq: seq });
    const won = await activate(second);
    assert.equal(won.status, 200, won.text);
    assert.ok(won.json.seq > seq);
    const lost = await activate(first);
    assert.deepEqual([lost.status, lost.json.error.code], [409, "lost-race"]);
    assert.equal((lost.json.winner ?? lost.json.error.winner).deployment, second);
    assert.equal((await live()).deployment, second);
  });

  test("a rollback to an unknown deployment or on an unknown stage is refused", async () => {
    const rows = [
      [STAGE, `d${"a".repeat(25)}`],
      ["/sites/shop/stages/nowhere", null],
    ];
    for (const [stage, deployment] of rows) {
      const response = await worker.api("POST", `${stage}/rollback`, { deployment });
      assert.ok([404, 409, 422].includes(response.status), response.text);
    }
  });
});

// A rollback restores everything: bytes, headers, redirects and 404 rules alike.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { AT_ONCE } from "./lib/check.mjs";
import { publish, selvedge } from "./lib/cli.mjs";
import { BASE, start } from "./lib/worker.mjs";

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

describe("rollback", () => {
  let worker;
  let first;
  let second;

  const look = async (host = "shop") => {
    const answers = [];
    for (const path of PATHS) {
      for (const method of ["GET", "HEAD"]) {
        const headers = { accept: "text/html", "sec-fetch-mode": "navigate" };
        const answer = await worker.get(host, path, { method, headers });
        answers.push({
          path,
          method,
          status: answer.status,
          headers: answer.headers.stable(),
          text: answer.text,
        });
      }
    }
    return answers;
  };

  const command = async (...args) => {
    const result = await selvedge(worker, args);
    assert.equal(result.code, 0, result.stdout + result.stderr);
    return result.json;
  };

  before(async () => {
    worker = await start({ vars: AT_ONCE });
    first = await publish(worker, "shop", V1);
  });
  after(() => worker.stop());

  test("after v1, v2, rollback, every path answers as under v1", async () => {
    const under1 = await look();
    second = await publish(worker, "shop", V2);
    const under2 = await look();
    assert.notDeepEqual(under2, under1);
    await command("rollback", "--site", "shop");
    assert.deepEqual(await look(), under1);
    await command("rollback", "--site", "shop", second.deployment);
    assert.deepEqual(await look(), under2);
    await command("rollback", "--site", "shop", first.deployment);
    assert.deepEqual(await look(), under1);
  });

  test("old fingerprinted files go on working after a deploy, and only they", async () => {
    await publish(worker, "shop", V2);
    const old = await worker.get("shop", "/assets/app.1f2a91bc.js");
    assert.equal(old.status, 200);
    assert.equal(old.text, "one()");
    assert.equal(old.headers.value("cache-control"), "public, max-age=31536000, immutable");
    const page = await worker.get("shop", "/gone", { headers: { accept: "*/*" } });
    assert.notEqual(page.text, "<!doctype html>gone later");
  });

  test("promotion: one stage shows what another does", async () => {
    await publish(worker, "shop", V1, { stage: "sandbox" });
    await command("promote", "--site", "shop", "--from", "sandbox", "--to", "production");
    const production = await worker.get("shop", "/");
    const sandbox = await worker.get(`sandbox--shop.${BASE}`, "/");
    assert.equal(production.text, sandbox.text);
    assert.match(
      production.headers.value("selvedge-deployment"),
      new RegExp(`^${first.deployment};stage=production`),
    );
  });

  test("sequence numbers only grow, and a stale expectation loses and hears who won", async () => {
    const live = (await worker.api("GET", "/sites/shop/stages/production")).json;
    const activate = (deployment, expected) =>
      worker.api("POST", "/sites/shop/stages/production/activate", {
        deployment,
        expected_seq: expected,
      });
    const won = await activate(second.deployment, live.seq);
    assert.equal(won.status, 200, won.text);
    assert.ok(won.json.seq > live.seq);
    const lost = await activate(first.deployment, live.seq);
    assert.equal(lost.status, 409);
    assert.equal(lost.json.error.code, "lost-race");
    assert.equal((lost.json.winner ?? lost.json.error.winner).deployment, second.deployment);
    const later = (await worker.api("GET", "/sites/shop/stages/production")).json;
    assert.equal(later.deployment, second.deployment);
  });

  test("what can't be rolled back to is refused", async () => {
    const strange = `d${"a".repeat(25)}`;
    const answer = await worker.api("POST", "/sites/shop/stages/production/rollback", {
      deployment: strange,
    });
    assert.ok([404, 409, 422].includes(answer.status), answer.text);
    const fresh = await worker.api("POST", "/sites/shop/stages/nowhere/rollback", {
      deployment: null,
    });
    assert.ok([404, 409, 422].includes(fresh.status), fresh.text);
  });
});

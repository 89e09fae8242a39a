// Publishing: uploads and interruptions.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AT_ONCE, matches, wellFormed } from "./lib/check.mjs";
import { command, folder, publish, selvedge } from "./lib/cli.mjs";
import { start, suiteWorker } from "./lib/worker.mjs";

const worker = suiteWorker(() => start({ vars: AT_ONCE }));

const isWrite = (operation) => /^(put|delete) /.test(operation);
const isBlob = (operation) => operation.startsWith("put blob/");
const isLive = (operation) => operation.startsWith("put live/");

/** Runs `work`; resolves to the store operations that it caused. */
async function operationsOf(work) {
  await worker.shim({ reset: true });
  await work();
  return (await worker.shim()).ops;
}

/** Returns files that no coding makes smaller, so that each is one blob. */
function incompressible(count, bytes = 600) {
  const names = Array.from({ length: count }, (_, i) => String(i).padStart(4, "0"));
  return Object.fromEntries(names.map((name) => [`data/${name}.bin`, randomBytes(bytes)]));
}

/** Runs a publish and kills it just before its store operation number `k`. */
async function killedAt(k, site, dir) {
  await worker.shim({ reset: true, haltAt: k });
  let child;
  let hasEnded = false;
  const onStart = (started) => (child = started);
  const ending = selvedge(worker, ["publish", dir, "--site", site], { onStart });
  ending.then(() => (hasEnded = true));
  while (!hasEnded && !(await worker.shim()).halted) await sleep(10);
  child.kill("SIGKILL");
  await ending;
  const { ops } = await worker.shim();
  await worker.shim({ reset: true });
  return { ops: ops.slice(0, k - 1), due: ops[k - 1] };
}

describe("uploads", () => {
  let dir;
  before(async () => {
    dir = folder({ "index.html": "<!doctype html>one", ...incompressible(20) });
    const first = await publish(worker, "sent", dir);
    assert.ok(first.activated);
    assert.ok(first.blobs_sent >= 21, `${first.blobs_sent} blobs`);
  });

  test("the same folder again uploads no blob and changes nothing", async () => {
    const live = async () =>
      (await worker.api("GET", "/sites/sent/stages/production")).json.deployment;
    const earlier = await live();
    const ops = await operationsOf(async () => {
      assert.equal((await publish(worker, "sent", dir)).blobs_sent, 0);
    });
    assert.deepEqual(ops.filter(isBlob), []);
    assert.equal(await live(), earlier);
  });

  test("one edit uploads one file's blobs", async () => {
    writeFileSync(join(dir, "data/0007.bin"), randomBytes(601));
    const { blobs_sent } = await publish(worker, "sent", dir);
    // The file, and at most the manifest shard that lists it.
    assert.ok(blobs_sent >= 1 && blobs_sent <= 2, `${blobs_sent} blobs`);
  });

  test("a dry run changes nothing", async () => {
    writeFileSync(join(dir, "data/0008.bin"), randomBytes(602));
    const args = ["publish", dir, "--site", "sent", "--dry-run"];
    const ops = await operationsOf(() => command(worker, args));
    assert.deepEqual(ops.filter(isWrite), []);
  });

  test("an invalid token is refused before anything is uploaded", async () => {
    const ops = await operationsOf(async () => {
      const args = ["publish", dir, "--site", "sent"];
      const { code, json } = await selvedge(worker, args, { token: "wrong" });
      assert.notEqual(code, 0);
      assert.equal(json.error.code, "unauthorized");
    });
    assert.deepEqual(ops.filter(isWrite), []);
  });
});

describe("interruptions", () => {
  test("a publish that is run again uploads only the rest", async () => {
    await publish(worker, "resume", { "index.html": "<!doctype html>before" });
    const dir = folder({ "index.html": "<!doctype html>after", ...incompressible(600) });
    const { ops } = await killedAt(300, "resume", dir);
    const stored = ops.filter(isBlob).length;
    assert.ok(stored > 100, `${stored} blobs before the kill`);
    assert.match((await worker.get("resume", "/")).text, /before/);
    const { blobs_sent } = await publish(worker, "resume", dir);
    const isRest = blobs_sent >= 601 - stored && blobs_sent <= 603 - stored;
    assert.ok(isRest, `${blobs_sent} uploaded, ${stored} were stored`);
    assert.match((await worker.get("resume", "/")).text, /after/);
    assert.equal((await worker.get("resume", "/data/0599.bin")).status, 200);
  });

  test("nothing changes before the last store operation", async (t) => {
    const version = (text) => ({
      "index.html": `<!doctype html>${text}`,
      "style.css": `/* ${text} */`,
      "404.html": `<!doctype html>nothing in ${text}`,
      _headers: `/*\n  X-Version: ${text}\n`,
    });
    const look = async () => {
      const found = [];
      for (const path of ["/", "/style.css", "/nothing"]) {
        const { status, headers, text } = await worker.get("killed", path);
        found.push({ status, headers: headers.stable(), text });
      }
      return found;
    };
    await publish(worker, "killed", version("v0"));
    const ops = await operationsOf(() => publish(worker, "killed", version("v1")));
    const commit = ops.findLastIndex(isLive) + 1;
    assert.ok(commit > 3, `operations: ${ops}`);
    let served = await look();
    for (let k = 1; k <= ops.length; k += 1) {
      const operation = ops[k - 1].replace(/[0-9a-f]{40,}/, "...");
      await t.test(`killed before ${k} of ${ops.length}: ${operation}`, async () => {
        // New bytes each time, so that each attempt needs every operation before it.
        const { due } = await killedAt(k, "killed", folder(version(`attempt ${k}`)));
        const now = await look();
        if (k <= commit) return assert.deepEqual(now, served, `killed before ${due}`);
        assert.equal(new Set(now.map(({ headers }) => headers["selvedge-deployment"])).size, 1);
        served = now;
      });
    }
    await publish(worker, "killed", version("v2"));
    assert.match((await worker.get("killed", "/")).text, /v2/);
  });
});

test("a store that fails sometimes does not stop a publish", async () => {
  await worker.shim({ reset: true, failing: 0.05, seed: 7 });
  const dir = folder({ "index.html": "<!doctype html>through", ...incompressible(50) });
  await publish(worker, "through", dir);
  await worker.shim({ reset: true });
  assert.match((await worker.get("through", "/")).text, /through/);
});

test("a single-page application with Netlify's files", async () => {
  const page = "<!doctype html>shell";
  const { notes, warnings } = await publish(worker, "spa", {
    "index.html": "<!doctype html>prerendered",
    "200.html": page,
    "404.html": "<!doctype html>shell of 404",
    "assets/app.js": "console.log(1)",
    _redirects: "/old /new 301\n/*  /200.html  200\n",
  });
  assert.deepEqual([warnings.length, notes.length, notes[0].line], [0, 1, 2]);
  /** path, Sec-Fetch-Mode, expected response. */
  const rows = [
    ["/", "navigate", { status: 200, text: "<!doctype html>prerendered" }],
    ["/users/7/edit", "navigate", { status: 200, text: page }],
    ["/assets/app.js", "no-cors", { status: 200, text: "console.log(1)" }],
    ["/assets/gone.js", "no-cors", { status: 404 }],
    ["/old", "navigate", { status: 301 }],
  ];
  for (const [path, mode, expected] of rows) {
    const response = await worker.get("spa", path, { headers: { "sec-fetch-mode": mode } });
    matches(wellFormed(response, path), expected, path);
  }
});

test("a folder with a mistake is refused with its line, and nothing is published", async () => {
  const dir = folder({ "index.html": "home", _headers: "/*\n  Basic-Auth: user:secret\n" });
  const { code, json, stdout } = await selvedge(worker, ["publish", dir, "--site", "secret"]);
  assert.equal(code, 1);
  const [problem] = json.error.problems;
  assert.equal(problem.line, 2);
  assert.match(problem.message, /every visitor/);
  assert.doesNotMatch(stdout, /user:secret/);
  assert.equal((await worker.get("secret", "/")).status, 421);
});

// Publishing: what is sent, what an interruption leaves, what is refused.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AT_ONCE } from "./lib/check.mjs";
import { folder, publish, selvedge } from "./lib/cli.mjs";
import { siteToken } from "./lib/fixture.mjs";
import { start } from "./lib/worker.mjs";

let worker;
before(async () => {
  worker = await start({ vars: AT_ONCE });
});
after(() => worker.stop());

const isWrite = (operation) => /^(put|delete) /.test(operation);
const isBlob = (operation) => operation.startsWith("put blob/");
const isLive = (operation) => operation.startsWith("put live/");

/** Files that no coding makes smaller, so that each is one blob. */
function incompressible(count, bytes = 600) {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `data/${String(i).padStart(4, "0")}.bin`,
      randomBytes(bytes),
    ]),
  );
}

/** Runs a publish and kills it the moment its store operation number `k` is due. */
async function killedAt(k, site, dir) {
  await worker.shim({ reset: true, haltAt: k });
  let child;
  const ending = selvedge(worker, ["publish", dir, "--site", site], {
    onStart: (started) => (child = started),
  });
  let ended = null;
  ending.then((result) => (ended = result));
  for (;;) {
    const { halted } = await worker.shim();
    if (halted || ended) break;
    await sleep(10);
  }
  child.kill("SIGKILL");
  const result = await ending;
  const { ops } = await worker.shim();
  await worker.shim({ reset: true });
  return { result, ops: ops.slice(0, k - 1), due: ops[k - 1] };
}

describe("what is sent", () => {
  let dir;
  before(async () => {
    dir = folder({ "index.html": "<!doctype html>one", ...incompressible(20) });
    const first = await publish(worker, "sent", dir);
    assert.ok(first.activated);
    assert.ok(first.blobs_sent >= 21, `${first.blobs_sent} blobs`);
  });

  test("the same folder again sends no blob and changes nothing", async () => {
    const earlier = await worker.api("GET", "/sites/sent/stages/production");
    await worker.shim({ reset: true });
    const again = await publish(worker, "sent", dir);
    assert.equal(again.blobs_sent, 0);
    const { ops } = await worker.shim();
    assert.deepEqual(ops.filter(isBlob), []);
    const later = await worker.api("GET", "/sites/sent/stages/production");
    assert.equal(later.json.deployment, earlier.json.deployment);
  });

  test("one edit sends one file's blobs", async () => {
    writeFileSync(join(dir, "data/0007.bin"), randomBytes(601));
    await worker.shim({ reset: true });
    const edited = await publish(worker, "sent", dir);
    // The file, and at most the shard of the manifest that names it.
    assert.ok(edited.blobs_sent >= 1 && edited.blobs_sent <= 2, `${edited.blobs_sent} blobs`);
  });

  test("a dry run changes nothing", async () => {
    writeFileSync(join(dir, "data/0008.bin"), randomBytes(602));
    await worker.shim({ reset: true });
    const result = await selvedge(worker, ["publish", dir, "--site", "sent", "--dry-run"]);
    assert.equal(result.code, 0, result.stderr);
    const { ops } = await worker.shim();
    assert.deepEqual(ops.filter(isWrite), []);
  });

  test("a site's own token publishes to it, and only to it", async () => {
    const { token } = await siteToken(worker, "sent", ["publish"]);
    await publish(worker, "sent", dir, { token });
    const other = await selvedge(worker, ["publish", dir, "--site", "other"], { token });
    assert.notEqual(other.code, 0);
    assert.equal(other.json.error.code, "forbidden");
  });

  test("a wrong token is refused before anything is sent", async () => {
    await worker.shim({ reset: true });
    const result = await selvedge(worker, ["publish", dir, "--site", "sent"], { token: "wrong" });
    assert.notEqual(result.code, 0);
    assert.equal(result.json.error.code, "unauthorized");
    assert.deepEqual((await worker.shim()).ops.filter(isWrite), []);
  });
});

describe("interrupted", () => {
  test("half-way, and run again: only the rest is sent", async () => {
    await publish(worker, "resume", { "index.html": "<!doctype html>before" });
    const dir = folder({ "index.html": "<!doctype html>after", ...incompressible(600) });
    await worker.shim({ reset: true });
    const { ops } = await killedAt(300, "resume", dir);
    const stored = ops.filter(isBlob).length;
    assert.ok(stored > 100, `${stored} blobs before the kill`);
    assert.match((await worker.get("resume", "/")).text, /before/);
    const rest = await publish(worker, "resume", dir);
    assert.ok(rest.blobs_sent >= 601 - stored, `${rest.blobs_sent} sent, ${stored} were there`);
    assert.ok(rest.blobs_sent <= 603 - stored, `${rest.blobs_sent} sent, ${stored} were there`);
    assert.match((await worker.get("resume", "/")).text, /after/);
    const last = await worker.get("resume", "/data/0599.bin");
    assert.equal(last.status, 200);
  });

  test("before each store operation: nothing changes until the last one", async (t) => {
    const paths = ["/", "/style.css", "/nothing"];
    const version = (text) => ({
      "index.html": `<!doctype html>${text}`,
      "style.css": `/* ${text} */`,
      "404.html": `<!doctype html>nothing in ${text}`,
      _headers: `/*\n  X-Version: ${text}\n`,
    });
    const look = async () => {
      const answers = [];
      for (const path of paths) {
        const answer = await worker.get("killed", path);
        answers.push({
          status: answer.status,
          headers: answer.headers.stable(),
          text: answer.text,
        });
      }
      return answers;
    };
    await publish(worker, "killed", version("v0"));
    await worker.shim({ reset: true });
    await publish(worker, "killed", version("v1"));
    const { ops } = await worker.shim();
    const commit = ops.findLastIndex(isLive) + 1;
    assert.ok(commit > 3, `operations: ${ops}`);
    let served = await look();
    for (let k = 1; k <= ops.length; k += 1) {
      await t.test(
        `${k} of ${ops.length}: ${ops[k - 1].replace(/[0-9a-f]{40,}/, "...")}`,
        async () => {
          // New bytes each time, so that each attempt has every operation before it.
          const { due } = await killedAt(k, "killed", folder(version(`attempt ${k}`)));
          const now = await look();
          if (k <= commit) {
            assert.deepEqual(now, served, `killed before ${due}`);
          } else {
            assert.equal(new Set(now.map(({ headers }) => headers["selvedge-deployment"])).size, 1);
            served = now;
          }
        },
      );
    }
    await publish(worker, "killed", version("v2"));
    assert.match((await worker.get("killed", "/")).text, /v2/);
  });
});

describe("refused", () => {
  const refused = async (dir, pattern) => {
    await worker.shim({ reset: true });
    const result = await selvedge(worker, ["publish", dir, "--site", "refused"]);
    assert.equal(result.code, 1, `exit code ${result.code}: ${result.stdout}${result.stderr}`);
    const { ops } = await worker.shim();
    assert.deepEqual(ops.filter(isBlob), [], "nothing was sent");
    const said = result.stdout + result.stderr;
    for (const one of [pattern].flat()) assert.match(said, one);
    return result;
  };

  test("broken rules, all of them at once, with file and line", async () => {
    const dir = folder({
      "index.html": "x",
      _redirects: "/a /b 999\n/c\n",
      _headers: "/*\n  Bad Name: x\n",
      "selvedge.toml": 'htlm = "rewrite"\nnot_found = "404"\n',
    });
    await refused(dir, [/_redirects/, /_headers/, /selvedge\.toml/, /html/]);
  });

  test("a link out of the folder", async () => {
    const dir = folder({ "index.html": "x" });
    symlinkSync("/etc/hostname", join(dir, "out.txt"));
    await refused(dir, /out\.txt/);
  });

  test("names that can't be, each in the list", async () => {
    const dir = folder({ "index.html": "x", ".selvedge/x.txt": "x" });
    writeFileSync(
      Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0x66, 0xff, 0x2e, 0x74])]),
      "x",
    );
    writeFileSync(join(dir, "back\\slash.txt"), "x");
    await refused(dir, [/back/, /UTF-8/i]);
  });

  test("an empty folder, and one that is not there", async () => {
    await refused(folder({}), /nothing to publish/);
    const result = await selvedge(worker, ["publish", "/nonexistent-folder", "--site", "refused"]);
    assert.notEqual(result.code, 0);
  });

  test("a site name that can't be", async () => {
    const result = await selvedge(worker, [
      "publish",
      folder({ "index.html": "x" }),
      "--site",
      "Not--OK",
    ]);
    assert.notEqual(result.code, 0);
  });
});

describe("a store that fails now and then", () => {
  test("publishing goes through all the same", async () => {
    await worker.shim({ reset: true, failing: 0.05, seed: 7 });
    const dir = folder({ "index.html": "<!doctype html>through", ...incompressible(50) });
    await publish(worker, "through", dir);
    await worker.shim({ reset: true });
    assert.match((await worker.get("through", "/")).text, /through/);
  });
});

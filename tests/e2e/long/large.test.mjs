// A site of 20,000 files, and the documentation that comes with the Rust toolchain: published,
// looked at by hash, published again unchanged, after one edit, and after an interruption.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { publish, selvedge } from "../lib/cli.mjs";
import { AT_ONCE } from "../lib/check.mjs";
import { sha256 } from "../lib/fixture.mjs";
import { folder } from "../lib/cli.mjs";
import { scratch, start } from "../lib/worker.mjs";

const SAMPLE = 1000;
const SLOW = { timeout: 1_800_000 };

function walk(root, at = root, found = []) {
  for (const entry of readdirSync(at, { withFileTypes: true })) {
    const path = join(at, entry.name);
    if (entry.isDirectory()) walk(root, path, found);
    else if (!path.split("/").some((part) => part.startsWith(".")))
      found.push(relative(root, path));
  }
  return found;
}

/** Every n-th file, so that the sample is the same each time and spread over the site. */
function sample(files) {
  const every = Math.max(1, Math.floor(files.length / SAMPLE));
  return files
    .sort()
    .filter((_, i) => i % every === 0)
    .slice(0, SAMPLE);
}

async function checkSample(worker, site, root, files) {
  for (const file of sample(files)) {
    const path = `/${file.split("/").map(encodeURIComponent).join("/")}`;
    let answer = await worker.get(site, path, { headers: { "accept-encoding": "identity" } });
    if (answer.status === 307) {
      const location = answer.headers.value("location");
      answer = await worker.get(site, location, { headers: { "accept-encoding": "identity" } });
    }
    assert.equal(answer.status, 200, path);
    assert.equal(sha256(answer.body), sha256(readFileSync(join(root, file))), path);
  }
}

async function wholeLife(t, worker, site, root) {
  const files = walk(root);
  await t.test(`${files.length} files`, async () => {
    const first = await publish(worker, site, root);
    t.diagnostic(`published in ${first.seconds} s, ${first.blobs_sent} blobs`);
    await checkSample(worker, site, root, files);
  });
  await t.test("again, unchanged: no blob", async () => {
    const again = await publish(worker, site, root);
    t.diagnostic(`unchanged: ${again.seconds} s`);
    assert.equal(again.blobs_sent, 0);
  });
  await t.test("one edit: one file's blobs", async () => {
    const page = join(
      root,
      files.find((file) => file.endsWith(".html")),
    );
    writeFileSync(page, `${readFileSync(page)}<!-- edited ${Date.now()} -->`);
    const edited = await publish(worker, site, root);
    t.diagnostic(`one edit: ${edited.seconds} s, ${edited.blobs_sent} blobs`);
    // The file in four codings, and the shard that names it.
    assert.ok(edited.blobs_sent >= 1 && edited.blobs_sent <= 6, `${edited.blobs_sent} blobs`);
  });
}

test("a site of 20,000 files", SLOW, async (t) => {
  const worker = await start({ vars: AT_ONCE, state: scratch() });
  try {
    const files = Array.from({ length: 20_000 }, (_, i) => [
      `section-${i % 97}/page-${i}.html`,
      `<!doctype html><title>${i}</title>${"text ".repeat(i % 50)}`,
    ]);
    await wholeLife(t, worker, "large", folder(Object.fromEntries(files)));
  } finally {
    await worker.stop();
  }
});

test("the Rust documentation", SLOW, async (t) => {
  const sysroot = execFileSync("rustc", ["--print", "sysroot"]).toString().trim();
  const docs = join(sysroot, "share/doc/rust/html");
  if (!existsSync(docs)) return t.skip("this toolchain came without its documentation");
  const root = join(scratch(), "docs");
  cpSync(docs, root, { recursive: true });
  const worker = await start({ vars: AT_ONCE, state: scratch() });
  try {
    await t.test("interrupted half-way, nothing is live", async () => {
      let child;
      const args = ["publish", root, "--site", "rust"];
      const ending = selvedge(worker, args, { onStart: (started) => (child = started) });
      for (let ops = 0; ops < 60; await sleep(50)) ops = (await worker.shim()).ops.length;
      child.kill("SIGKILL");
      await ending;
      assert.equal((await worker.get("rust", "/")).status, 421);
    });
    await wholeLife(t, worker, "rust", root);
  } finally {
    await worker.stop();
  }
});

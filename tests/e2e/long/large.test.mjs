// A site of 20,000 files, and the Rust documentation: published, sampled, published again unchanged
// and after an edit, and interrupted.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { published } from "../../frameworks/lib/build.mjs";
import { follow } from "../../frameworks/lib/links.mjs";
import { AT_ONCE } from "../lib/check.mjs";
import { folder, publish, selvedge } from "../lib/cli.mjs";
import { scratch, start } from "../lib/worker.mjs";

const SAMPLE = 1000;
const SLOW = { timeout: 1_800_000 };

/** Compares every n-th file with the response at its address. */
async function checkSample(worker, site, root, files) {
  const every = Math.max(1, Math.floor(files.length / SAMPLE));
  for (const file of files.filter((_, i) => i % every === 0).slice(0, SAMPLE)) {
    const path = `/${file.split("/").map(encodeURIComponent).join("/")}`;
    const { answer, hops } = await follow(worker, site, path);
    assert.equal(answer.status, 200, path);
    assert.ok(hops <= 1, `${path}: ${hops} redirects`);
    assert.ok(answer.body.equals(readFileSync(join(root, file))), path);
  }
}

async function publishAndEdit(t, worker, site, root) {
  const files = published(root);
  await t.test(`publishes ${files.length} files`, async () => {
    const first = await publish(worker, site, root);
    t.diagnostic(`published in ${first.seconds} s, ${first.blobs_sent} blobs`);
    await checkSample(worker, site, root, files);
  });
  await t.test("uploads no blob if nothing changed", async () => {
    const again = await publish(worker, site, root);
    t.diagnostic(`unchanged: ${again.seconds} s`);
    assert.equal(again.blobs_sent, 0);
  });
  await t.test("uploads one file's blobs after an edit", async () => {
    const name = files.find((file) => file.endsWith(".html"));
    const page = join(root, name);
    writeFileSync(page, `${readFileSync(page)}<!-- edited ${Date.now()} -->`);
    const { blobs_sent, seconds } = await publish(worker, site, root);
    t.diagnostic(`one edit: ${seconds} s, ${blobs_sent} blobs`);
    // The file in four codings, and the shard that lists it.
    assert.ok(blobs_sent >= 1 && blobs_sent <= 6, `${blobs_sent} blobs`);
  });
}

/** A test with a worker that keeps its data on disk. */
function testOnDisk(name, work) {
  test(name, SLOW, async (t) => {
    const worker = await start({ vars: AT_ONCE, state: scratch() });
    try {
      await work(t, worker);
    } finally {
      await worker.stop();
    }
  });
}

testOnDisk("a site of 20,000 files", async (t, worker) => {
  const files = Array.from({ length: 20_000 }, (_, i) => [
    `section-${i % 97}/page-${i}.html`,
    `<!doctype html><title>${i}</title>${"text ".repeat(i % 50)}`,
  ]);
  await publishAndEdit(t, worker, "large", folder(Object.fromEntries(files)));
});

testOnDisk("the Rust documentation", async (t, worker) => {
  const sysroot = execFileSync("rustc", ["--print", "sysroot"]).toString().trim();
  const docs = join(sysroot, "share/doc/rust/html");
  if (!existsSync(docs)) return t.skip("this toolchain has no documentation");
  const root = join(scratch(), "docs");
  cpSync(docs, root, { recursive: true });
  await t.test("interrupted half-way, nothing is live", async () => {
    let child;
    const onStart = (started) => (child = started);
    const ending = selvedge(worker, ["publish", root, "--site", "rust"], { onStart });
    for (let ops = 0; ops < 60; await sleep(50)) ops = (await worker.shim()).ops.length;
    child.kill("SIGKILL");
    await ending;
    assert.equal((await worker.get("rust", "/")).status, 421);
  });
  await publishAndEdit(t, worker, "rust", root);
});

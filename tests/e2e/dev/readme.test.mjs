// Runs every shell block of the README's "Publish a site of your own", in order, against a fresh
// `make dev`. Only the port and the example's folder are replaced.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, freePort } from "../../../scripts/lib.mjs";
import { get } from "../lib/client.mjs";
import { checkout, dev } from "../lib/make_dev.mjs";
import { scratch } from "../lib/worker.mjs";

const README = readFileSync(join(ROOT, "README.md"), "utf8");
const SECTION = README.match(/^## Publish a site of your own\n(.*?)^## /ms)[1];
const FOLDER = "/tmp/hello";
/** The README says to wait for this line. */
const AGAIN = "ready again";
/** Maximum time of a block, which is a few calls. */
const BLOCK_MS_MAX = 60_000;
/** Printed by the shell at the end of a block. */
const MARK = "-- end of the block:";

/** A shell that stays open like a terminal, so that a block's variables stay set. */
class Shell {
  constructor(cwd) {
    const env = { ...process.env, NO_COLOR: "1", XDG_CACHE_HOME: scratch() };
    for (const name of ["SELVEDGE_URL", "SELVEDGE_TOKEN", "SELVEDGE_SITE"]) delete env[name];
    this.child = spawn("bash", ["--noprofile", "--norc"], { cwd, env });
    this.output = "";
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on("data", (data) => (this.output += data));
    }
  }

  /** Runs a block until a command fails; resolves to `{code, text}`. */
  async run(block) {
    this.output = "";
    this.child.stdin.write(`set -e; trap 'echo "${MARK} $?"' EXIT\n`);
    this.child.stdin.write(`${block}\ntrap - EXIT; echo "${MARK} 0"\n`);
    const until = Date.now() + BLOCK_MS_MAX;
    for (;;) {
      const found = this.output.match(new RegExp(`${MARK} (\\d+)\n`));
      if (found) return { code: Number(found[1]), text: this.output };
      assert.ok(this.child.exitCode === null && Date.now() < until, this.output);
      await sleep(20);
    }
  }
}

/** Returns the shell blocks, each with the text before it. */
function blocks(text) {
  const found = [...text.matchAll(/(.*?)^```sh\n(.*?)^```$/gms)];
  return found.map(([, before, block]) => ({ before, block }));
}

describe("the README's first publish", () => {
  const shells = [];
  const open = (cwd) => {
    shells.push(new Shell(cwd));
    return shells.at(-1);
  };
  after(() => shells.forEach((shell) => shell.child.kill()));

  test("every block exits with 0, and every address answers 200", async () => {
    const cwd = checkout();
    const port = await freePort();
    const section = SECTION.replaceAll("localhost:8787", `localhost:${port}`).replaceAll(
      FOLDER,
      join(scratch(), "hello"),
    );
    const found = blocks(section);
    assert.ok(found.length >= 4, `${found.length} blocks`);
    const { prints, output, interrupt } = await dev(scratch(), { port, cwd });
    const shell = open(cwd);
    let key = null;
    let from = output().length;
    for (const { before, block } of found) {
      if (before.includes(`\`${AGAIN}\``)) await prints(AGAIN, 60_000, from);
      from = output().length;
      const { code, text } = await shell.run(block);
      assert.equal(code, 0, `${block}\n${text}`);
      assert.doesNotMatch(text, /warning|error/i, `${block}\n${text}`);
      key ??= text.match(/^slk_\S+$/m)?.[0] ?? null;
    }
    assert.ok(key, "a block creates a key");
    const urls = section.matchAll(/http:\/\/([a-z-]+\.localhost:\d+)(\/[^\s>,;`]*)/g);
    const addresses = new Set([...urls].map(([, host, path]) => `${host} ${path}`));
    assert.ok(addresses.size >= 4, [...addresses].join(", "));
    for (const address of addresses) {
      const [host, path] = address.split(" ");
      const headers = host.startsWith("fresh--") ? { "x-api-key": key } : {};
      const response = await get(port, host, path, { headers });
      assert.equal(response.status, 200, `${address}: ${response.text}`);
    }
    await interrupt();
  });

  test("the commands that `make dev` prints work too", async () => {
    const cwd = checkout();
    const { port, output, interrupt } = await dev(scratch(), { cwd });
    const printed = output().match(/^    (export .*|target\/release\/.*)$/gm);
    const lines = printed.map((line) => line.trim());
    assert.equal(lines.length, 3, output());
    const [, address] = lines[2].match(/-> http:\/\/(\S+)\/$/);
    const { code, text } = await open(cwd).run(lines.join("\n").replace(/\s+-> .*$/, ""));
    assert.equal(code, 0, text);
    assert.equal((await get(port, address, "/")).status, 200);
    await interrupt();
  });
});

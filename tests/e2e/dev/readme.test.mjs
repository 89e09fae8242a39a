// "Publish a site of your own" of the README, typed as it is printed: every block of it, in order,
// against a fresh `make dev`. Only the port and the folder of the example are others.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { get } from "../lib/client.mjs";
import { checkout, dev } from "../lib/make_dev.mjs";
import { ROOT, freePort, scratch } from "../lib/worker.mjs";

const README = readFileSync(join(ROOT, "README.md"), "utf8");
const SECTION = README.match(/^## Publish a site of your own\n(.*?)^## /ms)[1];
const FOLDER = "/tmp/hello";
/** The line that the README says to wait for. */
const AGAIN = "ready again";
/** How long a block may take; each is a few calls. */
const BLOCK_MS_MAX = 60_000;
/** Ends the output of a block in the shell. */
const MARK = "-- end of the block:";

/** A shell that stays open, as a terminal does: a block's variables are there in the next. */
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

  /** Runs each command of a block as if it were typed; `{code, text}` of the first that fails. */
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

/** The section's shell blocks, each with the text before it. */
function blocks(text) {
  return [...text.matchAll(/(.*?)^```sh\n(.*?)^```$/gms)].map(([, before, block]) => ({
    before,
    block,
  }));
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
    const mine = SECTION.replaceAll("localhost:8787", `localhost:${port}`).replaceAll(
      FOLDER,
      join(scratch(), "hello"),
    );
    const found = blocks(mine);
    assert.ok(found.length >= 4, `${found.length} blocks`);
    const { make, ended, says, said } = await dev(port, scratch(), { cwd });
    const shell = open(cwd);
    let key = null;
    let from = said().length;
    for (const { before, block } of found) {
      if (before.includes(`\`${AGAIN}\``)) await says(AGAIN, 60_000, from);
      from = said().length;
      const { code, text } = await shell.run(block);
      assert.equal(code, 0, `${block}\n${text}`);
      assert.doesNotMatch(text, /warning|error/i, `${block}\n${text}`);
      key ??= text.match(/^slk_\S+$/m)?.[0] ?? null;
    }
    assert.ok(key, "a block makes a key");
    const addresses = new Set(
      [...mine.matchAll(/http:\/\/([a-z-]+\.localhost:\d+)(\/[^\s>,;`]*)/g)].map(
        ([, host, path]) => `${host} ${path}`,
      ),
    );
    assert.ok(addresses.size >= 4, [...addresses].join(", "));
    for (const address of addresses) {
      const [host, path] = address.split(" ");
      const headers = host.startsWith("fresh--") ? { "x-api-key": key } : {};
      const answer = await get(port, host, path, { headers });
      assert.equal(answer.status, 200, `${address}: ${answer.text}`);
    }
    process.kill(-make.pid, "SIGINT");
    await ended;
  });

  test("what `make dev` prints can be typed, too", async () => {
    const cwd = checkout();
    const { make, ended, port, said } = await dev(await freePort(), scratch(), { cwd });
    const lines = said().match(/^    (export .*|target\/release\/.*)$/gm).map((line) => line.trim());
    assert.equal(lines.length, 3, said());
    const [, address] = lines[2].match(/-> http:\/\/(\S+)\/$/);
    const shell = open(cwd);
    const { code, text } = await shell.run(lines.join("\n").replace(/\s+-> .*$/, ""));
    assert.equal(code, 0, text);
    assert.equal((await get(port, address, "/")).status, 200);
    process.kill(-make.pid, "SIGINT");
    await ended;
  });
});

// Runs `make dev` as a child process, in this repository or in a copy of it.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, freePort } from "../../../scripts/lib.mjs";
import { scratch } from "./worker.mjs";

const READY_MS_MAX = 120_000;
/** Files that are copied. The rest is linked, so that nothing is rebuilt. */
const COPIED = ["scripts", "wrangler.toml", "README.md"];
const LEFT_OUT = [".git", ".dev.vars", ".wrangler", ...COPIED];

const running = new Set();
// After a failed test, its processes would keep this one alive.
after(() => {
  for (const make of running) process.kill(-make.pid, "SIGTERM");
});

/** Copies the repository and changes `files`: path -> function of the text. */
export function checkout(files = {}) {
  const copy = scratch("selvedge-checkout-");
  for (const name of readdirSync(ROOT)) {
    if (!LEFT_OUT.includes(name)) symlinkSync(join(ROOT, name), join(copy, name));
  }
  // Newer scripts would cause a rebuild.
  for (const name of COPIED) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  }
  for (const [name, change] of Object.entries(files)) {
    const file = join(copy, name);
    writeFileSync(file, change(readFileSync(file, "utf8")));
  }
  return copy;
}

/** Starts `make dev` in its own process group; resolves when it is ready. */
export async function dev(state, { port = null, store = "r2", cwd = ROOT } = {}) {
  port ??= await freePort();
  const settings = { PORT: String(port), STATE_DIR: state, STORE: store };
  const env = { ...process.env, ...settings, MAKEFLAGS: "", MAKELEVEL: "" };
  const stdio = ["ignore", "pipe", "pipe"];
  const make = spawn("make", ["dev"], { cwd, env, detached: true, stdio });
  running.add(make);
  let output = "";
  for (const stream of [make.stdout, make.stderr]) stream.on("data", (data) => (output += data));
  const ended = new Promise((resolve) => make.once("exit", resolve));
  ended.then(() => running.delete(make));
  const since = Date.now();
  /** Waits for `words` after the first `from` characters of the output. */
  const prints = async (words, msMax = READY_MS_MAX, from = 0) => {
    const until = Date.now() + msMax;
    while (!output.slice(from).includes(words)) {
      assert.ok(make.exitCode === null && Date.now() < until, `${words}\n${output}`);
      await sleep(50);
    }
  };
  /** Interrupts the whole group, as Ctrl-C does. */
  const interrupt = () => {
    process.kill(-make.pid, "SIGINT");
    return ended;
  };
  await prints("Selvedge is running");
  const seconds = (Date.now() - since) / 1000;
  return { make, ended, port, seconds, output: () => output, prints, interrupt };
}

/** The processes whose command lines contain one of `marks`: `{pid, args}`. */
export function processes(...marks) {
  const lines = execFileSync("ps", ["axwwo", "pid,args"], { encoding: "utf8" }).split("\n");
  return lines
    .filter((line) => marks.some((mark) => line.includes(mark)) && !line.includes("node --test"))
    .map((line) => {
      const [, pid, args] = line.match(/^\s*(\d+)\s(.*)$/);
      return { pid: Number(pid), args };
    });
}

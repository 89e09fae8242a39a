// `make dev` as a child process, in this repository or in a copy of it.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, scratch } from "./worker.mjs";

const READY_MS_MAX = 120_000;
/** Files that are copied; the rest is linked, so that nothing is built again. */
const COPIED = ["scripts", "wrangler.toml", "README.md"];
const LEFT_OUT = [".git", ".dev.vars", ".wrangler", ...COPIED];

const running = new Set();
// A test that fails leaves its processes behind, and those would keep this one from ending.
after(() => {
  for (const make of running) process.kill(-make.pid, "SIGTERM");
});

/** A copy of the repository with `files` changed: path -> a function of the text. */
export function checkout(files = {}) {
  const copy = scratch("selvedge-checkout-");
  for (const name of readdirSync(ROOT)) {
    if (!LEFT_OUT.includes(name)) symlinkSync(join(ROOT, name), join(copy, name));
  }
  // With their times: a newer script would mean that all is to be built again.
  for (const name of COPIED) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  }
  for (const [name, change] of Object.entries(files)) {
    const file = join(copy, name);
    writeFileSync(file, change(readFileSync(file, "utf8")));
  }
  return copy;
}

/** Starts `make dev` in a process group of its own; resolves when it says that it is ready. */
export async function dev(port, state, { store = "r2", cwd = ROOT } = {}) {
  const env = {
    ...process.env,
    PORT: String(port),
    STATE_DIR: state,
    STORE: store,
    MAKEFLAGS: "",
    MAKELEVEL: "",
  };
  const make = spawn("make", ["dev"], {
    cwd,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(make);
  let said = "";
  for (const stream of [make.stdout, make.stderr]) stream.on("data", (data) => (said += data));
  const ended = new Promise((resolve) => make.once("exit", resolve));
  ended.then(() => running.delete(make));
  const since = Date.now();
  /** Resolves when `words` were said after the first `from` characters. */
  const says = async (words, msMax = READY_MS_MAX, from = 0) => {
    const until = Date.now() + msMax;
    while (!said.slice(from).includes(words)) {
      assert.ok(make.exitCode === null && Date.now() < until, `${words}\n${said}`);
      await sleep(50);
    }
  };
  await says("Selvedge is running");
  const seconds = (Date.now() - since) / 1000;
  return { make, ended, port, seconds, said: () => said, says };
}

/** The processes whose command lines have one of the marks: `{pid, args}`. */
export function processes(...marks) {
  const lines = execFileSync("ps", ["axwwo", "pid,args"], { encoding: "utf8" }).split("\n");
  return lines
    .filter((line) => marks.some((mark) => line.includes(mark)) && !line.includes("node --test"))
    .map((line) => {
      const [, pid, args] = line.match(/^\s*(\d+)\s(.*)$/);
      return { pid: Number(pid), args };
    });
}

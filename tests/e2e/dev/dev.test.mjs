// `make dev`, as a newcomer meets it: the welcome page in a real browser, a second start with its
// data still there, two of them side by side, and nothing left running after an interrupt.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { wellFormed } from "../lib/check.mjs";
import { get } from "../lib/client.mjs";
import { ROOT, freePort, scratch } from "../lib/worker.mjs";

const READY_MS_MAX = 120_000;
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const QUIET = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const running = new Set();

/** Starts `make dev` in a process group of its own; resolves when it says that it is ready. */
async function dev(port, state, store = "r2") {
  const env = {
    ...process.env,
    PORT: String(port),
    STATE_DIR: state,
    STORE: store,
    MAKEFLAGS: "",
    MAKELEVEL: "",
  };
  const make = spawn("make", ["dev"], {
    cwd: ROOT,
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
  while (!said.includes("Selvedge is running")) {
    assert.ok(make.exitCode === null && Date.now() - since < READY_MS_MAX, said);
    await sleep(50);
  }
  return { make, ended, port, seconds: (Date.now() - since) / 1000, said: () => said };
}

/** What is still running for this port or this state folder. */
function left(...marks) {
  const lines = execFileSync("ps", ["axwwo", "pid,args"], { encoding: "utf8" }).split("\n");
  return lines.filter(
    (line) => marks.some((mark) => line.includes(mark)) && !line.includes("node --test"),
  );
}

after(() => {
  for (const make of running) process.kill(-make.pid, "SIGTERM");
});

describe("make dev", () => {
  const state = scratch("selvedge-dev-");

  test("a first start publishes the page; an interrupt leaves nothing running", async () => {
    const { make, ended, port } = await dev(await freePort(), state);
    for (const host of [`localhost:${port}`, `www.localhost:${port}`]) {
      for (const path of ["/", "/nothing"]) {
        const page = wellFormed(await get(port, host, path), host + path);
        assert.equal(page.status, path === "/" ? 200 : 404);
        assert.match(page.text, /<!doctype html>/i);
      }
    }
    const page = await get(port, `www.localhost:${port}`, "/");
    assert.deepEqual(page.body, readFileSync(join(ROOT, "www/index.html")));
    process.kill(-make.pid, "SIGINT");
    await ended;
    await sleep(200);
    assert.deepEqual(left(state, `--port ${port}`), []);
  });

  test("a second start is quick and has its data; a browser shows it", async (t) => {
    const { make, ended, port, seconds, said } = await dev(await freePort(), state);
    t.diagnostic(`ready after ${seconds.toFixed(1)} s`);
    assert.ok(seconds < 15, `${seconds} s`);
    assert.doesNotMatch(said(), /publishing/);
    const browser = BROWSERS.find((name) => {
      try {
        return execFileSync("which", [name], { stdio: ["ignore", "pipe", "ignore"] });
      } catch {
        return false;
      }
    });
    if (browser) {
      const url = `http://www.localhost:${port}/`;
      const profile = `--user-data-dir=${scratch("selvedge-browser-")}`;
      const args = [...QUIET, profile, "--virtual-time-budget=5000", "--dump-dom", url];
      const { stdout } = await promisify(execFile)(browser, args, {
        maxBuffer: 1 << 24,
        timeout: 60_000,
      });
      // Filled in by the page's script, from the headers of its own response.
      assert.match(stdout, />\s*production\s*</);
      assert.match(stdout, />\s*(memory|edge|store)\s*</);
    } else {
      t.diagnostic("no browser on this machine");
    }
    make.kill("SIGTERM");
    await ended;
    await sleep(1000);
    assert.deepEqual(left(state, `--port ${port}`), []);
  });

  test("two side by side, one on R2 and one on KV", async () => {
    const other = scratch("selvedge-dev-");
    const both = await Promise.all([
      dev(await freePort(), state),
      dev(await freePort(), other, "kv"),
    ]);
    for (const { port } of both) {
      assert.equal((await get(port, `localhost:${port}`, "/")).status, 200);
    }
    for (const { make } of both) process.kill(-make.pid, "SIGINT");
    await Promise.all(both.map(({ ended }) => ended));
    await sleep(200);
    assert.deepEqual(left(state, other), []);
  });

  test("a port that is taken is said so", async () => {
    const { make, ended, port } = await dev(await freePort(), state);
    await assert.rejects(dev(port, scratch("selvedge-dev-")), new RegExp(`port ${port} is taken`));
    process.kill(-make.pid, "SIGINT");
    await ended;
  });
});

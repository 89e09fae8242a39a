// `make dev`, as a newcomer meets it: the welcome page in a real browser, a second start with its
// data still there, two of them side by side, restarts when the runtime dies or .dev.vars changes,
// and nothing left running after an interrupt.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { wellFormed } from "../lib/check.mjs";
import { get } from "../lib/client.mjs";
import { checkout, dev, processes } from "../lib/make_dev.mjs";
import { ROOT, freePort, scratch } from "../lib/worker.mjs";

/** From a dead worker to one that answers: three probes, an end and a start. */
const AGAIN_MS_MAX = 60_000;
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
/** What is still running for this port or this state folder. */
const left = (...marks) => processes(...marks);

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
      dev(await freePort(), other, { store: "kv" }),
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

  test("the runtime is killed: the worker answers again, with its data", async () => {
    const { make, ended, port, says, said } = await dev(await freePort(), state);
    for (const mark of [`entry=127.0.0.1:${port}`, `wrangler.js dev --ip 127.0.0.1 --port ${port}`]) {
      const from = said().length;
      const victims = processes(mark);
      assert.ok(victims.length > 0, mark);
      for (const { pid } of victims) process.kill(pid, "SIGKILL");
      await says("ready again", AGAIN_MS_MAX, from);
      assert.match(said().slice(from), /: restarting wrangler dev \.\.\./);
      assert.equal((await get(port, `www.localhost:${port}`, "/")).status, 200);
    }
    assert.doesNotMatch(said(), /(GET|HEAD) \/\.selvedge\/health/, "probes are not shown");
    make.kill("SIGKILL");
    await ended;
    for (let waited = 0; left(state, `--port ${port}`).length && waited < 10_000; waited += 100) {
      await sleep(100);
    }
    assert.deepEqual(left(state, `--port ${port}`), []);
  });

  test("a runtime that dies again and again ends it, with its log", async () => {
    const { make, ended, port, says, said } = await dev(await freePort(), state);
    for (let restart = 0; make.exitCode === null; restart += 1) {
      assert.ok(restart < 5, said());
      const from = said().length;
      for (const { pid } of processes(`wrangler.js dev --ip 127.0.0.1 --port ${port}`)) {
        process.kill(pid, "SIGKILL");
      }
      await Promise.race([says("ready again", AGAIN_MS_MAX, from).catch(() => {}), ended]);
    }
    assert.match(said(), /error: wrangler dev ended by itself, after 3 restarts\n.*Ready on/s);
    assert.deepEqual(left(state, `--port ${port}`), []);
  });

  test("variables of the deployed worker don't keep it from answering; .dev.vars is read again", async () => {
    const deployed = (text) =>
      text
        .replace(/^# HTTPS_ONLY = .*/m, 'HTTPS_ONLY = "true"')
        .replace(/^BASE_DOMAIN = .*/m, 'BASE_DOMAIN = "cdn.test"');
    const cwd = checkout({ "wrangler.toml": deployed });
    const vars = readFileSync(join(cwd, "wrangler.toml"), "utf8");
    assert.match(vars, /^HTTPS_ONLY = "true"$/m);
    assert.match(vars, /^BASE_DOMAIN = "cdn.test"$/m);
    const { make, ended, port, says, said } = await dev(await freePort(), scratch(), { cwd });
    for (const host of [`localhost:${port}`, `www.localhost:${port}`]) {
      assert.equal((await get(port, host, "/")).status, 200, host);
    }
    const file = join(cwd, ".dev.vars");
    const token = readFileSync(file, "utf8").match(/^ADMIN_TOKEN=(.*)$/m)[1];
    const allowed = async () => {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await get(port, `localhost:${port}`, "/.selvedge/v1", { headers });
      return JSON.parse(answer.text).allowed_origins;
    };
    assert.deepEqual(await allowed(), []);
    const rows = [
      ["ALLOWED_ORIGINS=https://api.example.com\n", ["https://api.example.com"], ""],
      ["ALLOWED_ORIGINS=api.example.com\n", [], "the value of ALLOWED_ORIGINS is invalid"],
    ];
    for (const [line, expected, warning] of rows) {
      const from = said().length;
      appendFileSync(file, line);
      await says("ready again, with the new .dev.vars", AGAIN_MS_MAX, from);
      assert.deepEqual(await allowed(), expected);
      assert.ok(said().slice(from).includes(warning), said());
    }
    process.kill(-make.pid, "SIGINT");
    await ended;
  });
});

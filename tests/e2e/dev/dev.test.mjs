// `make dev`: the welcome page in a real browser, restarts, two servers side by side, clean exits.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { BROWSERS } from "../../../scripts/chromium.mjs";
import { ROOT, onPath } from "../../../scripts/lib.mjs";
import { until, wellFormed } from "../lib/check.mjs";
import { get } from "../lib/client.mjs";
import { checkout, dev, processes } from "../lib/make_dev.mjs";
import { scratch } from "../lib/worker.mjs";

/** Maximum time from a dead worker to one that answers: three probes, an end and a start. */
const AGAIN_MS_MAX = 60_000;
const { args: BROWSER_OPTIONS } = JSON.parse(readFileSync(join(ROOT, "webdriver.json"), "utf8"))[
  "goog:chromeOptions"
];
const wranglerOn = (port) => `wrangler.js dev --ip 127.0.0.1 --port ${port}`;

function kill(mark) {
  const victims = processes(mark);
  for (const { pid } of victims) process.kill(pid, "SIGKILL");
  return victims.length;
}

describe("make dev", () => {
  const state = scratch("selvedge-dev-");
  /** Checks that no process of a server is left after `ms`. */
  const nothingRuns = async (ms, ...marks) => {
    await sleep(ms);
    assert.deepEqual(processes(state, ...marks), []);
  };

  test("a first start publishes the page, and an interrupt ends all processes", async () => {
    const { port, interrupt } = await dev(state);
    for (const host of [`localhost:${port}`, `www.localhost:${port}`]) {
      for (const path of ["/", "/nothing"]) {
        const page = wellFormed(await get(port, host, path), host + path);
        assert.equal(page.status, path === "/" ? 200 : 404);
        assert.match(page.text, /<!doctype html>/i);
      }
    }
    const page = await get(port, `www.localhost:${port}`, "/");
    assert.deepEqual(page.body, readFileSync(join(ROOT, "www/index.html")));
    await interrupt();
    await nothingRuns(200, `--port ${port}`);
  });

  test("a second start is quick and has its data; a browser shows it", async (t) => {
    const { make, ended, port, seconds, output } = await dev(state);
    t.diagnostic(`ready after ${seconds.toFixed(1)} s`);
    assert.ok(seconds < 15, `${seconds} s`);
    assert.doesNotMatch(output(), /publishing/);
    const browser = onPath(...BROWSERS);
    if (browser) {
      const profile = `--user-data-dir=${scratch("selvedge-browser-")}`;
      const page = `http://www.localhost:${port}/`;
      const args = [...BROWSER_OPTIONS, profile, "--virtual-time-budget=5000", "--dump-dom", page];
      const options = { maxBuffer: 1 << 24, timeout: 60_000 };
      const { stdout } = await promisify(execFile)(browser, args, options);
      // The page's script inserts these from the headers of its own response.
      assert.match(stdout, />\s*production\s*</);
      assert.match(stdout, />\s*(memory|edge|store)\s*</);
    } else {
      t.diagnostic("no browser on this machine");
    }
    make.kill("SIGTERM");
    await ended;
    await nothingRuns(1000, `--port ${port}`);
  });

  test("two servers run side by side, on R2 and on KV", async () => {
    const other = scratch("selvedge-dev-");
    const both = await Promise.all([dev(state), dev(other, { store: "kv" })]);
    for (const { port } of both) {
      assert.equal((await get(port, `localhost:${port}`, "/")).status, 200);
    }
    await Promise.all(both.map(({ interrupt }) => interrupt()));
    await nothingRuns(200, other);
  });

  test("a port in use is reported", async () => {
    const { port, interrupt } = await dev(state);
    const second = dev(scratch("selvedge-dev-"), { port });
    await assert.rejects(second, new RegExp(`port ${port} is taken`));
    await interrupt();
  });

  test("after the runtime is killed, the worker answers again with its data", async () => {
    const { make, ended, port, prints, output } = await dev(state);
    for (const mark of [`entry=127.0.0.1:${port}`, wranglerOn(port)]) {
      const from = output().length;
      assert.ok(kill(mark) > 0, mark);
      await prints("ready again", AGAIN_MS_MAX, from);
      assert.match(output().slice(from), /: restarting wrangler dev \.\.\./);
      assert.equal((await get(port, `www.localhost:${port}`, "/")).status, 200);
    }
    assert.doesNotMatch(output(), /(GET|HEAD) \/\.selvedge\/health/, "probes are not shown");
    make.kill("SIGKILL");
    await ended;
    await until(() => processes(state, `--port ${port}`), (left) => left.length === 0);
  });

  test("a runtime that dies repeatedly ends `make dev` with its log", async () => {
    const { make, ended, port, prints, output } = await dev(state);
    for (let restart = 0; make.exitCode === null; restart += 1) {
      assert.ok(restart < 5, output());
      const from = output().length;
      kill(wranglerOn(port));
      await Promise.race([prints("ready again", AGAIN_MS_MAX, from).catch(() => {}), ended]);
    }
    assert.match(output(), /error: wrangler dev ended by itself, after 3 restarts\n.*Ready on/s);
    await nothingRuns(0, `--port ${port}`);
  });

  test("a rebuild that takes long or fails restarts nothing", async () => {
    // Longer than three failed probes.
    const build = "test ! -e watched/slow || sleep 16; test ! -e watched/broken";
    const slow = (text) =>
      text.replace(/^command = .*/m, `command = "${build}"`).replace('= "src"', '= "watched"');
    const cwd = checkout({ "wrangler.toml": slow });
    const file = (name) => join(cwd, "watched", name);
    mkdirSync(file(""));
    const { port, output, prints, interrupt } = await dev(scratch(), { cwd });
    const ask = () => get(port, `localhost:${port}`, "/", { timeoutMs: AGAIN_MS_MAX });
    writeFileSync(file("slow"), "");
    await prints("watched/slow changed");
    const since = Date.now();
    assert.equal((await ask()).status, 200);
    assert.ok(Date.now() - since > 10_000, "requests wait");
    rmSync(file("slow"));
    writeFileSync(file("broken"), "");
    await prints("non-zero status");
    await sleep(16_000);
    rmSync(file("broken"));
    assert.equal((await ask()).status, 200);
    assert.doesNotMatch(output(), /restarting wrangler/);
    await interrupt();
  });

  test("variables of the deployed worker don't apply, and .dev.vars is reloaded", async () => {
    const deployed = (text) =>
      text
        .replace(/^# HTTPS_ONLY = .*/m, 'HTTPS_ONLY = "true"')
        .replace(/^BASE_DOMAIN = .*/m, 'BASE_DOMAIN = "cdn.test"');
    const cwd = checkout({ "wrangler.toml": deployed });
    const vars = readFileSync(join(cwd, "wrangler.toml"), "utf8");
    assert.match(vars, /^HTTPS_ONLY = "true"$/m);
    assert.match(vars, /^BASE_DOMAIN = "cdn.test"$/m);
    const { port, prints, output, interrupt } = await dev(scratch(), { cwd });
    for (const host of [`localhost:${port}`, `www.localhost:${port}`]) {
      assert.equal((await get(port, host, "/")).status, 200, host);
    }
    const file = join(cwd, ".dev.vars");
    const token = readFileSync(file, "utf8").match(/^ADMIN_TOKEN=(.*)$/m)[1];
    const allowed = async () => {
      const headers = { authorization: `Bearer ${token}` };
      const response = await get(port, `localhost:${port}`, "/.selvedge/v1", { headers });
      return JSON.parse(response.text).allowed_origins;
    };
    assert.deepEqual(await allowed(), []);
    const rows = [
      ["ALLOWED_ORIGINS=https://api.example.com\n", ["https://api.example.com"], ""],
      ["ALLOWED_ORIGINS=api.example.com\n", [], "the value of ALLOWED_ORIGINS is invalid"],
    ];
    for (const [line, expected, warning] of rows) {
      const from = output().length;
      appendFileSync(file, line);
      await prints("ready again, with the new .dev.vars", AGAIN_MS_MAX, from);
      assert.deepEqual(await allowed(), expected);
      assert.ok(output().slice(from).includes(warning), output());
    }
    await interrupt();
  });
});

// Activations and rollbacks under load: every response is of one deployment, whole, and none is of
// a deployment that was replaced longer ago than the stated bound.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { publish } from "./lib/cli.mjs";
import { sha256 } from "./lib/fixture.mjs";
import { BASE, start } from "./lib/worker.mjs";

const CLIENTS = 6;
const SWITCHES = 50;
const VERSIONS = 3;
const BOUND_SECS = 2;
/** What a response may take on a busy machine, on top of the bound. */
const SLACK_MS = 1000;

/** The parts of version `n`: stable names, and one fingerprinted name. */
function files(n) {
  const script = `console.log("version ${n}");\n`;
  const name = `app.${sha256(script).slice(0, 10).replace(/^./, "a1").slice(0, 10)}.js`;
  return {
    "index.html": `<!doctype html><script src="/assets/${name}"></script>version ${n}.`,
    "style.css": `/* version ${n}. */ body { --version: ${n} }`,
    "data/part.json": JSON.stringify({ version: n, text: `version ${n}.`.repeat(300) }),
    "404.html": `<!doctype html>nothing in version ${n}.`,
    [`assets/${name}`]: script,
    _headers: `/*\n  X-Version: ${n}\n`,
  };
}

const versionOf = (text) => Number(text.match(/version (\d+)/)?.[1]);

describe("atomicity", () => {
  let worker;
  /** Deployment id -> version. */
  const versions = new Map();
  /** What was made live, oldest first, and when that was acknowledged. */
  const history = [];

  before(async () => {
    worker = await start({ vars: { LIVE_FRESH_SECS: "1", LIVE_STALE_SECS: String(BOUND_SECS) } });
    for (let n = 1; n <= VERSIONS; n += 1) {
      const { deployment } = await publish(worker, "shop", files(n));
      versions.set(deployment, n);
      history.push({ id: deployment, doneMs: Date.now() });
    }
    await sleep(BOUND_SECS * 1000);
  });
  after(() => worker.stop());

  /** Complaints about one response that was asked for at `ms`. */
  function judge(answer, path, ms, status) {
    const bad = [];
    const id = answer.headers.value("selvedge-deployment")?.split(";")[0];
    const version = versions.get(id);
    if (answer.status !== status) bad.push(`${path}: status ${answer.status}`);
    if (version === undefined) bad.push(`${path}: deployment ${id}`);
    const isFingerprinted = path.startsWith("/assets/");
    if (!isFingerprinted && versionOf(answer.text) !== version) {
      bad.push(`${path}: bytes of version ${versionOf(answer.text)} under ${version}`);
    }
    if (answer.headers.value("x-version") !== String(version)) {
      bad.push(`${path}: headers of version ${answer.headers.value("x-version")} under ${version}`);
    }
    // The last moment at which this deployment was live.
    const replaced = history.map((entry, i) => [entry.id, history[i + 1]?.doneMs ?? Infinity]);
    const until = Math.max(...replaced.filter(([known]) => known === id).map(([, end]) => end));
    if (ms > until + BOUND_SECS * 1000 + SLACK_MS) {
      bad.push(`${path}: version ${version}, replaced ${ms - until} ms before`);
    }
    return bad;
  }

  async function client(state) {
    while (!state.done) {
      const pageMs = Date.now();
      const page = await worker.get("shop", "/");
      state.bad.push(...judge(page, "/", pageMs, 200));
      const parts = [
        "/style.css",
        "/data/part.json",
        page.text.match(/src="([^"]+)"/)?.[1] ?? "/none.js",
      ];
      for (const path of parts) {
        const ms = Date.now();
        const part = await worker.get("shop", path);
        state.bad.push(...judge(part, path, ms, 200));
        if (path.startsWith("/assets/") && versionOf(part.text) !== versionOf(page.text)) {
          state.bad.push(`${path}: not the script of its page`);
        }
      }
      const ms = Date.now();
      state.bad.push(...judge(await worker.get("shop", "/missing"), "/missing", ms, 404));
      state.loads += 1;
    }
  }

  test(`${SWITCHES} activations and rollbacks under ${CLIENTS} clients`, async (t) => {
    const state = { done: false, bad: [], loads: 0 };
    const failed = (error) => state.bad.push(`a request failed: ${error.message}`);
    const clients = Array.from({ length: CLIENTS }, () => client(state).catch(failed));
    const ids = [...versions.keys()];
    for (let i = 0; i < SWITCHES; i += 1) {
      const call = i % 3 === 2 ? "rollback" : "activate";
      const body =
        call === "rollback"
          ? { deployment: null }
          : { deployment: ids[i % ids.length], expected_seq: null };
      const answer = await worker.api("POST", `/sites/shop/stages/production/${call}`, body);
      assert.equal(answer.status, 200, answer.text);
      history.push({ id: answer.json.deployment, doneMs: Date.now() });
      await sleep(60);
    }
    await sleep(BOUND_SECS * 1000 + SLACK_MS);
    state.done = true;
    await Promise.all(clients);
    assert.deepEqual(state.bad.slice(0, 10), []);
    assert.ok(state.loads >= CLIENTS, `${state.loads} page loads`);
    t.diagnostic(`${state.loads} page loads`);
    const last = await worker.get("shop", "/");
    assert.equal(last.headers.value("selvedge-deployment").split(";")[0], history.at(-1).id);
  });

  test("a sandbox deploy is seen by the very next request", async () => {
    for (let n = 1; n <= 5; n += 1) {
      const { deployment } = await publish(worker, "shop", files(10 + n), { stage: "sandbox" });
      const answer = await worker.get(`sandbox--shop.${BASE}`, "/");
      assert.equal(answer.headers.value("selvedge-deployment").split(";")[0], deployment);
      assert.equal(versionOf(answer.text), 10 + n);
    }
  });
});

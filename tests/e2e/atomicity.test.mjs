// Activations and rollbacks under load: every response comes from a single deployment, and never
// from one that was replaced longer ago than the bound.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { publish } from "./lib/cli.mjs";
import { sha256 } from "./lib/fixture.mjs";
import { start, suiteWorker } from "./lib/worker.mjs";

const CLIENTS = 6;
const SWITCHES = 50;
const VERSIONS = 3;
const BOUND_SECS = 2;
/** Allowance for a busy machine, in addition to the bound. */
const SLACK_MS = 1000;

/** The files of version `n`: fixed names, and one fingerprinted name. */
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

const versionOf = ({ text }) => Number(text.match(/version (\d+)/)?.[1]);
const deploymentOf = ({ headers }) => headers.value("selvedge-deployment")?.split(";")[0];

describe("atomicity", () => {
  /** Deployment id -> version. */
  const versions = new Map();
  /** The live deployments, oldest first, and when each activation was acknowledged. */
  const history = [];
  const vars = { LIVE_FRESH_SECS: "1", LIVE_STALE_SECS: String(BOUND_SECS) };
  const worker = suiteWorker(
    () => start({ vars }),
    async (worker) => {
      for (let n = 1; n <= VERSIONS; n += 1) {
        const { deployment } = await publish(worker, "shop", files(n));
        versions.set(deployment, n);
        history.push({ id: deployment, doneMs: Date.now() });
      }
      await sleep(BOUND_SECS * 1000);
    },
  );

  /** The last time at which a deployment was live. */
  function liveUntilMs(id) {
    const ends = history.map((entry, i) => [entry.id, history[i + 1]?.doneMs ?? Infinity]);
    return Math.max(...ends.filter(([known]) => known === id).map(([, end]) => end));
  }

  /** Requests `path` and records complaints; resolves to the response. */
  async function load(path, status, bad) {
    const ms = Date.now();
    const response = await worker.get("shop", path);
    const id = deploymentOf(response);
    const version = versions.get(id);
    if (response.status !== status) bad.push(`${path}: status ${response.status}`);
    if (version === undefined) bad.push(`${path}: deployment ${id}`);
    // A fingerprinted file may belong to an earlier deployment.
    if (!path.startsWith("/assets/") && versionOf(response) !== version)
      bad.push(`${path}: bytes of version ${versionOf(response)} under ${version}`);
    const header = response.headers.value("x-version");
    if (header !== String(version))
      bad.push(`${path}: headers of version ${header} under ${version}`);
    const lateMs = ms - liveUntilMs(id);
    if (lateMs > BOUND_SECS * 1000 + SLACK_MS)
      bad.push(`${path}: version ${version}, replaced ${lateMs} ms before`);
    return response;
  }

  async function client(state) {
    while (!state.done) {
      const page = await load("/", 200, state.bad);
      const script = page.text.match(/src="([^"]+)"/)?.[1] ?? "/none.js";
      for (const path of ["/style.css", "/data/part.json"]) await load(path, 200, state.bad);
      const loaded = await load(script, 200, state.bad);
      const isAsset = script.startsWith("/assets/");
      if (isAsset && versionOf(loaded) !== versionOf(page))
        state.bad.push(`${script}: not the script of its page`);
      await load("/missing", 404, state.bad);
      state.loads += 1;
    }
  }

  test(`${SWITCHES} activations and rollbacks with ${CLIENTS} clients`, async (t) => {
    const state = { done: false, bad: [], loads: 0 };
    const failed = (error) => state.bad.push(`a request failed: ${error.message}`);
    const clients = Array.from({ length: CLIENTS }, () => client(state).catch(failed));
    const ids = [...versions.keys()];
    for (let i = 0; i < SWITCHES; i += 1) {
      const [call, body] =
        i % 3 === 2
          ? ["rollback", { deployment: null }]
          : ["activate", { deployment: ids[i % ids.length], expected_seq: null }];
      const response = await worker.api("POST", `/sites/shop/stages/production/${call}`, body);
      assert.equal(response.status, 200, response.text);
      history.push({ id: response.json.deployment, doneMs: Date.now() });
      await sleep(60);
    }
    await sleep(BOUND_SECS * 1000 + SLACK_MS);
    state.done = true;
    await Promise.all(clients);
    assert.deepEqual(state.bad.slice(0, 10), []);
    assert.ok(state.loads >= CLIENTS, `${state.loads} page loads`);
    t.diagnostic(`${state.loads} page loads`);
    assert.equal(deploymentOf(await worker.get("shop", "/")), history.at(-1).id);
  });
});

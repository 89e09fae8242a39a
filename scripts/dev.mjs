// `make dev`: builds, starts `wrangler dev`, publishes www/ to the site `www` if that has no live
// deployment, prints the addresses, and runs until it is stopped. Meanwhile it restarts `wrangler
// dev` if the worker stops responding or .dev.vars changes. At the end it stops all processes.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "./build.mjs";
import { CLI, Explained, ROOT, environment, freePort, killChildren } from "./lib.mjs";
import { main, node, run, say, seconds } from "./lib.mjs";

const PORT = Number(process.env.PORT || 8787);
const STATE_DIR = resolve(ROOT, process.env.STATE_DIR || ".wrangler/state");
const STORE = process.env.STORE || "r2";
const READY_MS_MAX = 60_000;
/** Interval of checks of the worker and .dev.vars. */
const WATCH_MS = 1_000;
const PROBE_MS_MAX = 3_000;
/** Failed probes in a row before a restart: on a busy machine one fails, with a dead worker all. */
const MISSES_MAX = 3;
/** Maximum number of restarts in a row... */
const RESTARTS_MAX = 3;
/** ... unless the worker ran for this long in between. */
const STEADY_MS = 60_000;
/** Length of wrangler's output that is kept, to be printed if it fails. */
const LOG_CHARS_MAX = 20_000;
/** Matches wrangler's log lines about our probes. */
const PROBE_LINE = /(GET|HEAD) \/\.selvedge\/health 200/;
/** Matches wrangler's log line before a rebuild. Requests wait until the rebuild succeeds. */
const REBUILD_LINE = /changed, restarting build/;
const DEV_VARS = join(ROOT, ".dev.vars");

/** The running `wrangler dev`, leader of its own process group. */
let wrangler = null;
let stopping = false;

function checkSettings() {
  if (!Number.isInteger(PORT) || PORT < 1 || PORT > 65535) {
    throw new Explained(`PORT=${process.env.PORT}: must be between 1 and 65535`);
  }
  if (!["r2", "kv"].includes(STORE)) throw new Explained(`STORE=${STORE}: must be r2 or kv`);
}

function devVars() {
  try {
    return readFileSync(DEV_VARS, "utf8");
  } catch {
    return "";
  }
}

/** Returns the root token in .dev.vars; creates one if there is none. */
function adminToken() {
  const known = () => devVars().match(/^\s*ADMIN_TOKEN\s*=\s*"?([^"\s]+)"?\s*$/m)?.[1];
  const line = `ADMIN_TOKEN=${randomBytes(32).toString("hex")}\n`;
  try {
    // If two first runs race, one creates the file and the other reads it.
    writeFileSync(DEV_VARS, line, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  if (!known()) appendFileSync(DEV_VARS, `\n${line}`);
  return known();
}

/** Sends a request to the worker; the status is 0 if it does not respond. */
function ask(path, { token = null, method = "GET", timeout = 5000 } = {}) {
  const headers = { host: `localhost:${PORT}`, connection: "close" };
  if (token) headers.authorization = `Bearer ${token}`;
  const options = { host: "127.0.0.1", port: PORT, path, headers, method, timeout };
  return new Promise((resolved) => {
    const sent = request(options, (response) => {
      let text = "";
      response.on("data", (data) => (text += data));
      response.on("end", () => resolved({ status: response.statusCode, text }));
    });
    sent.on("timeout", () => sent.destroy());
    sent.on("error", () => resolved({ status: 0, text: "" }));
    sent.end();
  });
}

/** Variables that replace the deployed worker's, with which this one would not respond. */
const VARS = {
  STORE,
  BASE_DOMAIN: "localhost",
  HTTPS_ONLY: "false",
  // A write to a full disk never ends. A local store needs no longer deadline.
  UPLOAD_DEADLINE_MS: "45000",
};

/** Starts `wrangler dev`. Its output is printed once the log is open. */
function start(inspectorPort) {
  mkdirSync(STATE_DIR, { recursive: true });
  const args = [
    join(ROOT, "node_modules/wrangler/bin/wrangler.js"),
    ...["dev", "--ip", "127.0.0.1", "--port", String(PORT)],
    ...["--config", "wrangler.toml", "--config", "media/wrangler.toml"],
    ...["--inspector-port", String(inspectorPort), "--persist-to", STATE_DIR],
    ...Object.entries(VARS).flatMap(([name, value]) => ["--var", `${name}:${value}`]),
    ...["--show-interactive-dev-session=false", "--log-level", "log"],
  ];
  const preload = `--require=${JSON.stringify(join(ROOT, "scripts/wrangler-length.cjs"))}`;
  const env = environment({
    CI: "1",
    NODE_OPTIONS: [process.env.NODE_OPTIONS, preload].filter(Boolean).join(" "),
    WRANGLER_LOG_PATH: join(STATE_DIR, "logs"),
    WRANGLER_REGISTRY_PATH: join(STATE_DIR, "registry"),
  });
  const stdio = ["ignore", "pipe", "pipe"];
  const child = spawn(node(), args, { cwd: ROOT, env, stdio, detached: true });
  const log = { text: "", open: false, ended: false, rebuilds: 0 };
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      if (PROBE_LINE.test(line)) return;
      if (REBUILD_LINE.test(line)) log.rebuilds += 1;
      log.text = `${log.text}${line}\n`.slice(-LOG_CHARS_MAX);
      if (log.open) console.log(line);
      nameFullDisk(line);
    });
  }
  child.on("error", (error) => fail(`can't start wrangler: ${error.message}`));
  child.on("exit", () => (log.ended = true));
  wrangler = child;
  return log;
}

let isFull = false;

/** Reports a full disk once. The simulated R2 never responds then; only workerd's log says why. */
function nameFullDisk(line) {
  if (isFull || !line.includes("No space left on device")) return;
  isFull = true;
  console.error(
    `\nerror: the disk of ${STATE_DIR} is full; free some space, or use another STATE_DIR\n`,
  );
}

async function fail(message) {
  console.error(`\nerror: ${message}`);
  await stop(1);
}

function alive(group) {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

/** Ends wrangler and its children, then this process. */
async function stop(code) {
  if (stopping) return;
  stopping = true;
  killChildren();
  await killGroup(wrangler?.pid);
  process.exit(code);
}

async function killGroup(group) {
  for (const [signal, waitMs] of [
    ["SIGTERM", 4000],
    ["SIGKILL", 2000],
  ]) {
    if (!group || !alive(group)) break;
    try {
      process.kill(-group, signal);
    } catch {
      // It ended in between.
    }
    for (let waited = 0; waited < waitMs && alive(group); waited += 50) await sleep(50);
  }
}

/** Returns whether the process `pid` handles SIGINT; null without /proc. */
function handlesInterrupt(pid) {
  try {
    const caught = readFileSync(`/proc/${pid}/status`, "utf8").match(/^SigCgt:\s*([0-9a-f]+)/m);
    return caught ? (BigInt(`0x${caught[1]}`) & 2n) !== 0n : null;
  } catch {
    return null;
  }
}

/**
 * Stops when make has ended, or was interrupted by itself. GNU make assumes that an interrupt also
 * reached its children, resets its own handler, and waits for them.
 */
function watchParent() {
  const parent = process.ppid;
  const handledBefore = handlesInterrupt(parent) === true;
  setInterval(() => {
    const gone = process.ppid !== parent;
    if (gone || (handledBefore && handlesInterrupt(parent) === false)) stop(130);
  }, 300).unref();
}

/** Waits until the worker responds, and warns about its invalid variables. */
async function ready(log) {
  const since = Date.now();
  for (;;) {
    const { status, text } = await ask("/.selvedge/health");
    if (status === 200) return warnOfVars(text);
    if (log.ended) throw new Explained(`wrangler dev ended by itself\n${log.text}`);
    if (Date.now() - since > READY_MS_MAX) {
      throw new Explained(`the worker is not ready (health: ${status} ${text})\n${log.text}`);
    }
    await sleep(100);
  }
}

function warnOfVars(health) {
  let names = [];
  try {
    names = JSON.parse(health).invalid_vars ?? [];
  } catch {
    // An older worker has another report, but it responds.
  }
  for (const name of names) say(`warning: the value of ${name} is invalid; its default is used`);
}

/** Resolves to a reason to restart wrangler, once there is one. */
async function reasonToRestart(log, vars) {
  // Rebuilds that began before the latest response.
  let rebuilds = 0;
  for (let misses = 0; ; await sleep(WATCH_MS)) {
    const now = devVars();
    // An editor may still be writing the file, so two reads in a row must agree.
    if (now !== vars.used && now === vars.seen) return ".dev.vars has changed";
    vars.seen = now;
    if (log.ended) return "wrangler dev ended by itself";
    const begun = log.rebuilds;
    const { status } = await ask("/.selvedge/health", { method: "HEAD", timeout: PROBE_MS_MAX });
    if (status !== 0) rebuilds = begun;
    misses = status === 0 && log.rebuilds === rebuilds ? misses + 1 : 0;
    if (misses >= MISSES_MAX) return "the worker does not answer";
  }
}

/** Keeps wrangler running until this process stops; throws after too many restarts. */
async function keepRunning(log, vars) {
  let failure = null;
  for (let restarts = 0; !stopping; ) {
    const since = Date.now();
    const reason = failure ?? (await reasonToRestart(log, vars));
    const isWanted = devVars() !== vars.used;
    const isFirst = isWanted || (!failure && Date.now() - since > STEADY_MS);
    restarts = isFirst ? 1 : restarts + 1;
    if (restarts > RESTARTS_MAX) {
      throw new Explained(`${reason}, after ${RESTARTS_MAX} restarts\n${log.text}`);
    }
    if (stopping) return;
    say(`${reason}: restarting wrangler dev ...`);
    await killGroup(wrangler.pid);
    adminToken();
    const inspectorPort = await freePort(0);
    if (stopping) return;
    vars.used = vars.seen = devVars();
    log = start(inspectorPort);
    failure = await ready(log).then(
      () => null,
      (error) => error.message.split("\n")[0],
    );
    if (failure) continue;
    log.open = true;
    say(`ready again${isWanted ? ", with the new .dev.vars" : ""}`);
  }
}

/** Publishes www/ to the site `www` unless that has a live deployment. */
async function publishOnce(token) {
  const live = await ask("/.selvedge/v1/sites/www/stages/production", { token });
  if (live.status === 200) return;
  say("publishing www/ to the site www ...");
  const args = ["publish", "www", "--site", "www", "--url", `http://localhost:${PORT}`];
  await run(CLI, args, { env: { SELVEDGE_TOKEN: token } });
}

function welcome() {
  const own = (path) => (path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length + 1) : path);
  console.log(`
  Selvedge is running.

    the site      http://localhost:${PORT}/   http://www.localhost:${PORT}/
    the API       http://localhost:${PORT}/.selvedge/v1   (the token is in .dev.vars)
    the data      ${own(STATE_DIR)}   (${STORE})

  Publish a folder, such as www:

    export SELVEDGE_URL=http://localhost:${PORT}
    export SELVEDGE_TOKEN=$(sed -n 's/^ADMIN_TOKEN=//p' .dev.vars)
    target/release/selvedge publish www --site hello     -> http://hello.localhost:${PORT}/

  Ctrl-C stops it.
`);
}

main(async () => {
  checkSettings();
  const since = Date.now();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.removeAllListeners(signal);
    process.on(signal, () => stop(signal === "SIGINT" ? 130 : 143));
  }
  watchParent();
  await build();
  if ((await freePort(PORT)) === null) {
    throw new Explained(`port ${PORT} is taken; choose another: PORT=${PORT + 1} make dev`);
  }
  if (!existsSync(CLI)) throw new Explained(`${CLI} does not exist`);
  const token = adminToken();
  const inspectorPort = await freePort(0);
  if (stopping) return;
  const vars = { used: devVars(), seen: devVars() };
  const log = start(inspectorPort);
  try {
    await ready(log);
    await publishOnce(token);
    log.open = true;
    say(`ready, ${seconds(since)} after the start`);
    welcome();
    await keepRunning(log, vars);
  } catch (error) {
    await fail(error.message);
  }
});

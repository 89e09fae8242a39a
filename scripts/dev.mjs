// `make dev`: builds what is stale, starts `wrangler dev`, publishes www/ to the site `www` when it
// has no live deployment yet, says where to look, and stays until it is told to stop. Meanwhile it
// restarts `wrangler dev` when the worker stops answering and when .dev.vars changes. However it
// ends, nothing is left running.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "./build.mjs";
import { CLI, ROOT, Explained, environment, killChildren, main, node, run, say } from "./lib.mjs";

const PORT = Number(process.env.PORT || 8787);
const STATE_DIR = resolve(ROOT, process.env.STATE_DIR || ".wrangler/state");
const STORE = process.env.STORE || "r2";
const READY_MS_MAX = 60_000;
/** How often the worker and .dev.vars are looked at. */
const WATCH_MS = 1_000;
const PROBE_MS_MAX = 3_000;
/** Probes in a row that fail before a restart: a busy machine fails one, a dead worker all. */
const MISSES_MAX = 3;
/** Restarts that may follow each other before `make dev` gives up... */
const RESTARTS_MAX = 3;
/** ... unless the worker answered for so long in between. */
const STEADY_MS = 60_000;
/** How much of wrangler's output is kept to be shown when it fails. */
const LOG_CHARS_MAX = 20_000;
/** The lines that wrangler writes for our probes. */
const PROBE_LINE = /(GET|HEAD) \/\.selvedge\/health 200/;

/** The running `wrangler dev`, leader of a process group of its own. */
let wrangler = null;
let stopping = false;

function checkSettings() {
  if (!Number.isInteger(PORT) || PORT < 1 || PORT > 65535) {
    throw new Explained(`PORT=${process.env.PORT} is no port; write a number from 1 to 65535`);
  }
  if (!["r2", "kv"].includes(STORE)) throw new Explained(`STORE=${STORE}: write r2 or kv`);
}

/** Resolves to the port when it can be listened on (0 asks for any free one), else to null. */
function freePort(port) {
  return new Promise((resolved) => {
    const server = createServer();
    server.on("error", () => resolved(null));
    server.listen(port, "127.0.0.1", () => {
      const found = server.address().port;
      server.close(() => resolved(found));
    });
  });
}

const DEV_VARS = join(ROOT, ".dev.vars");

function devVars() {
  try {
    return readFileSync(DEV_VARS, "utf8");
  } catch {
    return "";
  }
}

/** The root token in .dev.vars, made when there is none. */
function adminToken() {
  const file = DEV_VARS;
  const known = () =>
    readFileSync(file, "utf8").match(/^\s*ADMIN_TOKEN\s*=\s*"?([^"\s]+)"?\s*$/m)?.[1];
  const line = `ADMIN_TOKEN=${randomBytes(32).toString("hex")}\n`;
  try {
    // Two first runs side by side: one makes the file, the other reads it.
    writeFileSync(file, line, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  if (!known()) appendFileSync(file, `\n${line}`);
  return known();
}

function ask(path, { token = null, method = "GET", timeout = 5000 } = {}) {
  const headers = { host: `localhost:${PORT}`, connection: "close" };
  if (token) headers.authorization = `Bearer ${token}`;
  return new Promise((resolved) => {
    const asking = request(
      { host: "127.0.0.1", port: PORT, path, headers, method, timeout },
      (response) => {
        let text = "";
        response.on("data", (data) => (text += data));
        response.on("end", () => resolved({ status: response.statusCode, text }));
      },
    );
    asking.on("timeout", () => asking.destroy());
    asking.on("error", () => resolved({ status: 0, text: "" }));
    asking.end();
  });
}

/** Starts `wrangler dev`; its output is kept until it is ready, and passed on after that. */
function start(inspectorPort) {
  mkdirSync(STATE_DIR, { recursive: true });
  const args = [
    join(ROOT, "node_modules/wrangler/bin/wrangler.js"),
    "dev",
    "--ip",
    "127.0.0.1",
    "--port",
    String(PORT),
    "--inspector-port",
    String(inspectorPort),
    "--persist-to",
    STATE_DIR,
    "--var",
    `STORE:${STORE}`,
    // The values in wrangler.toml are for the deployed worker; with them this one would not answer.
    "--var",
    "BASE_DOMAIN:localhost",
    "--var",
    "HTTPS_ONLY:false",
    // A full disk leaves writes without an answer; the store is on this machine, so it is soon told.
    "--var",
    "UPLOAD_DEADLINE_MS:45000",
    "--show-interactive-dev-session=false",
    "--log-level",
    "info",
  ];
  const preload = `--require=${JSON.stringify(join(ROOT, "scripts/wrangler-length.cjs"))}`;
  const env = environment({
    CI: "1",
    NODE_OPTIONS: [process.env.NODE_OPTIONS, preload].filter(Boolean).join(" "),
    WRANGLER_LOG_PATH: join(STATE_DIR, "logs"),
    WRANGLER_REGISTRY_PATH: join(STATE_DIR, "registry"),
  });
  const child = spawn(node(), args, {
    cwd: ROOT,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const log = { text: "", open: false, ended: false };
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      if (PROBE_LINE.test(line)) return;
      log.text = `${log.text}${line}\n`.slice(-LOG_CHARS_MAX);
      if (log.open) console.log(line);
      nameFullDisk(line);
    });
  }
  child.on("error", (error) => fail(`wrangler can't be started: ${error.message}`));
  child.on("exit", () => (log.ended = true));
  wrangler = child;
  return log;
}

let isFull = false;

/**
 * Says that the disk is full, once. The simulated R2 bucket never answers the worker then, and only
 * workerd's log knows why.
 */
function nameFullDisk(data) {
  if (isFull || !String(data).includes("No space left on device")) return;
  isFull = true;
  console.error(`\nerror: the disk that holds ${STATE_DIR} is full; free space there, or start with \
another STATE_DIR\n`);
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

/** Ends wrangler and all that it started, then this process. */
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

/** Whether the process `pid` still handles SIGINT; null where /proc does not say. */
function handlesInterrupt(pid) {
  try {
    const caught = readFileSync(`/proc/${pid}/status`, "utf8").match(/^SigCgt:\s*([0-9a-f]+)/m);
    return caught ? (BigInt(`0x${caught[1]}`) & 2n) !== 0n : null;
  } catch {
    return null;
  }
}

/**
 * Stops when make is gone or was interrupted alone. GNU make takes it that an interrupt reached its
 * children as well, sets its own handler back, and waits for them.
 */
function watchParent() {
  const parent = process.ppid;
  const handledBefore = handlesInterrupt(parent) === true;
  setInterval(() => {
    const gone = process.ppid !== parent;
    if (gone || (handledBefore && handlesInterrupt(parent) === false)) stop(130);
  }, 300).unref();
}

/** Waits until the worker answers; says which of its variables it does not understand. */
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
    // An older worker's report; it answers, which is what counts.
  }
  for (const name of names) say(`warning: the value of ${name} is invalid; its default is used`);
}

/** Why wrangler must be restarted; resolves when it must. */
async function reasonToRestart(log, vars) {
  for (let misses = 0; ; await sleep(WATCH_MS)) {
    const now = devVars();
    // An editor may be writing it: what stands there twice in a row counts.
    if (now !== vars.used && now === vars.seen) return ".dev.vars has changed";
    vars.seen = now;
    if (log.ended) return "wrangler dev ended by itself";
    const { status } = await ask("/.selvedge/health", { method: "HEAD", timeout: PROBE_MS_MAX });
    misses = status === 0 ? misses + 1 : 0;
    if (misses >= MISSES_MAX) return "the worker does not answer";
  }
}

/** Keeps wrangler running; returns when this process is told to stop, throws when it can't. */
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

/** Publishes www/ to the site `www`, unless that has a live deployment. */
async function publishOnce(token) {
  const live = await ask("/.selvedge/v1/sites/www/stages/production", { token });
  if (live.status === 200) return;
  say("publishing www/ to the site www ...");
  const env = { SELVEDGE_TOKEN: token };
  const url = `http://localhost:${PORT}`;
  await run(CLI, ["publish", "www", "--site", "www", "--url", url], { env });
}

function welcome() {
  const own = (path) => (path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length + 1) : path);
  console.log(`
  Selvedge is running.

    the site      http://localhost:${PORT}/   http://www.localhost:${PORT}/
    the API       http://localhost:${PORT}/.selvedge/v1   (its token is in .dev.vars)
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
  if (!existsSync(CLI)) throw new Explained(`there is no ${CLI}`);
  const token = adminToken();
  const inspectorPort = await freePort(0);
  if (stopping) return;
  const vars = { used: devVars(), seen: devVars() };
  const log = start(inspectorPort);
  try {
    await ready(log);
    await publishOnce(token);
    log.open = true;
    say(`ready, ${((Date.now() - since) / 1000).toFixed(1)} s after the start`);
    welcome();
    await keepRunning(log, vars);
  } catch (error) {
    await fail(error.message);
  }
});

// Configures and starts bare workerd.

import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { COMPATIBILITY_DATE, Explained, ROOT, WORKER, filesOf } from "../../../scripts/lib.mjs";
import { get } from "./client.mjs";
import { CACHE_WORKER, KV_WORKER } from "./stores.mjs";

/** Maximum number of probes until the runtime responds, 50 ms apart. */
const TRIES_MAX = 200;

/** Returns variables as bindings. */
export const variables = (vars) =>
  Object.entries(vars).map(([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`);

/** Returns a JavaScript module of a worker. */
export const esModule = (name, file = name) => `(name = "${name}", esModule = embed "${file}")`;

/** Returns the modules of a worker in front of another, which it imports as "over.js". */
export const layered = (front, over) => [esModule(front), esModule("over.js", over)];

/**
 * Returns the modules of a built worker. Its files have a `prefix`, and the module `front` imports
 * its entry as "./index.mjs".
 */
export function selvedgeModules({ build = WORKER, prefix = "", front = null } = {}) {
  const names = filesOf(build).sort((a, b) => (b === "index.mjs") - (a === "index.mjs"));
  const modules = names.map((name) => {
    const kind = name.endsWith(".wasm") ? "wasm" : "esModule";
    const isEntry = name === "index.mjs" && !front;
    return `(name = "${isEntry ? name : `./${name}`}", ${kind} = embed "${prefix}${name}")`;
  });
  return front ? [esModule(front), ...modules] : modules;
}

/** Returns a service that runs a worker. `cache` is the service behind its Cache API. */
export function workerService({ modules, bindings = [], cache = null, date, flags = [] }) {
  return `worker = (
      modules = [${modules}],
      compatibilityDate = "${date ?? COMPATIBILITY_DATE}",
      compatibilityFlags = ${JSON.stringify(flags)},
      bindings = [${bindings}],
      ${cache ? `cacheApiOutbound = "${cache}",` : ""}
    )`;
}

/** Copies a built worker into `folder`. */
export function copyBuild(folder, build = WORKER, prefix = "") {
  for (const name of filesOf(build)) {
    const to = join(folder, prefix + name);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(join(build, name), to);
  }
}

/** Writes the workers behind the KV binding and the Cache API: kv.js and cache.js. */
export function writeStores(folder) {
  writeFileSync(join(folder, "kv.js"), KV_WORKER);
  writeFileSync(join(folder, "cache.js"), CACHE_WORKER);
}

/** Resolves to a free port for each name. */
export async function freePorts(...names) {
  const listening = () =>
    new Promise((resolve, reject) => {
      const server = createServer().once("error", reject);
      server.listen(0, "127.0.0.1", () => resolve(server));
    });
  const servers = await Promise.all(names.map(listening));
  const ports = Object.fromEntries(names.map((name, i) => [name, servers[i].address().port]));
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** Returns the text of the configuration; services with a port get a socket. */
export function configText(services, ports, v8Flags = []) {
  const list = Object.entries(services).map(([name, service]) => `(name = "${name}", ${service})`);
  const sockets = Object.keys(services)
    .filter((name) => ports[name])
    .map((name) => `(name = "${name}", address = "127.0.0.1:${ports[name]}", service = "${name}")`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [\n    ${list.join(",\n    ")}\n  ],
  sockets = [\n    ${sockets.join(",\n    ")}\n  ],
  v8Flags = ${JSON.stringify(v8Flags)},
);\n`;
}

/** Starts workerd; resolves to `{pid, stop}` once `port` responds. `stop` removes `folder`. */
export async function serve(folder, config, port, path = "/", args = []) {
  const file = join(folder, "config.capnp");
  writeFileSync(file, config);
  const program = join(ROOT, "node_modules/workerd/bin/workerd");
  const child = spawn(program, ["serve", file, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  if (process.env.SELVEDGE_TEST_LOG) child.stderr.pipe(process.stderr, { end: false });
  let complaints = "";
  child.stderr.on("data", (data) => (complaints = (complaints + data).slice(-4000)));
  const stop = () => {
    process.off("exit", stop);
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", stop);
  for (let tries = 0; ; tries += 1) {
    const response = await get(port, "localhost", path).catch(() => null);
    if (response) return { pid: child.pid, stop };
    if (tries > TRIES_MAX || child.exitCode !== null) throw new Explained(`workerd: ${complaints}`);
    await sleep(50);
  }
}

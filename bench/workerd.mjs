// Bare workerd: the text of its configuration, and starting it.

import { spawn } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Explained, ROOT } from "../scripts/lib.mjs";
import { ask } from "./measure.mjs";

export const COMPATIBILITY_DATE = "2026-10-01";
/** How often the runtime is asked whether it is up, 50 ms apart. */
const TRIES_MAX = 200;

/** A variable, as a binding. */
export const text = (name, value) => `(name = "${name}", text = ${JSON.stringify(value)})`;

/** The modules of a worker that stands in front of another one, which it imports as "over.js". */
export const layered = (front, over) =>
  `(name = "${front}", esModule = embed "${front}"), (name = "over.js", esModule = embed "${over}")`;

/** The modules of a built worker, which lie beside the configuration under `prefix`. */
export function selvedgeModules(build, prefix) {
  const names = readdirSync(build).sort((a, b) => (b === "index.mjs") - (a === "index.mjs"));
  return names.map((name) => {
    const kind = name.endsWith(".wasm") ? "wasm" : "esModule";
    const specifier = name === "index.mjs" ? name : `./${name}`;
    return `(name = "${specifier}", ${kind} = embed "${prefix}${name}")`;
  });
}

/** One free port for each name. */
export async function freePorts(names) {
  const servers = await Promise.all(
    names.map(
      () =>
        new Promise((resolve, reject) => {
          const server = createServer().once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = Object.fromEntries(names.map((name, i) => [name, servers[i].address().port]));
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** The configuration: services by name, and those that have a port. */
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

/** Starts workerd in `folder`, which goes when it stops; `{pid, stop}` once `port` answers. */
export async function serve(folder, config, port, path = "/", args = []) {
  const file = join(folder, "config.capnp");
  writeFileSync(file, config);
  const program = join(ROOT, "node_modules/workerd/bin/workerd");
  const child = spawn(program, ["serve", file, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (data) => (complaints = (complaints + data).slice(-4000)));
  const stop = () => {
    process.off("exit", stop);
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", stop);
  for (let tries = 0; ; tries += 1) {
    const up = await ask(port, path).catch(() => null);
    if (up) return { pid: child.pid, stop };
    if (tries > TRIES_MAX || child.exitCode !== null) throw new Explained(`workerd: ${complaints}`);
    await sleep(50);
  }
}

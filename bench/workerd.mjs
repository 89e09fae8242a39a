// Configures and starts bare workerd.

import { spawn } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Explained, ROOT } from "../scripts/lib.mjs";
import { get } from "../tests/e2e/lib/client.mjs";

/** Maximum number of probes until the runtime responds, 50 ms apart. */
const TRIES_MAX = 200;

/** Returns a variable as a binding. */
export const text = (name, value) => `(name = "${name}", text = ${JSON.stringify(value)})`;

/** Returns a JavaScript module of a worker. */
export const esModule = (name, file = name) => `(name = "${name}", esModule = embed "${file}")`;

/** Returns the modules of a worker in front of another, which it imports as "over.js". */
export const layered = (front, over) => `${esModule(front)}, ${esModule("over.js", over)}`;

/** Returns the modules of a built worker; their files beside the configuration have a prefix. */
export function selvedgeModules(build, prefix) {
  const names = readdirSync(build).sort((a, b) => (b === "index.mjs") - (a === "index.mjs"));
  return names.map((name) => {
    const kind = name.endsWith(".wasm") ? "wasm" : "esModule";
    const specifier = name === "index.mjs" ? name : `./${name}`;
    return `(name = "${specifier}", ${kind} = embed "${prefix}${name}")`;
  });
}

/** Resolves to a free port for each name. */
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

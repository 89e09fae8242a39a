// Shared by all scripts: paths, running programs quietly, progress messages.

import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(fileURLToPath(import.meta.url), "../..");
export const BUILD = join(ROOT, "build");
export const WORKER = join(BUILD, "worker");
export const MEDIA = join(BUILD, "media");
export const TOOLS = join(BUILD, "tools");
export const CLI = join(ROOT, "target/release/selvedge");
export const WASM_TARGET = "wasm32-unknown-unknown";
/** The same as in wrangler.toml. */
export const COMPATIBILITY_DATE = "2026-10-01";

const started = Date.now();
const children = new Set();

/** An error whose message is enough: it is shown without a stack trace. */
export class Explained extends Error {}

export function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

export function say(line) {
  const clock = ((Date.now() - started) / 1000).toFixed(1).padStart(6);
  console.log(`[${clock} s] ${line}`);
}

/** Prints a line before and after `work`, and resolves to its result. */
export async function step(name, work) {
  say(`${name} ...`);
  const since = Date.now();
  const result = await work();
  say(`${name}: ${seconds(since)}`);
  return result;
}

/** Newest modification time below `path` in milliseconds; 0 if it does not exist. */
export function newest(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** Returns the paths of all files below `folder`, relative to it. */
export function filesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [entry.name];
    return filesOf(join(folder, entry.name)).map((path) => `${entry.name}/${path}`);
  });
}

/** Resolves to `port` of 127.0.0.1 if it is free (0: any free port), else to null. */
export function freePort(port = 0) {
  return new Promise((resolved) => {
    const server = createServer();
    server.on("error", () => resolved(null));
    server.listen(port, "127.0.0.1", () => {
      const found = server.address().port;
      server.close(() => resolved(found));
    });
  });
}

/** The Node version that wrangler needs, as npm installed it; else the current one. */
export function node() {
  const own = join(ROOT, "node_modules/node/bin/node");
  return existsSync(own) ? own : process.execPath;
}

/** The environment of child processes: our tools come first on PATH, and no telemetry. */
export function environment(extra = {}) {
  const folders = ["node_modules/node/bin", "node_modules/.bin"].map((path) => join(ROOT, path));
  return {
    ...process.env,
    PATH: [...folders, join(TOOLS, "bin"), process.env.PATH].join(":"),
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
    MINIFLARE_CF_FETCH: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    NO_UPDATE_NOTIFIER: "1",
    ...extra,
  };
}

/**
 * Runs a program; resolves to `{code, text}` with its output. `show` prints the output as it comes;
 * otherwise it is printed only if the program fails. `check` rejects if it fails.
 */
export function run(program, args, { env = {}, cwd = ROOT, show = false, check = true } = {}) {
  return new Promise((resolved, rejected) => {
    const stdio = ["ignore", "pipe", "pipe"];
    const child = spawn(program, args, { cwd, env: environment(env), stdio });
    children.add(child);
    let text = "";
    const take = (stream) => (data) => {
      text += data;
      if (show) stream.write(data);
    };
    child.stdout.on("data", take(process.stdout));
    child.stderr.on("data", take(process.stderr));
    child.on("error", (error) => {
      children.delete(child);
      rejected(new Explained(`can't start ${program}: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      children.delete(child);
      if (code === 0 || !check) return resolved({ code, text });
      if (!show) process.stderr.write(text);
      rejected(new Explained(`${program} ${args.join(" ")}: ${signal ?? `exit code ${code}`}`));
    });
  });
}

/** The path of the first of `names` that is on PATH, or null. */
export function onPath(...names) {
  const folders = (process.env.PATH ?? "").split(":").filter(Boolean);
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return paths.find((path) => existsSync(path)) ?? null;
}

export function killChildren() {
  for (const child of children) child.kill("SIGTERM");
}

/** Runs a script's main function; exits with 1 if it fails, and leaves no child process. */
export async function main(work) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      killChildren();
      process.exit(signal === "SIGINT" ? 130 : 143);
    });
  }
  try {
    await work();
  } catch (error) {
    killChildren();
    console.error(error instanceof Explained ? `\nerror: ${error.message}` : error);
    process.exit(1);
  }
}

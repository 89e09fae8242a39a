// What every script here shares: the places, running programs quietly, and telling what happens.

import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(fileURLToPath(import.meta.url), "../..");
export const BUILD = join(ROOT, "build");
export const WORKER = join(BUILD, "worker");
export const TOOLS = join(BUILD, "tools");
export const CLI = join(ROOT, "target/release/selvedge");
export const WASM_TARGET = "wasm32-unknown-unknown";

const started = Date.now();
const children = new Set();

/** A mistake that has been explained already; it needs no stack trace. */
export class Explained extends Error {}

export function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

export function say(line) {
  const clock = ((Date.now() - started) / 1000).toFixed(1).padStart(6);
  console.log(`[${clock} s] ${line}`);
}

/** Runs `work` between two lines that say so, and returns what it returns. */
export async function step(name, work) {
  say(`${name} ...`);
  const since = Date.now();
  const result = await work();
  say(`${name}: ${seconds(since)}`);
  return result;
}

/** Newest modification time below `path` in milliseconds, 0 when there is nothing. */
export function newest(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** The Node that wrangler needs: the one that npm brought, unless it brought none. */
export function node() {
  const own = join(ROOT, "node_modules/node/bin/node");
  return existsSync(own) ? own : process.execPath;
}

/** The environment of child processes: our tools before the machine's, and no telemetry. */
export function environment(extra = {}) {
  const path = [
    join(ROOT, "node_modules/node/bin"),
    join(ROOT, "node_modules/.bin"),
    join(TOOLS, "bin"),
    process.env.PATH,
  ].join(":");
  return {
    ...process.env,
    PATH: path,
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
    MINIFLARE_CF_FETCH: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    NO_UPDATE_NOTIFIER: "1",
    ...extra,
  };
}

/**
 * Runs a program to its end and returns what it wrote. Quiet: its output is shown only when it
 * fails. `show` passes its output on as it comes.
 */
export function run(program, args, { env = {}, cwd = ROOT, show = false, check = true } = {}) {
  return new Promise((resolved, rejected) => {
    const child = spawn(program, args, {
      cwd,
      env: environment(env),
      stdio: ["ignore", "pipe", "pipe"],
    });
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
      rejected(new Explained(`${program} can't be started: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      children.delete(child);
      if (code === 0 || !check) return resolved({ code, text });
      if (!show) process.stderr.write(text);
      rejected(new Explained(`${program} ${args.join(" ")}: ${signal ?? `exit code ${code}`}`));
    });
  });
}

/** The first of `names` on PATH, or null. */
export function onPath(...names) {
  for (const name of names) {
    for (const folder of (process.env.PATH ?? "").split(":")) {
      if (folder && existsSync(join(folder, name))) return join(folder, name);
    }
  }
  return null;
}

export function killChildren() {
  for (const child of children) child.kill("SIGTERM");
}

/** Runs a script's main function; ends with 1 after a failure, and never leaves a child. */
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

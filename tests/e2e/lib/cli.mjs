// Runs the real command line against a running worker.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CLI } from "../../../scripts/lib.mjs";
import { parsed } from "./client.mjs";
import { ROOT_TOKEN, scratch } from "./worker.mjs";

/** SELVEDGE_TEST_CLI names another build of the command, such as a debug build. */
const PROGRAM = process.env.SELVEDGE_TEST_CLI ?? CLI;
/** The cache of encoded files, shared by all tests of a process. */
const CACHE_HOME = scratch("selvedge-cache-");

/** Writes `files` (path -> text or bytes) into a new folder; returns the folder. */
export function folder(files) {
  const root = scratch("selvedge-site-");
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return root;
}

/** Runs `selvedge ARGS --json`; resolves to `{code, json, stdout, stderr}`. */
export function selvedge(worker, args, { token = ROOT_TOKEN, onStart = null } = {}) {
  const env = {
    ...process.env,
    SELVEDGE_URL: worker.url,
    SELVEDGE_TOKEN: token,
    XDG_CACHE_HOME: CACHE_HOME,
    NO_COLOR: "1",
  };
  return new Promise((resolve, reject) => {
    const child = spawn(PROGRAM, [...args, "--json"], { env, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data) => (stdout += data));
    child.stderr.on("data", (data) => (stderr += data));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, json: parsed(stdout), stdout, stderr }));
    onStart?.(child);
  });
}

/** Runs a command that must succeed; resolves to its JSON. */
export async function command(worker, args, options) {
  const { code, json, stdout, stderr } = await selvedge(worker, args, options);
  assert.equal(code, 0, `selvedge ${args.join(" ")}: exit code ${code}\n${stdout}\n${stderr}`);
  return json;
}

/** Publishes a folder or a table of files; resolves to the report. */
export function publish(worker, site, from, { stage = "production", ...options } = {}) {
  const dir = typeof from === "string" ? from : folder(from);
  return command(worker, ["publish", dir, "--site", site, "--stage", stage], options);
}

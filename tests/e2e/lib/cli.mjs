// Runs the real command line against a running worker.

import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT, ROOT_TOKEN, scratch } from "./worker.mjs";

/** SELVEDGE_TEST_CLI names another build of the command, as a debug one. */
const CLI = process.env.SELVEDGE_TEST_CLI ?? join(ROOT, "target/release/selvedge");
/** One cache of encoded files for all the tests of a process, apart from the user's own. */
const CACHE_HOME = scratch("selvedge-cache-");

/** Writes `files` (path -> text or bytes) into a folder, a new one unless given; returns it. */
export function folder(files, into = scratch("selvedge-site-")) {
  for (const [path, content] of Object.entries(files)) {
    const file = join(into, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return into;
}

/** Runs `selvedge ARGS`, to `{code, json, stdout, stderr}`; `onStart` gets the process. */
export function selvedge(worker, args, { token = ROOT_TOKEN, onStart = null, env = {} } = {}) {
  const environment = {
    ...process.env,
    SELVEDGE_URL: worker.url,
    SELVEDGE_TOKEN: token,
    XDG_CACHE_HOME: CACHE_HOME,
    NO_COLOR: "1",
    ...env,
  };
  return new Promise((resolve, reject) => {
    const child = spawn(CLI, [...args, "--json"], {
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data) => (stdout += data));
    child.stderr.on("data", (data) => (stderr += data));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      let json = null;
      try {
        json = JSON.parse(stdout);
      } catch {
        // Killed or refused before it said anything; the caller looks at the code.
      }
      resolve({ code, signal, json, stdout, stderr });
    });
    onStart?.(child);
  });
}

/** Publishes a folder, or a table of files; resolves to the report, throws if it failed. */
export async function publish(
  worker,
  site,
  from,
  { stage = "production", args = [], ...options } = {},
) {
  const dir = typeof from === "string" ? from : folder(from);
  const result = await selvedge(
    worker,
    ["publish", dir, "--site", site, "--stage", stage, ...args],
    options,
  );
  if (result.code !== 0) {
    throw new Error(
      `publish ${site}: exit code ${result.code}\n${result.stdout}\n${result.stderr}`,
    );
  }
  return { ...result.json, dir };
}

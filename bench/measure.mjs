// One run against one contestant: load, requests, and what they cost the server's process.

import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { Explained, onPath, run } from "../scripts/lib.mjs";

/** Connections that are kept busy. */
export const CONNECTIONS = 16;
/** Clock ticks in a second, as /proc counts CPU time. */
const TICKS_PER_SEC = 100;

/** One request; `{status, headers, body}`, the body as bytes. */
export function ask(port, path, headers = {}) {
  return new Promise((resolve, reject) => {
    const asking = request({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode: status, headers } = response;
        resolve({ status, headers, body: Buffer.concat(chunks) });
      });
    });
    asking.on("error", reject);
    asking.end();
  });
}

/** The load generator, or how to get it. */
export function wrk() {
  const program = onPath("wrk");
  if (program) return program;
  throw new Explained(
    "the load comes from wrk, which is not on PATH: `apt install wrk`, `brew install wrk`, " +
      "or https://github.com/wg/wrk",
  );
}

/** CPU time that a process has used, in seconds: all its threads, user and system. */
export function cpuSecs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SEC;
}

/** Memory that a process has resident, in bytes. */
export function rssBytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(status.match(/^VmRSS:\s+(\d+) kB$/m)[1]) * 1024;
}

/** A wrk script that asks for `paths` one after the other. */
export function rotation(file, paths) {
  const list = paths.map((path) => JSON.stringify(path)).join(", ");
  writeFileSync(
    file,
    `local paths = { ${list} }
local at = 0
request = function()
  at = at % #paths + 1
  return wrk.format(nil, paths[at])
end
`,
  );
  return file;
}

/** Loads `port` for `secs` seconds; `{requests, requests_per_sec, cpu_us}`. */
export async function load({ pid, port, path, script, headers, secs }) {
  const args = ["-t1", `-c${CONNECTIONS}`, `-d${secs}s`];
  for (const [name, value] of Object.entries(headers)) args.push("-H", `${name}: ${value}`);
  if (script) args.push("-s", script);
  const before = cpuSecs(pid);
  const { text } = await run(wrk(), [...args, `http://127.0.0.1:${port}${path}`]);
  const used = cpuSecs(pid) - before;
  const requests = Number(text.match(/(\d+) requests in/)?.[1] ?? 0);
  if (requests === 0) throw new Error(`nothing was answered: ${text}`);
  const refused = Number(text.match(/Non-2xx or 3xx responses: (\d+)/)?.[1] ?? 0);
  const broken = text.match(/Socket errors:.*/)?.[0] ?? null;
  return {
    requests,
    refused,
    broken,
    requests_per_sec: Number(text.match(/Requests\/sec:\s+([\d.]+)/)?.[1] ?? 0),
    cpu_us: (used * 1e6) / requests,
  };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Half of what lies between the quartiles, as a share of the median. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.round((sorted.length - 1) * share)];
  return (at(0.75) - at(0.25)) / 2 / median(values);
}

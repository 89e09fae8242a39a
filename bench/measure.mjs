// Loads a server with wrk and measures the cost to its process.

import { readFileSync, writeFileSync } from "node:fs";
import { Explained, onPath, run } from "../scripts/lib.mjs";

/** Number of busy connections. */
export const CONNECTIONS = 16;
/** Unit of CPU time in /proc. */
const TICKS_PER_SEC = 100;

/** Returns the path of the load generator. */
export function wrk() {
  const program = onPath("wrk");
  if (program) return program;
  const advice = "`apt install wrk`, `brew install wrk`, or https://github.com/wg/wrk";
  throw new Explained(`wrk is not on PATH: ${advice}`);
}

/** Returns the CPU time of a process in seconds: all threads, user and system. */
export function cpuSecs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in parentheses, and can contain anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SEC;
}

/** Returns the resident memory of a process in bytes. */
export function rssBytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(status.match(/^VmRSS:\s+(\d+) kB$/m)[1]) * 1024;
}

/** Writes a wrk script that requests `paths` in turn. */
export function rotation(file, paths) {
  const list = paths.map((path) => JSON.stringify(path)).join(", ");
  const lines = [
    `local paths = { ${list} }`,
    "local at = 0",
    "request = function()",
    "  at = at % #paths + 1",
    "  return wrk.format(nil, paths[at])",
    "end",
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

/** Loads `port` for `secs` seconds; resolves to the requests, errors and CPU time per request. */
export async function load({ pid, port, path, script, headers, secs }) {
  const args = ["-t1", `-c${CONNECTIONS}`, `-d${secs}s`];
  for (const [name, value] of Object.entries(headers)) args.push("-H", `${name}: ${value}`);
  if (script) args.push("-s", script);
  const before = cpuSecs(pid);
  const { text } = await run(wrk(), [...args, `http://127.0.0.1:${port}${path}`]);
  const used = cpuSecs(pid) - before;
  const requests = Number(text.match(/(\d+) requests in/)?.[1] ?? 0);
  if (requests === 0) throw new Error(`no request was answered: ${text}`);
  const number = (pattern) => Number(text.match(pattern)?.[1] ?? 0);
  return {
    requests,
    refused: number(/Non-2xx or 3xx responses: (\d+)/),
    broken: text.match(/Socket errors:.*/)?.[0] ?? null,
    requests_per_sec: number(/Requests\/sec:\s+([\d.]+)/),
    cpu_us: (used * 1e6) / requests,
  };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Returns half the interquartile range, as a fraction of the median. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.round((sorted.length - 1) * share)];
  return (at(0.75) - at(0.25)) / 2 / median(values);
}

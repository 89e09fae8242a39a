// `make bench`: measures the cost of a request for all contestants, on one workerd and in one run.
//
//   node bench/run.mjs [--rounds=N] [--secs=N] [--save] [--built] [--no-core] [--other=FOLDER]
//                      [SCENARIO ...]
//
// Every round runs every contestant of every scenario once, so that a slow phase of the machine
// affects all of them. The results are the CPU time of the server's process per request, ratios
// within a round, and medians over rounds.
//
//   --save     write bench/results.json and results.svg
//   --built    skip the build
//   --no-core  skip the native benchmarks
//   --other    also run another build of the worker, such as a copy of an earlier build/worker
//
// `vectors` (the build must pass tests/vectors first) and `scale` can be selected like scenarios.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { measured, sizes } from "../scripts/budget.mjs";
import { build } from "../scripts/build.mjs";
import { ROOT, WORKER, main, run, say } from "../scripts/lib.mjs";
import { start } from "./contestants.mjs";
import { core } from "./core.mjs";
import { get } from "../tests/e2e/lib/client.mjs";
import { CONNECTIONS, load, median, rotation, spread, wrk } from "./measure.mjs";
import { svg, tables } from "./report.mjs";
import { scale } from "./scale.mjs";
import { CORE_TARGETS, GAPS, KEPT_SHARE_MAX, entries, targets } from "./scenarios.mjs";
import { checkVectors } from "./vectors.mjs";

/** Seconds of load before the first round. */
const WARM_SECS = 1;

function option(name, fallback) {
  const found = process.argv.find((argument) => argument.startsWith(`--${name}=`));
  return found ? found.slice(name.length + 3) : fallback;
}

/** Fails unless the response is the expected one; resolves to the request headers. */
async function check(entry, port) {
  const headers = { ...entry.headers };
  const ask = (path) => get(port, entry.host, path, { headers });
  if (entry.revalidates) {
    // A cached response can have another entity tag than the first one.
    await ask(entry.path);
    headers["if-none-match"] = (await ask(entry.path)).headers.value("etag");
  }
  for (const path of entry.paths ?? [entry.path]) {
    const { status, body } = await ask(path);
    if (status === entry.status && body.length === entry.bytes) continue;
    throw new Error(
      `${entry.contestant} answered ${path} with ${status} and ` +
        `${body.length} bytes, not ${entry.status} and ${entry.bytes}`,
    );
  }
  // With another spelling of `Host`, wrk would send a second one.
  return { Host: entry.host, ...headers };
}

/** Fails unless the store got as many requests as the scenario states. */
function checkReads({ scenario, contestant, reads }, stored, requests) {
  if (reads === undefined) return;
  const least = reads * requests * (1 - KEPT_SHARE_MAX);
  // wrk does not count requests in flight, and live records are refreshed meanwhile.
  const most = reads * requests + 2 * CONNECTIONS;
  if (stored >= least && stored <= most) return;
  throw new Error(
    `${scenario}, ${contestant}: ${stored} store requests in ${requests} requests, ` +
      `not ${reads} per request`,
  );
}

/** Runs an entry once. */
async function once(entry, server, secs) {
  const port = server.ports[entry.contestant];
  const before = await server.requests();
  const { headers, script, path = "/" } = entry;
  const result = await load({ pid: server.pid, port, path, script, headers, secs });
  const stored = (await server.requests()) - before;
  if (result.broken) say(`${entry.scenario}, ${entry.contestant}: ${result.broken}`);
  if (result.refused && entry.status < 400) {
    throw new Error(`${entry.scenario}, ${entry.contestant}: ${result.refused} errors`);
  }
  return { ...result, stored, store_per_request: stored / result.requests };
}

async function rounds(list, server, count, secs) {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-bench-wrk-"));
  for (const [i, entry] of list.entries()) {
    entry.headers = await check(entry, server.ports[entry.contestant]);
    if (entry.paths) entry.script = rotation(join(folder, `${i}.lua`), entry.paths);
    entry.runs = [];
  }
  for (const entry of list) await once(entry, server, WARM_SECS);
  for (let round = 1; round <= count; round += 1) {
    for (const entry of list) {
      const result = await once(entry, server, secs);
      checkReads(entry, result.stored, result.requests);
      entry.runs.push(result);
    }
    say(`round ${round} of ${count}`);
  }
  for (const entry of list) await check(entry, server.ports[entry.contestant]);
  rmSync(folder, { recursive: true, force: true });
}

function summary(entry) {
  const of = (name) => entry.runs.map((result) => result[name]);
  return {
    scenario: entry.scenario,
    contestant: entry.contestant,
    cpu_us: round(median(of("cpu_us")), 1),
    cpu_spread: round(spread(of("cpu_us")), 3),
    requests_per_sec: round(median(of("requests_per_sec")), 0),
    store_requests_per_request: round(median(of("store_per_request")), 2),
    cpu_us_of_runs: of("cpu_us").map((value) => round(value, 1)),
  };
}

const round = (value, digits) => Number(value.toFixed(digits));

function ratios(list) {
  const find = (scenario, contestant) =>
    list.find((entry) => entry.scenario === scenario && entry.contestant === contestant);
  return targets(list).flatMap(([scenario, contestant, otherScenario, other, at_most]) => {
    const [mine, its] = [find(scenario, contestant), find(otherScenario, other)];
    if (!mine || !its) return [];
    const perRound = mine.runs.map((result, i) => result.cpu_us / its.runs[i].cpu_us);
    const against = { scenario: otherScenario, contestant: other };
    const compared = target(median(perRound), at_most, round(spread(perRound), 3));
    return [{ scenario, contestant, against, ...compared }];
  });
}

/** Returns a ratio compared with its maximum. */
function target(ratio, at_most, spread) {
  return { ratio: round(ratio, 2), spread, at_most, holds: ratio <= at_most };
}

function coreRatios(core_ns) {
  return CORE_TARGETS.filter(([name]) => name in core_ns).map(([name, other, at_most]) => ({
    scenario: name,
    contestant: "core",
    against: { scenario: other, contestant: "core" },
    ...target(core_ns[name] / core_ns[other], at_most),
  }));
}

async function machine() {
  const { text } = await run(join(ROOT, "node_modules/workerd/bin/workerd"), ["--version"]);
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? "unknown",
    processors: processors.length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    runtime: text.trim(),
  };
}

main(async () => {
  const only = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
  const [count, secs] = [Number(option("rounds", 5)), Number(option("secs", 2))];
  const other = option("other");
  wrk();
  if (!process.argv.includes("--built")) await build();
  const isAsked = (part) => only.length === 0 || only.includes(part);
  const vectors = isAsked("vectors") ? await checkVectors() : {};
  const server = await start(other && resolve(other));
  const list = entries(only, other);
  say(`${list.length} runs of ${secs} s in each of ${count} rounds`);
  await rounds(list, server, count, secs);
  server.stop();
  const scaled = isAsked("scale") ? await scale() : { sizes: [], targets: [] };
  const core_ns = process.argv.includes("--no-core") ? {} : await core();
  const version = readFileSync(join(ROOT, "Cargo.toml"), "utf8").match(/^version = "(.*)"/m)[1];
  const results = {
    version,
    machine: await machine(),
    load: { connections: CONNECTIONS, rounds: count, secs_per_run: secs },
    entries: list.map(summary),
    ratios: [...ratios(list), ...coreRatios(core_ns)],
    scale: scaled,
    vectors,
    core_ns,
    size: { ...sizes(WORKER), ...(await measured(WORKER, "selvedge")) },
    gaps: GAPS,
  };
  console.log(tables(results));
  if (!process.argv.includes("--save")) return;
  writeFileSync(join(ROOT, "bench/results.json"), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(ROOT, "bench/results.svg"), svg(results));
  say("saved to bench/results.json and bench/results.svg");
});

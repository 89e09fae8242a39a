// `make bench`: what a request costs, here and elsewhere, on one workerd and in one run.
//
//   node bench/run.mjs [--rounds=N] [--secs=N] [--save] [--built] [--no-core] [--other=FOLDER]
//                      [SCENARIO ...]
//
// Every round runs every contestant of every scenario once, so that a slow minute of the machine
// falls on all of them. What is compared is the CPU time of the server's process per request,
// ratios within a round, medians over rounds. `--save` writes bench/results.json and results.svg;
// `--built` takes what was built before; `--no-core` leaves the native benchmarks out; `--other`
// runs another build of the worker beside this one, a copy of an earlier build/worker for example.
// Before all that the build must pass tests/vectors; `vectors` and `scale` are names like those of
// scenarios.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { measured, sizes } from "../scripts/budget.mjs";
import { build } from "../scripts/build.mjs";
import { ROOT, main, run, say } from "../scripts/lib.mjs";
import { start } from "./contestants.mjs";
import { core } from "./core.mjs";
import { CONNECTIONS, ask, load, median, rotation, spread, wrk } from "./measure.mjs";
import { svg, tables } from "./report.mjs";
import { scale } from "./scale.mjs";
import { CORE_TARGETS, GAPS, KEPT_SHARE_MAX, entries, targets } from "./scenarios.mjs";
import { checkVectors } from "./vectors.mjs";

/** Seconds of load that make everything warm. */
const WARM_SECS = 1;

function option(name, fallback) {
  const found = process.argv.find((argument) => argument.startsWith(`--${name}=`));
  return found ? found.slice(name.length + 3) : fallback;
}

/** Asks once, and fails unless the answer is what is to be measured. */
async function check(entry, port) {
  const paths = entry.paths ?? [entry.path];
  // wrk sends a `Host` of its own beside one that is written otherwise.
  const headers = { Host: entry.host, ...entry.headers };
  if (entry.revalidates) {
    // The second, for what comes from a cache may be tagged otherwise.
    await ask(port, entry.path, headers);
    const { etag } = (await ask(port, entry.path, headers)).headers;
    headers["if-none-match"] = etag;
  }
  for (const path of paths) {
    const answer = await ask(port, path, headers);
    if (answer.status !== entry.status || answer.body.length !== entry.bytes) {
      throw new Error(
        `${entry.contestant} answered ${path} with ${answer.status} and ` +
          `${answer.body.length} bytes, not ${entry.status} and ${entry.bytes}`,
      );
    }
  }
  return headers;
}

/** Fails unless the store got as many requests as the scenario is about. */
function checkReads({ scenario, contestant, reads }, stored, requests) {
  if (reads === undefined) return;
  const least = reads * requests * (1 - KEPT_SHARE_MAX);
  // wrk leaves what is under way uncounted, and live records are refreshed meanwhile.
  const most = reads * requests + 2 * CONNECTIONS;
  if (stored >= least && stored <= most) return;
  throw new Error(
    `${scenario}, ${contestant}: ${stored} store requests in ${requests} requests, ` +
      `not ${reads} for each`,
  );
}

/** One run of one entry. */
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
    const ratio = median(perRound);
    const against = { scenario: otherScenario, contestant: other };
    return [
      {
        scenario,
        contestant,
        against,
        ratio: round(ratio, 2),
        spread: round(spread(perRound), 3),
        at_most,
        holds: ratio <= at_most,
      },
    ];
  });
}

function coreRatios(core_ns) {
  return CORE_TARGETS.filter(([name]) => name in core_ns).map(([name, other, at_most]) => {
    const ratio = core_ns[name] / core_ns[other];
    return {
      scenario: name,
      contestant: "core",
      against: { scenario: other, contestant: "core" },
      ratio: round(ratio, 2),
      at_most,
      holds: ratio <= at_most,
    };
  });
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
    size: { ...sizes(), ...(await measured()) },
    gaps: GAPS,
  };
  console.log(tables(results));
  if (!process.argv.includes("--save")) return;
  writeFileSync(join(ROOT, "bench/results.json"), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(ROOT, "bench/results.svg"), svg(results));
  say("saved to bench/results.json and bench/results.svg");
});

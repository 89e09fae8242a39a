// Runs the public cache tests against the built worker and compares every outcome with
// expected.json; scripts/conformance.mjs builds first and says what the options are.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../scripts/lib.mjs";
import { OPTIONS, startAction } from "./action.mjs";
import { compare, expectation, score, table, tally, total, updated } from "./score.mjs";
import { PINNED, loadSuite, runTests, startOrigin, testsById, withDependencies } from "./suite.mjs";

const EXPECTED = join(ROOT, "tests/conformance/expected.json");
const REPORT = join(ROOT, "build/conformance.json");

const args = process.argv.slice(2);
const has = (name) => args.includes(`--${name}`);
const valueOf = (name) =>
  args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? null;

/** What the run says of each test, in the suite's order. */
function entries(suite, results, outcomes) {
  return suite.groups.flatMap(({ id: group, tests }) =>
    tests
      .filter(({ id }) => outcomes.has(id))
      .map(({ id, name, kind = "required" }) => {
        const message = results[id] === true ? null : results[id].join(": ");
        return { id, group, kind, name, outcome: outcomes.get(id), message };
      }),
  );
}

function show(entry, wanted) {
  console.log(`\n${entry.id} (${entry.group}, ${entry.kind}): ${entry.outcome}`);
  console.log(`    ${entry.name}`);
  if (entry.message) console.log(`    ${entry.message}`);
  if (wanted?.reason) console.log(`    expected: ${wanted.reason}`);
}

async function measure(suite, ids) {
  const origin = await startOrigin(suite);
  try {
    const worker = await startAction(origin.url, { bare: has("bare") });
    try {
      return await runTests(suite, worker.url, ids);
    } finally {
      await worker.stop();
    }
  } finally {
    await origin.stop();
  }
}

function report(suite, rows, tests) {
  const runtime = has("bare") ? "workerd" : "miniflare";
  const suiteOf = { name: "http-cache-tests", version: suite.version };
  const content = {
    suite: suiteOf,
    runtime,
    action: OPTIONS,
    total: total(rows),
    groups: rows,
    tests,
  };
  mkdirSync(join(ROOT, "build"), { recursive: true });
  writeFileSync(REPORT, `${JSON.stringify(content, null, 2)}\n`);
}

const suite = await loadSuite(process.env.SUITE || PINNED);
const tests = testsById(suite);
const only = valueOf("only")?.split(",") ?? null;
const strangers = (only ?? []).filter((id) => !tests.has(id));
if (strangers.length) {
  console.error(`error: no such test in version ${suite.version}: ${strangers.join(", ")}`);
  process.exit(1);
}

const results = await measure(suite, only ? withDependencies(suite, only) : [...tests.keys()]);
const outcomes = score(tests, results);
const expected = JSON.parse(readFileSync(EXPECTED, "utf8"));
const all = entries(suite, results, outcomes);
const isShown = ({ id, outcome }) =>
  only ? only.includes(id) : has("verbose") && !["pass", "yes", "no"].includes(outcome);
for (const entry of all.filter(isShown))
  show(entry, expectation(expected, suite.version, entry.id));

const rows = tally(suite.groups, outcomes);
if (has("markdown")) {
  console.log(table(rows));
  process.exit(0);
}
const options = Object.entries(OPTIONS).map(
  ([name, value]) => `${name} = ${JSON.stringify(value)}`,
);
console.log(`\nhttp-cache-tests ${suite.version}; the action has ${options.join(", ")}\n`);
console.log(table(rows));

if (only === null) report(suite, rows, all);
if (has("update")) {
  const pinned = await loadSuite(PINNED);
  const known = { version: pinned.version, ids: new Set(testsById(pinned).keys()) };
  const next = updated(expected, suite.version, outcomes, known);
  writeFileSync(EXPECTED, `${JSON.stringify(next, null, 2)}\n`);
} else {
  const complaints = compare(expected, suite.version, outcomes);
  for (const line of complaints) console.log(`\n${line}`);
  console.log(`\n${outcomes.size - complaints.length} as expected, ${complaints.length} not`);
  process.exitCode = complaints.length ? 1 : 0;
}

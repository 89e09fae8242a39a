// Runs the public cache tests against the built worker and compares every outcome with
// expected.json. scripts/conformance.mjs builds first and documents the options.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BUILD, ROOT } from "../../scripts/lib.mjs";
import { OPTIONS, lines, measure } from "./action.mjs";
import { compare, expectation, score, table, tally, total, updated } from "./score.mjs";
import { PINNED, loadSuite, testsById, withDependencies } from "./suite.mjs";

const EXPECTED = join(ROOT, "tests/conformance/expected.json");
const REPORT = join(BUILD, "conformance.json");

const args = process.argv.slice(2);
const has = (name) => args.includes(`--${name}`);
const only = args.find((arg) => arg.startsWith("--only="))?.slice("--only=".length).split(",");

function writeJson(file, content) {
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}

/** Returns the outcome of each test, in the suite's order. */
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

function show({ id, group, kind, name, outcome, message }, wanted) {
  console.log(`\n${id} (${group}, ${kind}): ${outcome}\n    ${name}`);
  if (message) console.log(`    ${message}`);
  if (wanted?.reason) console.log(`    expected: ${wanted.reason}`);
}

function report({ version }, groups, tests) {
  mkdirSync(BUILD, { recursive: true });
  writeJson(REPORT, {
    suite: { name: "http-cache-tests", version },
    runtime: has("bare") ? "workerd" : "miniflare",
    action: OPTIONS,
    total: total(groups),
    groups,
    tests,
  });
}

const suite = await loadSuite(process.env.SUITE || PINNED);
const tests = testsById(suite);
const unknown = only?.filter((id) => !tests.has(id)) ?? [];
if (unknown.length) {
  console.error(`error: no such test in version ${suite.version}: ${unknown.join(", ")}`);
  process.exit(1);
}

const ids = only ? withDependencies(suite, only) : [...tests.keys()];
const results = await measure(suite, ids, { bare: has("bare") });
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
console.log(`\nhttp-cache-tests ${suite.version}; the action has ${lines().join(", ")}\n`);
console.log(table(rows));

if (!only) report(suite, rows, all);
if (has("update")) {
  const pinned = await loadSuite(PINNED);
  const known = { version: pinned.version, ids: new Set(testsById(pinned).keys()) };
  writeJson(EXPECTED, updated(expected, suite.version, outcomes, known));
} else {
  const complaints = compare(expected, suite.version, outcomes);
  for (const line of complaints) console.log(`\n${line}`);
  console.log(`\n${outcomes.size - complaints.length} as expected, ${complaints.length} not`);
  process.exitCode = complaints.length ? 1 : 0;
}

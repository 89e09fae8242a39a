// Some of the public cache tests of every group. `make conformance` runs all of them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ROOT } from "../../scripts/lib.mjs";
import { startAction } from "./action.mjs";
import { compare, score } from "./score.mjs";
import { loadSuite, runTests, startOrigin, testsById, withDependencies } from "./suite.mjs";

const read = (name) => JSON.parse(readFileSync(join(ROOT, "tests/conformance", name), "utf8"));
const SHORT = read("short.json");
const EXPECTED = read("expected.json");
const suite = await loadSuite();

describe("public cache tests", () => {
  const running = [];
  let results;
  let outcomes;

  before(async () => {
    const origin = await startOrigin(suite);
    running.push(origin);
    const worker = await startAction(origin.url);
    running.push(worker);
    results = await runTests(suite, worker.url, withDependencies(suite, SHORT));
    outcomes = score(testsById(suite), results);
  });
  after(() => Promise.all(running.map((one) => one.stop())));

  for (const id of SHORT) {
    test(id, () => {
      const outcome = new Map([[id, outcomes.get(id)]]);
      assert.deepEqual(compare(EXPECTED, suite.version, outcome), [], results[id]?.[1]);
    });
  }
});

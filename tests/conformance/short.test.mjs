// Some of the public cache tests of every group. `make conformance` runs all of them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { ROOT } from "../../scripts/lib.mjs";
import { measure } from "./action.mjs";
import { compare, score } from "./score.mjs";
import { loadSuite, testsById, withDependencies } from "./suite.mjs";

const read = (name) => JSON.parse(readFileSync(join(ROOT, "tests/conformance", name), "utf8"));
const SHORT = read("short.json");
const EXPECTED = read("expected.json");
const suite = await loadSuite();

describe("public cache tests", () => {
  let results;
  let outcomes;

  before(async () => {
    results = await measure(suite, withDependencies(suite, SHORT));
    outcomes = score(testsById(suite), results);
  });

  for (const id of SHORT) {
    test(id, () => {
      const outcome = new Map([[id, outcomes.get(id)]]);
      assert.deepEqual(compare(EXPECTED, suite.version, outcome), [], results[id]?.[1]);
    });
  }
});

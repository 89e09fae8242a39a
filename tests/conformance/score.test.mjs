// Tests of scoring and comparison.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compare, expectation, score, table, tally, updated } from "./score.mjs";

const SETUP = ["Setup", "Response 1 status is 500, not 200"];
const ASSERTION = ["Assertion", "Response 2 comes from cache"];

/** A test of `kind` that depends on `others`. */
const one = (kind, ...others) => ({ ...(kind ? { kind } : {}), depends_on: others });

/** name, tests, results, outcomes. */
const SCORES = [
  ["no kind is required", { a: one() }, { a: ASSERTION }, { a: "fail" }],
  ["required", { a: one("required") }, { a: true }, { a: "pass" }],
  ["optimal", { a: one("optimal") }, { a: true }, { a: "pass" }],
  ["optimal, failed", { a: one("optimal") }, { a: ASSERTION }, { a: "optional_fail" }],
  ["check", { a: one("check") }, { a: true }, { a: "yes" }],
  ["check, failed", { a: one("check") }, { a: ASSERTION }, { a: "no" }],
  ["a precondition", { a: one("optimal") }, { a: SETUP }, { a: "setup_fail" }],
  ["asked twice", { a: one("required") }, { a: ["Setup", "retry"] }, { a: "retry" }],
  ["a lost connection", { a: one() }, { a: ["TypeError", "fetch failed"] }, { a: "fail" }],
  ["a hanging check", { a: one("check") }, { a: ["TimeoutError", "late"] }, { a: "no" }],
  ["not run", { a: one() }, {}, {}],
  [
    "its dependency fails",
    { a: one(), b: one("required", "a") },
    { a: ASSERTION, b: true },
    { a: "fail", b: "dependency_fail" },
  ],
  [
    "an indirect dependency fails",
    { a: one("check"), b: one("check", "a"), c: one("required", "b") },
    { a: ASSERTION, b: true, c: true },
    { a: "no", b: "dependency_fail", c: "dependency_fail" },
  ],
  [
    "a dependency outweighs a precondition",
    { a: one(), b: one("required", "a") },
    { a: SETUP, b: SETUP },
    { a: "setup_fail", b: "dependency_fail" },
  ],
  [
    "a dependency that did not run",
    { a: one(), b: one("optimal", "a") },
    { b: true },
    { b: "dependency_fail" },
  ],
  ["an unknown dependency", { b: one("optimal", "x") }, { b: true }, { b: "dependency_fail" }],
  [
    "a check whose result is yes satisfies a dependency",
    { a: one("check"), b: one("required", "a") },
    { a: true, b: true },
    { a: "yes", b: "pass" },
  ],
  [
    "a cycle of dependencies",
    { a: one("required", "b"), b: one("required", "a") },
    { a: true, b: true },
    { a: "dependency_fail", b: "dependency_fail" },
  ],
];

const EXPECTED = {
  tests: {
    good: "pass",
    bad: { result: "fail", reason: "the runtime" },
    mute: { result: "fail", reason: "" },
    asked: "no",
    moved: "pass",
  },
  versions: { new: { moved: { result: "optional_fail", reason: "declined" } } },
};

/** name, version, id, outcome, part of the complaint or null. */
const COMPARISONS = [
  ["as expected", "old", "good", "pass", null],
  ["as expected, for a reason", "old", "bad", "fail", null],
  ["a check needs no reason", "old", "asked", "no", null],
  ["a loss", "old", "good", "fail", "loss"],
  ["a gain", "old", "bad", "pass", "gain"],
  ["a check that changed", "old", "asked", "yes", "gain"],
  ["another failure", "old", "bad", "setup_fail", "loss"],
  ["without a reason", "old", "mute", "fail", "without a reason"],
  ["an unknown test", "old", "stranger", "pass", "no outcome is expected"],
  ["an exception of a version", "new", "moved", "optional_fail", null],
  ["an exception of another version", "old", "moved", "optional_fail", "loss"],
  ["a version without exceptions", "other", "good", "pass", null],
];

describe("scores", () => {
  for (const [name, tests, results, outcomes] of SCORES) {
    test(name, () => {
      const found = score(new Map(Object.entries(tests)), results);
      assert.deepEqual(Object.fromEntries(found), outcomes);
    });
  }
});

describe("comparisons", () => {
  for (const [name, version, id, outcome, complaint] of COMPARISONS) {
    test(name, () => {
      const found = compare(EXPECTED, version, new Map([[id, outcome]]));
      assert.equal(found.length, complaint === null ? 0 : 1, found.join());
      if (complaint !== null) assert.ok(found[0].includes(complaint), found[0]);
    });
  }
});

test("recorded outcomes become the expected ones, and reasons stay", () => {
  const pinned = { version: "old", ids: new Set(["good", "bad", "mute", "asked", "moved"]) };
  const written = { good: "setup_fail", bad: "fail", moved: "pass", added: "no" };
  const outcomes = new Map(Object.entries(written));
  for (const version of ["old", "new"]) {
    const next = updated(EXPECTED, version, outcomes, pinned);
    for (const [id, outcome] of outcomes) {
      assert.equal(expectation(next, version, id).result, outcome, `${version}: ${id}`);
    }
    assert.equal(expectation(next, version, "bad").reason, "the runtime");
    assert.equal(expectation(next, version, "asked").result, "no");
  }
  const other = updated(EXPECTED, "new", outcomes, pinned);
  assert.equal(expectation(other, "old", "good").result, "pass", "the other version stays");
  assert.deepEqual(Object.keys(other.versions.new), ["good"], "only what differs");
});

test("a table counts the tests that ran by group and kind", () => {
  const kinds = { a: undefined, b: "optimal", c: "check", d: "check" };
  const tests = Object.entries(kinds).map(([id, kind]) => ({ id, kind }));
  const groups = [
    { id: "one", tests },
    { id: "two", tests: [{ id: "e" }] },
  ];
  const outcomes = new Map(Object.entries({ a: "dependency_fail", b: "pass", c: "yes" }));
  assert.equal(
    table(tally(groups, outcomes)),
    [
      "| group | required | optimal |  check |",
      "| ----- | -------: | ------: | -----: |",
      "| one   |   0 of 1 |  1 of 1 | 1 of 1 |",
      "| all   |   0 of 1 |  1 of 1 | 1 of 1 |",
    ].join("\n"),
  );
});

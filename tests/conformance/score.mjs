// Scores the results of the public cache tests and compares them with the expected outcomes. Pure.

const KINDS = ["required", "optimal", "check"];
/** Outcomes that satisfy a dependency. */
const PASSING = ["pass", "yes"];

/** Returns the outcome of a test without regard to its dependencies. */
function outcomeAlone(test, result) {
  if (result === undefined) return "untested";
  const kind = test.kind ?? "required";
  if (result === true) return kind === "check" ? "yes" : "pass";
  const [name, message] = result;
  if (name === "Setup") return message === "retry" ? "retry" : "setup_fail";
  return { required: "fail", optimal: "optional_fail", check: "no" }[kind];
}

/**
 * Returns the outcome of each test of `tests` (id -> test) that has a result. A test is a
 * `dependency_fail` if a dependency does not pass, whatever its own result.
 */
export function score(tests, results) {
  const outcomes = new Map();
  const outcome = (id) => {
    const test = tests.get(id);
    if (test === undefined) return "untested";
    if (!outcomes.has(id)) {
      // In a cycle, no test passes.
      outcomes.set(id, "dependency_fail");
      const alone = outcomeAlone(test, results[id]);
      const stands = (test.depends_on ?? []).every((other) => PASSING.includes(outcome(other)));
      outcomes.set(id, stands || alone === "untested" ? alone : "dependency_fail");
    }
    return outcomes.get(id);
  };
  return new Map(
    [...tests.keys()].filter((id) => results[id] !== undefined).map((id) => [id, outcome(id)]),
  );
}

/** Returns the expectation of a test in a version of the suite: `{result, reason}`, or null. */
export function expectation(expected, version, id) {
  const entry = expected.versions?.[version]?.[id] ?? expected.tests[id];
  if (entry === undefined) return null;
  return typeof entry === "string" ? { result: entry, reason: null } : entry;
}

/** Returns the differences between outcomes and expectations, one line each. */
export function compare(expected, version, outcomes) {
  const complaints = [];
  for (const [id, outcome] of outcomes) {
    const wanted = expectation(expected, version, id);
    if (wanted === null) complaints.push(`${id}: ${outcome}, and no outcome is expected`);
    else if (wanted.result !== outcome) {
      const change = PASSING.includes(outcome) ? "gain" : "loss";
      complaints.push(`${id}: ${outcome}, expected ${wanted.result} (${change})`);
    } else if (needsReason(outcome) && !wanted.reason) {
      complaints.push(`${id}: ${outcome} as expected, but without a reason`);
    }
  }
  return complaints;
}

/** A check has no right answer, so neither outcome needs a reason. */
const needsReason = (outcome) => !PASSING.includes(outcome) && outcome !== "no";

/**
 * Returns `expected` with the `outcomes` of `version` written into it. A version has its own entry
 * only for a test where it differs from the `pinned` version.
 */
export function updated(expected, version, outcomes, pinned) {
  const tests = { ...expected.tests };
  const own = { ...expected.versions?.[version] };
  for (const [id, outcome] of outcomes) {
    const known = expectation(expected, version, id);
    const reason = known?.result === outcome ? known.reason : null;
    const entry = needsReason(outcome) ? { result: outcome, reason: reason ?? "" } : outcome;
    if (version === pinned.version || !pinned.ids.has(id)) tests[id] = entry;
    else if (expectation({ tests }, version, id)?.result === outcome) delete own[id];
    else own[id] = entry;
  }
  const versions = { ...expected.versions, [version]: sorted(own) };
  for (const name of Object.keys(versions)) {
    if (Object.keys(versions[name]).length === 0) delete versions[name];
  }
  return { ...expected, tests: sorted(tests), versions };
}

const sorted = (table) =>
  Object.fromEntries(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Returns the passed and total tests of each kind by group: `[{group, required: [1, 2], ...}]`. */
export function tally(groups, outcomes) {
  return groups
    .map((group) => {
      const row = { group: group.id, required: [0, 0], optimal: [0, 0], check: [0, 0] };
      for (const { id, kind = "required" } of group.tests) {
        if (!outcomes.has(id)) continue;
        row[kind][1] += 1;
        if (PASSING.includes(outcomes.get(id))) row[kind][0] += 1;
      }
      return row;
    })
    .filter((row) => KINDS.some((kind) => row[kind][1] > 0));
}

/** Returns the last row of a tally. */
export function total(rows) {
  const sum = (kind, at) => rows.reduce((all, row) => all + row[kind][at], 0);
  const kinds = KINDS.map((kind) => [kind, [sum(kind, 0), sum(kind, 1)]]);
  return { group: "all", ...Object.fromEntries(kinds) };
}

/** Formats a tally as a Markdown table. */
export function table(rows) {
  const cell = ([passed, of]) => (of === 0 ? "" : `${passed} of ${of}`);
  const all = [...rows, total(rows)];
  const lines = all.map((row) => [row.group, ...KINDS.map((kind) => cell(row[kind]))]);
  const head = ["group", ...KINDS];
  const widths = head.map((_, at) => Math.max(...[head, ...lines].map((line) => line[at].length)));
  const rule = widths.map((width, at) => "-".repeat(width - 1) + (at === 0 ? "-" : ":"));
  const pad = (text, at) => (at === 0 ? text.padEnd(widths[at]) : text.padStart(widths[at]));
  return [head, rule, ...lines].map((line) => `| ${line.map(pad).join(" | ")} |`).join("\n");
}

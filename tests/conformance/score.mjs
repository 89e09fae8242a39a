// What the results of the public cache tests are worth, and whether they are the expected ones.
// Pure: results and expectations in, outcomes, tables and complaints out.

/** The outcomes that a test which depends on another can be built on. */
const PASSING = ["pass", "yes"];

/** The outcome of a test by itself: what the suite said of it, judged by the test's kind. */
function outcomeAlone(test, result) {
  if (result === undefined) return "untested";
  const kind = test.kind ?? "required";
  if (result === true) return kind === "check" ? "yes" : "pass";
  const [name, message] = result;
  if (name === "Setup") return message === "retry" ? "retry" : "setup_fail";
  return { required: "fail", optimal: "optional_fail", check: "no" }[kind];
}

/**
 * The outcome of each test of `tests` (id -> test) that has a result. A test that depends on one
 * which does not pass is a `dependency_fail`, whatever it says itself.
 */
export function score(tests, results) {
  const outcomes = new Map();
  const outcome = (id) => {
    const test = tests.get(id);
    if (test === undefined) return "untested";
    if (!outcomes.has(id)) {
      // Found again on its way to itself, a test does not pass.
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

/** What is expected of test `id` in `version` of the suite: `{result, reason}`, or null. */
export function expectation(expected, version, id) {
  const entry = expected.versions?.[version]?.[id] ?? expected.tests[id];
  if (entry === undefined) return null;
  return typeof entry === "string" ? { result: entry, reason: null } : entry;
}

/** The differences between outcomes and expectations, one line each: losses and gains alike. */
export function compare(expected, version, outcomes) {
  const complaints = [];
  for (const [id, outcome] of outcomes) {
    const wanted = expectation(expected, version, id);
    if (wanted === null) complaints.push(`${id}: ${outcome}, and nothing is expected of it`);
    else if (wanted.result !== outcome) {
      const change = PASSING.includes(outcome) ? "gain" : "loss";
      complaints.push(`${id}: ${outcome}, expected ${wanted.result} (${change})`);
    } else if (needsReason(outcome) && !wanted.reason) {
      complaints.push(`${id}: ${outcome} as expected, and nothing says why`);
    }
  }
  return complaints;
}

/** A check says what a cache does, not what it should do: neither answer needs a reason. */
const needsReason = (outcome) => !PASSING.includes(outcome) && outcome !== "no";

/**
 * `expected` with `outcomes` of `version` written into it. Versions agree about most tests: only
 * where one differs from the `pinned` version does it have an entry of its own.
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

/** The tests of each kind that passed and that there are, by group: `[{group, required, ...}]`. */
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

export const KINDS = ["required", "optimal", "check"];

/** The last line of a tally. */
export function total(rows) {
  const sum = (kind, at) => rows.reduce((all, row) => all + row[kind][at], 0);
  const kinds = KINDS.map((kind) => [kind, [sum(kind, 0), sum(kind, 1)]]);
  return { group: "all", ...Object.fromEntries(kinds) };
}

/** A tally as a table in Markdown, which is plain enough for a terminal too. */
export function table(rows) {
  const cell = ([passed, of]) => (of === 0 ? "" : `${passed} of ${of}`);
  const lines = [...rows, total(rows)].map((row) => [
    row.group,
    ...KINDS.map((kind) => cell(row[kind])),
  ]);
  const head = ["group", ...KINDS];
  const widths = head.map((name, at) =>
    Math.max(...[head, ...lines].map((line) => line[at].length)),
  );
  const show = (line) => {
    const cells = line.map((text, at) =>
      at === 0 ? text.padEnd(widths[0]) : text.padStart(widths[at]),
    );
    return `| ${cells.join(" | ")} |`;
  };
  const rule = widths.map((width, at) =>
    at === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [show(head), `| ${rule.join(" | ")} |`, ...lines.map(show)].join("\n");
}

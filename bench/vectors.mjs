// tests/vectors on the very build that is measured: every row is published with the command line
// and asked for on bare workerd. How a row is judged is said in tests/vectors/DEVIATIONS.md.
//
//   node bench/vectors.mjs

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Explained, ROOT, main, say, step } from "../scripts/lib.mjs";
import { attack } from "../tests/e2e/lib/attack.mjs";
import { publish } from "../tests/e2e/lib/cli.mjs";
import { twoSites } from "../tests/e2e/lib/fixture.mjs";
import { Origin } from "../tests/e2e/lib/origin.mjs";
import { startBare } from "../tests/e2e/lib/worker.mjs";

const rows = (name) => JSON.parse(readFileSync(join(ROOT, `tests/vectors/${name}.json`), "utf8"));

/** Response headers that sites may not set here: DEVIATIONS.md, 2. */
const DISALLOWED = ["set-cookie", "etag"];

/** What is published for a row: path -> content, which is the path. */
function filesOf(row) {
  const asked = row.any_file ? [row.path] : [];
  // No file system has a file whose name ends with a slash.
  const paths = [...row.files, ...asked].filter((path) => !path.endsWith("/"));
  const files = Object.fromEntries(paths.map((path) => [path.slice(1), path]));
  // An empty folder is not published; no row asks for this.
  if (paths.length === 0) files["unasked.txt"] = "";
  files["selvedge.toml"] = `html = "${row.html}"\nnot_found = "${row.not_found}"\n`;
  if (row.headers_file) files._headers = row.headers_file;
  if (row.redirects_file) files._redirects = row.redirects_file;
  return files;
}

/** What is wrong with the answer to a row. */
function judge(row, answer) {
  const bad = [];
  const same = (what, is, wanted) => {
    if (is !== wanted) bad.push(`${what} is ${is}, not ${wanted}`);
  };
  // DEVIATIONS.md, 1: OPTIONS is answered where something is.
  const isOptions = row.method === "OPTIONS" && row.status === 405;
  same("status", answer.status, isOptions ? 204 : row.status);
  same("location", answer.headers.value("location"), row.location);
  if (row.serves) same("body", answer.text, row.serves);
  for (const [name, value] of Object.entries(row.response_headers ?? {})) {
    const lower = name.toLowerCase();
    if (!DISALLOWED.includes(lower)) same(lower, answer.headers.value(lower), value);
  }
  return bad;
}

/** Asks for every row of a table; `{passed, of, failures}`. */
async function table(worker, name) {
  const sites = new Map();
  const failures = [];
  const list = rows(name);
  for (const row of list) {
    const files = filesOf(row);
    const content = JSON.stringify(files);
    if (!sites.has(content)) {
      sites.set(content, `${name}-${sites.size}`);
      await publish(worker, sites.get(content), files);
    }
    // DEVIATIONS.md, 3: a page of a single-page application is for navigations.
    const isApplication = row.not_found === "single-page-application";
    const headers = { ...row.headers, ...(isApplication ? { "sec-fetch-mode": "navigate" } : {}) };
    const answer = await worker.get(sites.get(content), row.path, { method: row.method, headers });
    const bad = judge(row, answer);
    if (bad.length) failures.push(`${row.method} ${row.path} of ${row.files}: ${bad.join("; ")}`);
  }
  return { passed: list.length - failures.length, of: list.length, failures };
}

/** Sends every attack. */
async function attacks() {
  const upstreams = { origin: await new Origin().start(), canary: await new Origin().start() };
  const vars = { ALLOWED_ORIGINS: upstreams.origin.url, FRESH_LIMIT_PER_MINUTE: "60" };
  const worker = await startBare({ vars });
  const places = await twoSites(worker, upstreams);
  const failures = [];
  const { vectors } = rows("attacks");
  for (const row of vectors) {
    const bad = await attack(worker, row, places, upstreams);
    if (bad.length) failures.push(`${row.id} ${row.name}: ${bad.join("; ")}`);
  }
  await worker.stop();
  await Promise.all(Object.values(upstreams).map((one) => one.stop()));
  return { passed: vectors.length - failures.length, of: vectors.length, failures };
}

/**
 * How many rows of each table the built worker answers as it should; it must be all of them, or
 * what is measured is not what users run.
 */
export async function vectors() {
  const worker = await startBare();
  const found = { paths: await table(worker, "paths"), rules: await table(worker, "rules") };
  await worker.stop();
  return { ...found, attacks: await attacks() };
}

/** The same as one line. */
export function vectorsLine(found) {
  const parts = Object.entries(found).map(([name, { passed, of }]) => `${passed} of ${of} ${name}`);
  return `vectors: ${parts.join(", ")}`;
}

/** The same as one number for each table, and an error that names the rows that failed. */
export async function checkVectors() {
  const found = await step("tests/vectors on this build", vectors);
  const failures = Object.values(found).flatMap((one) => one.failures);
  say(vectorsLine(found));
  if (failures.length) throw new Explained(failures.join("\n"));
  return Object.fromEntries(
    Object.entries(found).map(([name, { passed, of }]) => [name, { passed, of }]),
  );
}

if (import.meta.main ?? process.argv[1].endsWith("vectors.mjs")) main(checkVectors);

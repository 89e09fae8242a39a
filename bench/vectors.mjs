// Checks that the measured build passes tests/vectors: publishes every row with the command line,
// and requests it on bare workerd. tests/vectors/DEVIATIONS.md lists the exceptions.
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

/** Response headers that sites may not set: DEVIATIONS.md, 2. */
const DISALLOWED = ["set-cookie", "etag"];

/** Returns the files of a row: path -> content, which is the path. */
function filesOf(row) {
  const asked = row.any_file ? [row.path] : [];
  // A file name can't end with a slash.
  const paths = [...row.files, ...asked].filter((path) => !path.endsWith("/"));
  const files = Object.fromEntries(paths.map((path) => [path.slice(1), path]));
  // An empty folder can't be published. No row requests this file.
  if (paths.length === 0) files["unasked.txt"] = "";
  files["selvedge.toml"] =
    `html = "${row.html}"\nnot_found = "${row.not_found}"\n` +
    `[publish]\ninclude = ["_worker.js"]\n`;
  if (row.headers_file) files._headers = row.headers_file;
  if (row.redirects_file) files._redirects = row.redirects_file;
  return files;
}

/** Returns the complaints about the response to a row. */
function judge(row, response) {
  const bad = [];
  const same = (what, is, wanted) => {
    if (is !== wanted) bad.push(`${what} is ${is}, not ${wanted}`);
  };
  // DEVIATIONS.md, 1: OPTIONS of an existing path gets a 204.
  const isOptions = row.method === "OPTIONS" && row.status === 405;
  same("status", response.status, isOptions ? 204 : row.status);
  same("location", response.headers.value("location"), row.location);
  if (row.serves) same("body", response.text, row.serves);
  for (const [name, value] of Object.entries(row.response_headers ?? {})) {
    const lower = name.toLowerCase();
    if (!DISALLOWED.includes(lower)) same(lower, response.headers.value(lower), value);
  }
  return bad;
}

/** Requests every row of a table; resolves to `{passed, of, failures}`. */
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
    // DEVIATIONS.md, 3: a single-page application answers navigations only.
    const isApplication = row.not_found === "single-page-application";
    const headers = { ...row.headers, ...(isApplication ? { "sec-fetch-mode": "navigate" } : {}) };
    const options = { method: row.method, headers };
    const bad = judge(row, await worker.get(sites.get(content), row.path, options));
    if (bad.length) failures.push(`${row.method} ${row.path} of ${row.files}: ${bad.join("; ")}`);
  }
  return { passed: list.length - failures.length, of: list.length, failures };
}

/** Sends every attack; resolves to `{passed, of, failures}`. */
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

/** Fails unless the build passes every row; resolves to the counts of each table. */
export async function checkVectors() {
  const found = await step("tests/vectors on this build", async () => {
    const worker = await startBare();
    const tables = { paths: await table(worker, "paths"), rules: await table(worker, "rules") };
    await worker.stop();
    return { ...tables, attacks: await attacks() };
  });
  const counts = Object.entries(found).map(([name, { passed, of }]) => [name, { passed, of }]);
  say(`vectors: ${counts.map(([name, { passed, of }]) => `${passed} of ${of} ${name}`).join(", ")}`);
  const failures = Object.values(found).flatMap((one) => one.failures);
  if (failures.length) throw new Explained(failures.join("\n"));
  return Object.fromEntries(counts);
}

if (import.meta.main ?? process.argv[1].endsWith("vectors.mjs")) main(checkVectors);

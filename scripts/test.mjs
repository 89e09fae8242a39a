// `make test`: runs the suites one after the other and prints the total. Arguments select suites by
// name. `--long` runs the long ones, `--loaders` those of image loaders, and `--frameworks` the builds
// of real projects, of which `--only=vite,next` selects some.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { chromedriver } from "./chromium.mjs";
import { ROOT, WASM_TARGET, main, node, run, say, seconds } from "./lib.mjs";

const LINTS = ["--", "-D", "warnings"];
/** The libraries of the two workers. */
const BOTH = ["--workspace", "--lib"];

/** Returns the test files in `folder`. */
function testFiles(folder) {
  const path = join(ROOT, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => name.endsWith(".test.mjs"))
    .map((name) => join(folder, name));
}

function cargo(...args) {
  return () => run("cargo", args, { show: true, check: false });
}

async function browser() {
  const env = { CHROMEDRIVER: await chromedriver() };
  const args = ["test", "--target", WASM_TARGET, "--test", "browser"];
  return run("cargo", args, { env, show: true, check: false });
}

/** Runs test files on Node. A single test may take `minutes`. */
function endToEnd(files, env, minutes = 5) {
  const args = [
    "--test",
    "--test-reporter=spec",
    "--test-concurrency=2",
    `--test-timeout=${minutes * 60_000}`,
    ...files,
  ];
  return () => run(node(), args, { env, show: true, check: false });
}

const E2E = testFiles("tests/e2e");
const SUITES = [
  ["fmt", "formatting", cargo("fmt", "--all", "--check")],
  ["clippy", "lints, native", cargo("clippy", "--workspace", "--all-targets", ...LINTS)],
  ["clippy-wasm", "lints, wasm32", cargo("clippy", ...BOTH, "--target", WASM_TARGET, ...LINTS)],
  ["native", "native tests", cargo("test", "--workspace")],
  ["browser", "the pure suite on wasm32 in Chromium", browser],
  ["r2", "end to end, R2", endToEnd(E2E, { SELVEDGE_TEST_STORE: "r2" })],
  ["kv", "end to end, KV", endToEnd(E2E, { SELVEDGE_TEST_STORE: "kv" })],
  ["empty", "end to end, caches always empty", endToEnd(E2E, { SELVEDGE_TEST_CACHE: "empty" })],
  ["flaky", "end to end, cache entries vanishing", endToEnd(E2E, { SELVEDGE_TEST_CACHE: "flaky" })],
  ["conformance", "some public HTTP cache tests", endToEnd(testFiles("tests/conformance"), {})],
  ["gallery", "renditions in Chromium", endToEnd(testFiles("tests/e2e/gallery"), {})],
  ["dev", "make dev and the README", endToEnd(testFiles("tests/e2e/dev"), {})],
  ["wire", "exact bytes on bare workerd", endToEnd(testFiles("tests/e2e/wire"), {})],
];
const LONG_SUITES = [["long", "long tests", endToEnd(testFiles("tests/e2e/long"), {}, 60)]];

const ONLY = process.argv.find((argument) => argument.startsWith("--only="));
const FRAMEWORKS_ENV = { FRAMEWORKS_ONLY: ONLY?.slice("--only=".length) ?? "" };
const FRAMEWORKS = endToEnd(testFiles("tests/frameworks"), FRAMEWORKS_ENV, 120);
const FRAMEWORK_SUITES = [["frameworks", "builds of real projects", FRAMEWORKS]];

const LOADERS = endToEnd(testFiles("tests/media-loaders"), {});
const LOADER_SUITES = [["loaders", "image loaders", LOADERS]];

function suitesOf(options) {
  if (options.includes("--loaders")) return LOADER_SUITES;
  if (options.includes("--frameworks")) return FRAMEWORK_SUITES;
  return options.includes("--long") ? LONG_SUITES : SUITES;
}

/** Returns the numbers of passed and failed tests from the summaries of cargo and Node. */
function count({ code, text }) {
  const sum = (pattern) =>
    [...text.matchAll(pattern)].reduce((total, [, n]) => total + Number(n), 0);
  const passed = sum(/^test result: .*?(\d+) passed/gm) + sum(/^ℹ pass (\d+)/gm);
  const failed =
    sum(/^test result: .*?(\d+) failed/gm) + sum(/^ℹ fail (\d+)/gm) + sum(/^ℹ cancelled (\d+)/gm);
  // A suite that fails without a summary, for example to compile, counts as one failure.
  if (code !== 0 && failed === 0) return { passed, failed: 1 };
  return { passed: passed || (code === 0 && failed === 0 ? 1 : 0), failed };
}

main(async () => {
  const names = process.argv.slice(2).filter((name) => !name.startsWith("--"));
  const suites = suitesOf(process.argv);
  const unknown = names.filter((name) => !suites.some(([known]) => known === name));
  if (unknown.length) say(`no such suite: ${unknown.join(", ")}`);
  const chosen = suites.filter(([name]) => names.length === 0 || names.includes(name));
  await build();
  const total = { passed: 0, failed: unknown.length };
  const failures = [...unknown];
  for (const [name, title, work] of chosen) {
    say(`--- ${name}: ${title}`);
    const since = Date.now();
    const { passed, failed } = count(await work());
    total.passed += passed;
    total.failed += failed;
    if (failed) failures.push(name);
    say(`--- ${name}: ${passed} passed, ${failed} failed, ${seconds(since)}`);
  }
  if (failures.length) say(`failed suites: ${failures.join(", ")}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed ? 1 : 0;
});

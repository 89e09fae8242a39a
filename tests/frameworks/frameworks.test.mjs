// Publishes builds of real projects without configuration, and checks bytes, links, pages in
// Chromium, `immutable`, and that hashed files of an earlier build remain available.
//
// FRAMEWORKS_ONLY is a comma-separated list of projects; `next` includes `next-small` and so on.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { BUILD, say } from "../../scripts/lib.mjs";
import { AT_ONCE } from "../e2e/lib/check.mjs";
import { publish } from "../e2e/lib/cli.mjs";
import { scratch, start } from "../e2e/lib/worker.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { EDITIONS, build, contradictions, published, versions } from "./lib/build.mjs";
import { crawl, follow } from "./lib/links.mjs";
import { PROJECTS } from "./lib/projects.mjs";
import { markdown } from "./lib/table.mjs";

/** Fraction of hashed files that must be recognised. */
const RECOGNISED_MIN = 0.99;
const CONCURRENCY = 16;
/** Maximum number of failures printed per test. */
const EXAMPLES_MAX = 10;

const DECODERS = { br: brotliDecompressSync, gzip: gunzipSync, zstd: zstdDecompressSync };

const only = (process.env.FRAMEWORKS_ONLY ?? "").split(",").filter(Boolean);
const isChosen = ({ name }) =>
  only.length === 0 || only.some((word) => name === word || name.startsWith(`${word}-`));

let worker;
let browser;
const rows = [];

before(async () => {
  worker = await start({ vars: AT_ONCE, state: scratch() });
  browser = await startBrowser();
});

after(async () => {
  if (rows.length) console.log(`\n${markdown(rows)}`);
  await browser?.stop();
  await worker?.stop();
});

/** Calls `work` for every item, up to `CONCURRENCY` at a time. */
async function each(items, work) {
  const left = [...items];
  const run = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, run));
}

const addressOf = (path) => `/${path.split("/").map(encodeURIComponent).join("/")}`;
const isImmutable = ({ headers }) => /\bimmutable\b/.test(headers.value("cache-control") ?? "");

function noneOf(mistakes, what) {
  const examples = mistakes.slice(0, EXAMPLES_MAX).join("\n  ");
  assert.equal(mistakes.length, 0, `${mistakes.length} ${what}:\n  ${examples}`);
}

/**
 * Compares every file with the response at its address, with and without a content coding.
 * Resolves to the canonical address of each file, and to the files that are immutable.
 */
async function compare(site, out, row, t) {
  const wrong = [];
  const immutable = new Set();
  const addresses = new Map();
  await each(published(out), async (file) => {
    const bytes = readFileSync(join(out, file));
    const { answer, path, hops } = await follow(worker, site, addressOf(file));
    row.bytes += bytes.length;
    addresses.set(file, path);
    if (answer.status !== 200) wrong.push(`${file}: ${answer.status}`);
    else if (!answer.body.equals(bytes)) wrong.push(`${file}: other bytes at ${path}`);
    if (hops > 1) wrong.push(`${file}: ${hops} redirects`);
    if (isImmutable(answer)) immutable.add(file);
    const accept = { "accept-encoding": "gzip, br, zstd" };
    const encoded = await worker.get(site, path, { headers: accept });
    const decoder = DECODERS[encoded.headers.value("content-encoding")];
    const decoded = decoder ? decoder(encoded.body) : encoded.body;
    if (!decoded.equals(bytes)) wrong.push(`${file}: other bytes in its content coding`);
  });
  await t.test("every file is served byte for byte", () => noneOf(wrong, "files differ"));
  return { addresses, immutable };
}

async function judgeNames(project, out, immutable, row, t) {
  const paths = published(out);
  const hashed = paths.filter(project.isHashed);
  const missed = hashed.filter((path) => !immutable.has(path));
  const mistaken = paths.filter((path) => immutable.has(path) && !project.isHashed(path));
  row.files = paths.length;
  row.hashed = hashed.length;
  row.immutable = hashed.length - missed.length;
  row.mistaken = mistaken.length;
  await t.test("hashed files are immutable", () => {
    if (missed.length > hashed.length * (1 - RECOGNISED_MIN))
      noneOf(missed, `of ${hashed.length} hashed files are not immutable`);
  });
  await t.test("no other file is immutable", () => noneOf(mistaken, "files are immutable"));
}

async function loadPages(project, site, row, t) {
  for (const page of project.pages) {
    await t.test(`Chromium loads ${page}`, async () => {
      const { text, requests, wrong } = await browser.load(
        `http://${site}.localhost:${worker.port}${page}`,
      );
      row.requests += requests;
      noneOf(wrong, "errors");
      assert.match(text, /first edition/, `the page rendered:\n${text.slice(0, 500)}`);
    });
  }
}

/** Requests every hashed file of the previous deployment. */
async function askForOld(project, site, [first, second], addresses, row, t) {
  const wrong = [];
  const mutable = [];
  const isUnstable = project.isUnstable ?? (() => false);
  const hashed = published(first).filter((path) => project.isHashed(path) && !isUnstable(path));
  await each(hashed, async (file) => {
    const bytes = readFileSync(join(first, file));
    const answer = await worker.get(site, addresses.get(file), {
      headers: { "accept-encoding": "identity" },
    });
    if (answer.status !== 200) return wrong.push(`${file}: ${answer.status}`);
    if (!answer.body.equals(bytes)) return wrong.push(`${file}: other bytes`);
    row.old += 1;
    if (!isImmutable(answer)) mutable.push(file);
  });
  row.gone = hashed.filter((file) => !existsSync(join(second, file))).length;
  await t.test("hashed files of the previous build are still served", () =>
    noneOf(wrong, `of ${hashed.length} old hashed files are missing`),
  );
  await t.test("hashed files of the previous build are immutable", () => {
    if (mutable.length > hashed.length * (1 - RECOGNISED_MIN))
      noneOf(mutable, `of ${hashed.length} old hashed files are not immutable`);
  });
}

for (const project of PROJECTS.filter(isChosen)) {
  test(project.name, async (t) => {
    const site = project.name;
    const row = { project, bytes: 0, requests: 0, old: 0, versions: [] };
    const outs = [];
    for (const edition of EDITIONS) {
      say(`${site}: building the ${edition} edition`);
      outs.push(await build(project, edition));
    }
    row.versions = versions(project);
    rows.push(row);
    await t.test("two builds agree with the rule for hashed names", async () =>
      noneOf(await contradictions(project, outs), "contradictions"),
    );
    say(`${site}: publishing the first edition`);
    const report = await publish(worker, site, outs[0]);
    for (const warning of report.warnings) t.diagnostic(JSON.stringify(warning));
    const { addresses, immutable } = await compare(site, outs[0], row, t);
    await judgeNames(project, outs[0], immutable, row, t);
    say(`${site}: following every link`);
    const pages = published(outs[0]).filter((path) => path.endsWith(".html"));
    const crawled = await crawl(worker, site, ["/", ...pages.map((page) => addresses.get(page))]);
    row.links = crawled.links;
    row.redirected = crawled.redirected;
    await t.test("no link is broken", () => noneOf(crawled.broken, "broken links"));
    say(`${site}: loading pages in Chromium`);
    await loadPages(project, site, row, t);
    say(`${site}: publishing the second edition`);
    await publish(worker, site, outs[1]);
    const again = await compare(site, outs[1], { bytes: 0 }, t);
    if (project.isUnstable) {
      const changed = [...again.immutable].filter(project.isUnstable);
      await t.test("a file that changed under its hashed name is no longer immutable", () =>
        noneOf(changed, "files are immutable"),
      );
    }
    await askForOld(project, site, outs, addresses, row, t);
    writeFileSync(join(BUILD, "frameworks/table.md"), markdown(rows));
  });
}

test("at least one project was chosen", () => {
  assert.ok(PROJECTS.some(isChosen), `no such project: ${only.join(", ")}`);
});

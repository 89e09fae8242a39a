// `make bench-media`: compares the media worker with sharp over the corpus, in one process.
//
//   node bench/media/run.mjs [--rounds=N] [--save] [--built] [CASE ...]
//
// Each round runs both engines on each image, so that a slow phase of the machine affects both.
// Ratios are computed within a round; the tables show medians over rounds, then over images.
//
//   --save    write bench/media/results.json
//   --built   skip the build
//   CASE      only cases whose name contains this

import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { ROOT, main, node, run, say } from "../../scripts/lib.mjs";
import { median } from "../measure.mjs";
import { CASES, COLD_MS_MAX, QUALITY } from "./cases.mjs";
import { corpus } from "./corpus.mjs";
import { media, sharpRender } from "./engines.mjs";
import { judge } from "./quality.mjs";
import { tables } from "./report.mjs";

/** Sizes of the renditions of the rest of the corpus. */
const REST = { width: 400, format: "png", quality: null };
const COLD_RUNS = 5;
/** Statuses of RenderError that a broken source may get. */
const REFUSALS = [413, 415, 422];

const args = process.argv.slice(2);
const has = (flag) => args.includes(flag);
const rounds = Number(args.find((arg) => arg.startsWith("--rounds="))?.slice(9) ?? 5);
const only = args.filter((arg) => !arg.startsWith("--"));

/** Milliseconds of CPU time that `work` takes in this process, and its result. */
async function cpu(work) {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return [(user + system) / 1000, result];
}

async function compare(engine, source, asked) {
  const ours = () => cpu(() => engine.render(source, asked));
  const sharps = () => cpu(() => sharpRender(source, asked));
  const [, first] = await ours();
  if (first.status !== 200) return { refused: first.status };
  const [, other] = await sharps();
  const pairs = [];
  for (let round = 0; round < rounds; round += 1) {
    // In turn, so that neither always runs after the other.
    const [one, two] = round % 2 ? [sharps, ours] : [ours, sharps];
    const [[a], [b]] = [await one(), await two()];
    pairs.push(round % 2 ? [b, a] : [a, b]);
  }
  return {
    cpu_ms: median(pairs.map(([mine]) => mine)),
    sharp_cpu_ms: median(pairs.map(([, its]) => its)),
    cpu: median(pairs.map(([mine, its]) => mine / its)),
    timing: first.timing,
    rendition: first.bytes,
    other,
  };
}

/** Compares the files of both engines. Each is judged in the light in which it resizes. */
async function quality({ rendition, other }, score) {
  const [ssim, sharp_ssim] = [await score(rendition, "linear"), await score(other, "gamma")];
  return {
    bytes: rendition.length,
    sharp_bytes: other.length,
    ssim,
    sharp_ssim,
    bytes_ratio: rendition.length / other.length,
    ssim_loss: sharp_ssim - ssim,
  };
}

async function memoryOf(source, asked) {
  const engine = await media();
  await engine.render(source, asked);
  return engine.memory();
}

async function runCase(engine, images, { name, kind, width, format, at_most }) {
  const asked = { width, format, quality: QUALITY[format] };
  const rows = [];
  for (const image of images.filter((image) => image.kind === kind)) {
    const source = readFileSync(image.path);
    const { rendition, other, ...measured } = await compare(engine, source, asked);
    const row = { image: image.name, ...measured };
    if (!measured.refused) {
      const score = await judge(source);
      Object.assign(row, await quality({ rendition, other }, score));
    }
    rows.push(row);
  }
  for (const row of rows.filter((row) => !row.refused)) {
    const { path } = images.find((image) => image.name === row.image);
    row.memory_mib = await memoryOf(readFileSync(path), asked);
  }
  say(name);
  return { name, at_most, ...summary(rows, at_most), images: rows };
}

function summary(rows, at_most) {
  const done = rows.filter((row) => !row.refused);
  const of = (key) => (done.length > 0 ? median(done.map((row) => row[key])) : null);
  const medians = {
    cpu_ms: of("cpu_ms"),
    sharp_cpu_ms: of("sharp_cpu_ms"),
    cpu: of("cpu"),
    bytes: of("bytes_ratio"),
    ssim: of("ssim"),
    sharp_ssim: of("sharp_ssim"),
    ssim_loss: of("ssim_loss"),
    memory_mib: of("memory_mib"),
  };
  const missed = Object.keys(at_most).filter((key) => !(medians[key] <= at_most[key]));
  return { medians, missed };
}

/** Renders the rest of the corpus: each image as sharp sees it, or a refusal. */
async function runRest(engine, images) {
  const measured = new Set(CASES.map(({ kind }) => kind));
  const rows = [];
  for (const image of images.filter(({ kind }) => !measured.has(kind))) {
    const source = readFileSync(image.path);
    const [cpu_ms, { status, bytes }] = await cpu(() => engine.render(source, REST));
    const row = { image: image.name, kind: image.kind, status, cpu_ms };
    if (status === 200) row.ssim = await (await judge(source))(bytes, "linear").catch(() => null);
    row.holds = status === 200 || (image.kind === "broken" && REFUSALS.includes(status));
    rows.push(row);
  }
  return rows;
}

async function runCold(images) {
  const { path } = images.find(({ name }) => name === "dandelion-12mp.jpg");
  const runs = [];
  for (let i = 0; i < COLD_RUNS; i += 1) {
    const { text } = await run(node(), [join(ROOT, "bench/media/cold.mjs"), path]);
    runs.push(JSON.parse(text));
  }
  const of = (pick) => median(runs.map(pick));
  const compile_ms = Object.fromEntries(
    Object.keys(runs[0].compile_ms).map((name) => [name, of((run) => run.compile_ms[name])]),
  );
  const renditions_ms = runs[0].renditions_ms.map((_, i) => of((run) => run.renditions_ms[i]));
  const first_ms = of((run) => run.load_ms + run.renditions_ms[0]);
  return { compile_ms, first_ms, renditions_ms, at_most: COLD_MS_MAX };
}

main(async () => {
  if (!has("--built")) {
    const { build } = await import("../../scripts/build.mjs");
    await build();
  }
  const images = await corpus();
  const engine = await media();
  const cases = [];
  for (const one of CASES) {
    if (only.length > 0 && !only.some((part) => one.name.includes(part))) continue;
    cases.push(await runCase(engine, images, one));
  }
  const all = only.length === 0;
  const results = {
    machine: { processor: cpus()[0]?.model ?? "unknown", node: process.version },
    sharp: sharp.versions,
    rounds,
    cases,
    rest: all ? await runRest(engine, images) : [],
    cold: all ? await runCold(images) : null,
  };
  console.log(tables(results));
  if (!has("--save")) return;
  const rounded = (_, value) => (Number.isInteger(value) ? value : Number(value.toFixed(4)));
  const replacer = (key, value) => (typeof value === "number" ? rounded(key, value) : value);
  const text = `${JSON.stringify(results, replacer, 2)}\n`;
  writeFileSync(join(ROOT, "bench/media/results.json"), text);
  say("saved to bench/media/results.json");
});

// Builds the worker into build/worker and the command line into target/release/selvedge. Steps
// whose inputs did not change are skipped; what does not depend on each other runs side by side.
// `--worker` builds the worker alone: wrangler.toml has it as the build command.

import { budget } from "./budget.mjs";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { BUILD, CLI, ROOT, TOOLS, WASM_TARGET, WORKER } from "./lib.mjs";
import { Explained, main, newest, node, run, say, step } from "./lib.mjs";
import { npmPackages, rustTarget, wasmBindgen } from "./setup.mjs";

/** What rustc turns on for this target; wasm-opt must neither refuse it nor add to it. */
const WASM_FEATURES = [
  "bulk-memory",
  "bulk-memory-opt",
  "call-indirect-overlong",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "reference-types",
  "sign-ext",
];

const MODULE = join(ROOT, "target", WASM_TARGET, "release/selvedge.wasm");

/** Runs cargo; says so only when it compiles something. */
async function cargo(name, args) {
  const since = Date.now();
  const timer = setTimeout(() => say(`${name} ...`), 1500);
  try {
    await run("cargo", ["build", "--quiet", ...args]);
  } finally {
    clearTimeout(timer);
  }
  if (Date.now() - since > 1500) say(`${name}: ${((Date.now() - since) / 1000).toFixed(1)} s`);
}

async function compileWorker() {
  await cargo("cargo build: the worker", ["--release", "--lib", "--target", WASM_TARGET]);
}

async function compileCli() {
  await cargo("cargo build: the command line", ["--profile", "cli", "--bin", "selvedge"]);
  const built = join(ROOT, "target/cli/selvedge");
  if (newest(CLI) >= newest(built)) return;
  mkdirSync(join(ROOT, "target/release"), { recursive: true });
  // Renamed into place: the old one may be running.
  copyFileSync(built, `${CLI}.new`);
  renameSync(`${CLI}.new`, CLI);
}

/**
 * Puts the modules that the generated code imports beside it, under one flat name each.
 * wasm-bindgen leaves them in `snippets/<hash>`, and the entry module must import the very same
 * glue.js. The wasm goes on to know what it imports directly by the longer name.
 */
function flattenSnippets(out) {
  const file = join(out, "selvedge.js");
  const code = readFileSync(file, "utf8");
  const flat = code.replace(/from (["'])\.\/(snippets\/[^"']*\.js)\1/g, (_, quote, path) => {
    const name = path.includes("/src/edge/") ? basename(path) : path.replaceAll("/", "-");
    copyFileSync(join(out, path), join(out, name));
    return `from ${quote}./${name}${quote}`;
  });
  writeFileSync(file, flat);
  rmSync(join(out, "snippets"), { recursive: true, force: true });
}

async function bindWorker() {
  const edge = join(ROOT, "src/edge");
  const inputs = [
    MODULE,
    join(edge, "entry.mjs"),
    join(edge, "glue.js"),
    join(ROOT, "scripts/build.mjs"),
  ];
  if (newest(join(WORKER, "index.mjs")) > Math.max(...inputs.map(newest))) return;
  if (!existsSync(MODULE)) throw new Explained(`cargo left no ${MODULE}`);
  const out = join(BUILD, "worker.new");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  await step("wasm-bindgen", () =>
    run(join(TOOLS, "bin/wasm-bindgen"), [
      "--target",
      "web",
      "--no-typescript",
      "--omit-default-module-path",
      "--experimental-reset-state-function",
      "--out-dir",
      out,
      "--out-name",
      "selvedge",
      MODULE,
    ]),
  );
  flattenSnippets(out);
  await step("wasm-opt -O3", () => optimise(join(out, "selvedge_bg.wasm")));
  copyFileSync(join(edge, "entry.mjs"), join(out, "index.mjs"));
  await minify(out);
  moveInto(out, WORKER);
  const parts = readdirSync(WORKER).map((name) => readFileSync(join(WORKER, name)));
  const zipped = gzipSync(Buffer.concat(parts), { level: 9 }).length;
  say(`the worker is ${(zipped / 1024).toFixed(0)} KiB compressed`);
}

/** Takes white space, comments and local names out of the modules; what they export stays. */
async function minify(out) {
  const { transformSync } = await import("esbuild");
  for (const name of readdirSync(out).filter((name) => /\.m?js$/.test(name))) {
    const { code } = transformSync(readFileSync(join(out, name), "utf8"), {
      format: "esm",
      minify: true,
      target: "es2022",
    });
    writeFileSync(join(out, name), code);
  }
}

/**
 * Nothing is inlined that rustc did not inline: the fewer locals a function has, the more its code
 * repeats that of others, and the better it compresses, by 5 %.
 */
async function optimise(file) {
  const features = WASM_FEATURES.map((name) => `--enable-${name}`);
  const tool = join(ROOT, "node_modules/binaryen/bin/wasm-opt");
  await run(node(), [tool, "--no-inline=*", "-O3", ...features, file, "-o", `${file}.opt`]);
  renameSync(`${file}.opt`, file);
}

/** File by file, the entry module last: a running `wrangler dev` watches the folder. */
function moveInto(from, to) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(to)) {
    if (!existsSync(join(from, name))) rmSync(join(to, name), { recursive: true });
  }
  const names = readdirSync(from).sort((a, b) => (a === "index.mjs") - (b === "index.mjs"));
  for (const name of names) renameSync(join(from, name), join(to, name));
  rmSync(from, { recursive: true, force: true });
}

/** Starts what every build needs: the Rust target, and a promise of the built worker. */
function start() {
  const packages = npmPackages();
  // Before any cargo: rustup may have to bring the toolchain itself, and one of it at a time.
  const toolchain = rustTarget();
  const tools = Promise.all([packages, toolchain.then(wasmBindgen)]);
  const worker = Promise.all([tools, toolchain.then(compileWorker)]).then(bindWorker);
  return { toolchain, worker };
}

/** Builds everything; the tools that are missing are brought meanwhile. */
export async function build() {
  const { toolchain, worker } = start();
  await Promise.all([worker, toolchain.then(compileCli)]);
  await budget();
}

if (import.meta.main ?? process.argv[1].endsWith("build.mjs")) {
  main(process.argv.includes("--worker") ? () => start().worker : build);
}

// Builds the worker into build/worker and the command line into target/release/selvedge. Steps
// whose inputs did not change are skipped, and independent steps run in parallel. `--worker` builds
// the worker alone: wrangler.toml has it as the build command.

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
import { budget, sizes } from "./budget.mjs";
import { BUILD, CLI, ROOT, TOOLS, WASM_TARGET, WORKER } from "./lib.mjs";
import { Explained, main, newest, node, run, say, step } from "./lib.mjs";
import { npmPackages, rustTarget, wasmBindgen } from "./setup.mjs";

/** Features that rustc enables for this target. wasm-opt must accept these and use no others. */
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

/** Runs cargo; prints its time only if it compiles something. */
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

function compileWorker() {
  return cargo("cargo build: the worker", ["--release", "--lib", "--target", WASM_TARGET]);
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
 * Moves the modules that the generated code imports from `snippets/<hash>` beside it, so that the
 * entry module imports the same glue.js. The wasm itself still refers to them by the longer names.
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
  say(`the worker is ${(sizes().gzip_bytes / 1024).toFixed(0)} KiB compressed`);
}

/** Removes white space and comments from the modules, and shortens local names. */
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
 * Optimises the wasm in place. Nothing is inlined: functions with few locals resemble each other,
 * so the result compresses 5 % better.
 */
async function optimise(file) {
  const features = WASM_FEATURES.map((name) => `--enable-${name}`);
  const tool = join(ROOT, "node_modules/binaryen/bin/wasm-opt");
  await run(node(), [tool, "--no-inline=*", "-O3", ...features, file, "-o", `${file}.opt`]);
  renameSync(`${file}.opt`, file);
}

/** Moves each file, the entry module last, because a running `wrangler dev` watches the folder. */
function moveInto(from, to) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(to)) {
    if (!existsSync(join(from, name))) rmSync(join(to, name), { recursive: true });
  }
  const names = readdirSync(from).sort((a, b) => (a === "index.mjs") - (b === "index.mjs"));
  for (const name of names) renameSync(join(from, name), join(to, name));
  rmSync(from, { recursive: true, force: true });
}

/** Starts to build the worker; returns promises of the Rust toolchain and of the worker. */
function start() {
  const packages = npmPackages();
  // Before any cargo, because rustup may have to install the toolchain, and can do so only once.
  const toolchain = rustTarget();
  const tools = Promise.all([packages, toolchain.then(wasmBindgen)]);
  const worker = Promise.all([tools, toolchain.then(compileWorker)]).then(bindWorker);
  return { toolchain, worker };
}

/** Builds everything, and installs missing tools meanwhile. */
export async function build() {
  const { toolchain, worker } = start();
  await Promise.all([worker, toolchain.then(compileCli)]);
  await budget();
}

if (import.meta.main ?? process.argv[1].endsWith("build.mjs")) {
  main(process.argv.includes("--worker") ? () => start().worker : build);
}

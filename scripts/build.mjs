// Builds the two workers into build/worker and build/media, and the command line into
// target/release/selvedge. Steps whose inputs did not change are skipped, and independent steps run
// in parallel. `--worker` and `--media` build one worker alone: the build commands of wrangler.toml
// and media/wrangler.toml.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { budget, sizes } from "./budget.mjs";
import { CLI, MEDIA, ROOT, TOOLS, WASM_TARGET, WORKER } from "./lib.mjs";
import { Explained, filesOf, main, newest, node, run, say, step } from "./lib.mjs";
import { MEDIA_FLAGS, drawing } from "./drawing_module.mjs";
import { encoders } from "./media_modules.mjs";
import { npmPackages, rustTarget, wasmBindgen } from "./setup.mjs";

/**
 * The workers. `flags` are added to those of .cargo/config.toml, `optimisations` are wasm-opt's, and
 * `modules` resolves to the paths and files that are copied.
 */
const MAIN = {
  title: "the worker",
  crate: "selvedge",
  profile: "release",
  edge: join(ROOT, "src/edge"),
  out: WORKER,
  flags: [],
  // Nothing is inlined: functions with few locals resemble each other, so the result compresses 5 %
  // better.
  optimisations: ["--no-inline=*", "-O3"],
  modules: async () => [],
};
const RENDERER = {
  title: "the media worker",
  crate: "selvedge-media",
  profile: "media",
  edge: join(ROOT, "media/src/edge"),
  out: MEDIA,
  // The decoder of JPEG calls generic functions for every coefficient, without a hint to inline
  // them: this saves 7 % of a rendition, and costs 52 KiB compressed.
  flags: [...MEDIA_FLAGS, "-Cllvm-args=-inline-threshold=600"],
  // Nothing: -O3 after rustc's takes half a minute and saves no time.
  optimisations: null,
  modules: async () => [...encoders(), await drawing()],
};

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

/** Runs a cargo command; prints its time only if it compiles something. */
async function cargo(name, args) {
  const since = Date.now();
  const timer = setTimeout(() => say(`${name} ...`), 1500);
  try {
    await run("cargo", [...args, "--quiet"]);
  } finally {
    clearTimeout(timer);
  }
  if (Date.now() - since > 1500) say(`${name}: ${((Date.now() - since) / 1000).toFixed(1)} s`);
}

/** Returns the name of a worker's library, and of the files that are made of it. */
const libraryOf = ({ crate }) => crate.replace("-", "_");

const moduleOf = (worker) =>
  join(ROOT, "target", WASM_TARGET, worker.profile, `${libraryOf(worker)}.wasm`);

/**
 * Compiles a worker. Cargo adds `flags` to those of its configuration file. With the other type of
 * the library, an `rlib`, it would skip the link-time optimisation without a word.
 */
function compile({ title, crate, profile, flags }) {
  const config = `target.${WASM_TARGET}.rustflags=${JSON.stringify(flags)}`;
  const args = ["rustc", "--lib", "--crate-type", "cdylib", "--package", crate];
  const how = ["--profile", profile, "--target", WASM_TARGET, "--config", config];
  return cargo(`cargo build: ${title}`, [...args, ...how]);
}

async function compileCli() {
  await cargo("cargo build: the command line", ["build", "--profile", "cli", "--bin", "selvedge"]);
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
function flattenSnippets(file, out) {
  const code = readFileSync(file, "utf8");
  const flat = code.replace(/from (["'])\.\/(snippets\/[^"']*\.js)\1/g, (_, quote, path) => {
    const name = path.includes("/src/edge/") ? basename(path) : path.replaceAll("/", "-");
    copyFileSync(join(out, path), join(out, name));
    return `from ${quote}./${name}${quote}`;
  });
  writeFileSync(file, flat);
  rmSync(join(out, "snippets"), { recursive: true, force: true });
}

/** Returns the JavaScript in the folder of a rim: each path in the build, and the file. */
function ownModules(edge) {
  const paths = filesOf(edge).filter((path) => /\.m?js$/.test(path));
  return paths.map((path) => [path === "entry.mjs" ? "index.mjs" : path, join(edge, path)]);
}

/** Makes the modules of a worker from its compiled library and its JavaScript. */
async function bind(worker) {
  const { title, edge, out } = worker;
  const module = moduleOf(worker);
  if (!existsSync(module)) throw new Explained(`cargo left no ${module}`);
  const others = await worker.modules();
  const inputs = [module, edge, join(ROOT, "scripts/build.mjs"), ...others.map(([, from]) => from)];
  if (newest(join(out, "index.mjs")) > Math.max(...inputs.map(newest))) return;
  const made = `${out}.new`;
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { recursive: true });
  await step(`wasm-bindgen: ${title}`, () =>
    run(join(TOOLS, "bin/wasm-bindgen"), [
      "--target",
      "web",
      "--no-typescript",
      "--remove-name-section",
      "--omit-default-module-path",
      "--experimental-reset-state-function",
      "--out-dir",
      made,
      "--out-name",
      libraryOf(worker),
      module,
    ]),
  );
  flattenSnippets(join(made, `${libraryOf(worker)}.js`), made);
  if (worker.optimisations) await step(`wasm-opt: ${title}`, () => optimise(worker, made));
  for (const [path, from] of [...ownModules(edge), ...others]) {
    mkdirSync(dirname(join(made, path)), { recursive: true });
    copyFileSync(from, join(made, path));
  }
  await minify(made);
  moveInto(made, out);
  say(`${title} is ${(sizes(out).gzip_bytes / 1024).toFixed(0)} KiB compressed`);
}

/** Removes white space and comments from the modules, and shortens local names. */
async function minify(out) {
  const { transformSync } = await import("esbuild");
  for (const name of filesOf(out).filter((path) => /\.m?js$/.test(path))) {
    const { code } = transformSync(readFileSync(join(out, name), "utf8"), {
      format: "esm",
      minify: true,
      target: "es2022",
    });
    writeFileSync(join(out, name), code);
  }
}

/** Optimises a worker's wasm in place. */
async function optimise(worker, out) {
  const file = join(out, `${libraryOf(worker)}_bg.wasm`);
  const features = WASM_FEATURES.map((name) => `--enable-${name}`);
  const tool = join(ROOT, "node_modules/binaryen/bin/wasm-opt");
  await run(node(), [tool, ...worker.optimisations, ...features, file, "-o", `${file}.opt`]);
  renameSync(`${file}.opt`, file);
}

/** Moves each file, the entry module last, because a running `wrangler dev` watches the folder. */
function moveInto(from, to) {
  mkdirSync(to, { recursive: true });
  for (const path of filesOf(to)) {
    if (!existsSync(join(from, path))) rmSync(join(to, path));
  }
  const paths = filesOf(from).sort((a, b) => (a === "index.mjs") - (b === "index.mjs"));
  for (const path of paths) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    renameSync(join(from, path), join(to, path));
  }
  rmSync(from, { recursive: true, force: true });
}

/** Starts to build workers; returns promises of the Rust toolchain and of the workers. */
function start(...workers) {
  const packages = npmPackages();
  // Before any cargo, because rustup may have to install the toolchain, and can do so only once.
  const toolchain = rustTarget();
  const tools = Promise.all([packages, toolchain.then(wasmBindgen)]);
  const built = workers.map(async (worker) => {
    await Promise.all([tools, toolchain.then(() => compile(worker))]);
    await bind(worker);
  });
  return { toolchain, built: Promise.all(built) };
}

/** Builds everything, and installs missing tools meanwhile. */
export async function build() {
  const { toolchain, built } = start(MAIN, RENDERER);
  await Promise.all([built, toolchain.then(compileCli)]);
  await budget();
}

const WORKERS = { "--worker": MAIN, "--media": RENDERER };

if (import.meta.main ?? process.argv[1].endsWith("build.mjs")) {
  const one = WORKERS[process.argv[2]];
  main(one ? () => start(one).built : build);
}

// Brings the tools that are missing: the wasm32 target, the npm packages, wasm-bindgen. Each is
// looked at first, so that a second run costs nothing.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, TOOLS, WASM_TARGET, Explained, main, onPath, run, step } from "./lib.mjs";

/** Adds the wasm32 target to the toolchain that rust-toolchain.toml names. */
export async function rustTarget() {
  if (!onPath("cargo")) {
    throw new Explained("there is no cargo on PATH; install Rust from https://rustup.rs");
  }
  const { text } = await run("rustc", ["--print", "sysroot"]);
  const sysroot = text.trim().split("\n").at(-1);
  if (existsSync(join(sysroot, "lib/rustlib", WASM_TARGET, "lib"))) return;
  if (!onPath("rustup")) {
    throw new Explained(`the toolchain at ${sysroot} lacks ${WASM_TARGET}, and there is no rustup`);
  }
  await step(`rustup target add ${WASM_TARGET}`, () =>
    run("rustup", ["target", "add", WASM_TARGET]),
  );
}

/** Installs the npm packages that package-lock.json pins. */
export async function npmPackages() {
  const stamp = join(ROOT, "node_modules/.selvedge-stamp");
  // By content: a checkout gives old files new times.
  const lock = createHash("sha256")
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  await step("npm ci", async () => {
    // `ci` insists on every platform's packages, which a partial registry does not have; `install`
    // brings the same pinned versions without them.
    const clean = await run("npm", ["ci", ...quiet], { check: false });
    if (clean.code !== 0) await run("npm", ["install", "--no-save", ...quiet]);
  });
  if (!existsSync(join(ROOT, "node_modules/node/bin/node"))) {
    // A policy against install scripts keeps `node` from fetching its binary package.
    await step("npm rebuild", () => run("npm", ["rebuild", "node", "workerd", "esbuild"]));
  }
  writeFileSync(stamp, lock);
}

/** The version of `name` in Cargo.lock. */
function lockedVersion(name) {
  const lock = readFileSync(join(ROOT, "Cargo.lock"), "utf8");
  const found = lock.match(new RegExp(`name = "${name}"\nversion = "([^"]+)"`));
  if (!found) throw new Explained(`Cargo.lock names no ${name}`);
  return found[1];
}

/**
 * Compiles the wasm-bindgen command and its test runner, at the version of the crate. Unoptimised:
 * it halves the wait, and the command takes a second either way. Its own lock file names a
 * withdrawn crate, hence no `--locked`.
 */
export async function wasmBindgen() {
  const version = lockedVersion("wasm-bindgen");
  const stamp = join(TOOLS, `wasm-bindgen-${version}.stamp`);
  if (existsSync(stamp) && existsSync(join(TOOLS, "bin/wasm-bindgen"))) return;
  mkdirSync(TOOLS, { recursive: true });
  const target = join(TOOLS, "target");
  const args = ["install", "wasm-bindgen-cli", "--version", version, "--root", TOOLS, "--force"];
  const env = { CARGO_TARGET_DIR: target, CARGO_PROFILE_DEV_DEBUG: "0" };
  await step(`cargo install wasm-bindgen-cli ${version}`, () =>
    run("cargo", [...args, "--debug", "--quiet"], { env }),
  );
  rmSync(target, { recursive: true, force: true });
  writeFileSync(stamp, "");
}

export async function setup() {
  await Promise.all([npmPackages(), rustTarget().then(wasmBindgen)]);
}

if (import.meta.main ?? process.argv[1].endsWith("setup.mjs")) main(setup);
